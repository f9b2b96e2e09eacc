//! Asks the service what a dialect wants to know.

use std::time::Duration;

use super::Gateway;
use super::admission::problem;
use super::find;
use super::incoming::unix_seconds;
use super::refused::{read_refusal, submit_refusal};
use crate::auth::{AccessClaims, Principal, role};
use crate::dialect::{
    AsOf, Call, EventPage, Events, Lookup, Missing, Page, Redaction, Refusal, Reply, Search,
    TokenProblem, Version, Window, Write,
};
use crate::domain::{
    Command, Contact, Context, Event, ListRange, Operation, Owner, Past, Phase, Position, Target,
};
use crate::log::record::Record;
use crate::projection::View;
use crate::service::{CatchUp, Committed, Found, ReadAudit, ReadError, Service};

/// The life of a token that was given in exchange for a longer-lived one.
const AUTH_TOKEN_TTL: Duration = Duration::from_secs(4 * 60 * 60);

/// A read that will be recorded.
pub(super) struct AuditedRead {
    pub owner: Owner,
    pub operation: Operation,
    pub target: Option<Target>,
    pub asked: Option<ListRange>,
}

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
        let record = |given: Given| {
            if let Some(audited) = audited {
                self.record_read(audited, given, context.clone());
            }
        };
        match call {
            Call::Write { write, reply } => {
                let committed = self.write(write, context).await?;
                Ok(Performed::at(committed.position, reply(committed.outcomes)))
            }
            Call::Get {
                owner,
                target,
                as_of,
                reply,
            } => {
                let found = self.get(owner, target, as_of).await?;
                record(Given::one(&found));
                Ok(reply(found).into())
            }
            Call::List { list, reply } => {
                let page = self.read(move |service| service.list(&list)).await?;
                record(Given::page(&page));
                Ok(reply(page).into())
            }
            Call::Search { search, reply } => {
                let (page, position) = self.search(principal.clone(), search).await?;
                record(Given::page(&page));
                Ok(Performed {
                    reply: reply(page),
                    position,
                })
            }
            Call::Changes { changes, reply } => {
                self.caught_up(&self.service.views().search).await?;
                let principal = principal.clone();
                let (page, position) = self
                    .read(move |service| find::changes(service, &principal, &changes))
                    .await?;
                record(Given::some(up_to(page.changes.len())));
                Ok(Performed::at(position, reply(page)))
            }
            Call::History {
                owner,
                target,
                past: wanted,
                reply,
            } => {
                let found = self
                    .read(move |service| past(service, &owner, &target, wanted))
                    .await?;
                record(Given::one(&found));
                Ok(reply(found).into())
            }
            Call::Events { events, reply } => {
                let principal = principal.clone();
                let page = self.read(move |service| happened(service, events, &principal));
                Ok(reply(page.await?).into())
            }
            Call::Authenticate { token, reply } => Ok(reply(self.trade(&token).await).into()),
            Call::Known(reply) => Ok(reply.into()),
        }
    }

    async fn get(
        &self,
        owner: Owner,
        target: Target,
        as_of: Option<AsOf>,
    ) -> Result<Lookup<Box<Contact>>, Refusal> {
        let Some(as_of) = as_of else {
            let found = self.service.get(&owner, &target).map_err(read_refusal)?;
            return Ok(lookup(found));
        };
        let position = find::position_of(&self.service, as_of)?;
        self.read(move |service| find::get_at(service, &owner, &target, position))
            .await
    }

    async fn write(&self, write: Write, context: Context) -> Result<Committed, Refusal> {
        let Write {
            owner,
            batch,
            attempts,
        } = write;
        let command = Command {
            owner,
            context,
            batch,
            attempts,
        };
        self.service.submit(command).await.map_err(submit_refusal)
    }

    async fn search(
        &self,
        principal: Principal,
        search: Search,
    ) -> Result<(Page, Option<Position>), Refusal> {
        if let Some(as_of) = search.as_of {
            let position = find::position_of(&self.service, as_of)?;
            let page =
                self.read(move |service| find::search_at(service, &principal, &search, position));
            return Ok((page.await?, None));
        }
        self.caught_up(&self.service.views().search).await?;
        let (page, position) = self
            .read(move |service| find::search(service, &principal, &search))
            .await?;
        Ok((page, Some(position)))
    }

    /// Waits until a view has reached what is durable now, at most as long as a request may take.
    ///
    /// # Errors
    /// [`Refusal::NotThereYet`] where it took longer, or an event has stopped the view.
    pub async fn caught_up<V: View>(&self, view: &CatchUp<V>) -> Result<(), Refusal> {
        let reached = view.reach(self.service.head());
        match tokio::time::timeout(self.settings.request_timeout, reached).await {
            Ok(Ok(())) => Ok(()),
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
            Err(error) => return Err(problem(error)),
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
            .sign_access(claims, rest.min(AUTH_TOKEN_TTL), now)
        {
            Ok(token) => Ok(token),
            Err(error) => {
                tracing::error!(%error, "a short-lived token could not be signed");
                Err(TokenProblem::Invalid)
            }
        }
    }

    /// Records a read; its events enter the queue before the answer leaves.
    fn record_read(&self, trail: AuditedRead, given: Given, context: Context) {
        let AuditedRead {
            owner,
            operation,
            target,
            asked,
        } = trail;
        // One that is gone is named too: who asks for a person that was erased is of interest.
        let entry = target.and_then(|target| self.service.entry(&owner, &target));
        let contact = entry.map(|entry| (entry.state.id, entry.state.key));
        let trail = ReadAudit {
            owner,
            context: Context {
                idempotency: None,
                ..context
            },
            operation,
            contact,
            asked,
            given: given.listed,
            found: given.found,
        };
        if let Err(error) = self.service.record_read(trail) {
            tracing::warn!(%error, "a read was not recorded");
        }
    }
}

/// What was asked for of a list, as the log records it.
pub(super) fn asked(window: &Window) -> ListRange {
    let (contacts, cursor) = match *window {
        Window::After { contact, limit } => (limit, contact),
        Window::Offset { limit, .. } => (limit, None),
        Window::ClampedPage { per_page, .. } => (per_page, None),
    };
    ListRange {
        cursor,
        ..up_to(contacts)
    }
}

/// So many contacts, from the first.
pub(super) fn up_to(contacts: usize) -> ListRange {
    ListRange {
        contacts: u32::try_from(contacts).unwrap_or(u32::MAX),
        cursor: None,
    }
}

/// What a recorded read gave its caller.
struct Given {
    /// Whether there was a contact, or a list of them.
    found: bool,
    /// The part of a list that was given.
    listed: Option<ListRange>,
}

impl Given {
    const fn one<T>(found: &Lookup<T>) -> Self {
        Self {
            found: found.is_ok(),
            listed: None,
        }
    }

    const fn some(listed: ListRange) -> Self {
        Self {
            found: true,
            listed: Some(listed),
        }
    }

    fn page(page: &Page) -> Self {
        let last = page.contacts.last().filter(|_| page.more);
        Self::some(ListRange {
            cursor: last.map(|contact| contact.id),
            ..up_to(page.contacts.len())
        })
    }
}

fn lookup(found: Found) -> Lookup<Box<Contact>> {
    match found {
        Found::Live(contact) => Ok(contact),
        Found::Gone => Err(Missing::Erased),
        Found::Deleted | Found::Nothing => Err(Missing::NotFound),
    }
}

fn past(
    service: &Service,
    owner: &Owner,
    target: &Target,
    past: Past,
) -> Result<Lookup<Vec<Version>>, ReadError> {
    match service.entry(owner, target) {
        Some(entry) => service.past(&entry, past).map(Ok),
        None => Ok(Err(Missing::NotFound)),
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
        tenant,
        filter,
        newest_first,
        after,
        limit,
        offset,
    } = events;
    let name = crate::dialect::by_id(dialect).map_or("", |dialect| dialect.rules().name);
    let wanted = |event: &Event| {
        let owner = &event.header.owner;
        let named = tenant
            .as_deref()
            .is_none_or(|tenant| tenant == owner.tenant());
        owner.dialect() == dialect
            && named
            && principal.may(name, owner.tenant())
            && (filter.0)(event)
    };
    let want = offset.saturating_add(limit).saturating_add(1);
    let scan = if newest_first {
        service.events_before(after, want, &wanted)?
    } else {
        service.events_after(after.unwrap_or_default(), want, &wanted)?
    };
    let more = scan.records.len() == want;
    let shown = scan.records.into_iter().skip(offset).take(limit);
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
