//! The contracts that machines read: OpenAPI, AsyncAPI and JSON Schemas.
//!
//! They are made from the code: every dialect's routes and descriptions, our
//! system routes, the refusals as each dialect words them. What is made stands in
//! `schemas/` too, so that a change of it is seen in review and can be read
//! without running anything; `tests/contracts.rs` holds what is made and served
//! to those files, byte for byte.
//!
//! | file | what |
//! | --- | --- |
//! | `system`, `log_routes`, `audit_routes`, `bus_routes` | our system routes, which no dialect has |
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
mod audit_routes;
mod bus_headers;
mod bus_routes;
mod components;
mod endpoint;
mod event;
mod examples;
mod log_routes;
mod openapi;
mod refusals;
mod reused;
mod schema;
mod state;
mod system;

pub use system::SystemRoute;

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::dialect::{self, Description};
use schema::{DIALECT, named};

/// The files of `schemas/` by name, each with its text, which is made when it is first asked for.
pub fn files() -> &'static [(String, String)] {
    static FILES: LazyLock<Vec<(String, String)>> = LazyLock::new(generate);
    &FILES
}

/// The text of a file of `schemas/`.
#[must_use]
pub fn file(name: &str) -> Option<&'static str> {
    let (_, text) = files().iter().find(|(known, _)| known == name)?;
    Some(text)
}

fn generate() -> Vec<(String, String)> {
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
