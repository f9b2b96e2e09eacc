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
mod contact;
mod openapi;
mod replies;
mod requests;
mod routes;
#[cfg(test)]
mod tests;

use super::{Description, Dialect, Refusal, Reply, Request, Route, Scope};
use crate::domain::{DialectId, IdRule, LookupKey, Owner, Rules, limits};

/// The dialect of Thena's API.
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
    is_active: None,
    non_sensitive: |card| contact::CONTACT.non_sensitive(card),
    batch_items_max: limits::BATCH_ITEMS_MAX,
};

impl Dialect for Thena {
    fn rules(&self) -> &'static Rules {
        &RULES
    }

    fn routes(&self) -> &'static [Route] {
        &routes::ROUTES
    }

    fn scope(&self, request: &Request<'_>) -> Result<Scope, Reply> {
        requests::organisation(request).map(Scope::Owner)
    }

    fn owner_of_ids(&self, ids: &[&str]) -> Result<Owner, Reply> {
        match ids {
            [id] => requests::owner(id),
            _ => Err(self.refuse(&Refusal::UnknownPath)),
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Reply {
        replies::refusal(refusal)
    }

    fn describe(&self) -> Description {
        openapi::description()
    }

    fn rate_headers(&self) -> bool {
        true
    }

    fn placeholders(&self) -> &'static [&'static str] {
        &["<token>", "<api-key>"]
    }
}
