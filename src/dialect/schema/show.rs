//! Shows fields: in an answer, and in an event to those who may not see the contact.

use serde_json::{Map, Value, json};

use super::field::{Field, Kind, NonSensitive, Shown};
use super::record::Record;
use crate::domain::Contact;

/// How an answer shows a field that a contact has no value for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// It is left out.
    Omitted,
    /// It is null; a list is empty.
    Null,
    /// It is an empty text, list or object.
    Empty,
}

/// The members of an answer that shows a contact with these values.
pub fn answer<'a>(
    fields: impl Iterator<Item = &'a Field>,
    absent: Absent,
    contact: &Contact,
    record: &Record,
) -> Record {
    let members = fields.filter_map(|field| {
        let (name, value) = match field.shown {
            Shown::Plain => (field.name, plain(field, absent, record)?),
            Shown::As(name) => (name, plain(field, absent, record)?),
            Shown::Made(made) => {
                let value = Some((made.value)(contact, record));
                let there = value.filter(|value| made.always || !value.is_null());
                (field.name, there?)
            }
            Shown::Never | Shown::Internal => return None,
        };
        Some((name, value))
    });
    members.collect()
}

fn plain(field: &Field, absent: Absent, record: &Record) -> Option<Value> {
    match (record.get(field.name), field.kind) {
        (Some(number), Kind::Code(codes)) => Some(codes.show(number.as_u64()?)),
        (Some(value), _) => Some(value.clone()),
        (None, kind) => none(kind, absent),
    }
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

/// What an event shows of a contact with these values to those who may not see it.
pub fn non_sensitive<'a>(
    fields: impl Iterator<Item = &'a Field>,
    record: &Record,
) -> Map<String, Value> {
    let members = fields.filter_map(|field| {
        let (name, value) = match field.non_sensitive {
            NonSensitive::No => return None,
            NonSensitive::Plain => {
                let value = record.get(field.name).cloned();
                let none = matches!(field.kind, Kind::Texts { .. }).then(|| json!([]));
                (field.name, value.or(none)?)
            }
            NonSensitive::Made(name, value) => (name, value(record)),
        };
        let value = match field.kind {
            Kind::Code(_) => json!({ "id": value }),
            _ => value,
        };
        Some((name.to_owned(), value))
    });
    members.collect()
}
