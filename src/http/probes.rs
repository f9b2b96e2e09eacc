//! Liveness, readiness and counters: no token, no tenant, no id, nobody's data.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use super::{App, answer, cluster, exposition, vitals};
use crate::dialect::Reply;
use crate::domain::{Closed, Position};
use crate::gateway::{Bus, fresh_correlation};
use crate::service::{Stop, ViewStatus};

/// The body of `GET /readyz`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Readiness {
    ready: bool,
    position: u64,
    log: &'static str,
    /// The code of the reason for which the log takes no commands.
    #[serde(skip_serializing_if = "Option::is_none")]
    closed: Option<&'static str>,
    /// A sentence about that reason, with what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    log_reason: Option<&'static str>,
    bus: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bus_reason: Option<String>,
    published: u64,
    /// Messages in the event stream that this service did not publish.
    foreign_events: u64,
    audit: &'static str,
    sealed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    audit_reason: Option<String>,
    /// What could not be read or mended of the log, sealed files and keys: an operator must look.
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<String>,
    /// The role of this node, where the service is in a cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'static str>,
    views: Vec<ViewReadiness>,
}

/// The condition of a view.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ViewReadiness {
    name: &'static str,
    version: u32,
    position: u64,
    /// The position that the view being rebuilt beside it has reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    rebuilding: Option<u64>,
    /// The event that stopped it: it answers nothing until a rebuild gets past that event.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<StopBody>,
    /// The event that stopped the last rebuild.
    #[serde(skip_serializing_if = "Option::is_none")]
    rebuild_stopped: Option<StopBody>,
}

/// An event that can't be folded.
#[derive(Serialize)]
struct StopBody {
    position: u64,
    reason: String,
}

impl From<Stop> for StopBody {
    fn from(Stop { position, reason }: Stop) -> Self {
        Self {
            position: position.get(),
            reason,
        }
    }
}

impl From<ViewStatus> for ViewReadiness {
    fn from(status: ViewStatus) -> Self {
        let ViewStatus {
            name,
            version,
            position,
            stopped,
            rebuilding,
            rebuilt: _,
            rebuild_stopped,
        } = status;
        Self {
            name,
            version,
            position: position.get(),
            rebuilding: rebuilding.map(Position::get),
            stopped: stopped.map(StopBody::from),
            rebuild_stopped: rebuild_stopped.map(StopBody::from),
        }
    }
}

/// Serves `GET /healthz`: the process answers.
pub async fn live() -> Response {
    let reply = Reply::text(StatusCode::OK, "ok\n");
    answer::response(reply, &fresh_correlation())
}

/// The log takes commands, the views are close to its head, the broker does not serve another log
/// under this prefix, and a node of a cluster is in it and not far behind. A broker that is away is no reason to send no requests, nor is a view that
/// an event has stopped: sending them elsewhere heals neither.
pub async fn ready(State(app): State<Arc<App>>) -> Response {
    let service = &app.gateway.service;
    let closed = service.closed();
    let bus = app.gateway.health.bus();
    let is_other_log = matches!(bus, Bus::OtherLog { .. });
    let node = cluster::readiness(&app);
    let serves = node.is_none_or(|(_, serves)| serves);
    let ready = closed.is_none() && service.views_caught_up() && !is_other_log && serves;
    let status = if ready {
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
        damage: service.scrubbed().and_then(|found| found.failure),
        ready,
        position: service.head().get(),
        log: if closed.is_none() {
            "writable"
        } else {
            "read-only"
        },
        closed: closed.map(Closed::name),
        log_reason: closed.map(Closed::message),
        bus: bus.state(),
        bus_reason: bus.reason().map(str::to_owned),
        published: app.gateway.health.published(),
        foreign_events: app.gateway.health.bus_counts().foreign_events_total(),
        cluster: node.map(|(role, _)| role),
        views: service.views().statuses().map(ViewReadiness::from).into(),
    };
    answer::response(Reply::json(status, &readiness), &fresh_correlation())
}

/// Counters, in OpenMetrics where that is asked for, else in Prometheus' text format.
pub async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let mut open = app.metrics.render(&app.gateway);
    open.push_str(&vitals::render(&app));
    open.push_str("# EOF\n");
    let (text, form) = if exposition::asks_for_open_metrics(&headers) {
        (open, exposition::OPEN_METRICS)
    } else {
        (exposition::to_prometheus(&open), exposition::PROMETHEUS)
    };
    let mut reply = Reply::text(StatusCode::OK, &text);
    reply.headers = vec![("content-type", form.into())];
    let mut response = answer::response(reply, &fresh_correlation());
    answer::vary_by_accept(&mut response);
    response
}
