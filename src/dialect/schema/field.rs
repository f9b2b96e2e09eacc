//! One field of a vendor's contact: its name, what it may hold, where a Card keeps it, how it is shown.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::{Map, Number, Value, json};

use super::record::Record;
use crate::dialect::fields::Text;
use crate::dialect::json::{member, whole};
use crate::dialect::parts::{Part, show};
use crate::domain::Contact;

/// The field that stands for a body as a whole in a violation.
pub const BODY: &str = "body";

/// One field of a vendor's object.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Field {
    /// Its name in the vendor's JSON.
    pub name: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// The place in a Card that keeps it.
    pub place: Place,
    /// The requests that must have it.
    pub required: Required,
    /// Whether null takes its value away, in a schema that else refuses null.
    pub null_clears: bool,
    /// The way in which an answer shows it.
    pub shown: Shown,
    /// Whether, and how, an event shows it to those who may not see the contact.
    pub non_sensitive: NonSensitive,
}

/// The requests that must have a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Required {
    /// It may be left out.
    Never,
    /// A whole contact must have it; a change may leave it out.
    InWhole,
    /// A whole contact and a change must have it.
    Always,
}

/// What a request's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A whole contact, to be created or put in the place of one.
    Whole,
    /// A change, in which what is left out stays as it is.
    Patch,
}

/// What a field may hold.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A text that follows this rule.
    Text(Text),
    /// The values `true` and `false`.
    Flag,
    /// An id that has several spellings.
    Id(&'static IdForm),
    /// A number of a code list, which requests and answers wrap in an object: `{"id": 7}`.
    Code(&'static Codes),
    /// A list of texts. One that is empty is none.
    Texts {
        /// The rule of each.
        rule: Text,
        /// The most texts that there may be.
        max: Option<u32>,
        /// Whether a text that was there before is left out.
        distinct: bool,
        /// Whether one text in the list's stead is a list of one.
        or_one: bool,
    },
    /// An object of whatever members. One that is empty is none.
    Object,
    /// A list of objects of whatever members, of which a request may have the JSON as a text. One
    /// that is empty is none.
    Objects,
    /// A list of objects that have a table of their own.
    Items(&'static Items),
    /// Nothing that a request sets: the server makes it for answers.
    ReadOnly,
}

/// The spellings of an id.
#[derive(Debug)]
pub struct IdForm {
    /// The rule of the texts that are such ids, in any spelling.
    pub rule: Text,
    /// The one spelling of an id, or none if the text is no id.
    pub canonical: fn(&str) -> Option<String>,
    /// The JSON Schemas of an id that is sent, and of one that is shown.
    pub schemas: fn() -> (Value, Value),
}

/// A code list of numbers.
#[derive(Debug)]
pub struct Codes {
    /// Numbers with their names.
    pub names: &'static [(u64, &'static str)],
    /// Whether any other number from 1 may be sent too.
    pub open: bool,
    /// The member in which an answer shows a number's name.
    pub label: &'static str,
}

/// The objects of a list.
#[derive(Debug)]
pub struct Items {
    /// The name of their JSON Schema.
    pub schema: &'static str,
    /// The fields of each item.
    pub fields: &'static [Field],
    /// The most items that there may be.
    pub max: u32,
    /// The field that is an item's id, of which no two items have the same.
    pub id: &'static str,
    /// The field that a bare text in an object's stead is.
    pub bare: Option<&'static str>,
    /// Whether an object with nothing but an id stands for one that is known elsewhere, so that
    /// nothing is required of it.
    pub by_reference: bool,
    /// What an answer adds to each item of a contact, but not to the items of an item.
    pub added: &'static [Part<Contact>],
}

/// The places of a Card (RFC 9553) that can keep a field.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// At the end of a path of members: `["emails", "email", "address"]`.
    At(&'static [&'static str]),
    /// In the number of the phone of this key, which has this feature (section 2.3.3).
    Phone(&'static str, &'static str),
    /// In the `components` of the object at the end of a path (sections 2.2.1.2 and 2.5.1.2).
    Component {
        /// The path of the object.
        of: &'static [&'static str],
        /// The `kind` of the component.
        kind: &'static str,
        /// Whether the table has the components in the order in which they are written.
        ordered: bool,
    },
    /// In a property of the vendor's own, which has the field's name (section 1.8.1).
    Own,
    /// In a property of the vendor's own, which has this name.
    OwnAs(&'static str),
    /// A place that a pair of functions writes and reads.
    Custom(&'static Custom),
    /// Nowhere: it is no part of a contact's content.
    Nowhere,
}

/// What no other place can say.
#[derive(Debug)]
pub struct Custom {
    /// The Card's property that mostly holds the value.
    pub property: &'static str,
    /// Puts a value into the Card's properties.
    pub write: fn(&Value, &mut Map<String, Value>),
    /// Finds the value in the Card's properties.
    pub read: fn(&Map<String, Value>) -> Option<Value>,
}

/// The ways in which an answer shows a field.
#[derive(Clone, Copy, Debug)]
pub enum Shown {
    /// Under its own name.
    Plain,
    /// The field is shown under another name, by which a request may have it as well.
    As(&'static str),
    /// Under its own name, as a function makes it.
    Made(Made),
    /// The field is not shown at all.
    Never,
    /// Not at all, and no request sets it: other code of the dialect does.
    Internal,
}

/// A member of an answer that is made of more than one field, or of none.
#[derive(Clone, Copy, Debug)]
pub struct Made {
    /// The JSON Schema of the value.
    pub schema: fn() -> Value,
    /// Whether it is always there. If not, null leaves it out.
    pub always: bool,
    /// Its value, of the contact and the values of its fields.
    pub value: fn(&Contact, &Record<'_>) -> Value,
}

/// The contact's id as the vendor spells it, for an answer.
#[must_use]
pub fn vendor_id(contact: &Contact, _: &Record<'_>) -> Value {
    contact.vendor_id.as_str().into()
}

/// The time of the contact's first version, for an answer.
#[must_use]
pub fn created_at(contact: &Contact, _: &Record<'_>) -> Value {
    contact.created_at.to_string().into()
}

/// The time of the contact's last version, for an answer.
#[must_use]
pub fn modified_at(contact: &Contact, _: &Record<'_>) -> Value {
    contact.modified_at.to_string().into()
}

/// Whether, and how, an event shows a field to those who may not see the contact.
#[derive(Clone, Copy, Debug)]
pub enum NonSensitive {
    /// It does not: the field is personal data.
    No,
    /// As a request has it.
    Plain,
    /// Under this name, as a function makes it of the contact's values.
    Made(&'static str, fn(&Record<'_>) -> Value),
}

impl Place {
    /// A component of this kind, of a name or an address whose components have no order.
    pub const fn component(of: &'static [&'static str], kind: &'static str) -> Self {
        Self::Component {
            of,
            kind,
            ordered: false,
        }
    }
}

impl Field {
    /// A field that may be left out and is shown under its own name.
    pub const fn new(name: &'static str, kind: Kind, place: Place) -> Self {
        Self {
            name,
            kind,
            place,
            required: Required::Never,
            null_clears: false,
            shown: Shown::Plain,
            non_sensitive: NonSensitive::No,
        }
    }

    /// A text that may be left out.
    pub const fn text(name: &'static str, rule: Text, place: Place) -> Self {
        Self::new(name, Kind::Text(rule), place)
    }

    /// A member that is the server's to assign: what a request says is judged, and not kept.
    pub const fn judged(name: &'static str, kind: Kind) -> Self {
        Self::new(name, kind, Place::Nowhere).shown(Shown::Never)
    }

    /// A member that every answer has and no request sets.
    pub const fn read_only(
        name: &'static str,
        schema: fn() -> Value,
        value: fn(&Contact, &Record<'_>) -> Value,
    ) -> Self {
        Self::new(name, Kind::ReadOnly, Place::Nowhere).made(schema, true, value)
    }

    /// This field, which an answer shows as a function makes it.
    pub const fn made(
        self,
        schema: fn() -> Value,
        always: bool,
        value: fn(&Contact, &Record<'_>) -> Value,
    ) -> Self {
        self.shown(Shown::Made(Made {
            schema,
            always,
            value,
        }))
    }

    /// This field, which a request must have.
    pub const fn required(mut self, required: Required) -> Self {
        self.required = required;
        self
    }

    /// This field, whose value is removed by null.
    pub const fn null_clears(mut self) -> Self {
        self.null_clears = true;
        self
    }

    /// This field, shown in another way.
    pub const fn shown(mut self, shown: Shown) -> Self {
        self.shown = shown;
        self
    }

    /// This field, which is no personal data.
    pub const fn non_sensitive(mut self, non_sensitive: NonSensitive) -> Self {
        self.non_sensitive = non_sensitive;
        self
    }

    /// Whether a request of this mode must have it.
    #[must_use]
    pub fn is_required(&self, mode: Mode) -> bool {
        self.required == Required::Always
            || (self.required == Required::InWhole && mode == Mode::Whole)
    }

    /// Whether a request can have it.
    #[must_use]
    pub const fn is_sent(&self) -> bool {
        !matches!(self.kind, Kind::ReadOnly) && !matches!(self.shown, Shown::Internal)
    }

    /// Whether it is a part of a contact's content.
    #[must_use]
    pub const fn is_content(&self) -> bool {
        !matches!(self.place, Place::Nowhere)
    }
}

impl Kind {
    /// A list of at most so many texts of a rule.
    pub const fn texts(rule: Text, max: u32) -> Self {
        Self::Texts {
            rule,
            max: Some(max),
            distinct: false,
            or_one: false,
        }
    }

    /// The value that a Card holds for a field of this kind, if it is of the kind and not empty.
    #[must_use]
    pub fn stored<'a>(&self, value: Cow<'a, Value>) -> Option<Cow<'a, Value>> {
        let owned = |value: Value| Some(Cow::Owned(value));
        let fits = match (self, &*value) {
            (Self::Text(rule), Value::String(text)) => !(rule.empty_is_none && text.is_empty()),
            (Self::Flag, Value::Bool(_)) => true,
            (Self::Code(codes), Value::Number(number)) => {
                return owned(codes.known(number)?.into());
            }
            (Self::Object, Value::Object(members)) => !members.is_empty(),
            (Self::Id(form), Value::String(text)) => {
                return owned((form.canonical)(text)?.into());
            }
            (Self::Texts { distinct, .. }, Value::Array(items)) => {
                let mut seen = HashSet::new();
                return owned(only(items, |it| {
                    it.is_string() && (!distinct || seen.insert(it))
                })?);
            }
            (Self::Objects, Value::Array(items)) => {
                return owned(only(items, |it| it.is_object())?);
            }
            (Self::Items(table), Value::Array(items)) => {
                let mut items: Vec<Value> = items.iter().map(|item| table.stored(item)).collect();
                // What differed only in what is not kept is one item.
                if items.len() > 1 {
                    let mut seen = HashSet::new();
                    items.retain(|item| seen.insert(item.clone()));
                }
                return owned(items.into());
            }
            _ => false,
        };
        fits.then_some(value)
    }
}

/// The items of a list that pass a test; none where there are none.
fn only<'a>(items: &'a [Value], mut test: impl FnMut(&'a Value) -> bool) -> Option<Value> {
    let items: Vec<Value> = items.iter().filter(|item| test(item)).cloned().collect();
    (!items.is_empty()).then(|| items.into())
}

impl Items {
    /// The items of a contact as an answer shows them.
    pub fn show(&self, mut items: Value, contact: &Contact) -> Value {
        for item in items.as_array_mut().into_iter().flatten() {
            if let (Value::Object(item), Value::Object(added)) = (item, show(self.added, contact)) {
                item.extend(added);
            }
        }
        items
    }

    /// What an object of a Card holds for the fields of an item.
    fn stored(&self, item: &Value) -> Value {
        let kept = self.fields.iter().filter(|field| field.is_content());
        let item = item.as_object();
        let members = kept.filter_map(|field| {
            let value = member(item?, field.name)?;
            Some((field.name, field.kind.stored(Cow::Borrowed(value))?))
        });
        members.collect::<Record<'_>>().into()
    }
}

impl Codes {
    /// A number of the list, if it may be sent, however it is written: `7.0` is 7.
    #[must_use]
    pub fn known(&self, number: &Number) -> Option<u64> {
        let number = number
            .as_u64()
            .or_else(|| u64::try_from(whole(number)?).ok())?;
        let known = (self.open && number > 0) || self.name(number).is_some();
        known.then_some(number)
    }

    /// The name of a number, where the list has it.
    fn name(&self, number: u64) -> Option<&'static str> {
        let (_, name) = self.names.iter().find(|(known, _)| *known == number)?;
        Some(name)
    }

    /// A number as an answer shows it: with its name, where that is known.
    #[must_use]
    pub fn show(&self, number: u64) -> Value {
        match self.name(number) {
            Some(name) => json!({"id": number, self.label: name}),
            None => json!({"id": number}),
        }
    }
}
