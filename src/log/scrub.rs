//! Reading both copies again beside the writer, before somebody needs them.
//!
//! What nobody reads goes bad unseen, until the last copy of something has. So every value of the
//! store is read in its turn and compared with its frame of the journal, or with the archive where
//! the journal has dropped it. A frame that is damaged is written again where it stands: as long as
//! it was, so that nobody who reads or appends meanwhile is disturbed. A value that is damaged or
//! missing is put again. Whatever else is wrong is for a repair with the service stopped, and so is the
//! journal's very end, for nobody can tell there what is damaged from what is being written.

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;

use super::{
    chunk,
    compare::Gap,
    entry::{Piece, Place, encoded_len},
    error::ReadError,
    frame::{HEADER_BYTES, encode_frame},
    journal::JournalScan,
    read::{Reader, Sources, StoreScan},
};
use crate::{
    domain::Position,
    storage::{Batch, StorageError},
};

/// What is read between two questions whether to go on, in bytes.
const STRIDE_BYTES: u64 = 256 << 10;
/// The most events that are put into the store again at once.
const PUT_EVENTS_MAX: usize = 256;

/// The events that one copy of the log held damaged, and holds again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mended {
    /// The events whose frames were written again from the store.
    pub journal: Vec<Gap>,
    /// The events whose values were put into the store again from the journal or the archive.
    pub store: Vec<Gap>,
}

/// The reasons for which the copies of the log are not known to be whole.
#[derive(Debug, thiserror::Error)]
pub enum ScrubError {
    /// The disk refused to read or write.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Both copies hold an event, whole, and not the same one.
    #[error("the store and the journal differ at event {position}; {STOP}")]
    Differs {
        /// The position of the event.
        position: Position,
    },
    /// A copy cannot be completed while the service runs.
    #[error("the {copy} {gap}; {STOP}")]
    Unmended {
        /// The name of the copy.
        copy: &'static str,
        /// The events that it lacks.
        gap: Gap,
    },
}

/// What to do about damage that cannot be mended beside the writer.
const STOP: &str = "stop the service and run `contactd log repair`";

impl Reader {
    /// Reads every event of both copies, up to the head of now, and completes each copy from the
    /// other: what was mended, and whether all was read. `pace` is told how many bytes were read,
    /// waits as long as it wants to, and ends the work by `false`.
    ///
    /// # Errors
    /// The disk refused, the copies differ, or something is damaged that cannot be mended while the
    /// log is written to; what comes behind it was not looked at.
    pub fn scrub(&self, pace: &mut dyn FnMut(u64) -> bool) -> (Mended, Result<bool, ScrubError>) {
        // The newest file of now: what is appended later is behind the head of now.
        let newest = self.sources().journal.tail().unwrap_or(0);
        let mut scrub = Scrub::new(self.sources(), newest, self.head().get());
        let ended = scrub.run(pace);
        (scrub.done, ended)
    }
}

/// One reading of both copies.
struct Scrub<'a> {
    sources: &'a Sources,
    /// The journal file that was the newest when this began, by its first position.
    newest: u64,
    /// The last position that is looked at.
    head: u64,
    /// The next position that the other copy should give.
    next: u64,
    stored: Stored,
    /// What the store lacks or holds damaged, with the events as the other copy has them.
    wrong: VecDeque<(u64, Bytes)>,
    /// Whether these begin where a damaged value does.
    is_damage: bool,
    /// Bytes that were read since `pace` was asked.
    read: u64,
    done: Mended,
}

/// A stretch of a journal file that holds no whole frame.
#[derive(Clone, Copy)]
struct Region {
    segment: u64,
    from: u64,
    to: u64,
}

impl<'a> Scrub<'a> {
    fn new(sources: &'a Sources, newest: u64, head: u64) -> Self {
        Self {
            sources,
            newest,
            head,
            next: 1,
            stored: Stored::new(sources, head),
            wrong: VecDeque::new(),
            is_damage: false,
            read: 0,
            done: Mended::default(),
        }
    }

    fn run(&mut self, pace: &mut dyn FnMut(u64) -> bool) -> Result<bool, ScrubError> {
        let goes_on = match self.archived(pace) {
            Ok(true) => self.journaled(pace),
            ended => ended,
        };
        self.put_wrong()?;
        goes_on
    }

    /// Compares the store with the archive, up to where the journal begins.
    fn archived(&mut self, pace: &mut dyn FnMut(u64) -> bool) -> Result<bool, ScrubError> {
        let journal = &self.sources.journal;
        let base = journal.base().map_or(u64::MAX, Position::get);
        let sealed = self.sources.archive.integrated().get().min(self.head);
        while self.next < base && self.next <= sealed {
            let from = self.next;
            // A bundle that is damaged is found and mended where those are looked at.
            let entries = self.sources.archive.read(Position::new(from));
            for entry in entries.unwrap_or_default() {
                if self.next < base && self.next <= self.head {
                    self.compare(entry)?;
                }
            }
            if self.next == from {
                self.stored.pass(from)?;
                self.next += 1;
            }
            if !self.goes_on(pace) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Compares the store with the journal, whose frames are written again where they are damaged.
    fn journaled(&mut self, pace: &mut dyn FnMut(u64) -> bool) -> Result<bool, ScrubError> {
        let mut scan = self.sources.journal.scan(Position::new(self.next));
        let mut regions = Vec::new();
        while self.next <= self.head {
            match scan.next().transpose()? {
                Some(Piece::Damaged(place)) => regions.extend(region(&place, &scan)),
                Some(Piece::Entry(at, _)) if at.get() < self.next => {}
                Some(Piece::Entry(at, entry)) => {
                    let at = at.get();
                    let regions = std::mem::take(&mut regions);
                    if at > self.next {
                        self.mend(&regions, (at - 1).min(self.head))?;
                    }
                    if at <= self.head {
                        self.compare(entry)?;
                    }
                }
                None => {
                    regions.retain(|region| region.segment < self.newest);
                    let last = self.head;
                    self.mend(&std::mem::take(&mut regions), last)?;
                }
            }
            if !self.goes_on(pace) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Asks from time to time whether to go on.
    fn goes_on(&mut self, pace: &mut dyn FnMut(u64) -> bool) -> bool {
        if self.read < STRIDE_BYTES && self.next <= self.head {
            return true;
        }
        pace(std::mem::take(&mut self.read))
    }

    /// Compares the next event, as the other copy has it, with the store's.
    fn compare(&mut self, entry: Bytes) -> Result<(), ScrubError> {
        let at = self.next;
        self.next += 1;
        // Twice: it is read in both copies.
        self.read += 2 * entry.len() as u64;
        match self.stored.take(at)? {
            Some(stored) if stored == entry => {
                self.put_wrong()?;
                self.is_damage = false;
                Ok(())
            }
            Some(_) => Err(ScrubError::Differs {
                position: Position::new(at),
            }),
            None => {
                // A value that is damaged is written over, so what is put begins where it does.
                let begins = self.stored.starts.contains(&at);
                if begins || self.wrong.len() == PUT_EVENTS_MAX {
                    self.put_wrong()?;
                }
                self.is_damage |= begins;
                // A copy of its own, for the one that is read goes with its neighbours.
                self.wrong.push_back((at, Bytes::copy_from_slice(&entry)));
                Ok(())
            }
        }
    }

    /// Puts the events of a value into the store again that is damaged or missing. The writer's next
    /// group takes them to the disk with its own; until then the other copy has them.
    fn put_wrong(&mut self) -> Result<(), ScrubError> {
        let wrong = std::mem::take(&mut self.wrong);
        let (Some((first, _)), Some((last, _))) = (wrong.front(), wrong.back()) else {
            return Ok(());
        };
        self.done.store.push(gap(*first, *last, self.is_damage));
        let mut batch = Batch::default();
        let entries: Vec<_> = wrong.iter().map(|(_, entry)| entry).collect();
        chunk::put_group(&mut batch, *first, &entries);
        Ok(self.sources.store.apply(batch)?)
    }

    /// Writes the frames of damaged stretches again, which hold the events from the next one to
    /// `last`. What is missing though it is sealed was dropped meanwhile.
    fn mend(&mut self, regions: &[Region], last: u64) -> Result<(), ScrubError> {
        for (index, region) in regions.iter().enumerate() {
            let first = self.next.max(region.segment);
            let next = regions.get(index + 1).map(|next| next.segment);
            let end = next.map_or(last, |next| next - 1);
            if first == self.next && first <= end && self.mend_region(*region, first, end)? {
                self.done.journal.push(gap(first, end, true));
                self.pass(end)?;
            }
        }
        let sealed = self.sources.archive.integrated().get();
        if self.next <= last.min(sealed) {
            self.pass(last.min(sealed))?;
        }
        if self.next <= last {
            return Err(unmended("journal", self.next, last, true));
        }
        Ok(())
    }

    /// The store has events up to this one; the other copy does not tell more.
    fn pass(&mut self, last: u64) -> Result<(), ScrubError> {
        for at in self.next..=last {
            self.stored.pass(at)?;
        }
        self.next = last + 1;
        Ok(())
    }

    /// Writes the frames of one stretch again, from whatever copy has its events; whether that could
    /// be done. All frames together are as long as they were where there are as many of them.
    fn mend_region(&self, region: Region, first: u64, last: u64) -> Result<bool, ScrubError> {
        let Region { segment, from, to } = region;
        let entries: Result<Vec<Bytes>, _> = (self.sources.scan(first, last))
            .map(|entry| entry.map(|(_, entry)| entry))
            .collect();
        let entries = match entries {
            Ok(entries) => entries,
            Err(ReadError::Storage(error)) => return Err(error.into()),
            Err(ReadError::Damaged { .. }) => return Ok(false),
        };
        let Some(frames) = frames(first, &entries, to - from) else {
            return Ok(false);
        };
        match self.sources.journal.write_over(segment, from, &frames) {
            // Dropped meanwhile: what it held is sealed.
            Err(error) if error.is_absent() => Ok(true),
            written => Ok(written.map(|()| true)?),
        }
    }
}

/// A group as so many frames that they take exactly these bytes; `None` where no number of frames
/// does.
fn frames(first: u64, entries: &[Bytes], length: u64) -> Option<Vec<u8>> {
    let payload: usize = entries.iter().map(|entry| encoded_len(entry)).sum();
    let headers = usize::try_from(length).ok()?.checked_sub(payload)?;
    let count = headers / HEADER_BYTES;
    let fits = headers.is_multiple_of(HEADER_BYTES) && (1..=entries.len()).contains(&count);
    if !fits {
        return None;
    }
    let mut frames = Vec::with_capacity(payload + headers);
    // One event each, and the rest in the last.
    let (single, rest) = entries.split_at(count - 1);
    for (at, entry) in (first..).zip(single) {
        encode_frame(&mut frames, at, &[entry]);
    }
    encode_frame(&mut frames, first + single.len() as u64, rest);
    Some(frames)
}

/// The stretch that a scan has just passed over.
fn region(place: &Place, scan: &JournalScan) -> Option<Region> {
    let Place::Frame { offset, .. } = place else {
        return None;
    };
    let (segment, to) = scan.place()?;
    Some(Region {
        segment,
        from: *offset,
        to,
    })
}

fn gap(first: u64, last: u64, damaged: bool) -> Gap {
    Gap {
        first: Position::new(first),
        last: Position::new(last),
        damaged,
    }
}

fn unmended(copy: &'static str, first: u64, last: u64, damaged: bool) -> ScrubError {
    let gap = gap(first, last, damaged);
    ScrubError::Unmended { copy, gap }
}

/// The store's events in order, and where it holds damaged ones.
struct Stored {
    pieces: StoreScan,
    ahead: Option<(u64, Bytes)>,
    /// Whether damage was passed since the last event that was taken.
    is_damaged: bool,
    /// The first positions of damaged values.
    starts: BTreeSet<u64>,
}

impl Stored {
    fn new(sources: &Sources, head: u64) -> Self {
        Self {
            pieces: StoreScan::new(sources.store.clone(), 1, head),
            ahead: None,
            is_damaged: false,
            starts: BTreeSet::new(),
        }
    }

    /// The event at a position; `None` where the store lacks it or holds it damaged.
    fn take(&mut self, at: u64) -> Result<Option<Bytes>, StorageError> {
        while self.ahead.as_ref().is_none_or(|(found, _)| *found < at) {
            match self.pieces.next().transpose()? {
                Some(Piece::Entry(found, entry)) => self.ahead = Some((found.get(), entry)),
                Some(Piece::Damaged(place)) => {
                    self.is_damaged = true;
                    if let Place::Value(position) = place {
                        self.starts.insert(position.get());
                    }
                }
                None => return Ok(None),
            }
        }
        let taken = self.ahead.take_if(|(found, _)| *found == at);
        if taken.is_some() {
            self.is_damaged = false;
            self.starts.clear();
        }
        Ok(taken.map(|(_, entry)| entry))
    }

    /// The store has the event at a position.
    ///
    /// # Errors
    /// It does not, and no other copy was at hand to complete it.
    fn pass(&mut self, at: u64) -> Result<(), ScrubError> {
        match self.take(at)? {
            Some(_) => Ok(()),
            None => Err(unmended("store", at, at, self.is_damaged)),
        }
    }
}

#[cfg(test)]
mod tests;
