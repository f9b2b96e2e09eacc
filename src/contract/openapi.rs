//! `schemas/openapi.json`: OpenAPI 3.1 of every path of every dialect, and of our own.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::components::components;
use super::endpoint::Endpoint;
use super::refusals::{self, Refused};
use super::schema::{DIALECT, component, moved};
use super::system::{self, SystemRoute};
use crate::dialect::describe::{ERROR, Form, JSON, Parameter, Place, set};
use crate::dialect::{self, Description, Dialect, native};

/// The API whose routes are described: a dialect's, or our own.
struct Api {
    /// The prefix of its schemas and operations.
    name: &'static str,
    dialect: &'static dyn Dialect,
    description: Description,
    endpoints: Vec<Endpoint>,
}

/// The OpenAPI document, `schemas/openapi.json`.
pub fn document() -> Value {
    let apis = apis();
    let mut paths: Map<String, Value> = Map::new();
    for api in &apis {
        for endpoint in &api.endpoints {
            for (number, path) in endpoint.paths.iter().enumerate() {
                // A parameter that holds slashes has no notation of its own here.
                let path = path.replace("{*", "{");
                let operation = operation(api, endpoint, &path, number);
                let item = paths.entry(path).or_insert_with(|| json!({}));
                set(
                    item,
                    &endpoint.method.name().to_ascii_lowercase(),
                    operation,
                );
            }
        }
    }
    let tags: Vec<Value> = apis
        .iter()
        .map(|api| json!({"name": api.name, "description": api.description.title}))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": info(),
        "jsonSchemaDialect": DIALECT,
        "servers": [{"url": "http://127.0.0.1:8080", "description": "As it starts with nothing configured."}],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": components(),
            "parameters": parameters(),
            "headers": headers(),
            "securitySchemes": security_schemes(),
        },
    })
}

/// The description of the service that both documents begin with.
pub fn info() -> Value {
    json!({
        "title": "contactd",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "An event-sourced contact service: the contact APIs of five vendors, and one of its own.",
        "license": {"name": "MIT"},
    })
}

fn apis() -> Vec<Api> {
    let ours = Api {
        name: system::NAME,
        dialect: &native::Native,
        description: system::description(),
        endpoints: SystemRoute::ALL.map(SystemRoute::endpoint).into(),
    };
    let dialects = dialect::ALL.iter().copied().map(|dialect| Api {
        name: dialect.rules().name,
        dialect,
        description: dialect.describe(),
        endpoints: dialect.routes().iter().map(Endpoint::from).collect(),
    });
    dialects.chain([ours]).collect()
}

/// Describes one operation. Each further path of a route is an operation of its own, numbered from
/// 2.
fn operation(api: &Api, endpoint: &Endpoint, path: &str, number: usize) -> Value {
    let spec = &endpoint.spec;
    let mut id = format!("{}.{}", api.name, endpoint.name);
    if number > 0 {
        id.push_str(&format!(".{}", number + 1));
    }
    let mut operation = json!({
        "operationId": id,
        "tags": [api.name],
        "summary": spec.summary,
        "parameters": parameters_of(api, endpoint, path),
        "responses": responses(api, endpoint),
        "security": security(api, endpoint),
    });
    if !endpoint.roles.is_empty() {
        let roles = endpoint.roles.join("`, `");
        set(
            &mut operation,
            "description",
            format!("One of these roles is needed: `{roles}`."),
        );
    }
    if let Some((media_types, schema)) = spec.body {
        let schema = component(api.name, schema);
        let content = media_types
            .iter()
            .map(|media_type| ((*media_type).to_owned(), json!({ "schema": schema })));
        let content: Map<String, Value> = content.collect();
        set(
            &mut operation,
            "requestBody",
            json!({"required": true, "content": content}),
        );
    }
    operation
}

fn parameters_of(api: &Api, endpoint: &Endpoint, path: &str) -> Vec<Value> {
    let in_path = |parameter: &&Parameter| path.contains(&format!("{{{}}}", parameter.name));
    let own = api.description.path.iter().filter(in_path);
    let mut all: Vec<Value> = own
        .chain(&endpoint.spec.parameters)
        .map(|one| parameter(one, api.name))
        .collect();
    let mut shared =
        |name: &str| all.push(json!({"$ref": format!("#/components/parameters/{name}")}));
    if endpoint.writes {
        shared("IdempotencyKey");
    }
    if endpoint.writes && endpoint.about_one {
        shared("IfMatch");
    }
    if !endpoint.roles.is_empty() && api.name != system::NAME {
        shared("MinPosition");
    }
    all
}

fn parameter(parameter: &Parameter, owner: &str) -> Value {
    let place = match parameter.place {
        Place::Path => "path",
        Place::Query => "query",
        Place::Header => "header",
    };
    json!({
        "name": parameter.name,
        "in": place,
        "required": parameter.required,
        "description": parameter.about,
        "schema": moved(parameter.schema.clone(), owner),
    })
}

/// The answers that the dialect describes, then those with which it refuses.
fn responses(api: &Api, endpoint: &Endpoint) -> Map<String, Value> {
    let mut refused = refusals::of(api.dialect, endpoint);
    let mut all: BTreeMap<u16, Value> = BTreeMap::new();
    for answer in &endpoint.spec.responses {
        let mut known = refused.remove(&answer.status).unwrap_or_default();
        known.reasons.insert(0, answer.about.to_owned());
        known.forms.splice(0..0, answer.forms.iter().copied());
        let succeeds = answer.status < 300 && !endpoint.roles.is_empty();
        let headers = headers_of(answer.headers, succeeds);
        all.insert(answer.status, response(api, &known, headers));
    }
    for (status, known) in refused {
        all.insert(status, response(api, &known, headers_of(&[], false)));
    }
    let named = all.into_iter();
    named
        .map(|(status, one)| (status.to_string(), one))
        .collect()
}

fn response(api: &Api, known: &Refused, headers: Value) -> Value {
    let mut response = json!({"description": known.reasons.join(" "), "headers": headers});
    let content: Map<String, Value> = known
        .forms
        .iter()
        .map(|form| match form {
            Form::Text(media_type) => (
                (*media_type).to_owned(),
                json!({"schema": {"type": "string"}}),
            ),
            Form::Json(schema) => {
                let media_type = match *schema {
                    ERROR => api.description.error_media_type,
                    _ => JSON,
                };
                (
                    media_type.to_owned(),
                    json!({"schema": component(api.name, schema)}),
                )
            }
        })
        .collect();
    if !content.is_empty() {
        set(&mut response, "content", content);
    }
    response
}

fn headers_of(own: &[&str], with_position: bool) -> Value {
    let shared = |name: &str| json!({"$ref": format!("#/components/headers/{name}")});
    let mut headers = json!({"Contact-Correlation": shared("Correlation")});
    if with_position {
        set(&mut headers, "Contact-Position", shared("Position"));
    }
    for name in own {
        set(
            &mut headers,
            name,
            match *name {
                "etag" => shared("Version"),
                "location" => shared("Location"),
                _ => json!({"required": true, "schema": {"type": "string"}}),
            },
        );
    }
    headers
}

fn headers() -> Value {
    let header = |about: &str, schema: Value| json!({"description": about, "required": true, "schema": schema});
    let text = json!({"type": "string"});
    json!({
        "Correlation": header("What ties together all that came of the request.", text),
        "Position": header(
            "Of a write its outcome's position in the log, of a read the position its view had reached.",
            json!({"type": "integer", "minimum": 0}),
        ),
        "Version": header("The contact's version.", json!({"type": "string", "pattern": "^\"[0-9]+\"$"})),
        "Location": header("Where the new contact is.", json!({"type": "string", "format": "uri-reference"})),
    })
}

fn parameters() -> Value {
    let header = |name: &str, about: &str, schema: Value| {
        json!({
            "name": name, "in": "header", "required": false, "description": about, "schema": schema,
        })
    };
    json!({
        "IdempotencyKey": header(
            "Idempotency-Key",
            "The same key with the same request gives the same answer, and happens once.",
            json!({"type": "string", "pattern": "^[!-~]{1,128}$"}),
        ),
        "IfMatch": header(
            "If-Match",
            "The `ETag` of the version that the request is about.",
            json!({"type": "string", "pattern": "^(\\*|\"[0-9]+\"(, ?\"[0-9]+\")*)$"}),
        ),
        "MinPosition": header(
            "Contact-Min-Position",
            "A position that the answer's view must have reached.",
            json!({"type": "integer", "minimum": 0}),
        ),
    })
}

fn security(api: &Api, endpoint: &Endpoint) -> Value {
    if endpoint.roles.is_empty() {
        return json!([]);
    }
    let mut needed = json!({"bearer": []});
    if let Some(session) = api
        .dialect
        .session_header()
        .filter(|_| api.name != system::NAME)
    {
        set(&mut needed, session, json!([]));
    }
    // On loopback, in open mode, nothing is needed.
    json!([needed, {}])
}

fn security_schemes() -> Value {
    let about =
        "A token of the JWKS that the service is given, or one of its own (`contactd token`).";
    let bearer =
        json!({"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": about});
    let mut schemes = json!({ "bearer": bearer });
    for session in dialect::ALL
        .iter()
        .filter_map(|dialect| dialect.session_header())
    {
        set(
            &mut schemes,
            session,
            json!({"type": "apiKey", "in": "header", "name": session}),
        );
    }
    schemes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_operation_has_two_routes() {
        for api in apis() {
            let mut names: Vec<&str> = api.endpoints.iter().map(|one| one.name).collect();
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count, "{}", api.name);
        }
    }

    #[test]
    fn every_parameter_of_a_path_is_described() {
        for api in apis() {
            let paths = api.endpoints.iter().flat_map(|endpoint| endpoint.paths);
            let names = paths.flat_map(|path| path.split(['{', '}']).skip(1).step_by(2));
            for name in names {
                let name = name.trim_start_matches('*');
                let known = api.description.path.iter().any(|one| one.name == name);
                assert!(known, "{} {name}", api.name);
            }
        }
    }

    #[test]
    fn every_schema_that_is_named_is_there() {
        fn names(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(members) => {
                    found.extend(
                        members
                            .get("$ref")
                            .and_then(Value::as_str)
                            .map(str::to_owned),
                    );
                    members.values().for_each(|value| names(value, found));
                }
                Value::Array(items) => items.iter().for_each(|item| names(item, found)),
                _ => {}
            }
        }
        let document = document();
        let mut found = Vec::new();
        names(&document, &mut found);
        for name in found {
            let pointer = name.trim_start_matches('#');
            assert!(document.pointer(pointer).is_some(), "{name}");
        }
    }
}
