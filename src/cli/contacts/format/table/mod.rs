//! CSV (RFC 4180): a row of headings, then a row for each contact.
//!
//! A cell that a spreadsheet would take for a formula is written with an
//! apostrophe before it, which reading takes away again: what a stranger
//! wrote into a contact must not be carried out by whoever opens the file.

mod address;
mod export;
mod fields;
mod head;
mod row;

use std::io::{self, Read};

use csv::{ByteRecord, ErrorKind, ReaderBuilder};
use serde_json::Value;

use self::fields::Column;
use self::head::{Newlines, Rest};
use super::super::super::exit::Failure;
use super::encoding::guess;
use super::note::Note;
use super::reading::Reading;
use super::record::{RAW_BYTES_MAX, Record, Wrong};

pub use self::export::Writer;
pub use self::fields::Mapping;

/// A reader of contacts from the rows of a table.
pub struct Reader<R: Read> {
    rows: csv::Reader<Bounded<Rest<Newlines<R>>>>,
    columns: Vec<Column>,
    row: ByteRecord,
    lines_before: u64,
    over: bool,
}

/// Gives at most so many bytes until it is granted more: a quote that is never closed would
/// otherwise make one row of the rest of the file.
struct Bounded<R> {
    from: R,
    left: usize,
    /// The number of bytes that were given and the last one, which tells whether the last row ends.
    given: u64,
    last: u8,
}

/// What the crate reads ahead at once, and so may have read before a row begins.
const BUFFER_BYTES: usize = 64 * 1024;
const GRANT_BYTES: usize = RAW_BYTES_MAX + BUFFER_BYTES;

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            let reason = "a row has no end; is a quote in it not closed?";
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        let room = buffer.len().min(self.left);
        let read = self.from.read(buffer.get_mut(..room).unwrap_or_default())?;
        self.left -= read;
        self.given += read as u64;
        let given = buffer.get(..read).unwrap_or_default();
        self.last = given.last().copied().unwrap_or(self.last);
        Ok(read)
    }
}

impl<R: Read> Reader<R> {
    /// The rows of a file, after the headings.
    ///
    /// # Errors
    /// No heading is known, or one that a mapping names is not there.
    pub fn new(from: R, how: &Reading) -> Result<Self, Failure> {
        let unreadable = |error: &dyn std::fmt::Display| {
            Failure::usage(format!("the row of headings can't be read: {error}"))
        };
        let table = head::find(Newlines::new(from), how.delimiter, &how.mappings)
            .map_err(|error| unreadable(&error))?;
        let bounded = Bounded {
            from: table.from,
            left: GRANT_BYTES,
            given: 0,
            last: b'\n',
        };
        let mut rows = ReaderBuilder::new()
            .buffer_capacity(BUFFER_BYTES)
            .delimiter(table.separator)
            .flexible(true)
            .from_reader(bounded);
        let headings = rows.byte_headers().map_err(|error| unreadable(&error))?;
        let headings = headings.iter().map(|cell| guess(cell).0.trim().to_owned());
        let headings: Vec<String> = headings.collect();
        // An empty file is an empty table.
        let columns = if headings.is_empty() {
            Vec::new()
        } else {
            fields::detect(&headings, &how.mappings)?
        };
        say_what_is_odd(&table.left_out, &columns);
        Ok(Self {
            rows,
            columns,
            row: ByteRecord::new(),
            lines_before: table.lines_before,
            over: false,
        })
    }

    /// The line on which the row begins: the crate knows where it ends, which blank lines before it do not move.
    fn line(&self) -> u64 {
        let (end, from) = (self.rows.position(), self.rows.get_ref());
        let has_end = from.last == b'\n' || end.byte() < from.given;
        let breaks = self.row.as_slice().iter().filter(|byte| **byte == b'\n');
        let lines = breaks.count() as u64 + u64::from(has_end);
        self.lines_before + end.line().saturating_sub(lines)
    }

    fn card(&self, notes: &mut Vec<Note>) -> Result<Value, Wrong> {
        if self.row.as_slice().len() > RAW_BYTES_MAX {
            return Err(Wrong::longer_than(RAW_BYTES_MAX));
        }
        let mut beyond = self.row.iter().skip(self.columns.len());
        // A comma that was not quoted has moved the cells behind it: none of them can be trusted.
        if beyond.any(|cell| !cell.trim_ascii().is_empty()) {
            let (cells, headings) = (self.row.len(), self.columns.len());
            let text = format!("The row has {cells} cells, and the headings are {headings}.");
            return Err(Wrong::new("cells", text));
        }
        let mut is_guessed = false;
        let mut cells: Vec<(&Column, String)> = Vec::with_capacity(self.columns.len());
        for (column, cell) in self.columns.iter().zip(&self.row) {
            let (text, guessed) = guess(cell);
            is_guessed |= guessed;
            let plain = export::unguarded(&text);
            if plain != text {
                notes.push(Note::changed(&column.heading, &text, plain));
            }
            // An export says whose a contact was, which an import needs not.
            if !export::ORIGIN.contains(&column.heading.as_str()) {
                cells.push((column, plain.to_owned()));
            }
        }
        if is_guessed {
            notes.push(Note::guessed_encoding());
        }
        row::card(
            cells.iter().map(|(column, cell)| (*column, cell.as_str())),
            notes,
        )
    }
}

/// Says once what is so of every row.
fn say_what_is_odd(left_out: &[String], columns: &[Column]) {
    if !left_out.is_empty() {
        let lines = left_out.join(" | ");
        eprintln!("contactd: these lines before the headings are left out: {lines}");
    }
    let is_unknown = |column: &&Column| {
        column.field.is_none() && !export::ORIGIN.contains(&column.heading.as_str())
    };
    let unknown = columns
        .iter()
        .filter(is_unknown)
        .map(|column| column.heading.as_str());
    let unknown: Vec<&str> = unknown.filter(|heading| !heading.is_empty()).collect();
    if !unknown.is_empty() {
        eprintln!(
            "contactd: these columns fit no part of a contact and are kept as {}; --map gives \
             them a meaning: {}",
            row::COLUMNS,
            unknown.join(", ")
        );
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.over {
            self.rows.get_mut().left = GRANT_BYTES;
            let before = self.rows.position().line();
            match self.rows.read_byte_record(&mut self.row) {
                Ok(false) => return None,
                Ok(true) => {}
                Err(error) => {
                    self.over = true;
                    let line = self.lines_before + before;
                    return Some(Err(unreadable(line, error.kind())));
                }
            }
            if self.row.len() == 1 && self.row.as_slice().trim_ascii().is_empty() {
                continue;
            }
            let mut notes = Vec::new();
            let card = self.card(&mut notes);
            let line = self.line();
            return Some(Ok(Record { line, card, notes }));
        }
        None
    }
}

fn unreadable(line: u64, error: &ErrorKind) -> io::Error {
    io::Error::other(match error {
        ErrorKind::Io(error) => format!("line {line}: {error}"),
        other => format!("line {line}: {other:?}"),
    })
}

/// The byte that separates cells, as an option names it.
pub fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() && *byte != b'"' => Ok(*byte),
        _ => Err("one sign, such as ; or tab".to_owned()),
    }
}

#[cfg(test)]
mod tests;
