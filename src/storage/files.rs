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

use super::{
    StorageError,
    room::{self, Reserved},
};

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

    /// Creates an empty file; one that is there and empty is well.
    ///
    /// # Errors
    /// The name is taken, or the operating system refused.
    fn create(&self, name: &str) -> Result<(), StorageError>;

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
    /// The directory itself, open for as long as names in it must reach the disk.
    handle: File,
    /// The file appended to last: a log appends to one file a million times.
    appending: Mutex<Option<Appending>>,
    /// The next file to be created, open already: when it is needed there may be no descriptor.
    spare: Mutex<Option<File>>,
}

/// An open file that grows.
#[derive(Clone)]
struct Appending {
    name: String,
    file: Arc<File>,
    reserved: Arc<Reserved>,
}

impl Appending {
    fn new(name: &str, file: File) -> Self {
        Self {
            name: name.to_owned(),
            file: Arc::new(file),
            reserved: Arc::default(),
        }
    }
}

impl DirFiles {
    /// Opens a directory, and creates it where there is none.
    ///
    /// # Errors
    /// The operating system refused.
    pub fn open(dir: &Path) -> Result<Self, StorageError> {
        make_dir(dir)?;
        let handle = File::open(dir);
        Ok(Self {
            handle: handle.map_err(StorageError::io("open", dir.to_string_lossy()))?,
            dir: dir.to_owned(),
            appending: Mutex::new(None),
            spare: Mutex::new(None),
        })
    }

    /// Waits until the names in the directory are on the disk.
    fn sync_names(&self) -> Result<(), StorageError> {
        let synced = self.handle.sync_all();
        synced.map_err(StorageError::io("sync", self.dir.to_string_lossy()))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn appender(&self, name: &str) -> Result<Appending, StorageError> {
        let mut appending = self.appending.lock();
        if let Some(current) = &*appending
            && current.name == name
        {
            return Ok(current.clone());
        }
        let file = OpenOptions::new().append(true).open(self.path(name));
        let current = Appending::new(name, file.map_err(StorageError::io("open", name))?);
        *appending = Some(current.clone());
        Ok(current)
    }

    /// Forgets the open file where this name may soon mean another one.
    fn forget(&self, name: &str) {
        let mut appending = self.appending.lock();
        appending.take_if(|current| current.name == name);
    }

    /// Opens the next file, without a name yet; where that cannot be done, later is early enough.
    fn prepare_spare(&self) {
        let mut spare = self.spare.lock();
        if spare.is_none() {
            *spare = room::unnamed(&self.dir).ok();
        }
    }

    /// A new file under its name: the spare one, or one that is opened now.
    fn new_file(&self, name: &str) -> io::Result<File> {
        let path = self.path(name);
        if let Some(file) = self.spare.lock().take()
            && room::give_name(&file, &path).is_ok()
        {
            return Ok(file);
        }
        let mut options = OpenOptions::new();
        let file = options.append(true).create(true).open(path)?;
        match file.metadata()?.len() {
            0 => Ok(file),
            _ => Err(io::ErrorKind::AlreadyExists.into()),
        }
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
        let file = self.new_file(name).and_then(|file| {
            file.sync_all()?;
            Ok(file)
        });
        let created = Appending::new(name, file.map_err(StorageError::io("create", name))?);
        self.sync_names()?;
        if let Some(full) = self.appending.lock().replace(created) {
            // The blocks are of no more use to it; that they stay would harm nobody.
            full.reserved.release(&full.file).ok();
        }
        Ok(())
    }

    fn reserve(&self, name: &str, bytes: usize) -> Result<(), StorageError> {
        let Appending { file, reserved, .. } = self.appender(name)?;
        let room = reserved.reserve(&file, bytes as u64);
        room.map_err(StorageError::io("reserve room for", name))?;
        self.prepare_spare();
        Ok(())
    }

    fn append(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        let Appending { file, .. } = self.appender(name)?;
        file.as_ref()
            .write_all(bytes)
            .map_err(StorageError::io("append to", name))
    }

    fn sync(&self, name: &str) -> Result<(), StorageError> {
        let Appending { file, .. } = self.appender(name)?;
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
        self.forget(name);
        fs::remove_file(self.path(name)).map_err(StorageError::io("remove", name))?;
        self.sync_names()
    }

    fn write_atomic(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.forget(name);
        let temporary = self.path(&format!("{name}.tmp"));
        let write = || -> io::Result<()> {
            let mut file = File::create(&temporary)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&temporary, self.path(name))
        };
        write().map_err(StorageError::io("write", name))?;
        self.sync_names()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_file_is_open_before_it_is_needed_and_seen_by_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let files = DirFiles::open(dir.path()).unwrap();
        files.create("a").unwrap();
        files.reserve("a", 10).unwrap();
        assert!(files.spare.lock().is_some());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        files.create("b").unwrap();
        assert!(files.spare.lock().is_none(), "it has become the new file");
        files.append("b", b"x").unwrap();
        files.append("b", b"y").unwrap();
        assert_eq!(files.read_at("b", 0, 9).unwrap(), b"xy");
    }

    #[test]
    fn a_name_is_taken_once_something_is_written_under_it() {
        let dir = tempfile::tempdir().unwrap();
        let files = DirFiles::open(dir.path()).unwrap();
        for _ in 0..2 {
            files.create("a").unwrap();
        }
        files.append("a", b"x").unwrap();
        files.reserve("a", 1).unwrap();
        assert!(files.create("a").is_err());
        assert_eq!(files.read_at("a", 0, 9).unwrap(), b"x");
    }
}
