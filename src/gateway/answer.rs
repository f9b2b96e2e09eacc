//! From an admitted request to the vendor's answer.

use std::time::{Duration, Instant};

use http::header::IF_MATCH;
use http::{HeaderMap, StatusCode};

use super::admission::may;
use super::idempotency::{idempotent_request, key_of};
use super::perform::Performed;
use super::{Disposition, Gateway, Incoming, Response};
use crate::auth::Principal;
use crate::dialect::precondition::conditional;
use crate::dialect::{
    self, ApiOperation, Call, Caller, Decode, Refusal, Reply, Request, Scope, Write, native,
};
use crate::domain::{
    Action, Attempt, ContactId, Context, IdempotencyKey, IdempotentRequest, Operation, Owner,
    Position, Precondition,
};

/// The longest that a position is waited for of which another node may have told a caller.
const TOLD_ELSEWHERE: Duration = Duration::from_secs(2);

impl Gateway {
    /// Answers a request of a caller who was admitted to its route. A write is answered by the node
    /// that leads, where this one follows; the lead may move while it is looked for.
    pub async fn answer(
        &self,
        principal: &Principal,
        incoming: &Incoming<'_>,
        body: &[u8],
    ) -> Response {
        let writes = incoming.route.operation.writes();
        let ends = self.forwarding_ends();
        loop {
            if writes
                && self.service.follows()
                && let Some(response) = self.forwarded(incoming, body, ends).await
            {
                return response;
            }
            let response = self.answer_here(principal, incoming, body).await;
            if !response.is_elsewhere() || self.forward.is_none() || Instant::now() >= ends {
                return response;
            }
        }
    }

    /// Answers a request on this node alone.
    pub(super) async fn answer_here(
        &self,
        principal: &Principal,
        incoming: &Incoming<'_>,
        body: &[u8],
    ) -> Response {
        let performed = self.checked(principal, incoming, body).await;
        let conditioned =
            performed.and_then(|performed| conditioned(principal, incoming, performed));
        let (reply, position, disposition) = match conditioned {
            Ok(Performed { reply, position }) => (reply, position, Disposition::Completed),
            Err(Rejected::Vendor(reply)) => (reply, None, Disposition::Undecodable),
            Err(Rejected::Refusal(refusal)) => {
                return self.refuse(incoming, refusal);
            }
        };
        Response {
            reply,
            position: Some(position.unwrap_or_else(|| self.service.head())),
            correlation: incoming.correlation.clone(),
            disposition,
        }
    }

    async fn checked(
        &self,
        principal: &Principal,
        incoming: &Incoming<'_>,
        body: &[u8],
    ) -> Result<Performed, Rejected> {
        let dialect = incoming.dialect;
        let caller = self.caller(principal, dialect);
        let request = Request {
            target: incoming.route.target,
            params: incoming.params,
            query: incoming.query,
            headers: incoming.headers,
            body,
            caller: &caller,
        };
        self.wait_for_position(incoming.headers).await?;
        if dialect.extras.refuses_unknown {
            let checked = incoming.query.only(&incoming.route.query_names);
            checked.map_err(|refusal| dialect.refuse(&refusal))?;
        }
        let (call, key) = match incoming.route.decode {
            Decode::Owned(decode) => {
                let owner = self.owner(principal, incoming, &request)?;
                let key = self.write_headers(incoming)?;
                (decode(&request, &owner)?, key)
            }
            Decode::Visible(decode) => {
                let owner = named_owner(principal, incoming)?;
                (decode(&request, owner.as_ref())?, None)
            }
        };
        if let Call::Write(ask) = &call {
            self.has_preconditions(incoming.route.operation, &ask.question)?;
        }
        let idempotency = match (&call, key) {
            (Call::Write(ask), Some(key)) => {
                Some(idempotent_request(key, incoming, body, &ask.question))
            }
            _ => None,
        };
        let context = self.context(&caller, incoming, idempotency);
        let audited = self.audited(principal, incoming, &call);
        Ok(self.perform(principal, call, context, audited).await?)
    }

    /// The idempotency key of a write, whose `If-Match` is there where the operator demands it.
    fn write_headers(&self, incoming: &Incoming<'_>) -> Result<Option<IdempotencyKey>, Refusal> {
        let key = key_of(incoming)?;
        let conditional = incoming.headers.contains_key(IF_MATCH);
        if self.settings.require_if_match && !conditional && changes_one(incoming.route.operation) {
            return Err(Refusal::PreconditionRequired);
        }
        Ok(key)
    }

    /// Checks that each change of a request that holds several, or finds its contact by a key, names
    /// the versions that it is for, where the operator demands it.
    fn has_preconditions(&self, operation: ApiOperation, write: &Write) -> Result<(), Refusal> {
        let is_asked = matches!(
            operation,
            ApiOperation::Upsert | ApiOperation::Bulk | ApiOperation::Ingest
        );
        if !self.settings.require_if_match || !is_asked {
            return Ok(());
        }
        let changes = |attempt: &Attempt| {
            matches!(attempt.operation, Operation::Update | Operation::Delete)
                || matches!(attempt.action, Ok(Action::Upsert { .. }))
        };
        let mut changes = write.attempts.iter().filter(|attempt| changes(attempt));
        if changes.any(|attempt| attempt.precondition == Precondition::NONE) {
            return Err(Refusal::PreconditionRequired);
        }
        Ok(())
    }

    /// The owner of the contacts that the request is about, if the principal may act for them.
    fn owner(
        &self,
        principal: &Principal,
        incoming: &Incoming<'_>,
        request: &Request<'_>,
    ) -> Result<Owner, Rejected> {
        if let Some(owner) = named_owner(principal, incoming)? {
            return Ok(owner);
        }
        match (incoming.dialect.scope)(request)? {
            Scope::Owner(owner) => Ok(allowed(principal, owner)?),
            Scope::Contact { id, tenant } => {
                self.owner_of(principal, (id, tenant.as_deref()), incoming, request)
            }
        }
    }

    /// The owner of a contact whose path names no tenant; the query may. Another's contact must look like none:
    /// a write of either is a command for the caller's own tenant, which does not have it, and a
    /// read of either is recorded there, where reads are.
    fn owner_of(
        &self,
        principal: &Principal,
        (id, tenant): (ContactId, Option<&str>),
        incoming: &Incoming<'_>,
        request: &Request<'_>,
    ) -> Result<Owner, Rejected> {
        let is_meant = |owner: &Owner| {
            may(principal, owner) && tenant.is_none_or(|tenant| tenant == owner.tenant())
        };
        if let Some(owner) = self.service.owner_of(id).filter(is_meant) {
            // Our own route opens no more than the one of the contact's own dialect.
            if let Some(dialect) = dialect::by_id(owner.dialect()) {
                self.authorize(principal, dialect.roles_for(incoming.route.operation))?;
            }
            return Ok(owner);
        }
        let own = request.caller.own_tenant.as_deref();
        match own.filter(|_| incoming.route.operation.writes() || self.settings.audit_reads) {
            Some(tenant) => Ok((native::DIALECT.owner)(&[tenant])?),
            None => Err(Refusal::NotFound.into()),
        }
    }

    /// Waits until the inline view has reached the position that the caller has seen, of the log
    /// that the caller says it is of.
    ///
    /// # Errors
    /// It is no position, or of another log, or was not reached in time or before the service is
    /// told to stop.
    pub async fn wait_for_position(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        // What is no text is the id of no log.
        let log = headers.get("contact-log");
        self.is_of_this_log(log.map(|log| log.to_str().unwrap_or_default()))?;
        let Some(value) = headers.get("contact-min-position") else {
            return Ok(());
        };
        let position =
            value
                .to_str()
                .ok()
                .and_then(Position::parse)
                .ok_or(Refusal::BadParameter {
                    name: "Contact-Min-Position",
                    must: "a position in decimal digits",
                })?;
        tokio::select! {
            biased;
            reached = self.reach(position) => reached,
            () = self.health.stopped() => Err(Refusal::NotThereYet),
        }
    }

    /// Checks that a position, after which a caller wants to go on, has been reached: one that has
    /// not is of another log, or of what was lost when this one was restored. In a cluster another node
    /// may have told it, so it is waited for.
    ///
    /// # Errors
    /// [`Refusal::PositionAhead`] for a position above the head, [`Refusal::NotThereYet`] where another
    /// node has it.
    pub async fn has_reached(&self, position: Position) -> Result<(), Refusal> {
        if position <= self.service.head() {
            return Ok(());
        }
        let Some(forward) = &self.forward else {
            return Err(self.ahead());
        };
        let most = self.settings.request_timeout.min(TOLD_ELSEWHERE);
        match self.reach_within(position, most).await {
            Err(Refusal::NotThereYet) if !forward.has(position) => Err(self.ahead()),
            reached => reached,
        }
    }

    /// Checks the log that a caller's positions or cursor are of, where that is said.
    ///
    /// # Errors
    /// [`Refusal::PositionAhead`] for another log.
    pub(super) fn is_of_this_log(&self, log: Option<&str>) -> Result<(), Refusal> {
        if log.is_some_and(|log| log != &*self.log_id) {
            return Err(self.ahead());
        }
        Ok(())
    }

    fn ahead(&self) -> Refusal {
        let head = self.service.head();
        Refusal::PositionAhead { head }
    }

    /// Waits until the inline view has reached a position, at most as long as a request may take.
    ///
    /// # Errors
    /// [`Refusal::NotThereYet`] where it took longer.
    pub async fn reach(&self, position: Position) -> Result<(), Refusal> {
        let most = self.settings.request_timeout;
        self.reach_within(position, most).await
    }

    async fn reach_within(&self, position: Position, most: Duration) -> Result<(), Refusal> {
        let mut head = self.service.follow();
        let reached = head.wait_for(|head| *head >= position);
        match tokio::time::timeout(most, reached).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Refusal::NotThereYet),
        }
    }

    fn context(
        &self,
        caller: &Caller,
        incoming: &Incoming<'_>,
        idempotency: Option<IdempotentRequest>,
    ) -> Context {
        Context {
            actor: caller.actor.clone(),
            correlation: incoming.correlation.clone(),
            traceparent: incoming.traceparent(),
            idempotency,
        }
    }
}

/// What was performed, as far as it may be shown: a read on its conditions, a contact that was there
/// before to those alone who may read it.
fn conditioned(
    principal: &Principal,
    incoming: &Incoming<'_>,
    performed: Performed,
) -> Result<Performed, Rejected> {
    let Performed { reply, position } = performed;
    let operation = incoming.route.operation;
    let may_read = || principal.has_any(incoming.dialect.roles_for(ApiOperation::Get));
    let reply = if !operation.writes() {
        conditional(incoming.headers, reply)?
    } else if operation.shows_what_was() && reply.status == StatusCode::OK && !may_read() {
        without_content(reply)
    } else {
        reply
    };
    Ok(Performed { reply, position })
}

/// 204 with the headers of the reply in whose place it stands, but for those of its body.
fn without_content(mut reply: Reply) -> Reply {
    reply.headers.retain(|(name, _)| *name != "content-type");
    Reply {
        headers: reply.headers,
        ..Reply::empty(StatusCode::NO_CONTENT)
    }
}

/// Whether an operation changes one version of a contact into the next, or ends it. An erasure is
/// about the person, not about a version.
const fn changes_one(operation: ApiOperation) -> bool {
    matches!(operation, ApiOperation::Update | ApiOperation::Delete)
}

/// The owner whose ids the transport names beside the path, if it does and the principal may act
/// for them.
fn named_owner(principal: &Principal, incoming: &Incoming<'_>) -> Result<Option<Owner>, Rejected> {
    let Some(ids) = incoming.owner_ids else {
        return Ok(None);
    };
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let owner = incoming.dialect.owner_of_ids(&ids)?;
    Ok(Some(allowed(principal, owner)?))
}

/// The owner, if the principal may act for them.
fn allowed(principal: &Principal, owner: Owner) -> Result<Owner, Refusal> {
    if may(principal, &owner) {
        return Ok(owner);
    }
    let tenant = owner.tenant().to_owned();
    Err(Refusal::NotYours { tenant })
}

/// The reasons for which a request goes no further.
pub(super) enum Rejected {
    /// The dialect could not read it; this is the vendor's reply.
    Vendor(Reply),
    /// It is refused for a reason that the dialect puts into its vendor's words.
    Refusal(Refusal),
}

impl From<Reply> for Rejected {
    fn from(reply: Reply) -> Self {
        Self::Vendor(reply)
    }
}

impl From<Refusal> for Rejected {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}
