//! The durable log: opaque entries at positions without a gap, from 1.
//!
//! There are two copies and one truth. Every group is written to the store,
//! packed into values ([`VALUE_BYTES_MAX`]), and to the journal, as one
//! checksummed frame in files of its own; it is acknowledged when both are on
//! the disk. [`open`] compares the two and completes the one that is behind or
//! damaged; [`verify`] compares all of it and changes nothing; opening with
//! [`OpenOptions::whole`] repairs all of it.
//!
//! | file | what |
//! | --- | --- |
//! | `entry`, `chunk`, `frame` | the bytes on the disk |
//! | `group` | a frame on its way to another log |
//! | `journal` | the second copy, in files |
//! | `append`, `read` | the growing end, and reading beside it |
//! | `compare`, `repair` | comparing the copies; completing one from the other |
//! | `scrub` | reading both again beside the writer |
//! | `open`, `verify` | what is done with the comparison |
//! | `error` | why the log cannot be opened or read |
//!
//! What an entry means is known to `record` alone.

mod append;
mod chunk;
mod compare;
mod entry;
mod error;
mod frame;
mod group;
mod journal;
mod open;
mod read;
pub mod record;
mod repair;
mod scrub;
#[cfg(test)]
mod tests;
mod verify;

pub use append::{AppendError, Appended, Appender, GROUP_BYTES_MAX};
pub use chunk::VALUE_BYTES_MAX;
pub use compare::Gap;
pub use entry::{ENTRY_BYTES_MAX, Piece, Place};
pub use error::{OpenError, ReadError};
pub use group::Group;
pub use journal::{Journal, JournalScan, SEGMENT_BYTES_DEFAULT};
pub use open::{JOURNAL, OpenOptions, Opened, STORE, open};
pub use read::{Archive, NoArchive, Reader, Scan};
pub use repair::{Repair, lost_end};
pub use scrub::{Mended, ScrubError};
pub use verify::{Damage, Verified, verify};
