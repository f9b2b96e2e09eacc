//! The gateway itself: what every transport shares.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;

use super::carrier::Forward;
use super::{Health, RequestMetrics, Spans};
use crate::auth::{Authenticator, Mode, OwnKey, RateLimiter};
use crate::dialect::Seal;
use crate::keys::CursorKey;
use crate::service::Service;

/// Options for treating requests, as the operator configured them.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Whether an update or a delete must name the version it changes (`If-Match`), else 428.
    pub require_if_match: bool,
    /// Whether reads of every dialect are recorded, not only of those whose vendor records them.
    pub audit_reads: bool,
    /// The longest time a request waits for a view to catch up.
    pub request_timeout: Duration,
    /// The largest body of a request or of a durable command, in bytes.
    pub body_bytes_max: u64,
}

/// Handles requests of every transport. Clones share everything.
#[derive(Clone)]
pub struct Gateway {
    /// The id of the log, without which its positions mean nothing.
    pub log_id: Arc<str>,
    /// The contacts: commands go in, views are read.
    pub service: Service,
    /// Authenticates callers by their tokens.
    pub authenticator: Arc<Authenticator>,
    /// The data directory's own key, which signs short-lived tokens; an operator may replace it.
    pub own_key: Arc<RwLock<OwnKey>>,
    /// Options for treating requests.
    pub settings: Settings,
    /// Limits how often one caller may send; `None` limits nobody.
    pub rate: Option<Arc<RateLimiter>>,
    /// The state of the other parts of the process.
    pub health: Health,
    /// Counts requests and refused tokens.
    pub metrics: RequestMetrics,
    /// Makes spans, where traces are sent to a collector.
    pub spans: Spans,
    /// Carries writes to the node that leads; `None` where there is one node.
    pub forward: Option<Arc<dyn Forward>>,
}

impl Seal for CursorKey {
    fn seal(&self, text: &str) -> Vec<u8> {
        self.seal(text)
    }

    fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        self.open(sealed)
    }
}

impl Gateway {
    /// The age of what this node knows, where it has not heard of its cluster's leader for longer
    /// than a moment.
    #[must_use]
    pub fn stale(&self) -> Option<Duration> {
        self.forward.as_ref()?.stale()
    }

    /// Whether the service is in open mode, where nobody needs a token.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.authenticator.mode() == Mode::Open
    }
}
