//! A service that takes what another decided, and then decides itself: the same log, the same
//! views, whatever either lost on the way.

use std::sync::Arc;

use bytes::Bytes;
use contactd::{
    dialect::thena,
    domain::{Closed, Operation, Position, Target},
    keys::{ClusterKey, LostKeys, Slot},
    log::Group,
    service::{
        ApplyError, Committed, Judged, NotOrdered, Order, Service, SubmitError, system_clock,
    },
    storage::{Disk, FileAt, SimDisk},
};
use parking_lot::Mutex;
use proptest::prelude::*;

use super::edges::{attempt, command, create, id_of, one};
use super::load;
use super::unsettled::Unsettled;
use super::world::{World, open_in};

/// Keeps what was ordered, as frames, with the slots of each one's new keys.
#[derive(Default)]
struct Stream(Mutex<Vec<(Vec<u8>, std::ops::Range<Slot>)>>);

impl Order for Stream {
    fn order(&self, group: &Judged<'_>) -> Result<(), NotOrdered> {
        let frame = Group::encode(group.first, group.entries);
        self.0.lock().push((frame, group.slots.clone()));
        Ok(())
    }

    fn settled(&self, head: Position) -> Position {
        head
    }

    fn missed(&self) -> bool {
        true
    }
}

fn secret() -> ClusterKey {
    ClusterKey::new([7; 32], "a-log")
}

fn block<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(future)
}

/// A leader, and the disk of a node that follows it.
struct Pair {
    leader: World,
    stream: Arc<Stream>,
    disk: SimDisk,
    follower: Service,
}

fn follow(disk: &SimDisk) -> Service {
    open_in(disk, Box::new(system_clock()), None).expect("it opens")
}

fn pair() -> Pair {
    let stream = Arc::new(Stream::default());
    let leader = World::ordered(SimDisk::new(1), stream.clone()).expect("it opens");
    let disk = SimDisk::new(2);
    // Tags of texts are the same on every node.
    let [from, to] = [&leader.disk, &disk].map(|disk| disk.files("keys").expect("files"));
    let key = FileAt::new(from, "index.key")
        .read(200)
        .expect("it is read");
    let key = key.expect("there is one");
    assert!(to.create_whole("index.key", &key).expect("it is written"));
    Pair {
        leader,
        stream,
        follower: follow(&disk),
        disk,
    }
}

impl Pair {
    /// The groups that the follower lacks, and the slots of their keys.
    fn lacking(&self) -> (Vec<Group>, Vec<std::ops::Range<Slot>>) {
        let next = self.follower.head().next();
        let ordered = self.stream.0.lock();
        let groups = ordered.iter().map(|(frame, slots)| {
            let frame = Bytes::copy_from_slice(frame);
            (Group::decode(frame).expect("a frame"), slots.clone())
        });
        groups.filter(|(group, _)| group.first >= next).unzip()
    }

    fn send_keys(&self, slots: std::ops::Range<Slot>) {
        let sealed = self.leader.service.export_keys(slots, &secret());
        let taken =
            self.follower
                .install_keys(&sealed.expect("keys"), &secret(), LostKeys::AskOthers);
        taken.expect("they are taken");
    }

    fn catch_up(&self) {
        let (groups, slots) = self.lacking();
        for slots in slots.into_iter().filter(|slots| !slots.is_empty()) {
            self.send_keys(slots);
        }
        let reached = block(self.follower.apply(groups)).expect("it is taken");
        assert_eq!(reached, self.leader.service.head());
    }

    fn reopen(&mut self) {
        self.follower.stop();
        self.follower = follow(&self.disk);
    }

    fn is_same(&self) {
        let (leader, follower) = (&self.leader.service, &self.follower);
        assert_eq!(leader.head(), follower.head());
        assert!(leader.snapshot() == follower.snapshot(), "the views differ");
        let [one, other] = [leader, follower].map(|service| {
            let tree = service.tree_at(service.head()).expect("the log");
            (tree.size(), tree.root())
        });
        assert_eq!(one, other);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 12,
        failure_persistence: None,
        max_shrink_iters: 100,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_follower_has_the_leaders_log_and_views(
        history in load::history(20),
        fates in prop::collection::vec(0..6_u8, 20),
    ) {
        let mut pair = pair();
        for (group, fate) in history.iter().zip(fates) {
            let commands = pair.leader.commands(group);
            pair.leader.send(&commands);
            match fate {
                // It is behind for a while.
                0 => {}
                // It lost power after it had taken what there was.
                1 => {
                    pair.catch_up();
                    pair.disk.crash();
                    pair.reopen();
                }
                _ => {
                    pair.catch_up();
                    pair.is_same();
                }
            }
        }
        pair.catch_up();
        pair.is_same();
        pair.reopen();
        pair.is_same();
        // It decides on what it has taken as the leader would have.
        block(pair.follower.lead(pair.stream.clone())).expect("it leads");
        pair.follower.settle(pair.follower.head());
        pair.follower.confirm_erased(pair.follower.head());
        pair.leader.service.stop();
        pair.leader.service = pair.follower.clone();
        for group in &history {
            let commands = pair.leader.commands(group);
            let answers = pair.leader.send(&commands);
            prop_assert!(answers.iter().all(|answer| matches!(
                answer,
                Ok(_) | Err(SubmitError::KeyReused)
            )));
        }
        pair.leader.service.stop();
    }
}

/// A contact of its own address is made on the leader.
fn made(pair: &Pair, name: &str) -> contactd::domain::ContactId {
    let command = command(&thena::RULES, &[name], vec![create(name, None)]);
    id_of(&one(&pair.leader, command))
}

fn erasing() -> contactd::domain::Action {
    contactd::domain::Action::Erase {
        reason: contactd::domain::EraseReason::Request,
        reference: None,
    }
}

/// The contact is erased on the leader.
fn erase(pair: &Pair, name: &str, id: contactd::domain::ContactId) {
    let erase = attempt(Operation::Erase, Some(Target::Id(id)), erasing());
    one(&pair.leader, command(&thena::RULES, &[name], vec![erase]));
}

#[test]
fn without_the_keys_nothing_is_taken_and_with_them_all_is() {
    let pair = pair();
    made(&pair, "a");
    made(&pair, "b");
    let (groups, _) = pair.lacking();
    let Err(ApplyError::MissingKeys { slots }) = block(pair.follower.apply(groups.clone())) else {
        panic!("there are no keys");
    };
    assert_eq!(slots, [Slot::new(0), Slot::new(1)]);
    assert_eq!(pair.follower.head(), Position::ZERO);
    // A key that is another does not pass for one.
    let stranger = self::pair();
    made(&stranger, "x");
    let sealed = stranger
        .leader
        .service
        .export_keys(Slot::new(0)..Slot::new(1), &secret());
    let taken = pair
        .follower
        .install_keys(&sealed.expect("keys"), &secret(), LostKeys::AskOthers);
    taken.expect("nobody knows yet that it is another");
    pair.send_keys(Slot::new(1)..Slot::new(2));
    let Err(ApplyError::MissingKeys { slots }) = block(pair.follower.apply(groups)) else {
        panic!("one key is another");
    };
    assert_eq!(slots, [Slot::new(0)]);
    pair.catch_up();
    pair.is_same();
}

#[test]
fn keys_that_came_ahead_of_their_group_outlive_a_power_cut() {
    let mut pair = pair();
    made(&pair, "a");
    pair.catch_up();
    made(&pair, "b");
    pair.send_keys(Slot::new(1)..Slot::new(2));
    pair.disk.crash();
    pair.reopen();
    let (groups, _) = pair.lacking();
    block(pair.follower.apply(groups)).expect("its key is here");
    pair.is_same();
}

#[test]
fn an_erasure_destroys_the_key_here_and_no_late_node_brings_it_back() {
    let mut pair = pair();
    let id = made(&pair, "a");
    pair.catch_up();
    let sealed = pair
        .leader
        .service
        .export_keys(Slot::new(0)..Slot::new(1), &secret());
    let sealed = sealed.expect("keys");
    erase(&pair, "a", id);
    pair.catch_up();
    pair.is_same();
    pair.follower
        .install_keys(&sealed, &secret(), LostKeys::AskOthers)
        .expect("it is passed over");
    let first = pair
        .follower
        .record(Position::new(2))
        .expect("the log")
        .expect("a record");
    assert!(
        pair.follower
            .open_content(&first)
            .expect("it is read")
            .is_none()
    );
    pair.reopen();
    assert!(
        pair.follower
            .open_content(&first)
            .expect("it is read")
            .is_none()
    );
}

/// The slots' bytes as both copies on a disk have them.
fn slot_bytes(disk: &SimDisk, slot: usize) -> [Vec<u8>; 2] {
    let files = disk.files("keys").expect("files");
    ["slots-1.bin", "slots-1.copy.bin"].map(|name| {
        let bytes = files.read_at(name, 72 * (slot as u64 + 1), 72);
        bytes.expect("it is read")
    })
}

/// An order that is lost takes the erasures in it with it, and the log goes on without them: a key
/// that were destroyed by then would be missing for ever.
#[test]
fn an_erasure_destroys_nothing_before_it_has_settled() {
    let mut pair = pair();
    let id = made(&pair, "a");
    pair.catch_up();
    let destroyed = |pair: &Pair| {
        let copies = slot_bytes(&pair.disk, 0);
        copies.map(|bytes| bytes.iter().all(|byte| *byte == 0xE5))
    };
    erase(&pair, "a", id);
    pair.catch_up();
    for again in [false, true] {
        if again {
            pair.disk.crash();
            pair.reopen();
        }
        let first = pair.follower.record(Position::new(2)).expect("the log");
        let opened = pair.follower.open_content(&first.expect("a record"));
        assert!(opened.expect("it is read").is_none(), "again: {again}");
        assert_eq!(destroyed(&pair), [false, false], "again: {again}");
        // Who has not come so far takes the contact as it was made.
        let late = self::pair();
        let slots = Slot::new(0)..Slot::new(1);
        let sealed = pair.follower.export_keys(slots, &secret()).expect("keys");
        late.follower
            .install_keys(&sealed, &secret(), LostKeys::AskOthers)
            .expect("taken");
        let created = pair.stream.0.lock().first().expect("a group").0.clone();
        let created = Group::decode(created.into()).expect("a frame");
        block(late.follower.apply(vec![created])).expect("its key is here");
        let first = late.follower.record(Position::new(2)).expect("the log");
        let opened = late.follower.open_content(&first.expect("a record"));
        assert!(opened.expect("it is read").is_some(), "again: {again}");
    }
    pair.follower.settle(Position::new(3));
    assert_eq!(destroyed(&pair), [false, false], "its START has settled");
    pair.follower.settle(Position::new(4));
    assert_eq!(destroyed(&pair), [true, true]);
    pair.disk.crash();
    pair.reopen();
    assert_eq!(destroyed(&pair), [true, true]);
}

#[test]
fn an_erasure_is_answered_once_a_majority_has_destroyed_the_key() {
    let leader = World::ordered(SimDisk::new(1), Arc::new(Unsettled)).expect("it opens");
    let service = &leader.service;
    block(async {
        let create = command(&thena::RULES, &["a"], vec![create("a", None)]);
        let mut created = Box::pin(service.submit(create));
        park(service, &mut created).await;
        assert!(!service.settle(service.head()), "nobody is erased");
        let id = id_of(&created.await.expect("it is done"));
        let erase = attempt(Operation::Erase, Some(Target::Id(id)), erasing());
        let erase = command(&thena::RULES, &["a"], vec![erase]);
        let mut erased = Box::pin(service.submit(erase));
        park(service, &mut erased).await;
        assert!(service.settle(service.head()), "a key is destroyed");
        for confirmed in [0, 3] {
            service.confirm_erased(Position::new(confirmed));
            let waits = futures_util::poll!(&mut erased);
            assert!(waits.is_pending(), "{confirmed}");
        }
        service.confirm_erased(Position::new(4));
        assert_eq!(erased.await.expect("it is done").position.get(), 4);
    });
}

/// Waits until the writer has parked the reply to a command.
async fn park(
    service: &Service,
    answer: &mut (impl Future<Output = Result<Committed, SubmitError>> + Unpin),
) {
    let mut head = service.follow();
    tokio::select! {
        biased;
        _ = answer => panic!("nothing has settled"),
        changed = head.changed() => changed.expect("it runs"),
    }
    let busy = service.apply(Vec::new()).await;
    assert!(matches!(busy, Err(ApplyError::Leads)));
}

#[test]
fn groups_come_one_behind_the_other_and_a_leader_takes_none() {
    let pair = pair();
    made(&pair, "a");
    made(&pair, "b");
    let (groups, slots) = pair.lacking();
    slots.into_iter().for_each(|slots| pair.send_keys(slots));
    let second = vec![groups[1].clone()];
    let Err(ApplyError::NotNext { next }) = block(pair.follower.apply(second)) else {
        panic!("the first is not there");
    };
    assert_eq!(next, Position::FIRST);
    block(pair.follower.apply(groups.clone())).expect("they are taken");
    let again = block(pair.follower.apply(groups.clone()));
    assert!(matches!(again, Err(ApplyError::NotNext { .. })), "twice");
    let led = block(pair.leader.service.apply(groups));
    assert!(matches!(led, Err(ApplyError::Leads)));
    assert_eq!(pair.leader.service.closed(), None);
}

#[test]
fn a_follower_takes_no_commands_until_it_leads() {
    let pair = pair();
    made(&pair, "a");
    pair.catch_up();
    let submit = |name: &str| {
        let command = command(&thena::RULES, &[name], vec![create(name, None)]);
        block(pair.follower.submit(command))
    };
    let refused = submit("b");
    assert!(matches!(
        refused,
        Err(SubmitError::ReadOnly(Closed::Follows))
    ));
    assert_eq!(pair.follower.closed(), None, "its log is well");
    block(pair.follower.lead(Arc::new(Stream::default()))).expect("it leads");
    assert_eq!(submit("b").expect("it is done").position, Position::new(4));
    block(pair.follower.stand_back()).expect("it follows");
    let refused = submit("c");
    assert!(matches!(
        refused,
        Err(SubmitError::ReadOnly(Closed::Follows))
    ));
}

#[test]
fn what_is_settled_never_goes_back_nor_beyond_the_head() {
    let pair = pair();
    made(&pair, "a");
    pair.catch_up();
    assert_eq!(pair.follower.settled(), Position::ZERO);
    pair.follower.settle(Position::new(1));
    pair.follower.settle(Position::ZERO);
    assert_eq!(pair.follower.settled(), Position::new(1));
    pair.follower.settle(Position::new(9));
    assert_eq!(pair.follower.settled(), Position::new(2));
}
