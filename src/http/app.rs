//! What the HTTP handlers share.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, watch};

use super::{Metrics, PlaceLimits, Streams};
use crate::cluster::{Event, Status};
use crate::gateway::Gateway;
use crate::service::Audit;

/// What a connection and a request may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most connections that may be open at a time, in all and for one address.
    pub places: PlaceLimits,
    /// The longest time that a request's head may take to arrive, and its body again.
    pub request_timeout: Duration,
}

/// What the handlers share.
pub struct App {
    /// Handles requests of every transport.
    pub gateway: Gateway,
    /// The audit log: tiles, checkpoints and proofs.
    pub audit: Audit,
    /// The counters that `/metrics` shows.
    pub metrics: Metrics,
    /// What a connection and a request may cost.
    pub limits: Limits,
    /// The streams of events that are open.
    pub streams: Streams,
    /// The time at which the process was started.
    pub started: SystemTime,
    /// The address that the service listens on.
    pub address: SocketAddr,
    /// Becomes true when the service stops: whoever follows it must end.
    pub stopping: watch::Receiver<bool>,
    /// The cluster that this node is in; `None` where the service is alone.
    pub cluster: Option<Cluster>,
}

/// The cluster of a node: what it sees of it, and a way to tell it what an operator wants.
pub struct Cluster {
    /// What the node sees; `None` before it has begun.
    pub status: watch::Receiver<Option<Status>>,
    /// Takes what the node is told.
    pub events: mpsc::Sender<Event>,
    /// The directories in which logs lie that were set aside.
    pub set_aside: Vec<String>,
}
