//! Who is calling, and what they may do.
//!
//! A principal is made here and nowhere else: from a verified token, or as the
//! local developer of open mode. Its texts are bounded, for they are recorded
//! as the actor of every event and are never erased.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::tenants::{OwnTenantError, Tenants};

/// The names of the roles that grant something. A token may carry others;
/// they grant nothing.
pub mod role {
    /// Everything in the token's tenants, erasure with it.
    pub const ADMIN: &str = "admin";
    /// MATTR's digital trust service provider: its contacts.
    pub const DTS_PROVIDER: &str = "dts-provider";
    /// The role that reads contacts.
    pub const CONTACTS_READ: &str = "contacts:read";
    /// The role that creates, changes and deletes contacts.
    pub const CONTACTS_WRITE: &str = "contacts:write";
    /// Reads the events, the statistics and the proofs.
    pub const AUDITOR: &str = "auditor";
    /// Every role, for the local developer and for a token that stands for one.
    pub const ALL: [&str; 5] = [ADMIN, DTS_PROVIDER, CONTACTS_READ, CONTACTS_WRITE, AUDITOR];
}

/// The caller of one request, as its token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The claim `sub`: the subject of the token.
    pub subject: Option<String>,
    /// The claim `client_id`, or `azp` where there is none.
    pub client_id: Option<String>,
    /// The claim `management_user_id`: a person in the vendor's portal.
    pub user_id: Option<String>,
    /// The operations that the caller may use.
    pub roles: Roles,
    /// The tenants whose contacts the caller may touch.
    pub tenants: Tenants,
    /// Kare's second token, once it was verified beside the first.
    pub session: Option<Session>,
    /// The end of the token's life, in seconds since 1970; the local developer has none.
    pub expires: Option<u64>,
}

/// The person of a session token (Kare's `x-session-token`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The claim `userId` of the session token.
    pub user_id: String,
    /// The claim `sessionId` of the session token.
    pub session_id: String,
}

/// The roles of a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roles {
    /// Every role there is or will be: the local developer.
    Every,
    /// The roles of the token, known to us or not.
    Named(BTreeSet<String>),
}

/// The party whose calls the rate limit counts together. The kinds are kept apart so that no client
/// can spend another's quota by bearing its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RateKey {
    /// Every token of one client.
    Client(String),
    /// Every token of one subject that names no client.
    Subject(String),
    /// Callers known by nothing but where they call from.
    Address(IpAddr),
    /// Whoever sends bad tokens from an address: apart from the callers there who send none, for
    /// they need none, and counted in a table of their own, so that they crowd out nobody.
    BadTokens(IpAddr),
}

impl RateKey {
    /// The party that a bad token from this address is counted for. One subscriber has a whole /64
    /// of IPv6 addresses, which count as one.
    #[must_use]
    pub fn bad_tokens(address: IpAddr) -> Self {
        Self::BadTokens(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(address) => {
                let network = u128::from(address) >> 64 << 64;
                IpAddr::V6(network.into())
            }
        })
    }
}

impl Principal {
    /// The one caller of open mode: every role, every tenant, and ids that say
    /// in the log who it was.
    pub fn local_developer() -> Self {
        Self {
            subject: None,
            client_id: Some("f7b9ecfc-8431-470e-a1de-94b68dd92f68".to_owned()),
            user_id: Some("ab16dc65-b58e-4be2-ba77-a6f35021cb2b".to_owned()),
            roles: Roles::Every,
            tenants: Tenants::every(),
            session: None,
            expires: None,
        }
    }

    /// A caller of a route that asks for no token: nobody in particular, without a role or a tenant.
    pub fn anonymous() -> Self {
        Self {
            subject: None,
            client_id: None,
            user_id: None,
            roles: Roles::Named(BTreeSet::new()),
            tenants: Tenants::default(),
            session: None,
            expires: None,
        }
    }

    /// Whether the caller has at least one of `roles`. Nobody has one of none.
    pub fn has_any(&self, roles: &[&str]) -> bool {
        match &self.roles {
            Roles::Every => !roles.is_empty(),
            Roles::Named(named) => roles.iter().any(|role| named.contains(*role)),
        }
    }

    /// Whether the caller may touch `tenant` of the dialect of that name. Both
    /// are canonical already.
    pub fn may(&self, dialect_name: &str, tenant: &str) -> bool {
        self.tenants.allow(dialect_name, tenant)
    }

    /// The caller's own tenant, where a request names none; `default` is the
    /// dialect's for callers who may touch all.
    pub fn only_tenant(&self, dialect_name: &str, default: &str) -> Result<String, OwnTenantError> {
        self.tenants.only(dialect_name, default)
    }

    /// The party whose quota a call from `address` spends: the client, else the subject, else the
    /// address.
    pub fn rate_key(&self, address: IpAddr) -> RateKey {
        match (&self.client_id, &self.subject) {
            (Some(client), _) => RateKey::Client(client.clone()),
            (None, Some(subject)) => RateKey::Subject(subject.clone()),
            (None, None) => RateKey::Address(address),
        }
    }
}

impl Session {
    /// The session of open mode, where no session token is asked for.
    pub fn local_developer() -> Self {
        Self {
            user_id: "ab16dc65-b58e-4be2-ba77-a6f35021cb2b".to_owned(),
            session_id: "local".to_owned(),
        }
    }
}

impl Roles {
    /// The names in the claim's form, for a token made from a principal.
    pub fn texts(&self) -> Vec<String> {
        match self {
            Roles::Every => role::ALL.iter().map(|role| (*role).to_owned()).collect(),
            Roles::Named(named) => named.iter().cloned().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn caller(roles: &[&str]) -> Principal {
        Principal {
            subject: Some("s".to_owned()),
            client_id: None,
            user_id: None,
            roles: Roles::Named(roles.iter().map(|role| (*role).to_owned()).collect()),
            tenants: Tenants::default(),
            session: None,
            expires: None,
        }
    }

    #[test]
    fn a_role_grants_itself_and_an_unknown_one_nothing() {
        let reader = caller(&["contacts:read", "emperor"]);
        assert!(reader.has_any(&["admin", "contacts:read"]));
        assert!(!reader.has_any(&["admin", "contacts:write"]));
        assert!(!reader.has_any(&[]));
        assert!(Principal::local_developer().has_any(&["a-role-of-a-sixth-vendor"]));
        assert!(!Principal::local_developer().has_any(&[]));
    }

    #[test]
    fn calls_are_counted_by_client_then_subject_then_address() {
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let mut who = caller(&[]);
        assert_eq!(who.rate_key(address), RateKey::Subject("s".to_owned()));
        who.client_id = Some("s".to_owned());
        assert_eq!(who.rate_key(address), RateKey::Client("s".to_owned()));
        (who.client_id, who.subject) = (None, None);
        assert_eq!(who.rate_key(address), RateKey::Address(address));
        let nobody = Principal::anonymous();
        assert_eq!(nobody.rate_key(address), RateKey::Address(address));
    }

    #[test]
    fn the_local_developer_may_everything_everywhere() {
        let developer = Principal::local_developer();
        assert!(developer.may("mattr", "default"));
        assert_eq!(developer.only_tenant("kare", "1"), Ok("1".to_owned()));
    }
}
