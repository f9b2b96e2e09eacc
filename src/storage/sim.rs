//! A simulated disk behind all three seams, which loses what was not synced.
//!
//! In here because it is the second implementor every seam must have, and
//! because other floors test their recovery on it too. A test plans
//! [`Faults`], runs until something fails, calls [`crash`](SimDisk::crash) or
//! [`kill`](SimDisk::kill), opens again and compares with what was promised.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;

pub use super::sim_state::Faults;
use super::{
    Batch, Disk, Files, Page, StorageError, Store,
    sim_files::SimFiles,
    sim_handle::Handle,
    sim_state::{SimFile, SimStore, State, answer, done, refused},
};

/// The disk; clones are the same disk.
#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

impl SimDisk {
    /// An empty disk; the seed decides what each crash keeps.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            state: Arc::new(Mutex::new(State::new(seed))),
        }
    }

    /// Another disk in the state of this one, with a seed of its own.
    #[cfg(test)]
    #[must_use]
    pub fn copy(&self, seed: u64) -> Self {
        let copy = Self::new(seed);
        let mut state = copy.state.lock();
        let from = self.state.lock();
        state.files.clone_from(&from.files);
        state.stores.clone_from(&from.stores);
        drop((from, state));
        copy
    }

    /// Plans faults from now on; the count of syncs starts again.
    pub fn plan(&self, faults: Faults) {
        let mut state = self.state.lock();
        state.faults = faults;
        state.syncs = 0;
    }

    /// Syncs since the last plan, crash or kill.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.state.lock().syncs
    }

    /// Cuts the power and turns it on again: what was not synced is kept in
    /// part or not at all, every open handle is dead, no fault is planned.
    pub fn crash(&self) {
        self.state.lock().crash();
    }

    /// Kills the process: what the operating system was given stays.
    pub fn kill(&self) {
        self.state.lock().kill();
    }

    /// From now on nothing new finds room or a descriptor, until it is said that there is some.
    pub fn set_full(&self, full: bool) {
        self.state.lock().full = full;
    }

    /// Changes the bytes of a file behind everybody's back. No such file: nothing.
    pub fn tamper_file(&self, dir: &str, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state.lock();
        let dir = state.files.get_mut(dir);
        if let Some(file) = dir.and_then(|dir| dir.files.get_mut(name)) {
            change(&mut file.bytes);
            *file = SimFile::durable(std::mem::take(&mut file.bytes));
        }
    }

    /// Changes the content of a store behind everybody's back.
    pub fn tamper_store(&self, name: &str, change: impl FnOnce(&mut BTreeMap<Bytes, Bytes>)) {
        if let Some(store) = self.state.lock().stores.get_mut(name) {
            change(&mut store.live);
            store.durable = store.live.clone();
        }
    }

    /// From now on the store will not open.
    pub fn break_store(&self, name: &str) {
        if let Some(store) = self.state.lock().stores.get_mut(name) {
            store.broken = true;
        }
    }

    fn handle(&self, name: &str) -> Handle {
        Handle::new(&self.state, name)
    }
}

impl Disk for SimDisk {
    fn files(&self, name: &str) -> Result<Arc<dyn Files>, StorageError> {
        let handle = self.handle(name);
        let mut state = handle.alive()?;
        state.files.entry(name.to_owned()).or_default();
        drop(state);
        Ok(Arc::new(SimFiles(handle)))
    }

    fn files_at(&self, name: &str) -> Result<Arc<dyn Files>, StorageError> {
        let handle = self.handle(name);
        drop(handle.alive()?);
        Ok(Arc::new(SimFiles(handle)))
    }

    fn open_store(&self, name: &str) -> Result<Arc<dyn Store>, StorageError> {
        let handle = self.handle(name);
        let mut state = handle.alive()?;
        let store = state.stores.entry(name.to_owned()).or_default();
        if store.broken {
            return Err(StorageError::Damaged {
                name: name.to_owned(),
                reason: "a simulated flipped bit".to_owned(),
            });
        }
        drop(state);
        Ok(Arc::new(SimulatedStore(handle)))
    }

    fn has_store(&self, name: &str) -> Result<bool, StorageError> {
        Ok(self.handle(name).alive()?.stores.contains_key(name))
    }

    fn rename_store(&self, from: &str, to: &str) -> Result<(), StorageError> {
        let handle = self.handle(from);
        let mut state = handle.alive()?;
        if state.stores.contains_key(to) {
            return Err(refused(to, "the name is taken"));
        }
        let fate = state.sync_point();
        if done(fate) {
            let store = state.stores.remove(from);
            let store = store.ok_or_else(|| refused(from, "there is no such store"))?;
            state.stores.insert(to.to_owned(), store);
        }
        answer(fate, from)
    }

    fn remove_store(&self, name: &str) -> Result<(), StorageError> {
        let handle = self.handle(name);
        let mut state = handle.alive()?;
        if !state.stores.contains_key(name) {
            return Ok(());
        }
        let fate = state.sync_point();
        if done(fate) {
            state.stores.remove(name);
        }
        answer(fate, name)
    }
}

struct SimulatedStore(Handle);

impl SimulatedStore {
    fn with<T>(&self, work: impl FnOnce(&mut SimStore) -> T) -> Result<T, StorageError> {
        let mut state = self.0.alive()?;
        let store = state.stores.get_mut(&self.0.name);
        let store = store.ok_or_else(|| refused(&self.0.name, "the store was moved"))?;
        Ok(work(store))
    }
}

impl Store for SimulatedStore {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        self.with(|store| store.live.get(key).cloned())
    }

    fn last_at_or_before(&self, key: &[u8]) -> Result<Option<(Bytes, Bytes)>, StorageError> {
        self.with(|store| {
            let range = (Bound::Unbounded, Bound::Included(key));
            let found = store.live.range::<[u8], _>(range).next_back();
            found.map(|(key, value)| (key.clone(), value.clone()))
        })
    }

    fn page(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Page, StorageError> {
        if to.is_some_and(|to| to <= from) {
            return Ok(Page::new());
        }
        self.with(|store| {
            let range = (
                Bound::Included(from),
                to.map_or(Bound::Unbounded, Bound::Excluded),
            );
            let found = store.live.range::<[u8], _>(range).take(limit);
            found
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        })
    }

    fn reserve(&self, _bytes: usize) -> Result<(), StorageError> {
        self.0.room(&self.0.name)
    }

    fn apply(&self, batch: Batch) -> Result<(), StorageError> {
        self.with(|store| store.apply(batch))
    }

    fn flush(&self) -> Result<(), StorageError> {
        self.with(SimStore::flush)
    }

    fn sync_data(&self) -> Result<(), StorageError> {
        let mut state = self.0.alive()?;
        if state.faults.lies {
            return Ok(());
        }
        let fate = state.sync_point();
        if let Some(store) = state.stores.get_mut(&self.0.name) {
            store.sync(fate);
        }
        answer(fate, &self.0.name)
    }
}
