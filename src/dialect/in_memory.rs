//! A service in memory, so that a dialect's tests can send requests and read answers.
//!
//! It judges attempts with the core's own `decide` and keeps every version of
//! every contact. It has no disk, no tokens and no threads; its clock stands
//! still, its ids count up. It serves the dialect under test, and the others
//! at their own paths, for our own API reads what came in by any door.

mod read;
mod vectors;

pub use vectors::vectors_hold;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use uuid::Uuid;

use super::{
    ALL, Ask, Call, Caller, ChangePage, Cursors, Decode, Dialect, EventPage, Lookup, Page, Query,
    REGISTRY, Refusal, Reply, Request, Route, Scope, SearchPage, TokenProblem, Write,
};
use crate::domain::{
    Action, Actor, Attempt, BatchMode, Change, Contact, ContactId, Correlation, Decision, Event,
    EventId, Facts, Failure, FailureCode, Header, Operation, Outcome, Owner, Phase, Position,
    Rules, State, Tag, Timestamp, decide,
};
use crate::wire::event_type;

/// The time at which everything happens.
pub const NOW: &str = "2026-01-15T10:30:00.000Z";

/// What a client says of a body in JSON.
const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

/// A contact's versions, oldest first, with the events that made them.
pub type Versions = Vec<super::Version>;

impl From<Versions> for super::Versions {
    fn from(list: Versions) -> Self {
        Self { list, cut: false }
    }
}

/// A result that a test hands to a call's encoder in the service's stead.
#[derive(Debug)]
pub enum Answer {
    /// The end of each attempt of a write.
    Written(Vec<Outcome>),
    /// One contact, or why there is none.
    Contact(Lookup<Box<Contact>>),
    /// A page of a list.
    Page(Page),
    /// A page of a search.
    Search(SearchPage),
    /// A page of changes.
    Changes(ChangePage),
    /// A page of events.
    Events(EventPage),
    /// The versions of a contact.
    History(Lookup<Versions>),
}

/// The reply of a call that is answered so.
///
/// # Panics
/// Where the answer is to another question.
pub fn reply_of(call: Call, answer: Answer) -> Reply {
    match (call, answer) {
        (Call::Write(ask), Answer::Written(outcomes)) => (ask.reply)(outcomes),
        (Call::Get(ask), Answer::Contact(found)) => (ask.reply)(found),
        (Call::List(ask), Answer::Page(page)) => (ask.reply)(page),
        (Call::Search(ask), Answer::Search(page)) => (ask.reply)(page),
        (Call::Changes(ask), Answer::Changes(page)) => (ask.reply)(page),
        (Call::Events(ask), Answer::Events(page)) => (ask.reply)(page),
        (Call::History(ask), Answer::History(found)) => (ask.reply)(found.map(Into::into)),
        (Call::Known(reply), _) => reply,
        (call, answer) => panic!("{answer:?} is no answer to {call:?}"),
    }
}

/// Decodes a request by a route.
///
/// # Errors
/// The dialect's reply to what is no command.
///
/// # Panics
/// Where the route needs an owner and there is none.
pub fn decode(route: &Route, request: &Request<'_>, owner: Option<&Owner>) -> Result<Call, Reply> {
    match route.decode {
        Decode::Owned(decode) => decode(request, owner.expect("an owner")),
        Decode::Visible(decode) => decode(request, owner),
    }
}

/// A service in memory, for one dialect's tests.
#[derive(Clone)]
pub struct InMemoryService {
    dialect: &'static Dialect,
    /// The caller who sends the requests.
    pub caller: Caller,
    /// Every contact there ever was, oldest first.
    pub contacts: Vec<Versions>,
    /// What happened so far, oldest first.
    pub events: Vec<Event>,
    /// The position of the last event.
    head: u64,
}

/// An answer, with what it put in the log.
pub struct Sent {
    /// The answer of the dialect.
    pub reply: Reply,
    /// The types of the events, in order.
    pub events: Vec<String>,
}

impl Sent {
    /// The HTTP status of the answer.
    pub fn status(&self) -> u16 {
        self.reply.status.as_u16()
    }

    /// The body as JSON; null where it is empty.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.reply.body).unwrap_or_default()
    }

    /// The text of one header of the answer.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.reply.headers.iter().find(|(key, _)| *key == name)?;
        Some(value)
    }
}

type Params = Vec<(String, String)>;
type Found = (&'static Dialect, &'static Route, Params);

impl InMemoryService {
    /// A service in open mode whose developer has this tenant.
    pub fn open(dialect: &'static Dialect, tenant: &str) -> Self {
        let caller = Caller {
            actor: Actor {
                client_id: Some("client".into()),
                ..Actor::default()
            },
            log: "log".into(),
            cursors: Cursors::default(),
            own_tenant: Some(tenant.into()),
            every_tenant: false,
            open: true,
            placeholders: &[],
        };
        Self {
            dialect,
            caller,
            contacts: Vec::new(),
            events: Vec::new(),
            head: 0,
        }
    }

    /// This service for callers with tokens, none of which names a tenant.
    pub fn strict(mut self) -> Self {
        self.caller.open = false;
        self.caller.own_tenant = None;
        self
    }

    /// Sends a request with JSON.
    pub fn send(&mut self, method: &str, target: &str, body: impl AsRef<[u8]>) -> Sent {
        self.send_with(method, target, JSON, body)
    }

    /// Sends a request with this JSON.
    pub fn send_json(&mut self, method: &str, target: &str, body: &Value) -> Sent {
        self.send(method, target, body.to_string())
    }

    /// Sends a request with these headers only.
    pub fn send_with(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Sent {
        let before = self.events.len();
        let reply = self.reply(method, target, headers, body.as_ref(), Self::serve);
        let events = self.events[before..].iter().map(type_of).collect();
        Sent { reply, events }
    }

    /// Sends a request with JSON, and serves its call in the service's stead.
    pub fn serve_with(
        &mut self,
        method: &str,
        target: &str,
        body: impl AsRef<[u8]>,
        serve: impl FnOnce(Call) -> Reply,
    ) -> Reply {
        self.reply(method, target, JSON, body.as_ref(), |_, call| serve(call))
    }

    /// Sends a request with JSON, and answers its call in the service's stead.
    pub fn answer(
        &mut self,
        method: &str,
        target: &str,
        body: impl AsRef<[u8]>,
        serve: impl FnOnce(&Call) -> Answer,
    ) -> Reply {
        self.serve_with(method, target, body, |call| match call {
            Call::Known(reply) => reply,
            call => {
                let answer = serve(&call);
                reply_of(call, answer)
            }
        })
    }

    /// The types of what happened so far.
    pub fn types(&self) -> Vec<String> {
        self.events.iter().map(type_of).collect()
    }

    fn reply(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        serve: impl FnOnce(&mut Self, Call) -> Reply,
    ) -> Reply {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (dialect, route, params) = match self.route(method, path) {
            Ok(found) => found,
            Err(refusal) => return self.dialect.refuse(&refusal),
        };
        let caller = Caller {
            placeholders: dialect.extras.placeholders,
            ..self.caller.clone()
        };
        let request = Request {
            target: route.target,
            params: &params,
            query: &Query::parse(query),
            headers: &header_map(headers),
            body,
            caller: &caller,
        };
        let owner = match route.decode {
            Decode::Visible(_) => None,
            Decode::Owned(_) => match (dialect.scope)(&request) {
                Ok(Scope::Owner(owner)) => Some(owner),
                Ok(Scope::Contact { id, .. }) => match self.owner_of(id) {
                    Some(owner) => Some(owner),
                    None => return dialect.refuse(&Refusal::NotFound),
                },
                Err(reply) => return reply,
            },
        };
        match decode(route, &request, owner.as_ref()) {
            Ok(call) => serve(self, call),
            Err(reply) => reply,
        }
    }

    /// The route of a path: of the dialect under test, else of the first that has one.
    fn route(&self, method: &str, path: &str) -> Result<Found, Refusal> {
        let dialects = std::iter::once(self.dialect).chain(ALL.iter().copied());
        for dialect in dialects {
            let routes = dialect.routes.iter();
            let mut fitting: Vec<(&'static Route, Params)> = routes
                .flat_map(|route| {
                    route
                        .http_paths()
                        .iter()
                        .map(move |template| (route, template))
                })
                .filter_map(|(route, template)| Some((route, matches(template, path)?)))
                .collect();
            if fitting.is_empty() {
                continue;
            }
            // A path's own words win over a parameter's.
            fitting.sort_by_key(|(_, params)| params.len());
            let names: Vec<_> = fitting.iter().map(|(r, _)| r.method.as_str()).collect();
            let of_method = fitting
                .into_iter()
                .find(|(r, _)| r.method.as_str() == method);
            let (route, params) = of_method.ok_or_else(|| Refusal::MethodNotAllowed {
                allow: names.join(", "),
            })?;
            return Ok((dialect, route, params));
        }
        Err(Refusal::UnknownPath)
    }

    fn serve(&mut self, call: Call) -> Reply {
        match call {
            Call::Write(ask) => (ask.reply)(self.write(&ask.question)),
            Call::Get(Ask { question, reply }) => reply(match question.as_of {
                None => self.get(&question.owner, &question.target),
                Some(as_of) => self.get_at(&question.owner, &question.target, as_of),
            }),
            Call::History(Ask { question, reply }) => {
                let versions = self.find(&question.owner, &question.target).cloned();
                reply(versions.map(Into::into).ok_or(Refusal::NotFound))
            }
            Call::List(ask) => (ask.reply)(self.list(&ask.question)),
            Call::Search(ask) => (ask.reply)(self.search(&ask.question)),
            Call::Changes(ask) => (ask.reply)(self.changes(&ask.question)),
            Call::Events(ask) => (ask.reply)(self.page_of_events(&ask.question)),
            Call::OwnerEvents(ask) => (ask.reply)(self.owner_events(&ask.question)),
            Call::Authenticate(ask) => (ask.reply)(match ask.question.as_str() {
                "good" => Ok("short".into()),
                "old" => Err(TokenProblem::Expired),
                _ => Err(TokenProblem::Invalid),
            }),
            Call::Known(reply) => reply,
        }
    }

    fn write(&mut self, write: &Write) -> Vec<Outcome> {
        let (before, mut decisions) = (self.clone(), Vec::new());
        let mut outcomes: Vec<Outcome> = Vec::new();
        for attempt in &write.attempts {
            let decision = self.judge(&write.owner, attempt);
            decisions.push(decision.clone());
            outcomes.push(self.apply(&write.owner, attempt, decision));
        }
        let refused = |outcome: &Outcome| matches!(outcome, Outcome::Refused { .. });
        if write.batch != BatchMode::AllOrNothing || !outcomes.iter().any(refused) {
            return outcomes;
        }
        *self = before;
        let judged = write.attempts.iter().zip(decisions);
        judged
            .map(|(attempt, decision)| {
                let decision = match decision {
                    Decision::Done(_) => refused_with_the_batch(),
                    decision => decision,
                };
                self.apply(&write.owner, attempt, decision)
            })
            .collect()
    }

    fn judge(&self, owner: &Owner, attempt: &Attempt) -> Decision {
        let chosen = chosen_id(attempt);
        let owned = self.live().filter(|contact| contact.owner == *owner);
        let state = State {
            current: self.current(owner, attempt),
            owned: u32::try_from(owned.count()).expect("few contacts"),
            chosen: chosen.and_then(|text| self.taken(owner, text)),
            holder: &|key| self.holders(owner, key).first().map(|contact| contact.id),
        };
        let siblings = self.contacts.iter().map(first_owner);
        let siblings = siblings.filter(|other| other.dialect() == owner.dialect());
        // A UUIDv7 of the moment, as the service gives it.
        let version = 0x7000_8000_0000_0000_0000 | u128::from(self.head + 1);
        let number = u128::from(now().millis()) << 80 | version;
        let facts = Facts {
            contact: ContactId(Uuid::from_u128(number)),
            sequence: siblings.count() as u64 + 1,
            chosen: chosen.map(|_| Tag([0; 16])),
        };
        decide(state, &mut attempt.clone(), rules_of(owner), facts)
    }

    fn apply(&mut self, owner: &Owner, attempt: &Attempt, decision: Decision) -> Outcome {
        match decision {
            Decision::Done(change) => {
                let operation = change.operation;
                self.log(owner, operation, Phase::Start { idempotency: None }, None);
                let event = self.log(owner, operation, success(&change), Some(&change));
                self.record(event, change, chosen_id(attempt))
            }
            Decision::Refused {
                failure,
                violations,
            } => {
                let operation = attempt.operation;
                self.log(owner, operation, Phase::Start { idempotency: None }, None);
                self.log(owner, operation, Phase::Fail(failure.clone()), None);
                Outcome::Refused {
                    failure,
                    violations,
                }
            }
            Decision::Unchanged(position) => {
                let mut versions = self.contacts.iter().flatten();
                let version = versions.find(|(event, _)| event.header.position == position);
                let (event, contact) = version.expect("it was done before");
                outcome(event, contact.clone())
            }
        }
    }

    /// Keeps what a change makes of a contact.
    fn record(&mut self, event: Event, change: Change, chosen: Option<&str>) -> Outcome {
        let (id, now) = (change.contact, event.header.time);
        let at = self.contacts.iter().position(|v| id_of(v) == id);
        let first = at.and_then(|at| self.contacts[at][0].1.clone());
        let vendor_id = || {
            let own = rules_of(&event.header.owner).ids.render(id, &change.key);
            chosen.map_or_else(|| own.expect("no id is chosen"), str::to_owned)
        };
        let actor = event.header.actor.clone();
        let contact = change.card.clone().map(|card| Contact {
            id,
            vendor_id: first
                .as_ref()
                .map_or_else(vendor_id, |f| f.vendor_id.clone()),
            owner: event.header.owner.clone(),
            version: change.version,
            created_at: first.as_ref().map_or(now, |f| f.created_at),
            created_by: first
                .as_ref()
                .map_or(actor.clone(), |f| f.created_by.clone()),
            modified_at: now,
            modified_by: actor,
            position: event.header.position,
            card,
        });
        let written = outcome(&event, contact.clone());
        match at {
            Some(at) => self.contacts[at].push((event, contact)),
            None => self.contacts.push(vec![(event, contact)]),
        }
        if let (Operation::Erase, Some(at)) = (change.operation, at) {
            let versions = self.contacts[at].iter_mut();
            versions.for_each(|(_, contact)| *contact = None);
        }
        written
    }

    /// Notes what happened; an outcome's cause is the event before it.
    fn log(
        &mut self,
        owner: &Owner,
        operation: Operation,
        phase: Phase,
        change: Option<&Change>,
    ) -> Event {
        self.head += 1;
        let id = |number: u64| Uuid::from_u128(number.into());
        let is_start = matches!(phase, Phase::Start { .. });
        let header = Header {
            position: Position::new(self.head),
            id: EventId(id(self.head)),
            time: now(),
            operation,
            owner: owner.clone(),
            contact: change.map(|change| change.contact),
            key: change.map(|change| change.key.clone()),
            version: change.map(|change| change.version),
            actor: self.caller.actor.clone(),
            correlation: Correlation::from_uuid(id(self.head)),
            causation: (!is_start).then(|| EventId(id(self.head - 1))),
            traceparent: None,
            fields: change.map_or_else(Vec::new, |change| change.fields.clone()),
            listed: None,
        };
        let event = Event { header, phase };
        self.events.push(event.clone());
        event
    }
}

fn now() -> Timestamp {
    Timestamp::parse(NOW).expect("a time")
}

fn success(change: &Change) -> Phase {
    Phase::Success {
        erasure: change.erasure.clone(),
    }
}

/// What a client is told of a change: the contact as it is now, or that it is gone.
fn outcome(event: &Event, contact: Option<Contact>) -> Outcome {
    let operation = event.header.operation;
    match contact {
        Some(contact) => Outcome::Written {
            operation,
            contact: Box::new(contact),
        },
        None => Outcome::Removed {
            operation,
            id: event.header.contact.expect("its id"),
            position: event.header.position,
        },
    }
}

fn chosen_id(attempt: &Attempt) -> Option<&str> {
    match &attempt.action {
        Ok(Action::Create { chosen_id, .. }) => chosen_id.as_deref(),
        _ => None,
    }
}

fn rules_of(owner: &Owner) -> &'static Rules {
    REGISTRY.get(owner.dialect()).expect("rules")
}

fn type_of(event: &Event) -> String {
    event_type(rules_of(&event.header.owner), event)
}

fn first_owner(versions: &Versions) -> &Owner {
    &versions[0].0.header.owner
}

fn id_of(versions: &Versions) -> ContactId {
    versions[0].0.header.contact.expect("its id")
}

/// What could have been done, had no other attempt of its batch been refused.
fn refused_with_the_batch() -> Decision {
    Decision::Refused {
        failure: Failure {
            code: FailureCode::BatchRefused,
            violations: Vec::new(),
        },
        violations: Vec::new(),
    }
}

fn header_map(headers: &[(&str, &str)]) -> HeaderMap {
    let header = |(name, value): &(&str, &str)| {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header's value");
        (name, value)
    };
    headers.iter().map(header).collect()
}

/// The parameters of a path that fits a template.
fn matches(template: &str, path: &str) -> Option<Params> {
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
