//! What the simulated disk remembers, and what it forgets when the power goes.
//!
//! Kept apart from the seams in `sim.rs`: here is the model of a disk, and no
//! locking. It models what hurt real logs: a store that falls back to an earlier
//! batch, and a sync that fails and leaves pages the kernel takes for clean. What
//! becomes of files is in `sim_dir.rs`.

use std::{collections::BTreeMap, io};

use bytes::Bytes;

pub(super) use super::sim_dir::{SimDir, SimFile};
pub(super) use super::sim_fate::{Chance, Fate, done};
use super::{Batch, Change, StorageError};

/// The faults to come: the sync that fails, and the one at which the power goes; syncs count from
/// 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// At this sync the power goes; until `crash` everything fails.
    pub halt_at: Option<u64>,
    /// This sync fails; the disk works on, what it should have kept may be lost.
    pub fail_at: Option<u64>,
    /// Syncs of files and stores do nothing and say that they did.
    pub lies: bool,
}

/// One store: what is on the disk, and the batches on their way there.
#[derive(Clone, Debug, Default)]
pub(super) struct SimStore {
    pub durable: BTreeMap<Bytes, Bytes>,
    /// What readers see: `durable` and every pending batch.
    pub live: BTreeMap<Bytes, Bytes>,
    pending: Vec<Batch>,
    /// The number of `pending` batches that the operating system has.
    flushed: usize,
    /// A sync failed and lost its batches: no later one reaches the disk.
    severed: bool,
    /// It will not open: as sled with a flipped bit.
    pub broken: bool,
}

impl SimStore {
    pub fn apply(&mut self, batch: Batch) {
        change(&mut self.live, &batch);
        self.pending.push(batch);
    }

    pub fn flush(&mut self) {
        self.flushed = self.pending.len();
    }

    pub fn sync(&mut self, fate: Fate) {
        match fate {
            Fate::Failed { kept: false } => self.severed = true,
            Fate::Halted { kept: false } => {}
            _ if self.severed => {}
            _ => self.keep(self.flushed),
        }
    }

    /// The first `count` pending batches are on the disk.
    fn keep(&mut self, count: usize) {
        for batch in self.pending.drain(..count.min(self.pending.len())) {
            change(&mut self.durable, &batch);
        }
        self.flushed = self.flushed.saturating_sub(count);
    }

    fn crash(&mut self, chance: &mut Chance) {
        if !self.severed {
            let kept = chance.up_to(self.pending.len());
            self.keep(kept);
        }
        self.severed = false;
        self.forget_from(0);
    }

    /// The process died: what it had not flushed is lost from some batch on.
    fn kill(&mut self, chance: &mut Chance) {
        let unflushed = self.pending.len().saturating_sub(self.flushed);
        let kept = self.flushed + chance.up_to(unflushed);
        self.forget_from(kept);
        self.flushed = kept;
    }

    fn forget_from(&mut self, kept: usize) {
        self.pending.truncate(kept);
        self.flushed = self.flushed.min(kept);
        self.live = self.durable.clone();
        for batch in &self.pending {
            change(&mut self.live, batch);
        }
    }
}

fn change(map: &mut BTreeMap<Bytes, Bytes>, batch: &Batch) {
    for change in batch.changes() {
        match change {
            Change::Put(key, value) => {
                map.insert(Bytes::copy_from_slice(key), Bytes::copy_from_slice(value));
            }
            Change::Remove(key) => {
                map.remove(key.as_slice());
            }
        }
    }
}

/// Everything on the disk.
#[derive(Debug)]
pub(super) struct State {
    pub files: BTreeMap<String, SimDir>,
    pub stores: BTreeMap<String, SimStore>,
    /// Handles of an earlier life do nothing.
    pub life: u64,
    pub faults: Faults,
    pub syncs: u64,
    /// Nothing new finds room.
    pub full: bool,
    halted: bool,
    pub chance: Chance,
}

impl State {
    pub fn new(seed: u64) -> Self {
        Self {
            files: BTreeMap::new(),
            stores: BTreeMap::new(),
            life: 0,
            faults: Faults::default(),
            syncs: 0,
            full: false,
            halted: false,
            chance: Chance(seed),
        }
    }

    /// Whether a handle of this life may still act.
    pub fn alive(&self, life: u64, name: &str) -> Result<(), StorageError> {
        if self.halted || life != self.life {
            return Err(refused(name, "the power is off"));
        }
        Ok(())
    }

    /// Counts a sync and decides what becomes of it.
    pub fn sync_point(&mut self) -> Fate {
        self.syncs += 1;
        if self.faults.halt_at == Some(self.syncs) {
            self.halted = true;
            let kept = self.chance.coin();
            return Fate::Halted { kept };
        }
        if self.faults.fail_at == Some(self.syncs) {
            let kept = self.chance.coin();
            return Fate::Failed { kept };
        }
        Fate::Done
    }

    /// The power went and came back.
    pub fn crash(&mut self) {
        let chance = &mut self.chance;
        for dir in self.files.values_mut() {
            dir.crash(chance);
        }
        for store in self.stores.values_mut() {
            store.crash(chance);
        }
        self.begin();
    }

    /// The process died; the operating system lives and keeps what it was given.
    pub fn kill(&mut self) {
        for store in self.stores.values_mut() {
            store.kill(&mut self.chance);
        }
        self.begin();
    }

    fn begin(&mut self) {
        self.life += 1;
        self.halted = false;
        self.faults = Faults::default();
        self.syncs = 0;
        self.full = false;
    }
}

/// An I/O error of the simulated disk.
pub(super) fn refused(name: &str, why: &'static str) -> StorageError {
    StorageError::io("use", name)(io::Error::other(why))
}

/// The caller's answer to a sync of this fate.
pub(super) fn answer(fate: Fate, name: &str) -> Result<(), StorageError> {
    match fate {
        Fate::Done => Ok(()),
        Fate::Halted { .. } => Err(refused(name, "the power is off")),
        Fate::Failed { .. } => Err(refused(name, "the disk failed to sync")),
    }
}
