//! The keys of all contacts, and what is done with them.

use std::sync::Arc;

use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use parking_lot::{Mutex, RwLock, RwLockWriteGuard};

use super::{
    MasterKey, OpenError, SealError, Slot, SlotError,
    cache::Cache,
    key::ContactKey,
    slots::{
        Held, NONCE_BYTES, SlotFile, TAG_BYTES, decrypt, encrypt, generation_of, name_of, temporary,
    },
};
use crate::storage::{Files, StorageError};

/// How many slots to reserve beyond the next one, so that creating contacts syncs rarely.
pub const RESERVE_BATCH: u64 = 1_024;
/// How many bytes sealing adds: the nonce and the tag.
pub const SEALED_OVERHEAD_BYTES: usize = NONCE_BYTES + TAG_BYTES;
/// New slots that one call may ask for.
const RESERVE_MAX: u64 = 1 << 20;

/// The keys of all contacts. It may be shared by threads: reading waits for an erasure under way
/// and for nothing else.
pub struct KeyRing {
    pub(super) files: Arc<dyn Files>,
    pub(super) state: RwLock<State>,
    pub(super) cache: Mutex<Cache>,
}

pub(super) struct State {
    pub(super) file: SlotFile,
    /// Slots up to here are on the disk.
    end: u64,
    /// Whether the file is new and has not got its name yet.
    pub(super) unnamed: bool,
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

    /// Gives a new file its name: from now on it counts.
    fn name(&mut self) -> Result<(), SlotError> {
        if self.unnamed {
            self.file.rename(name_of(self.file.generation()))?;
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
            None => SlotFile::create(files.clone(), temporary(1), 1, master)?,
        };
        let end = file.count()?;
        Ok(Self {
            files,
            state: RwLock::new(State {
                file,
                end,
                unnamed,
                halted: false,
            }),
            cache: Mutex::default(),
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
    /// log names. Slots from there on were reserved but not used; those that a crash left without
    /// a whole key are given back, to be reserved again. A new file gets its name only now, so
    /// that a file without slots is one that has lost them. Comes before the first
    /// [`reserve`](Self::reserve) and [`erase`](Self::erase).
    ///
    /// # Errors
    /// As [`check`](Self::check), or the file cannot be read or written.
    pub fn resume(&self, next: Slot) -> Result<(), SlotError> {
        let mut state = self.writable()?;
        state.check(next)?;
        let held = state.end;
        let mut end = next.get();
        while end < held {
            let slot = Slot::new(end);
            let bytes = state.file.read(slot)?;
            if !matches!(state.file.unwrap(slot, &bytes), Held::Key(_)) {
                break;
            }
            end += 1;
        }
        state.file.set_count(end)?;
        state.end = end;
        state.name()
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
    ) -> Result<(), SlotError> {
        let mut state = self.writable()?;
        if state.end < next.get() {
            state.file.set_count(next.get())?;
            state.end = next.get();
        }
        for slot in slots {
            self.cache.lock().forget(slot);
            let bytes = state.file.mark_lost(slot).map_err(SlotError::Random)?;
            state.file.write(slot, &bytes)?;
        }
        state.file.sync()?;
        state.name()
    }

    /// Why the key in a slot cannot be had, without looking at what it sealed; `None` where it
    /// can.
    #[must_use]
    pub fn refusal(&self, slot: Slot) -> Option<SealError> {
        self.key(slot).err()
    }

    /// The slots before `next` in which there is no key: erased, lost or given up. A damaged one
    /// is not told from a whole one.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn without_key(&self, next: Slot) -> Result<Vec<Slot>, StorageError> {
        self.state.read().file.without_key(next.get())
    }

    /// Sees to it that every slot before `upto` is on the disk. Ask for [`RESERVE_BATCH`] more
    /// than are needed, when few are left.
    ///
    /// # Errors
    /// The disk refused, or more than a million new slots were asked for.
    pub fn reserve(&self, upto: Slot) -> Result<(), SlotError> {
        if self.reserved() >= upto {
            return Ok(());
        }
        let mut state = self.writable()?;
        let asked = upto.get().saturating_sub(state.end);
        if asked > RESERVE_MAX {
            let limit = RESERVE_MAX;
            return Err(SlotError::TooMany { asked, limit });
        }
        if asked > 0 {
            let keys = state.file.fill(state.end, upto.get())?;
            // They are about to be used: nobody should have to read them back.
            let mut cache = self.cache.lock();
            for (number, key) in (state.end..).zip(keys) {
                cache.put(Slot::new(number), key);
            }
            state.end = upto.get();
        }
        Ok(())
    }

    /// The first slot that is not on the disk yet.
    #[must_use]
    pub fn reserved(&self) -> Slot {
        Slot::new(self.state.read().end)
    }

    /// Seals a text with the key in a slot. `aad` is what it is sealed to: opening needs the same.
    /// The result is nonce, text and tag, [`SEALED_OVERHEAD_BYTES`] longer than the text.
    ///
    /// # Errors
    /// There is no such key: erased, missing, damaged or not readable.
    pub fn seal(&self, slot: Slot, aad: &[u8], text: &[u8]) -> Result<Vec<u8>, SealError> {
        let cipher = self.cipher(slot)?;
        let mut sealed = Vec::with_capacity(text.len() + SEALED_OVERHEAD_BYTES);
        sealed.extend_from_slice(&[0; NONCE_BYTES]);
        sealed.extend_from_slice(text);
        if let Some((place, text)) = sealed.split_first_chunk_mut::<NONCE_BYTES>() {
            let (nonce, tag) = encrypt(&cipher, aad, text).map_err(SealError::Random)?;
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
        let cipher = self.cipher(slot)?;
        let parts = sealed
            .split_first_chunk::<NONCE_BYTES>()
            .and_then(|(nonce, rest)| Some((nonce, rest.split_last_chunk::<TAG_BYTES>()?)));
        let Some((nonce, (text, tag))) = parts else {
            return Err(SealError::Damaged { slot });
        };
        let mut text = text.to_vec();
        if decrypt(&cipher, aad, nonce, &mut text, tag) {
            Ok(text)
        } else {
            Err(SealError::Damaged { slot })
        }
    }

    /// Destroys the key in a slot: its bytes are overwritten, on the disk and here, when this
    /// returns. Doing it again is well, and does it again.
    ///
    /// # Errors
    /// The disk refused; the key may still be there, so call again.
    pub fn erase(&self, slot: Slot) -> Result<(), SlotError> {
        let mut state = self.writable()?;
        self.cache.lock().forget(slot);
        state.file.erase(slot)?;
        state.end = state.end.max(slot.next().get());
        Ok(())
    }

    fn writable(&self) -> Result<RwLockWriteGuard<'_, State>, SlotError> {
        let state = self.state.write();
        if state.halted {
            return Err(SlotError::Halted);
        }
        Ok(state)
    }

    fn cipher(&self, slot: Slot) -> Result<XChaCha20Poly1305, SealError> {
        let key = self.key(slot)?;
        Ok(XChaCha20Poly1305::new((&**key).into()))
    }

    /// The key in a slot. The state stays locked until the key is in the cache, or an erasure in
    /// between would leave it there.
    fn key(&self, slot: Slot) -> Result<ContactKey, SealError> {
        let state = self.state.read();
        if let Some(key) = self.cache.lock().get(slot) {
            return Ok(key);
        }
        let bytes = state.file.read(slot)?;
        match state.file.unwrap(slot, &bytes) {
            Held::Erased => Err(SealError::Erased { slot }),
            Held::Missing => Err(SealError::MissingKey { slot }),
            Held::MarkedLost => Err(SealError::MarkedLost { slot }),
            Held::Damaged => Err(SealError::DamagedKey { slot }),
            Held::Key(key) => {
                self.cache.lock().put(slot, key.clone());
                Ok(key)
            }
        }
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

/// Opens the newest file that the key opens and destroys the others, which a rotation that was
/// cut off has left; `None` where there is no file.
fn open_newest(files: &Arc<dyn Files>, master: &MasterKey) -> Result<Option<SlotFile>, OpenError> {
    for name in files.list()? {
        if name.starts_with("slots-") && name.ends_with(".tmp") {
            // Cut off while it was written: it may hold keys that are erased later.
            files.wipe(&name)?;
        }
    }
    let mut generations = generations_in(&**files)?;
    generations.sort_unstable_by(|a, b| b.cmp(a));
    let mut opened = None;
    let mut refused = None;
    for generation in &generations {
        match SlotFile::open(files.clone(), *generation, master) {
            Ok(file) => {
                opened = Some(file);
                break;
            }
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    let Some(file) = opened else {
        return refused.map_or(Ok(None), Err);
    };
    for generation in generations {
        if generation != file.generation() {
            files.wipe(&name_of(generation))?;
        }
    }
    Ok(Some(file))
}

#[cfg(test)]
mod tests;
