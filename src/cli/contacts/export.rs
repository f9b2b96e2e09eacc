//! `contactd contacts export`: contacts, for another program or to carry them elsewhere.
//!
//! NDJSON holds all of a contact; vCard all of its Card; a table what columns can hold.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::Args;

use super::super::client::block_on;
use super::super::exit::Failure;
use super::super::options::{DataOptions, ServerOptions};
use super::super::output::{self, err, unless_enough};
use super::super::progress;
use super::format::{Format, VcardVersion};
use super::source::{Filter, Source};

/// Options for exporting contacts.
#[derive(Args)]
pub struct ExportOptions {
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    server: ServerOptions,
    #[command(flatten)]
    filter: Filter,
    /// The form [default: what the file's name ends with, else ndjson]
    #[arg(long)]
    format: Option<Format>,
    /// The version of vCard to write
    #[arg(long, value_name = "VERSION", default_value = "4.0")]
    vcard_version: VcardVersion,
    /// A new file to write to [default: standard output]
    file: Option<PathBuf>,
}

/// Writes contacts to a file or to standard output.
pub fn run(options: &ExportOptions) -> Result<(), Failure> {
    let named = options.file.as_deref().and_then(Format::of_path);
    let format = match (options.format, &options.file) {
        (Some(format), _) => format,
        (None, None) => Format::Ndjson,
        (None, Some(_)) => named.ok_or_else(|| {
            Failure::usage("the file's name tells no format; say --format ndjson, csv or vcard")
        })?,
    };
    let is_default = options.vcard_version == VcardVersion::default();
    if !is_default && format != Format::Vcard {
        let is = format!("{} is written", format.name());
        return Err(Format::Vcard.alone("--vcard-version 3.0", &is));
    }
    let source = Source::to_read(&options.server, &options.data)?;
    source.using(|source| {
        let to: Box<dyn Write> = match &options.file {
            None => Box::new(std::io::stdout().lock()),
            Some(path) => Box::new(output::create(path)?),
        };
        write(source, options, format, to)
    })
}

fn write(
    source: &Source,
    options: &ExportOptions,
    format: Format,
    to: Box<dyn Write>,
) -> Result<(), Failure> {
    let bar = progress::over_contacts("exporting");
    let mut writer = format.writer(BufWriter::new(to), options.vcard_version);
    let written = block_on(source.each(&options.filter, &mut |contact| {
        bar.inc(1);
        writer.write(contact)
    }));
    let finished = unless_enough(writer.finish());
    bar.finish_and_clear();
    if let Some(left_out) = writer.left_out() {
        err!("contactd: {left_out}");
    }
    written.and(finished)
}
