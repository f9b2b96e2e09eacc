//! The broker as operators look at it: who reads the events, and which commands could not be taken.
//!
//! Only the floor of the message bus can ask the broker. It leaves a [`Broker`] with the
//! [`Health`](super::Health) for as long as a connection lasts, and http asks through it.

use std::fmt::Debug;
use std::pin::Pin;

use crate::domain::Timestamp;

/// Consumers that are listed, at most.
pub const CONSUMERS_MAX: usize = 100;
/// Dead letters that are listed, at most.
pub const DEAD_LETTERS_MAX: usize = 50;

/// A broker that is connected, as far as operators may ask it something.
pub trait Broker: Debug + Send + Sync {
    /// Looks at the consumers and the dead letters. It ends soon, whatever the broker does.
    fn look(&self) -> Looking<'_>;
}

/// A look at the broker that is being taken.
pub type Looking<'a> = Pin<Box<dyn Future<Output = Look> + Send + 'a>>;

/// The things that a broker tells about itself.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// The consumers of the stream of events, by name.
    pub consumers: Listed<Consumer>,
    /// The durable commands that could not be taken, the newest first.
    pub dead_letters: Listed<DeadLetter>,
}

/// A list of bounded length.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    /// The things that are listed.
    pub items: Vec<T>,
    /// Whether there are more than those.
    pub more: bool,
    /// A sentence about why the broker did not tell them; `None` where it did.
    pub unread: Option<String>,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            more: false,
            unread: None,
        }
    }
}

/// A consumer of the stream of events, and how far it is. Sequences are the stream's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// The name that its maker gave it.
    pub name: String,
    /// The sequence of the last event that was delivered to it.
    pub delivered: u64,
    /// The sequence up to which it has acknowledged everything.
    pub acknowledged: u64,
    /// Events that wait to be delivered to it: its lag.
    pub pending: u64,
    /// Events that were delivered and not acknowledged so far.
    pub unacknowledged: u64,
    /// Those among them that were delivered more than once.
    pub redelivered: u64,
}

/// A durable command that could not be taken, without its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its sequence in the stream of dead letters.
    pub sequence: u64,
    /// The time at which it became a dead letter.
    pub time: Timestamp,
    /// The subject of the letter, which ends as the command's own does.
    pub subject: String,
    /// The status that the same request would get, and the reason in words.
    pub reason: String,
    /// The command's message id; `None` where it had none.
    pub message_id: Option<String>,
}
