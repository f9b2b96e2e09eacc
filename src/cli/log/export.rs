//! `contactd log export`: every event, for another program or another year.

use std::io::{self, Write};

use clap::Args;
use serde_json::Value;

use super::super::client::{self, Server, block_on};
use super::super::exit::Failure;
use super::super::local::Local;
use super::super::options::{DataOptions, EventDetail, ServerOptions};
use super::super::output::unless_enough;
use super::rows::{Format, Row, Rows};
use crate::dialect::{REGISTRY, Refusal};
use crate::domain::{IdRule, Position, Timestamp};
use crate::log::record::Record;
use crate::service::{ReadError, Service};
use crate::wire::{Detail, cloud_event, withhold};

/// Options for exporting the log.
#[derive(Args)]
pub struct ExportOptions {
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    server: ServerOptions,
    /// Begin after this position
    #[arg(long, default_value_t = 0, value_name = "POSITION")]
    after: u64,
    /// Leave out events before this time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Leave out events after this time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// The form: a line of JSON for each event, or a table with flat columns
    #[arg(long, default_value = "ndjson")]
    format: Format,
    /// The level of detail of each event; a token may give less
    #[arg(long, default_value = "full")]
    detail: EventDetail,
}

fn time(text: &str) -> Result<Timestamp, &'static str> {
    Timestamp::parse(text).ok_or("a time is written as RFC 3339 has it: 2026-01-31T12:00:00Z")
}

/// Writes the events to standard output.
pub fn run(options: &ExportOptions) -> Result<(), Failure> {
    if options.format == Format::Parquet && cfg!(not(feature = "parquet")) {
        return Err(Failure::usage(
            "this build writes no Parquet, for it lacks the feature `parquet`: build it with \
             --features parquet, as the image and the Debian package are, or take --format csv",
        ));
    }
    let detail = options.detail.into();
    if let Some(server) = Server::of(&options.server)? {
        return block_on(served(&server, options, detail));
    }
    let local = Local::to_read(&options.data).map_err(Failure::or_ask_the_service)?;
    let known = is_of_the_log(local.service(), options.after);
    let rows = known.and_then(|()| begin(options.format));
    let written = rows.and_then(|rows| write(local.service(), options, detail, rows));
    local.close();
    written
}

/// Refuses a position above the last event, as the service does: whoever follows a log that was
/// restored would else miss what comes next.
fn is_of_the_log(service: &Service, after: u64) -> Result<(), Failure> {
    let head = service.settled();
    if Position::new(after) > head {
        return Err(Failure::failed(Refusal::PositionAhead { head }));
    }
    Ok(())
}

/// Begins the export, once it is known that there is something to export.
fn begin(format: Format) -> Result<Rows<io::Stdout>, Failure> {
    Rows::begin(format, io::stdout()).map_err(Failure::failed)
}

/// Writes what a service gives, which may be more than was asked for: it shows all that the token
/// may see.
async fn served(server: &Server, options: &ExportOptions, detail: Detail) -> Result<(), Failure> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("after", &options.after.to_string());
    for (name, time) in [("since", options.since), ("until", options.until)] {
        if let Some(time) = time {
            query.append_pair(name, &time.to_string());
        }
    }
    let path = format!("/events?{}", query.finish());
    let response = server.get(&path, "application/x-ndjson").await?;
    if detail == Detail::Full && options.format == Format::Ndjson {
        return client::copy(response, &mut io::stdout()).await;
    }
    let mut lines = Lines {
        rows: begin(options.format)?,
        format: options.format,
        detail,
        line: Vec::new(),
    };
    client::copy(response, &mut lines).await?;
    unless_enough(lines.end().and_then(|()| lines.rows.finish()))
}

/// Takes lines of events apart and writes them on, without what a level of detail does not show.
struct Lines<W: Write + Send> {
    rows: Rows<W>,
    format: Format,
    detail: Detail,
    /// The beginning of a line whose end has not come yet.
    line: Vec<u8>,
}

impl<W: Write + Send> Lines<W> {
    fn end(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        let mut event: Value = serde_json::from_slice(&line)?;
        let dialect = event.pointer("/data/dialect").and_then(Value::as_str);
        let rules = dialect.and_then(|name| REGISTRY.named(name));
        // Of a dialect that is not known here, nothing is known of its ids either.
        let has_chosen_ids = rules.is_none_or(|rules| rules.ids == IdRule::Hex);
        withhold(&mut event, self.detail, has_chosen_ids);
        self.rows.write(Row::of(self.format, &event)?)
    }
}

impl<W: Write + Send> Write for Lines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut pieces = bytes.split(|byte| *byte == b'\n');
        self.line.extend(pieces.next().unwrap_or_default());
        for piece in pieces {
            self.end()?;
            self.line.extend(piece);
        }
        Ok(bytes.len())
    }

    /// Nobody takes the rest of a line where what came before it can't be handed on.
    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.rows.flush();
        flushed.inspect_err(|_| self.line.clear())
    }
}

fn write(
    service: &Service,
    options: &ExportOptions,
    detail: Detail,
    mut rows: Rows<io::Stdout>,
) -> Result<(), Failure> {
    let wanted = |time: Timestamp| {
        options.since.is_none_or(|since| time >= since)
            && options.until.is_none_or(|until| time <= until)
    };
    let row = |record: Record| {
        let event = &record.event;
        if !wanted(event.header.time) {
            return Ok(None);
        }
        let dialect = event.header.owner.dialect();
        let Some(rules) = REGISTRY.get(dialect) else {
            return Err(Broken::UnknownDialect {
                dialect: dialect.0,
                position: event.header.position.get(),
            });
        };
        let content = service.open_content(&record)?;
        let shown = cloud_event(event, rules, content.as_ref(), detail);
        Ok(Some(
            Row::of(options.format, &shown).map_err(io::Error::from)?,
        ))
    };
    let write = |row: Option<Row>| Ok(row.map_or(Ok(()), |row| rows.write(row))?);
    let after = Position::new(options.after);
    match service.on_all_processors(after, service.settled(), row, write) {
        Err(Broken::Write(error)) => unless_enough(Err(error)),
        Err(error) => Err(Failure::failed(error)),
        Ok(()) => unless_enough(rows.finish()),
    }
}

/// The reasons for which an export ends before its time.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] io::Error),
    #[error(
        "the event {position} is of the dialect number {dialect}, which this release does not know: export with \
         the release that wrote it, or a later one"
    )]
    UnknownDialect { dialect: u8, position: u64 },
}
