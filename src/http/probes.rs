//! Liveness, readiness and counters: no token, no tenant, no id, nobody's data.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;

use super::{App, answer};
use crate::dialect::Reply;
use crate::gateway::{Bus, fresh_correlation};

/// What `/readyz` says.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Readiness {
    ready: bool,
    position: u64,
    log: &'static str,
    bus: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bus_reason: Option<String>,
    published: u64,
    audit: &'static str,
    sealed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    audit_reason: Option<String>,
}

/// The process answers.
pub async fn live() -> Response {
    let reply = Reply::text(StatusCode::OK, "ok\n");
    answer::response(reply, &fresh_correlation())
}

/// The log takes commands. A broker that is away is no reason to send no requests.
pub async fn ready(State(app): State<Arc<App>>) -> Response {
    let service = &app.gateway.service;
    let writable = service.is_writable();
    let (bus, bus_reason) = match app.gateway.health.bus() {
        Bus::Off => ("off", None),
        Bus::Away => ("away", None),
        Bus::Connected => ("connected", None),
        Bus::Halted { reason } => ("halted", Some(reason)),
    };
    let status = if writable {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let audit_log = app.audit.follow();
    let signed = audit_log.borrow().clone();
    let readiness = Readiness {
        audit: if signed.halted.is_none() {
            "sealing"
        } else {
            "halted"
        },
        sealed: signed.size,
        audit_reason: signed.halted,
        ready: writable,
        position: service.head().get(),
        log: if writable { "writable" } else { "read-only" },
        bus,
        bus_reason,
        published: app.gateway.health.published(),
    };
    answer::response(Reply::json(status, &readiness), &fresh_correlation())
}

/// Counters in Prometheus' text format.
pub async fn metrics(State(app): State<Arc<App>>) -> Response {
    let text = app.metrics.render(&app.gateway);
    let mut reply = Reply::text(StatusCode::OK, &text);
    reply.headers = vec![(
        "content-type",
        "application/openmetrics-text; version=1.0.0; charset=utf-8".into(),
    )];
    answer::response(reply, &fresh_correlation())
}
