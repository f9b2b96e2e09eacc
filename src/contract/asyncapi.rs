//! `schemas/asyncapi.json`: AsyncAPI 3.0 of the subjects of the message bus.
//!
//! Only routes that are on the bus have subjects, so a new one comes here by itself. The prefix
//! is the default one; with another, the first token is that.

use serde_json::{Map, Value, json};

use super::components::components;
use super::event::PHASES;
use super::schema::component;
use super::{openapi, system};
use crate::dialect::describe::{ERROR, Form, OperationSpec, set};
use crate::dialect::{self, Dialect, Route};
use crate::domain::Operation;
use crate::wire;

/// The parts of the document, while it is being made.
#[derive(Default)]
struct Document {
    channels: Map<String, Value>,
    operations: Map<String, Value>,
    messages: Map<String, Value>,
}

/// The AsyncAPI document, `schemas/asyncapi.json`.
pub fn document() -> Value {
    let mut document = Document::default();
    document.shared();
    for dialect in dialect::ALL.iter().copied() {
        for route in dialect.routes().iter().filter(|route| route.on_bus()) {
            document.request(dialect, route);
        }
        document.events(dialect);
    }
    let Document {
        channels,
        operations,
        messages,
    } = document;
    json!({
        "asyncapi": "3.0.0",
        "info": openapi::info(),
        "defaultContentType": "application/json",
        "servers": {"nats": {"host": "127.0.0.1:4222", "protocol": "nats"}},
        "channels": channels,
        "operations": operations,
        "components": {"schemas": components(), "messages": messages},
    })
}

impl Document {
    /// Adds what belongs to no dialect: the events' messages, errors, and the audit log's
    /// checkpoints.
    fn shared(&mut self) {
        let event = json!({
            "title": "An event",
            "contentType": wire::MEDIA_TYPE,
            "headers": texts(&[
                ("Nats-Msg-Id", "The event's id."),
                ("Content-Type", "That of a CloudEvent in structured mode."),
                ("Contact-Log", "The id of the log that it comes from."),
            ]),
            "payload": component(system::NAME, "CloudEvent"),
        });
        self.messages.insert("event".into(), event);
        let checkpoint = json!({
            "title": "A checkpoint of the audit log (c2sp.org/tlog-checkpoint)",
            "contentType": "text/plain",
            "payload": {"type": "string"},
        });
        self.messages.insert("checkpoint".into(), checkpoint);
        self.channel(
            "audit.checkpoint",
            "contacts.audit.checkpoint",
            Map::new(),
            "checkpoint",
        );
        self.operation("audit.checkpoint", "send", "Each new checkpoint");
    }

    /// A route's request and reply, its durable command, and where one goes that can't be taken.
    fn request(&mut self, dialect: &dyn Dialect, route: &Route) {
        let rules = dialect.rules();
        let spec = (route.spec)();
        let (name, operation) = (rules.name, route.operation.name());
        let mut tokens: Vec<&str> = rules.owner_names.to_vec();
        tokens.extend(route.target);
        let places: String = tokens.iter().map(|token| format!(".{{{token}}}")).collect();
        let id = format!("{name}.{operation}");
        let payload = spec
            .body
            .map_or_else(|| json!({}), |(_, schema)| component(name, schema));
        let address = |kind: &str| format!("contacts.{kind}.{name}.{operation}{places}");

        self.message(
            &format!("{id}.request"),
            spec.summary,
            request_headers(),
            &payload,
        );
        let rpc = format!("{id}.rpc");
        self.channel(
            &rpc,
            &address("rpc"),
            parameters(&tokens),
            &format!("{id}.request"),
        );
        self.operation(&rpc, "receive", spec.summary);
        self.reply(name, &id, &spec);
        if !route.writes() {
            return;
        }
        let summary = format!("{}, durably", spec.summary);
        self.message(
            &format!("{id}.command"),
            &summary,
            command_headers(),
            &payload,
        );
        let command = format!("{id}.command");
        self.channel(&command, &address("command"), parameters(&tokens), &command);
        self.operation(&command, "receive", &summary);
        let summary = format!("A command that can't be taken: {}", spec.summary);
        let why = texts(&[("Contact-Error", "Why it can't be taken.")]);
        self.message(&format!("{id}.dead"), &summary, why, &json!({}));
        let dead = format!("{id}.dead");
        self.channel(&dead, &address("dead"), parameters(&tokens), &dead);
        self.operation(&dead, "send", &summary);
    }

    /// The answer to a request: the vendor's body, the HTTP status beside it.
    fn reply(&mut self, name: &str, id: &str, spec: &OperationSpec) {
        let schemas = spec.responses.iter().flat_map(|response| &response.forms);
        let mut forms: Vec<Value> = Vec::new();
        for form in schemas.chain([&Form::Json(ERROR)]) {
            let schema = match form {
                Form::Json(schema) => component(name, schema),
                Form::Text(_) => json!({"type": "string"}),
            };
            if !forms.contains(&schema) {
                forms.push(schema);
            }
        }
        let reply = format!("{id}.reply");
        self.message(
            &reply,
            "The vendor's answer",
            reply_headers(),
            &json!({ "anyOf": forms }),
        );
        let of = format!("#/components/messages/{reply}");
        let channel = json!({"address": null, "messages": {"message": {"$ref": of}}});
        self.channels.insert(reply.clone(), channel);
        if let Some(operation) = self.operations.get_mut(&format!("{id}.rpc")) {
            set(
                operation,
                "reply",
                json!({"channel": {"$ref": format!("#/channels/{reply}")}}),
            );
        }
    }

    fn events(&mut self, dialect: &dyn Dialect) {
        let name = dialect.rules().name;
        let lower = |names: &[&str]| names.iter().map(|n| n.to_lowercase()).collect::<Vec<_>>();
        let id = format!("{name}.event");
        let address = format!("contacts.event.{name}.{{tenant}}.{{operation}}.{{phase}}");
        let mut parameters = parameters(&["tenant"]);
        let operations = lower(&Operation::ALL.map(Operation::name));
        parameters.insert("operation".into(), json!({ "enum": operations }));
        parameters.insert("phase".into(), json!({ "enum": lower(&PHASES) }));
        self.channel(&id, &address, parameters, "event");
        self.operation(&id, "send", "What happened, in the order of the log");
    }

    fn message(&mut self, name: &str, title: &str, headers: Value, payload: &Value) {
        let message = json!({"title": title, "headers": headers, "payload": payload});
        self.messages.insert(name.to_owned(), message);
    }

    fn channel(&mut self, id: &str, address: &str, parameters: Map<String, Value>, message: &str) {
        let of = format!("#/components/messages/{message}");
        let mut channel = json!({"address": address, "messages": {"message": {"$ref": of}}});
        if !parameters.is_empty() {
            set(&mut channel, "parameters", parameters);
        }
        self.channels.insert(id.to_owned(), channel);
    }

    fn operation(&mut self, id: &str, action: &str, summary: &str) {
        let operation = json!({
            "action": action,
            "channel": {"$ref": format!("#/channels/{id}")},
            "summary": summary,
        });
        self.operations.insert(id.to_owned(), operation);
    }
}

/// The parameters that are tokens of a subject.
fn parameters(tokens: &[&str]) -> Map<String, Value> {
    let about = "Everything but `A-Za-z0-9_-` is `%XX`, with upper-case digits.";
    let spec = |token: &&str| ((*token).to_owned(), json!({ "description": about }));
    tokens.iter().map(spec).collect()
}

fn request_headers() -> Value {
    texts(&[
        ("Authorization", "`Bearer` and the token, as over HTTP."),
        ("Contact-Query", "Query parameters, as a URL has them."),
        (
            "Idempotency-Key",
            "The same key with the same request happens once.",
        ),
        ("If-Match", "The version that the request is about."),
        ("If-None-Match", "As over HTTP."),
    ])
}

fn command_headers() -> Value {
    texts(&[
        ("Authorization", "`Bearer` and the token, as over HTTP."),
        (
            "Nats-Msg-Id",
            "Its idempotency key, and the `correlationid` of its events.",
        ),
        ("If-Match", "The version that the command is about."),
        ("If-None-Match", "As over HTTP."),
    ])
}

fn reply_headers() -> Value {
    texts(&[
        (
            "Contact-Status",
            "The HTTP status that the answer would have.",
        ),
        ("Contact-Position", "As over HTTP."),
        ("Contact-Log", "As over HTTP."),
        ("Contact-Correlation", "As over HTTP."),
        ("Nats-Service-Error", "Of an error, what went wrong."),
        ("Nats-Service-Error-Code", "Of an error, its HTTP status."),
    ])
}

/// Headers, each with what it is for. All of them may be left out.
fn texts(headers: &[(&str, &str)]) -> Value {
    let properties = headers.iter().map(|(name, about)| {
        let schema = json!({"type": "string", "description": about});
        ((*name).to_owned(), schema)
    });
    let properties: Map<String, Value> = properties.collect();
    json!({"type": "object", "properties": properties})
}
