//! A group of entries as one frame of the journal.
//!
//! | bytes | |
//! | --- | --- |
//! | 4 | `cjf1`: a frame of version 1 |
//! | 8 | position of the first entry |
//! | 4 | count of entries |
//! | 4 | length of the payload |
//! | 4 | CRC-32C of the sixteen bytes before it and of the payload |
//! | | the payload: entries, each with its length |
//!
//! Integers are big-endian. A frame holds or does not: there is no part of one.

use bytes::{Buf, Bytes};

use super::entry::{decode, encode, encoded_len};

/// The four bytes that begin every frame.
pub(super) const MAGIC: &[u8; 4] = b"cjf1";
/// The length of what stands before the payload.
pub(super) const HEADER_BYTES: usize = 24;
/// The longest payload, in bytes: the limit of a group.
pub(super) const PAYLOAD_BYTES_MAX: usize = 32 << 20;

/// The header of a frame, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub first: u64,
    pub count: u32,
    pub payload_bytes: usize,
    checksum: u32,
}

/// The length of a group as a frame's payload, in bytes.
pub(super) fn payload_bytes<E: AsRef<[u8]>>(entries: &[E]) -> usize {
    let lengths = entries.iter().map(|entry| encoded_len(entry.as_ref()));
    lengths.sum()
}

/// Writes a group's frame after what `out` holds. The group was checked to be
/// within [`PAYLOAD_BYTES_MAX`].
pub(super) fn encode_frame<E: AsRef<[u8]>>(out: &mut Vec<u8>, first: u64, entries: &[E]) {
    let payload = payload_bytes(entries);
    out.reserve(HEADER_BYTES + payload);
    let start = out.len();
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&first.to_be_bytes());
    out.extend_from_slice(&small(entries.len()).to_be_bytes());
    out.extend_from_slice(&small(payload).to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    for entry in entries {
        encode(out, entry.as_ref());
    }
    let frame = out.get_mut(start..).unwrap_or_default();
    if let Some((header, payload)) = frame.split_at_mut_checked(HEADER_BYTES)
        && let Some((said, checksum)) = header.split_last_chunk_mut::<4>()
    {
        *checksum = checksum_of(said, payload).to_be_bytes();
    }
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn checksum_of(said: &[u8], payload: &[u8]) -> u32 {
    let said = said.get(MAGIC.len()..).unwrap_or_default();
    crc32c::crc32c_append(crc32c::crc32c(said), payload)
}

impl Header {
    /// Reads a header; `None` if there is none or it cannot be true.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut bytes = bytes.strip_prefix(MAGIC)?;
        let first = bytes.try_get_u64().ok()?;
        let count = bytes.try_get_u32().ok()?;
        let payload_bytes = usize::try_from(bytes.try_get_u32().ok()?).ok()?;
        let checksum = bytes.try_get_u32().ok()?;
        let possible = first > 0 && count > 0 && payload_bytes <= PAYLOAD_BYTES_MAX;
        possible.then_some(Self {
            first,
            count,
            payload_bytes,
            checksum,
        })
    }

    /// The length of the whole frame, in bytes.
    pub fn frame_bytes(&self) -> usize {
        HEADER_BYTES + self.payload_bytes
    }

    /// The entries of the whole frame `bytes`, if every byte of it is as it was
    /// written.
    pub fn entries(&self, mut bytes: Bytes) -> Option<Vec<Bytes>> {
        if bytes.len() != self.frame_bytes() {
            return None;
        }
        let header = bytes.split_to(HEADER_BYTES);
        let said = header.get(..HEADER_BYTES - 4)?;
        if self.checksum != checksum_of(said, &bytes) {
            return None;
        }
        let entries = decode(bytes)?;
        (small(entries.len()) == self.count).then_some(entries)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn parse(bytes: &[u8]) -> Option<(u64, Vec<Bytes>)> {
        let header = Header::parse(bytes)?;
        let entries = header.entries(Bytes::copy_from_slice(bytes))?;
        Some((header.first, entries))
    }

    proptest! {
        #[test]
        fn a_group_comes_back_and_a_flipped_bit_or_a_cut_does_not(
            first in 1..u64::MAX,
            entries in vec(vec(any::<u8>(), 1..600), 1..30),
            bit: prop::sample::Index,
            cut: prop::sample::Index,
        ) {
            let mut bytes = Vec::new();
            encode_frame(&mut bytes, first, &entries);
            let expected: Vec<Bytes> = entries.iter().cloned().map(Bytes::from).collect();
            prop_assert_eq!(parse(&bytes), Some((first, expected)));
            prop_assert_eq!(parse(&bytes[..cut.index(bytes.len())]), None);
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(parse(&bytes), None);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..200)) {
            let mut framed = MAGIC.to_vec();
            framed.extend(&bytes);
            prop_assert_eq!(parse(&bytes), None);
            prop_assert_eq!(parse(&framed), None);
        }
    }

    #[test]
    fn a_header_that_cannot_be_true_is_none() {
        for (first, count, payload, is_possible) in [
            (1_u64, 1_u32, PAYLOAD_BYTES_MAX, true),
            (0, 1, 1, false),
            (1, 0, 1, false),
            (1, 1, PAYLOAD_BYTES_MAX + 1, false),
        ] {
            let mut bytes = MAGIC.to_vec();
            bytes.extend(first.to_be_bytes());
            bytes.extend(count.to_be_bytes());
            bytes.extend((payload as u32).to_be_bytes());
            bytes.extend([0; 4]);
            assert_eq!(
                Header::parse(&bytes).is_some(),
                is_possible,
                "{first} {count}"
            );
        }
    }

    /// The format is on disks: it may not change under the version it names.
    #[test]
    fn the_bytes_are_these() {
        let mut bytes = Vec::new();
        encode_frame(&mut bytes, 258, &[b"ab".as_slice(), b"c"]);
        let said = "636a663100000000000001020000000200000007";
        let payload = "00026162000163";
        assert_eq!(hex::encode(&bytes), format!("{said}0c1d2549{payload}"));
    }
}
