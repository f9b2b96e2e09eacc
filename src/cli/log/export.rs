//! `contactd log export`: every event, for another program or another year.

use std::io::{self, BufWriter, Write};

use clap::Args;
use serde_json::Value;

use super::super::client::{self, Server, block_on};
use super::super::data::Purpose;
use super::super::exit::Failure;
use super::super::local::Local;
use super::super::options::{DataOptions, EventDetail, ServerOptions};
use crate::dialect::REGISTRY;
use crate::domain::{IdRule, Position};
use crate::service::Service;
use crate::wire::{Detail, cloud_event, withhold};

/// Events that are read at once.
const PAGE: usize = 4_096;

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
    /// The level of detail of each event; a token may give less
    #[arg(long, default_value = "full")]
    detail: EventDetail,
}

/// Writes the events to standard output.
pub fn run(options: &ExportOptions) -> Result<(), Failure> {
    if let Some(server) = Server::of(&options.server)? {
        return block_on(async {
            let path = format!("/events?after={}", options.after);
            let response = server.get(&path, "application/x-ndjson").await?;
            let mut out = std::io::stdout();
            let detail = options.detail.into();
            if detail == Detail::Full {
                return client::copy(response, &mut out).await;
            }
            let mut lines = Withholding {
                out,
                detail,
                line: Vec::new(),
            };
            client::copy(response, &mut lines).await?;
            lines.end().map_err(Failure::failed)
        });
    }
    let local = Local::open(&options.data, Purpose::Use).map_err(Failure::or_ask_the_service)?;
    let after = Position::new(options.after);
    let written = write(local.service(), after, options.detail.into());
    local.close();
    written
}

/// Writes lines of events on, without what a level of detail does not show: the service shows
/// all that the token may see.
struct Withholding<W> {
    out: W,
    detail: Detail,
    /// The beginning of a line whose end has not come yet.
    line: Vec<u8>,
}

impl<W: Write> Withholding<W> {
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
        serde_json::to_writer(&mut self.out, &event)?;
        self.out.write_all(b"\n")
    }
}

impl<W: Write> Write for Withholding<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut pieces = bytes.split(|byte| *byte == b'\n');
        self.line.extend(pieces.next().unwrap_or_default());
        for piece in pieces {
            self.end()?;
            self.line.extend(piece);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn write(service: &Service, mut after: Position, detail: Detail) -> Result<(), Failure> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    while after < service.head() {
        let scan = service
            .events_after(after, PAGE, &|_| true)
            .map_err(Failure::failed)?;
        after = scan.last;
        for record in scan.records {
            let event = &record.event;
            let Some(rules) = REGISTRY.get(event.header.owner.dialect()) else {
                continue;
            };
            let content = service.open_content(&record).map_err(Failure::failed)?;
            let shown = cloud_event(event, rules, content.as_ref(), detail);
            serde_json::to_writer(&mut out, &shown).map_err(Failure::failed)?;
            writeln!(out).map_err(Failure::failed)?;
        }
    }
    out.flush().map_err(Failure::failed)
}
