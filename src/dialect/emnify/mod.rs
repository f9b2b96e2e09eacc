//! emnify: contacts of an organisation.
//!
//! Known from the vendor's pages: the bodies, `{}` for a create, 204 for a
//! change, the error codes, paging, filters and sorting of collections, the
//! list of an organisation's events, the token exchange. Inferred: the
//! `Location` of a create (as for users), an outsider's organisation is hidden
//! (404, and an empty list of events, as that page says), texts match a filter
//! where they hold it in any case, errors that the vendor has no code for have
//! their HTTP status as code. Contacts have no event type of their own there,
//! so theirs is "Generic". Their list can't be sorted by user. Who logs in with
//! a password or a refresh token is let in where anybody is: this service has
//! no people's passwords.

mod contact;
mod dialect;
mod events;
mod filter;
mod openapi;
mod replies;
mod requests;
mod routes;
mod rules;
#[cfg(test)]
mod tests;

pub use dialect::DIALECT;
pub use rules::{Emnify, RULES};
