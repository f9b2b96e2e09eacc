//! A dialect under test: requests go in, and a service of a few lines answers with the core's
//! own `decide`. Its answers show no event's
//! content.

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use super::{
    Answer, Ask, Caller, Dialect, EventPage, Events, List, Method, Order, Page, Query, Refusal,
    Reply, Request, Route, Shown, Whose, Window, Write,
};
use crate::domain::{
    Actor, Attempt, Card, Contact, ContactId, Correlation, Current, Decision, Event, EventId, Fact,
    Facts, Header, IdRule, Operation, Outcome, Owner, Phase, Position, Rules, State, Status,
    Target, Timestamp, Track, VendorKey, batch_refused, decide,
};
use crate::wire::event_type;

/// A request as a transport hands it over.
#[derive(Clone, Copy)]
pub struct Sent<'a> {
    pub method: &'a str,
    /// With its query.
    pub path: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
    /// Whether the caller is the local developer.
    pub open: bool,
}

/// A request of the local developer.
pub fn sent<'a>(method: &'a str, path: &'a str, body: &'a [u8]) -> Sent<'a> {
    Sent {
        method,
        path,
        headers: &[("content-type", "application/json")],
        body,
        open: true,
    }
}

/// Who sends every request.
pub fn actor() -> Actor {
    Actor {
        client_id: Some("client".into()),
        ..Actor::default()
    }
}

/// Reads a request and answers it with what `serve` makes of what is asked.
pub fn answer(dialect: &dyn Dialect, sent: Sent<'_>, serve: impl FnOnce(Ask) -> Answer) -> Reply {
    let (path, query) = sent.path.split_once('?').unwrap_or((sent.path, ""));
    let (route, params) = match find(dialect, sent.method, path) {
        Ok(found) => found,
        Err(refusal) => return dialect.refuse(&refusal),
    };
    let mut headers = HeaderMap::new();
    for (name, value) in sent.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
        headers.append(name, HeaderValue::from_str(value).expect("a header"));
    }
    let caller = Caller {
        actor: actor(),
        own_tenant: sent.open.then(|| "default".to_owned()),
        open: sent.open,
    };
    let request = Request {
        route,
        params: &params,
        query: &Query::parse(query),
        headers: &headers,
        body: sent.body,
        caller: &caller,
    };
    let owner = match dialect.whose(&request) {
        Ok(Whose::Owner(owner)) => Some(owner),
        Ok(Whose::Contact(_) | Whose::Visible | Whose::Nobody) => None,
        Err(reply) => return reply,
    };
    match dialect.decode(&request, owner.as_ref()) {
        Ok(call) => (call.answer)(serve(call.ask)),
        Err(reply) => reply,
    }
}

type Found = (&'static Route, Vec<(String, String)>);

fn find(dialect: &dyn Dialect, method: &str, path: &str) -> Result<Found, Refusal> {
    let mut allow = Vec::new();
    for route in dialect.routes() {
        for template in route.paths {
            let Some(params) = matched(template, path) else {
                continue;
            };
            if route.method.name() == method {
                return Ok((route, params));
            }
            allow.push(Method::name(route.method));
        }
    }
    Err(if allow.is_empty() {
        Refusal::UnknownPath
    } else {
        Refusal::MethodNotAllowed {
            allow: allow.join(", "),
        }
    })
}

fn matched(template: &str, path: &str) -> Option<Vec<(String, String)>> {
    let (wanted, got) = (template.split('/'), path.split('/'));
    if wanted.clone().count() != got.clone().count() {
        return None;
    }
    let mut params = Vec::new();
    for (want, got) in wanted.zip(got) {
        match want.strip_prefix('{').and_then(|w| w.strip_suffix('}')) {
            Some(name) => params.push((name.to_owned(), got.to_owned())),
            None if want == got => {}
            None => return None,
        }
    }
    Some(params)
}

/// A contact that was created at the start of 1970 and written one second later.
pub fn contact(rules: &Rules, owner: Owner, number: u64, card: Card) -> Contact {
    let id = ContactId(Uuid::from_u128(
        0x7000_8000_0000_0000_0000 | u128::from(number),
    ));
    let key = match rules.ids {
        IdRule::Sequence => VendorKey::Sequence(number),
        IdRule::Uuid | IdRule::Hex | IdRule::Ulid => VendorKey::Own,
    };
    Contact {
        id,
        vendor_id: rules.ids.render(id, &key).unwrap_or_default(),
        owner,
        version: 1,
        created_at: Timestamp::from_millis(0),
        created_by: actor(),
        modified_at: Timestamp::from_millis(1_000),
        modified_by: actor(),
        position: Position::new(number),
        card,
    }
}

fn id_of(number: u64) -> ContactId {
    ContactId(Uuid::from_u128(
        0x7000_8000_0000_0000_0000 | u128::from(number),
    ))
}

/// A service of a few lines.
pub struct Service {
    dialect: &'static dyn Dialect,
    /// The contacts, oldest first.
    pub contacts: Vec<Contact>,
    /// What happened, oldest first.
    pub events: Vec<Event>,
    created: u64,
}

impl Service {
    /// A service without contacts.
    pub fn new(dialect: &'static dyn Dialect) -> Self {
        Self {
            dialect,
            contacts: Vec::new(),
            events: Vec::new(),
            created: 0,
        }
    }

    /// Answers a request.
    pub fn send(&mut self, sent: Sent<'_>) -> Reply {
        answer(self.dialect, sent, |ask| self.serve(ask))
    }

    fn serve(&mut self, ask: Ask) -> Answer {
        match ask {
            Ask::Write(write) => self.write(write),
            Ask::Get { owner, target } => self
                .find(&owner, Some(&target))
                .map_or(Answer::NotFound, |found| {
                    Answer::Contact(Box::new(found.clone()))
                }),
            Ask::List(list) => Answer::Page(self.list(&list)),
            Ask::Events(events) => Answer::Events(self.page_of_events(&events)),
            Ask::History { .. } => Answer::History(Vec::new()),
            Ask::Authenticate { token } => Answer::Token(token),
            Ask::Nothing => Answer::Nothing,
            Ask::GetAt { .. } | Ask::Search(_) | Ask::Changes(_) => {
                panic!("only our own API asks this, and it has a service of its own")
            }
        }
    }

    fn find(&self, owner: &Owner, target: Option<&Target>) -> Option<&Contact> {
        let target = target?;
        self.contacts.iter().find(|contact| {
            contact.owner == *owner
                && match target {
                    Target::Id(id) => contact.id == *id,
                    Target::Sequence(number) => contact.vendor_id == number.to_string(),
                    Target::Chosen { text, id } => contact.vendor_id == **text || contact.id == *id,
                }
        })
    }

    fn list(&self, list: &List) -> Page {
        let mut all: Vec<Contact> = self
            .contacts
            .iter()
            .filter(|contact| contact.owner == list.owner)
            .filter(|contact| {
                list.filter
                    .as_ref()
                    .is_none_or(|wanted| (wanted.0)(contact))
            })
            .cloned()
            .collect();
        match &list.order {
            Order::Created => {}
            Order::CreatedDescending => all.reverse(),
            Order::By(order) => all.sort_by(|a, b| order(a, b)),
        }
        let total = all.len();
        let (offset, limit) = match list.window {
            Window::After { contact, limit } => {
                let last = all.iter().position(|c| Some(c.id) == contact);
                (last.map_or(0, |last| last + 1), limit)
            }
            Window::Offset { offset, limit } => (offset, limit),
            Window::ClampedPage { page, per_page } => {
                let last = total.div_ceil(per_page).max(1);
                ((page.min(last) - 1) * per_page, per_page)
            }
        };
        Page {
            contacts: all.into_iter().skip(offset).take(limit).collect(),
            total,
            offset,
            more: total > offset.saturating_add(limit),
        }
    }

    fn page_of_events(&self, asked: &Events) -> EventPage {
        let mut wanted: Vec<&Event> = self
            .events
            .iter()
            .filter(|event| (asked.filter.0)(event))
            .collect();
        if asked.newest_first {
            wanted.reverse();
        }
        if let Some(after) = asked.after {
            let last = wanted.iter().position(|e| e.header.position == after);
            wanted.drain(..last.map_or(wanted.len(), |last| last + 1));
        }
        let rest = wanted.iter().skip(asked.offset);
        EventPage {
            more: rest.len() > asked.limit,
            events: rest
                .take(asked.limit)
                .map(|event| ((*event).clone(), Shown::Nothing))
                .collect(),
        }
    }

    /// The types of its events.
    pub fn types(&self) -> Vec<String> {
        let rules = self.dialect.rules();
        let types = self.events.iter().map(|event| event_type(rules, event));
        types.collect()
    }

    /// Notes what happened; an outcome's cause is the event before it.
    fn log(&mut self, owner: &Owner, operation: Operation, about: Option<ContactId>, phase: Phase) {
        let number = self.events.len() as u64 + 1;
        let id = |number| EventId(Uuid::from_u128(number));
        let is_start = matches!(phase, Phase::Start { .. });
        let header = Header {
            position: Position::new(number),
            id: id(u128::from(number)),
            time: Timestamp::from_millis(number),
            operation,
            owner: owner.clone(),
            contact: about,
            key: None,
            version: None,
            actor: actor(),
            correlation: Correlation::from_uuid(Uuid::nil()),
            causation: (!is_start).then(|| id(u128::from(number) - 1)),
            traceparent: None,
            fields: Vec::new(),
        };
        self.events.push(Event { header, phase });
    }

    fn write(&mut self, write: Write) -> Answer {
        let Write {
            owner,
            batch,
            attempts,
        } = write;
        let judged: Vec<_> = attempts.iter().map(|a| self.judge(&owner, a)).collect();
        let refused = judged
            .iter()
            .any(|decision| matches!(decision, Decision::Refused { .. }));
        let mut outcomes = Vec::new();
        for (attempt, decision) in attempts.iter().zip(judged) {
            let decision = match refused {
                true => batch_refused(batch, decision),
                false => decision,
            };
            outcomes.push(self.apply(&owner, attempt.operation, decision));
        }
        Answer::Written(outcomes)
    }

    fn judge(&self, owner: &Owner, attempt: &Attempt) -> Decision {
        let rules = self.dialect.rules();
        let owned = self.contacts.iter().filter(|c| c.owner == *owner).count();
        let found = self.find(owner, attempt.target.as_ref());
        let state = State {
            current: found.map_or(Current::None, |contact| {
                Current::One(Box::new((track(contact), contact.card.clone())))
            }),
            owned: u32::try_from(owned).expect("few contacts"),
            chosen: None,
            holder: &|key| {
                self.contacts
                    .iter()
                    .filter(|contact| contact.owner.tenant() == owner.tenant())
                    .find(|contact| {
                        let keys = rules.lookup_keys;
                        keys.is_some_and(|keys| keys(&contact.card).contains(key))
                    })
                    .map(|contact| contact.id)
            },
        };
        let facts = Facts {
            contact: ContactId(Uuid::nil()),
            sequence: self.created + 1,
            chosen: None,
        };
        decide(state, attempt, rules, facts)
    }

    fn apply(&mut self, owner: &Owner, operation: Operation, decision: Decision) -> Outcome {
        let rules = self.dialect.rules();
        let change = match decision {
            Decision::Done(change) => change,
            Decision::Refused {
                failure,
                violations,
            } => {
                self.log(owner, operation, None, Phase::Start { receipt: None });
                self.log(owner, operation, None, Phase::Fail(failure.clone()));
                return Outcome::Refused {
                    failure,
                    violations,
                };
            }
            Decision::Repeated(position) => panic!("a repeat of {position}"),
        };
        let about = match operation {
            Operation::Create => id_of(self.created + 1),
            _ => change.contact,
        };
        self.log(
            owner,
            operation,
            Some(about),
            Phase::Start { receipt: None },
        );
        let success = Phase::Success { erasure: None };
        self.log(owner, operation, Some(about), success);
        let at = self.contacts.iter().position(|c| c.id == change.contact);
        let contact = match (change.card, at) {
            (Some(card), None) => {
                self.created += 1;
                let contact = contact(rules, owner.clone(), self.created, card);
                self.contacts.push(contact.clone());
                contact
            }
            (Some(card), Some(at)) => {
                let contact = &mut self.contacts[at];
                contact.card = card;
                contact.version = change.version;
                contact.clone()
            }
            (None, at) => {
                let id = self.contacts.remove(at.expect("a contact")).id;
                return Outcome::Removed {
                    operation,
                    id,
                    position: Position::FIRST,
                };
            }
        };
        Outcome::Written {
            operation: change.operation,
            contact: Box::new(contact),
        }
    }
}

fn track(contact: &Contact) -> Track {
    let fact = |time| Fact {
        position: contact.position,
        time,
    };
    Track {
        id: contact.id,
        owner: contact.owner.clone(),
        key: VendorKey::Own,
        version: contact.version,
        status: Status::Live,
        created: fact(contact.created_at),
        modified: fact(contact.modified_at),
    }
}
