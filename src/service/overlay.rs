//! What the commands of one group have changed, before the group is on the disk.
//!
//! Readers see only what is durable, but a command is judged on everything
//! before it. So a group's changes are laid over the view of contacts, and
//! thrown away once the view itself has folded them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::{
    ContactId, Content, DialectId, Owner, Position, Status, Tag, Target, VendorKey,
};
use crate::keys::Slot;
use crate::projection::{ContactRow, Contacts, IdempotencyEntry};

/// The changes that a group makes to the view of contacts.
#[derive(Clone, Debug, Default)]
pub struct Overlay {
    entries: HashMap<ContactId, (ContactRow, Option<Arc<Content>>)>,
    owned: HashMap<Owner, i64>,
    /// The contacts that this group gave a tag; what it took is seen in `entries`.
    tagged: HashMap<Tag, Vec<ContactId>>,
    numbered: HashMap<(DialectId, u64), ContactId>,
    next_number: HashMap<DialectId, u64>,
    chosen: HashMap<Tag, ContactId>,
    idempotency: HashMap<Tag, IdempotencyEntry>,
    created: u64,
}

/// The view of contacts with a group's changes over it.
#[derive(Clone, Copy)]
pub struct Layers<'a> {
    /// The view as it is on the disk.
    pub base: &'a Contacts,
    /// The changes that are not on the disk yet.
    pub over: &'a Overlay,
}

impl<'a> Layers<'a> {
    /// A contact with the content that this group gave it, if it did.
    pub fn get(self, id: ContactId) -> Option<(ContactRow, Option<&'a Content>)> {
        match self.over.entries.get(&id) {
            Some((entry, content)) => Some((entry.clone(), content.as_deref())),
            None => self.base.get(id).map(|entry| (entry, None)),
        }
    }

    /// The contact of an owner that a target names, with the content that this group gave it.
    pub fn find(
        self,
        owner: &Owner,
        chosen: Option<Tag>,
        target: &Target,
    ) -> Option<(ContactRow, Option<&'a Content>)> {
        let fresh = match target {
            Target::Id(id) => Some(*id),
            Target::Sequence(number) => {
                let key = (owner.dialect(), *number);
                self.over.numbered.get(&key).copied()
            }
            Target::Chosen { id, .. } => chosen
                .and_then(|tag| self.over.chosen.get(&tag).copied())
                .or(Some(*id)),
        };
        let fresh = fresh
            .and_then(|id| self.over.entries.get(&id))
            .filter(|(entry, _)| entry.state.owner == *owner);
        if let Some((entry, content)) = fresh {
            return entry
                .answers_to(target)
                .then(|| (entry.clone(), content.as_deref()));
        }
        let known = self.base.find(owner, chosen, target)?;
        self.get(known.state.id)
    }

    /// The contact that has an id which its client chose.
    pub fn chosen(self, tag: Tag) -> Option<(ContactRow, Option<&'a Content>)> {
        let fresh = self.over.chosen.get(&tag).copied();
        let id = fresh.or_else(|| self.base.chosen(tag).map(|entry| entry.state.id))?;
        self.get(id)
    }

    /// The live contacts with a lookup key.
    pub fn found_by(self, tag: Tag) -> impl Iterator<Item = ContactId> {
        let known = self.base.found_by(tag);
        let known = known.filter(move |id| !self.over.entries.contains_key(id));
        let fresh = self.over.tagged.get(&tag).into_iter().flatten().copied();
        known.chain(fresh)
    }

    /// The number of live contacts that an owner has.
    pub fn owned(self, owner: &Owner) -> u32 {
        let base = i64::try_from(self.base.owned(owner)).unwrap_or(i64::MAX);
        let over = self.over.owned.get(owner).copied().unwrap_or(0);
        u32::try_from(base.saturating_add(over).max(0)).unwrap_or(u32::MAX)
    }

    /// The answer that was given under an idempotency key.
    pub fn idempotency_entry(self, key: Tag) -> Option<IdempotencyEntry> {
        let fresh = self.over.idempotency.get(&key).copied();
        fresh.or_else(|| self.base.idempotency_entry(key))
    }

    /// The next number of a dialect's sequence.
    pub fn next_number(self, dialect: DialectId) -> u64 {
        let fresh = self.over.next_number.get(&dialect).copied();
        self.base.next_number(dialect).max(fresh.unwrap_or(0))
    }

    /// The first key that no contact has.
    pub fn next_slot(self) -> Slot {
        Slot::new(
            self.base
                .next_slot()
                .get()
                .saturating_add(self.over.created),
        )
    }
}

impl Overlay {
    /// Notes the answer under an idempotency key.
    pub fn put_idempotency(&mut self, key: Tag, entry: IdempotencyEntry) {
        self.idempotency.insert(key, entry);
    }

    /// Forgets the idempotency of events from this position on, which were not taken after all.
    pub fn forget_after(&mut self, next: Position) {
        self.idempotency.retain(|_, entry| entry.first < next);
    }

    /// Notes a contact's change, given what it was.
    pub fn put(
        &mut self,
        before: Option<&ContactRow>,
        after: ContactRow,
        content: Option<Arc<Content>>,
    ) {
        if before.is_none() {
            self.created += 1;
        }
        if let Some(before) = before {
            self.count(before, -1);
            for tag in before.tags.iter() {
                if let Some(ids) = self.tagged.get_mut(tag) {
                    ids.retain(|id| *id != before.state.id);
                }
            }
        }
        let id = after.state.id;
        if after.state.status == Status::Live {
            self.count(&after, 1);
            for tag in after.tags.iter() {
                self.tagged.entry(*tag).or_default().push(id);
            }
        }
        match &after.state.key {
            VendorKey::Own => {}
            VendorKey::Sequence(number) => {
                let dialect = after.state.owner.dialect();
                self.numbered.insert((dialect, *number), id);
                let next = self.next_number.entry(dialect).or_default();
                *next = (*next).max(number.saturating_add(1));
            }
            VendorKey::Chosen(tag) => {
                self.chosen.insert(*tag, id);
            }
        }
        self.entries.insert(id, (after, content));
    }

    fn count(&mut self, entry: &ContactRow, change: i64) {
        if change < 0 && entry.state.status != Status::Live {
            return;
        }
        *self.owned.entry(entry.state.owner.clone()).or_default() += change;
    }
}
