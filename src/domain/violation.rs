//! What is wrong with a field that was sent.

use serde_json::Value;

/// One thing wrong with one field.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// The field's path, dotted, array items by number: `contact.firstName`, `0.email`.
    pub field: String,
    /// What is wrong.
    pub problem: Problem,
    /// What was sent, for dialects that echo it. It is never recorded.
    pub value: Option<Value>,
}

/// The kinds of wrong, with what a message needs to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Not there, or null where null is not absent.
    Required,
    /// Another JSON type than the field's.
    WrongType(Expected),
    /// Longer than this many characters.
    TooLong(u32),
    /// Shorter than this many characters, or only white space.
    Blank,
    /// More items than this.
    TooMany(u32),
    /// Not of the field's format (e-mail, date, id).
    Format(&'static str),
    /// A number outside the field's range, or a text outside its list.
    OutOfRange,
    /// It names something that does not exist.
    UnknownReference,
    /// It may not be given, here or together with what else was sent.
    NotAllowed,
    /// Given twice where each must be unique.
    Duplicate,
}

/// The JSON type a field wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A string.
    String,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// An object.
    Object,
    /// An array.
    Array,
}

impl Problem {
    /// The code that is recorded and published for it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::WrongType(_) => "wrong_type",
            Self::TooLong(_) => "too_long",
            Self::Blank => "blank",
            Self::TooMany(_) => "too_many",
            Self::Format(_) => "format",
            Self::OutOfRange => "out_of_range",
            Self::UnknownReference => "unknown_reference",
            Self::NotAllowed => "not_allowed",
            Self::Duplicate => "duplicate",
        }
    }
}

impl Expected {
    /// Its name in JSON's own words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Object => "object",
            Self::Array => "array",
        }
    }
}

impl Violation {
    /// A violation without an echo of what was sent.
    #[must_use]
    pub fn new(field: impl Into<String>, problem: Problem) -> Self {
        Self {
            field: field.into(),
            problem,
            value: None,
        }
    }

    /// The same, echoing what was sent.
    #[must_use]
    pub fn with_value(mut self, value: Value) -> Self {
        self.value = Some(value);
        self
    }
}
