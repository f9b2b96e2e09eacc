//! The view of contacts in files, so that opening need not fold the whole log.
//!
//! Each file is a part: what changed from one position of the log to another. The first begins
//! before the first event and each other where the one before it ends, as their names say. A part
//! is written beside the work of the service, whole or not at all, and never changed; small ones
//! are merged into one, so that there are few. A part that is damaged, of another version or of
//! another log is no error: it and those behind it go, and the log is folded from there.
//!
//! ```text
//! contacts-<from>-<to>.view    "contacts" · version (1) · blocks
//! block                        kind (1) · length (4) · items · CRC-32C of all before (4)
//! ```
//!
//! Numbers are big-endian. The bytes of a part depend on the log and the keys alone: two views of
//! the same log make the same part, however often they were saved on the way.
//!
//! # What an erasure leaves
//!
//! The rows are nobody's data, but for the tags of lookup keys: keyed hashes of a person's e-mail
//! addresses and external ids. An erasure must reach them in every part before it is answered, and
//! may not wait until all are written anew. So they never stand in clear: each row's tags are
//! hidden by a key stream made of the [seed](crate::keys::Seed) of the contact's key and of the
//! position of its last change, with their checksum. The erasure overwrites the seed with the key,
//! and the tags in all parts, old copies and cut off files among them, can be read no more. Where the keys
//! were wrapped anew the checksums do not fit, and the log is folded once.

mod blocks;
mod delta;
mod error;
mod items;
mod merge;
mod part;
mod parts;
mod restore;
#[cfg(test)]
mod tests;
mod veil;

pub use delta::Delta;
pub use error::PartError;
pub use parts::Parts;

/// Changes with the meaning of the view: a part of another version is not read.
///
/// Version 2 has tags of e-mail addresses as [`crate::domain::fold::address`] spells them; those of
/// version 1 were only in lower case. It also finds commands by the correlation ids of clients.
/// Version 3 is in parts; the tags of the versions before stood in clear. Version 4 has tags of every
/// contact's e-mail addresses, whichever dialect it is of.
pub const VIEW_VERSION: u8 = 4;
