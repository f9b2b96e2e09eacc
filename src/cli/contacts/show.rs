//! `contactd contacts show`: one contact, for people to read.

use std::io::Write;

use clap::Args;

use super::super::client::block_on;
use super::super::exit::Failure;
use super::super::options::{DataOptions, ServerOptions};
use super::source::{Source, path_of};

/// Which contact.
#[derive(Args)]
pub struct ShowOptions {
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    server: ServerOptions,
    /// Its id, as events have it in `subject`
    id: String,
}

/// Writes the contact to standard output.
pub fn run(options: &ShowOptions) -> Result<(), Failure> {
    let source = Source::of(&options.server, &options.data)?;
    source.using(|source| block_on(show(source, &options.id)))
}

async fn show(source: &Source, id: &str) -> Result<(), Failure> {
    let params = [("id".to_owned(), id.to_owned())];
    let contact = source.ask("get", &path_of(id), &params, "").await?;
    let text = serde_json::to_string_pretty(&contact).map_err(Failure::failed)?;
    writeln!(std::io::stdout(), "{text}").map_err(Failure::failed)
}
