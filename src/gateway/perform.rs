//! Asks the service what a dialect wants to know.

use std::time::Duration;

use super::admission::{may, problem};
use super::find::{self, Effort};
use super::incoming::unix_seconds;
use super::read_audit::{AuditedRead, Given};
use super::refused::{read_refusal, submit_refusal};
use super::{Fact, Gateway, SpanKind};
use crate::auth::{AccessClaims, Principal, role};
use crate::dialect::{
    AsOf, Ask, Call, ChangePage, Changes, EventPage, Events, Get, History, Lookup, Page, Redaction,
    Refusal, Reply, Search, SearchPage, TokenProblem, Versions, Write,
};
use crate::domain::{
    Attempt, Closed, Command, Contact, Context, Event, EventPart, Keyset, List, Owner, OwnerEvents,
    Past, Phase, Position, Target,
};
use crate::log::record::Record;
use crate::projection::View;
use crate::projection::search::ENTRIES_MAX;
use crate::service::{CatchUp, Committed, Found, ReadError, Service, SubmitError};

/// The header of an answer to a write that was made before under its idempotency key.
pub const REPLAYED: &str = "idempotent-replayed";

/// The longest that a search waits for its view.
const VIEW_PATIENCE: Duration = Duration::from_secs(5);

/// Contacts that are opened, and entries of the search view that are looked at, by the thread that
/// serves the socket: it would take longer to wake another one. It is well below a millisecond.
const AT_ONCE_CONTACTS: usize = 25;
const AT_ONCE_ENTRIES: usize = 256;

/// The life of a token that was given in exchange for a longer-lived one.
const AUTH_TOKEN_TTL: Duration = Duration::from_secs(4 * 60 * 60);

/// The vendor's reply to a call that was carried out.
pub(super) struct Performed {
    pub reply: Reply,
    /// The position of a write's outcome, or that of the view which a read looked at; `None` is
    /// the inline view's.
    pub position: Option<Position>,
}

impl Performed {
    const fn at(position: Position, reply: Reply) -> Self {
        Self {
            reply,
            position: Some(position),
        }
    }
}

impl From<Reply> for Performed {
    fn from(reply: Reply) -> Self {
        Self {
            reply,
            position: None,
        }
    }
}

impl Gateway {
    /// Carries out a call, records the read that it is where `audited` asks for it, and encodes
    /// the reply.
    pub(super) async fn perform(
        &self,
        principal: &Principal,
        call: Call,
        context: Context,
        audited: Option<AuditedRead>,
    ) -> Result<Performed, Refusal> {
        let audited = audited.map(|audited| (audited, context.clone()));
        let record = |given: &dyn Fn() -> Given| {
            if let Some((audited, context)) = audited {
                self.record_read(audited, given(), &context);
            }
        };
        match call {
            Call::Write(Ask { question, reply }) => {
                let committed = self.write(question, context).await?;
                let mut reply = reply(committed.outcomes);
                if committed.is_repeated {
                    reply = reply.with(REPLAYED, "true");
                }
                Ok(Performed::at(committed.position, reply))
            }
            Call::Get(Ask { question, reply }) => {
                let found = self.get(question).await?;
                record(&|| Given::one(&found));
                Ok(reply(found).into())
            }
            Call::List(Ask { question, reply }) => {
                let page = self.list(question).await?;
                record(&|| Given::page(&page.contacts, page.more));
                Ok(reply(page).into())
            }
            Call::Search(ask) => {
                let Ask { question, reply } = *ask;
                let (page, position) = self.search(principal.clone(), question).await?;
                record(&|| Given::page(&page.contacts, page.more));
                Ok(Performed {
                    reply: reply(page),
                    position,
                })
            }
            Call::Changes(Ask { question, reply }) => {
                let (page, position) = self.changes(principal.clone(), question).await?;
                record(&|| Given::changes(&page));
                Ok(Performed::at(position, reply(page)))
            }
            Call::History(Ask { question, reply }) => {
                let found = self.history(question).await?;
                record(&|| Given::one(&found));
                Ok(reply(found).into())
            }
            Call::Events(Ask { question, reply }) => {
                let page = self.events(principal.clone(), question).await?;
                record(&|| Given::events(page.events.iter().map(|(event, _)| event)));
                Ok(reply(page).into())
            }
            Call::OwnerEvents(Ask { question, reply }) => {
                let page = self.owner_events(principal, question).await?;
                record(&|| Given::events(page.events.iter()));
                Ok(reply(page).into())
            }
            Call::Authenticate(Ask { question, reply }) => {
                Ok(reply(self.trade(&question).await).into())
            }
            Call::Known(reply) => Ok(reply.into()),
        }
    }

    async fn get(&self, wanted: Get) -> Result<Lookup<Box<Contact>>, Refusal> {
        let Get {
            owner,
            target,
            as_of,
        } = wanted;
        let Some(as_of) = as_of else {
            let found = self.service.get(&owner, &target).map_err(read_refusal)?;
            return Ok(lookup(found));
        };
        let position = find::position_of(&self.service, as_of)?;
        self.read(move |service| find::get_at(service, &owner, &target, position))
            .await
    }

    async fn list(&self, list: List) -> Result<Page, Refusal> {
        if list.is_plain() && list.window.limit() <= AT_ONCE_CONTACTS {
            return self.service.list(&list).map_err(read_refusal);
        }
        self.read(move |service| service.list(&list)).await
    }

    async fn history(&self, wanted: History) -> Result<Lookup<Versions>, Refusal> {
        let History {
            owner,
            target,
            past: wanted,
        } = wanted;
        let named = match wanted {
            Past::After(after, _) => [Some(after), None],
            Past::Points(from, to) => [from, to].map(point),
            Past::Whole | Past::Offset(..) => [None, None],
        };
        for position in named.into_iter().flatten() {
            self.has_reached(position).await?;
        }
        self.read(move |service| past(service, &owner, &target, wanted))
            .await
    }

    async fn changes(
        &self,
        principal: Principal,
        changes: Changes,
    ) -> Result<(ChangePage, Position), Refusal> {
        self.has_reached(changes.after).await?;
        let at_least = self.caught_up(&self.service.views().search).await?;
        self.read(move |service| find::changes(service, &principal, &changes, at_least))
            .await
    }

    async fn events(&self, principal: Principal, events: Events) -> Result<EventPage, Refusal> {
        if let Some(AsOf::Position(position)) = events.until {
            self.has_reached(position).await?;
        }
        self.read(move |service| happened(service, events, &principal))
            .await
    }

    /// Some of the events of an owner's contacts; of one that the principal may not see, none.
    async fn owner_events(
        &self,
        principal: &Principal,
        events: OwnerEvents,
    ) -> Result<EventPart, Refusal> {
        if !may(principal, &events.owner) {
            return Ok(EventPart::default());
        }
        self.read(move |service| service.owner_events(&events))
            .await
    }

    async fn write(&self, write: Write, context: Context) -> Result<Committed, Refusal> {
        if self.forward.as_ref().is_some_and(|it| it.is_cut_off()) {
            return Err(Refusal::ReadOnly(Closed::CutOff));
        }
        let Write {
            owner,
            batch,
            mut attempts,
        } = write;
        attempts.iter_mut().for_each(Attempt::fold_up);
        let command = Command {
            owner,
            context,
            batch,
            attempts,
        };
        let cause = command.context.traceparent.as_ref();
        let span = self.spans.of(SpanKind::Internal, cause);
        let submitted = self.service.submit(command);
        let committed = tokio::time::timeout(self.settings.request_timeout, submitted).await;
        // It may be done all the same, once it is ordered and settled.
        let committed = committed.unwrap_or(Err(SubmitError::OutcomeUnknown));
        if let Some(span) = span {
            let position = committed.as_ref().map_or(0, |done| done.position.get());
            let facts = vec![Fact::Number("contactd.position", position)];
            span.end("commit", facts, committed.is_err());
        }
        committed.map_err(submit_refusal)
    }

    async fn search(
        &self,
        principal: Principal,
        search: Search,
    ) -> Result<(SearchPage, Option<Position>), Refusal> {
        self.is_of_this_log(search.log.as_deref())?;
        if let Some(Keyset::Updated(after)) = search.after {
            self.has_reached(after).await?;
        }
        if let Some(as_of) = search.as_of {
            let position = find::position_of(&self.service, as_of)?;
            let page =
                self.read(move |service| find::search_at(service, &principal, &search, position));
            return Ok((page.await?, None));
        }
        if let Some(text) = search.vendor_id.clone() {
            let look =
                move |service: &Service| find::with_vendor_id(service, &principal, &search, &text);
            return Ok((self.read(look).await?, None));
        }
        if let Some(holders) = find::with_email(&self.service, &principal, &search) {
            let page = if holders.len() <= AT_ONCE_CONTACTS {
                find::search_few(&self.service, &holders, search).map_err(read_refusal)?
            } else {
                let look = move |service: &Service| find::search_few(service, &holders, search);
                self.read(look).await?
            };
            return Ok((page, None));
        }
        let at_least = self.caught_up(&self.service.views().search).await?;
        if !search.counts && search.limit <= AT_ONCE_CONTACTS {
            let at_once = Effort {
                at_least,
                most: AT_ONCE_ENTRIES,
                waits: false,
            };
            match find::search(&self.service, &principal, &search, at_once) {
                Ok((page, position)) => return Ok((page, Some(position))),
                Err(ReadError::TooBroad { .. } | ReadError::Busy) => {}
                Err(error) => return Err(read_refusal(error)),
            }
        }
        let effort = Effort {
            at_least,
            most: ENTRIES_MAX,
            waits: true,
        };
        let look = move |service: &Service| {
            let (page, position) = find::search(service, &principal, &search, effort)?;
            Ok((page, Some(position)))
        };
        self.read(look).await
    }

    /// Waits until a view has reached what is durable now, and gives that position. It is not for long: writes are slowed
    /// before a view is so far behind, so one that does not come soon is being made again.
    ///
    /// # Errors
    /// [`Refusal::NotThereYet`] where it took longer, or an event has stopped the view.
    pub async fn caught_up<V: View>(&self, view: &CatchUp<V>) -> Result<Position, Refusal> {
        let head = self.service.head();
        if view.has_reached(head) {
            return Ok(head);
        }
        let reached = view.reach(head);
        let patience = self.settings.request_timeout.min(VIEW_PATIENCE);
        match tokio::time::timeout(patience, reached).await {
            Ok(Ok(())) => Ok(head),
            Ok(Err(_)) | Err(_) => Err(Refusal::NotThereYet),
        }
    }

    /// Reads that look at much run beside the threads that serve sockets.
    async fn read<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Service) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let looked = self.service.look(self.settings.request_timeout, ask);
        looked.await.map_err(read_refusal)
    }

    /// Trades a token for one of the same claims that lives a few hours at most, and never longer.
    /// In open mode, where any token will do, it is given back: nothing that is signed may leave.
    async fn trade(&self, token: &str) -> Result<String, TokenProblem> {
        let now = unix_seconds();
        let principal = match self.authenticator.authenticate(Some(token), now).await {
            Ok(principal) => principal,
            Err(error) => {
                let problem = problem(error);
                self.metrics.auth_failure(problem.name());
                return Err(problem);
            }
        };
        let Some(expires) = principal.expires else {
            return Ok(token.to_owned());
        };
        let rest = Duration::from_secs(expires.saturating_sub(now));
        if rest.is_zero() {
            return Err(TokenProblem::Expired);
        }
        let claims = AccessClaims::from(&principal);
        match self
            .own_key
            .read()
            .sign_access(claims, rest.min(AUTH_TOKEN_TTL), now)
        {
            Ok(token) => Ok(token),
            Err(error) => {
                tracing::error!(%error, "a short-lived token could not be signed");
                Err(TokenProblem::Invalid)
            }
        }
    }
}

fn lookup(found: Found) -> Lookup<Box<Contact>> {
    match found {
        Found::Live(contact) => Ok(contact),
        Found::Gone => Err(Refusal::Gone),
        Found::KeyLost => Err(Refusal::KeyLost),
        Found::Deleted | Found::Nothing => Err(Refusal::NotFound),
    }
}

fn past(
    service: &Service,
    owner: &Owner,
    target: &Target,
    past: Past,
) -> Result<Lookup<Versions>, ReadError> {
    match service.entry(owner, target) {
        Some(entry) => {
            let (list, cut) = service.past(&entry, past)?;
            Ok(Ok(Versions { list, cut }))
        }
        None => Ok(Err(Refusal::NotFound)),
    }
}

/// Some events of a dialect that the principal may see.
fn happened(
    service: &Service,
    events: Events,
    principal: &Principal,
) -> Result<EventPage, ReadError> {
    let Events {
        dialect,
        filter,
        until,
        limit,
    } = events;
    let name = crate::dialect::by_id(dialect).map_or("", |dialect| dialect.rules.name);
    let wanted = |event: &Event| {
        let owner = &event.header.owner;
        owner.dialect() == dialect && principal.may(name, owner.tenant()) && (filter.0)(event)
    };
    let last = match until {
        None => None,
        Some(AsOf::Position(position)) => Some(position),
        Some(AsOf::Time(time)) => Some(service.position_at(time)?),
    };
    let want = limit.saturating_add(1);
    let scan = service.events_before(last.map(Position::next), want, &wanted)?;
    let more = scan.cut || scan.records.len() == want;
    let shown = scan.records.into_iter().take(limit);
    let full = sees_contents(principal);
    let mut page = EventPage {
        events: Vec::new(),
        more,
        full,
    };
    for record in shown {
        let shown = shown_of(service, &record, full)?;
        page.events.push((record.event, shown));
    }
    Ok(page)
}

/// The position that a request named as a point of the past; none for a time, or for now.
fn point(as_of: AsOf) -> Option<Position> {
    match as_of {
        AsOf::Position(position) => Some(position).filter(|at| *at != Position::new(u64::MAX)),
        AsOf::Time(_) => None,
    }
}

/// Whether a principal may see contents in events.
#[must_use]
pub fn sees_contents(principal: &Principal) -> bool {
    let auditor = principal.has_any(&[role::AUDITOR]) && principal.has_any(&[role::CONTACTS_READ]);
    principal.has_any(&[role::ADMIN]) || auditor
}

/// What of an event's content may be shown. A START shows what its SUCCESS, the next event, wrote.
fn shown_of(service: &Service, record: &Record, full: bool) -> Result<Redaction, ReadError> {
    let header = &record.event.header;
    let content = match &record.event.phase {
        Phase::Start { .. } => match service.record(header.position.next())? {
            Some(outcome) => service.open_content(&outcome)?,
            None => None,
        },
        Phase::Success { .. } | Phase::Fail(_) => service.open_content(record)?,
    };
    let rules = crate::dialect::REGISTRY.get(header.owner.dialect());
    Ok(match (content, rules) {
        (None, _) | (_, None) => Redaction::Withheld,
        (Some(content), _) if full => Redaction::Full(content),
        (Some(content), Some(rules)) => {
            Redaction::NonSensitive((rules.non_sensitive)(&content.card))
        }
    })
}
