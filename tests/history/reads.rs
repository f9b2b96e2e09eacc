//! Lists and pages beside a plain list: each part of the order, under every filter.

use std::sync::Arc;

use contactd::{
    dialect::{kare, oracle},
    domain::{
        Action, Contact, ContactId, Filter, List, Operation, Order, Owner, Page, Position, Rules,
        Target, Window,
    },
    log::record,
    service::{EventScan, ReadError},
    storage::SimDisk,
};

use super::edges::{attempt, command, create, id_of, one};
use super::world::World;

fn world() -> World {
    World::new(SimDisk::new(1)).expect("it opens")
}

/// New contacts of an owner, oldest first.
fn created(world: &World, rules: &Rules, owner: &str, count: usize) -> Vec<ContactId> {
    let texts = (0..count).map(|number| number.to_string());
    let creates = texts.map(|text| command(rules, &[owner], vec![create(&text, None)]));
    let creates: Vec<_> = creates.collect();
    let answers = world.send(&creates).into_iter();
    let done = answers.map(|answer| id_of(&answer.expect("it is done")));
    done.collect()
}

fn number(contact: &Contact) -> usize {
    let text = contact.card.text("example.com:text").expect("a text");
    text.parse().expect("a number")
}

/// What a window shows of a list: the items, where they begin, and whether more follow.
fn shown(all: &[ContactId], window: Window) -> (Vec<ContactId>, usize, bool) {
    let (offset, limit) = match window {
        Window::Offset { offset, limit } => (offset, limit),
        Window::ClampedPage { page, per_page } => {
            let last = all.len().div_ceil(per_page).max(1);
            ((page.min(last) - 1) * per_page, per_page)
        }
        Window::After { contact, limit } => {
            let before = |id: &&ContactId| contact.is_some_and(|last| **id <= last);
            (all.iter().filter(before).count(), limit)
        }
    };
    let part: Vec<_> = all.iter().copied().skip(offset).take(limit).collect();
    let more = offset + part.len() < all.len();
    (part, offset, more)
}

#[test]
fn a_list_is_filtered_ordered_and_cut() {
    const MADE: usize = 8;
    let world = world();
    let ids = created(&world, &oracle::RULES, "a", MADE);
    created(&world, &oracle::RULES, "b", 2);
    let delete = attempt(Operation::Delete, Some(Target::Id(ids[3])), Action::Delete);
    one(&world, command(&oracle::RULES, &["a"], vec![delete]));
    let windows = (0..=MADE + 1).flat_map(|at| {
        let contact = at.checked_sub(1).and_then(|at| ids.get(at)).copied();
        [1, 3, 7, 100].into_iter().flat_map(move |size| {
            [
                Window::Offset {
                    offset: at,
                    limit: size,
                },
                Window::ClampedPage {
                    page: at.max(1),
                    per_page: size,
                },
                Window::After {
                    contact,
                    limit: size,
                },
            ]
        })
    });
    let windows: Vec<Window> = windows.collect();
    for (every, order, falling) in [
        (1, Order::Created, false),
        (2, Order::Created, false),
        (1, Order::CreatedDescending, true),
        (2, Order::CreatedDescending, true),
        (
            1,
            Order::By(Arc::new(|a, b| number(b).cmp(&number(a)))),
            true,
        ),
    ] {
        let numbers = (0..MADE).filter(|number| *number != 3 && number.is_multiple_of(every));
        let mut want: Vec<ContactId> = numbers.map(|number| ids[number]).collect();
        if falling {
            want.reverse();
        }
        // A page after a contact is one of the order of creation.
        let fits = |window: &&Window| !(falling && matches!(window, Window::After { .. }));
        for window in windows.iter().filter(fits) {
            let list = List {
                owner: Owner::new(oracle::RULES.dialect, &["a"]).expect("good ids"),
                filter: (every > 1)
                    .then(|| Filter::new(move |it| number(it).is_multiple_of(every))),
                order: order.clone(),
                window: *window,
            };
            let page = world.service.list(&list).expect("it can be read");
            let Page {
                contacts,
                total,
                offset,
                more,
            } = page;
            let found: Vec<ContactId> = contacts.iter().map(|contact| contact.id).collect();
            let (part, begins, follow) = shown(&want, *window);
            assert_eq!((found, total, more), (part, want.len(), follow), "{list:?}");
            if !matches!(window, Window::After { .. }) {
                assert_eq!(offset, begins, "{list:?}");
            }
        }
    }
}

#[test]
fn events_are_read_backwards_as_they_are_forwards() {
    let world = world();
    created(&world, &kare::RULES, "7", 300);
    let service = &world.service;
    let all = service.events_after(Position::ZERO, usize::MAX, &|_| true);
    let all = all.expect("they can be read").records;
    assert_eq!(all.len(), 600);
    for (before, limit) in [None, Some(1), Some(2), Some(300), Some(513), Some(601)]
        .into_iter()
        .flat_map(|before| [1, 5, 300, 511, 10_000].map(|limit| (before, limit)))
    {
        for step in [1, 7] {
            let wanted = |position: Position| position.get().is_multiple_of(step);
            let scan = service.events_before(before.map(Position::new), limit, &|event| {
                wanted(event.header.position)
            });
            let EventScan { records, last, .. } = scan.expect("they can be read");
            let earlier = all.iter().rev().map(|record| record.event.header.position);
            let earlier = earlier.filter(|at| before.is_none_or(|before| at.get() < before));
            let want: Vec<Position> = earlier.filter(|at| wanted(*at)).take(limit).collect();
            let found = records.iter().map(|record| record.event.header.position);
            assert_eq!(found.collect::<Vec<_>>(), want, "{before:?} {limit} {step}");
            let ends = match want.last() {
                Some(last) if want.len() == limit => *last,
                _ => Position::FIRST,
            };
            assert_eq!(last, ends, "{before:?} {limit} {step}");
        }
    }
}

#[test]
fn contacts_of_visible_tenants_are_read_as_they_were() {
    let world = world();
    created(&world, &oracle::RULES, "a", 3);
    let service = &world.service;
    let then = service.head();
    created(&world, &oracle::RULES, "a", 2);
    created(&world, &oracle::RULES, "b", 2);
    let read = |at, limit, tenants: &str| {
        service.all_visible(at, limit, &|_, tenant| tenants.contains(tenant))
    };
    let count = |at, tenants| read(at, 100, tenants).expect("they can be read").len();
    assert_eq!(count(then, "ab"), 3);
    assert_eq!(count(service.head(), "a"), 5);
    assert_eq!(count(service.head(), "b"), 2);
    assert_eq!(count(service.head(), "ab"), 7);
    assert_eq!(count(service.head(), ""), 0);
    assert_eq!(read(service.head(), 7, "ab").expect("as many").len(), 7);
    let broad = read(service.head(), 6, "ab");
    assert!(matches!(broad, Err(ReadError::TooBroad { limit: 6 })));
}

#[test]
fn the_bytes_of_an_event_are_its_record() {
    let world = world();
    created(&world, &oracle::RULES, "a", 2);
    let service = &world.service;
    for position in (1..=4).map(Position::new) {
        let bytes = service.record_bytes(position).expect("they can be read");
        let decoded = record::decode(&bytes.expect("it is there")).expect("a record");
        assert_eq!(decoded.event.header.position, position);
    }
    let beyond = service.record_bytes(Position::new(5));
    assert_eq!(beyond.expect("it can be asked for"), None);
}
