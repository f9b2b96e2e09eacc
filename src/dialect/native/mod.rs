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
//! `validate`, `properties`, `constraints`, `forms` and `localize` judge a Card by it.

mod attempt;
mod batch;
mod body;
mod card_schema;
mod change;
mod codes;
mod constraints;
mod dialect;
mod forms;
mod hints;
mod implied;
mod list;
mod localize;
mod openapi;
mod past;
mod problem;
mod properties;
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
mod walker;

pub use attempt::{Unfit, check};
pub use codes::{CODES, Code, named as code_named};
pub use dialect::DIALECT;
pub use forms::is_id;
pub use hints::{WARNING, warnings};
pub use implied::{is_of_a_card, without_implied};
pub use problem::{Details as Problem, PAGES as PROBLEM_PAGES, sentence};
pub use rules::RULES;
