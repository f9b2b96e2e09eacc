//! Runs a dialect's vectors (`tests/vectors`) against a rig.

use http::StatusCode;
use serde_json::Value;

use super::{Rig, Sent};
use crate::dialect::Dialect;

/// Runs the vectors of this JSON, each on a fresh service, and returns what was wrong.
///
/// The form is that of the files in `tests/vectors`; a vector is left out where it needs the
/// transport (a token, a limit in bytes) that a rig does not have.
pub fn run_vectors(dialect: &'static dyn Dialect, tenant: &str, text: &str) -> Vec<String> {
    let vectors: Vec<Value> = serde_json::from_str(text).expect("an array of vectors");
    let open = vectors.iter().filter(|v| v["mode"] != "jwt");
    open.filter(|v| v["dialect"] == dialect.rules().name)
        .flat_map(|vector| {
            let name = vector["name"].as_str().unwrap_or_default().to_owned();
            let wrong = run_vector(Rig::open(dialect, tenant), vector);
            wrong
                .into_iter()
                .map(move |wrong| format!("{name}: {wrong}"))
        })
        .collect()
}

fn run_vector(mut rig: Rig, vector: &Value) -> Vec<String> {
    let mut last_id = String::new();
    for step in vector["setup"].as_array().into_iter().flatten() {
        for _ in 0..step["times"].as_u64().unwrap_or(1) {
            let sent = send_vector(&mut rig, &step["request"], &last_id);
            if sent.reply.status >= StatusCode::MULTIPLE_CHOICES {
                return vec![format!("setup gave {}", sent.status())];
            }
            match &sent.json()["id"] {
                Value::String(id) => last_id.clone_from(id),
                Value::Number(id) => last_id = id.to_string(),
                _ => {}
            }
        }
    }
    let sent = send_vector(&mut rig, &vector["request"], &last_id);
    let fill = |value: &Value| -> Value {
        serde_json::from_str(&filled(&value.to_string(), &last_id)).expect("JSON")
    };
    let (want, body, mut wrong) = (&vector["expect"], sent.json(), Vec::new());
    if want["status"] != sent.status() {
        wrong.push(format!(
            "status {} instead of {}",
            sent.status(),
            want["status"]
        ));
    }
    if want.get("body_equals").is_some_and(|w| fill(w) != body) {
        wrong.push(format!("body {body}"));
    }
    if want
        .get("body_contains")
        .is_some_and(|w| !contains(&body, &fill(w)))
    {
        wrong.push(format!(
            "body {body} has not all of {}",
            want["body_contains"]
        ));
    }
    for (key, shape) in want["body_shape"].as_object().into_iter().flatten() {
        if (shape == "absent") == body.get(key).is_some() {
            wrong.push(format!("body.{key} is not {shape} in {body}"));
        }
    }
    for (name, value) in want["headers"].as_object().into_iter().flatten() {
        let start = value.as_str().unwrap_or_default().split('{').next();
        let got = sent.header(&name.to_lowercase()).unwrap_or_default();
        if !got
            .to_lowercase()
            .contains(&start.unwrap_or_default().to_lowercase())
        {
            wrong.push(format!("header {name}: {got}"));
        }
    }
    if want
        .get("events")
        .is_some_and(|w| *w != Value::from(sent.events.clone()))
    {
        wrong.push(format!("events {:?}", sent.events));
    }
    wrong
}

fn send_vector(rig: &mut Rig, request: &Value, last_id: &str) -> Sent {
    let text = |value: &Value| filled(value.as_str().unwrap_or_default(), last_id);
    let body = match (request.get("body_raw"), request.get("body")) {
        (Some(raw), _) => text(raw),
        (None, Some(body)) => filled(&body.to_string(), last_id),
        (None, None) => String::new(),
    };
    let headers: Vec<(String, String)> = request["headers"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), text(value)))
        .collect();
    let headers: Vec<_> = headers
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    let method = request["method"].as_str().unwrap_or_default();
    rig.send_with(method, &text(&request["path"]), &headers, &body)
}

fn filled(text: &str, last_id: &str) -> String {
    text.replace("$LAST_ID", last_id)
        .replace("$ORG_ID", "4711")
        .replace("$COMPANY_ID", "4712")
        .replace("$ORG", "org4713")
        .replace("$ECO", "6b2f4f3c-0b0e-4c2a-9c55-0a1b2c3d4e5f")
        .replace("$PART", "7c3f4f3c-0b0e-4c2a-9c55-0a1b2c3d4e5f")
}

/// Whether everything wanted is there; objects may hold more.
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
