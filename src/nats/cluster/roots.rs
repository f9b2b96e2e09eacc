//! The answer of a node that is asked for the root of its tree at a position.

use bytes::Bytes;

use crate::audit::{HASH_BYTES, Hash};
use crate::domain::Position;

/// The last position of a node's log, and the root of its tree at the position that was asked for;
/// none where the log is shorter.
pub type Found = (Position, Option<Hash>);

/// Writes the answer to a question for a root.
pub fn answer((head, root): Found) -> Vec<u8> {
    let root = root.map(|root| root.0);
    let root = root.as_ref().map(<[u8; HASH_BYTES]>::as_slice);
    [&head.get().to_be_bytes(), root.unwrap_or_default()].concat()
}

/// Reads an answer; `None` for what is none.
pub fn read(bytes: &Bytes) -> Option<Found> {
    let (head, root) = bytes.split_first_chunk()?;
    let root = match root {
        [] => None,
        root => Some(Hash(root.try_into().ok()?)),
    };
    Some((Position::new(u64::from_be_bytes(*head)), root))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_as_it_was_written() {
        for found in [
            (Position::new(7), Some(Hash([3; HASH_BYTES]))),
            (Position::ZERO, None),
        ] {
            assert_eq!(read(&answer(found).into()), Some(found));
        }
        assert_eq!(read(&Bytes::from_static(b"too short")), None);
    }
}
