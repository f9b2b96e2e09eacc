//! `contactd log export`: every event, for another program or another year.

use std::io::{BufWriter, Write};

use clap::Args;

use super::super::client::{self, Server, block_on};
use super::super::data::Purpose;
use super::super::exit::Failure;
use super::super::local::Local;
use super::super::options::{DataOptions, EventDetail, ServerOptions};
use crate::dialect::REGISTRY;
use crate::domain::Position;
use crate::service::Service;
use crate::wire::{Detail, cloud_event};

/// Events that are read at once.
const PAGE: usize = 4_096;

/// What to export.
#[derive(Args)]
pub struct ExportOptions {
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    server: ServerOptions,
    /// Begin after this position
    #[arg(long, default_value_t = 0, value_name = "POSITION")]
    after: u64,
    /// How much of each event; from a running service the token decides
    #[arg(long, default_value = "full")]
    detail: EventDetail,
}

/// Writes the events to standard output.
pub fn run(options: &ExportOptions) -> Result<(), Failure> {
    if let Some(server) = Server::of(&options.server)? {
        return block_on(async {
            let path = format!("/events?after={}", options.after);
            let response = server.get(&path, "application/x-ndjson").await?;
            client::copy(response, &mut std::io::stdout()).await
        });
    }
    let local = Local::open(&options.data, Purpose::Use).map_err(Failure::or_ask_the_service)?;
    let after = Position::new(options.after);
    let written = write(local.service(), after, options.detail.into());
    local.close();
    written
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
