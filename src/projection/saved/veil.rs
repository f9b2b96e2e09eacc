//! Hiding the tags of a row by what goes with the contact's key.

use sha2::{Digest, Sha256};

use crate::domain::{Position, Tag};
use crate::keys::{Seed, Seeds, Slot};
use crate::storage::StorageError;

/// The bytes of a tag.
const TAG_BYTES: usize = 16;
const CHECKSUM_BYTES: usize = 4;
/// Seeds that are read in one go where rows follow one another.
const AHEAD: usize = 4_096;
/// Slots that are so close to the last one follow it.
const CLOSE: u64 = 32;

/// The number of bytes that so many tags take, hidden.
pub(super) const fn hidden_len(tags: usize) -> usize {
    if tags == 0 {
        0
    } else {
        tags * TAG_BYTES + CHECKSUM_BYTES
    }
}

/// Hides tags, with their checksum: in clear it would confirm a guess.
pub(super) fn hide(seed: &Seed, at: Position, tags: &[Tag]) -> Vec<u8> {
    let mut bytes: Vec<u8> = tags.iter().flat_map(|tag| tag.0).collect();
    if !bytes.is_empty() {
        let checksum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&checksum.to_be_bytes());
        apply(seed, at, &mut bytes);
    }
    bytes
}

/// The tags that were hidden; `None` where this is not the seed that hid them.
pub(super) fn reveal(seed: &Seed, at: Position, hidden: &[u8]) -> Option<Vec<Tag>> {
    if hidden.is_empty() {
        return Some(Vec::new());
    }
    let mut bytes = hidden.to_vec();
    apply(seed, at, &mut bytes);
    let (tags, checksum) = bytes.split_last_chunk()?;
    if crc32c::crc32c(tags).to_be_bytes() != *checksum {
        return None;
    }
    let (tags, rest) = tags.as_chunks();
    rest.is_empty()
        .then(|| tags.iter().copied().map(Tag).collect())
}

/// Adds the key stream of a seed and a position: a version of a contact has one of its own.
fn apply(seed: &Seed, at: Position, bytes: &mut [u8]) {
    for (number, block) in (0_u32..).zip(bytes.chunks_mut(32)) {
        let mut hash = Sha256::new();
        hash.update(seed.as_bytes());
        hash.update(at.get().to_be_bytes());
        hash.update(number.to_be_bytes());
        let stream: [u8; 32] = hash.finalize().into();
        block.iter_mut().zip(stream).for_each(|(to, by)| *to ^= by);
    }
}

/// The seeds of contacts that are asked for mostly in order.
pub(super) struct SeedReader<'a> {
    seeds: &'a dyn Seeds,
    first: u64,
    ahead: Vec<Option<Seed>>,
    last: u64,
}

impl<'a> SeedReader<'a> {
    pub(super) fn new(seeds: &'a dyn Seeds) -> Self {
        Self {
            seeds,
            first: 0,
            ahead: Vec::new(),
            last: 0,
        }
    }

    /// The seed of a slot; `None` where it holds no key.
    pub(super) fn get(&mut self, slot: Slot) -> Result<Option<Seed>, StorageError> {
        let number = slot.get();
        let follows = number.abs_diff(self.last) <= CLOSE;
        self.last = number;
        let index = number.checked_sub(self.first);
        let index = index.and_then(|index| usize::try_from(index).ok());
        if let Some(seed) = index.and_then(|index| self.ahead.get(index)) {
            return Ok(*seed);
        }
        self.first = number;
        self.ahead = self.seeds.seeds(slot, if follows { AHEAD } else { 1 })?;
        Ok(self.ahead.first().copied().flatten())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::keys::OpenSeeds;

    proptest! {
        #[test]
        fn only_the_seed_that_hid_tags_reveals_them(
            tags in prop::collection::vec(any::<[u8; 16]>(), 0..6),
            at in 0..1_000_u64,
        ) {
            let tags: Vec<Tag> = tags.into_iter().map(Tag).collect();
            let at = Position::new(at);
            let hidden = hide(&Seed::OPEN, at, &tags);
            prop_assert_eq!(hidden.len(), hidden_len(tags.len()));
            prop_assert_eq!(reveal(&Seed::OPEN, at, &hidden), Some(tags.clone()));
            if !tags.is_empty() {
                prop_assert_eq!(reveal(&Seed::OPEN, at.next(), &hidden), None);
                prop_assert!(!hidden.windows(16).any(|bytes| tags.iter().any(|tag| tag.0 == bytes)));
            }
        }
    }

    #[test]
    fn seeds_are_found_in_any_order() {
        struct Numbered;
        impl Seeds for Numbered {
            fn seeds(&self, first: Slot, count: usize) -> Result<Vec<Option<Seed>>, StorageError> {
                let all = (first.get()..first.get() + count as u64).map(|number| number % 2 == 0);
                Ok(all.map(|even| even.then_some(Seed::OPEN)).collect())
            }
        }
        let mut reader = SeedReader::new(&Numbered);
        for number in [0, 1, 2, 9_000, 9_001, 9_002, 7, 5_000, 4_999] {
            let found = reader.get(Slot::new(number)).unwrap();
            assert_eq!(found.is_some(), number % 2 == 0, "{number}");
        }
        assert!(
            OpenSeeds
                .seeds(Slot::new(0), 3)
                .unwrap()
                .iter()
                .all(Option::is_some)
        );
    }
}
