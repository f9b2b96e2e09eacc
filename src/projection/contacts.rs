//! The view of contacts: by id, by owner, by what they can be found by; and idempotency.
//!
//! A contact's number is its place in the order of creation, which is the order of ids: a range of
//! numbers is a page of a list, and an id is found by halving. What is asked for leaves as a value
//! of its own, for what is kept is packed.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::packed::{
    Chunks, Commands, History, IdempotencyEntry, Interned, Members, Receipts, Row, Steps, Tags,
    VendorKeys,
};
use super::{ContactRow, Mark, correlations::hash_of};
use crate::domain::{
    Actor, ContactId, ContactState, Correlation, DialectId, EventId, Owner, Position, Status, Tag,
    Target, Timestamp,
};
use crate::keys::Slot;

/// A tenant of a dialect.
pub type TenantKey = (DialectId, Box<str>);

/// The view of contacts: every contact's state, and the indexes by which contacts are found.
#[derive(Debug, Default)]
pub struct Contacts {
    pub(super) position: Position,
    pub(super) time: Timestamp,
    pub(super) last: Option<EventId>,
    pub(super) next_slot: Slot,
    pub(super) rows: Chunks<Row>,
    pub(super) owners: Interned<Owner>,
    /// The contacts and the tenant of each owner, by the owner's number.
    pub(super) owned: Chunks<Owned>,
    /// The numbers of tenants, those among them whose contacts are all erased.
    pub(super) tenants: BTreeMap<TenantKey, u32>,
    /// Each tenant's contacts, live or deleted, not erased, by the tenant's number.
    pub(super) of_tenant: Chunks<Members>,
    pub(super) actors: Interned<Arc<Actor>>,
    pub(super) tags: Tags,
    pub(super) steps: Steps,
    pub(super) vendor_keys: VendorKeys,
    pub(super) receipts: Receipts,
    pub(super) commands: Commands,
    /// The mark that the view had reached when it was saved.
    pub(super) saved: Mark,
    /// The contacts that have changed since.
    pub(super) changed: RoaringBitmap,
}

/// The live contacts of an owner, and the tenant that it is of.
#[derive(Debug)]
pub(super) struct Owned {
    /// The live contacts of the owner.
    pub live: Members,
    /// The number of its tenant.
    pub tenant: u32,
}

/// A contact in the view, looked at where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    contacts: &'a Contacts,
    number: u32,
    row: &'a Row,
}

impl<'a> Entry<'a> {
    /// The contact's place in the order of creation.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.number
    }

    /// Our own id of the contact.
    #[must_use]
    pub const fn id(self) -> ContactId {
        self.row.id
    }

    /// The stage of the contact's life.
    #[must_use]
    pub const fn status(self) -> Status {
        self.row.status
    }

    /// The slot of the contact's key.
    #[must_use]
    pub const fn slot(self) -> Slot {
        Slot::new(self.row.slot.get())
    }

    /// The position of the event that created the contact.
    #[must_use]
    pub const fn created(self) -> Position {
        Position::new(self.row.created.position.get())
    }

    /// The position of the event that changed or ended it last.
    #[must_use]
    pub const fn modified(self) -> Position {
        Position::new(self.row.modified.position.get())
    }

    /// The owner of the contact. There is none where the row names what is not there, which no row of a
    /// view does.
    #[must_use]
    pub fn owner(self) -> Option<&'a Owner> {
        self.contacts.owners.get(self.row.owner)
    }

    /// Whether the contact is this owner's.
    #[must_use]
    pub fn is_of(self, owner: &Owner) -> bool {
        self.owner() == Some(owner)
    }

    /// The positions of the events that changed the contact.
    #[must_use]
    pub const fn history(self) -> History<'a> {
        History::new(&self.contacts.steps, self.row)
    }

    /// The state that `evolve` made of the contact's events.
    pub(super) fn state(self) -> Option<ContactState> {
        let Row {
            id,
            version,
            created,
            modified,
            status,
            ..
        } = *self.row;
        Some(ContactState {
            id,
            owner: self.owner()?.clone(),
            key: self.contacts.vendor_keys.unpack(self.row)?,
            version: version.get(),
            status,
            created: created.into(),
            modified: modified.into(),
        })
    }

    /// All that is kept of the contact. There is none where the row names what is not there, which
    /// no row of a view does.
    #[must_use]
    pub fn unpack(self) -> Option<ContactRow> {
        let actor = |number| self.contacts.actors.get(number).cloned();
        Some(ContactRow {
            state: self.state()?,
            created_by: actor(self.row.created_by)?,
            modified_by: actor(self.row.modified_by)?,
            slot: self.slot(),
            tags: self.contacts.tags.of(self.row.tags).collect(),
        })
    }
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

    /// The mark that the view had reached when it was saved last.
    #[must_use]
    pub const fn saved(&self) -> Mark {
        self.saved
    }

    /// The number of contacts that there ever were.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.rows.len()
    }

    /// The position of a contact's last change at or before a position.
    #[must_use]
    pub fn changed_at(&self, id: ContactId, position: Position) -> Option<Position> {
        let history = self.entry(id)?.history();
        history.at(history.up_to(position).checked_sub(1)?)
    }

    /// Tenants after one, in order.
    pub fn tenants_after(&self, after: Option<&TenantKey>) -> impl Iterator<Item = &TenantKey> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let range = self
            .tenants
            .range::<TenantKey, _>((after, Bound::Unbounded));
        let has_contacts = |number: u32| {
            let members = self.of_tenant.get(number);
            members.is_some_and(|members| !members.is_empty())
        };
        range.filter_map(move |(tenant, number)| has_contacts(*number).then_some(tenant))
    }

    /// Whether a tenant has contacts, live or deleted.
    #[must_use]
    pub fn has_tenant(&self, tenant: &TenantKey) -> bool {
        self.members(tenant)
            .is_some_and(|members| !members.is_empty())
    }

    /// The number of a tenant, under which [`Self::owners_from`] tells of it.
    #[must_use]
    pub fn number_of(&self, tenant: &TenantKey) -> Option<u32> {
        self.tenants.get(tenant).copied()
    }

    /// The owners from a number on, each as the number of its tenant and how many live contacts it
    /// has, but for those of these numbers.
    pub fn owners_from(
        &self,
        first: u32,
        but: &RoaringBitmap,
    ) -> impl Iterator<Item = (u32, usize)> {
        let owners = self.owned.iter_from(first);
        owners.map(|(_, owned)| (owned.tenant, owned.live.len_but(but)))
    }

    /// At most `limit` of a tenant's contacts after one, live or deleted, oldest first.
    #[must_use]
    pub fn of_tenant_after(
        &self,
        tenant: &TenantKey,
        after: Option<ContactId>,
        limit: usize,
    ) -> Vec<Entry<'_>> {
        let first = self.first_after(after);
        let members = self.members(tenant);
        let numbers = members.map(|members| members.from(first, limit));
        let numbers = numbers.unwrap_or_default().into_iter();
        numbers.filter_map(|number| self.numbered(number)).collect()
    }

    /// The first key that no contact has.
    #[must_use]
    pub const fn next_slot(&self) -> Slot {
        self.next_slot
    }

    /// The next number of a dialect's sequence.
    #[must_use]
    pub fn next_number(&self, dialect: DialectId) -> u64 {
        self.vendor_keys.next_number(dialect)
    }

    /// The row of a contact, live or not.
    #[must_use]
    pub fn get(&self, id: ContactId) -> Option<ContactRow> {
        self.entry(id)?.unpack()
    }

    /// A contact where it stands, live or not.
    #[must_use]
    pub fn entry(&self, id: ContactId) -> Option<Entry<'_>> {
        let number = self.rows.partition_point(|row| row.id < id);
        self.numbered(number).filter(|entry| entry.id() == id)
    }

    /// The contact of an owner that a target names, live or not.
    #[must_use]
    pub fn find(&self, owner: &Owner, chosen: Option<Tag>, target: &Target) -> Option<ContactRow> {
        let entry = match target {
            Target::Id(id) => self.entry(*id),
            Target::Sequence(number) => self.in_sequence(owner.dialect(), *number),
            Target::Chosen { id, .. } => {
                let by_choice = chosen.and_then(|tag| self.vendor_keys.chosen(tag));
                match by_choice {
                    Some(contact) => self.numbered(contact),
                    None => self.entry(*id),
                }
            }
        };
        let row = entry.filter(|entry| entry.is_of(owner))?.unpack()?;
        row.answers_to(target).then_some(row)
    }

    /// The contact of a number in a dialect's sequence, whosever it is.
    #[must_use]
    pub fn in_sequence(&self, dialect: DialectId, number: u64) -> Option<Entry<'_>> {
        let of = |contact| self.sequence_of(contact);
        self.numbered(self.vendor_keys.numbered(dialect, number, of)?)
    }

    /// The contact that has an id which its client chose; it keeps the id after its end.
    #[must_use]
    pub fn chosen(&self, tag: Tag) -> Option<ContactRow> {
        let contact = self.vendor_keys.chosen(tag)?;
        self.numbered(contact)?.unpack()
    }

    /// The live contacts with a lookup key, the newest first.
    pub fn found_by(&self, tag: Tag) -> impl Iterator<Item = ContactId> {
        let holders = self.tags.holders(tag);
        holders.filter_map(|number| self.rows.get(number).map(|row| row.id))
    }

    /// The number of live contacts that an owner has.
    #[must_use]
    pub fn owned(&self, owner: &Owner) -> usize {
        self.live_of(owner).map_or(0, Members::len)
    }

    /// The number of live contacts that an owner has, but for those of these numbers.
    #[must_use]
    pub fn owned_but(&self, owner: &Owner, but: &RoaringBitmap) -> usize {
        self.live_of(owner).map_or(0, |live| live.len_but(but))
    }

    /// At most `limit` live contacts of an owner after having passed over `offset`, oldest first.
    #[must_use]
    pub fn of_owner(&self, owner: &Owner, offset: usize, limit: usize) -> Vec<ContactId> {
        let live = self.live_of(owner);
        self.ids(live.map(|live| live.page(offset, limit)))
    }

    /// At most `limit` live contacts of an owner after one, oldest first.
    #[must_use]
    pub fn of_owner_after(
        &self,
        owner: &Owner,
        after: Option<ContactId>,
        limit: usize,
    ) -> Vec<ContactId> {
        let live = self.live_of(owner);
        self.ids(live.map(|live| live.from(self.first_after(after), limit)))
    }

    /// Every contact after one, live or not, oldest first.
    pub fn all_after(&self, after: Option<ContactId>) -> impl Iterator<Item = Entry<'_>> {
        let rows = self.rows.iter_from(self.first_after(after));
        rows.map(|(number, row)| Entry {
            contacts: self,
            number,
            row,
        })
    }

    /// The answer that was given under an idempotency key.
    #[must_use]
    pub fn idempotency_entry(&self, key: Tag) -> Option<IdempotencyEntry> {
        self.receipts.get(key)
    }

    /// The first positions of the commands that may have a correlation id that a client chose: all
    /// that have it, and those of another id whose hash is the same.
    #[must_use]
    pub fn commands(&self, correlation: &Correlation) -> Vec<Position> {
        self.commands.of(hash_of(correlation))
    }

    /// The contact of a number.
    #[must_use]
    pub fn numbered(&self, number: u32) -> Option<Entry<'_>> {
        let row = self.rows.get(number)?;
        Some(Entry {
            contacts: self,
            number,
            row,
        })
    }

    /// The dialect of a contact and its number in that dialect's sequence, where it has one.
    fn sequence_of(&self, contact: u32) -> Option<(DialectId, u64)> {
        let row = self.rows.get(contact)?;
        Some((self.owners.get(row.owner)?.dialect(), row.sequence()?))
    }

    fn live_of(&self, owner: &Owner) -> Option<&Members> {
        let owned = self.owned.get(self.owners.find(owner)?)?;
        Some(&owned.live)
    }

    fn members(&self, tenant: &TenantKey) -> Option<&Members> {
        self.of_tenant.get(*self.tenants.get(tenant)?)
    }

    /// The number of the first contact after one.
    fn first_after(&self, after: Option<ContactId>) -> u32 {
        after.map_or(0, |after| self.rows.partition_point(|row| row.id <= after))
    }

    fn ids(&self, numbers: Option<Vec<u32>>) -> Vec<ContactId> {
        let rows = numbers.into_iter().flatten();
        rows.filter_map(|number| self.rows.get(number).map(|row| row.id))
            .collect()
    }
}
