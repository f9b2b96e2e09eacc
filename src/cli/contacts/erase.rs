//! `contactd contacts erase`: destroys a contact's personal data, which only a running service does.

use std::io::Write;

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::json;

use super::super::client::{Server, block_on, cut_off};
use super::super::exit::Failure;
use super::super::options::ServerOptions;
use super::source::{contact_id, path_of};
use crate::domain::{ContactId, EraseReason};

/// Options for erasing a contact.
#[derive(Args)]
pub struct EraseOptions {
    #[command(flatten)]
    server: ServerOptions,
    /// Its id, as events have it in `subject`
    #[arg(value_parser = contact_id)]
    id: ContactId,
    /// The reason, which stays in the log
    #[arg(long, value_parser = reasons())]
    reason: String,
    /// The number of the request or case, 1 to 64 of A-Z a-z 0-9 . _ -; it stays in the log in clear
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,
}

fn reasons() -> PossibleValuesParser {
    EraseReason::ALL.map(EraseReason::name).into()
}

/// Erases the contact, and writes what the service says of it.
pub fn run(options: &EraseOptions) -> Result<(), Failure> {
    block_on(erase(options))
}

async fn erase(options: &EraseOptions) -> Result<(), Failure> {
    let server = Server::of(&options.server)?
        .ok_or_else(|| Failure::usage("say where the service runs: --url http://127.0.0.1:8080"))?;
    let mut body = json!({"reason": options.reason});
    if let (Some(reference), Some(members)) = (&options.reference, body.as_object_mut()) {
        members.insert("reference".to_owned(), reference.as_str().into());
    }
    let path = format!("{}/erase", path_of(options.id));
    let erased = server.post(&path, &body).await?.text().await;
    let erased = erased.map_err(cut_off)?;
    writeln!(std::io::stdout(), "{}", erased.trim_end()).map_err(Failure::failed)
}
