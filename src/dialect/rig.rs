//! A service in memory, so that a dialect's tests can send requests and read answers.
//!
//! It judges attempts with the real `decide` and folds with the real
//! `evolve`; it has no disk, no tokens and no threads. Its clock stands
//! still, its ids count up.

mod vectors;

pub use vectors::run_vectors;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use uuid::Uuid;

use super::call::{EventPage, Events, List, Order, Page, Window};
use super::{
    Answer, Ask, Caller, Dialect, Query, Refusal, Reply, Request, Route, Shown, TokenProblem,
    Whose, Write,
};
use crate::domain::{
    Action, Attempt, BatchMode, Change, Contact, ContactId, Correlation, Current, Decision, Event,
    EventId, Facts, Failure, FailureCode, Header, LookupKey, Operation, Outcome, Owner, Phase,
    Position, State, Status, Target, Timestamp, Track, decide, evolve,
};

/// The time at which everything happens.
pub const NOW: &str = "2026-01-15T10:30:00.000Z";

/// A service that speaks one dialect.
#[derive(Clone)]
pub struct Rig {
    dialect: &'static dyn Dialect,
    /// Who sends.
    pub caller: Caller,
    contacts: Vec<(Track, Contact)>,
    /// What happened so far.
    pub events: Vec<Event>,
}

/// An answer, with what it put in the log.
pub struct Sent {
    /// The answer.
    pub reply: Reply,
    /// The types of the events, in order.
    pub events: Vec<String>,
}

impl Sent {
    /// The status.
    pub fn status(&self) -> u16 {
        self.reply.status.as_u16()
    }

    /// The body as JSON; null where it is empty.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.reply.body).unwrap_or_default()
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.reply.headers.iter().find(|(key, _)| *key == name)?;
        Some(value)
    }
}

impl Rig {
    /// A service in open mode whose developer has this tenant.
    pub fn open(dialect: &'static dyn Dialect, tenant: &str) -> Self {
        let caller = Caller {
            own_tenant: Some(tenant.into()),
            open: true,
            ..Caller::default()
        };
        Self {
            dialect,
            caller,
            contacts: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Sends a request without headers.
    pub fn send(&mut self, method: &str, target: &str, body: &str) -> Sent {
        self.send_with(method, target, &[], body)
    }

    /// Sends a request.
    pub fn send_with(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Sent {
        let before = self.events.len();
        let reply = self.reply(method, target, headers, body);
        let events = self.events[before..].iter().map(|e| self.type_of(e));
        Sent {
            events: events.collect(),
            reply,
        }
    }

    fn reply(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let Some((route, params)) = self.route(method, path) else {
            return self.dialect.refuse(&Refusal::UnknownPath);
        };
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
                (
                    name,
                    HeaderValue::from_str(value).expect("a header's value"),
                )
            })
            .collect();
        let caller = self.caller.clone();
        let request = Request {
            route,
            params: &params,
            query: &Query::parse(query),
            headers: &headers,
            body: body.as_bytes(),
            caller: &caller,
        };
        let owner = match self.dialect.whose(&request) {
            Ok(Whose::Owner(owner)) => Some(owner),
            Ok(Whose::Contact(_) | Whose::Visible | Whose::Nobody) => None,
            Err(reply) => return reply,
        };
        match self.dialect.decode(&request, owner.as_ref()) {
            Ok(call) => (call.answer)(self.ask(call.ask)),
            Err(reply) => reply,
        }
    }

    fn route(&self, method: &str, path: &str) -> Option<(&'static Route, Vec<(String, String)>)> {
        let routes = self.dialect.routes().iter();
        let mut found: Vec<_> = routes
            .filter(|route| route.method.name() == method)
            .flat_map(|route| route.paths.iter().map(move |template| (route, *template)))
            .filter_map(|(route, template)| Some((route, matches(template, path)?)))
            .collect();
        // A path's own words win over a parameter's.
        found.sort_by_key(|(_, params)| params.len());
        found.into_iter().next()
    }

    fn ask(&mut self, ask: Ask) -> Answer {
        match ask {
            Ask::Write(write) => Answer::Written(self.write(&write)),
            Ask::Get { owner, target } => match self.find(&owner, &target) {
                Some(index) => Answer::Contact(Box::new(self.contacts[index].1.clone())),
                None => Answer::NotFound,
            },
            Ask::List(list) => Answer::Page(self.list(list)),
            Ask::Events(events) => Answer::Events(self.page_of_events(&events)),
            Ask::Authenticate { token } => match token.as_str() {
                "good" => Answer::Token("short".into()),
                "old" => Answer::TokenRefused(TokenProblem::Expired),
                _ => Answer::TokenRefused(TokenProblem::Invalid),
            },
            Ask::History { .. } | Ask::Nothing => Answer::Nothing,
            Ask::GetAt { .. } | Ask::Search(_) | Ask::Changes(_) => {
                panic!("only our own API asks this, and it has a service of its own")
            }
        }
    }

    fn write(&mut self, write: &Write) -> Vec<Outcome> {
        let (contacts, events) = (self.contacts.clone(), self.events.clone());
        let attempts = write.attempts.iter();
        let outcomes: Vec<_> = attempts
            .map(|attempt| self.attempt(&write.owner, attempt))
            .collect();
        let refused = |o: &Outcome| matches!(o, Outcome::Refused { .. });
        if write.batch == BatchMode::ItemByItem || !outcomes.iter().any(refused) {
            return outcomes;
        }
        (self.contacts, self.events) = (contacts, events);
        let mut all = Vec::new();
        for (attempt, outcome) in write.attempts.iter().zip(outcomes) {
            let (failure, violations) = match outcome {
                Outcome::Refused {
                    failure,
                    violations,
                } => (failure, violations),
                _ => (failure(FailureCode::BatchRefused), Vec::new()),
            };
            self.log(
                &write.owner,
                attempt.operation,
                Phase::Start { receipt: None },
                None,
            );
            self.log(
                &write.owner,
                attempt.operation,
                Phase::Fail(failure.clone()),
                None,
            );
            all.push(Outcome::Refused {
                failure,
                violations,
            });
        }
        all
    }

    fn attempt(&mut self, owner: &Owner, attempt: &Attempt) -> Outcome {
        let current = match (&attempt.action, &attempt.target) {
            (Ok(Action::Upsert { by, .. }), _) => self.holder(owner, &by.0),
            (_, Some(target)) => self
                .find(owner, target)
                .map(|index| self.contacts[index].0.id),
            _ => None,
        };
        let found = current.and_then(|id| self.contacts.iter().find(|(track, _)| track.id == id));
        let state = State {
            current: found.map_or(Current::None, |(track, contact)| {
                Current::One(Box::new((track.clone(), contact.card.clone())))
            }),
            owned: u32::try_from(
                self.contacts
                    .iter()
                    .filter(|(t, _)| &t.owner == owner)
                    .count(),
            )
            .expect("few contacts"),
            chosen: None,
            holder: &|key| self.holder(owner, key),
        };
        let number = u128::try_from(self.events.len()).expect("few events") + 1;
        let facts = Facts {
            contact: ContactId(Uuid::from_u128(number)),
            sequence: u64::try_from(self.created()).expect("few contacts") + 1,
            chosen: None,
        };
        let decision = decide(state, attempt, self.dialect.rules(), facts);
        let operation = match &decision {
            Decision::Done(change) => change.operation,
            _ => attempt.operation,
        };
        self.log(owner, operation, Phase::Start { receipt: None }, None);
        match decision {
            Decision::Done(change) => self.apply(owner, change),
            Decision::Refused {
                failure,
                violations,
            } => {
                self.log(owner, operation, Phase::Fail(failure.clone()), None);
                Outcome::Refused {
                    failure,
                    violations,
                }
            }
            Decision::Repeated(_) => unreachable!("no id is chosen, nothing erased"),
        }
    }

    fn apply(&mut self, owner: &Owner, change: Change) -> Outcome {
        let id = change.contact;
        let position = self.log(
            owner,
            change.operation,
            Phase::Success { erasure: None },
            Some(&change),
        );
        let index = self.contacts.iter().position(|(track, _)| track.id == id);
        let before = index.map(|index| self.contacts.remove(index));
        let created_at = now();
        let event = self.events.last().expect("just logged");
        let track = evolve(before.map(|(track, _)| track), event).expect("a contact");
        let Some(card) = change.card else {
            return Outcome::Removed {
                operation: change.operation,
                id,
                position,
            };
        };
        let vendor_id = self.dialect.rules().ids.render(id, &track.key);
        let contact = Contact {
            id,
            vendor_id: vendor_id.expect("no id is chosen"),
            owner: owner.clone(),
            version: track.version,
            created_at,
            created_by: self.caller.actor.clone(),
            modified_at: now(),
            modified_by: self.caller.actor.clone(),
            position,
            card,
        };
        self.contacts.push((track, contact.clone()));
        self.contacts.sort_by_key(|(track, _)| track.id);
        Outcome::Written {
            operation: change.operation,
            contact: Box::new(contact),
        }
    }

    fn log(
        &mut self,
        owner: &Owner,
        operation: Operation,
        phase: Phase,
        change: Option<&Change>,
    ) -> Position {
        let number = u64::try_from(self.events.len()).expect("few events") + 1;
        let id = Uuid::from_u128(number.into());
        let header = Header {
            position: Position::new(number),
            id: EventId(id),
            time: now(),
            operation,
            owner: owner.clone(),
            contact: change.map(|change| change.contact),
            key: change.map(|change| change.key.clone()),
            version: change.map(|change| change.version),
            actor: self.caller.actor.clone(),
            correlation: Correlation::from_uuid(id),
            causation: None,
            traceparent: None,
            fields: change
                .map(|change| change.fields.clone())
                .unwrap_or_default(),
        };
        let position = header.position;
        self.events.push(Event { header, phase });
        position
    }

    fn list(&self, list: List) -> Page {
        let live = self
            .contacts
            .iter()
            .filter(|(track, _)| track.status == Status::Live);
        let mut all: Vec<Contact> = live
            .filter(|(track, _)| track.owner == list.owner)
            .map(|(_, contact)| contact.clone())
            .filter(|contact| list.filter.as_ref().is_none_or(|f| (f.0)(contact)))
            .collect();
        match &list.order {
            Order::Created => {}
            Order::CreatedDescending => all.reverse(),
            Order::By(compare) => all.sort_by(|a, b| compare(a, b)),
        }
        let total = all.len();
        let (offset, limit) = match list.window {
            Window::After { contact, limit } => {
                let next = |last| all.iter().position(|c| c.id == last).map_or(0, |i| i + 1);
                (contact.map_or(0, next), limit)
            }
            Window::Offset { offset, limit } => (offset, limit),
            Window::ClampedPage { page, per_page } => {
                let last = total.div_ceil(per_page).max(1);
                ((page.clamp(1, last) - 1) * per_page, per_page)
            }
        };
        let contacts: Vec<_> = all.into_iter().skip(offset).take(limit).collect();
        Page {
            total,
            offset,
            more: offset + contacts.len() < total,
            contacts,
        }
    }

    fn page_of_events(&self, asked: &Events) -> EventPage {
        let tenant = |e: &&Event| {
            asked
                .tenant
                .as_ref()
                .is_none_or(|t| t == e.header.owner.tenant())
        };
        let wanted = self
            .events
            .iter()
            .filter(tenant)
            .filter(|e| (asked.filter.0)(e));
        let mut all: Vec<_> = wanted.map(|e| (e.clone(), Shown::Nothing)).collect();
        if asked.newest_first {
            all.reverse();
        }
        let rest: Vec<_> = all.into_iter().skip(asked.offset).collect();
        EventPage {
            more: rest.len() > asked.limit,
            events: rest.into_iter().take(asked.limit).collect(),
        }
    }

    fn find(&self, owner: &Owner, target: &Target) -> Option<usize> {
        self.contacts.iter().position(|(track, contact)| {
            let named = match target {
                Target::Id(id) => track.id == *id,
                Target::Sequence(number) => contact.vendor_id == number.to_string(),
                Target::Chosen { id, .. } => track.id == *id,
            };
            named && &track.owner == owner
        })
    }

    fn holder(&self, owner: &Owner, key: &LookupKey) -> Option<ContactId> {
        let rules = self.dialect.rules();
        let mut tenants = self.contacts.iter();
        let (track, _) = tenants.find(|(track, contact)| {
            track.owner.tenant() == owner.tenant() && rules.keys_of(&contact.card).contains(key)
        })?;
        Some(track.id)
    }

    fn created(&self) -> usize {
        let is_create = |e: &&Event| {
            e.header.operation == Operation::Create && matches!(e.phase, Phase::Success { .. })
        };
        self.events.iter().filter(is_create).count()
    }

    fn type_of(&self, event: &Event) -> String {
        let phase = match event.phase {
            Phase::Start { .. } => "START",
            Phase::Success { .. } => "SUCCESS",
            Phase::Fail(_) => "FAIL",
        };
        let prefix = self.dialect.rules().event_prefix;
        format!("{prefix}_{}_{phase}", event.header.operation.name())
    }
}

fn now() -> Timestamp {
    Timestamp::parse(NOW).expect("a time")
}

fn failure(code: FailureCode) -> Failure {
    Failure {
        code,
        violations: Vec::new(),
    }
}

/// The parameters of a path that fits a template.
fn matches(template: &str, path: &str) -> Option<Vec<(String, String)>> {
    let (wanted, given): (Vec<_>, Vec<_>) =
        (template.split('/').collect(), path.split('/').collect());
    if wanted.len() != given.len() {
        return None;
    }
    let mut params = Vec::new();
    for (want, have) in wanted.into_iter().zip(given) {
        match want.strip_prefix('{').and_then(|w| w.strip_suffix('}')) {
            Some(name) => {
                let value = percent_encoding::percent_decode_str(have).decode_utf8_lossy();
                params.push((name.to_owned(), value.into_owned()));
            }
            None if want == have => {}
            None => return None,
        }
    }
    Some(params)
}
