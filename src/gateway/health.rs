//! How the parts of a running service are, for those who watch over it.

use tokio::sync::watch;

/// How the message bus is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Bus {
    /// None is configured.
    #[default]
    Off,
    /// The broker is not there now; nothing is lost meanwhile.
    Away,
    /// Events are published, and commands are taken.
    Connected,
    /// The event stream is not of this log, or a broker's limit is too low: somebody must look.
    Halted {
        /// Why, and what to do.
        reason: String,
    },
}

/// What is known of the parts.
#[derive(Clone, Debug)]
pub struct Health {
    bus: watch::Sender<Bus>,
    published: watch::Sender<u64>,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            bus: watch::channel(Bus::Off).0,
            published: watch::channel(0).0,
        }
    }
}

impl Health {
    /// How the message bus is.
    #[must_use]
    pub fn bus(&self) -> Bus {
        self.bus.borrow().clone()
    }

    /// Notes how the message bus is.
    pub fn set_bus(&self, bus: Bus) {
        self.bus.send_replace(bus);
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
