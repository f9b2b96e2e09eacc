//! The vectors of our own API hold, but for what transports add.

use serde_json::{Value, json};

use super::service::{Service, dialect_of};
use super::*;

const ECO: &str = "87880d7e-a4d0-462e-8383-3f1e5e16865d";

#[test]
fn the_vectors_hold() {
    let vectors: Vec<Value> =
        serde_json::from_str(include_str!("../../../../tests/vectors/native.json")).expect("JSON");
    assert!(vectors.len() > 60);
    for vector in &vectors {
        hold(vector);
    }
}

fn hold(vector: &Value) {
    let name = vector["name"].as_str().expect("a name");
    let (mut service, mut last) = (Service::default(), String::new());
    for step in vector["setup"].as_array().into_iter().flatten() {
        for _ in 0..step["times"].as_u64().unwrap_or(1) {
            let reply = play(&mut service, &step["request"], &last);
            assert!(reply.status.is_success(), "{name}: {:?}", reply.status);
            if let Some(id) = body(&reply)["id"].as_str() {
                id.clone_into(&mut last);
            }
        }
    }
    service.events.clear();
    let reply = play(&mut service, &vector["request"], &last);
    let want: Value =
        serde_json::from_str(&fill(&vector["expect"].to_string(), &last)).expect("JSON");
    assert_eq!(
        json!(reply.status.as_u16()),
        want["status"],
        "{name}: {:?}",
        text(&reply)
    );
    let events = want
        .get("events")
        .map(|events| json!(service.events) == *events);
    assert!(events.unwrap_or(true), "{name}: {:?}", service.events);
    for (key, value) in want["headers"].as_object().into_iter().flatten() {
        let have = reply.headers.iter().find(|(name, _)| name == key);
        let (_, have) = have.unwrap_or_else(|| panic!("{name}: {key}"));
        assert!(
            have.contains(value.as_str().expect("text")),
            "{name}: {have}"
        );
    }
    if let Some(exact) = want.get("body_text") {
        assert_eq!(text(&reply), *exact, "{name}");
    }
    if let Some(exact) = want.get("body_equals") {
        assert_eq!(body(&reply), *exact, "{name}");
    }
    if let Some(part) = want.get("body_contains") {
        assert_contains(&body(&reply), part, name);
    }
    for (path, shape) in want["body_shape"].as_object().into_iter().flatten() {
        let body = body(&reply);
        let value = path.split('.').try_fold(&body, |value, key| value.get(key));
        let fits = match shape.as_str() {
            Some("absent") => value.is_none(),
            Some("int") => value.is_some_and(Value::is_u64),
            Some("object") => value.is_some_and(Value::is_object),
            Some("uuid" | "string" | "iso8601_ms") => value.is_some_and(Value::is_string),
            other => panic!("{other:?}"),
        };
        assert!(fits, "{name}: {path} {value:?}");
    }
}

fn text(reply: &Reply) -> String {
    String::from_utf8_lossy(&reply.body).into_owned()
}

fn fill(text: &str, last: &str) -> String {
    text.replace("$LAST_ID", last)
        .replace("$ORG", "org1")
        .replace("$ECO", ECO)
        .replace("$PART", "a24e391a-c27f-4b6e-9805-1ee7e03f3c58")
}

fn play(service: &mut Service, request: &Value, last: &str) -> Reply {
    let part = |name: &str| request[name].as_str().map(|text| fill(text, last));
    let (method, target) = (part("method").expect("one"), part("path").expect("one"));
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let dialect = dialect_of(path);
    let (route, params) = dialect
        .routes()
        .iter()
        .filter(|route| route.method.name() == method)
        .find_map(|route| Some((route, params(route.paths.first()?, path)?)))
        .expect("a route");
    let mut headers = HeaderMap::new();
    for (key, value) in request["headers"].as_object().into_iter().flatten() {
        let key: http::HeaderName = key.parse().expect("a name");
        headers.insert(key, value.as_str().expect("text").parse().expect("a value"));
    }
    let body = part("body_raw")
        .or_else(|| {
            request
                .get("body")
                .map(|body| fill(&body.to_string(), last))
        })
        .unwrap_or_default();
    let request = Request {
        route,
        params: &params,
        query: &Query::parse(query),
        headers: &headers,
        body: body.as_bytes(),
        caller: &Caller {
            own_tenant: Some("default".into()),
            open: true,
            ..Caller::default()
        },
    };
    service.send(dialect, &request)
}

/// As the vectors' own runner has it: objects may hold more, arrays match item by item.
fn assert_contains(got: &Value, want: &Value, name: &str) {
    match (got, want) {
        (Value::Object(got), Value::Object(want)) => {
            for (key, want) in want {
                let got = got.get(key);
                assert_contains(got.unwrap_or_else(|| panic!("{name}: {key}")), want, name);
            }
        }
        (Value::Array(got), Value::Array(want)) => {
            assert_eq!(got.len(), want.len(), "{name}");
            for (got, want) in got.iter().zip(want) {
                assert_contains(got, want, name);
            }
        }
        (got, want) => assert_eq!(got, want, "{name}"),
    }
}
