//! What the generated histories taught, one by one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use contactd::{
    dialect::{mattr, oracle, thena},
    domain::{
        Action, Attempt, BatchMode, Card, Closed, Command, ContactId, Context, Correlation,
        FailureCode, IdempotencyKey, IdempotentRequest, LookupKey, Match, Operation, Outcome,
        Owner, Patch, Position, Precondition, Problem, Rules, Target, Timestamp, Violation,
    },
    service::{Committed, Found, SubmitError, system_clock},
    storage::{Disk, SimDisk},
};
use serde_json::json;

use super::world::{World, open_under};

const CHOSEN: &str = "0000000000000000000000000000000A";

pub fn command(rules: &Rules, ids: &[&str], attempts: Vec<Attempt>) -> Command {
    Command {
        owner: Owner::new(rules.dialect, ids).expect("good ids"),
        context: Context {
            actor: contactd::domain::Actor::default(),
            correlation: Correlation::parse("x").expect("a token"),
            traceparent: None,
            idempotency: None,
        },
        batch: BatchMode::ItemByItem,
        attempts,
    }
}

pub fn attempt(operation: Operation, target: Option<Target>, action: Action) -> Attempt {
    Attempt {
        operation,
        target,
        precondition: Precondition::NONE,
        fields: Vec::new(),
        action: Ok(action),
    }
}

fn card(text: &str) -> Card {
    let emails = json!({"a": {"address": "ann@example.com"}});
    Card::from_value(json!({"emails": emails, "example.com:text": text})).expect("a card")
}

pub fn create(text: &str, chosen: Option<&str>) -> Attempt {
    let card = card(text);
    let chosen_id = chosen.map(Into::into);
    attempt(Operation::Create, None, Action::Create { card, chosen_id })
}

fn choose(owner: &str) -> Command {
    command(&oracle::RULES, &[owner], vec![create("", Some(CHOSEN))])
}

fn chosen(text: &str) -> Option<Target> {
    let id = ContactId::parse(text).expect("an id");
    let text = text.into();
    Some(Target::Chosen { text, id })
}

fn world() -> World {
    World::new(SimDisk::new(1)).expect("it opens")
}

pub fn one(world: &World, command: Command) -> Committed {
    let done = world.send(&[command]).pop();
    done.expect("an answer").expect("it is done")
}

pub fn id_of(done: &Committed) -> ContactId {
    match &done.outcomes[..] {
        [Outcome::Written { contact, .. }] => contact.id,
        other => panic!("{other:?}"),
    }
}

fn code_of(outcome: &Outcome) -> Option<FailureCode> {
    match outcome {
        Outcome::Refused { failure, .. } => Some(failure.code),
        _ => None,
    }
}

#[test]
fn an_id_that_was_taken_and_deleted_in_the_same_group_is_a_repeat() {
    let world = world();
    let delete = attempt(Operation::Delete, chosen(CHOSEN), Action::Delete);
    let delete = command(&oracle::RULES, &["a"], vec![delete]);
    let answers = world.send(&[choose("a"), delete, choose("a")]);
    let done: Vec<Committed> = answers.into_iter().map(|a| a.expect("done")).collect();
    assert_eq!(id_of(&done[0]), id_of(&done[2]));
    assert_eq!(world.service.head().get(), 4);
}

#[test]
fn an_id_whose_contact_was_erased_in_the_same_group_is_taken() {
    let world = world();
    let erase = Action::Erase {
        reason: contactd::domain::EraseReason::Legal,
        reference: None,
    };
    let erase = attempt(Operation::Erase, chosen(CHOSEN), erase);
    let erase = command(&oracle::RULES, &["a"], vec![erase]);
    let answers = world.send(&[choose("a"), erase, choose("a")]);
    let last = answers.into_iter().last().expect("three").expect("done");
    assert_eq!(code_of(&last.outcomes[0]), Some(FailureCode::DuplicateId));
}

#[test]
fn a_contact_with_a_chosen_id_is_not_named_by_ours_in_its_group_either() {
    let world = world();
    let id = id_of(&one(&world, choose("a")));
    let own = format!("{:X}", id.0.simple());
    let same = Patch::new(|card| {
        Ok(contactd::domain::Patched {
            card: card.clone(),
            changed: Vec::new(),
        })
    });
    let update = |target| {
        let update = attempt(Operation::Update, target, Action::Update(same.clone()));
        command(&oracle::RULES, &["a"], vec![update])
    };
    let answers = world.send(&[update(chosen(CHOSEN)), update(chosen(&own))]);
    let codes: Vec<_> = answers
        .into_iter()
        .map(|answer| code_of(&answer.expect("done").outcomes[0]))
        .collect();
    assert_eq!(codes, [None, Some(FailureCode::NotFound)]);
}

#[test]
fn another_tenants_contact_is_never_the_answer_to_a_chosen_id() {
    let world = world();
    let theirs = id_of(&one(
        &world,
        command(&oracle::RULES, &["b"], vec![create("", None)]),
    ));
    let text = format!("{:X}", theirs.0.simple());
    let guess = create("", Some(&text));
    let done = one(&world, command(&oracle::RULES, &["a"], vec![guess]));
    assert_eq!(code_of(&done.outcomes[0]), Some(FailureCode::DuplicateId));
}

#[test]
fn a_batch_refused_as_a_whole_says_which_item_was_wrong() {
    let world = world();
    let twice = vec![create("", None), create("", None)];
    let mut batch = command(&thena::RULES, &["a"], twice);
    batch.batch = BatchMode::AllOrNothing;
    let done = one(&world, batch);
    let codes: Vec<_> = done.outcomes.iter().map(code_of).collect();
    let expected = [FailureCode::BatchRefused, FailureCode::DuplicateEmail];
    assert_eq!(codes, expected.map(Some));
    assert_eq!(world.service.head().get(), 4);
}

#[test]
fn what_was_wrong_with_a_change_is_answered_again() {
    let world = world();
    let id = id_of(&one(
        &world,
        command(&mattr::RULES, &["e", "p"], vec![create("", None)]),
    ));
    let wrong = Patch::new(|card| {
        let text = card.text("example.com:text").unwrap_or("none").to_owned();
        Err(vec![
            Violation::new("text", Problem::Blank).with_value(text.into()),
        ])
    });
    let update = attempt(
        Operation::Update,
        Some(Target::Id(id)),
        Action::Update(wrong),
    );
    let mut update = command(&mattr::RULES, &["e", "p"], vec![update]);
    update.context.idempotency = IdempotencyKey::parse("key").map(|key| IdempotentRequest {
        key,
        request: [0; 32],
    });
    let first = format!("{:?}", one(&world, update.clone()).outcomes);
    assert!(first.contains("String(\"\")"), "{first}");
    let other = card("other");
    let change = Patch::new(move |_| {
        Ok(contactd::domain::Patched {
            card: other.clone(),
            changed: Vec::new(),
        })
    });
    let change = attempt(
        Operation::Update,
        Some(Target::Id(id)),
        Action::Update(change),
    );
    one(&world, command(&mattr::RULES, &["e", "p"], vec![change]));
    assert_eq!(format!("{:?}", one(&world, update).outcomes), first);
}

/// One that fills a frame of the log would close the log for everybody.
#[test]
fn a_command_too_large_for_the_log_is_refused_and_leaves_no_trace() {
    let world = world();
    let text = "x".repeat(40_000);
    let upsert = |number: u64| {
        let address = format!("p{number}@example.com");
        let value = json!({"emails": {"a": {"address": address}}, "example.com:text": text});
        let card = Card::from_value(value).expect("a card");
        let by = Match(LookupKey::email(&address));
        let patch = Patch::new(|_| Err(Vec::new()));
        attempt(Operation::Create, None, Action::Upsert { by, card, patch })
    };
    let attempts = (0..1_000).map(upsert).collect();
    let mut answers = world.send(&[
        command(&thena::RULES, &["a"], attempts),
        command(&thena::RULES, &["a"], vec![upsert(1)]),
    ]);
    let small = answers.pop().expect("two").expect("it is done");
    let large = answers.pop().expect("two");
    assert!(
        matches!(large, Err(SubmitError::TooLarge { .. })),
        "{large:?}"
    );
    assert_eq!((small.position.get(), world.service.head().get()), (2, 2));
    let owner = Owner::new(thena::RULES.dialect, &["a"]).expect("good ids");
    let found = world.service.get(&owner, &Target::Id(id_of(&small)));
    assert!(matches!(found, Ok(Found::Live(_))));
}

/// A command that fails after its START was made leaves nothing of its idempotency key to those
/// behind it in the same group.
#[test]
fn a_command_that_was_rolled_back_gives_its_idempotency_key_back() {
    let world = world();
    let keyed = |text: &str| {
        let mut command = command(&mattr::RULES, &["e", "p"], vec![create(text, None)]);
        command.batch = BatchMode::Alone;
        command.context.idempotency = Some(IdempotentRequest {
            key: IdempotencyKey::parse("once").expect("a key"),
            request: [7; 32],
        });
        command
    };
    let too_large = "x".repeat(60 * 1024);
    let answers = world.send(&[keyed(&too_large), keyed("small")]);
    assert!(matches!(answers[0], Err(SubmitError::TooLarge { .. })));
    let done = answers[1].as_ref().expect("the key is free");
    assert!(matches!(done.outcomes[..], [Outcome::Written { .. }]));
    assert_eq!(done.position.get(), 2);
}

/// What came of a command is found by its correlation id: by the client's own id for ever, by one
/// that the service made for as long as its time is near the events'.
#[test]
fn a_command_is_found_by_its_correlation_id() {
    let mut world = world();
    let with = |correlation: Correlation, key: Option<&str>, texts: &[&str]| {
        let attempts = texts.iter().map(|text| create(text, None)).collect();
        let mut command = command(&mattr::RULES, &["e", "p"], attempts);
        command.context.correlation = correlation;
        command.context.idempotency = key.map(|key| IdempotentRequest {
            key: IdempotencyKey::parse(key).expect("a key"),
            request: [7; 32],
        });
        command
    };
    let named = Correlation::parse("order-4711").expect("a token");
    let other = Correlation::parse("order-4712").expect("a token");
    world.send(&[with(other.clone(), None, &["before"])]);
    let made = made_at(world.service.last_time());
    let old = Correlation::parse("0190f0a1-7d2b-7c1e-9f3a-5b6c7d8e9f01").expect("a token");
    world.send(&[
        with(named.clone(), Some("order-4711"), &["a", "b"]),
        with(made.clone(), None, &["c"]),
        with(old.clone(), Some("old"), &["d"]),
        with(named.clone(), Some("of-another"), &["e"]),
        with(named.clone(), Some("of-a-third"), &["f"]),
    ]);
    for reopened in [false, true] {
        if reopened {
            world.reopen().expect("it opens");
        }
        let found = |correlation: &Correlation, after: u64, limit: usize| -> Vec<u64> {
            let after = Position::new(after);
            let service = &world.service;
            let scan = service.command(correlation, after, limit, &|_| true);
            let records = scan.expect("it is read").records.into_iter();
            records
                .map(|record| record.event.header.position.get())
                .collect()
        };
        // Two that share an id stand side by side, and none of their events comes twice.
        assert_eq!(found(&named, 0, 100), [3, 4, 5, 6, 11, 12, 13, 14]);
        assert_eq!(found(&named, 4, 1), [5]);
        assert_eq!(found(&named, 11, 100), [12, 13, 14]);
        assert_eq!(found(&named, 13, 100), [14]);
        assert_eq!(found(&made, 0, 100), [7, 8]);
        assert_eq!(found(&old, 0, 100), [9, 10]);
        assert_eq!(found(&other, 0, 100), [0; 0]);
    }
}

/// A correlation id as the service makes them, of this time.
fn made_at(time: Timestamp) -> Correlation {
    let time = uuid::Timestamp::from_unix_time(time.millis() / 1_000, 0, 0, 0);
    Correlation::from_uuid(uuid::Uuid::new_v7(time))
}

/// Else everything recorded after the jump would bear its time, and no start would take the log.
#[tokio::test]
async fn a_time_that_is_not_believed_is_not_recorded() {
    const HOURS: u64 = 2 * 3_600_000;
    let ahead = Arc::new(AtomicU64::new(0));
    let mut system = system_clock();
    let by = ahead.clone();
    let clock = move || Timestamp::from_millis(system().millis() + by.load(Ordering::Relaxed));
    let disk = SimDisk::new(1);
    let service = open_under(&disk, Box::new(clock)).expect("it opens");
    service.watch(disk.room(), false).expect("a thread");
    let create = || service.submit(command(&mattr::RULES, &["a", "b"], vec![create("", None)]));
    create().await.expect("it is done");
    ahead.store(HOURS, Ordering::Relaxed);
    let refused = create().await.expect_err("a clock that has jumped");
    assert!(
        matches!(refused, SubmitError::ReadOnly(Closed::ClockJumped)),
        "{refused:?}"
    );
    ahead.store(0, Ordering::Relaxed);
    // The watch looks every second.
    let done = loop {
        match create().await {
            Ok(done) => break done,
            Err(SubmitError::ReadOnly(Closed::ClockJumped)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error:?}"),
        }
    };
    let [Outcome::Written { contact, .. }] = &done.outcomes[..] else {
        panic!("{:?}", done.outcomes);
    };
    let now = system_clock()().millis();
    assert!(contact.created_at.millis() <= now, "{contact:?}");
    service.stop();
}

#[test]
fn an_erasure_of_a_deleted_contact_makes_no_room_for_another() {
    let world = world();
    let owner = ["a", "b"];
    let most = mattr::RULES.contacts_max.expect("a limit") as usize;
    let of = |attempts| command(&mattr::RULES, &owner, attempts);
    let makes = |count| vec![create("", None); count];
    let made = one(&world, of(makes(1)));
    one(&world, of(makes(most - 1)));
    let target = Some(Target::Id(id_of(&made)));
    let delete = attempt(Operation::Delete, target.clone(), Action::Delete);
    one(&world, of(vec![delete]));
    let erase = Action::Erase {
        reason: contactd::domain::EraseReason::Legal,
        reference: None,
    };
    let erase = attempt(Operation::Erase, target, erase);
    let answers = world.send(&[of(vec![erase]), of(makes(2))]);
    let last = answers.into_iter().last().expect("two").expect("done");
    let codes: Vec<_> = last.outcomes.iter().map(code_of).collect();
    assert_eq!(codes, [None, Some(FailureCode::TooManyContacts)]);
}
