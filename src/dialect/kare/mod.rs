//! Kare: contacts of a company, created in bulk.
//!
//! Known from the vendor's pages: the list, the bulk create and the PATCH,
//! their fields and answers, the session token beside the bearer's. The
//! schema is printed by zod 4, so what is refused, and in which words, is
//! what zod 4 refuses. Inferred: the bodies of errors (an API gateway's for
//! tokens, zod's issues for content), DELETE, `page` and `pageSize`, a
//! company that is not the caller's is not found. Both paths are served, with
//! the gateway's stage `main` and without.
//!
//! Deliberately absent: what a company is. It belongs to another service, so
//! `extend=company` shows its number and nothing that would be made up.

mod contact;
mod email;
mod issue;
mod openapi;
mod replies;
mod requests;
mod routes;
#[cfg(test)]
mod tests;

use super::{Description, Dialect, Refusal, Reply, Request, Route, Scope};
use crate::domain::{DialectId, IdRule, Owner, Rules, limits};

/// The dialect of Kare's API.
#[derive(Debug)]
pub struct Kare;

/// What the core must know of it.
pub static RULES: Rules = Rules {
    dialect: DialectId(6),
    name: "kare",
    event_prefix: "COMPANY_CONTACT",
    owner_names: &["companyId"],
    contacts_max: None,
    unique_email: false,
    ids: IdRule::Sequence,
    lookup_keys: None,
    is_active: None,
    non_sensitive: |card| contact::CONTACT.non_sensitive(card),
    batch_items_max: limits::BATCH_ITEMS_MAX,
};

/// The company of a caller who names none and whose own tenant is no number.
const OWN_COMPANY: &str = "1";

impl Dialect for Kare {
    fn rules(&self) -> &'static Rules {
        &RULES
    }

    fn routes(&self) -> &'static [Route] {
        &routes::ROUTES
    }

    fn scope(&self, request: &Request<'_>) -> Result<Scope, Reply> {
        let own = request.caller.own_tenant.as_deref();
        let company = match (request.param("companyId"), own) {
            (Some(named), _) => named,
            (None, Some(own)) if own.parse::<i64>().is_ok() => own,
            (None, _) => OWN_COMPANY,
        };
        requests::company(company).map(Scope::Owner)
    }

    fn owner_of_ids(&self, ids: &[&str]) -> Result<Owner, Reply> {
        let [company] = ids else {
            return Err(self.refuse(&Refusal::UnknownPath));
        };
        let owner = requests::company(company)?;
        if owner.tenant() == *company {
            Ok(owner)
        } else {
            Err(self.refuse(&Refusal::UnknownPath))
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Reply {
        replies::refusal(refusal)
    }

    fn describe(&self) -> Description {
        openapi::description()
    }

    fn default_tenant(&self) -> &'static str {
        "1"
    }

    fn session_header(&self) -> Option<&'static str> {
        Some("x-session-token")
    }

    fn placeholders(&self) -> &'static [&'static str] {
        &[
            "companyId",
            "{companyId}",
            "<token>",
            "<x-session-token>",
            "<content-type>",
        ]
    }
}
