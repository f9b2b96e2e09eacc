//! `contactd contacts show`: one contact, for people to read.

use std::io::Write;

use clap::Args;

use super::super::client::block_on;
use super::super::exit::Failure;
use super::super::options::{DataOptions, ServerOptions};
use super::source::{Source, contact_id, path_of};
use crate::dialect::ApiOperation;
use crate::domain::ContactId;

/// Options for showing one contact.
#[derive(Args)]
pub struct ShowOptions {
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    server: ServerOptions,
    /// Its id, as events have it in `subject`
    #[arg(value_parser = contact_id)]
    id: ContactId,
}

/// Writes the contact to standard output.
pub fn run(options: &ShowOptions) -> Result<(), Failure> {
    let source = Source::to_read(&options.server, &options.data)?;
    source.using(|source| block_on(show(source, options.id)))
}

async fn show(source: &Source, id: ContactId) -> Result<(), Failure> {
    let params = [("id".to_owned(), id.to_string())];
    let contact = source
        .ask(ApiOperation::Get, &path_of(id), &params, "")
        .await?;
    let text = serde_json::to_string_pretty(&contact).map_err(Failure::failed)?;
    writeln!(std::io::stdout(), "{text}").map_err(Failure::failed)
}
