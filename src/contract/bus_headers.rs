//! The headers of messages on the bus, as schemas with a name each.

use serde_json::{Map, Value, json};

/// The name of the schema of a request's headers.
pub const REQUEST: &str = "RequestHeaders";
/// The name of the schema of a durable command's headers.
pub const COMMAND: &str = "CommandHeaders";
/// The name of the schema of an answer's headers.
pub const REPLY: &str = "ReplyHeaders";
/// The name of the schema of an event's headers.
pub const EVENT: &str = "EventHeaders";
/// The name of the schema of a dead letter's headers.
pub const DEAD: &str = "DeadLetterHeaders";
/// The name of the schema of a payload that is not looked at.
const NO_BODY: &str = "NoBody";

const TOKEN: (&str, &str) = ("Authorization", "`Bearer` and the token, as over HTTP.");

/// The schemas of all headers. Each header may be left out.
pub fn schemas() -> Map<String, Value> {
    let all = [
        (REQUEST, request()),
        (COMMAND, command()),
        (REPLY, reply()),
        (EVENT, event()),
        (DEAD, texts(&[("Contact-Error", "Why it can't be taken.")])),
        (
            NO_BODY,
            json!({"description": "Nothing that is looked at."}),
        ),
    ];
    all.map(|(name, schema)| (name.to_owned(), schema))
        .into_iter()
        .collect()
}

/// A reference to one of them.
pub fn refer(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// A reference to the schema of a payload that is not looked at.
pub fn no_body() -> Value {
    refer(NO_BODY)
}

fn request() -> Value {
    texts(&[
        TOKEN,
        ("Contact-Query", "Query parameters, as a URL has them."),
        (
            "Idempotency-Key",
            "The same key with the same request happens once.",
        ),
        ("If-Match", "The version that the request is about."),
        ("If-None-Match", "As over HTTP."),
    ])
}

fn command() -> Value {
    texts(&[
        TOKEN,
        (
            "Nats-Msg-Id",
            "Its idempotency key, and the `correlationid` of its events.",
        ),
        ("If-Match", "The version that the command is about."),
        ("If-None-Match", "As over HTTP."),
    ])
}

fn reply() -> Value {
    texts(&[
        (
            "Contact-Status",
            "The HTTP status that the answer would have.",
        ),
        ("Contact-Position", "As over HTTP."),
        ("Contact-Log", "As over HTTP."),
        ("Contact-Stale", "As over HTTP."),
        ("Idempotent-Replayed", "As over HTTP."),
        ("Contact-Correlation", "As over HTTP."),
        ("Nats-Service-Error", "Of an error, what went wrong."),
        ("Nats-Service-Error-Code", "Of an error, its HTTP status."),
    ])
}

fn event() -> Value {
    texts(&[
        ("Nats-Msg-Id", "The event's id."),
        ("Content-Type", "That of a CloudEvent in structured mode."),
        ("Contact-Log", "The id of the log that it comes from."),
    ])
}

/// Headers, each with what it is for.
fn texts(headers: &[(&str, &str)]) -> Value {
    let properties = headers.iter().map(|(name, about)| {
        let schema = json!({"type": "string", "description": about});
        ((*name).to_owned(), schema)
    });
    let properties: Map<String, Value> = properties.collect();
    json!({"type": "object", "properties": properties})
}
