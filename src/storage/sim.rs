//! A simulated disk behind all three seams, which loses what was not synced.
//!
//! In here because it is the second implementor every seam must have, and
//! because other floors test their recovery on it too. A test plans
//! [`Faults`], runs until something fails, calls [`crash`](SimDisk::crash) or
//! [`kill`](SimDisk::kill), opens again and compares with what was promised.

use std::{collections::BTreeMap, io, ops::Bound, sync::Arc};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};

pub use super::sim_state::Faults;
use super::{
    Batch, Disk, Files, Page, StorageError, Store,
    sim_state::{Fate, SimFile, SimStore, State, answer, refused},
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
        if let Some(file) = state.files.get_mut(dir).and_then(|dir| dir.get_mut(name)) {
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
        Handle {
            state: self.state.clone(),
            life: self.state.lock().life,
            name: name.to_owned(),
        }
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

/// Whether a change of names that met this fate happened.
fn done(fate: Fate) -> bool {
    match fate {
        Fate::Done => true,
        Fate::Halted { kept } | Fate::Failed { kept } => kept,
    }
}

/// A directory or store as one life of the process sees it.
struct Handle {
    state: Arc<Mutex<State>>,
    life: u64,
    name: String,
}

impl Handle {
    fn alive(&self) -> Result<MutexGuard<'_, State>, StorageError> {
        let state = self.state.lock();
        state.alive(self.life, &self.name)?;
        Ok(state)
    }

    /// Whether there is room for something new.
    fn room(&self, name: &str) -> Result<(), StorageError> {
        match self.alive()?.full {
            false => Ok(()),
            true => Err(StorageError::io("reserve room for", name)(
                io::ErrorKind::StorageFull.into(),
            )),
        }
    }
}

struct SimFiles(Handle);

impl SimFiles {
    /// Runs `work` on the directory; `synced` says what a sync point decided.
    fn dir<T>(
        &self,
        sync: bool,
        work: impl FnOnce(&mut BTreeMap<String, SimFile>, Fate) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let mut state = self.0.alive()?;
        let fate = if sync { state.sync_point() } else { Fate::Done };
        let dir = state.files.entry(self.0.name.clone()).or_default();
        let result = work(dir, fate)?;
        answer(fate, &self.0.name)?;
        Ok(result)
    }
}

fn there<'a>(
    dir: &'a mut BTreeMap<String, SimFile>,
    name: &str,
) -> Result<&'a mut SimFile, StorageError> {
    let absent = || StorageError::io("open", name)(io::ErrorKind::NotFound.into());
    dir.get_mut(name).ok_or_else(absent)
}

impl Files for SimFiles {
    fn list(&self) -> Result<Vec<String>, StorageError> {
        self.dir(false, |dir, _| Ok(dir.keys().cloned().collect()))
    }

    fn len(&self, name: &str) -> Result<u64, StorageError> {
        self.dir(false, |dir, _| Ok(there(dir, name)?.bytes.len() as u64))
    }

    fn read_at(&self, name: &str, offset: u64, limit: usize) -> Result<Vec<u8>, StorageError> {
        self.dir(false, |dir, _| {
            let bytes = &there(dir, name)?.bytes;
            let start = usize::try_from(offset)
                .unwrap_or(usize::MAX)
                .min(bytes.len());
            let end = start.saturating_add(limit).min(bytes.len());
            Ok(bytes.get(start..end).unwrap_or_default().to_vec())
        })
    }

    fn create(&self, name: &str) -> Result<(), StorageError> {
        self.0.room(name)?;
        self.dir(true, |dir, fate| {
            if dir.get(name).is_some_and(|file| !file.bytes.is_empty()) {
                return Err(refused(name, "the name is taken"));
            }
            if done(fate) {
                dir.insert(name.to_owned(), SimFile::default());
            }
            Ok(())
        })
    }

    fn reserve(&self, name: &str, _bytes: usize) -> Result<(), StorageError> {
        self.0.room(name)
    }

    fn append(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.dir(false, |dir, _| {
            there(dir, name)?.bytes.extend_from_slice(bytes);
            Ok(())
        })
    }

    fn sync(&self, name: &str) -> Result<(), StorageError> {
        self.dir(true, |dir, fate| {
            there(dir, name)?.sync(fate);
            Ok(())
        })
    }

    fn refresh(&self, name: &str, offset: u64) -> Result<(), StorageError> {
        self.dir(true, |dir, fate| {
            let file = there(dir, name)?;
            if done(fate) {
                file.refresh(usize::try_from(offset).unwrap_or(usize::MAX));
            }
            Ok(())
        })
    }

    fn truncate(&self, name: &str, length: u64) -> Result<(), StorageError> {
        self.dir(true, |dir, fate| {
            let file = there(dir, name)?;
            if done(fate) {
                file.truncate(usize::try_from(length).unwrap_or(usize::MAX));
            }
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.dir(true, |dir, fate| {
            there(dir, name)?;
            if done(fate) {
                dir.remove(name);
            }
            Ok(())
        })
    }

    fn write_atomic(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.0.room(name)?;
        self.dir(true, |dir, fate| {
            if done(fate) {
                dir.insert(name.to_owned(), SimFile::durable(bytes.to_vec()));
            }
            Ok(())
        })
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
        let fate = state.sync_point();
        if let Some(store) = state.stores.get_mut(&self.0.name) {
            store.sync(fate);
        }
        answer(fate, &self.0.name)
    }
}
