//! The seam of the ordered key-value store.
//!
//! Small on purpose: what the log and the views need, and nothing a second
//! implementor could not give.

use bytes::Bytes;

use super::StorageError;

/// Keys and values in key order, as one page of a scan gives them.
pub type Page = Vec<(Bytes, Bytes)>;

/// One change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The key now has this value.
    Put(Vec<u8>, Vec<u8>),
    /// The key is gone.
    Remove(Vec<u8>),
}

/// Changes that happen together or not at all; a later one of the same key wins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    changes: Vec<Change>,
}

impl Batch {
    /// Sets `key` to `value`.
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.changes.push(Change::Put(key.into(), value.into()));
    }

    /// Removes `key`, if it is there.
    pub fn remove(&mut self, key: impl Into<Vec<u8>>) {
        self.changes.push(Change::Remove(key.into()));
    }

    /// The changes, in the order they were added.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Gives the changes away.
    pub(super) fn into_changes(self) -> Vec<Change> {
        self.changes
    }
}

/// An ordered key-value store with atomic batches.
///
/// A batch is visible to readers once [`apply`](Self::apply) returns and on the
/// disk only after [`flush`](Self::flush) and then
/// [`sync_data`](Self::sync_data) return. After a crash the store holds a
/// prefix of the batches applied, and at least those synced. After any error
/// nothing more may be trusted to be written: open the store again.
pub trait Store: Send + Sync {
    /// The value of `key`.
    ///
    /// # Errors
    /// The store is damaged or cannot be read.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError>;

    /// The last pair whose key is `key` or sorts before it.
    ///
    /// # Errors
    /// The store is damaged or cannot be read.
    fn last_at_or_before(&self, key: &[u8]) -> Result<Option<(Bytes, Bytes)>, StorageError>;

    /// The first `limit` pairs with `from <= key` and, where `to` is given,
    /// `key < to`. An empty page is the end.
    ///
    /// # Errors
    /// The store is damaged or cannot be read.
    fn page(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Page, StorageError>;

    /// Takes room on the disk for a batch of about `bytes` bytes, so that applying it does not
    /// fail half-way. A store that needs none does nothing.
    ///
    /// # Errors
    /// There is no room; nothing has changed, and asking again is well.
    fn reserve(&self, bytes: usize) -> Result<(), StorageError> {
        let _ = bytes;
        Ok(())
    }

    /// Applies all of `batch` or nothing.
    ///
    /// # Errors
    /// The store is damaged or cannot be written.
    fn apply(&self, batch: Batch) -> Result<(), StorageError>;

    /// Applies the changes of `batch` one after the other: a crash may keep the first of them alone.
    /// That is cheaper than all of them together.
    ///
    /// # Errors
    /// The store is damaged or cannot be written.
    fn apply_in_order(&self, batch: Batch) -> Result<(), StorageError> {
        let mut changes = batch.into_changes().into_iter();
        changes.try_for_each(|change| {
            let changes = vec![change];
            self.apply(Batch { changes })
        })
    }

    /// Hands every applied batch to the operating system. No more than that:
    /// on Linux, sled's own flush does not reach the disk.
    ///
    /// # Errors
    /// The operating system refused a write.
    fn flush(&self) -> Result<(), StorageError>;

    /// Waits until what was flushed is on the disk.
    ///
    /// # Errors
    /// The disk refused; what was flushed may or may not be there.
    fn sync_data(&self) -> Result<(), StorageError>;
}
