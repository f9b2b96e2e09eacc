//! Why the service did not do what was asked: an enum for each operation.

use thiserror::Error;

use crate::domain::{Closed, Position};
use crate::keys::{SealError, Slot, SlotError};
use crate::log;
use crate::projection::{FoldError, KeepError, PartError};
use crate::storage::StorageError;

/// The reasons for which a service was not opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The log is damaged, or can't be read.
    #[error(transparent)]
    Log(#[from] log::OpenError),
    /// A record of the log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The contacts' keys cannot be read.
    #[error(transparent)]
    Keys(#[from] SlotError),
    /// The view of contacts cannot fold an event.
    #[error("the event at position {position} cannot be folded: {cause}")]
    Fold {
        /// The position of the event.
        position: Position,
        /// What is wrong with it, or with the view.
        #[source]
        cause: FoldError,
    },
    /// The view of contacts cannot be saved.
    #[error("the view of contacts: {0}")]
    View(#[from] PartError),
    /// A catch-up view cannot be kept.
    #[error("a view cannot be kept: {0}")]
    Keep(#[from] KeepError),
    /// The disk or the store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The system gave no thread for the writer or a view.
    #[error("a thread of the service can't be started: {0}")]
    Thread(#[source] std::io::Error),
}

/// The reasons for which a command has no outcome.
#[derive(Debug, Error)]
pub enum SubmitError {
    /// The queue is full; nothing has happened.
    #[error("{limit} commands are waiting already; nothing was taken, try again in a moment")]
    Overloaded {
        /// The number of commands that may wait.
        limit: usize,
    },
    /// The key stands for another request; nothing has happened.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// One record of the command, or all of them together, would be too large; nothing has
    /// happened.
    #[error("events of {bytes} bytes; {limit} is the limit")]
    TooLarge {
        /// The size of the records, in bytes.
        bytes: usize,
        /// The most bytes that they may have.
        limit: usize,
    },
    /// The contact it is about can't be read; nothing has happened.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
    /// A key can't be made; nothing has happened.
    #[error(transparent)]
    Key(#[from] SlotError),
    /// A content can't be sealed; nothing has happened.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The owner's dialect is none that this process speaks; nothing has happened.
    #[error("a dialect that this service does not speak")]
    UnknownDialect,
    /// The log takes no commands; nothing has happened.
    #[error("{}", .0.message())]
    ReadOnly(Closed),
    /// The log failed while this was written: it may be there after a restart, or not.
    #[error("the log failed while this was written; its outcome is unknown until a restart")]
    OutcomeUnknown,
}

/// The reasons for which groups that others decided are not taken. Only `Failed` may have changed
/// something.
#[derive(Debug, Error)]
pub enum ApplyError {
    /// This service decides itself.
    #[error("this service decides itself; it takes no groups of others")]
    Leads,
    /// The groups do not begin at the log's end, or leave a gap.
    #[error("the next group must begin at position {next}")]
    NotNext {
        /// The position behind the log's last.
        next: Position,
    },
    /// Keys that seal what the groups hold are not here, or are others.
    #[error("the keys of {} new contacts are not here", slots.len())]
    MissingKeys {
        /// The slots of the keys, in order.
        slots: Vec<Slot>,
    },
    /// An entry is none that this build can read: nothing behind it can be taken.
    #[error("the event at position {position} cannot be read: {reason}")]
    Unreadable {
        /// The position of the entry.
        position: Position,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no room on the disk, or no file descriptor; the same may be tried again.
    #[error("the log cannot grow now: {0}")]
    NoRoom(#[source] StorageError),
    /// The log failed or is stopped. What was being written may be there after a restart, or not.
    #[error("{0}")]
    Failed(String),
}

/// The reasons for which something cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The log cannot return a record.
    #[error(transparent)]
    Log(#[from] log::ReadError),
    /// A record cannot be decoded.
    #[error(transparent)]
    Record(#[from] log::record::DecodeError),
    /// A contact's content can't be opened, for another reason than its erasure.
    #[error(transparent)]
    Sealed(#[from] SealError),
    /// The log has no such position, though a view names it.
    #[error("the log has no event at position {position}")]
    Absent {
        /// The position that a view names.
        position: u64,
    },
    /// Too many reads were looking already; nothing was looked at.
    #[error("too many reads look at the log already; try again in a moment")]
    Busy,
    /// The read ended by a fault of the service.
    #[error("a read ended by a fault: {0}")]
    Fault(String),
    /// What a view keeps cannot be read; it is being made again from the log.
    #[error("what a view keeps cannot be read; it is being made again")]
    ViewUnreadable,
    /// The query would look at more contacts or events than one query may.
    #[error("the query would look at more than {limit} contacts or events")]
    TooBroad {
        /// The most contacts or events that one query may look at.
        limit: usize,
    },
}
