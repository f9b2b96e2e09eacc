//! Where a table begins, and what separates its cells.
//!
//! Excel writes `sep=;` before the headings, LinkedIn three lines of advice. The headings are the
//! first row in which two cells are known ones, within the first lines of the file.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use csv::{ReaderBuilder, StringRecord, Terminator};

use super::super::encoding::guess;
use super::fields::{self, Mapping};

/// The part of a file in which its headings are looked for, in bytes and in rows.
const HEAD_BYTES: usize = 64 * 1024;
const HEAD_ROWS: usize = 20;
/// What separates cells, where nobody says it, in the order in which it is tried.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// A file of which the beginning was read already.
pub type Rest<R> = io::Chain<Cursor<Vec<u8>>, R>;

/// A file whose headings are the next row to be read.
pub struct Table<R> {
    /// The headings and what comes after them.
    pub from: Rest<R>,
    /// The byte that separates the cells.
    pub separator: u8,
    /// The number of lines before the headings.
    pub lines_before: u64,
    /// Those lines that are not blank.
    pub left_out: Vec<String>,
}

/// Finds the headings.
///
/// # Errors
/// The file can't be read.
pub fn find<R: Read>(
    mut from: R,
    separator: Option<u8>,
    mappings: &[Mapping],
) -> io::Result<Table<R>> {
    let mut head = Vec::new();
    from.by_ref()
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut head)?;
    if head.starts_with(super::super::lines::BYTE_ORDER_MARK) {
        head.drain(..3);
    }
    let mut lines_before = 0;
    let mut separator = separator;
    if let Some((told, bytes)) = told_separator(&head) {
        separator = separator.or(Some(told));
        head.drain(..bytes);
        lines_before = 1;
    }
    let candidates: Vec<u8> = match separator {
        Some(separator) => vec![separator],
        None => SEPARATORS.to_vec(),
    };
    let mut found: Option<(u8, usize, u64, usize)> = None;
    for candidate in candidates {
        for (at, line, cells) in rows(&head, candidate) {
            let known = fields::known(&cells, mappings);
            let is_better = found.is_none_or(|(.., most)| known > most);
            // One that is known may be a word of somebody's advice, but for the first row's.
            if is_better && (known >= 2 || (known == 1 && at == 0)) {
                found = Some((candidate, at, line, known));
            }
            if known >= 2 {
                break;
            }
        }
    }
    let (separator, at, line, _) = found.unwrap_or((separator.unwrap_or(b','), 0, 0, 0));
    let before: Vec<u8> = head.drain(..at).collect();
    let (before, _) = guess(&before);
    let left_out = before.lines().filter(|line| !line.trim().is_empty());
    Ok(Table {
        left_out: left_out.map(str::to_owned).collect(),
        from: Cursor::new(head).chain(from),
        separator,
        lines_before: lines_before + line,
    })
}

/// The separator that a first line `sep=;` tells, and how long the line is.
fn told_separator(head: &[u8]) -> Option<(u8, usize)> {
    let end = head.iter().position(|byte| *byte == b'\n')?;
    let line = head.get(..end)?;
    let line = line.trim_ascii_start().strip_prefix(b"\"").unwrap_or(line);
    let (name, rest) = line.split_at_checked(4)?;
    let separator = rest
        .first()
        .filter(|_| name.eq_ignore_ascii_case(b"sep="))?;
    Some((*separator, end + 1))
}

/// The first rows: at which byte and line each begins, and its cells.
fn rows(head: &[u8], separator: u8) -> Vec<(usize, u64, Vec<String>)> {
    let mut reader = ReaderBuilder::new()
        .delimiter(separator)
        .terminator(Terminator::Any(b'\n'))
        .has_headers(false)
        .flexible(true)
        .from_reader(head);
    let mut rows = Vec::new();
    let mut row = csv::ByteRecord::new();
    while rows.len() < HEAD_ROWS && matches!(reader.read_byte_record(&mut row), Ok(true)) {
        let at = row.position().map_or(0, csv::Position::byte);
        let cells = row.iter().map(|cell| guess(cell).0.trim().to_owned());
        let cells: StringRecord = cells.collect();
        let begin = usize::try_from(at).unwrap_or(0);
        // Blank lines are read with the row behind them.
        let blank = head.get(begin..).unwrap_or_default();
        let blank = blank.iter().take_while(|byte| **byte == b'\n').count();
        let before = head.get(..begin + blank).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() as u64;
        rows.push((
            begin + blank,
            line,
            cells.iter().map(str::to_owned).collect(),
        ));
    }
    rows
}

/// Gives a line feed for each line end, so that a file of an old Mac has lines, too.
///
/// A carriage return alone ends lines only where it ended the first one, or the file; elsewhere it
/// is a part of its cell.
pub struct Newlines<R> {
    from: BufReader<R>,
    /// Whether a carriage return alone ends a line; not known before the first line end.
    of_old_mac: Option<bool>,
}

impl<R: Read> Newlines<R> {
    /// Reads the bytes with every line end made a line feed.
    pub fn new(from: R) -> Self {
        Self {
            from: BufReader::with_capacity(HEAD_BYTES, from),
            of_old_mac: None,
        }
    }

    fn next(&mut self) -> io::Result<Option<u8>> {
        let Some(byte) = self.take()? else {
            return Ok(None);
        };
        if byte != b'\r' {
            if byte == b'\n' {
                self.of_old_mac.get_or_insert(false);
            }
            return Ok(Some(byte));
        }
        let is_end = match self.peek()? {
            Some(b'\n') => {
                self.from.consume(1);
                self.of_old_mac.get_or_insert(false);
                true
            }
            Some(_) => *self.of_old_mac.get_or_insert(true),
            None => true,
        };
        Ok(Some(if is_end { b'\n' } else { b'\r' }))
    }

    fn take(&mut self) -> io::Result<Option<u8>> {
        let byte = self.peek()?;
        self.from.consume(usize::from(byte.is_some()));
        Ok(byte)
    }

    /// The next byte, which stays the next one.
    fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            match self.from.fill_buf() {
                Ok(bytes) => return Ok(bytes.first().copied()),
                // Whoever tried again would have lost what was read before.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl<R: Read> Read for Newlines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut kept = 0;
        for place in buffer {
            // What has come is given before more is waited for.
            if kept > 0 && self.from.buffer().is_empty() {
                break;
            }
            let Some(byte) = self.next()? else {
                break;
            };
            *place = byte;
            kept += 1;
        }
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headings_are_found_behind_what_stands_before_them() {
        let check = |text: &str, separator: u8, first: &str, lines: u64, left: &[&str]| {
            let mut table = find(Newlines::new(text.as_bytes()), None, &[]).expect("a slice");
            let mut rest = String::new();
            table.from.read_to_string(&mut rest).expect("UTF-8");
            assert_eq!(rest.lines().next(), Some(first), "{text:?}");
            assert_eq!(table.separator, separator, "{text:?}");
            assert_eq!(
                (table.lines_before, table.left_out.as_slice()),
                (
                    lines,
                    &left.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>()[..]
                )
            );
        };
        check("name,email\nAnn,", b',', "name,email", 0, &[]);
        check("name\nAnn", b',', "name", 0, &[]);
        check("\u{feff}name;email\rAnn;", b';', "name;email", 0, &[]);
        check("name\temail\r\nAnn\t", b'\t', "name\temail", 0, &[]);
        check("sep=;\r\nname;email\r\n", b';', "name;email", 1, &[]);
        check(
            "Notes:\r\n\"When, exporting\"\r\n\r\nFirst Name,Last Name\r\nAnn,E\r\n",
            b',',
            "First Name,Last Name",
            3,
            &["Notes:", "\"When, exporting\""],
        );
        check("x,y\n1,2", b',', "x,y", 0, &[]);
    }
    #[test]
    fn a_return_alone_ends_lines_where_it_ends_the_first_one() {
        for (text, want) in [
            ("a,b\r\nc\rd,e\r\n", "a,b\nc\rd,e\n"),
            ("a,b\nc\rd,\"e\r\nf\"\n", "a,b\nc\rd,\"e\nf\"\n"),
            ("a,b\rc,d\r\re", "a,b\nc,d\n\ne"),
            ("a,b\rc\r\nd", "a,b\nc\nd"),
            ("a\r\r\nb\r\r\n", "a\n\nb\n\n"),
            ("a\r\nb\r", "a\nb\n"),
            ("a\r", "a\n"),
            ("a", "a"),
        ] {
            let mut read = String::new();
            let mut newlines = Newlines::new(text.as_bytes());
            newlines.read_to_string(&mut read).expect("UTF-8");
            assert_eq!(read, want, "{text:?}");
        }
    }
}
