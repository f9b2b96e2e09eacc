//! Puts fields into the properties of a Card (RFC 9553), and finds them there again.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::field::{Field, Place};
use crate::dialect::json::member;

/// The properties of RFC 9553 in its order. A Card has them so, with the vendor's own behind them.
const PROPERTIES: [&str; 7] = [
    "name",
    "organizations",
    "emails",
    "phones",
    "addresses",
    "media",
    "notes",
];

/// Puts the values that `value` has for fields into an object: a Card's properties, or an address
/// of a Card.
pub fn write<'a>(
    fields: &[Field],
    domain: &str,
    value: impl Fn(&str) -> Option<&'a Value>,
    object: &mut Map<String, Value>,
) {
    let mut there: Vec<(&Field, &Value)> = fields
        .iter()
        .filter_map(|field| Some((field, value(field.name)?)))
        .collect();
    there.sort_by_key(|(field, _)| rank(field));
    for (field, value) in there {
        put(field, domain, value, object);
    }
}

fn rank(field: &Field) -> Option<usize> {
    let property = match field.place {
        Place::At(path) | Place::Component { of: path, .. } => *path.first()?,
        Place::Phone(..) => "phones",
        Place::Custom(custom) => custom.property,
        Place::Own | Place::OwnAs(_) | Place::Nowhere => return Some(PROPERTIES.len()),
    };
    PROPERTIES.iter().position(|name| *name == property)
}

/// Finds the value of a field in an object, if it is of the field's kind.
pub fn read<'a>(
    field: &Field,
    domain: &str,
    object: &'a Map<String, Value>,
) -> Option<Cow<'a, Value>> {
    let found = match field.place {
        Place::At(path) => at(object, path)?,
        Place::Phone(key, _) => at(object, &["phones", key, "number"])?,
        Place::Component { of, kind, .. } => component(object, of, kind)?,
        Place::Own => own_value(object, domain, field.name)?,
        Place::OwnAs(name) => own_value(object, domain, name)?,
        Place::Custom(custom) => return field.kind.stored(Cow::Owned((custom.read)(object)?)),
        Place::Nowhere => return None,
    };
    field.kind.stored(Cow::Borrowed(found))
}

/// The value of the component of this kind, of the object at the end of a path.
fn component<'a>(object: &'a Map<String, Value>, of: &[&str], kind: &str) -> Option<&'a Value> {
    let parts = match of {
        [] => member(object, "components")?,
        path => inner(at(object, path)?, "components")?,
    };
    let mut parts = parts.as_array()?.iter();
    let part = parts.find(|part| inner(part, "kind").is_some_and(|own| own == kind))?;
    inner(part, "value")
}

/// The property of the vendor's own that has this name.
fn own_value<'a>(object: &'a Map<String, Value>, domain: &str, name: &str) -> Option<&'a Value> {
    let is_it = |key: &str| {
        let key = key
            .strip_prefix(domain)
            .and_then(|key| key.strip_prefix(':'));
        key == Some(name)
    };
    let (_, value) = object.iter().find(|(key, _)| is_it(key))?;
    Some(value)
}

fn put(field: &Field, domain: &str, value: &Value, object: &mut Map<String, Value>) {
    let set = |object: &mut Map<String, Value>, name: &str| {
        object.insert(name.to_owned(), value.clone());
    };
    match field.place {
        Place::At([path @ .., last]) => {
            within(object, path, |inner| set(inner, last));
        }
        Place::Phone(key, feature) => within(object, &["phones", key], |phone| {
            set(phone, "number");
            phone.insert("features".into(), json!({feature: true}));
        }),
        Place::Component { of, kind, ordered } => within(object, of, |holder| {
            let parts = holder.entry("components").or_insert_with(|| json!([]));
            if let Some(parts) = parts.as_array_mut() {
                parts.push(json!({"kind": kind, "value": value}));
            }
            if ordered {
                holder.insert("isOrdered".into(), true.into());
            }
        }),
        Place::Own => set(object, &own(domain, field.name)),
        Place::OwnAs(name) => set(object, &own(domain, name)),
        Place::Custom(custom) => (custom.write)(value, object),
        Place::At([]) | Place::Nowhere => {}
    }
}

/// The name of a property of the vendor's own.
fn own(domain: &str, name: &str) -> String {
    format!("{domain}:{name}")
}

/// What stands in an object at the end of a path of members.
pub fn at<'a>(object: &'a Map<String, Value>, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter()
        .try_fold(member(object, first)?, |value, name| inner(value, name))
}

/// The member of this name of a value, if it is an object and has one.
fn inner<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    member(value.as_object()?, name)
}

/// Changes the object at the end of a path of members, each of which is made where it is missing.
fn within(
    mut object: &mut Map<String, Value>,
    path: &[&str],
    change: impl FnOnce(&mut Map<String, Value>),
) {
    for name in path {
        let member = object.entry(*name).or_insert_with(|| json!({}));
        let Value::Object(member) = member else {
            return;
        };
        object = member;
    }
    change(object);
}
