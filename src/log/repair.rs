//! Completing one copy of the log from the other.
//!
//! Each step leaves the disk in a state from which the next open goes on, for
//! the power may go in here as well. Only what the compare found in some source
//! is ever written; nothing is dropped but bytes that are no whole frame, and values that are no
//! whole group.

use std::fmt;

use bytes::Bytes;

use super::{
    chunk::{self, Key},
    compare::{Comparison, Gap},
    error::{OpenError, ReadError},
    frame::encode_frame,
    read::{Scan, Sources},
};
use crate::{domain::Position, storage::Batch};

/// A group that is written during a repair ends at this many entries ...
const GROUP_ENTRIES: usize = 256;
/// A group that is written during a repair ends at this many bytes.
const GROUP_BYTES: usize = 1 << 20;

/// Something that was wrong with the data directory and is right again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repair {
    /// The store could not be trusted; a new one was made in its place.
    StoreRebuilt {
        /// The number of events in the new store.
        events: u64,
        /// The fault of the old store.
        reason: String,
    },
    /// The last group, which a crash had kept from the store, was written to it.
    StoreCompleted(Gap),
    /// The beginning of a group that a crash cut off, of which nobody was told, was removed from
    /// the store.
    StoreCut(Gap),
    /// Events that the journal lacked were written to it.
    JournalCompleted(Gap),
    /// The journal ended in bytes that are no whole group; they are gone. What
    /// the store has of that group is written to the journal.
    JournalCut {
        /// The number of bytes that were cut.
        bytes: u64,
    },
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StoreRebuilt { events, reason } => write!(
                f,
                "the store cannot be trusted ({reason}); made it anew with {events} events"
            ),
            Self::StoreCompleted(gap) => write!(f, "the store {gap}; wrote them from the journal"),
            Self::StoreCut(Gap { first, last, .. }) => {
                let (first, last) = (first.get(), last.get());
                write!(
                    f,
                    "the store ended in the first events, {first} to {last}, of a group that was \
                     cut off before it was acknowledged; removed them"
                )
            }
            Self::JournalCompleted(gap) => {
                write!(f, "the journal {gap}; wrote them from the store")
            }
            Self::JournalCut { bytes } => write!(
                f,
                "the journal ended in {bytes} bytes that are no whole group; cut them"
            ),
        }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.damaged {
            "was damaged at"
        } else {
            "lacked"
        };
        let (first, last) = (self.first.get(), self.last.get());
        write!(f, "{how} events {first} to {last}")
    }
}

/// The sentence for a log whose end nobody vouches for: the journal alone was left of it, and broke off
/// in the midst of a group. `None` where another copy has the end, or the journal ended in order.
#[must_use]
pub fn lost_end(report: &[Repair], head: Position) -> Option<String> {
    let is_rebuilt = |repair: &Repair| matches!(repair, Repair::StoreRebuilt { .. });
    let is_completed =
        |repair: &Repair| matches!(repair, Repair::JournalCompleted(gap) if gap.last == head);
    let bytes = report.iter().find_map(|repair| match repair {
        Repair::JournalCut { bytes } => Some(*bytes),
        _ => None,
    })?;
    let is_alone = report.iter().any(is_rebuilt) && !report.iter().any(is_completed);
    is_alone.then(|| {
        format!(
            "the log may have gone on after event {head}: the journal was its only copy left, and \
             broke off in {bytes} bytes that are no whole group. Events behind {head} are lost, if \
             there were any; a checkpoint or a backup that was kept elsewhere says how many"
        )
    })
}

/// Makes both copies hold everything up to the compare's head, on the disk.
pub(super) fn repair(
    sources: &Sources,
    compare: &Comparison,
    report: &mut Vec<Repair>,
) -> Result<(), OpenError> {
    for gap in &compare.store {
        fill_store(sources, gap)?;
        report.push(Repair::StoreCompleted(*gap));
    }
    if let Some(gap) = compare.unfinished {
        remove_from(sources, gap.first)?;
        report.push(Repair::StoreCut(gap));
    }
    sources.store.flush()?;
    sources.store.sync_data()?;
    repair_journal(sources, compare, report)
}

/// Writes the events of a gap into the store.
pub(super) fn fill_store(sources: &Sources, gap: &Gap) -> Result<(), OpenError> {
    let (first, last) = (gap.first.get(), gap.last.get());
    let mut groups = Groups::new(sources, first, last);
    while let Some((at, entries)) = groups.next()? {
        let mut batch = Batch::default();
        chunk::put_group(&mut batch, at, &entries);
        sources.store.apply(batch)?;
    }
    Ok(())
}

/// Removes the store's last values, those from a position on. They go last first: what a crash
/// leaves of them still says that it is unfinished.
fn remove_from(sources: &Sources, first: Position) -> Result<(), OpenError> {
    let from = Key::start(first.get());
    while let Some((key, _)) = sources.store.last_at_or_before(&Key::end(u64::MAX))?
        && *key >= from[..]
    {
        let mut batch = Batch::default();
        batch.remove(key);
        sources.store.apply(batch)?;
    }
    Ok(())
}

fn repair_journal(
    sources: &Sources,
    compare: &Comparison,
    report: &mut Vec<Repair>,
) -> Result<(), OpenError> {
    let mut done = 0;
    for gap in &compare.journal {
        if gap.last.get() != compare.head && gap.last.get() > done {
            done = rewrite_around(sources, gap, compare.head)?;
            report.push(Repair::JournalCompleted(*gap));
        }
    }
    // The file that was looked at last may just have been replaced by a whole one.
    if let Some(end) = compare.end.filter(|end| end.segment > done) {
        let bytes = sources.journal.cut(&end)?;
        if bytes > 0 {
            report.push(Repair::JournalCut { bytes });
        }
        sources.journal.settle(&end)?;
    }
    if let Some(gap) = compare.journal.last().filter(|gap| gap.last.get() > done) {
        let mut groups = Groups::new(sources, gap.first.get(), gap.last.get());
        while let Some((first, entries)) = groups.next()? {
            let mut frame = Vec::new();
            encode_frame(&mut frame, first, &entries);
            sources.journal.prepare(first, frame.len())?;
            sources.journal.append(first, &frame)?;
        }
        report.push(Repair::JournalCompleted(*gap));
    }
    Ok(())
}

/// Writes the journal files around a gap again, whole, from whatever source has
/// the events; the last position that is then right.
fn rewrite_around(sources: &Sources, gap: &Gap, head: u64) -> Result<u64, OpenError> {
    let (start, _) = sources.journal.around(gap.first.get());
    let (_, next) = sources.journal.around(gap.last.get());
    let last = next.map_or(head, |next| next - 1);
    let mut segment = start.unwrap_or(gap.first.get());
    let mut groups = Groups::new(sources, segment, last);
    let mut frames = Vec::new();
    while let Some((first, entries)) = groups.next()? {
        if sources.journal.is_full(frames.len()) {
            sources.journal.write_segment(segment, &frames)?;
            frames.clear();
            segment = first;
        }
        encode_frame(&mut frames, first, &entries);
    }
    sources.journal.write_segment(segment, &frames)?;
    Ok(last)
}

/// A stretch of the log in groups of a size to write at once.
struct Groups {
    scan: Scan,
    next: u64,
}

impl Groups {
    fn new(sources: &Sources, first: u64, last: u64) -> Self {
        Self {
            scan: sources.scan(first, last),
            next: first,
        }
    }

    /// The next group and its first position; `None` at the end.
    fn next(&mut self) -> Result<Option<(u64, Vec<Bytes>)>, OpenError> {
        let first = self.next;
        let mut bytes = 0;
        let mut entries = Vec::new();
        for found in self.scan.by_ref() {
            let (_, entry) = found.map_err(missing)?;
            bytes += entry.len();
            entries.push(entry);
            if entries.len() == GROUP_ENTRIES || bytes >= GROUP_BYTES {
                break;
            }
        }
        self.next += entries.len() as u64;
        Ok((!entries.is_empty()).then_some((first, entries)))
    }
}

fn missing(error: ReadError) -> OpenError {
    match error {
        ReadError::Storage(error) => error.into(),
        ReadError::Damaged { position } => OpenError::Missing {
            first: position,
            last: position,
        },
    }
}

impl Comparison {
    /// The reason to make the store anew, if there is one. A crash keeps at most the last group
    /// from it; when more is missing, sled has lost some of its own log, and what is written after
    /// such a hole may be gone at the next open.
    pub(super) fn distrust(&self) -> Option<String> {
        let last_group = self.end.map_or(1, |end| end.group);
        match self.store.as_slice() {
            [] => None,
            [gap] if !gap.damaged && gap.first.get() >= last_group => None,
            [gap, ..] => Some(format!("it {gap}")),
        }
    }

    /// The error, if there is something that no source can give.
    pub(super) fn refuse(&self) -> Result<(), OpenError> {
        if let Some(Gap { first, last, .. }) = self.lost.first() {
            return Err(OpenError::Missing {
                first: *first,
                last: *last,
            });
        }
        match self.differs {
            Some(position) => Err(OpenError::Differs {
                position: Position::new(position),
            }),
            None => Ok(()),
        }
    }
}
