//! A data directory: stores and directories of files under one lock.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use super::{
    CACHE_BYTES_DEFAULT, DirFiles, Files, SledStore, StorageError, Store,
    dir_files::{make_dir, sync_dir},
    room::{Boundless, DirRoom, Room},
};

/// The number of times that opening asks for the directory's lock, 20 ms apart, before it gives up.
const LOCK_TRIES: u32 = 50;
/// The pause between two tries.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// A place for stores and files, each under a flat name of ours.
pub trait Disk: Send + Sync {
    /// Opens a directory of files, and creates it where there is none.
    ///
    /// # Errors
    /// The operating system refused.
    fn files(&self, name: &str) -> Result<Arc<dyn Files>, StorageError>;

    /// The files of a directory that may be absent: nothing is in it then, and
    /// what is written first creates it.
    ///
    /// # Errors
    /// The operating system refused.
    fn files_at(&self, name: &str) -> Result<Arc<dyn Files>, StorageError>;

    /// Opens a store, and creates it where there is none. It must not be open.
    ///
    /// # Errors
    /// `Damaged` where its bytes cannot be read, `Io` otherwise.
    fn open_store(&self, name: &str) -> Result<Arc<dyn Store>, StorageError>;

    /// Whether there is a store of this name.
    ///
    /// # Errors
    /// The operating system refused.
    fn has_store(&self, name: &str) -> Result<bool, StorageError>;

    /// Renames a store that is not open, on the disk when this returns.
    ///
    /// # Errors
    /// There is no such store, the new name is taken, or the system refused.
    fn rename_store(&self, from: &str, to: &str) -> Result<(), StorageError>;

    /// Removes a store that is not open; absent is well.
    ///
    /// # Errors
    /// The operating system refused.
    fn remove_store(&self, name: &str) -> Result<(), StorageError>;

    /// The room that there is for all of it.
    fn room(&self) -> Arc<dyn Room> {
        Arc::new(Boundless)
    }
}

/// A real data directory, held by this process alone until it is dropped: keep
/// it for as long as anything that was opened in it.
pub struct DataDir {
    path: PathBuf,
    /// The lock lives as long as this open file.
    _lock: File,
}

impl DataDir {
    /// Takes the directory, and creates it where there is none.
    ///
    /// # Errors
    /// `InUse` where another process, or another value, holds it for longer than a second.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        make_dir(path)?;
        let lock_path = path.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(StorageError::io("open", lock_path.to_string_lossy()))?;
        match lock_patiently(&lock) {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(StorageError::InUse { path: path.into() }),
            Err(TryLockError::Error(cause)) => {
                Err(StorageError::io("lock", lock_path.to_string_lossy())(cause))
            }
        }
    }

    /// Whether a process holds a directory at this moment. Nothing is made, and nothing stays open.
    ///
    /// # Errors
    /// The directory's lock is there and cannot be read.
    pub fn is_held(path: &Path) -> Result<bool, StorageError> {
        let lock_path = path.join("lock");
        let named = StorageError::io("read", lock_path.to_string_lossy());
        let lock = match File::open(&lock_path) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(false),
            opened => opened.map_err(named)?,
        };
        // Whoever wants the lock at this very moment asks again.
        match lock.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(cause)) => {
                Err(StorageError::io("lock", lock_path.to_string_lossy())(cause))
            }
        }
    }

    /// The path of the data directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Takes the lock, and waits a moment for it where it is held: a process that the holder is just
/// starting keeps a copy of its descriptors until it runs its own program, and a holder that was
/// killed keeps its lock until the system has closed its files.
fn lock_patiently(lock: &File) -> Result<(), TryLockError> {
    for _ in 1..LOCK_TRIES {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
            other => return other,
        }
    }
    lock.try_lock()
}

impl Disk for DataDir {
    fn files(&self, name: &str) -> Result<Arc<dyn Files>, StorageError> {
        Ok(Arc::new(DirFiles::open(&self.path.join(name))?))
    }

    fn files_at(&self, name: &str) -> Result<Arc<dyn Files>, StorageError> {
        Ok(Arc::new(DirFiles::at(&self.path.join(name))))
    }

    fn open_store(&self, name: &str) -> Result<Arc<dyn Store>, StorageError> {
        let store = SledStore::open(&self.path.join(name), CACHE_BYTES_DEFAULT)?;
        sync_dir(&self.path)?;
        Ok(Arc::new(store))
    }

    fn has_store(&self, name: &str) -> Result<bool, StorageError> {
        fs::exists(self.path.join(name)).map_err(StorageError::io("look for", name))
    }

    fn rename_store(&self, from: &str, to: &str) -> Result<(), StorageError> {
        fs::rename(self.path.join(from), self.path.join(to))
            .map_err(StorageError::io("rename", from))?;
        sync_dir(&self.path)
    }

    fn remove_store(&self, name: &str) -> Result<(), StorageError> {
        match fs::remove_dir_all(self.path.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(StorageError::io("remove", name)(error)),
            Ok(()) => sync_dir(&self.path),
        }
    }

    fn room(&self) -> Arc<dyn Room> {
        Arc::new(DirRoom(self.path.clone()))
    }
}
