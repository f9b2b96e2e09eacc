//! Questions over every dialect's contacts: searches, the past, what has changed.

use super::refused::read_refusal;
use crate::auth::Principal;
use crate::dialect::{
    self, ApiOperation, AsOf, ChangePage, Changes, Lookup, REGISTRY, Refusal, Search, SearchPage,
    Sort,
};
use crate::domain::{Contact, DialectId, Owner, Position, Target, Timestamp};
use crate::projection::SearchIndex;
use crate::projection::search::{Changed, ENTRIES_MAX, Hit, Hits, Query, QueryError};
use crate::service::{Found, Holder, PAGE_BYTES_MAX, ReadError, Service};

/// Contacts of a point of the past that one list opens.
const AS_OF_CONTACTS_MAX: usize = 10_000;

/// Whether a principal may see a tenant of a dialect, and these filters want it.
pub(super) fn sees(
    principal: &Principal,
    tenant: Option<&str>,
    dialect: Option<DialectId>,
    (of, name): (DialectId, &str),
) -> bool {
    tenant.is_none_or(|tenant| REGISTRY.names_tenant(of, tenant, name))
        && dialect.is_none_or(|dialect| dialect == of)
        && dialect::by_id(of).is_some_and(|of| principal.may(of.rules.name, name))
}

/// Whether these filters want a tenant of a dialect, and a principal may read its contacts there
/// as well as here.
fn may_read(
    principal: &Principal,
    tenant: Option<&str>,
    dialect: Option<DialectId>,
    of: (DialectId, &str),
) -> bool {
    let roles = || dialect::by_id(of.0).map(|of| of.roles_for(ApiOperation::Get));
    sees(principal, tenant, dialect, of) && roles().is_some_and(|roles| principal.has_any(roles))
}

/// The position that a point of the past stands for.
///
/// # Errors
/// [`Refusal::PositionAhead`] for a position above the head; 500 where the log cannot be read.
pub(super) fn position_of(service: &Service, as_of: AsOf) -> Result<Position, Refusal> {
    match as_of {
        AsOf::Position(position) if position > service.head() => Err(Refusal::PositionAhead {
            head: service.head(),
        }),
        AsOf::Position(position) => Ok(position),
        AsOf::Time(time) => service.position_at(time).map_err(read_refusal),
    }
}

/// One contact as it was when the event at a position had happened.
pub(super) fn get_at(
    service: &Service,
    owner: &Owner,
    target: &Target,
    position: Position,
) -> Result<Lookup<Box<Contact>>, ReadError> {
    let Some(entry) = service.entry(owner, target) else {
        return Ok(Err(Refusal::NotFound));
    };
    match service.get(owner, target)? {
        Found::Gone => return Ok(Err(Refusal::Gone)),
        Found::KeyLost => return Ok(Err(Refusal::KeyLost)),
        Found::Live(_) | Found::Deleted | Found::Nothing => {}
    }
    let created = entry.state.created;
    if position < created.position {
        return Ok(Err(Refusal::NotYet { created }));
    }
    let contact = service.contact_at(&entry, position)?;
    Ok(contact.map(Box::new).ok_or(Refusal::NotFound))
}

/// What was found, and the position of the view that found it.
pub(super) type At<T> = (T, Position);

/// The contacts that have the exact e-mail address which is asked for, where one is and too much
/// need not be looked at for them. The view that knows them is never behind.
pub(super) fn with_email(
    service: &Service,
    principal: &Principal,
    search: &Search,
) -> Option<Vec<Holder>> {
    let visible = |dialect, tenant: &str| may_see(principal, search, dialect, tenant);
    service.with_email(search.email.as_deref()?, search.tenant.as_deref(), &visible)
}

/// A page of those of a few contacts that still have the address, and meet every other filter.
pub(super) fn search_few(
    service: &Service,
    holders: &[Holder],
    search: Search,
) -> Result<SearchPage, ReadError> {
    let contacts = service.still_with_email(holders)?;
    let others = Search {
        email: None,
        ..search
    };
    Ok(SearchPage::of(contacts, &others, REGISTRY))
}

/// A page of those of the contacts that a vendor id may name which meet every filter.
pub(super) fn with_vendor_id(
    service: &Service,
    principal: &Principal,
    search: &Search,
    text: &str,
) -> Result<SearchPage, ReadError> {
    let visible = |dialect, tenant: &str| may_see(principal, search, dialect, tenant);
    let mut contacts = Vec::new();
    for id in service.with_vendor_id(text, &visible)? {
        if let Found::Live(contact) = service.get_any(id)? {
            contacts.push(*contact);
        }
    }
    Ok(SearchPage::of(contacts, search, REGISTRY))
}

/// What a search may cost.
#[derive(Clone, Copy)]
pub(super) struct Effort {
    /// The position that the search view has come to.
    pub at_least: Position,
    /// The entries that it may look at.
    pub most: usize,
    /// Whether it may wait while the view is being folded.
    pub waits: bool,
}

/// Some of the contacts that the principal may see, as the search view knows them, and how many
/// there are where the search asks for that.
///
/// # Errors
/// [`ReadError::Busy`] where it would have to wait and may not; otherwise as the view and the log.
pub(super) fn search(
    service: &Service,
    principal: &Principal,
    search: &Search,
    effort: Effort,
) -> Result<At<SearchPage>, ReadError> {
    let visible = |dialect, tenant: &str| may_see(principal, search, dialect, tenant);
    let terms = search.terms();
    let (updated_after, updated_up_to) = written(service, search)?;
    let query = Query {
        terms: &terms,
        visible: &visible,
        created_after: search.created_after,
        created_before: search.created_before,
        updated_after,
        updated_up_to,
        sort: search.sort,
        after: search.after.as_ref(),
        limit: search.limit,
        most: effort.most,
    };
    let (mut page, reached) = found(service, search, &query, effort)?;
    page.lacks_keys = service.lacks_keys(&visible);
    if search.counts {
        page.total = count(service, search, &query, page.lacks_keys)?;
    }
    Ok((page, reached))
}

/// The contacts of a page.
fn found(
    service: &Service,
    search: &Search,
    query: &Query<'_>,
    effort: Effort,
) -> Result<At<SearchPage>, ReadError> {
    let mut page = SearchPage::default();
    let mut reached = None;
    let (mut opened, mut bytes) = (0, 0);
    let mut after = query.after.cloned();
    loop {
        let query = Query {
            after: after.as_ref(),
            limit: search.limit.saturating_sub(page.contacts.len()),
            ..*query
        };
        let view = &service.views().search;
        let look = |index: &SearchIndex, position| (index.query(&query), position);
        let (hits, position) = if effort.waits {
            view.read(look)
        } else {
            view.read_at_once(look).ok_or(ReadError::Busy)?
        };
        has_come_to(position, effort.at_least)?;
        let Hits { hits, more, .. } = hits.map_err(unanswered)?;
        let reached = *reached.get_or_insert(position);
        opened += hits.len();
        for (index, Hit { id, position, .. }) in hits.iter().enumerate() {
            let Some((contact, size)) = service.found_at(*id, *position)? else {
                continue;
            };
            // Only addresses are folded alike in the index that are not the same.
            if search.email.is_some() && !search.wants(&contact, REGISTRY) {
                continue;
            }
            page.contacts.push(contact);
            bytes += size;
            if bytes > PAGE_BYTES_MAX {
                page.more = more || index + 1 < hits.len();
                return Ok((page, reached));
            }
        }
        page.more = more;
        let Some(last) = hits.into_iter().next_back().filter(|_| more) else {
            return Ok((page, reached));
        };
        if page.contacts.len() >= search.limit {
            return Ok((page, reached));
        }
        if opened > effort.most {
            return Err(ReadError::TooBroad { limit: effort.most });
        }
        after = Some(last.keyset);
    }
}

/// The number of contacts that meet every filter, on all pages; `None` where too much would have to be
/// looked at.
fn count(
    service: &Service,
    search: &Search,
    query: &Query<'_>,
    lacks_keys: bool,
) -> Result<Option<usize>, ReadError> {
    let by_time = query.created_after.is_some()
        || query.created_before.is_some()
        || query.updated_after.is_some()
        || query.updated_up_to.is_some();
    if query.terms.is_empty() && !by_time {
        return Ok(Some(service.count_live(query.visible)));
    }
    // The index may hold contacts that nobody can read.
    if lacks_keys {
        return Ok(None);
    }
    if search.email.is_some() {
        // Addresses that the index folds alike need not be the same.
        return Ok(None);
    }
    let query = Query {
        sort: Sort::default(),
        after: None,
        limit: ENTRIES_MAX,
        most: ENTRIES_MAX,
        ..*query
    };
    let counted = |index: &SearchIndex, _| index.query(&query);
    match service.views().search.read(counted) {
        Ok(hits) => Ok((!hits.more).then_some(hits.hits.len())),
        Err(QueryError::TooBroad { .. }) => Ok(None),
        Err(error) => Err(unanswered(error)),
    }
}

/// The positions between which a search wants contacts to have been written last: after the one, and
/// up to the other. Time grows with positions, so it is the same question.
fn written(
    service: &Service,
    search: &Search,
) -> Result<(Option<Position>, Option<Position>), ReadError> {
    let at = |time| service.position_at(time);
    let after = search.updated_after.map(at).transpose()?;
    let before = search.updated_before;
    let last = before.map(|time| Timestamp::from_millis(time.millis().saturating_sub(1)));
    Ok((after, last.map(at).transpose()?))
}

/// The view may have been made again since it was waited for.
fn has_come_to(position: Position, at_least: Position) -> Result<(), ReadError> {
    if position < at_least {
        return Err(ReadError::ViewUnreadable);
    }
    Ok(())
}

const fn unanswered(error: QueryError) -> ReadError {
    match error {
        QueryError::TooBroad { limit } => ReadError::TooBroad { limit },
        QueryError::Unreadable => ReadError::ViewUnreadable,
    }
}

/// Whether a principal may see a tenant's contacts, and a search wants them.
fn may_see(principal: &Principal, search: &Search, dialect: DialectId, tenant: &str) -> bool {
    may_read(
        principal,
        search.tenant.as_deref(),
        search.dialect,
        (dialect, tenant),
    )
}

/// Some of the contacts that the principal may see, as they were: every contact of that time is
/// opened.
pub(super) fn search_at(
    service: &Service,
    principal: &Principal,
    search: &Search,
    position: Position,
) -> Result<SearchPage, ReadError> {
    let visible = |dialect, tenant: &str| may_see(principal, search, dialect, tenant);
    let contacts = service.all_visible(position, AS_OF_CONTACTS_MAX, &visible)?;
    Ok(SearchPage::of(contacts, search, REGISTRY))
}

/// What changed since a position: each contact once, at its last change, as far as that is settled.
pub(super) fn changes(
    service: &Service,
    principal: &Principal,
    changes: &Changes,
    at_least: Position,
) -> Result<At<ChangePage>, ReadError> {
    let tenant = changes.tenant.as_deref();
    let visible =
        |dialect, name: &str| may_read(principal, tenant, changes.dialect, (dialect, name));
    let (changed, reached) = service.views().search.read(|index, position| {
        let changed = index.changed_after(&visible, changes.after, changes.limit);
        (changed, position)
    });
    has_come_to(reached, at_least)?;
    let (mut changed, more) = changed.map_err(unanswered)?;
    let settled = reached.min(service.settled());
    let found = changed.len();
    changed.retain(|changed| changed.position <= settled);
    let more = more && changed.len() == found;
    let last = changed.last().map(|last| last.position);
    let end = settled.max(changes.after);
    let mut page = ChangePage {
        changes: Vec::with_capacity(changed.len()),
        next: last.filter(|_| more).unwrap_or(end),
        more,
    };
    let (count, mut bytes) = (changed.len(), 0);
    for (index, Changed { id, position, live }) in changed.into_iter().enumerate() {
        let found = if live {
            service.found_at(id, position)?
        } else {
            None
        };
        let (contact, size) = found.unzip();
        if let Some(record) = service.record(position)? {
            page.changes.push((record.event, contact));
        }
        bytes += size.unwrap_or(0);
        if bytes > PAGE_BYTES_MAX && index + 1 < count {
            page.next = position;
            page.more = true;
            break;
        }
    }
    Ok((page, settled))
}
