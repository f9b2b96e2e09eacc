//! The service over HTTP: sockets, limits, and the routes of every dialect.
//!
//! | file | what |
//! | --- | --- |
//! | `connections` | accepting, TLS, the orderly stop |
//! | `places` | who may hold a connection, and who gives way |
//! | `watched`, `sending` | clients that write or read too slowly, and what their answers may take |
//! | `router` | every route of every dialect, and our system |
//! | `fallback` | what is answered where no route leads |
//! | `vendor` | one vendor request: limits, token, body, answer |
//! | `events` | the event log as pages, lines or a live stream |
//! | `system` | who may ask our system questions, and how often |
//! | `audit` | tiles, checkpoints and proofs |
//! | `stats` | the statistics, and the rebuilding of views |
//! | `console` | the page for people |
//! | `probes`, `metrics` | for those who watch over the service |
//! | `contracts` | OpenAPI, AsyncAPI and JSON Schemas |
//! | `answer` | what every answer carries |
//!
//! No rule about contacts is here; nor is anything of the message bus.

mod answer;
mod audit;
mod body;
mod connections;
mod console;
mod contracts;
mod events;
mod fallback;
mod metrics;
mod places;
mod probes;
mod router;
mod sending;
mod stats;
mod system;
mod vendor;
mod watched;

use std::net::SocketAddr;
use std::time::Duration;

pub use connections::{Bound, ServeError, TlsError, bind, serve, tls_config};
pub use metrics::Metrics;
pub use places::PlaceLimits;

use crate::gateway::Gateway;
use crate::service::Audit;

/// What a request may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest body, in bytes.
    pub body_bytes_max: u64,
    /// Open connections.
    pub places: PlaceLimits,
    /// How long a request's head and body may take to arrive, each.
    pub request_timeout: Duration,
}

/// What the handlers share.
pub struct App {
    /// The way to contacts.
    pub gateway: Gateway,
    /// The audit log.
    pub audit: Audit,
    /// Counts what happens.
    pub metrics: Metrics,
    /// What a request may cost.
    pub limits: Limits,
    /// Where it listens.
    pub address: SocketAddr,
    /// Becomes true when the service stops: whoever follows it must end.
    pub stopping: tokio::sync::watch::Receiver<bool>,
}
