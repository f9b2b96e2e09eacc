//! What came of a command.

use crate::domain::{Attempt, Outcome, Position};
use crate::projection::IdempotencyEntry;

/// What came of a command: on the disk, and in the inline view.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The position of its last outcome.
    pub position: Position,
    /// How each attempt ended, in order.
    pub outcomes: Vec<Outcome>,
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

/// What is to be answered once the group is on the disk.
pub enum Handled {
    /// The outcomes of new events.
    Committed(Committed),
    /// The answer to a request that was made before, to be made again from its events.
    Replayed {
        /// Where they are.
        entry: IdempotencyEntry,
        /// The request's attempts, for what is not in its events: the values that were wrong.
        attempts: Vec<Attempt>,
    },
    /// The answer to be made again from this one event.
    Unchanged(Position),
}
