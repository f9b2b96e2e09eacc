//! The words in which the tables of a Card are written: types, shapes, forms, rules.

/// An object type of JSContact.
#[derive(Debug)]
pub struct Type {
    /// The value of its `@type`.
    pub name: &'static str,
    /// Its properties beside `@type`.
    pub properties: &'static [Property],
    /// The properties behind them, which several types have.
    pub shared: &'static [Property],
    /// What must hold between them.
    pub rules: &'static [Rule],
}

impl Type {
    /// Gives the type properties of its own.
    pub const fn has(mut self, properties: &'static [Property]) -> Self {
        self.properties = properties;
        self
    }

    /// Adds shared properties behind the type's own.
    pub const fn with(mut self, shared: &'static [Property]) -> Self {
        self.shared = shared;
        self
    }

    /// Puts the type under rules that its properties alone cannot say.
    pub const fn under(mut self, rules: &'static [Rule]) -> Self {
        self.rules = rules;
        self
    }

    /// All properties beside `@type`, in the order of the RFC.
    pub fn properties(&self) -> impl Iterator<Item = &'static Property> + use<> {
        self.properties.iter().chain(self.shared)
    }
}

/// A property of an object type.
#[derive(Debug)]
pub struct Property {
    /// The name of the parameter.
    pub name: &'static str,
    /// Whether it must be there.
    pub mandatory: bool,
    /// What its value is.
    pub shape: Shape,
}

/// What a value is.
#[derive(Debug)]
pub enum Shape {
    /// A text of this form.
    Text(Form),
    /// A whole number from the first to the second, both allowed.
    Number(u64, u64),
    /// The values `true` and `false`.
    Flag,
    /// `String[Boolean]`: a set of texts, these known, each with the value `true`.
    Set(&'static [&'static str]),
    /// `String[String]`: texts by keys, these known.
    Texts(&'static [&'static str]),
    /// One object, of the first type unless its `@type` names another of these.
    Object(&'static [&'static Type]),
    /// A map from ids to objects, `Id[Type]`.
    Ids(&'static Type),
    /// A map from texts to objects, `String[Type]`.
    Keys(&'static Type),
    /// An array of objects, `Type[]`.
    List(&'static Type),
    /// `String[PatchObject]`, by language tags.
    Localizations,
}

/// What a text looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Any text at all.
    Any,
    /// Any text with something in it.
    NotEmpty,
    /// Our own external id: 1 to 255 characters, not blank.
    ExternalId,
    /// This text and no other.
    Exactly(&'static [&'static str; 1]),
    /// One of these, or another that is not one of these in another case.
    OneOf(&'static [&'static str]),
    /// 1 to 255 of `A-Za-z0-9_-`.
    Id,
    /// An e-mail address (RFC 5322).
    Email,
    /// A URI (RFC 3986).
    Uri,
    /// A `geo:` URI (RFC 5870).
    Geo,
    /// A language tag (RFC 5646).
    Language,
    /// A script subtag (RFC 5646).
    Script,
    /// An ISO 3166-1 alpha-2 code.
    Country,
    /// The name of a time zone.
    TimeZone,
    /// A media type (RFC 6838).
    MediaType,
    /// RFC 3339 in UTC, in the one spelling of RFC 9553.
    UtcDateTime,
    /// A calendar system's name, in lower case.
    CalendarScale,
}

/// What must hold between an object's properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// At least one of these is there.
    AnyOf(&'static [&'static str]),
    /// The list has an item.
    NotEmptyList(&'static str),
    /// The rules of `components` and what goes with them (sections 2.2.1 and 2.5.1).
    Components,
    /// Only a group has members (section 2.1.6).
    MembersOfGroup,
    /// A day of the calendar, or a part of one (section 2.8.1).
    Date,
}
