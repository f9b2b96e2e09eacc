//! One part: its name, and what its beginning and its end say of it.

use bytes::Buf;

use super::blocks::{BlockReader, END_BYTES, Kind, opened};
use super::error::PartError;
use super::items;
use crate::domain::Position;
use crate::projection::Mark;
use crate::storage::Files;

/// A part on the disk.
#[derive(Clone, Debug)]
pub struct Part {
    /// The name of its file.
    pub(super) name: String,
    /// The mark at which it begins.
    pub(super) from: Mark,
    /// The mark at which it ends.
    pub(super) to: Mark,
    /// The bytes of its file.
    pub(super) bytes: u64,
    /// The rows in it, which a later part may hold again.
    pub(super) rows: u64,
}

/// The name of the part between two positions.
pub(super) fn name_of(from: Position, to: Position) -> String {
    format!("contacts-{:020}-{:020}.view", from.get(), to.get())
}

/// The positions that a part's name says; `None` for the name of any other file.
pub(super) fn positions_of(name: &str) -> Option<(Position, Position)> {
    let between = name.strip_prefix("contacts-")?.strip_suffix(".view")?;
    let (from, to) = between.split_once('-')?;
    let position = |digits: &str| (digits.len() == 20).then(|| Position::parse(digits));
    Some((position(from)??, position(to)??))
}

/// Begins to read a part of a directory.
pub(super) fn reader<'a>(
    files: &'a dyn Files,
    name: &'a str,
) -> Result<BlockReader<'a>, PartError> {
    BlockReader::new(Box::new(move |at, limit| files.read_at(name, at, limit)))
}

impl Part {
    /// Looks at the beginning and the end of a part: between which marks it lies, and that it has come
    /// to its end. Whether it is whole shows when it is read.
    pub(super) fn look(files: &dyn Files, name: &str) -> Result<Self, PartError> {
        let bytes = files.len(name)?;
        let (from, to) = marks(&mut reader(files, name)?)?;
        if positions_of(name) != Some((from.position, to.position)) {
            return Err(PartError::Damaged);
        }
        let end = bytes.saturating_sub(END_BYTES as u64);
        let end = files.read_at(name, end, END_BYTES)?;
        Ok(Self {
            name: name.to_owned(),
            from,
            to,
            bytes,
            rows: rows_said(end).ok_or(PartError::Damaged)?,
        })
    }
}

/// The marks that a part begins with.
pub(super) fn marks(blocks: &mut BlockReader<'_>) -> Result<(Mark, Mark), PartError> {
    let first = blocks.next()?;
    let marks = first.filter(|(kind, _)| *kind == Kind::Marks);
    let (_, marks) = marks.ok_or(PartError::Damaged)?;
    let mut marks: &[u8] = &marks;
    let both = Mark::take(&mut marks).zip(Mark::take(&mut marks));
    both.filter(|_| marks.is_empty()).ok_or(PartError::Damaged)
}

/// The number of rows that the last block of a part says.
fn rows_said(end: Vec<u8>) -> Option<u64> {
    let (kind, end) = opened(end.into())?;
    rows(&end).filter(|_| kind == Kind::End)
}

/// The number of rows that the end of a part says.
pub(super) fn rows(mut end: &[u8]) -> Option<u64> {
    let rows = end.try_get_u64().ok()?;
    end.is_empty().then_some(rows)
}

/// The items of a block, one after the other.
pub(super) fn items_of(
    kind: Kind,
    mut block: &[u8],
) -> impl Iterator<Item = Result<&[u8], PartError>> {
    std::iter::from_fn(move || {
        if block.is_empty() {
            return None;
        }
        let length = items::first_len(kind, block);
        let split = length.and_then(|length| block.split_at_checked(length));
        let (item, rest) = split.unwrap_or_default();
        block = rest;
        Some(split.map(|_| item).ok_or(PartError::Damaged))
    })
}
