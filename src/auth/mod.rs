//! A token in, a principal out.
//!
//! The floors above ask three questions here: who is calling
//! ([`Authenticator`]), may they do this in that tenant ([`Principal`]), and
//! have they called too often ([`RateLimiter`]). No socket, no HTTP type and no
//! clock lives here: a header is a `&str` and the time comes in as a value, so
//! that a durable command is judged at the moment it was published.
//!
//! | file | holds |
//! | --- | --- |
//! | `authenticator` | the checks of a token, in their order |
//! | `error` | every refusal of a token |
//! | `expiry` | the end of a token while a stream goes on |
//! | `token` | the compact form taken apart; nothing in it is trusted yet |
//! | `claims` | what a token says, bounded, made into a principal or a session |
//! | `principal`, `tenants` | who calls, and what they may touch |
//! | `key`, `jwks` | public keys: a set of them, where it comes from, its refresh |
//! | `own_key` | the data directory's own key, which signs tokens |
//! | `open` | when no token is needed, and how that stays safe |
//! | `rate` | calls counted by caller |
//!
//! Deliberately absent: users, passwords, sessions kept on the server. Nothing
//! here prints a token or a key, not even with `{:?}`.

mod authenticator;
mod claims;
mod error;
mod expiry;
mod jwks;
mod key;
mod open;
mod own_key;
mod principal;
mod rate;
mod tenants;
#[cfg(test)]
mod testing;
mod token;

pub use authenticator::{Authenticator, JwtSettings};
pub use claims::{AccessClaims, LEEWAY_SECONDS, ROLES_MAX, TENANTS_MAX, TEXT_CHARS_MAX};
pub use error::AuthError;
pub use jwks::{Jwks, JwksError, JwksSource};
pub use key::KEYS_MAX;
pub use open::{
    BrokerInfo, Mode, RefusedOpen, UnknownMode, check_broker, check_open, origin_allowed,
};
pub use own_key::{OwnKey, OwnKeyError, SignError, TTL_MAX};
pub use principal::{Principal, RateKey, Roles, Session, role};
pub use rate::{BadRate, CALLERS_MAX, Limited, Quota, RateLimiter, RateSpec};
pub use tenants::{OwnTenantError, Tenants};
pub use token::{TOKEN_BYTES_MAX, bearer_token};
