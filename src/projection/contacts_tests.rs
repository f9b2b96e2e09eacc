//! The packed view beside a plain one: whole histories, every question.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use uuid::Uuid;

use super::{ContactRow, Contacts, FoldError, IdempotencyEntry};
use crate::domain::{
    Actor, ContactId, Correlation, DialectId, Event, EventId, Fingerprint, Header,
    IdempotencyRecord, Operation, Owner, Phase, Position, Status, Tag, Target, Timestamp,
    VendorKey, evolve,
};
use crate::keys::Slot;

/// What happens, by small numbers, so that much of it meets.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) operation: Operation,
    pub(super) contact: u8,
    pub(super) owner: u8,
    pub(super) actor: u8,
    pub(super) tags: BTreeSet<u8>,
    pub(super) idempotency: Option<u8>,
    pub(super) correlation: u8,
}

impl Step {
    /// A contact that is made.
    pub(super) fn create(owner: u8, actor: u8) -> Self {
        Self {
            operation: Operation::Create,
            contact: 0,
            owner,
            actor: actor % 3,
            tags: [actor % 6].into(),
            idempotency: Some(actor),
            correlation: actor % 4,
        }
    }
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let operation = prop_oneof![
        6 => Just(Operation::Create),
        5 => Just(Operation::Update),
        1 => Just(Operation::Delete),
        1 => Just(Operation::Erase),
        1 => Just(Operation::Retrieve),
    ];
    let tags = prop::collection::btree_set(0..6_u8, 0..3);
    let idempotency = prop::option::weighted(0.3, any::<u8>());
    (
        operation,
        any::<u8>(),
        0..5_u8,
        0..3_u8,
        tags,
        (idempotency, 0..4_u8),
    )
        .prop_map(|(operation, contact, owner, actor, tags, of)| Step {
            operation,
            contact,
            owner,
            actor,
            tags,
            idempotency: of.0,
            correlation: of.1,
        })
}

pub(super) fn tag(number: u8) -> Tag {
    Tag([number; 16])
}

fn owner(number: u8) -> Owner {
    let ids: &[&str] = &["a", "b", "x y"];
    let of_one = Owner::new(DialectId(number % 2), &ids[..1]);
    let of_two = Owner::new(DialectId(3), &["a", ids[usize::from(number % 3)]]);
    let made = if number < 2 { of_one } else { of_two };
    made.expect("good ids")
}

fn actor(number: u8) -> Actor {
    Actor {
        client_id: (number > 0).then(|| number.to_string().into()),
        ..Actor::default()
    }
}

fn id(number: usize) -> ContactId {
    ContactId(Uuid::from_u128(7 + number as u128 * 10))
}

/// The vendor key of a new contact: each kind in turns.
fn key(number: usize) -> VendorKey {
    match number % 3 {
        0 => VendorKey::Own,
        1 => VendorKey::Sequence(number as u64),
        _ => VendorKey::Chosen(Tag((number as u128 + (1 << 100)).to_be_bytes())),
    }
}

/// The plain view: rows as they are, and everything else by looking at all of them.
#[derive(Default)]
struct Plain {
    rows: BTreeMap<ContactId, (ContactRow, Vec<Position>)>,
    idempotency: BTreeMap<Tag, IdempotencyEntry>,
    commands: Vec<(Correlation, Position)>,
}

impl Plain {
    fn fold(&mut self, event: &Event, slot: Slot, tags: &[Tag]) {
        let header = &event.header;
        let id = match (&event.phase, header.contact) {
            (Phase::Success { .. }, Some(id)) if header.operation != Operation::Retrieve => id,
            _ => return,
        };
        let before = self.rows.remove(&id);
        let state = before.as_ref().map(|(row, _)| row.state.clone());
        let state = evolve(state, event).expect("it was created");
        let actor = std::sync::Arc::new(header.actor.clone());
        let (created_by, mut history) = match before {
            Some((row, history)) => (row.created_by, history),
            None => (actor.clone(), Vec::new()),
        };
        history.push(header.position);
        let tags = tags.iter().filter(|_| state.status == Status::Live);
        let row = ContactRow {
            created_by,
            modified_by: actor,
            slot,
            tags: tags.copied().collect(),
            state,
        };
        self.rows.insert(id, (row, history));
    }

    fn live(&self, owner: &Owner) -> Vec<ContactId> {
        let rows = self.rows.values().map(|(row, _)| &row.state);
        let live = rows.filter(|it| it.owner == *owner && it.status == Status::Live);
        live.map(|state| state.id).collect()
    }
}

/// Both views of the same history.
#[derive(Default)]
pub(super) struct Both {
    pub(super) packed: Contacts,
    plain: Plain,
    position: u64,
}

impl Both {
    fn event(&mut self, step: &Step, phase: Phase, contact: Option<usize>) -> Event {
        self.position += 1;
        let correlation = Correlation::parse(&format!("c{}", step.correlation));
        Event {
            header: Header {
                contact: contact.map(id),
                key: contact.map(key),
                actor: actor(step.actor),
                correlation: correlation.expect("a token"),
                ..Header::new(
                    Position::new(self.position),
                    EventId(Uuid::from_u128(u128::from(self.position))),
                    Timestamp::from_millis(self.position * 3),
                    step.operation,
                    owner(step.owner),
                )
            },
            phase,
        }
    }

    /// A START and its SUCCESS, as the log has them.
    pub(super) fn take(&mut self, step: &Step) {
        let count = self.plain.rows.len();
        let (contact, step) = match step.operation {
            Operation::Create => (count, step.clone()),
            _ if count == 0 => return,
            _ => {
                let contact = usize::from(step.contact) % count;
                let row = &self.plain.rows[&id(contact)].0;
                if row.state.status == Status::Erased && step.operation != Operation::Retrieve {
                    return;
                }
                (contact, step.clone())
            }
        };
        let idempotency = step.idempotency.map(|number| IdempotencyRecord {
            key: tag(number),
            fingerprint: Fingerprint([number; 16]),
            attempts: u32::from(number),
        });
        let start = self.event(&step, Phase::Start { idempotency }, None);
        if let Some(record) = idempotency {
            let entry = IdempotencyEntry {
                fingerprint: record.fingerprint,
                first: start.header.position,
                attempts: record.attempts,
            };
            self.plain.idempotency.insert(record.key, entry);
            let of = (start.header.correlation.clone(), start.header.position);
            self.plain.commands.push(of);
        }
        self.packed.fold(&start, None, &[]).expect("it folds");
        let event = self.event(&step, Phase::Success { erasure: None }, Some(contact));
        let writes = matches!(step.operation, Operation::Create | Operation::Update);
        let tags = step.tags.iter().filter(|_| writes).map(|it| tag(*it));
        let tags: Vec<Tag> = tags.collect();
        let slot = Slot::new(contact as u64);
        let folded = self.packed.fold(&event, Some(slot), &tags);
        folded.expect("it folds");
        self.plain.fold(&event, slot, &tags);
    }

    pub(super) fn check(&self) {
        let Self { packed, plain, .. } = self;
        assert_eq!(packed.count() as usize, plain.rows.len());
        let all: Vec<_> = packed
            .all_after(None)
            .filter_map(|it| it.unpack())
            .collect();
        let wanted: Vec<_> = plain.rows.values().map(|(row, _)| row.clone()).collect();
        assert_eq!(all, wanted);
        for (row, history) in plain.rows.values() {
            self.check_row(row, history);
        }
        for number in 0..6 {
            let has = |row: &ContactRow| row.tags.contains(&tag(number));
            let wanted = plain.rows.values().rev().filter(|(row, _)| has(row));
            let wanted: Vec<_> = wanted.map(|(row, _)| row.state.id).collect();
            assert_eq!(packed.found_by(tag(number)).collect::<Vec<_>>(), wanted);
        }
        for number in 0..5 {
            self.check_owner(&owner(number));
        }
        for number in 0..=u8::MAX {
            let wanted = plain.idempotency.get(&tag(number)).copied();
            assert_eq!(packed.idempotency_entry(tag(number)), wanted);
        }
        for number in 0..4 {
            let correlation = Correlation::parse(&format!("c{number}")).expect("a token");
            let own = plain.commands.iter().filter(|(of, _)| *of == correlation);
            let wanted: Vec<_> = own.map(|(_, at)| *at).collect();
            assert_eq!(packed.commands(&correlation), wanted);
        }
    }

    fn check_row(&self, row: &ContactRow, history: &[Position]) {
        let packed = &self.packed;
        let state = &row.state;
        assert_eq!(packed.get(state.id).as_ref(), Some(row));
        let entry = packed.entry(state.id).expect("a contact");
        assert_eq!(entry.history().iter().collect::<Vec<_>>(), history);
        for position in 0..=self.position {
            let position = Position::new(position);
            let wanted = history.iter().rev().find(|at| **at <= position);
            assert_eq!(packed.changed_at(state.id, position), wanted.copied());
        }
        let other = owner((state.owner.dialect().0 + 1) % 2);
        let text: Box<str> = "x".into();
        let (target, tag) = match &state.key {
            VendorKey::Own => (Target::Id(state.id), None),
            VendorKey::Sequence(number) => (Target::Sequence(*number), None),
            VendorKey::Chosen(tag) => {
                let id = ContactId(Uuid::max());
                (Target::Chosen { id, text }, Some(*tag))
            }
        };
        assert_eq!(packed.find(&state.owner, tag, &target).as_ref(), Some(row));
        assert_eq!(packed.find(&other, tag, &target), None);
        if let Some(tag) = tag {
            assert_eq!(packed.chosen(tag).as_ref(), Some(row));
            assert_eq!(packed.find(&state.owner, None, &target), None);
        }
    }

    fn check_owner(&self, owner: &Owner) {
        let Self { packed, plain, .. } = self;
        let live = plain.live(owner);
        assert_eq!(packed.owned(owner), live.len());
        assert_eq!(packed.of_owner(owner, 0, usize::MAX), live);
        let page: Vec<_> = live.iter().skip(1).take(2).copied().collect();
        assert_eq!(packed.of_owner(owner, 1, 2), page);
        let after = ContactId(Uuid::from_u128(30));
        let page: Vec<_> = live
            .iter()
            .filter(|id| **id > after)
            .take(2)
            .copied()
            .collect();
        assert_eq!(packed.of_owner_after(owner, Some(after), 2), page);
        let tenant = (owner.dialect(), owner.tenant().into());
        let of_tenant = |row: &&ContactRow| {
            let state = &row.state;
            let of = (state.owner.dialect(), state.owner.tenant().into());
            of == tenant && state.status != Status::Erased
        };
        let rows = plain.rows.values().map(|(row, _)| row).filter(of_tenant);
        let wanted: Vec<_> = rows.map(|row| row.state.id).collect();
        let found = packed.of_tenant_after(&tenant, None, usize::MAX);
        let found: Vec<_> = found.iter().map(|entry| entry.id()).collect();
        assert_eq!(found, wanted);
        assert_eq!(packed.has_tenant(&tenant), !wanted.is_empty());
        let listed = packed.tenants_after(None).any(|other| *other == tenant);
        assert_eq!(listed, !wanted.is_empty());
    }
}

proptest! {
    #[test]
    fn a_packed_view_answers_as_a_plain_one(steps in prop::collection::vec(step(), 0..60)) {
        let mut both = Both::default();
        for step in &steps {
            both.take(step);
        }
        both.check();
        // A view that was saved answers like one that was folded.
        let saved = both.packed.to_snapshot();
        both.packed = Contacts::from_snapshot(&saved).expect("what it wrote");
        both.check();
        prop_assert_eq!(both.packed.to_snapshot(), saved);
        for step in &steps {
            both.take(step);
        }
        both.check();
    }
}

#[test]
fn a_contact_out_of_order_is_refused() {
    let mut both = Both::default();
    let step = Step::create(0, 0);
    let success = || Phase::Success { erasure: None };
    let second = both.event(&step, success(), Some(1));
    let first = both.event(&step, success(), Some(0));
    assert_eq!(both.packed.fold(&second, None, &[]), Ok(()));
    let refused = Err(FoldError::OutOfOrder { id: id(0) });
    assert_eq!(both.packed.fold(&first, None, &[]), refused);
    assert_eq!(both.packed.position(), second.header.position);
}
