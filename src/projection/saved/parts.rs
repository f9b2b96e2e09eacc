//! The parts of a directory: which of them make a view, and how few they are kept.

use std::sync::Arc;

use super::delta::Delta;
use super::error::PartError;
use super::items::ROW_BYTES;
use super::merge::{TEMPORARY, merge};
use super::part::{Part, name_of, positions_of, reader};
use crate::domain::Position;
use crate::keys::Seeds;
use crate::projection::{Contacts, Mark};
use crate::storage::{Files, StorageError};

/// What every file of the view of contacts begins with, those of earlier releases too.
const PREFIX: &str = "contacts";
/// Parts of fewer bytes than this are always merged: that takes no time.
const SMALL_BYTES: u64 = 1 << 20;
/// A part that has grown to this stays as it is, until most of its rows have changed.
const LARGE_BYTES: u64 = 64 << 20;
/// Rows that a part may hold in vain, for later parts hold them too, for each that counts.
const STALE_ROWS_MAX: u64 = 2;
/// The most parts that there are, whatever their size.
const PARTS_MAX: usize = 256;

/// The parts of the view in a directory, in order, without a gap.
pub struct Parts {
    files: Arc<dyn Files>,
    parts: Vec<Part>,
}

impl Parts {
    /// Looks at a directory, and changes nothing: files of the view that are of no use, of earlier
    /// releases, damaged or left by a merge, are passed over until they are [swept](Self::sweep).
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn open(files: Arc<dyn Files>) -> Result<Self, StorageError> {
        let parts = chosen(&*files, &[])?;
        Ok(Self { files, parts })
    }

    /// Lets go of the parts behind the last whose end `is_of_log` knows as the log's own; whether
    /// there were such.
    pub fn keep_those(&mut self, is_of_log: impl Fn(&Mark) -> bool) -> bool {
        let before = self.parts.len();
        while self.parts.last().is_some_and(|last| !is_of_log(&last.to)) {
            self.parts.pop();
            tracing::warn!("a saved view is not of this log; it is folded from the log");
        }
        self.parts.len() < before
    }

    /// The view that the parts make. One that cannot be read is passed over, and with it those behind
    /// it, unless there are others in its place.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn load(&mut self, seeds: &dyn Seeds) -> Result<Contacts, StorageError> {
        let mut damaged: Vec<String> = Vec::new();
        loop {
            match self.restored(seeds) {
                Ok(view) => return Ok(view),
                Err((name, error)) => {
                    passed_over(&error, &name);
                    damaged.push(name);
                }
            }
            self.parts = chosen(&*self.files, &damaged)?;
        }
    }

    /// The view that the parts make, or the name of the first that cannot be read, and why.
    fn restored(&self, seeds: &dyn Seeds) -> Result<Contacts, (String, PartError)> {
        let mut view = Contacts::default();
        view.tags.reserve(self.contacts());
        for Part { name, .. } in &self.parts {
            let blocks = reader(&*self.files, name);
            blocks
                .and_then(|mut blocks| view.restore(&mut blocks, seeds))
                .map_err(|error| (name.clone(), error))?;
        }
        Ok(view)
    }

    /// The number of contacts that the parts say they have, as far as there can be so many in them.
    fn contacts(&self) -> usize {
        let said = self.parts.last().map_or(0, |last| last.to.contacts);
        let bytes: u64 = self.parts.iter().map(|part| part.bytes).sum();
        usize::try_from(bytes / ROW_BYTES as u64).map_or(0, |most| most.min(said as usize))
    }

    /// Removes the files of the view that are no part of it.
    ///
    /// # Errors
    /// The directory cannot be read, or a file not be removed.
    pub fn sweep(&self) -> Result<(), StorageError> {
        for name in names_in(&*self.files)? {
            if !self.parts.iter().any(|part| part.name == name) {
                self.files.remove(&name)?;
            }
        }
        Ok(())
    }

    /// The position up to which the view is saved.
    #[must_use]
    pub fn position(&self) -> Position {
        self.parts
            .last()
            .map_or(Position::ZERO, |last| last.to.position)
    }

    /// The number of parts.
    #[must_use]
    pub fn count(&self) -> usize {
        self.parts.len()
    }

    /// Writes what has changed as one more part; on the disk when this returns.
    ///
    /// # Errors
    /// The disk refused, or the seeds cannot be read: the parts are as they were, and the same call
    /// may be made again.
    pub fn save(&mut self, delta: &Delta, seeds: &dyn Seeds) -> Result<(), PartError> {
        if delta.is_empty() {
            return Ok(());
        }
        let end = self.parts.last().map_or(Mark::default(), |last| last.to);
        if delta.from != end {
            return Err(PartError::Gap);
        }
        let bytes = delta.to_part(seeds)?;
        let name = name_of(delta.from.position, delta.to.position);
        self.files.write_atomic(&name, &bytes)?;
        self.parts.push(Part {
            name,
            from: delta.from,
            to: delta.to,
            bytes: bytes.len() as u64,
            rows: delta.row_count(),
        });
        Ok(())
    }

    /// Merges small parts, as far as they make one that is as large as the part before them, for as
    /// long as `go_on` says. What is merged is not read meanwhile.
    ///
    /// # Errors
    /// A file cannot be read, written or removed; what was there before is there still.
    pub fn merge(&mut self, go_on: &dyn Fn() -> bool) -> Result<(), PartError> {
        let first = self.first_to_merge();
        let Some(merged) = self
            .parts
            .get(first..)
            .map(|tail| merge(&*self.files, tail, go_on))
        else {
            return Ok(());
        };
        match merged? {
            Some(merged) => {
                let old = self.parts.split_off(first);
                self.parts.push(merged);
                for part in old {
                    self.files.remove(&part.name)?;
                }
            }
            None if self.files.has(TEMPORARY)? => self.files.remove(TEMPORARY)?,
            None => {}
        }
        Ok(())
    }

    /// The index of the first part that is merged with all behind it; that of the last where none
    /// is.
    fn first_to_merge(&self) -> usize {
        let last = self.parts.len().saturating_sub(1);
        let contacts = self.parts.last().map_or(0, |part| part.to.contacts);
        let rows: u64 = self.parts.iter().map(|part| part.rows).sum();
        let stale = rows.saturating_sub(u64::from(contacts));
        let full = self.parts.len() >= PARTS_MAX;
        if full || stale > STALE_ROWS_MAX * u64::from(contacts).max(1_000) {
            return 0;
        }
        let mut first = last;
        let mut bytes = self.parts.last().map_or(0, |part| part.bytes);
        while let Some((index, before)) = first
            .checked_sub(1)
            .and_then(|index| Some((index, self.parts.get(index)?)))
        {
            let is_due = before.bytes <= bytes.max(SMALL_BYTES);
            if !is_due || before.bytes >= LARGE_BYTES {
                break;
            }
            first = index;
            bytes += before.bytes;
        }
        first
    }
}

/// The names of the view's files in a directory, those of earlier releases too.
fn names_in(files: &dyn Files) -> Result<Vec<String>, StorageError> {
    let mut names = files.list()?;
    names.retain(|name| name.starts_with(PREFIX));
    Ok(names)
}

/// The parts in a directory that make a view together, without those that are known to be damaged.
fn chosen(files: &dyn Files, damaged: &[String]) -> Result<Vec<Part>, StorageError> {
    let mut names = names_in(files)?;
    names.retain(|name| !damaged.contains(name));
    let mut parts: Vec<Part> = Vec::new();
    loop {
        let end = parts.last().map_or(Mark::default(), |last| last.to);
        let mut next: Vec<_> = names.iter().filter(|name| begins(name, end)).collect();
        // What was merged begins as its first part does, and ends later.
        next.sort_unstable_by_key(|name| positions_of(name).map(|(_, to)| to));
        let looked = next.into_iter().rev().find_map(|name| look(files, name));
        match looked.filter(|part| part.from == end) {
            Some(part) => parts.push(part),
            None => return Ok(parts),
        }
    }
}

/// Whether a file's name says that it begins at a mark.
fn begins(name: &str, mark: Mark) -> bool {
    positions_of(name).is_some_and(|(from, to)| from == mark.position && from < to)
}

/// A part, unless it cannot be used.
fn look(files: &dyn Files, name: &str) -> Option<Part> {
    let looked = Part::look(files, name);
    looked.inspect_err(|error| passed_over(error, name)).ok()
}

fn passed_over(error: &PartError, name: &str) {
    tracing::warn!(%error, name, "a saved view is not read; it is folded from the log");
}
