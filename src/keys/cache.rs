//! Unwrapped keys at hand, a bounded number of them.
//!
//! Two halves: a key that is used moves to the young half, and when that is
//! full it becomes the old one and the former old one is forgotten. That keeps
//! what is in use without a list to maintain. Keys lie behind an `Arc`, so that
//! moving an entry leaves no copy of its bytes behind; they are cleared when the
//! last holder drops them.

use std::{
    collections::{HashMap, HashSet},
    mem,
};

use super::{Slot, ahead::Ahead, key::ContactKey};

/// Keys held in one half; both halves are about 2 MB.
const HALF_KEYS: usize = 8_192;

#[derive(Default)]
pub(super) struct Cache {
    young: HashMap<Slot, ContactKey>,
    old: HashMap<Slot, ContactKey>,
    /// The slots whose keys pass for destroyed.
    pub(super) withheld: HashSet<Slot>,
    /// Wrapped keys that were read with their neighbours.
    pub(super) ahead: Ahead,
}

impl Cache {
    pub(super) fn get(&mut self, slot: Slot) -> Option<ContactKey> {
        if let Some(key) = self.young.get(&slot) {
            return Some(key.clone());
        }
        let key = self.old.remove(&slot)?;
        self.put(slot, key.clone());
        Some(key)
    }

    pub(super) fn put(&mut self, slot: Slot, key: ContactKey) {
        if self.young.len() >= HALF_KEYS {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(slot, key);
    }

    pub(super) fn forget(&mut self, slot: Slot) {
        self.young.remove(&slot);
        self.old.remove(&slot);
        self.ahead.forget(slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_goes() {
        let mut cache = Cache::default();
        let used = Slot::new(0);
        for number in 0..5 * HALF_KEYS as u64 {
            cache.put(Slot::new(number), ContactKey::default());
            assert!(cache.get(used).is_some());
        }
        assert!(cache.get(Slot::new(1)).is_none());
        let held = cache.young.len() + cache.old.len();
        assert!((HALF_KEYS..=2 * HALF_KEYS).contains(&held), "{held}");
        cache.forget(used);
        assert!(cache.get(used).is_none());
    }
}
