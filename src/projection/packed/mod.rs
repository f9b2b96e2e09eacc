//! What the view of contacts is packed into: arrays that are never moved, and tables of numbers
//! into them.
//!
//! A view of millions of contacts is folded while readers wait, so nothing here copies or hashes
//! everything at once when it grows. Whatever has a name of many bytes (an owner, an actor, an id)
//! is held once and named by its number in four. `u32::MAX` numbers nothing.

mod chunks;
mod commands;
mod history;
mod interned;
mod members;
mod number;
mod receipts;
mod row;
mod steps;
mod table;
mod tags;
mod vendor_keys;

pub use chunks::Chunks;
pub use commands::Commands;
pub use history::History;
pub use interned::Interned;
pub use members::Members;
pub use number::{NONE, U48};
pub use receipts::{IdempotencyEntry, Receipts};
pub use row::{KeyKind, Moment, Row};
pub use steps::Steps;
pub use tags::Tags;
pub use vendor_keys::VendorKeys;
