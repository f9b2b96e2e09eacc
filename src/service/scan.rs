//! Events in the order of the log, a page at a time.

use bytes::Bytes;

use super::ReadError;
use super::in_order::in_order;
use super::recent::RecentEvent;
use super::service::Service;
use crate::domain::{Event, Position, Timestamp};
use crate::log::record::{self, Record};

/// The most events that one query looks at.
pub const SCAN_EVENTS_MAX: u64 = 100_000;
/// A page ends once the records that are in it have so many bytes, however many more were asked for:
/// a record may have 48 KiB, and a page a thousand of them.
pub const PAGE_BYTES_MAX: usize = 4 << 20;

/// Events in a range, with the last position looked at.
#[derive(Debug, Default)]
pub struct EventScan {
    /// The records of the events that were wanted.
    pub records: Vec<Record>,
    /// The last position that was looked at.
    pub last: Position,
    /// Whether it ended for the bytes of what was found, before its limit.
    pub cut: bool,
}

impl Service {
    /// Events after a position, oldest first: those that are wanted, at most `limit` or
    /// [`PAGE_BYTES_MAX`], looking at no more than [`SCAN_EVENTS_MAX`], up to what is settled now.
    ///
    /// # Errors
    /// [`ReadError`] where the log can't give one.
    pub fn events_after(
        &self,
        after: Position,
        limit: usize,
        wanted: &dyn Fn(&Event) -> bool,
    ) -> Result<EventScan, ReadError> {
        let to = self.settled().min(after.plus(SCAN_EVENTS_MAX));
        let mut scan = EventScan {
            last: after,
            ..EventScan::default()
        };
        if after >= to {
            return Ok(scan);
        }
        let mut found = 0;
        for entry in self.shared.reader.scan(after.next(), to) {
            let (position, bytes) = entry?;
            let record = record::decode(&bytes)?;
            scan.last = position;
            if wanted(&record.event) {
                scan.records.push(record);
                found += bytes.len();
                scan.cut = found > PAGE_BYTES_MAX;
                if scan.cut || scan.records.len() >= limit {
                    break;
                }
            }
        }
        Ok(scan)
    }

    /// Shows the records after a position up to another, in order, until `show` wants no more.
    ///
    /// # Errors
    /// [`ReadError`] where the log can't give one, or `show` fails.
    pub fn each(
        &self,
        after: Position,
        to: Position,
        mut show: impl FnMut(Record) -> Result<bool, ReadError>,
    ) -> Result<(), ReadError> {
        for entry in self.shared.reader.scan(after.next(), to) {
            let (_, bytes) = entry?;
            if !show(record::decode(&bytes)?)? {
                break;
            }
        }
        Ok(())
    }

    /// Does `work` on the records after a position up to another on all processors, and `take`s
    /// what comes of it in the order of the log. It ends at the first error of either.
    ///
    /// # Errors
    /// Those of `work` and `take`, and [`ReadError`] where the log can't be read.
    pub fn on_all_processors<T: Send, E: From<ReadError> + Send>(
        &self,
        after: Position,
        to: Position,
        work: impl Fn(Record) -> Result<T, E> + Sync,
        take: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        let work = |_, bytes: Bytes| work(record::decode(&bytes).map_err(ReadError::from)?);
        in_order(&self.shared.reader, (after.next(), to), work, take)
    }

    /// The next events after a position from memory, at most `limit`, where all of them are new
    /// enough to be there; `None` where the log has to be read.
    #[must_use]
    pub fn recent_after(&self, after: Position, limit: u64) -> Option<Vec<RecentEvent>> {
        let to = self.settled().min(after.plus(limit));
        self.shared.recent.between(after, to)
    }

    /// Events before a position, newest first, as [`Service::events_after`].
    ///
    /// # Errors
    /// [`ReadError`] where the log can't give one.
    pub fn events_before(
        &self,
        before: Option<Position>,
        limit: usize,
        wanted: &dyn Fn(&Event) -> bool,
    ) -> Result<EventScan, ReadError> {
        const STEP: u64 = 512;
        let settled = self.settled();
        let mut end = before.map_or(settled, |before| before.previous().min(settled));
        let floor = end.get().saturating_sub(SCAN_EVENTS_MAX);
        let mut scan = EventScan {
            last: before.unwrap_or_else(|| settled.next()),
            ..EventScan::default()
        };
        let mut found = 0;
        while end.get() > floor && scan.records.len() < limit {
            let start = Position::new(end.get().saturating_sub(STEP).max(floor)).next();
            let page: Result<Vec<_>, _> = self.shared.reader.scan(start, end).collect();
            for (position, bytes) in page?.into_iter().rev() {
                let record = record::decode(&bytes)?;
                scan.last = position;
                if wanted(&record.event) {
                    scan.records.push(record);
                    found += bytes.len();
                    scan.cut = found > PAGE_BYTES_MAX;
                    if scan.cut || scan.records.len() >= limit {
                        return Ok(scan);
                    }
                }
            }
            end = start.previous();
        }
        Ok(scan)
    }

    /// The last position whose event is not later than a time.
    ///
    /// # Errors
    /// [`ReadError`] where the log can't be read.
    pub fn position_at(&self, time: Timestamp) -> Result<Position, ReadError> {
        let (mut low, mut high) = (0, self.head().get());
        while low < high {
            let middle = high - (high - low) / 2;
            let record = self.shared.record(Position::new(middle))?;
            if record.event.header.time <= time {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        Ok(Position::new(low))
    }
}
