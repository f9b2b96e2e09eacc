//! Groups of entries as values of the store.
//!
//! A key costs more than its bytes, so entries are packed greedily; a value
//! stays below 7,000 bytes, for sled moves pages of larger ones into files that
//! it never syncs. An entry too large for one value is split over parts.
//!
//! | key | |
//! | --- | --- |
//! | u64 | position of the first entry, or of the split one |
//! | u16 | part: 0, or counting the parts of a split entry |
//!
//! | value | |
//! | --- | --- |
//! | u32 | CRC-32C of the key and of the rest of the value |
//! | u8 | 1: whole entries follow; 2: a part of one; 3: whole entries, and the group goes on behind them |
//! | | whole: entries, each with its length; part: u16 length of the whole entry, then bytes |
//!
//! All integers are big-endian. The key is under the checksum, so that a value
//! in another's place is found out. The values of a group may reach the disk one after the other: a
//! store whose last value says that its group goes on has only the beginning of it.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

use super::entry::{Piece, Place, decode, encode, encoded_len, nth};
use crate::{domain::Position, storage::Batch};

/// The longest value, in bytes; with it sled's `blobs/` stays empty.
pub const VALUE_BYTES_MAX: usize = 7_000;

const CHECKSUM_BYTES: usize = 4;
const HEADER_BYTES: usize = CHECKSUM_BYTES + 1;
const PART_BYTES_MAX: usize = VALUE_BYTES_MAX - HEADER_BYTES - 2;
const WHOLE: u8 = 1;
const PART: u8 = 2;
const WHOLE_AND_MORE: u8 = 3;

/// A key of the log's store: the position of the first entry, and the number of a split entry's
/// part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub first: u64,
    pub part: u16,
}

impl Key {
    pub fn encode(self) -> [u8; 10] {
        let mut bytes = [0; 10];
        bytes[..8].copy_from_slice(&self.first.to_be_bytes());
        bytes[8..].copy_from_slice(&self.part.to_be_bytes());
        bytes
    }

    pub fn decode(mut bytes: &[u8]) -> Option<Self> {
        let first = bytes.try_get_u64().ok()?;
        let part = bytes.try_get_u16().ok()?;
        bytes.is_empty().then_some(Self { first, part })
    }

    /// The least key that a position can have.
    pub fn start(first: u64) -> [u8; 10] {
        Self { first, part: 0 }.encode()
    }

    /// The greatest key that a position can have.
    pub fn end(first: u64) -> [u8; 10] {
        let part = u16::MAX;
        Self { first, part }.encode()
    }
}

/// Whether an entry is too large for one value.
pub(super) const fn is_split(entry: &[u8]) -> bool {
    HEADER_BYTES + encoded_len(entry) > VALUE_BYTES_MAX
}

/// Adds the values of a group whose first entry has position `first`.
pub(super) fn put_group<E: AsRef<[u8]>>(batch: &mut Batch, first: u64, entries: &[E]) {
    let mut packing: Option<(u64, Vec<u8>)> = None;
    for (position, entry) in (first..).zip(entries) {
        let entry = entry.as_ref();
        let added = encoded_len(entry);
        let full = |value: &Vec<u8>| value.len() + added > VALUE_BYTES_MAX;
        if packing.as_ref().is_some_and(|(_, value)| full(value)) {
            put_packed(batch, packing.take(), WHOLE_AND_MORE);
        }
        if is_split(entry) {
            put_parts(batch, position, entry);
            continue;
        }
        let (_, value) = packing.get_or_insert_with(|| (position, begun()));
        encode(value, entry);
    }
    put_packed(batch, packing, WHOLE);
}

fn put_packed(batch: &mut Batch, packed: Option<(u64, Vec<u8>)>, kind: u8) {
    if let Some((first, value)) = packed {
        put(batch, Key { first, part: 0 }, kind, value);
    }
}

fn put_parts(batch: &mut Batch, first: u64, entry: &[u8]) {
    let length = u16::try_from(entry.len()).unwrap_or(u16::MAX);
    for (part, bytes) in (0..).zip(entry.chunks(PART_BYTES_MAX)) {
        let mut value = HEADER.to_vec();
        value.extend_from_slice(&length.to_be_bytes());
        value.extend_from_slice(bytes);
        put(batch, Key { first, part }, PART, value);
    }
}

/// A value's beginning, in which [`put`] writes the checksum and the kind.
const HEADER: [u8; HEADER_BYTES] = [0; HEADER_BYTES];

/// The beginning of a value, with the memory that a full one takes.
fn begun() -> Vec<u8> {
    let mut value = Vec::with_capacity(VALUE_BYTES_MAX);
    value.extend_from_slice(&HEADER);
    value
}

fn put(batch: &mut Batch, key: Key, kind: u8, mut value: Vec<u8>) {
    let key = key.encode();
    if let Some((checksum, rest)) = value.split_first_chunk_mut() {
        if let Some(first) = rest.first_mut() {
            *first = kind;
        }
        *checksum = checksum_of(&key, rest).to_be_bytes();
    }
    batch.put(key, value);
}

fn checksum_of(key: &[u8], rest: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(key), rest)
}

/// The entries, or the part of one, that a value holds once its checksum is verified.
enum Content {
    Whole(Vec<Bytes>),
    Part { length: usize, bytes: Bytes },
}

/// The kind of a value, and what follows it, once its checksum is verified.
fn verified(key: &[u8], mut value: Bytes) -> Option<(u8, Bytes)> {
    let checksum = value.try_get_u32().ok()?;
    if checksum != checksum_of(key, &value) {
        return None;
    }
    let kind = value.try_get_u8().ok()?;
    Some((kind, value))
}

fn open(key: &[u8], value: Bytes) -> Option<Content> {
    let (kind, mut value) = verified(key, value)?;
    match kind {
        WHOLE | WHOLE_AND_MORE => decode(value).map(Content::Whole),
        PART => {
            let length = usize::from(value.try_get_u16().ok()?);
            Some(Content::Part {
                length,
                bytes: value,
            })
        }
        _ => None,
    }
}

/// The entry at `position`, if this pair is whole entries and it is among them. Those beside it are
/// passed over.
pub(super) fn find(key: &[u8], value: Bytes, position: u64) -> Option<Bytes> {
    let first = Key::decode(key).filter(|key| key.part == 0)?.first;
    let index = usize::try_from(position.checked_sub(first)?).ok()?;
    let (kind, entries) = verified(key, value)?;
    if matches!(kind, WHOLE | WHOLE_AND_MORE) {
        nth(entries, index)
    } else {
        None
    }
}

/// Whether this pair is whole entries of a group that goes on in the next one.
pub(super) fn goes_on(key: &[u8], value: Bytes) -> bool {
    verified(key, value).is_some_and(|(kind, _)| kind == WHOLE_AND_MORE)
}

/// Puts entries together again from pairs in key order.
#[derive(Default)]
pub(super) struct Assembler {
    parts: Option<Parts>,
    ready: VecDeque<Piece>,
}

/// A split entry of which not every part has come.
struct Parts {
    first: u64,
    next: u16,
    length: usize,
    bytes: BytesMut,
}

impl Assembler {
    /// Takes the next entry that is complete, or the next stretch of damage.
    pub fn next(&mut self) -> Option<Piece> {
        self.ready.pop_front()
    }

    /// Takes the next pair of key and value, in key order.
    pub fn push(&mut self, key: &[u8], value: Bytes) {
        let Some(place) = Key::decode(key) else {
            let position = self.parts.as_ref().map_or(0, |parts| parts.first);
            self.damaged(position);
            return;
        };
        match open(key, value) {
            Some(Content::Whole(entries)) if place.part == 0 => {
                self.end();
                let positions = (place.first..).map(Position::new);
                let pieces = positions.zip(entries);
                self.ready
                    .extend(pieces.map(|(at, entry)| Piece::Entry(at, entry)));
            }
            Some(Content::Part { length, bytes }) => self.part(place, length, &bytes),
            _ => {
                self.end();
                self.damaged(place.first);
            }
        }
    }

    /// No more pairs come: an entry that still lacks parts is damaged.
    pub fn end(&mut self) {
        if let Some(parts) = self.parts.take() {
            self.damaged(parts.first);
        }
    }

    fn part(&mut self, place: Key, length: usize, bytes: &Bytes) {
        if place.part == 0 {
            self.end();
            self.parts = Some(Parts {
                first: place.first,
                next: 0,
                length,
                bytes: BytesMut::with_capacity(length),
            });
        }
        let Some(mut parts) = self.parts.take() else {
            return self.damaged(place.first);
        };
        let follows = parts.first == place.first && parts.next == place.part;
        if !follows || parts.length != length || parts.bytes.len() + bytes.len() > length {
            return self.damaged(parts.first);
        }
        parts.bytes.extend_from_slice(bytes);
        parts.next = parts.next.saturating_add(1);
        if parts.bytes.len() == length {
            let position = Position::new(parts.first);
            self.ready
                .push_back(Piece::Entry(position, parts.bytes.freeze()));
        } else {
            self.parts = Some(parts);
        }
    }

    fn damaged(&mut self, position: u64) {
        let place = Place::Value(Position::new(position));
        self.ready.push_back(Piece::Damaged(place));
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::{super::entry::ENTRY_BYTES_MAX, *};
    use crate::storage::Change;

    fn pairs(first: u64, entries: &[Vec<u8>]) -> Vec<(Vec<u8>, Bytes)> {
        let mut batch = Batch::default();
        put_group(&mut batch, first, entries);
        let pair = |change: &Change| match change {
            Change::Put(key, value) => (key.clone(), Bytes::from(value.clone())),
            Change::Remove(_) => panic!("a group removes nothing"),
        };
        batch.changes().iter().map(pair).collect()
    }

    fn assemble(pairs: &[(Vec<u8>, Bytes)]) -> Vec<Piece> {
        let mut assembler = Assembler::default();
        for (key, value) in pairs {
            assembler.push(key, value.clone());
        }
        assembler.end();
        std::iter::from_fn(|| assembler.next()).collect()
    }

    fn entry_of_any_size() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            8 => 1..1_000usize,
            2 => 6_900..7_100usize,
            1 => 13_900..14_100usize,
            1 => 1..=ENTRY_BYTES_MAX,
        ]
        .prop_flat_map(|length| any::<u8>().prop_map(move |fill| vec![fill; length]))
    }

    proptest! {
        #[test]
        fn a_group_comes_back_as_it_went_in(
            first in 1..u64::MAX / 2,
            entries in vec(entry_of_any_size(), 1..40),
        ) {
            let pairs = pairs(first, &entries);
            prop_assert!(pairs.iter().all(|(_, value)| value.len() <= VALUE_BYTES_MAX));
            prop_assert!(pairs.is_sorted_by(|a, b| a.0 < b.0));
            let expected: Vec<_> = (first..)
                .zip(&entries)
                .map(|(at, entry)| Piece::Entry(Position::new(at), entry.clone().into()))
                .collect();
            prop_assert_eq!(assemble(&pairs), expected);
            let (key, value) = pairs.last().unwrap();
            prop_assert!(!goes_on(key, value.clone()), "a whole group goes on");
        }

        #[test]
        fn every_entry_is_found_by_its_position(entries in vec(vec(any::<u8>(), 1..900), 1..40)) {
            let pairs = pairs(7, &entries);
            for (at, entry) in (7..).zip(&entries) {
                let holds = |(key, _): &&(Vec<u8>, Bytes)| key[..] <= Key::start(at)[..];
                let (key, value) = pairs.iter().rev().find(holds).expect("a value");
                prop_assert_eq!(find(key, value.clone(), at), Some(entry.clone().into()));
            }
        }

        #[test]
        fn a_flipped_bit_never_gives_a_wrong_entry(
            entries in vec(entry_of_any_size(), 1..10),
            pick: prop::sample::Index,
            bit: prop::sample::Index,
        ) {
            let mut pairs = pairs(1, &entries);
            let pick = pick.index(pairs.len());
            let (_, value) = &mut pairs[pick];
            let mut bytes = value.to_vec();
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            *value = bytes.into();
            let pieces = assemble(&pairs);
            let damaged = pieces.iter().filter(|piece| matches!(piece, Piece::Damaged(_)));
            prop_assert!(damaged.count() > 0);
            for piece in pieces {
                if let Piece::Entry(at, bytes) = piece {
                    prop_assert_eq!(&bytes[..], &entries[at.get() as usize - 1][..]);
                }
            }
        }
    }

    #[test]
    fn the_largest_entry_takes_ten_values_and_a_lost_one_is_noticed() {
        let mut pairs = pairs(7, &[vec![5; ENTRY_BYTES_MAX]]);
        assert_eq!(pairs.len(), 10);
        pairs.pop();
        let place = Place::Value(Position::new(7));
        assert_eq!(assemble(&pairs), [Piece::Damaged(place)]);
    }

    #[test]
    fn small_entries_share_a_value() {
        assert_eq!(pairs(7, &vec![vec![5; 100]; 60]).len(), 1);
        assert_eq!(pairs(7, &vec![vec![5; 2_000]; 3]).len(), 1);
        let rest = VALUE_BYTES_MAX - HEADER_BYTES - 2 - 3_000 - 2;
        for (more, values) in [(0, 1), (1, 2)] {
            let pairs = pairs(7, &[vec![5; 3_000], vec![5; rest + more]]);
            assert_eq!(pairs.len(), values);
        }
    }

    #[test]
    fn an_entry_is_found_in_its_value_alone() {
        let pairs = pairs(7, &[vec![1], vec![2]]);
        let (key, value) = &pairs[0];
        let found = |position| find(key, value.clone(), position);
        assert_eq!(found(8), Some(Bytes::from_static(&[2])));
        assert_eq!((found(6), found(9)), (None, None));
        // The longest that one value can hold is whole.
        let longest = vec![3; VALUE_BYTES_MAX - HEADER_BYTES - 2];
        for first in [vec![], vec![vec![1]]] {
            let at = 7 + first.len() as u64;
            let pairs = self::pairs(7, &[first, vec![longest.clone()]].concat());
            let (key, value) = pairs.last().unwrap();
            assert_eq!(find(key, value.clone(), at).as_deref(), Some(&longest[..]));
        }
    }

    #[test]
    fn whole_entries_under_the_key_of_a_part_are_damaged() {
        let mut value = HEADER.to_vec();
        encode(&mut value, &[5]);
        let mut batch = Batch::default();
        put(&mut batch, Key { first: 7, part: 1 }, WHOLE, value);
        let [Change::Put(key, value)] = batch.changes() else {
            panic!("one value");
        };
        let pair = (key.clone(), Bytes::from(value.clone()));
        let place = Place::Value(Position::new(7));
        assert_eq!(assemble(&[pair]), [Piece::Damaged(place)]);
    }

    #[test]
    fn parts_of_two_entries_make_none() {
        let split = |first, fill| pairs(first, &[vec![fill; 10_000]]);
        let (one, other) = (split(7, 1), split(8, 2));
        let mut longer = HEADER.to_vec();
        longer.extend(10_001_u16.to_be_bytes());
        longer.extend(vec![1; 10_001 - PART_BYTES_MAX]);
        let mut batch = Batch::default();
        put(&mut batch, Key { first: 7, part: 1 }, PART, longer);
        let [Change::Put(key, value)] = batch.changes() else {
            panic!("one value");
        };
        let longer = (key.clone(), Bytes::from(value.clone()));
        for pairs in [
            [one[0].clone(), other[1].clone()],
            [one[0].clone(), longer],
            [one[1].clone(), other[1].clone()],
        ] {
            let pieces = assemble(&pairs);
            let is_damaged = |piece: &Piece| matches!(piece, Piece::Damaged(_));
            assert!(pieces.iter().all(is_damaged), "{}", pieces.len());
        }
    }

    #[test]
    fn a_value_under_another_key_is_damaged() {
        let mut pairs = pairs(7, &[vec![5; 10]]);
        pairs[0].0 = Key::start(8).to_vec();
        assert!(matches!(assemble(&pairs)[..], [Piece::Damaged(_)]));
    }
}
