//! `schemas/openapi.json`: OpenAPI 3.1 of every path of every dialect, and of our own.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::components::components;
use super::endpoint::Endpoint;
use super::examples::Examples;
use super::refusals::{self, Refused};
use super::reused;
use super::schema::{DIALECT, capitalized, component, moved, widen};
use super::system::{self, SystemRoute};
use crate::dialect::describe::{ERROR, ETAG, Form, JSON, Parameter, Place, set};
use crate::dialect::{self, Description, Dialect, native};

/// The API whose routes are described: a dialect's, or our own.
struct Api {
    /// The prefix of its schemas and operations.
    name: &'static str,
    dialect: &'static Dialect,
    description: Description,
    endpoints: Vec<Endpoint>,
}

/// The OpenAPI document, `schemas/openapi.json`.
pub fn document() -> Value {
    let apis = apis();
    let mut paths: Map<String, Value> = Map::new();
    for api in &apis {
        for endpoint in &api.endpoints {
            let Some((first, aliases)) = endpoint.paths.split_first() else {
                continue;
            };
            // A parameter that holds slashes has no notation of its own here.
            let path = first.replace("{*", "{");
            let operation = operation(api, endpoint, &path, aliases);
            let item = paths.entry(path).or_insert_with(|| json!({}));
            set(
                item,
                &endpoint.method.as_str().to_ascii_lowercase(),
                operation,
            );
        }
    }
    let tags: Vec<Value> = apis
        .iter()
        .map(|api| json!({"name": api.name, "description": api.description.title}))
        .collect();
    let mut info = info();
    // AsyncAPI knows no identifier of a licence.
    set(
        &mut info,
        "license",
        json!({"name": "MIT", "identifier": "MIT"}),
    );
    json!({
        "openapi": "3.1.0",
        "info": info,
        "jsonSchemaDialect": DIALECT,
        "servers": [{"url": "http://127.0.0.1:8080", "description": "As it starts with nothing configured."}],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": components(),
            "parameters": reused::parameters(),
            "headers": reused::headers(),
            "securitySchemes": reused::security_schemes(),
        },
    })
}

/// The description of the service that both documents begin with.
pub fn info() -> Value {
    json!({
        "title": "contactd",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "An event-sourced contact service: the contact APIs of five vendors, and one of its own. Where a value may have several forms, this document has the one to send; the files of `/schemas/` have all that are taken.",
        "license": {"name": "MIT"},
    })
}

fn apis() -> Vec<Api> {
    let ours = Api {
        name: system::NAME,
        dialect: &native::DIALECT,
        description: system::description(),
        endpoints: SystemRoute::ALL.map(SystemRoute::endpoint).into(),
    };
    let dialects = dialect::ALL.iter().copied().map(|dialect| Api {
        name: dialect.rules.name,
        dialect,
        description: (dialect.describe)(),
        endpoints: routes_of(dialect),
    });
    dialects.chain([ours]).collect()
}

fn routes_of(dialect: &Dialect) -> Vec<Endpoint> {
    let routes = dialect.routes.iter().filter(|route| !route.bus_only);
    routes.map(|route| Endpoint::of(dialect, route)).collect()
}

/// Describes one operation. It has the path that the vendor's documents have; generated clients
/// need no second method for each alias of it.
fn operation(api: &Api, endpoint: &Endpoint, path: &str, aliases: &[&str]) -> Value {
    let spec = &endpoint.spec;
    let id = format!("{}{}", api.name, capitalized(endpoint.name));
    let examples = Examples::of(&id);
    let mut operation = json!({
        "operationId": id,
        "tags": [api.name],
        "summary": spec.summary,
        "description": description(endpoint, aliases),
        "parameters": parameters_of(api, endpoint, path, examples),
        "responses": responses(api, endpoint, examples),
        "security": security(api, endpoint),
    });
    if !aliases.is_empty() {
        set(&mut operation, "x-aliases", aliases);
    }
    if let Some((media_types, schema)) = spec.body {
        let schema = component(api.name, schema);
        let content = media_types.iter().map(|media_type| {
            let body = json!({ "schema": schema });
            (
                (*media_type).to_owned(),
                exemplified(body, examples.request()),
            )
        });
        let content: Map<String, Value> = content.collect();
        set(
            &mut operation,
            "requestBody",
            json!({"required": true, "content": content}),
        );
    }
    operation
}

/// What it was, with its example where there is one.
fn exemplified(mut described: Value, example: Option<&Value>) -> Value {
    if let Some(example) = example {
        set(&mut described, "example", example.clone());
    }
    described
}

/// What an operation's caller should know beside its summary.
fn description(endpoint: &Endpoint, aliases: &[&str]) -> String {
    let mut told = Vec::new();
    if endpoint.roles.is_empty() {
        told.push("No token is needed.".to_owned());
    } else {
        let roles = endpoint.roles.join("`, `");
        told.push(format!("One of these roles is needed: `{roles}`."));
    }
    if endpoint.writes {
        told.push(
            "What becomes of it is in the event log: a START, then a SUCCESS or a FAIL.".into(),
        );
    }
    for parameter in endpoint.spec.parameters.iter().filter(|it| it.reshapes) {
        told.push(format!(
            "`{}`: {} The answer then lacks members that its type has, so the parameter is told of here alone.",
            parameter.name, parameter.about
        ));
    }
    if !aliases.is_empty() {
        told.push(format!("Also at `{}`.", aliases.join("`, `")));
    }
    told.join("\n\n")
}

fn parameters_of(api: &Api, endpoint: &Endpoint, path: &str, examples: Examples) -> Vec<Value> {
    let in_path = |parameter: &&Parameter| path.contains(&format!("{{{}}}", parameter.name));
    let own = api.description.path.iter().filter(in_path);
    let mut all: Vec<Value> = own
        .chain(endpoint.spec.parameters.iter().filter(|it| !it.reshapes))
        .map(|one| exemplified(parameter(one, api.name), examples.parameter(one.name)))
        .collect();
    let mut shared =
        |name: &str| all.push(json!({"$ref": format!("#/components/parameters/{name}")}));
    if endpoint.writes {
        shared("IdempotencyKey");
    }
    if endpoint.is_conditional() {
        shared("IfMatch");
        shared("IfNoneMatch");
    }
    if !endpoint.roles.is_empty() {
        shared("MinPosition");
        shared("Log");
    }
    all
}

fn parameter(parameter: &Parameter, owner: &str) -> Value {
    let place = match parameter.place {
        Place::Path => "path",
        Place::Query => "query",
        Place::Header => "header",
    };
    let mut schema = moved(parameter.schema.clone(), owner);
    widen(&mut schema);
    json!({
        "name": parameter.name,
        "in": place,
        "required": parameter.required,
        "description": parameter.about,
        "schema": schema,
    })
}

/// The answers that the dialect describes, then those with which it refuses.
fn responses(api: &Api, endpoint: &Endpoint, examples: Examples) -> Map<String, Value> {
    let mut refused = refusals::of(api.dialect, endpoint);
    let mut all: BTreeMap<u16, Value> = BTreeMap::new();
    for answer in &endpoint.spec.responses {
        let mut known = refused.remove(&answer.status).unwrap_or_default();
        known.reasons.insert(0, answer.about.to_owned());
        known.forms.splice(0..0, answer.forms.iter().copied());
        let succeeds = answer.status < 300 && !endpoint.roles.is_empty();
        let mut headers = headers_of(answer.headers, succeeds);
        if succeeds && endpoint.writes {
            let replayed = json!({"$ref": "#/components/headers/Replayed"});
            set(&mut headers, "Idempotent-Replayed", replayed);
        }
        all.insert(answer.status, response(api, &known, headers));
    }
    let without_body = |about: &str| Refused {
        reasons: vec![about.to_owned()],
        forms: Vec::new(),
    };
    if !endpoint.writes && endpoint.has_tag() {
        let known = without_body("The caller has it already, as `If-None-Match` says.");
        let headers = headers_of(ETAG, !endpoint.roles.is_empty());
        all.insert(304, response(api, &known, headers));
    }
    if endpoint.hides_content {
        let known = without_body("It is done, by a caller who may not read contacts.");
        all.insert(204, response(api, &known, headers_of(&[], true)));
    }
    for (status, known) in refused {
        all.insert(status, response(api, &known, headers_of(&[], false)));
    }
    let named = all.into_iter();
    named
        .map(|(status, mut one)| {
            exemplify(&mut one, status, examples);
            (status.to_string(), one)
        })
        .collect()
}

/// Gives each form of a response the example that there is of it.
fn exemplify(response: &mut Value, status: u16, examples: Examples) {
    let content = response.get_mut("content").and_then(Value::as_object_mut);
    for (media_type, form) in content.into_iter().flatten() {
        if let Some(example) = examples.response(status, media_type) {
            set(form, "example", example.clone());
        }
    }
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
                    ERROR => api.dialect.extras.error_media_type,
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
        set(&mut headers, "Contact-Log", shared("Log"));
        set(&mut headers, "Contact-Stale", shared("Stale"));
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

fn security(api: &Api, endpoint: &Endpoint) -> Value {
    if endpoint.roles.is_empty() {
        return json!([]);
    }
    let mut needed = json!({"bearer": []});
    if let Some(session) = api
        .dialect
        .extras
        .session_header
        .filter(|_| api.name != system::NAME)
    {
        set(&mut needed, session, json!([]));
    }
    let by_key = api
        .dialect
        .extras
        .key_header
        .filter(|_| api.name != system::NAME);
    let by_key = by_key.map(|key| json!({ key: [] }));
    // On loopback, in open mode, nothing is needed.
    let either = [Some(needed), by_key, Some(json!({}))];
    either.into_iter().flatten().collect()
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
