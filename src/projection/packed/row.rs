//! What the view keeps of one contact, in 80 bytes.

use super::number::{NONE, U48};
use super::steps::Steps;
use crate::domain::{ContactId, Fact, Position, Status, Timestamp};

/// A point of the log in twelve bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// The position of the event.
    pub position: U48,
    /// The time of the event, in milliseconds since 1970.
    pub time: U48,
}

impl From<Fact> for Moment {
    fn from(fact: Fact) -> Self {
        Self {
            position: U48::new(fact.position.get()),
            time: U48::new(fact.time.millis()),
        }
    }
}

impl From<Moment> for Fact {
    fn from(moment: Moment) -> Self {
        Self {
            position: Position::new(moment.position.get()),
            time: Timestamp::from_millis(moment.time.get()),
        }
    }
}

/// The kinds of vendor key, of which a row holds a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyKind {
    /// The vendor id follows from our own id, and the number is 0.
    #[default]
    Own,
    /// The number is the contact's in the dialect's sequence.
    Sequence,
    /// The number is that of the id in the list of those that clients chose.
    Chosen,
}

/// The row of a contact. Its own number is its place in the order of creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Our own id of the contact.
    pub id: ContactId,
    /// The number of the contact's writes, its end included.
    pub version: U48,
    /// The event that created the contact.
    pub created: Moment,
    /// The event that changed or ended it last.
    pub modified: Moment,
    /// The slot of the contact's key.
    pub slot: U48,
    /// The number that belongs to the kind of vendor key.
    pub key: U48,
    /// The number of its owner.
    pub owner: u32,
    /// The number of the actor who created it.
    pub created_by: u32,
    /// The number of the actor who changed it last.
    pub modified_by: u32,
    /// The last step between its creation and its last change.
    pub history: u32,
    /// The first of its lookup keys' tags.
    pub tags: u32,
    /// The stage of its life.
    pub status: Status,
    /// The kind of its vendor key.
    pub kind: KeyKind,
}

impl Default for Row {
    fn default() -> Self {
        Self {
            id: ContactId(uuid::Uuid::nil()),
            version: U48::default(),
            created: Moment::default(),
            modified: Moment::default(),
            slot: U48::default(),
            key: U48::default(),
            owner: NONE,
            created_by: NONE,
            modified_by: NONE,
            history: NONE,
            tags: NONE,
            status: Status::Live,
            kind: KeyKind::Own,
        }
    }
}

impl Row {
    /// The contact's number in its dialect's sequence, where it has one.
    #[must_use]
    pub const fn sequence(&self) -> Option<u64> {
        match self.kind {
            KeyKind::Sequence => Some(self.key.get()),
            KeyKind::Own | KeyKind::Chosen => None,
        }
    }

    /// Notes that the contact changed at a moment; the last change before becomes a step.
    pub fn change(&mut self, now: Moment, steps: &mut Steps) {
        if self.modified != self.created {
            self.history = steps.push(self.modified.position, self.history);
        }
        self.modified = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_takes_80_bytes() {
        assert_eq!(size_of::<Row>(), 80);
    }
}
