//! Contacts whose key can't be had though nobody erased them: what the log says of keys, beside
//! what the ring has of them.
//!
//! A key that was lost is told from one that was given up, which a restore without keys and a
//! repair do: they write it down in the ring, where nobody can without the master key.

use std::collections::{BTreeMap, BTreeSet};

use roaring::RoaringBitmap;

use super::OpenError;
use crate::domain::{Event, Phase, Position, Status};
use crate::keys::{KeyRing, SealError, Slot, SlotsRepaired};
use crate::log::Reader;
use crate::log::record::{self, Record};
use crate::projection::{Contacts, Entry};

/// The contacts whose key cannot be had, found by folding the log oldest first. It grows with the
/// contacts that cannot be read, not with those that can.
#[derive(Default)]
pub(super) struct MissingKeys {
    /// The slot behind the highest that the log names.
    pub(super) next: Slot,
    /// The first content of each contact whose key was lost, and why it can't be had.
    pub(super) lost: BTreeMap<Slot, (Position, SealError)>,
    /// The contacts whose key was given up.
    pub(super) marked_lost: BTreeSet<Slot>,
}

impl MissingKeys {
    /// Folds an event; whether its content can be opened, if it has one.
    pub(super) fn fold(&mut self, record: &Record, keys: &KeyRing) -> bool {
        let Some(slot) = record.slot else {
            return true;
        };
        self.next = self.next.max(slot.next());
        if is_erasure(&record.event) {
            self.lost.remove(&slot);
            self.marked_lost.remove(&slot);
            return true;
        }
        if record.sealed.is_none() {
            return true;
        }
        match keys.refusal(slot) {
            None => return true,
            Some(SealError::MarkedLost { .. }) => {
                self.marked_lost.insert(slot);
            }
            Some(error) => {
                let position = record.event.header.position;
                self.lost.entry(slot).or_insert((position, error));
            }
        }
        false
    }
}

/// Whether an event ended a contact by destroying its key.
pub(super) const fn is_erasure(event: &Event) -> bool {
    matches!(event.phase, Phase::Success { erasure: Some(_) })
}

/// Completes each copy of the keys from the other, and records in the ring that keys which the log needs and the ring has not are gone for good, so
/// that the directory can be used without them; of how many contacts. A key that is damaged stays
/// as it is: whoever has a copy of its bytes may mend it.
///
/// # Errors
/// The log can't be read, or the ring can't be written.
pub fn mark_keys_lost(
    reader: &Reader,
    keys: &KeyRing,
    progress: &mut dyn FnMut(Position),
) -> Result<(usize, SlotsRepaired), OpenError> {
    let mut missing_keys = MissingKeys::default();
    for entry in reader.scan(Position::FIRST, reader.head()) {
        let (position, bytes) = entry.map_err(super::ReadError::from)?;
        let record = record::decode(&bytes).map_err(super::ReadError::from)?;
        missing_keys.fold(&record, keys);
        if position.get().is_multiple_of(4_096) {
            progress(position);
        }
    }
    let is_gone = |error: &SealError| {
        matches!(
            error,
            SealError::MissingKey { .. } | SealError::Erased { .. }
        )
    };
    let lost = missing_keys
        .lost
        .iter()
        .filter(|(_, (_, error))| is_gone(error));
    let lost: Vec<Slot> = lost.map(|(slot, _)| *slot).collect();
    let repaired = keys.mark_lost(lost.iter().copied(), missing_keys.next)?;
    Ok((lost.len(), repaired))
}

/// The numbers of contacts that were not erased and whose slot is one of those without a key, which
/// are in order.
pub(super) fn unreadable(contacts: &Contacts, without_key: &[Slot]) -> RoaringBitmap {
    if without_key.is_empty() {
        return RoaringBitmap::new();
    }
    let all = contacts.all_after(None);
    let kept = all.filter(|entry| entry.status() != Status::Erased);
    let without = kept.filter(|entry| without_key.binary_search(&entry.slot()).is_ok());
    without.map(Entry::number).collect()
}
