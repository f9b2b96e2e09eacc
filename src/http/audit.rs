//! The audit log, as auditors' tools expect it (C2SP tlog-tiles).
//!
//! The checkpoint, the key and the hash tiles hold nobody's data and need no token; bundles hold
//! tenants and ids, so they need `admin`, or `auditor` of every tenant. Whoever brings witnesses'
//! cosignatures needs one of these roles too, though it is the signatures that are believed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;

use super::system::{Question, Segment};
use super::{App, answer, body, cluster, system};
use crate::audit::{Coord, CosignatureError, Kind, NOTE_BYTES_MAX, ProofFile};
use crate::auth::{Principal, role};
use crate::dialect::{REGISTRY, Refusal, Reply, native};
use crate::domain::Position;
use crate::gateway::fresh_correlation;
use crate::service::AuditError;

/// A file that never changes may be kept for as long as one likes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// A bundle never changes either, but what is kept of it is the reader's alone.
const PRIVATE_FOR_EVER: &str = "private, max-age=31536000, immutable";
/// The longest that a proof waits for the cosignatures of a cluster's nodes.
const COSIGNED_TIME_MAX: Duration = Duration::from_secs(3);
/// The checkpoint is new every second.
const BRIEFLY: &str = "public, max-age=1";

/// Serves `GET /audit/checkpoint`: the latest checkpoint as a signed note.
pub async fn checkpoint(State(app): State<Arc<App>>) -> Response {
    respond(
        app.audit.checkpoint().map_err(fault).map(|note| {
            Reply::text(StatusCode::OK, &note.to_string()).with("cache-control", BRIEFLY)
        }),
    )
}

/// Serves `GET /audit/key`: the key by which checkpoints are verified.
pub async fn key(State(app): State<Arc<App>>) -> Response {
    let key = format!("{}\n", app.audit.key());
    respond(Ok(Reply::text(StatusCode::OK, &key)))
}

/// `POST /audit/cosignatures`: the checkpoint as it was served, with witnesses' lines below.
pub async fn cosignatures(question: Question, request: Request) -> Response {
    let Question { app, headers, .. } = &question;
    let sent = request.into_body();
    system::answer(&question, &ROLES, async |_principal, correlation| {
        let (limit, timeout) = (NOTE_BYTES_MAX as u64, app.limits.request_timeout);
        let note = body::read(headers, sent, limit, timeout).await?;
        let kept = format!("{}\n", cosign(app, &note)?);
        let response = answer::response(Reply::text(StatusCode::OK, &kept), correlation);
        Ok((response, app.gateway.service.head()))
    })
    .await
}

/// Keeps the cosignatures of a note; gives the number of lines kept.
fn cosign(app: &App, note: &[u8]) -> Result<usize, Refusal> {
    let refused = |must| Refusal::BadParameter { name: "body", must };
    let note = std::str::from_utf8(note).map_err(|_| refused("a signed note in UTF-8"))?;
    app.audit.cosign(note).map_err(|error| match error {
        CosignatureError::Checkpoint(_) => refused("a checkpoint that this log has signed"),
        CosignatureError::Unknown { .. } => {
            refused("cosigned by a witness that this service was started with")
        }
        CosignatureError::Wrong { .. } => refused("cosigned as C2SP tlog-cosignature has it"),
        error @ (CosignatureError::TooMany | CosignatureError::File(_)) => fault(error),
    })
}

/// Serves `GET /audit/tile/…`: tiles of hashes, and bundles of entries for auditors.
pub async fn tile(path: Segment, question: Question) -> Response {
    let Question { app, headers, .. } = &question;
    let Some(coord) = Coord::parse(&format!("tile/{}", system::text(path))) else {
        return respond(Err(Refusal::UnknownPath));
    };
    if !matches!(coord.kind(), Kind::Entries) {
        return respond(file(app, coord, FOR_EVER));
    }
    system::answer(&question, &ROLES, async |principal, correlation| {
        // A bundle holds events of every tenant, so one tenant's administrator may not read it.
        if !principal.tenants.is_every() {
            let tenant = "*".to_owned();
            return Err(Refusal::NotYours { tenant });
        }
        let reply = file(app, coord, PRIVATE_FOR_EVER)?;
        app.gateway
            .record_events_read(&principal, None, correlation, headers);
        let response = answer::response(reply, correlation);
        Ok((response, app.gateway.service.head()))
    })
    .await
}

/// `GET /audit/proof/{position}`: waits for a checkpoint that covers it.
pub async fn proof(position: Segment, question: Question) -> Response {
    let app = &question.app;
    let position = system::text(position);
    system::answer(&question, &ROLES, async |principal, correlation| {
        let proof = prove(app, &principal, &position).await?;
        let response = answer::response(Reply::text(StatusCode::OK, &proof), correlation);
        Ok((response, app.gateway.service.head()))
    })
    .await
}

const ROLES: [&str; 2] = [role::ADMIN, role::AUDITOR];

/// The bytes of a tile or bundle.
fn file(app: &App, coord: Coord, cached: &'static str) -> Result<Reply, Refusal> {
    let bytes = app.audit.tile(coord).map_err(fault)?;
    let mut reply = Reply::empty(StatusCode::OK)
        .with("content-type", "application/octet-stream")
        .with("cache-control", cached);
    reply.body = bytes.ok_or(Refusal::UnknownPath)?.to_vec();
    Ok(reply)
}

async fn prove(app: &App, principal: &Principal, position: &str) -> Result<String, Refusal> {
    let position = Position::parse(position).filter(|position| *position >= Position::FIRST);
    let position = position.ok_or(Refusal::BadParameter {
        name: "position",
        must: "a position in decimal digits, 1 or more",
    })?;
    app.gateway.has_reached(position).await?;
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
    let is_covered = matches!(waited, Ok(Ok(_)));
    drop(waited);
    if !is_covered {
        return Err(Refusal::NotThereYet);
    }
    let deadline = Instant::now() + COSIGNED_TIME_MAX;
    loop {
        let mut cosigned = app.audit.follow_cosigned();
        let proof = app.audit.prove(position).map_err(|error| match error {
            AuditError::NoSuchPosition { .. } => Refusal::NotThereYet,
            error => fault(error),
        })?;
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || is_cosigned_by_all(app, &proof) {
            return Ok(proof.to_string());
        }
        // Whatever comes of it, another look says.
        drop(tokio::time::timeout(left, cosigned.changed()).await);
    }
}

/// Whether every node of the cluster that is there has cosigned the checkpoint of a proof.
fn is_cosigned_by_all(app: &App, proof: &ProofFile) -> bool {
    let origin = app.audit.key().name();
    let mut present = cluster::present(app).into_iter();
    present.all(|node| {
        let name = format!("{origin}/{node}");
        let mut lines = proof.checkpoint().signatures().iter();
        lines.any(|line| line.name.as_str() == name)
    })
}

fn fault(error: impl std::fmt::Display) -> Refusal {
    tracing::error!(%error, "the audit log can't be read");
    Refusal::Internal
}

fn respond(reply: Result<Reply, Refusal>) -> Response {
    let reply = reply.unwrap_or_else(|refusal| native::DIALECT.refuse(&refusal));
    answer::response(reply, &fresh_correlation())
}
