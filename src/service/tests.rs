//! What stands beside the writer, over a simulated disk: sealing, views, checks, the guard.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::guard::Guard;
use super::*;
use crate::audit::{Coord, Integrator, KeyName, Kind, Signer, Tiles};
use crate::dialect::REGISTRY;
use crate::domain::{
    Action, Attempt, BatchMode, Card, Closed, Command, ContactId, Context, Correlation,
    EraseReason, EventPart, Filter, Operation, Outcome, Owner, OwnerEvents, Position, Precondition,
    Rules, Target, Timestamp, Window,
};
use crate::keys::{Hasher, KeyRing, MasterKey};
use crate::log::{self, OpenOptions};
use crate::storage::{Disk, Faults, FileAt, Room, SimDisk, Space, StorageError};

const START: u64 = 1_800_000_000_000;

fn rules() -> &'static Rules {
    REGISTRY.named("oracle").unwrap()
}

pub(super) fn keys(disk: &SimDisk) -> (KeyRing, Hasher) {
    let files = disk.files("keys").unwrap();
    let master = MasterKey::read_or_create(&FileAt::new(files.clone(), "master.key"));
    let keys = KeyRing::open(files.clone(), &master.unwrap()).unwrap();
    let check = FileAt::new(files.clone(), "index-check");
    let hasher = Hasher::open_or_create(&files, &check).unwrap();
    (keys, hasher)
}

/// A service whose clock goes on by a second with each group.
pub fn opened(disk: &SimDisk) -> Opening {
    opened_with(disk, Arc::new(Alone))
}

/// Such a service whose groups are given their places by another.
pub(super) fn opened_with(disk: &SimDisk, order: Arc<dyn Order>) -> Opening {
    let (keys, hasher) = keys(disk);
    let mut now = START;
    let options = Options {
        registry: REGISTRY,
        queue_limit: 8,
        clock: Box::new(move || {
            now += 1_000;
            Timestamp::from_millis(now)
        }),
        log: OpenOptions::default(),
        order: Some(order),
    };
    open(disk, keys, hasher, options, &mut |_| {}).unwrap()
}

pub(super) fn owner(tenant: &str) -> Owner {
    Owner::new(rules().dialect, &[tenant]).unwrap()
}

/// A command of nobody in particular, whose attempts are judged one by one.
pub(super) fn command_of(owner: Owner, attempts: Vec<Attempt>) -> Command {
    Command {
        owner,
        context: Context {
            actor: Default::default(),
            correlation: Correlation::parse("x").unwrap(),
            traceparent: None,
            idempotency: None,
        },
        batch: BatchMode::ItemByItem,
        attempts,
    }
}

pub(super) async fn submit(
    service: &Service,
    tenant: &str,
    operation: Operation,
    target: Option<ContactId>,
    action: Action,
) -> Result<Committed, SubmitError> {
    let attempt = Attempt {
        operation,
        target: target.map(Target::Id),
        precondition: Precondition::NONE,
        fields: Vec::new(),
        action: Ok(action),
    };
    service
        .submit(command_of(owner(tenant), vec![attempt]))
        .await
}

/// The making of a contact.
pub(super) fn creation() -> Action {
    let card = serde_json::json!({"name": {"full": "Ann Example"}});
    Action::Create {
        card: Card::from_value(card).unwrap(),
        chosen_id: None,
    }
}

/// Makes a contact, which takes two positions of the log.
pub async fn create(service: &Service, tenant: &str) -> ContactId {
    let done = submit(service, tenant, Operation::Create, None, creation()).await;
    match &done.unwrap().outcomes[..] {
        [Outcome::Written { contact, .. }] => contact.id,
        other => panic!("{other:?}"),
    }
}

/// Makes contacts with these numbers for names in one group; each takes two positions of the log.
pub(super) async fn create_group(service: &Service, numbers: Range<u32>) {
    let attempt = |number: u32| Attempt {
        operation: Operation::Create,
        target: None,
        precondition: Precondition::NONE,
        fields: Vec::new(),
        action: Ok(Action::Create {
            card: Card::from_value(serde_json::json!({"name": {"full": format!("N{number}")}}))
                .unwrap(),
            chosen_id: None,
        }),
    };
    let attempts = numbers.map(attempt).collect();
    let done = service.submit(command_of(owner("a"), attempts)).await;
    done.expect("they are written");
}

pub(super) fn erase() -> Action {
    Action::Erase {
        reason: EraseReason::Legal,
        reference: None,
    }
}

/// What seals the log of a service, and where it puts that.
pub fn sealing(disk: &SimDisk) -> (Tiles, Integrator, Signer) {
    let tiles = Tiles::new(disk.files("audit").unwrap());
    let signer = || {
        let key = FileAt::new(disk.files("identity").unwrap(), "audit.key");
        let name = KeyName::parse("contactd.local/test").unwrap();
        Signer::read_or_create(&key, name).unwrap()
    };
    let integrator = Integrator::open(tiles.clone(), signer()).unwrap();
    (tiles, integrator, signer())
}

#[tokio::test]
async fn a_stop_seals_everything_and_each_event_of_it_has_a_proof() {
    let disk = SimDisk::new(1);
    let Opening {
        service, journal, ..
    } = opened(&disk);
    let (tiles, integrator, signer) = sealing(&disk);
    let key = signer.verifier();
    let seconds = || now().millis() / 1_000;
    let begun = seconds();
    let audit = Audit::start(tiles, integrator, key.clone(), &service, journal).unwrap();
    let signed = audit.follow();
    let times = || begun..=seconds();
    assert!(times().contains(&signed.borrow().signed_at_seconds));
    for _ in 0..3 {
        create(&service, "a").await;
    }
    audit.stop();
    let latest = signed.borrow().clone();
    assert_eq!((latest.size, &latest.halted), (6, &None));
    assert!(times().contains(&latest.signed_at_seconds));
    assert!(audit.checkpoint().unwrap().is_signed_by(&key));
    for position in (0..=7).map(Position::new) {
        let proof = audit.prove(position);
        if (1..=6).contains(&position.get()) {
            let entry = service.record_bytes(position).unwrap().unwrap();
            let proven = proof.unwrap().verify(&entry, &key).unwrap();
            assert_eq!(proven.size, 6);
        } else {
            assert!(matches!(proof, Err(AuditError::NoSuchPosition { .. })));
        }
    }
    let bundle = |size| audit.tile(Coord::in_tree(Kind::Entries, 0, size).unwrap());
    assert!(bundle(6).unwrap().is_some_and(|bytes| !bytes.is_empty()));
    assert!(bundle(7).unwrap().is_none());
}

#[tokio::test]
async fn views_reach_the_head_and_are_rebuilt_on_demand() {
    let disk = SimDisk::new(1);
    let service = opened(&disk).service;
    create(&service, "a").await;
    let head = service.head();
    let views = service.views();
    views.search.reach(head).await.unwrap();
    views.statistics.reach(head).await.unwrap();
    let found = views
        .statuses()
        .map(|status| (status.name, status.position));
    assert_eq!(found, [("search", head), ("statistics", head)]);
    assert!(service.views_caught_up());
    for (name, mut status) in [
        ("search", views.search.watch()),
        ("statistics", views.statistics.watch()),
    ] {
        for times in 1..=2 {
            views.rebuild(name).unwrap();
            let rebuilt = status.wait_for(|status| status.rebuilt == times);
            let status = tokio::time::timeout(Duration::from_secs(20), rebuilt).await;
            let status = status.expect("it is built in time").unwrap().clone();
            assert_eq!((status.position, status.rebuilding), (head, None), "{name}");
        }
    }
    assert_eq!(views.rebuild("contacts"), Err(NoSuchView));
    service.stop();
}

/// The view's thread would make it forget too, some moments later: here there is none.
#[tokio::test]
async fn an_erased_contact_is_forgotten_by_the_search_before_that_is_answered() {
    let disk = SimDisk::new(1);
    let service = opened(&disk).service;
    let ann = create(&service, "a").await;
    let bob = create(&service, "a").await;
    let search = &service.views().search;
    search.reach(service.head()).await.unwrap();
    search.stop();
    let finds = |id: ContactId| {
        search.read(|index, _| index.dump().values().flatten().any(|found| *found == id))
    };
    assert!(finds(ann) && finds(bob));
    submit(&service, "a", Operation::Erase, Some(ann), erase())
        .await
        .unwrap();
    assert!(!finds(ann) && finds(bob));
}

#[tokio::test]
async fn a_service_says_what_it_has() {
    let disk = SimDisk::new(1);
    let service = opened(&disk).service;
    assert_eq!((service.queued(), service.queue_limit()), (0, 8));
    assert!(service.seen().is_none() && service.scrubbed().is_none());
    let empty = service.snapshot();
    let ann = create(&service, "a").await;
    assert!(service.snapshot() != empty && !empty.is_empty());
    let dialect = rules().dialect;
    assert!(service.has_tenant(dialect, "a") && !service.has_tenant(dialect, "b"));
    assert_eq!(service.owner_of(ann), Some(owner("a")));
    assert_eq!(service.last_time(), Timestamp::from_millis(START + 1_000));
    for (time, position) in [
        (START, 0),
        (START + 999, 0),
        (START + 1_000, 2),
        (START + 9_999, 2),
    ] {
        let found = service.position_at(Timestamp::from_millis(time)).unwrap();
        assert_eq!(found.get(), position, "{time}");
    }
    let entry = service.entry(&owner("a"), &Target::Id(ann)).unwrap();
    for (position, is_there) in [(1, false), (2, true)] {
        let then = service.contact_at(&entry, Position::new(position)).unwrap();
        assert_eq!(then.is_some_and(|then| then.id == ann), is_there);
        let found = service.found_at(ann, Position::new(position)).unwrap();
        assert_eq!(found.is_some(), is_there);
    }
    assert_eq!(service.history(&entry).unwrap().len(), 1);
    let after = service.events_after(Position::ZERO, 9, &|_| true).unwrap();
    let contents = after.records.iter().map(|it| service.open_content(it));
    let contents: Vec<_> = contents.map(|it| it.unwrap().is_some()).collect();
    assert_eq!(contents, [false, true]);
    submit(&service, "a", Operation::Erase, Some(ann), erase())
        .await
        .unwrap();
    assert!(service.found_at(ann, Position::new(2)).unwrap().is_none());
    service.stop();
    let refused = submit(&service, "a", Operation::Erase, Some(ann), erase()).await;
    assert!(matches!(
        refused,
        Err(SubmitError::ReadOnly(Closed::Stopping))
    ));
}

#[tokio::test]
async fn what_is_on_the_disk_is_seen_before_its_followers_are_woken() {
    let service = opened(&SimDisk::new(1)).service;
    create(&service, "a").await;
    service.stop();
    let shared = &service.shared;
    let (mut head, mut settled) = (service.follow(), service.follow_settled());
    head.mark_unchanged();
    settled.mark_unchanged();
    shared.advance(Position::new(4), Position::new(3));
    assert_eq!(
        (service.head(), service.settled()),
        (Position::new(4), Position::new(3))
    );
    let woken = || [head.has_changed().unwrap(), settled.has_changed().unwrap()];
    assert_eq!(woken(), [false, false]);
    shared.wake_followers();
    assert_eq!(woken(), [true, true]);
    settled.mark_unchanged();
    shared.wake_followers();
    assert!(!settled.has_changed().unwrap(), "it is no news");
    shared.advance(Position::new(5), Position::new(2));
    assert_eq!(service.settled(), Position::new(3), "it never goes back");
    // What settles later wakes its followers at once, where it is news.
    for (position, is_news) in [(2, false), (3, false), (4, true)] {
        settled.mark_unchanged();
        shared.settle(Position::new(position));
        assert_eq!(settled.has_changed().unwrap(), is_news, "{position}");
    }
}

#[tokio::test]
async fn an_owners_events_are_those_that_wrote_its_contacts() {
    let service = opened(&SimDisk::new(1)).service;
    let ann = create(&service, "a").await;
    create(&service, "b").await;
    create(&service, "a").await;
    submit(&service, "a", Operation::Delete, Some(ann), Action::Delete)
        .await
        .unwrap();
    let page = |newest_first, offset, deletes: Option<bool>| {
        let is_delete = |wanted| {
            Filter::new(move |it: &crate::domain::Event| {
                (it.header.operation == Operation::Delete) == wanted
            })
        };
        let asked = OwnerEvents {
            owner: owner("a"),
            filter: deletes.map(is_delete),
            newest_first,
            window: Window::Offset { offset, limit: 2 },
        };
        let EventPart {
            events,
            total,
            offset,
        } = service.owner_events(&asked).unwrap();
        let positions = events.iter().map(|event| event.header.position.get());
        (positions.collect::<Vec<_>>(), total, offset)
    };
    assert_eq!(page(false, 0, None), (vec![2, 6], 3, 0));
    assert_eq!(page(true, 0, None), (vec![8, 6], 3, 0));
    assert_eq!(page(false, 2, None), (vec![8], 3, 2));
    assert_eq!(page(true, 0, Some(false)), (vec![6, 2], 2, 0));
    assert_eq!(page(true, 0, Some(true)), (vec![8], 1, 0));
}

/// The disk of a log of these events.
fn log_of(events: &[&[u8]]) -> SimDisk {
    let disk = SimDisk::new(2);
    let mut opened = log::open(&disk, &OpenOptions::default(), &mut |_| {}).unwrap();
    opened.appender.append(events).unwrap();
    disk
}

fn checked(disk: &SimDisk, keys: &KeyRing) -> Checked {
    check_records(disk, keys, &OpenOptions::default(), &mut |_| {}).unwrap()
}

#[tokio::test]
async fn a_check_says_what_is_wrong_with_events() {
    let disk = SimDisk::new(1);
    let service = opened(&disk).service;
    create(&service, "a").await;
    create(&service, "a").await;
    let bytes = |position| service.record_bytes(Position::new(position));
    let events: Vec<_> = (1..=4).map(|at| bytes(at).unwrap().unwrap()).collect();
    service.stop();
    let keys = keys(&disk).0;
    let sound = checked(&disk, &keys);
    assert_eq!((sound.wrong, sound.marked_lost), (Vec::<String>::new(), 0));
    let wrong = |log: &[usize]| {
        let log: Vec<_> = log.iter().map(|at| &events[at - 1][..]).collect();
        checked(&log_of(&log), &keys).wrong
    };
    let unfinished = "a START without its outcome";
    let unbegun = "an outcome without its START before it";
    for (log, said) in [
        (&[1][..], vec![format!("position 1: {unfinished}")]),
        (
            &[1, 4, 3],
            vec![
                "position 2: the event says that it is 4".to_owned(),
                format!("position 2: {unbegun}"),
                format!("position 3: {unfinished}"),
            ],
        ),
        (
            &[1, 1, 2],
            vec![
                "position 2: the event says that it is 1".to_owned(),
                format!("position 1: {unfinished}"),
                "position 3: the event says that it is 2".to_owned(),
            ],
        ),
    ] {
        let found = wrong(log)
            .into_iter()
            .filter(|it| !it.contains("goes back"));
        assert_eq!(found.collect::<Vec<_>>(), said, "{log:?}");
    }
    let back = wrong(&[3, 4, 1, 2]);
    let back = back.iter().filter(|it| it.contains("the time goes back"));
    assert_eq!(back.collect::<Vec<_>>(), ["position 3: the time goes back"]);
    assert_eq!(wrong(&[2; 600]).len(), 1_000, "no more lines than that");
    let mut flipped = events[1].to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    let found = checked(&log_of(&[&events[0], &flipped]), &keys).wrong;
    assert!(
        matches!(&found[..], [one] if one.starts_with("position 2: ")),
        "{found:?}"
    );
}

#[tokio::test]
async fn keys_that_are_gone_are_found_counted_and_given_up() {
    let disk = SimDisk::new(1);
    let Opening {
        service,
        missing_keys,
        ..
    } = opened(&disk);
    assert_eq!(missing_keys, 0);
    let ann = create(&service, "a").await;
    create(&service, "a").await;
    create(&service, "a").await;
    submit(&service, "a", Operation::Erase, Some(ann), erase())
        .await
        .unwrap();
    service.stop();
    let flip = |copy: &str, slot: usize| {
        disk.tamper_file("keys", copy, |bytes| bytes[72 * (slot + 1) + 1] ^= 1);
    };
    let (one, other) = ("slots-1.bin", "slots-1.copy.bin");
    assert_eq!(checked(&disk, &keys(&disk).0).wrong, Vec::<String>::new());
    flip(one, 1);
    let wrong = checked(&disk, &keys(&disk).0).wrong;
    assert!(matches!(&wrong[..], [it] if it.contains("copies of the contacts' keys differ")));
    for copy in [one, other] {
        disk.tamper_file("keys", copy, |bytes| bytes[72 * 2..72 * 4].fill(0));
    }
    let wrong = checked(&disk, &keys(&disk).0).wrong;
    let is_lost = |(said, at): (&String, u64)| {
        said.starts_with(&format!("position {at}: ")) && said.contains("no erasure")
    };
    assert!(
        wrong.len() == 2 && wrong.iter().zip([4, 6]).all(is_lost),
        "{wrong:?}"
    );
    let opening = opened(&disk);
    assert_eq!(opening.missing_keys, 2);
    let reader = opening.service.reader().clone();
    opening.service.stop();
    let keys = keys(&disk).0;
    let (lost, repaired) = mark_keys_lost(&reader, &keys, &mut |_| {}).unwrap();
    assert_eq!((lost, repaired.is_nothing()), (2, true));
    let after = checked(&disk, &keys);
    assert_eq!((after.wrong, after.marked_lost), (Vec::<String>::new(), 2));
}

/// A key that came back after its erasure, and one whose erasure the disk failed to sync.
#[tokio::test]
async fn an_erasure_in_the_log_is_one_on_the_disk_after_the_next_start() {
    let names = ["slots-1.bin", "slots-1.copy.bin"];
    let is_erased = |disk: &SimDisk| {
        let files = disk.files("keys").unwrap();
        let slot = |name| files.read_at(name, 72, 72).unwrap();
        names
            .map(slot)
            .iter()
            .all(|it| it.iter().all(|byte| *byte == 0xE5))
    };
    for seed in 1..=12 {
        let disk = SimDisk::new(seed);
        let service = opened(&disk).service;
        let ann = create(&service, "a").await;
        let files = disk.files("keys").unwrap();
        let before = names.map(|name| files.read_at(name, 0, 999).unwrap());
        disk.plan(Faults {
            fail_at: (seed > 1).then_some(seed - 1),
            ..Faults::default()
        });
        let erased = submit(&service, "a", Operation::Erase, Some(ann), erase()).await;
        service.stop();
        drop(service);
        disk.kill();
        if erased.is_ok() && seed == 1 {
            for (name, before) in names.iter().zip(before) {
                disk.tamper_file("keys", name, |bytes| *bytes = before);
            }
        }
        let again = opened(&disk).service;
        let gone = matches!(again.get_any(ann).unwrap(), Found::Gone);
        assert!(gone || erased.is_err());
        disk.crash();
        assert_eq!(is_erased(&disk), gone, "seed {seed}");
    }
}

#[tokio::test]
async fn views_are_made_anew_from_the_log_alone() {
    let disk = SimDisk::new(1);
    let service = opened(&disk).service;
    create(&service, "a").await;
    let gone = create(&service, "b").await;
    let erased = submit(&service, "b", Operation::Erase, Some(gone), erase()).await;
    erased.expect("it is erased");
    let head = service.head();
    service.views().search.reach(head).await.unwrap();
    let dump = |service: &Service| service.views().search.read(|view, _| view.dump());
    let before = dump(&service);
    service.stop();
    let (keys, hasher) = keys(&disk);
    let options = OpenOptions::default();
    let made = rebuild_views(&disk, &keys, &hasher, REGISTRY, &options, &mut |_| {});
    assert_eq!(made.unwrap(), head);
    drop((service, keys));
    let again = opened(&disk).service;
    // The views that follow begin where the rebuilt ones end, for there is nothing to be folded.
    let at = again.views().statuses().map(|view| view.position);
    assert_eq!(at, [head; 2]);
    assert_eq!(dump(&again), before);
}

/// A log of two thousand contacts, of which nothing but itself is left.
#[tokio::test]
async fn without_any_view_all_are_made_before_the_first_question() {
    let disk = SimDisk::new(1);
    let service = opened(&disk).service;
    for first in (0..2_100).step_by(100) {
        create_group(&service, first..first + 100).await;
    }
    let head = service.head();
    service.stop();
    drop(service);
    let views = disk.files(VIEWS).unwrap();
    for name in views.list().unwrap() {
        views.remove(&name).unwrap();
    }
    let again = opened(&disk).service;
    let at = again.views().statuses().map(|view| view.position);
    assert_eq!(at, [head; 2]);
    let found = again.views().search.read(|view, _| view.dump());
    assert_eq!(found.get("n7").map(Vec::len), Some(1));
    assert_eq!(found.len(), 2 * 2_100);
}

/// A disk of which so much is free.
pub(super) struct Measured(parking_lot::Mutex<u64>);

impl Measured {
    pub(super) fn new(free: u64) -> Self {
        Self(parking_lot::Mutex::new(free))
    }

    pub(super) fn set(&self, free: u64) {
        *self.0.lock() = free;
    }
}

impl Room for Measured {
    fn space(&self) -> Result<Option<Space>, StorageError> {
        let free = *self.0.lock();
        Ok(Some(Space {
            total: 1 << 30,
            free,
        }))
    }
    fn used(&self) -> Result<u64, StorageError> {
        Ok(7)
    }
    fn hold_back(&self, _: u64) -> Result<(), StorageError> {
        Ok(())
    }
    fn give_back(&self) -> Result<(), StorageError> {
        Ok(())
    }
}

#[test]
fn a_guard_sees_the_disk_and_lets_writes_go_on_once_there_is_room() {
    let room = Arc::new(Measured::new(100 << 20));
    let guard = Guard::start(room.clone(), false).unwrap();
    let free = |seen: Seen| seen.space.map(|space| space.free);
    assert_eq!(free(guard.seen()), Some(100 << 20));
    assert_eq!(guard.refusal(false), None);
    room.set(1 << 20);
    assert!(guard.believes(now()));
    assert_eq!(guard.refusal(false), Some(Closed::DiskFull));
    room.set(100 << 20);
    guard.settle();
    assert_eq!(guard.refusal(false), None);
    guard.stop();
    assert_eq!(guard.seen().used, 7);
    assert_eq!(Arc::strong_count(&guard), 1, "its thread has ended");
}
