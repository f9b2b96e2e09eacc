//! Oracle Clinical One: contacts of the site service.
//!
//! Known from the vendor's pages: the fields and their lengths, 200 for a create, the error
//! envelope, read and update by id, the list of v2.0 with its filters.
//! Inferred, where the pages are silent or contradict their own examples:
//! - addresses, modes and properties are arrays (as in an older revision); one object counts as
//!   an array of one, a text in `modes` is its `modeCodeValue`, an object with only an `id` is a
//!   reference; two equal items, or two of one id, are refused;
//! - an `id` of the client's names the contact, and the same request again is the same contact;
//! - a type or a status that was not given is CONTACT and ACTIVE; ids of codes are made of their
//!   names, and a list can be filtered by either;
//! - PUT replaces, its `contact.id` may only be the path's, and it takes any media type; a contact as
//!   a read or a list shows it is taken too, and changes what it has;
//! - a list is in the order of creation, has 1,000 rows unless told otherwise, and shows addresses, modes
//!   and properties with an empty `studyUsage`. A contact is associated with the entities that its
//!   properties name;
//! - the history is ours, an array in the form of the vendor's labs' history, of whole contacts.
//!
//! Absent: the deprecated list of v1.0, and a delete (the vendor retires contacts elsewhere).

mod contact;
mod dialect;
mod filter;
mod ids;
mod openapi;
mod replies;
mod requests;
mod routes;
mod rules;
#[cfg(test)]
mod tests;

pub use dialect::DIALECT;
pub use rules::{Oracle, RULES};
