//! A vCard as the lines of a file, before they are read.

use super::super::lines::Line;

/// The lines of a vCard, without its first and its last.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RawCard {
    /// The number of the line where the vCard begins.
    pub line: u64,
    /// The lines in the order of the file.
    pub lines: Vec<RawLine>,
}

/// A line of a vCard.
#[derive(Debug, PartialEq, Eq)]
pub struct RawLine {
    /// The line, or its beginning where it is longer than any contact's property.
    pub line: Line,
    /// Whether the line belongs to a vCard inside this one.
    pub is_nested: bool,
}
