//! The forms in which contacts come and go: NDJSON, CSV and vCard.
//!
//! A reader is an iterator of [`Record`]s that holds one of them at a time; a
//! record that can't be read says so and the next one is read. All of them
//! speak Cards (RFC 9553), which our own API takes and gives.

mod dates;
mod encoding;
mod lines;
mod ndjson;
mod note;
mod table;
mod vcard;

#[cfg(test)]
mod cases;

use std::fmt::Display;
use std::io::{self, Read, Write};
use std::path::Path;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::exit::Failure;
use crate::dialect::uri::is_uri;
use crate::domain::limits;

pub use encoding::Named;
pub use note::Note;
pub use table::{Mapping, delimiter};

/// One record as it stands in a file, in bytes: a Card of the largest size, escaped or folded.
const RAW_BYTES_MAX: usize = 2 * limits::RECORD_BYTES_MAX;

/// A form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line of JSON each: Cards, or contacts as our own API shows them
    Ndjson,
    /// A table whose first row names its columns
    Csv,
    /// vCard: 2.1, 3.0 and 4.0 are read, 4.0 or 3.0 is written
    Vcard,
}

/// A version of vCard that is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum VcardVersion {
    /// Fewer values, but read by iOS, macOS and Outlook as well
    #[value(name = "3.0")]
    V3,
    /// All of a contact (RFC 6350, RFC 9555)
    #[default]
    #[value(name = "4.0")]
    V4,
}

/// A contact of a file.
#[derive(Debug)]
pub struct Record {
    /// The number of the line where the record begins, from 1.
    pub line: u64,
    /// The Card, of which only the form is known to be good.
    pub card: Result<Value, Wrong>,
    /// What of the record is not in the Card as it stands in the file.
    pub notes: Vec<Note>,
}

impl Record {
    /// A record all of which is in its Card.
    const fn new(line: u64, card: Result<Value, Wrong>) -> Self {
        Self {
            line,
            card,
            notes: Vec::new(),
        }
    }
}

impl Record {
    /// The record, with a note where it has characters that its encoding did not have.
    fn with_unreadable_noted(mut self) -> Self {
        let is_unreadable = self
            .card
            .as_ref()
            .is_ok_and(|card| card.to_string().contains('\u{fffd}'));
        if is_unreadable {
            self.notes.push(Note::Unreadable);
        }
        self
    }
}

/// The reasons for which a record is refused, in the form of our API's problem details.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Wrong {
    /// What is wrong, for programs.
    pub code: String,
    /// The reasons in one sentence, for people.
    pub detail: String,
    /// What is wrong with which field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<WrongField>,
}

/// What is wrong with a field.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct WrongField {
    /// Its path in the Card, or its column.
    pub field: String,
    /// What is wrong, for programs.
    pub code: String,
    /// The reason as a sentence, for people.
    pub message: String,
}

impl Wrong {
    /// A reason that no single field is.
    pub fn new(code: &str, detail: impl Display) -> Self {
        Self {
            code: code.to_owned(),
            detail: detail.to_string(),
            violations: Vec::new(),
        }
    }

    /// A record that is longer than it may be.
    pub fn longer_than(max: usize) -> Self {
        Self::new(
            "too_large",
            format!("The record has more than {max} bytes."),
        )
    }
}

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

/// The records of a file. An error ends them: what comes after can't be read.
pub type Records = Box<dyn Iterator<Item = io::Result<Record>>>;

impl Format {
    /// The format that a file's name ends with.
    pub fn of_path(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "ndjson" | "jsonl" | "json" => Some(Self::Ndjson),
            "csv" => Some(Self::Csv),
            "vcf" | "vcard" => Some(Self::Vcard),
            _ => None,
        }
    }

    /// Reads records.
    ///
    /// # Errors
    /// A table whose columns can't be understood, or a file that can't be decoded.
    pub fn read(self, from: impl Read + 'static, how: &Reading) -> Result<Records, Failure> {
        let from = encoding::decode(from, how.encoding)
            .map_err(|error| Failure::usage(format!("the file can't be read: {error}")))?;
        let records: Records = match self {
            Self::Ndjson => Box::new(ndjson::Reader::new(from.bytes)),
            Self::Csv => Box::new(table::Reader::new(from.bytes, how)?),
            Self::Vcard => Box::new(vcard::Reader::new(from)),
        };
        Ok(if how.encoding.is_some() {
            Box::new(records.map(|record| record.map(Record::with_unreadable_noted)))
        } else {
            records
        })
    }

    /// Writes contacts as our own API shows them.
    pub fn writer<'a>(self, to: impl Write + 'a, version: VcardVersion) -> Box<dyn Writer + 'a> {
        match self {
            Self::Ndjson => Box::new(ndjson::Writer(to)),
            Self::Csv => Box::new(table::Writer::new(to)),
            Self::Vcard => Box::new(vcard::Writer { to, version }),
        }
    }
}

/// The link that is meant by an address without a scheme, such as `www.example.org`; another text
/// stays as it is.
fn link(text: &str) -> String {
    let host = text.split('/').next().unwrap_or_default();
    let meant = format!("https://{text}");
    if !is_uri(text) && host.contains('.') && !host.contains('@') && is_uri(&meant) {
        meant
    } else {
        text.to_owned()
    }
}

/// The address in `Ann <ann@example.com>`, `mailto:ann@example.com` and `ann@example.com.`
fn mail_address(text: &str) -> &str {
    let text = text.trim();
    let inner = text
        .strip_suffix('>')
        .and_then(|text| Some(text.rsplit_once('<')?.1));
    let text = inner.unwrap_or(text).trim();
    let scheme = text.get(..7).unwrap_or_default();
    let text = if scheme.eq_ignore_ascii_case("mailto:") {
        text.get(7..).unwrap_or(text)
    } else {
        text
    };
    text.strip_suffix('.')
        .filter(|text| text.contains('@'))
        .unwrap_or(text)
}

/// Writes contacts in a format.
pub trait Writer {
    /// Writes one contact to the file.
    fn write(&mut self, contact: &Value) -> io::Result<()>;
    /// Writes what is still held back.
    fn finish(&mut self) -> io::Result<()>;
}
