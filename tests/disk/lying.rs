//! A disk whose syncs do nothing, to see that the histories would notice.

use std::sync::Arc;

use bytes::Bytes;
use contactd::storage::{Batch, Disk, Files, Page, SimDisk, StorageError, Store};

/// The simulated disk, never synced.
pub struct Lying(pub SimDisk);

struct LyingStore(Arc<dyn Store>);

struct LyingFiles(Arc<dyn Files>);

impl Disk for Lying {
    fn files(&self, name: &str) -> Result<Arc<dyn Files>, StorageError> {
        Ok(Arc::new(LyingFiles(self.0.files(name)?)))
    }
    fn open_store(&self, name: &str) -> Result<Arc<dyn Store>, StorageError> {
        Ok(Arc::new(LyingStore(self.0.open_store(name)?)))
    }
    fn has_store(&self, name: &str) -> Result<bool, StorageError> {
        self.0.has_store(name)
    }
    fn rename_store(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.0.rename_store(from, to)
    }
    fn remove_store(&self, name: &str) -> Result<(), StorageError> {
        self.0.remove_store(name)
    }
}

impl Store for LyingStore {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        self.0.get(key)
    }
    fn last_at_or_before(&self, key: &[u8]) -> Result<Option<(Bytes, Bytes)>, StorageError> {
        self.0.last_at_or_before(key)
    }
    fn page(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Page, StorageError> {
        self.0.page(from, to, limit)
    }
    fn apply(&self, batch: Batch) -> Result<(), StorageError> {
        self.0.apply(batch)
    }
    fn flush(&self) -> Result<(), StorageError> {
        self.0.flush()
    }
    fn sync_data(&self) -> Result<(), StorageError> {
        Ok(())
    }
}

impl Files for LyingFiles {
    fn list(&self) -> Result<Vec<String>, StorageError> {
        self.0.list()
    }
    fn len(&self, name: &str) -> Result<u64, StorageError> {
        self.0.len(name)
    }
    fn read_at(&self, name: &str, offset: u64, limit: usize) -> Result<Vec<u8>, StorageError> {
        self.0.read_at(name, offset, limit)
    }
    fn create(&self, name: &str) -> Result<(), StorageError> {
        self.0.create(name)
    }
    fn append(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.0.append(name, bytes)
    }
    fn sync(&self, _name: &str) -> Result<(), StorageError> {
        Ok(())
    }
    fn refresh(&self, _name: &str, _offset: u64) -> Result<(), StorageError> {
        Ok(())
    }
    fn truncate(&self, name: &str, length: u64) -> Result<(), StorageError> {
        self.0.truncate(name, length)
    }
    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.0.remove(name)
    }
    fn write_atomic(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.0.write_atomic(name, bytes)
    }
}
