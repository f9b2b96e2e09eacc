//! A group of entries as it travels from one log to another: the journal's frame, byte for byte.

use bytes::Bytes;

use super::frame::{Header, encode_frame, payload_bytes};
use crate::domain::Position;

/// Entries that follow each other in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The position of the first entry.
    pub first: Position,
    /// The entries, in order; at least one.
    pub entries: Vec<Bytes>,
}

impl Group {
    /// The frame of these entries, which are what an append would take.
    #[must_use]
    pub fn encode<E: AsRef<[u8]>>(first: Position, entries: &[E]) -> Vec<u8> {
        let mut frame = Vec::new();
        encode_frame(&mut frame, first.get(), entries);
        frame
    }

    /// The group whose frame these bytes are, if every byte of it is as it was written.
    #[must_use]
    pub fn decode(frame: Bytes) -> Option<Self> {
        let header = Header::parse(&frame)?;
        Some(Self {
            first: Position::new(header.first),
            entries: header.entries(frame)?,
        })
    }

    /// The bytes of the entries, each with its length, as an append writes them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        payload_bytes(&self.entries)
    }

    /// The position behind the last entry.
    #[must_use]
    pub fn next(&self) -> Position {
        self.first.plus(self.entries.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_comes_back_whole_or_not_at_all() {
        let entries = vec![Bytes::from_static(b"ab"), Bytes::from_static(b"c")];
        let frame = Group::encode(Position::new(7), &entries);
        let group = Group::decode(frame.clone().into()).unwrap();
        let first = Position::new(7);
        assert_eq!(group, Group { first, entries });
        assert_eq!((group.next(), group.bytes()), (Position::new(9), 4 + 3));
        for byte in 0..frame.len() {
            let mut damaged = frame.clone();
            damaged[byte] ^= 1;
            assert_eq!(Group::decode(damaged.into()), None, "{byte}");
            assert_eq!(Group::decode(frame[..byte].to_vec().into()), None);
        }
    }
}
