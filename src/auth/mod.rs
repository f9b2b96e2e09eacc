//! A token in, a principal out.
//!
//! No socket, no HTTP type and no clock lives here: a header is a `&str` and
//! the time comes in as a value, so that a durable command is judged at the
//! moment it was published.
//!
//! | file | holds |
//! | --- | --- |
//! | `principal`, `tenants` | who calls, and what they may touch |
//! | `rate` | calls counted by caller |
//!
//! Deliberately absent: users, passwords, sessions kept on the server. Nothing
//! here prints a token or a key, not even with `{:?}`.

mod principal;
mod rate;
mod tenants;

pub use principal::{Principal, RateKey, Roles, Session, role};
pub use rate::{BadRate, CALLERS_MAX, Limited, Quota, RateLimiter, RateSpec};
pub use tenants::{OwnTenantError, Tenants};
