//! The forms of a file, and which of them reads or writes one.

use std::io::{self, BufReader, Cursor, Read, Write};
use std::path::Path;

use clap::ValueEnum;

use super::super::super::exit::Failure;
use super::reading::Reading;
use super::record::Record;
use super::writer::{VcardVersion, Writer};
use super::{array, encoding, ndjson, table, vcard};

/// The beginning of a file of JSON that tells how it is laid out, in bytes.
const HEAD_BYTES: u64 = 64;

/// A form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line of JSON each: Cards, or contacts as our own API shows them; an array of them, or one over
    /// several lines, is read, too
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
        // JSON that is not UTF-8 is refused, line by line.
        let named = how
            .encoding
            .filter(|named| self != Self::Ndjson || !named.is_utf8());
        let from = encoding::decode(from, named).map_err(|error| unreadable(&error))?;
        let is_decoded = from.is_decoded;
        let records: Records = match self {
            Self::Ndjson => {
                let mut bytes = from.bytes;
                let mut start = Vec::new();
                let mut head = bytes.by_ref().take(HEAD_BYTES);
                head.read_to_end(&mut start)
                    .map_err(|error| unreadable(&error))?;
                let layout = array::Layout::of(&start);
                let from = BufReader::new(Cursor::new(start).chain(bytes));
                match layout {
                    Some(layout) => Box::new(array::Reader::new(from, layout)),
                    None => Box::new(ndjson::Reader::new(from)),
                }
            }
            Self::Csv => Box::new(table::Reader::new(from.bytes, how)?),
            Self::Vcard => Box::new(vcard::Reader::new(from)),
        };
        Ok(if is_decoded {
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

#[cfg(test)]
mod tests {
    use super::super::note::Note;
    use super::*;

    /// The name of the only contact of a file, and what is said of it.
    fn read(format: Format, bytes: &[u8], encoding: Option<&str>) -> (Option<String>, Vec<Note>) {
        let how = Reading {
            encoding: encoding.map(|name| name.parse().expect("a name")),
            ..Reading::default()
        };
        let records = format.read(Cursor::new(bytes.to_vec()), &how);
        let mut records = records.map_err(|failure| failure.message).expect("a file");
        let record = records.next().expect("a record").expect("it is readable");
        let name = record.card.ok().and_then(|card| {
            let name = card.pointer("/name/full")?;
            name.as_str().map(str::to_owned)
        });
        (name, record.notes)
    }

    #[test]
    fn bytes_that_an_encoding_does_not_have_are_said() {
        let table = b"name,email\nA\xf6B,\n".as_slice();
        let guessed = Note::guessed_encoding();
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(read(Format::Csv, table, None), (some("AöB"), vec![guessed]));
        let replaced = (some("A\u{fffd}B"), vec![Note::Unreadable]);
        assert_eq!(read(Format::Csv, table, Some("utf-8")), replaced);
        let lone = |text: &[u16]| -> Vec<u8> {
            let units = [&[0xfeff], text].concat();
            units.into_iter().flat_map(u16::to_le_bytes).collect()
        };
        let utf16: Vec<u16> = "name,email\nA".encode_utf16().collect();
        let utf16 = lone(&[&utf16[..], &[0xd800, u16::from(b'B')]].concat());
        assert_eq!(read(Format::Csv, &utf16, None), replaced);
        // JSON that is not UTF-8 is none.
        let line = b"{\"name\":{\"full\":\"A\xf6B\"}}\n";
        assert_eq!(
            read(Format::Ndjson, line, Some("utf-8")),
            (None, Vec::new())
        );
        let card = b"{\n\"name\":{\"full\":\"A\"}}\n";
        assert_eq!(read(Format::Ndjson, card, None), (some("A"), Vec::new()));
    }
}
