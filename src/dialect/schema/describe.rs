//! Describes fields to machines: the JSON Schemas of requests, answers and events.

use serde_json::{Value, json};

use super::field::{Field, Items, Kind, Mode, NonSensitive, Required, Shown};
use super::show::Absent;
use crate::dialect::describe::{
    any_text, flag, list, object, or_also, or_null, positive, refer, set, text,
};
use crate::dialect::fields::Nulls;

/// A member of an object: its name, whether it is always there, and its JSON Schema.
pub type Member = (&'static str, bool, Value);

/// The member of a request that is a field, if a request can have it.
pub fn request(field: &Field, nulls: Nulls, mode: Mode) -> Option<Member> {
    let required = field.is_required(mode);
    let may_be_null = match nulls {
        Nulls::Absent => !required,
        Nulls::Clears => field.required == Required::Never,
        Nulls::Refused => field.null_clears,
    };
    let schema = sent(field.kind);
    let schema = if may_be_null { or_null(schema) } else { schema };
    field.is_sent().then_some((field.name, required, schema))
}

/// What a request may hold for a field.
fn sent(kind: Kind) -> Value {
    match kind {
        Kind::Text(rule) => text(rule),
        Kind::Flag => flag(),
        Kind::Id(form) => (form.schemas)().0,
        Kind::Code(codes) if codes.open => object([("id", true, positive())]),
        Kind::Code(codes) => {
            let numbers: Vec<u64> = codes.names.iter().map(|(number, _)| *number).collect();
            let number = json!({"type": "integer", "enum": numbers});
            object([("id", true, number)])
        }
        Kind::Texts {
            rule, max, or_one, ..
        } => {
            let mut texts = list(text(rule));
            if let Some(max) = max {
                set(&mut texts, "maxItems", max);
            }
            if or_one {
                texts = or_also(texts, text(rule));
            }
            texts
        }
        Kind::Object => json!({"type": "object"}),
        Kind::Objects => list(json!({"type": "object"})),
        // A list, or one object in its stead.
        Kind::Items(items) => {
            let one = refer(items.schema);
            let many = json!({"type": "array", "items": one, "uniqueItems": true});
            or_also(many, one)
        }
        Kind::ReadOnly => Value::Bool(false),
    }
}

/// The JSON Schema of an item of a list that is sent: an object, a bare text where the table has
/// one, or a reference by id.
pub fn item(items: &Items, nulls: Nulls) -> Value {
    let fields = items.fields.iter();
    let mut one = object(fields.filter_map(|field| request(field, nulls, Mode::Whole)));
    if items.by_reference
        && let Some(members) = one.as_object_mut()
    {
        let whole = members.remove("required").unwrap_or_else(|| json!([]));
        let forms = json!([{"required": whole}, {"required": [items.id]}]);
        members.insert("anyOf".to_owned(), forms);
    }
    match items.bare {
        Some(_) => json!({"anyOf": [one, {"type": "string", "deprecated": true}]}),
        None => one,
    }
}

/// The member of an answer that is a field, if answers show it.
pub fn answer(field: &Field, absent: Absent) -> Option<Member> {
    let name = match field.shown {
        Shown::Plain => field.name,
        Shown::As(name) => name,
        Shown::Made(made) => return Some((field.name, made.always, (made.schema)())),
        Shown::Never | Shown::Internal => return None,
    };
    let always = field.required != Required::Never;
    let is_list = matches!(field.kind, Kind::Texts { .. } | Kind::Objects);
    Some(match absent {
        Absent::Omitted => (name, always, shown(field.kind)),
        Absent::Null if !always && !is_list => (name, true, or_null(loosely(field.kind))),
        Absent::Null | Absent::Empty => (name, true, loosely(field.kind)),
    })
}

/// What an answer holds for a field that has a value.
fn shown(kind: Kind) -> Value {
    match kind {
        Kind::Id(form) => (form.schemas)().1,
        Kind::Code(codes) => {
            let name = any_text();
            object([("id", true, positive()), (codes.label, !codes.open, name)])
        }
        Kind::Items(items) => list(object(item_members(items))),
        other => sent(other),
    }
}

/// What an answer holds for a field that may have none: what stands for none need not be of the
/// rule of a text.
fn loosely(kind: Kind) -> Value {
    match kind {
        Kind::Text(_) => any_text(),
        Kind::Texts { .. } => list(any_text()),
        other => shown(other),
    }
}

/// The members of an item of a list that is shown: what a reference lacks may be missing.
pub fn item_members(items: &'static Items) -> impl Iterator<Item = Member> {
    let members = items
        .fields
        .iter()
        .filter_map(|field| answer(field, Absent::Omitted));
    members.map(|(name, always, schema)| (name, always && !items.by_reference, schema))
}

/// The member of an event that is a field, if those who may not see the contact see it.
pub fn non_sensitive(field: &Field) -> Option<(&'static str, Value)> {
    let name = match field.non_sensitive {
        NonSensitive::No => return None,
        NonSensitive::Plain => field.name,
        NonSensitive::Made(name, _) => name,
    };
    Some(match field.kind {
        Kind::Code(_) => (name, json!({"type": "object"})),
        kind => (name, loosely(kind)),
    })
}
