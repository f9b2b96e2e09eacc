//! `contactd contacts list`: contacts, a line of JSON each.

use std::io::Write;

use clap::Args;

use super::super::client::block_on;
use super::super::exit::Failure;
use super::super::options::{DataOptions, ServerOptions};
use super::source::{Filter, Source};

/// Options for listing contacts.
#[derive(Args)]
pub struct ListOptions {
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    server: ServerOptions,
    #[command(flatten)]
    filter: Filter,
}

/// Writes the contacts to standard output.
pub fn run(options: &ListOptions) -> Result<(), Failure> {
    let source = Source::to_read(&options.server, &options.data)?;
    source.using(|source| {
        block_on(source.each(&options.filter, &mut |contact| {
            writeln!(std::io::stdout(), "{contact}")
        }))
    })
}
