//! Counts what happens, in the text format of Prometheus (OpenMetrics 1.0).
//!
//! No label holds a tenant, an id or anything a client sent.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::bus_metrics::BusMetrics;
use crate::gateway::{Gateway, RequestMetrics};
use crate::service::Service;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ViewLabels {
    view: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

/// The gauges of the views that follow the log.
struct ViewGauges {
    position: Family<ViewLabels, Gauge>,
    behind: Family<ViewLabels, Gauge>,
    stopped: Family<ViewLabels, Gauge>,
    rebuilding: Family<ViewLabels, Gauge>,
}

impl ViewGauges {
    fn new(registry: &mut Registry) -> Self {
        let mut gauge = |name: &str, help: &str| {
            let gauge = Family::<ViewLabels, Gauge>::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        Self {
            position: gauge("view_position", "The position a view has reached"),
            behind: gauge("view_behind_events", "How far a view is behind the log"),
            stopped: gauge(
                "view_stopped_position",
                "The event that stopped a view, or 0",
            ),
            rebuilding: gauge(
                "view_rebuilding_position",
                "How far a rebuild has come, or -1",
            ),
        }
    }

    fn set(&self, service: &Service) {
        let head = service.head().get();
        for status in service.views().statuses() {
            let labels = ViewLabels { view: status.name };
            let set = |family: &Family<ViewLabels, Gauge>, value| {
                family.get_or_create(&labels).set(value);
            };
            let position = status.position.get();
            let stopped = status.stopped.map_or(0, |stop| stop.position.get());
            set(&self.position, number(position));
            set(&self.behind, number(head.saturating_sub(position)));
            set(&self.stopped, number(stopped));
            set(
                &self.rebuilding,
                status.rebuilding.map_or(-1, |at| number(at.get())),
            );
        }
    }
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The counters of a running service.
pub struct Metrics {
    registry: Registry,
    connections: Gauge,
    connections_ended: Family<ReasonLabels, Counter>,
    head: Gauge,
    queued: Gauge,
    writable: Gauge,
    bus: BusMetrics,
    views: ViewGauges,
}

impl Metrics {
    /// The gauges of the process, beside the counters of the request pipeline.
    #[must_use]
    pub fn new(requests: &RequestMetrics) -> Self {
        let mut registry = Registry::with_prefix("contactd");
        requests.register(&mut registry);
        let connections_ended = Family::<ReasonLabels, Counter>::default();
        registry.register(
            "connections_ended",
            "Connections that the service refused or ended, by reason",
            connections_ended.clone(),
        );
        let mut gauge = |name: &str, help: &str| {
            let gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        let connections = gauge("connections", "Open connections");
        let head = gauge("log_position", "The last durable position");
        let queued = gauge("queue_commands", "Commands waiting for the writer");
        let writable = gauge("log_writable", "Whether the log takes commands");
        let bus = BusMetrics::new(&mut registry);
        let views = ViewGauges::new(&mut registry);
        Self {
            registry,
            connections,
            connections_ended,
            head,
            queued,
            writable,
            bus,
            views,
        }
    }

    /// Counts a connection in (+1) or out (-1).
    pub fn connection(&self, change: i64) {
        self.connections.inc_by(change);
    }

    /// Counts a connection that the service refused or ended of itself.
    pub fn connection_ended(&self, reason: &'static str) {
        let labels = ReasonLabels { reason };
        self.connections_ended.get_or_create(&labels).inc();
    }

    /// Everything as text, without its end, with the gauges of this moment.
    #[must_use]
    pub fn render(&self, gateway: &Gateway) -> String {
        let service = &gateway.service;
        self.head.set(number(service.head().get()));
        self.queued.set(number(service.queued() as u64));
        self.writable.set(i64::from(service.closed().is_none()));
        self.bus.set(&gateway.health);
        self.views.set(service);
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode_registry(&mut text, &self.registry);
        text
    }
}
