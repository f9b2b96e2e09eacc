//! Counts requests of every transport, and tokens that were refused.
//!
//! No label holds a tenant, an id or anything a client sent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::{Incoming, Response, Transport};
use crate::dialect::TokenProblem;

/// The shortest request that is told from a shorter one, in seconds; each bucket is twice as wide as
/// the one before, up to about 8 s.
const FIRST_BUCKET_SECONDS: f64 = 0.000_25;
const BUCKETS: u16 = 16;
/// The time between two lines in the log about refused callers of one reason.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

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

/// The reasons for which callers are refused, each of which has a count from the start.
const AUTH_FAILURES: [&str; 5] = [
    TokenProblem::Missing.name(),
    TokenProblem::Invalid.name(),
    TokenProblem::Expired.name(),
    SESSION,
    ROLE,
];
/// The reason of a vendor's second token that is missing or not valid.
pub(super) const SESSION: &str = "session";
/// The reason of a token that has none of the roles that a route asks for.
const ROLE: &str = "role";

/// The counters of the request pipeline. Clones count together.
#[derive(Clone)]
pub struct RequestMetrics {
    seconds: Family<RequestLabels, Histogram>,
    auth_failures: Family<ReasonLabels, Counter>,
    refusal_lines: Arc<RefusalLines>,
}

impl Default for RequestMetrics {
    fn default() -> Self {
        let auth_failures = Family::<ReasonLabels, Counter>::default();
        for reason in AUTH_FAILURES {
            drop(auth_failures.get_or_create(&ReasonLabels { reason }));
        }
        Self {
            seconds: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(FIRST_BUCKET_SECONDS, 2.0, BUCKETS))
            }),
            auth_failures,
            refusal_lines: Arc::default(),
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
        let dialect = incoming.dialect.rules.name;
        let operation = incoming.route.operation.name();
        let status = response.reply.status.as_u16();
        self.observe(transport, dialect, operation, status, took);
        if transport == Transport::Nats {
            // Requests over HTTP have a line of the router's, which sees those of no route, too.
            tracing::debug!(
                correlation = response.correlation.as_str(),
                dialect,
                operation,
                status,
                milliseconds = took.as_secs_f64() * 1_000.0,
                "answered over NATS"
            );
        }
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
        self.refused(reason, "a token was refused");
    }

    /// Counts a caller whose token is good but has none of the roles that a route asks for.
    pub(super) fn role_missing(&self) {
        self.refused(ROLE, "a token has none of the roles that a route asks for");
    }

    fn refused(&self, reason: &'static str, what: &'static str) {
        let labels = ReasonLabels { reason };
        self.auth_failures.get_or_create(&labels).inc();
        if let Some(others) = self.refusal_lines.take(reason, Instant::now()) {
            tracing::info!(reason, others, "{what}");
        }
    }
}

/// The lines about refused callers: whoever is refused often must not fill the log.
#[derive(Default)]
struct RefusalLines {
    /// By reason: when the last line was written, and how many were left out since.
    last: Mutex<BTreeMap<&'static str, (Instant, u64)>>,
}

impl RefusalLines {
    /// Whether a line of this reason is due, and then how many were left out since the last one.
    fn take(&self, reason: &'static str, now: Instant) -> Option<u64> {
        let mut last = self.last.lock();
        if let Some((at, left_out)) = last.get_mut(reason)
            && now.duration_since(*at) < LINE_INTERVAL
        {
            *left_out = left_out.saturating_add(1);
            return None;
        }
        let before = last.insert(reason, (now, 0));
        Some(before.map_or(0, |(_, left_out)| left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_has_a_line_in_a_while_that_says_how_many_there_were() {
        let lines = RefusalLines::default();
        let start = Instant::now();
        assert_eq!(lines.take("expired", start), Some(0));
        for _ in 0..3 {
            assert_eq!(lines.take("expired", start), None);
        }
        assert_eq!(lines.take("invalid", start), Some(0));
        assert_eq!(lines.take("expired", start + LINE_INTERVAL), Some(3));
        assert_eq!(lines.take("expired", start + LINE_INTERVAL), None);
    }
}
