//! Runs a dialect's vectors (`tests/vectors`) against the service of a few lines, so that what
//! they say of a dialect's own words holds before there is a server. Only open mode is run here.

use serde_json::{Value, json};

use super::Dialect;
use super::served::{Sent, Service};

/// Runs each of a file's vectors against a fresh service and names those that do not hold.
pub fn run(dialect: &'static dyn Dialect, file: &str) {
    let vectors: Vec<Value> = serde_json::from_str(file).expect("vectors");
    let wrong: Vec<String> = vectors
        .iter()
        .filter(|vector| vector["dialect"] == dialect.rules().name && vector["mode"] != "jwt")
        .filter_map(|vector| {
            let wrong = check(&mut Service::new(dialect), vector).err()?;
            Some(format!("{}: {wrong}", vector["name"]))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check(service: &mut Service, vector: &Value) -> Result<(), String> {
    let mut last_id = String::new();
    for step in vector["setup"].as_array().into_iter().flatten() {
        for _ in 0..step["times"].as_u64().unwrap_or(1) {
            let (status, _, body) = send(service, &step["request"], &last_id);
            if status >= 300 {
                return Err(format!("setup gave {status}: {body}"));
            }
            if let Ok(body) = serde_json::from_str::<Value>(&body) {
                match &body["id"] {
                    Value::String(id) => last_id = id.clone(),
                    Value::Number(id) => last_id = id.to_string(),
                    _ => {}
                }
            }
        }
    }
    let before = service.events.len();
    let (status, headers, text) = send(service, &vector["request"], &last_id);
    let want: Value = serde_json::from_str(&fill(&vector["expect"].to_string(), &last_id))
        .expect("what is expected");
    let body: Value = serde_json::from_str(&text).unwrap_or_default();
    let mut wrong = Vec::new();
    if want["status"] != status {
        wrong.push(format!("status {status}, body {text}"));
    }
    if let Some(equals) = want.get("body_equals").filter(|equals| **equals != body) {
        wrong.push(format!("body {body}, want {equals}"));
    }
    if let Some(part) = want
        .get("body_contains")
        .filter(|part| !contains(&body, part))
    {
        wrong.push(format!("body {body} without {part}"));
    }
    if want.get("body_text").is_some_and(|want| *want != text) {
        wrong.push(format!("body {text:?}"));
    }
    let events = service.types().split_off(before);
    if want
        .get("events")
        .is_some_and(|want| *want != json!(events))
    {
        wrong.push(format!("events {events:?}"));
    }
    for (name, value) in want["headers"].as_object().into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        if !headers
            .iter()
            .any(|(n, v)| n == name && v.starts_with(value))
        {
            wrong.push(format!("headers {headers:?}"));
        }
    }
    for (name, shape) in want["body_shape"].as_object().into_iter().flatten() {
        let found = name.split('.').try_fold(&body, |body, key| body.get(key));
        if found.is_none() != (shape == "absent") {
            wrong.push(format!("{name} in {body}"));
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("; "))
    }
}

type Headers = Vec<(&'static str, String)>;

fn send(service: &mut Service, request: &Value, last_id: &str) -> (u16, Headers, String) {
    let text = |name: &str| fill(request[name].as_str().unwrap_or_default(), last_id);
    let headers: Vec<(&str, String)> = request["headers"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), fill(value.as_str().unwrap_or(""), last_id)))
        .collect();
    let headers: Vec<_> = headers.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let body = match request.get("body") {
        Some(body) => fill(&body.to_string(), last_id),
        None => text("body_raw"),
    };
    let reply = service.send(Sent {
        method: &text("method"),
        path: &text("path"),
        headers: &headers,
        body: body.as_bytes(),
        open: true,
    });
    let body = String::from_utf8(reply.body).expect("UTF-8");
    (reply.status.as_u16(), reply.headers, body)
}

/// Fills in the placeholders of `run.py`; the service is fresh, so fixed values do.
fn fill(text: &str, last_id: &str) -> String {
    text.replace("$ECO", "87880d7e-a4d0-462e-8383-3f1e5e16865d")
        .replace("$PART", "a24e391a-c27f-4b6e-9805-1ee7e03f3c58")
        .replace("$COMPANY_ID", "4711")
        .replace("$ORG_ID", "4711")
        .replace("$ORG", "org1")
        .replace("$LAST_ID", last_id)
        .replace('$', "")
}

/// Whether a value holds another: objects may hold more, arrays match item by item.
fn contains(got: &Value, want: &Value) -> bool {
    match (got, want) {
        (Value::Object(got), Value::Object(want)) => want
            .iter()
            .all(|(key, want)| got.get(key).is_some_and(|got| contains(got, want))),
        (Value::Array(got), Value::Array(want)) => {
            got.len() == want.len() && got.iter().zip(want).all(|(got, want)| contains(got, want))
        }
        _ => got == want,
    }
}
