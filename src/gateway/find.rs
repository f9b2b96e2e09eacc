//! Questions over every dialect's contacts: searches, the past, what has changed.

use std::collections::HashMap;

use crate::auth::Principal;
use crate::dialect::{
    self, Answer, AsOf, ChangePage, Changes, Keyset, Page, Refusal, Search, Sort, SortKey,
};
use crate::domain::{
    Contact, ContactId, DialectId, Event, Operation, Owner, Phase, Position, Target,
};
use crate::service::{Found, LIST_CONTACTS_MAX, ReadError, Service};

/// Whether a principal may see an owner's contacts, and these filters want them.
fn sees(
    principal: &Principal,
    tenant: Option<&str>,
    dialect: Option<DialectId>,
    owner: &Owner,
) -> bool {
    tenant.is_none_or(|tenant| tenant == owner.tenant())
        && dialect.is_none_or(|dialect| dialect == owner.dialect())
        && dialect::by_id(owner.dialect())
            .is_some_and(|dialect| principal.may(dialect.rules().name, owner.tenant()))
}

/// The position that a point of the past is.
///
/// # Errors
/// It is above the head.
pub(super) fn position_of(
    service: &Service,
    as_of: AsOf,
) -> Result<Result<Position, Refusal>, ReadError> {
    match as_of {
        AsOf::Position(position) if position > service.head() => Ok(Err(Refusal::BadParameter {
            name: "as_of",
            must: "a position up to the head of the log, or an RFC 3339 time",
        })),
        AsOf::Position(position) => Ok(Ok(position)),
        AsOf::Time(time) => service.position_at(time).map(Ok),
    }
}

/// One contact as it was.
pub(super) fn get_at(
    service: &Service,
    owner: &Owner,
    target: &Target,
    position: Position,
) -> Result<Answer, ReadError> {
    let Some(entry) = service.entry(owner, target) else {
        return Ok(Answer::NotFound);
    };
    if matches!(service.get(owner, target)?, Found::Gone) {
        return Ok(Answer::Gone);
    }
    let contact = service.contact_at(&entry, position)?;
    Ok(contact.map_or(Answer::NotFound, |contact| {
        Answer::Contact(Box::new(contact))
    }))
}

/// Some of the contacts that the principal may see.
pub(super) fn search(
    service: &Service,
    principal: &Principal,
    search: &Search,
    position: Option<Position>,
) -> Result<Page, ReadError> {
    let tenant = search.tenant.as_deref();
    let visible = |owner: &Owner| sees(principal, tenant, search.dialect, owner);
    let by_creation = Sort {
        by: SortKey::Created,
        descending: false,
    };
    if search.sort == by_creation && position.is_none() {
        let after = match search.after {
            Some(Keyset::Created(id)) => Some(id),
            _ => None,
        };
        let wanted = |contact: &Contact| search.wants(contact);
        let listing = service.list_visible(after, search.limit, &visible, &wanted)?;
        return Ok(Page {
            contacts: listing.contacts,
            total: listing.total,
            offset: 0,
            more: listing.more,
        });
    }
    let mut contacts = service.all_visible(position, LIST_CONTACTS_MAX, &visible)?;
    contacts.retain(|contact| search.wants(contact) && search.comes_after(contact));
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

/// What changed since a position, each contact once.
pub(super) fn changes(
    service: &Service,
    principal: &Principal,
    changes: &Changes,
) -> Result<ChangePage, ReadError> {
    let tenant = changes.tenant.as_deref();
    let wanted = |event: &Event| {
        let writes = matches!(
            event.header.operation,
            Operation::Create | Operation::Update | Operation::Delete | Operation::Erase
        );
        writes
            && matches!(event.phase, Phase::Success { .. })
            && sees(principal, tenant, changes.dialect, &event.header.owner)
    };
    let scan = service.events_after(changes.after, changes.limit, &wanted)?;
    let events: Vec<Event> = scan
        .records
        .into_iter()
        .map(|record| record.event)
        .collect();
    let last: HashMap<Option<ContactId>, Position> = events
        .iter()
        .map(|event| (event.header.contact, event.header.position))
        .collect();
    let mut page = ChangePage {
        changes: Vec::new(),
        next: scan.last,
        more: scan.last < service.head(),
    };
    for event in events {
        let header = &event.header;
        let (Some(id), true) = (
            header.contact,
            last.get(&header.contact) == Some(&header.position),
        ) else {
            continue;
        };
        let contact = match service.get_any(id)? {
            Found::Live(contact) => Some(*contact),
            Found::Deleted | Found::Gone | Found::Nothing => None,
        };
        page.changes.push((event, contact));
    }
    Ok(page)
}
