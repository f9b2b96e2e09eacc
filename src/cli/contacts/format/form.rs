//! The forms of a file, and which of them reads or writes one.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use clap::ValueEnum;

use super::super::super::exit::Failure;
use super::lines::BYTE_ORDER_MARK;
use super::reading::Reading;
use super::record::Record;
use super::writer::{VcardVersion, Writer};
use super::{array, encoding, ndjson, table, vcard};

/// A form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line of JSON each: Cards, or contacts as our own API shows them; one array of them is read, too
    Ndjson,
    /// A table whose first row names its columns; one that is written holds a part of a contact, such
    /// as three of its addresses, and what it leaves out is said
    Csv,
    /// vCard: 2.1, 3.0 and 4.0 are read, 4.0 or 3.0 is written
    Vcard,
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

    /// The name of the form, as people know it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ndjson => "NDJSON",
            Self::Csv => "CSV",
            Self::Vcard => "vCard",
        }
    }

    /// The failure to use an option that is for files of this form alone; `is` says what the file is
    /// instead.
    pub fn alone(self, option: &str, is: &str) -> Failure {
        let (files, name) = match self {
            Self::Ndjson => ("lines of JSON", "ndjson"),
            Self::Csv => ("tables", "csv"),
            Self::Vcard => ("vCards", "vcard"),
        };
        Failure::usage(format!(
            "{option} is of use for {files} alone, and {is}; say --format {name}, or leave it out"
        ))
    }

    /// Reads records.
    ///
    /// # Errors
    /// A table whose columns can't be understood, or a file that can't be decoded.
    pub fn read(self, from: impl Read + 'static, how: &Reading) -> Result<Records, Failure> {
        let unreadable =
            |error: &io::Error| Failure::usage(format!("the file can't be read: {error}"));
        let from = encoding::decode(from, how.encoding).map_err(|error| unreadable(&error))?;
        let records: Records = match self {
            Self::Ndjson => {
                let mut from = BufReader::new(from.bytes);
                let start = from.fill_buf().map_err(|error| unreadable(&error))?;
                let start = start.strip_prefix(BYTE_ORDER_MARK).unwrap_or(start);
                if start.trim_ascii_start().starts_with(b"[") {
                    Box::new(array::Reader::new(from))
                } else {
                    Box::new(ndjson::Reader::new(from))
                }
            }
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
            Self::Vcard => Box::new(vcard::Writer::new(to, version)),
        }
    }
}
