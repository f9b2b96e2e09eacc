//! How a file is read, beside what its format says.

use super::encoding::Named;
use super::table::Mapping;

/// Options for reading a file, beside what its format says.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// The byte that separates the cells of a table; guessed where it is not given.
    pub delimiter: Option<u8>,
    /// The columns of a table, each with what it holds.
    pub mappings: Vec<Mapping>,
    /// The encoding, where the file's own mark does not tell.
    pub encoding: Option<Named>,
}
