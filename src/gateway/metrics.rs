//! Counts requests of every transport, and tokens that were refused.
//!
//! No label holds a tenant, an id or anything a client sent.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::{Incoming, Response, Transport};

/// The shortest request that is told from a shorter one, in seconds; each bucket is twice as wide as
/// the one before, up to about 8 s.
const FIRST_BUCKET_SECONDS: f64 = 0.000_25;
const BUCKETS: u16 = 16;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    transport: &'static str,
    dialect: &'static str,
    operation: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

/// The counters of the request pipeline. Clones count together.
#[derive(Clone)]
pub struct RequestMetrics {
    seconds: Family<RequestLabels, Histogram>,
    auth_failures: Family<ReasonLabels, Counter>,
}

impl Default for RequestMetrics {
    fn default() -> Self {
        Self {
            seconds: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(FIRST_BUCKET_SECONDS, 2.0, BUCKETS))
            }),
            auth_failures: Family::default(),
        }
    }
}

impl RequestMetrics {
    /// Makes the counters known to a registry, which a scrape reads.
    pub fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "request_duration",
            "Time from a request's arrival to its response",
            Unit::Seconds,
            self.seconds.clone(),
        );
        registry.register(
            "auth_failures",
            "Tokens that were refused, and roles that were missing",
            self.auth_failures.clone(),
        );
    }

    /// Counts a request to a route, with the time that its response took.
    pub fn request(
        &self,
        transport: Transport,
        incoming: &Incoming<'_>,
        response: &Response,
        took: Duration,
    ) {
        let dialect = incoming.dialect.rules().name;
        let operation = incoming.route.operation.name();
        let status = response.reply.status.as_u16();
        self.observe(transport, dialect, operation, status, took);
    }

    /// Counts a request that no route takes.
    pub fn unrouted(
        &self,
        transport: Transport,
        dialect: &'static str,
        status: u16,
        took: Duration,
    ) {
        self.observe(transport, dialect, "none", status, took);
    }

    fn observe(
        &self,
        transport: Transport,
        dialect: &'static str,
        operation: &'static str,
        status: u16,
        took: Duration,
    ) {
        let labels = RequestLabels {
            transport: transport.name(),
            dialect,
            operation,
            status,
        };
        self.seconds
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    /// Counts a token that was refused, and says why in the log.
    pub(super) fn auth_failure(&self, reason: &'static str) {
        tracing::info!(reason, "a token was refused");
        self.auth_failures
            .get_or_create(&ReasonLabels { reason })
            .inc();
    }

    /// Counts a caller whose token is good but has none of the roles that a route asks for.
    pub(super) fn role_missing(&self) {
        let reason = "role";
        self.auth_failures
            .get_or_create(&ReasonLabels { reason })
            .inc();
    }
}
