//! Putting the command of a dead letter back among those that wait, on an operator's authority.
//!
//! A dead letter holds no token. Where callers need one, its command goes back with a token of the
//! operator who asks: signed here, for a minute, for the one tenant that the command is about. So its
//! events say that the operator did it, and nobody gains what the operator may not do.

use std::time::Duration;

use super::admission::for_every_tenant;
use super::{Bus, Gateway, NotResent, Resent, unix_seconds};
use crate::auth::{AccessClaims, Principal, role};
use crate::dialect::{Dialect, Refusal};

/// The life of the token: a command's is judged as of when the stream takes it, which is at once.
const TOKEN_TTL: Duration = Duration::from_secs(60);

impl Gateway {
    /// Sends the command of a dead letter again, for an administrator of every tenant.
    ///
    /// # Errors
    /// The token is not for every tenant. Inside, why the command was not sent again.
    pub async fn resend(
        &self,
        principal: &Principal,
        sequence: u64,
    ) -> Result<Result<Resent, NotResent>, Refusal> {
        for_every_tenant(principal)?;
        if sequence == 0 {
            // A stream counts from 1, and the broker takes the question itself for wrong.
            return Ok(Err(NotResent::NoLetter));
        }
        let Some(broker) = self.health.broker() else {
            return Ok(Err(match self.health.bus() {
                Bus::Off => NotResent::NoBus,
                _ => NotResent::Away,
            }));
        };
        let sign = |dialect: &'static Dialect, tenant: &str| {
            self.token_of_operator(principal, dialect, tenant)
        };
        let resent = broker.resend(sequence, &sign).await;
        tracing::info!(
            sequence,
            sent = resent.is_ok(),
            "a dead letter is sent again"
        );
        Ok(resent)
    }

    /// A token for one tenant of a dialect in the operator's name; `None` where nobody needs one.
    fn token_of_operator(
        &self,
        principal: &Principal,
        dialect: &'static Dialect,
        tenant: &str,
    ) -> Result<Option<String>, NotResent> {
        if self.is_open() {
            return Ok(None);
        }
        if dialect.extras.session_header.is_some() {
            return Err(NotResent::SecondToken);
        }
        let claims = AccessClaims {
            roles: vec![role::ADMIN.to_owned()],
            tenants: vec![format!("{}/{tenant}", dialect.rules.name)],
            ..AccessClaims::from(principal)
        };
        let signed = self
            .own_key
            .read()
            .sign_access(claims, TOKEN_TTL, unix_seconds());
        signed.map(Some).map_err(|error| {
            tracing::error!(%error, "a token for a dead letter could not be signed");
            NotResent::NoToken
        })
    }
}
