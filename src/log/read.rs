//! Reading the log: by position, and in order, up to the durable head.
//!
//! The store answers. Where its bytes are damaged or gone the journal does, and
//! then the archive; where none can, the answer is the position, never other
//! bytes.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;

use super::{
    chunk::{self, Assembler, Key},
    entry::Piece,
    error::ReadError,
    journal::{Journal, JournalScan},
};
use crate::{
    domain::Position,
    storage::{StorageError, Store},
};

/// The number of the store's values read at once: about half a megabyte.
const PAGE_VALUES: usize = 64;

/// Sealed copies of the log's beginning, which let the journal drop its own.
pub trait Archive: Send + Sync {
    /// Every position up to this one is sealed; zero: none is.
    fn integrated(&self) -> Position;

    /// Entries from `from` on, as many as are at hand; `None` where it has not
    /// got that one or cannot trust it.
    fn read(&self, from: Position) -> Option<Vec<Bytes>>;
}

/// The archive of a log that seals nothing.
#[derive(Clone, Copy, Debug)]
pub struct NoArchive;

impl Archive for NoArchive {
    fn integrated(&self) -> Position {
        Position::ZERO
    }

    fn read(&self, _from: Position) -> Option<Vec<Bytes>> {
        None
    }
}

/// The sources of entries, in the order in which they are asked.
#[derive(Clone)]
pub(super) struct Sources {
    pub store: Arc<dyn Store>,
    pub journal: Arc<Journal>,
    pub archive: Arc<dyn Archive>,
}

/// Reads the log beside the one who appends. Clones share everything.
#[derive(Clone)]
pub struct Reader {
    sources: Sources,
    durable: Arc<AtomicU64>,
}

impl Reader {
    pub(super) fn new(sources: Sources, durable: Arc<AtomicU64>) -> Self {
        Self { sources, durable }
    }

    pub(super) const fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The last position that is on the disk in both copies.
    #[must_use]
    pub fn head(&self) -> Position {
        Position::new(self.durable.load(Ordering::Acquire))
    }

    /// The entry at `position`; `None` at zero and beyond the durable head.
    ///
    /// # Errors
    /// `Damaged` where no copy can give it; `Storage` where the disk fails.
    pub fn get(&self, position: Position) -> Result<Option<Bytes>, ReadError> {
        if position == Position::ZERO || position > self.head() {
            return Ok(None);
        }
        let at = position.get();
        if let Ok(Some((key, value))) = self.sources.store.last_at_or_before(&Key::end(at))
            && let Some(entry) = chunk::find(&key, value, at)
        {
            return Ok(Some(entry));
        }
        let mut entries = self.sources.scan(at, at);
        entries
            .next()
            .transpose()
            .map(|found| found.map(|(_, entry)| entry))
    }

    /// The entries from `from` to `to`, both included, or to the head of now.
    /// Entries share memory with their neighbours: copy what is kept long.
    #[must_use]
    pub fn scan(&self, from: Position, to: Position) -> Scan {
        let to = to.min(self.head());
        self.sources.scan(from.get().max(1), to.get())
    }
}

impl Sources {
    /// Every entry from `from` to `to`, whichever copy has it.
    pub fn scan(&self, from: u64, to: u64) -> Scan {
        Scan {
            sources: self.clone(),
            store: StoreScan::new(self.store.clone(), from, to),
            ahead: None,
            failed: None,
            journal: None,
            archived: VecDeque::new(),
            next: from,
            to,
        }
    }
}

/// Entries in the order of their positions, without a gap. After an error it ends.
pub struct Scan {
    sources: Sources,
    store: StoreScan,
    /// The store's next entry, when it is further on than `next`.
    ahead: Option<(u64, Bytes)>,
    /// The error of the system that ended the reading of the store.
    failed: Option<StorageError>,
    /// The journal, while it stands in for the store.
    journal: Option<JournalScan>,
    archived: VecDeque<(u64, Bytes)>,
    next: u64,
    to: u64,
}

impl Scan {
    fn entry(&mut self) -> Result<Bytes, ReadError> {
        let wanted = self.next;
        self.look_ahead(wanted);
        if self.ahead.as_ref().is_some_and(|(at, _)| *at == wanted)
            && let Some((_, entry)) = self.ahead.take()
        {
            self.journal = None;
            return Ok(entry);
        }
        if let Some(entry) = self.journaled(wanted)? {
            return Ok(entry);
        }
        if let Some(entry) = self.sealed(wanted) {
            return Ok(entry);
        }
        // Nobody knows what the store has, so it is not said that the event is lost.
        Err(self.failed.take().map_or(
            ReadError::Damaged {
                position: Position::new(wanted),
            },
            ReadError::Storage,
        ))
    }

    /// Finds the store's first entry at or after `wanted`. A store that fails
    /// is a store that has nothing: the other copies are asked.
    fn look_ahead(&mut self, wanted: u64) {
        while self.ahead.as_ref().is_none_or(|(at, _)| *at < wanted) {
            match self.store.next() {
                Some(Ok(Piece::Entry(at, entry))) => self.ahead = Some((at.get(), entry)),
                Some(Err(error @ StorageError::Io { .. })) => self.failed = Some(error),
                Some(Ok(Piece::Damaged(_)) | Err(_)) => {}
                None => return,
            }
        }
    }

    fn journaled(&mut self, wanted: u64) -> Result<Option<Bytes>, ReadError> {
        let journal = &self.sources.journal;
        let scan = self
            .journal
            .get_or_insert_with(|| journal.scan(Position::new(wanted)));
        for piece in scan.by_ref() {
            match piece? {
                Piece::Entry(at, entry) if at.get() == wanted => return Ok(Some(entry)),
                Piece::Entry(at, _) if at.get() > wanted => break,
                _ => {}
            }
        }
        // It went past: the next gap begins its own reading.
        self.journal = None;
        Ok(None)
    }

    fn sealed(&mut self, wanted: u64) -> Option<Bytes> {
        while let Some((at, entry)) = self.archived.pop_front() {
            if at == wanted {
                return Some(entry);
            }
        }
        let entries = self.sources.archive.read(Position::new(wanted))?;
        self.archived = (wanted..).zip(entries).collect();
        self.archived.pop_front().map(|(_, entry)| entry)
    }
}

impl Iterator for Scan {
    type Item = Result<(Position, Bytes), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next > self.to {
            return None;
        }
        let position = Position::new(self.next);
        let entry = self.entry();
        match entry {
            Ok(_) => self.next = self.next.saturating_add(1),
            Err(_) => self.to = 0,
        }
        Some(entry.map(|entry| (position, entry)))
    }
}

/// The pieces of the store alone, from a position on, in key order.
pub(super) struct StoreScan {
    store: Arc<dyn Store>,
    cursor: Cursor,
    /// The greatest key to read; `None` at the end of all keys.
    end: Option<[u8; 10]>,
    from: u64,
    assembler: Assembler,
}

/// The place from which a [`StoreScan`] reads its next page.
enum Cursor {
    /// The value that holds the first position, which has not been looked for yet.
    Unplaced,
    /// The first key at or after this one.
    At(Vec<u8>),
    /// Nowhere: the last page was read, or a read failed.
    Done,
}

impl StoreScan {
    /// The entries from `from` to `to`, both included, and damage on the way.
    pub fn new(store: Arc<dyn Store>, from: u64, to: u64) -> Self {
        Self {
            store,
            cursor: Cursor::Unplaced,
            end: to.checked_add(1).map(Key::start),
            from,
            assembler: Assembler::default(),
        }
    }

    fn read_page(&mut self) -> Result<bool, StorageError> {
        let start = match std::mem::replace(&mut self.cursor, Cursor::Done) {
            Cursor::Done => return Ok(false),
            Cursor::At(start) => start,
            Cursor::Unplaced => match self.store.last_at_or_before(&Key::end(self.from))? {
                Some((key, _)) => match Key::decode(&key) {
                    Some(key) => Key::start(key.first).to_vec(),
                    None => key.to_vec(),
                },
                None => Key::start(self.from).to_vec(),
            },
        };
        let end = self.end.as_ref().map(<[u8; 10]>::as_slice);
        let page = self.store.page(&start, end, PAGE_VALUES)?;
        if let Some((last, _)) = page.last() {
            // The least key after this one.
            let mut start = last.to_vec();
            start.push(0);
            self.cursor = Cursor::At(start);
        } else {
            self.assembler.end();
        }
        for (key, value) in page {
            self.assembler.push(&key, value);
        }
        Ok(true)
    }
}

impl Iterator for StoreScan {
    type Item = Result<Piece, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.assembler.next() {
                Some(Piece::Entry(at, _)) if at.get() < self.from => {}
                Some(piece) => return Some(Ok(piece)),
                None => match self.read_page() {
                    Ok(true) => {}
                    Ok(false) => return None,
                    Err(error) => return Some(Err(error)),
                },
            }
        }
    }
}
