//! From an admitted request to the vendor's answer.

use http::HeaderMap;
use http::header::IF_MATCH;

use super::admission::caller;
use super::idempotency::{idempotent_request, key_of};
use super::perform::{AuditedRead, Performed, asked, up_to};
use super::{Disposition, Gateway, Incoming, Response};
use crate::auth::Principal;
use crate::dialect::{
    self, ApiOperation, Call, Caller, Changes, Decode, Dialect, Refusal, Reply, Request, Scope,
    Search, native,
};
use crate::domain::{ContactId, Context, IdempotencyKey, IdempotentRequest, Owner, Position};

impl Gateway {
    /// Answers a request of a caller who was admitted to its route.
    pub async fn answer(
        &self,
        principal: &Principal,
        incoming: &Incoming<'_>,
        body: &[u8],
    ) -> Response {
        let (reply, position, disposition) = match self.checked(principal, incoming, body).await {
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
        let caller = caller(principal, dialect, self.authenticator.mode());
        let request = Request {
            target: incoming.route.target,
            params: incoming.params,
            query: incoming.query,
            headers: incoming.headers,
            body,
            caller: &caller,
        };
        self.wait_for_position(incoming.headers).await?;
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
        let idempotency = match (&call, key) {
            (Call::Write { write, .. }, Some(key)) => {
                Some(idempotent_request(key, incoming, body, write))
            }
            _ => None,
        };
        let context = self.context(&caller, incoming, idempotency);
        let audited = self.audited(incoming, &caller, &call);
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
        match incoming.dialect.scope(request)? {
            Scope::Owner(owner) => Ok(allowed(principal, owner)?),
            Scope::Contact(id) => self.owner_of(principal, id, incoming, request),
        }
    }

    /// The owner of a contact whose path names no tenant. Another's contact must look like none:
    /// a write of either is a command for the caller's own tenant, which does not have it, and a
    /// read of either is recorded there, where reads are.
    fn owner_of(
        &self,
        principal: &Principal,
        id: ContactId,
        incoming: &Incoming<'_>,
        request: &Request<'_>,
    ) -> Result<Owner, Rejected> {
        let owner = self.service.owner_of(id);
        if let Some(owner) = owner.filter(|owner| may(principal, owner)) {
            return Ok(owner);
        }
        let own = request.caller.own_tenant.as_deref();
        match own.filter(|_| incoming.route.writes() || self.settings.audit_reads) {
            Some(tenant) => Ok(native::Native.owner_of_ids(&[tenant])?),
            None => Err(Refusal::NotFound.into()),
        }
    }

    /// Waits until the inline view has reached the position that the caller has seen.
    ///
    /// # Errors
    /// It is no position, or was not reached in time.
    pub async fn wait_for_position(&self, headers: &HeaderMap) -> Result<(), Refusal> {
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
        self.reach(position).await
    }

    /// Waits until the inline view has reached a position, at most as long as a request may take.
    ///
    /// # Errors
    /// [`Refusal::NotThereYet`] where it took longer.
    pub async fn reach(&self, position: Position) -> Result<(), Refusal> {
        let mut head = self.service.follow();
        let reached = head.wait_for(|head| *head >= position);
        match tokio::time::timeout(self.settings.request_timeout, reached).await {
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

    /// The record to make of a request that is a read, where such reads are recorded.
    fn audited(
        &self,
        incoming: &Incoming<'_>,
        caller: &Caller,
        call: &Call,
    ) -> Option<AuditedRead> {
        let operation = incoming.route.operation.recorded_read()?;
        let recorded = self.settings.audit_reads || incoming.dialect.records_reads();
        let (owner, target, asked) = match call {
            Call::Get { owner, target, .. } | Call::History { owner, target, .. } => {
                (owner.clone(), Some(target.clone()), None)
            }
            Call::List { list, .. } => (list.owner.clone(), None, Some(asked(&list.window))),
            Call::Search {
                search: Search { tenant, limit, .. },
                ..
            }
            | Call::Changes {
                changes: Changes { tenant, limit, .. },
                ..
            } => {
                let owner = seen(incoming.dialect, caller, tenant.as_deref())?;
                (owner, None, Some(up_to(*limit)))
            }
            Call::Write { .. }
            | Call::Events { .. }
            | Call::Authenticate { .. }
            | Call::Known(_) => return None,
        };
        recorded.then_some(AuditedRead {
            owner,
            operation,
            target,
            asked,
        })
    }
}

/// In whose trail a search stands that may see many tenants: that of the tenant it names, else the
/// caller's own, else the one that nobody names.
fn seen(dialect: &dyn Dialect, caller: &Caller, tenant: Option<&str>) -> Option<Owner> {
    let tenant = tenant.or(caller.own_tenant.as_deref());
    let tenant = tenant.unwrap_or_else(|| dialect.default_tenant());
    dialect.owner_of_ids(&[tenant]).ok()
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

/// Whether a principal may touch an owner's contacts.
fn may(principal: &Principal, owner: &Owner) -> bool {
    dialect::by_id(owner.dialect())
        .is_some_and(|dialect| principal.may(dialect.rules().name, owner.tenant()))
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
