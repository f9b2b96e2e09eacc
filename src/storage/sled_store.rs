//! The store on sled 0.34.7, the one place that names it.
//!
//! Three of sled's habits are dealt with here. Its `flush` ends in
//! `sync_file_range`, which loses everything with the power, so an own handle
//! of its `db` file is synced after it. It panics on bytes it cannot read, so
//! every call is caught and becomes [`StorageError::Damaged`]. And it lets go
//! of its lock some moments after it was dropped, so opening tries again for a
//! while; the lock of the data directory is the one that keeps others out.

use std::{
    fs::{self, File, OpenOptions},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    thread,
    time::Duration,
};

use bytes::Bytes;

use super::{
    Batch, Change, Page, StorageError, Store,
    dir_files::{make_dir, sync_dir},
    room::Reserved,
};

/// As fast as sled's own 1 GB for our use, and far smaller.
pub const CACHE_BYTES_DEFAULT: u64 = 64 << 20;

/// sled grows its file by segments of this many bytes.
const SEGMENT_BYTES: u64 = 512 << 10;

/// The number of times that opening asks for sled's lock, 20 ms apart, before it gives up.
const LOCK_TRIES: u32 = 250;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// A sled database in a directory of its own.
pub struct SledStore {
    db: sled::Db,
    file: File,
    reserved: Reserved,
    name: String,
}

impl SledStore {
    /// Opens the database in `dir`, and creates it where there is none.
    ///
    /// # Errors
    /// `InUse` while another process has it, `Damaged` where sled cannot read
    /// it, `Io` otherwise.
    pub fn open(dir: &Path, cache_bytes: u64) -> Result<Self, StorageError> {
        let name = dir.file_name().unwrap_or(dir.as_os_str());
        let name = name.to_string_lossy().into_owned();
        make_dir(dir)?;
        let config = sled::Config::new()
            .path(dir)
            .cache_capacity(cache_bytes)
            .flush_every_ms(None);
        let db = open_patiently(&config, dir, &name)?;
        let path = dir.join("db");
        let file = OpenOptions::new().read(true).write(true).open(&path);
        let file = file.map_err(StorageError::io("open", path.to_string_lossy()))?;
        // A new database's files and names must be there after a crash, or the
        // first synced batch would have nowhere to be.
        for entry in fs::read_dir(dir).map_err(StorageError::io("list", &name))? {
            let path = entry.map_err(StorageError::io("list", &name))?.path();
            if path.is_file() {
                File::open(&path)
                    .and_then(|file| file.sync_all())
                    .map_err(StorageError::io("sync", path.to_string_lossy()))?;
            }
        }
        sync_dir(dir)?;
        Ok(Self {
            db,
            file,
            reserved: Reserved::default(),
            name,
        })
    }

    fn guarded<T>(&self, call: impl FnOnce() -> sled::Result<T>) -> Result<T, StorageError> {
        caught(&self.name, call)
    }
}

fn open_patiently(config: &sled::Config, dir: &Path, name: &str) -> Result<sled::Db, StorageError> {
    for _ in 0..LOCK_TRIES {
        match caught(name, || config.open()) {
            Err(StorageError::Io { cause, .. }) if is_lock_failure(&cause) => {
                thread::sleep(LOCK_PAUSE);
            }
            other => return other,
        }
    }
    Err(StorageError::InUse { path: dir.into() })
}

/// sled reports a held lock only in the words of its error.
fn is_lock_failure(error: &std::io::Error) -> bool {
    error.to_string().starts_with("could not acquire lock")
}

/// Runs a call of sled's; its errors and panics become ours.
fn caught<T>(name: &str, call: impl FnOnce() -> sled::Result<T>) -> Result<T, StorageError> {
    let damaged = |reason: String| StorageError::Damaged {
        name: name.to_owned(),
        reason,
    };
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sled::Error::Io(cause))) => Err(StorageError::io("use", name)(cause)),
        Ok(Err(other)) => Err(damaged(other.to_string())),
        Err(panic) => Err(damaged(panic_text(panic.as_ref()))),
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("sled panicked").to_owned()
}

fn pair((key, value): (sled::IVec, sled::IVec)) -> (Bytes, Bytes) {
    (bytes(&key), bytes(&value))
}

fn bytes(value: &sled::IVec) -> Bytes {
    Bytes::copy_from_slice(value)
}

impl Store for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        self.guarded(|| Ok(self.db.get(key)?.as_ref().map(bytes)))
    }

    fn last_at_or_before(&self, key: &[u8]) -> Result<Option<(Bytes, Bytes)>, StorageError> {
        self.guarded(|| self.db.range(..=key).next_back().transpose())
            .map(|found| found.map(pair))
    }

    fn page(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Page, StorageError> {
        self.guarded(|| {
            let range = match to {
                Some(to) => self.db.range(from..to),
                None => self.db.range(from..),
            };
            range.take(limit).map(|found| found.map(pair)).collect()
        })
    }

    fn reserve(&self, bytes: usize) -> Result<(), StorageError> {
        // sled writes whole segments, and pages again that a batch has touched.
        let bytes = (bytes as u64)
            .saturating_mul(3)
            .saturating_add(4 * SEGMENT_BYTES);
        let reserved = self.reserved.reserve(&self.file, bytes);
        reserved.map_err(StorageError::io("reserve room for", &self.name))
    }

    fn apply(&self, batch: Batch) -> Result<(), StorageError> {
        let mut changes = batch.into_changes();
        // sled rolls its buffer twice around a batch; one change is atomic without.
        if changes.len() == 1 {
            return self.guarded(|| match changes.pop() {
                Some(Change::Put(key, value)) => self.db.insert(key, value).map(drop),
                Some(Change::Remove(key)) => self.db.remove(key).map(drop),
                None => Ok(()),
            });
        }
        let mut sled_batch = sled::Batch::default();
        for change in changes {
            match change {
                Change::Put(key, value) => sled_batch.insert(key, value),
                Change::Remove(key) => sled_batch.remove(key),
            }
        }
        self.guarded(|| self.db.apply_batch(sled_batch))
    }

    fn flush(&self) -> Result<(), StorageError> {
        self.guarded(|| self.db.flush().map(drop))
    }

    fn sync_data(&self) -> Result<(), StorageError> {
        self.file
            .sync_data()
            .map_err(StorageError::io("sync", &self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_is_just_being_closed_opens_a_little_later() {
        let root = tempfile::tempdir().unwrap();
        let open = || SledStore::open(root.path(), CACHE_BYTES_DEFAULT);
        let first = open().unwrap();
        let held = sled::Config::new().path(root.path()).open();
        let Err(sled::Error::Io(refused)) = held else {
            panic!("it is held");
        };
        assert!(is_lock_failure(&refused));
        assert!(!is_lock_failure(&std::io::Error::other("no room")));
        thread::scope(|scope| {
            let second = scope.spawn(open);
            drop(first);
            second.join().unwrap().unwrap();
        });
    }

    #[test]
    fn an_error_of_the_system_is_no_lock_and_a_panic_no_error_of_the_system() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("db")).unwrap();
        let opened = SledStore::open(root.path(), CACHE_BYTES_DEFAULT);
        assert!(matches!(opened, Err(StorageError::Io { .. })));
        let text = |call: fn() -> sled::Result<()>| caught("log", call).unwrap_err().to_string();
        assert!(text(|| panic!("bad page")).ends_with("log is damaged: bad page"));
        assert!(text(|| std::panic::panic_any("x".repeat(3))).ends_with("damaged: xxx"));
        assert!(text(|| std::panic::panic_any(7)).ends_with("damaged: sled panicked"));
    }
}
