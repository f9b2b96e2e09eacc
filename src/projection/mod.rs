//! Folds of the log into what readers ask for.
//!
//! Inline views ([`Contacts`]) are folded by the writer before it answers, so
//! a read never runs behind a write. Everything here is derived from the log
//! and can be dropped and rebuilt from it; contents stay in the log, sealed,
//! and are opened when they are read, so that no view holds personal data.

mod contacts;
mod entry;
mod snapshot;

pub use contacts::{Contacts, Receipt};
pub use entry::Entry;
pub use snapshot::{SnapshotError, VIEW_VERSION};
