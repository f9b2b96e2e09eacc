//! The dialect's vectors, by the rules of their own runner.

use http::HeaderMap;
use serde_json::{Value, json};

use super::Service;
use super::service::Seen;
use crate::domain::Timestamp;

/// Each vector of this dialect that open mode answers holds, its events too.
#[test]
fn the_vectors_hold() {
    let vectors: Vec<Value> =
        serde_json::from_str(include_str!("../../../../tests/vectors/oracle.json")).expect("JSON");
    for vector in vectors.iter().filter(|v| v["mode"] != "jwt") {
        hold(vector);
    }
}

fn hold(vector: &Value) {
    let name = vector["name"].as_str().expect("a name");
    let mut service = Service::default();
    let mut last = String::new();
    let setup = vector["setup"].as_array().cloned().unwrap_or_default();
    for step in setup {
        for _ in 0..step["times"].as_u64().unwrap_or(1) {
            let seen = play(&mut service, &step["request"], &last);
            assert!(seen.reply.status.is_success(), "{name}");
            if let Some(id) = seen.body()["id"].as_str() {
                id.clone_into(&mut last);
            }
        }
    }
    let seen = play(&mut service, &vector["request"], &last);
    let want = &vector["expect"];
    assert_eq!(json!(seen.reply.status.as_u16()), want["status"], "{name}");
    if let Some(events) = want.get("events") {
        assert_eq!(json!(seen.events), *events, "{name}");
    }
    let body = seen.body();
    let fill = |value: &Value| -> Value {
        serde_json::from_str(&value.to_string().replace("$LAST_ID", &last)).expect("JSON")
    };
    if let Some(exact) = want.get("body_equals") {
        assert_eq!(body, fill(exact), "{name}");
    }
    if let Some(part) = want.get("body_contains") {
        assert_contains(&body, &fill(part), name);
    }
    let shapes = want["body_shape"].as_object().cloned().unwrap_or_default();
    for (path, shape) in shapes {
        let value = path.split('.').try_fold(&body, |value, key| value.get(key));
        let hex = |text: &str| {
            let upper = |b: u8| b.is_ascii_digit() || (b'A'..=b'F').contains(&b);
            text.len() == 32 && text.bytes().all(upper)
        };
        let holds = match (shape.as_str().expect("a shape"), value) {
            ("absent", value) => value.is_none(),
            ("object", Some(value)) => value.is_object(),
            ("string", Some(value)) => value.is_string(),
            ("array", Some(value)) => value.is_array(),
            ("hex32", Some(value)) => value.as_str().is_some_and(hex),
            ("int", Some(value)) => value.is_u64(),
            ("iso8601_ms", Some(value)) => {
                let time = value.as_str().and_then(Timestamp::parse);
                time.is_some_and(|time| *value == time.to_string())
            }
            _ => false,
        };
        assert!(holds, "{name}: {path} is no {shape}: {body}");
    }
}

fn play(service: &mut Service, request: &Value, last: &str) -> Seen {
    let text = |name: &str| request[name].as_str().map(|t| t.replace("$LAST_ID", last));
    let mut headers = HeaderMap::new();
    for (key, value) in request["headers"].as_object().into_iter().flatten() {
        let key: http::HeaderName = key.parse().expect("a header");
        headers.insert(
            key,
            value.as_str().expect("text").parse().expect("a header"),
        );
    }
    let body = text("body_raw").or_else(|| {
        let body = request.get("body")?;
        Some(body.to_string().replace("$LAST_ID", last))
    });
    let (method, path) = (text("method").expect("one"), text("path").expect("one"));
    service.send(
        &method,
        &path,
        &headers,
        body.unwrap_or_default().as_bytes(),
    )
}

/// As the vectors' own runner has it: objects may hold more, arrays match item by item.
fn assert_contains(got: &Value, want: &Value, name: &str) {
    match (got, want) {
        (Value::Object(got), Value::Object(want)) => {
            for (key, want) in want {
                let got = got.get(key);
                assert_contains(got.unwrap_or(&Value::Null), want, name);
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
