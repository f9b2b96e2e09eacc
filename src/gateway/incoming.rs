//! A request as a transport hands it over: everything but its body.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use uuid::Uuid;

use super::spans::OpenSpan;
use crate::dialect::{Dialect, Query, Refusal, Route};
use crate::domain::{Correlation, TraceParent};

/// A request without its body.
#[derive(Clone, Debug)]
pub struct Incoming<'a> {
    /// The dialect whose route it came in by.
    pub dialect: &'static Dialect,
    /// The route that the path and the method name.
    pub route: &'static Route,
    /// The path's parameters by name, percent-decoded.
    pub params: &'a [(String, String)],
    /// The ids of the owner, where the transport names them beside the path; a message subject
    /// does.
    pub owner_ids: Option<&'a [String]>,
    /// The parameters of the query.
    pub query: &'a Query,
    /// The headers of the request.
    pub headers: &'a HeaderMap,
    /// The idempotency key, where the transport gives one; it wins over the header.
    pub durable_key: Option<&'a str>,
    /// The id that ties together everything that comes of the request.
    pub correlation: Correlation,
    /// The context of the span that was opened for the request; it stands in the caller's place.
    pub span: Option<TraceParent>,
}

/// The transport and the place that a request came from.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// The transport that brought it.
    pub transport: Transport,
    /// The address that anonymous callers share a rate limit by; the unspecified address where the
    /// transport tells none.
    pub address: IpAddr,
}

/// A transport, as metrics name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// The request came over HTTP.
    Http,
    /// NATS: requests that wait for a reply, and durable commands.
    Nats,
}

impl Transport {
    /// The value of the label `transport`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Nats => "nats",
        }
    }
}

impl Incoming<'_> {
    /// The trace context of what comes of the request: of its span, or else the caller's, where a
    /// well-formed `traceparent` was sent (W3C Trace Context).
    pub(super) fn traceparent(&self) -> Option<TraceParent> {
        self.span.clone().or_else(|| traceparent(self.headers))
    }

    /// Checks that what only one header can say is said once: of two, one would be passed over.
    ///
    /// # Errors
    /// 400 for the first that is there twice.
    pub(super) fn says_each_once(&self) -> Result<(), Refusal> {
        let twice = |name: &&&str| self.headers.get_all(**name).iter().count() > 1;
        match ONCE.iter().find(twice) {
            Some(name) => Err(Refusal::BadParameter {
                name,
                must: "sent once",
            }),
            None => Ok(()),
        }
    }

    /// The request in a span.
    pub(super) fn within(&self, span: &OpenSpan) -> Self {
        Self {
            span: span.context(),
            ..self.clone()
        }
    }
}

/// The headers of which a request may have one: those that are read and are no lists.
const ONCE: [&str; 9] = [
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "Contact-Correlation",
    "Contact-Log",
    "Contact-Min-Position",
    "X-Api-Key",
    "X-Org-Id",
    "X-Session-Token",
];

/// The trace context of a request's headers, where it is well formed.
pub(super) fn traceparent(headers: &HeaderMap) -> Option<TraceParent> {
    TraceParent::parse(headers.get("traceparent")?.to_str().ok()?)
}

/// A new correlation id: a UUIDv7.
#[must_use]
pub fn fresh_correlation() -> Correlation {
    Correlation::from_uuid(Uuid::now_v7())
}

/// The present time in seconds since 1970.
#[must_use]
pub fn unix_seconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
