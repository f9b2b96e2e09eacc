//! Folds of the log into what readers ask for.
//!
//! Inline views ([`Contacts`]) are folded by the writer before it answers, so
//! a read never runs behind a write. Catch-up views ([`View`]) run behind it,
//! on threads of their own, and are kept in memory. Everything here is derived
//! from the log and can be dropped and rebuilt from it; contents stay in the
//! log, sealed, and are opened when they are read, so that nothing personal of
//! a view is ever on the disk.

mod contacts;
mod row;
pub mod search;
mod snapshot;
pub mod statistics;
mod view;

pub use contacts::{Contacts, IdempotencyEntry, TenantKey};
pub use row::ContactRow;
pub use search::SearchIndex;
pub use snapshot::{SnapshotError, VIEW_VERSION};
pub use statistics::Statistics;
pub use view::{FoldError, View};
