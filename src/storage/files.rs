//! The seam of a directory of append-only files, and the real one.
//!
//! Names are flat and ours, never a user's. A name that ends in `.tmp` is an
//! atomic write that was cut off: nobody sees it, and the next write of that
//! name replaces it.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, FileExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;

use super::StorageError;

/// A directory of files that grow at their end.
///
/// What was appended is on the disk once [`sync`](Self::sync) returns; after a
/// crash any prefix of what was not synced may be there, torn at any byte.
/// Every other change is on the disk when its call returns. Reading a file
/// that is absent fails with an error that [`is_absent`](StorageError::is_absent).
pub trait Files: Send + Sync {
    /// The names, sorted.
    ///
    /// # Errors
    /// The directory cannot be read.
    fn list(&self) -> Result<Vec<String>, StorageError>;

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

    /// Creates an empty file.
    ///
    /// # Errors
    /// The name is taken, or the operating system refused.
    fn create(&self, name: &str) -> Result<(), StorageError>;

    /// Appends to a file that exists.
    ///
    /// # Errors
    /// The file is absent or the disk is full; a part may have been written.
    fn append(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError>;

    /// Waits until the file's bytes are on the disk.
    ///
    /// # Errors
    /// The disk refused; what was appended may or may not be there.
    fn sync(&self, name: &str) -> Result<(), StorageError>;

    /// Writes the bytes from `offset` to the end again, as they are, and syncs.
    /// After a sync that failed, Linux takes pages for clean that never reached
    /// the disk; only writing them again makes the next sync tell the truth.
    ///
    /// # Errors
    /// The file is absent, or the disk refused.
    fn refresh(&self, name: &str, offset: u64) -> Result<(), StorageError>;

    /// Cuts a file to `length` bytes.
    ///
    /// # Errors
    /// The file is absent, or the operating system refused.
    fn truncate(&self, name: &str, length: u64) -> Result<(), StorageError>;

    /// Removes a file.
    ///
    /// # Errors
    /// The file is absent, or the operating system refused.
    fn remove(&self, name: &str) -> Result<(), StorageError>;

    /// Makes `bytes` the whole content of a file, new or not: after a crash it
    /// holds the old bytes or the new ones, never a mixture.
    ///
    /// # Errors
    /// The operating system refused; the old content stands.
    fn write_atomic(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError>;
}

/// A real directory.
pub struct DirFiles {
    dir: PathBuf,
    /// The file appended to last: a log appends to one file a million times.
    appending: Mutex<Option<(String, Arc<File>)>>,
}

impl DirFiles {
    /// Opens a directory, and creates it where there is none.
    ///
    /// # Errors
    /// The operating system refused.
    pub fn open(dir: &Path) -> Result<Self, StorageError> {
        make_dir(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
            appending: Mutex::new(None),
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn appender(&self, name: &str) -> Result<Arc<File>, StorageError> {
        let mut appending = self.appending.lock();
        if let Some((current, file)) = &*appending
            && current == name
        {
            return Ok(file.clone());
        }
        let file = OpenOptions::new().append(true).open(self.path(name));
        let file = Arc::new(file.map_err(StorageError::io("open", name))?);
        *appending = Some((name.to_owned(), file.clone()));
        Ok(file)
    }

    /// Forgets the open file, whose name may soon mean another file.
    fn forget(&self) {
        *self.appending.lock() = None;
    }
}

impl Files for DirFiles {
    fn list(&self) -> Result<Vec<String>, StorageError> {
        let failed = || StorageError::io("list", self.dir.to_string_lossy());
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type().map_err(failed())?.is_file() && !name.ends_with(".tmp") {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn len(&self, name: &str) -> Result<u64, StorageError> {
        let metadata = fs::metadata(self.path(name));
        Ok(metadata.map_err(StorageError::io("read", name))?.len())
    }

    fn read_at(&self, name: &str, offset: u64, limit: usize) -> Result<Vec<u8>, StorageError> {
        let read = || -> io::Result<Vec<u8>> {
            let file = File::open(self.path(name))?;
            let rest = file.metadata()?.len().saturating_sub(offset);
            let wanted = usize::try_from(rest).unwrap_or(limit).min(limit);
            let mut bytes = vec![0; wanted];
            let mut filled = 0;
            while let Some(gap) = bytes.get_mut(filled..).filter(|gap| !gap.is_empty()) {
                match file.read_at(gap, offset + filled as u64)? {
                    0 => break,
                    read => filled += read,
                }
            }
            bytes.truncate(filled);
            Ok(bytes)
        };
        read().map_err(StorageError::io("read", name))
    }

    fn create(&self, name: &str) -> Result<(), StorageError> {
        let created = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(self.path(name));
        created
            .and_then(|file| file.sync_all())
            .map_err(StorageError::io("create", name))?;
        sync_dir(&self.dir)
    }

    fn append(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        let file = self.appender(name)?;
        file.as_ref()
            .write_all(bytes)
            .map_err(StorageError::io("append to", name))
    }

    fn sync(&self, name: &str) -> Result<(), StorageError> {
        let file = self.appender(name)?;
        file.sync_data().map_err(StorageError::io("sync", name))
    }

    fn refresh(&self, name: &str, offset: u64) -> Result<(), StorageError> {
        let length = self.len(name)?.saturating_sub(offset);
        let bytes = self.read_at(name, offset, usize::try_from(length).unwrap_or(usize::MAX))?;
        OpenOptions::new()
            .write(true)
            .open(self.path(name))
            .and_then(|file| {
                file.write_all_at(&bytes, offset)?;
                file.sync_all()
            })
            .map_err(StorageError::io("write again", name))
    }

    fn truncate(&self, name: &str, length: u64) -> Result<(), StorageError> {
        OpenOptions::new()
            .write(true)
            .open(self.path(name))
            .and_then(|file| {
                file.set_len(length)?;
                file.sync_all()
            })
            .map_err(StorageError::io("truncate", name))
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.forget();
        fs::remove_file(self.path(name)).map_err(StorageError::io("remove", name))?;
        sync_dir(&self.dir)
    }

    fn write_atomic(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.forget();
        let temporary = self.path(&format!("{name}.tmp"));
        let write = || -> io::Result<()> {
            let mut file = File::create(&temporary)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&temporary, self.path(name))
        };
        write().map_err(StorageError::io("write", name))?;
        sync_dir(&self.dir)
    }
}

/// Creates a directory that only we may enter, unless it is there; its name is
/// on the disk when this returns.
pub(super) fn make_dir(dir: &Path) -> Result<(), StorageError> {
    if dir.is_dir() {
        return Ok(());
    }
    let made = DirBuilder::new().mode(0o700).recursive(true).create(dir);
    made.map_err(StorageError::io("create", dir.to_string_lossy()))?;
    match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_dir(parent),
        _ => sync_dir(Path::new(".")),
    }
}

/// Waits until the names in a directory are on the disk.
pub(super) fn sync_dir(dir: &Path) -> Result<(), StorageError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(StorageError::io("sync", dir.to_string_lossy()))
}
