//! The runs of an index: which there are, and the work that keeps them few, bounded and on the disk.
//!
//! New runs are young: they are in memory. When they weigh enough, or the log has gone on for long,
//! they are written into one file (a flush), and where there are many runs, neighbours are merged.
//! Both are done a slice at a time by the view's own thread, between lots of events, so that no
//! reader waits for more than a slice and no second thread is needed. Memory holds at most
//! [`YOUNG_BYTES_MAX`], for then nothing more is folded.
//!
//! A contact that is purged while a file is being drawn up is purged in that file too before it is
//! published, and in files that no longer count until they are destroyed.

use std::convert::Infallible;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use roaring::RoaringBitmap;

use super::limits::Limits;
use super::manifest::{self, Checkpoint, Manifest};
use super::merge::Merge;
use super::orders::Ordinal;
use super::purge::purge;
use super::run::{Making, Run};
use super::segment::{self, Draft, Place, Segment};
use super::shelf::Shelf;
use crate::projection::KeepError;
use crate::projection::view::{Chore, Home, IsOfLog};

/// Bytes of young runs at which nothing more is folded until a file is written.
const YOUNG_BYTES_MAX: usize = 64 << 20;
/// Neighbours that are merged into one.
const MERGED: usize = 4;
/// Bytes of a draft that are written before it is synced.
const SYNC_BYTES: usize = 4 << 20;

/// The runs of an index.
pub struct Upkeep {
    place: Option<Place>,
    numbers: Arc<AtomicU64>,
    /// Runs in memory, the oldest first.
    young: Vec<Arc<Run>>,
    /// Runs in files, the oldest first; all are older than the young ones.
    old: Vec<Arc<Run>>,
    /// Runs in files that no longer count, until they are destroyed.
    doomed: Vec<Arc<Run>>,
    shelf: Shelf,
    /// The place in the log that the files reach.
    kept: Checkpoint,
    /// Young runs that are being merged in memory, and which they are.
    young_merge: Option<(Merge, Making, Range<usize>)>,
    flush: Option<Job>,
    merge: Option<Job>,
    /// Contacts purged since the oldest of the two jobs began.
    purged: Vec<Ordinal>,
    /// Whether the list of files on the disk is to name these, and does.
    counts: bool,
    listed: bool,
    /// The sizes at which work is begun.
    pub limits: Limits,
}

/// A file that is being drawn up.
struct Job {
    merge: Merge,
    draft: Draft,
    /// The runs that it replaces: young ones for a flush, old ones for a merge.
    replaces: Range<usize>,
    /// The place in the log that a flush reaches.
    at: Checkpoint,
}

impl Upkeep {
    /// Runs in memory alone.
    pub fn in_memory() -> Self {
        Self::at(None, Arc::default())
    }

    /// Runs that will be in files, of which none counts until they [take over](Self::take_over).
    pub fn beside(home: &Home) -> Self {
        let place = Place {
            files: home.files.clone(),
            keys: home.keys.clone(),
            cache: Arc::default(),
            health: Arc::default(),
        };
        Self::at(Some(place), home.numbers.clone())
    }

    fn at(place: Option<Place>, numbers: Arc<AtomicU64>) -> Self {
        Self {
            place,
            numbers,
            young: Vec::new(),
            old: Vec::new(),
            doomed: Vec::new(),
            shelf: Shelf::default(),
            kept: Checkpoint::default(),
            young_merge: None,
            flush: None,
            merge: None,
            purged: Vec::new(),
            counts: false,
            listed: true,
            limits: Limits::default(),
        }
    }

    /// The runs that the list of files names. Where there is no list, it cannot be read, or it is
    /// of another version or another log, every file is destroyed and there are none.
    pub fn resume(home: &Home, is_of_log: IsOfLog<'_>) -> Result<Self, KeepError> {
        let mut upkeep = Self::beside(home);
        let files = &*home.files;
        let names = files.list()?;
        let numbers = || names.iter().filter_map(|name| segment::number_of(name));
        let behind = numbers().max().map_or(0, |last| last.saturating_add(1));
        home.numbers.fetch_max(behind, Ordering::Relaxed);
        let opened = match Manifest::kept(files, is_of_log) {
            None => Err(None),
            Some(manifest) => upkeep.open(&manifest).map_err(Some),
        };
        if let Err(error) = opened {
            if let Some(error) = error {
                tracing::warn!(%error, "the search view is made again from the log");
            }
            upkeep.old.clear();
            upkeep.kept = Checkpoint::default();
            upkeep.place = Self::beside(home).place;
        }
        let counts: Vec<u64> = upkeep.old_numbers().collect();
        if counts.is_empty() {
            manifest::remove(files)?;
        }
        for number in numbers().filter(|number| !counts.contains(number)) {
            segment::destroy(files, number)?;
        }
        upkeep.counts = true;
        upkeep.reshelve();
        Ok(upkeep)
    }

    /// No runs, though there may be files that count: the disk refused to show them.
    pub fn out_of_reach(home: &Home, reason: String) -> Self {
        let mut upkeep = Self::beside(home);
        upkeep.counts = true;
        if let Some(place) = &upkeep.place {
            place.health.report(reason);
        }
        upkeep
    }

    fn open(&mut self, manifest: &Manifest) -> Result<(), KeepError> {
        let Some(place) = &self.place else {
            return Ok(());
        };
        let mut known = RoaringBitmap::new();
        for number in &manifest.files {
            let (segment, contacts) = Segment::open(place, *number)?;
            known |= &contacts;
            self.old.push(Arc::new(Run::of_file(segment, contacts)));
        }
        // Each contact has a doc in some file, whatever became of it.
        if known.len() != u64::from(manifest.at.contacts) {
            return Err(KeepError::Damaged(manifest::NAME.to_owned()));
        }
        self.kept = manifest.at;
        Ok(())
    }

    /// The place in the log that the files reach.
    pub const fn kept(&self) -> &Checkpoint {
        &self.kept
    }

    /// Everything that there is to read.
    pub const fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// The reason for which what was read is not to be believed, if there is one.
    pub fn fault(&self) -> Option<String> {
        self.place.as_ref().and_then(|place| place.health.fault())
    }

    /// Whether nothing more should be folded until a file is written.
    pub fn is_full(&self) -> bool {
        self.place.is_some() && self.young_bytes() >= YOUNG_BYTES_MAX
    }

    /// Whether a file is being drawn up.
    #[cfg(test)]
    pub const fn is_drawing_up(&self) -> bool {
        self.flush.is_some() || self.merge.is_some()
    }

    /// Whether it is time to write the young runs into a file, at a time when the index has come so
    /// far.
    pub fn is_due(&self, at: &Checkpoint) -> bool {
        let behind = at.position.get().saturating_sub(self.kept.position.get());
        let is_worth_it =
            behind >= self.limits.flush_events || self.young_bytes() >= self.limits.flush_bytes;
        self.place.is_some() && self.flush.is_none() && is_worth_it
    }

    fn young_bytes(&self) -> usize {
        self.young.iter().map(|run| run.weight()).sum()
    }

    /// Takes a new run.
    pub fn add(&mut self, run: Run) {
        self.young.push(Arc::new(run));
        self.reshelve();
    }

    /// From now on the list names these files, and not the other's.
    ///
    /// # Errors
    /// The disk refused; the list is as it was.
    pub fn take_over(&mut self, other: &mut Self) -> Result<(), KeepError> {
        self.counts = true;
        self.list().inspect_err(|_| self.counts = false)?;
        other.counts = false;
        Ok(())
    }

    /// Does a slice of the work, at a time when the index has come so far; where a file
    /// [is due](Self::is_due), all that was folded is in a run. Nothing is done where there is a
    /// [fault](Self::fault): all of it is destroyed soon.
    ///
    /// # Errors
    /// The disk refused, and the work under way was given up.
    pub fn tend(&mut self, at: &Checkpoint, is_due: bool) -> Result<Chore, KeepError> {
        if self.fault().is_some() {
            return Ok(Chore::Nothing);
        }
        let tended = self.slice(at, is_due);
        if tended.is_err() {
            self.give_up();
        }
        tended
    }

    fn slice(&mut self, at: &Checkpoint, is_due: bool) -> Result<Chore, KeepError> {
        let is_idle = !self.merge_young();
        let Some(place) = self.place.clone() else {
            return Ok(if is_idle { Chore::Nothing } else { Chore::More });
        };
        if !self.listed {
            self.list()?;
        }
        self.destroy_doomed()?;
        if is_due {
            self.begin_flush(&place, at)?;
        }
        let weights: Vec<usize> = self.old.iter().map(|run| run.len() as usize).collect();
        if self.merge.is_none()
            && let Some(replaces) = lightest(&weights, self.limits.old_max)
        {
            let runs = self.old.get(replaces.clone()).unwrap_or_default();
            let merge = Merge::new(runs.iter().rev().cloned());
            self.merge = Some(Job {
                merge,
                draft: Draft::new(&place, self.next_number())?,
                replaces,
                at: self.kept,
            });
        }
        let Some(job) = self.flush.as_mut().or(self.merge.as_mut()) else {
            return Ok(if is_idle { Chore::Nothing } else { Chore::More });
        };
        let Job { merge, draft, .. } = job;
        let is_merged = merge.step(self.limits.slice_keys, |key| draft.push(key))?;
        if draft.unsynced() >= SYNC_BYTES {
            draft.synced();
            let (files, name) = draft.file();
            return Ok(Chore::Sync(files, name));
        }
        if is_merged {
            self.finish()?;
        }
        Ok(Chore::More)
    }

    /// Goes on with merging young runs that no flush takes; whether there was anything to do.
    fn merge_young(&mut self) -> bool {
        if self.young_merge.is_none() {
            let flushed = self.flush.as_ref().map_or(0, |job| job.replaces.end);
            let free = self.young.get(flushed..).unwrap_or_default();
            let weights: Vec<usize> = free.iter().map(|run| run.weight()).collect();
            self.young_merge = lightest(&weights, self.limits.young_max).map(|range| {
                let replaces = range.start + flushed..range.end + flushed;
                let runs = self.young.get(replaces.clone()).unwrap_or_default();
                let merge = Merge::new(runs.iter().rev().cloned());
                let making = Making::default();
                (merge, making, replaces)
            });
        }
        let Some((merge, making, _)) = &mut self.young_merge else {
            return false;
        };
        let pushed = merge.step(self.limits.slice_keys, |key| {
            making.push(key);
            Ok::<(), Infallible>(())
        });
        let is_merged = matches!(pushed, Ok(true));
        if let Some((_, making, replaces)) = self.young_merge.take_if(|_| is_merged) {
            self.young.splice(replaces, [Arc::new(making.finish())]);
            self.reshelve();
        }
        true
    }

    fn begin_flush(&mut self, place: &Place, at: &Checkpoint) -> Result<(), KeepError> {
        if self.young.is_empty() {
            self.kept = *at;
            return self.list();
        }
        self.young_merge = None;
        self.flush = Some(Job {
            merge: Merge::new(self.young.iter().rev().cloned()),
            draft: Draft::new(place, self.next_number())?,
            replaces: 0..self.young.len(),
            at: *at,
        });
        Ok(())
    }

    /// Publishes the file of the job at work, in the place of the runs that it replaces.
    fn finish(&mut self) -> Result<(), KeepError> {
        let is_flush = self.flush.is_some();
        let Some(job) = self.flush.take().or_else(|| self.merge.take()) else {
            return Ok(());
        };
        let contacts = job.merge.contacts().clone();
        let number = job.draft.number();
        let run = job.draft.finish(&contacts).and_then(|segment| {
            // A block that could not be read counted as empty: it would be missing here for good.
            self.believed()?;
            let run = Arc::new(Run::of_file(segment, contacts));
            purge(&run, &self.purged)?;
            run.segment().map_or(Ok(()), Segment::publish)?;
            Ok(run)
        });
        let run = match run {
            Ok(run) => run,
            Err(error) => {
                self.destroy_draft(number);
                return Err(error);
            }
        };
        if is_flush {
            // What is being merged of the young ones stands behind those that go.
            if let Some((_, _, range)) = &mut self.young_merge {
                let gone = job.replaces.len();
                *range = range.start.saturating_sub(gone)..range.end.saturating_sub(gone);
            }
            self.young.drain(job.replaces);
            self.old.push(run);
            self.kept = job.at;
        } else {
            self.doomed.extend(self.old.splice(job.replaces, [run]));
        }
        self.forget_purged();
        self.reshelve();
        self.list()?;
        self.destroy_doomed()
    }

    /// Writes the list of the files that count.
    fn list(&mut self) -> Result<(), KeepError> {
        self.listed = !self.counts;
        if let Some(place) = self.place.as_ref().filter(|_| self.counts) {
            let manifest = Manifest {
                version: manifest::VERSION,
                at: self.kept,
                files: self.old_numbers().collect(),
            };
            place
                .files
                .write_atomic(manifest::NAME, &manifest.encode())?;
            self.listed = true;
        }
        Ok(())
    }

    /// Destroys the files that count no more; those where the disk refuses are tried again.
    fn destroy_doomed(&mut self) -> Result<(), KeepError> {
        while let Some(segment) = self.doomed.last().and_then(|run| run.segment()) {
            segment.destroy()?;
            self.doomed.pop();
        }
        Ok(())
    }

    /// Gives up what is under way; its files are noise, and go.
    pub fn give_up(&mut self) {
        for job in [self.flush.take(), self.merge.take()].into_iter().flatten() {
            self.destroy_draft(job.draft.number());
        }
        self.forget_purged();
    }

    fn destroy_draft(&self, number: u64) {
        if let Some(place) = &self.place
            && let Err(error) = segment::destroy(&*place.files, number)
        {
            tracing::warn!(%error, "an unfinished file of the search view is left to the next start");
        }
    }

    fn forget_purged(&mut self) {
        if self.flush.is_none() && self.merge.is_none() {
            self.purged.clear();
        }
    }

    /// Takes contacts out of every file; their words are off the disk when this returns.
    ///
    /// # Errors
    /// Not all of them are gone: [`discard`](Self::discard) everything.
    pub fn purge(&mut self, contacts: &[Ordinal]) -> Result<(), KeepError> {
        // A merge in the middle of a doc would write half of it.
        let is_halfway = |job: &Job| {
            let mut contacts = contacts.iter();
            contacts.any(|contact| job.merge.holds_doc_of(*contact))
        };
        if self.merge.as_ref().is_some_and(is_halfway) {
            self.give_up();
        }
        if self.flush.is_some() || self.merge.is_some() {
            self.purged.extend_from_slice(contacts);
        }
        let mut files = self.old.iter().chain(&self.doomed);
        let purged = files.try_for_each(|run| purge(run, contacts));
        if let (Err(error), Some(place)) = (&purged, &self.place) {
            place.health.report(error.to_string());
        }
        self.believed()
    }

    /// Whether what was read can be believed.
    fn believed(&self) -> Result<(), KeepError> {
        self.fault()
            .map_or(Ok(()), |reason| Err(KeepError::Doubted(reason)))
    }

    /// Writes everything that is in memory into a file, and the list with it.
    ///
    /// # Errors
    /// The disk refused, or there is a [fault](Self::fault); the files go as far as they did.
    pub fn keep(&mut self, at: &Checkpoint) -> Result<(), KeepError> {
        self.believed()?;
        let Some(place) = self.place.clone() else {
            return Ok(());
        };
        self.give_up();
        if *at != self.kept {
            self.begin_flush(&place, at)?;
        }
        if let Some(Job { merge, draft, .. }) = &mut self.flush {
            let merged = merge.step(usize::MAX, |key| draft.push(key));
            if let Err(error) = merged.and_then(|_| self.finish()) {
                self.give_up();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Destroys every file, those of an index beside this one too if it counts; the list and the
    /// memory are empty then.
    ///
    /// # Errors
    /// The disk refused; call again.
    pub fn discard(&mut self) -> Result<(), KeepError> {
        self.give_up();
        self.young_merge = None;
        self.young.clear();
        self.kept = Checkpoint::default();
        self.doomed.append(&mut self.old);
        self.reshelve();
        self.destroy_doomed()?;
        if let Some(place) = self.place.as_ref().filter(|_| self.counts) {
            // Those too that were never opened.
            segment::destroy_all(&*place.files)?;
        }
        self.list()
    }

    fn old_numbers(&self) -> impl Iterator<Item = u64> {
        self.old
            .iter()
            .filter_map(|run| run.segment().map(Segment::number))
    }

    fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    fn reshelve(&mut self) {
        let runs = self.old.iter().chain(&self.young);
        self.shelf = Shelf::of(runs.rev().cloned());
    }
}

/// The neighbours that weigh least together, where there are more than `most`.
fn lightest(weights: &[usize], most: usize) -> Option<Range<usize>> {
    let groups = weights.windows(MERGED).enumerate();
    let least = groups.min_by_key(|(_, group)| group.iter().sum::<usize>());
    let (start, _) = least.filter(|_| weights.len() > most)?;
    Some(start..start + MERGED)
}
