//! A table from hashes to numbers, in shards: where one is full it is hashed again, and it is small.
//!
//! A single table would hash all of its entries again at once while every reader and the writer
//! wait: 0.8 seconds at 1.8 million. A shard of ten million entries takes a millisecond.

use hashbrown::HashTable;

use crate::domain::Tag;

/// The number of shards, a power of two.
const SHARDS: usize = 1_024;

/// Numbers of entries by the hashes of their keys. The keys themselves stand in the entries, which
/// is why every call is told how to compare them.
#[derive(Debug)]
pub struct Table {
    shards: Vec<HashTable<u32>>,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            shards: vec![HashTable::new(); SHARDS],
        }
    }
}

impl Table {
    /// The number of the entry whose key is meant.
    pub fn find(&self, hash: u64, is_meant: impl Fn(u32) -> bool) -> Option<u32> {
        let shard = self.shards.get(shard_of(hash))?;
        shard.find(hash, |number| is_meant(*number)).copied()
    }

    /// Lets the key that is meant lead to another entry; whether it was there.
    pub fn replace(&mut self, hash: u64, number: u32, is_meant: impl Fn(u32) -> bool) -> bool {
        let shard = self.shards.get_mut(shard_of(hash));
        let place = shard.and_then(|shard| shard.find_mut(hash, |number| is_meant(*number)));
        place.map(|place| *place = number).is_some()
    }

    /// Adds a number under a key that is not there; `hash_of` gives the hashes of those that are.
    pub fn insert(&mut self, hash: u64, number: u32, hash_of: impl Fn(u32) -> u64) {
        if let Some(shard) = self.shards.get_mut(shard_of(hash)) {
            shard.insert_unique(hash, number, |number| hash_of(*number));
        }
    }

    /// Makes room for so many more keys, which are spread evenly.
    pub fn reserve(&mut self, more: usize, hash_of: impl Fn(u32) -> u64) {
        for shard in &mut self.shards {
            shard.reserve(more / SHARDS, |number| hash_of(*number));
        }
    }

    /// Takes the key that is meant out of the table.
    pub fn remove(&mut self, hash: u64, is_meant: impl Fn(u32) -> bool) {
        if let Some(shard) = self.shards.get_mut(shard_of(hash))
            && let Ok(entry) = shard.find_entry(hash, |number| is_meant(*number))
        {
            entry.remove();
        }
    }
}

/// The shard of a hash, by bits that the table of a shard makes little use of.
const fn shard_of(hash: u64) -> usize {
    (hash >> 32) as usize % SHARDS
}

/// The hash of a tag, which is a keyed hash itself: its first bytes are as good as any.
pub const fn hash_of(tag: Tag) -> u64 {
    let Tag([a, b, c, d, e, f, g, h, ..]) = tag;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Few hashes, and some of them the same in their low bits, so that keys collide.
    fn hash(key: u32) -> u64 {
        u64::from(key % 7) << 32 | u64::from(key % 3)
    }

    proptest! {
        #[test]
        fn it_finds_what_a_map_finds(steps in prop::collection::vec((0..60_u32, 0..3_u8), 0..300)) {
            let mut table = Table::default();
            // An entry is its key here, and its key's first digit tells what was put last.
            let mut entries: Vec<(u32, u32)> = Vec::new();
            let mut model = BTreeMap::new();
            for (round, (key, what)) in (0..).zip(steps) {
                let entry = entries.len() as u32;
                entries.push((key, round));
                let is_meant = |number: u32| entries[number as usize].0 == key;
                match what {
                    0 => {
                        table.remove(hash(key), is_meant);
                        model.remove(&key);
                    }
                    _ => {
                        if !table.replace(hash(key), entry, is_meant) {
                            table.insert(hash(key), entry, |number| hash(entries[number as usize].0));
                        }
                        model.insert(key, entry);
                    }
                }
                for key in 0..60 {
                    let found = table.find(hash(key), |number| entries[number as usize].0 == key);
                    prop_assert_eq!(found, model.get(&key).copied());
                }
            }
        }
    }
}
