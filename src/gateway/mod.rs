//! Requests of every transport, from the caller's token to the vendor's reply.
//!
//! A transport hands over an [`Incoming`] and a body, and carries a
//! [`Response`] back. Between the two, [`Gateway::handle`] admits the caller,
//! counts the request against the caller's allowance, checks the body's size,
//! has the dialect decode the request into a `Call`, carries the call out on
//! the service, and counts the response. Durable commands take the same steps
//! one by one, because they wait where a request is refused.
//!
//! | file | what is there |
//! | --- | --- |
//! | `gateway` | what every transport shares: service, keys, settings |
//! | `incoming`, `response` | a request, and the response to it |
//! | `pipeline` | the steps in their order |
//! | `admission` | tokens, roles, rate, size |
//! | `answer` | owner, idempotency, decoding; the context of a command |
//! | `idempotency` | what an idempotency key stands for |
//! | `perform`, `find` | carrying a call out on the service |
//! | `forward`, `carrier` | a write on its way to the node that leads |
//! | `read_audit`, `read_forward` | the records of reads, and their way to the node that leads |
//! | `refused` | the service's errors as refusals |
//! | `stats` | the statistics that a caller may see |
//! | `stopped` | the end of the service |
//! | `health`, `metrics`, `spans` | the state of the process, its counters, and what took how long |
//! | `broker`, `bus_view`, `resend` | what a broker is asked for operators, what they see of it, and dead letters sent again |
//!
//! Sockets and message subjects are in the floors above.

mod admission;
mod answer;
mod broker;
mod bus_view;
mod carrier;
mod find;
mod forward;
#[expect(
    clippy::module_inception,
    reason = "the floor is named after the type that it is about"
)]
mod gateway;
mod health;
mod idempotency;
mod incoming;
mod metrics;
mod perform;
mod pipeline;
mod read_audit;
mod read_forward;
mod refused;
mod resend;
mod response;
mod spans;
mod stats;
mod stopped;

pub use admission::OverLimit;
pub use broker::{
    Broker, CONSUMERS_MAX, Consumer, DEAD_LETTERS_MAX, DeadLetter, Listed, Look, Looking,
    NotResent, Resending, Resent, Sign,
};
pub use bus_view::BusView;
pub use carrier::{Forward, Forwarded, Forwarding};
pub use gateway::{Gateway, Settings};
pub use health::{Bus, BusCounts, DEAD_LETTER_REASONS, Health};
pub use incoming::{Incoming, Origin, Transport, fresh_correlation, unix_seconds};
pub use metrics::RequestMetrics;
pub use perform::{REPLAYED, sees_contents};
pub use pipeline::Traced;
pub use response::{Disposition, Response, quota_headers, stale_header};
pub use spans::{Fact, OpenSpan, Span, SpanKind, SpanSink, Spans};
pub use stats::{Counts, Stats, StatsAsk, TENANTS_MAX};
pub use stopped::stopped;
