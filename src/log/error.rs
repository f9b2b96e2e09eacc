//! Why the log cannot be opened, and why it cannot be read.

use crate::{domain::Position, storage::StorageError};

/// The reasons for which the log was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Neither the store, nor the journal, nor the archive has these events.
    #[error(
        "events {} to {} are in no copy of the log; put a backup in place with `contactd restore`, \
         or save what is left with `contactd log export`",
        first.get(), last.get()
    )]
    Missing {
        /// The first position that is missing.
        first: Position,
        /// The last of that gap; there may be more gaps.
        last: Position,
    },
    /// The store and the journal both hold this event, whole, and not the same.
    #[error(
        "the store and the journal hold different events at position {}; \
         put a backup in place with `contactd restore`",
        position.get()
    )]
    Differs {
        /// The first position at which they differ.
        position: Position,
    },
    /// The disk or the store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The reasons for which an event cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store, the journal and the archive all lack it or hold it damaged.
    #[error(
        "event {} can be read from no copy of the log; stop the service and run `contactd log verify`",
        position.get()
    )]
    Damaged {
        /// The first position that cannot be read.
        position: Position,
    },
    /// The disk or the store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
