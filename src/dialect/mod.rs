//! The vendors' APIs, one folder each, all of one shape.
//!
//! A dialect turns a request into a [`Call`]: what to ask of the service, and
//! how to answer in the vendor's own words. It reads no clock, opens nothing,
//! waits for nothing, and knows no sibling; what several of them need stands
//! in this folder's own files. A sixth vendor is one folder, one row in
//! [`ALL`], one file of vectors; `mattr` is the folder to copy:
//!
//! - `mod.rs`: what is known of the vendor and what was inferred, and its rules;
//! - `routes.rs`: its routes, each with what decodes it and what machines may know of it;
//! - `contact.rs`: its contact as a table ([`schema`]), and what an answer adds to it;
//! - `requests.rs`: what it asks for; `filter.rs` and `events.rs` where it has filters and events;
//! - `replies.rs`: its answers, and its words for what is wrong;
//! - `openapi.rs`: the schemas and parameters that are not in the table.

pub mod call;
pub mod describe;
pub mod email;
pub mod emnify;
pub mod fields;
#[cfg(test)]
mod in_memory;
pub mod json;
pub mod kare;
pub mod mattr;
pub mod native;
pub mod oracle;
pub mod placeholder;
pub mod precondition;
pub mod query;
pub mod refusal;
pub mod reply;
pub mod request;
pub mod route;
pub mod schema;
pub mod search;
pub mod thena;
pub mod uri;

pub use call::{Call, Encode, EventPage, Events, Lookup, Missing, Redaction, Version, Write};
pub use describe::{Description, OperationSpec};
pub use query::Query;
pub use refusal::{Refusal, TokenProblem};
pub use reply::Reply;
pub use request::{Caller, Request, Scope};
pub use route::{ApiOperation, Decode, Method, Route};
pub use search::{AsOf, ChangePage, Changes, Keyset, Search, Sort, SortKey};

use crate::domain::{DialectId, Owner, Registry, Rules};
pub use crate::domain::{Filter, List, Order, Page, Window};

/// The API of one vendor: its routes, rules and answers.
pub trait Dialect: Sync {
    /// What the core must know of it.
    fn rules(&self) -> &'static Rules;

    /// The routes of the vendor's API.
    fn routes(&self) -> &'static [Route];

    /// Finds the owner of the contacts that a request is about, from its path, headers and caller.
    ///
    /// # Errors
    /// The vendor's answer to ids that are no ids.
    fn scope(&self, request: &Request<'_>) -> Result<Scope, Reply>;

    /// The owner with these ids, as a message subject spells them: canonical or not at all.
    ///
    /// # Errors
    /// The vendor's answer to ids that are no ids, or not in their one spelling.
    fn owner_of_ids(&self, ids: &[&str]) -> Result<Owner, Reply>;

    /// The vendor's words for a refusal that is not about a command's content.
    fn refuse(&self, refusal: &Refusal) -> Reply;

    /// What machines may know of it: parameters, bodies, answers, errors.
    fn describe(&self) -> Description;

    /// The header that must hold a session token beside the bearer's, if the vendor has one.
    fn session_header(&self) -> Option<&'static str> {
        None
    }

    /// The tenant of a caller who has every tenant and names none.
    fn default_tenant(&self) -> &'static str {
        "default"
    }

    /// Whether the vendor's clients look for `X-RateLimit` headers.
    fn rate_headers(&self) -> bool {
        false
    }

    /// Whether the vendor's own audit trail has reads.
    fn records_reads(&self) -> bool {
        false
    }
}

/// Every dialect. The order is that of their numbers in records.
pub static ALL: &[&dyn Dialect] = &[
    &native::Native,
    &mattr::Mattr,
    &oracle::Oracle,
    &emnify::Emnify,
    &thena::Thena,
    &kare::Kare,
];

/// The rules of every dialect.
pub static REGISTRY: Registry = Registry::new(&[
    &native::RULES,
    &mattr::RULES,
    &oracle::RULES,
    &emnify::RULES,
    &thena::RULES,
    &kare::RULES,
]);

/// The dialect of this number.
#[must_use]
pub fn by_id(id: DialectId) -> Option<&'static dyn Dialect> {
    ALL.iter()
        .copied()
        .find(|dialect| dialect.rules().dialect == id)
}

/// The dialect of this name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static dyn Dialect> {
    ALL.iter()
        .copied()
        .find(|dialect| dialect.rules().name == name)
}
