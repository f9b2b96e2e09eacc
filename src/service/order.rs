//! Who gives a judged group its place: this service alone, or those who keep the log with it.
//!
//! The writer asks once a group, after it has judged it and before this disk takes it. Alone the
//! answer is always yes, and what is on this disk is settled: it can't be lost by the loss of
//! another machine, nor be decided otherwise by one.

use std::ops::Range;

use crate::domain::{Closed, Position};
use crate::keys::Slot;

/// A judged group, whose place is not known yet and which no log has.
pub struct Judged<'a> {
    /// The position of its first event, if it gets its place.
    pub first: Position,
    /// The records of its events, in order.
    pub entries: &'a [&'a [u8]],
    /// The slots of its new contacts' keys, which are on this disk when its place is asked for.
    pub slots: Range<Slot>,
}

/// The reasons for which a group has no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotOrdered {
    /// It stands nowhere and never will: nothing has happened, for this reason. After
    /// [`Closed::Follows`] the service decides nothing until it is told to.
    Refused(Closed),
    /// It may stand or not. The service decides nothing until it is told to: by then it has taken
    /// all that has its place.
    Unknown,
}

/// Gives groups their places. The writer's thread waits for it.
pub trait Order: Send + Sync {
    /// Is told of a group for which this disk takes the keys of new contacts now, so that others can
    /// take them meanwhile. It may never be asked for the group's place.
    fn announce(&self, _: &Judged<'_>) {}

    /// Gives a group its place behind all that were given theirs before.
    ///
    /// # Errors
    /// [`NotOrdered`] where it has none, or nobody knows.
    fn order(&self, group: &Judged<'_>) -> Result<(), NotOrdered>;

    /// The last position that is settled, once this disk has the log up to `head`: what was
    /// answered up to there stands, whatever becomes of this machine, as far as that is promised.
    /// Where others settle it later, they say so to the service.
    fn settled(&self, head: Position) -> Position;

    /// Is told that this disk has not taken a group that was given its place; whether the group keeps
    /// it all the same.
    fn missed(&self) -> bool;
}

/// One service over one directory: each group has its place, and the disk settles it.
pub struct Alone;

impl Order for Alone {
    fn order(&self, _: &Judged<'_>) -> Result<(), NotOrdered> {
        Ok(())
    }

    fn settled(&self, head: Position) -> Position {
        head
    }

    fn missed(&self) -> bool {
        false
    }
}
