//! The index finds what a look at every contact finds, forgets what is gone, and looks at little.

use std::collections::BTreeMap;

use contactd::dialect::{REGISTRY, Search, Sort, SortKey};
use contactd::domain::{Card, Contact, ContactId, DialectId, Operation, Position, Timestamp};
use contactd::projection::search::{ENTRIES_MAX, Hits, Query, QueryError};
use contactd::projection::{Chore, SearchIndex, View};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use super::{contact, id, owner, success};

const NAMES: [&str; 7] = ["Ann Lee", "ann", "Änne", "Bob O'Ann", "Łukasz", "", "张伟"];
const EMAILS: [&str; 4] = ["ann@x.co", "ANN@x.co", "änn@x.co", "bob@lee.io"];
const PHONES: [&str; 3] = ["+1 (555) 010", "555", "0105551"];
const TENANTS: [(u8, &str); 4] = [(1, "a"), (1, "b"), (2, "a"), (3, "c")];
const TEXTS: [&str; 11] = [
    "ann", "AN", "o ann", "lee", "ann@x", "@lee.io", "555", "10", "luk", "张", "-",
];

/// What happens to a contact.
#[derive(Clone, Debug)]
enum Step {
    Write(u64, usize, Card),
    End(u64, bool),
}

fn card() -> impl Strategy<Value = Card> {
    let of = |texts: &'static [&'static str]| proptest::option::of(select(texts));
    let organizations = of(&["Lee & Söhne", "ACME"]);
    (
        of(&NAMES),
        of(&EMAILS),
        of(&PHONES),
        organizations,
        any::<bool>(),
    )
        .prop_map(|(name, email, phone, organization, active)| {
            Card::from_value(json!({
                "name": {"full": name.unwrap_or_default()},
                "emails": {"e": {"address": email.unwrap_or_default()}},
                "phones": {"p": {"number": phone.unwrap_or_default()}},
                "organizations": {"o": {"name": organization.unwrap_or_default()}},
                "vendor.example:active": active,
            }))
            .expect("a card")
        })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..12_u64, 0..TENANTS.len(), card()).prop_map(|(who, of, card)| Step::Write(who, of, card)),
        1 => (0..12_u64, any::<bool>()).prop_map(|(who, erase)| Step::End(who, erase)),
    ]
}

fn search() -> impl Strategy<Value = Search> {
    let of = |texts: &'static [&'static str]| {
        proptest::option::weighted(0.3, select(texts).prop_map(str::to_owned))
    };
    let time = || {
        proptest::option::weighted(
            0.3,
            (0..40_u64).prop_map(|s| Timestamp::from_millis(s * 1_000)),
        )
    };
    let sort = (
        select(&[SortKey::Created, SortKey::Updated, SortKey::Name][..]),
        any::<bool>(),
    );
    let texts = (
        of(&TEXTS),
        of(&EMAILS),
        of(&PHONES),
        of(&["ann", "LEE a", "o"]),
    );
    let scope = (of(&["a", "c"]), proptest::option::weighted(0.2, 1..4_u8));
    let flags = (
        proptest::option::weighted(0.3, any::<bool>()),
        [time(), time(), time(), time()],
    );
    (texts, scope, flags, sort, 1..4_usize).prop_map(|(texts, scope, flags, sort, limit)| Search {
        text: texts.0,
        email: texts.1,
        phone: texts.2,
        name: texts.3,
        tenant: scope.0,
        dialect: scope.1.map(DialectId),
        active: flags.0,
        created_after: flags.1[0],
        created_before: flags.1[1],
        updated_after: flags.1[2],
        updated_before: flags.1[3],
        sort: Sort {
            by: sort.0,
            descending: sort.1,
        },
        limit,
        ..Search::default()
    })
}

/// Folds a history into an index, and into plain contacts. A contact begins where it is first
/// written; its number in the index grows with that.
fn fold(steps: &[Step]) -> (SearchIndex, Vec<Contact>) {
    let mut index = SearchIndex::new();
    let mut ids: BTreeMap<u64, ContactId> = BTreeMap::new();
    let mut owners = BTreeMap::new();
    let mut live: BTreeMap<ContactId, Contact> = BTreeMap::new();
    for (position, step) in (1..).zip(steps) {
        let (event, card) = match step {
            Step::Write(who, of, card) => match ids.get(who) {
                None => {
                    let new = id(owners.len() as u64);
                    let (dialect, tenant) = TENANTS[*of];
                    ids.insert(*who, new);
                    owners.insert(new, owner(dialect, tenant));
                    let event = success(Operation::Create, &owners[&new], new, position);
                    live.insert(new, contact(&event, card.clone()));
                    (event, Some(card))
                }
                Some(known) => {
                    let event = success(Operation::Update, &owners[known], *known, position);
                    let Some(contact) = live.get_mut(known) else {
                        continue;
                    };
                    contact.card = card.clone();
                    contact.modified_at = event.header.time;
                    contact.position = event.header.position;
                    (event, Some(card))
                }
            },
            Step::End(who, erase) => {
                let Some(known) = ids.get(who) else { continue };
                if live.remove(known).is_none() && !erase {
                    continue;
                }
                let operation = if *erase {
                    Operation::Erase
                } else {
                    Operation::Delete
                };
                (success(operation, &owners[known], *known, position), None)
            }
        };
        let words = SearchIndex::extract(REGISTRY, &event, card);
        index.fold(&event, words).expect("it folds");
        index.settle();
    }
    (index, live.into_values().collect())
}

/// Does all that is due.
fn tend(index: &mut SearchIndex) {
    while !matches!(index.tend().expect("it is kept"), Chore::Nothing) {}
}

fn ask(index: &SearchIndex, search: &Search) -> Result<Hits, QueryError> {
    index.query(&Query {
        terms: &search.terms(),
        visible: &|dialect, tenant| {
            search.tenant.as_deref().is_none_or(|want| want == tenant)
                && search.dialect.is_none_or(|want| want == dialect)
        },
        created_after: search.created_after,
        created_before: search.created_before,
        // Each event has a second of its own.
        updated_after: search
            .updated_after
            .map(|time| Position::new(time.millis() / 1_000)),
        updated_up_to: search
            .updated_before
            .map(|time| Position::new(time.millis().saturating_sub(1) / 1_000)),
        sort: search.sort,
        after: search.after.as_ref(),
        limit: search.limit,
        most: ENTRIES_MAX,
    })
}

/// All pages of a search, checked as the service checks them.
fn pages(index: &SearchIndex, contacts: &[Contact], search: &Search) -> Vec<ContactId> {
    let mut search = search.clone();
    let mut found = Vec::new();
    loop {
        let Hits { hits, more, .. } = ask(index, &search).expect("it is narrow");
        assert!(hits.len() <= search.limit);
        for hit in &hits {
            let contact = contacts.iter().find(|contact| contact.id == hit.id);
            let contact = contact.expect("a live contact");
            assert_eq!(contact.position, hit.position);
            found.extend(search.wants(contact, REGISTRY).then_some(hit.id));
        }
        match hits.last() {
            Some(last) if more => search.after = Some(last.keyset.clone()),
            _ => return found,
        }
    }
}

proptest! {
    #[test]
    fn it_finds_what_a_look_at_every_contact_finds(
        steps in prop::collection::vec(step(), 0..40),
        searches in prop::collection::vec(search(), 1..12),
    ) {
        let (index, contacts) = fold(&steps);
        prop_assert_eq!(index.len(), contacts.len());
        for search in searches {
            let mut wanted: Vec<&Contact> = contacts.iter().filter(|c| search.wants(c, REGISTRY)).collect();
            wanted.sort_by(|one, other| search.compare(one, other));
            let wanted: Vec<ContactId> = wanted.into_iter().map(|c| c.id).collect();
            prop_assert_eq!(pages(&index, &contacts, &search), wanted, "{:?}", search);
        }
    }

    /// Whatever went before, it knows no more than one that never knew those who are gone.
    #[test]
    fn it_holds_nothing_of_whoever_is_gone(steps in prop::collection::vec(step(), 0..40)) {
        let (index, contacts) = fold(&steps);
        let mut fresh = SearchIndex::new();
        for (position, contact) in (1..).zip(&contacts) {
            let event = success(Operation::Create, &contact.owner, contact.id, position);
            let words = SearchIndex::extract(REGISTRY, &event, Some(&contact.card));
            fresh.fold(&event, words).expect("it folds");
        }
        fresh.settle();
        prop_assert_eq!(index.dump(), fresh.dump());
    }
}

/// 100,000 contacts of two tenants, the first tenant's first.
fn many() -> SearchIndex {
    let mut index = SearchIndex::new();
    for number in 0..100_000_u64 {
        let owner = owner(1, if number < 90_000 { "big" } else { "small" });
        let card = Card::from_value(json!({
            "name": {"full": format!("{} N{number}", ["Ann", "Bob", "Cy"][number as usize % 3])},
            "emails": {"e": {"address": format!("n{number}@example.com")}},
            "phones": {"p": {"number": format!("+49 30 {number:07}")}},
            "vendor.example:active": number % 50_000 != 7,
        }));
        let event = success(Operation::Create, &owner, id(number), number + 1);
        let card = card.expect("a card");
        let words = SearchIndex::extract(REGISTRY, &event, Some(&card));
        index.fold(&event, words).expect("it folds");
        if number % 128 == 0 {
            index.settle();
            tend(&mut index);
        }
    }
    index.settle();
    index
}

/// The time of all but the last fifty contacts.
fn late() -> Option<Timestamp> {
    Some(Timestamp::from_millis(99_950_000))
}

/// The time behind the first fifty contacts.
fn early() -> Option<Timestamp> {
    Some(Timestamp::from_millis(51_000))
}

fn sorted(by: SortKey, descending: bool) -> Sort {
    Sort { by, descending }
}

/// A search for a hundred contacts.
fn like(change: impl FnOnce(&mut Search)) -> Search {
    let mut search = Search {
        limit: 100,
        ..Search::default()
    };
    change(&mut search);
    search
}

fn text(text: &str) -> Search {
    like(|search| search.text = Some(text.into()))
}

#[test]
fn a_question_to_100_000_contacts_looks_at_few() {
    let index = many();
    // The question, how many it finds, and how many entries it may look at.
    let cases = [
        (like(|_| {}), 100, 110),
        (text("n77777"), 1, 10),
        (text("n77777@example.com"), 1, 10),
        (like(|s| s.email = Some("N5@EXAMPLE.com".into())), 1, 10),
        (like(|s| s.phone = Some("4930 0000042".into())), 1, 10),
        (text("0000042"), 1, 10),
        (text("ann"), 100, 310),
        (text("example n9999"), 11, 30),
        (like(|s| s.active = Some(false)), 2, 10),
        (like(|s| s.tenant = Some("small".into())), 100, 110),
        (like(|s| s.created_after = late()), 50, 60),
        (like(|s| s.updated_after = late()), 50, 60),
        (like(|s| s.created_before = early()), 50, 60),
        (like(|s| s.updated_before = early()), 50, 60),
        (text("!"), 0, 10),
    ];
    for (search, found, looked_at) in cases {
        let orders = [SortKey::Created, SortKey::Updated, SortKey::Name];
        for by in orders {
            let sort = sorted(by, false);
            let search = Search {
                sort,
                ..search.clone()
            };
            let hits = ask(&index, &search).expect("it is narrow");
            assert_eq!(hits.hits.len(), found, "{search:?}");
            let looked = hits.looked_at;
            assert!(looked <= looked_at, "{search:?} looked at {looked}");
        }
    }
    // Neither word is rare, and no contact has both; all of `Cy` stand before `Bob`.
    let reversed = Search {
        sort: sorted(SortKey::Name, true),
        ..text("bob")
    };
    for broad in [text("ann bob"), reversed] {
        let limit = ENTRIES_MAX;
        assert_eq!(
            ask(&index, &broad),
            Err(QueryError::TooBroad { limit }),
            "{broad:?}"
        );
    }
}
