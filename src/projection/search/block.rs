//! A block: sorted keys one behind the other, and how they are packed for the disk.
//!
//! On the disk a key is what it shares with the one before it and the rest, so that a token that
//! many contacts have stands there once a block. In memory a block is unpacked, and a key is found
//! by halving.
//!
//! ```text
//! body   number of keys (2, big-endian) · for each: bytes shared with the one before (varint),
//!        bytes of the rest (varint), the rest · zeros up to the end
//! ```

use std::collections::BTreeMap;

use crate::keys::BLOCK_OVERHEAD_BYTES;

/// Bytes of a block as it lies in a file, sealed.
pub const SLOT_BYTES: usize = 4_096;
/// Bytes of a packed block before it is sealed.
pub const BODY_BYTES: usize = SLOT_BYTES - BLOCK_OVERHEAD_BYTES;
/// Bytes of keys in an unpacked block that was never packed.
const LOOSE_BYTES: usize = 4_096;
const COUNT_BYTES: usize = 2;

/// The keys that a block in memory has, most often.
const LOOSE_KEYS: usize = 128;

/// The first bytes of a key as a number, by which most keys are told from each other.
pub type Lead = u128;

/// The lead of a key: keys sort as their leads do where these differ.
pub fn lead(key: &[u8]) -> Lead {
    if let Some(first) = key.first_chunk() {
        return Lead::from_be_bytes(*first);
    }
    let mut bytes = [0; size_of::<Lead>()];
    bytes.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    Lead::from_be_bytes(bytes)
}

/// Keys one behind the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Block {
    /// An empty block with the memory that a full one takes.
    pub fn with_room() -> Self {
        Self {
            bytes: Vec::with_capacity(LOOSE_BYTES + LOOSE_BYTES / 8),
            ends: Vec::with_capacity(LOOSE_KEYS),
        }
    }

    /// Takes all keys out, and keeps the memory that they took.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Adds a key behind the others. Four gigabytes of them are never together.
    pub fn push(&mut self, key: &[u8]) {
        self.bytes.extend_from_slice(key);
        self.ends
            .push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
    }

    /// Adds a key that is made of parts, behind the others.
    pub fn push_parts(&mut self, parts: &[&[u8]]) {
        parts
            .iter()
            .for_each(|part| self.bytes.extend_from_slice(part));
        self.push(&[]);
    }

    /// The number of keys in the block.
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// The key with this number, from 0.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)? as usize;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)? as usize,
            None => 0,
        };
        self.bytes.get(start..end)
    }

    /// The keys in their order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// The number of keys that sort before this one, in a block whose keys are sorted.
    pub fn before(&self, key: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.get(middle) {
                Some(there) if there < key => low = middle + 1,
                _ => high = middle,
            }
        }
        low
    }

    /// The bytes that it takes in memory.
    pub const fn weight(&self) -> usize {
        self.bytes.len() + self.ends.len() * size_of::<u32>() + size_of::<Self>()
    }

    /// Whether a block in memory should take no more keys.
    pub const fn is_full(&self) -> bool {
        self.bytes.len() >= LOOSE_BYTES
    }

    /// A block of these keys, sorted, each once.
    pub fn sorted(&self) -> Self {
        let mut sorted = Self {
            bytes: Vec::with_capacity(self.bytes.len()),
            ends: Vec::with_capacity(self.ends.len()),
        };
        self.each_sorted(|key| sorted.push(key));
        sorted
    }

    /// Shows the keys in their order, each once.
    pub fn each_sorted(&self, mut show: impl FnMut(&[u8])) {
        // Most kinds of keys come in their order, and then cost a look: so each is sorted by itself.
        let mut counts: BTreeMap<Option<u8>, usize> = BTreeMap::new();
        for key in self.iter() {
            *counts.entry(key.first().copied()).or_default() += 1;
        }
        let room = |(kind, count)| (kind, Vec::with_capacity(count));
        let mut kinds: BTreeMap<_, Vec<(Lead, &[u8])>> = counts.into_iter().map(room).collect();
        for key in self.iter() {
            let kind = kinds.entry(key.first().copied()).or_default();
            kind.push((lead(key), key));
        }
        for mut keys in kinds.into_values() {
            keys.sort_unstable();
            keys.dedup();
            keys.into_iter().for_each(|(_, key)| show(key));
        }
    }

    /// Packs all of it; `None` where it is too much for one body.
    pub fn pack(&self) -> Option<Vec<u8>> {
        let mut packer = Packer::default();
        let fits = self.iter().all(|key| packer.push(key));
        fits.then(|| packer.take())
    }

    /// The block that was packed in a body; `None` where no packer made these bytes.
    pub fn unpack(body: &[u8]) -> Option<Self> {
        let (count, mut rest) = body.split_first_chunk::<COUNT_BYTES>()?;
        let count = usize::from(u16::from_be_bytes(*count));
        let mut block = Self {
            bytes: Vec::with_capacity(2 * body.len()),
            ends: Vec::with_capacity(count),
        };
        let mut start = 0_usize;
        for _ in 0..count {
            let shared = take_number(&mut rest)?;
            let own = take_number(&mut rest)?;
            let (own, after) = rest.split_at_checked(own)?;
            rest = after;
            let end = block.bytes.len();
            let from = start..start.checked_add(shared).filter(|to| *to <= end)?;
            start = end;
            block.bytes.extend_from_within(from);
            block.bytes.extend_from_slice(own);
            block.ends.push(u32::try_from(block.bytes.len()).ok()?);
        }
        Some(block)
    }
}

/// Packs sorted keys into the body of one block.
#[derive(Debug, Default)]
pub struct Packer {
    body: Vec<u8>,
    last: Vec<u8>,
    count: u16,
}

impl Packer {
    /// Adds a key; `false` where there is no room for it, and nothing has changed.
    pub fn push(&mut self, key: &[u8]) -> bool {
        let together = self.last.iter().zip(key);
        let shared = together.take_while(|(one, other)| one == other).count();
        let own = key.get(shared..).unwrap_or_default();
        let before = self.body.len();
        put_number(&mut self.body, shared);
        put_number(&mut self.body, own.len());
        self.body.extend_from_slice(own);
        if COUNT_BYTES + self.body.len() > BODY_BYTES || self.count == u16::MAX {
            self.body.truncate(before);
            return false;
        }
        self.count += 1;
        self.last.truncate(shared);
        self.last.extend_from_slice(own);
        true
    }

    /// Whether it holds no key.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The body of what was packed; it is empty again.
    pub fn take(&mut self) -> Vec<u8> {
        let mut body = Vec::with_capacity(BODY_BYTES);
        body.extend(self.count.to_be_bytes());
        body.append(&mut self.body);
        body.resize(BODY_BYTES, 0);
        self.last.clear();
        self.count = 0;
        body
    }
}

/// Writes a number in groups of seven bits, the lowest first.
fn put_number(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take_number(bytes: &mut &[u8]) -> Option<usize> {
    let mut number = 0;
    for shift in [0, 7, 14] {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= usize::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn keys() -> impl Strategy<Value = BTreeSet<Vec<u8>>> {
        let key = prop_oneof![
            4 => prop::collection::vec(0..3_u8, 0..8),
            1 => prop::collection::vec(any::<u8>(), 0..300),
        ];
        prop::collection::btree_set(key, 0..40)
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(keys in keys()) {
            let mut block = Block::default();
            keys.iter().rev().for_each(|key| block.push(key));
            let sorted = block.sorted();
            prop_assert!(sorted.iter().eq(keys.iter().map(Vec::as_slice)));
            let Some(body) = sorted.pack() else {
                prop_assert!(keys.iter().map(Vec::len).sum::<usize>() > BODY_BYTES / 2);
                return Ok(());
            };
            prop_assert_eq!(body.len(), BODY_BYTES);
            prop_assert_eq!(Block::unpack(&body), Some(sorted));
        }

        #[test]
        fn the_keys_before_one_are_counted(keys in keys(), at in prop::collection::vec(0..3_u8, 0..8)) {
            let mut block = Block::default();
            keys.iter().for_each(|key| block.push(key));
            prop_assert_eq!(block.before(&at), keys.range(..at).count());
        }

        /// A purge takes keys out where they lie, so what is left must never need more room.
        #[test]
        fn fewer_keys_never_need_more_room(keys in keys(), gone in any::<prop::sample::Index>()) {
            let size = |keys: &BTreeSet<Vec<u8>>| {
                let mut packer = Packer::default();
                keys.iter().for_each(|key| assert!(packer.push(key) || packer.body.len() > BODY_BYTES / 2));
                packer.body.len()
            };
            let mut fewer = keys.clone();
            if let Some(key) = keys.iter().nth(gone.index(keys.len().max(1))) {
                fewer.remove(key);
            }
            prop_assert!(size(&fewer) <= size(&keys));
        }

        #[test]
        fn no_bytes_are_a_fault(body in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(Block::unpack(&body));
        }
    }

    #[test]
    fn a_full_packer_refuses_and_stays_as_it_was() {
        let mut packer = Packer::default();
        let key = |number: u32| [number.to_be_bytes().as_slice(), &[7; 200]].concat();
        let fitted = (0..)
            .take_while(|number| packer.push(&key(*number)))
            .count();
        assert_eq!(fitted, (BODY_BYTES - COUNT_BYTES) / (2 + 204 - 3 + 1));
        let block = Block::unpack(&packer.take()).expect("a block");
        assert_eq!(block.len(), fitted);
        assert!(packer.is_empty());
    }
}
