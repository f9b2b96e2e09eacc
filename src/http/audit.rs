//! The audit log, as auditors' tools expect it (C2SP tlog-tiles).
//!
//! The checkpoint, the key and the hash tiles hold nobody's data and need no token; bundles hold
//! tenants and ids, so they need `admin`, or `auditor` of every tenant.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::{App, answer};
use crate::audit::{Coord, Kind};
use crate::auth::role;
use crate::dialect::{Dialect, REGISTRY, Refusal, Reply, native};
use crate::domain::Position;
use crate::gateway::{fresh_correlation, unix_seconds};
use crate::service::AuditError;

/// A file that never changes may be kept for as long as one likes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// A bundle never changes either, but what is kept of it is the reader's alone.
const PRIVATE_FOR_EVER: &str = "private, max-age=31536000, immutable";
/// The checkpoint is new every second.
const BRIEFLY: &str = "public, max-age=1";

/// `GET /audit/checkpoint`.
pub async fn checkpoint(State(app): State<Arc<App>>) -> Response {
    respond(
        app.audit.checkpoint().map_err(fault).map(|note| {
            Reply::text(StatusCode::OK, &note.to_string()).with("cache-control", BRIEFLY)
        }),
    )
}

/// `GET /audit/key`.
pub async fn key(State(app): State<Arc<App>>) -> Response {
    let key = format!("{}\n", app.audit.key());
    respond(Ok(Reply::text(StatusCode::OK, &key)))
}

/// `GET /audit/tile/…`.
pub async fn tile(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    // What is no UTF-8 is the path of nothing.
    let path = path.map_or_else(|_| String::new(), |Path(path)| path);
    let Some(coord) = Coord::parse(&format!("tile/{path}")) else {
        return respond(Err(Refusal::UnknownPath));
    };
    let entries = matches!(coord.kind(), Kind::Entries);
    if entries && let Err(refusal) = may_read_entries(&app, &headers).await {
        return respond(Err(refusal));
    }
    let found = app.audit.tile(coord).map_err(fault);
    respond(found.and_then(|bytes| {
        let bytes = bytes.ok_or(Refusal::UnknownPath)?;
        let cached = if entries { PRIVATE_FOR_EVER } else { FOR_EVER };
        let mut reply = Reply::empty(StatusCode::OK)
            .with("content-type", "application/octet-stream")
            .with("cache-control", cached);
        reply.body = bytes.to_vec();
        Ok(reply)
    }))
}

/// `GET /audit/proof/{position}`: waits for a checkpoint that covers it.
pub async fn proof(
    State(app): State<Arc<App>>,
    position: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    let position = position.map_or_else(|_| String::new(), |Path(position)| position);
    let proved = prove(&app, &position, &headers).await;
    let mut response = respond(proved.map(|text| Reply::text(StatusCode::OK, &text)));
    if response.status() != StatusCode::UNAUTHORIZED {
        answer::at(&mut response, app.gateway.service.head());
    }
    response
}

async fn prove(app: &App, position: &str, headers: &HeaderMap) -> Result<String, Refusal> {
    let principal = app.gateway.authenticate(headers, unix_seconds()).await?;
    if !principal.has_any(&[role::ADMIN, role::AUDITOR]) {
        return Err(Refusal::Forbidden);
    }
    let position = position.parse().map(Position::new);
    let position = position.map_err(|_| Refusal::BadParameter {
        name: "position",
        must: "a position in decimal digits",
    })?;
    let record = app.gateway.service.record(position).map_err(fault)?;
    let owner = record.map(|record| record.event.header.owner);
    let visible = owner.is_some_and(|owner| {
        let rules = REGISTRY.get(owner.dialect());
        rules.is_some_and(|rules| principal.may(rules.name, owner.tenant()))
    });
    if !visible {
        return Err(Refusal::UnknownPath);
    }
    let mut latest = app.audit.follow();
    let covered = latest.wait_for(|signed| signed.size >= position.get());
    let waited = tokio::time::timeout(app.limits.request_timeout, covered).await;
    if !matches!(waited, Ok(Ok(_))) {
        return Err(Refusal::NotThereYet);
    }
    match app.audit.prove(position) {
        Ok(proof) => Ok(proof.to_string()),
        Err(AuditError::NoSuchPosition { .. }) => Err(Refusal::NotThereYet),
        Err(error) => Err(fault(error)),
    }
}

async fn may_read_entries(app: &App, headers: &HeaderMap) -> Result<(), Refusal> {
    let principal = app.gateway.authenticate(headers, unix_seconds()).await?;
    // A bundle holds events of every tenant, so one tenant's administrator may not read it.
    let role = principal.has_any(&[role::ADMIN, role::AUDITOR]);
    if role && principal.tenants.is_every() {
        Ok(())
    } else {
        Err(Refusal::Forbidden)
    }
}

fn fault(error: impl std::fmt::Display) -> Refusal {
    tracing::error!(%error, "the audit log can't be read");
    Refusal::Internal
}

fn respond(reply: Result<Reply, Refusal>) -> Response {
    let reply = reply.unwrap_or_else(|refusal| native::Native.refuse(&refusal));
    answer::response(reply, &fresh_correlation())
}
