//! What the writer does where somebody else gives each group its place and says what is settled.

use std::future::Future;
use std::ops::Range;
use std::pin::{Pin, pin};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use std::task::{Context, Poll, Waker};

use contactd::{
    dialect::thena,
    domain::{Closed, Position},
    keys::Slot,
    log::Group,
    service::{Committed, Judged, NotOrdered, Order, Service, SubmitError, system_clock},
    storage::SimDisk,
};
use parking_lot::Mutex;

use super::edges::{command, create, id_of};
use super::world::{QUEUE_LIMIT, open_in};

type Answer = Result<Committed, SubmitError>;

/// Places groups as a test says, and settles what it says.
#[derive(Default)]
struct Scripted {
    /// What the next groups are told instead of a place.
    refusals: Mutex<Vec<NotOrdered>>,
    settles_to: AtomicU64,
    /// The groups that were asked about.
    asked: Mutex<Vec<Asked>>,
    /// The disk that becomes full once a group has its place.
    fills: Mutex<Option<SimDisk>>,
    /// The number of groups that the disk did not take.
    missed: AtomicU64,
}

/// A group that was asked about.
#[derive(Clone, Debug)]
struct Asked {
    first: Position,
    entries: Vec<Vec<u8>>,
    slots: Range<Slot>,
}

impl Order for Scripted {
    fn order(&self, group: &Judged<'_>) -> Result<(), NotOrdered> {
        self.asked.lock().push(Asked {
            first: group.first,
            entries: group.entries.iter().map(|entry| entry.to_vec()).collect(),
            slots: group.slots.clone(),
        });
        if let Some(disk) = &*self.fills.lock() {
            disk.set_full(true);
        }
        self.refusals.lock().pop().map_or(Ok(()), Err)
    }

    fn settled(&self, head: Position) -> Position {
        Position::new(self.settles_to.load(Ordering::SeqCst)).min(head)
    }

    fn missed(&self) -> bool {
        self.missed.fetch_add(1, Ordering::SeqCst);
        true
    }
}

struct Given {
    disk: SimDisk,
    order: Arc<Scripted>,
    service: Service,
}

fn given() -> Given {
    let (disk, order) = (SimDisk::new(1), Arc::new(Scripted::default()));
    let service = open_in(&disk, Box::new(system_clock()), Some(order.clone())).expect("it opens");
    Given {
        disk,
        order,
        service,
    }
}

impl Given {
    /// Submits a create; the answer comes later.
    fn submit(&self, name: &str) -> Sent<'_> {
        let create = create(name, None);
        let command = command(&thena::RULES, &[name], vec![create]);
        let mut sent = Sent {
            answer: Box::pin(self.service.submit(command)),
            came: None,
        };
        // The first look puts it into the queue.
        sent.look();
        sent
    }

    /// Waits until the writer has put so many groups on the disk.
    fn until_head(&self, head: u64) {
        let mut follow = self.service.follow();
        let reached = follow.wait_for(|at| at.get() >= head);
        drop(wait(reached).expect("the service runs"));
    }

    fn events(&self) -> usize {
        let scan = self.service.events_after(Position::ZERO, 100, &|_| true);
        scan.expect("the log").records.len()
    }
}

/// A command whose answer may have come.
struct Sent<'a> {
    answer: Pin<Box<dyn Future<Output = Answer> + 'a>>,
    came: Option<Answer>,
}

impl Sent<'_> {
    fn look(&mut self) {
        if self.came.is_none()
            && let Poll::Ready(answer) = self
                .answer
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
        {
            self.came = Some(answer);
        }
    }

    fn is_waiting(&mut self) -> bool {
        self.look();
        self.came.is_none()
    }

    fn wait(self) -> Answer {
        self.came.unwrap_or_else(|| wait(self.answer))
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(pin!(future))
}

#[test]
fn what_is_not_settled_is_on_the_disk_and_does_not_leave() {
    let given = given();
    let mut first = given.submit("a");
    given.until_head(2);
    assert_eq!(given.service.settled(), Position::ZERO);
    assert!(first.is_waiting(), "its reply waits");
    assert_eq!(given.events(), 0, "so do its events");
    let before = given.service.events_before(None, 100, &|_| true);
    assert!(before.expect("the log").records.is_empty());
    let recent = given.service.recent_after(Position::ZERO, 100);
    assert!(recent.is_none_or(|recent| recent.is_empty()));
    // The next group shows that the one before it is settled, and no more.
    given.order.settles_to.store(2, Ordering::SeqCst);
    let mut second = given.submit("b");
    let done = first.wait().expect("it is done");
    assert_eq!(done.position, Position::new(2));
    given.until_head(4);
    assert!(second.is_waiting());
    assert_eq!(given.service.settled(), Position::new(2));
    assert_eq!(given.events(), 2);
    // A contact is seen at the head.
    assert!(given.service.found_at(id_of(&done), done.position).is_ok());
    drop(second);
    given.service.stop();
}

#[test]
fn a_stop_says_of_what_is_not_settled_that_nobody_knows() {
    let given = given();
    let answer = given.submit("a");
    given.until_head(2);
    given.service.stop();
    assert!(matches!(answer.wait(), Err(SubmitError::OutcomeUnknown)));
}

#[test]
fn a_group_that_a_full_disk_does_not_take_is_taken_again_as_anothers() {
    let given = given();
    *given.order.fills.lock() = Some(given.disk.clone());
    let answer = given.submit("a").wait();
    assert!(matches!(answer, Err(SubmitError::OutcomeUnknown)));
    assert_eq!(given.order.missed.load(Ordering::SeqCst), 1);
    assert!(given.service.follows(), "another service decides");
    assert_eq!(given.service.closed(), None, "the log is open");
    given.disk.set_full(false);
    let asked = given.order.asked.lock()[0].clone();
    let entries = asked.entries.into_iter().map(Into::into).collect();
    let first = asked.first;
    let applied = wait(given.service.apply(vec![Group { first, entries }]));
    assert_eq!(applied.expect("there is room"), Position::new(2));
    given.service.stop();
}

#[test]
fn the_order_is_asked_for_what_the_log_then_has() {
    let given = given();
    drop(given.submit("a"));
    given.until_head(2);
    let asked = given.order.asked.lock().clone();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].first, Position::FIRST);
    assert_eq!(asked[0].slots, Slot::new(0)..Slot::new(1));
    assert_eq!(asked[0].entries.len(), 2);
    for (position, entry) in (1..).zip(&asked[0].entries) {
        let bytes = given.service.record_bytes(Position::new(position));
        assert_eq!(bytes.expect("the log").as_deref(), Some(&entry[..]));
    }
    given.service.stop();
}

#[test]
fn a_group_without_a_place_leaves_nothing_and_the_next_takes_its_positions() {
    let given = given();
    let refusal = NotOrdered::Refused(Closed::Stopping);
    given.order.refusals.lock().push(refusal);
    given.order.settles_to.store(2, Ordering::SeqCst);
    let refused = given.submit("a").wait();
    assert!(matches!(
        refused,
        Err(SubmitError::ReadOnly(Closed::Stopping))
    ));
    assert_eq!(given.service.head(), Position::ZERO);
    let done = given.submit("a").wait().expect("it is done");
    assert_eq!(done.position, Position::new(2));
    let asked = given.order.asked.lock().clone();
    assert_eq!(asked[0].first, asked[1].first);
    assert_eq!(asked[0].slots, asked[1].slots, "its slot is used again");
    let view = given.service.snapshot();
    given.service.stop();
    let order = Arc::new(Scripted::default());
    let again = open_in(&given.disk, Box::new(system_clock()), Some(order)).expect("it opens");
    assert!(again.snapshot() == view);
    assert!(
        again
            .found_at(id_of(&done), done.position)
            .expect("it is read")
            .is_some()
    );
    again.stop();
}

#[test]
fn where_nobody_knows_a_groups_place_nothing_more_is_decided() {
    let given = given();
    given.order.refusals.lock().push(NotOrdered::Unknown);
    let answer = given.submit("a").wait();
    assert!(matches!(answer, Err(SubmitError::OutcomeUnknown)));
    assert!(given.service.follows(), "another may have decided since");
    let next = given.submit("b").wait();
    assert!(matches!(next, Err(SubmitError::ReadOnly(Closed::Follows))));
    assert_eq!(given.service.closed(), None, "its log is well");
    given.service.stop();
}

#[test]
fn no_more_replies_wait_than_commands_may() {
    let given = given();
    let waiting: Vec<_> = (0..QUEUE_LIMIT)
        .map(|number| given.submit(&number.to_string()))
        .collect();
    given.until_head(2 * QUEUE_LIMIT as u64);
    let refused = given.submit("one-more").wait();
    assert!(matches!(
        refused,
        Err(SubmitError::Overloaded { limit: QUEUE_LIMIT })
    ));
    assert_eq!(given.service.head().get(), 2 * QUEUE_LIMIT as u64);
    drop(waiting);
    given.service.stop();
}
