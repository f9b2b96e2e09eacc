//! The view of contacts: by id, by owner, by what they can be found by; and idempotency.
//!
//! The entries and the idempotency are the view; the other maps are indexes that
//! follow from them. Ids grow in the order of creation, so a range of ids is a
//! page of a list.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::ContactRow;
use crate::domain::{
    Actor, ContactId, ContactState, Correlation, DialectId, Event, EventId, Fingerprint, Operation,
    Owner, Phase, Position, Status, Tag, Target, Timestamp, VendorKey, evolve,
};
use crate::keys::Slot;

/// The answer that was given under an idempotency key, as positions in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdempotencyEntry {
    /// The request that the key stands for.
    pub fingerprint: Fingerprint,
    /// The position of the START of its first attempt.
    pub first: Position,
    /// The number of attempts in the request.
    pub attempts: u32,
}

impl IdempotencyEntry {
    /// The positions of the attempts' outcomes, in order.
    pub fn outcomes(self) -> impl Iterator<Item = Position> {
        let first = self.first;
        (0..u64::from(self.attempts)).map(move |index| first.plus(2 * index + 1))
    }
}

/// A tenant of a dialect.
pub type TenantKey = (DialectId, Box<str>);

/// The view of contacts: every contact's state, and the indexes by which contacts are found.
#[derive(Clone, Debug, Default)]
pub struct Contacts {
    position: Position,
    time: Timestamp,
    entries: BTreeMap<ContactId, ContactRow>,
    idempotency: HashMap<Tag, IdempotencyEntry>,
    /// The commands whose correlation id a client chose: its hash and the first START of each.
    commands: BTreeSet<(u64, Position)>,
    live: HashMap<Owner, BTreeSet<ContactId>>,
    /// Each tenant's contacts, live or deleted, not erased.
    of_tenant: BTreeMap<TenantKey, BTreeSet<ContactId>>,
    numbered: HashMap<(DialectId, u64), ContactId>,
    last_number: HashMap<DialectId, u64>,
    chosen: HashMap<Tag, ContactId>,
    found_by: HashMap<Tag, Vec<ContactId>>,
    histories: HashMap<ContactId, Vec<Position>>,
    next_slot: Slot,
    last: Option<EventId>,
    actors: HashSet<Arc<Actor>>,
}

impl Contacts {
    /// The position of the last event folded.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// The time of the last event folded.
    #[must_use]
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// The id of the last event folded: it tells one log from another.
    #[must_use]
    pub const fn last(&self) -> Option<EventId> {
        self.last
    }

    /// The positions of the events that changed a contact, oldest first.
    #[must_use]
    pub fn history(&self, id: ContactId) -> &[Position] {
        self.histories.get(&id).map_or(&[], Vec::as_slice)
    }

    /// The last of them at or before a position.
    #[must_use]
    pub fn changed_at(&self, id: ContactId, position: Position) -> Option<Position> {
        let history = self.history(id);
        let count = history.partition_point(|at| *at <= position);
        history.get(count.checked_sub(1)?).copied()
    }

    /// Tenants after one, in order.
    pub fn tenants_after(&self, after: Option<&TenantKey>) -> impl Iterator<Item = &TenantKey> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let range = self
            .of_tenant
            .range::<TenantKey, _>((after, Bound::Unbounded));
        range.map(|(tenant, _)| tenant)
    }

    /// Whether a tenant has contacts, live or deleted.
    #[must_use]
    pub fn has_tenant(&self, tenant: &TenantKey) -> bool {
        self.of_tenant.contains_key(tenant)
    }

    /// A tenant's contacts after one, live or deleted, oldest first.
    pub fn of_tenant_after(
        &self,
        tenant: &TenantKey,
        after: Option<ContactId>,
    ) -> impl Iterator<Item = &ContactRow> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let ids = self.of_tenant.get(tenant).into_iter();
        ids.flat_map(move |ids| ids.range((after, Bound::Unbounded)))
            .filter_map(|id| self.entries.get(id))
    }

    /// The first key that no contact has.
    #[must_use]
    pub const fn next_slot(&self) -> Slot {
        self.next_slot
    }

    /// The next number of a dialect's sequence.
    #[must_use]
    pub fn next_number(&self, dialect: DialectId) -> u64 {
        self.last_number.get(&dialect).map_or(1, |last| last + 1)
    }

    /// The row of a contact, live or not.
    #[must_use]
    pub fn get(&self, id: ContactId) -> Option<&ContactRow> {
        self.entries.get(&id)
    }

    /// The contact of an owner that a target names, live or not.
    #[must_use]
    pub fn find(&self, owner: &Owner, chosen: Option<Tag>, target: &Target) -> Option<&ContactRow> {
        let id = match target {
            Target::Id(id) => Some(*id),
            Target::Sequence(number) => self.numbered.get(&(owner.dialect(), *number)).copied(),
            Target::Chosen { id, .. } => {
                let by_choice = chosen.and_then(|tag| self.chosen.get(&tag).copied());
                by_choice.or(Some(*id))
            }
        };
        let entry = self.get(id?)?;
        (entry.state.owner == *owner && entry.answers_to(target)).then_some(entry)
    }

    /// The contact that has an id which its client chose; it keeps the id after its end.
    #[must_use]
    pub fn chosen(&self, tag: Tag) -> Option<&ContactRow> {
        self.chosen.get(&tag).and_then(|id| self.get(*id))
    }

    /// The live contacts with a lookup key.
    #[must_use]
    pub fn found_by(&self, tag: Tag) -> &[ContactId] {
        self.found_by.get(&tag).map_or(&[], Vec::as_slice)
    }

    /// The number of live contacts that an owner has.
    #[must_use]
    pub fn owned(&self, owner: &Owner) -> usize {
        self.live.get(owner).map_or(0, BTreeSet::len)
    }

    /// The live contacts of an owner, oldest first.
    pub fn of_owner(&self, owner: &Owner) -> impl DoubleEndedIterator<Item = ContactId> {
        self.live.get(owner).into_iter().flatten().copied()
    }

    /// An owner's live contacts after one, oldest first.
    pub fn of_owner_after(
        &self,
        owner: &Owner,
        after: Option<ContactId>,
    ) -> impl Iterator<Item = ContactId> {
        let range = (
            after.map_or(Bound::Unbounded, Bound::Excluded),
            Bound::Unbounded,
        );
        let live = self.live.get(owner);
        live.into_iter()
            .flat_map(move |ids| ids.range(range).copied())
    }

    /// Every contact after one, live or not, oldest first.
    pub fn all_after(&self, after: Option<ContactId>) -> impl Iterator<Item = &ContactRow> {
        let range = (
            after.map_or(Bound::Unbounded, Bound::Excluded),
            Bound::Unbounded,
        );
        self.entries.range(range).map(|(_, entry)| entry)
    }

    /// Every idempotency key, as its tag, with what was answered under it.
    pub fn idempotency_entries(&self) -> impl Iterator<Item = (Tag, IdempotencyEntry)> {
        self.idempotency.iter().map(|(tag, entry)| (*tag, *entry))
    }

    /// The answer that was given under an idempotency key.
    #[must_use]
    pub fn idempotency_entry(&self, key: Tag) -> Option<IdempotencyEntry> {
        self.idempotency.get(&key).copied()
    }

    /// The first positions of the commands that may have a correlation id that a client chose: all
    /// that have it, and those of another id whose hash is the same.
    pub fn commands(&self, correlation: &Correlation) -> impl Iterator<Item = Position> {
        let hash = hash_of(correlation);
        let range = self.commands.range((hash, Position::ZERO)..);
        let same = range.take_while(move |(other, _)| *other == hash);
        same.map(|(_, position)| *position)
    }

    /// The commands of [`Self::commands`], each as its hash and its first position, in order.
    pub(super) fn all_commands(&self) -> impl Iterator<Item = (u64, Position)> {
        self.commands.iter().copied()
    }

    /// Folds one event: the next in the log. `tags` are those of the content it wrote.
    pub fn fold(&mut self, event: &Event, slot: Option<Slot>, tags: &[Tag]) {
        let Event { header, phase } = event;
        self.position = header.position;
        self.time = self.time.max(header.time);
        self.last = Some(header.id);
        match phase {
            Phase::Start { idempotency } => {
                if let Some(record) = idempotency {
                    let entry = IdempotencyEntry {
                        fingerprint: record.fingerprint,
                        first: header.position,
                        attempts: record.attempts,
                    };
                    self.idempotency.insert(record.key, entry);
                    // Others are found by the time in their id.
                    let times = header.correlation.times();
                    if !times.is_some_and(|times| times.contains(&header.time)) {
                        let hash = hash_of(&header.correlation);
                        self.commands.insert((hash, header.position));
                    }
                }
            }
            Phase::Success { .. } => self.fold_success(event, slot, tags),
            Phase::Fail(_) => {}
        }
    }

    fn fold_success(&mut self, event: &Event, slot: Option<Slot>, tags: &[Tag]) {
        let header = &event.header;
        let Some(id) = header.contact else { return };
        if matches!(
            header.operation,
            Operation::Retrieve | Operation::RetrieveList
        ) {
            return;
        }
        let before = self.entries.remove(&id);
        if let Some(before) = &before {
            self.unlist(before);
        }
        let actor = self.actor(&header.actor);
        let (state, created_by, old_slot) = match before {
            Some(entry) => (Some(entry.state), entry.created_by, Some(entry.slot)),
            None => (None, actor.clone(), None),
        };
        let Some(state) = evolve(state, event) else {
            return;
        };
        self.histories.entry(id).or_default().push(header.position);
        // An update changes nothing about whose it is.
        if old_slot.is_none() || state.status == Status::Erased {
            self.list_in_tenant(&state);
        }
        self.place(ContactRow {
            state,
            created_by,
            modified_by: actor,
            slot: slot.or(old_slot).unwrap_or_default(),
            tags: tags.into(),
        });
    }

    fn list_in_tenant(&mut self, state: &ContactState) {
        let owner = &state.owner;
        let tenant = (owner.dialect(), Box::from(owner.tenant()));
        if state.status != Status::Erased {
            self.of_tenant.entry(tenant).or_default().insert(state.id);
        } else if let Some(ids) = self.of_tenant.get_mut(&tenant) {
            ids.remove(&state.id);
            if ids.is_empty() {
                self.of_tenant.remove(&tenant);
            }
        }
    }

    /// One shared copy of an actor, since few actors write most events.
    fn actor(&mut self, actor: &Actor) -> Arc<Actor> {
        if let Some(known) = self.actors.get(actor) {
            return known.clone();
        }
        let shared = Arc::new(actor.clone());
        self.actors.insert(shared.clone());
        shared
    }

    /// Takes an entry of a snapshot into the view and its indexes.
    pub(super) fn restore(&mut self, entry: ContactRow) {
        self.list_in_tenant(&entry.state);
        self.place(entry);
    }

    /// Takes an entry into the view and those indexes that its every change concerns.
    fn place(&mut self, entry: ContactRow) {
        let id = entry.state.id;
        let dialect = entry.state.owner.dialect();
        self.next_slot = self.next_slot.max(entry.slot.next());
        match &entry.state.key {
            VendorKey::Own => {}
            VendorKey::Sequence(number) => {
                self.numbered.insert((dialect, *number), id);
                let last = self.last_number.entry(dialect).or_default();
                *last = (*last).max(*number);
            }
            VendorKey::Chosen(tag) => {
                self.chosen.insert(*tag, id);
            }
        }
        if entry.state.status == Status::Live {
            match self.live.get_mut(&entry.state.owner) {
                Some(ids) => {
                    ids.insert(id);
                }
                None => {
                    self.live
                        .insert(entry.state.owner.clone(), BTreeSet::from([id]));
                }
            }
            for tag in entry.tags.iter() {
                self.found_by.entry(*tag).or_default().push(id);
            }
        }
        self.entries.insert(id, entry);
    }

    /// Takes back what an index says of an entry that is about to change.
    fn unlist(&mut self, entry: &ContactRow) {
        let id = entry.state.id;
        if let Some(ids) = self.live.get_mut(&entry.state.owner) {
            ids.remove(&id);
            if ids.is_empty() {
                self.live.remove(&entry.state.owner);
            }
        }
        for tag in entry.tags.iter() {
            if let Some(ids) = self.found_by.get_mut(tag) {
                ids.retain(|other| *other != id);
                if ids.is_empty() {
                    self.found_by.remove(tag);
                }
            }
        }
    }

    /// Takes over a snapshot's position, time and last event.
    pub(super) fn resume(&mut self, position: Position, time: Timestamp, last: Option<EventId>) {
        self.position = position;
        self.time = time;
        self.last = last;
    }

    /// Takes a contact's history from a snapshot.
    pub(super) fn restore_history(&mut self, id: ContactId, history: Vec<Position>) {
        self.histories.insert(id, history);
    }

    /// Takes one idempotency entry from a snapshot.
    pub(super) fn restore_idempotency(&mut self, key: Tag, entry: IdempotencyEntry) {
        self.idempotency.insert(key, entry);
    }

    /// Takes one command of a correlation id that a client chose from a snapshot.
    pub(super) fn restore_command(&mut self, hash: u64, first: Position) {
        self.commands.insert((hash, first));
    }

    /// The shared form of an actor from a snapshot.
    pub(super) fn share(&mut self, actor: &Actor) -> Arc<Actor> {
        self.actor(actor)
    }
}

/// The hash under which a correlation id is found.
fn hash_of(correlation: &Correlation) -> u64 {
    let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = Sha256::digest(correlation.as_str()).into();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}
