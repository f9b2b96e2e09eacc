//! Appending groups: the one way into the log.
//!
//! A group is written to the store by the calling thread and to the journal by
//! a helper thread, side by side, and is acknowledged when it is on the disk in
//! both. After any failure nobody can say what the disk holds, so the appender
//! refuses everything from then on; opening the log again finds out.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    chunk,
    entry::ENTRY_BYTES_MAX,
    frame::{PAYLOAD_BYTES_MAX, encode_frame, payload_bytes},
    journal::Journal,
};
use crate::{
    domain::Position,
    storage::{Batch, StorageError, Store},
};

/// The largest group, in bytes, two for each entry counted with it.
pub const GROUP_BYTES_MAX: usize = PAYLOAD_BYTES_MAX;

/// The reasons for which a group was not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// A group must hold an entry. Nothing has happened.
    #[error("a group must hold at least one entry")]
    Empty,
    /// An entry is empty or longer than [`ENTRY_BYTES_MAX`]. Nothing has happened.
    #[error(
        "entry {index} of the group has {bytes} bytes; from 1 to {ENTRY_BYTES_MAX} are allowed"
    )]
    EntrySize {
        /// The index of the entry, from 0.
        index: usize,
        /// The length of the entry, in bytes.
        bytes: usize,
    },
    /// The group is larger than [`GROUP_BYTES_MAX`]. Nothing has happened.
    #[error("the group has {bytes} bytes; at most {GROUP_BYTES_MAX} are allowed")]
    GroupSize {
        /// The length of the group, in bytes.
        bytes: usize,
    },
    /// There is no room or no descriptor to grow by. Nothing was written, and the next group is
    /// tried as if nothing had been.
    #[error("the log cannot grow now, nothing was written: {0}")]
    NotBegun(#[source] StorageError),
    /// The disk failed. The group may or may not be there after a restart, and
    /// the appender takes no more.
    #[error("the log could not be written, restart the service once the disk works: {0}")]
    Failed(#[from] StorageError),
    /// An earlier group failed, and the log is closed until a restart.
    #[error("the log takes no more events since a write failed; restart the service")]
    Poisoned,
}

/// The positions a group was given, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The position of the first entry.
    pub first: Position,
    /// The position of the last entry; the entries in between have those in between.
    pub last: Position,
}

/// The log's growing end, for the one thread that writes.
pub struct Appender {
    store: Arc<dyn Store>,
    segments: Arc<Journal>,
    journal: Helper,
    durable: Arc<AtomicU64>,
    next: u64,
    took: Duration,
    poisoned: bool,
}

impl Appender {
    pub(super) fn new(
        store: Arc<dyn Store>,
        journal: Arc<Journal>,
        durable: Arc<AtomicU64>,
    ) -> Result<Self, StorageError> {
        Ok(Self {
            store,
            segments: journal.clone(),
            journal: Helper::start(journal)?,
            next: durable.load(Ordering::Acquire).saturating_add(1),
            durable,
            took: Duration::ZERO,
            poisoned: false,
        })
    }

    /// The position the next entry will have.
    #[must_use]
    pub fn next(&self) -> Position {
        Position::new(self.next)
    }

    /// The time that the disk took for the last group.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.took
    }

    /// Appends a group, all of it or nothing, and returns when it is on the
    /// disk in both copies; readers see it from then on.
    ///
    /// # Errors
    /// `Failed`, and then `Poisoned` for ever; the others change nothing. What a full disk or a
    /// lack of descriptors can refuse is asked for before the first byte: that is `NotBegun`.
    pub fn append<E: AsRef<[u8]>>(&mut self, entries: &[E]) -> Result<Appended, AppendError> {
        if self.poisoned {
            return Err(AppendError::Poisoned);
        }
        check(entries)?;
        let first = self.next;
        let last = first + (entries.len() as u64 - 1);
        let mut frame = self.journal.buffer();
        encode_frame(&mut frame, first, entries);
        self.segments
            .prepare(first, frame.len())
            .and_then(|()| self.store.reserve(frame.len()))
            .map_err(|error| self.refusal(error))?;
        self.poisoned = true;
        let begun = Instant::now();
        self.journal.begin(first, frame)?;
        let stored = self.write_store(first, entries);
        let journaled = self.journal.finish();
        stored.and(journaled)?;
        self.took = begun.elapsed();
        self.poisoned = false;
        self.next = last + 1;
        self.durable.store(last, Ordering::Release);
        Ok(Appended {
            first: Position::new(first),
            last: Position::new(last),
        })
    }

    /// A lack of room or of descriptors passes; whatever else fails closes the log.
    fn refusal(&mut self, error: StorageError) -> AppendError {
        if error.is_passing() {
            return AppendError::NotBegun(error);
        }
        self.poisoned = true;
        AppendError::Failed(error)
    }

    /// Writes a group into the store. A crash may keep some of its values alone: each but the last says
    /// that the group goes on, so that opening completes the group from the journal, or removes it where
    /// the journal has not got it. Only the parts of one entry go together.
    fn write_store<E: AsRef<[u8]>>(&self, first: u64, entries: &[E]) -> Result<(), StorageError> {
        let mut batch = Batch::default();
        chunk::put_group(&mut batch, first, entries);
        if entries.iter().any(|entry| chunk::is_split(entry.as_ref())) {
            self.store.apply(batch)?;
        } else {
            self.store.apply_in_order(batch)?;
        }
        self.store.flush()?;
        self.store.sync_data()
    }
}

fn check<E: AsRef<[u8]>>(entries: &[E]) -> Result<(), AppendError> {
    if entries.is_empty() {
        return Err(AppendError::Empty);
    }
    for (index, entry) in entries.iter().enumerate() {
        let bytes = entry.as_ref().len();
        if bytes == 0 || bytes > ENTRY_BYTES_MAX {
            return Err(AppendError::EntrySize { index, bytes });
        }
    }
    let bytes = payload_bytes(entries);
    if bytes > GROUP_BYTES_MAX {
        return Err(AppendError::GroupSize { bytes });
    }
    Ok(())
}

/// The thread that writes the journal while the store is written.
struct Helper {
    /// The way to the thread; `None` only while the helper is dropped.
    work: Option<SyncSender<(u64, Vec<u8>)>>,
    done: Receiver<(Result<(), StorageError>, Vec<u8>)>,
    thread: Option<JoinHandle<()>>,
    /// The last frame's memory, to be used again.
    spare: Vec<u8>,
}

impl Helper {
    /// A larger buffer than this is not kept.
    const SPARE_BYTES_MAX: usize = 4 << 20;

    fn start(journal: Arc<Journal>) -> Result<Self, StorageError> {
        let (work, groups) = sync_channel::<(u64, Vec<u8>)>(1);
        let (results, done) = sync_channel(1);
        let append = move || {
            for (first, frame) in groups {
                let result = journal.append(first, &frame);
                if results.send((result, frame)).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new()
            .name("journal".to_owned())
            .spawn(append);
        Ok(Self {
            work: Some(work),
            done,
            thread: Some(thread.map_err(|cause| failed("start", cause))?),
            spare: Vec::new(),
        })
    }

    fn buffer(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.spare)
    }

    fn begin(&self, first: u64, frame: Vec<u8>) -> Result<(), StorageError> {
        let sent = self.work.as_ref().map(|work| work.send((first, frame)));
        match sent {
            Some(Ok(())) => Ok(()),
            _ => Err(gone()),
        }
    }

    fn finish(&mut self) -> Result<(), StorageError> {
        let (result, mut frame) = self.done.recv().map_err(|_| gone())?;
        if frame.capacity() <= Self::SPARE_BYTES_MAX {
            frame.clear();
            self.spare = frame;
        }
        result
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        drop(self.work.take());
        if let Some(thread) = self.thread.take() {
            // A panic over there has already poisoned the appender.
            let _ = thread.join();
        }
    }
}

fn failed(action: &'static str, cause: std::io::Error) -> StorageError {
    StorageError::Io {
        action,
        name: "the journal's thread".to_owned(),
        cause,
    }
}

fn gone() -> StorageError {
    failed("reach", std::io::ErrorKind::BrokenPipe.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::entry::encoded_len;

    #[test]
    fn a_group_may_be_as_large_as_a_frame_and_no_larger() {
        let largest = vec![1; ENTRY_BYTES_MAX];
        let count = GROUP_BYTES_MAX / encoded_len(&largest);
        let mut group = vec![&largest[..]; count];
        let left = GROUP_BYTES_MAX - payload_bytes(&group);
        let fits = left - encoded_len(&[]);
        group.push(&largest[..fits]);
        assert_eq!(payload_bytes(&group), GROUP_BYTES_MAX);
        check(&group).unwrap();
        group[count] = &largest[..fits + 1];
        let refused = check(&group);
        let bytes = GROUP_BYTES_MAX + 1;
        assert!(matches!(refused, Err(AppendError::GroupSize { bytes: found }) if found == bytes));
    }
}
