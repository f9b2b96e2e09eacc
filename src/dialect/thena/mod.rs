//! Thena: customer contacts of an organisation's accounts.
//!
//! Known from the vendor's pages: the bodies, the 13 members of a contact, an
//! e-mail address "unique per organization", bulk with what was skipped,
//! 400 for a bulk of nothing, search, filter, ingestion. Inferred: the errors'
//! shape is NestJS's, 409 for a taken address, 204 for a delete, a type or
//! account that is not known here is named by its id, custom fields are shown
//! as their JSON (the page says texts) and taken back so, ids may be sent with
//! the prefix `C`, an ingestion updates whom it finds by e-mail.
//! In a bulk or an ingestion with wrong items the others go on; `errors` then
//! names what was wrong, which the vendor's page does not have.
//!
//! The vendor's pages have two revisions of who asks: `Authorization` with
//! `x-org-id`, and `x-api-key` alone. Both are taken: the key is the token, and
//! without `x-org-id` the organisation is the token's only one. A token that
//! opens all of them means the default one as a key, and 401 as a bearer token.

mod bulk;
mod contact;
mod dialect;
mod openapi;
mod replies;
mod requests;
mod routes;
mod rules;
#[cfg(test)]
mod tests;

pub use dialect::DIALECT;
pub use rules::{RULES, Thena};
