//! Questions over every dialect's contacts: searches, the past, what has changed.

use super::refused::read_refusal;
use crate::auth::Principal;
use crate::dialect::{
    self, ApiOperation, AsOf, ChangePage, Changes, Lookup, Missing, Page, REGISTRY, Refusal, Search,
};
use crate::domain::{Contact, DialectId, Owner, Position, Target};
use crate::projection::search::{Changed, ENTRIES_MAX, Hit, Hits, Query, QueryError};
use crate::service::{Found, PAGE_BYTES_MAX, ReadError, Service};

/// Contacts of a point of the past that one list opens.
const AS_OF_CONTACTS_MAX: usize = 10_000;

/// Whether a principal may see a tenant of a dialect, and these filters want it.
pub(super) fn sees(
    principal: &Principal,
    tenant: Option<&str>,
    dialect: Option<DialectId>,
    (of, name): (DialectId, &str),
) -> bool {
    tenant.is_none_or(|tenant| tenant == name)
        && dialect.is_none_or(|dialect| dialect == of)
        && dialect::by_id(of).is_some_and(|of| principal.may(of.rules().name, name))
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
        return Ok(Err(Missing::NotFound));
    };
    match service.get(owner, target)? {
        Found::Gone => return Ok(Err(Missing::Erased)),
        Found::KeyLost => return Ok(Err(Missing::KeyLost)),
        Found::Live(_) | Found::Deleted | Found::Nothing => {}
    }
    let created = entry.state.created;
    if position < created.position {
        return Ok(Err(Missing::NotYet { created }));
    }
    let contact = service.contact_at(&entry, position)?;
    Ok(contact.map(Box::new).ok_or(Missing::NotFound))
}

/// What was found, and the position of the view that found it.
pub(super) type At<T> = (T, Position);

/// Some of the contacts that the principal may see, as the search view knows them.
pub(super) fn search(
    service: &Service,
    principal: &Principal,
    search: &Search,
    at_least: Position,
) -> Result<At<Page>, ReadError> {
    let visible = |dialect, tenant: &str| may_see(principal, search, dialect, tenant);
    let terms = search.terms();
    let mut page = Page::default();
    let mut reached = None;
    let (mut opened, mut bytes) = (0, 0);
    let mut after = search.after.clone();
    loop {
        let query = Query {
            terms: &terms,
            visible: &visible,
            created_after: search.created_after,
            updated_after: search.updated_after,
            sort: search.sort,
            after: after.as_ref(),
            limit: search.limit.saturating_sub(page.contacts.len()),
        };
        let view = &service.views().search;
        let (hits, position) = view.read(|index, position| (index.query(&query), position));
        has_come_to(position, at_least)?;
        let Hits { hits, more, .. } = hits.map_err(unanswered)?;
        let reached = *reached.get_or_insert(position);
        opened += hits.len();
        for (index, Hit { id, position, .. }) in hits.iter().enumerate() {
            let Some((contact, size)) = service.found_at(*id, *position)? else {
                continue;
            };
            // What the index folds alike is told apart here.
            if !search.wants(&contact, REGISTRY) {
                continue;
            }
            page.contacts.push(contact);
            bytes += size;
            if bytes > PAGE_BYTES_MAX {
                page.more = more || index + 1 < hits.len();
                page.total = page.contacts.len();
                return Ok((page, reached));
            }
        }
        page.more = more;
        page.total = page.contacts.len();
        let Some(last) = hits.into_iter().next_back().filter(|_| more) else {
            return Ok((page, reached));
        };
        if page.contacts.len() >= search.limit {
            return Ok((page, reached));
        }
        if opened > ENTRIES_MAX {
            return Err(ReadError::TooBroad { limit: ENTRIES_MAX });
        }
        after = Some(last.keyset);
    }
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
) -> Result<Page, ReadError> {
    let visible = |dialect, tenant: &str| may_see(principal, search, dialect, tenant);
    let mut contacts = service.all_visible(position, AS_OF_CONTACTS_MAX, &visible)?;
    contacts.retain(|contact| search.wants(contact, REGISTRY) && search.comes_after(contact));
    contacts.sort_by(|one, other| search.compare(one, other));
    let total = contacts.len();
    contacts.truncate(search.limit);
    Ok(Page {
        more: contacts.len() < total,
        contacts,
        total,
        offset: 0,
    })
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
