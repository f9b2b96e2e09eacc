//! NDJSON: a Card in each line, or a contact as our own API shows it, whose Card it is about.
//!
//! Contacts are written as the API shows them, so that nothing of them is lost.

use std::io::{self, Read, Write};

use serde_json::Value;

use super::lines::{Line, Lines};
use super::record::{RAW_BYTES_MAX, Record, Wrong};
use crate::dialect::json;

/// Reads one Card from each line.
pub struct Reader<R>(Lines<R>);

impl<R: Read> Reader<R> {
    /// The Cards of a file.
    pub fn new(from: R) -> Self {
        Self(Lines::new(from))
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = match self.0.next(RAW_BYTES_MAX) {
                Ok(line) => line?,
                Err(error) => return Some(Err(error)),
            };
            if !line.bytes.trim_ascii().is_empty() {
                let card = card(&line);
                let line = line.number;
                return Some(Ok(Record::new(line, card)));
            }
        }
    }
}

fn card(line: &Line) -> Result<Value, Wrong> {
    if line.cut {
        return Err(Wrong::longer_than(RAW_BYTES_MAX));
    }
    let value = json::parse(&line.bytes).map_err(|error| match error {
        // There is one line of it, and its number is the file's.
        json::BodyError::Malformed { column, .. } => {
            let is_begun =
                line.bytes.starts_with(b"{") && column >= line.bytes.trim_ascii_end().len();
            let how = match is_begun {
                true => {
                    ", for it has no end; a Card over several lines begins with a line of { alone"
                }
                false => "",
            };
            Wrong::new(
                "malformed_json",
                format!("The line is not JSON at column {column}{how}."),
            )
        }
        error => Wrong::new("malformed_json", error),
    })?;
    Ok(card_of(value))
}

/// The Card of a contact as our own API shows it, or what else there is.
pub fn card_of(value: Value) -> Value {
    match value {
        Value::Object(mut contact)
            if !contact.contains_key("@type")
                && contact.get("card").is_some_and(Value::is_object) =>
        {
            contact.remove("card").unwrap_or_default()
        }
        card => card,
    }
}

/// Writes one contact to each line.
pub struct Writer<W>(pub W);

impl<W: Write> super::writer::Writer for Writer<W> {
    fn write(&mut self, contact: &Value) -> io::Result<()> {
        serde_json::to_writer(&mut self.0, contact)?;
        self.0.write_all(b"\n")
    }

    fn finish(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_is_a_card_or_a_contact_and_a_bad_one_is_skipped() {
        let text = concat!(
            "{\"name\":{\"full\":\"Ann\"}}\n\n",
            "{\"id\":\"7\",\"card\":{\"name\":{\"full\":\"Bob\"}}}\r\n",
            "{oops}\n",
            "{\"@type\":\"Card\",\"card\":{}}"
        );
        let records: Vec<Record> = Reader::new(text.as_bytes())
            .map(|record| record.expect("a slice can be read"))
            .collect();
        let [ann, bob, bad, own] = records.as_slice() else {
            panic!("{records:?}");
        };
        assert_eq!(ann.card, Ok(json!({"name": {"full": "Ann"}})));
        assert_eq!(
            (bob.line, &bob.card),
            (3, &Ok(json!({"name": {"full": "Bob"}})))
        );
        assert_eq!(bad.line, 4);
        let wrong = bad.card.as_ref().expect_err("it is no JSON");
        assert_eq!(wrong.detail, "The line is not JSON at column 2.");
        assert_eq!(own.card, Ok(json!({"@type": "Card", "card": {}})));
        let begun = Reader::new(b"{\"name\":\r\n".as_slice()).next();
        let begun = begun.expect("a line").expect("a slice can be read").card;
        let wrong = begun.expect_err("it has no end").detail;
        assert!(
            wrong.ends_with("several lines begins with a line of { alone."),
            "{wrong}"
        );
    }

    #[test]
    fn a_line_that_is_too_long_is_refused_and_the_next_is_read() {
        let text = format!("\"{}\"\n{{}}\n", "x".repeat(RAW_BYTES_MAX));
        let cards: Vec<_> = Reader::new(text.as_bytes())
            .map(|record| record.expect("a slice can be read").card)
            .collect();
        assert_eq!(
            cards,
            [Err(Wrong::longer_than(RAW_BYTES_MAX)), Ok(json!({}))]
        );
    }
}
