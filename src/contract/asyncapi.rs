//! `schemas/asyncapi.json`: AsyncAPI 3.0 of the subjects of the message bus.
//!
//! Only routes that are on the bus have subjects, so a new one comes here by itself. The prefix
//! is the default one; with another, the first token is that. The dialects whose subjects have the
//! same tokens share a channel for each operation, in which the dialect is a parameter.

use serde_json::{Map, Value, json};

use super::components::components;
use super::event::PHASES;
use super::examples::Examples;
use super::schema::{capitalized, component};
use super::{bus_headers, openapi, system};
use crate::dialect::describe::{ERROR, Form, OperationSpec, set};
use crate::dialect::{self, ApiOperation, Dialect, Route};
use crate::domain::Operation;
use crate::wire;

/// The parts of the document, while it is being made.
#[derive(Default)]
struct Document {
    channels: Map<String, Value>,
    operations: Map<String, Value>,
    messages: Map<String, Value>,
}

/// The routes of several dialects that do the same, and whose subjects have the same tokens.
struct Group {
    operation: ApiOperation,
    /// The number of ids of an owner.
    owner_ids: usize,
    members: Vec<Member>,
}

/// One dialect's route in a group.
struct Member {
    dialect: &'static str,
    /// The names of the subject's last tokens.
    tokens: Vec<&'static str>,
    about_one: bool,
    spec: OperationSpec,
}

/// What is said on a channel.
#[derive(Clone, Copy)]
enum Kind {
    Request,
    Command,
    Dead,
}

impl Kind {
    const fn token(self) -> &'static str {
        match self {
            Self::Request => "rpc",
            Self::Command => "command",
            Self::Dead => "dead",
        }
    }

    const fn headers(self) -> &'static str {
        match self {
            Self::Request => bus_headers::REQUEST,
            Self::Command => bus_headers::COMMAND,
            Self::Dead => bus_headers::DEAD,
        }
    }

    const fn action(self) -> &'static str {
        match self {
            Self::Request | Self::Command => "receive",
            Self::Dead => "send",
        }
    }

    fn summary(self, operation: ApiOperation) -> String {
        let name = operation.name();
        match self {
            Self::Request => format!("Asks for the operation {name}, and is answered"),
            Self::Command => format!("Orders the operation {name}, durably"),
            Self::Dead => format!("A command {name} that can't be taken"),
        }
    }
}

/// The AsyncAPI document, `schemas/asyncapi.json`.
pub fn document() -> Value {
    let mut document = Document::default();
    document.shared();
    for group in groups() {
        document.request(&group);
        if group.operation.writes() {
            document.told(&group, Kind::Command);
            document.told(&group, Kind::Dead);
        }
    }
    let Document {
        channels,
        operations,
        messages,
    } = document;
    let mut schemas = components();
    schemas.extend(bus_headers::schemas());
    json!({
        "asyncapi": "3.0.0",
        "info": openapi::info(),
        "defaultContentType": "application/json",
        "servers": {"nats": {"host": "127.0.0.1:4222", "protocol": "nats"}},
        "channels": channels,
        "operations": operations,
        "components": {"schemas": schemas, "messages": messages},
    })
}

fn groups() -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for dialect in dialect::ALL.iter().copied() {
        for route in dialect
            .routes
            .iter()
            .filter(|route| route.operation.on_bus())
        {
            let owner_ids = dialect.rules.owner_names.len();
            let same = |group: &&mut Group| {
                group.operation == route.operation && group.owner_ids == owner_ids
            };
            let member = Member::of(dialect, route);
            match groups.iter_mut().find(same) {
                Some(group) => group.members.push(member),
                None => groups.push(Group {
                    operation: route.operation,
                    owner_ids,
                    members: vec![member],
                }),
            }
        }
    }
    groups
}

impl Member {
    fn of(dialect: &'static Dialect, route: &'static Route) -> Self {
        let rules = dialect.rules;
        let mut tokens = rules.owner_names.to_vec();
        tokens.extend(route.target);
        Self {
            dialect: rules.name,
            tokens,
            about_one: route.target.is_some(),
            spec: route.spec.clone(),
        }
    }

    /// The id of this operation, as OpenAPI has it.
    fn id(&self, operation: ApiOperation) -> String {
        format!("{}{}", self.dialect, capitalized(operation.name()))
    }

    fn payload(&self) -> Value {
        let body = self.spec.body;
        body.map_or_else(bus_headers::no_body, |(_, schema)| {
            component(self.dialect, schema)
        })
    }
}

impl Group {
    /// The channel's name: with the dialect where it is one's alone.
    fn channel(&self, kind: Kind) -> String {
        let name = format!("{}{}", kind.token(), capitalized(self.operation.name()));
        match self.members.as_slice() {
            [only] => format!("{name}{}", capitalized(only.dialect)),
            _ => name,
        }
    }

    /// The subject, and what is known of its tokens.
    fn address(&self, kind: Kind) -> (String, Map<String, Value>) {
        let begin = format!("contacts.{}", kind.token());
        let operation = self.operation.name();
        if let [only] = self.members.as_slice() {
            let places: String = only.tokens.iter().map(|it| format!(".{{{it}}}")).collect();
            let address = format!("{begin}.{}.{operation}{places}", only.dialect);
            return (address, parameters(&only.tokens));
        }
        let of_one = self.members.iter().any(|member| member.about_one);
        let names: &[&str] = if of_one {
            &["owner", "contact"]
        } else {
            &["owner"]
        };
        let places: String = names.iter().map(|name| format!(".{{{name}}}")).collect();
        let mut parameters = parameters(names);
        let dialects: Vec<&str> = self.members.iter().map(|member| member.dialect).collect();
        parameters.insert("dialect".into(), json!({ "enum": dialects }));
        (
            format!("{begin}.{{dialect}}.{operation}{places}"),
            parameters,
        )
    }
}

impl Document {
    /// Adds what belongs to no dialect: the events, errors, and the audit log's checkpoints.
    fn shared(&mut self) {
        let event = json!({
            "title": "An event",
            "contentType": wire::MEDIA_TYPE,
            "headers": bus_headers::refer(bus_headers::EVENT),
            "payload": component(system::NAME, "CloudEvent"),
        });
        self.messages.insert("event".into(), event);
        let checkpoint = json!({
            "title": "A checkpoint of the audit log (c2sp.org/tlog-checkpoint)",
            "contentType": "text/plain",
            "payload": component(system::NAME, "SignedNote"),
        });
        self.messages.insert("checkpoint".into(), checkpoint);
        let all = |message: &str| vec![(message.to_owned(), message.to_owned())];
        let subject = "contacts.audit.checkpoint";
        self.channel("checkpoints", Some(subject), Map::new(), all("checkpoint"));
        self.operation("checkpoints", "send", "Each new checkpoint");
        let lower = |names: &[&str]| names.iter().map(|n| n.to_lowercase()).collect::<Vec<_>>();
        let dialects: Vec<&str> = dialect::ALL.iter().map(|it| it.rules.name).collect();
        let operations = lower(&Operation::ALL.map(Operation::name));
        let mut parameters = parameters(&["tenant"]);
        parameters.insert("dialect".into(), json!({ "enum": dialects }));
        parameters.insert("operation".into(), json!({ "enum": operations }));
        parameters.insert("phase".into(), json!({ "enum": lower(&PHASES) }));
        let subject = "contacts.event.{dialect}.{tenant}.{operation}.{phase}";
        self.channel("events", Some(subject), parameters, all("event"));
        self.operation("events", "send", "What happened, in the order of the log");
    }

    /// A request of each dialect, and its answer.
    fn request(&mut self, group: &Group) {
        let id = self.told(group, Kind::Request);
        let reply = format!("{id}Reply");
        let mut messages = Vec::new();
        for member in &group.members {
            let name = format!("{}Reply", member.id(group.operation));
            let message = json!({
                "title": "The vendor's answer",
                "headers": bus_headers::refer(bus_headers::REPLY),
                "payload": answer(member, &name),
            });
            self.messages.insert(name.clone(), message);
            messages.push((member.dialect.to_owned(), name));
        }
        self.channel(&reply, None, Map::new(), messages);
        if let Some(operation) = self.operations.get_mut(&id) {
            let channel = json!({"$ref": format!("#/channels/{reply}")});
            set(operation, "reply", json!({ "channel": channel }));
        }
    }

    /// A channel of a kind, with a message of each dialect. The answer is its name.
    fn told(&mut self, group: &Group, kind: Kind) -> String {
        let id = group.channel(kind);
        let mut messages = Vec::new();
        for member in &group.members {
            let operation = member.id(group.operation);
            let name = format!("{operation}{}", capitalized(kind.token()));
            let payload = match kind {
                Kind::Dead => bus_headers::no_body(),
                Kind::Request | Kind::Command => member.payload(),
            };
            let mut message = json!({
                "title": member.spec.summary,
                "headers": bus_headers::refer(kind.headers()),
                "payload": payload,
            });
            let example = Examples::of(&operation).request();
            if let Some(example) = example.filter(|_| !matches!(kind, Kind::Dead)) {
                set(&mut message, "examples", json!([{ "payload": example }]));
            }
            self.messages.insert(name.clone(), message);
            messages.push((member.dialect.to_owned(), name));
        }
        let (address, parameters) = group.address(kind);
        self.channel(&id, Some(&address), parameters, messages);
        self.operation(&id, kind.action(), &kind.summary(group.operation));
        id
    }

    fn channel(
        &mut self,
        id: &str,
        address: Option<&str>,
        parameters: Map<String, Value>,
        messages: Vec<(String, String)>,
    ) {
        let refer = |(name, message): (String, String)| {
            let message = json!({"$ref": format!("#/components/messages/{message}")});
            (name, message)
        };
        let messages: Map<String, Value> = messages.into_iter().map(refer).collect();
        let mut channel = json!({"address": address, "messages": messages});
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

/// The answer to a request: the vendor's body, or its error.
fn answer(member: &Member, name: &str) -> Value {
    let forms = member.spec.responses.iter().flat_map(|one| &one.forms);
    let mut schemas: Vec<Value> = Vec::new();
    for form in forms.chain([&Form::Json(ERROR)]) {
        let schema = match form {
            Form::Json(schema) => component(member.dialect, schema),
            Form::Text(_) => json!({"type": "string"}),
        };
        if !schemas.contains(&schema) {
            schemas.push(schema);
        }
    }
    json!({"title": capitalized(name), "anyOf": schemas})
}

/// The parameters that are tokens of a subject.
fn parameters(tokens: &[&str]) -> Map<String, Value> {
    let about = "Everything but `A-Za-z0-9_-` is `%XX`, with upper-case digits.";
    let spec = |token: &&str| ((*token).to_owned(), json!({ "description": about }));
    tokens.iter().map(spec).collect()
}
