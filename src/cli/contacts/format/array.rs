//! JSON that is no lines, as other programs write it: each member of an array is a record, or each
//! object that is laid out over several lines.

use std::io::{self, BufRead, Bytes};

use super::lines::BYTE_ORDER_MARK;
use super::ndjson::card_of;
use super::record::{RAW_BYTES_MAX, Record, Wrong};
use crate::dialect::json;

/// The layout of a file of JSON that is no lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// All Cards stand in one array.
    Array,
    /// One Card stands behind the other, each over several lines.
    Objects,
}

impl Layout {
    /// The layout that the beginning of a file tells; none where it may have a record in each line. A
    /// line that is a brace alone is no record.
    pub fn of(start: &[u8]) -> Option<Self> {
        let start = start.strip_prefix(BYTE_ORDER_MARK).unwrap_or(start);
        let start = start.trim_ascii_start();
        if start.starts_with(b"[") {
            return Some(Self::Array);
        }
        let line = start.split(|byte| matches!(byte, b'\n' | b'\r')).next()?;
        (line.trim_ascii_end() == b"{" && line.len() < start.len()).then_some(Self::Objects)
    }

    /// The words for a record of it.
    const fn member(self) -> &'static str {
        match self {
            Self::Array => "The array's member",
            Self::Objects => "The object",
        }
    }
}

/// Reads one Card from each member of an array, or from each object.
pub struct Reader<R: BufRead> {
    layout: Layout,
    bytes: Bytes<R>,
    line: u64,
    after_return: bool,
    place: Place,
}

/// The part of the file that is read next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The blanks and the byte order mark before the array.
    Before,
    /// A member of the array, or its end.
    Within,
    /// The blanks behind the array.
    Behind,
    /// Nothing, for all is read.
    Over,
}

/// A member on its way through its bytes.
#[derive(Default)]
struct Member {
    line: u64,
    bytes: Vec<u8>,
    is_cut: bool,
    depth: u64,
    in_text: bool,
    is_escaped: bool,
}

impl Member {
    fn at(line: u64) -> Self {
        Self {
            line,
            ..Self::default()
        }
    }

    fn take(&mut self, byte: u8) {
        if self.bytes.len() < RAW_BYTES_MAX {
            self.bytes.push(byte);
        } else {
            self.is_cut = true;
        }
        if self.in_text {
            let was_escaped = std::mem::take(&mut self.is_escaped);
            self.is_escaped = byte == b'\\' && !was_escaped;
            self.in_text = byte != b'"' || was_escaped;
            return;
        }
        match byte {
            b'"' => self.in_text = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }

    /// Whether a byte was the last of the member, which stands in no array: an object, or else a line.
    fn ended_with(&self, byte: u8) -> bool {
        match self.bytes.first() {
            Some(b'{') => byte == b'}' && self.depth == 0 && !self.in_text,
            _ => matches!(byte, b'\n' | b'\r'),
        }
    }

    /// Whether a byte that comes now is none of the member's.
    const fn ends_at(&self, byte: u8) -> bool {
        matches!(byte, b',' | b']') && self.depth == 0 && !self.in_text
    }

    fn record(self, layout: Layout) -> Record {
        let card = if self.is_cut {
            Err(Wrong::longer_than(RAW_BYTES_MAX))
        } else {
            let text = format!("{} is not JSON.", layout.member());
            let malformed = |_| Wrong::new("malformed_json", text);
            json::parse(&self.bytes).map_err(malformed).map(card_of)
        };
        Record::new(self.line, card)
    }
}

impl<R: BufRead> Reader<R> {
    /// The records of a file of this layout.
    pub fn new(from: R, layout: Layout) -> Self {
        Self {
            layout,
            bytes: from.bytes(),
            line: 1,
            after_return: false,
            place: Place::Before,
        }
    }

    fn byte(&mut self) -> io::Result<Option<u8>> {
        let byte = self.bytes.next().transpose()?;
        let is_second = std::mem::take(&mut self.after_return) && byte == Some(b'\n');
        self.after_return = byte == Some(b'\r');
        self.line += u64::from(matches!(byte, Some(b'\n' | b'\r')) && !is_second);
        Ok(byte)
    }

    fn read(&mut self) -> io::Result<Option<Record>> {
        let mut member: Option<Member> = None;
        let wrong = |line, text: &str| {
            let wrong = Wrong::new("malformed_json", text);
            Ok(Some(Record::new(line, Err(wrong))))
        };
        while self.place != Place::Over {
            let line = self.line;
            let Some(byte) = self.byte()? else {
                let place = std::mem::replace(&mut self.place, Place::Over);
                return match (member, place) {
                    (_, Place::Behind) => Ok(None),
                    (Some(member), _) => wrong(
                        member.line,
                        &format!("{} has no end.", self.layout.member()),
                    ),
                    (None, _) if self.layout == Layout::Objects => Ok(None),
                    (None, _) => wrong(line, "The array has no end."),
                };
            };
            if self.layout == Layout::Objects {
                if member.is_none()
                    && (byte.is_ascii_whitespace() || BYTE_ORDER_MARK.contains(&byte))
                {
                    continue;
                }
                let read = member.get_or_insert_with(|| Member::at(line));
                read.take(byte);
                if read.ended_with(byte) {
                    return Ok(member.map(|read| read.record(self.layout)));
                }
                continue;
            }
            match (self.place, &mut member) {
                (Place::Before, _) if byte == b'[' => self.place = Place::Within,
                (Place::Before, _) => {}
                (Place::Within, None) if byte == b',' || byte.is_ascii_whitespace() => {}
                (Place::Within, None) if byte == b']' => self.place = Place::Behind,
                (Place::Within, None) => {
                    member.insert(Member::at(line)).take(byte);
                }
                (Place::Within, Some(read)) if read.ends_at(byte) => {
                    if byte == b']' {
                        self.place = Place::Behind;
                    }
                    return Ok(member.map(|read| read.record(self.layout)));
                }
                (Place::Within, Some(read)) => read.take(byte),
                (Place::Behind, _) if byte.is_ascii_whitespace() => {}
                (Place::Behind | Place::Over, _) => {
                    self.place = Place::Over;
                    return wrong(line, "Behind the array stands more, which is not read.");
                }
            }
        }
        Ok(None)
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.read();
        if read.is_err() {
            self.place = Place::Over;
        }
        read.transpose()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(text: &str, want: &[(u64, Result<Value, &str>)]) {
        let layout = Layout::of(text.as_bytes()).expect("no lines");
        let got: Vec<(u64, Result<Value, String>)> = Reader::new(text.as_bytes(), layout)
            .map(|record| record.expect("a slice can be read"))
            .map(|record| (record.line, record.card.map_err(|wrong| wrong.detail)))
            .collect();
        let want: Vec<(u64, Result<Value, String>)> = want
            .iter()
            .map(|(line, card)| (*line, card.clone().map_err(str::to_owned)))
            .collect();
        assert_eq!(got, want, "{text}");
    }

    #[test]
    fn each_member_of_an_array_is_a_record_with_its_line() {
        check(
            "\u{feff}[\r\n  {\"name\": {\"full\": \"A, ]\\\"\"}},\r\n  {\"id\": \"7\",\n\"card\": {\"a\": [1, {}]}}, 3\n]\n",
            &[
                (2, Ok(json!({"name": {"full": "A, ]\""}}))),
                (3, Ok(json!({"a": [1, {}]}))),
                (4, Ok(json!(3))),
            ],
        );
        check("[]", &[]);
        check("[{}]", &[(1, Ok(json!({})))]);
    }

    #[test]
    fn objects_over_several_lines_are_records_and_lines_are_not() {
        check(
            "\u{feff}{\r\n  \"name\": {\"full\": \"A}\"}\r\n}\r\n{\n\"id\": \"7\",\"card\": {\"a\": [1]}\n}\n",
            &[
                (1, Ok(json!({"name": {"full": "A}"}}))),
                (4, Ok(json!({"a": [1]}))),
            ],
        );
        check(
            "{\n\"a\": oops\n}\nwhat\n{}\n{\n\"b\"",
            &[
                (1, Err("The object is not JSON.")),
                (4, Err("The object is not JSON.")),
                (5, Ok(json!({}))),
                (6, Err("The object has no end.")),
            ],
        );
        for lines in ["{\"a\":\n", "{}\n{", "{", "", "\n{oops}\n"] {
            assert_eq!(Layout::of(lines.as_bytes()), None, "{lines}");
        }
        let indented = b"\n{ \n";
        assert_eq!(Layout::of(indented), Some(Layout::Objects));
    }

    #[test]
    fn what_is_wrong_in_an_array_or_around_it_is_said() {
        let no_json = "The array's member is not JSON.";
        check("[{oops},\n{}]", &[(1, Err(no_json)), (2, Ok(json!({})))]);
        check(
            "[{},\n{\"a\": 1",
            &[
                (1, Ok(json!({}))),
                (2, Err("The array's member has no end.")),
            ],
        );
        check(
            "[{}, \n",
            &[(1, Ok(json!({}))), (2, Err("The array has no end."))],
        );
        let more = "Behind the array stands more, which is not read.";
        check("[{}]\n{}\n{}", &[(1, Ok(json!({}))), (2, Err(more))]);
        let long = format!("[\"{}\",\n{{}}]", "x".repeat(RAW_BYTES_MAX));
        let too_long = Wrong::longer_than(RAW_BYTES_MAX).detail;
        check(&long, &[(1, Err(&too_long)), (2, Ok(json!({})))]);
    }
}
