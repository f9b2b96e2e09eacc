//! Finds the vCards in a file: the lines from each `BEGIN:VCARD` to its `END:VCARD`.
//!
//! Every line of the file ends up in a vCard or in a [`Piece::Stray`]: none vanishes. Real files
//! have byte order marks where two of them were joined, an `END:VCARD` and the next
//! `BEGIN:VCARD` in one line, and a whole vCard inside another as its AGENT (vCard 2.1).

use std::io::{self, Read};

use super::super::lines::{BYTE_ORDER_MARK, Line, Lines};
use super::super::record::RAW_BYTES_MAX;
use super::content;
use super::property::Property;
use super::raw::{RawCard, RawLine};

/// The longest vCard that is read, in bytes, not counting what is longer than any contact's
/// property.
pub const VCARD_BYTES_MAX: usize = 4 << 20;

/// A piece of a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// The lines of one vCard.
    Card(RawCard),
    /// Lines that stand in no vCard.
    Stray {
        /// The number of the first such line.
        line: u64,
        /// The number of lines, blank ones not counted.
        count: u64,
    },
    /// A vCard without an `END:VCARD`, or one that is too long.
    Broken {
        /// The number of the line where the vCard begins.
        line: u64,
        /// Whether the vCard was too long.
        too_long: bool,
    },
}

/// Finds the vCards in a file.
pub struct Splitter<R> {
    lines: Lines<R>,
    /// What stood behind an `END:VCARD` in the same line.
    rest: Option<Line>,
    /// A `BEGIN:VCARD` that was met before the vCard before it had ended.
    begun: Option<Line>,
}

impl<R: Read> Splitter<R> {
    /// The vCards of a file in UTF-8, or in an encoding that is ASCII where vCards need it.
    pub fn new(from: R) -> Self {
        Self {
            lines: Lines::new(from),
            rest: None,
            begun: None,
        }
    }

    fn line(&mut self) -> io::Result<Option<Line>> {
        match self.rest.take() {
            Some(line) => Ok(Some(line)),
            None => self.lines.next(RAW_BYTES_MAX),
        }
    }

    fn read(&mut self) -> io::Result<Option<Piece>> {
        let mut stray: Option<(u64, u64)> = None;
        while self.begun.is_none() {
            let Some(line) = self.line()? else {
                break;
            };
            if is(&line.bytes, "BEGIN") {
                self.begun = Some(line);
            } else if !trimmed(&line.bytes).is_empty() {
                stray.get_or_insert((line.number, 0)).1 += 1;
            }
        }
        if let Some((line, count)) = stray {
            return Ok(Some(Piece::Stray { line, count }));
        }
        match self.begun.take() {
            Some(begin) => self.card(&begin).map(Some),
            None => Ok(None),
        }
    }

    /// Reads on to the end of the vCard that a line begins. A line that goes on with the one before it
    /// begins and ends nothing, whatever it says (RFC 6350, section 3.2).
    fn card(&mut self, begin: &Line) -> io::Result<Piece> {
        let margin = indent(&begin.bytes);
        let mut card = RawCard {
            line: begin.number,
            lines: Vec::new(),
        };
        // The margins of the vCards inside this one.
        let mut nested: Vec<usize> = Vec::new();
        let (mut kept, mut room) = (0_usize, RAW_BYTES_MAX);
        loop {
            let Some(mut line) = self.line()? else {
                return Ok(broken(&card, false));
            };
            // A vCard that is indented as a whole is not one folded line.
            let indent = indent(&line.bytes);
            let begins = is(&line.bytes, "BEGIN");
            let awaits_agent = begins && nested.is_empty() && card.awaits_agent();
            let is_fold = indent > nested.last().copied().unwrap_or(margin) && !awaits_agent;
            if begins && !is_fold {
                if nested.is_empty() && !awaits_agent {
                    self.begun = Some(line);
                    return Ok(broken(&card, false));
                }
                nested.push(indent);
            }
            line.bytes.drain(..margin.min(indent));
            if let Some(rest) = after_end(&line.bytes).filter(|_| !is_fold) {
                if !rest.is_empty() {
                    let (number, cut) = (line.number, line.cut);
                    let bytes = [&vec![b' '; margin.min(indent)], rest].concat();
                    line.bytes.truncate(b"END:VCARD".len());
                    self.rest = Some(Line { number, bytes, cut });
                }
                if nested.pop().is_none() {
                    break;
                }
                card.push(line, true);
                continue;
            }
            if nested.is_empty() && card.opens_agent(&line) {
                nested.push(margin);
                card.push(line, false);
                continue;
            }
            if content::looks_like_property(&line.bytes) {
                room = RAW_BYTES_MAX;
            }
            if line.bytes.len() > room || line.cut {
                card.cut(line);
                room = 0;
                continue;
            }
            room -= line.bytes.len();
            kept += line.bytes.len();
            card.push(line, !nested.is_empty());
            if kept > VCARD_BYTES_MAX {
                card.lines = Vec::new();
            }
        }
        Ok(if kept > VCARD_BYTES_MAX {
            broken(&card, true)
        } else {
            Piece::Card(card)
        })
    }
}

impl<R: Read> Iterator for Splitter<R> {
    type Item = io::Result<Piece>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

impl RawCard {
    fn push(&mut self, line: Line, is_nested: bool) {
        self.lines.push(RawLine { line, is_nested });
    }

    /// Notes that the property which a line is of is longer than any contact's.
    fn cut(&mut self, mut line: Line) {
        if content::looks_like_property(&line.bytes) {
            line.cut = true;
            self.push(line, false);
        } else if let Some(last) = self.lines.last_mut() {
            last.line.cut = true;
        }
    }

    /// Whether the last line is an AGENT whose vCard is to follow.
    fn awaits_agent(&self) -> bool {
        let last = self.lines.iter().rev().map(|raw| &raw.line.bytes);
        let mut last = last.filter(|bytes| !trimmed(bytes).is_empty());
        last.next()
            .is_some_and(|bytes| agent_value(bytes).is_some_and(<[u8]>::is_empty))
    }

    /// Whether the line is an AGENT in which a vCard begins.
    fn opens_agent(&self, line: &Line) -> bool {
        agent_value(&line.bytes).is_some_and(|value| is(value, "BEGIN"))
    }
}

/// Whether a property that is written would be an AGENT in which a vCard begins.
pub fn opens_agent(property: &Property) -> bool {
    property.name == "AGENT" && is(property.value.as_bytes(), "BEGIN")
}

fn broken(card: &RawCard, too_long: bool) -> Piece {
    let line = card.line;
    Piece::Broken { line, too_long }
}

/// The value of a line that is an AGENT.
fn agent_value(line: &[u8]) -> Option<&[u8]> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (head, value) = line.split_at_checked(colon)?;
    let name = head.split(|byte| *byte == b';').next()?;
    let value = value.get(1..).unwrap_or_default();
    name.eq_ignore_ascii_case(b"AGENT")
        .then_some(trimmed(value))
}

/// A line without the byte order mark and the white space around it.
fn trimmed(line: &[u8]) -> &[u8] {
    let line = line.trim_ascii();
    match line.strip_prefix(BYTE_ORDER_MARK) {
        Some(line) => trimmed(line),
        None => line,
    }
}

fn indent(line: &[u8]) -> usize {
    let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\t');
    line.iter().take_while(is_blank).count()
}

/// Whether the line is `BEGIN:VCARD` or `END:VCARD`, in whichever case.
fn is(line: &[u8], name: &str) -> bool {
    let mut pieces = trimmed(line).splitn(2, |byte| *byte == b':');
    let mut next_is = |want: &[u8]| {
        let piece = pieces.next().unwrap_or_default().trim_ascii();
        piece.eq_ignore_ascii_case(want)
    };
    next_is(name.as_bytes()) && next_is(b"VCARD")
}

/// What stands behind an `END:VCARD` that begins the line.
fn after_end(line: &[u8]) -> Option<&[u8]> {
    if is(line, "END") {
        return Some(&[]);
    }
    let (end, rest) = trimmed(line).split_at_checked(b"END:VCARD".len())?;
    let is_end = end.eq_ignore_ascii_case(b"END:VCARD");
    is_end.then_some(trimmed(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each piece of a file is, in short: a vCard as its lines.
    fn pieces(text: &str) -> Vec<String> {
        let bytes = text.as_bytes().to_vec();
        let show = |piece| match piece {
            Piece::Card(card) => {
                let lines = card.lines.iter().map(|raw| {
                    let text = String::from_utf8_lossy(&raw.line.bytes);
                    let nested = if raw.is_nested { ">" } else { "" };
                    format!("{nested}{text}")
                });
                lines.collect::<Vec<_>>().join("|")
            }
            other => format!("{other:?}"),
        };
        Splitter::new(bytes.as_slice())
            .map(|piece| show(piece.expect("a slice can be read")))
            .collect()
    }

    #[test]
    fn every_line_is_in_some_piece() {
        let card = "BEGIN:VCARD\nFN:A\nEND:VCARD";
        let stray = |line, count| format!("{:?}", Piece::Stray { line, count });
        for (text, want) in [
            (
                format!("{card}\r\n\r\n{card}\r\n"),
                vec!["FN:A".to_owned(), "FN:A".into()],
            ),
            (format!("{card}{card}"), vec!["FN:A".into(), "FN:A".into()]),
            (
                format!("\u{feff}{card}\n\u{feff}{card}"),
                vec!["FN:A".into(), "FN:A".into()],
            ),
            (
                format!("{card}\u{feff}{card}"),
                vec!["FN:A".into(), "FN:A".into()],
            ),
            (card.replace('\n', "\r"), vec!["FN:A".into()]),
            (
                "  BEGIN:VCARD\n  FN:A\n  END:VCARD".into(),
                vec!["FN:A".into()],
            ),
            (
                format!("x\n\ny\n{card} z"),
                vec![stray(1, 2), "FN:A".into(), stray(6, 1)],
            ),
        ] {
            assert_eq!(pieces(&text), want, "{text:?}");
        }
    }

    #[test]
    fn a_vcard_without_an_end_does_not_take_the_next_one_with_it() {
        let broken = |line| {
            format!(
                "{:?}",
                Piece::Broken {
                    line,
                    too_long: false
                }
            )
        };
        let text = "BEGIN:VCARD\nFN:A\nBEGIN:VCARD\nFN:B\nEND:VCARD\nBEGIN:VCARD\nFN:C";
        assert_eq!(pieces(text), [broken(1), "FN:B".into(), broken(6)]);
    }

    #[test]
    fn a_line_that_goes_on_with_the_one_before_it_begins_and_ends_nothing() {
        let folds = "NOTE:a\n END:VCARD\n\tend:vcard\n BEGIN:VCARD\n VERSION:9\n  END:VCARDx";
        let want = format!("FN:A|{}|FN:B", folds.replace('\n', "|"));
        let card = format!("BEGIN:VCARD\nFN:A\n{folds}\nFN:B\nEND:VCARD\n");
        assert_eq!(pieces(&card.repeat(2)), [want.as_str(); 2]);
        let indented: String = card.lines().map(|line| format!("  {line}\r\n")).collect();
        assert_eq!(pieces(&indented.repeat(2)), [want.as_str(); 2]);
        let agent = card.replace(
            "FN:B",
            "AGENT:\n BEGIN:VCARD\n NOTE:c\n  END:VCARD\n END:VCARD\nFN:B",
        );
        let nested = "AGENT:|> BEGIN:VCARD|> NOTE:c|>  END:VCARD|> END:VCARD|FN:B";
        assert_eq!(pieces(&agent), [want.replace("FN:B", nested)]);
        // One that nobody ended takes none of the next one's margin away.
        let text =
            "  BEGIN:VCARD\n  BEGIN:VCARD\n  FN:B\n  END:VCARD  BEGIN:VCARD\n  FN:C\n  END:VCARD";
        let broken = Piece::Broken {
            line: 1,
            too_long: false,
        };
        let want = [format!("{broken:?}"), "FN:B".into(), "FN:C".into()];
        assert_eq!(pieces(text), want);
    }

    #[test]
    fn an_agent_is_a_part_of_its_owner() {
        for agent in [
            "AGENT:\nBEGIN:VCARD",
            "AGENT:BEGIN:VCARD",
            "AGENT;X=1: \n\nBEGIN:VCARD",
        ] {
            let text = format!("BEGIN:VCARD\nFN:A\n{agent}\nFN:B\nEND:VCARD\nEMAIL:a\nEND:VCARD");
            let pieces = pieces(&text);
            let [card] = pieces.as_slice() else {
                panic!("{pieces:?}");
            };
            assert!(card.ends_with("|>FN:B|>END:VCARD|EMAIL:a"), "{card}");
        }
    }

    #[test]
    fn a_picture_longer_than_a_contact_leaves_its_name() {
        let base64 = "A".repeat(RAW_BYTES_MAX + 1);
        let folded = format!("A\n {}", "A".repeat(74)).repeat(RAW_BYTES_MAX / 74 + 2);
        for picture in [base64, folded] {
            let text = format!("BEGIN:VCARD\nFN:A\nPHOTO:{picture}\nEMAIL:a\nEND:VCARD\n");
            let mut pieces = Splitter::new(text.as_bytes());
            let piece = pieces.next().expect("a piece").expect("it can be read");
            let Piece::Card(card) = piece else {
                panic!("{piece:?}");
            };
            assert!(card.lines.iter().any(|raw| raw.line.cut), "cut");
            let kept: usize = card.lines.iter().map(|raw| raw.line.bytes.len()).sum();
            assert!(kept <= RAW_BYTES_MAX + 20, "{kept}");
            let last = card.lines.last().expect("lines");
            assert_eq!(last.line.bytes, b"EMAIL:a");
        }
    }
}
