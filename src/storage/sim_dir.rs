//! A simulated directory: files whose bytes and names are on the disk or not yet.
//!
//! It models what hurt real programs: writes torn at any byte or kept as zeros,
//! bytes overwritten in place that come back, a new name or a whole new directory
//! that a crash takes away, a file that was removed or replaced and comes back, and
//! a sync that fails and leaves pages the kernel takes for clean.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use super::{
    files::parent,
    sim_fate::{Chance, Fate, done},
};

/// A directory and all below it; files are known by their paths in it.
#[derive(Clone, Debug, Default)]
pub(super) struct SimDir {
    pub files: BTreeMap<String, SimFile>,
    /// Directories below that were made.
    pub dirs: BTreeSet<String>,
    /// What a crash may undo, oldest first.
    unsynced: Vec<Unsynced>,
}

/// A change of names that is not on the disk before its directory is synced.
#[derive(Clone, Debug)]
struct Unsynced {
    dir: String,
    undo: Vec<Undo>,
}

/// The state of a name before it was changed.
#[derive(Clone, Debug)]
enum Undo {
    /// It was this file's.
    File(String, SimFile),
    /// There was no file or directory of this name.
    Absent(String),
}

fn is_below(name: &str, dir: &str) -> bool {
    name.strip_prefix(dir)
        .is_some_and(|rest| rest.starts_with('/'))
}

impl SimDir {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.dirs.is_empty()
    }

    /// The names of the files directly in a directory.
    pub fn list(&self, dir: &str) -> Vec<String> {
        let here = self.files.keys().filter(|name| parent(name) == dir);
        here.map(|name| name.rsplit('/').next().unwrap_or(name).to_owned())
            .collect()
    }

    fn changed(&mut self, name: &str, undo: Vec<Undo>) {
        let dir = parent(name).to_owned();
        self.unsynced.push(Unsynced { dir, undo });
    }

    /// Makes a directory, and those on the way to it; whether it is new.
    pub fn make_dir(&mut self, dir: &str) -> bool {
        if dir.is_empty() || self.dirs.contains(dir) {
            return false;
        }
        self.make_dir(parent(dir));
        self.dirs.insert(dir.to_owned());
        self.changed(dir, vec![Undo::Absent(dir.to_owned())]);
        true
    }

    /// Puts a file under a name that is free.
    pub fn put(&mut self, name: &str, file: SimFile) {
        self.make_dir(parent(name));
        self.files.insert(name.to_owned(), file);
        self.changed(name, vec![Undo::Absent(name.to_owned())]);
    }

    /// Takes a name and its file away, if it is there.
    pub fn take(&mut self, name: &str) {
        if let Some(file) = self.files.remove(name) {
            self.changed(name, vec![Undo::File(name.to_owned(), file)]);
        }
    }

    /// Gives a file another name, in the place of the file that has it: all of it or nothing.
    pub fn rename(&mut self, from: &str, to: &str) {
        let Some(file) = self.files.remove(from) else {
            return;
        };
        let replaced = self.files.insert(to.to_owned(), file.clone());
        let undo = match replaced {
            _ if from == to => return,
            Some(replaced) => Undo::File(to.to_owned(), replaced),
            None => Undo::Absent(to.to_owned()),
        };
        self.changed(to, vec![Undo::File(from.to_owned(), file), undo]);
    }

    /// The names in a directory are on the disk, and what was removed from it is gone.
    pub fn sync_names(&mut self, dir: &str) {
        self.unsynced.retain(|change| change.dir != dir);
    }

    /// Removes a directory; until its name is synced away, parts of it may come back.
    pub fn remove_dir(&mut self, dir: &str) {
        let names: Vec<String> = self.files.keys().cloned().collect();
        for name in names.into_iter().filter(|name| is_below(name, dir)) {
            if let Some(file) = self.files.remove(&name) {
                self.changed(dir, vec![Undo::File(name, file)]);
            }
        }
        self.dirs.retain(|name| name != dir && !is_below(name, dir));
    }

    /// Loses what a power cut would lose.
    pub fn crash(&mut self, chance: &mut Chance) {
        for change in std::mem::take(&mut self.unsynced).into_iter().rev() {
            if chance.coin() {
                change.undo.into_iter().for_each(|undo| self.undo(undo));
            }
        }
        self.unsynced.clear();
        for file in self.files.values_mut() {
            file.crash(chance);
        }
    }

    fn undo(&mut self, undo: Undo) {
        match undo {
            Undo::File(name, file) => {
                self.make_dir(parent(&name));
                self.files.insert(name, file);
            }
            Undo::Absent(name) => {
                let is_gone = |other: &String| *other == name || is_below(other, &name);
                self.files.retain(|other, _| !is_gone(other));
                self.dirs.retain(|other| !is_gone(other));
            }
        }
    }
}

/// One file: its bytes as the running system sees them, and as the disk has them.
#[derive(Clone, Debug, Default)]
pub(super) struct SimFile {
    pub bytes: Vec<u8>,
    disk: Vec<u8>,
    /// What the kernel will write out, oldest first. A sync that fails forgets it, so that no later
    /// one helps.
    dirty: Vec<Range<usize>>,
    /// The shortest that the file was since the last sync, where it was cut.
    cut: Option<usize>,
}

impl SimFile {
    pub fn durable(bytes: Vec<u8>) -> Self {
        Self {
            disk: bytes.clone(),
            bytes,
            ..Self::default()
        }
    }

    /// Overwrites in place, and grows where the bytes reach beyond the end.
    pub fn write_at(&mut self, offset: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let end = offset.saturating_add(bytes.len());
        let begin = offset.min(self.bytes.len());
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        if let Some(place) = self.bytes.get_mut(offset..end) {
            place.copy_from_slice(bytes);
        }
        self.dirty.push(begin..end);
    }

    /// Gives it this length; what is new of it is zeros.
    pub fn set_len(&mut self, length: usize) {
        let before = self.bytes.len();
        if length < before {
            self.cut = Some(self.cut.map_or(length, |cut| cut.min(length)));
        } else {
            self.dirty.push(before..length);
        }
        self.bytes.resize(length, 0);
    }

    pub fn sync(&mut self, fate: Fate) {
        if done(fate) {
            self.disk.resize(self.bytes.len(), 0);
            for range in std::mem::take(&mut self.dirty) {
                self.write_out(range);
            }
        }
        if done(fate) || matches!(fate, Fate::Failed { .. }) {
            self.dirty.clear();
            self.cut = None;
        }
    }

    /// Copies bytes to the disk, as far as they are there still.
    fn write_out(&mut self, range: Range<usize>) {
        let end = range.end.min(self.bytes.len());
        let start = range.start.min(end);
        if self.disk.len() < end {
            self.disk.resize(end, 0);
        }
        let places = (self.disk.get_mut(start..end), self.bytes.get(start..end));
        if let (Some(place), Some(bytes)) = places {
            place.copy_from_slice(bytes);
        }
    }

    /// The power went: what was not synced is there in part, as zeros, or not.
    fn crash(&mut self, chance: &mut Chance) {
        if let Some(cut) = self.cut.take() {
            if chance.coin() {
                self.disk.truncate(cut);
            } else {
                // What came after the cut did not come before it.
                self.dirty.clear();
            }
        }
        for range in std::mem::take(&mut self.dirty) {
            let kept = chance.up_to(range.len());
            if kept > 0 {
                self.write_out(range.start..range.start + kept);
            }
        }
        if self.disk.len() < self.bytes.len() && chance.next().is_multiple_of(8) {
            // The length reached the disk, the last bytes did not.
            self.disk.resize(self.bytes.len(), 0);
        }
        self.bytes.clone_from(&self.disk);
    }
}
