//! The seam of a directory of files.
//!
//! A name is a relative path of our own making, never a user's: `checkpoint`, or
//! `tile/0/000` for a file in directories below. A name that ends in `.tmp` is an
//! atomic write that was cut off; the next write of that name replaces it.

use std::path::PathBuf;

use super::StorageError;

/// A directory of files that only this service's user may read.
///
/// Three calls leave what they wrote to the operating system until another makes
/// it durable: [`append`](Self::append) and [`write_at`](Self::write_at) until
/// [`sync`](Self::sync); [`write`](Self::write) until `sync` for its bytes and
/// [`sync_dir`](Self::sync_dir) for its name and those of new directories. After
/// a crash, any part of what was not synced may be there, torn at any byte.
/// Every other change is on the disk when its call returns. Reading a file that
/// is absent fails with an error that [`is_absent`](StorageError::is_absent).
pub trait Files: Send + Sync {
    /// The path of a file, for messages to people.
    fn path(&self, name: &str) -> PathBuf;

    /// The names of the files directly in this directory, sorted.
    ///
    /// # Errors
    /// The directory cannot be read.
    fn list(&self) -> Result<Vec<String>, StorageError> {
        self.list_in("")
    }

    /// The names of the files directly in a directory below, sorted and without
    /// its path; none where there is no such directory.
    ///
    /// # Errors
    /// The directory cannot be read.
    fn list_in(&self, dir: &str) -> Result<Vec<String>, StorageError>;

    /// Whether there is a directory of this name below this one.
    ///
    /// # Errors
    /// The operating system refused.
    fn has_dir(&self, dir: &str) -> Result<bool, StorageError>;

    /// Whether there is a file of this name.
    ///
    /// # Errors
    /// The operating system refused.
    fn has(&self, name: &str) -> Result<bool, StorageError> {
        match self.len(name) {
            Ok(_) => Ok(true),
            Err(error) if error.is_absent() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The length of a file, in bytes.
    ///
    /// # Errors
    /// The file is absent or cannot be read.
    fn len(&self, name: &str) -> Result<u64, StorageError>;

    /// At most `limit` bytes from `offset` on; fewer where the file ends.
    ///
    /// # Errors
    /// The file is absent or cannot be read.
    fn read_at(&self, name: &str, offset: u64, limit: usize) -> Result<Vec<u8>, StorageError>;

    /// Keeps a file open, for it will be read at random and overwritten in place.
    ///
    /// # Errors
    /// The file is absent or cannot be opened.
    fn keep_open(&self, name: &str) -> Result<(), StorageError> {
        self.len(name).map(drop)
    }

    /// Creates an empty file; one that is there and empty is well.
    ///
    /// # Errors
    /// The name is taken, or the operating system refused.
    fn create(&self, name: &str) -> Result<(), StorageError>;

    /// Creates a file with this content, whole or not at all. Returns `false`
    /// where the name is taken; that file is then as it was.
    ///
    /// # Errors
    /// The operating system refused.
    fn create_whole(&self, name: &str, bytes: &[u8]) -> Result<bool, StorageError>;

    /// Takes what appending `bytes` bytes to a file needs, room and an open file, so that the
    /// append does not fail half-way.
    ///
    /// # Errors
    /// There is no room or no descriptor; nothing has changed, and asking again is well.
    fn reserve(&self, name: &str, bytes: usize) -> Result<(), StorageError> {
        let _ = (name, bytes);
        Ok(())
    }

    /// Appends to a file that exists.
    ///
    /// # Errors
    /// The file is absent or the disk is full; a part may have been written.
    fn append(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError>;

    /// Overwrites a file in place from `offset` on, and beyond its end where the
    /// bytes reach so far.
    ///
    /// # Errors
    /// The file is absent or the disk is full; a part may have been written.
    fn write_at(&self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), StorageError>;

    /// Makes `bytes` the content of a file, new or not, and creates the
    /// directories on the way to it. Cheaper than
    /// [`write_atomic`](Self::write_atomic) where many files are synced together.
    ///
    /// # Errors
    /// The operating system refused; a part may have been written.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError>;

    /// Waits until the file's bytes are on the disk.
    ///
    /// # Errors
    /// The disk refused; what was written may or may not be there.
    fn sync(&self, name: &str) -> Result<(), StorageError>;

    /// Waits until the names in a directory below are on the disk; `""` is this
    /// directory itself.
    ///
    /// # Errors
    /// The disk refused.
    fn sync_dir(&self, dir: &str) -> Result<(), StorageError>;

    /// Writes the bytes from `offset` to the end again, as they are, and syncs.
    /// After a sync that failed, Linux takes pages for clean that never reached
    /// the disk; only writing them again makes the next sync tell the truth.
    ///
    /// # Errors
    /// The file is absent, or the disk refused.
    fn refresh(&self, name: &str, offset: u64) -> Result<(), StorageError>;

    /// Gives a file this length; what is new of it is zeros.
    ///
    /// # Errors
    /// The file is absent, or the operating system refused.
    fn truncate(&self, name: &str, length: u64) -> Result<(), StorageError>;

    /// Gives a file another name in this directory, in the place of the one that
    /// has it.
    ///
    /// # Errors
    /// The file is absent, or the operating system refused.
    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError>;

    /// Removes a file.
    ///
    /// # Errors
    /// The file is absent, or the operating system refused.
    fn remove(&self, name: &str) -> Result<(), StorageError>;

    /// Removes a directory below and all that is in it; absent is well. Until
    /// [`sync_dir`](Self::sync_dir) of the one above, a crash may bring it back.
    ///
    /// # Errors
    /// The operating system refused; a part may be gone.
    fn remove_dir(&self, dir: &str) -> Result<(), StorageError>;

    /// Makes `bytes` the whole content of a file, new or not: after a crash it
    /// holds the old bytes or the new ones, never a mixture.
    ///
    /// # Errors
    /// The operating system refused; the old content stands.
    fn write_atomic(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError>;

    /// Like [`write_atomic`](Self::write_atomic), and then overwrites the old
    /// content where it lay on the disk.
    ///
    /// # Errors
    /// The operating system refused; the old bytes may still be on the disk.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError>;

    /// Overwrites a file with zeros, waits for the disk, and removes it.
    ///
    /// # Errors
    /// The file is absent, or the operating system refused; call again.
    fn wipe(&self, name: &str) -> Result<(), StorageError>;
}
