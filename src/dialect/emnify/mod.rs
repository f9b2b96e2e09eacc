//! emnify: contacts of an organisation.
//!
//! Known from the vendor's pages: the bodies, `{}` for a create, 204 for a
//! change, the error codes, paging, filters and sorting of collections, the
//! list of an organisation's events, the token exchange. Inferred: the
//! `Location` of a create (as for users), an outsider's organisation is hidden
//! (404, and an empty list of events, as that page says), texts match a filter
//! where they hold it in any case, errors that the vendor has no code for have
//! their HTTP status as code. Contacts have no event type of their own there,
//! so theirs is "Generic". The event list counts nothing (that would read the
//! whole log), so it has no totals, and can't be sorted by user.

mod card;
mod contact;
mod contract;
mod decode;
mod encode;
mod event;
mod query;
#[cfg(test)]
mod tests;

use super::{Call, Description, Dialect, Method, Refusal, Reply, Request, Route, Scope};
use crate::domain::{DialectId, IdRule, Operation, Owner, Rules};

/// The emnify dialect.
#[derive(Debug)]
pub struct Emnify;

/// What the core must know of it.
pub static RULES: Rules = Rules {
    dialect: DialectId(4),
    name: "emnify",
    event_prefix: "ORGANISATION_CONTACT",
    owner_names: &["org_id"],
    contacts_max: None,
    unique_email: false,
    ids: IdRule::Sequence,
    lookup_keys: None,
    non_sensitive: card::non_sensitive,
    batch_items_max: 1,
};

const CONTACTS: &[&str] = &["/api/v1/organisation/{org_id}/contact"];
const CONTACT: &[&str] = &["/api/v1/organisation/{org_id}/contact/{contact_id}"];
const EVENTS: &[&str] = &["/api/v1/organisation/{org_id}/event"];
const AUTHENTICATE: &[&str] = &["/api/v1/authenticate"];

/// A read of all contacts, from which the other routes differ.
const LIST: Route = Route {
    operation: "list",
    method: Method::Get,
    paths: CONTACTS,
    target: None,
    roles: &["admin", "contacts:read"],
    reads: Some(Operation::RetrieveList),
    writes: false,
    on_bus: true,
};

/// A change of one contact, from which the others differ.
const UPDATE: Route = Route {
    operation: "update",
    method: Method::Patch,
    paths: CONTACT,
    target: Some("contact_id"),
    roles: &["admin", "contacts:write"],
    reads: None,
    writes: true,
    on_bus: true,
};

static ROUTES: [Route; 7] = [
    Route {
        operation: "create",
        method: Method::Post,
        paths: CONTACTS,
        target: None,
        ..UPDATE
    },
    LIST,
    Route {
        operation: "get",
        paths: CONTACT,
        target: Some("contact_id"),
        reads: Some(Operation::Retrieve),
        ..LIST
    },
    UPDATE,
    Route {
        operation: "delete",
        method: Method::Delete,
        ..UPDATE
    },
    Route {
        operation: "events",
        paths: EVENTS,
        roles: &["admin", "auditor"],
        reads: None,
        on_bus: false,
        ..LIST
    },
    Route {
        operation: "authenticate",
        method: Method::Post,
        paths: AUTHENTICATE,
        roles: &[],
        reads: None,
        on_bus: false,
        ..LIST
    },
];

impl Dialect for Emnify {
    fn rules(&self) -> &'static Rules {
        &RULES
    }

    fn routes(&self) -> &'static [Route] {
        &ROUTES
    }

    fn scope(&self, request: &Request<'_>) -> Result<Scope, Reply> {
        match request.route.operation {
            "authenticate" => Ok(Scope::Nobody),
            // An organisation that the caller may not see has no events, rather than being refused.
            "events" => decode::organisation(request).map(|_| Scope::Visible),
            _ => decode::organisation(request).map(Scope::Owner),
        }
    }

    fn owner_of_ids(&self, ids: &[&str]) -> Result<Owner, Reply> {
        let [id] = ids else {
            return Err(self.refuse(&Refusal::UnknownPath));
        };
        let owner = decode::owner(id)?;
        if owner.tenant() == *id {
            Ok(owner)
        } else {
            Err(self.refuse(&Refusal::UnknownPath))
        }
    }

    fn decode(&self, request: &Request<'_>, owner: Option<&Owner>) -> Result<Call, Reply> {
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
}
