//! MATTR VII: points of contact of an ecosystem's participants.
//!
//! Known from the vendor's pages: the five operations, their bodies and error
//! bodies, ten contacts at most for each participant, the analytic events and
//! how they are queried. Inferred: 400 for the eleventh contact (no page lists
//! a 409 for contacts), a blank name is refused, list order is by creation,
//! the form of the list of event types.
//!
//! Deliberately absent: an event for reading events. The vendor has one, and
//! a log that grows by being looked at.

mod contact;
mod cursor;
mod dialect;
mod events;
mod openapi;
mod replies;
mod requests;
mod routes;
mod rules;
#[cfg(test)]
mod tests;

pub use dialect::DIALECT;
pub use rules::{Mattr, RULES};
