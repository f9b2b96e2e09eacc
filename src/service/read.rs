//! Contacts and events, as readers ask for them.

use super::ReadError;
use super::scan::PAGE_BYTES_MAX;
use super::service::Service;
use super::shared::{self, Body};
use crate::domain::{
    Contact, ContactId, Content, DialectId, Event, Fact, List, Order, Owner, Page, Past, Phase,
    Position, Status, Target, Window,
};
use crate::log::record::Record;
use crate::projection::{ContactRow, TenantKey};

/// Contacts that one query looks at, where it has to open them to know.
pub const LIST_CONTACTS_MAX: usize = 100_000;
/// The bytes of records that a question of the past holds at once; it opens every contact of then.
const AS_OF_BYTES_MAX: usize = 64 << 20;
/// Contacts or tenants that are looked at while the writer waits.
pub(super) const PAGE: usize = 512;

/// The result of looking for a contact by its id.
#[derive(Debug)]
pub enum Found {
    /// The contact is live, and this is its current version.
    Live(Box<Contact>),
    /// The contact was deleted, and its earlier versions remain.
    Deleted,
    /// The contact's personal data was destroyed on purpose.
    Gone,
    /// Nobody erased the contact, but its key is damaged or not in this directory.
    KeyLost,
    /// There never was such a contact.
    Nothing,
}

/// The bounds of what a question of the past may cost.
#[derive(Clone, Copy)]
pub(super) struct Most {
    /// The contacts that it looks at.
    pub looked: usize,
    /// The bytes of records behind which it opens no more.
    pub bytes: usize,
}

/// A version of a contact with the event that made it; no contact where its content is destroyed.
pub type VersionAt = (Event, Option<Contact>);

impl Service {
    /// The contact of an owner that a target names.
    ///
    /// # Errors
    /// [`ReadError`] where the log can't give it.
    pub fn get(&self, owner: &Owner, target: &Target) -> Result<Found, ReadError> {
        let entry = self.entry(owner, target);
        entry.map_or(Ok(Found::Nothing), |entry| self.found(entry))
    }

    /// The contact with this id of ours, whosever it is.
    ///
    /// # Errors
    /// [`ReadError`] where the log can't give it.
    pub fn get_any(&self, id: ContactId) -> Result<Found, ReadError> {
        let entry = self.shared.contacts.read().get(id);
        entry.map_or(Ok(Found::Nothing), |entry| self.found(entry))
    }

    /// Whether a tenant of a dialect has contacts, live or deleted.
    #[must_use]
    pub fn has_tenant(&self, dialect: DialectId, tenant: &str) -> bool {
        let contacts = self.shared.contacts.read();
        contacts.has_tenant(&(dialect, tenant.into()))
    }

    /// The owner of a contact, live or not.
    #[must_use]
    pub fn owner_of(&self, id: ContactId) -> Option<Owner> {
        let contacts = self.shared.contacts.read();
        contacts.get(id).map(|entry| entry.state.owner)
    }

    /// The row of an owner's contact, live or not.
    #[must_use]
    pub fn entry(&self, owner: &Owner, target: &Target) -> Option<ContactRow> {
        let chosen = match target {
            Target::Chosen { text, .. } => Some(self.shared.chosen_tag(owner, text)),
            Target::Id(_) | Target::Sequence(_) => None,
        };
        let contacts = self.shared.contacts.read();
        contacts.find(owner, chosen, target)
    }

    /// A contact as its row says.
    pub(super) fn found(&self, entry: ContactRow) -> Result<Found, ReadError> {
        match entry.state.status {
            Status::Deleted => Ok(Found::Deleted),
            Status::Erased => Ok(Found::Gone),
            Status::Live => {
                let opened = self.shared.version(entry.state.modified.position)?;
                let Some(opened) = opened else {
                    self.shared.is_unreadable(entry.state.id);
                    return Ok(Found::KeyLost);
                };
                let content = opened.content.folded_up();
                let contact = entry.with_content(content, self.shared.registry);
                Ok(Found::Live(Box::new(contact)))
            }
        }
    }

    /// One page of the list of an owner's live contacts.
    ///
    /// # Errors
    /// [`ReadError::TooBroad`] where a filter or an order would have to open more than
    /// [`LIST_CONTACTS_MAX`] contacts; another [`ReadError`] where the log cannot give one.
    pub fn list(&self, list: &List) -> Result<Page, ReadError> {
        if list.is_plain() {
            return self.list_by_id(list);
        }
        let compare = match &list.order {
            Order::By(compare) => Some(compare),
            Order::Created | Order::CreatedDescending => None,
        };
        let ids = self.ids(list);
        at_most(ids.len(), LIST_CONTACTS_MAX)?;
        let mut contacts = self.open_all(ids)?;
        if let Some(filter) = &list.filter {
            contacts.retain(|contact| (filter.0)(contact));
        }
        if let Some(compare) = compare {
            contacts.sort_by(|a, b| compare(a, b));
        }
        let total = contacts.len();
        let (offset, limit) = skip_and_take(list.window, total, |id| {
            contacts.partition_point(|contact| contact.id <= id)
        });
        let contacts: Vec<Contact> = contacts.into_iter().skip(offset).take(limit).collect();
        Ok(Page {
            more: offset + contacts.len() < total,
            contacts,
            total,
            offset,
        })
    }

    /// Lists in the order of creation without a filter: only the contacts of the
    /// page are opened.
    fn list_by_id(&self, list: &List) -> Result<Page, ReadError> {
        let (ids, offset, more) = {
            let contacts = self.shared.contacts.read();
            let owner = &list.owner;
            let total = contacts.owned(owner);
            match (list.window, is_descending(&list.order)) {
                (Window::After { contact, limit }, false) => {
                    let wanted = limit.saturating_add(1);
                    let mut ids = contacts.of_owner_after(owner, contact, wanted);
                    let more = ids.len() > limit;
                    ids.truncate(limit);
                    (ids, 0, more)
                }
                (window, descending) => {
                    let (offset, limit) = skip_and_take(window, total, |_| 0);
                    let ids = if descending {
                        let end = total.saturating_sub(offset);
                        let first = end.saturating_sub(limit);
                        let mut ids = contacts.of_owner(owner, first, end - first);
                        ids.reverse();
                        ids
                    } else {
                        contacts.of_owner(owner, offset, limit)
                    };
                    let more = offset + ids.len() < total;
                    (ids, offset, more)
                }
            }
        };
        // Those of the page that cannot be read are known by now.
        let contacts = self.open_all(ids)?;
        let but = self.shared.unreadable.read();
        let total = self.shared.contacts.read().owned_but(&list.owner, &but);
        Ok(Page {
            contacts,
            total,
            offset,
            more,
        })
    }

    fn ids(&self, list: &List) -> Vec<ContactId> {
        let contacts = self.shared.contacts.read();
        let mut ids = contacts.of_owner(&list.owner, 0, usize::MAX);
        if is_descending(&list.order) {
            ids.reverse();
        }
        ids
    }

    /// Opens contacts; those that ended meanwhile are left out.
    fn open_all(&self, ids: Vec<ContactId>) -> Result<Vec<Contact>, ReadError> {
        let mut opened = Vec::with_capacity(ids.len());
        for id in ids {
            if let Found::Live(contact) = self.get_any(id)? {
                opened.push(*contact);
            }
        }
        Ok(opened)
    }

    /// Every contact of the tenants that this holds for, as it was when the event at a position had
    /// happened. What others have costs nothing and is not counted.
    ///
    /// # Errors
    /// [`ReadError`] where the log can't give one, there are more than `limit`, or more than
    /// [`LIST_CONTACTS_MAX`] would have to be looked at.
    pub fn all_visible(
        &self,
        position: Position,
        limit: usize,
        visible: &dyn Fn(DialectId, &str) -> bool,
    ) -> Result<Vec<Contact>, ReadError> {
        let most = Most {
            looked: LIST_CONTACTS_MAX,
            bytes: AS_OF_BYTES_MAX,
        };
        self.visible_within(most, position, limit, visible)
    }

    /// As [`all_visible`](Self::all_visible), within other bounds of what it may cost.
    pub(super) fn visible_within(
        &self,
        most: Most,
        position: Position,
        limit: usize,
        visible: &dyn Fn(DialectId, &str) -> bool,
    ) -> Result<Vec<Contact>, ReadError> {
        let mut opened: Vec<Contact> = Vec::new();
        let (mut looked, mut bytes) = (0, 0);
        for tenant in self.tenants(visible) {
            let mut after = None;
            loop {
                let (entries, last) = self.page_of_tenant(&tenant, after, position);
                at_most(opened.len() + entries.len(), limit)?;
                for entry in entries {
                    if bytes > most.bytes {
                        let limit = opened.len();
                        return Err(ReadError::TooBroad { limit });
                    }
                    if let Some((contact, size)) = self.sized_at(entry, position)? {
                        opened.push(contact);
                        bytes += size;
                    }
                }
                let Some((last, count)) = last else { break };
                looked += count;
                at_most(looked, most.looked)?;
                after = Some(last);
            }
        }
        Ok(opened)
    }

    /// The tenants that this holds for. The writer waits for whoever looks, so nobody looks at all
    /// of them at once.
    pub(super) fn tenants(&self, visible: &dyn Fn(DialectId, &str) -> bool) -> Vec<TenantKey> {
        let mut found = Vec::new();
        let mut after: Option<TenantKey> = None;
        loop {
            let contacts = self.shared.contacts.read();
            let page = contacts.tenants_after(after.as_ref()).take(PAGE);
            let mut last = None;
            for tenant in page {
                last = Some(tenant);
                if visible(tenant.0, &tenant.1) {
                    found.push(tenant.clone());
                }
            }
            let Some(last) = last.cloned() else {
                return found;
            };
            after = Some(last);
        }
    }

    /// Those of a tenant's next contacts that were there, the last one looked at, if any, and how
    /// many were.
    fn page_of_tenant(
        &self,
        tenant: &TenantKey,
        after: Option<ContactId>,
        position: Position,
    ) -> (Vec<ContactRow>, Option<(ContactId, usize)>) {
        let contacts = self.shared.contacts.read();
        let page = contacts.of_tenant_after(tenant, after, PAGE);
        let last = page.last().map(|entry| (entry.id(), page.len()));
        let there = page.iter().filter(|entry| entry.created() <= position);
        (there.filter_map(|entry| entry.unpack()).collect(), last)
    }

    /// A contact as it was when the event at a position had happened, if it was there.
    ///
    /// # Errors
    /// [`ReadError`] where the log can't give it.
    pub fn contact_at(
        &self,
        entry: &ContactRow,
        position: Position,
    ) -> Result<Option<Contact>, ReadError> {
        let found = self.sized_at(entry.clone(), position)?;
        Ok(found.map(|(contact, _)| contact))
    }

    /// A contact as it was, likewise, with the bytes of its record.
    fn sized_at(
        &self,
        entry: ContactRow,
        position: Position,
    ) -> Result<Option<(Contact, usize)>, ReadError> {
        let mut at = entry.state.modified.position;
        if at > position || entry.state.status != Status::Live {
            let contacts = self.shared.contacts.read();
            let Some(changed) = contacts.changed_at(entry.state.id, position) else {
                return Ok(None);
            };
            at = changed;
        }
        let opened = self.shared.version(at)?;
        Ok(opened.map(|opened| {
            let contact = self.written(entry, &opened.event, opened.content.folded_up());
            (contact, opened.bytes)
        }))
    }

    /// A contact as a view found it, at the position of the change that the view had folded, with
    /// the bytes of its record. None where its personal data has been destroyed since.
    ///
    /// # Errors
    /// [`ReadError`] where the log can't give it.
    pub fn found_at(
        &self,
        id: ContactId,
        position: Position,
    ) -> Result<Option<(Contact, usize)>, ReadError> {
        let entry = self.shared.contacts.read().get(id);
        match entry.filter(|entry| entry.state.status != Status::Erased) {
            Some(entry) => {
                let found = self.sized_at(entry, position)?;
                if found.is_none() {
                    self.shared.is_unreadable(id);
                }
                Ok(found)
            }
            None => Ok(None),
        }
    }

    /// A contact's versions, oldest first, each with the event that made it.
    ///
    /// # Errors
    /// [`ReadError`] where the log can't give one.
    pub fn history(&self, entry: &ContactRow) -> Result<Vec<VersionAt>, ReadError> {
        self.past(entry, Past::Whole).map(|(versions, _)| versions)
    }

    /// Some of a contact's versions, oldest first, each with the event that made it, and whether a
    /// page after a position ended for its bytes. The cost is that of what is asked for, however
    /// many versions there are.
    ///
    /// # Errors
    /// [`ReadError`] where the log can't give one.
    pub fn past(
        &self,
        entry: &ContactRow,
        past: Past,
    ) -> Result<(Vec<VersionAt>, bool), ReadError> {
        let bytes_max = match past {
            Past::After(..) => PAGE_BYTES_MAX,
            Past::Whole | Past::Offset(..) | Past::Points(..) => usize::MAX,
        };
        let past = past.at_positions(|time| self.position_at(time))?;
        let positions = {
            let contacts = self.shared.contacts.read();
            let found = contacts.entry(entry.state.id);
            let history = found.map(|entry| entry.history());
            history.map_or_else(Vec::new, |history| history.of(past))
        };
        let mut versions = Vec::new();
        let mut bytes = 0;
        for position in positions {
            if bytes > bytes_max {
                return Ok((versions, true));
            }
            let record = self.shared.record(position)?;
            bytes += bytes_of(&record);
            versions.push(self.version(entry, record)?);
        }
        Ok((versions, false))
    }

    /// The version of a contact that one event wrote; no contact where its content is destroyed.
    fn version(&self, entry: &ContactRow, record: Record) -> Result<VersionAt, ReadError> {
        let Body::Open(content) = self.shared.open(&record)? else {
            return Ok((record.event, None));
        };
        let contact = self.written(entry.clone(), &record.event, *content);
        Ok((record.event, Some(contact)))
    }

    /// A contact as an event wrote it.
    fn written(&self, mut entry: ContactRow, event: &Event, content: Content) -> Contact {
        let header = &event.header;
        let state = &mut entry.state;
        state.version = header.version.unwrap_or(state.version);
        state.status = Status::Live;
        state.modified = Fact {
            position: header.position,
            time: header.time,
        };
        entry.modified_by = header.actor.clone().into();
        entry.with_content(content, self.shared.registry)
    }

    /// Opens a record's content, where it has one that is not destroyed.
    ///
    /// # Errors
    /// [`ReadError`] where the key or the content is damaged.
    pub fn open_content(&self, record: &Record) -> Result<Option<Content>, ReadError> {
        let is_success = matches!(record.event.phase, Phase::Success { .. });
        Ok(match shared::open_in_passing(&self.shared.keys, record)? {
            Body::Open(content) if is_success => Some(*content),
            Body::Open(_) | Body::None | Body::Gone => None,
        })
    }

    /// The record at a position; `None` beyond the head.
    ///
    /// # Errors
    /// [`ReadError`] where the log can't give it.
    pub fn record(&self, position: Position) -> Result<Option<Record>, ReadError> {
        if position == Position::ZERO || position > self.head() {
            return Ok(None);
        }
        self.shared.record(position).map(Some)
    }

    /// The exact bytes of the record at a position; `None` beyond the head.
    ///
    /// # Errors
    /// [`ReadError`] where the log can't give them.
    pub fn record_bytes(&self, position: Position) -> Result<Option<bytes::Bytes>, ReadError> {
        Ok(self.shared.reader.get(position)?)
    }
}

/// The bytes of what a record holds of its contact.
fn bytes_of(record: &Record) -> usize {
    record
        .sealed
        .as_ref()
        .map_or(0, |sealed| sealed.bytes.len())
}

/// Refuses a question that would look at more than it may.
pub(super) const fn at_most(count: usize, limit: usize) -> Result<(), ReadError> {
    if count > limit {
        return Err(ReadError::TooBroad { limit });
    }
    Ok(())
}

/// Whether a list begins with the newest contact.
const fn is_descending(order: &Order) -> bool {
    matches!(order, Order::CreatedDescending)
}

/// The number of contacts that a window skips and the number it takes, of a list of `total`; `rank` is the
/// number of contacts up to one.
pub(super) fn skip_and_take(
    window: Window,
    total: usize,
    rank: impl Fn(ContactId) -> usize,
) -> (usize, usize) {
    match window {
        Window::After {
            contact: None,
            limit,
        } => (0, limit),
        Window::After {
            contact: Some(id),
            limit,
        } => (rank(id), limit),
        Window::Offset { offset, limit } => (offset, limit),
        Window::ClampedPage { page, per_page } => {
            let per_page = per_page.max(1);
            let last = total.div_ceil(per_page).max(1);
            ((page.clamp(1, last) - 1) * per_page, per_page)
        }
    }
}
