//! The checks of a token, in their order.
//!
//! Verifying is synchronous and pure over the keys of the moment: the same
//! token at the same time gets the same answer. Only a key that is not known
//! is worth a second look after the key set was fetched again, which
//! [`Authenticator::authenticate`] does.
//!
//! A forged token learns nothing but that its signature is bad: times, issuer,
//! audience and claims are judged after it.

use std::sync::Arc;

use tokio::sync::watch;

use super::claims::{Claims, LEEWAY_SECONDS, OneOrMany};
use super::error::AuthError;
use super::jwks::Jwks;
use super::key::{KeySet, VerifyKey, check_signature};
use super::open::Mode;
use super::own_key::OwnKey;
use super::principal::{Principal, Session};
use super::token::{Compact, Kind};

/// The issuers, audiences and keys to trust in jwt mode, beside the data directory's own key.
#[derive(Default)]
pub struct JwtSettings {
    /// The keys of an identity provider (`--jwks`).
    pub jwks: Option<Arc<Jwks>>,
    /// The `iss` its tokens must have (`--jwt-issuer`).
    pub issuer: Option<String>,
    /// The `aud` its tokens must hold (`--jwt-audience`).
    pub audience: Option<String>,
}

/// Makes principals of tokens, in one of the two modes.
pub struct Authenticator {
    policy: Policy,
}

enum Policy {
    Open,
    Jwt {
        /// The directory's own key; whoever follows it hears of its change.
        own: watch::Sender<Arc<VerifyKey>>,
        settings: JwtSettings,
    },
}

impl Authenticator {
    /// Open mode: whatever token comes, or none, the caller is the local developer.
    pub fn open() -> Self {
        Self {
            policy: Policy::Open,
        }
    }

    /// Jwt mode: tokens of the directory's own key and of the configured key set.
    ///
    /// Issuer and audience are asked of the key set's tokens alone. A provider
    /// signs for many services, so its tokens have to say that they are meant
    /// for us; the own key signs for this directory and nothing else.
    pub fn jwt(own: &OwnKey, settings: JwtSettings) -> Self {
        let own = watch::Sender::new(own.verify_key());
        Self {
            policy: Policy::Jwt { own, settings },
        }
    }

    /// The mode in which this authenticator works.
    pub fn mode(&self) -> Mode {
        match self.policy {
            Policy::Open => Mode::Open,
            Policy::Jwt { .. } => Mode::Jwt,
        }
    }

    /// Judges the access token of a request as of `now`, in seconds since 1970.
    ///
    /// # Errors
    /// The first check that fails. [`AuthError::KeyUnknown`] may go away after
    /// [`Authenticator::refresh_keys`].
    pub fn verify(&self, bearer: Option<&str>, now: u64) -> Result<Principal, AuthError> {
        match &self.policy {
            Policy::Open => Ok(Principal::local_developer()),
            Policy::Jwt { own, settings } => {
                check(Kind::Access, bearer, now, &current(own), settings)?.into_principal()
            }
        }
    }

    /// Judges the session token sent beside an access token as of `now`.
    ///
    /// # Errors
    /// As [`Authenticator::verify`].
    pub fn verify_session(&self, token: Option<&str>, now: u64) -> Result<Session, AuthError> {
        match &self.policy {
            Policy::Open => Ok(Session::local_developer()),
            Policy::Jwt { own, settings } => {
                check(Kind::Session, token, now, &current(own), settings)?.into_session()
            }
        }
    }

    /// [`Authenticator::verify`], and once more after the key set was fetched
    /// again if the key was not known: a provider may have changed its keys.
    ///
    /// # Errors
    /// As [`Authenticator::verify`].
    pub async fn authenticate(
        &self,
        bearer: Option<&str>,
        now: u64,
    ) -> Result<Principal, AuthError> {
        match self.verify(bearer, now) {
            Err(AuthError::KeyUnknown) => {
                self.refresh_keys().await;
                self.verify(bearer, now)
            }
            judged => judged,
        }
    }

    /// [`Authenticator::verify_session`], with the same second look.
    ///
    /// # Errors
    /// As [`Authenticator::verify`].
    pub async fn authenticate_session(
        &self,
        token: Option<&str>,
        now: u64,
    ) -> Result<Session, AuthError> {
        match self.verify_session(token, now) {
            Err(AuthError::KeyUnknown) => {
                self.refresh_keys().await;
                self.verify_session(token, now)
            }
            judged => judged,
        }
    }

    /// Puts another key in place of the directory's own. Tokens that the old one signed are refused
    /// from now on.
    pub fn replace_own(&self, key: &OwnKey) {
        if let Policy::Jwt { own, .. } = &self.policy {
            own.send_replace(key.verify_key());
        }
    }

    /// The keys that tokens are verified with, to be watched for a change; `None` in open mode,
    /// which has none.
    pub(super) fn follow_keys(&self) -> Option<FollowedKeys> {
        match &self.policy {
            Policy::Open => None,
            Policy::Jwt { own, settings } => Some(FollowedKeys {
                own: own.subscribe(),
                provided: settings.jwks.as_ref().map(|jwks| jwks.follow()),
            }),
        }
    }

    /// Fetches the key set again, if there is one and it was not fetched a
    /// moment ago. A failure is logged and the old keys stay.
    pub async fn refresh_keys(&self) {
        if let Policy::Jwt { settings, .. } = &self.policy
            && let Some(jwks) = &settings.jwks
        {
            jwks.refresh().await;
        }
    }
}

fn current(own: &watch::Sender<Arc<VerifyKey>>) -> Arc<VerifyKey> {
    Arc::clone(&own.borrow())
}

/// The keys that tokens are verified with, watched for a change.
pub(super) struct FollowedKeys {
    own: watch::Receiver<Arc<VerifyKey>>,
    /// `None` where no key set is configured.
    provided: Option<watch::Receiver<Arc<KeySet>>>,
}

impl FollowedKeys {
    /// Waits for the next change of a key.
    pub(super) async fn changed(&mut self) {
        let provided = async {
            match &mut self.provided {
                Some(provided) => provided.changed().await,
                None => std::future::pending().await,
            }
        };
        // An error means that the authenticator is gone, and with it whoever waits.
        tokio::select! {
            changed = self.own.changed() => drop(changed),
            changed = provided => drop(changed),
        }
    }
}

/// Every check of a token that both kinds share.
fn check(
    kind: Kind,
    token: Option<&str>,
    now: u64,
    own: &VerifyKey,
    settings: &JwtSettings,
) -> Result<Claims, AuthError> {
    let token = Compact::parse(token.ok_or(AuthError::Missing)?, kind)?;
    let provided = settings.jwks.as_ref().map(|jwks| jwks.keys());
    let provided = provided.iter().flat_map(|keys| keys.iter());
    let signer = check_signature(&token, std::iter::once(own).chain(provided))?;
    let mut claims = Claims::parse(&token.payload)?;
    let is_own = std::ptr::eq(signer, own);
    claims.check_times(now, if is_own { 0 } else { LEEWAY_SECONDS })?;
    if !is_own {
        let audience = claims.aud.take();
        check_parties(claims.iss.as_deref(), audience, settings)?;
    }
    Ok(claims)
}

fn check_parties(
    issuer: Option<&str>,
    audience: Option<OneOrMany>,
    settings: &JwtSettings,
) -> Result<(), AuthError> {
    if let Some(expected) = &settings.issuer
        && issuer != Some(expected)
    {
        return Err(AuthError::WrongIssuer);
    }
    let audience = audience.map(OneOrMany::into_vec).unwrap_or_default();
    if let Some(expected) = &settings.audience
        && !audience.contains(expected)
    {
        return Err(AuthError::WrongAudience);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
