//! The service itself: commands go in here, one at a time or many at once, and it is stopped here.

use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};

use super::catch_up::CatchUp;
use super::guard::{Guard, Seen};
use super::handled::{Committed, Handled};
use super::job::Job;
use super::look::Looking;
use super::meters::Meters;
use super::read_audit::ReadAudit;
use super::saved_view::Keeper;
use super::scrub::{Scrub, Scrubbed};
use super::shared::Shared;
use super::view_state::{LAG_EVENTS_MAX, ViewStatus};
use super::views::Views;
use super::{ReadError, SubmitError, replay};
use crate::audit::{Tiles, VerifierKey};
use crate::domain::{Closed, Command, Position, Timestamp};
use crate::keys::CursorKey;
use crate::projection::View;
use crate::storage::Room;

/// A running service: the one place through which contacts are changed and read. Clones share it.
#[derive(Clone)]
pub struct Service {
    pub(super) shared: Arc<Shared>,
    queue: Arc<Mutex<Option<mpsc::Sender<Job>>>>,
    queue_limit: usize,
    writer: Arc<Mutex<Option<JoinHandle<()>>>>,
    views: Arc<Views>,
    keeper: Arc<Keeper>,
    looking: Looking,
    pub(super) scrub: Arc<OnceLock<Scrub>>,
}

impl Service {
    /// The door to a writer that runs and to the views that follow it.
    pub(super) fn new(
        shared: Arc<Shared>,
        (queue, queue_limit): (mpsc::Sender<Job>, usize),
        writer: JoinHandle<()>,
        views: Arc<Views>,
        keeper: Keeper,
    ) -> Self {
        Self {
            shared,
            queue: Arc::new(Mutex::new(Some(queue))),
            queue_limit,
            writer: Arc::new(Mutex::new(Some(writer))),
            views,
            keeper: Arc::new(keeper),
            looking: Looking::default(),
            scrub: Arc::default(),
        }
    }

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

    /// The key that seals what a cursor holds of a person.
    #[must_use]
    pub fn cursor_key(&self) -> Arc<CursorKey> {
        self.shared.cursors.clone()
    }

    /// The code by which a process shows another one over a copy of this log that it has the log's
    /// keys.
    #[must_use]
    pub fn code_of(&self, parts: &[&[u8]]) -> [u8; 16] {
        self.shared.hasher.code(parts)
    }

    /// Records a read. Nobody waits for it, and where the queue is full it is not recorded.
    ///
    /// # Errors
    /// [`SubmitError::Overloaded`] or [`SubmitError::ReadOnly`].
    pub fn record_read(&self, trail: ReadAudit) -> Result<(), SubmitError> {
        self.enqueue(Job::Read(Box::new(trail)))
    }

    /// The number of commands that wait for the writer.
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

    /// The last position up to which the log stands for good: what leaves and can't be taken back,
    /// such as an event or a signature, ends there. Alone it is the head.
    #[must_use]
    pub fn settled(&self) -> Position {
        self.shared.settled()
    }

    /// Follows the last position up to which the log stands for good.
    #[must_use]
    pub fn follow_settled(&self) -> watch::Receiver<Position> {
        self.shared.settled.subscribe()
    }

    /// Reads the log as bytes, record by record.
    #[must_use]
    pub fn reader(&self) -> &crate::log::Reader {
        &self.shared.reader
    }

    /// The inline view's bytes: the same for every fold of the same log.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        self.shared.contacts.read().to_snapshot()
    }

    /// The reason for which the log takes no commands; `None` while it takes them.
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        self.shared.closed(false)
    }

    /// Watches from now on over the room on the disk and over the clock.
    ///
    /// # Errors
    /// The system gave no thread.
    pub fn watch(&self, room: Arc<dyn Room>, accept_clock: bool) -> std::io::Result<()> {
        let guard = Guard::start(room, accept_clock)?;
        // There is one watch; a second one would see the same.
        drop(self.shared.guard.set(guard));
        Ok(())
    }

    /// What is seen of the disk and the clock, where somebody watches.
    #[must_use]
    pub fn seen(&self) -> Option<Seen> {
        self.shared.guard.get().map(|guard| guard.seen())
    }

    /// Reads the sealed files and the keys again and again from now on, and mends what is damaged.
    ///
    /// # Errors
    /// The system gave no thread.
    pub fn scrub(&self, tiles: Tiles, key: VerifierKey) -> std::io::Result<()> {
        let scrub = Scrub::start(self.shared.clone(), tiles, key)?;
        if let Err(second) = self.scrub.set(scrub) {
            second.stop();
        }
        Ok(())
    }

    /// What was found of damage, where somebody looks for it.
    #[must_use]
    pub fn scrubbed(&self) -> Option<Scrubbed> {
        self.scrub.get().map(Scrub::found)
    }

    /// What the writer measures.
    #[must_use]
    pub fn meters(&self) -> &Meters {
        &self.shared.meters
    }

    /// The number of commands that may wait.
    #[must_use]
    pub const fn queue_limit(&self) -> usize {
        self.queue_limit
    }

    /// The time of the last event.
    #[must_use]
    pub fn last_time(&self) -> Timestamp {
        self.shared.contacts.read().time()
    }

    /// Looks for something that may take its time, once there is a place for it.
    ///
    /// # Errors
    /// [`ReadError::Busy`] where there was no place for so long; otherwise as `ask`.
    pub async fn look<T: Send + 'static>(
        &self,
        patience: Duration,
        ask: impl FnOnce(&Self) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let place = self.looking.place(patience).await?;
        let service = self.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let _place = place;
            ask(&service)
        });
        looked
            .await
            .unwrap_or_else(|error| Err(ReadError::Fault(error.to_string())))
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
        self.keeper.stop();
        self.views.stop();
        if let Some(scrub) = self.scrub.get() {
            scrub.stop();
        }
        if let Some(guard) = self.shared.guard.get() {
            guard.stop();
        }
    }

    /// The views that follow the log beside the writer.
    #[must_use]
    pub fn views(&self) -> &Views {
        &self.views
    }

    /// Starts another view that follows the log until it is dropped.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn follow_with<V: View>(&self) -> std::io::Result<CatchUp<V>> {
        CatchUp::start(self.shared.clone(), None)
    }

    /// Whether every view that goes on is close to the head. One that an event has stopped is not
    /// waited for: the rest of the service goes on without it.
    #[must_use]
    pub fn views_caught_up(&self) -> bool {
        let head = self.head();
        let close = |status: &ViewStatus| status.position.plus(LAG_EVENTS_MAX) >= head;
        let statuses = self.views.statuses();
        statuses
            .iter()
            .all(|status| status.stopped.is_some() || close(status))
    }

    /// The way to the writer; `None` once the service is being stopped.
    pub(super) fn sender(&self) -> Option<mpsc::Sender<Job>> {
        self.queue.lock().clone()
    }

    fn enqueue(&self, job: Job) -> Result<(), SubmitError> {
        if let Some(closed) = self.shared.closed(job.erases()) {
            return Err(SubmitError::ReadOnly(closed));
        }
        if self.shared.follows() {
            return Err(SubmitError::ReadOnly(Closed::Follows));
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
