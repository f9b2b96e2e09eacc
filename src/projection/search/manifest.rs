//! The list of the files that count, and how far in the log they go.
//!
//! It is replaced whole, so that the files of a moment count together or not at all; whatever else
//! lies there is the remains of a crash. It holds nothing personal, and a checksum.

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use uuid::Uuid;

use super::orders::Ordinal;
use crate::domain::{ContactId, EventId, Position};
use crate::projection::view::IsOfLog;
use crate::storage::{Files, StorageError};

/// The file of the list.
pub const NAME: &str = "search.list";
/// Raised when the form of the files changes, or what the index folds and answers.
pub const VERSION: u32 = 4;

/// Removes the list: from now on no file counts.
///
/// # Errors
/// The disk refused; call again.
pub fn remove(files: &dyn Files) -> Result<(), StorageError> {
    if files.has(NAME)? {
        files.remove(NAME)?;
    }
    Ok(())
}

/// A place in the log that an index has reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// The position of the last event folded.
    pub position: Position,
    /// The id of that event, which tells one log from another.
    pub event: Option<EventId>,
    /// The number of contacts that were ever created.
    pub contacts: Ordinal,
    /// The contact that was created last.
    pub last: Option<ContactId>,
    /// The number of contacts that are live.
    pub live: usize,
}

/// The files that count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The version of the view that wrote them.
    pub version: u32,
    /// The place in the log that they reach.
    pub at: Checkpoint,
    /// Their numbers, the oldest first.
    pub files: Vec<u64>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct ManifestV1 {
    #[n(0)]
    version: u32,
    #[n(1)]
    position: u64,
    #[n(2)]
    event: Option<ByteArray<16>>,
    #[n(3)]
    contacts: Ordinal,
    #[n(4)]
    last: Option<ByteArray<16>>,
    #[n(5)]
    live: u64,
    #[n(6)]
    files: Vec<u64>,
}

impl Manifest {
    /// The list on the disk, where it can be read and is of this version and this log.
    pub fn kept(files: &dyn Files, is_of_log: IsOfLog<'_>) -> Option<Self> {
        let length = usize::try_from(files.len(NAME).ok()?).ok()?;
        let bytes = files.read_at(NAME, 0, length).ok()?;
        let list = Self::decode(&bytes).filter(|list| {
            let Checkpoint {
                position, event, ..
            } = list.at;
            let is_ours = event.is_some_and(|event| is_of_log(position, event));
            is_ours && list.version == VERSION
        });
        if list.is_none() {
            tracing::warn!("the kept search view is not of this log and version; it is made again");
        }
        list
    }

    /// Its bytes, with a checksum behind them.
    pub fn encode(&self) -> Vec<u8> {
        let Self { version, at, files } = self;
        let Checkpoint {
            position,
            event,
            contacts,
            last,
            live,
        } = at;
        let list = ManifestV1 {
            version: *version,
            position: position.get(),
            event: event.map(|id| id.0.into_bytes().into()),
            contacts: *contacts,
            last: last.map(|id| id.0.into_bytes().into()),
            live: *live as u64,
            files: files.clone(),
        };
        // Writing into memory does not fail; an empty list would be seen as damage.
        let mut bytes = minicbor::to_vec(&list).unwrap_or_default();
        bytes.extend(crc32c::crc32c(&bytes).to_be_bytes());
        bytes
    }

    /// The list that these bytes are; `None` where they are damaged.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (list, checksum) = bytes.split_last_chunk()?;
        if crc32c::crc32c(list) != u32::from_be_bytes(*checksum) {
            return None;
        }
        let ManifestV1 {
            version,
            position,
            event,
            contacts,
            last,
            live,
            files,
        } = minicbor::decode(list).ok()?;
        let at = Checkpoint {
            position: Position::new(position),
            event: event.map(|id| EventId(Uuid::from_bytes(id.into()))),
            contacts,
            last: last.map(|id| ContactId(Uuid::from_bytes(id.into()))),
            live: usize::try_from(live).ok()?,
        };
        Some(Self { version, at, files })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_flipped_bit_is_seen() {
        let manifest = Manifest {
            version: 3,
            at: Checkpoint {
                position: Position::new(77),
                event: Some(EventId(Uuid::from_u128(5))),
                contacts: 9,
                last: Some(ContactId(Uuid::from_u128(6))),
                live: 8,
            },
            files: vec![1, 300],
        };
        let bytes = manifest.encode();
        assert_eq!(Manifest::decode(&bytes), Some(manifest));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Manifest::decode(&flipped), None, "{bit}");
        }
        for length in 0..bytes.len() {
            assert_eq!(Manifest::decode(&bytes[..length]), None, "{length}");
        }
    }
}
