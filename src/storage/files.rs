//! The seam of a directory of files.
//!
//! A name is a relative path of our own making, never a user's: `checkpoint`, or
//! `tile/0/000` for a file in directories below. A name that ends in `.tmp` is an
//! atomic write that was cut off; the next write of that name replaces it.
//!
//! An implementor does single steps, each one call of the operating system. What is
//! made of several of them is written here once, so that a simulated disk sees, and
//! can stop at, the same steps that the real one is asked for.

use std::path::PathBuf;

use super::StorageError;

/// Bytes that are overwritten at a time.
const WIPE_BYTES: u64 = 64 * 1024;

/// A directory of files that only this service's user may read.
///
/// What the steps change is with the operating system until another step makes it
/// durable: bytes and lengths until [`sync`](Self::sync) of their file, names until
/// [`sync_dir`](Self::sync_dir) of their directory. After a crash, any part of what
/// was not synced may be there, torn at any byte. What is made of several steps is
/// on the disk when its call returns. Reading a file that is absent fails with an
/// error that [`is_absent`](StorageError::is_absent).
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

    /// Takes what appending `bytes` bytes to a file needs, room and an open file, so that the
    /// append does not fail half-way.
    ///
    /// # Errors
    /// There is no room or no descriptor; nothing has changed, and asking again is well.
    fn reserve(&self, name: &str, bytes: usize) -> Result<(), StorageError> {
        let _ = (name, bytes);
        Ok(())
    }

    /// Makes a directory below; one that is there is well. Returns whether it is new. A step.
    ///
    /// # Errors
    /// The operating system refused.
    fn make_dir(&self, dir: &str) -> Result<bool, StorageError>;

    /// Begins an empty file that will be appended to; one that is there and empty is well. A step.
    ///
    /// # Errors
    /// The name is taken, or the operating system refused.
    fn begin(&self, name: &str) -> Result<(), StorageError>;

    /// Appends to a file that exists. A step.
    ///
    /// # Errors
    /// The file is absent or the disk is full; a part may have been written.
    fn append(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError>;

    /// Overwrites a file in place from `offset` on, and beyond its end where the
    /// bytes reach so far. A step.
    ///
    /// # Errors
    /// The file is absent or the disk is full; a part may have been written.
    fn write_at(&self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), StorageError>;

    /// Makes `bytes` the content of a file, new or not, and creates the
    /// directories on the way to it. Cheaper than
    /// [`write_atomic`](Self::write_atomic) where many files are synced together. A step.
    ///
    /// # Errors
    /// The operating system refused; a part may have been written.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError>;

    /// Makes a new file with this content, in the place of the one that has the name, which is left
    /// as it is under its other names; nothing is written through a link. A step.
    ///
    /// # Errors
    /// The operating system refused; a part may have been written.
    fn write_new(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError>;

    /// Gives a file this length; what is new of it is zeros. A step.
    ///
    /// # Errors
    /// The file is absent, or the operating system refused.
    fn set_len(&self, name: &str, length: u64) -> Result<(), StorageError>;

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

    /// Gives a file a second name. Returns `false` where that name is taken. A step.
    ///
    /// # Errors
    /// The file is absent, or the operating system refused.
    fn link(&self, from: &str, to: &str) -> Result<bool, StorageError>;

    /// Gives a file another name, in the place of the file that has it. A step.
    ///
    /// # Errors
    /// The file is absent, or the operating system refused.
    fn move_name(&self, from: &str, to: &str) -> Result<(), StorageError>;

    /// Takes a name away, and the file with its last one. A step.
    ///
    /// # Errors
    /// The file is absent, or the operating system refused.
    fn unlink(&self, name: &str) -> Result<(), StorageError>;

    /// Removes a directory below and all that is in it; absent is well. Until
    /// [`sync_dir`](Self::sync_dir) of the one above, a crash may bring it back.
    ///
    /// # Errors
    /// The operating system refused; a part may be gone.
    fn remove_dir(&self, dir: &str) -> Result<(), StorageError>;

    /// Keeps hold of the content that a name has now, which another may replace; `None` where there
    /// is no file.
    ///
    /// # Errors
    /// The operating system refused.
    fn hold(&self, name: &str) -> Result<Option<Box<dyn Held>>, StorageError>;

    /// Creates an empty file; one that is there and empty is well.
    ///
    /// # Errors
    /// The name is taken, or the operating system refused.
    fn create(&self, name: &str) -> Result<(), StorageError> {
        make_dirs(self, parent(name))?;
        self.begin(name)?;
        self.sync(name)?;
        self.sync_dir(parent(name))
    }

    /// Creates a file with this content, whole or not at all. Returns `false`
    /// where the name is taken; that file is then as it was.
    ///
    /// # Errors
    /// The operating system refused.
    fn create_whole(&self, name: &str, bytes: &[u8]) -> Result<bool, StorageError> {
        let temporary = write_beside(self, name, bytes)?;
        // A link fails where the name is taken; a rename would replace what is there.
        let linked = self.link(&temporary, name);
        self.unlink(&temporary)?;
        let linked = linked?;
        self.sync_dir(parent(name))?;
        Ok(linked)
    }

    /// Writes the bytes from `offset` to the end again, as they are, and syncs.
    /// After a sync that failed, Linux takes pages for clean that never reached
    /// the disk; only writing them again makes the next sync tell the truth.
    ///
    /// # Errors
    /// The file is absent, or the disk refused.
    fn refresh(&self, name: &str, offset: u64) -> Result<(), StorageError> {
        let length = self.len(name)?.saturating_sub(offset);
        let limit = usize::try_from(length).unwrap_or(usize::MAX);
        let bytes = self.read_at(name, offset, limit)?;
        self.write_at(name, offset, &bytes)?;
        self.sync(name)
    }

    /// Gives a file this length; what is new of it is zeros.
    ///
    /// # Errors
    /// The file is absent, or the operating system refused.
    fn truncate(&self, name: &str, length: u64) -> Result<(), StorageError> {
        self.set_len(name, length)?;
        self.sync(name)
    }

    /// Gives a file another name in its directory, in the place of the one that
    /// has it.
    ///
    /// # Errors
    /// The file is absent, or the operating system refused.
    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.move_name(from, to)?;
        self.sync_dir(parent(to))
    }

    /// Removes a file.
    ///
    /// # Errors
    /// The file is absent, or the operating system refused.
    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.unlink(name)?;
        self.sync_dir(parent(name))
    }

    /// Makes `bytes` the whole content of a file, new or not: after a crash it
    /// holds the old bytes or the new ones, never a mixture.
    ///
    /// # Errors
    /// The operating system refused; the old content or the new one stands.
    fn write_atomic(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        let temporary = write_beside(self, name, bytes)?;
        self.rename(&temporary, name)
    }

    /// Like [`write_atomic`](Self::write_atomic), and then overwrites the old
    /// content where it lay on the disk.
    ///
    /// # Errors
    /// The operating system refused; the old bytes may still be on the disk.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        let old = self.hold(name)?;
        self.write_atomic(name, bytes)?;
        old.map_or(Ok(()), |old| old.overwrite())
    }

    /// Overwrites a file with zeros, waits for the disk, and removes it.
    ///
    /// # Errors
    /// The file is absent, or the operating system refused; call again.
    fn wipe(&self, name: &str) -> Result<(), StorageError> {
        let (mut offset, length) = (0, self.len(name)?);
        while offset < length {
            let count = (length - offset).min(WIPE_BYTES);
            self.write_at(name, offset, &vec![0; count as usize])?;
            offset += count;
        }
        self.sync(name)?;
        self.remove(name)
    }
}

/// The content of a file that may have lost its name since.
pub trait Held: Send + Sync {
    /// Overwrites it with zeros where it lies; on the disk when this returns.
    ///
    /// # Errors
    /// The operating system refused.
    fn overwrite(&self) -> Result<(), StorageError>;
}

/// Writes a new file beside the one of this name; its bytes are on the disk when this returns, its
/// name is not.
fn write_beside<F: Files + ?Sized>(
    files: &F,
    name: &str,
    bytes: &[u8],
) -> Result<String, StorageError> {
    make_dirs(files, parent(name))?;
    let temporary = format!("{name}.tmp");
    files.write_new(&temporary, bytes)?;
    files.sync(&temporary)?;
    Ok(temporary)
}

/// Makes a directory below and those on the way to it; on the disk when this returns.
fn make_dirs<F: Files + ?Sized>(files: &F, dir: &str) -> Result<(), StorageError> {
    if dir.is_empty() {
        return Ok(());
    }
    make_dirs(files, parent(dir))?;
    if files.make_dir(dir)? {
        files.sync_dir(parent(dir))?;
    }
    Ok(())
}

/// The directory of a file's name; the directory itself is `""`.
pub(super) fn parent(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(dir, _)| dir)
}
