//! What can go wrong below the log, by what the caller can do about it.

use std::{io, path::PathBuf};

use rustix::io::Errno;

/// A failure of the disk or of the store on it.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Another process holds the data directory: stop it, or ask it.
    #[error("{} is in use by another process; stop that process first", path.display())]
    InUse {
        /// The path that another process holds.
        path: PathBuf,
    },
    /// The store will not open or cannot be read: its bytes have changed.
    #[error("the store {name} is damaged: {reason}")]
    Damaged {
        /// The store's name in the data directory.
        name: String,
        /// What sled said, or the text of its panic.
        reason: String,
    },
    /// The operating system refused.
    #[error("cannot {action} {name}: {cause}")]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file, directory or store.
        name: String,
        /// The operating system's reason.
        cause: io::Error,
    },
}

impl StorageError {
    /// Turns an I/O error into ours, for use in `map_err`.
    pub(super) fn io(
        action: &'static str,
        name: impl Into<String>,
    ) -> impl FnOnce(io::Error) -> Self {
        let name = name.into();
        move |cause| Self::Io {
            action,
            name,
            cause,
        }
    }

    /// Whether the operating system only lacked something for the moment.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Io { cause, .. } if is_passing(cause))
    }

    /// Whether the thing asked for is simply not there.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Io { cause, .. } if cause.kind() == io::ErrorKind::NotFound)
    }
}

/// Whether an error is a lack that may pass by itself: of room, of file descriptors, of memory.
fn is_passing(cause: &io::Error) -> bool {
    let lacks = [
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOSPC,
        Errno::DQUOT,
        Errno::NOMEM,
    ];
    match cause.raw_os_error() {
        Some(code) => lacks.iter().any(|lack| lack.raw_os_error() == code),
        None => cause.kind() == io::ErrorKind::StorageFull,
    }
}
