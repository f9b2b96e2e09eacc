//! What the writer measures of its work, for the metrics.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// The writer's histograms. Clones are the same ones.
#[derive(Clone, Debug)]
pub struct Meters {
    /// The time of a group from its first command to the release of its last answer, in seconds.
    pub commit_seconds: Histogram,
    /// The time that the disk takes for a group, in seconds.
    pub sync_seconds: Histogram,
    /// Events in a group.
    pub group_events: Histogram,
    /// The time for which the writer has waited for views that were far behind, in seconds.
    pub slowed_seconds: Slowed,
}

/// A counter of seconds.
type Slowed = Counter<f64, AtomicU64>;

impl Default for Meters {
    fn default() -> Self {
        let seconds = || Histogram::new(exponential_buckets(0.000_1, 2.0, 18));
        Self {
            commit_seconds: seconds(),
            sync_seconds: seconds(),
            group_events: Histogram::new(exponential_buckets(1.0, 2.0, 12)),
            slowed_seconds: Slowed::default(),
        }
    }
}

impl Meters {
    /// Makes them known under their names.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "commit_duration_seconds",
            "Time from taking a group of commands to having its events on the disk and in the views",
            self.commit_seconds.clone(),
        );
        registry.register(
            "sync_duration_seconds",
            "Time that the disk takes to have a group of events",
            self.sync_seconds.clone(),
        );
        registry.register(
            "group_events",
            "Events that were put on the disk together",
            self.group_events.clone(),
        );
        registry.register(
            "writes_slowed_seconds",
            "Time for which writes have waited for a view that was far behind",
            self.slowed_seconds.clone(),
        );
    }
}
