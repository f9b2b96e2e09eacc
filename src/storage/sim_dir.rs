//! A simulated directory: files whose bytes and names are on the disk or not yet.
//!
//! It models what hurt real programs: appends torn at any byte or kept as zeros,
//! bytes overwritten in place that come back, a new name or a whole new directory
//! that a crash takes away, a removed one that it brings back, and a sync that
//! fails and leaves pages the kernel takes for clean.

use std::collections::{BTreeMap, BTreeSet};

use super::sim_fate::{Chance, Fate};

/// A directory and all below it; files are known by their paths in it.
#[derive(Clone, Debug, Default)]
pub(super) struct SimDir {
    pub files: BTreeMap<String, SimFile>,
    /// Directories below that were made.
    pub dirs: BTreeSet<String>,
    /// Files and directories below whose names are not on the disk yet.
    unnamed: BTreeSet<String>,
    /// Files of directories that were removed, which may come back.
    removed: BTreeMap<String, SimFile>,
}

/// The directory of a path; the directory itself is `""`.
fn parent(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(dir, _)| dir)
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

    /// Makes the directories on the way to a file; they have no names on the disk yet.
    fn make_dirs(&mut self, name: &str) {
        let mut dir = parent(name);
        while !dir.is_empty() && self.dirs.insert(dir.to_owned()) {
            self.unnamed.insert(dir.to_owned());
            dir = parent(dir);
        }
    }

    /// Puts a file there whose bytes and name, and those of its directories, are on the disk.
    pub fn put_durable(&mut self, name: &str, bytes: Vec<u8>) {
        self.make_dirs(name);
        let mut dir = name;
        while !dir.is_empty() {
            self.unnamed.remove(dir);
            dir = parent(dir);
        }
        self.removed.remove(name);
        self.files.insert(name.to_owned(), SimFile::durable(bytes));
    }

    /// Puts a file there of which nothing is on the disk.
    pub fn write(&mut self, name: &str, bytes: &[u8]) {
        self.make_dirs(name);
        if !self.files.contains_key(name) {
            self.unnamed.insert(name.to_owned());
        }
        let file = SimFile {
            bytes: bytes.to_vec(),
            ..SimFile::default()
        };
        self.files.insert(name.to_owned(), file);
    }

    /// The names in a directory are on the disk, and what was removed from it is gone.
    pub fn sync_names(&mut self, dir: &str) {
        self.unnamed.retain(|name| parent(name) != dir);
        self.removed.retain(|name, _| parent(parent(name)) != dir);
    }

    /// Removes a directory; until its name is synced away it may come back.
    pub fn remove_dir(&mut self, dir: &str) {
        let gone = |name: &String| name == dir || is_below(name, dir);
        self.dirs.retain(|name| !gone(name));
        self.unnamed.retain(|name| !gone(name));
        let names: Vec<String> = self.files.keys().filter(|n| gone(n)).cloned().collect();
        for name in names {
            if let Some(file) = self.files.remove(&name) {
                self.removed.insert(name, file);
            }
        }
    }

    /// Loses what a power cut would lose.
    pub fn crash(&mut self, chance: &mut Chance) {
        for (name, file) in std::mem::take(&mut self.removed) {
            if chance.coin() {
                self.make_dirs(&name);
                self.files.entry(name).or_insert(file);
            }
        }
        for name in std::mem::take(&mut self.unnamed) {
            if chance.coin() {
                self.files
                    .retain(|file, _| *file != name && !is_below(file, &name));
                self.dirs
                    .retain(|dir| *dir != name && !is_below(dir, &name));
            }
        }
        for file in self.files.values_mut() {
            file.crash(chance);
        }
    }
}

/// Bytes that were overwritten, and where they were.
type Overwritten = (usize, Vec<u8>);

/// One file: its bytes as the running system sees them.
#[derive(Clone, Debug, Default)]
pub(super) struct SimFile {
    pub bytes: Vec<u8>,
    /// The number of them that are on the disk.
    synced: usize,
    /// What the disk has in the place of bytes below `synced`, oldest first.
    overwritten: Vec<Overwritten>,
    /// From here to there a sync failed: the kernel takes it for written.
    doomed: Option<(usize, usize)>,
    /// Overwritten bytes whose sync failed: no later one helps.
    doomed_places: Vec<Overwritten>,
}

impl SimFile {
    pub fn durable(bytes: Vec<u8>) -> Self {
        Self {
            synced: bytes.len(),
            bytes,
            ..Self::default()
        }
    }

    /// Overwrites in place, and grows where the bytes reach beyond the end.
    pub fn write_at(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset.saturating_add(bytes.len());
        let covered = |(at, old): &Overwritten| offset <= *at && at + old.len() <= end;
        self.doomed_places.retain(|place| !covered(place));
        if offset < self.synced {
            let kept = end.min(self.synced);
            let old = self.bytes.get(offset..kept).unwrap_or_default();
            self.overwritten.push((offset, old.to_vec()));
        }
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        if let Some(place) = self.bytes.get_mut(offset..end) {
            place.copy_from_slice(bytes);
        }
    }

    pub fn sync(&mut self, fate: Fate) {
        let kept = matches!(
            fate,
            Fate::Done | Fate::Halted { kept: true } | Fate::Failed { kept: true }
        );
        if fate == (Fate::Failed { kept: false }) {
            self.doomed_places.append(&mut self.overwritten);
            if self.synced < self.bytes.len() {
                let from = self.doomed.map_or(self.synced, |(from, _)| from);
                self.doomed = Some((from, self.bytes.len()));
            }
        }
        if kept || matches!(fate, Fate::Failed { .. }) {
            self.synced = self.bytes.len();
            self.overwritten.clear();
        }
    }

    /// The bytes from `offset` on were written again and synced.
    pub fn refresh(&mut self, offset: usize) {
        self.synced = self.bytes.len();
        self.overwritten.clear();
        self.doomed_places.retain(|(at, _)| *at < offset);
        self.doomed = self
            .doomed
            .map(|(from, to)| (from, to.min(offset)))
            .filter(|(from, to)| from < to);
    }

    pub fn resize(&mut self, length: usize) {
        self.bytes.resize(length, 0);
        self.synced = self.bytes.len();
        self.overwritten.clear();
        self.doomed_places.retain(|(at, _)| *at < length);
        self.doomed = self
            .doomed
            .map(|(from, to)| (from, to.min(length)))
            .filter(|(from, to)| from < to);
    }

    /// The power went: what was not synced is there in part, as zeros, or not.
    fn crash(&mut self, chance: &mut Chance) {
        let unsynced = std::mem::take(&mut self.overwritten);
        for (offset, old) in unsynced.into_iter().rev() {
            // Some first part of the new bytes reached the disk.
            let kept = chance.up_to(old.len());
            self.put_back(offset + kept, old.get(kept..).unwrap_or_default());
        }
        for (offset, old) in std::mem::take(&mut self.doomed_places) {
            self.put_back(offset, &old);
        }
        if let Some((from, to)) = self.doomed.take() {
            if to >= self.synced {
                self.synced = self.synced.min(from);
                self.bytes.truncate(from);
            } else if let Some(lost) = self.bytes.get_mut(from..to) {
                lost.fill(0);
            }
        }
        let unsynced = self.bytes.len().saturating_sub(self.synced);
        let kept = self.synced + chance.up_to(unsynced);
        if chance.next().is_multiple_of(8) {
            // The length reached the disk, the last bytes did not.
            if let Some(lost) = self.bytes.get_mut(kept..) {
                lost.fill(0);
            }
        } else {
            self.bytes.truncate(kept);
        }
        self.synced = self.bytes.len();
    }

    fn put_back(&mut self, offset: usize, old: &[u8]) {
        let place = self.bytes.get_mut(offset..offset + old.len());
        if let Some(place) = place {
            place.copy_from_slice(old);
        }
    }
}
