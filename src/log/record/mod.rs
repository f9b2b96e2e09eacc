//! The record of one event: its bytes in the log, for ever.
//!
//! A record is one version byte, a clear header in CBOR (RFC 8949) with
//! numbered fields, and for a SUCCESS that wrote a contact its content, sealed
//! with the contact's key. These bytes, as they stand, are the leaf of the hash
//! tree; they are kept and served, never written again from a parsed form.
//!
//! A new version gets a file of its own beside `v1`, whose reader turns the
//! old form into today's [`Event`]; golden bytes of every version are kept in
//! `tests/golden/`. A field may be added to a version as long as old readers
//! can do without it; a field's number is never used again.

mod error;
mod parsed;
mod v1;

pub use error::{DecodeError, EncodeError};
pub use parsed::{Record, Sealed};

use crate::domain::{Content, Event, limits};
use crate::keys::{KeyRing, Slot};

/// The version of records that this release writes.
pub const VERSION: u8 = 1;
/// The memory that a record begins with beside its content, in bytes: most headers fit, with what
/// sealing adds, and it grows for others.
const HEADER_BYTES: usize = 384;

/// The record of an event, and of the content that a SUCCESS wrote.
///
/// # Errors
/// [`EncodeError`] where it would be too large or can't be sealed.
pub fn encode(
    event: &Event,
    slot: Option<Slot>,
    content: Option<&Content>,
    keys: &KeyRing,
) -> Result<Vec<u8>, EncodeError> {
    let plain = content.map(v1::write_content);
    let content_bytes = plain.as_ref().map_or(0, Vec::len);
    let mut bytes = Vec::with_capacity(HEADER_BYTES + content_bytes);
    bytes.push(VERSION);
    v1::write_header(event, slot, plain.is_some(), &mut bytes);
    if let (Some(plain), Some(slot)) = (plain, slot) {
        let sealed = keys.seal(slot, &bytes, &plain)?;
        bytes.extend_from_slice(&sealed);
    }
    if bytes.len() > limits::RECORD_BYTES_MAX {
        return Err(EncodeError::TooLarge { bytes: bytes.len() });
    }
    Ok(bytes)
}

/// The record in these bytes.
///
/// # Errors
/// [`DecodeError`] where they are none.
pub fn decode(bytes: &[u8]) -> Result<Record, DecodeError> {
    match bytes.split_first() {
        None => Err(DecodeError::Empty),
        Some((&VERSION, rest)) => v1::read(bytes, rest),
        Some((&version, _)) => Err(DecodeError::Version { version }),
    }
}

/// The content in the plain bytes of a sealed one.
///
/// # Errors
/// [`DecodeError::Header`] where they are none.
pub fn read_content(plain: &[u8]) -> Result<Content, DecodeError> {
    v1::read_content(plain)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::{
        Card, DialectId, EventId, Header, Operation, Owner, Phase, Position, Timestamp,
    };
    use crate::keys::MasterKey;
    use crate::storage::{Disk, FileAt, SimDisk};

    #[test]
    fn the_largest_record_is_taken_and_one_with_a_byte_more_is_not() {
        let files = SimDisk::new(1).files("keys").unwrap();
        let master = MasterKey::read_or_create(&FileAt::new(files.clone(), "master.key"));
        let keys = KeyRing::open(files, &master.unwrap()).unwrap();
        let slot = Slot::new(0);
        keys.draw(slot).unwrap();
        let (id, time) = (EventId(Uuid::from_u128(1)), Timestamp::from_millis(1));
        let owner = Owner::new(DialectId(1), &["acme"]).unwrap();
        let event = Event {
            header: Header::new(Position::FIRST, id, time, Operation::Create, owner),
            phase: Phase::Success { erasure: None },
        };
        let encoded = |length: usize| {
            let content = Content {
                card: Card::new(serde_json::Map::new()).unwrap(),
                chosen_id: Some("x".repeat(length).into()),
            };
            encode(&event, Some(slot), Some(&content), &keys)
        };
        let limit = limits::RECORD_BYTES_MAX;
        let largest = limit - (encoded(40_000).unwrap().len() - 40_000);
        assert_eq!(encoded(largest).unwrap().len(), limit);
        let refused = encoded(largest + 1);
        assert!(matches!(refused, Err(EncodeError::TooLarge { bytes }) if bytes == limit + 1));
    }
}
