//! Merging parts that follow one another into one.
//!
//! Everything that is only ever added is copied in order; of rows the latest counts. The parts are
//! read and written a block at a time, so that merging takes no memory.

use bytes::Bytes;

use super::blocks::{BlockReader, Blocks, Kind};
use super::delta::put_end;
use super::error::PartError;
use super::items;
use super::part::{Part, items_of, marks, name_of, reader};
use crate::storage::Files;

/// The file that a merge is written to until it is whole.
pub(super) const TEMPORARY: &str = "contacts.tmp";
/// Bytes that are written and waited for at a time: a sync of the log waits for all that is on its way
/// to the disk before it, and a merge may write a hundred megabytes.
const WRITE_BYTES: usize = 1 << 20;

/// Merges parts, which follow one another, into a new file; `None` where it was told to stop.
pub(super) fn merge(
    files: &dyn Files,
    parts: &[Part],
    go_on: &dyn Fn() -> bool,
) -> Result<Option<Part>, PartError> {
    let [first, .., last] = parts else {
        return Ok(None);
    };
    if files.has(TEMPORARY)? {
        files.remove(TEMPORARY)?;
    }
    files.create(TEMPORARY)?;
    let mut out = Out {
        files,
        blocks: Blocks::new(),
        bytes: 0,
        go_on,
    };
    out.blocks.item(Kind::Marks, |bytes| {
        first.from.put(bytes);
        last.to.put(bytes);
    });
    for kind in Kind::ADDED {
        for part in parts {
            if !copy(files, part, kind, &mut out)? {
                return Ok(None);
            }
        }
    }
    let Some(rows) = merge_rows(files, parts, &mut out)? else {
        return Ok(None);
    };
    put_end(&mut out.blocks, rows);
    let bytes = out.finish()?;
    let name = name_of(first.from.position, last.to.position);
    files.rename(TEMPORARY, &name)?;
    Ok(Some(Part {
        name,
        from: first.from,
        to: last.to,
        bytes,
        rows,
    }))
}

/// The file that is being written.
struct Out<'a> {
    files: &'a dyn Files,
    blocks: Blocks,
    bytes: u64,
    go_on: &'a dyn Fn() -> bool,
}

impl Out<'_> {
    /// Adds an item; whether to go on.
    fn put(&mut self, kind: Kind, item: &[u8]) -> Result<bool, PartError> {
        self.blocks
            .item(kind, |bytes| bytes.extend_from_slice(item));
        if self.blocks.len() < WRITE_BYTES {
            return Ok(true);
        }
        let closed = self.blocks.take_closed();
        self.bytes += closed.len() as u64;
        self.files.append(TEMPORARY, &closed)?;
        self.files.sync(TEMPORARY)?;
        Ok((self.go_on)())
    }

    /// Writes the rest; the length of the file, which is on the disk.
    fn finish(self) -> Result<u64, PartError> {
        let rest = self.blocks.finish();
        self.files.append(TEMPORARY, &rest)?;
        self.files.sync(TEMPORARY)?;
        Ok(self.bytes + rest.len() as u64)
    }
}

/// Copies the items of one kind; whether to go on.
fn copy(
    files: &dyn Files,
    part: &Part,
    wanted: Kind,
    out: &mut Out<'_>,
) -> Result<bool, PartError> {
    let mut blocks = reader(files, &part.name)?;
    marks(&mut blocks)?;
    while let Some((kind, block)) = blocks.next()? {
        if kind > wanted {
            break;
        }
        if kind < wanted {
            continue;
        }
        for item in items_of(kind, &block) {
            if !out.put(kind, item?)? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Merges the rows of all parts; how many they are, or `None` where it was told to stop.
fn merge_rows(
    files: &dyn Files,
    parts: &[Part],
    out: &mut Out<'_>,
) -> Result<Option<u64>, PartError> {
    let mut sources = Vec::new();
    for part in parts {
        sources.push(Rows::of(files, part)?);
    }
    let mut count = 0;
    while let Some(number) = sources.iter().filter_map(Rows::number).min() {
        let mut latest = None;
        for source in &mut sources {
            if source.number() == Some(number) {
                latest = source.advance()?;
            }
        }
        if let Some(row) = latest {
            count += 1;
            if !out.put(Kind::Rows, &row)? {
                return Ok(None);
            }
        }
    }
    Ok(Some(count))
}

/// The rows of one part, in the order of their numbers.
struct Rows<'a> {
    blocks: BlockReader<'a>,
    block: Bytes,
    next: Option<(u32, Bytes)>,
}

impl<'a> Rows<'a> {
    fn of(files: &'a dyn Files, part: &'a Part) -> Result<Self, PartError> {
        let mut rows = Self {
            blocks: reader(files, &part.name)?,
            block: Bytes::new(),
            next: None,
        };
        rows.advance()?;
        Ok(rows)
    }

    fn number(&self) -> Option<u32> {
        self.next.as_ref().map(|(number, _)| *number)
    }

    /// Gives the next row and reads on to the one behind it.
    fn advance(&mut self) -> Result<Option<Bytes>, PartError> {
        while self.block.is_empty() {
            match self.blocks.next()? {
                Some((Kind::Rows, block)) => self.block = block,
                Some(_) => {}
                None => return Ok(self.next.take().map(|(_, row)| row)),
            }
        }
        let length = items::first_len(Kind::Rows, &self.block).ok_or(PartError::Damaged)?;
        let row = self.block.split_to(length);
        let number = items::row_number(&row).ok_or(PartError::Damaged)?;
        let before = self.next.replace((number, row));
        Ok(before.map(|(_, row)| row))
    }
}
