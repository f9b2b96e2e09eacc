//! The one door to contacts: submit, read, follow.
//!
//! Commands wait in a bounded queue for the one writer, which judges a group
//! of them, puts their events on the disk, folds them into the inline view and
//! only then answers. Reads look at the view and open contents from the log;
//! they never wait for the writer.
//!
//! | file | what |
//! | --- | --- |
//! | `open` | a data directory becomes a service |
//! | `writer` | the thread that takes groups of commands |
//! | `judge`, `lookup`, `overlay` | what comes of a group, before it is durable |
//! | `clock` | time and ids |
//! | `read`, `replay` | contacts and events; answers made again |
//! | `auditor` | sealing what is durable, beside the writer |
//! | `catch_up`, `views` | views that follow the log on threads of their own |
//! | `recent` | the newest events in memory, for those who follow |
//! | `shared` | what the writer and the readers share |

mod auditor;
mod catch_up;
mod check;
mod clock;
mod error;
mod handler;
mod load;
mod missing_keys;
mod open;
mod overlay;
mod read;
mod recent;
mod replay;
mod shared;
mod views;
mod writer;

use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};

pub use auditor::{Audit, AuditError, Signed};
pub use catch_up::{CatchUp, Stop, ViewError, ViewStatus};
pub use check::{Checked, check_records};
pub use clock::{Clock, now, system_clock};
pub use error::{ReadError, SubmitError};
pub use missing_keys::mark_keys_lost;
pub use open::{OpenError, Opening, Options, SNAPSHOT, VIEWS, open, rebuild_views};
pub use read::{EventScan, Found, LIST_CONTACTS_MAX, SCAN_EVENTS_MAX};
pub use shared::Body;
pub use views::{LAG_EVENTS_MAX, NoSuchView, Views};

use crate::domain::{
    Closed, Command, ContactId, Context, ListRange, Operation, Outcome, Owner, Position, VendorKey,
};
use handler::Handled;
use shared::Shared;
use writer::Job;

/// The service. Clones share everything.
#[derive(Clone)]
pub struct Service {
    shared: Arc<Shared>,
    queue: Arc<Mutex<Option<mpsc::Sender<Job>>>>,
    queue_limit: usize,
    writer: Arc<Mutex<Option<JoinHandle<()>>>>,
    views: Arc<Views>,
}

/// What came of a command: on the disk, and in the inline view.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The position of its last outcome.
    pub position: Position,
    /// How each attempt ended, in order.
    pub outcomes: Vec<Outcome>,
}

impl Committed {
    /// Whether any attempt was refused.
    #[must_use]
    pub fn any_refused(&self) -> bool {
        self.outcomes
            .iter()
            .any(|outcome| matches!(outcome, Outcome::Refused { .. }))
    }
}

/// A read that the audit trail records, though nobody waits for it.
#[derive(Clone, Debug)]
pub struct ReadAudit {
    /// Whose contacts were read.
    pub owner: Owner,
    /// By whom.
    pub context: Context,
    /// One contact or a list.
    pub operation: Operation,
    /// Which contact, where it was there.
    pub contact: Option<(ContactId, VendorKey)>,
    /// Which part of a list was asked for.
    pub asked: Option<ListRange>,
    /// Which part of it was given.
    pub given: Option<ListRange>,
    /// Whether what was asked for was there.
    pub found: bool,
}

impl Service {
    /// Submits a command and waits until its outcome is on the disk.
    ///
    /// # Errors
    /// [`SubmitError`]; all but `OutcomeUnknown` mean that nothing has happened.
    pub async fn submit(&self, command: Command) -> Result<Committed, SubmitError> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(Job::Command {
            command: Box::new(command),
            reply,
        })?;
        match answer.await.map_err(|_| SubmitError::OutcomeUnknown)?? {
            Handled::Committed(committed) => Ok(committed),
            Handled::Replayed { entry, attempts } => {
                Ok(replay::replay(&self.shared, entry, &attempts)?)
            }
            Handled::Unchanged(position) => Ok(replay::outcome(&self.shared, position)?),
        }
    }

    /// Records a read. Nobody waits for it, and where the queue is full it is not recorded.
    ///
    /// # Errors
    /// [`SubmitError::Overloaded`] or [`SubmitError::ReadOnly`].
    pub fn record_read(&self, trail: ReadAudit) -> Result<(), SubmitError> {
        self.enqueue(Job::Read(Box::new(trail)))
    }

    /// How many commands are waiting.
    #[must_use]
    pub fn queued(&self) -> usize {
        let queue = self.queue.lock();
        queue
            .as_ref()
            .map_or(0, |queue| self.queue_limit.saturating_sub(queue.capacity()))
    }

    /// The last position that is on the disk and in the inline view.
    #[must_use]
    pub fn head(&self) -> Position {
        self.shared.head()
    }

    /// Follows the last position that is on the disk and in the inline view.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<Position> {
        self.shared.head.subscribe()
    }

    /// The log itself, as bytes.
    #[must_use]
    pub fn reader(&self) -> &crate::log::Reader {
        &self.shared.reader
    }

    /// The inline view's bytes: the same for every fold of the same log.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        self.shared.contacts.read().to_snapshot()
    }

    /// Why the log takes no commands; `None` while it takes them.
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        self.shared.closed()
    }

    /// Takes no more commands, finishes those that wait, and returns when the writer has stopped.
    /// It blocks: call it where that is allowed.
    pub fn stop(&self) {
        drop(self.queue.lock().take());
        let writer = self.writer.lock().take();
        if let Some(writer) = writer
            && writer.join().is_err()
        {
            tracing::error!("the writer ended by a fault");
        }
        self.views.stop();
    }

    fn enqueue(&self, job: Job) -> Result<(), SubmitError> {
        if let Some(closed) = self.shared.closed() {
            return Err(SubmitError::ReadOnly(closed));
        }
        let queue = self.queue.lock();
        let stopping = SubmitError::ReadOnly(Closed::Stopping);
        let queue = queue.as_ref().ok_or(stopping)?;
        queue.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => SubmitError::Overloaded {
                limit: self.queue_limit,
            },
            mpsc::error::TrySendError::Closed(_) => SubmitError::ReadOnly(Closed::Failed),
        })
    }
}
