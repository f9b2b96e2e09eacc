//! What is wrong with a field that was sent.

use serde_json::Value;

use super::{FieldName, limits};

/// The code of an item that is too large.
const TOO_LARGE: &str = "too_large";
/// The field of a violation that is about no field alone.
const NO_FIELD: &str = "*";

/// One thing that is wrong with one field of a request.
///
/// ```
/// use contactd::domain::{Problem, Violation};
/// use serde_json::json;
///
/// let violation = Violation::new("contact.email", Problem::Format("e-mail"))
///     .with_value(json!("not an address"));
/// assert_eq!(violation.field, "contact.email");
/// assert_eq!(violation.problem.code(), "format");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// The field's path, dotted, array items by number: `contact.firstName`, `0.email`.
    pub field: String,
    /// Its path with the keys that the client chose, where `field` has `*` for one. A key may
    /// be personal data, so this is for the answer only and never recorded.
    pub sent_as: Option<String>,
    /// The rule that the field breaks.
    pub problem: Problem,
    /// The value that was sent, for dialects that echo it. It is never recorded.
    pub value: Option<Box<Value>>,
}

/// The kinds of wrong, each with the facts that a message needs to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The field is not there, or is null where null stands for nothing; it must be of this type.
    Required(Expected),
    /// The value is of another JSON type than this one.
    WrongType(Expected),
    /// The text is longer than this many characters.
    TooLong(u32),
    /// The text is empty or only white space.
    Blank,
    /// The list has more items than this.
    TooMany(u32),
    /// The value is nested deeper than this many levels.
    TooDeep(usize),
    /// The text is not of this format (e-mail, date, id).
    Format(&'static str),
    /// The text is none of these.
    OneOf(&'static [&'static str]),
    /// The number is less than the first or greater than the second.
    Range(u64, u64),
    /// The value is none that the field can have: a day that its month does not have.
    OutOfRange,
    /// The value names something that does not exist.
    UnknownReference,
    /// The field may not be given, here or together with what else was sent.
    NotAllowed,
    /// The field may be given for these alone: `invoice contacts`.
    OnlyFor(&'static str),
    /// Given twice where each must be unique.
    Duplicate,
    /// The item as a whole would make a contact's record larger than this many bytes.
    TooLarge(usize),
}

/// The JSON types that a field can require.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The field takes a JSON string.
    String,
    /// The field takes a JSON number.
    Number,
    /// The field takes `true` or `false`.
    Boolean,
    /// The field takes a JSON object.
    Object,
    /// The field takes a JSON array.
    Array,
}

impl Problem {
    /// The code that is recorded and published for it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Required(_) => "required",
            Self::WrongType(_) => "wrong_type",
            Self::TooLong(_) => "too_long",
            Self::Blank => "blank",
            Self::TooMany(_) => "too_many",
            Self::Format(_) => "format",
            Self::TooDeep(_) | Self::OneOf(_) | Self::Range(..) | Self::OutOfRange => {
                "out_of_range"
            }
            Self::UnknownReference => "unknown_reference",
            Self::NotAllowed | Self::OnlyFor(_) => "not_allowed",
            Self::Duplicate => "duplicate",
            Self::TooLarge(_) => TOO_LARGE,
        }
    }
}

impl Expected {
    /// Whether a value is of this type.
    #[must_use]
    pub const fn fits(self, value: &Value) -> bool {
        matches!(
            (self, value),
            (Self::String, Value::String(_))
                | (Self::Number, Value::Number(_))
                | (Self::Boolean, Value::Bool(_))
                | (Self::Object, Value::Object(_))
                | (Self::Array, Value::Array(_))
        )
    }

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
            sent_as: None,
            problem,
            value: None,
        }
    }

    /// One item of several is too large for the record of a contact.
    #[must_use]
    pub fn too_large() -> Self {
        Self::new(NO_FIELD, Problem::TooLarge(limits::RECORD_BYTES_MAX))
    }

    /// Whether a violation, as it was recorded, is that of an item that is too large.
    #[must_use]
    pub fn is_too_large(recorded: &(FieldName, FieldName)) -> bool {
        recorded.1 == TOO_LARGE
    }

    /// The field's path as the client wrote it.
    #[must_use]
    pub fn path(&self) -> &str {
        self.sent_as.as_ref().unwrap_or(&self.field)
    }

    /// This violation with the value that was sent, for dialects that echo it.
    #[must_use]
    pub fn with_value(mut self, value: Value) -> Self {
        self.value = Some(Box::new(value));
        self
    }
}
