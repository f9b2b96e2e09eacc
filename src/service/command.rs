//! What came of a command, by its correlation id.

use std::ops::RangeInclusive;

use super::ReadError;
use super::scan::{EventScan, SCAN_EVENTS_MAX};
use super::service::Service;
use crate::domain::{Correlation, Event, Position, Timestamp};
use crate::log::record;

impl Service {
    /// What came of the commands of a correlation id, in the order of the log: the events after a
    /// position that are wanted, at most `limit` of them.
    ///
    /// A client's own id is found by an index. One that the service made holds its time, and the
    /// events of the minute after it are searched, the first [`SCAN_EVENTS_MAX`] of them.
    ///
    /// # Errors
    /// [`ReadError::TooBroad`] where it is none of those and there are more, [`ReadError`] where the log
    /// can't give one.
    pub fn command(
        &self,
        correlation: &Correlation,
        after: Position,
        limit: usize,
        wanted: &dyn Fn(&Event) -> bool,
    ) -> Result<EventScan, ReadError> {
        let indexed: Vec<Position> = self.shared.contacts.read().commands(correlation);
        let mut scan = EventScan {
            last: after,
            ..EventScan::default()
        };
        for first in indexed {
            self.of_command(correlation, first, &mut scan, limit, wanted)?;
        }
        if let Some(times) = correlation.times()
            && let Some(first) = self.made_command(correlation, &times)?
        {
            self.of_command(correlation, first, &mut scan, limit, wanted)?;
        }
        Ok(scan)
    }

    /// The first event of a correlation id that the service made at one of these times.
    fn made_command(
        &self,
        correlation: &Correlation,
        times: &RangeInclusive<Timestamp>,
    ) -> Result<Option<Position>, ReadError> {
        let before = Timestamp::from_millis(times.start().millis().saturating_sub(1));
        let first = self.position_at(before)?.next();
        let last = self.position_at(*times.end())?;
        if first > last {
            return Ok(None);
        }
        let looked_at = last.min(first.plus(SCAN_EVENTS_MAX - 1));
        for entry in self.shared.reader.scan(first, looked_at) {
            let (position, bytes) = entry?;
            if record::decode(&bytes)?.event.header.correlation == *correlation {
                return Ok(Some(position));
            }
        }
        match looked_at == last {
            true => Ok(None),
            false => Err(ReadError::TooBroad {
                limit: usize::try_from(SCAN_EVENTS_MAX).unwrap_or(usize::MAX),
            }),
        }
    }

    /// Adds the events of one command, which stand in the log one after the other from its first, as
    /// far as they come after the last that was looked at: the command before may have run into it.
    fn of_command(
        &self,
        correlation: &Correlation,
        first: Position,
        scan: &mut EventScan,
        limit: usize,
        wanted: &dyn Fn(&Event) -> bool,
    ) -> Result<(), ReadError> {
        let from = first.max(scan.last.next());
        let settled = self.settled();
        if from > settled {
            return Ok(());
        }
        for entry in self.shared.reader.scan(from, settled) {
            let (position, bytes) = entry?;
            let record = record::decode(&bytes)?;
            if record.event.header.correlation != *correlation || scan.records.len() >= limit {
                break;
            }
            scan.last = position;
            if wanted(&record.event) {
                scan.records.push(record);
            }
        }
        Ok(())
    }
}
