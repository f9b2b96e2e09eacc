//! How the program ends where it does not end well: a code for scripts, a message for people.

use crate::audit::CopyError;
use crate::keys::{IndexKeyError, KeyFileError, OpenError as KeysError};
use crate::log::OpenError as LogError;
use crate::projection::{KeepError, PartError};
use crate::service::OpenError;
use crate::storage::StorageError;

/// An end that is not a success.
#[derive(Debug)]
pub struct Failure {
    /// The exit code of the process.
    pub code: u8,
    /// What is wrong and what to do.
    pub message: String,
}

/// Failed while running, server not reachable, id or position not found.
pub const FAILED: u8 = 1;
/// Wrong usage or configuration, port in use, unreadable key or file.
pub const USAGE: u8 = 2;
/// The data directory is in use by another process.
pub const IN_USE: u8 = 3;
/// The data directory is damaged.
pub const DAMAGED: u8 = 4;
/// A second signal while stopping.
pub const INTERRUPTED: u8 = 130;

impl Failure {
    /// An end with this code.
    pub fn new(code: u8, message: impl ToString) -> Self {
        Self {
            code,
            message: message.to_string(),
        }
    }

    /// An end because of what was asked for.
    pub fn usage(message: impl ToString) -> Self {
        Self::new(USAGE, message)
    }

    /// This failure, with the advice that a running service can be asked, too.
    #[must_use]
    pub fn or_ask_the_service(mut self) -> Self {
        if self.code == IN_USE {
            self.message
                .push_str(", or ask it: --url and the address at which it listens");
        }
        self
    }

    /// This failure, with the advice that the audit log of a running service can be verified, too.
    #[must_use]
    pub fn or_verify_its_tiles(mut self, data_dir: &std::path::Path) -> Self {
        if self.code == IN_USE {
            let dir = data_dir.display();
            self.message.push_str(&format!(
                ", or verify what it has signed while it runs: contactd log verify --tiles \
                 {dir}/audit --key \"$(contactd log key --data-dir {dir})\""
            ));
        }
        self
    }

    /// An end while running.
    pub fn failed(message: impl ToString) -> Self {
        Self::new(FAILED, message)
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        let code = match &error {
            StorageError::InUse { .. } => IN_USE,
            StorageError::Damaged { .. } => DAMAGED,
            _ => USAGE,
        };
        Self::new(code, error)
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Storage(error) => error.into(),
            error @ (LogError::Missing { .. } | LogError::Differs { .. }) => Self::new(
                DAMAGED,
                format!("{error}; `contactd log verify` tells more"),
            ),
        }
    }
}

impl From<CopyError> for Failure {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::File(error) => error.into(),
            error => Self::new(DAMAGED, error),
        }
    }
}

impl From<KeysError> for Failure {
    fn from(error: KeysError) -> Self {
        Self::usage(error)
    }
}

impl From<KeyFileError> for Failure {
    fn from(error: KeyFileError) -> Self {
        Self::usage(error)
    }
}

impl From<IndexKeyError> for Failure {
    fn from(error: IndexKeyError) -> Self {
        match error {
            IndexKeyError::Key(error) => error.into(),
            error => Self::new(DAMAGED, error),
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Log(error) => error.into(),
            OpenError::Storage(error) => error.into(),
            OpenError::Read(error) => {
                Self::new(DAMAGED, format!("{error}; run `contactd log verify`"))
            }
            OpenError::Keys(error) => Self::new(DAMAGED, error),
            OpenError::View(PartError::Storage(error))
            | OpenError::Keep(KeepError::File(error)) => error.into(),
            error @ OpenError::Keep(_) => Self::failed(error),
            error @ (OpenError::Fold { .. } | OpenError::View(_)) => Self::new(DAMAGED, error),
            OpenError::Thread(error) => Self::failed(error),
        }
    }
}
