//! What the service says of itself, what it does where it is closed, full or far behind, and where
//! its questions end.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use futures_util::FutureExt;
use parking_lot::Mutex;
use prometheus_client::registry::Registry;

use super::read::{Most, at_most};
use super::tests::{
    Measured, command_of, create, create_group, creation, erase, opened, opened_with, owner, submit,
};
use super::view_state::Folded;
use super::*;
use crate::dialect::REGISTRY;
use crate::domain::{
    Action, Attempt, BatchMode, Card, Closed, ContactId, FailureCode, FieldName, IdempotencyKey,
    IdempotentRequest, ListRange, Operation, Outcome, Owner, Patch, Patched, Phase, Position,
    Precondition, Target, Violation, limits,
};
use crate::keys::Slot;
use crate::projection::{Home, SearchIndex, View};
use crate::storage::{Disk, Faults, SimDisk};

/// Gives each group its place once the test says so.
struct Gate {
    asked: Sender<()>,
    opened: Mutex<Receiver<()>>,
}

impl Order for Gate {
    fn order(&self, _: &Judged<'_>) -> Result<(), NotOrdered> {
        self.asked.send(()).unwrap();
        self.opened.lock().recv().unwrap();
        Ok(())
    }
    fn settled(&self, head: Position) -> Position {
        head
    }
    fn missed(&self) -> bool {
        false
    }
}

/// The key of one request.
fn once() -> IdempotentRequest {
    IdempotentRequest {
        key: IdempotencyKey::parse("once").unwrap(),
        request: [1; 32],
    }
}

const fn range(contacts: u32) -> ListRange {
    ListRange {
        contacts,
        cursor: None,
    }
}

/// A read of a list that found something, or did not.
fn read(found: bool) -> ReadAudit {
    ReadAudit {
        owner: owner("a"),
        context: command_of(owner("a"), Vec::new()).context,
        operation: Operation::RetrieveList,
        contact: None,
        asked: Some(range(9)),
        given: found.then_some(range(2)),
        found,
    }
}

#[tokio::test]
async fn what_waits_while_the_log_closes_is_refused_and_leaves_nothing() {
    let (asked, was_asked) = channel();
    let (open, is_opened) = channel();
    let gate = Gate {
        asked,
        opened: Mutex::new(is_opened),
    };
    let service = opened_with(&SimDisk::new(1), Arc::new(gate)).service;
    let mut first = Box::pin(create(&service, "a"));
    assert!(first.as_mut().now_or_never().is_none());
    was_asked.recv().unwrap();
    let mut behind = Box::pin(submit(
        &service,
        "a",
        Operation::Erase,
        Some(ContactId::parse("01890000-0000-7000-8000-000000000000").unwrap()),
        erase(),
    ));
    assert!(behind.as_mut().now_or_never().is_none());
    service.record_read(read(true)).unwrap();
    assert_eq!(service.queued(), 2);
    *service.shared.closed.lock() = Some(Closed::Failed);
    open.send(()).unwrap();
    // Whatever else comes to the gate finds nobody there.
    drop(open);
    first.await;
    assert!(matches!(
        behind.await,
        Err(SubmitError::ReadOnly(Closed::Failed))
    ));
    assert_eq!(service.closed(), Some(Closed::Failed));
    assert!(matches!(
        service.record_read(read(true)),
        Err(SubmitError::ReadOnly(Closed::Failed))
    ));
    service.stop();
    assert_eq!(service.head(), Position::new(2));
    was_asked.try_recv().unwrap_err();
}

#[tokio::test]
async fn a_read_is_recorded_with_how_it_ended() {
    let service = opened(&SimDisk::new(1)).service;
    service.record_read(read(true)).unwrap();
    service.record_read(read(false)).unwrap();
    // It stands behind both, in the queue and in the log.
    create(&service, "b").await;
    let record = |position| service.record(Position::new(position)).unwrap();
    let event = |position| record(position).unwrap().event;
    for (position, given) in [(1, Some(range(2))), (3, None)] {
        let (start, end) = (event(position), event(position + 1));
        assert!(matches!(start.phase, Phase::Start { .. }));
        assert_eq!(start.header.operation, Operation::RetrieveList);
        assert_eq!(start.header.listed, Some(range(9)));
        assert_eq!(end.header.causation, Some(start.header.id));
        assert_eq!(end.header.listed, given);
        let code = match end.phase {
            Phase::Fail(failure) => Some(failure.code),
            Phase::Start { .. } | Phase::Success { .. } => None,
        };
        assert_eq!(code, given.is_none().then_some(FailureCode::NotFound));
    }
    assert_eq!(service.head(), Position::new(6));
    assert!(record(6).is_some());
    assert!(record(0).is_none() && record(7).is_none());
}

#[tokio::test]
async fn where_there_is_no_room_people_are_still_erased() {
    let service = opened(&SimDisk::new(1)).service;
    let ann = create(&service, "a").await;
    let room = Arc::new(Measured::new(100 << 20));
    service.watch(room.clone(), true).unwrap();
    assert!(service.seen().is_some());
    let bob = create(&service, "a").await;
    room.set(3 << 20);
    let refused = submit(&service, "a", Operation::Delete, Some(bob), Action::Delete).await;
    assert!(matches!(
        refused,
        Err(SubmitError::ReadOnly(Closed::DiskFull))
    ));
    assert_eq!(service.closed(), Some(Closed::DiskFull));
    let erased = submit(&service, "a", Operation::Erase, Some(ann), erase()).await;
    assert!(matches!(
        erased.unwrap().outcomes[..],
        [Outcome::Removed { .. }]
    ));
    service.stop();
}

#[tokio::test]
async fn a_full_disk_takes_nothing_and_goes_on_once_it_has_room() {
    let disk = SimDisk::new(1);
    let service = opened(&disk).service;
    // Not even the first contact is taken.
    disk.set_full(true);
    let none = submit(&service, "a", Operation::Create, None, creation()).await;
    assert!(matches!(none, Err(SubmitError::ReadOnly(Closed::NoRoom))));
    disk.set_full(false);
    let ann = create(&service, "a").await;
    let delete = || submit(&service, "a", Operation::Delete, Some(ann), Action::Delete);
    let create_one = || submit(&service, "a", Operation::Create, None, creation());
    for _ in 0..2 {
        disk.set_full(true);
        for refused in [create_one().await, delete().await] {
            assert!(matches!(
                refused,
                Err(SubmitError::ReadOnly(Closed::NoRoom))
            ));
        }
        disk.set_full(false);
        assert!(!service.follows() && service.closed().is_none());
    }
    delete().await.unwrap();
    create_one().await.unwrap();
    assert_eq!(service.next_slot(), Slot::new(2));
    disk.plan(Faults {
        fail_at: Some(1),
        ..Faults::default()
    });
    // The first thing that is synced is the new contact's key: this one is not known to be there.
    assert!(matches!(
        create_one().await,
        Err(SubmitError::OutcomeUnknown)
    ));
    assert_eq!(service.closed(), Some(Closed::Failed));
    assert!(matches!(
        delete().await,
        Err(SubmitError::ReadOnly(Closed::Failed))
    ));
    service.stop();
}

/// The value of a metric, as it is read from outside.
fn metric(service: &Service, name: &str) -> f64 {
    let mut registry = Registry::default();
    service.meters().register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
        .trim()
        .parse()
        .unwrap()
}

#[tokio::test]
async fn a_group_of_events_is_measured_and_one_of_none_is_not() {
    let service = opened(&SimDisk::new(1)).service;
    for _ in 0..2 {
        let attempt = Attempt::create(Vec::new(), Ok(creation()));
        let mut command = command_of(owner("a"), vec![attempt]);
        command.context.idempotency = Some(once());
        service.submit(command).await.unwrap();
        for (name, value) in [
            ("commit_duration_seconds_count", 1.0),
            ("sync_duration_seconds_count", 1.0),
            ("group_events_count", 1.0),
            ("group_events_sum", 2.0),
        ] {
            assert_eq!(metric(&service, name), value, "{name}");
        }
    }
}

#[tokio::test]
async fn writes_wait_for_a_search_that_is_far_behind() {
    let service = opened(&SimDisk::new(1)).service;
    let search = &service.views().search;
    let slowed = || metric(&service, "writes_slowed_seconds_total");
    let head = LAG_EVENTS_MAX as u32 / 2;
    create_group(&service, 0..head).await;
    search.reach(service.head()).await.unwrap();
    // What follows a reply of a group is done before that of the next one.
    create(&service, "a").await;
    assert_eq!(slowed(), 0.0);
    search.reach(service.head()).await.unwrap();
    search.stop();
    assert_eq!(search.status().version, SearchIndex::VERSION);
    assert!(search.has_reached(service.head()) && !search.has_reached(service.head().next()));
    assert_eq!(search.read_at_once(|_, at| at), Some(service.head()));
    create_group(&service, 0..head).await;
    create(&service, "a").await;
    assert!(!service.views_caught_up());
    create(&service, "a").await;
    assert!(slowed() > 0.0);
    service.stop();
}

#[tokio::test]
async fn a_stop_keeps_what_the_views_have_folded() {
    let disk = SimDisk::new(1);
    let service = opened(&disk).service;
    create(&service, "a").await;
    let head = service.head();
    service.views().search.reach(head).await.unwrap();
    service.stop();
    let home = Home {
        files: disk.files(VIEWS).unwrap(),
        keys: service.shared.keys.file_keys(),
        numbers: Arc::default(),
    };
    let resumed = Folded::<SearchIndex>::resumed(&service.shared, Some(&home));
    assert_eq!(resumed.position, head);
}

#[tokio::test]
async fn records_are_shown_in_order_until_no_more_are_wanted() {
    let service = opened(&SimDisk::new(1)).service;
    create_group(&service, 0..300).await;
    let mut shown = Vec::new();
    let each = service.each(Position::FIRST, service.head(), |record| {
        shown.push(record.event.header.position.get());
        Ok(shown.len() < 3)
    });
    each.unwrap();
    assert_eq!(shown, [2, 3, 4]);
    let mut taken = Vec::new();
    let work = |record: crate::log::record::Record| Ok(record.event.header.position.get());
    let take = |position| {
        taken.push(position);
        Ok::<_, ReadError>(())
    };
    let all = service.on_all_processors(Position::FIRST, Position::new(599), work, take);
    all.unwrap();
    assert!(taken.into_iter().eq(2..=599));
}

#[tokio::test]
async fn a_question_is_refused_that_would_look_at_more_than_it_may() {
    assert!(at_most(3, 3).is_ok());
    assert!(matches!(
        at_most(4, 3),
        Err(ReadError::TooBroad { limit: 3 })
    ));
    let service = opened(&SimDisk::new(1)).service;
    create_group(&service, 0..3).await;
    create(&service, "b").await;
    let ask = |looked, bytes| {
        let most = Most { looked, bytes };
        let asked = service.visible_within(most, service.head(), 9, &|_, _| true);
        asked.map(|contacts| contacts.len())
    };
    assert_eq!(ask(4, usize::MAX).unwrap(), 4);
    let too_many = ask(3, usize::MAX);
    assert!(matches!(too_many, Err(ReadError::TooBroad { limit: 3 })));
    // Behind so many bytes no other is opened.
    let too_large = ask(4, 0);
    assert!(matches!(too_large, Err(ReadError::TooBroad { limit: 1 })));
}

fn refused(code: FailureCode) -> impl Fn(&Outcome) -> bool {
    move |outcome| matches!(outcome, Outcome::Refused { failure, .. } if failure.code == code)
}

#[tokio::test]
async fn an_id_that_a_batch_repeats_is_refused_and_the_rest_goes_on() {
    let service = opened(&SimDisk::new(1)).service;
    let attempt = |chosen_id: Option<&str>| {
        let card = Card::from_value(serde_json::json!({"name": {"full": "Ann"}})).unwrap();
        let chosen_id = chosen_id.map(Into::into);
        Attempt::create(Vec::new(), Ok(Action::Create { card, chosen_id }))
    };
    let batch = vec![attempt(Some("x")), attempt(Some("x")), attempt(None)];
    let done = service.submit(command_of(owner("a"), batch)).await.unwrap();
    assert!(refused(FailureCode::DuplicateId)(&done.outcomes[1]));
    let written = |at: usize| matches!(done.outcomes[at], Outcome::Written { .. });
    assert!(done.outcomes.len() == 3 && written(0) && written(2));
}

#[tokio::test]
async fn a_batch_that_was_refused_as_a_whole_is_answered_alike_again() {
    let service = opened(&SimDisk::new(1)).service;
    for _ in 0..2 {
        let attempts = vec![
            Attempt::create(Vec::new(), Ok(creation())),
            Attempt::create(Vec::new(), Err(Vec::new())),
        ];
        let mut command = command_of(owner("a"), attempts);
        command.batch = BatchMode::AllOrNothing;
        command.context.idempotency = Some(once());
        let done = service.submit(command).await.unwrap();
        assert_eq!((done.position, done.outcomes.len()), (Position::new(4), 2));
        assert!(refused(FailureCode::BatchRefused)(&done.outcomes[0]));
        assert!(refused(FailureCode::Invalid)(&done.outcomes[1]));
        assert_eq!(service.head(), Position::new(4));
    }
}

#[tokio::test]
async fn of_several_items_the_one_whose_record_is_too_large_fails_alone() {
    let service = opened(&SimDisk::new(1)).service;
    let large = "x".repeat(limits::RECORD_BYTES_MAX);
    let large = Card::from_value(serde_json::json!({"notes": {"n": {"note": large}}})).unwrap();
    let large = || Action::Create {
        card: large.clone(),
        chosen_id: None,
    };
    let attempt = |action| Attempt::create(Vec::new(), Ok(action));
    let is_too_large = |outcome: &Outcome| match outcome {
        Outcome::Refused {
            failure,
            violations,
        } => failure.is_too_large() && *violations == [Violation::too_large()],
        _ => false,
    };
    // A repeat of the request is answered alike, and adds nothing.
    for _ in 0..2 {
        let attempts = vec![attempt(large()), attempt(creation()), attempt(large())];
        let mut command = command_of(owner("a"), attempts);
        command.context.idempotency = Some(once());
        let done = service.submit(command).await.unwrap();
        let [first, second, third] = &done.outcomes[..] else {
            panic!("{done:?}");
        };
        assert!(is_too_large(first) && is_too_large(third), "{done:?}");
        assert!(matches!(second, Outcome::Written { .. }), "{second:?}");
        assert_eq!(service.head(), Position::new(6));
    }
    // The whole request, or one that stands and falls together, leaves nothing.
    for (batch, attempts) in [
        (BatchMode::Alone, vec![attempt(large())]),
        (
            BatchMode::AllOrNothing,
            vec![attempt(creation()), attempt(large())],
        ),
    ] {
        let mut command = command_of(owner("a"), attempts);
        command.batch = batch;
        let refused = service.submit(command).await;
        assert!(matches!(refused, Err(SubmitError::TooLarge { .. })));
        assert_eq!(service.head(), Position::new(6));
    }
}

#[tokio::test]
async fn events_say_what_was_sent_and_with_which_start_they_go() {
    let service = opened(&SimDisk::new(1)).service;
    let name: FieldName = "name".into();
    let attempts = vec![
        Attempt::create(vec![name.clone()], Ok(creation())),
        Attempt::create(vec![name.clone()], Err(Vec::new())),
    ];
    let done = service.submit(command_of(owner("a"), attempts)).await;
    done.unwrap();
    let header = |at| {
        service
            .record(Position::new(at))
            .unwrap()
            .unwrap()
            .event
            .header
    };
    for start in [1, 3] {
        let (start, end) = (header(start), header(start + 1));
        assert_eq!(end.causation, Some(start.id));
        assert_eq!(
            (start.fields, end.fields),
            (vec![name.clone()], vec![name.clone()])
        );
    }
    assert_eq!([2, 4].map(|at| header(at).version), [Some(1), None]);
    let none = service.events_after(service.head(), 9, &|_| true).unwrap();
    assert!(none.records.is_empty() && none.last == service.head());
}

#[tokio::test]
async fn an_answer_that_is_given_again_is_that_of_then() {
    let service = opened(&SimDisk::new(1)).service;
    let send = async |attempt, subject: &str| {
        let mut command = command_of(owner("a"), vec![attempt]);
        command.context.idempotency = Some(once());
        command.context.actor.subject = Some(subject.into());
        let done = service.submit(command).await.unwrap();
        match &done.outcomes[..] {
            [Outcome::Written { contact, .. }] => (**contact).clone(),
            other => panic!("{other:?}"),
        }
    };
    let create = || Attempt::create(Vec::new(), Ok(creation()));
    let first = send(create(), "ann").await;
    let changed = |_: &Card| {
        let card = Card::from_value(serde_json::json!({"name": {"full": "Bob"}})).unwrap();
        let changed = Vec::new();
        Ok(Patched { card, changed })
    };
    let update = Action::Update(Patch::new(changed));
    let target = Target::Id(first.id);
    let update = Attempt::update(target, Precondition::NONE, Vec::new(), Ok(update));
    let second = send(update, "bob").await;
    assert!((first.version, second.version) == (1, 2) && first.modified_by != second.modified_by);
    assert!(send(create(), "ann").await == first);
}

/// Two changes of one contact in a group, each of which gives up its address.
#[tokio::test]
async fn an_address_that_was_given_up_in_a_group_is_free_in_it() {
    let service = opened(&SimDisk::new(1)).service;
    let rules = REGISTRY.iter().find(|rules| rules.unique_email).unwrap();
    let card = |address: &str| {
        let card = serde_json::json!({"emails": {"e": {"address": address}}});
        Card::from_value(card).unwrap()
    };
    let create = |address| {
        let (card, chosen_id) = (card(address), None);
        Attempt::create(Vec::new(), Ok(Action::Create { card, chosen_id }))
    };
    let update = |id, address: &str| {
        let card = card(address);
        let changed = move |_: &Card| {
            let (card, changed) = (card.clone(), Vec::new());
            Ok(Patched { card, changed })
        };
        let update = Action::Update(Patch::new(changed));
        Attempt::update(Target::Id(id), Precondition::NONE, Vec::new(), Ok(update))
    };
    let owner = Owner::new(rules.dialect, &["a"]).unwrap();
    let send = async |attempts| {
        let done = service.submit(command_of(owner.clone(), attempts)).await;
        done.unwrap().outcomes
    };
    let id = match &send(vec![create("a@x.example")]).await[..] {
        [Outcome::Written { contact, .. }] => contact.id,
        other => panic!("{other:?}"),
    };
    let outcomes = send(vec![
        update(id, "b@x.example"),
        update(id, "c@x.example"),
        create("b@x.example"),
        create("c@x.example"),
    ])
    .await;
    let written = outcomes
        .iter()
        .map(|outcome| matches!(outcome, Outcome::Written { .. }));
    assert!(written.eq([true, true, true, false]), "{outcomes:?}");
}

#[tokio::test]
async fn what_an_answer_takes_out_of_a_card_is_not_kept_with_the_event() {
    let disk = SimDisk::new(1);
    let Opening { service, .. } = opened(&disk);
    let mut card = Card::from_value(serde_json::json!({"kind": "org"})).unwrap();
    card.fold_up();
    let create = Action::Create {
        card,
        chosen_id: None,
    };
    let done = submit(&service, "a", Operation::Create, None, create).await;
    let [Outcome::Written { contact, .. }] = &done.unwrap().outcomes[..] else {
        panic!("it is written");
    };
    assert_eq!(contact.card.properties()["kind"], "org");
    assert!(!contact.card.is_text(), "it was taken apart");
    let recent = service.recent_after(Position::ZERO, 2).unwrap();
    let kept = recent.iter().find_map(|event| event.content.as_deref());
    assert!(kept.unwrap().card.is_text(), "the other was not");
}
