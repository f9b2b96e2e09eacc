//! How a dialect describes itself to machines: its routes' parameters, bodies, answers and errors.
//!
//! Only values stand here. The floor `contract` writes them as OpenAPI,
//! AsyncAPI and JSON Schema. A schema that is a request's is made from the
//! rules that its decoder reads by, where these are values themselves.

use serde_json::{Map, Value, json};

use super::fields::Text;

/// The response headers of a contact that is alone in its answer.
pub const ETAG: &[&str] = &["etag"];

/// A dialect's self-description, beside the specs of its routes.
#[derive(Debug)]
pub struct Description {
    /// The vendor's name and what the API is about, in one line.
    pub title: &'static str,
    /// The JSON Schemas by name; [`refer`] is how one schema names another.
    pub schemas: Vec<(&'static str, Value)>,
    /// The parameters that the paths have, by name.
    pub path: Vec<Parameter>,
    /// The members of a contact that an event at the non-sensitive level may show, by name.
    pub non_sensitive: Vec<(&'static str, Value)>,
}

/// The name of the schema of a dialect's errors.
pub const ERROR: &str = "Error";
/// The media type of most bodies.
pub const JSON: &str = "application/json";
/// The media type of a body that is plain text.
pub const TEXT: &str = "text/plain";

/// The response to a request that breaks a rule of its form or content.
pub const INVALID: (u16, &str) = (400, "The request is not valid.");
/// The response to the id of a contact that is not there.
pub const NO_CONTACT: (u16, &str) = (404, "There is no such contact.");
/// The response to an `If-Match` that does not name the contact's version.
pub const STALE: (u16, &str) = (412, "The contact is at another version.");
/// The response to a body that is not said to be JSON.
pub const NOT_JSON: (u16, &str) = (415, "The body's media type is not JSON.");
/// The response to a body with a `Content-Encoding`, where any media type will do.
pub const ENCODED: (u16, &str) = (415, "The body is compressed, or encoded otherwise.");

/// What one route takes and answers, as OpenAPI and AsyncAPI describe it.
#[derive(Clone, Debug)]
#[must_use]
pub struct OperationSpec {
    /// What the operation does, in one line.
    pub summary: &'static str,
    /// The query and header parameters that no other operation shares by default.
    pub parameters: Vec<Parameter>,
    /// The media types of the request's body and the name of its schema.
    pub body: Option<(&'static [&'static str], &'static str)>,
    /// The responses, beside the refusals that every route may give.
    pub responses: Vec<ResponseSpec>,
}

/// One response of an operation.
#[derive(Clone, Debug)]
pub struct ResponseSpec {
    /// The HTTP status of the answer.
    pub status: u16,
    /// The response's description in the documents: when it is given, or what it holds.
    pub about: &'static str,
    /// The forms that the body may have; none for a response without a body.
    pub forms: Vec<Form>,
    /// The headers that the response always has, in lower case, beside those of every response.
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

/// The parts of a request that a parameter can stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The path, as one of its segments.
    Path,
    /// The query, behind the `?`.
    Query,
    /// The head, as an HTTP header.
    Header,
}

/// The description of one parameter.
#[derive(Clone, Debug)]
#[must_use]
pub struct Parameter {
    /// The name of the parameter.
    pub name: &'static str,
    /// The part of the request that it stands in.
    pub place: Place,
    /// Whether it must be there.
    pub required: bool,
    /// What it is for.
    pub about: &'static str,
    /// What it may be.
    pub schema: Value,
    /// Whether it takes members out of the answer. A client with fixed types can't use such a one,
    /// so OpenAPI speaks of it in the operation's description alone.
    pub reshapes: bool,
}

impl Parameter {
    /// A parameter that is there in every path, and may be left out anywhere else.
    const fn new(place: Place, name: &'static str, about: &'static str, schema: Value) -> Self {
        Self {
            name,
            place,
            required: matches!(place, Place::Path),
            about,
            schema,
            reshapes: false,
        }
    }

    /// A parameter of a path.
    pub const fn path(name: &'static str, about: &'static str, schema: Value) -> Self {
        Self::new(Place::Path, name, about, schema)
    }

    /// A parameter of a query, which may be left out.
    pub const fn query(name: &'static str, about: &'static str, schema: Value) -> Self {
        Self::new(Place::Query, name, about, schema)
    }

    /// A header, which may be left out.
    pub const fn header(name: &'static str, about: &'static str, schema: Value) -> Self {
        Self::new(Place::Header, name, about, schema)
    }

    /// This parameter, which takes members out of the answer.
    pub fn reshaping(mut self) -> Self {
        self.reshapes = true;
        self
    }

    /// This parameter, which every request must have.
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

impl OperationSpec {
    /// An operation with this summary, without parameters, body and responses.
    pub const fn new(summary: &'static str) -> Self {
        Self {
            summary,
            parameters: Vec::new(),
            body: None,
            responses: Vec::new(),
        }
    }

    /// The names of the query parameters, in their order.
    #[must_use]
    pub fn query_names(&self) -> Vec<&'static str> {
        let in_query = self
            .parameters
            .iter()
            .filter(|one| one.place == Place::Query);
        in_query.map(|one| one.name).collect()
    }

    /// Adds parameters to the description.
    pub fn parameters(mut self, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        self.parameters.extend(parameters);
        self
    }

    /// Sets the body: JSON of the schema of this name.
    pub fn body(self, schema: &'static str) -> Self {
        self.body_as(&[JSON], schema)
    }

    /// Sets the body: one of these media types, of the schema of this name.
    pub fn body_as(mut self, media_types: &'static [&'static str], schema: &'static str) -> Self {
        self.body = Some((media_types, schema));
        self
    }

    /// Adds a response that is JSON of the schema of this name.
    pub fn json(self, status: u16, about: &'static str, schema: &'static str) -> Self {
        self.response(status, about, vec![Form::Json(schema)])
    }

    /// Adds a response that is one contact of the schema of this name, with its entity tag.
    pub fn contact(self, status: u16, about: &'static str, schema: &'static str) -> Self {
        self.json(status, about, schema).headers(ETAG)
    }

    /// Adds a response that is text of this media type.
    pub fn text(self, status: u16, about: &'static str, media_type: &'static str) -> Self {
        self.response(status, about, vec![Form::Text(media_type)])
    }

    /// Adds a response that is text of one of these media types, as the caller accepts.
    pub fn texts(self, status: u16, about: &'static str, types: &[&'static str]) -> Self {
        let forms = types.iter().map(|media_type| Form::Text(media_type));
        self.response(status, about, forms.collect())
    }

    /// Adds a response without a body.
    pub fn empty(self, status: u16, about: &'static str) -> Self {
        self.response(status, about, Vec::new())
    }

    fn response(mut self, status: u16, about: &'static str, forms: Vec<Form>) -> Self {
        self.responses.push(ResponseSpec {
            status,
            about,
            forms,
            headers: &[],
        });
        self
    }

    /// Adds another form to the last response.
    pub fn or_as(mut self, form: Form) -> Self {
        if let Some(last) = self.responses.last_mut() {
            last.forms.push(form);
        }
        self
    }

    /// Sets the headers that the last response always has, in lower case.
    pub fn headers(mut self, headers: &'static [&'static str]) -> Self {
        if let Some(last) = self.responses.last_mut() {
            last.headers = headers;
        }
        self
    }

    /// Adds responses that are errors of the dialect's own form, each with its description.
    pub fn errors(self, errors: &[(u16, &'static str)]) -> Self {
        let described = errors.iter();
        described.fold(self, |spec, (status, about)| {
            spec.json(*status, about, ERROR)
        })
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
    if let Some(format) = rule.format {
        match format.json {
            Some(name) => set(&mut schema, "format", name),
            None => {
                let about = format!("Of the format {}.", format.name);
                set(&mut schema, "description", about);
            }
        }
    }
    if rule.empty_is_none && (rule.format.is_some() || !rule.may_be_blank) {
        schema = or_also(schema, json!({"const": ""}));
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

/// The schema of an object under a name by which others refer to it.
pub const fn named(name: &'static str) -> Named {
    Named(name)
}

/// The name of a schema that is yet to be told.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Named(&'static str);

impl Named {
    /// The schema of this name: an object with these members, each with whether it is always there.
    #[must_use]
    pub fn has<'a>(
        self,
        members: impl IntoIterator<Item = (&'a str, bool, Value)>,
    ) -> (&'static str, Value) {
        (self.0, object(members))
    }
}

/// The schema of an array.
#[must_use]
pub fn list(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

/// The schema of an array of at most so many items.
#[must_use]
pub fn list_up_to(max: usize, items: Value) -> Value {
    json!({"type": "array", "items": items, "maxItems": max})
}

/// A schema that allows null too.
#[must_use]
pub fn or_null(mut schema: Value) -> Value {
    match schema.get("type").cloned() {
        Some(Value::String(one)) if schema.get("enum").is_none() => {
            set(&mut schema, "type", json!([one, "null"]));
            schema
        }
        _ => or(schema, json!({"type": "null"})),
    }
}

/// A schema of a form that should be sent, and of another that is taken too. The documents from
/// which clients are generated leave out what is deprecated.
#[must_use]
pub fn or_also(schema: Value, mut other: Value) -> Value {
    set(&mut other, "deprecated", true);
    or(schema, other)
}

fn or(mut schema: Value, other: Value) -> Value {
    match schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        Some(forms) => forms.push(other),
        None => schema = json!({"anyOf": [schema, other]}),
    }
    schema
}

/// The schema of any text.
#[must_use]
pub fn any_text() -> Value {
    json!({"type": "string"})
}

/// The schema of `true` or `false`.
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

/// A number that is given out, from 1.
#[must_use]
pub fn positive() -> Value {
    json!({"type": "integer", "minimum": 1})
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_texts_allows_null_beside_them() {
        assert_eq!(or_null(any_text()), json!({"type": ["string", "null"]}));
        let texts = one_of(&["a", "b"]);
        let forms = json!({"anyOf": [texts, {"type": "null"}]});
        assert_eq!(or_null(texts), forms);
    }
}
