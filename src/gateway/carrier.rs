//! What carries a request to the node that leads, and what becomes of it on the way.

use std::pin::Pin;
use std::time::Duration;

use crate::domain::Position;

/// What became of a request that was handed on.
pub enum Forwarded {
    /// The reply of the node that leads, as [`take_forwarded`](super::Gateway::take_forwarded) gave it.
    Answered(Vec<u8>),
    /// No node is known to lead, or it could not be reached: nothing has happened.
    NotSent,
    /// It was sent and no answer came.
    Unknown,
}

/// The answer of whoever carries requests to the node that leads, when it comes.
pub type Forwarding<'a> = Pin<Box<dyn Future<Output = Forwarded> + Send + 'a>>;

/// Carries requests to the node that leads, and knows how this node stands to it.
pub trait Forward: Send + Sync {
    /// Whether this node serves nothing, because its log contradicts the others'.
    fn is_halted(&self) -> bool;

    /// Whether this node fetches what the others have, and lacks contacts meanwhile.
    fn is_joining(&self) -> bool;

    /// Whether another node is known to have the log up to a position.
    fn has(&self, position: Position) -> bool;

    /// Whether this node leads, and can't reach a majority or can't order: then it takes no writes.
    fn is_cut_off(&self) -> bool;

    /// The age of what this node knows, where that is more than a healthy cluster explains.
    fn stale(&self) -> Option<Duration>;

    /// Sends a request and waits for its reply.
    fn forward(&self, request: Vec<u8>) -> Forwarding<'_>;
}
