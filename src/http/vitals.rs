//! How the service is at this moment, as metrics: its disk, its clock, the writer, the audit log,
//! the process. They are read when somebody asks; what is counted is counted elsewhere.

use prometheus_client::encoding::text::encode_registry;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::process::ProcessCollector;
use super::{App, cluster};
use crate::service::{Scrubbed, Seen};

/// Everything as OpenMetrics, without its end.
#[must_use]
pub fn render(app: &App) -> String {
    let mut registry = Registry::with_prefix("contactd");
    let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("build", "The version that runs", build);
    app.gateway.service.meters().register(&mut registry);
    writer(app, &mut registry);
    audit(app, &mut registry);
    cluster::metrics(app, &mut registry);
    if let Some(scrubbed) = app.gateway.service.scrubbed() {
        scrub(&scrubbed, &mut registry);
    }
    if let Some(seen) = app.gateway.service.seen() {
        surroundings(seen, &mut registry);
    }
    let mut process = Registry::default();
    process.register_collector(Box::new(ProcessCollector::new(app.started)));
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = encode_registry(&mut text, &registry);
    let _ = encode_registry(&mut text, &process);
    text
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let gauge: Gauge = Gauge::default();
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    registry.register(name, help, gauge);
}

/// A number that only grows while the service runs; the text gives its name the end `_total`.
fn counter(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let counter: Counter = Counter::default();
    counter.inc_by(value);
    registry.register(name, help, counter);
}

fn writer(app: &App, registry: &mut Registry) {
    let limit = app.gateway.service.queue_limit() as u64;
    gauge(
        registry,
        "queue_limit_commands",
        "Commands that may wait for the writer",
        limit,
    );
    let streams = app.streams.count() as u64;
    gauge(registry, "event_streams", "Open streams of events", streams);
}

fn audit(app: &App, registry: &mut Registry) {
    let signed = app.audit.follow();
    let signed = signed.borrow();
    let halted = u64::from(signed.halted.is_some());
    gauge(
        registry,
        "audit_sealed_position",
        "The last position that a signed checkpoint covers",
        signed.size,
    );
    gauge(
        registry,
        "audit_halted",
        "Whether checkpoints can't be signed any more",
        halted,
    );
    let at = signed.signed_at_seconds;
    gauge(
        registry,
        "audit_checkpoint_timestamp_seconds",
        "When the newest checkpoint was signed, in seconds since 1970",
        at,
    );
}

fn scrub(scrubbed: &Scrubbed, registry: &mut Registry) {
    for (name, help, value) in [
        (
            "scrub_rounds",
            "Rounds in which the log, every sealed file and every key was read again",
            scrubbed.rounds,
        ),
        (
            "scrub_read_bytes",
            "What was read again of the log, sealed files and keys",
            scrubbed.bytes,
        ),
        (
            "scrub_repaired_files",
            "Sealed files that were damaged and are written again",
            scrubbed.files_repaired,
        ),
        (
            "scrub_repaired_log",
            "Stretches of the log that one copy held damaged and the other completed",
            scrubbed.log_repaired,
        ),
        (
            "scrub_repaired_keys",
            "Keys that were damaged in one copy and are completed from the other",
            scrubbed.keys_repaired,
        ),
    ] {
        counter(registry, name, help, value);
    }
    gauge(
        registry,
        "scrub_damaged",
        "Whether there was something that the last round could not read or mend",
        u64::from(scrubbed.failure.is_some()),
    );
}

fn surroundings(seen: Seen, registry: &mut Registry) {
    let Seen {
        space,
        used,
        clock_offset_millis,
        clock_jumps,
    } = seen;
    gauge(
        registry,
        "disk_used_bytes",
        "What the data directory takes on the disk",
        used,
    );
    if let Some(space) = space {
        gauge(
            registry,
            "disk_free_bytes",
            "What is free on the data directory's file system",
            space.free,
        );
        gauge(
            registry,
            "disk_size_bytes",
            "The size of the data directory's file system",
            space.total,
        );
    }
    let offset: Gauge<f64, std::sync::atomic::AtomicU64> = Gauge::default();
    offset.set(clock_offset_millis as f64 / 1_000.0);
    registry.register(
        "clock_offset_seconds",
        "How far the clock is ahead of what was expected of it",
        offset,
    );
    counter(
        registry,
        "clock_jumps",
        "Jumps of the clock since the start",
        clock_jumps,
    );
}
