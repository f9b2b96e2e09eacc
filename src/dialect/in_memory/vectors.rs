//! Runs a dialect's vectors (`tests/vectors`) against the service in memory, by the rules of
//! their own runner, `run.py`: a dialect's words are checked in milliseconds, before there is a
//! server.

use serde_json::{Value, json};

use super::{InMemoryService, Sent};
use crate::domain::Timestamp;

/// Runs the vectors of this dialect, each on a fresh service like this one, and gives how many.
/// Those of jwt mode need tokens, which a service has not.
pub fn vectors_hold(fresh: &InMemoryService, text: &str) -> usize {
    let vectors: Vec<Value> = serde_json::from_str(text).expect("an array of vectors");
    let name = fresh.dialect.rules.name;
    let here = |v: &&Value| v["mode"] != "jwt" && v["dialect"] == name;
    let vectors: Vec<_> = vectors.iter().filter(here).collect();
    let wrong: Vec<String> = vectors
        .iter()
        .flat_map(|vector| {
            let wrong = run(fresh.clone(), vector).into_iter();
            wrong.map(|wrong| format!("{}: {wrong}", vector["name"]))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    vectors.len()
}

/// What is wrong with the answer to one vector.
fn run(mut service: InMemoryService, vector: &Value) -> Vec<String> {
    let mut last_id = String::new();
    for step in vector["setup"].as_array().into_iter().flatten() {
        for _ in 0..step["times"].as_u64().unwrap_or(1) {
            let sent = send(&mut service, &step["request"], &last_id);
            if sent.status() >= 300 {
                return vec![format!("setup gave {}: {}", sent.status(), sent.json())];
            }
            last_id = id_in(&sent).unwrap_or(last_id);
        }
    }
    let sent = send(&mut service, &vector["request"], &last_id);
    let want = fill(&vector["expect"].to_string(), &last_id);
    let want: Value = serde_json::from_str(&want).expect("JSON");
    let (body, mut wrong) = (sent.json(), Vec::new());
    let mut want_that = |holds: bool, what: String| {
        if !holds {
            wrong.push(what);
        }
    };
    let status = sent.status();
    want_that(want["status"] == status, format!("status {status}: {body}"));
    for (name, value) in want["headers"].as_object().into_iter().flatten() {
        let got = sent.header(&name.to_lowercase()).unwrap_or_default();
        let start = value.as_str().and_then(|v| v.split('{').next());
        let start = start.expect("text").to_lowercase();
        let holds = got.to_lowercase().contains(&start);
        want_that(holds, format!("header {name}: {got}"));
    }
    if let Some(text) = want.get("body_text") {
        let got = String::from_utf8_lossy(&sent.reply.body);
        want_that(*text == *got, format!("body {got:?}"));
    }
    if let Some(equals) = want.get("body_equals") {
        want_that(*equals == body, format!("body {body}, want {equals}"));
    }
    if let Some(part) = want.get("body_contains") {
        let holds = contains(&body, part);
        want_that(holds, format!("body {body} without {part}"));
    }
    for (path, shape) in want["body_shape"].as_object().into_iter().flatten() {
        let value = path.split('.').try_fold(&body, |value, key| value.get(key));
        let shape = shape.as_str().expect("a shape");
        let holds = value.map_or(shape == "absent", |value| has_shape(value, shape));
        want_that(holds, format!("{path} is no {shape}: {body}"));
    }
    if let Some(events) = want.get("events") {
        let holds = *events == json!(sent.events);
        want_that(holds, format!("events {:?}", sent.events));
    }
    wrong
}

fn send(service: &mut InMemoryService, request: &Value, last_id: &str) -> Sent {
    let text = |value: &Value| fill(value.as_str().unwrap_or_default(), last_id);
    let body = match (request.get("body_raw"), request.get("body")) {
        (Some(raw), _) => text(raw),
        (None, Some(body)) => fill(&body.to_string(), last_id),
        (None, None) => String::new(),
    };
    let headers = request["headers"].as_object().into_iter().flatten();
    let headers: Vec<(&str, String)> = headers.map(|(name, v)| (name.as_str(), text(v))).collect();
    let headers: Vec<_> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let method = request["method"].as_str().expect("a method");
    service.send_with(method, &text(&request["path"]), &headers, body)
}

/// The id that an answer gives: its own, its first item's, or the last number of its `Location`.
fn id_in(sent: &Sent) -> Option<String> {
    let body = sent.json();
    let id = body.get("id").or_else(|| body.pointer("/data/0/id"));
    match id {
        Some(Value::String(id)) => Some(id.clone()),
        Some(Value::Number(id)) => Some(id.to_string()),
        _ => {
            let mut parts = sent
                .header("location")?
                .rsplit(|c: char| !c.is_ascii_digit());
            parts.find(|part| !part.is_empty()).map(str::to_owned)
        }
    }
}

/// Fills in the placeholders; the service is fresh, so fixed values do.
fn fill(text: &str, last_id: &str) -> String {
    text.replace("$LAST_ID", last_id)
        .replace("$ECO", "87880d7e-a4d0-462e-8383-3f1e5e16865d")
        .replace("$PART", "a24e391a-c27f-4b6e-9805-1ee7e03f3c58")
        .replace("$COMPANY_ID", "4711")
        .replace("$ORG_ID", "4711")
        .replace("$ORG", "org1")
        .replace("$TOKEN", "TOKEN")
        .replace("$SESSION", "SESSION")
}

/// Whether a value is of a shape that `run.py` knows.
fn has_shape(value: &Value, shape: &str) -> bool {
    let text = value.as_str();
    let time = || text.and_then(Timestamp::parse).map(|time| time.to_string());
    let is_time = || text.is_some() && time().as_deref() == text;
    let upper_hex = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
    match shape {
        "absent" => false,
        "uuid" => text
            .and_then(|text| uuid::Uuid::try_parse(text).ok())
            .is_some_and(|id| Some(id.to_string().as_str()) == text),
        "hex32" => text.is_some_and(|text| text.len() == 32 && text.bytes().all(upper_hex)),
        "iso8601_ms" => is_time(),
        "null_or_iso8601_ms" => value.is_null() || is_time(),
        "string" => text.is_some(),
        "int" => value.is_i64() || value.is_u64(),
        "bool" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "array<string>" => value
            .as_array()
            .is_some_and(|items| items.iter().all(Value::is_string)),
        other => panic!("no shape {other}"),
    }
}

/// Whether a value holds another: objects may hold more, arrays match item by item.
fn contains(got: &Value, want: &Value) -> bool {
    match (got, want) {
        (Value::Object(got), Value::Object(want)) => want
            .iter()
            .all(|(key, want)| got.get(key).is_some_and(|got| contains(got, want))),
        (Value::Array(got), Value::Array(want)) => {
            got.len() == want.len() && got.iter().zip(want).all(|(g, w)| contains(g, w))
        }
        (got, want) => got == want,
    }
}
