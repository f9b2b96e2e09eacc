//! Why a part of a saved view is not used.

use thiserror::Error;

use crate::storage::StorageError;

/// The reasons for which a part is not used. Nothing is lost: the log holds all of it.
#[derive(Debug, Error)]
pub enum PartError {
    /// The bytes are no part, or one of another version.
    #[error("not a part of a view of this version")]
    Version,
    /// A checksum is wrong, or the bytes do not decode.
    #[error("a damaged part of a view")]
    Damaged,
    /// What hides the tags is not what hid them: the keys were wrapped anew since.
    #[error("the part was saved beside other keys")]
    OtherKeys,
    /// The part does not begin where the view ends.
    #[error("the part does not follow the one before it")]
    Gap,
    /// The system gave no thread to read with.
    #[error("a thread cannot be started: {0}")]
    Thread(#[source] std::io::Error),
    /// The file cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
