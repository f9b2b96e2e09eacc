//! Sends traces to a collector, by OTLP over HTTP. The spans are the gateway's and the publisher's;
//! what is here hands them to OpenTelemetry's own exporter, which sends them in batches from a thread
//! of its own and drops those for which its queue has no room, with a warning.

#[cfg(feature = "opentelemetry")]
mod collector;

use super::exit::Failure;
use crate::gateway::Spans;

/// The spans that are sent to a collector, if one was named.
pub struct Traces {
    /// Makes spans for the collector, or none.
    pub spans: Spans,
    #[cfg(feature = "opentelemetry")]
    collector: Option<std::sync::Arc<collector::Collector>>,
}

impl Traces {
    /// Begins to send to the collector at a URL that [`plan::collector`](super::plan::collector)
    /// has found good.
    ///
    /// # Errors
    /// [`Failure`] where the exporter can't be made.
    #[cfg(feature = "opentelemetry")]
    pub fn to(endpoint: Option<&str>) -> Result<Self, Failure> {
        let collector = endpoint.map(collector::Collector::at).transpose()?;
        let collector = collector.map(std::sync::Arc::new);
        let spans = collector.clone().map(|sink| Spans::to(sink));
        Ok(Self {
            spans: spans.unwrap_or_default(),
            collector,
        })
    }

    /// No spans: this build can send none, and [`plan::collector`](super::plan::collector) has
    /// refused every collector.
    ///
    /// # Errors
    /// There are none.
    #[cfg(not(feature = "opentelemetry"))]
    pub fn to(_: Option<&str>) -> Result<Self, Failure> {
        let spans = Spans::default();
        Ok(Self { spans })
    }

    /// Sends what has not been sent yet, for a few seconds at most. It waits for the network.
    pub fn stop(self) {
        #[cfg(feature = "opentelemetry")]
        if let Some(collector) = self.collector {
            collector.stop();
        }
    }
}
