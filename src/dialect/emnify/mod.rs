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

mod contact;
mod events;
mod filter;
mod openapi;
mod replies;
mod requests;
mod routes;
#[cfg(test)]
mod tests;

use super::{Description, Dialect, Refusal, Reply, Request, Route, Scope};
use crate::domain::{DialectId, IdRule, Owner, Rules};

/// The dialect of emnify's REST API.
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
    is_active: None,
    non_sensitive: |card| contact::CONTACT.non_sensitive(card),
    batch_items_max: 1,
};

impl Dialect for Emnify {
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
        let [id] = ids else {
            return Err(self.refuse(&Refusal::UnknownPath));
        };
        let owner = requests::owner(id)?;
        if owner.tenant() == *id {
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

    fn placeholders(&self) -> &'static [&'static str] {
        &["org_id", ":org_id", "{org_id}", "<token>"]
    }
}
