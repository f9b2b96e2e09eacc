//! One file of a directory: where a key, a checkpoint or another single content is kept.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{DirFiles, Files, StorageError};

/// One file of a directory, as a key is kept in one.
#[derive(Clone)]
pub struct FileAt {
    files: Arc<dyn Files>,
    name: String,
}

impl FileAt {
    /// The file of this name in a directory.
    #[must_use]
    pub fn new(files: Arc<dyn Files>, name: &str) -> Self {
        Self {
            files,
            name: name.to_owned(),
        }
    }

    /// The file at a path of the operating system. Nothing is created by this.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        let dir = path.parent().unwrap_or(Path::new("."));
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self::new(Arc::new(DirFiles::at(dir)), &name)
    }

    /// The path of the file, for messages to people.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.files.path(&self.name)
    }

    /// Its first `limit` bytes; `None` where there is no such file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self, limit: usize) -> Result<Option<Vec<u8>>, StorageError> {
        match self.files.read_at(&self.name, 0, limit) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Its first `limit` bytes, where it must be there.
    ///
    /// # Errors
    /// The file is absent or cannot be read.
    pub fn read_existing(&self, limit: usize) -> Result<Vec<u8>, StorageError> {
        self.files.read_at(&self.name, 0, limit)
    }

    /// Whether the file is there.
    ///
    /// # Errors
    /// The operating system refused.
    pub fn exists(&self) -> Result<bool, StorageError> {
        self.files.has(&self.name)
    }

    /// Creates the file as [`Files::create_whole`] does.
    ///
    /// # Errors
    /// The operating system refused.
    pub fn create_whole(&self, bytes: &[u8]) -> Result<bool, StorageError> {
        self.files.create_whole(&self.name, bytes)
    }

    /// Replaces the file as [`Files::replace`] does.
    ///
    /// # Errors
    /// The operating system refused.
    pub fn replace(&self, bytes: &[u8]) -> Result<(), StorageError> {
        self.files.replace(&self.name, bytes)
    }

    /// Removes the file; absent is well.
    ///
    /// # Errors
    /// The operating system refused.
    pub fn remove(&self) -> Result<(), StorageError> {
        match self.files.remove(&self.name) {
            Err(error) if error.is_absent() => Ok(()),
            removed => removed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Disk, SimDisk};

    #[test]
    fn a_file_is_made_once_replaced_and_removed() {
        let file = FileAt::new(SimDisk::new(1).files("a").unwrap(), "b");
        assert!(file.create_whole(b"one").unwrap() && !file.create_whole(b"two").unwrap());
        file.replace(b"three").unwrap();
        assert_eq!(file.read(9).unwrap().as_deref(), Some(&b"three"[..]));
        file.remove().unwrap();
        file.remove().unwrap();
        assert!(!file.exists().unwrap());
    }
}
