//! The thread of a view: it folds what is new, builds another view beside it where that is asked
//! for, and keeps both on the disk.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::watch;

use super::ReadError;
use super::in_order::in_order;
use super::recent::RecentEvent;
use super::shared::{self, Body, Shared};
use super::view_state::{Control, Folded, LAG_EVENTS_MAX, Stop, ViewState};
use crate::domain::{Event, Phase, Position};
use crate::log::record;
use crate::projection::{Chore, FoldError, Home, KeepError, View};

/// Events that are folded in one go, while readers of the view wait. Of a view that is far behind
/// nobody can read what is asked for, and large lots are cheaper: they are fewer to be merged.
const QUANTUM_EVENTS: u64 = 256;
const LARGE_QUANTUM_EVENTS: u64 = 1_024;
/// The pause before something that the disk refused is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// The thread of a view, which follows the log.
pub(super) struct Follower<V: View> {
    shared: Arc<Shared>,
    home: Option<Home>,
    state: Arc<ViewState<V>>,
    head: watch::Receiver<Position>,
    commands: watch::Receiver<Control>,
    /// The number of rebuilds that were begun.
    taken: u64,
    /// The time at which what the disk refused is tried again.
    retry: Option<Instant>,
}

impl<V: View> Follower<V> {
    /// A follower that takes commands, and keeps the view in its home if it has one.
    pub fn new(
        shared: Arc<Shared>,
        home: Option<Home>,
        state: Arc<ViewState<V>>,
        commands: watch::Receiver<Control>,
    ) -> Self {
        Self {
            head: shared.heard.subscribe(),
            shared,
            home,
            state,
            commands,
            taken: 0,
            retry: None,
        }
    }

    /// Follows the log until it is told to stop, or nobody is there to tell it.
    pub async fn run(&mut self) {
        while !self.must_stop() {
            let head = *self.head.borrow_and_update();
            let mended = self.mend();
            let followed = self.follow(head);
            let built = self.build(head);
            let tended = self.tend();
            if mended || followed || built || tended {
                continue;
            }
            let retry = self.retry;
            let pause = async move {
                match retry {
                    Some(then) => tokio::time::sleep_until(then.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = self.head.changed() => if changed.is_err() { return },
                changed = self.commands.changed() => if changed.is_err() { return },
                () = pause => {}
            }
        }
        if self.commands.borrow().stop {
            self.keep();
        }
    }

    /// Takes what it was told; whether that was to stop, or nobody is there to tell any more.
    fn must_stop(&mut self) -> bool {
        let control = *self.commands.borrow_and_update();
        if control.rebuild > self.taken {
            self.taken = control.rebuild;
            let view = match &self.home {
                Some(home) => V::beside(home),
                None => V::new(),
            };
            let position = Position::ZERO;
            let before = self.state.next.lock().replace(Folded { view, position });
            before.into_iter().for_each(Folded::discard);
            self.state.status.send_modify(|status| {
                status.rebuilding = Some(Position::ZERO);
                status.rebuild_stopped = None;
            });
        }
        control.stop || self.commands.has_changed().is_err()
    }

    /// Whether a failure of the disk lies so short a time ago that nothing is tried yet.
    fn must_pause(&mut self) -> bool {
        let now = Instant::now();
        self.retry.take_if(|then| *then <= now);
        self.retry.is_some()
    }

    fn refused(&mut self, error: &KeepError) {
        tracing::warn!(view = V::NAME, %error, "a view could not be kept on the disk");
        self.retry = Some(Instant::now() + RETRY_PAUSE);
    }

    /// Makes a view again whose files are damaged; whether there was anything to do.
    fn mend(&mut self) -> bool {
        let Some(reason) = self.state.view.read().view.fault() else {
            return false;
        };
        if self.must_pause() {
            return false;
        }
        tracing::warn!(view = V::NAME, reason, "a view is made again from the log");
        let mut folded = self.state.view.write();
        if let Err(error) = folded.view.discard() {
            drop(folded);
            self.refused(&error);
            return false;
        }
        *folded = Folded::resumed(&self.shared, self.home.as_ref());
        let position = folded.position;
        // Before anybody reads it: nobody may take it for the one that had come further.
        let status = &self.state.status;
        status.send_modify(|status| status.position = position);
        true
    }

    /// Folds the next quantum into the view that is read; whether there was anything to do.
    fn follow(&mut self, head: Position) -> bool {
        let (at, waits) = {
            let folded = self.state.view.read();
            let view = &folded.view;
            (folded.position, view.is_full() || view.fault().is_some())
        };
        if at >= head || waits || self.state.status.borrow().stopped.is_some() {
            return false;
        }
        let (events, stop) = read_quantum::<V>(&self.shared, at, head);
        let state = self.state.clone();
        let mut folded = state.view.write();
        let stop = match fold_quantum(&mut folded, events) {
            Ok(()) => stop,
            // The next round makes it again.
            Err(Failure::Unkept) => return true,
            Err(Failure::Stop(stop)) => Some(stop),
        };
        if stop.is_some() {
            match folded.view.discard() {
                Ok(()) => folded.view = V::new(),
                Err(error) => self.refused(&error),
            }
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
        let state = self.state.clone();
        let mut place = state.next.lock();
        let Some(next) = &mut *place else {
            return false;
        };
        if next.view.is_full() {
            return false;
        }
        let (events, stop) = read_quantum::<V>(&self.shared, next.position, head);
        let stop = match fold_quantum(next, events) {
            Ok(()) => stop,
            Err(Failure::Stop(stop)) => Some(stop),
            Err(Failure::Unkept) => Some(Stop {
                position: next.position,
                reason: next.view.fault().unwrap_or_default(),
            }),
        };
        if let Some(stop) = stop {
            place.take().into_iter().for_each(Folded::discard);
            self.rebuild_stopped(stop);
            return true;
        }
        let position = next.position;
        let healing = state.status.borrow().stopped.is_some();
        let goal = if healing {
            head
        } else {
            state.view.read().position
        };
        if position < goal {
            let status = &state.status;
            status.send_modify(|status| status.rebuilding = Some(position));
            return true;
        }
        if let Some(next) = place.take() {
            self.swap(next);
        }
        true
    }

    fn rebuild_stopped(&self, stop: Stop) {
        tracing::error!(
            view = V::NAME,
            position = stop.position.get(),
            reason = stop.reason,
            "the rebuilding of a view was stopped"
        );
        self.state.status.send_modify(|status| {
            status.rebuilding = None;
            status.rebuild_stopped = Some(stop);
        });
    }

    /// Puts a view that was rebuilt in the place of the one that is read.
    fn swap(&self, mut next: Folded<V>) {
        let position = next.position;
        let mut folded = self.state.view.write();
        if let Err(error) = next.view.take_over(&mut folded.view) {
            drop(folded);
            next.discard();
            let reason = error.to_string();
            self.rebuild_stopped(Stop { position, reason });
            return;
        }
        let old = std::mem::replace(&mut *folded, next);
        drop(folded);
        self.state.status.send_modify(|status| {
            status.position = position;
            status.stopped = None;
            status.rebuilding = None;
            status.rebuilt += 1;
        });
        old.discard();
    }

    /// Does a slice of what keeps the views on the disk; whether there was anything to do.
    fn tend(&mut self) -> bool {
        if self.must_pause() {
            return false;
        }
        let state = self.state.clone();
        let mut next = state.next.lock();
        let beside = next.as_mut().map(|next| next.view.tend());
        drop(next);
        let chores = [Some(state.view.write().view.tend()), beside];
        let mut tended = false;
        for chore in chores.into_iter().flatten() {
            let done = chore.and_then(|chore| match chore {
                Chore::Nothing => Ok(false),
                Chore::More => Ok(true),
                Chore::Sync(files, name) => Ok(files.sync(&name).map(|()| true)?),
            });
            match done {
                Ok(done) => tended |= done,
                Err(error) => {
                    self.refused(&error);
                    state.view.write().view.give_up();
                    if let Some(next) = &mut *state.next.lock() {
                        next.view.give_up();
                    }
                }
            }
        }
        tended
    }

    /// Keeps what was folded for the next process.
    fn keep(&self) {
        let next = self.state.next.lock().take();
        next.into_iter().for_each(Folded::discard);
        if let Err(error) = self.state.view.write().view.keep() {
            tracing::warn!(view = V::NAME, %error, "a view was not kept; the next start folds more");
        }
    }
}

/// An event, with the values that the view takes from its content.
type Step<V> = (Arc<Event>, <V as View>::Extract);

/// The next events, from memory where they are new, else from the log as far as it can be read.
fn read_quantum<V: View>(
    shared: &Shared,
    after: Position,
    head: Position,
) -> (Vec<Step<V>>, Option<Stop>) {
    let is_far_behind = after.plus(LAG_EVENTS_MAX) < head;
    let quantum = if is_far_behind {
        LARGE_QUANTUM_EVENTS
    } else {
        QUANTUM_EVENTS
    };
    let to = head.min(after.plus(quantum));
    if after >= to {
        return (Vec::new(), None);
    }
    let registry = shared.registry;
    if let Some(events) = shared.recent.between(after, to) {
        let extracted = events.into_iter().map(|RecentEvent { event, content }| {
            let card = content.as_deref().map(|content| &content.card);
            let extract = V::extract(registry, &event, card.filter(|_| V::READS_CONTENT));
            (event, extract)
        });
        return (extracted.collect(), None);
    }
    let mut events = Vec::new();
    let read = |_, bytes: Bytes| -> Result<Step<V>, ReadError> {
        let record = record::decode(&bytes)?;
        let has = V::READS_CONTENT && matches!(record.event.phase, Phase::Success { .. });
        let body = has
            .then(|| shared::open_in_passing(&shared.keys, &record))
            .transpose()?;
        let content = match body {
            Some(Body::Open(content)) => Some(content),
            Some(Body::None | Body::Gone) | None => None,
        };
        let card = content.as_ref().map(|content| &content.card);
        let extract = V::extract(registry, &record.event, card);
        Ok((Arc::new(record.event), extract))
    };
    if is_far_behind {
        let take = |event| {
            events.push(event);
            Ok(())
        };
        // Where one cannot be read, they are read again one by one up to that.
        let all = in_order(&shared.reader, (after.next(), to), read, take);
        if all.is_ok() {
            return (events, None);
        }
        events.clear();
    }
    let mut position = after;
    for entry in shared.reader.scan(after.next(), to) {
        position = position.next();
        let event = entry.map_err(ReadError::from);
        match event.and_then(|(at, bytes)| read(at, bytes)) {
            Ok(event) => events.push(event),
            Err(error) => {
                let reason = error.to_string();
                return (events, Some(Stop { position, reason }));
            }
        }
    }
    (events, None)
}

/// The reasons for which a quantum is not folded to its end.
enum Failure {
    /// An event cannot be folded.
    Stop(Stop),
    /// What the view keeps on the disk cannot be used.
    Unkept,
}

/// Folds events, up to the first that can't be, and shows them to readers.
fn fold_quantum<V: View>(at: &mut Folded<V>, events: Vec<Step<V>>) -> Result<(), Failure> {
    for (event, extract) in events {
        let position = event.header.position;
        let folded = at.view.fold(&event, extract);
        folded.map_err(|error| match error {
            FoldError::Unkept { .. } => Failure::Unkept,
            error => Failure::Stop(Stop {
                position,
                reason: error.to_string(),
            }),
        })?;
        at.position = position;
    }
    match at.view.fault() {
        Some(_) => Err(Failure::Unkept),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::domain::{Card, Registry};
    use crate::projection::{SearchIndex, Statistics};
    use crate::service::Service;
    use crate::service::tests::{create_group, opened};
    use crate::service::view_state::ViewStatus;
    use crate::storage::{Disk, SimDisk};

    /// A service whose log is longer than two quanta: 600 events, which came at once.
    async fn service() -> Service {
        let service = opened(&SimDisk::new(1)).service;
        create_group(&service, 0..300).await;
        // The views hear of a group behind whoever asked for it.
        let (mut heard, head) = (service.shared.heard.subscribe(), service.head());
        let reached = heard.wait_for(|heard| *heard >= head).await;
        drop(reached.unwrap());
        service
    }

    /// A view of a service before the first event, without a thread, and what it is told by.
    fn follower<V: View>(service: &Service) -> (Follower<V>, watch::Sender<Control>) {
        follower_at(service, None)
    }

    /// A view as it was kept in a home, likewise.
    fn follower_at<V: View>(
        service: &Service,
        home: Option<&Home>,
    ) -> (Follower<V>, watch::Sender<Control>) {
        let folded = Folded::resumed(&service.shared, home);
        let status = ViewStatus {
            position: folded.position,
            ..ViewStatus::default()
        };
        let state = Arc::new(ViewState::new(folded, status));
        let (control, commands) = watch::channel(Control::default());
        let shared = service.shared.clone();
        let follower = Follower::new(shared, home.cloned(), state, commands);
        (follower, control)
    }

    /// A directory in which nothing is kept yet.
    fn home(service: &Service) -> Home {
        Home {
            files: SimDisk::new(2).files("views").unwrap(),
            keys: service.shared.keys.file_keys(),
            numbers: Arc::default(),
        }
    }

    /// A view that is full after each event until it was tended three times, and may be damaged until
    /// it is made again.
    struct Tended(u8, Option<String>);

    impl View for Tended {
        const NAME: &'static str = "tended";
        const VERSION: u32 = 1;
        const READS_CONTENT: bool = false;
        type Extract = ();

        fn new() -> Self {
            Self(0, None)
        }
        fn extract(_: Registry, _: &Event, _: Option<&Card>) {}
        fn fold(&mut self, _: &Event, (): ()) -> Result<(), FoldError> {
            self.0 = 3;
            Ok(())
        }
        fn tend(&mut self) -> Result<Chore, KeepError> {
            let Some(left) = self.0.checked_sub(1) else {
                return Ok(Chore::Nothing);
            };
            self.0 = left;
            Ok(Chore::More)
        }
        fn is_full(&self) -> bool {
            self.0 > 0
        }
        fn fault(&self) -> Option<String> {
            self.1.clone()
        }
    }

    /// The positions of the view that is read and of the one beside it, and the number of swaps.
    fn seen<V: View>(follower: &Follower<V>) -> (u64, Option<u64>, u64) {
        let status = follower.state.status.borrow();
        let rebuilding = status.rebuilding.map(Position::get);
        (status.position.get(), rebuilding, status.rebuilt)
    }

    #[tokio::test]
    async fn all_that_there_is_to_do_is_done_before_more_is_waited_for() {
        let service = service().await;
        let (mut follower, control) = follower::<Statistics>(&service);
        assert_eq!(follower.run().now_or_never(), None);
        assert_eq!(seen(&follower), (600, None, 0));
        control.send_modify(|control| control.rebuild += 1);
        assert_eq!(follower.run().now_or_never(), None);
        assert_eq!(seen(&follower), (600, None, 1));
    }

    #[tokio::test]
    async fn a_view_that_is_full_goes_on_once_it_is_tended() {
        let service = service().await;
        let (mut follower, _control) = follower::<Tended>(&service);
        assert_eq!(follower.run().now_or_never(), None);
        assert_eq!(seen(&follower), (600, None, 0));
    }

    #[tokio::test]
    async fn a_view_that_is_full_or_damaged_folds_nothing() {
        let service = service().await;
        let head = service.head();
        let (mut full, _control) = follower::<Tended>(&service);
        assert!(full.follow(head) && !full.follow(head));
        assert_eq!(seen(&full), (256, None, 0));
        let (mut damaged, _control) = follower::<Tended>(&service);
        damaged.state.view.write().view.1 = Some("a file".to_owned());
        assert!(!damaged.follow(head));
        assert!(damaged.mend() && !damaged.mend());
        assert!(damaged.follow(head));
        assert_eq!(seen(&damaged), (256, None, 0));
    }

    /// They hold the words of people who may be erased from the view that takes their place.
    #[tokio::test]
    async fn files_of_a_view_are_gone_once_another_has_its_place() {
        let service = service().await;
        let home = home(&service);
        let (mut follower, control) = follower_at::<SearchIndex>(&service, Some(&home));
        while follower.follow(service.head()) {}
        follower.state.view.write().view.keep().unwrap();
        let blocks = || {
            let mut names = home.files.list().unwrap();
            names.retain(|name| name.ends_with(".blocks"));
            names
        };
        let before = blocks();
        assert!(!before.is_empty());
        control.send_modify(|control| control.rebuild += 1);
        assert_eq!(follower.run().now_or_never(), None);
        assert_eq!(seen(&follower), (600, None, 1));
        follower.state.view.write().view.keep().unwrap();
        let after = blocks();
        assert!(!after.is_empty() && before.iter().all(|name| !after.contains(name)));
    }

    #[tokio::test]
    async fn a_rebuilt_view_is_not_read_before_it_has_come_as_far_as_the_old_one() {
        let service = service().await;
        let (mut follower, control) = follower::<Statistics>(&service);
        let head = service.head();
        while follower.follow(head) {}
        control.send_modify(|control| control.rebuild += 1);
        assert!(!follower.must_stop());
        for expected in [(600, Some(256), 0), (600, Some(512), 0), (600, None, 1)] {
            assert!(follower.build(head));
            assert_eq!(seen(&follower), expected);
        }
        assert!(!follower.build(head));
    }

    #[tokio::test]
    async fn what_was_folded_is_there_for_the_next_one_after_a_stop() {
        let service = service().await;
        let home = home(&service);
        let (mut follower, control) = follower_at::<Statistics>(&service, Some(&home));
        while follower.follow(service.head()) {}
        control.send_modify(|control| control.stop = true);
        assert_eq!(follower.run().now_or_never(), Some(()));
        let next = follower_at::<Statistics>(&service, Some(&home)).0;
        assert_eq!(seen(&next), (600, None, 0));
    }

    #[tokio::test]
    async fn what_the_disk_refused_is_tried_again_after_a_pause() {
        let service = opened(&SimDisk::new(1)).service;
        let (mut follower, _control) = follower::<Statistics>(&service);
        assert!(!follower.must_pause());
        follower.refused(&KeepError::Damaged("a file".to_owned()));
        assert!(follower.must_pause());
        follower.retry = Some(Instant::now());
        assert!(!follower.must_pause());
        assert_eq!(follower.retry, None);
    }
}
