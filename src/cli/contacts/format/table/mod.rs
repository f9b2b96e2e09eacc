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
mod rows;

use std::io::{self, Read};

use serde_json::Value;

use self::fields::{Column, Field};
use self::head::{Newlines, Rest};
use self::rows::{Row, Rows};
use super::super::super::exit::Failure;
use super::super::super::formula::unguarded;
use super::super::super::output::err;
use super::encoding::guess;
use super::note::Note;
use super::reading::Reading;
use super::record::{RAW_BYTES_MAX, Record, Wrong};

pub use self::export::Writer;
pub use self::fields::{Mapping, Mappings};

/// A reader of contacts from the rows of a table.
pub struct Reader<R: Read> {
    rows: Rows<Rest<Newlines<R>>>,
    columns: Vec<Column>,
    over: bool,
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
        let mut rows = Rows::new(table.from, table.separator, table.lines_before + 1);
        let headings = match rows.next().map_err(|error| unreadable(&error))? {
            Some(row) => row.cells.map_err(|wrong| unreadable(&wrong.detail))?,
            None => Vec::new(),
        };
        rows.expect(headings.len());
        let headings = headings.iter().map(|cell| guess(cell).0.trim().to_owned());
        let headings: Vec<String> = headings.collect();
        // An empty file is an empty table.
        let mut columns = if headings.is_empty() {
            Vec::new()
        } else {
            fields::detect(&headings, &how.mappings)?
        };
        for column in &mut columns {
            if column.field.is_none() && export::is_origin(&column.heading, &headings) {
                column.field = Some(Field::Origin);
            }
        }
        say_what_is_odd(&table.left_out, &columns);
        Ok(Self {
            rows,
            columns,
            over: false,
        })
    }

    fn card(&self, row: &[Vec<u8>], notes: &mut Vec<Note>) -> Result<Value, Wrong> {
        if row.iter().map(Vec::len).sum::<usize>() > RAW_BYTES_MAX {
            return Err(Wrong::longer_than(RAW_BYTES_MAX));
        }
        let mut beyond = row.iter().skip(self.columns.len());
        // A comma that was not quoted has moved the cells behind it: none of them can be trusted.
        if beyond.any(|cell| !cell.trim_ascii().is_empty()) {
            let (cells, headings) = (row.len(), self.columns.len());
            let text = format!("The row has {cells} cells, and the headings are {headings}.");
            return Err(Wrong::new("cells", text));
        }
        let mut is_guessed = false;
        let mut trimmed = Vec::new();
        let mut cells: Vec<(&Column, String)> = Vec::with_capacity(self.columns.len());
        for (column, cell) in self.columns.iter().zip(row) {
            let (text, guessed) = guess(cell);
            is_guessed |= guessed;
            let plain = match text_of_formula(&text) {
                Some(inner) => inner,
                None => unguarded(&text).to_owned(),
            };
            let stored = plain.trim();
            if plain != text {
                notes.push(Note::changed(&column.heading, &text, stored));
            } else if stored != plain && !stored.is_empty() {
                trimmed.push(column.heading.clone());
            }
            cells.push((column, plain));
        }
        if !trimmed.is_empty() {
            notes.push(Note::Trimmed(trimmed));
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

/// The text of a formula that is nothing but a text, `="0049 2"`: people keep a spreadsheet so from
/// taking a number for one that it calculates with.
fn text_of_formula(cell: &str) -> Option<String> {
    let inner = cell.trim().strip_prefix("=\"")?.strip_suffix('"')?;
    let is_one_text = !inner.replace("\"\"", "").contains('"');
    is_one_text.then(|| inner.replace("\"\"", "\""))
}

/// Whether a row has no cell that says anything.
fn is_blank(row: &Row) -> bool {
    let cells = row.cells.as_ref();
    cells.is_ok_and(|cells| cells.iter().all(|cell| cell.trim_ascii().is_empty()))
}

/// Says once what is so of every row.
fn say_what_is_odd(left_out: &[String], columns: &[Column]) {
    if !left_out.is_empty() {
        let lines = left_out.join(" | ");
        err!("contactd: these lines before the headings are left out: {lines}");
    }
    let unknown = columns
        .iter()
        .filter(|column| column.field.is_none())
        .map(|column| column.heading.as_str());
    let unknown: Vec<&str> = unknown.filter(|heading| !heading.is_empty()).collect();
    if !unknown.is_empty() {
        err!(
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
        if self.over {
            return None;
        }
        let Row { line, cells } = loop {
            let next = self.rows.line();
            match self.rows.next() {
                // Spreadsheets write rows of separators alone behind the last one.
                Ok(Some(row)) if is_blank(&row) => {}
                Ok(row) => break row?,
                Err(error) => {
                    self.over = true;
                    return Some(Err(io::Error::other(format!("line {next}: {error}"))));
                }
            }
        };
        let mut notes = Vec::new();
        let card = cells.and_then(|cells| self.card(&cells, &mut notes));
        Some(Ok(Record { line, card, notes }))
    }
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
