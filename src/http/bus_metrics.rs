//! How NATS is, and what was refused or passed over there, as metrics.

use std::sync::atomic::Ordering;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::gateway::{Bus, DEAD_LETTER_REASONS, Health};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

/// The metrics of the message bus. The bus counts in the gateway's health, which is taken over here.
pub struct BusMetrics {
    connected: Gauge,
    halted: Gauge,
    state: Family<StateLabels, Gauge>,
    published: Gauge,
    refused_replies: Counter,
    foreign_events: Counter,
    dead_letters: Family<ReasonLabels, Counter>,
}

impl BusMetrics {
    /// Registers the metrics of the bus.
    pub fn new(registry: &mut Registry) -> Self {
        let mut gauge = |name: &str, help: &str| {
            let gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        let connected = gauge("bus_connected", "Whether the broker is there");
        let halted = gauge("bus_halted", "Whether publishing has been stopped");
        let published = gauge("bus_published_position", "The last published position");
        let mut counter = |name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let refused_replies = counter(
            "bus_refused_replies",
            "Requests on NATS that were not carried out, for their reply subject is no inbox",
        );
        let foreign_events = counter(
            "bus_foreign_events",
            "Messages in the event stream that this service did not publish",
        );
        let state = Family::<StateLabels, Gauge>::default();
        let help = "How NATS is: 1 for the state it is in, 0 for the others";
        registry.register("bus_state", help, state.clone());
        let dead_letters = Family::<ReasonLabels, Counter>::default();
        let help = "Durable commands that could not be taken";
        registry.register("dead_letters", help, dead_letters.clone());
        for reason in DEAD_LETTER_REASONS {
            drop(dead_letters.get_or_create(&ReasonLabels { reason }));
        }
        Self {
            connected,
            halted,
            state,
            published,
            refused_replies,
            foreign_events,
            dead_letters,
        }
    }

    /// Takes over how the bus is now, and what it has counted since the start.
    pub fn set(&self, health: &Health) {
        let bus = health.bus();
        let is_halted = matches!(bus, Bus::Halted { .. } | Bus::OtherLog { .. });
        self.connected.set(i64::from(bus == Bus::Connected));
        self.halted.set(i64::from(is_halted));
        for state in Bus::STATES {
            let gauge = self.state.get_or_create(&StateLabels { state });
            gauge.set(i64::from(bus.state() == state));
        }
        let published = i64::try_from(health.published()).unwrap_or(i64::MAX);
        self.published.set(published);
        let counts = health.bus_counts();
        let set = |counter: &Counter, total| counter.inner().store(total, Ordering::Relaxed);
        set(&self.refused_replies, counts.refused_replies_total());
        set(&self.foreign_events, counts.foreign_events_total());
        for (reason, total) in counts.dead_letters_total() {
            let labels = ReasonLabels { reason };
            set(&self.dead_letters.get_or_create(&labels), total);
        }
    }
}
