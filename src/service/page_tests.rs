//! Where the pages of reads end: for the bytes of what they hold, for their limits, and at the
//! borders of the steps in which the views are walked.

use super::tests::{command_of, opened};
use super::*;
use crate::domain::{
    Action, Attempt, Card, ContactId, DialectId, Event, Outcome, Owner, OwnerEvents, Past, Patch,
    Patched, Position, Precondition, Target, Window,
};
use crate::storage::SimDisk;

/// Our own dialect, whose contacts are found by their e-mail addresses.
const NATIVE: DialectId = DialectId(1);
/// More than one step in which the views are walked.
const MANY: usize = 520;

fn owner(tenant: &str) -> Owner {
    Owner::new(NATIVE, &[tenant]).unwrap()
}

async fn submit(service: &Service, tenant: &str, attempts: Vec<Attempt>) -> Vec<ContactId> {
    let command = command_of(owner(tenant), attempts);
    let id = |outcome: &Outcome| match outcome {
        Outcome::Written { contact, .. } => contact.id,
        other => panic!("{other:?}"),
    };
    let done = service.submit(command).await.unwrap();
    done.outcomes.iter().map(id).collect()
}

fn card(text: &str) -> Card {
    let card = serde_json::json!({
        "emails": {"e": {"address": "ann@acme.example"}},
        "notes": {"n": {"note": text}},
    });
    Card::from_value(card).unwrap()
}

fn create(text: &str) -> Attempt {
    let (card, chosen_id) = (card(text), None);
    Attempt::create(Vec::new(), Ok(Action::Create { card, chosen_id }))
}

fn update(id: ContactId, text: &str) -> Attempt {
    let card = card(text);
    let changed = move |_: &Card| {
        let (card, changed) = (card.clone(), Vec::new());
        Ok(Patched { card, changed })
    };
    let update = Action::Update(Patch::new(changed));
    Attempt::update(Target::Id(id), Precondition::NONE, Vec::new(), Ok(update))
}

/// A service with one contact of so many versions, each of some 40 KB.
async fn large(versions: usize) -> (Service, ContactId) {
    let service = opened(&SimDisk::new(1)).service;
    let text = |at: usize| format!("{at:040000}");
    let id = submit(&service, "a", vec![create(&text(0))]).await[0];
    for at in 1..versions {
        submit(&service, "a", vec![update(id, &text(at))]).await;
    }
    (service, id)
}

/// Whether these events are as many as a page holds: the bytes of their records are more than its
/// limit, and without the last one's they are not.
fn fill_a_page(service: &Service, positions: &[Position]) -> bool {
    let bytes = |position: &Position| service.record_bytes(*position).unwrap().unwrap().len();
    let all: usize = positions.iter().map(bytes).sum();
    all > PAGE_BYTES_MAX && all - bytes(positions.last().unwrap()) <= PAGE_BYTES_MAX
}

#[tokio::test]
async fn a_page_of_events_ends_for_its_bytes() {
    let (service, id) = large(120).await;
    let positions = |scan: &EventScan| -> Vec<Position> {
        let events = scan.records.iter().map(|record| &record.event);
        events.map(|event| event.header.position).collect()
    };
    let is_success = |event: &Event| event.header.version.is_some();
    let after = service.events_after(Position::ZERO, 1_000, &is_success);
    let before = service.events_before(None, 1_000, &is_success);
    for scan in [after.unwrap(), before.unwrap()] {
        let found = positions(&scan);
        assert!(scan.cut && fill_a_page(&service, &found));
        assert_eq!(found.last(), Some(&scan.last));
    }
    let few = service
        .events_after(Position::ZERO, 2, &is_success)
        .unwrap();
    assert!(!few.cut && few.last == Position::new(4));
    let entry = service.entry(&owner("a"), &Target::Id(id)).unwrap();
    let past = |past| service.past(&entry, past).unwrap();
    let (page, cut) = past(Past::After(Position::ZERO, 1_000));
    assert!(cut && (100..110).contains(&page.len()), "{}", page.len());
    assert_eq!(past(Past::Whole).0.len(), 120);
    let (some, cut) = past(Past::After(Position::new(2), 3));
    assert_eq!((some.len(), cut), (5, false));
}

#[tokio::test]
async fn the_newest_events_come_over_the_borders_of_what_is_read_at_once() {
    let service = opened(&SimDisk::new(1)).service;
    let many = (0..MANY).map(|_| create("a")).collect();
    submit(&service, "a", many).await;
    let head = service.head().get();
    assert_eq!(head, 2 * MANY as u64);
    let all = service.events_before(None, usize::MAX, &|_| true).unwrap();
    let positions = all.records.iter().map(|it| it.event.header.position.get());
    assert!(positions.eq((1..=head).rev()) && all.last == Position::FIRST);
    let first = |event: &Event| event.header.position == Position::new(513);
    let one = service.events_before(Some(Position::new(515)), 1, &first);
    assert_eq!(one.unwrap().last, Position::new(513));
    let none = service.events_before(None, 0, &|_| true).unwrap();
    assert!(none.records.is_empty() && none.last == Position::new(head + 1));
    let recent = |after, limit| {
        let events = service.recent_after(Position::new(after), limit).unwrap();
        let positions = events.iter().map(|it| it.event.header.position.get());
        positions.collect::<Vec<_>>()
    };
    assert_eq!(recent(3, 2), [4, 5]);
    assert_eq!(recent(head - 1, 9), [head]);
    assert!(recent(head, 9).is_empty());
}

#[tokio::test]
async fn every_contact_and_every_tenant_is_walked() {
    let service = opened(&SimDisk::new(1)).service;
    submit(&service, "a", (0..MANY).map(|_| create("a")).collect()).await;
    let before = service.head();
    for tenant in 0..MANY {
        submit(&service, &format!("t{tenant}"), vec![create("a")]).await;
    }
    let all = |position, limit| {
        let contacts = service.all_visible(position, limit, &|_, _| true);
        contacts.map(|contacts| contacts.len())
    };
    let head = service.head();
    assert_eq!(all(before, usize::MAX).unwrap(), MANY);
    assert_eq!(all(head, 2 * MANY).unwrap(), 2 * MANY);
    let too_many = all(head, 2 * MANY - 1);
    assert!(matches!(too_many, Err(ReadError::TooBroad { limit }) if limit == 2 * MANY - 1));
    assert_eq!(service.count_live(&|_, _| true), 2 * MANY);
    assert_eq!(service.count_live(&|_, tenant| tenant == "t7"), 1);
    let only = service.all_visible(head, MANY, &|_, tenant| tenant == "t7");
    assert_eq!(only.unwrap().len(), 1);
    let asked = OwnerEvents {
        owner: owner("a"),
        filter: None,
        newest_first: false,
        window: Window::Offset {
            offset: 510,
            limit: 99,
        },
    };
    let part = service.owner_events(&asked).unwrap();
    assert_eq!((part.total, part.events.len()), (MANY, MANY - 510));
}

#[tokio::test]
async fn an_address_of_very_many_is_not_looked_up() {
    let service = opened(&SimDisk::new(1)).service;
    let holders = |tenant| {
        let found = service.with_email("Ann@acme.example", tenant, &|_, _| true);
        found.map(|found| found.len())
    };
    submit(&service, "a", (0..100).map(|_| create("a")).collect()).await;
    assert_eq!(
        (holders(Some("a")), holders(Some("b"))),
        (Some(100), Some(0))
    );
    submit(&service, "b", vec![create("a")]).await;
    assert_eq!((holders(Some("a")), holders(None)), (Some(100), None));
    let found = service.with_email("ann@acme.example", Some("b"), &|_, _| true);
    let still = service.still_with_email(&found.unwrap()).unwrap();
    assert_eq!(still[0].owner, owner("b"));
    let unseen = service.with_email("ann@acme.example", None, &|_, tenant| tenant == "b");
    assert_eq!(unseen.map(|found| found.len()), Some(1));
}
