//! A collector of traces, as OpenTelemetry's exporter reaches it.

use std::borrow::Cow;
use std::time::Duration;

use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind as Kind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor,
};

use crate::cli::exit::Failure;
use crate::gateway::{Fact, Span, SpanKind, SpanSink};

/// The path that OTLP gives to traces, under the endpoint's own.
const TRACES: &str = "/v1/traces";
/// The longest time that a batch may take, and that the stop waits for the last one.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Sends spans in batches.
#[derive(Debug)]
pub struct Collector {
    batches: BatchSpanProcessor,
    scope: InstrumentationScope,
}

impl Collector {
    /// The collector at a base URL.
    ///
    /// # Errors
    /// [`Failure`] where the exporter can't be made, such as of an `OTEL_…` variable that is wrong.
    pub fn at(endpoint: &str) -> Result<Self, Failure> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}{TRACES}", endpoint.trim_end_matches('/')))
            .with_timeout(TIMEOUT)
            .build()
            .map_err(Failure::usage)?;
        let mut batches = BatchSpanProcessor::builder(exporter).build();
        let resource = Resource::builder()
            .with_service_name("contactd")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        batches.set_resource(&resource);
        Ok(Self {
            batches,
            scope: InstrumentationScope::builder("contactd").build(),
        })
    }

    /// Sends what is left.
    pub fn stop(&self) {
        if let Err(error) = self.batches.shutdown_with_timeout(TIMEOUT) {
            tracing::warn!(%error, "the last spans were not sent to the collector");
        }
    }
}

impl SpanSink for Collector {
    fn ended(&self, span: Span) {
        let flags = TraceFlags::SAMPLED;
        let trace = TraceId::from(span.trace);
        let state = TraceState::default();
        self.batches.on_end(SpanData {
            span_context: SpanContext::new(trace, SpanId::from(span.id), flags, false, state),
            parent_span_id: span.parent.map_or(SpanId::INVALID, SpanId::from),
            parent_span_is_remote: matches!(span.kind, SpanKind::Server | SpanKind::Consumer),
            span_kind: match span.kind {
                SpanKind::Server => Kind::Server,
                SpanKind::Consumer => Kind::Consumer,
                SpanKind::Internal => Kind::Internal,
                SpanKind::Producer => Kind::Producer,
            },
            name: Cow::Owned(span.name),
            start_time: span.started,
            end_time: span.started + span.took,
            attributes: span.facts.into_iter().map(attribute).collect(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: if span.failed {
                Status::error("")
            } else {
                Status::Unset
            },
            instrumentation_scope: self.scope.clone(),
        });
    }
}

fn attribute(fact: Fact) -> KeyValue {
    match fact {
        Fact::Text(name, text) => KeyValue::new(name, text),
        Fact::Number(name, number) => {
            KeyValue::new(name, i64::try_from(number).unwrap_or(i64::MAX))
        }
    }
}
