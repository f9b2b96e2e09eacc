//! A request of any transport, from its token to the vendor's answer.
//!
//! Both transports hand over the same: a route, parameters, headers, a body.
//! What is asked of the service and how it is answered is the dialect's to
//! say; here is who may ask, in which order things are checked, and what an
//! answer always carries. Sockets and subjects are above.

mod answer;
mod find;
mod health;
mod idempotency;
mod perform;
mod refused;
mod stats;

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use uuid::Uuid;

pub use answer::{Answered, Came};
pub use health::{Bus, BusCounts, Health};
pub use perform::{sees_contents, unix_seconds};
pub use stats::{Counts, Stats, StatsAsk, TENANTS_MAX};

use crate::auth::{AuthError, Authenticator, Mode, OwnKey, Principal, RateLimiter};
use crate::dialect::{Caller, Dialect, Query, Refusal, Route, TokenProblem};
use crate::domain::{Actor, Correlation, TraceParent};
use crate::service::Service;

/// How requests are treated.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Whether an update or a delete must say which version it is about.
    pub require_if_match: bool,
    /// Whether reads of every dialect are recorded, not only of those whose vendor does.
    pub audit_reads: bool,
    /// How long a request may wait for a view.
    pub request_timeout: Duration,
}

/// What both transports share.
#[derive(Clone)]
pub struct Gateway {
    /// The contacts.
    pub service: Service,
    /// Who is who.
    pub authenticator: Arc<Authenticator>,
    /// Signs short-lived tokens.
    pub own_key: Arc<OwnKey>,
    /// How requests are treated.
    pub settings: Settings,
    /// Calls that one caller may make, if that is limited.
    pub rate: Option<Arc<RateLimiter>>,
    /// How the parts are.
    pub health: Health,
}

/// A request, its token checked and its body read.
#[derive(Clone, Debug)]
pub struct Incoming<'a> {
    /// Where it came in.
    pub dialect: &'static dyn Dialect,
    /// By which route.
    pub route: &'static Route,
    /// The path's parameters, percent-decoded.
    pub params: &'a [(String, String)],
    /// The owner's ids as a message subject spells them; none where the path says whose it is.
    pub owner_ids: Option<&'a [&'a str]>,
    /// The query.
    pub query: &'a Query,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
    /// The idempotency key where the transport gives one.
    pub durable_key: Option<&'a str>,
    /// Ties together all that comes of it.
    pub correlation: Correlation,
}

impl std::fmt::Debug for dyn Dialect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.rules().name)
    }
}

impl Gateway {
    /// Who sends a request, if they may use its route. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// The refusal that the dialect puts into its vendor's words.
    pub async fn admit(
        &self,
        dialect: &'static dyn Dialect,
        route: &Route,
        headers: &HeaderMap,
        now: u64,
    ) -> Result<Principal, Refusal> {
        if route.roles.is_empty() {
            return Ok(Principal::local_developer());
        }
        let mut principal = self.authenticate(headers, now).await?;
        if let Some(name) = dialect.session_header()
            && self.authenticator.mode() == Mode::Jwt
        {
            let token = headers.get(name).and_then(|value| value.to_str().ok());
            let session = self.authenticator.authenticate_session(token, now).await;
            principal.session = Some(session.map_err(|_| Refusal::SessionUnauthorized)?);
        }
        if principal.has_any(route.roles) {
            Ok(principal)
        } else {
            Err(Refusal::Forbidden)
        }
    }

    /// Who sends a request.
    ///
    /// # Errors
    /// The token is missing or not good.
    pub async fn authenticate(&self, headers: &HeaderMap, now: u64) -> Result<Principal, Refusal> {
        let header = headers.get(http::header::AUTHORIZATION);
        let bearer = header
            .and_then(|value| value.to_str().ok())
            .and_then(crate::auth::bearer_token);
        let principal = self.authenticator.authenticate(bearer, now).await;
        principal.map_err(|error| Refusal::Unauthorized(problem(error)))
    }
}

/// What a vendor's answer says of a token.
fn problem(error: AuthError) -> TokenProblem {
    match error {
        AuthError::Missing => TokenProblem::Missing,
        AuthError::Expired => TokenProblem::Expired,
        _ => TokenProblem::Invalid,
    }
}

/// The caller that a dialect sees.
fn caller(principal: &Principal, dialect: &dyn Dialect, mode: Mode) -> Caller {
    let rules = dialect.rules();
    let own = principal.only_tenant(rules.name, dialect.default_tenant());
    let text = |text: &Option<String>| text.as_deref().map(Box::from);
    Caller {
        actor: Actor {
            client_id: text(&principal.client_id),
            user_id: text(&principal.user_id),
            subject: text(&principal.subject),
        },
        own_tenant: own.ok().map(str::to_owned),
        open: mode == Mode::Open,
    }
}

/// A fresh correlation id.
#[must_use]
pub fn fresh_correlation() -> Correlation {
    Correlation::from_uuid(Uuid::now_v7())
}

/// The caller's trace, where a well-formed one was sent.
fn traceparent(headers: &HeaderMap) -> Option<TraceParent> {
    TraceParent::parse(headers.get("traceparent")?.to_str().ok()?)
}
