//! What a service does between a request and its answer: `decide`, over every dialect's contacts
//! in memory, and the reads of the past that only our own API has.

use uuid::Uuid;

use super::*;
use crate::dialect::{Answer, Ask, ChangePage, Dialect, Page, REGISTRY, Write, by_id};
use crate::domain::{
    Action, Attempt, Change, Correlation, Current, Decision, Event, EventId, Fact, Facts, Header,
    LookupKey, Match, Outcome, Phase, State, Status, Target, Track, VendorKey, decide,
};

/// A contact's versions with the events that made them.
type Versions = Vec<(Event, Option<Contact>)>;

/// What a service would hold.
#[derive(Default)]
pub struct Service {
    contacts: Vec<Versions>,
    clock: u64,
    /// The types of the events so far, in order.
    pub events: Vec<String>,
}

impl Service {
    /// The answer to a request of a dialect.
    pub fn send(&mut self, dialect: &dyn Dialect, request: &Request<'_>) -> Reply {
        let owner = match dialect.whose(request) {
            Err(reply) => return reply,
            Ok(Whose::Owner(owner)) => Some(owner),
            Ok(Whose::Contact(id)) => match self.contacts.iter().find(|v| id_of(v) == id) {
                Some(versions) => Some(first(versions).header.owner.clone()),
                None => return dialect.refuse(&Refusal::NotFound),
            },
            Ok(Whose::Visible | Whose::Nobody) => None,
        };
        match dialect.decode(request, owner.as_ref()) {
            Err(reply) => reply,
            Ok(call) => (call.answer)(self.answer(call.ask)),
        }
    }

    fn answer(&mut self, ask: Ask) -> Answer {
        match ask {
            Ask::Write(Write {
                owner, attempts, ..
            }) => {
                let outcomes = attempts.iter().map(|attempt| self.write(&owner, attempt));
                Answer::Written(outcomes.collect())
            }
            Ask::Get { target, .. } => {
                let versions = self.find(&target);
                match versions.and_then(|versions| versions.last()) {
                    Some((_, Some(contact))) => Answer::Contact(Box::new(contact.clone())),
                    Some((end, None)) if end.header.operation == Operation::Erase => Answer::Gone,
                    _ => Answer::NotFound,
                }
            }
            Ask::GetAt { target, as_of, .. } => {
                let versions = self.find(&target).into_iter().flatten().rev();
                let then = versions
                    .filter(|(event, _)| as_of.covers(event.header.position, event.header.time))
                    .find_map(|(_, contact)| contact.clone());
                then.map_or(Answer::NotFound, |then| Answer::Contact(Box::new(then)))
            }
            Ask::History { target, .. } => match self.find(&target) {
                Some(versions) => Answer::History(versions.clone()),
                None => Answer::NotFound,
            },
            Ask::Search(search) => {
                let live = self.contacts.iter().filter_map(|v| v.last()?.1.clone());
                let mut found: Vec<Contact> = live
                    .filter(|contact| search.wants(contact) && search.comes_after(contact))
                    .collect();
                found.sort_by(|one, other| search.compare(one, other));
                let more = found.len() > search.limit;
                found.truncate(search.limit);
                let contacts = found;
                Answer::Page(Page {
                    contacts,
                    more,
                    ..Page::default()
                })
            }
            Ask::Changes(asked) => {
                let of_tenant = |event: &Event| {
                    let tenant = event.header.owner.tenant();
                    asked.tenant.as_deref().is_none_or(|want| want == tenant)
                };
                let mut changes: Versions = self
                    .contacts
                    .iter()
                    .filter_map(|versions| versions.last().cloned())
                    .filter(|(event, _)| event.header.position > asked.after && of_tenant(event))
                    .collect();
                changes.sort_by_key(|(event, _)| event.header.position);
                let next = Position::new(self.clock);
                Answer::Changes(ChangePage {
                    changes,
                    next,
                    more: false,
                })
            }
            Ask::Nothing => Answer::Nothing,
            other => panic!("not ours: {other:?}"),
        }
    }

    fn find(&self, target: &Target) -> Option<&Versions> {
        let Target::Id(id) = target else {
            panic!("our own API names contacts by our ids");
        };
        self.contacts.iter().find(|versions| id_of(versions) == *id)
    }

    /// Who of an owner's live contacts has a key.
    fn holders(&self, owner: &Owner, key: &LookupKey) -> Vec<Contact> {
        let live = self.contacts.iter().filter_map(|v| v.last()?.1.clone());
        live.filter(|contact| contact.owner == *owner && lookup_keys(&contact.card).contains(key))
            .collect()
    }

    fn current(&self, owner: &Owner, attempt: &Attempt) -> Current {
        let one = |contact: Contact| Current::One(Box::new((track(&contact), contact.card)));
        if let Ok(Action::Upsert { by: Match(key), .. }) = &attempt.action {
            let mut holders = self.holders(owner, key);
            return match (holders.pop(), holders.is_empty()) {
                (Some(contact), true) => one(contact),
                (Some(_), false) => Current::Many,
                (None, _) => Current::None,
            };
        }
        let versions = attempt.target.as_ref().and_then(|target| self.find(target));
        match versions.and_then(|versions| versions.last()) {
            Some((_, Some(contact))) => one(contact.clone()),
            Some((end, None)) if end.header.operation == Operation::Erase => {
                Current::Erased(end.header.contact.expect("its id"), end.header.position)
            }
            _ => Current::None,
        }
    }

    fn write(&mut self, owner: &Owner, attempt: &Attempt) -> Outcome {
        let state = State {
            current: self.current(owner, attempt),
            owned: 0,
            chosen: None,
            holder: &|_| None,
        };
        let facts = Facts {
            contact: ContactId(Uuid::from_u128(u128::from(self.clock) + 1)),
            sequence: 0,
            chosen: None,
        };
        let rules = REGISTRY.get(owner.dialect()).expect("rules");
        let decision = decide(state, attempt, rules, facts);
        let mut note = |operation: Operation, phase: &str| {
            self.clock += 1;
            let name = operation.name();
            self.events
                .push(format!("{}_{name}_{phase}", rules.event_prefix));
        };
        match decision {
            Decision::Repeated(position) => Outcome::Removed {
                operation: attempt.operation,
                id: attempt_id(attempt),
                position,
            },
            Decision::Refused {
                failure,
                violations,
            } => {
                note(attempt.operation, "START");
                note(attempt.operation, "FAIL");
                Outcome::Refused {
                    failure,
                    violations,
                }
            }
            Decision::Done(change) => {
                note(change.operation, "START");
                note(change.operation, "SUCCESS");
                self.record(owner, change)
            }
        }
    }

    fn record(&mut self, owner: &Owner, change: Change) -> Outcome {
        let (position, now) = (
            Position::new(self.clock),
            Timestamp::from_millis(self.clock),
        );
        let (operation, id) = (change.operation, change.contact);
        let contact = change.card.clone().map(|card| Contact {
            id,
            vendor_id: id.to_string(),
            owner: owner.clone(),
            version: change.version,
            created_at: now,
            created_by: Actor::default(),
            modified_at: now,
            modified_by: Actor::default(),
            position,
            card,
        });
        let version = (event(owner, change, position, now), contact.clone());
        match self.contacts.iter_mut().find(|v| id_of(v) == id) {
            Some(versions) => versions.push(version),
            None => self.contacts.push(vec![version]),
        }
        if operation == Operation::Erase {
            let of = self.contacts.iter_mut().filter(|v| id_of(v) == id);
            of.flatten().for_each(|(_, contact)| *contact = None);
        }
        match contact {
            Some(contact) => Outcome::Written {
                operation,
                contact: Box::new(contact),
            },
            None => Outcome::Removed {
                operation,
                id,
                position,
            },
        }
    }
}

/// A request of whichever dialect serves its path.
pub fn dialect_of(path: &str) -> &'static dyn Dialect {
    let number = if path.starts_with("/contacts") { 1 } else { 2 };
    by_id(DialectId(number)).expect("a dialect")
}

fn first(versions: &Versions) -> &Event {
    &versions[0].0
}

fn id_of(versions: &Versions) -> ContactId {
    first(versions).header.contact.expect("its id")
}

fn attempt_id(attempt: &Attempt) -> ContactId {
    match attempt.target {
        Some(Target::Id(id)) => id,
        _ => panic!("only an erasure is repeated here"),
    }
}

fn track(contact: &Contact) -> Track {
    let fact = Fact {
        position: contact.position,
        time: contact.modified_at,
    };
    Track {
        id: contact.id,
        owner: contact.owner.clone(),
        key: VendorKey::Own,
        version: contact.version,
        status: Status::Live,
        created: fact,
        modified: fact,
    }
}

fn event(owner: &Owner, change: Change, position: Position, time: Timestamp) -> Event {
    let erasure = change.erasure;
    Event {
        header: Header {
            position,
            id: EventId(Uuid::nil()),
            time,
            operation: change.operation,
            owner: owner.clone(),
            contact: Some(change.contact),
            key: Some(change.key),
            version: Some(change.version),
            actor: Actor::default(),
            correlation: Correlation::from_uuid(Uuid::nil()),
            causation: None,
            traceparent: None,
            fields: change.fields,
        },
        phase: Phase::Success { erasure },
    }
}
