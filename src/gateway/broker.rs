//! The broker as operators look at it: who reads the events, and which commands could not be taken.
//!
//! Only the floor of the message bus can ask the broker. It leaves a [`Broker`] with the
//! [`Health`](super::Health) for as long as a connection lasts, and http asks through it.

use std::fmt::Debug;
use std::pin::Pin;

use thiserror::Error;

use crate::dialect::Dialect;
use crate::domain::Timestamp;

/// Consumers that are listed, at most.
pub const CONSUMERS_MAX: usize = 100;
/// Dead letters that are listed, at most.
pub const DEAD_LETTERS_MAX: usize = 50;

/// A broker that is connected, as far as operators may ask it something.
pub trait Broker: Debug + Send + Sync {
    /// Looks at the consumers and the dead letters. It ends soon, whatever the broker does.
    fn look(&self) -> Looking<'_>;

    /// Sends the command of a dead letter again, with the token that is signed for it. It ends soon,
    /// whatever the broker does.
    fn resend<'a>(&'a self, sequence: u64, sign: Sign<'a>) -> Resending<'a>;
}

/// Makes the token with which a command for a tenant of a dialect goes back; none where nobody needs
/// one.
pub type Sign<'a> =
    &'a (dyn Fn(&'static Dialect, &str) -> Result<Option<String>, NotResent> + Send + Sync);

/// A dead letter that is being sent again.
pub type Resending<'a> = Pin<Box<dyn Future<Output = Result<Resent, NotResent>> + Send + 'a>>;

/// A command that is back among those that wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resent {
    /// Its sequence in the stream of commands.
    pub sequence: u64,
    /// Whether the broker dropped it, for it had this message id within its duplicate window.
    pub duplicate: bool,
    /// The message id that it went back with: its own, or one that its letter stands for.
    pub message_id: String,
}

/// The reasons for which a dead letter is not sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotResent {
    /// The stream holds no such letter, or no longer.
    #[error("There is no dead letter with this number.")]
    NoLetter,
    /// The letter does not hold its whole command.
    #[error(
        "The letter does not hold the command's content; --nats-dead-content keeps it from now on."
    )]
    NoContent,
    /// The subject is no command's.
    #[error("The letter's subject names no command that is known here.")]
    NoCommand,
    /// The vendor's second token was its sender's, and no letter holds a token.
    #[error("This vendor's commands need their sender's second token, which no letter holds.")]
    SecondToken,
    /// No token could be signed; the service's own log says why.
    #[error("No token could be signed for it; the service's log says more.")]
    NoToken,
    /// There is no broker, and so no letter.
    #[error("This service is on no message bus; --nats-url names one.")]
    NoBus,
    /// The broker is not connected.
    #[error("The broker is away; nothing was sent.")]
    Away,
    /// The broker did not answer in time, or refused.
    #[error(
        "The broker did not confirm it in time, or does not permit it; sending it once more does no harm."
    )]
    Unanswered,
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
    /// Whether it holds the command's whole content, so that it can be sent again.
    pub content: bool,
}
