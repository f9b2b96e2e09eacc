//! The parts of a data directory, or of a backup: which file is where.

use std::path::Path;
use std::sync::Arc;

use crate::audit::Tiles;
use crate::log::{JOURNAL, STORE};
use crate::storage::{DirFiles, Disk, FileAt, Files, StorageError};

/// The directory of keys in the data directory.
pub const KEYS: &str = "keys";
/// The directory of the log's id.
pub const IDENTITY: &str = "identity";
/// The file of the log's id.
pub const LOG_ID: &str = "log-id";
/// The directory of the audit log's files.
pub const AUDIT: &str = "audit";
/// The file of the key that signs the audit log.
pub const AUDIT_KEY: &str = "audit.key";
/// The file of the key that signs tokens.
pub const TOKEN_KEY: &str = "token.key";
/// The file of the key with which this disk cosigns checkpoints, in the directory of the log's id.
pub const NODE_KEY: &str = "node.key";
/// A file that is there from the first write of a restore until its end.
pub const RESTORING: &str = "restoring";

/// The key that wraps the contacts' keys, where the operator keeps it nowhere else.
const MASTER_KEY: &str = "master.key";
const CHECKPOINT: &str = "checkpoint";
/// A log's id takes less than so many bytes.
const LOG_ID_BYTES_MAX: usize = 64;

/// The directories of a data directory, or of a backup.
#[derive(Clone)]
pub struct Layout {
    /// The files beside the directories.
    pub root: Arc<dyn Files>,
    /// The directory of the log's id.
    pub identity: Arc<dyn Files>,
    /// The directory of the journal's files.
    pub journal: Arc<dyn Files>,
    /// The directory of tiles, bundles and checkpoint.
    pub audit: Arc<dyn Files>,
    /// The directory of the contacts' keys.
    pub keys: Arc<dyn Files>,
}

impl Layout {
    /// The layout at a path, of which nothing is made until something is written.
    pub fn at(path: &Path) -> Self {
        let below = |name| Arc::new(DirFiles::at(&path.join(name)));
        Self {
            root: Arc::new(DirFiles::at(path)),
            identity: below(IDENTITY),
            journal: below(JOURNAL),
            audit: below(AUDIT),
            keys: below(KEYS),
        }
    }

    /// The layout of a disk, of which nothing is made until something is written: a directory that
    /// is lost must not come back empty because somebody looked.
    ///
    /// # Errors
    /// The operating system refused.
    pub fn on(disk: &dyn Disk) -> Result<Self, StorageError> {
        Ok(Self {
            root: disk.files_at("")?,
            identity: disk.files_at(IDENTITY)?,
            journal: disk.files_at(JOURNAL)?,
            audit: disk.files_at(AUDIT)?,
            keys: disk.files_at(KEYS)?,
        })
    }

    /// The layout of a disk, whose directories are made where they are missing.
    ///
    /// # Errors
    /// The operating system refused.
    pub fn made(disk: &dyn Disk) -> Result<Self, StorageError> {
        Ok(Self {
            root: disk.files("")?,
            identity: disk.files(IDENTITY)?,
            journal: disk.files(JOURNAL)?,
            audit: disk.files(AUDIT)?,
            keys: disk.files(KEYS)?,
        })
    }

    /// The audit log's files.
    pub fn tiles(&self) -> Tiles {
        Tiles::new(self.audit.clone())
    }

    /// The key that signs checkpoints, where the operator keeps it nowhere else.
    pub fn audit_key(&self) -> FileAt {
        FileAt::new(self.root.clone(), AUDIT_KEY)
    }

    /// The key that signs tokens.
    pub fn token_key(&self) -> FileAt {
        FileAt::new(self.root.clone(), TOKEN_KEY)
    }

    /// The key that wraps the contacts' keys, where the operator keeps it nowhere else.
    pub fn master_key(&self) -> FileAt {
        FileAt::new(self.keys.clone(), MASTER_KEY)
    }

    /// The log's id as its file has it; `None` where there is none.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn log_id(&self) -> Result<Option<Vec<u8>>, StorageError> {
        let file = FileAt::new(self.identity.clone(), LOG_ID);
        let id = file.read(LOG_ID_BYTES_MAX)?;
        Ok(id.map(|id| id.trim_ascii().to_vec()))
    }

    /// Whether a checkpoint is there.
    ///
    /// # Errors
    /// The operating system refused.
    pub fn is_signed(&self) -> Result<bool, StorageError> {
        self.audit.has(CHECKPOINT)
    }

    /// Whether events may have been recorded. The first start makes what tells last: the keys, the
    /// log's id and the checkpoint of the empty log are on the disk before, so that what is missing
    /// beside it was lost, and a start that was cut off before it heals by itself.
    ///
    /// # Errors
    /// The operating system refused.
    pub fn has_begun(&self) -> Result<bool, StorageError> {
        Ok(self.root.has_dir(STORE)? || self.root.has_dir(JOURNAL)? || self.is_signed()?)
    }

    /// Whether a restore into it did not come to its end.
    ///
    /// # Errors
    /// The operating system refused.
    pub fn is_restoring(&self) -> Result<bool, StorageError> {
        self.root.has(RESTORING)
    }
}
