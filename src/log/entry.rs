//! Entries on their way in and out: opaque bytes, each with a length before it.
//!
//! The encoding, a big-endian `u16` and then the bytes, is that of a tlog-tiles
//! entry bundle, so that full runs of 256 can be sealed as they stand.

use bytes::{Buf, Bytes};

use crate::domain::Position;

/// The longest entry, in bytes: what the `u16` before it can say. The shortest is 1.
pub const ENTRY_BYTES_MAX: usize = 65_535;

/// Something found while a copy of the log is read from one end to the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// An entry whose checksum is right, and its position.
    Entry(Position, Bytes),
    /// Bytes that cannot be trusted, where they were found.
    Damaged(Place),
}

/// The place of bytes that cannot be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Place {
    /// A value of the store, by the position its key names.
    #[error("the store's value of position {0}")]
    Value(Position),
    /// A stretch of a journal file that is no whole frame.
    #[error("journal file {name}, from byte {offset}")]
    Frame {
        /// The name of the journal file.
        name: String,
        /// The offset of the first such byte in the file.
        offset: u64,
    },
}

/// The length of an entry with the length before it.
pub(super) const fn encoded_len(entry: &[u8]) -> usize {
    2 + entry.len()
}

/// Writes an entry that was checked to be at most [`ENTRY_BYTES_MAX`] long.
pub(super) fn encode(out: &mut Vec<u8>, entry: &[u8]) {
    let length = u16::try_from(entry.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(entry);
}

/// Takes encoded entries apart; `None` unless they fill the bytes exactly.
pub(super) fn decode(mut bytes: Bytes) -> Option<Vec<Bytes>> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let length = usize::from(bytes.try_get_u16().ok()?);
        if length == 0 || length > bytes.len() {
            return None;
        }
        entries.push(bytes.split_to(length));
    }
    Some(entries)
}

/// The entry of this number, from 0, among encoded ones; `None` where there are not so many.
pub(super) fn nth(mut bytes: Bytes, number: usize) -> Option<Bytes> {
    for _ in 0..number {
        let length = usize::from(bytes.try_get_u16().ok()?);
        if length > bytes.len() {
            return None;
        }
        bytes.advance(length);
    }
    let length = usize::from(bytes.try_get_u16().ok()?);
    (length > 0 && length <= bytes.len()).then(|| bytes.split_to(length))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn the_entry_of_a_number_is_the_one_of_all_of_them(
            entries in vec(vec(any::<u8>(), 1..20), 0..8), number in 0_usize..10,
        ) {
            let mut bytes = Vec::new();
            entries.iter().for_each(|entry| encode(&mut bytes, entry));
            let found = nth(bytes.into(), number);
            prop_assert_eq!(found.as_deref(), entries.get(number).map(Vec::as_slice));
        }
    }

    #[test]
    fn a_length_that_cannot_be_gives_no_entry() {
        for (bytes, number) in [
            (&[0, 0][..], 0),
            (&[0, 9, 1], 0),
            (&[0, 9, 1], 1),
            (&[0, 1, 7, 0], 1),
            (&[0, 1, 7, 0, 0], 1),
        ] {
            let found = nth(Bytes::from_static(bytes), number);
            assert_eq!(found, None, "{bytes:?} {number}");
            assert_eq!(decode(Bytes::from_static(bytes)), None, "{bytes:?}");
        }
    }
}
