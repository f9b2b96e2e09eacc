//! The schemas of an event: its `data`, and the CloudEvents object around it.

use serde_json::{Map, Value, json};

use super::schema::{self, DIALECT};
use crate::dialect::describe::{any_text, count, list, object, one_of, refer, set, time, uuid};
use crate::dialect::{self, REGISTRY, native};
use crate::domain::{EraseReason, Expected, FailureCode, Operation, Problem};
use crate::wire::DATA_SCHEMA;

/// The names of an event's phases.
pub const PHASES: [&str; 3] = ["START", "SUCCESS", "FAIL"];

/// `schemas/event-1.json`: the schema of `data`, whole in itself.
pub fn document() -> Value {
    let mut schema = json!({
        "$schema": DIALECT,
        "$id": DATA_SCHEMA,
        "title": "The data of an event",
    });
    if let (Value::Object(schema), Value::Object(data)) = (&mut schema, data()) {
        schema.extend(data);
        schema.insert("$defs".into(), card_schemas().into());
    }
    schema
}

/// The Card and what it is made of; everything else of that description is no part of an event.
fn card_schemas() -> Map<String, Value> {
    let schemas = schema::named((native::DIALECT.describe)().schemas);
    let by_name: Map<String, Value> = schemas.collect();
    let (mut found, mut wanted) = (Map::new(), vec!["Card".to_owned()]);
    while let Some(name) = wanted.pop() {
        let Some(schema) = by_name.get(&name).filter(|_| !found.contains_key(&name)) else {
            continue;
        };
        references(schema, &mut wanted);
        found.insert(name, schema.clone());
    }
    found.sort_keys();
    found
}

fn references(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            let name = members.get("$ref").and_then(Value::as_str);
            found.extend(
                name.and_then(|n| n.strip_prefix("#/$defs/"))
                    .map(str::to_owned),
            );
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

/// `data` as a schema that the documents hold among those of our own dialect.
pub fn schemas() -> Vec<(&'static str, Value)> {
    vec![("EventData", data())]
}

fn data() -> Value {
    let dialects: Vec<&str> = REGISTRY.iter().map(|rules| rules.name).collect();
    let operations = Operation::ALL.map(Operation::name);
    let text_of = json!({"type": "object", "additionalProperties": {"type": "string"}});
    let erasure = object([
        (
            "reason",
            true,
            one_of(&EraseReason::ALL.map(EraseReason::name)),
        ),
        ("reference", false, any_text()),
    ]);
    let part = object([
        ("contacts", true, json!({"type": "integer", "minimum": 0})),
        ("after", false, uuid()),
    ]);
    let members = [
        ("dialect", true, one_of(&dialects)),
        ("tenant", true, any_text()),
        ("owner", true, text_of),
        ("contactId", false, uuid()),
        ("vendorId", false, any_text()),
        ("actor", true, actor()),
        ("operation", true, one_of(&operations)),
        ("phase", true, one_of(&PHASES)),
        ("version", false, count()),
        ("fields", true, list(any_text())),
        ("contact", false, refer("Card")),
        ("error", false, error()),
        ("erasure", false, erasure),
        ("list", false, part),
    ];
    // What of a contact harms nobody stands beside the rest, by the vendor's own names.
    let described = dialect::ALL.iter().map(|dialect| (dialect.describe)());
    let non_sensitive = described.flat_map(|description| description.non_sensitive);
    let non_sensitive = non_sensitive.map(|(name, schema)| (name, false, schema));
    object(members.into_iter().chain(non_sensitive))
}

fn actor() -> Value {
    object([
        ("clientId", false, any_text()),
        ("managementUserId", false, any_text()),
        ("subject", false, any_text()),
    ])
}

/// The reason for which a command was refused and the fields that were wrong, never the values
/// sent.
fn error() -> Value {
    let mut problem = any_text();
    set(
        &mut problem,
        "examples",
        json!([
            Problem::Required(Expected::String).code(),
            Problem::Blank.code()
        ]),
    );
    let violation = object([("field", true, any_text()), ("code", true, problem)]);
    object([
        (
            "code",
            true,
            one_of(&FailureCode::ALL.map(FailureCode::name)),
        ),
        ("message", false, any_text()),
        ("violations", true, list(violation)),
    ])
}

/// A CloudEvents 1.0 object in structured mode, with our extension attributes.
pub fn cloud_event() -> Value {
    let constant = |text: &str| json!({ "const": text });
    object([
        ("specversion", true, constant("1.0")),
        ("id", true, uuid()),
        (
            "source",
            true,
            json!({"type": "string", "format": "uri-reference"}),
        ),
        ("type", true, any_text()),
        ("subject", false, uuid()),
        ("time", true, time()),
        ("datacontenttype", true, constant("application/json")),
        ("dataschema", true, constant(DATA_SCHEMA)),
        (
            "sequence",
            true,
            json!({"type": "string", "pattern": "^[0-9]{20}$"}),
        ),
        ("correlationid", true, any_text()),
        ("causationid", false, uuid()),
        ("traceparent", false, any_text()),
        ("data", false, schema::component("native", "EventData")),
    ])
}
