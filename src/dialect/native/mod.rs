//! Our own API: contacts as JSContact Cards (RFC 9553), and every dialect's contacts in one place.
//!
//! `/contacts` creates and changes the contacts of this dialect, and finds,
//! reads, ends and erases those of all: their form is their dialect's, so a
//! merge patch of another dialect's contact is refused (409).
//!
//! A Card is kept as it came: unknown properties stay, `@type`, `version` and
//! `uid` are filled in where they are missing. The one property of our own is
//! `contactd.local:externalId`, a client's own id of the contact (1 to 255
//! characters), by which `PUT /contacts?match=externalId` finds it.
//!
//! The table of a Card's properties is `tables`, in the words of `schema`;
//! `validate`, `rules`, `forms` and `localize` judge a Card by it.

mod attempt;
mod batch;
mod body;
mod card_schema;
mod change;
mod forms;
mod list;
mod localize;
mod openapi;
mod past;
mod problem;
mod replies;
mod requests;
mod routes;
mod rules;
mod schema;
mod tables;
#[cfg(test)]
mod tests;
mod validate;
mod values;

use serde_json::{Map, Value};

pub use attempt::{Unfit, check};
pub use forms::is_id;
pub use problem::sentence;

use super::{Description, Dialect, Refusal, Reply, Request, Route, Scope};
use crate::domain::{Card, DialectId, IdRule, LookupKey, Owner, Rules};

/// The dialect of our own API.
#[derive(Debug)]
pub struct Native;

/// What the core must know of it.
pub static RULES: Rules = Rules {
    dialect: DialectId(1),
    name: "native",
    event_prefix: "CONTACT",
    owner_names: &["tenant"],
    contacts_max: None,
    unique_email: false,
    ids: IdRule::Uuid,
    lookup_keys: Some(lookup_keys),
    is_active: Some(is_active),
    non_sensitive,
    batch_items_max: 200,
};

/// Each e-mail address, and the external id.
fn lookup_keys(card: &Card) -> Vec<LookupKey> {
    let external_id = card.text(tables::EXTERNAL_ID).map(LookupKey::external_id);
    let mut keys: Vec<LookupKey> = card.emails().map(LookupKey::email).collect();
    keys.dedup();
    keys.extend(external_id);
    keys
}

/// A Card from another system may say that its contact is inactive, in a property that the vendor
/// there calls `<its domain>:active` (RFC 9553, section 1.8.1, names such properties).
fn is_active(card: &Card) -> bool {
    let mut properties = card.properties().iter();
    !properties.any(|(name, value)| name.ends_with(":active") && value == false)
}

/// What of a contact harms nobody: its kind, where it is one of the RFC's and not a client's text.
fn non_sensitive(card: &Card) -> Map<String, Value> {
    let kind = card
        .text("kind")
        .filter(|kind| values::CARD_KINDS.contains(kind));
    kind.map(|kind| ("kind".to_owned(), kind.into()))
        .into_iter()
        .collect()
}

impl Dialect for Native {
    fn rules(&self) -> &'static Rules {
        &RULES
    }

    fn routes(&self) -> &'static [Route] {
        &routes::ROUTES
    }

    fn scope(&self, request: &Request<'_>) -> Result<Scope, Reply> {
        requests::scope(request)
    }

    fn owner_of_ids(&self, ids: &[&str]) -> Result<Owner, Reply> {
        match ids {
            [tenant] => requests::owner(tenant),
            _ => Err(self.refuse(&Refusal::UnknownPath)),
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Reply {
        problem::refusal(refusal)
    }

    fn describe(&self) -> Description {
        openapi::description()
    }
}
