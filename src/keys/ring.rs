//! The keys of all contacts, and what is done with them.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::{Mutex, RwLock, RwLockWriteGuard};

use super::{
    MasterKey, OpenError, SealError, Slot, SlotError, ahead,
    beside::Beside,
    cache::Cache,
    cipher::{NONCE_BYTES, TAG_BYTES, decrypt, encrypt},
    key::{ContactKey, random_key},
    seed::{Seed, Seeds},
    slots::{PutError, SlotFiles, SlotsRepaired, destroy, generation_of, names_of, temporary},
    wrapping::{Held, MISSING},
};
use crate::storage::{Files, StorageError};

/// The number of bytes that sealing adds: the nonce and the tag.
pub const SEALED_OVERHEAD_BYTES: usize = NONCE_BYTES + TAG_BYTES;
/// The keys of all contacts. It may be shared by threads: reading waits for an erasure under way
/// and for nothing else.
pub struct KeyRing {
    pub(super) files: Arc<dyn Files>,
    pub(super) state: RwLock<State>,
    pub(super) cache: Mutex<Cache>,
    /// Syncs both copies at once.
    pub(super) beside: Beside,
    /// Keys of contacts that are not on the disk yet, and neither are these.
    drawn: Mutex<BTreeMap<Slot, ContactKey>>,
}

pub(super) struct State {
    pub(super) file: SlotFiles,
    /// Slots up to here are on the disk.
    end: u64,
    /// Whether the file is new and has not got its name yet.
    pub(super) unnamed: bool,
    /// Whether the log has said where it ends, so that the files may be written.
    resumed: bool,
    /// Whether a rotation stopped where only the next start can tell which file counts.
    pub(super) halted: bool,
}

impl State {
    fn check(&self, next: Slot) -> Result<(), SlotError> {
        let (held, used) = (self.end, next.get());
        if held >= used {
            return Ok(());
        }
        Err(if self.unnamed {
            let dir = self.file.dir();
            SlotError::Lost { dir, used }
        } else {
            let path = self.file.path();
            SlotError::Truncated { path, held, used }
        })
    }

    fn resume(&mut self, next: Slot, since: Slot) -> Result<SlotsRepaired, SlotError> {
        let repaired = self.file.complete(next.get())?;
        self.file.set_count(next.get())?;
        self.file.refresh(since.min(next), next)?;
        self.end = next.get();
        self.resumed = true;
        self.name()?;
        Ok(repaired)
    }

    /// Notes that the slots before `next` are on the disk.
    pub(super) fn reach(&mut self, next: Slot) {
        self.end = self.end.max(next.get());
    }

    /// Gives a new file its name: from now on it counts.
    fn name(&mut self) -> Result<(), SlotError> {
        if self.unnamed {
            self.file.name()?;
            self.unnamed = false;
        }
        Ok(())
    }
}

impl KeyRing {
    /// Opens the keys in a directory, and creates directory and file where there are none; the
    /// file counts from the first [`resume`](Self::resume) or [`mark_lost`](Self::mark_lost) on. A
    /// rotation that was cut off is finished or undone, by which key was given.
    ///
    /// # Errors
    /// A file cannot be read, is damaged, or another master key wrapped it.
    pub fn open(files: Arc<dyn Files>, master: &MasterKey) -> Result<Self, OpenError> {
        let found = open_newest(&files, master)?;
        let unnamed = found.is_none();
        let file = match found {
            Some(file) => file,
            None => SlotFiles::create(files.clone(), temporary(1), 1, master)?,
        };
        let end = file.count()?;
        Ok(Self {
            beside: Beside::new(files.clone()),
            files,
            state: RwLock::new(State {
                file,
                end,
                unnamed,
                resumed: false,
                halted: false,
            }),
            cache: Mutex::default(),
            drawn: Mutex::default(),
        })
    }

    /// Whether a directory has a file of slots.
    ///
    /// # Errors
    /// The directory cannot be read; one that is not there has none.
    pub fn is_in(files: &dyn Files) -> Result<bool, StorageError> {
        Ok(!generations_in(files)?.is_empty())
    }

    /// Whether every slot before `next`, which is the one behind the highest that the log names,
    /// has its place on the disk. What is in it is another question.
    ///
    /// # Errors
    /// The file is gone, or has lost slots that the log uses.
    pub fn check(&self, next: Slot) -> Result<(), SlotError> {
        self.state.read().check(next)
    }

    /// Takes up the work where the log ended: `next` is the slot behind the highest one that the
    /// log names. Slots from there on are of contacts that never came to be, and are given back.
    /// Each copy is completed from the other. Those from `since` on may have been written by a
    /// process whose last sync failed, so they are written again. A new file gets its name only
    /// now, so that a file without slots is one that has lost them. Comes before the first
    /// [`store`](Self::store) and [`erase`](Self::erase).
    ///
    /// # Errors
    /// As [`check`](Self::check), or a file cannot be read or written.
    pub fn resume(&self, next: Slot, since: Slot) -> Result<SlotsRepaired, SlotError> {
        let mut state = self.writable()?;
        state.check(next)?;
        state.resume(next, since)
    }

    /// As [`resume`](Self::resume), for a log that goes on elsewhere: the keys behind its end here
    /// may be of contacts that are in it already, so they stay. Those that are not are overwritten.
    ///
    /// # Errors
    /// As [`resume`](Self::resume).
    pub fn resume_ahead(&self, next: Slot, since: Slot) -> Result<SlotsRepaired, SlotError> {
        let mut state = self.writable()?;
        state.check(next)?;
        let end = Slot::new(state.file.count()?).max(next);
        state.resume(end, since)
    }

    /// Notes that the slots before `next` are in use, whose keys came before their contacts did.
    pub fn reach(&self, next: Slot) {
        self.state.write().reach(next);
    }

    /// Compares both copies of the slots before `next` and changes nothing.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn compare(&self, next: Slot) -> Result<SlotsRepaired, StorageError> {
        let state = self.state.read();
        if state.unnamed {
            return Ok(SlotsRepaired::default());
        }
        Ok(state.file.compare(0..next.get())?.0)
    }

    /// Records that the keys in these slots were given up: what they sealed reads as
    /// [`SealError::MarkedLost`]. Every slot before `next`, as in [`check`](Self::check), then has
    /// its place. On the disk when this returns; a crash before leaves a new file uncounted.
    ///
    /// # Errors
    /// The disk refused, or the system gives no random bytes; the same call may be made again.
    pub fn mark_lost(
        &self,
        slots: impl IntoIterator<Item = Slot>,
        next: Slot,
    ) -> Result<SlotsRepaired, SlotError> {
        let mut state = self.writable()?;
        let end = state.end.min(next.get());
        let mut repaired = state.file.complete(end)?;
        repaired.damaged.extend(state.file.damaged_alike(0..end)?);
        if state.end < next.get() {
            state.file.set_count(next.get())?;
            state.end = next.get();
        }
        for slot in slots {
            self.cache.lock().forget(slot);
            let bytes = state
                .file
                .wrapping()
                .mark_lost(slot)
                .map_err(SlotError::Random)?;
            state.file.write(slot, &bytes)?;
        }
        state.file.sync()?;
        state.name()?;
        Ok(repaired)
    }

    /// The number of slots that are on the disk; none before the log has said where it ends.
    pub(super) fn in_use(&self) -> Result<u64, SlotError> {
        let state = self.writable()?;
        Ok(if state.resumed { state.end } else { 0 })
    }

    /// Completes some slots of each copy from the other, and finds those that neither can mend.
    pub(super) fn complete_some(&self, first: u64, count: u64) -> Result<SlotsRepaired, SlotError> {
        let state = self.writable()?;
        let end = state.end.min(first.saturating_add(count));
        let slots = first.min(end)..end;
        let mut found = state.file.complete_some(slots.clone())?;
        found.damaged.extend(state.file.damaged_alike(slots)?);
        Ok(found)
    }

    /// Whether the key in a slot was destroyed.
    #[must_use]
    pub fn is_erased(&self, slot: Slot) -> bool {
        matches!(self.key(slot), Err(SealError::Erased { .. }))
    }

    /// The reason for which the key in a slot cannot be used, without looking at what it sealed;
    /// `None` where it can.
    #[must_use]
    pub fn refusal(&self, slot: Slot) -> Option<SealError> {
        self.key(slot).err()
    }

    /// The slot behind the last that is on the disk, whether a contact uses it or not.
    #[must_use]
    pub fn end(&self) -> Slot {
        Slot::new(self.state.read().end)
    }

    /// The slots before `next` in which there is no key: erased, lost or given up. A damaged one
    /// is not told from a whole one.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn without_key(&self, next: Slot) -> Result<Vec<Slot>, StorageError> {
        self.state.read().file.without_key(next.get())
    }

    /// Draws a key for a contact that is being made. It is in memory alone until
    /// [`store`](Self::store); drawing again for the same slot replaces it, and so it does a key that
    /// was stored for a contact of which nobody knows whether it came to be.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn draw(&self, slot: Slot) -> Result<(), SlotError> {
        let key = random_key().map_err(SlotError::Random)?;
        self.drawn.lock().insert(slot, ContactKey::new(key));
        self.cache.lock().forget(slot);
        Ok(())
    }

    /// Writes the drawn keys of the slots before `next` into both copies; when this returns, they are on
    /// the disk in both. Drawn keys from `next` on are forgotten. Returns
    /// whether anything was written.
    ///
    /// # Errors
    /// The disk refused, or the system gives no random bytes. The keys stay drawn, and the same
    /// call may be made again; to give them up, draw or [`forget_drawn`](Self::forget_drawn).
    pub fn store(&self, next: Slot) -> Result<bool, SlotError> {
        let keys: BTreeMap<Slot, ContactKey> = {
            let mut drawn = self.drawn.lock();
            drawn.retain(|slot, _| *slot < next);
            drawn.clone()
        };
        let Some(first) = keys.keys().next().copied() else {
            return Ok(false);
        };
        {
            // Readers go on meanwhile: nobody else writes these slots.
            let state = self.state.read();
            if state.halted {
                return Err(SlotError::Halted);
            }
            let keys: Vec<ContactKey> = keys.values().cloned().collect();
            state.file.put(first, &keys).map_err(|error| match error {
                PutError::File(error) => SlotError::File(error),
                PutError::Random(error) => SlotError::Random(error),
            })?;
            (self.beside.sync(state.file.names())).map_err(SlotError::File)?;
        }
        let mut state = self.state.write();
        state.end = state.end.max(next.get());
        let mut cache = self.cache.lock();
        for (slot, key) in keys {
            cache.forget(slot);
            cache.put(slot, key);
        }
        self.drawn.lock().clear();
        Ok(true)
    }

    /// Forgets keys whose contacts did not come to be: those drawn, and those stored from `next`
    /// on.
    pub fn forget_drawn(&self, next: Slot) {
        let mut state = self.state.write();
        let mut cache = self.cache.lock();
        for number in next.get()..state.end {
            cache.forget(Slot::new(number));
        }
        self.drawn.lock().clear();
        state.end = state.end.min(next.get());
    }

    /// Seals a text with the key in a slot. `aad` is what it is sealed to: opening needs the same.
    /// The result is nonce, text and tag, [`SEALED_OVERHEAD_BYTES`] longer than the text.
    ///
    /// # Errors
    /// There is no such key: erased, missing, damaged or not readable.
    pub fn seal(&self, slot: Slot, aad: &[u8], text: &[u8]) -> Result<Vec<u8>, SealError> {
        let key = self.key(slot)?;
        let mut sealed = Vec::with_capacity(text.len() + SEALED_OVERHEAD_BYTES);
        sealed.extend_from_slice(&[0; NONCE_BYTES]);
        sealed.extend_from_slice(text);
        if let Some((place, text)) = sealed.split_first_chunk_mut::<NONCE_BYTES>() {
            let (nonce, tag) = encrypt(&key, aad, text).map_err(SealError::Random)?;
            *place = nonce;
            sealed.extend_from_slice(&tag);
        }
        Ok(sealed)
    }

    /// Opens what [`seal`](Self::seal) sealed.
    ///
    /// # Errors
    /// There is no such key, or these bytes were not sealed with it to this `aad`.
    pub fn open_sealed(&self, slot: Slot, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        open_with(&self.key(slot)?, slot, aad, sealed)
    }

    /// Opens it likewise, for whoever opens one contact after the other: keys are read many at a
    /// time, and are not kept at hand.
    ///
    /// # Errors
    /// As [`open_sealed`](Self::open_sealed).
    pub fn open_in_passing(
        &self,
        slot: Slot,
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        let key = self.key_in_passing(slot)?;
        let key = key.map_or_else(|| self.key(slot), Ok)?;
        open_with(&key, slot, aad, sealed)
    }

    /// The key in a slot, where it is at hand or can be read with its neighbours.
    fn key_in_passing(&self, slot: Slot) -> Result<Option<ContactKey>, StorageError> {
        // An erasure waits until this is done, and then forgets what was read.
        let state = self.state.read();
        {
            let mut cache = self.cache.lock();
            if cache.withheld.contains(&slot) {
                return Ok(None);
            }
            if let Some(key) = cache.get(slot) {
                return Ok(Some(key));
            }
        }
        if self.drawn.lock().contains_key(&slot) {
            return Ok(None);
        }
        let known = self.cache.lock().ahead.get(slot);
        let bytes = match known {
            Some(bytes) => bytes,
            None => {
                let first = ahead::first_of(slot);
                let slots = state.file.read_some(first, ahead::SLOTS)?;
                let ahead = &mut self.cache.lock().ahead;
                ahead.put(first, slots);
                ahead.get(slot).unwrap_or(MISSING)
            }
        };
        Ok(match state.file.wrapping().unwrap(slot, &bytes) {
            Held::Key(key) => Some(key),
            // Whoever wants to know why asks the disk.
            Held::Erased | Held::Missing | Held::MarkedLost | Held::Damaged => None,
        })
    }

    /// Destroys the key in a slot: its bytes are overwritten in both copies, on the disk and here,
    /// when this returns. Doing it again is well, and does it again.
    ///
    /// # Errors
    /// The disk refused; the key may still be there, so call again.
    pub fn erase(&self, slot: Slot) -> Result<(), SlotError> {
        self.erase_all(&[slot])
    }

    /// Destroys the keys in these slots as [`erase`](Self::erase) does, with one sync of each copy.
    ///
    /// # Errors
    /// As [`erase`](Self::erase).
    pub fn erase_all(&self, slots: &[Slot]) -> Result<(), SlotError> {
        let mut state = self.writable()?;
        let mut cache = self.cache.lock();
        slots.iter().for_each(|slot| cache.forget(*slot));
        state.file.erase(slots)?;
        for slot in slots {
            cache.withheld.remove(slot);
        }
        let end = slots.iter().map(|slot| slot.next().get()).max();
        state.end = state.end.max(end.unwrap_or_default());
        Ok(())
    }

    /// Has the keys in these slots pass for destroyed, until [`erase_all`](Self::erase_all) destroys
    /// them: what they sealed reads as [`SealError::Erased`]. They travel still, to whoever's log has
    /// not come so far. The disk knows nothing of it.
    pub fn withhold(&self, slots: impl IntoIterator<Item = Slot>) {
        self.cache.lock().withheld.extend(slots);
    }

    pub(super) fn writable(&self) -> Result<RwLockWriteGuard<'_, State>, SlotError> {
        let state = self.state.write();
        if state.halted {
            return Err(SlotError::Halted);
        }
        Ok(state)
    }

    fn key(&self, slot: Slot) -> Result<ContactKey, SealError> {
        if self.cache.lock().withheld.contains(&slot) {
            return Err(SealError::Erased { slot });
        }
        match self.held(slot)? {
            Held::Erased => Err(SealError::Erased { slot }),
            Held::Missing => Err(SealError::MissingKey { slot }),
            Held::MarkedLost => Err(SealError::MarkedLost { slot }),
            Held::Damaged => Err(SealError::DamagedKey { slot }),
            Held::Key(key) => Ok(key),
        }
    }

    /// What a slot holds. The state stays locked until the key is in the cache, or an erasure in
    /// between would leave it there.
    pub(super) fn held(&self, slot: Slot) -> Result<Held, StorageError> {
        let state = self.state.read();
        if let Some(key) = self.cache.lock().get(slot) {
            return Ok(Held::Key(key));
        }
        if let Some(key) = self.drawn.lock().get(&slot) {
            return Ok(Held::Key(key.clone()));
        }
        let held = state.file.read(slot, state.resumed && !state.halted)?;
        if let Held::Key(key) = &held {
            self.cache.lock().put(slot, key.clone());
        }
        Ok(held)
    }
}

/// Opens a sealed text with the key of its slot.
fn open_with(
    key: &ContactKey,
    slot: Slot,
    aad: &[u8],
    sealed: &[u8],
) -> Result<Vec<u8>, SealError> {
    let parts = sealed
        .split_first_chunk::<NONCE_BYTES>()
        .and_then(|(nonce, rest)| Some((nonce, rest.split_last_chunk::<TAG_BYTES>()?)));
    let Some((nonce, (text, tag))) = parts else {
        return Err(SealError::Damaged { slot });
    };
    let mut text = text.to_vec();
    if decrypt(key, aad, nonce, &mut text, tag) {
        Ok(text)
    } else {
        Err(SealError::Damaged { slot })
    }
}

impl Seeds for KeyRing {
    fn seeds(&self, first: Slot, count: usize) -> Result<Vec<Option<Seed>>, StorageError> {
        self.state.read().file.seeds(first, count)
    }
}

/// The generations of the files of slots in a directory.
fn generations_in(files: &dyn Files) -> Result<Vec<u64>, StorageError> {
    let names = files.list()?;
    Ok(names
        .iter()
        .filter_map(|name| generation_of(name))
        .collect())
}

/// Opens the newest files that the key opens and destroys the others, which a rotation that was
/// cut off has left; `None` where there are none.
fn open_newest(files: &Arc<dyn Files>, master: &MasterKey) -> Result<Option<SlotFiles>, OpenError> {
    for name in files.list()? {
        if name.starts_with("slots-") && name.ends_with(".tmp") {
            // Cut off while it was written: it may hold keys that are erased later.
            files.wipe(&name)?;
        }
    }
    let mut generations = generations_in(&**files)?;
    generations.sort_unstable_by(|a, b| b.cmp(a));
    generations.dedup();
    let mut opened = None;
    let mut refused = None;
    for generation in &generations {
        match SlotFiles::open(files.clone(), *generation, master) {
            Ok(file) => {
                opened = Some((*generation, file));
                break;
            }
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    let Some((newest, file)) = opened else {
        return refused.map_or(Ok(None), Err);
    };
    for generation in generations {
        if generation != newest {
            destroy(&**files, &names_of(generation))?;
        }
    }
    Ok(Some(file))
}

#[cfg(test)]
mod tests;
