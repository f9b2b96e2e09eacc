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
mod contract;
mod decode;
mod email;
mod encode;
mod issue;
#[cfg(test)]
mod tests;

use super::{Call, Description, Dialect, Method, Refusal, Reply, Request, Route, Scope};
use crate::domain::{DialectId, IdRule, Operation, Owner, Rules, limits};

/// The Kare dialect.
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
    non_sensitive: contact::non_sensitive,
    batch_items_max: limits::BATCH_ITEMS_MAX,
};

/// The company of a caller who names none and whose own tenant is no number.
const OWN_COMPANY: &str = "1";

const CONTACTS: &[&str] = &[
    "/companies/v2/rs/{companyId}/contacts",
    "/main/companies/v2/rs/{companyId}/contacts",
];
const CONTACT: &[&str] = &[
    "/companies/v2/rs/{companyId}/contacts/{contactId}",
    "/main/companies/v2/rs/{companyId}/contacts/{contactId}",
];

static ROUTES: [Route; 4] = [
    write("create", Method::Post, CONTACTS, None),
    Route {
        operation: "list",
        method: Method::Get,
        paths: CONTACTS,
        target: None,
        roles: &["admin", "contacts:read"],
        reads: Some(Operation::RetrieveList),
        writes: false,
        on_bus: true,
    },
    write("update", Method::Patch, CONTACT, Some("contactId")),
    write("delete", Method::Delete, CONTACT, Some("contactId")),
];

const fn write(
    operation: &'static str,
    method: Method,
    paths: &'static [&'static str],
    target: Option<&'static str>,
) -> Route {
    Route {
        operation,
        method,
        paths,
        target,
        roles: &["admin", "contacts:write"],
        reads: None,
        writes: true,
        on_bus: true,
    }
}

impl Dialect for Kare {
    fn rules(&self) -> &'static Rules {
        &RULES
    }

    fn routes(&self) -> &'static [Route] {
        &ROUTES
    }

    fn scope(&self, request: &Request<'_>) -> Result<Scope, Reply> {
        let own = request.caller.own_tenant.as_deref();
        let company = match (request.param("companyId"), own) {
            (Some(named), _) => named,
            (None, Some(own)) if own.parse::<i64>().is_ok() => own,
            (None, _) => OWN_COMPANY,
        };
        decode::company(company).map(Scope::Owner)
    }

    fn owner_of_ids(&self, ids: &[&str]) -> Result<Owner, Reply> {
        let [company] = ids else {
            return Err(self.refuse(&Refusal::UnknownPath));
        };
        let owner = decode::company(company)?;
        if owner.tenant() == *company {
            Ok(owner)
        } else {
            Err(self.refuse(&Refusal::UnknownPath))
        }
    }

    fn decode(&self, request: &Request<'_>, owner: Option<&Owner>) -> Result<Call, Reply> {
        let Some(owner) = owner else {
            return Err(self.refuse(&Refusal::UnknownPath));
        };
        decode::call(request, owner)
    }

    fn refuse(&self, refusal: &Refusal) -> Reply {
        encode::refusal(refusal)
    }

    fn describe(&self) -> Description {
        contract::description()
    }

    fn default_tenant(&self) -> &'static str {
        "1"
    }

    fn session_header(&self) -> Option<&'static str> {
        Some("x-session-token")
    }
}
