//! The contracts that machines read: OpenAPI, AsyncAPI and JSON Schemas.
//!
//! They are made from the code: every dialect's routes and descriptions, our
//! system routes, the refusals as each dialect words them. What is made stands in
//! `schemas/` too, so that a change of it is seen in review and can be read
//! without running anything; `tests/contracts.rs` holds the two together, and
//! what is served is the file, byte for byte.
//!
//! | file | what |
//! | --- | --- |
//! | `system` | our system routes, which no dialect has |
//! | `state` | what the service says of itself |
//! | `openapi` | the paths, `schemas/openapi.json` |
//! | `asyncapi` | the subjects of the message bus, `schemas/asyncapi.json` |
//! | `event` | the `data` of an event, `schemas/event-1.json` |
//! | `endpoint` | a route as both documents treat it |
//! | `refusals` | which refusals a route may give, and how they look |
//!
//! Beside these each dialect has `schemas/<dialect>.json`: its commands, its
//! contacts and its errors.

mod asyncapi;
mod endpoint;
mod event;
mod openapi;
mod refusals;
mod state;
mod system;

pub use system::SystemRoute;

use serde_json::{Map, Value, json};

use crate::dialect::{self, Description};

/// The dialect of JSON Schema that all of them are in.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// A file of `schemas/`, as it was when this program was built.
macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../schemas/", $name)))),*]
    };
}

/// The files of `schemas/`, as they were when this program was built. A new one begins empty.
pub static FILES: &[(&str, &str)] = files![
    "openapi.json",
    "asyncapi.json",
    "event-1.json",
    "native.json",
    "mattr.json",
    "oracle.json",
    "emnify.json",
    "thena.json",
    "kare.json",
];

/// The text of a file of `schemas/`.
#[must_use]
pub fn file(name: &str) -> Option<&'static str> {
    let found = FILES.iter().find(|(known, _)| *known == name)?;
    Some(found.1)
}

/// The contracts as the code has them, each by its file's name.
#[must_use]
pub fn generate() -> Vec<(String, String)> {
    let fixed = [
        ("openapi".to_owned(), openapi::document()),
        ("asyncapi".to_owned(), asyncapi::document()),
        ("event-1".to_owned(), event::document()),
    ];
    let dialects = dialect::ALL.iter().map(|dialect| {
        let name = dialect.rules().name;
        (name.to_owned(), bundle(name, dialect.describe()))
    });
    let texts = fixed.into_iter().chain(dialects);
    texts
        .map(|(name, document)| (format!("{name}.json"), format!("{document:#}\n")))
        .collect()
}

/// A dialect's schemas in one file; each is addressed as `#/$defs/<name>`.
fn bundle(name: &str, description: Description) -> Value {
    json!({
        "$schema": DIALECT,
        "$id": format!("urn:contactd:{name}:1"),
        "title": description.title,
        "$defs": Map::from_iter(named(description.schemas)),
    })
}

fn named(schemas: Vec<(&str, Value)>) -> impl Iterator<Item = (String, Value)> {
    schemas
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
}

/// The schemas of every dialect and our system, as both documents hold them: `<dialect>.<Name>`.
fn components() -> Map<String, Value> {
    let mut all = Map::new();
    let mut add = |owner: &str, schemas: Vec<(&str, Value)>| {
        for (name, schema) in schemas {
            all.insert(format!("{owner}.{name}"), moved(schema, owner));
        }
    };
    add(system::NAME, system::description().schemas);
    for dialect in dialect::ALL {
        add(dialect.rules().name, dialect.describe().schemas);
    }
    // An event's contact is a Card, which our system dialect describes.
    add("native", event::schemas());
    all
}

/// A schema whose references lead to where [`components`] has them.
fn moved(mut schema: Value, owner: &str) -> Value {
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

/// A reference to a schema that [`components`] has.
fn component(owner: &str, name: &str) -> Value {
    json!({ "$ref": place(owner, name) })
}

fn place(owner: &str, name: &str) -> String {
    format!("#/components/schemas/{owner}.{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_made_and_every_made_one_is_a_file() {
        let made: Vec<String> = generate().into_iter().map(|(name, _)| name).collect();
        let mut files: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        files.sort_unstable();
        let mut sorted = made;
        sorted.sort_unstable();
        assert_eq!(sorted, files);
    }

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
