//! What came of a command.

use tokio::sync::oneshot;

use super::SubmitError;
use crate::domain::{Attempt, Outcome, Position};
use crate::projection::IdempotencyEntry;

/// The result of a command that is on the disk and in the inline view.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The position of the last outcome.
    pub position: Position,
    /// The outcome of each attempt, in order.
    pub outcomes: Vec<Outcome>,
    /// Whether the request was made before under its idempotency key, and this is its answer then.
    pub is_repeated: bool,
}

impl Committed {
    /// Whether any attempt was refused.
    #[must_use]
    pub fn any_refused(&self) -> bool {
        self.outcomes
            .iter()
            .any(|outcome| matches!(outcome, Outcome::Refused { .. }))
    }
}

/// The answer to a command, to be released once the group is on the disk.
pub enum Handled {
    /// The command made new events, and these are their outcomes.
    Committed(Committed),
    /// The answer to a request that was made before, to be made again from its events.
    Replayed {
        /// The positions of the earlier outcomes.
        entry: IdempotencyEntry,
        /// The request's attempts, for what is not in its events: the values that were wrong.
        attempts: Vec<Attempt>,
    },
    /// The answer to be made again from this one event.
    Unchanged(Position),
}

/// The channel on which a command's outcome is sent.
pub type Reply = oneshot::Sender<Result<Handled, SubmitError>>;

/// Sends an outcome. Whoever asked may be gone; the outcome stands all the same.
pub fn answer(reply: Reply, handled: Result<Handled, SubmitError>) {
    drop(reply.send(handled));
}
