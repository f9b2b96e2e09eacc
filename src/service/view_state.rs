//! What the thread of a view, its readers and the writer share of it.

use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use super::shared::Shared;
use crate::domain::Position;
use crate::log::record;
use crate::projection::{Home, View};

/// A view that is further behind than this is still catching up, and slows the writer down.
pub const LAG_EVENTS_MAX: u64 = 10_000;

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

/// The state that the thread, the readers and the writer share.
pub(super) struct ViewState<V> {
    /// The view that is read.
    pub view: RwLock<Folded<V>>,
    /// The view that is being rebuilt beside it. It is locked before the other.
    pub next: Mutex<Option<Folded<V>>>,
    /// Its condition, which others follow.
    pub status: watch::Sender<ViewStatus>,
}

/// A view and the position it has reached.
pub(super) struct Folded<V> {
    /// The view that is folded.
    pub view: V,
    /// The position of the last event folded.
    pub position: Position,
}

/// The requests that a reader makes of the thread.
#[derive(Clone, Copy, Default)]
pub(super) struct Control {
    /// The number of rebuilds that were asked for.
    pub rebuild: u64,
    /// Whether the thread is to end.
    pub stop: bool,
}

impl<V> ViewState<V> {
    /// A view in this condition, with none beside it.
    pub fn new(view: Folded<V>, status: ViewStatus) -> Self {
        Self {
            view: RwLock::new(view),
            next: Mutex::new(None),
            status: watch::channel(status).0,
        }
    }
}

impl<V: View> Folded<V> {
    /// A view as it was kept last, if it has a home, and else before the first event.
    pub fn resumed(shared: &Shared, home: Option<&Home>) -> Self {
        let is_of_log = |position, event| {
            let bytes = shared.reader.get(position).ok().flatten();
            let record = bytes.and_then(|bytes| record::decode(&bytes).ok());
            record.is_some_and(|record| record.event.header.id == event)
        };
        let (view, position) = match home {
            Some(home) => V::resume(home, &is_of_log),
            None => (V::new(), Position::ZERO),
        };
        Self { view, position }
    }

    /// Destroys what a view keeps that nobody reads any more; the next start finds what is left.
    pub fn discard(mut self) {
        if let Err(error) = self.view.discard() {
            tracing::warn!(view = V::NAME, %error, "files of a view are left to the next start");
        }
    }
}
