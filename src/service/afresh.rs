//! The catch-up views made of the whole log beside the view of contacts: each event is read, decoded
//! and opened once for all of them.
//!
//! Where nothing is kept of any view, each would read the whole log by itself. Here they are folded on
//! a thread of their own, which is handed the events in lots, so that a view that sorts or waits for
//! the disk keeps nobody else waiting.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::{OpenError, ReadError};
use crate::domain::Event;
use crate::projection::{Chore, Home, KeepError, SearchIndex, Statistics, View};

/// Events that are handed over together.
const LOT_EVENTS: usize = 512;
/// Lots that wait to be folded: as many events as come while the search view writes a file.
const LOTS_WAITING: usize = 64;

/// The words that the search view takes from an event's content; `None` of an event without one.
pub type Words = <SearchIndex as View>::Extract;

type Lot = Vec<(Event, Words)>;
type Folding = JoinHandle<Result<Made, OpenError>>;

/// The catch-up views in the making. Dropped, they are given up.
pub struct Afresh {
    lot: Lot,
    thread: Option<(SyncSender<Lot>, Folding)>,
}

/// Views that have folded all they were handed.
struct Made(SearchIndex, Statistics);

impl Afresh {
    /// Begins before the first event. What was kept of the views is destroyed.
    ///
    /// # Errors
    /// The disk refused, or the system gave no thread.
    pub fn begin(home: &Home) -> Result<Self, OpenError> {
        let made = Made(SearchIndex::afresh(home)?, Statistics::afresh(home)?);
        let (lots, waiting) = sync_channel(LOTS_WAITING);
        let thread = std::thread::Builder::new().name("views".into());
        let thread = thread.spawn(move || made.fold(&waiting));
        Ok(Self {
            lot: Vec::with_capacity(LOT_EVENTS),
            thread: Some((lots, thread.map_err(OpenError::Thread)?)),
        })
    }

    /// Takes the next event, with what was taken from its content.
    pub fn fold(&mut self, event: Event, words: Words) {
        self.lot.push((event, words));
        if self.lot.len() == LOT_EVENTS {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        let lot = std::mem::replace(&mut self.lot, Vec::with_capacity(LOT_EVENTS));
        if let Some((lots, _)) = &self.thread {
            // A thread that has ended says why when it is waited for.
            lots.send(lot).ok();
        }
    }

    /// Keeps the views for whoever opens them next.
    ///
    /// # Errors
    /// An event could not be folded, or the disk refused. Nothing was kept then.
    pub fn keep(mut self) -> Result<(), OpenError> {
        self.hand_over();
        let Made(mut search, mut statistics) = self.end()?;
        keep(&mut search)?;
        Ok(keep(&mut statistics)?)
    }

    /// Waits until everything is folded.
    fn end(&mut self) -> Result<Made, OpenError> {
        let ended = self.thread.take().and_then(|(lots, thread)| {
            drop(lots);
            thread.join().ok()
        });
        let fault = || ReadError::Fault("the thread of a view ended".to_owned());
        ended.ok_or_else(fault)?
    }
}

impl Drop for Afresh {
    fn drop(&mut self) {
        if let Some(Ok(Made(mut search, _))) = self.thread.is_some().then(|| self.end())
            && let Err(error) = search.discard()
        {
            tracing::warn!(%error, "files of a view are left to the next start");
        }
    }
}

impl Made {
    fn fold(mut self, lots: &Receiver<Lot>) -> Result<Self, OpenError> {
        let Self(search, statistics) = &mut self;
        for lot in lots {
            for (event, words) in lot {
                let position = event.header.position;
                let folded = search.fold(&event, words);
                let folded = folded.and_then(|()| statistics.fold(&event, ()));
                folded.map_err(|cause| OpenError::Fold { position, cause })?;
            }
            // A file is waited for when it is whole, and not piece by piece.
            while !matches!(search.tend()?, Chore::Nothing) {}
        }
        Ok(self)
    }
}

fn keep<V: View>(view: &mut V) -> Result<(), KeepError> {
    view.keep()?;
    view.take_over(&mut V::new())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use uuid::Uuid;

    use super::*;
    use crate::domain::{
        ContactId, DialectId, EventId, Header, Operation, Owner, Phase, Position, Timestamp,
    };
    use crate::service::VIEWS;
    use crate::service::tests::keys;
    use crate::storage::{Disk, SimDisk};

    /// An event that created a contact of which nobody can read anything.
    fn created(number: u64) -> Event {
        let id = Uuid::from_u128(number.into());
        let time = Timestamp::from_millis(number);
        let owner = Owner::new(DialectId(1), &["acme"]).unwrap();
        let position = Position::new(number);
        let header = Header {
            contact: Some(ContactId(id)),
            ..Header::new(position, EventId(id), time, Operation::Create, owner)
        };
        let phase = Phase::Success { erasure: None };
        Event { header, phase }
    }

    #[test]
    fn what_is_given_up_leaves_no_file_and_no_thread() {
        let disk = SimDisk::new(1);
        let home = Home {
            files: disk.files(VIEWS).unwrap(),
            keys: keys(&disk).0.file_keys(),
            numbers: Arc::new(AtomicU64::new(1)),
        };
        let mut afresh = Afresh::begin(&home).unwrap();
        // The search view writes its first file after 32,768 contacts.
        for number in 1..=33_000 {
            afresh.fold(created(number), None);
        }
        drop(afresh);
        assert_eq!(Arc::strong_count(&home.numbers), 1, "its thread has ended");
        assert_eq!(home.numbers.load(Ordering::Relaxed), 2, "it wrote a file");
        assert_eq!(home.files.list().unwrap(), [""; 0]);
    }
}
