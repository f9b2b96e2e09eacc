//! Folding an event into the view of contacts.

use super::contacts::Owned;
use super::correlations::hash_of;
use super::packed::{IdempotencyEntry, Members, NONE, Row, U48};
use super::{Contacts, FoldError};
use crate::domain::{ContactState, Event, Operation, Owner, Phase, Status, Tag, evolve};
use crate::keys::Slot;

impl Contacts {
    /// Folds one event: the next in the log. `tags` are those of the content it wrote.
    ///
    /// # Errors
    /// [`FoldError`]: the log says what no log of ours does, or there are as many of something as
    /// can be counted. The view is then of no more use.
    pub fn fold(
        &mut self,
        event: &Event,
        slot: Option<Slot>,
        tags: &[Tag],
    ) -> Result<(), FoldError> {
        if self.is_full() {
            return Err(FoldError::Full);
        }
        let Event { header, phase } = event;
        match phase {
            Phase::Start { idempotency } => {
                if let Some(record) = idempotency {
                    let entry = IdempotencyEntry {
                        fingerprint: record.fingerprint,
                        first: header.position,
                        attempts: record.attempts,
                    };
                    self.receipts.push(record.key, entry);
                    // Others are found by the time in their id.
                    let times = header.correlation.times();
                    if !times.is_some_and(|times| times.contains(&header.time)) {
                        let hash = hash_of(&header.correlation);
                        self.commands.push(hash, header.position);
                    }
                }
            }
            Phase::Success { .. } => self.fold_success(event, slot, tags)?,
            Phase::Fail(_) => {}
        }
        self.position = header.position;
        self.time = self.time.max(header.time);
        self.last = Some(header.id);
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.rows.is_full()
            || self.tags.is_full()
            || self.steps.is_full()
            || self.vendor_keys.is_full()
            || self.receipts.is_full()
            || self.commands.is_full()
    }

    fn fold_success(
        &mut self,
        event: &Event,
        slot: Option<Slot>,
        tags: &[Tag],
    ) -> Result<(), FoldError> {
        let header = &event.header;
        let Some(id) = header.contact else {
            return Ok(());
        };
        if matches!(
            header.operation,
            Operation::Retrieve | Operation::RetrieveList
        ) {
            return Ok(());
        }
        let before = self.entry(id);
        let number = before.map(|entry| entry.number());
        let position = before.map(|entry| entry.modified());
        let state = evolve(before.and_then(|entry| entry.state()), event);
        let Some(state) = state.filter(|state| Some(state.modified.position) != position) else {
            return Ok(());
        };
        let actor = &header.actor;
        let actor = self.actors.number(actor, || actor.clone().into());
        match number {
            Some(number) => self.change(number, &state, actor, slot, tags),
            None => {
                let newest = self.rows.len().checked_sub(1);
                let newest = newest.and_then(|number| self.rows.get(number));
                if newest.is_some_and(|newest| newest.id >= id) {
                    return Err(FoldError::OutOfOrder { id });
                }
                let slot = slot.unwrap_or_default();
                self.add(&state, actor, slot, tags);
            }
        }
        Ok(())
    }

    /// Takes a new contact into the view.
    fn add(&mut self, state: &ContactState, actor: u32, slot: Slot, tags: &[Tag]) {
        let ContactState {
            id,
            owner,
            key,
            version,
            status,
            created,
            modified,
        } = state;
        let number = self.rows.len();
        let (kind, packed) = self.vendor_keys.pack(key, number);
        let owner_number = self.owner(owner);
        let row = Row {
            id: *id,
            version: U48::new(*version),
            created: (*created).into(),
            modified: (*modified).into(),
            slot: U48::new(slot.get()),
            key: packed,
            owner: owner_number,
            created_by: actor,
            modified_by: actor,
            history: NONE,
            tags: NONE,
            status: *status,
            kind,
        };
        self.rows.push(row);
        self.note_sequence(number);
        self.next_slot = self.next_slot.max(slot.next());
        self.list(number, tags);
        self.changed.insert(number);
    }

    /// Lets a contact's row say what an event made of it.
    fn change(
        &mut self,
        number: u32,
        state: &ContactState,
        actor: u32,
        slot: Option<Slot>,
        tags: &[Tag],
    ) {
        let Some(row) = self.rows.get_mut(number) else {
            return;
        };
        self.tags.take(row.tags);
        row.tags = NONE;
        row.change(state.modified.into(), &mut self.steps);
        row.version = U48::new(state.version);
        row.status = state.status;
        row.modified_by = actor;
        if let Some(slot) = slot {
            row.slot = U48::new(slot.get());
            self.next_slot = self.next_slot.max(slot.next());
        }
        self.changed.insert(number);
        self.list(number, tags);
    }

    /// Puts a contact where the stage of its life wants it among its owner's and its tenant's, and
    /// notes its tags.
    pub(super) fn list(&mut self, number: u32, tags: &[Tag]) {
        let Some(row) = self.rows.get_mut(number) else {
            return;
        };
        let Some(owned) = self.owned.get_mut(row.owner) else {
            return;
        };
        if let Some(members) = self.of_tenant.get_mut(owned.tenant) {
            match row.status {
                Status::Live | Status::Deleted => members.insert(number),
                Status::Erased => members.remove(number),
            }
        }
        match row.status {
            Status::Live => {
                owned.live.insert(number);
                row.tags = self.tags.put(number, tags);
            }
            Status::Deleted | Status::Erased => owned.live.remove(number),
        }
    }

    /// The number of an owner, with a place for what it has.
    pub(super) fn owner(&mut self, owner: &Owner) -> u32 {
        let number = self.owners.number(owner, || owner.clone());
        if self.owned.len() <= number {
            let key = (owner.dialect(), owner.tenant().into());
            let of_tenant = &mut self.of_tenant;
            let new = || of_tenant.push(Members::default());
            let tenant = *self.tenants.entry(key).or_insert_with(new);
            let live = Members::default();
            self.owned.push(Owned { live, tenant });
        }
        number
    }

    /// Notes the number of a new contact in its dialect's sequence, where it has one.
    pub(super) fn note_sequence(&mut self, number: u32) {
        let Self {
            rows,
            owners,
            vendor_keys,
            ..
        } = self;
        let of = |contact| {
            let row: &Row = rows.get(contact)?;
            Some((owners.get(row.owner)?.dialect(), row.sequence()?))
        };
        if let Some((dialect, sequence)) = of(number) {
            vendor_keys.number(dialect, sequence, number, of);
        }
    }
}
