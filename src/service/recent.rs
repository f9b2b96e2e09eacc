//! The newest events in memory, as the writer made them.
//!
//! Whoever follows the log closely takes them from here and need not read, decode and open what was
//! at hand a moment ago. It is only a short cut: whoever is further behind reads the log, and comes
//! to the same.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::domain::{ContactId, Content, Event, Position};

/// An event and the content that it wrote; none too where its key has been destroyed since.
#[derive(Clone, Debug)]
pub struct RecentEvent {
    /// The event, shared among its readers.
    pub event: Arc<Event>,
    /// The content that the event wrote, shared among its readers.
    pub content: Option<Arc<Content>>,
}

/// The number of events that are kept.
const EVENTS_MAX: usize = 4_096;
/// Their records' bytes, together: what they take here is a few times that.
const BYTES_MAX: usize = 4 << 20;

/// The newest events of the log, without a gap.
#[derive(Default)]
pub struct Recent(Mutex<Ring>);

#[derive(Default)]
struct Ring {
    /// Each with the bytes of its record.
    steps: VecDeque<(RecentEvent, usize)>,
    bytes: usize,
}

impl Recent {
    /// Takes the events that follow those before, each with the bytes of its record.
    pub fn extend(&self, steps: impl Iterator<Item = (RecentEvent, usize)>) {
        let mut ring = self.0.lock();
        for (step, bytes) in steps {
            ring.bytes += bytes;
            ring.steps.push_back((step, bytes));
        }
        while ring.steps.len() > EVENTS_MAX || ring.bytes > BYTES_MAX {
            let Some((_, bytes)) = ring.steps.pop_front() else {
                return;
            };
            ring.bytes -= bytes;
        }
    }

    /// Drops the contents of a contact that was erased.
    pub fn forget(&self, contact: ContactId) {
        for (step, _) in &mut self.0.lock().steps {
            if step.event.header.contact == Some(contact) {
                step.content = None;
            }
        }
    }

    /// The events after one up to another, if they are all here.
    pub fn between(&self, after: Position, to: Position) -> Option<Vec<RecentEvent>> {
        let ring = self.0.lock();
        let (first, _) = ring.steps.front()?;
        let first = first.event.header.position.get();
        let from = usize::try_from(after.next().get().checked_sub(first)?).ok()?;
        let end = usize::try_from(to.next().get().checked_sub(first)?).ok()?;
        if from > end || end > ring.steps.len() {
            return None;
        }
        Some(
            ring.steps
                .range(from..end)
                .map(|(step, _)| step.clone())
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::{Card, DialectId, EventId, Header, Operation, Owner, Phase, Timestamp};

    fn step(position: u64) -> RecentEvent {
        let header = Header {
            contact: Some(ContactId(Uuid::from_u128(position.into()))),
            ..Header::new(
                Position::new(position),
                EventId(Uuid::from_u128(position.into())),
                Timestamp::from_millis(position),
                Operation::Create,
                Owner::new(DialectId(1), &["acme"]).expect("an owner"),
            )
        };
        let phase = Phase::Success { erasure: None };
        let event = Arc::new(Event { header, phase });
        let content = Content {
            card: Card::new(serde_json::Map::new()).expect("a card"),
            chosen_id: None,
        };
        RecentEvent {
            event,
            content: Some(Arc::new(content)),
        }
    }

    fn ring(positions: std::ops::RangeInclusive<u64>, bytes: usize) -> Recent {
        let recent = Recent::default();
        for position in positions {
            recent.extend([(step(position), bytes)].into_iter());
        }
        recent
    }

    fn between(recent: &Recent, after: u64, to: u64) -> Option<Vec<u64>> {
        let steps = recent.between(Position::new(after), Position::new(to))?;
        let position = |step: &RecentEvent| step.event.header.position.get();
        Some(steps.iter().map(position).collect())
    }

    #[test]
    fn it_gives_all_that_was_asked_for_or_nothing() {
        let recent = ring(5..=8, 1);
        assert_eq!(between(&recent, 4, 8), Some(vec![5, 6, 7, 8]));
        assert_eq!(between(&recent, 5, 7), Some(vec![6, 7]));
        assert_eq!(between(&recent, 3, 8), None, "the first is older");
        assert_eq!(between(&recent, 4, 9), None, "the last is to come");
        assert_eq!(between(&recent, 8, 7), None);
        assert_eq!(between(&Recent::default(), 0, 1), None);
    }

    #[test]
    fn the_oldest_go_where_there_are_many_or_large_ones() {
        let newest = EVENTS_MAX as u64 + 10;
        let many = ring(1..=newest, 1);
        assert_eq!(between(&many, 9, newest), None);
        let kept = between(&many, 10, newest).map(|kept| kept.len());
        assert_eq!(kept, Some(EVENTS_MAX));
        let large = ring(1..=10, BYTES_MAX / 2);
        assert_eq!(between(&large, 8, 10), Some(vec![9, 10]));
        assert_eq!(between(&large, 7, 10), None);
    }

    #[test]
    fn what_a_contact_was_is_forgotten_and_its_events_stay() {
        let recent = ring(1..=3, 1);
        recent.forget(ContactId(Uuid::from_u128(2)));
        let steps = recent.between(Position::ZERO, Position::new(3));
        let has_content: Vec<bool> = steps
            .iter()
            .flatten()
            .map(|step| step.content.is_some())
            .collect();
        assert_eq!(has_content, [true, false, true]);
    }
}
