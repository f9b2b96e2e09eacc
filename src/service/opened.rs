//! Versions of contacts that were read last, opened: who is asked for again need not be looked up in
//! the log, have its key unwrapped and its content opened once more.
//!
//! It holds so many bytes at most, whatever is read. An erasure empties it before it is answered;
//! what was opened before that and comes to be kept after it is not kept.

use std::sync::Arc;

use parking_lot::RwLock;
use quick_cache::{Weighter, sync::Cache};

use super::ReadError;
use crate::domain::{Content, Event, Position};

/// Bytes that it holds, about.
const BYTES_MAX: u64 = 32 << 20;
/// Bytes of a version beside the text of its Card, and what is taken for that of one which was
/// made since the process began.
const OVERHEAD_BYTES: usize = 1_024;

/// A version of a contact: its event, and the content that it wrote.
#[derive(Debug)]
pub struct Opened {
    /// The event that wrote the version.
    pub event: Event,
    /// The content, in clear.
    pub content: Content,
    /// The bytes of the sealed content in its record.
    pub bytes: usize,
}

/// The versions that were read last, by the positions of their events.
pub struct Versions {
    kept: Cache<Position, Arc<Opened>, Weight>,
    /// The number of times that it was emptied.
    emptied: RwLock<u64>,
}

#[derive(Clone)]
struct Weight;

impl Weighter<Position, Arc<Opened>> for Weight {
    fn weight(&self, _: &Position, opened: &Arc<Opened>) -> u64 {
        let text = opened.content.card.stored_bytes().unwrap_or(opened.bytes);
        (text + OVERHEAD_BYTES) as u64
    }
}

impl Default for Versions {
    fn default() -> Self {
        let versions = BYTES_MAX as usize / OVERHEAD_BYTES / 2;
        Self {
            kept: Cache::with_weighter(versions, BYTES_MAX, Weight),
            emptied: RwLock::new(0),
        }
    }
}

impl Versions {
    /// The version that an event wrote, from memory, else as `open` gives it; `None` where it gives
    /// none.
    ///
    /// # Errors
    /// As `open`.
    pub fn get(
        &self,
        position: Position,
        open: impl FnOnce() -> Result<Option<Opened>, ReadError>,
    ) -> Result<Option<Arc<Opened>>, ReadError> {
        if let Some(opened) = self.kept.get(&position) {
            return Ok(Some(opened));
        }
        let emptied = *self.emptied.read();
        let opened = open()?.map(Arc::new);
        if let Some(opened) = &opened {
            let now = self.emptied.read();
            if *now == emptied {
                self.kept.insert(position, opened.clone());
            }
        }
        Ok(opened)
    }

    /// Drops all of them, for one of these contacts has been erased.
    pub fn forget(&self) {
        let mut emptied = self.emptied.write();
        *emptied += 1;
        self.kept.clear();
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::{Card, DialectId, EventId, Header, Operation, Owner, Phase, Timestamp};

    fn opened(position: u64, text: &str) -> Opened {
        let header = Header::new(
            Position::new(position),
            EventId(Uuid::from_u128(position.into())),
            Timestamp::from_millis(position),
            Operation::Create,
            Owner::new(DialectId(1), &["acme"]).expect("an owner"),
        );
        let card = Card::from_value(serde_json::json!({ "note": text })).expect("a card");
        Opened {
            event: Event {
                header,
                phase: Phase::Success { erasure: None },
            },
            content: Content {
                card: Card::from_stored(card.json().as_bytes()).expect("a card"),
                chosen_id: None,
            },
            bytes: text.len(),
        }
    }

    /// Whether a version is at hand.
    fn has(versions: &Versions, position: u64) -> bool {
        let found = versions.get(Position::new(position), || Ok(None));
        found.expect("nothing failed").is_some()
    }

    fn put(versions: &Versions, position: u64, text: &str) {
        let put = versions.get(Position::new(position), || Ok(Some(opened(position, text))));
        assert!(put.expect("nothing failed").is_some());
    }

    #[test]
    fn what_was_read_is_at_hand_until_somebody_is_erased() {
        let versions = Versions::default();
        put(&versions, 1, "a");
        assert!(has(&versions, 1) && !has(&versions, 2));
        versions.forget();
        assert!(!has(&versions, 1));
        put(&versions, 1, "a");
        assert!(has(&versions, 1));
    }

    #[test]
    fn what_was_opened_before_an_erasure_is_not_kept_after_it() {
        let versions = Versions::default();
        let raced = versions.get(Position::new(1), || {
            versions.forget();
            Ok(Some(opened(1, "a")))
        });
        assert!(raced.expect("nothing failed").is_some());
        assert!(!has(&versions, 1));
    }

    #[test]
    fn it_holds_so_many_bytes_at_most() {
        let versions = Versions::default();
        let text = "x".repeat(40_000);
        for position in 1..=1_000 {
            put(&versions, position, &text);
        }
        assert!(versions.kept.weight() <= BYTES_MAX);
        assert!((100..BYTES_MAX as usize / text.len()).contains(&versions.kept.len()));
    }
}
