//! Puts fields into the properties of a Card (RFC 9553), and finds them there again.

use serde_json::{Map, Value, json};

use super::field::{Field, Place};

/// Puts the values that are there into an object: a Card's properties, or an address of a Card.
pub fn write<'a>(
    fields: &[Field],
    domain: &str,
    value_of: impl Fn(&str) -> Option<&'a Value>,
    object: &mut Map<String, Value>,
) {
    let mut fields: Vec<&Field> = fields.iter().collect();
    fields.sort_by_key(|field| field.rank());
    for field in fields {
        if let Some(value) = value_of(field.name) {
            put(field, domain, value, object);
        }
    }
}

/// Finds the value of a field in an object, if it is of the field's kind.
pub fn read(field: &Field, domain: &str, object: &Map<String, Value>) -> Option<Value> {
    let found = match field.place {
        Place::At(path) => at(object, path)?,
        Place::Phone(key, _) => at(object, &["phones", key, "number"])?,
        Place::Component { of, kind, .. } => {
            let holder = match of {
                [] => object,
                of => at(object, of)?.as_object()?,
            };
            let mut parts = holder.get("components")?.as_array()?.iter();
            let is_kind = |part: &&Value| part.get("kind").is_some_and(|own| own == kind);
            parts.find(is_kind)?.get("value")?
        }
        Place::Own => object.get(&own(domain, field.name))?,
        Place::OwnAs(name) => object.get(&own(domain, name))?,
        Place::Custom(custom) => return field.kind.stored(&(custom.read)(object)?),
        Place::Nowhere => return None,
    };
    field.kind.stored(found)
}

/// The name of a property of the vendor's own (section 1.8.1).
fn own(domain: &str, name: &str) -> String {
    format!("{domain}:{name}")
}

/// What stands in an object at the end of a path of members.
pub fn at<'a>(object: &'a Map<String, Value>, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter()
        .try_fold(object.get(*first)?, |value, member| value.get(member))
}

fn put(field: &Field, domain: &str, value: &Value, object: &mut Map<String, Value>) {
    match field.place {
        Place::At(path) => {
            if let Some((last, path)) = path.split_last() {
                within(object, path, |inner| set(inner, last, value.clone()));
            }
        }
        Place::Phone(key, feature) => within(object, &["phones", key], |phone| {
            set(phone, "number", value.clone());
            set(phone, "features", json!({feature: true}));
        }),
        Place::Component { of, kind, ordered } => within(object, of, |holder| {
            let parts = holder.entry("components").or_insert_with(|| json!([]));
            if let Some(parts) = parts.as_array_mut() {
                parts.push(json!({"kind": kind, "value": value}));
            }
            if ordered {
                set(holder, "isOrdered", true.into());
            }
        }),
        Place::Own => set(object, &own(domain, field.name), value.clone()),
        Place::OwnAs(name) => set(object, &own(domain, name), value.clone()),
        Place::Custom(custom) => (custom.write)(value, object),
        Place::Nowhere => {}
    }
}

fn set(object: &mut Map<String, Value>, name: &str, value: Value) {
    object.insert(name.to_owned(), value);
}

/// Changes the object at the end of a path of members, each of which is made where it is missing.
fn within(
    object: &mut Map<String, Value>,
    path: &[&str],
    change: impl FnOnce(&mut Map<String, Value>),
) {
    let mut inner = object;
    for name in path {
        let member = inner.entry(*name).or_insert_with(|| json!({}));
        let Value::Object(member) = member else {
            return;
        };
        inner = member;
    }
    change(inner);
}
