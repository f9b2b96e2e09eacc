//! The journal: every group again, outside the store, in files of frames.
//!
//! sled can lose a tail in silence or refuse to open; the journal is what it is
//! completed from, and the other way round. Files are named by the first
//! position they hold, in 20 digits, and a new one begins once the last is
//! large enough. What the audit floor has sealed elsewhere is dropped by whole
//! files.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use parking_lot::Mutex;

use super::{
    entry::{Piece, Place},
    frame::{HEADER_BYTES, Header, MAGIC, PAYLOAD_BYTES_MAX},
};
use crate::{
    domain::Position,
    storage::{Files, StorageError},
};

/// A file is left for a new one once it is this long, in bytes.
pub const SEGMENT_BYTES_DEFAULT: u64 = 64 << 20;

/// The number of bytes of a file that are read at once.
const WINDOW_BYTES: usize = 1 << 20;

/// The journal of one log. One thread appends; any may read and drop.
pub struct Journal {
    files: Arc<dyn Files>,
    segment_bytes_max: u64,
    /// The first positions of the files there are.
    segments: Mutex<BTreeSet<u64>>,
}

/// The name of the file whose first event has this position.
fn name(first: u64) -> String {
    format!("{first:020}")
}

impl Journal {
    /// Finds the files there are. Foreign names are left alone.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn open(files: Arc<dyn Files>, segment_bytes_max: u64) -> Result<Self, StorageError> {
        let names = files.list()?;
        let first = |name: &String| (name.len() == 20).then(|| name.parse().ok()).flatten();
        let segments = Mutex::new(names.iter().filter_map(first).collect());
        Ok(Self {
            files,
            segment_bytes_max,
            segments,
        })
    }

    /// The first position of the oldest file.
    #[must_use]
    pub fn base(&self) -> Option<Position> {
        self.segments.lock().first().copied().map(Position::new)
    }

    /// The first position of the newest file.
    pub(super) fn tail(&self) -> Option<u64> {
        self.segments.lock().last().copied()
    }

    /// The file that holds `position`, if any does, and where the next begins.
    pub(super) fn around(&self, position: u64) -> (Option<u64>, Option<u64>) {
        let segments = self.segments.lock();
        let next = position.saturating_add(1);
        (
            segments.range(..next).next_back().copied(),
            segments.range(next..).next().copied(),
        )
    }

    /// Makes sure that a frame of `bytes` bytes, whose first position is `first`, can be appended:
    /// begins the next file where the last is full, and takes the room.
    ///
    /// # Errors
    /// There is no room or no descriptor. No frame was written, and asking again is well.
    pub(super) fn prepare(&self, first: u64, bytes: usize) -> Result<(), StorageError> {
        let segment = match self.tail() {
            Some(tail) if self.files.len(&name(tail))? < self.segment_bytes_max => tail,
            _ => {
                self.files.create(&name(first))?;
                self.segments.lock().insert(first);
                first
            }
        };
        self.files.reserve(&name(segment), bytes)
    }

    /// Appends the frame of a group, for which there is room, and waits until it is on the disk.
    pub(super) fn append(&self, first: u64, frame: &[u8]) -> Result<(), StorageError> {
        let segment = name(self.tail().unwrap_or(first));
        self.files.append(&segment, frame)?;
        self.files.sync(&segment)
    }

    /// Makes `frames` the whole of the file that begins at `first`.
    pub(super) fn write_segment(&self, first: u64, frames: &[u8]) -> Result<(), StorageError> {
        self.files.write_atomic(&name(first), frames)?;
        self.segments.lock().insert(first);
        Ok(())
    }

    /// Writes over a stretch of a file, which ends where it ended, and waits for the disk. Whoever
    /// appends to it or reads it meanwhile is not disturbed.
    pub(super) fn write_over(
        &self,
        segment: u64,
        offset: u64,
        frames: &[u8],
    ) -> Result<(), StorageError> {
        let name = name(segment);
        self.files.write_at(&name, offset, frames)?;
        self.files.sync(&name)
    }

    /// Whether a file of this length is left for a new one.
    pub(super) fn is_full(&self, bytes: usize) -> bool {
        bytes as u64 >= self.segment_bytes_max
    }

    /// Cuts what follows the last whole frame; how many bytes that was.
    pub(super) fn cut(&self, end: &End) -> Result<u64, StorageError> {
        let name = name(end.segment);
        let length = self.files.len(&name)?;
        if length > end.valid {
            self.files.truncate(&name, end.valid)?;
        }
        Ok(length.saturating_sub(end.valid))
    }

    /// Writes the last frame again and syncs, so that it is on the disk
    /// whatever became of the sync before the last process ended.
    pub(super) fn settle(&self, end: &End) -> Result<(), StorageError> {
        self.files.refresh(&name(end.segment), end.last_frame)
    }

    /// Removes the files whose every entry is before `position`; how many.
    /// The newest stays, for it is appended to.
    ///
    /// # Errors
    /// The operating system refused; what was removed stays removed.
    pub fn drop_before(&self, position: Position) -> Result<usize, StorageError> {
        let mut dropped = 0;
        loop {
            let oldest = {
                let segments = self.segments.lock();
                let mut oldest = segments.iter();
                match (oldest.next(), oldest.next()) {
                    (Some(first), Some(next)) if *next <= position.get() => *first,
                    _ => return Ok(dropped),
                }
            };
            // Gone from the list first: a reader that comes now looks elsewhere.
            self.segments.lock().remove(&oldest);
            self.files.remove(&name(oldest))?;
            dropped += 1;
        }
    }

    /// Reads on from the frame that holds `from`, to the end.
    #[must_use]
    pub fn scan(&self, from: Position) -> JournalScan {
        let (start, _) = self.around(from.get());
        let segments = self.segments.lock();
        let segments = segments.range(start.unwrap_or(0)..).copied();
        JournalScan {
            from: from.get(),
            window: Window::new(self.files.clone()),
            segments: segments.collect(),
            reading: None,
            ready: VecDeque::new(),
        }
    }
}

/// The end of a file's whole frames; what follows it is damaged or was never finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub segment: u64,
    /// The first position of the last whole frame, of whatever file.
    pub group: u64,
    /// The offset of its last whole frame.
    pub last_frame: u64,
    /// The offset just behind the last whole frame.
    pub valid: u64,
}

/// The pieces of a journal from a position on, in the order of the files.
/// Entries share the memory of what was read at once: copy what is kept long.
pub struct JournalScan {
    from: u64,
    window: Window,
    segments: VecDeque<u64>,
    reading: Option<(End, u64)>,
    ready: VecDeque<Piece>,
}

impl JournalScan {
    /// The end of the whole frames in the file that was read last: in the newest file, once there
    /// are no more pieces.
    pub(super) fn end(&self) -> Option<End> {
        self.reading.map(|(end, _)| end)
    }

    /// The file that is being read, by its first position, and the offset of what is read next.
    pub(super) fn place(&self) -> Option<(u64, u64)> {
        self.reading.map(|(end, offset)| (end.segment, offset))
    }

    /// Reads one frame, or steps over damage, or to the next file; false at
    /// the end of the journal.
    fn step(&mut self) -> Result<bool, StorageError> {
        let Some((end, offset)) = self.reading else {
            return Ok(self.next_segment());
        };
        let header = self.window.read(end.segment, offset, HEADER_BYTES)?;
        if header.is_empty() {
            return Ok(self.next_segment());
        }
        if let Some((header, entries)) = self.window.frame(end.segment, offset)? {
            let after = offset + header.frame_bytes() as u64;
            let end = End {
                group: header.first,
                last_frame: offset,
                valid: after,
                ..end
            };
            self.reading = Some((end, after));
            let from = self.from;
            let entries = (header.first..).zip(entries);
            let wanted = entries.filter(|(at, _)| *at >= from);
            let pieces = wanted.map(|(at, entry)| Piece::Entry(Position::new(at), entry));
            self.ready.extend(pieces);
        } else {
            let name = name(end.segment);
            self.ready
                .push_back(Piece::Damaged(Place::Frame { name, offset }));
            let resumed = self.window.next_frame(end.segment, offset + 1)?;
            self.reading = Some((end, resumed));
        }
        Ok(true)
    }

    fn next_segment(&mut self) -> bool {
        let Some(segment) = self.segments.pop_front() else {
            return false;
        };
        let end = End {
            segment,
            group: self.reading.map_or(0, |(end, _)| end.group),
            last_frame: 0,
            valid: 0,
        };
        self.reading = Some((end, 0));
        true
    }
}

impl Iterator for JournalScan {
    type Item = Result<Piece, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Some(Ok(piece));
            }
            match self.step() {
                Ok(true) => {}
                Ok(false) => return None,
                // Dropped while it was read: what it held is sealed elsewhere.
                Err(error) if error.is_absent() => {
                    if !self.next_segment() {
                        return None;
                    }
                }
                Err(error) => {
                    self.segments.clear();
                    self.reading = None;
                    return Some(Err(error));
                }
            }
        }
    }
}

/// A stretch of one file in memory.
struct Window {
    files: Arc<dyn Files>,
    segment: u64,
    start: u64,
    bytes: Bytes,
}

impl Window {
    fn new(files: Arc<dyn Files>) -> Self {
        Self {
            files,
            segment: 0,
            start: 0,
            bytes: Bytes::new(),
        }
    }

    /// `length` bytes from `offset` on; fewer where the file ends.
    fn read(&mut self, segment: u64, offset: u64, length: usize) -> Result<Bytes, StorageError> {
        let within = |window: &Self| {
            let start = usize::try_from(offset.checked_sub(window.start)?).ok()?;
            let end = start.checked_add(length)?;
            let held = window.segment == segment && end <= window.bytes.len();
            held.then(|| window.bytes.slice(start..end))
        };
        if let Some(bytes) = within(self) {
            return Ok(bytes);
        }
        let limit = length.max(WINDOW_BYTES);
        self.bytes = self.files.read_at(&name(segment), offset, limit)?.into();
        self.segment = segment;
        self.start = offset;
        Ok(within(self).unwrap_or_else(|| self.bytes.clone()))
    }

    /// The frame at `offset`, if there is a whole one.
    fn frame(
        &mut self,
        segment: u64,
        offset: u64,
    ) -> Result<Option<(Header, Vec<Bytes>)>, StorageError> {
        let header = self.read(segment, offset, HEADER_BYTES)?;
        let Some(header) = Header::parse(&header) else {
            return Ok(None);
        };
        let bytes = self.read(segment, offset, header.frame_bytes())?;
        Ok(header.entries(bytes).map(|entries| (header, entries)))
    }

    /// The offset of the next whole frame at or after `offset`, else the
    /// file's end. Whole frames after a bad one tell damage from a torn tail.
    fn next_frame(&mut self, segment: u64, mut offset: u64) -> Result<u64, StorageError> {
        loop {
            let bytes = self.read(segment, offset, WINDOW_BYTES)?;
            if bytes.len() < HEADER_BYTES {
                return Ok(offset + bytes.len() as u64);
            }
            let candidates = bytes.windows(MAGIC.len()).enumerate();
            let candidates = candidates.filter(|(_, bytes)| bytes == MAGIC);
            for (index, _) in candidates {
                let candidate = offset + index as u64;
                if self.frame(segment, candidate)?.is_some() {
                    return Ok(candidate);
                }
            }
            // A frame's beginning may lie across the edge of the window.
            offset += (bytes.len() + 1 - MAGIC.len()) as u64;
        }
    }
}

const _: () = assert!(PAYLOAD_BYTES_MAX <= u32::MAX as usize);
