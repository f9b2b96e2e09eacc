//! Shows fields: in an answer, and in an event to those who may not see the contact.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::field::{Field, Kind, NonSensitive, Shown};
use super::record::Record;
use crate::domain::Contact;

/// The ways in which an answer shows a field without a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// It is left out.
    Omitted,
    /// It is null; a list is empty.
    Null,
    /// It is an empty text, list or object.
    Empty,
}

/// What an answer shows of a contact with these values for a field, under which name.
pub fn answer<'a>(
    field: &Field,
    absent: Absent,
    contact: &Contact,
    values: &Record<'a>,
) -> Option<(&'static str, Cow<'a, Value>)> {
    let name = match field.shown {
        Shown::Plain => field.name,
        Shown::As(name) => name,
        Shown::Made(made) => {
            let value = (made.value)(contact, values);
            let there = made.always || !value.is_null();
            return there.then_some((field.name, Cow::Owned(value)));
        }
        Shown::Never | Shown::Internal => return None,
    };
    let value = match (values.lent(field.name), field.kind) {
        (Some(number), Kind::Code(codes)) => Cow::Owned(codes.show(number.as_u64()?)),
        (Some(value), Kind::Items(items)) => Cow::Owned(items.show(value.into_owned(), contact)),
        (Some(value), _) => value,
        (None, kind) => Cow::Owned(none(kind, absent)?),
    };
    Some((name, value))
}

/// What stands for a value that is not there.
fn none(kind: Kind, absent: Absent) -> Option<Value> {
    match (absent, kind) {
        (Absent::Omitted, _) => None,
        (_, Kind::Texts { .. } | Kind::Objects | Kind::Items(_)) => Some(json!([])),
        (Absent::Empty, Kind::Text(_) | Kind::Id(_)) => Some("".into()),
        (Absent::Empty, Kind::Object) => Some(json!({})),
        (Absent::Empty | Absent::Null, _) => Some(Value::Null),
    }
}

/// What an event shows of a contact with these values for a field to those who may not see it.
pub fn non_sensitive(field: &Field, values: &Record<'_>) -> Option<(String, Value)> {
    let (name, value) = match (field.non_sensitive, field.kind) {
        (NonSensitive::No, _) => return None,
        (NonSensitive::Made(name, value), _) => (name, value(values)),
        (NonSensitive::Plain, Kind::Code(_)) => {
            (field.name, json!({"id": values.get(field.name)?}))
        }
        (NonSensitive::Plain, Kind::Texts { .. }) => {
            let texts = values.get(field.name).cloned();
            (field.name, texts.unwrap_or_else(|| json!([])))
        }
        (NonSensitive::Plain, _) => (field.name, values.get(field.name)?.clone()),
    };
    Some((name.to_owned(), value))
}
