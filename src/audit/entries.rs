//! The source of the entries that the hash tree is built over: the log, or bundles that were
//! integrated before.

use std::error::Error;

use bytes::Bytes;

use crate::{domain::Position, log};

/// The error of a source of entries, in the source's own words.
pub type EntriesError = Box<dyn Error + Send + Sync>;

/// A source of entries: the log, or bundles that were integrated before.
pub trait Entries {
    /// Reads entries from position `from` on, in order: at least one, at most `limit`.
    ///
    /// # Errors
    /// The entry at `from` cannot be read.
    fn entries(&self, from: Position, limit: usize) -> Result<Vec<Bytes>, EntriesError>;
}

impl Entries for log::Reader {
    fn entries(&self, from: Position, limit: usize) -> Result<Vec<Bytes>, EntriesError> {
        let last = from.plus(limit as u64).previous();
        let entries = self
            .scan(from, last)
            .map(|read| read.map(|(_, entry)| entry));
        Ok(entries.collect::<Result<_, log::ReadError>>()?)
    }
}
