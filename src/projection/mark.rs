//! How far a view had come: what the end of one part and the beginning of the next agree on.

use bytes::{Buf, BufMut};
use uuid::Uuid;

use crate::domain::{EventId, Position, Timestamp};

/// A view's position, and how many there were of everything that is only ever added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The position of the last event folded.
    pub position: Position,
    /// The time of the last event folded.
    pub time: Timestamp,
    /// The id of the last event folded: it tells one log from another.
    pub last: Option<EventId>,
    /// The number of contacts, live or not.
    pub contacts: u32,
    /// The number of owners that contacts ever had.
    pub owners: u32,
    /// The number of actors who ever changed a contact.
    pub actors: u32,
    /// The number of steps in all histories.
    pub steps: u32,
    /// The number of ids that clients chose.
    pub chosen: u32,
    /// The number of idempotency keys.
    pub receipts: u32,
    /// The number of commands that are found by their correlation id.
    pub commands: u32,
}

impl Mark {
    /// Writes the mark behind these bytes.
    pub(super) fn put(&self, bytes: &mut Vec<u8>) {
        bytes.put_u64(self.position.get());
        bytes.put_u64(self.time.millis());
        bytes.put_u8(u8::from(self.last.is_some()));
        bytes.put_u128(self.last.map_or(0, |id| id.0.as_u128()));
        for count in self.counts() {
            bytes.put_u32(count);
        }
    }

    /// Reads a mark, and moves on behind it; `None` where it is cut off.
    pub(super) fn take(bytes: &mut &[u8]) -> Option<Self> {
        let position = Position::new(bytes.try_get_u64().ok()?);
        let time = Timestamp::from_millis(bytes.try_get_u64().ok()?);
        let has_last = bytes.try_get_u8().ok()? != 0;
        let id = EventId(Uuid::from_u128(bytes.try_get_u128().ok()?));
        let mut count = || bytes.try_get_u32().ok();
        Some(Self {
            position,
            time,
            last: has_last.then_some(id),
            contacts: count()?,
            owners: count()?,
            actors: count()?,
            steps: count()?,
            chosen: count()?,
            receipts: count()?,
            commands: count()?,
        })
    }

    const fn counts(&self) -> [u32; 7] {
        [
            self.contacts,
            self.owners,
            self.actors,
            self.steps,
            self.chosen,
            self.receipts,
            self.commands,
        ]
    }
}
