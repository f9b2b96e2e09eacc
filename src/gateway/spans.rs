//! Spans: how long the parts of a request took and what they belong to, in the terms of
//! [OpenTelemetry](https://opentelemetry.io/docs/specs/otel/trace/api/).
//!
//! They are made where the work is done and handed to a sink, which sends them to a collector.
//! Where there is no sink nobody makes any. A span names routes and operations, and of what a client
//! sent the correlation id alone, never a path or another header.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::domain::TraceParent;

/// The part that a span has in its trace, as OpenTelemetry divides them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// A request that was answered to whoever waited for it.
    Server,
    /// A durable command that was taken from the bus.
    Consumer,
    /// Work inside the service.
    Internal,
    /// An event that was published on the bus.
    Producer,
}

/// A fact of a span: a name of OpenTelemetry's semantic conventions or of ours, and a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A name of a route, a dialect or an operation.
    Text(&'static str, String),
    /// A status or a position.
    Number(&'static str, u64),
}

/// A piece of work that has ended.
#[derive(Clone, Debug)]
pub struct Span {
    /// The kind of work, such as `CreateContact` or `commit`.
    pub name: String,
    /// Its part in the trace.
    pub kind: SpanKind,
    /// The trace that it belongs to.
    pub trace: u128,
    /// The id of the span itself.
    pub id: u64,
    /// The span that caused it; none where it begins a trace.
    pub parent: Option<u64>,
    /// The time at which it began.
    pub started: SystemTime,
    /// The time that it took.
    pub took: Duration,
    /// What is known of it.
    pub facts: Vec<Fact>,
    /// Whether it failed by a fault of the service.
    pub failed: bool,
}

/// Takes spans that have ended. It neither waits nor fails: what it has no room for it drops, and says so.
pub trait SpanSink: Debug + Send + Sync {
    /// Takes a span that has ended.
    fn ended(&self, span: Span);
}

/// Makes spans, if somebody takes them.
#[derive(Clone, Debug, Default)]
pub struct Spans(Option<Arc<dyn SpanSink>>);

/// A piece of work that goes on.
#[derive(Debug)]
pub struct OpenSpan {
    sink: Arc<dyn SpanSink>,
    kind: SpanKind,
    trace: u128,
    id: u64,
    parent: Option<u64>,
    started: SystemTime,
    begun: Instant,
}

impl Spans {
    /// Spans for a sink.
    #[must_use]
    pub fn to(sink: Arc<dyn SpanSink>) -> Self {
        Self(Some(sink))
    }

    /// Opens the span of a request, as a child of the caller's span where one was sent. There is none
    /// where nobody takes spans, or where the caller's trace is not sampled.
    #[must_use]
    pub fn request(&self, kind: SpanKind, caller: Option<&TraceParent>) -> Option<OpenSpan> {
        let sink = self.0.as_ref()?;
        match caller {
            Some(caller) => Self::child(sink, kind, caller),
            None => Some(OpenSpan::new(sink, kind, random_u128(), None)),
        }
    }

    /// Opens the span of work that a request caused, which is none where the request has no span.
    #[must_use]
    pub fn of(&self, kind: SpanKind, cause: Option<&TraceParent>) -> Option<OpenSpan> {
        Self::child(self.0.as_ref()?, kind, cause?)
    }

    fn child(sink: &Arc<dyn SpanSink>, kind: SpanKind, parent: &TraceParent) -> Option<OpenSpan> {
        let (trace, parent) = sampled(parent)?;
        Some(OpenSpan::new(sink, kind, trace, Some(parent)))
    }
}

impl OpenSpan {
    fn new(sink: &Arc<dyn SpanSink>, kind: SpanKind, trace: u128, parent: Option<u64>) -> Self {
        Self {
            sink: sink.clone(),
            kind,
            trace,
            id: random_u64(),
            parent,
            started: SystemTime::now(),
            begun: Instant::now(),
        }
    }

    /// The context that makes others children of this span.
    #[must_use]
    pub fn context(&self) -> Option<TraceParent> {
        TraceParent::parse(&format!("00-{:032x}-{:016x}-01", self.trace, self.id))
    }

    /// Ends the span at this moment.
    pub fn end(self, name: impl Into<String>, facts: Vec<Fact>, failed: bool) {
        self.sink.ended(Span {
            name: name.into(),
            kind: self.kind,
            trace: self.trace,
            id: self.id,
            parent: self.parent,
            started: self.started,
            took: self.begun.elapsed(),
            facts,
            failed,
        });
    }
}

/// The trace and the span of a context that is sampled, whose last bit of flags says so.
fn sampled(context: &TraceParent) -> Option<(u128, u64)> {
    let mut parts = context.as_str().split('-').skip(1);
    let trace = u128::from_str_radix(parts.next()?, 16).ok()?;
    let span = u64::from_str_radix(parts.next()?, 16).ok()?;
    let flags = u8::from_str_radix(parts.next()?, 16).ok()?;
    (flags & 1 == 1).then_some((trace, span))
}

/// A new id, of which the last 62 bits are random. It is never zero, which would mean no trace.
fn random_u128() -> u128 {
    uuid::Uuid::now_v7().as_u128()
}

/// The random half of a UUID; a span's id need not be unguessable.
fn random_u64() -> u64 {
    uuid::Uuid::now_v7().as_u64_pair().1
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    #[derive(Debug, Default)]
    struct Kept(Mutex<Vec<Span>>);

    impl SpanSink for Kept {
        fn ended(&self, span: Span) {
            self.0.lock().push(span);
        }
    }

    fn context(flags: &str) -> TraceParent {
        let text = format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}");
        TraceParent::parse(&text).unwrap()
    }

    #[test]
    fn a_request_goes_on_with_the_callers_trace() {
        let kept = Arc::new(Kept::default());
        let spans = Spans::to(kept.clone());
        let span = spans
            .request(SpanKind::Server, Some(&context("01")))
            .unwrap();
        let of = span.context().unwrap();
        let child = spans.of(SpanKind::Internal, Some(&of)).unwrap();
        child.end("commit", Vec::new(), false);
        span.end("CreateContact", Vec::new(), true);
        let ended = kept.0.lock();
        let [child, span] = ended.as_slice() else {
            panic!("two spans: {ended:?}")
        };
        assert_eq!(span.trace, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        assert_eq!(span.parent, Some(0xb7ad_6b71_6920_3331));
        assert_eq!((child.trace, child.parent), (span.trace, Some(span.id)));
        assert!(span.failed && !child.failed && span.started <= child.started);
    }

    #[test]
    fn there_is_no_span_where_nobody_asks_for_one() {
        let sink = || Spans::to(Arc::new(Kept::default()));
        assert!(Spans::default().request(SpanKind::Server, None).is_none());
        let unsampled = context("00");
        assert!(sink().request(SpanKind::Server, Some(&unsampled)).is_none());
        assert!(sink().of(SpanKind::Producer, None).is_none());
        let begins = sink().request(SpanKind::Server, None).unwrap();
        assert_eq!(begins.parent, None);
        assert!(begins.context().is_some());
    }
}
