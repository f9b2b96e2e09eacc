//! Why an event has no record, and why bytes are not one.

use thiserror::Error;

use crate::domain::limits;
use crate::keys::SealError;

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
