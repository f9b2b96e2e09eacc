//! What can go wrong with keys, by what the caller can do about it.

use std::path::PathBuf;

use super::Slot;
use crate::storage::StorageError;

/// A file that should hold one key does not.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read or written.
    #[error(transparent)]
    File(#[from] StorageError),
    /// It is no key.
    #[error("{} is no key: it must hold 32 bytes, or their 64 hex digits", path.display())]
    Malformed {
        /// The path of the file or directory.
        path: PathBuf,
    },
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes for a new key: {0}")]
    Random(getrandom::Error),
}

/// The reasons for which the keys cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] StorageError),
    /// The master key is not the one that wrapped these keys.
    #[error("the master key does not open {}; give the one it was written with", path.display())]
    WrongMasterKey {
        /// The path of the file of slots.
        path: PathBuf,
    },
    /// The file of slots begins with bytes we did not write.
    #[error("{} is damaged; put a copy from a backup with keys in its place", path.display())]
    Damaged {
        /// The path of the file of slots.
        path: PathBuf,
    },
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes for a new key: {0}")]
    Random(getrandom::Error),
}

/// The reasons for which slots cannot be made ready or erased.
#[derive(Debug, thiserror::Error)]
pub enum SlotError {
    /// The disk refused; nothing is known of what it holds, and the same call may be made again.
    #[error(transparent)]
    File(#[from] StorageError),
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes for a new key: {0}")]
    Random(getrandom::Error),
    /// A rotation stopped half-way; the next start finishes or undoes it.
    #[error("a rotation of the master key stopped half-way; restart to finish or undo it")]
    Halted,
    /// The log names slots that the file has lost.
    #[error(
        "{} ends at slot {held}, but the log has used {used}; put a copy from a backup with \
         keys in its place, or go on without those keys by `contactd log repair`",
        path.display()
    )]
    Truncated {
        /// The path of the file of slots.
        path: PathBuf,
        /// The number of slots in the file.
        held: u64,
        /// The number of slots that the log has used.
        used: u64,
    },
    /// The log names slots, and there is no file of them.
    #[error(
        "{} has lost the keys of the {used} contacts that the log has made: there is no file of \
         slots; put the directory back from a backup made with keys, or go on without those keys \
         by `contactd log repair`",
        dir.display()
    )]
    Lost {
        /// The directory of keys.
        dir: PathBuf,
        /// The number of slots that the log has used.
        used: u64,
    },
}

/// The reasons for which values cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The key was destroyed on purpose: the person is forgotten.
    #[error("the key in slot {slot} was destroyed; what it sealed cannot be read again")]
    Erased {
        /// The slot of the contact's key.
        slot: Slot,
    },
    /// The key is not here, and nothing says why: it was lost.
    #[error("the key in slot {slot} was lost; put keys/ back from a backup made with keys")]
    MissingKey {
        /// The slot of the contact's key.
        slot: Slot,
    },
    /// The key was given up: by a restore without keys, or when it was lost.
    #[error(
        "the key in slot {slot} is not in this directory; restore keys/ to read what it sealed"
    )]
    MarkedLost {
        /// The slot of the contact's key.
        slot: Slot,
    },
    /// The slot's bytes have changed.
    #[error("the key in slot {slot} is damaged; put a copy from a backup with keys in its place")]
    DamagedKey {
        /// The slot of the contact's key.
        slot: Slot,
    },
    /// The sealed bytes have changed, or were sealed for another place.
    #[error("what was sealed with the key in slot {slot} is damaged; run `contactd log verify`")]
    Damaged {
        /// The slot of the contact's key.
        slot: Slot,
    },
    /// The slot cannot be read.
    #[error(transparent)]
    File(#[from] StorageError),
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes to seal with: {0}")]
    Random(getrandom::Error),
}

/// The reasons for which the keys cannot be wrapped anew.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// A file cannot be read or written; the old keys stand.
    #[error(transparent)]
    File(#[from] StorageError),
    /// A slot cannot be unwrapped; the old keys stand.
    #[error(
        "the key in slot {slot} is damaged, so it cannot be wrapped anew; put a copy from a \
         backup with keys in its place, or erase that contact"
    )]
    Damaged {
        /// The slot of the contact's key.
        slot: Slot,
    },
    /// The new master key may or may not be where the next start looks for it. Both files of keys
    /// are left, and whichever key that start finds, it opens one of them.
    #[error("the new master key cannot be kept: {0}; restart with the old key or the new one")]
    Keep(KeyFileError),
    /// Another rotation stopped half-way.
    #[error("a rotation of the master key stopped half-way; restart to finish or undo it")]
    Halted,
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes to wrap with: {0}")]
    Random(getrandom::Error),
}
