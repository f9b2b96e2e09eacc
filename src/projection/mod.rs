//! Folds of the log into what readers ask for.
//!
//! Inline views ([`Contacts`]) are folded by the writer before it answers, so
//! a read never runs behind a write. Catch-up views ([`View`]) run behind it,
//! on threads of their own. Everything here is derived from the log and can be
//! dropped and rebuilt from it. Contents stay in the log, sealed, and are opened
//! when they are read. What a view keeps of a person on the disk goes with the
//! key of the contact, or is taken out before an erasure is answered.

mod contacts;
#[cfg(test)]
mod contacts_tests;
mod correlations;
mod fold;
mod mark;
mod packed;
mod row;
mod saved;
pub mod search;
pub mod statistics;
mod view;

pub use contacts::{Contacts, Entry, TenantKey};
pub use mark::Mark;
pub use packed::{History, IdempotencyEntry};
pub use row::ContactRow;
pub use saved::{Delta, PartError, Parts, VIEW_VERSION};
pub use search::SearchIndex;
pub use statistics::Statistics;
pub use view::{Chore, FoldError, Home, IsOfLog, KeepError, View};
