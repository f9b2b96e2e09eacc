//! JSON Schemas as documents hold them: named, and with references that lead to their place.

use serde_json::{Value, json};

use crate::dialect::describe::{or_null, set};

/// The dialect of JSON Schema that every schema of the contracts is written in.
pub const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Schemas with their names as members of a JSON object.
pub fn named(schemas: Vec<(&str, Value)>) -> impl Iterator<Item = (String, Value)> {
    schemas
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
}

/// A schema of `owner` whose references lead to the components of both documents.
pub fn moved(mut schema: Value, owner: &str) -> Value {
    move_references(&mut schema, owner);
    schema
}

fn move_references(schema: &mut Value, owner: &str) {
    match schema {
        Value::Object(members) => {
            for (name, value) in members {
                match value
                    .as_str()
                    .and_then(|text| text.strip_prefix("#/$defs/"))
                {
                    Some(of) if name == "$ref" => *value = place(owner, of).into(),
                    _ => move_references(value, owner),
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                move_references(item, owner);
            }
        }
        _ => {}
    }
}

/// A reference to the component that is this schema of `owner`.
pub fn component(owner: &str, name: &str) -> Value {
    json!({ "$ref": place(owner, name) })
}

fn place(owner: &str, name: &str) -> String {
    format!("#/components/schemas/{}", component_name(owner, name))
}

/// The name of a component: `NativeContact`. It has letters and digits alone, so that every
/// generator of clients makes the same name of it.
pub fn component_name(owner: &str, name: &str) -> String {
    format!("{}{name}", capitalized(owner))
}

/// The words of a name as one, each with a capital letter: `event-types` becomes `EventTypes`.
pub fn capitalized(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let word = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    words.map(word).collect()
}

/// Says of every whole number that 32 bits may not hold that it has 64, as positions of the log
/// do. Generators of typed clients take 32 where nothing is said.
pub fn widen(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.values_mut().for_each(widen);
            let whole = members.get("type").is_some_and(is_integer);
            let small = members.get("maximum").and_then(Value::as_i64);
            let small = small.is_some_and(|most| most <= i64::from(i32::MAX));
            if whole && !small && !members.contains_key("enum") {
                members.insert("format".to_owned(), "int64".into());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(widen),
        _ => {}
    }
}

fn is_integer(kind: &Value) -> bool {
    match kind {
        Value::Array(kinds) => kinds.iter().any(|kind| kind == "integer"),
        kind => kind == "integer",
    }
}

/// Gives every object inside a schema a title out of its place, so that a generator of clients has
/// a name for it: `NativeHistoryDataItem`.
pub fn entitle(schema: &mut Value, name: &str) {
    let Value::Object(members) = schema else {
        return;
    };
    for (keyword, inner) in members {
        match (keyword.as_str(), inner) {
            ("properties", Value::Object(properties)) => {
                for (property, schema) in properties {
                    entitle_one(schema, &format!("{name}{}", capitalized(property)));
                }
            }
            ("items", schema) => entitle_one(schema, &format!("{name}Item")),
            ("additionalProperties", schema) => entitle_one(schema, &format!("{name}Value")),
            ("anyOf" | "oneOf", Value::Array(forms)) => {
                for (form, number) in forms.iter_mut().zip(1..) {
                    entitle_one(form, &format!("{name}Form{number}"));
                }
            }
            _ => {}
        }
    }
}

fn entitle_one(schema: &mut Value, name: &str) {
    entitle(schema, name);
    if schema.get("properties").is_some() {
        set(schema, "title", name);
    }
}

/// Leaves the forms out that are taken but should not be sent. Generators of clients make one type
/// of all forms, which then is none of them.
pub fn leave_deprecated_out(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.values_mut().for_each(leave_deprecated_out);
            if let Some(Value::Array(forms)) = members.get_mut("anyOf") {
                forms.retain(|form| form.get("deprecated").is_none());
            }
            unite(schema);
        }
        Value::Array(items) => items.iter_mut().for_each(leave_deprecated_out),
        _ => {}
    }
}

/// Puts a form in the place of its choice where the choice has no other, or null alone.
fn unite(schema: &mut Value) {
    let forms = schema.get("anyOf").and_then(Value::as_array);
    let (one, or_nothing) = match forms.map(Vec::as_slice) {
        Some([one]) => (one.clone(), false),
        Some([one, null]) if *null == json!({"type": "null"}) => (one.clone(), true),
        _ => return,
    };
    let one = if or_nothing { or_null(one) } else { one };
    if let (Value::Object(members), Value::Object(one)) = (schema, one) {
        members.remove("anyOf");
        members.extend(one);
    }
}

/// Says in words that an object needs one or another of its members. As alternatives of `required`
/// it is right, but generators of clients make types without members of them.
pub fn tell_required_alternatives(schema: &mut Value) {
    let Some(Value::Array(forms)) = schema.get("anyOf") else {
        return;
    };
    let names: Option<Vec<String>> = forms.iter().map(only_required).collect();
    let Some(names) = names else { return };
    let told = format!("This must be there: {}.", names.join(", or "));
    set(schema, "description", told);
    if let Value::Object(members) = schema {
        members.remove("anyOf");
    }
}

/// The members that a schema requires, in words, where it says nothing else.
fn only_required(schema: &Value) -> Option<String> {
    let one = schema.as_object().filter(|members| members.len() == 1)?;
    let names = one.get("required")?.as_array()?.iter();
    let names: Option<Vec<&str>> = names.map(Value::as_str).collect();
    Some(format!("`{}`", names?.join("` and `")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::describe::or_also;

    #[test]
    fn references_follow_their_schemas() {
        let schema = json!({"anyOf": [{"$ref": "#/$defs/A"}], "x": {"$ref": "#/$defs/B"}});
        let want = json!({
            "anyOf": [{"$ref": "#/components/schemas/KareA"}],
            "x": {"$ref": "#/components/schemas/KareB"},
        });
        assert_eq!(moved(schema, "kare"), want);
    }

    #[test]
    fn every_object_has_a_name_of_its_own() {
        let object = || json!({"properties": {"at": {"type": "string"}}});
        let mut schema = json!({
            "properties": {"one-two": object(), "many": {"items": object()}},
            "anyOf": [{"type": "null"}, object()],
        });
        entitle(&mut schema, "Kare");
        let title = |pointer| schema.pointer(pointer).and_then(Value::as_str);
        assert_eq!(title("/properties/one-two/title"), Some("KareOneTwo"));
        assert_eq!(title("/properties/many/items/title"), Some("KareManyItem"));
        assert_eq!(title("/anyOf/1/title"), Some("KareForm2"));
        assert_eq!(title("/anyOf/0/title"), None, "it is no object");
    }

    #[test]
    fn a_number_that_may_be_large_has_64_bits() {
        let mut schema = json!({"items": {"type": ["integer", "null"]}});
        widen(&mut schema);
        let wide = json!({"items": {"type": ["integer", "null"], "format": "int64"}});
        assert_eq!(schema, wide);
        let small = json!({"type": "integer", "maximum": 1000});
        let mut same = small.clone();
        widen(&mut same);
        assert_eq!(same, small);
    }

    #[test]
    fn what_should_not_be_sent_is_left_out() {
        let check = |mut schema: Value, want: Value| {
            leave_deprecated_out(&mut schema);
            assert_eq!(schema, want);
        };
        let text = || json!({"type": "string"});
        let list = json!({"type": "array"});
        check(or_also(list.clone(), text()), list);
        let nullable = json!({"type": ["array", "null"]});
        let taken = or_null(or_also(json!({"type": "array"}), text()));
        check(json!({ "items": taken }), json!({ "items": nullable }));
        let choice = json!({"anyOf": [{"type": "integer"}, {"type": "string"}]});
        check(choice.clone(), choice);
    }

    #[test]
    fn alternatives_of_required_members_are_told_in_words() {
        let mut schema = json!({"anyOf": [{"required": ["full"]}, {"required": ["components"]}]});
        tell_required_alternatives(&mut schema);
        let told = "This must be there: `full`, or `components`.";
        assert_eq!(schema, json!({ "description": told }));
        let other = json!({"anyOf": [{"required": ["a"]}, {"type": "null"}]});
        let mut same = other.clone();
        tell_required_alternatives(&mut same);
        assert_eq!(same, other);
    }
}
