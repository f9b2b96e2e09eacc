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
mod contract;
mod decode;
mod encode;
mod forms;
mod list;
mod localize;
mod past;
mod problem;
mod rules;
mod schema;
mod tables;
#[cfg(test)]
mod tests;
mod validate;
mod values;

use serde_json::{Map, Value};

use super::{Call, Description, Dialect, Method, Refusal, Reply, Request, Route, Scope};
use crate::domain::{Card, DialectId, IdRule, LookupKey, Operation, Owner, Rules};

/// Our own dialect.
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

/// What of a contact harms nobody: its kind, where it is one of the RFC's and not a client's text.
fn non_sensitive(card: &Card) -> Map<String, Value> {
    let kind = card
        .text("kind")
        .filter(|kind| values::CARD_KINDS.contains(kind));
    kind.map(|kind| ("kind".to_owned(), kind.into()))
        .into_iter()
        .collect()
}

const READ: &[&str] = &["admin", "contacts:read"];
const WRITE: &[&str] = &["admin", "contacts:write"];
const ERASE: &[&str] = &["admin"];

const CONTACTS: &[&str] = &["/contacts"];
const CONTACT: &[&str] = &["/contacts/{id}"];

static ROUTES: [Route; 11] = [
    write("create", Method::Post, CONTACTS).bus(),
    write("upsert", Method::Put, CONTACTS).route(),
    write("bulk", Method::Post, &["/contacts/batch"]).bus(),
    read("list", CONTACTS, Operation::RetrieveList).bus(),
    read("changes", &["/contacts/changes"], Operation::RetrieveList).route(),
    read("get", CONTACT, Operation::Retrieve).of_contact().bus(),
    write("update", Method::Patch, CONTACT).of_contact().bus(),
    write("delete", Method::Delete, CONTACT).of_contact().bus(),
    write("erase", Method::Post, &["/contacts/{id}/erase"])
        .of_contact()
        .only_for(ERASE),
    read("history", &["/contacts/{id}/history"], Operation::Retrieve)
        .of_contact()
        .route(),
    read("diff", &["/contacts/{id}/diff"], Operation::Retrieve)
        .of_contact()
        .route(),
];

/// A route in the making.
struct Draft(Route);

const fn write(operation: &'static str, method: Method, paths: &'static [&'static str]) -> Draft {
    Draft(Route {
        operation,
        method,
        paths,
        target: None,
        roles: WRITE,
        reads: None,
        writes: true,
        on_bus: false,
    })
}

const fn read(operation: &'static str, paths: &'static [&'static str], reads: Operation) -> Draft {
    Draft(Route {
        operation,
        method: Method::Get,
        paths,
        target: None,
        roles: READ,
        reads: Some(reads),
        writes: false,
        on_bus: false,
    })
}

impl Draft {
    const fn of_contact(self) -> Self {
        Self(Route {
            target: Some("id"),
            ..self.0
        })
    }

    const fn only_for(self, roles: &'static [&'static str]) -> Route {
        Route { roles, ..self.0 }
    }

    const fn bus(self) -> Route {
        Route {
            on_bus: true,
            ..self.0
        }
    }

    const fn route(self) -> Route {
        self.0
    }
}

impl Dialect for Native {
    fn rules(&self) -> &'static Rules {
        &RULES
    }

    fn routes(&self) -> &'static [Route] {
        &ROUTES
    }

    fn scope(&self, request: &Request<'_>) -> Result<Scope, Reply> {
        decode::scope(request)
    }

    fn owner_of_ids(&self, ids: &[&str]) -> Result<Owner, Reply> {
        match ids {
            [tenant] => decode::owner(tenant),
            _ => Err(self.refuse(&Refusal::UnknownPath)),
        }
    }

    fn decode(&self, request: &Request<'_>, owner: Option<&Owner>) -> Result<Call, Reply> {
        decode::call(request, owner)
    }

    fn refuse(&self, refusal: &Refusal) -> Reply {
        problem::refusal(refusal)
    }

    fn describe(&self) -> Description {
        contract::description()
    }
}
