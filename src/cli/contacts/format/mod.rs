//! The forms in which contacts come and go: NDJSON, CSV and vCard.
//!
//! A reader is an iterator of [`Record`]s that holds one of them at a time; a
//! record that can't be read says so and the next one is read. All of them
//! speak Cards (RFC 9553), which our own API takes and gives.

mod array;
mod dates;
mod encoding;
mod form;
mod lines;
mod lost;
mod ndjson;
mod note;
mod reading;
mod record;
mod table;
mod values;
mod vcard;
mod writer;

#[cfg(test)]
mod cases;

pub use encoding::Named;
pub use form::{Format, Records};
pub use note::Note;
pub use reading::Reading;
pub use record::{Record, Wrong, WrongField};
pub use table::{Mappings, delimiter};
pub use writer::VcardVersion;
