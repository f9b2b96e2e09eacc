//! `contactd contacts import`: the contacts of a file become contacts of a tenant.
//!
//! Each record is judged here by the rules of our own API, and the good ones
//! are sent as single creates, many at once, each under an idempotency key
//! made of its content. So the service itself knows what it has: the same
//! file again imports nothing, and an import that was broken off goes on by
//! being run again. No state is kept beside the log. Whoever imports must
//! stay the same client, for whom keys are remembered.

mod judge;
mod report;
mod send;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use clap::Args;
use futures_util::{StreamExt, stream};
use indicatif::ProgressBar;

use self::judge::{Create, Judge, Judged};
use self::report::{Outcome, Report};
use self::send::Sender;
use super::super::client::block_on;
use super::super::data::Purpose;
use super::super::exit::Failure;
use super::super::options::{DataOptions, ServerOptions};
use super::super::progress;
use super::format::{Format, Mappings, Named, Reading, Records, delimiter};
use super::source::Source;

/// Creates that are under way at once.
const IN_FLIGHT: usize = 64;

/// What to import, and where to.
#[derive(Args)]
pub struct ImportOptions {
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    server: ServerOptions,
    /// The file, or - for standard input
    file: PathBuf,
    /// Its form [default: what its name ends with]
    #[arg(long)]
    format: Option<Format>,
    /// The tenant whose contacts they become [default: the token's own tenant]
    #[arg(long)]
    tenant: Option<String>,
    /// Judge every record, and write nothing; what is already there is not told apart
    #[arg(long)]
    dry_run: bool,
    /// Write what became of a record that is not wholly a new contact to this new file, a line of JSON
    /// each [default: to standard error, as text]
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// What a table's columns hold where their headings do not tell: email=E-Mail,phone=Telefon
    #[arg(long, value_name = "FIELD=HEADING,…")]
    map: Vec<Mappings>,
    /// The file's encoding, such as windows-1251 [default: its byte order mark's, else UTF-8, else
    /// windows-1252 for the records that are not UTF-8]
    #[arg(long, value_name = "NAME")]
    encoding: Option<Named>,
    /// What separates a table's cells: a sign, or tab [default: ,]
    #[arg(long, value_name = "SIGN", value_parser = delimiter)]
    delimiter: Option<u8>,
}

/// Imports the contacts of a file.
pub fn run(options: &ImportOptions) -> Result<(), Failure> {
    let format = options
        .format
        .or_else(|| Format::of_path(&options.file))
        .ok_or_else(|| {
            Failure::usage("the file's name tells no format; say --format ndjson, csv or vcard")
        })?;
    for (option, is_given) in [
        ("--map", !options.map.is_empty()),
        ("--delimiter", options.delimiter.is_some()),
    ] {
        if is_given && format != Format::Csv {
            let is = format!("the file is read as {}", format.name());
            return Err(Format::Csv.alone(option, &is));
        }
    }
    let (from, bytes): (Box<dyn Read>, _) = if options.file.as_os_str() == "-" {
        (Box::new(io::stdin()), None)
    } else {
        let file = File::open(&options.file).map_err(|error| unreadable(options, &error))?;
        let bytes = file.metadata().ok().map(|known| known.len());
        (Box::new(file), bytes)
    };
    let bar = progress::over_bytes("importing", bytes);
    let reading = Reading {
        delimiter: options.delimiter,
        mappings: options.map.iter().flat_map(|it| it.0.clone()).collect(),
        encoding: options.encoding,
    };
    let records = format.read(bar.wrap_read(from), &reading)?;
    let mut report = Report::new(options.report.as_deref(), bar.clone())?;
    let done = if options.dry_run {
        block_on(dry_run(options, records, &mut report))
    } else {
        let source = Source::of(&options.server, &options.data, Purpose::Begin)?;
        let tenant = options.tenant.as_deref();
        source.using(|source| {
            block_on(import(source, tenant, records, &bar, &mut |outcome| {
                report.note(outcome)
            }))
        })
    };
    let is_empty = bar.position() == 0;
    bar.finish_and_clear();
    report.finish(options.dry_run, is_empty, done)
}

fn unreadable(options: &ImportOptions, error: &io::Error) -> Failure {
    let file = options.file.display();
    Failure::usage(format!("cannot read {file}: {error}"))
}

/// Judges all records. A service is asked whether it would take them; a directory is not opened.
async fn dry_run(
    options: &ImportOptions,
    records: Records,
    report: &mut Report,
) -> Result<(), Failure> {
    if options.server.url.is_some() {
        let source = Source::of(&options.server, &options.data, Purpose::Begin)?;
        let bar = ProgressBar::hidden();
        Sender::open(&source, options.tenant.as_deref(), &bar).await?;
    }
    let mut judge = Judge::default();
    for record in records {
        match judge.judge(record)? {
            Judged::Good(Create { line, notes, .. }) => {
                report.note(Outcome::Imported { line, notes })?;
            }
            Judged::Bad(outcome) => report.note(outcome)?,
        }
    }
    Ok(())
}

/// Imports records, and notes what became of each.
async fn import(
    source: &Source,
    tenant: Option<&str>,
    records: Records,
    bar: &ProgressBar,
    note: &mut dyn FnMut(Outcome) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let sender = Sender::open(source, tenant, bar).await?;
    let sender = &sender;
    let mut judge = Judge::default();
    // In the order of the file, so that a report is in it, too.
    let outcomes = stream::iter(records)
        .map(|record| judge.judge(record))
        .map(|judged| async move {
            match judged? {
                Judged::Good(create) => sender.send(create).await,
                Judged::Bad(outcome) => Ok(outcome),
            }
        })
        .buffered(IN_FLIGHT);
    let mut outcomes = std::pin::pin!(outcomes);
    while let Some(outcome) = outcomes.next().await {
        note(outcome?)?;
    }
    Ok(())
}
