//! How a dialect describes itself to machines: its routes' parameters, bodies, answers and errors.
//!
//! Only values stand here. The floor `contract` writes them as OpenAPI,
//! AsyncAPI and JSON Schema. A schema that is a request's is made from the
//! rules that its decoder reads by, where these are values themselves.

use serde_json::{Map, Value, json};

use super::fields::Text;

/// What machines may know of a dialect.
#[derive(Debug)]
pub struct Description {
    /// Its vendor's name.
    pub title: &'static str,
    /// Its JSON Schemas by their names; [`refer`] is how one names another.
    pub schemas: Vec<(&'static str, Value)>,
    /// The parameters that its paths have, by their names.
    pub path: Vec<Parameter>,
    /// What its routes take and answer, each once.
    pub operations: Vec<Described>,
    /// The media type of an error that is [`ERROR`].
    pub error_media_type: &'static str,
    /// What of a contact every event may show, by its name.
    pub non_sensitive: Vec<(&'static str, Value)>,
}

/// The name of the schema of a dialect's errors.
pub const ERROR: &str = "Error";
/// The media type of most bodies.
pub const JSON: &str = "application/json";
/// The media type of a body without any form.
pub const TEXT: &str = "text/plain";

/// What one route takes and answers.
#[derive(Debug)]
pub struct Described {
    /// The route's operation.
    pub operation: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// The query and header parameters that are its own.
    pub parameters: Vec<Parameter>,
    /// The media types and the schema of its body.
    pub body: Option<(&'static [&'static str], &'static str)>,
    /// What it answers, beside the refusals that every route has.
    pub answers: Vec<Answered>,
}

/// One kind of answer.
#[derive(Debug)]
pub struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// When it is given, or what it holds.
    pub about: &'static str,
    /// The forms of its body; none where it has no body.
    pub forms: Vec<Form>,
    /// The headers that it always has beside those that every answer has, in lower case.
    pub headers: &'static [&'static str],
}

/// The form of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// JSON of the schema of this name.
    Json(&'static str),
    /// Text of this media type.
    Text(&'static str),
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the path.
    Path,
    /// In the query.
    Query,
    /// In the head.
    Header,
}

/// One parameter.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Where it stands.
    pub place: Place,
    /// Whether it must be there.
    pub required: bool,
    /// What it is for.
    pub about: &'static str,
    /// What it may be.
    pub schema: Value,
}

impl Parameter {
    /// A parameter of a path.
    #[must_use]
    pub const fn path(name: &'static str, about: &'static str, schema: Value) -> Self {
        Self {
            name,
            place: Place::Path,
            required: true,
            about,
            schema,
        }
    }

    /// A parameter of a query, which may be left out.
    #[must_use]
    pub const fn query(name: &'static str, about: &'static str, schema: Value) -> Self {
        Self {
            name,
            place: Place::Query,
            required: false,
            about,
            schema,
        }
    }

    /// A header, which may be left out.
    #[must_use]
    pub const fn header(name: &'static str, about: &'static str, schema: Value) -> Self {
        Self {
            name,
            place: Place::Header,
            required: false,
            about,
            schema,
        }
    }

    /// The same, where it must be there.
    #[must_use]
    pub fn required(self) -> Self {
        Self {
            required: true,
            ..self
        }
    }
}

impl Described {
    /// A route of which nothing but its purpose is told yet.
    #[must_use]
    pub const fn new(operation: &'static str, summary: &'static str) -> Self {
        Self {
            operation,
            summary,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
        }
    }

    /// The same with these parameters.
    #[must_use]
    pub fn with(mut self, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        self.parameters.extend(parameters);
        self
    }

    /// The same with a body of JSON.
    #[must_use]
    pub fn takes(self, schema: &'static str) -> Self {
        self.takes_as(&[JSON], schema)
    }

    /// The same with a body of one of these media types.
    #[must_use]
    pub fn takes_as(self, media_types: &'static [&'static str], schema: &'static str) -> Self {
        Self {
            body: Some((media_types, schema)),
            ..self
        }
    }

    /// The same with an answer that is JSON of a schema.
    #[must_use]
    pub fn gives(self, status: u16, about: &'static str, schema: &'static str) -> Self {
        self.answered(status, about, vec![Form::Json(schema)])
    }

    /// The same with an answer that is text.
    #[must_use]
    pub fn tells(self, status: u16, about: &'static str, media_type: &'static str) -> Self {
        self.answered(status, about, vec![Form::Text(media_type)])
    }

    /// The same with an answer that has no body.
    #[must_use]
    pub fn ends(self, status: u16, about: &'static str) -> Self {
        self.answered(status, about, Vec::new())
    }

    fn answered(mut self, status: u16, about: &'static str, forms: Vec<Form>) -> Self {
        self.answers.push(Answered {
            status,
            about,
            forms,
            headers: &[],
        });
        self
    }

    /// The same, the last answer being in this form too.
    #[must_use]
    pub fn or_as(mut self, form: Form) -> Self {
        if let Some(last) = self.answers.last_mut() {
            last.forms.push(form);
        }
        self
    }

    /// The same, the last answer always having these headers.
    #[must_use]
    pub fn headed(mut self, headers: &'static [&'static str]) -> Self {
        if let Some(last) = self.answers.last_mut() {
            last.headers = headers;
        }
        self
    }

    /// The same with errors of the dialect's own form.
    #[must_use]
    pub fn fails(mut self, errors: &[(u16, &'static str)]) -> Self {
        for (status, about) in errors {
            self = self.gives(*status, about, ERROR);
        }
        self
    }
}

/// Gives an object one more member, or another value to one that it has.
pub fn set(object: &mut Value, name: &str, value: impl Into<Value>) {
    if let Value::Object(members) = object {
        members.insert(name.to_owned(), value.into());
    }
}

/// The schema of this name in the same description.
#[must_use]
pub fn refer(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// The schema of a text of a rule. A format that only this service knows is told in words.
#[must_use]
pub fn text(rule: Text) -> Value {
    let mut schema = rule.one_of.map_or_else(any_text, one_of);
    if let Some(max) = rule.chars_max {
        set(&mut schema, "maxLength", max);
    }
    if !rule.may_be_blank {
        set(&mut schema, "pattern", r"\S");
    }
    match (rule.json_format, rule.format) {
        (Some(name), _) => set(&mut schema, "format", name),
        (None, Some((name, _))) => {
            set(&mut schema, "description", format!("Of the format {name}."));
        }
        (None, None) => {}
    }
    if rule.empty_is_none && (rule.format.is_some() || !rule.may_be_blank) {
        schema = json!({"anyOf": [schema, {"const": ""}]});
    }
    schema
}

/// The schema of an object: each member with whether it is always there.
#[must_use]
pub fn object<'a>(members: impl IntoIterator<Item = (&'a str, bool, Value)>) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for (name, always, schema) in members {
        if always {
            required.push(name);
        }
        properties.insert(name.to_owned(), schema);
    }
    let mut schema = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        set(&mut schema, "required", required);
    }
    schema
}

/// The schema of an array.
#[must_use]
pub fn list(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

/// The same or null.
#[must_use]
pub fn or_null(mut schema: Value) -> Value {
    match schema.get("type").cloned() {
        Some(Value::String(one)) if schema.get("enum").is_none() => {
            set(&mut schema, "type", json!([one, "null"]));
            schema
        }
        _ => json!({"anyOf": [schema, {"type": "null"}]}),
    }
}

/// Any text.
#[must_use]
pub fn any_text() -> Value {
    json!({"type": "string"})
}

/// True or false.
#[must_use]
pub fn flag() -> Value {
    json!({"type": "boolean"})
}

/// One of these texts.
#[must_use]
pub fn one_of(texts: &[&str]) -> Value {
    json!({"type": "string", "enum": texts})
}

/// A whole number from one to another.
#[must_use]
pub fn whole(min: impl Into<Value>, max: impl Into<Value>) -> Value {
    json!({"type": "integer", "minimum": min.into(), "maximum": max.into()})
}

/// A count, a version, or a position in the log.
#[must_use]
pub fn count() -> Value {
    json!({"type": "integer", "minimum": 0})
}

/// A UUID with hyphens.
#[must_use]
pub fn uuid() -> Value {
    json!({"type": "string", "format": "uuid"})
}

/// A time as this service writes it: RFC 3339 in UTC, with milliseconds.
#[must_use]
pub fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

/// A time or a position of the log, as a query names a point of the past.
#[must_use]
pub fn point() -> Value {
    json!({"anyOf": [count(), time()]})
}
