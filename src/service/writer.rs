//! The one thread that writes: takes what is waiting, judges it, puts it on the disk, answers.
//!
//! The group makes itself: while one is being synced the next one gathers, and
//! a lone command waits for nobody. An append that failed half-way closes the
//! log: what is on the disk is then not known, so nothing is taken any more and
//! those who wait are told that their outcome is unknown. One that could not
//! begin, for want of room or of descriptors, or that got no place, changed
//! nothing: those who wait are told so, and the next group is tried.
//!
//! Before the disk takes a group it is given its place ([`Order`]). Its replies
//! are parked where it ends, and leave once the log is settled up to there.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use tokio::sync::mpsc;

use super::SubmitError;
use super::clock::Sequencer;
use super::group::Pending;
use super::handled::{Handled, Reply, answer};
use super::handler::CommandHandler;
use super::key_copy::KeyCopy;
use super::meters::Meters;
use super::order::{Judged, NotOrdered, Order};
use super::read_audit::ReadAudit;
use super::recent::RecentEvent;
use super::shared::Shared;
use super::views::Views;
use crate::domain::{Action, Attempt, Closed, Command, ContactId, Operation};
use crate::keys::{Slot, SlotError};
use crate::log::{AppendError, Appender};
use crate::projection::{FoldError, KeepError};
use crate::storage::StorageError;

/// The most commands in one group.
const GROUP_COMMANDS_MAX: usize = 1_024;
/// A group is closed when it has grown to this.
const GROUP_BYTES_MAX: usize = 4 << 20;

/// A request that waits for the writer.
pub enum Job {
    /// A command, and where its outcome goes.
    Command {
        /// The command to be decided.
        command: Box<Command>,
        /// The channel on which its outcome is sent.
        reply: Reply,
    },
    /// A read that is to be recorded.
    Read(Box<ReadAudit>),
}

impl Job {
    /// Whether it destroys personal data and does nothing else: that is possible for longer than
    /// other writes are.
    pub fn erases(&self) -> bool {
        let erases = |attempt: &Attempt| matches!(attempt.action, Ok(Action::Erase { .. }));
        match self {
            Self::Command { command, .. } => command.attempts.iter().all(erases),
            Self::Read(_) => false,
        }
    }
}

/// The writer, which owns the log's writing end.
pub struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) appender: Appender,
    pub(super) key_copy: KeyCopy,
    pub(super) sequencer: Sequencer,
    pub(super) queue: mpsc::Receiver<Job>,
    /// The views that follow, which must forget whoever is erased.
    pub(super) catch_up: Arc<Views>,
    /// Gives each group its place.
    pub(super) order: Arc<dyn Order>,
    /// The number of replies that may wait until the log is settled, but for those of one group.
    pub(super) parked_max: usize,
}

/// A group, judged: its events, and who waits for what.
struct Group {
    pending: Vec<Pending>,
    waiting: Vec<(Reply, Handled)>,
    /// The slot behind those of the contacts that there are with this group.
    next_slot: Slot,
}

impl Writer {
    /// Starts the thread, which writes until the queue is closed and empty, or the log fails.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(self) -> io::Result<JoinHandle<()>> {
        let thread = thread::Builder::new().name("writer".into());
        thread.spawn(move || self.run())
    }

    fn run(mut self) {
        while let Some(job) = self.queue.blocking_recv() {
            let begun = Instant::now();
            let Group {
                pending,
                waiting,
                next_slot,
            } = self.handler(job);
            let events = pending.len();
            match self.commit(pending, next_slot) {
                Ok(()) => {
                    self.measure(begun, events);
                    if let Some(guard) = self.shared.guard.get() {
                        guard.settle();
                    }
                    self.shared.parked.park(self.shared.head(), waiting);
                    self.shared.parked.release(self.shared.settled());
                    self.wait_for_views(events);
                }
                Err(error) => match error.nothing_happened() {
                    Some(closed) => {
                        tracing::warn!(%error, "a group of commands was not taken");
                        let next = self.shared.contacts.read().next_slot();
                        self.shared.keys.forget_drawn(next);
                        for (reply, _) in waiting {
                            answer(reply, Err(SubmitError::ReadOnly(closed)));
                        }
                    }
                    None => {
                        tracing::error!(%error, "the log failed; no more commands are taken");
                        // Whoever is told so finds the log closed.
                        *self.shared.closed.lock() = Some(Closed::Failed);
                        self.shared.parked.give_up();
                        for (reply, _) in waiting {
                            answer(reply, Err(SubmitError::OutcomeUnknown));
                        }
                        self.refuse_all();
                        return;
                    }
                },
            }
        }
        self.shared.parked.give_up();
    }

    /// Notes how long a group took.
    fn measure(&self, begun: Instant, events: usize) {
        if events > 0 {
            let Meters {
                commit_seconds,
                sync_seconds,
                group_events,
                slowed_seconds: _,
            } = &self.shared.meters;
            commit_seconds.observe(begun.elapsed().as_secs_f64());
            sync_seconds.observe(self.appender.took().as_secs_f64());
            group_events.observe(events as f64);
        }
    }

    /// Lets a view come closer that is far behind: the next commands wait a little for it.
    fn wait_for_views(&self, events: usize) {
        let pause = self.catch_up.pause_after(events, self.shared.head());
        if !pause.is_zero() {
            thread::sleep(pause);
            let slowed = &self.shared.meters.slowed_seconds;
            slowed.inc_by(pause.as_secs_f64());
        }
    }

    /// Judges a job and everything that waits behind it, up to a limit.
    fn handler(&mut self, first: Job) -> Group {
        let shared = self.shared.clone();
        let contacts = shared.contacts.read();
        let next = self.appender.next();
        // One look at the clock is judged and recorded: another could come after a jump.
        let said = self.sequencer.read();
        let guard = shared.guard.get();
        if guard.is_none_or(|guard| guard.believes(said)) {
            self.sequencer.advance(said);
        }
        let mut handler = CommandHandler::new(&shared, &contacts, &mut self.sequencer, next);
        let mut waiting = Vec::new();
        let is_crowded = shared.parked.len() >= self.parked_max;
        let mut job = Some(first);
        let mut taken = 0;
        while let Some(next) = job {
            let closed = shared.closed(next.erases());
            match next {
                Job::Command { reply, .. } if closed.is_some() => {
                    let closed = closed.unwrap_or(Closed::Failed);
                    answer(reply, Err(SubmitError::ReadOnly(closed)));
                }
                Job::Read(_) if closed.is_some() => {}
                Job::Command { reply, .. } if is_crowded => {
                    let limit = self.parked_max;
                    answer(reply, Err(SubmitError::Overloaded { limit }));
                }
                Job::Command { command, reply } => match handler.command(*command) {
                    Ok(handled) => waiting.push((reply, handled)),
                    Err(error) => answer(reply, Err(error)),
                },
                Job::Read(trail) => {
                    if let Err(error) = handler.read(&trail) {
                        tracing::warn!(%error, "a read was not recorded");
                    }
                }
            }
            taken += 1;
            let full = taken >= GROUP_COMMANDS_MAX || handler.bytes() >= GROUP_BYTES_MAX;
            job = if full {
                None
            } else {
                self.queue.try_recv().ok()
            };
        }
        Group {
            next_slot: handler.next_slot(),
            pending: handler.into_pending(),
            waiting,
        }
    }

    /// Gives a group its place, puts it on the disk and folds it. The keys of its new contacts go
    /// first, for without its key a contact is lost; their second copy is synced beside the log.
    fn commit(&mut self, pending: Vec<Pending>, next_slot: Slot) -> Result<(), CommitError> {
        if pending.is_empty() {
            return Ok(());
        }
        let keys = &self.shared.keys;
        let has_keys = keys.store(next_slot).map_err(CommitError::Store)?;
        let entries: Vec<&[u8]> = pending.iter().map(|p| p.bytes.as_slice()).collect();
        self.order.order(&Judged {
            first: self.appender.next(),
            entries: &entries,
            slots: self.shared.contacts.read().next_slot()..next_slot,
        })?;
        let appender = &mut self.appender;
        if has_keys {
            let (appended, copied) = self.key_copy.beside(|| appender.append(&entries));
            appended?;
            copied.map_err(CommitError::Copy)?;
        } else {
            appender.append(&entries)?;
        }
        self.fold(pending)
    }

    /// Folds a durable group into the inline view, and destroys the keys of the erased.
    fn fold(&mut self, pending: Vec<Pending>) -> Result<(), CommitError> {
        let mut erased = Vec::new();
        let mut slots = Vec::new();
        for Pending { event, slot, .. } in &pending {
            let erases = event.header.operation == Operation::Erase;
            if let (true, Some(slot)) = (erases, *slot) {
                slots.push(slot);
                erased.extend(event.header.contact);
            }
        }
        if !slots.is_empty() {
            self.shared.keys.erase_all(&slots)?;
            self.shared.versions.forget();
            self.catch_up.forget(&erased)?;
        }
        let mut contacts = self.shared.contacts.write();
        for Pending {
            event,
            slot,
            tags,
            content: _,
            bytes: _,
        } in &pending
        {
            contacts.fold(event, *slot, tags)?;
        }
        let head = contacts.position();
        drop(contacts);
        self.remember(pending, &erased);
        self.shared.advance(head, self.order.settled(head));
        Ok(())
    }

    /// Keeps a group at hand for those who follow the log.
    fn remember(&self, pending: Vec<Pending>, erased: &[ContactId]) {
        let recent = &self.shared.recent;
        recent.extend(pending.into_iter().map(|pending| {
            let Pending {
                event,
                content,
                bytes,
                ..
            } = pending;
            (RecentEvent { event, content }, bytes.len())
        }));
        for contact in erased {
            recent.forget(*contact);
        }
    }

    fn refuse_all(&mut self) {
        self.queue.close();
        while let Some(job) = self.queue.blocking_recv() {
            if let Job::Command { reply, .. } = job {
                answer(reply, Err(SubmitError::ReadOnly(Closed::Failed)));
            }
        }
    }
}

/// The reasons for which a group was not committed.
#[derive(Debug, thiserror::Error)]
enum CommitError {
    #[error("it was given no place: {}", .0.message())]
    Refused(Closed),
    #[error("nobody knows whether it was given its place")]
    Unplaced,
    #[error(transparent)]
    Append(#[from] crate::log::AppendError),
    #[error("the keys of new contacts could not be written: {0}")]
    Store(#[source] SlotError),
    #[error("the second copy of new contacts' keys could not be written: {0}")]
    Copy(#[source] StorageError),
    #[error("a key could not be destroyed: {0}")]
    Erase(#[from] SlotError),
    #[error("the view of contacts: {0}")]
    Fold(#[from] FoldError),
    #[error("what a view keeps of the erased could not be destroyed: {0}")]
    Forget(#[from] KeepError),
}

impl From<NotOrdered> for CommitError {
    fn from(why: NotOrdered) -> Self {
        match why {
            NotOrdered::Refused(closed) => Self::Refused(closed),
            NotOrdered::Unknown => Self::Unplaced,
        }
    }
}

impl CommitError {
    /// The reason to give where nothing of the group is in the log and the next one may be tried.
    fn nothing_happened(&self) -> Option<Closed> {
        match self {
            Self::Refused(closed) => Some(*closed),
            Self::Append(AppendError::NotBegun(_)) => Some(Closed::NoRoom),
            Self::Store(SlotError::File(error)) if error.is_passing() => Some(Closed::NoRoom),
            Self::Unplaced
            | Self::Append(_)
            | Self::Store(_)
            | Self::Copy(_)
            | Self::Erase(_)
            | Self::Fold(_)
            | Self::Forget(_) => None,
        }
    }
}
