//! Admission: who may use a route, and how often.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use http::HeaderMap;

use super::incoming::unix_seconds;
use super::metrics::SESSION;
use super::{Forward, Gateway, Incoming};
use crate::auth::{AuthError, Limited, Mode, Principal, Quota, RateKey};
use crate::dialect::{self, Caller, Cursors, Dialect, Refusal, TokenProblem};
use crate::domain::{Actor, Closed, Owner};

/// A caller who has sent too often.
#[derive(Clone, Copy, Debug)]
pub struct OverLimit {
    /// What is left of the caller's allowance.
    pub quota: Quota,
    /// The seconds until the next request is allowed.
    pub retry_after_seconds: u64,
}

impl From<OverLimit> for Refusal {
    fn from(limit: OverLimit) -> Self {
        Self::RateLimited {
            retry_after_seconds: limit.retry_after_seconds,
        }
    }
}

impl Gateway {
    /// The caller of a request, who may use its route. Tokens are judged as of `now`, in seconds
    /// since 1970.
    ///
    /// # Errors
    /// 401 for a missing or bad token, the session token included; 403 for a missing role; 503 where
    /// this node has halted, and for a read where it lacks contacts, as it joins.
    pub async fn admit(&self, incoming: &Incoming<'_>, now: u64) -> Result<Principal, Refusal> {
        let roles = incoming.route.roles;
        if roles.is_empty() {
            return Ok(Principal::anonymous());
        }
        let known = self.known(incoming.headers, incoming.dialect.extras.key_header, now);
        let mut principal = known.await.map_err(|error| self.unauthorized(error))?;
        if let Some(name) = incoming.dialect.extras.session_header
            && self.authenticator.mode() == Mode::Jwt
        {
            let token = incoming.headers.get(name);
            let token = token.and_then(|value| value.to_str().ok());
            let session = self.authenticator.authenticate_session(token, now).await;
            principal.session = Some(session.map_err(|_| {
                self.metrics.auth_failure(SESSION);
                Refusal::SessionUnauthorized
            })?);
        }
        self.authorize(&principal, roles)?;
        self.serves()?;
        if !incoming.route.operation.writes()
            && self.forward.as_ref().is_some_and(|it| it.is_joining())
        {
            return Err(Refusal::NotThereYet);
        }
        Ok(principal)
    }

    /// Checks that this node answers for its log: one that contradicts its cluster's does not.
    ///
    /// # Errors
    /// 503: it has halted.
    pub fn serves(&self) -> Result<(), Refusal> {
        match self.forward.as_ref().is_some_and(|it| it.is_halted()) {
            true => Err(Refusal::ReadOnly(Closed::Halted)),
            false => Ok(()),
        }
    }

    /// Whether other nodes answer requests better than this one: it has halted, or joins.
    pub fn leaves_to_others(&self) -> bool {
        let stands = |it: &Arc<dyn Forward>| it.is_halted() || it.is_joining();
        self.forward.as_ref().is_some_and(stands)
    }

    /// The caller that a request's bearer token names.
    ///
    /// # Errors
    /// 401: the token is missing or not good.
    pub async fn authenticate(&self, headers: &HeaderMap, now: u64) -> Result<Principal, Refusal> {
        let known = self.known(headers, None, now).await;
        known.map_err(|error| self.unauthorized(error))
    }

    fn unauthorized(&self, error: AuthError) -> Refusal {
        let problem = problem(error);
        self.metrics.auth_failure(problem.name());
        Refusal::Unauthorized(problem)
    }

    /// Whether a request's bearer token names a caller. Asked beside the request, so a bad token is
    /// not counted as a failure.
    pub async fn is_known(&self, headers: &HeaderMap, now: u64) -> bool {
        self.known(headers, None, now).await.is_ok()
    }

    /// Waits until the bearer token of a request, which was good, no longer is; `expires` is its end
    /// in seconds since 1970. What goes on after the request, a stream for instance, ends then.
    pub async fn refused_later(&self, headers: &HeaderMap, expires: Option<u64>) -> Refusal {
        let token = bearer(headers, None);
        let later = self
            .authenticator
            .refused_later(token, expires, unix_seconds);
        Refusal::Unauthorized(problem(later.await))
    }

    async fn known(
        &self,
        headers: &HeaderMap,
        key_header: Option<&str>,
        now: u64,
    ) -> Result<Principal, AuthError> {
        let token = bearer(headers, key_header);
        self.authenticator.authenticate(token, now).await
    }

    /// Checks that a caller has one of these roles.
    ///
    /// # Errors
    /// 403: the caller has none of them.
    pub fn authorize(
        &self,
        principal: &Principal,
        roles: &'static [&'static str],
    ) -> Result<(), Refusal> {
        if principal.has_any(roles) {
            return Ok(());
        }
        self.metrics.role_missing();
        Err(Refusal::Forbidden { roles })
    }

    /// Counts a request against its caller's allowance, and tells what is left of it where callers
    /// are limited. Callers without a name share one allowance for each address.
    ///
    /// # Errors
    /// 429: the allowance is used up.
    pub fn charge(
        &self,
        principal: &Principal,
        address: IpAddr,
    ) -> Result<Option<Quota>, OverLimit> {
        self.spend(&principal.rate_key(address))
    }

    /// Counts a refused token against the allowance that bad tokens of its address have. A good one
    /// from there is judged before, and spends its own caller's.
    ///
    /// # Errors
    /// 429: the allowance is used up.
    pub fn charge_stranger(&self, refusal: &Refusal, address: IpAddr) -> Result<(), OverLimit> {
        match refusal {
            Refusal::Unauthorized(_) | Refusal::SessionUnauthorized => {
                self.spend(&RateKey::bad_tokens(address)).map(drop)
            }
            _ => Ok(()),
        }
    }

    fn spend(&self, key: &RateKey) -> Result<Option<Quota>, OverLimit> {
        let Some(rate) = &self.rate else {
            return Ok(None);
        };
        match rate.check(key, Instant::now()) {
            Ok(quota) => Ok(Some(quota)),
            Err(Limited {
                quota,
                retry_after_seconds,
            }) => Err(OverLimit {
                quota,
                retry_after_seconds,
            }),
        }
    }

    /// The caller as a dialect sees them.
    pub(super) fn caller(&self, principal: &Principal, dialect: &Dialect) -> Caller {
        let rules = dialect.rules;
        let own = principal.only_tenant(rules.name, dialect.extras.default_tenant);
        let text = |text: &Option<String>| text.as_deref().map(Arc::from);
        Caller {
            actor: Actor {
                client_id: text(&principal.client_id),
                user_id: text(&principal.user_id),
                subject: text(&principal.subject),
            },
            log: self.log_id.clone(),
            cursors: Cursors(self.service.cursor_key()),
            own_tenant: own.ok(),
            every_tenant: principal.tenants.allow_all_of(rules.name),
            open: self.is_open(),
            placeholders: dialect.extras.placeholders,
        }
    }

    /// A body, if it is no larger than the service takes.
    ///
    /// # Errors
    /// 413: it is larger.
    pub fn sized<B: AsRef<[u8]>>(&self, body: B) -> Result<B, Refusal> {
        let limit_bytes = self.settings.body_bytes_max;
        if body.as_ref().len() as u64 > limit_bytes {
            return Err(Refusal::TooLarge { limit_bytes });
        }
        Ok(body)
    }
}

/// The bearer token of a request, or where no `Authorization` was sent the token in the header that
/// the vendor has for it.
fn bearer<'a>(headers: &'a HeaderMap, key_header: Option<&str>) -> Option<&'a str> {
    let text = |name: &str| Some(headers.get(name)?.to_str().unwrap_or_default());
    match text(http::header::AUTHORIZATION.as_str()) {
        Some(authorization) => crate::auth::bearer_token(authorization),
        None => key_header.and_then(text).map(str::trim),
    }
}

/// What a vendor's answer says of a token.
pub(super) fn problem(error: AuthError) -> TokenProblem {
    match error {
        AuthError::Missing => TokenProblem::Missing,
        AuthError::Expired => TokenProblem::Expired,
        _ => TokenProblem::Invalid,
    }
}

/// Checks that a principal sees every tenant: what is asked about is of all of them at once.
///
/// # Errors
/// 403: the token is for some tenants only.
pub(super) fn for_every_tenant(principal: &Principal) -> Result<(), Refusal> {
    if principal.tenants.is_every() {
        return Ok(());
    }
    let tenant = "*".to_owned();
    Err(Refusal::NotYours { tenant })
}

/// Whether a principal may touch an owner's contacts.
pub(super) fn may(principal: &Principal, owner: &Owner) -> bool {
    dialect::by_id(owner.dialect())
        .is_some_and(|dialect| principal.may(dialect.rules.name, owner.tenant()))
}
