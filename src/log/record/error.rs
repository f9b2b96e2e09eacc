//! Why an event has no record, and why bytes are not one.

use thiserror::Error;

use crate::domain::limits;
use crate::keys::SealError;

/// The reasons for which an event cannot be encoded.
#[derive(Debug, Error)]
pub enum EncodeError {
    /// The record would be larger than [`limits::RECORD_BYTES_MAX`].
    #[error("the record would have {bytes} bytes, {max} is the limit", max = limits::RECORD_BYTES_MAX)]
    TooLarge {
        /// The size of the record, in bytes.
        bytes: usize,
    },
    /// The content cannot be sealed with the contact's key.
    #[error("the contact's content can't be sealed")]
    Seal(#[from] SealError),
}

/// The reasons for which bytes are not a record.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// There is not even a version byte.
    #[error("an empty record")]
    Empty,
    /// A version this release does not know: a later one wrote it.
    #[error("record version {version} is newer than this program; use the release that wrote it")]
    Version {
        /// The version byte that was read.
        version: u8,
    },
    /// The header is not what its version says.
    #[error("a damaged record: {what}")]
    Header {
        /// The part that is wrong, for a log line or a report.
        what: String,
    },
}
