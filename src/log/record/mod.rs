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

mod v1;

use thiserror::Error;

use crate::domain::{Content, Event, limits};
use crate::keys::{KeyRing, SealError, Slot};

/// The version this release writes.
pub const VERSION: u8 = 1;

/// An event as the log holds it: its content, if it has one, still sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The event.
    pub event: Event,
    /// The contact's key, on a SUCCESS of a write.
    pub slot: Option<Slot>,
    /// The sealed content and what it is bound to.
    pub sealed: Option<Sealed>,
}

/// A sealed content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// What it is bound to: the record's bytes before it.
    pub bound_to: Vec<u8>,
    /// What the contact's key made of it.
    pub bytes: Vec<u8>,
}

/// Why an event has no record.
#[derive(Debug, Error)]
pub enum EncodeError {
    /// It would be larger than a record may be.
    #[error("the record would have {bytes} bytes, {max} is the limit", max = limits::RECORD_BYTES_MAX)]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Its content can't be sealed.
    #[error("the contact's content can't be sealed")]
    Seal(#[from] SealError),
}

/// Why bytes are no record.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// There are none.
    #[error("an empty record")]
    Empty,
    /// A version this release does not know: a later one wrote it.
    #[error("record version {version} is newer than this program; use the release that wrote it")]
    Version {
        /// The version.
        version: u8,
    },
    /// The header is not what its version says.
    #[error("a damaged record: {what}")]
    Header {
        /// What is wrong.
        what: String,
    },
}

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
    let mut bytes = vec![VERSION];
    v1::write_header(event, slot, content.is_some(), &mut bytes);
    if let (Some(content), Some(slot)) = (content, slot) {
        let plain = v1::write_content(content);
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
