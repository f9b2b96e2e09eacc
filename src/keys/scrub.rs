//! Reading the keys again beside the service that uses them, before somebody needs them.

use super::{KeyRing, SlotError, SlotsRepaired, slots::CHUNK_SLOTS, wrapping::SLOT_BYTES};

impl KeyRing {
    /// Compares both copies of every slot, and completes each from the other. Sealing and opening
    /// wait for a few thousand slots at a time, never for all. `pace` is told how many bytes are
    /// read next, waits as long as it wants to, and ends the work by `false`: then there is no
    /// result.
    ///
    /// # Errors
    /// A file cannot be read or written, or a rotation has stopped half-way.
    pub fn scrub(
        &self,
        pace: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Option<SlotsRepaired>, SlotError> {
        let mut all = SlotsRepaired::default();
        let mut first = 0;
        loop {
            let left = self.in_use()?.saturating_sub(first);
            let count = left.min(CHUNK_SLOTS);
            if count == 0 {
                return Ok(Some(all));
            }
            if !pace(2 * count * SLOT_BYTES as u64) {
                return Ok(None);
            }
            let found = self.complete_some(first, count)?;
            all.file |= found.file;
            all.slots += found.slots;
            all.damaged.extend(found.damaged);
            first += count;
        }
    }
}
