//! A catch-up view at work: a thread of its own that follows the log from the durable head.
//!
//! One thread folds the view and, while it is being rebuilt, a second one beside it, a quantum of
//! events each at a time: the old one goes on and is read, and the new one takes its place when it
//! is at the same position, so that what readers see never goes back. Between two quanta it does a
//! slice of what keeps the view on the disk. An event that can't be folded stops this view
//! alone; what it held is dropped, for it could not forget any more, and a rebuild may heal it. A
//! view whose files are damaged is made again from the log at once.
//!
//! An erasure does not wait for the thread: the writer itself makes the view forget, under the
//! view's lock, before it answers.

use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::{Mutex, RwLockReadGuard, RwLockWriteGuard};
use thiserror::Error;
use tokio::sync::watch;

use super::follower::Follower;
use super::shared::Shared;
use super::view_state::{Control, Folded, Stop, ViewState, ViewStatus};
use crate::domain::{ContactId, Position};
use crate::projection::{Home, KeepError, View};

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

impl<V: View> CatchUp<V> {
    /// Starts a view: where it has a home, from what it has kept there, else before the first event.
    pub(super) fn start(shared: Arc<Shared>, home: Option<Home>) -> std::io::Result<Self> {
        let folded = Folded::resumed(&shared, home.as_ref());
        let status = ViewStatus {
            name: V::NAME,
            version: V::VERSION,
            position: folded.position,
            ..ViewStatus::default()
        };
        let state = Arc::new(ViewState::new(folded, status));
        let (control, commands) = watch::channel(Control::default());
        // Nothing is driven but two channels and a pause after a failure: no sockets, no threads.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?;
        let mut follower = Follower::new(shared, home, state.clone(), commands);
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

    /// Whether it has reached a position, and goes on.
    #[must_use]
    pub fn has_reached(&self, position: Position) -> bool {
        let status = self.state.status.borrow();
        status.stopped.is_none() && status.position >= position
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
        if at.view.is_settled() {
            return self.seen(&at, look);
        }
        drop(at);
        self.seen(&settled(self.state.view.write()), look)
    }

    /// Looks at it likewise, where nothing is being folded; `None` where one would have to wait.
    pub fn read_at_once<T>(&self, look: impl FnOnce(&V, Position) -> T) -> Option<T> {
        let at = self.state.view.try_read()?;
        if at.view.is_settled() {
            return Some(self.seen(&at, look));
        }
        drop(at);
        Some(self.seen(&settled(self.state.view.try_write()?), look))
    }

    fn seen<T>(&self, at: &Folded<V>, look: impl FnOnce(&V, Position) -> T) -> T {
        let seen = look(&at.view, at.position);
        if at.view.fault().is_some() {
            self.wake();
        }
        seen
    }

    /// Has the thread look at the view, which mends what is damaged.
    fn wake(&self) {
        self.control.send_modify(|_| ());
    }

    /// Builds it anew from the log, beside this one, and then puts it in its place. One that is
    /// under way is begun again.
    pub fn rebuild(&self) {
        self.control.send_modify(|control| control.rebuild += 1);
    }

    /// Makes it forget contacts that are being erased, and with it the one that is built beside it.
    /// Where that fails, all that it keeps is destroyed, and it is made again from the log.
    ///
    /// # Errors
    /// Nothing could be destroyed either: what the contacts were may still be on the disk.
    pub(super) fn forget(&self, contacts: &[ContactId]) -> Result<(), KeepError> {
        let mut next = self.state.next.lock();
        let mut at = self.state.view.write();
        let views = next.as_mut().into_iter().chain([&mut *at]);
        let mut forgotten = Ok(());
        for Folded { view, .. } in views {
            if let Err(error) = view.forget(contacts) {
                tracing::warn!(view = V::NAME, %error, "a view could not forget, and is made again");
                forgotten = forgotten.and(view.discard());
                self.wake();
            }
        }
        forgotten
    }

    /// Ends the view's thread and waits for it; what was folded is kept for the next process.
    pub(super) fn stop(&self) {
        self.control.send_modify(|control| control.stop = true);
        let thread = self.thread.lock().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!(view = V::NAME, "a view ended by a fault");
        }
    }
}

/// A view whose readers see all that was folded.
fn settled<V: View>(mut at: RwLockWriteGuard<'_, Folded<V>>) -> RwLockReadGuard<'_, Folded<V>> {
    at.view.settle();
    RwLockWriteGuard::downgrade(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Card, Event, Registry};
    use crate::projection::FoldError;

    /// A view of which nothing can be believed or forgotten.
    struct Damaged;

    impl View for Damaged {
        const NAME: &'static str = "damaged";
        const VERSION: u32 = 1;
        const READS_CONTENT: bool = false;
        type Extract = ();

        fn new() -> Self {
            Self
        }
        fn extract(_: Registry, _: &Event, _: Option<&Card>) {}
        fn fold(&mut self, _: &Event, (): ()) -> Result<(), FoldError> {
            Ok(())
        }
        fn forget(&mut self, _: &[ContactId]) -> Result<(), KeepError> {
            Err(KeepError::Damaged("a file".to_owned()))
        }
        fn fault(&self) -> Option<String> {
            Some("a file is damaged".to_owned())
        }
    }

    /// Whoever sees the damage wakes the thread that makes the view again: no event may come for long.
    #[test]
    fn the_thread_is_woken_where_damage_is_seen() {
        let (control, mut commands) = watch::channel(Control::default());
        let folded = Folded {
            view: Damaged,
            position: Position::ZERO,
        };
        let view = CatchUp {
            state: Arc::new(ViewState::new(folded, ViewStatus::default())),
            control,
            thread: Mutex::new(None),
        };
        let ways: [fn(&CatchUp<Damaged>); 3] = [
            |view| view.read(|_, _| ()),
            |view| view.read_at_once(|_, _| ()).unwrap(),
            |view| view.forget(&[]).unwrap(),
        ];
        for see in ways {
            commands.mark_unchanged();
            see(&view);
            assert!(commands.has_changed().unwrap());
        }
    }
}
