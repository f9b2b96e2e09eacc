//! Opening the log: two copies in, one truth out.
//!
//! The store and the journal are compared in their last part, and the one that
//! is behind, damaged or unreadable is completed from the other, or from the
//! archive. A group that nobody was promised may be kept or not; both copies
//! agree on it afterwards. What no source has is an error: the log is never
//! opened as if nothing had happened.
//!
//! A store that sled will not open, or that lacks more than a crash explains, is
//! not written to: a new one is made beside it, and the two change names once
//! the new one is on the disk.

use std::sync::{Arc, atomic::AtomicU64};

use bytes::Bytes;

use super::{
    append::Appender,
    chunk::Key,
    compare::{Comparison, compare},
    entry::Piece,
    error::OpenError,
    journal::{Journal, SEGMENT_BYTES_DEFAULT},
    read::{Archive, NoArchive, Reader, Sources, StoreScan},
    repair::{Repair, fill_store, repair},
};
use crate::{
    domain::Position,
    storage::{Disk, StorageError, Store},
};

/// The store's name in the data directory.
pub const STORE: &str = "log";
/// The directory of the journal's files in the data directory.
pub const JOURNAL: &str = "journal";
/// The name of a store while it is being made.
const STORE_NEW: &str = "log.new";
/// The store that would not open, until the new one is in its place.
const STORE_DAMAGED: &str = "log.damaged";

/// Options for opening the log.
#[derive(Clone)]
pub struct OpenOptions {
    /// The audit log's copies of old events.
    pub archive: Arc<dyn Archive>,
    /// A position known to have been in the log, from a signed checkpoint for
    /// instance: a log that ends before it is not opened.
    pub at_least: Position,
    /// A journal file is left for a new one at this length, in bytes.
    pub segment_bytes_max: u64,
    /// Compare the copies from the first event on, not only their last part.
    pub whole: bool,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            archive: Arc::new(NoArchive),
            at_least: Position::ZERO,
            segment_bytes_max: SEGMENT_BYTES_DEFAULT,
            whole: false,
        }
    }
}

/// An open log, in the parts that its users take.
pub struct Opened {
    /// The writing end, for the one thread that appends.
    pub appender: Appender,
    /// The reading end, for everybody else; its head is the last event of the log.
    pub reader: Reader,
    /// The journal, for the audit log, which drops the files that it has copied.
    pub journal: Arc<Journal>,
    /// The repairs that were made; empty after an orderly stop.
    pub report: Vec<Repair>,
}

/// Opens the log, repairs what can be repaired, and tells how far it is.
///
/// # Errors
/// `Missing` or `Differs` where the copies cannot be made one; `Storage` where
/// the disk fails.
pub fn open(
    disk: &dyn Disk,
    options: &OpenOptions,
    progress: &mut dyn FnMut(Position),
) -> Result<Opened, OpenError> {
    finish_swap(disk)?;
    let files = disk.files(JOURNAL)?;
    let journal = Arc::new(Journal::open(files, options.segment_bytes_max)?);
    let (reason, older) = match open_store(disk, &journal, options, progress) {
        Ok((sources, compare)) => match compare.distrust() {
            None => return finish(disk, sources, &compare, Vec::new()),
            Some(reason) => (reason, Some((sources.store, compare.head))),
        },
        Err(OpenError::Storage(StorageError::Damaged { reason, .. })) => (reason, None),
        Err(error) => return Err(error),
    };
    let older = older.map(|(store, head)| Older {
        store,
        head,
        archive: options.archive.clone(),
    });
    let events = rebuild(disk, &journal, options, older, progress)?;
    let report = vec![Repair::StoreRebuilt { events, reason }];
    let (sources, compare) = open_store(disk, &journal, options, progress)?;
    finish(disk, sources, &compare, report)
}

/// Completes the copies and hands them out.
fn finish(
    disk: &dyn Disk,
    sources: Sources,
    compare: &Comparison,
    mut report: Vec<Repair>,
) -> Result<Opened, OpenError> {
    repair(&sources, compare, &mut report)?;
    disk.remove_store(STORE_DAMAGED)?;
    let durable = Arc::new(AtomicU64::new(compare.head));
    let (store, journal) = (sources.store.clone(), sources.journal.clone());
    Ok(Opened {
        appender: Appender::new(store, journal.clone(), durable.clone())?,
        reader: Reader::new(sources, durable),
        journal,
        report,
    })
}

/// Opens the store and compares it with the journal.
fn open_store(
    disk: &dyn Disk,
    journal: &Arc<Journal>,
    options: &OpenOptions,
    progress: &mut dyn FnMut(Position),
) -> Result<(Sources, Comparison), OpenError> {
    let sources = Sources {
        store: disk.open_store(STORE)?,
        journal: journal.clone(),
        archive: options.archive.clone(),
    };
    let from = if options.whole { 1 } else { tail(&sources)? };
    let compare = compare(&sources, from, traces(journal, options), progress)?;
    compare.refuse()?;
    Ok((sources, compare))
}

/// The position from which the copies are compared at an ordinary open: the first of the journal's
/// newest file or the last value of the store, whichever comes first.
fn tail(sources: &Sources) -> Result<u64, StorageError> {
    let unsealed = sources.archive.integrated().next().get();
    let journal = match (sources.journal.base(), sources.journal.tail()) {
        (Some(base), Some(tail)) if base.get() <= unsealed => tail,
        _ => unsealed,
    };
    let last = sources.store.last_at_or_before(&Key::end(u64::MAX))?;
    let store = last.and_then(|(key, _)| Key::decode(&key));
    Ok(store.map_or(1, |key| key.first).min(journal).max(1))
}

/// The last position that the log must reach. A journal file is begun only when
/// everything before the position it is named by is on the disk.
pub(super) fn traces(journal: &Journal, options: &OpenOptions) -> u64 {
    let begun = journal.tail().map_or(0, |first| first.saturating_sub(1));
    begun.max(options.at_least.get())
}

/// Makes a new store from the other copies, and what can be read of the old one,
/// and puts it in the old one's place; how many events it holds.
fn rebuild(
    disk: &dyn Disk,
    journal: &Arc<Journal>,
    options: &OpenOptions,
    older: Option<Older>,
    progress: &mut dyn FnMut(Position),
) -> Result<u64, OpenError> {
    disk.remove_store(STORE_NEW)?;
    let sources = Sources {
        store: disk.open_store(STORE_NEW)?,
        journal: journal.clone(),
        archive: match older {
            Some(older) => Arc::new(older),
            None => options.archive.clone(),
        },
    };
    let compare = compare(&sources, 1, traces(journal, options), progress)?;
    compare.refuse()?;
    for gap in &compare.store {
        fill_store(&sources, gap)?;
    }
    sources.store.flush()?;
    sources.store.sync_data()?;
    drop(sources);
    disk.remove_store(STORE_DAMAGED)?;
    if disk.has_store(STORE)? {
        disk.rename_store(STORE, STORE_DAMAGED)?;
    }
    disk.rename_store(STORE_NEW, STORE)?;
    Ok(compare.head)
}

/// A store that is about to be replaced, as one more source for the new one.
struct Older {
    store: Arc<dyn Store>,
    head: u64,
    archive: Arc<dyn Archive>,
}

impl Older {
    /// The number of entries read from it at once.
    const PAGE_ENTRIES: u64 = 256;
}

impl Archive for Older {
    fn integrated(&self) -> Position {
        self.archive.integrated().max(Position::new(self.head))
    }

    fn read(&self, from: Position) -> Option<Vec<Bytes>> {
        let last = from.get().saturating_add(Self::PAGE_ENTRIES);
        let pieces = StoreScan::new(self.store.clone(), from.get(), last);
        let expected = (from.get()..).map(Position::new);
        let entries = expected
            .zip(pieces)
            .map_while(|(expected, piece)| match piece {
                Ok(Piece::Entry(at, entry)) if at == expected => Some(entry),
                _ => None,
            });
        let entries: Vec<_> = entries.collect();
        if entries.is_empty() {
            return self.archive.read(from);
        }
        Some(entries)
    }
}

/// Ends an exchange of stores that the last process began. With the old store
/// set aside the new one is whole; before that it may not be.
fn finish_swap(disk: &dyn Disk) -> Result<(), StorageError> {
    let set_aside = disk.has_store(STORE_DAMAGED)? && !disk.has_store(STORE)?;
    if set_aside && disk.has_store(STORE_NEW)? {
        return disk.rename_store(STORE_NEW, STORE);
    }
    disk.remove_store(STORE_NEW)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        log::chunk::put_group,
        storage::{Batch, SimDisk},
    };

    #[test]
    fn an_older_store_gives_what_stands_in_its_place_and_no_more() {
        let store = SimDisk::new(1).open_store(STORE).unwrap();
        for (first, events) in [(1, &["a", "b"][..]), (4, &["d"])] {
            let mut batch = Batch::default();
            put_group(&mut batch, first, events);
            store.apply(batch).unwrap();
        }
        let archive = Arc::new(NoArchive);
        let older = Older {
            store,
            head: 4,
            archive,
        };
        let read = |from| older.read(Position::new(from));
        assert_eq!(read(1), Some(vec!["a".into(), "b".into()]));
        assert_eq!(read(4), Some(vec!["d".into()]));
        assert_eq!((read(3), read(5)), (None, None));
        assert_eq!(older.integrated(), Position::new(4));
    }

    #[test]
    fn a_swap_that_was_cut_off_ends_with_a_whole_store_under_its_name() {
        for (there, left) in [
            (&[][..], &[][..]),
            (&[STORE], &[STORE]),
            (&[STORE, STORE_NEW], &[STORE]),
            (&[STORE_NEW], &[]),
            (&[STORE_DAMAGED, STORE_NEW], &[STORE_DAMAGED, STORE]),
            (&[STORE, STORE_DAMAGED], &[STORE, STORE_DAMAGED]),
            (&[STORE, STORE_DAMAGED, STORE_NEW], &[STORE, STORE_DAMAGED]),
        ] {
            let disk = SimDisk::new(1);
            for name in there {
                drop(disk.open_store(name).unwrap());
            }
            finish_swap(&disk).unwrap();
            for name in [STORE, STORE_DAMAGED, STORE_NEW] {
                let has = disk.has_store(name).unwrap();
                assert_eq!(has, left.contains(&name), "{name} of {there:?}");
            }
        }
    }
}
