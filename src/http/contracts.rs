//! The contracts, served by what they describe. They hold nobody's data, so no token is needed.

use axum::response::Response;
use http::StatusCode;

use super::answer;
use super::system::{Segment, text};
use crate::contract;
use crate::dialect::describe::JSON;
use crate::dialect::{Refusal, Reply, native};
use crate::gateway::fresh_correlation;

/// Serves `GET /openapi.json`: the description of the HTTP API.
pub async fn openapi() -> Response {
    file("openapi.json")
}

/// Serves `GET /asyncapi.json`: the description of the message bus.
pub async fn asyncapi() -> Response {
    file("asyncapi.json")
}

/// Serves `GET /schemas/{file}`: a JSON Schema of the contracts.
pub async fn schema(name: Segment) -> Response {
    file(&text(name))
}

fn file(name: &str) -> Response {
    let reply = match contract::file(name) {
        Some(text) => Reply {
            body: text.into(),
            ..Reply::empty(StatusCode::OK).with("content-type", JSON)
        },
        None => native::DIALECT.refuse(&Refusal::UnknownPath),
    };
    answer::response(reply, &fresh_correlation())
}
