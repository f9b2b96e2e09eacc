//! From an admitted request to the vendor's answer.

use http::HeaderMap;
use http::header::IF_MATCH;

use super::idempotency::{idempotent_request, key_of};
use super::perform::{AuditedRead, Performed, asked, up_to};
use super::{Gateway, Incoming, caller, traceparent};
use crate::auth::{Mode, Principal};
use crate::dialect::{
    self, ApiOperation, Call, Caller, Changes, Decode, Dialect, Refusal, Reply, Request, Scope,
    Search, native,
};
use crate::domain::{ContactId, Context, IdempotencyKey, IdempotentRequest, Owner, Position};

/// An answer with what every answer carries.
#[derive(Debug)]
pub struct Answered {
    /// The vendor's answer.
    pub reply: Reply,
    /// Of a write its outcome's position, of a read the position its view had reached.
    pub position: Position,
    /// How far the request came.
    pub came: Came,
}

/// How far a request came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Came {
    /// It was a command with an outcome in the log, or a read that was answered.
    Through,
    /// The dialect could not read it; it puts nothing in the log.
    Unread,
    /// It was refused beside its content; but for [`Refusal::OutcomeUnknown`], nothing has happened.
    Refused(Refusal),
}

impl Gateway {
    /// Answers a request of a principal who may use its route.
    pub async fn answer(&self, principal: &Principal, incoming: &Incoming<'_>) -> Answered {
        let dialect = incoming.dialect;
        let (reply, position, came) = match self.checked(principal, incoming).await {
            Ok(Performed { reply, position }) => (reply, position, Came::Through),
            Err(Refused::Vendor(reply)) => (reply, None, Came::Unread),
            Err(Refused::Ours(refusal)) => (dialect.refuse(&refusal), None, Came::Refused(refusal)),
        };
        Answered {
            reply,
            position: position.unwrap_or_else(|| self.service.head()),
            came,
        }
    }

    async fn checked(
        &self,
        principal: &Principal,
        incoming: &Incoming<'_>,
    ) -> Result<Performed, Refused> {
        let dialect = incoming.dialect;
        let caller = caller(principal, dialect, self.authenticator.mode());
        let request = Request {
            target: incoming.route.target,
            params: incoming.params,
            query: incoming.query,
            headers: incoming.headers,
            body: incoming.body,
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
                Some(idempotent_request(key, incoming, write))
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
    ) -> Result<Owner, Refused> {
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
    ) -> Result<Owner, Refused> {
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
            traceparent: traceparent(incoming.headers),
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

    /// Whether nobody needs a token.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.authenticator.mode() == Mode::Open
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
fn named_owner(principal: &Principal, incoming: &Incoming<'_>) -> Result<Option<Owner>, Refused> {
    let Some(ids) = incoming.owner_ids else {
        return Ok(None);
    };
    let owner = incoming.dialect.owner_of_ids(ids)?;
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

/// A request that goes no further.
pub(super) enum Refused {
    /// In the vendor's words.
    Vendor(Reply),
    /// To be put into them.
    Ours(Refusal),
}

impl From<Reply> for Refused {
    fn from(reply: Reply) -> Self {
        Self::Vendor(reply)
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Ours(refusal)
    }
}
