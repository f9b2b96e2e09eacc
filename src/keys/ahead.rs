//! Wrapped keys read ahead, for whoever opens one contact after the other.
//!
//! The slots of contacts that were made one after the other lie side by side, so that one read brings
//! the keys of many. They stay wrapped. Whoever writes a slot forgets it here, and what is no key
//! here is looked for on the disk.

use super::{Slot, wrapping::SlotBytes};

/// Slots of one read.
pub(super) const SLOTS: u64 = 64;
/// Reads that are at hand: more than there are threads that read.
const READS: usize = 16;

/// The slots that were read last.
#[derive(Default)]
pub(super) struct Ahead {
    reads: [Option<(u64, Vec<SlotBytes>)>; READS],
}

/// The first slot of the read that a slot belongs to.
pub(super) const fn first_of(slot: Slot) -> u64 {
    slot.get() / SLOTS * SLOTS
}

impl Ahead {
    /// The bytes of a slot, where it was read.
    pub(super) fn get(&self, slot: Slot) -> Option<SlotBytes> {
        let first = first_of(slot);
        let read = self.reads.get(place_of(first))?.as_ref();
        let (_, slots) = read.filter(|(at, _)| *at == first)?;
        slots.get((slot.get() - first) as usize).copied()
    }

    /// Keeps what was read from a slot on.
    pub(super) fn put(&mut self, first: u64, slots: Vec<SlotBytes>) {
        if let Some(read) = self.reads.get_mut(place_of(first)) {
            *read = Some((first, slots));
        }
    }

    /// Forgets the read that has a slot.
    pub(super) fn forget(&mut self, slot: Slot) {
        let first = first_of(slot);
        let read = self.reads.get_mut(place_of(first));
        read.and_then(|read| read.take_if(|(at, _)| *at == first));
    }
}

const fn place_of(first: u64) -> usize {
    (first / SLOTS) as usize % READS
}
