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
//! | `system`, `bus_routes` | our system routes, which no dialect has |
//! | `state` | what the service says of itself |
//! | `openapi` | the paths, `schemas/openapi.json` |
//! | `asyncapi` | the subjects of the message bus, `schemas/asyncapi.json` |
//! | `bus_headers` | the headers of its messages |
//! | `event` | the `data` of an event, `schemas/event-1.json` |
//! | `examples` | real requests and answers, as they were recorded |
//! | `endpoint` | a route as both documents treat it |
//! | `refusals` | which refusals a route may give, and how they look |
//! | `reused` | the headers, parameters and security schemes of OpenAPI |
//! | `components`, `schema` | the schemas that both documents share, and references to them |
//!
//! Beside these each dialect has `schemas/<dialect>.json`: its commands, its
//! contacts and its errors.

mod asyncapi;
mod bus_headers;
mod bus_routes;
mod components;
mod endpoint;
mod event;
mod examples;
mod openapi;
mod refusals;
mod reused;
mod schema;
mod state;
mod system;

pub use system::SystemRoute;

use serde_json::{Map, Value, json};

use crate::dialect::{self, Description};
use schema::{DIALECT, named};

/// The documents of `schemas/` that are no dialect's, as they were when this program was built.
static DOCUMENTS: [(&str, &str); 3] = [
    ("openapi.json", include_str!("../../schemas/openapi.json")),
    ("asyncapi.json", include_str!("../../schemas/asyncapi.json")),
    ("event-1.json", include_str!("../../schemas/event-1.json")),
];

/// The files of `schemas/` with their texts, as they were when this program was built. A new one
/// begins empty.
pub fn files() -> impl Iterator<Item = (&'static str, &'static str)> {
    DOCUMENTS.iter().chain(dialect::SCHEMA_FILES).copied()
}

/// The text of a file of `schemas/`.
#[must_use]
pub fn file(name: &str) -> Option<&'static str> {
    let (_, text) = files().find(|(known, _)| *known == name)?;
    Some(text)
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
        let name = dialect.rules.name;
        (name.to_owned(), bundle(name, (dialect.describe)()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_made_and_every_made_one_is_a_file() {
        let made: Vec<String> = generate().into_iter().map(|(name, _)| name).collect();
        let mut files: Vec<&str> = files().map(|(name, _)| name).collect();
        files.sort_unstable();
        let mut sorted = made;
        sorted.sort_unstable();
        assert_eq!(sorted, files);
    }
}
