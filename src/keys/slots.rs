//! The two files of slots: the same bytes twice, each the other's repair.
//!
//! Keys cannot be made again, so every slot stands in two files, `slots-1.bin` and
//! `slots-1.copy.bin` of the first generation. Both are written and synced by whatever changes a
//! slot, an erasure too. Opening compares them from end to end, and reading looks at the second
//! file where the first holds no key: one flipped bit loses nobody. What a slot's bytes are is
//! written in `wrapping.rs`.

use std::{fmt, ops::Range, path::PathBuf, sync::Arc};

use super::{
    MasterKey, OpenError, Slot,
    key::ContactKey,
    seed::Seed,
    slot::keys_of,
    wrapping::{ERASED, Held, MISSING, SLOT_BYTES, SlotBytes, Wrapping, has_form_of_key},
};
use crate::storage::{Files, StorageError};

/// Slots that are read or written at a time.
pub(super) const CHUNK_SLOTS: u64 = 4_096;

/// The names of a generation's two files.
pub(super) fn names_of(generation: u64) -> [String; 2] {
    [
        format!("slots-{generation}.bin"),
        format!("slots-{generation}.copy.bin"),
    ]
}

/// The names of files of slots that do not count yet: the next start destroys them.
pub(super) fn temporary(generation: u64) -> [String; 2] {
    names_of(generation).map(|name| name + ".tmp")
}

/// The generation that a file's name says; `None` for the name of any other file.
pub(super) fn generation_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("slots-")?.strip_suffix(".bin")?;
    let digits = digits.strip_suffix(".copy").unwrap_or(digits);
    digits.parse().ok()
}

/// What was wrong with one of the two files of slots, and is right again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlotsRepaired {
    /// Whether one file was missing or had lost its header, and was made again from the other.
    pub file: bool,
    /// The number of slots of one file that were written again from the other.
    pub slots: u64,
    /// The slots that hold no whole key in either file, though something was written there.
    pub damaged: Vec<Slot>,
}

impl SlotsRepaired {
    /// Whether both files were as they should be.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for SlotsRepaired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.file {
            parts.push(
                "one of the two copies of the contacts' keys was missing or unreadable".into(),
            );
        }
        if self.slots > 0 {
            let keys = keys_of(self.slots);
            parts.push(format!("of {keys} one of the two copies was damaged"));
        }
        if !parts.is_empty() {
            parts.push("the other completed it".into());
        }
        if !self.damaged.is_empty() {
            let keys = keys_of(self.damaged.len() as u64);
            parts.push(format!("both copies of {keys} are damaged"));
        }
        f.write_str(&parts.join("; "))
    }
}

/// Two files of slots, under the master key that opens them.
pub(super) struct SlotFiles {
    files: Arc<dyn Files>,
    names: [String; 2],
    wrapping: Wrapping,
}

impl SlotFiles {
    /// Creates files without slots; others of these names are replaced. On the disk when this
    /// returns.
    pub(super) fn create(
        files: Arc<dyn Files>,
        names: [String; 2],
        generation: u64,
        master: &MasterKey,
    ) -> Result<Self, OpenError> {
        let wrapping = Wrapping::new(master, generation);
        let header = wrapping.header().map_err(OpenError::Random)?;
        for name in &names {
            files.write_atomic(name, &header)?;
        }
        Ok(Self {
            files,
            names,
            wrapping,
        })
    }

    /// Opens a generation's files. One of them may be missing or damaged, as in a directory of
    /// before there were two; [`Self::complete`] makes it again.
    pub(super) fn open(
        files: Arc<dyn Files>,
        generation: u64,
        master: &MasterKey,
    ) -> Result<Self, OpenError> {
        let opened = Self {
            files,
            names: names_of(generation),
            wrapping: Wrapping::new(master, generation),
        };
        let mut verdicts = Vec::new();
        for header in opened.headers()? {
            verdicts.push(header.and_then(|header| opened.wrapping.opens(&header)));
        }
        let path = opened.path();
        if verdicts.contains(&Some(true)) {
            // Keys are read at random. Where that is refused, each is read from a file opened anew.
            opened.files.keep_open(&opened.names[0]).ok();
            Ok(opened)
        } else if verdicts.contains(&Some(false)) {
            Err(OpenError::WrongMasterKey { path })
        } else {
            Err(OpenError::Damaged { path })
        }
    }

    /// The headers of both files; `None` where there is no file, or not so much of one.
    fn headers(&self) -> Result<[Option<SlotBytes>; 2], StorageError> {
        let header = |name: &String| match self.files.read_at(name, 0, SLOT_BYTES) {
            Ok(bytes) => Ok(bytes.first_chunk().copied()),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
        };
        let [one, other] = &self.names;
        Ok([header(one)?, header(other)?])
    }

    /// Makes a file again that is missing or has lost its header, and completes the slots before
    /// `end` of each file from the other; says what was wrong.
    pub(super) fn complete(&self, end: u64) -> Result<SlotsRepaired, StorageError> {
        self.complete_some(0..end)
    }

    /// Completes these slots alone, and the headers, likewise.
    pub(super) fn complete_some(&self, slots: Range<u64>) -> Result<SlotsRepaired, StorageError> {
        let headers = self.headers()?;
        let is_whole = |header: &SlotBytes| self.wrapping.opens(header) == Some(true);
        let whole = headers.iter().flatten().find(|header| is_whole(header));
        let mut remade = false;
        for (name, there) in self.names.iter().zip(&headers) {
            match (there, whole) {
                (Some(there), Some(whole)) if there != whole => {
                    self.files.write_at(name, 0, whole)?;
                }
                (None, Some(whole)) => self.files.write_atomic(name, whole)?,
                _ => continue,
            }
            self.files.sync(name)?;
            remade = true;
        }
        let (mut found, changes) = self.compare(slots)?;
        for (slot, bytes) in &changes {
            self.write(*slot, bytes)?;
        }
        if !changes.is_empty() {
            self.sync()?;
        }
        found.file = remade;
        Ok(found)
    }

    /// Compares slots of both files and changes nothing; what should be written to both.
    pub(super) fn compare(
        &self,
        slots: Range<u64>,
    ) -> Result<(SlotsRepaired, Vec<(Slot, SlotBytes)>), StorageError> {
        let mut changes = Vec::new();
        let [one, other] = self.headers()?;
        let mut found = SlotsRepaired {
            file: one.is_none() || one != other,
            ..SlotsRepaired::default()
        };
        let end = slots.end;
        for first in slots.step_by(CHUNK_SLOTS as usize) {
            let count = CHUNK_SLOTS.min(end - first) as usize;
            let one = self.read_chunk(0, first, count)?;
            let other = self.read_chunk(1, first, count)?;
            let pairs = (first..).zip(one.iter().zip(&other));
            for (number, (one, other)) in pairs.filter(|(_, (one, other))| one != other) {
                let slot = Slot::new(number);
                match self.choose(slot, one, other) {
                    Some(bytes) => changes.push((slot, bytes)),
                    None => found.damaged.push(slot),
                }
            }
        }
        found.slots = changes.len() as u64;
        Ok((found, changes))
    }

    /// The slots of these that hold the same bytes in both files, and no key that opens: comparing
    /// the files cannot tell.
    pub(super) fn damaged_alike(&self, slots: Range<u64>) -> Result<Vec<Slot>, StorageError> {
        let mut found = Vec::new();
        let end = slots.end;
        for first in slots.step_by(CHUNK_SLOTS as usize) {
            let count = CHUNK_SLOTS.min(end - first) as usize;
            let one = self.read_chunk(0, first, count)?;
            let other = self.read_chunk(1, first, count)?;
            for (number, (one, other)) in (first..).zip(one.iter().zip(&other)) {
                let slot = Slot::new(number);
                if one == other && matches!(self.wrapping.unwrap(slot, one), Held::Damaged) {
                    found.push(slot);
                }
            }
        }
        Ok(found)
    }

    /// What a slot should hold whose two copies differ; `None` where neither says.
    fn choose(&self, slot: Slot, one: &SlotBytes, other: &SlotBytes) -> Option<SlotBytes> {
        let held = [one, other].map(|bytes| (self.wrapping.unwrap(slot, bytes), *bytes));
        // An erasure that a crash has cut between the two counts: it may not come undone.
        let ranks: [fn(&Held) -> bool; 3] = [
            |held| matches!(held, Held::Erased),
            |held| matches!(held, Held::Key(_)),
            |held| matches!(held, Held::MarkedLost),
        ];
        ranks.iter().find_map(|is_right| {
            let mut right = held.iter().filter(|(held, _)| is_right(held));
            right.next().map(|(_, bytes)| *bytes)
        })
    }

    /// The bytes of slots as one file has them; missing ones where it has ended.
    fn read_chunk(
        &self,
        index: usize,
        first: u64,
        count: usize,
    ) -> Result<Vec<SlotBytes>, StorageError> {
        let Some(name) = self.names.get(index) else {
            return Ok(Vec::new());
        };
        let at = offset(Slot::new(first));
        let bytes = match self.files.read_at(name, at, count * SLOT_BYTES) {
            Err(error) if error.is_absent() => Vec::new(),
            bytes => bytes?,
        };
        let (slots, _) = bytes.as_chunks::<SLOT_BYTES>();
        let mut slots = slots.to_vec();
        slots.resize(count, MISSING);
        Ok(slots)
    }

    /// The state of as many slots from the first one on. Nothing is repaired.
    pub(super) fn held(&self, first: Slot, count: usize) -> Result<Vec<Held>, StorageError> {
        let one = self.read_chunk(0, first.get(), count)?;
        let other = self.read_chunk(1, first.get(), count)?;
        let pairs = (first.get()..).zip(one.iter().zip(&other));
        let held = pairs.map(|(number, (one, other))| {
            let slot = Slot::new(number);
            let held = self.wrapping.unwrap(slot, one);
            if matches!(held, Held::Key(_) | Held::Erased) || one == other {
                return held;
            }
            let right = self.choose(slot, one, other);
            right.map_or(Held::Damaged, |bytes| self.wrapping.unwrap(slot, &bytes))
        });
        Ok(held.collect())
    }

    /// The path of the first file, for messages.
    pub(super) fn path(&self) -> PathBuf {
        let [name, _] = &self.names;
        self.files.path(name)
    }

    /// The directory of keys, for messages.
    pub(super) fn dir(&self) -> PathBuf {
        self.files.path("")
    }

    pub(super) const fn wrapping(&self) -> &Wrapping {
        &self.wrapping
    }

    /// Gives the files their names, as far as they have not got them by an earlier try; on the disk
    /// when this returns. Once the first has its name, both count.
    pub(super) fn name(&mut self) -> Result<(), StorageError> {
        let names = names_of(self.wrapping.generation);
        for (name, to) in self.names.iter_mut().zip(names).rev() {
            if *name != to {
                self.files.move_name(name, &to)?;
                *name = to;
            }
            self.files.sync_dir("")?;
        }
        Ok(())
    }

    /// Overwrites both files and removes them.
    pub(super) fn destroy(&self) -> Result<(), StorageError> {
        destroy(&*self.files, &self.names)
    }

    /// The number of whole slots in the longer file.
    pub(super) fn count(&self) -> Result<u64, StorageError> {
        let mut count = 0;
        for name in &self.names {
            if self.files.has(name)? {
                let slots = self.files.len(name)? / SLOT_BYTES as u64;
                count = count.max(slots.saturating_sub(1));
            }
        }
        Ok(count)
    }

    /// Makes both files hold this many slots; new ones hold no key.
    pub(super) fn set_count(&self, count: u64) -> Result<(), StorageError> {
        let length = offset(Slot::new(count));
        for name in &self.names {
            if self.files.len(name)? != length {
                self.files.truncate(name, length)?;
            }
        }
        Ok(())
    }

    /// Writes the slots from `first` up to `end` again as they are, and syncs: after a sync that
    /// failed, only so do they reach the disk.
    pub(super) fn refresh(&self, first: Slot, end: Slot) -> Result<(), StorageError> {
        for name in &self.names {
            let mut at = offset(first);
            while at < offset(end) {
                let wanted = (offset(end) - at).min(CHUNK_SLOTS * SLOT_BYTES as u64);
                let bytes = self.files.read_at(name, at, wanted as usize)?;
                if bytes.is_empty() {
                    break;
                }
                self.files.write_at(name, at, &bytes)?;
                at += bytes.len() as u64;
            }
        }
        if first < end { self.sync() } else { Ok(()) }
    }

    /// What a slot holds. Where the first file does not say, the second does, and completes it if
    /// `repair` allows that.
    pub(super) fn read(&self, slot: Slot, repair: bool) -> Result<Held, StorageError> {
        let one = self.read_slot(0, slot)?;
        let held = self.wrapping.unwrap(slot, &one);
        if matches!(held, Held::Key(_) | Held::Erased) {
            return Ok(held);
        }
        let other = self.read_slot(1, slot)?;
        if one == other {
            return Ok(held);
        }
        let Some(bytes) = self.choose(slot, &one, &other) else {
            return Ok(Held::Damaged);
        };
        if repair {
            self.write(slot, &bytes)?;
            self.sync()?;
            tracing::warn!(%slot, "a contact's key was damaged and completed from its second copy");
        }
        Ok(self.wrapping.unwrap(slot, &bytes))
    }

    /// The bytes of slots in a row, as the first file has them.
    pub(super) fn read_some(&self, first: u64, count: u64) -> Result<Vec<SlotBytes>, StorageError> {
        self.read_chunk(0, first, count as usize)
    }

    fn read_slot(&self, index: usize, slot: Slot) -> Result<SlotBytes, StorageError> {
        let chunk = self.read_chunk(index, slot.get(), 1)?;
        Ok(chunk.first().copied().unwrap_or(MISSING))
    }

    /// The slots before `end` that have not the form of a key, in order.
    pub(super) fn without_key(&self, end: u64) -> Result<Vec<Slot>, StorageError> {
        let mut found = Vec::new();
        for first in (0..end).step_by(CHUNK_SLOTS as usize) {
            let count = CHUNK_SLOTS.min(end - first) as usize;
            let slots = self.read_chunk(0, first, count)?;
            for (number, bytes) in (first..).zip(slots) {
                let slot = Slot::new(number);
                let has_key =
                    has_form_of_key(&bytes) || matches!(self.read(slot, false)?, Held::Key(_));
                if !has_key {
                    found.push(slot);
                }
            }
        }
        Ok(found)
    }

    /// The seeds of slots, from the first file or, where it has no key, from the second, unless the
    /// key was erased.
    pub(super) fn seeds(
        &self,
        first: Slot,
        count: usize,
    ) -> Result<Vec<Option<Seed>>, StorageError> {
        let slots = self.read_chunk(0, first.get(), count)?;
        let mut seeds: Vec<_> = slots.iter().map(Seed::of).collect();
        for (number, (slot, seed)) in (first.get()..).zip(slots.iter().zip(&mut seeds)) {
            if seed.is_none() && *slot != ERASED {
                *seed = Seed::of(&self.read_slot(1, Slot::new(number))?);
            }
        }
        Ok(seeds)
    }

    /// Writes the bytes of slots from `first` on, in both files. They are on the disk after
    /// [`Self::sync`].
    pub(super) fn write(&self, first: Slot, bytes: &[u8]) -> Result<(), StorageError> {
        let write = |name: &String| self.files.write_at(name, offset(first), bytes);
        self.names.iter().try_for_each(write)
    }

    pub(super) fn sync(&self) -> Result<(), StorageError> {
        let sync = |name: &String| self.files.sync(name);
        self.names.iter().try_for_each(sync)
    }

    /// The names of the two files.
    pub(super) const fn names(&self) -> &[String; 2] {
        &self.names
    }

    /// Overwrites slots for good in both files; on the disk when this returns.
    pub(super) fn erase(&self, slots: &[Slot]) -> Result<(), StorageError> {
        for slot in slots {
            self.write(*slot, &ERASED)?;
        }
        if slots.is_empty() {
            Ok(())
        } else {
            self.sync()
        }
    }

    /// Writes these keys in the slots from `first` on, in both files. They are on the disk after
    /// their [names](Self::names) are synced.
    pub(super) fn put(&self, first: Slot, keys: &[ContactKey]) -> Result<(), PutError> {
        let mut bytes = Vec::with_capacity(keys.len() * SLOT_BYTES);
        for (number, key) in (first.get()..).zip(keys) {
            let slot = self.wrapping.wrap(Slot::new(number), key);
            bytes.extend_from_slice(&slot.map_err(PutError::Random)?);
        }
        self.write(first, &bytes).map_err(PutError::File)
    }
}

/// The reasons for which keys were not written.
pub(super) enum PutError {
    File(StorageError),
    Random(getrandom::Error),
}

/// Overwrites these files, where they are there, and removes them.
pub(super) fn destroy(files: &dyn Files, names: &[String]) -> Result<(), StorageError> {
    for name in names {
        if files.has(name)? {
            files.wipe(name)?;
        }
    }
    Ok(())
}

pub(super) fn offset(slot: Slot) -> u64 {
    let before = slot.get().saturating_add(1);
    before.saturating_mul(SLOT_BYTES as u64)
}
