//! What the service in memory answers to questions.

use super::{InMemoryService, Versions, first_owner, id_of, rules_of};
use crate::dialect::{
    AsOf, ChangePage, Changes, EventPage, Events, List, Lookup, Order, Page, REGISTRY, Redaction,
    Refusal, Search, SearchPage, Window,
};
use crate::domain::{
    Action, Attempt, Contact, ContactId, ContactState, Current, Event, EventPart, Header,
    LookupKey, Match, Operation, Owner, OwnerEvents, Position, PriorCreate, Target, evolve,
};

impl InMemoryService {
    /// The contacts that are there, oldest first.
    pub fn live(&self) -> impl Iterator<Item = &Contact> {
        let last = |versions: &'_ Versions| versions.len() - 1;
        self.contacts
            .iter()
            .filter_map(move |versions| versions[last(versions)].1.as_ref())
    }

    pub(super) fn owner_of(&self, id: ContactId) -> Option<Owner> {
        let versions = self.contacts.iter().find(|v| id_of(v) == id)?;
        Some(first_owner(versions).clone())
    }

    pub(super) fn find(&self, owner: &Owner, target: &Target) -> Option<&Versions> {
        self.contacts.iter().find(|versions| {
            let named = match target {
                Target::Id(id) => id_of(versions) == *id,
                Target::Sequence(number) => has_vendor_id(versions, &number.to_string()),
                Target::Chosen { text, .. } => has_vendor_id(versions, text),
            };
            named && first_owner(versions) == owner
        })
    }

    pub(super) fn get(&self, owner: &Owner, target: &Target) -> Lookup<Box<Contact>> {
        match self
            .find(owner, target)
            .and_then(|versions| versions.last())
        {
            Some((_, Some(contact))) => Ok(Box::new(contact.clone())),
            Some((end, None)) if end.header.operation == Operation::Erase => Err(Refusal::Gone),
            _ => Err(Refusal::NotFound),
        }
    }

    pub(super) fn get_at(
        &self,
        owner: &Owner,
        target: &Target,
        as_of: AsOf,
    ) -> Lookup<Box<Contact>> {
        let versions = self.find(owner, target).into_iter().flatten().rev();
        let then = versions
            .filter(|(event, _)| as_of.covers(event.header.position, event.header.time))
            .find_map(|(_, contact)| contact.clone());
        then.map(Box::new).ok_or(Refusal::NotFound)
    }

    /// The contact that an attempt names.
    pub(super) fn current(&self, owner: &Owner, attempt: &Attempt) -> Current {
        if let Ok(Action::Upsert { by: Match(key), .. }) = &attempt.action {
            return match self.holders(owner, key).as_slice() {
                [] => Current::None,
                [one] => Current::One(Box::new((self.state(one.id), one.card.clone()))),
                _ => Current::Many,
            };
        }
        let target = attempt.target.as_ref();
        let versions = target.and_then(|target| self.find(owner, target));
        match versions.and_then(|versions| versions.last()) {
            Some((_, Some(contact))) => {
                Current::One(Box::new((self.state(contact.id), contact.card.clone())))
            }
            Some((end, None)) if end.header.operation == Operation::Erase => {
                Current::Erased(end.header.contact.expect("its id"), end.header.position)
            }
            _ => Current::None,
        }
    }

    fn state(&self, id: ContactId) -> ContactState {
        let mut versions = self.contacts.iter().filter(|v| id_of(v) == id).flatten();
        let first = versions.next().map(|(event, _)| event);
        let state = first.and_then(|event| evolve(None, event));
        let state = versions.fold(state, |state, (event, _)| evolve(state, event));
        state.expect("a contact")
    }

    /// The live contacts of a tenant that have a lookup key.
    pub(super) fn holders(&self, owner: &Owner, key: &LookupKey) -> Vec<&Contact> {
        let rules = rules_of(owner);
        let of_tenant =
            |other: &Owner| other.dialect() == owner.dialect() && other.tenant() == owner.tenant();
        self.live()
            .filter(|contact| of_tenant(&contact.owner))
            .filter(|contact| rules.keys_of(&contact.card).contains(key))
            .collect()
    }

    /// The create that took an id which the client chose.
    pub(super) fn taken(&self, owner: &Owner, text: &str) -> Option<PriorCreate> {
        let mut of_owner = self.contacts.iter().filter(|v| first_owner(v) == owner);
        let versions = of_owner.find(|versions| has_vendor_id(versions, text))?;
        let (event, contact) = versions.first()?;
        Some(PriorCreate {
            position: event.header.position,
            card: contact.as_ref().map(|contact| contact.card.clone()),
        })
    }

    pub(super) fn list(&self, list: &List) -> Page {
        let mut all: Vec<Contact> = self
            .live()
            .filter(|contact| contact.owner == list.owner)
            .filter(|contact| list.filter.as_ref().is_none_or(|f| (f.0)(contact)))
            .cloned()
            .collect();
        match &list.order {
            Order::Created => {}
            Order::CreatedDescending => all.reverse(),
            Order::By(compare) => all.sort_by(|a, b| compare(a, b)),
        }
        let total = all.len();
        let (offset, limit) = match list.window {
            Window::After { contact, limit } => {
                let behind = |last| all.iter().filter(|c| c.id <= last).count();
                (contact.map_or(0, behind), limit)
            }
            window => skip_and_take(window, total),
        };
        let contacts: Vec<_> = all.into_iter().skip(offset).take(limit).collect();
        Page {
            total,
            offset,
            more: offset + contacts.len() < total,
            contacts,
        }
    }

    pub(super) fn search(&self, search: &Search) -> SearchPage {
        SearchPage::of(self.live().cloned().collect(), search, REGISTRY)
    }

    pub(super) fn changes(&self, asked: &Changes) -> ChangePage {
        let wanted = |event: &Event| {
            let tenant = event.header.owner.tenant();
            event.header.position > asked.after
                && asked.tenant.as_deref().is_none_or(|want| want == tenant)
        };
        let last = self.contacts.iter().filter_map(|versions| versions.last());
        let mut changes: Versions = last.filter(|(event, _)| wanted(event)).cloned().collect();
        changes.sort_by_key(|(event, _)| event.header.position);
        ChangePage {
            changes,
            next: Position::new(self.head),
            more: false,
        }
    }

    pub(super) fn page_of_events(&self, asked: &Events) -> EventPage {
        let mut wanted = self.events.iter().rev().filter(|event| {
            let Header {
                position,
                time,
                owner,
                ..
            } = &event.header;
            let until = asked
                .until
                .is_none_or(|until| until.covers(*position, *time));
            owner.dialect() == asked.dialect && until && (asked.filter.0)(event)
        });
        let events = wanted.by_ref().take(asked.limit);
        let events = events.map(|event| (event.clone(), Redaction::Withheld));
        EventPage {
            events: events.collect(),
            more: wanted.next().is_some(),
            full: false,
        }
    }

    pub(super) fn owner_events(&self, asked: &OwnerEvents) -> EventPart {
        let mut events: Vec<Event> = self
            .contacts
            .iter()
            .flatten()
            .map(|it| it.0.clone())
            .collect();
        events.retain(|event| {
            let filter = asked.filter.as_ref();
            event.header.owner == asked.owner && filter.is_none_or(|filter| (filter.0)(event))
        });
        events.sort_by_key(|event| event.header.position);
        if asked.newest_first {
            events.reverse();
        }
        let total = events.len();
        let (offset, limit) = skip_and_take(asked.window, total);
        EventPart {
            events: events.into_iter().skip(offset).take(limit).collect(),
            total,
            offset,
        }
    }
}

/// The number of items before a part of a list, and the most in it.
fn skip_and_take(window: Window, total: usize) -> (usize, usize) {
    match window {
        Window::After { limit, .. } => (0, limit),
        Window::Offset { offset, limit } => (offset, limit),
        Window::ClampedPage { page, per_page } => {
            let last = total.div_ceil(per_page).max(1);
            ((page.clamp(1, last) - 1) * per_page, per_page)
        }
    }
}

fn has_vendor_id(versions: &Versions, text: &str) -> bool {
    let first = versions.first().and_then(|(_, contact)| contact.as_ref());
    first.is_some_and(|contact| contact.vendor_id == text)
}
