//! An order in which groups have their places and never settle, as where no other node answers.

use contactd::domain::Position;
use contactd::service::{Judged, NotOrdered, Order};

/// Gives each group its place, and nothing settles.
pub struct Unsettled;

impl Order for Unsettled {
    fn order(&self, _: &Judged<'_>) -> Result<(), NotOrdered> {
        Ok(())
    }

    fn settled(&self, _: Position) -> Position {
        Position::ZERO
    }

    fn missed(&self) -> bool {
        true
    }
}
