//! The events that wrote an owner's contacts, found by the contacts and not by looking at the log.

use super::ReadError;
use super::read::{PAGE, at_most, skip_and_take};
use super::scan::SCAN_EVENTS_MAX;
use super::service::Service;
use crate::domain::{ContactId, EventPart, Owner, OwnerEvents, Position};

impl Service {
    /// One page of the events that wrote an owner's contacts, and how many there are.
    ///
    /// # Errors
    /// [`ReadError::TooBroad`] where a filter would have to look at more than [`SCAN_EVENTS_MAX`];
    /// another [`ReadError`] where the log cannot give an event.
    pub fn owner_events(&self, asked: &OwnerEvents) -> Result<EventPart, ReadError> {
        let settled = self.settled();
        let mut positions = self.positions_of(&asked.owner);
        positions.retain(|position| *position <= settled);
        positions.sort_unstable();
        if asked.newest_first {
            positions.reverse();
        }
        if let Some(filter) = &asked.filter {
            let limit = usize::try_from(SCAN_EVENTS_MAX).unwrap_or(usize::MAX);
            at_most(positions.len(), limit)?;
            let mut wanted = Vec::new();
            for position in positions {
                if (filter.0)(&self.shared.record(position)?.event) {
                    wanted.push(position);
                }
            }
            positions = wanted;
        }
        let total = positions.len();
        let (offset, limit) = skip_and_take(asked.window, total, |_| 0);
        let page = positions.into_iter().skip(offset).take(limit);
        let events = page.map(|position| Ok(self.shared.record(position)?.event));
        Ok(EventPart {
            events: events.collect::<Result<_, ReadError>>()?,
            total,
            offset,
        })
    }

    /// The positions of the events that wrote an owner's contacts, those of ended ones too. The
    /// writer waits for whoever looks, so nobody looks at all contacts at once.
    fn positions_of(&self, owner: &Owner) -> Vec<Position> {
        let mut positions = Vec::new();
        let mut after: Option<ContactId> = None;
        loop {
            let contacts = self.shared.contacts.read();
            let mut last = None;
            for entry in contacts.all_after(after).take(PAGE) {
                last = Some(entry.id());
                if entry.is_of(owner) {
                    positions.extend(entry.history().iter());
                }
            }
            if last.is_none() {
                return positions;
            }
            after = last;
        }
    }
}
