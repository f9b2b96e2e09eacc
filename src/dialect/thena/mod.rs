//! Thena: customer contacts of an organisation's accounts.
//!
//! Known from the vendor's pages: the bodies, the 13 members of a contact, an
//! e-mail address "unique per organization", bulk with what was skipped,
//! 400 for a bulk of nothing, search, filter, ingestion. Inferred: the errors'
//! shape is NestJS's, 409 for a taken address, 204 for a delete, 401 without
//! `x-org-id`, a type or account that is not known here is named by its id,
//! custom fields are shown as their JSON (the page says texts), ids may be
//! sent with the prefix `C`, an ingestion updates whom it finds by e-mail.
//! In a bulk or an ingestion with wrong items the others go on; `errors` then
//! names what was wrong, which the vendor's page does not have.

mod bulk;
mod card;
mod contact;
mod contract;
mod decode;
mod encode;
#[cfg(test)]
mod tests;

use super::{Call, Description, Dialect, Method, Refusal, Reply, Request, Route, Scope};
use crate::domain::{DialectId, IdRule, LookupKey, Operation, Owner, Rules, limits};

/// The Thena dialect.
#[derive(Debug)]
pub struct Thena;

/// What the core must know of it.
pub static RULES: Rules = Rules {
    dialect: DialectId(5),
    name: "thena",
    event_prefix: "ACCOUNT_CONTACT",
    owner_names: &["x-org-id"],
    contacts_max: None,
    unique_email: true,
    ids: IdRule::Ulid,
    lookup_keys: Some(|card| card.emails().map(LookupKey::email).collect()),
    non_sensitive: card::non_sensitive,
    batch_items_max: limits::BATCH_ITEMS_MAX,
};

const CONTACTS: &[&str] = &["/v1/accounts/contacts"];
const CONTACT: &[&str] = &["/v1/accounts/contacts/{contactId}"];

/// A read of contacts, from which the other reads differ.
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

/// A new contact, from which the other writes differ.
const CREATE: Route = Route {
    operation: "create",
    method: Method::Post,
    paths: CONTACTS,
    target: None,
    roles: &["admin", "contacts:write"],
    reads: None,
    writes: true,
    on_bus: true,
};

static ROUTES: [Route; 8] = [
    CREATE,
    LIST,
    Route {
        operation: "search",
        paths: &["/v1/accounts/contacts/search"],
        on_bus: false,
        ..LIST
    },
    Route {
        operation: "filter",
        method: Method::Post,
        paths: &["/v1/accounts/contacts/filter/ids"],
        on_bus: false,
        ..LIST
    },
    Route {
        operation: "bulk",
        paths: &["/v1/accounts/contacts/bulk"],
        ..CREATE
    },
    Route {
        operation: "ingest",
        paths: &["/v1/accounts/contacts/ingest"],
        on_bus: false,
        ..CREATE
    },
    Route {
        operation: "update",
        method: Method::Put,
        paths: CONTACT,
        target: Some("contactId"),
        ..CREATE
    },
    Route {
        operation: "delete",
        method: Method::Delete,
        paths: CONTACT,
        target: Some("contactId"),
        ..CREATE
    },
];

impl Dialect for Thena {
    fn rules(&self) -> &'static Rules {
        &RULES
    }

    fn routes(&self) -> &'static [Route] {
        &ROUTES
    }

    fn scope(&self, request: &Request<'_>) -> Result<Scope, Reply> {
        decode::organisation(request).map(Scope::Owner)
    }

    fn owner_of_ids(&self, ids: &[&str]) -> Result<Owner, Reply> {
        match ids {
            [id] => decode::owner(id),
            _ => Err(self.refuse(&Refusal::UnknownPath)),
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

    fn rate_headers(&self) -> bool {
        true
    }
}
