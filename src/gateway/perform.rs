//! Asks the service what a dialect wants to know.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::find;
use super::refused::{read_refusal, submit_refusal};
use super::{Gateway, problem};
use crate::auth::{AccessClaims, Principal, role};
use crate::dialect::{
    Answer, AsOf, Ask, EventPage, Events, Page, Redaction, Refusal, Search, TokenProblem, Window,
    Write,
};
use crate::domain::{
    Command, Contact, Context, Event, ListRange, Operation, Owner, Phase, Position, Target,
};
use crate::log::record::Record;
use crate::projection::View;
use crate::service::{CatchUp, Found, ReadAudit, ReadError, Service};

/// How long a token lives that was given for a longer-lived one.
const AUTH_TOKEN_TTL: Duration = Duration::from_secs(4 * 60 * 60);

/// A read that will be recorded.
pub(super) struct AuditedRead {
    pub owner: Owner,
    pub operation: Operation,
    pub target: Option<Target>,
    pub asked: Option<ListRange>,
}

/// What the service answered.
pub(super) struct Asked {
    pub answer: Answer,
    /// Of a write its outcome's position, of a search that of the view that found it.
    pub position: Option<Position>,
}

impl Asked {
    const fn at(answer: Answer, position: Position) -> Self {
        Self {
            answer,
            position: Some(position),
        }
    }
}

impl From<Answer> for Asked {
    fn from(answer: Answer) -> Self {
        Self {
            answer,
            position: None,
        }
    }
}

impl Gateway {
    /// Asks the service.
    pub(super) async fn perform(
        &self,
        principal: &Principal,
        ask: Ask,
        context: Context,
    ) -> Result<Asked, Refusal> {
        match ask {
            Ask::Write(write) => self.write(write, context).await,
            Ask::Get { owner, target } => {
                let found = self.service.get(&owner, &target).map_err(read_refusal)?;
                Ok(found_answer(found).into())
            }
            Ask::GetAt {
                owner,
                target,
                as_of,
            } => {
                let position = self.position(as_of)?;
                let get = move |service: &Service| find::get_at(service, &owner, &target, position);
                self.read(get).await
            }
            Ask::Search(search) => self.search(principal.clone(), search).await,
            Ask::Changes(changes) => {
                self.caught_up(&self.service.views().search).await?;
                let principal = principal.clone();
                let (page, position) = self
                    .look(move |service| find::changes(service, &principal, &changes))
                    .await?;
                Ok(Asked::at(Answer::Changes(page), position))
            }
            Ask::List(list) => {
                self.read(move |service| service.list(&list).map(Answer::Page))
                    .await
            }
            Ask::History { owner, target } => {
                let history = move |service: &Service| past(service, &owner, &target);
                self.read(history).await
            }
            Ask::Events(events) => {
                let principal = principal.clone();
                self.read(move |service| happened(service, events, &principal))
                    .await
            }
            Ask::Authenticate { token } => Ok(self.trade(&token).await.into()),
            Ask::Nothing => Ok(Answer::Nothing.into()),
        }
    }

    fn position(&self, as_of: AsOf) -> Result<Position, Refusal> {
        find::position_of(&self.service, as_of).map_err(read_refusal)?
    }

    async fn write(&self, write: Write, context: Context) -> Result<Asked, Refusal> {
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
        let committed = self.service.submit(command).await.map_err(submit_refusal)?;
        Ok(Asked {
            answer: Answer::Written(committed.outcomes),
            position: Some(committed.position),
        })
    }

    async fn search(&self, principal: Principal, search: Search) -> Result<Asked, Refusal> {
        if let Some(as_of) = search.as_of {
            let position = self.position(as_of)?;
            let page = move |service: &Service| {
                find::search_at(service, &principal, &search, position).map(Answer::Page)
            };
            return self.read(page).await;
        }
        self.caught_up(&self.service.views().search).await?;
        let (page, position) = self
            .look(move |service| find::search(service, &principal, &search))
            .await?;
        Ok(Asked::at(Answer::Page(page), position))
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

    async fn read(
        &self,
        ask: impl FnOnce(&Service) -> Result<Answer, ReadError> + Send + 'static,
    ) -> Result<Asked, Refusal> {
        self.look(ask).await.map(Asked::from)
    }

    /// Reads that look at much run beside the threads that serve sockets.
    async fn look<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Service) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let service = self.service.clone();
        match tokio::task::spawn_blocking(move || ask(&service)).await {
            Ok(found) => found.map_err(read_refusal),
            Err(error) => {
                tracing::error!(%error, "a read ended by a fault");
                Err(Refusal::Internal)
            }
        }
    }

    /// Trades a token for one of the same claims that lives a few hours at most, and never longer.
    /// In open mode, where any token will do, it is given back: nothing that is signed may leave.
    async fn trade(&self, token: &str) -> Answer {
        let now = unix_seconds();
        let principal = match self.authenticator.authenticate(Some(token), now).await {
            Ok(principal) => principal,
            Err(error) => return Answer::TokenRefused(problem(error)),
        };
        let Some(expires) = principal.expires else {
            return Answer::Token(token.to_owned());
        };
        let rest = Duration::from_secs(expires.saturating_sub(now));
        if rest.is_zero() {
            return Answer::TokenRefused(TokenProblem::Expired);
        }
        let claims = AccessClaims::from(&principal);
        match self
            .own_key
            .sign_access(claims, rest.min(AUTH_TOKEN_TTL), now)
        {
            Ok(token) => Answer::Token(token),
            Err(error) => {
                tracing::error!(%error, "a short-lived token could not be signed");
                Answer::TokenRefused(TokenProblem::Invalid)
            }
        }
    }

    /// Records a read; its events enter the queue before the answer leaves.
    pub(super) fn record_read(&self, trail: AuditedRead, answer: &Answer, context: Context) {
        let AuditedRead {
            owner,
            operation,
            target,
            asked,
        } = trail;
        // One that is gone is named too: who asks for a person that was erased is of interest.
        let entry = target.and_then(|target| self.service.entry(&owner, &target));
        let contact = entry.map(|entry| (entry.state.id, entry.state.key));
        let given = match answer {
            Answer::Page(page) => Some(given(page)),
            Answer::Changes(page) => Some(up_to(page.changes.len())),
            _ => None,
        };
        let trail = ReadAudit {
            owner,
            context: Context {
                idempotency: None,
                ..context
            },
            operation,
            contact,
            asked,
            given,
            found: !matches!(answer, Answer::NotFound | Answer::Gone),
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

/// What was given of it.
fn given(page: &Page) -> ListRange {
    let last = page.contacts.last().filter(|_| page.more);
    ListRange {
        cursor: last.map(|contact| contact.id),
        ..up_to(page.contacts.len())
    }
}

fn found_answer(found: Found) -> Answer {
    match found {
        Found::Live(contact) => Answer::Contact(contact),
        Found::Gone => Answer::Gone,
        Found::Deleted | Found::Nothing => Answer::NotFound,
    }
}

fn past(service: &Service, owner: &Owner, target: &Target) -> Result<Answer, ReadError> {
    let Some(entry) = service.entry(owner, target) else {
        return Ok(Answer::NotFound);
    };
    let versions: Vec<(Event, Option<Contact>)> = service.history(&entry)?;
    Ok(Answer::History(versions))
}

/// Some events of a dialect that the principal may see.
fn happened(service: &Service, events: Events, principal: &Principal) -> Result<Answer, ReadError> {
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
    Ok(Answer::Events(page))
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

/// Seconds since 1970.
#[must_use]
pub fn unix_seconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
