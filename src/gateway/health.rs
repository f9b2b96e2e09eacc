//! How the parts of a running service are, for those who watch over it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::watch;

use super::{Broker, stopped};

/// The condition of the connection to the message bus.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Bus {
    /// No message bus is configured.
    #[default]
    Off,
    /// The broker is not there now; nothing is lost meanwhile.
    Away {
        /// What was tried, and what came of it.
        reason: String,
    },
    /// Events are published, and commands are taken.
    Connected,
    /// The broker serves another log under this prefix: nothing is published, no command is taken
    /// and no request is answered.
    OtherLog {
        /// The log that the broker serves, and what the operator can do.
        reason: String,
    },
    /// The event stream is not of this log, or a broker's limit is too low: somebody must look.
    Halted {
        /// The reason, and what the operator can do.
        reason: String,
    },
}

impl Bus {
    /// The states by their names, as readiness and metrics say them.
    pub const STATES: [&'static str; 4] = ["off", "away", "connected", "halted"];

    /// The name of the state.
    #[must_use]
    pub const fn state(&self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Away { .. } => "away",
            Self::Connected => "connected",
            Self::OtherLog { .. } | Self::Halted { .. } => "halted",
        }
    }

    /// The reason for which the bus is not used; `None` while it is used.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Off | Self::Connected => None,
            Self::Away { reason } | Self::OtherLog { reason } | Self::Halted { reason } => {
                Some(reason)
            }
        }
    }
}

/// What is known of the parts.
#[derive(Clone, Debug)]
pub struct Health {
    bus: watch::Sender<Bus>,
    published: watch::Sender<u64>,
    broker: Arc<Mutex<Option<Arc<dyn Broker>>>>,
    counts: Arc<BusCounts>,
    stops: watch::Sender<bool>,
}

/// The reasons for which durable commands become dead letters, each of which has a count from the
/// start: of a series that begins at 1 nobody can tell that it has grown.
pub const DEAD_LETTER_REASONS: [&str; 7] = [
    "address",
    "forbidden",
    "key_reused",
    "refused",
    "too_large",
    "unauthorized",
    "unreadable",
];

/// What was refused or passed over on the message bus since the start.
#[derive(Debug, Default)]
pub struct BusCounts {
    refused_replies: AtomicU64,
    foreign_events: AtomicU64,
    dead_letters: Mutex<BTreeMap<&'static str, u64>>,
}

impl BusCounts {
    /// Counts a request that was not carried out, for its reply subject is no inbox.
    pub fn refused_reply(&self) {
        self.refused_replies.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts messages in the event stream that this service did not publish.
    pub fn foreign_events(&self, count: u64) {
        self.foreign_events.fetch_add(count, Ordering::Relaxed);
    }

    /// Counts a durable command that can't be taken, by why.
    pub fn dead_letter(&self, reason: &'static str) {
        *self.dead_letters.lock().entry(reason).or_default() += 1;
    }

    /// Requests that were not carried out, for their reply subject is no inbox.
    #[must_use]
    pub fn refused_replies_total(&self) -> u64 {
        self.refused_replies.load(Ordering::Relaxed)
    }

    /// Messages in the event stream that this service did not publish.
    #[must_use]
    pub fn foreign_events_total(&self) -> u64 {
        self.foreign_events.load(Ordering::Relaxed)
    }

    /// Durable commands that could not be taken, by why.
    #[must_use]
    pub fn dead_letters_total(&self) -> BTreeMap<&'static str, u64> {
        self.dead_letters.lock().clone()
    }
}

impl Default for Health {
    fn default() -> Self {
        Self {
            bus: watch::channel(Bus::Off).0,
            published: watch::channel(0).0,
            broker: Arc::default(),
            counts: Arc::default(),
            stops: watch::channel(false).0,
        }
    }
}

impl Health {
    /// What was refused or passed over on the message bus.
    #[must_use]
    pub fn bus_counts(&self) -> &BusCounts {
        &self.counts
    }

    /// Notes that the service is told to stop: what waits for more than is there ends.
    pub fn stop(&self) {
        self.stops.send_replace(true);
    }

    /// Waits until the service is told to stop.
    pub async fn stopped(&self) {
        stopped(&mut self.stops.subscribe()).await;
    }

    /// The condition of the message bus at this moment.
    #[must_use]
    pub fn bus(&self) -> Bus {
        self.bus.borrow().clone()
    }

    /// Notes how the message bus is.
    pub fn set_bus(&self, bus: Bus) {
        self.bus.send_replace(bus);
    }

    /// The broker, for as long as it is connected.
    #[must_use]
    pub fn broker(&self) -> Option<Arc<dyn Broker>> {
        self.broker.lock().clone()
    }

    /// Notes the broker that can be asked, or that there is none.
    pub fn set_broker(&self, broker: Option<Arc<dyn Broker>>) {
        *self.broker.lock() = broker;
    }

    /// Follows how the message bus is.
    #[must_use]
    pub fn follow_bus(&self) -> watch::Receiver<Bus> {
        self.bus.subscribe()
    }

    /// Follows the last position that the broker has acknowledged.
    #[must_use]
    pub fn follow_published(&self) -> watch::Receiver<u64> {
        self.published.subscribe()
    }

    /// The last position that the broker has acknowledged.
    #[must_use]
    pub fn published(&self) -> u64 {
        *self.published.borrow()
    }

    /// Notes the last position that the broker has acknowledged.
    pub fn set_published(&self, position: u64) {
        self.published.send_replace(position);
    }
}
