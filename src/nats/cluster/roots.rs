//! The answer of a node that is asked for the root of its tree at a position.

use bytes::Bytes;

use crate::audit::{HASH_BYTES, Hash};
use crate::domain::Position;

/// The first bytes of what a node says whose log was begun anew. No answer of another one is as long.
const ANEW: &[u8; 4] = b"anew";

/// What a node says of its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It counts for a majority.
    Log {
        /// The last position of the log.
        head: Position,
        /// The root at the position that was asked for; none where the log is shorter.
        root: Option<Hash>,
    },
    /// It was begun anew, and can't say what was answered.
    Anew {
        /// The position that it must reach before it counts.
        reach: Position,
    },
}

/// Writes the answer to a question for a root.
pub fn answer(found: Found) -> Vec<u8> {
    match found {
        Found::Log { head, root } => {
            let root = root.map(|root| root.0);
            let root = root.as_ref().map(<[u8; HASH_BYTES]>::as_slice);
            [&head.get().to_be_bytes(), root.unwrap_or_default()].concat()
        }
        Found::Anew { reach } => [ANEW.as_slice(), &reach.get().to_be_bytes()].concat(),
    }
}

/// Reads an answer; `None` for what is none.
pub fn read(bytes: &Bytes) -> Option<Found> {
    let position = |bytes| Position::new(u64::from_be_bytes(bytes));
    if let Some(Ok(reach)) = bytes.strip_prefix(ANEW).map(<[u8; 8]>::try_from) {
        let reach = position(reach);
        return Some(Found::Anew { reach });
    }
    let (head, root) = bytes.split_first_chunk()?;
    let root = match root {
        [] => None,
        root => Some(Hash(root.try_into().ok()?)),
    };
    let head = position(*head);
    Some(Found::Log { head, root })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_as_it_was_written() {
        let root = Some(Hash([3; HASH_BYTES]));
        let (head, reach) = (Position::new(7), Position::new(u64::MAX));
        for found in [
            Found::Log { head, root },
            Found::Log { head, root: None },
            Found::Anew { reach },
        ] {
            assert_eq!(read(&answer(found).into()), Some(found));
        }
        assert_eq!(read(&Bytes::from_static(b"too short")), None);
    }
}
