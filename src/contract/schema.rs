//! JSON Schemas as documents hold them: named, and with references that lead to their place.

use serde_json::{Value, json};

/// The dialect of JSON Schema that every schema of the contracts is written in.
pub const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Schemas with their names as members of a JSON object.
pub fn named(schemas: Vec<(&str, Value)>) -> impl Iterator<Item = (String, Value)> {
    schemas
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
}

/// A schema of `owner` whose references lead to `#/components/schemas/<owner>.<Name>`.
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

/// A reference to the schema `#/components/schemas/<owner>.<name>`.
pub fn component(owner: &str, name: &str) -> Value {
    json!({ "$ref": place(owner, name) })
}

fn place(owner: &str, name: &str) -> String {
    format!("#/components/schemas/{owner}.{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_follow_their_schemas() {
        let schema = json!({"anyOf": [{"$ref": "#/$defs/A"}], "x": {"$ref": "#/$defs/B"}});
        let want = json!({
            "anyOf": [{"$ref": "#/components/schemas/kare.A"}],
            "x": {"$ref": "#/components/schemas/kare.B"},
        });
        assert_eq!(moved(schema, "kare"), want);
    }
}
