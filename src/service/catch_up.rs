//! A catch-up view at work: a thread of its own that follows the log from the durable head.
//!
//! One thread folds the view and, while it is being rebuilt, a second one beside it, in turns: the
//! old one goes on and is read, and the new one takes its place when it stands at the same
//! position, so that what readers see never goes back. An event that can't be folded stops this view
//! alone; what it held is dropped, for it could not forget any more, and a rebuild may heal it.

use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::{Mutex, RwLock};
use thiserror::Error;
use tokio::sync::watch;

use super::ReadError;
use super::recent::RecentEvent;
use super::shared::{self, Body, Shared};
use crate::domain::{Phase, Position};
use crate::log::record;
use crate::projection::{FoldError, View};

/// Events that are folded before readers have their turn.
const TURN_EVENTS: u64 = 128;

/// How a view is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ViewStatus {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: u32,
    /// The position it has reached.
    pub position: Position,
    /// The event that stopped it.
    pub stopped: Option<Stop>,
    /// How far the one that is being built beside it has come.
    pub rebuilding: Option<Position>,
    /// How often it has been rebuilt while the process ran.
    pub rebuilt: u64,
    /// What stopped the last rebuild, if something did.
    pub rebuild_stopped: Option<Stop>,
}

/// An event that can't be folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Which.
    pub position: Position,
    /// Why; it holds nobody's data.
    pub reason: String,
}

/// Why a view can't be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ViewError {
    /// An event stopped it.
    #[error(
        "the view {name} stopped at event {position}; rebuild it with a release that can fold it"
    )]
    Stopped {
        /// Which view.
        name: &'static str,
        /// Which event.
        position: u64,
    },
    /// The service is stopping.
    #[error("the view {name} is closed")]
    Closed {
        /// Which view.
        name: &'static str,
    },
}

/// A view at work. When it is dropped its thread ends.
pub struct CatchUp<V: View> {
    stand: Arc<ViewState<V>>,
    orders: watch::Sender<Control>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread and the readers share.
struct ViewState<V> {
    view: RwLock<At<V>>,
    status: watch::Sender<ViewStatus>,
}

/// A view and the position it has reached.
#[derive(Default)]
struct At<V> {
    view: V,
    position: Position,
}

/// What the thread is told.
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
        let stand = Arc::new(ViewState {
            view: RwLock::new(At::<V>::default()),
            status: watch::channel(status).0,
        });
        let (orders, told) = watch::channel(Control::default());
        // Nothing is driven but two channels: no clock, no sockets, no threads.
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let mut follower = Follower {
            head: shared.head.subscribe(),
            shared,
            stand: stand.clone(),
            told,
            next: None,
            taken: 0,
        };
        let thread = std::thread::Builder::new()
            .name(format!("view-{}", V::NAME))
            .spawn(move || runtime.block_on(follower.run()))?;
        Ok(Self {
            stand,
            orders,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// How it is.
    #[must_use]
    pub fn status(&self) -> ViewStatus {
        self.stand.status.borrow().clone()
    }

    /// Follows how it is.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<ViewStatus> {
        self.stand.status.subscribe()
    }

    /// Waits until it has reached a position, however long that takes.
    ///
    /// # Errors
    /// [`ViewError`] where it never will.
    pub async fn reach(&self, position: Position) -> Result<(), ViewError> {
        let mut status = self.stand.status.subscribe();
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
        let at = self.stand.view.read();
        look(&at.view, at.position)
    }

    /// Builds it anew from the log, beside this one, and then puts it in its place. One that is
    /// under way is begun again.
    pub fn rebuild(&self) {
        self.orders.send_modify(|orders| orders.rebuild += 1);
    }

    /// Ends its thread.
    pub(super) fn stop(&self) {
        self.orders.send_modify(|orders| orders.stop = true);
        let thread = self.thread.lock().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!(view = V::NAME, "a view ended by a fault");
        }
    }
}

/// The thread of a view.
struct Follower<V: View> {
    shared: Arc<Shared>,
    stand: Arc<ViewState<V>>,
    head: watch::Receiver<Position>,
    told: watch::Receiver<Control>,
    next: Option<At<V>>,
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
                changed = self.told.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Takes what it was told; whether that was to stop, or nobody is there to tell any more.
    fn must_stop(&mut self) -> bool {
        let orders = *self.told.borrow_and_update();
        if orders.rebuild > self.taken {
            self.taken = orders.rebuild;
            self.next = Some(At::default());
            self.stand.status.send_modify(|status| {
                status.rebuilding = Some(Position::ZERO);
                status.rebuild_stopped = None;
            });
        }
        orders.stop || self.told.has_changed().is_err()
    }

    /// Brings the view that is read on by a turn; whether there was anything to do.
    fn follow(&mut self, head: Position) -> bool {
        let at = self.stand.view.read().position;
        if at >= head || self.stand.status.borrow().stopped.is_some() {
            return false;
        }
        let (steps, stop) = read_quantum::<V>(&self.shared, at, head);
        let mut stand = self.stand.view.write();
        let stop = fold_quantum(&mut stand, &steps).err().or(stop);
        if stop.is_some() {
            stand.view = V::default();
        }
        let position = stand.position;
        drop(stand);
        self.stand.status.send_modify(|status| {
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

    /// Brings the view that is being built on by a turn, and puts it in place when it is there.
    fn build(&mut self, head: Position) -> bool {
        let Some(next) = &mut self.next else {
            return false;
        };
        let (steps, stop) = read_quantum::<V>(&self.shared, next.position, head);
        if let Some(stop) = fold_quantum(next, &steps).err().or(stop) {
            tracing::error!(
                view = V::NAME,
                position = stop.position.get(),
                reason = stop.reason,
                "an event stopped the rebuilding of a view"
            );
            self.next = None;
            self.stand.status.send_modify(|status| {
                status.rebuilding = None;
                status.rebuild_stopped = Some(stop);
            });
            return true;
        }
        let position = next.position;
        let healing = self.stand.status.borrow().stopped.is_some();
        let goal = if healing {
            head
        } else {
            self.stand.view.read().position
        };
        if position < goal {
            self.stand
                .status
                .send_modify(|status| status.rebuilding = Some(position));
            return true;
        }
        if let Some(next) = self.next.take() {
            // The old one is dropped when nobody waits for it any more.
            let old = std::mem::replace(&mut *self.stand.view.write(), next);
            self.stand.status.send_modify(|status| {
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
    let to = head.min(after.plus(TURN_EVENTS));
    if after >= to {
        return (Vec::new(), None);
    }
    if let Some(steps) = shared.recent.between(after, to) {
        return (steps, None);
    }
    let mut steps = Vec::new();
    let mut position = after;
    for entry in shared.reader.scan(after.next(), to) {
        position = position.next();
        let step = entry.map_err(ReadError::from).and_then(|(_, bytes)| {
            let record = record::decode(&bytes)?;
            let has = V::READS_CONTENT && matches!(record.event.phase, Phase::Success { .. });
            let card = match has
                .then(|| shared::open(&shared.keys, &record))
                .transpose()?
            {
                Some(Body::Open(content)) => Some(content.card),
                Some(Body::None | Body::Gone) | None => None,
            };
            let event = Arc::new(record.event);
            Ok(RecentEvent { event, card })
        });
        match step {
            Ok(step) => steps.push(step),
            Err(error) => {
                let reason = error.to_string();
                return (steps, Some(Stop { position, reason }));
            }
        }
    }
    (steps, None)
}

/// Folds events, up to the first that can't be.
fn fold_quantum<V: View>(at: &mut At<V>, steps: &[RecentEvent]) -> Result<(), Stop> {
    for RecentEvent { event, card } in steps {
        let position = event.header.position;
        at.view
            .fold(event, card.as_ref().filter(|_| V::READS_CONTENT))
            .map_err(|error: FoldError| Stop {
                position,
                reason: error.to_string(),
            })?;
        at.position = position;
    }
    Ok(())
}
