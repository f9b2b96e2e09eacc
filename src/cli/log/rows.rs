//! Events as another program reads them: lines of JSON, or a table with flat columns.

use std::io::{self, BufWriter, Write};

use clap::ValueEnum;
use serde::Serialize;

use super::super::formula::{guarded, guarded_list};
use super::super::output::of_table;
#[cfg(feature = "parquet")]
use super::parquet::Parquet;
use super::row::{COLUMNS, Cell, WIDTH, cells};

/// The forms of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line of JSON for each event, all of it
    Ndjson,
    /// A table (RFC 4180) with a head and flat columns
    Csv,
    /// That table as Apache Parquet, with lists and types, in builds with the feature `parquet`
    Parquet,
}

/// A writer of events in one of the forms.
pub enum Rows<W: Write + Send> {
    /// Lines of JSON, an event each.
    Ndjson(BufWriter<W>),
    /// A table, whose head has been written.
    Csv(Box<csv::Writer<W>>),
    /// A table in groups of rows, each column by itself.
    #[cfg(feature = "parquet")]
    Parquet(Box<Parquet<W>>),
}

/// Bytes of lines that are written together: as many as a pipe takes.
const BUFFER_BYTES: usize = 64 << 10;
/// The room that is taken for a line at first: most are shorter.
const LINE_BYTES: usize = 1_024;

/// One event as it is written.
pub enum Row {
    /// A line of JSON, with its end.
    Line(Vec<u8>),
    /// The columns of a table.
    Cells(Box<[Cell; WIDTH]>),
}

impl Row {
    /// The row of an event in one of the forms.
    pub fn of(format: Format, event: &impl Serialize) -> serde_json::Result<Self> {
        Ok(match format {
            Format::Ndjson => {
                let mut line = Vec::with_capacity(LINE_BYTES);
                serde_json::to_writer(&mut line, event)?;
                line.push(b'\n');
                Self::Line(line)
            }
            Format::Csv | Format::Parquet => Self::of_table(event)?,
        })
    }

    fn of_table(event: &impl Serialize) -> serde_json::Result<Self> {
        let event = serde_json::to_value(event)?;
        Ok(Self::Cells(Box::new(cells(&event))))
    }
}

impl<W: Write + Send> Rows<W> {
    /// Begins an export in this form.
    pub fn begin(format: Format, out: W) -> io::Result<Self> {
        Ok(match format {
            Format::Ndjson => Self::Ndjson(BufWriter::with_capacity(BUFFER_BYTES, out)),
            Format::Csv => {
                let mut table = csv::Writer::from_writer(out);
                table.write_record(COLUMNS).map_err(of_table)?;
                Self::Csv(Box::new(table))
            }
            #[cfg(feature = "parquet")]
            Format::Parquet => Self::Parquet(Box::new(Parquet::begin(out)?)),
            #[cfg(not(feature = "parquet"))]
            Format::Parquet => return Err(io::ErrorKind::Unsupported.into()),
        })
    }

    /// Writes one event, in the row that was made of it in the same form.
    pub fn write(&mut self, row: Row) -> io::Result<()> {
        match (self, row) {
            (Self::Ndjson(out), Row::Line(line)) => out.write_all(&line),
            (Self::Csv(table), Row::Cells(cells)) => {
                table.write_record(cells.map(plain)).map_err(of_table)
            }
            #[cfg(feature = "parquet")]
            (Self::Parquet(table), Row::Cells(cells)) => table.write(*cells),
            (_, Row::Line(_) | Row::Cells(_)) => {
                let other = "a row of another form";
                Err(io::Error::new(io::ErrorKind::InvalidInput, other))
            }
        }
    }

    /// Hands on what has been written so far, as far as the form has parts that can be handed on.
    pub fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Ndjson(out) => out.flush(),
            Self::Csv(table) => table.flush(),
            #[cfg(feature = "parquet")]
            Self::Parquet(_) => Ok(()),
        }
    }

    /// Ends the export: nothing may be written any more.
    pub fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Ndjson(_) | Self::Csv(_) => self.flush(),
            #[cfg(feature = "parquet")]
            Self::Parquet(table) => table.finish(),
        }
    }
}

/// A cell as plain text, which no spreadsheet takes for a formula; what the event does not show is
/// empty.
fn plain(cell: Cell) -> String {
    match cell {
        Cell::Number(number) => number.to_string(),
        Cell::Time(time) => time.map(|time| time.to_string()).unwrap_or_default(),
        Cell::Text(text) => text.map(guarded).unwrap_or_default(),
        Cell::List(texts) => guarded_list(&texts),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn written(event: &Value) -> String {
        let mut out = Vec::new();
        let mut rows = Rows::begin(Format::Csv, &mut out).unwrap();
        rows.write(Row::of(Format::Csv, event).unwrap()).unwrap();
        rows.finish().unwrap();
        drop(rows);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_row_has_lists_and_one_name() {
        let card = json!({"organizations": {"o": {"name": "Ex, Inc."}},
            "emails": {"x": {"address": "a@x.org"}, "work": {"address": "b@x.org"}},
            "phones": {"p": {"number": "+49 1"}}});
        let event = json!({"sequence": "00000000000000000020", "source": "/kare/a%2Fb",
            "time": "2026-01-02T03:04:05.000Z", "subject": "s", "correlationid": "c",
            "data": {"operation": "CREATE", "phase": "SUCCESS", "actor": {"subject": "me"},
                "fields": ["name", "phones"], "contact": card}});
        assert_eq!(
            written(&event),
            "position,time,dialect,tenant,operation,phase,actor,contact_id,correlation,error_code,\
             fields,displayName,emails,phones\n\
             20,2026-01-02T03:04:05.000Z,kare,a/b,CREATE,SUCCESS,me,s,c,,name|phones,\
             \"Ex, Inc.\",a@x.org|b@x.org,+49 1\n"
        );
    }

    #[test]
    fn what_is_not_shown_is_empty_and_the_type_says_what_it_can() {
        let time = "2026-01-02T03:04:05.000Z";
        for (kind, want) in [
            ("CONTACT_CREATE_SUCCESS", "CREATE,SUCCESS"),
            (
                "ECOSYSTEM_PARTICIPANT_CONTACT_RETRIEVE_LIST_START",
                "RETRIEVE_LIST,START",
            ),
            ("CONTACT_MERGE_DONE", ","),
            ("x", ","),
        ] {
            let event =
                json!({"sequence": "7", "source": "/native/acme", "time": time, "type": kind});
            let text = written(&event);
            let row = format!("\n7,{time},native,acme,{want},,,,,,,,\n");
            assert!(text.ends_with(&row), "{text}");
        }
    }

    #[test]
    fn no_cell_is_a_formula() {
        let card = json!({"name": {"full": "=cmd|' /C calc'!A0"},
            "emails": {"a": {"address": "@x.org"}}, "phones": {"p": {"number": "+49 1"},
            "q": {"number": "+49 2"}}});
        let event = json!({"sequence": "7", "source": "/native/=1", "time": "",
            "data": {"actor": {"subject": "-a"}, "contact": card}});
        let text = written(&event);
        let row = ",native,'=1,,,'-a,,,,,'=cmd|' /C calc'!A0,'@x.org,+49 1|+49 2\n";
        assert!(text.ends_with(row), "{text}");
    }
}
