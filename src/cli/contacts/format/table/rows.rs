//! The rows of a table, of which the quotes are judged (RFC 4180).
//!
//! A quote that is not closed takes in the rows behind it up to the next quote, and a lenient
//! reader makes one cell of them. Here such a row is refused, and reading goes on behind the line
//! on which its quote opens. Nobody knows of the lines that the quote took in whether they are
//! rows or a part of its cell: one is a row if it has a cell for each heading and no quote astray;
//! the others are refused, each by its number.

use std::io::{self, Read};

use super::super::record::{RAW_BYTES_MAX, Wrong};

/// A row with its quotes: as long as one may be each of whose signs is doubled.
const ROW_BYTES_MAX: usize = 2 * RAW_BYTES_MAX;
const BUFFER_BYTES: usize = 64 * 1024;

/// A row that is not blank.
#[derive(Debug)]
pub struct Row {
    /// The number of the line on which it begins.
    pub line: u64,
    /// Its cells, or why they cannot be told.
    pub cells: Result<Vec<Vec<u8>>, Wrong>,
}

/// Reads row by row.
pub struct Rows<R> {
    from: R,
    separator: u8,
    buffer: Vec<u8>,
    /// The place in the buffer where the next row begins, and its line in the file.
    at: usize,
    line: u64,
    /// The cells that a row has which stands where a quote was open.
    width: usize,
    /// The last line that an open quote took in, and the line on which it opens.
    doubt: (u64, u64),
}

/// The kind of place in a row at which a sign stands.
#[derive(Clone, Copy)]
enum Place {
    /// At the beginning of a cell.
    Start,
    /// In a cell without quotes.
    Plain,
    /// In a cell with quotes around it.
    Quoted,
    /// Behind a quote that closes the cell or is the first of two.
    Closed,
    /// Behind a blank that follows the closing quote.
    Behind,
}

/// A row on its way through its signs.
struct Scan {
    place: Place,
    cells: Vec<Vec<u8>>,
    cell: Vec<u8>,
    line: u64,
    /// The line on which the last quote opened, and how far from the row's beginning the next line is.
    opened: u64,
    next_line: Option<usize>,
    /// The quotes in cells that have none around them.
    astray: usize,
}

/// The effect of a sign on the row that it is read of.
enum Step {
    /// The row goes on.
    On,
    /// The row ends here.
    End,
    /// The quotes do not hold: the row cannot be told from the next ones.
    Broken,
}

impl Scan {
    const fn at(line: u64) -> Self {
        Self {
            place: Place::Start,
            cells: Vec::new(),
            cell: Vec::new(),
            line,
            opened: line,
            next_line: None,
            astray: 0,
        }
    }

    /// Takes in the sign at a place of the row, or the end of the file.
    fn take(&mut self, at: usize, byte: Option<u8>, separator: u8) -> Step {
        match (self.place, byte) {
            (Place::Quoted, None) => return Step::Broken,
            (Place::Quoted, Some(b'"')) => self.place = Place::Closed,
            (Place::Quoted, Some(byte)) => {
                if byte == b'\n' {
                    self.line += 1;
                    self.next_line.get_or_insert(at + 1);
                }
                self.cell.push(byte);
            }
            (_, None | Some(b'\n')) => {
                self.cells.push(std::mem::take(&mut self.cell));
                return Step::End;
            }
            (_, Some(byte)) if byte == separator => {
                self.cells.push(std::mem::take(&mut self.cell));
                self.place = Place::Start;
            }
            (Place::Start, Some(b'"')) => {
                self.place = Place::Quoted;
                self.opened = self.line;
                self.next_line = None;
            }
            (Place::Closed, Some(b'"')) => {
                self.place = Place::Quoted;
                self.cell.push(b'"');
            }
            (Place::Closed | Place::Behind, Some(b' ')) => self.place = Place::Behind,
            (Place::Closed | Place::Behind, Some(_)) => return Step::Broken,
            (Place::Start | Place::Plain, Some(byte)) => {
                self.place = Place::Plain;
                self.astray += usize::from(byte == b'"');
                self.cell.push(byte);
            }
        }
        Step::On
    }
}

impl<R: Read> Rows<R> {
    /// The rows of a file whose lines end with line feeds, and the number of its first line.
    pub const fn new(from: R, separator: u8, line: u64) -> Self {
        Self {
            from,
            separator,
            buffer: Vec::new(),
            at: 0,
            line,
            width: 0,
            doubt: (0, 0),
        }
    }

    /// Says how many headings there are.
    pub const fn expect(&mut self, width: usize) {
        self.width = width;
    }

    /// The number of the line on which the next row begins.
    pub const fn line(&self) -> u64 {
        self.line
    }

    /// The next row that is not blank.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn next(&mut self) -> io::Result<Option<Row>> {
        while let Some(row) = self.any()? {
            let is_blank = match row.cells.as_deref() {
                Ok([]) => true,
                Ok([cell]) => cell.trim_ascii().is_empty(),
                _ => false,
            };
            if !is_blank {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    fn any(&mut self) -> io::Result<Option<Row>> {
        let line = self.line;
        let mut scan = Scan::at(line);
        let mut length = 0;
        if self.byte(0)?.is_none() {
            return Ok(None);
        }
        loop {
            let byte = self.byte(length)?;
            let step = if length > ROW_BYTES_MAX {
                Step::Broken
            } else {
                scan.take(length, byte, self.separator)
            };
            match step {
                Step::On => length += 1,
                Step::End => {
                    self.at += length + usize::from(byte.is_some());
                    self.line = scan.line + 1;
                    let cells = self.judged(line, scan);
                    return Ok(Some(Row { line, cells }));
                }
                Step::Broken => {
                    let cells = Err(self.leave(&scan, length)?);
                    return Ok(Some(Row { line, cells }));
                }
            }
        }
    }

    /// The cells of a row, unless it may be a part of a cell whose quote was open. Such a cell goes
    /// on to the next line, unless a quote closes it here.
    fn judged(&mut self, line: u64, scan: Scan) -> Result<Vec<Vec<u8>>, Wrong> {
        let Scan { cells, astray, .. } = scan;
        let (until, opened) = self.doubt;
        let is_whole = cells.len() >= self.width && astray == 0;
        if line > until || is_whole {
            return Ok(cells);
        }
        if astray.is_multiple_of(2) {
            self.doubt.0 = until.max(line + 1);
        }
        if cells.iter().all(|cell| cell.trim_ascii().is_empty()) {
            return Ok(cells);
        }
        let text = format!(
            "The line is no whole row, and may belong to the cell whose quote opens on line {opened}."
        );
        Err(Wrong::new("quote", text))
    }

    /// Leaves a row whose quotes do not hold, or that has no end: the next one begins behind the
    /// line on which its quote opens.
    fn leave(&mut self, scan: &Scan, length: usize) -> io::Result<Wrong> {
        let Scan { opened, line, .. } = *scan;
        let is_long = length > ROW_BYTES_MAX;
        let is_open = matches!(scan.place, Place::Quoted);
        let next_line = scan.next_line.filter(|_| is_open || !is_long);
        match next_line {
            Some(next_line) => {
                // How far a quote reaches that is not closed, nobody knows.
                self.doubt = (if is_open { u64::MAX } else { line }, opened);
                self.at += next_line;
                self.line = opened + 1;
            }
            None => {
                self.at += length;
                self.skip_line()?;
                self.line = line + 1;
            }
        }
        let goes_on = self.line;
        Ok(match scan.place {
            _ if is_long && next_line.is_none() => Wrong::longer_than(RAW_BYTES_MAX),
            Place::Quoted => Wrong::new(
                "quote",
                format!(
                    "The quote that opens on line {opened} is not closed; reading goes on at line \
                     {goes_on}."
                ),
            ),
            _ => Wrong::new(
                "quote",
                format!(
                    "Behind the quote that opens on line {opened} and closes on line {line} stands \
                     neither a separator nor the row's end; a quote in a cell is doubled, and \
                     reading goes on at line {goes_on}."
                ),
            ),
        })
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let rest = self.buffer.get(self.at..).unwrap_or_default();
            match rest.iter().position(|byte| *byte == b'\n') {
                Some(end) => {
                    self.at += end + 1;
                    return Ok(());
                }
                None => self.at = self.buffer.len(),
            }
            if !self.fill()? {
                return Ok(());
            }
        }
    }

    /// The sign so far behind the row's beginning; `None` at the end of the file.
    fn byte(&mut self, place: usize) -> io::Result<Option<u8>> {
        loop {
            if let Some(byte) = self.buffer.get(self.at + place) {
                return Ok(Some(*byte));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Reads more of the file, and forgets what is done with; whether there was more.
    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.drain(..std::mem::take(&mut self.at));
        let more = BUFFER_BYTES as u64;
        Ok(self
            .from
            .by_ref()
            .take(more)
            .read_to_end(&mut self.buffer)?
            > 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Told = (u64, Result<Vec<String>, String>);

    /// The rows behind the headings, each with its line.
    fn rows(text: &str) -> Vec<Told> {
        let mut rows = Rows::new(text.as_bytes(), b',', 1);
        let headings = rows.next().expect("a slice").expect("headings");
        rows.expect(headings.cells.expect("headings").len());
        let texts = |cells: Vec<Vec<u8>>| {
            let text = |cell| String::from_utf8(cell).expect("UTF-8");
            cells.into_iter().map(text).collect()
        };
        let mut told = Vec::new();
        while let Some(Row { line, cells }) = rows.next().expect("a slice") {
            told.push((line, cells.map(texts).map_err(|wrong| wrong.detail)));
        }
        told
    }

    fn check(text: &str, want: &[(u64, Result<&[&str], &str>)]) {
        let got = rows(text);
        assert_eq!(got.len(), want.len(), "{text:?}: {got:?}");
        for ((line, cells), (want_line, want)) in got.iter().zip(want) {
            assert_eq!(line, want_line, "{text:?}: {got:?}");
            match (cells, want) {
                (Ok(cells), Ok(want)) => assert_eq!(cells, want, "{text:?}"),
                (Err(wrong), Err(want)) => assert!(wrong.contains(want), "{text:?}: {wrong}"),
                _ => panic!("{text:?}: {got:?}"),
            }
        }
    }

    #[test]
    fn a_quote_that_is_not_closed_costs_its_own_row_and_no_other() {
        check(
            "Name,Email\n\"A\",a@x.de\n\"B,b@x.de\n\"C\",c@x.de\n\"D\",d@x.de\n",
            &[
                (2, Ok(&["A", "a@x.de"])),
                (3, Err("opens on line 3")),
                (4, Ok(&["C", "c@x.de"])),
                (5, Ok(&["D", "d@x.de"])),
            ],
        );
        check(
            "n,e,x\n\"U,a@b.de,1\nX,c@d.de,2",
            &[
                (
                    2,
                    Err("opens on line 2 is not closed; reading goes on at line 3"),
                ),
                (3, Ok(&["X", "c@d.de", "2"])),
            ],
        );
        check(
            "n,e\nA,a\n\"D,d@b.de",
            &[
                (2, Ok(&["A", "a"])),
                (3, Err("opens on line 3 is not closed")),
            ],
        );
        check(
            "n,e\n\"A\" B,a\n\"C\" ,c\n",
            &[
                (2, Err("opens on line 2 and closes on line 2")),
                (3, Ok(&["C", "c"])),
            ],
        );
    }

    #[test]
    fn the_lines_of_a_broken_cell_make_no_people() {
        check(
            "n,e\n\"note\",\"one\ntwo\nsaid \"hi\" to\nline3\",x@y\nBob\n",
            &[
                (2, Err("opens on line 2 and closes on line 4")),
                (3, Err("may belong to the cell whose quote opens on line 2")),
                (4, Err("may belong")),
                (5, Err("may belong")),
                (6, Ok(&["Bob"])),
            ],
        );
        check(
            "n,e\n\"one\nA,a\nB\"B,b\"\nC,c\n\"two\"\"\n",
            &[
                (2, Err("closes on line 4")),
                (3, Ok(&["A", "a"])),
                (4, Err("may belong")),
                (5, Ok(&["C", "c"])),
                (6, Err("opens on line 6 is not closed")),
            ],
        );
    }

    #[test]
    fn quotes_that_hold_are_read_as_they_are() {
        check(
            "n,e\n\n\"A, \"\"B\"\"\nC\",\"\"\n5\" nail,b",
            &[(3, Ok(&["A, \"B\"\nC", ""])), (5, Ok(&["5\" nail", "b"]))],
        );
    }

    #[test]
    fn a_row_without_end_is_no_heap_of_memory() {
        let long = "x".repeat(ROW_BYTES_MAX + 2 * BUFFER_BYTES);
        for (text, last) in [
            (format!("n,e\n{long}\nA,a\n"), 3),
            (format!("n,e\n\"{long}\",a\nA,a\n"), 3),
        ] {
            let got = rows(&text);
            let wrong = Wrong::longer_than(RAW_BYTES_MAX).detail;
            let ann = Ok(vec!["A".to_owned(), "a".to_owned()]);
            assert_eq!(got, [(2, Err(wrong)), (last, ann)]);
        }
        let lines = "A,a\n".repeat(ROW_BYTES_MAX / 2);
        let text = format!("n,e\n\"{lines}");
        let mut reader = Rows::new(text.as_bytes(), b',', 1);
        let mut count = 0;
        while let Some(row) = reader.next().expect("a slice") {
            count += u64::from(row.cells.is_ok());
            assert!(reader.buffer.len() < 2 * ROW_BYTES_MAX);
        }
        assert_eq!(count, ROW_BYTES_MAX as u64 / 2);
    }

    proptest! {
        #[test]
        fn whatever_is_written_as_a_table_is_read_as_it_was(
            table in prop::collection::vec(prop::collection::vec("[a;, \"\n\t'é]{0,6}", 2..4), 1..6),
            always in any::<bool>(),
            separator in prop::sample::select(b",;\t|".to_vec()),
        ) {
            let style = if always { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
            let mut writer = csv::WriterBuilder::new()
                .delimiter(separator)
                .quote_style(style)
                .flexible(true)
                .from_writer(Vec::new());
            for row in &table {
                writer.write_record(row).expect("memory");
            }
            let bytes = writer.into_inner().expect("memory");
            let mut rows = Rows::new(bytes.as_slice(), separator, 1);
            for row in &table {
                let read = rows.next().expect("a slice").expect("a row").cells;
                let read = read.expect("quotes that hold");
                let want: Vec<Vec<u8>> = row.iter().map(|cell| cell.as_bytes().into()).collect();
                prop_assert_eq!(read, want);
            }
            prop_assert!(rows.next().expect("a slice").is_none());
        }
    }
}
