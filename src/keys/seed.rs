//! Bytes that last as long as a contact's key does.
//!
//! Whoever keeps something of a contact outside the log (a view, in its files) hides it with what
//! they derive from its seed. An erasure overwrites the slot, and what was hidden can be read by
//! nobody any more, wherever its copies are. No key is unwrapped for that, so it is cheap.

use super::{
    Slot,
    cipher::NONCE_BYTES,
    wrapping::{SlotBytes, has_form_of_key},
};
use crate::storage::StorageError;

/// The nonce of a slot, and as much of the wrapped key as makes the seed.
const SEED_BYTES: usize = NONCE_BYTES + 16;

/// The seed of one contact: random bytes of its slot, which go when its key is destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed([u8; SEED_BYTES]);

impl Seed {
    /// A seed that is nobody's and hides nothing.
    pub const OPEN: Self = Self([0; SEED_BYTES]);

    /// The bytes of the seed.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; SEED_BYTES] {
        &self.0
    }

    /// The seed of a slot; `None` where it holds no key.
    pub(super) fn of(slot: &SlotBytes) -> Option<Self> {
        let seed = slot.first_chunk().filter(|_| has_form_of_key(slot));
        seed.copied().map(Self)
    }
}

/// A source of the seeds of contacts.
pub trait Seeds: Sync {
    /// The seeds of so many slots from the first on; `None` for a slot that holds no key. When the
    /// keys are wrapped anew, under another master key, the seeds are others.
    ///
    /// # Errors
    /// A file cannot be read.
    fn seeds(&self, first: Slot, count: usize) -> Result<Vec<Option<Seed>>, StorageError>;
}

/// The seeds of contacts whose key nobody has: they hide nothing.
#[derive(Clone, Copy, Debug)]
pub struct OpenSeeds;

impl Seeds for OpenSeeds {
    fn seeds(&self, _first: Slot, count: usize) -> Result<Vec<Option<Seed>>, StorageError> {
        Ok(vec![Some(Seed::OPEN); count])
    }
}
