//! Describes fields to machines: the JSON Schemas of requests, answers and events.

use serde_json::{Value, json};

use super::field::{Codes, Field, Items, Kind, Mode, NonSensitive, Required, Shown};
use super::show::Absent;
use crate::dialect::describe::{any_text, flag, list, object, or_null, refer, set, text};
use crate::dialect::fields::Nulls;

/// A member of an object: its name, whether it is always there, and its JSON Schema.
pub type Member = (&'static str, bool, Value);

/// The members of a request.
pub fn request(fields: &'static [Field], nulls: Nulls, mode: Mode) -> Vec<Member> {
    let sent = fields.iter().filter(|field| field.is_sent());
    let members = sent.map(|field| {
        let required = field.is_required(mode);
        let may_be_null = match nulls {
            Nulls::Absent => !required,
            Nulls::Clears => field.required == Required::Never,
            Nulls::Refused => field.null_clears,
        };
        let schema = sent_as(field.kind);
        let schema = if may_be_null { or_null(schema) } else { schema };
        (field.name, required, schema)
    });
    members.collect()
}

/// What a request may hold for a field.
fn sent_as(kind: Kind) -> Value {
    match kind {
        Kind::Text(rule) => text(rule),
        Kind::Flag => flag(),
        Kind::Id(form) => (form.schemas)().0,
        Kind::Code(codes) => object([("id", true, number(codes))]),
        Kind::Texts { item, max, .. } => {
            let mut texts = list(text(item));
            if let Some(max) = max {
                set(&mut texts, "maxItems", max);
            }
            texts
        }
        Kind::Object => any_object(),
        Kind::Objects => list(any_object()),
        // A list, or one object in its stead.
        Kind::Items(items) => {
            let one = refer(items.schema);
            json!({"anyOf": [{"type": "array", "items": one, "uniqueItems": true}, one]})
        }
        Kind::ReadOnly => Value::Bool(false),
    }
}

fn any_object() -> Value {
    json!({"type": "object"})
}

fn number(codes: &Codes) -> Value {
    if codes.open {
        positive()
    } else {
        let numbers = codes.names.iter().map(|(number, _)| *number);
        json!({"type": "integer", "enum": numbers.collect::<Vec<u64>>()})
    }
}

fn positive() -> Value {
    json!({"type": "integer", "minimum": 1})
}

/// An item of a list that is sent: an object, a bare text where the table has one, or a reference
/// by id.
pub fn item(items: &Items, nulls: Nulls) -> Value {
    let mut forms = vec![object(request(items.fields, nulls, Mode::Whole))];
    if items.by_reference {
        let ids = items.fields.iter().filter(|field| field.name == items.id);
        forms.push(object(ids.map(|id| (id.name, true, sent_as(id.kind)))));
    }
    if items.bare.is_some() {
        forms.push(any_text());
    }
    if forms.len() == 1 {
        return forms.remove(0);
    }
    json!({ "anyOf": forms })
}

/// The members of an answer.
pub fn answer<'a>(fields: impl Iterator<Item = &'a Field>, absent: Absent) -> Vec<Member> {
    let members = fields.filter_map(|field| {
        let name = match field.shown {
            Shown::Plain => field.name,
            Shown::As(name) => name,
            Shown::Made(made) => return Some((field.name, made.always, (made.schema)())),
            Shown::Never | Shown::Internal => return None,
        };
        let always = field.required != Required::Never;
        Some(match absent {
            Absent::Omitted => (name, always, shown_as(field.kind)),
            Absent::Null if !(always || is_list(field.kind)) => {
                (name, true, or_null(any_of(field.kind)))
            }
            Absent::Null | Absent::Empty => (name, true, any_of(field.kind)),
        })
    });
    members.collect()
}

const fn is_list(kind: Kind) -> bool {
    matches!(kind, Kind::Texts { .. } | Kind::Objects | Kind::Items(_))
}

/// What an answer may hold for a field that it has.
pub fn shown_as(kind: Kind) -> Value {
    match kind {
        Kind::Text(rule) => text(rule),
        Kind::Id(form) => (form.schemas)().1,
        Kind::Code(codes) => {
            let name = any_text();
            let name = if codes.open { or_null(name) } else { name };
            object([("id", true, positive()), (codes.label, true, name)])
        }
        Kind::Items(items) => list(object(item_members(items))),
        Kind::Flag | Kind::Texts { .. } | Kind::Object | Kind::Objects | Kind::ReadOnly => {
            sent_as(kind)
        }
    }
}

/// The members of an item of a list that is shown: what a reference lacks may be missing.
pub fn item_members(items: &'static Items) -> Vec<Member> {
    let members = answer(items.fields.iter(), Absent::Omitted).into_iter();
    members
        .map(|(name, always, schema)| (name, always && !items.by_reference, schema))
        .collect()
}

/// The same where a text may also stand for none, so that its rule says nothing.
fn any_of(kind: Kind) -> Value {
    match kind {
        Kind::Text(_) => any_text(),
        Kind::Texts { .. } => list(any_text()),
        other => shown_as(other),
    }
}

/// What an event shows to those who may not see the contact.
pub fn non_sensitive<'a>(fields: impl Iterator<Item = &'a Field>) -> Vec<(&'static str, Value)> {
    let members = fields.filter_map(|field| {
        let name = match field.non_sensitive {
            NonSensitive::No => return None,
            NonSensitive::Plain => field.name,
            NonSensitive::Made(name, _) => name,
        };
        let schema = match field.kind {
            Kind::Code(_) => any_object(),
            kind => any_of(kind),
        };
        Some((name, schema))
    });
    members.collect()
}
