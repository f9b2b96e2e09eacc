//! What carries a request to the node that leads, and what becomes of it on the way.

use std::pin::Pin;

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

/// Carries requests to the node that leads.
pub trait Forward: Send + Sync {
    /// Sends a request and waits for its reply.
    fn forward(&self, request: Vec<u8>) -> Forwarding<'_>;
}
