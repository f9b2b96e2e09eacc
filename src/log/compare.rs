//! Comparing the two copies, entry by entry, without changing either.
//!
//! Opening, `verify` and `repair` all stand on this one comparison; they differ
//! in where it begins and in what is done about what it finds.

use std::{sync::mpsc::sync_channel, thread};

use bytes::Bytes;

use super::{
    chunk::{self, Key},
    entry::{Piece, Place},
    journal::End,
    read::{Sources, StoreScan},
};
use crate::{
    domain::Position,
    storage::{StorageError, Store},
};

/// The number of entries after which progress is reported.
const PROGRESS_EVERY: u64 = 4_096;

/// Pieces of the store that are handed over together.
const LOT_PIECES: usize = 256;
/// Lots that wait to be compared.
const LOTS_AHEAD: usize = 2;

/// Positions that a copy should hold and does not, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The first position that is missing.
    pub first: Position,
    /// The last position that is missing.
    pub last: Position,
    /// Whether damaged bytes stand in their place; else they are not there.
    pub damaged: bool,
}

/// The result of comparing the copies from a position on.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// The last position that some source can give.
    pub head: u64,
    /// The events that the store lacks and another source has.
    pub store: Vec<Gap>,
    /// The events that the journal lacks, but for those of dropped files, which the audit log holds.
    pub journal: Vec<Gap>,
    /// The events that no source has, though something shows that they were there.
    pub lost: Vec<Gap>,
    /// The beginning of a group that a crash kept from the end of the store, and from the journal
    /// whole. Nobody was told of it, and it is not in the log: `head` is before it.
    pub unfinished: Option<Gap>,
    /// The first position at which the copies hold different bytes.
    pub differs: Option<u64>,
    /// The end of the journal's newest file.
    pub end: Option<End>,
}

/// Compares the copies from `from` on. `traces` is the last position known to
/// have been there, from outside. The store is read ahead on a thread of its own.
pub(super) fn compare(
    sources: &Sources,
    from: u64,
    traces: u64,
    progress: &mut dyn FnMut(Position),
) -> Result<Comparison, StorageError> {
    let mut store = StoreScan::new(sources.store.clone(), from, u64::MAX);
    let (lots, ahead) = sync_channel(LOTS_AHEAD);
    let read = move || {
        loop {
            let lot: Vec<_> = store.by_ref().take(LOT_PIECES).collect();
            let is_last = lot.len() < LOT_PIECES;
            if lots.send(lot).is_err() || is_last {
                return;
            }
        }
    };
    thread::scope(|scope| {
        let started = thread::Builder::new().name("compare".into());
        let started = started.spawn_scoped(scope, read);
        started.map_err(|cause| StorageError::Io {
            action: "start",
            name: "a thread that reads the store".to_owned(),
            cause,
        })?;
        let store = ahead.into_iter().flatten();
        compare_pieces(sources, store, (from, traces), progress)
    })
}

fn compare_pieces(
    sources: &Sources,
    store: impl Iterator<Item = Result<Piece, StorageError>>,
    (from, traces): (u64, u64),
    progress: &mut dyn FnMut(Position),
) -> Result<Comparison, StorageError> {
    let start = Position::new(from);
    let mut compare = Comparison::default();
    let mut store = Copy::new(store);
    let mut journal = Copy::new(sources.journal.scan(start));
    let integrated = sources.archive.integrated().get();
    let base = sources.journal.base();
    let mut archived = Archived::default();
    let known = traces.max(integrated);
    let mut at = from;
    loop {
        let next = match (store.seek(at)?, journal.seek(at)?) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let stored = store.take(at);
        let journaled = journal.take(at);
        if stored.is_none() && journaled.is_none() && !archived.has(sources, at, integrated) {
            // In no copy: lost, up to where some source goes on.
            let traces = known.max(store.traces);
            let Some(until) = next
                .or_else(|| traces.checked_add(1))
                .filter(|next| *next > at)
            else {
                break;
            };
            let until = if at <= integrated { at + 1 } else { until };
            note(
                &mut compare.lost,
                at,
                until - 1,
                store.damaged || journal.damaged,
            );
            at = until;
            continue;
        }
        if stored.is_none() {
            note(&mut compare.store, at, at, store.damaged);
        }
        // A file may be gone once the archive has its events; one that is there is to be whole.
        let is_there = journal.damaged && base.is_some_and(|base| base.get() <= at);
        if journaled.is_none() && (at > integrated || is_there) {
            note(&mut compare.journal, at, at, journal.damaged);
        }
        if let (Some(stored), Some(journaled)) = (stored, journaled)
            && stored != journaled
        {
            compare.differs.get_or_insert(at);
        }
        compare.head = at;
        if at.is_multiple_of(PROGRESS_EVERY) {
            progress(Position::new(at));
        }
        at += 1;
    }
    compare.head = compare.head.max(from - 1);
    compare.end = journal.pieces.end();
    compare.leave_unfinished(&*sources.store, known)?;
    progress(Position::new(compare.head));
    Ok(compare)
}

impl Comparison {
    /// Takes the last group out of the log where the store has only its beginning, the journal has
    /// nothing of it, and nothing else shows that it was there.
    fn leave_unfinished(&mut self, store: &dyn Store, known: u64) -> Result<(), StorageError> {
        let Some(first) = unfinished(store)?.filter(|first| *first > known) else {
            return Ok(());
        };
        let Some(gap) = self.journal.pop_if(|gap| {
            gap.first.get() <= first && first <= gap.last.get() && gap.last.get() == self.head
        }) else {
            return Ok(());
        };
        if gap.first.get() < first {
            let last = Position::new(first - 1);
            self.journal.push(Gap { last, ..gap });
        }
        self.head = first - 1;
        let first = Position::new(first);
        self.unfinished = Some(Gap { first, ..gap });
        Ok(())
    }
}

/// The first position of the group that the store's last value belongs to, where that value says
/// that the group goes on.
fn unfinished(store: &dyn Store) -> Result<Option<u64>, StorageError> {
    let mut first = None;
    let mut last = Key::end(u64::MAX);
    while let Some((key, value)) = store.last_at_or_before(&last)?
        && let Some(found) = Key::decode(&key)
        && chunk::goes_on(&key, value)
    {
        first = Some(found.first);
        last = Key::end(found.first.saturating_sub(1));
    }
    Ok(first)
}

/// Adds positions to the last gap, or begins a new one.
fn note(gaps: &mut Vec<Gap>, first: u64, last: u64, damaged: bool) {
    let last = Position::new(last);
    match gaps.last_mut() {
        Some(gap) if gap.last.get() + 1 == first => {
            gap.last = last;
            gap.damaged |= damaged;
        }
        _ => gaps.push(Gap {
            first: Position::new(first),
            last,
            damaged,
        }),
    }
}

/// One copy, read at the same pace as the other.
struct Copy<I> {
    pieces: I,
    ahead: Option<(u64, Bytes)>,
    /// Damage was passed since the last entry taken.
    damaged: bool,
    /// The last position that damaged bytes speak of.
    traces: u64,
}

impl<I: Iterator<Item = Result<Piece, StorageError>>> Copy<I> {
    fn new(pieces: I) -> Self {
        Self {
            pieces,
            ahead: None,
            damaged: false,
            traces: 0,
        }
    }

    /// The first position at or after `at` that this copy has.
    fn seek(&mut self, at: u64) -> Result<Option<u64>, StorageError> {
        while self.ahead.as_ref().is_none_or(|(found, _)| *found < at) {
            match self.pieces.next().transpose()? {
                Some(Piece::Entry(found, entry)) => self.ahead = Some((found.get(), entry)),
                Some(Piece::Damaged(place)) => {
                    self.damaged = true;
                    // A torn frame may never have been promised to anybody; a
                    // batch of the store is there whole or not at all.
                    if let Place::Value(position) = place {
                        self.traces = self.traces.max(position.get());
                    }
                }
                None => {
                    self.ahead = None;
                    return Ok(None);
                }
            }
        }
        Ok(self.ahead.as_ref().map(|(found, _)| *found))
    }

    /// The entry at `at`, after a `seek` to it.
    fn take(&mut self, at: u64) -> Option<Bytes> {
        let (_, entry) = self.ahead.take_if(|(found, _)| *found == at)?;
        self.damaged = false;
        Some(entry)
    }
}

/// The run of positions the archive was last found to have.
#[derive(Default)]
struct Archived {
    from: u64,
    until: u64,
}

impl Archived {
    fn has(&mut self, sources: &Sources, at: u64, integrated: u64) -> bool {
        if at > integrated {
            return false;
        }
        if !(self.from..self.until).contains(&at) {
            let entries = sources.archive.read(Position::new(at));
            self.from = at;
            self.until = at + entries.map_or(0, |entries| entries.len() as u64);
        }
        at < self.until
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::storage::{Batch, Disk, SimDisk};

    fn gap(first: u64, last: u64) -> Gap {
        Gap {
            first: Position::new(first),
            last: Position::new(last),
            damaged: false,
        }
    }

    /// A store of a whole group of three events, and of the first eight of a group of fifteen.
    fn begun() -> Arc<dyn Store> {
        let store = SimDisk::new(1).open_store("log").unwrap();
        let mut batch = Batch::default();
        chunk::put_group(&mut batch, 1, &[[1]; 3]);
        chunk::put_group(&mut batch, 4, &vec![vec![2; 1_500]; 15]);
        // A value holds four of them, the last three.
        for lost in [12, 16] {
            batch.remove(Key::start(lost));
        }
        store.apply(batch).unwrap();
        store
    }

    #[test]
    fn a_gap_is_damaged_where_any_part_of_it_is() {
        for parts in [[false, true], [true, false]] {
            let mut gaps = Vec::new();
            note(&mut gaps, 1, 1, parts[0]);
            note(&mut gaps, 2, 3, parts[1]);
            let damaged = true;
            assert_eq!(
                gaps,
                [Gap {
                    damaged,
                    ..gap(1, 3)
                }]
            );
        }
    }

    #[test]
    fn only_a_group_that_nobody_knows_of_and_the_journal_has_nothing_of_is_left_out() {
        let store = begun();
        for (journal, known, left) in [
            (gap(4, 11), 0, Some(vec![])),
            (gap(4, 11), 3, Some(vec![])),
            (gap(4, 11), 4, None),
            (gap(2, 11), 0, Some(vec![gap(2, 3)])),
            (gap(5, 11), 0, None),
            (gap(4, 10), 0, None),
            (gap(1, 2), 0, None),
        ] {
            let mut compare = Comparison {
                head: 11,
                journal: vec![journal],
                ..Comparison::default()
            };
            compare.leave_unfinished(&*store, known).unwrap();
            let expected = match left {
                Some(left) => (3, left, Some(gap(4, 11))),
                None => (11, vec![journal], None),
            };
            let found = (compare.head, compare.journal, compare.unfinished);
            assert_eq!(found, expected, "{journal:?}, {known} known");
        }
    }
}
