//! CSV (RFC 4180): a row of headings, then a row for each contact.
//!
//! A cell that a spreadsheet would take for a formula is written with an
//! apostrophe before it, which reading takes away again: what a stranger
//! wrote into a contact must not be carried out by whoever opens the file.

use std::io::{self, Read, Write};

use csv::{ByteRecord, ErrorKind, ReaderBuilder, Terminator};
use serde_json::Value;

use super::super::super::exit::Failure;
use super::columns::{self, EXPORTED, Field, ORIGIN};
use super::{RAW_BYTES_MAX, Reading, Record, Wrong};

/// Reads rows.
pub struct Reader<R> {
    rows: csv::Reader<Bounded<R>>,
    columns: Vec<Option<Field>>,
    row: ByteRecord,
    over: bool,
}

/// Gives at most so many bytes until it is granted more: a quote that is never closed would
/// otherwise make one row of the rest of the file.
struct Bounded<R> {
    from: R,
    left: usize,
    /// How many bytes were given, and the last of them: whether the last row has an end.
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
        let bounded = Bounded {
            from,
            left: GRANT_BYTES,
            given: 0,
            last: b'\n',
        };
        // A carriage return stays at the end of a row's last cell, which is trimmed; if the crate
        // took it for an end, it would count the lines wrongly.
        let mut rows = ReaderBuilder::new()
            .buffer_capacity(BUFFER_BYTES)
            .delimiter(how.delimiter.unwrap_or(b','))
            .terminator(Terminator::Any(b'\n'))
            .from_reader(bounded);
        let headings = rows.headers().map_err(|error| {
            Failure::usage(format!("the row of headings can't be read: {error}"))
        })?;
        let headings: Vec<String> = headings.iter().map(|text| text.trim().to_owned()).collect();
        let columns = columns::detect(&headings, &how.mappings)?;
        say_what_is_left_out(&headings, &columns);
        Ok(Self {
            rows,
            columns,
            row: ByteRecord::new(),
            over: false,
        })
    }

    /// Where the row begins: the crate knows where it ends, which blank lines before it do not move.
    fn line(&self) -> u64 {
        let (end, from) = (self.rows.position(), self.rows.get_ref());
        let has_end = from.last == b'\n' || end.byte() < from.given;
        let breaks = self.row.as_slice().iter().filter(|byte| **byte == b'\n');
        let lines = breaks.count() as u64 + u64::from(has_end);
        end.line().saturating_sub(lines)
    }

    fn card(&self) -> Result<Value, Wrong> {
        if self.row.as_slice().len() > RAW_BYTES_MAX {
            return Err(Wrong::too_large());
        }
        let cells: Option<Vec<(Field, &str)>> = self
            .columns
            .iter()
            .zip(&self.row)
            .filter_map(|(field, cell)| Some(((*field)?, cell)))
            .map(|(field, cell)| Some((field, std::str::from_utf8(cell).ok()?)))
            .collect();
        let cells = cells.ok_or_else(Wrong::not_utf8)?;
        columns::card(
            cells
                .into_iter()
                .map(|(field, cell)| (field, unguarded(cell))),
        )
    }
}

fn say_what_is_left_out(headings: &[String], columns: &[Option<Field>]) {
    let unknown: Vec<&str> = headings
        .iter()
        .zip(columns)
        .filter(|(heading, column)| column.is_none() && !ORIGIN.contains(&heading.as_str()))
        .map(|(heading, _)| heading.as_str())
        .collect();
    if !unknown.is_empty() {
        let unknown = unknown.join(", ");
        eprintln!("contactd: these columns are left out; --map takes them: {unknown}");
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.over {
            self.rows.get_mut().left = GRANT_BYTES;
            let before = self.rows.position().line();
            let read = self.rows.read_byte_record(&mut self.row);
            if matches!(read, Ok(false)) {
                return None;
            }
            if self.row.len() == 1 && self.row.as_slice().trim_ascii().is_empty() {
                continue;
            }
            let card = match read.as_ref().map_err(csv::Error::kind) {
                Ok(_) => self.card(),
                Err(ErrorKind::UnequalLengths {
                    expected_len, len, ..
                }) => Err(Wrong::new(
                    "cells",
                    format!("The row has {len} cells, and the headings are {expected_len}."),
                )),
                Err(error) => {
                    self.over = true;
                    return Some(Err(unreadable(before, error)));
                }
            };
            let line = self.line();
            return Some(Ok(Record::new(line, card)));
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

/// Writes rows.
pub struct Writer<W: Write> {
    rows: csv::Writer<W>,
    has_headings: bool,
}

impl<W: Write> Writer<W> {
    /// Rows of a new file.
    pub fn new(to: W) -> Self {
        Self {
            rows: csv::Writer::from_writer(to),
            has_headings: false,
        }
    }

    fn write_headings(&mut self) -> io::Result<()> {
        if self.has_headings {
            return Ok(());
        }
        self.has_headings = true;
        let fields = EXPORTED.iter().map(|(field, nth)| match nth {
            0 => field.name().to_owned(),
            nth => format!("{} {}", field.name(), nth + 1),
        });
        let headings = ORIGIN.iter().map(|name| (*name).to_owned()).chain(fields);
        self.rows.write_record(headings).map_err(io_error)
    }
}

impl<W: Write> super::Writer for Writer<W> {
    fn write(&mut self, contact: &Value) -> io::Result<()> {
        self.write_headings()?;
        let card = contact.get("card").unwrap_or(contact);
        let origin = ORIGIN.iter().map(|name| {
            let text = contact.get(*name).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        });
        let fields = EXPORTED.iter().map(|(field, nth)| {
            let cell = columns::values(card, *field).into_iter().nth(*nth);
            guarded(cell.unwrap_or_default())
        });
        let row = origin.chain(fields);
        self.rows.write_record(row).map_err(io_error)
    }

    fn finish(&mut self) -> io::Result<()> {
        // No contacts are a table, too.
        self.write_headings()?;
        self.rows.flush()
    }
}

/// The crate's own way round forgets the kind, and with it that a pipe was closed.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// Whether a spreadsheet would take a cell for a formula. A sign before a number is non_sensitive.
fn is_formula(text: &str) -> bool {
    let mut signs = text.chars();
    match signs.next() {
        Some('=' | '@' | '\t' | '\r') => true,
        Some('+' | '-') => text.contains(|c: char| c.is_alphabetic() || c == '|' || c == '!'),
        _ => false,
    }
}

fn guarded(text: String) -> String {
    if is_formula(&text) {
        format!("'{text}")
    } else {
        text
    }
}

fn unguarded(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(formula) if is_formula(formula) => formula,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Writer as _;
    use super::*;

    fn read(text: &[u8], delimiter: u8) -> Vec<io::Result<Record>> {
        let how = Reading {
            delimiter: Some(delimiter),
            ..Reading::default()
        };
        let reader = Reader::new(text.to_vec().leak() as &[u8], &how);
        reader.expect("headings").collect()
    }

    #[test]
    fn rows_are_read_with_quotes_marks_and_any_delimiter() {
        let text = "\u{feff}Name;E-Mail;Shoe size\r\n\"Ex;ample, \"\"Ann\"\"\nMaria\";a@b.c;7\r\n\r\nBob;;\r\n";
        let cards: Vec<(u64, Value)> = read(text.as_bytes(), b';')
            .into_iter()
            .map(|record| record.expect("a row"))
            .map(|record| (record.line, record.card.expect("a Card")))
            .collect();
        let ann = json!({"name": {"full": "Ex;ample, \"Ann\"\nMaria"}, "emails": {"1": {"address": "a@b.c"}}});
        assert_eq!(cards, [(2, ann), (5, json!({"name": {"full": "Bob"}}))]);
    }

    #[test]
    fn a_bad_row_is_refused_and_the_next_is_read() {
        let ends: Vec<(u64, Option<String>)> = read(b"name,email\na,b,c\nAnn,\n\xff,\n,\n", b',')
            .into_iter()
            .map(|record| record.expect("a row"))
            .map(|record| (record.line, record.card.err().map(|wrong| wrong.code)))
            .collect();
        let code = |code: &str| Some(code.to_owned());
        let want = [
            (2, code("cells")),
            (3, None),
            (4, code("not_utf8")),
            (5, code("blank")),
        ];
        assert_eq!(ends, want);
    }

    #[test]
    fn a_quote_without_end_ends_the_file_and_not_the_memory() {
        let text = format!("name\nAnn\n\"{}", "x\n".repeat(GRANT_BYTES));
        let records = read(text.as_bytes(), b',');
        assert_eq!(records.len(), 2);
        let error = records.last().expect("two").as_ref().expect_err("an end");
        let text = error.to_string();
        assert!(
            text.starts_with("line 3: ") && text.contains("quote"),
            "{text}"
        );
    }

    #[test]
    fn a_formula_is_written_as_text_and_read_as_it_was() {
        for (text, is) in [
            ("=1+1", true),
            ("@x", true),
            ("+cmd|' /C calc'!A0", true),
            ("+1 555 0100", false),
            ("Ann", false),
            ("'quoted'", false),
        ] {
            assert_eq!(is_formula(text), is, "{text}");
            assert_eq!(unguarded(&guarded(text.to_owned())), text);
        }
    }

    #[test]
    fn contacts_are_written_under_headings_that_are_read_again() {
        let mut text = Vec::new();
        let mut writer = Writer::new(&mut text);
        let card = json!({"uid": "u", "name": {"full": "=Ann"}, "emails": {"1": {"address": "a@b.c"}, "2": {"address": "d@e.f"}}});
        let contact = json!({"id": "7", "tenant": "acme", "dialect": "native", "card": card});
        writer.write(&contact).expect("a row");
        writer.finish().expect("a table");
        drop(writer);
        let records = read(&text, b',');
        let [Ok(record)] = records.as_slice() else {
            panic!("{records:?}");
        };
        assert_eq!(record.card, Ok(card));
    }
}
