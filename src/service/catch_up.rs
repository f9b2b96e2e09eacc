//! A catch-up view at work: a thread of its own that follows the log from the durable head.
//!
//! One thread folds the view and, while it is being rebuilt, a second one beside it, a quantum of
//! events each at a time: the old one goes on and is read, and the new one takes its place when it
//! is at the same position, so that what readers see never goes back. An event that can't be folded stops this view
//! alone; what it held is dropped, for it could not forget any more, and a rebuild may heal it.

use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::{Mutex, RwLock};
use thiserror::Error;
use tokio::sync::watch;

use super::ReadError;
use super::recent::RecentEvent;
use super::shared::{self, Body, Shared};
use crate::domain::{Phase, Position, Registry};
use crate::log::record;
use crate::projection::{FoldError, View};

/// Events that are folded in one go, while readers of the view wait.
const QUANTUM_EVENTS: u64 = 128;

/// The condition of a view: how far it has come, and what stopped it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ViewStatus {
    /// The name of the view.
    pub name: &'static str,
    /// The version of what the view folds and answers.
    pub version: u32,
    /// The position of the last event folded.
    pub position: Position,
    /// The event that stopped the view, if one did.
    pub stopped: Option<Stop>,
    /// The position that the view being rebuilt beside this one has reached.
    pub rebuilding: Option<Position>,
    /// The number of rebuilds since the process started.
    pub rebuilt: u64,
    /// The event that stopped the last rebuild, if one did.
    pub rebuild_stopped: Option<Stop>,
}

/// An event that a view cannot fold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The position of the event.
    pub position: Position,
    /// The reason, for the operator; it holds no personal data.
    pub reason: String,
}

/// The reasons for which a view cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ViewError {
    /// An event stopped the view, and its content was dropped.
    #[error(
        "the view {name} stopped at event {position}; rebuild it with a release that can fold it"
    )]
    Stopped {
        /// The name of the view.
        name: &'static str,
        /// The position of the event that stopped it.
        position: u64,
    },
    /// The service is stopping, and the view with it.
    #[error("the view {name} is closed")]
    Closed {
        /// The name of the view.
        name: &'static str,
    },
}

/// A view at work. When it is dropped its thread ends.
pub struct CatchUp<V: View> {
    state: Arc<ViewState<V>>,
    control: watch::Sender<Control>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The state that the thread and the readers share.
struct ViewState<V> {
    view: RwLock<Folded<V>>,
    status: watch::Sender<ViewStatus>,
}

/// A view and the position it has reached.
struct Folded<V> {
    view: V,
    position: Position,
}

impl<V: View> Folded<V> {
    /// A view before the first event.
    fn new(registry: Registry) -> Self {
        Self {
            view: V::new(registry),
            position: Position::ZERO,
        }
    }
}

/// The requests that a reader makes of the thread.
#[derive(Clone, Copy, Default)]
struct Control {
    rebuild: u64,
    stop: bool,
}

impl<V: View> CatchUp<V> {
    /// Starts a view before the first event.
    pub(super) fn start(shared: Arc<Shared>) -> std::io::Result<Self> {
        let status = ViewStatus {
            name: V::NAME,
            version: V::VERSION,
            ..ViewStatus::default()
        };
        let state = Arc::new(ViewState {
            view: RwLock::new(Folded::new(shared.registry)),
            status: watch::channel(status).0,
        });
        let (control, commands) = watch::channel(Control::default());
        // Nothing is driven but two channels: no clock, no sockets, no threads.
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let mut follower = Follower {
            head: shared.head.subscribe(),
            shared,
            state: state.clone(),
            commands,
            next: None,
            taken: 0,
        };
        let thread = std::thread::Builder::new()
            .name(format!("view-{}", V::NAME))
            .spawn(move || runtime.block_on(follower.run()))?;
        Ok(Self {
            state,
            control,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// The condition of the view at this moment.
    #[must_use]
    pub fn status(&self) -> ViewStatus {
        self.state.status.borrow().clone()
    }

    /// Follows the condition of the view.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<ViewStatus> {
        self.state.status.subscribe()
    }

    /// Waits until it has reached a position, however long that takes.
    ///
    /// # Errors
    /// [`ViewError`] where it never will.
    pub async fn reach(&self, position: Position) -> Result<(), ViewError> {
        let mut status = self.state.status.subscribe();
        let settled = |status: &ViewStatus| status.stopped.is_some() || status.position >= position;
        let name = V::NAME;
        let status = status.wait_for(settled).await;
        let status = status.map_err(|_| ViewError::Closed { name })?;
        match &status.stopped {
            Some(Stop { position, .. }) => Err(ViewError::Stopped {
                name,
                position: position.get(),
            }),
            None => Ok(()),
        }
    }

    /// Looks at it, with the position it has reached.
    pub fn read<T>(&self, look: impl FnOnce(&V, Position) -> T) -> T {
        let at = self.state.view.read();
        look(&at.view, at.position)
    }

    /// Builds it anew from the log, beside this one, and then puts it in its place. One that is
    /// under way is begun again.
    pub fn rebuild(&self) {
        self.control.send_modify(|control| control.rebuild += 1);
    }

    /// Ends the view's thread and waits for it.
    pub(super) fn stop(&self) {
        self.control.send_modify(|control| control.stop = true);
        let thread = self.thread.lock().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!(view = V::NAME, "a view ended by a fault");
        }
    }
}

/// The thread of a view, which follows the log.
struct Follower<V: View> {
    shared: Arc<Shared>,
    state: Arc<ViewState<V>>,
    head: watch::Receiver<Position>,
    commands: watch::Receiver<Control>,
    next: Option<Folded<V>>,
    taken: u64,
}

impl<V: View> Follower<V> {
    async fn run(&mut self) {
        while !self.must_stop() {
            let head = *self.head.borrow_and_update();
            let followed = self.follow(head);
            let built = self.build(head);
            if followed || built {
                continue;
            }
            tokio::select! {
                changed = self.head.changed() => if changed.is_err() { return },
                changed = self.commands.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Takes what it was told; whether that was to stop, or nobody is there to tell any more.
    fn must_stop(&mut self) -> bool {
        let control = *self.commands.borrow_and_update();
        if control.rebuild > self.taken {
            self.taken = control.rebuild;
            self.next = Some(Folded::new(self.shared.registry));
            self.state.status.send_modify(|status| {
                status.rebuilding = Some(Position::ZERO);
                status.rebuild_stopped = None;
            });
        }
        control.stop || self.commands.has_changed().is_err()
    }

    /// Folds the next quantum into the view that is read; whether there was anything to do.
    fn follow(&mut self, head: Position) -> bool {
        let at = self.state.view.read().position;
        if at >= head || self.state.status.borrow().stopped.is_some() {
            return false;
        }
        let (events, stop) = read_quantum::<V>(&self.shared, at, head);
        let mut folded = self.state.view.write();
        let stop = fold_quantum(&mut folded, &events).err().or(stop);
        if stop.is_some() {
            folded.view = V::new(self.shared.registry);
        }
        let position = folded.position;
        drop(folded);
        self.state.status.send_modify(|status| {
            status.position = position;
            status.stopped = stop.inspect(|stop| {
                tracing::error!(
                    view = V::NAME,
                    position = stop.position.get(),
                    reason = stop.reason,
                    "an event stopped a view; the rest goes on"
                );
            });
        });
        true
    }

    /// Folds the next quantum into the view that is being rebuilt, and swaps it in once it has
    /// caught up; whether there was anything to do.
    fn build(&mut self, head: Position) -> bool {
        let Some(next) = &mut self.next else {
            return false;
        };
        let (events, stop) = read_quantum::<V>(&self.shared, next.position, head);
        if let Some(stop) = fold_quantum(next, &events).err().or(stop) {
            tracing::error!(
                view = V::NAME,
                position = stop.position.get(),
                reason = stop.reason,
                "an event stopped the rebuilding of a view"
            );
            self.next = None;
            self.state.status.send_modify(|status| {
                status.rebuilding = None;
                status.rebuild_stopped = Some(stop);
            });
            return true;
        }
        let position = next.position;
        let healing = self.state.status.borrow().stopped.is_some();
        let goal = if healing {
            head
        } else {
            self.state.view.read().position
        };
        if position < goal {
            self.state
                .status
                .send_modify(|status| status.rebuilding = Some(position));
            return true;
        }
        if let Some(next) = self.next.take() {
            // The old one is dropped when nobody waits for it any more.
            let old = std::mem::replace(&mut *self.state.view.write(), next);
            self.state.status.send_modify(|status| {
                status.position = position;
                status.stopped = None;
                status.rebuilding = None;
                status.rebuilt += 1;
            });
            drop(old);
        }
        true
    }
}

/// The next events, from memory where they are new, else from the log as far as it can be read.
fn read_quantum<V: View>(
    shared: &Shared,
    after: Position,
    head: Position,
) -> (Vec<RecentEvent>, Option<Stop>) {
    let to = head.min(after.plus(QUANTUM_EVENTS));
    if after >= to {
        return (Vec::new(), None);
    }
    if let Some(events) = shared.recent.between(after, to) {
        return (events, None);
    }
    let mut events = Vec::new();
    let mut position = after;
    for entry in shared.reader.scan(after.next(), to) {
        position = position.next();
        let event = entry.map_err(ReadError::from).and_then(|(_, bytes)| {
            let record = record::decode(&bytes)?;
            let has = V::READS_CONTENT && matches!(record.event.phase, Phase::Success { .. });
            let content = match has
                .then(|| shared::open(&shared.keys, &record))
                .transpose()?
            {
                Some(Body::Open(content)) => Some(Arc::from(content)),
                Some(Body::None | Body::Gone) | None => None,
            };
            let event = Arc::new(record.event);
            Ok(RecentEvent { event, content })
        });
        match event {
            Ok(event) => events.push(event),
            Err(error) => {
                let reason = error.to_string();
                return (events, Some(Stop { position, reason }));
            }
        }
    }
    (events, None)
}

/// Folds events, up to the first that can't be.
fn fold_quantum<V: View>(at: &mut Folded<V>, events: &[RecentEvent]) -> Result<(), Stop> {
    for RecentEvent { event, content } in events {
        let position = event.header.position;
        let card = content.as_deref().map(|content| &content.card);
        at.view
            .fold(event, card.filter(|_| V::READS_CONTENT))
            .map_err(|error: FoldError| Stop {
                position,
                reason: error.to_string(),
            })?;
        at.position = position;
    }
    Ok(())
}
