//! The two ways by which nothing is lost between vCard and Card: JSPROP, a piece of a Card that
//! no property holds (RFC 9555, section 3.2.1), and the Card's `vCard/properties`, properties
//! that no member of a Card holds (section 2.15.1), in the form of jCard (RFC 7095).

use serde_json::{Map, Value, json};

use super::property::{Param, Property, escape};
use crate::dialect::json as strict;
use crate::dialect::pointer::{escaped, unescaped};
use crate::domain::limits;

/// Puts what a JSPROP holds in its place in a Card. `false` where that is no place. A `null` takes
/// away what other properties put there; where there is nothing, it is a member's value.
pub fn apply(card: &mut Value, property: &Property) -> bool {
    let Some(pointer) = property.param("JSPTR") else {
        return false;
    };
    let Ok(value) = strict::parse(property.text().as_bytes()) else {
        return false;
    };
    let path = path(pointer);
    // What comes in by the API is no deeper, and what is would be too deep to walk through.
    path.len() <= limits::JSON_DEPTH_MAX && set(card, &path, value)
}

/// The names on the way that a pointer describes (RFC 6901, without the slash at its beginning).
pub fn path(pointer: &str) -> Vec<String> {
    pointer.split('/').map(unescaped).collect()
}

fn set(at: &mut Value, path: &[String], value: Value) -> bool {
    let Some((name, rest)) = path.split_first() else {
        *at = value;
        return true;
    };
    match at {
        Value::Object(members) => {
            if rest.is_empty() && value.is_null() && members.shift_remove(name).is_some() {
                return true;
            }
            set(
                members.entry(name).or_insert_with(|| json!({})),
                rest,
                value,
            )
        }
        Value::Array(items) => {
            let item = name
                .parse()
                .ok()
                .and_then(|index: usize| items.get_mut(index));
            item.is_some_and(|item| set(item, rest, value))
        }
        _ => false,
    }
}

/// A JSPROP for a piece of a Card.
pub fn of_value(path: &[String], value: &Value) -> Property {
    let pointer: Vec<String> = path.iter().map(|name| escaped(name)).collect();
    let mut property = Property::of_text("JSPROP", &value.to_string());
    property.add_param("JSPTR", pointer.join("/"));
    property
}

/// The differences of two values, as paths into the first, each with what is there: `null` where
/// the first has nothing.
pub fn differences(
    want: &Value,
    got: &Value,
    path: &mut Vec<String>,
    found: &mut Vec<(Vec<String>, Value)>,
) {
    match (want, got) {
        (Value::Object(want), Value::Object(got)) => {
            for (name, value) in want {
                path.push(name.clone());
                match got.get(name) {
                    Some(there) => differences(value, there, path, found),
                    None => found.push((path.clone(), value.clone())),
                }
                path.pop();
            }
            for name in got.keys().filter(|name| !want.contains_key(*name)) {
                path.push(name.clone());
                found.push((path.clone(), Value::Null));
                path.pop();
            }
        }
        (Value::Array(want), Value::Array(got)) if want.len() == got.len() => {
            for (index, (value, there)) in want.iter().zip(got).enumerate() {
                path.push(index.to_string());
                differences(value, there, path, found);
                path.pop();
            }
        }
        (want, got) if want == got => {}
        (want, _) => found.push((path.clone(), want.clone())),
    }
}

/// A property in the form of jCard: name, parameters, type and value. The type is `unknown` and
/// the value raw, but where VALUE says that it is a text.
pub fn to_jcard(property: &Property) -> Value {
    let mut property = property.clone();
    if property.is_base64 {
        property.add_param("ENCODING", "b");
    }
    let kind = property.take_param("VALUE").into_iter().next();
    let kind = kind.map_or_else(|| "unknown".to_owned(), |kind| kind.to_lowercase());
    let mut params = Map::new();
    if let Some(group) = &property.group {
        params.insert("group".into(), group.clone().into());
    }
    for Param { name, values } in &property.params {
        let name = name.to_lowercase();
        let value = match (values.as_slice(), params.remove(&name)) {
            ([one], None) => one.clone().into(),
            (more, None) => more.into(),
            (more, Some(Value::Array(mut all))) => {
                all.extend(more.iter().cloned().map(Value::from));
                Value::Array(all)
            }
            (more, Some(one)) => {
                let mut all = vec![one];
                all.extend(more.iter().cloned().map(Value::from));
                Value::Array(all)
            }
        };
        params.insert(name, value);
    }
    let value = if kind == "text" {
        property.text()
    } else {
        property.value
    };
    json!([property.name.to_lowercase(), params, kind, value])
}

/// The property that one in the form of jCard is; `None` for one of which a line would say
/// something else.
pub fn of_jcard(jcard: &Value) -> Option<Property> {
    let [name, params, kind, values @ ..] = jcard.as_array()?.as_slice() else {
        return None;
    };
    let mut property = Property {
        name: property_name(name.as_str()?)?,
        ..Property::default()
    };
    let params = params.as_object()?;
    if !params.iter().all(is_sayable) {
        return None;
    }
    add_params(&mut property, params);
    let kind = kind.as_str()?;
    if kind != "unknown" {
        property.add_param("VALUE", kind);
    }
    let written = |value: &Value| match (kind, value) {
        (_, Value::Array(parts)) => {
            let parts: Vec<String> = parts.iter().map(|part| escape(&plain(part))).collect();
            parts.join(";")
        }
        ("text", value) => escape(&plain(value)),
        (_, value) => plain(value),
    };
    let values: Vec<String> = values.iter().map(written).collect();
    property.value = values.join(",");
    Some(property)
}

/// A name as a line can begin with it, in upper case. Of anything else a client could make a line of
/// its own, the end of the vCard, or a piece of the Card.
pub fn property_name(name: &str) -> Option<String> {
    let upper = name.to_ascii_uppercase();
    let starts = upper.starts_with(|c: char| c.is_ascii_uppercase());
    let is_ours = ["BEGIN", "END", "VERSION", "JSPROP"].contains(&upper.as_str());
    (starts && is_token(name) && !is_ours).then_some(upper)
}

/// Whether a text is one of letters, digits and dashes (RFC 6350, section 3.3), or of the underscores
/// that programs write beside them.
fn is_token(text: &str) -> bool {
    let is_good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    !text.is_empty() && text.chars().all(is_good)
}

/// Whether a parameter, or the group, can be said in a line.
fn is_sayable((name, value): (&String, &Value)) -> bool {
    is_token(name) && (name != "group" || is_token(&plain(value)))
}

/// Adds the parameters of a property in the form of jCard (RFC 7095, section 3.3), and its group, as
/// far as a line can say them.
pub fn add_params(property: &mut Property, params: &Map<String, Value>) {
    for (name, value) in params.iter().filter(|param| is_sayable(*param)) {
        if name == "group" {
            property.group = Some(plain(value));
            continue;
        }
        let name = name.to_uppercase();
        match value {
            Value::Array(values) => {
                for value in values {
                    property.add_param(&name, plain(value));
                }
            }
            value => property.add_param(&name, plain(value)),
        }
    }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_what_a_jsprop_for_each_mends() {
        for (want, got) in [
            (
                json!({"a": {"b": 1, "c/d": [1, {"e~": 2}]}}),
                json!({"a": {"b": 1, "c/d": [1, {"e~": 3}]}}),
            ),
            (json!({"a": 1}), json!({"a": 1, "b": 2})),
            (json!({"x.y:z": {"b": [1]}}), json!({})),
            (json!({"a": [1, 2]}), json!({"a": [1]})),
            (json!({"x.y:z": null, "a": {"b": null}}), json!({"a": {}})),
        ] {
            let mut found = Vec::new();
            differences(&want, &got, &mut Vec::new(), &mut found);
            let mut mended = got;
            for (path, value) in found {
                assert!(apply(&mut mended, &of_value(&path, &value)), "{path:?}");
            }
            assert_eq!(mended, want);
        }
    }

    #[test]
    fn a_pointer_that_no_card_is_deep_enough_for_is_no_place() {
        for (depth, is_place) in [
            (limits::JSON_DEPTH_MAX, true),
            (limits::JSON_DEPTH_MAX + 1, false),
            (100_000, false),
        ] {
            let mut property = Property::of_text("JSPROP", "1");
            property.add_param("JSPTR", vec!["a"; depth].join("/"));
            assert_eq!(apply(&mut json!({}), &property), is_place, "{depth}");
        }
    }

    #[test]
    fn a_property_is_the_same_after_jcard() {
        let mut property = Property::of_text("X-FOO", "a, b");
        property.group = Some("item1".into());
        property.add_param("X-BAR", "one");
        property.add_param("X-BAR", "two");
        assert_eq!(
            to_jcard(&property),
            json!(["x-foo", {"group": "item1", "x-bar": ["one", "two"]}, "unknown", "a\\, b"])
        );
        assert_eq!(of_jcard(&to_jcard(&property)), Some(property.clone()));
        property.add_param("VALUE", "text");
        let jcard = to_jcard(&property);
        assert_eq!(jcard[3], "a, b");
        assert_eq!(of_jcard(&jcard), Some(property));
    }
}
