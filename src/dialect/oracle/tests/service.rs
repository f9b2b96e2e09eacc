//! What a service does between a request and its answer: `decide`, over contacts in memory.

use http::HeaderMap;
use serde_json::Value;
use uuid::Uuid;

use crate::dialect::oracle::{Oracle, ROUTES, RULES, ids};
use crate::dialect::{
    Answer, Ask, Caller, Dialect, Order, Page, Query, Reply, Request, Route, Whose, Window,
};
use crate::domain::{
    Action, Actor, Attempt, Change, Contact, ContactId, Correlation, Current, Decision, Event,
    EventId, Fact, Facts, Header, Operation, Outcome, Owner, Phase, Position, Repeat, State,
    Status, Tag, Target, Timestamp, Track, VendorKey, decide,
};

/// A contact's versions with the events that made them.
pub type Versions = Vec<(Event, Option<Contact>)>;

/// What a service would hold: enough to put `decide` between a request and its answer.
#[derive(Default)]
pub struct Service {
    pub contacts: Vec<Versions>,
    clock: u64,
}

/// An answer, and the types of the events that a request left.
pub struct Seen {
    pub reply: Reply,
    pub events: Vec<String>,
}

impl Seen {
    pub fn body(&self) -> Value {
        serde_json::from_slice(&self.reply.body).expect("JSON")
    }
}

impl Service {
    pub fn send(&mut self, method: &str, path: &str, headers: &HeaderMap, body: &[u8]) -> Seen {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let (route, params) = find(method, path).expect("a route");
        let caller = Caller {
            actor: Actor {
                client_id: Some("a-client".into()),
                management_user_id: Some("a-user".into()),
                subject: None,
            },
            own_tenant: Some("default".into()),
            open: true,
        };
        let query = Query::parse(query);
        let request = Request {
            route,
            params: &params,
            query: &query,
            headers,
            body,
            caller: &caller,
        };
        let Ok(Whose::Owner(owner)) = Oracle.whose(&request) else {
            panic!("the caller has a tenant");
        };
        let mut events = Vec::new();
        let reply = match Oracle.decode(&request, Some(&owner)) {
            Err(reply) => reply,
            Ok(call) => (call.answer)(self.answer(call.ask, &caller.actor, &mut events)),
        };
        Seen { reply, events }
    }

    pub fn json(&mut self, method: &str, path: &str, body: &Value) -> Seen {
        let body = serde_json::to_vec(body).expect("JSON");
        self.send(method, path, &HeaderMap::new(), &body)
    }

    fn answer(&mut self, ask: Ask, actor: &Actor, events: &mut Vec<String>) -> Answer {
        match ask {
            Ask::Write(write) => {
                let attempts = write.attempts.iter();
                let outcomes = attempts.map(|a| self.write(&write.owner, a, actor, events));
                Answer::Written(outcomes.collect())
            }
            Ask::Get { target, .. } => match self.current(&target) {
                Some(contact) => Answer::Contact(Box::new(contact)),
                None => Answer::NotFound,
            },
            Ask::History { target, .. } => match self.index(&target) {
                Some(index) => Answer::History(self.contacts[index].clone()),
                None => Answer::NotFound,
            },
            Ask::List(list) => {
                let mut all: Vec<Contact> = self
                    .contacts
                    .iter()
                    .filter_map(|versions| versions.last()?.1.clone())
                    .filter(|contact| list.filter.as_ref().is_none_or(|f| (f.0)(contact)))
                    .collect();
                if matches!(list.order, Order::CreatedDescending) {
                    all.reverse();
                }
                let Window::Offset { offset, limit } = list.window else {
                    panic!("the vendor pages by offset");
                };
                let contacts: Vec<Contact> = all.iter().skip(offset).take(limit).cloned().collect();
                Answer::Page(Page {
                    total: all.len(),
                    offset,
                    more: offset + contacts.len() < all.len(),
                    contacts,
                })
            }
            other => panic!("not this vendor's: {other:?}"),
        }
    }

    fn index(&self, target: &Target) -> Option<usize> {
        let Target::Chosen { text, .. } = target else {
            panic!("every id of this vendor may be chosen");
        };
        let has_id = |contact: &Contact| contact.vendor_id == **text;
        self.contacts
            .iter()
            .position(|versions| versions[0].1.as_ref().is_some_and(has_id))
    }

    fn current(&self, target: &Target) -> Option<Contact> {
        self.contacts[self.index(target)?].last()?.1.clone()
    }

    fn write(
        &mut self,
        owner: &Owner,
        attempt: &Attempt,
        actor: &Actor,
        events: &mut Vec<String>,
    ) -> Outcome {
        self.clock += 1;
        let chosen = match &attempt.action {
            Ok(Action::Create { chosen_id, .. }) => chosen_id.clone(),
            _ => None,
        };
        let taken = chosen.as_deref().and_then(|text| {
            let id = ids::HexId::parse(text).expect("canonical");
            self.index(&id.target())
        });
        let current = attempt.target.as_ref().and_then(|t| self.current(t));
        let state = State {
            current: current.map_or(Current::None, |contact| {
                let card = contact.card.clone();
                Current::One(Box::new((track(&contact), card)))
            }),
            owned: 0,
            chosen: taken.map(|index| Repeat {
                position: Position::new(index as u64),
                card: self.contacts[index][0].1.clone().map(|c| c.card),
            }),
            holder: &|_| None,
        };
        let facts = Facts {
            contact: ContactId(Uuid::from_u128(u128::from(self.clock))),
            sequence: 0,
            chosen: chosen.as_ref().map(|_| Tag([0; 16])),
        };
        let decision = decide(state, attempt, &RULES, facts);
        let mut note = |phase: &str| {
            events.push(format!("SITE_CONTACT_{}_{phase}", attempt.operation.name()));
        };
        match decision {
            Decision::Repeated(position) => {
                let index = usize::try_from(position.get()).expect("small");
                written(self.contacts[index][0].1.clone())
            }
            Decision::Refused {
                failure,
                violations,
            } => {
                note("START");
                note("FAIL");
                Outcome::Refused {
                    failure,
                    violations,
                }
            }
            Decision::Done(change) => {
                note("START");
                note("SUCCESS");
                written(self.record(owner, change, chosen, actor))
            }
        }
    }

    fn record(
        &mut self,
        owner: &Owner,
        change: Change,
        chosen: Option<Box<str>>,
        actor: &Actor,
    ) -> Option<Contact> {
        let now = Timestamp::from_millis(1_768_473_000_000 + self.clock);
        let before = self.contacts.iter().position(|versions| {
            let first = versions[0].1.as_ref();
            first.is_some_and(|contact| contact.id == change.contact)
        });
        let first = before.and_then(|index| self.contacts[index][0].1.clone());
        let own = RULES.ids.render(change.contact, &VendorKey::Own);
        let contact = change.card.clone().map(|card| Contact {
            id: change.contact,
            vendor_id: first.as_ref().map_or_else(
                || chosen.map_or(own.unwrap_or_default(), String::from),
                |contact| contact.vendor_id.clone(),
            ),
            owner: owner.clone(),
            version: change.version,
            created_at: first.as_ref().map_or(now, |contact| contact.created_at),
            created_by: actor.clone(),
            modified_at: now,
            modified_by: actor.clone(),
            position: Position::new(self.clock),
            card,
        });
        let version = (event(owner, &change, now, actor), contact.clone());
        match before {
            Some(index) => self.contacts[index].push(version),
            None => self.contacts.push(vec![version]),
        }
        contact
    }
}

fn written(contact: Option<Contact>) -> Outcome {
    Outcome::Written {
        operation: Operation::Create,
        contact: Box::new(contact.expect("a contact")),
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

fn event(owner: &Owner, change: &Change, time: Timestamp, actor: &Actor) -> Event {
    Event {
        header: Header {
            position: Position::FIRST,
            id: EventId(Uuid::nil()),
            time,
            operation: change.operation,
            owner: owner.clone(),
            contact: Some(change.contact),
            key: Some(change.key.clone()),
            version: Some(change.version),
            actor: actor.clone(),
            correlation: Correlation::from_uuid(Uuid::nil()),
            causation: None,
            traceparent: None,
            fields: change.fields.clone(),
        },
        phase: Phase::Success { erasure: None },
    }
}

/// The route of a path, with the path's parameters.
fn find(method: &str, path: &str) -> Option<(&'static Route, Vec<(String, String)>)> {
    ROUTES.iter().find_map(|route| {
        let (template, path) = (route.paths[0].split('/'), path.split('/'));
        if route.method.name() != method || template.clone().count() != path.clone().count() {
            return None;
        }
        let mut params = Vec::new();
        for (part, text) in template.zip(path) {
            match part.strip_prefix('{').and_then(|p| p.strip_suffix('}')) {
                Some(name) => params.push((name.to_owned(), text.to_owned())),
                None if part != text => return None,
                None => {}
            }
        }
        Some((route, params))
    })
}
