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
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use tokio::sync::mpsc;

use super::clock::Sequencer;
use super::group::Pending;
use super::handled::{Handled, Reply, answer};
use super::handler::CommandHandler;
use super::job::Job;
use super::meters::Meters;
use super::order::{Judged, NotOrdered, Order};
use super::recent::RecentEvent;
use super::shared::Shared;
use super::views::Views;
use super::{ApplyError, SubmitError};
use crate::domain::{Closed, ContactId, Operation};
use crate::keys::{Slot, SlotError};
use crate::log::{AppendError, Appender};
use crate::projection::{FoldError, KeepError};

/// The most commands in one group.
const GROUP_COMMANDS_MAX: usize = 1_024;
/// A group is closed when it has grown to this.
const GROUP_BYTES_MAX: usize = 4 << 20;

/// The writer, which owns the log's writing end.
pub struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) appender: Appender,
    pub(super) sequencer: Sequencer,
    pub(super) queue: mpsc::Receiver<Job>,
    /// What was taken from the queue and ended the group before.
    pub(super) held: Option<Job>,
    /// The views that follow, which must forget whoever is erased.
    pub(super) catch_up: Arc<Views>,
    /// Gives each group its place; `None` while another service decides.
    pub(super) order: Option<Arc<dyn Order>>,
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
        while let Some(job) = self.held.take().or_else(|| self.queue.blocking_recv()) {
            let goes_on = match job {
                Job::Command { .. } | Job::Read(_) => self.write(job),
                Job::Lead { order, done } => {
                    self.lead(order);
                    done.send(()).ok();
                    true
                }
                Job::Follow { done } => {
                    self.follow();
                    done.send(()).ok();
                    true
                }
                Job::Apply { groups, done } => {
                    let applied = match self.order {
                        Some(_) => Err(ApplyError::Leads),
                        None => self.apply(groups),
                    };
                    let failed = matches!(applied, Err(ApplyError::Failed(_)));
                    if failed {
                        self.close();
                    }
                    done.send(applied).ok();
                    !failed
                }
            };
            if !goes_on {
                self.refuse_all();
                return;
            }
        }
        self.shared.parked.give_up();
    }

    /// Decides from now on, behind all that the log has.
    fn lead(&mut self, order: Arc<dyn Order>) {
        self.sequencer.resume(self.shared.contacts.read().time());
        self.order = Some(order);
        self.shared.follows.store(false, Ordering::Release);
    }

    /// Decides nothing from now on.
    fn follow(&mut self) {
        self.shared.follows.store(true, Ordering::Release);
        self.order = None;
    }

    /// Takes no more of anything: nobody knows what the disk holds.
    fn close(&self) {
        tracing::error!("the log failed; no more commands are taken");
        self.shared.fail();
    }

    /// Writes a job and what waits behind it as one group; whether the log takes more.
    fn write(&mut self, job: Job) -> bool {
        let begun = Instant::now();
        let Group {
            pending,
            waiting,
            next_slot,
        } = self.handler(job);
        let events = pending.len();
        let Err(error) = self.commit(pending, next_slot) else {
            self.measure(begun, events);
            if let Some(guard) = self.shared.guard.get() {
                guard.settle();
            }
            self.shared.parked.park(self.shared.head(), waiting);
            self.shared.release();
            // Who waits for a reply goes before the views, which have work for longer.
            if events > 0 {
                self.shared.wake_followers();
            }
            self.wait_for_views(events);
            return true;
        };
        tracing::warn!(%error, "a group of commands was not taken");
        let outcome = error.outcome();
        if let Outcome::Nothing(_) = outcome {
            let next = self.shared.contacts.read().next_slot();
            self.shared.keys.forget_drawn(next);
        }
        match outcome {
            Outcome::Nothing(Closed::Follows) | Outcome::Unplaced => self.follow(),
            Outcome::Nothing(_) => {}
            Outcome::Failed => self.close(),
        }
        for (reply, _) in waiting {
            let refused = match outcome {
                Outcome::Nothing(closed) => SubmitError::ReadOnly(closed),
                Outcome::Unplaced | Outcome::Failed => SubmitError::OutcomeUnknown,
            };
            answer(reply, Err(refused));
        }
        !matches!(outcome, Outcome::Failed)
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
    pub(super) fn wait_for_views(&self, events: usize) {
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
        let follows = self.order.is_none().then_some(Closed::Follows);
        while let Some(next) = job {
            let closed = shared.closed(next.erases()).or(follows);
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
                other @ (Job::Lead { .. } | Job::Follow { .. } | Job::Apply { .. }) => {
                    self.held = Some(other);
                    break;
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
    /// first, for without its key a contact is lost.
    fn commit(&mut self, pending: Vec<Pending>, next_slot: Slot) -> Result<(), CommitError> {
        if pending.is_empty() {
            return Ok(());
        }
        let entries: Vec<&[u8]> = pending.iter().map(|p| p.bytes.as_slice()).collect();
        let order = self
            .order
            .as_ref()
            .ok_or(CommitError::Refused(Closed::Follows))?;
        let group = Judged {
            first: self.appender.next(),
            entries: &entries,
            slots: self.shared.contacts.read().next_slot()..next_slot,
        };
        if !group.slots.is_empty() {
            order.announce(&group);
        }
        let stored = self.shared.keys.store(next_slot);
        stored.map_err(CommitError::Store)?;
        order.order(&group)?;
        let appended = self.appender.append(&entries);
        appended.map_err(|error| match order.missed() {
            true => CommitError::Behind(error),
            false => CommitError::Append(error),
        })?;
        self.fold(pending)
    }

    /// Folds a durable group into the inline view, and destroys the keys of the erased, once that
    /// is settled.
    pub(super) fn fold(&mut self, pending: Vec<Pending>) -> Result<(), CommitError> {
        let mut erased = Vec::new();
        let mut erasures = Vec::new();
        for Pending { event, slot, .. } in &pending {
            let erases = event.header.operation == Operation::Erase;
            if let (true, Some(slot)) = (erases, *slot) {
                erasures.push((event.header.position, slot));
                erased.extend(event.header.contact);
            }
        }
        let head = pending.last().map(|last| last.event.header.position);
        let head = head.unwrap_or_else(|| self.shared.head());
        let settled = match &self.order {
            Some(order) => order.settled(head),
            None => self.shared.settled(),
        };
        let keys = &self.shared.keys;
        self.shared.erasures.put_off(keys, &erasures, settled);
        self.shared.erasures.carry_out(keys, settled)?;
        if !erasures.is_empty() {
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
        drop(contacts);
        self.remember(pending, &erased);
        self.shared.advance(head, settled);
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
pub(super) enum CommitError {
    #[error("it was given no place: {}", .0.message())]
    Refused(Closed),
    #[error("nobody knows whether it was given its place")]
    Unplaced,
    #[error("it was given its place, and this disk does not take it: {0}")]
    Behind(#[source] AppendError),
    #[error(transparent)]
    Append(AppendError),
    #[error("the keys of new contacts could not be written: {0}")]
    Store(#[source] SlotError),
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

/// What came of a group that was not committed.
#[derive(Clone, Copy)]
enum Outcome {
    /// Nothing of it is in the log, for this reason, and the next one may be tried.
    Nothing(Closed),
    /// It may have its place or not; what this disk holds is known.
    Unplaced,
    /// Nobody knows what this disk holds.
    Failed,
}

impl CommitError {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Refused(closed) => Outcome::Nothing(*closed),
            Self::Unplaced => Outcome::Unplaced,
            Self::Append(AppendError::NotBegun(_)) => Outcome::Nothing(Closed::NoRoom),
            // It is taken again as one that another service has decided.
            Self::Behind(AppendError::NotBegun(_)) => Outcome::Unplaced,
            Self::Store(SlotError::File(error)) if error.is_passing() => {
                Outcome::Nothing(Closed::NoRoom)
            }
            Self::Behind(_)
            | Self::Append(_)
            | Self::Store(_)
            | Self::Erase(_)
            | Self::Fold(_)
            | Self::Forget(_) => Outcome::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;
    use crate::storage::StorageError;

    #[test]
    fn keys_that_find_no_room_close_nothing_and_others_that_fail_do() {
        let stored = |error: Errno| {
            let file = StorageError::Io {
                action: "write",
                name: "slots-1.bin".to_owned(),
                cause: error.into(),
            };
            CommitError::Store(SlotError::File(file)).outcome()
        };
        for passing in [Errno::NOSPC, Errno::MFILE] {
            assert!(matches!(stored(passing), Outcome::Nothing(Closed::NoRoom)));
        }
        assert!(matches!(stored(Errno::IO), Outcome::Failed));
    }
}
