//! `contactd log`: follow, export, verify, prove, repair, rebuild and rekey.

mod export;
mod proof;
mod rebuild;
mod rekey;
mod repair;
mod verify;

use clap::{Args, Subcommand};

use super::client::{self, Server, block_on};
use super::exit::Failure;
use super::options::{DataOptions, ServerOptions};

/// What to do with the log.
#[derive(Subcommand)]
pub enum LogCommand {
    /// Follow the events of a running service, a line of JSON each
    Tail(TailOptions),
    /// Write every event as a line of JSON, from a running service or its directory
    Export(export::ExportOptions),
    /// Check every copy, event, key, tile and checkpoint of a directory; exit 4 where something is wrong
    Verify(verify::VerifyOptions),
    /// Complete damaged copies of a directory from the others, and give up the keys it has lost
    Repair(DirectoryOptions),
    /// Drop every view of a directory and fold it again from the log
    Rebuild(DirectoryOptions),
    /// Drop what is left in the views of contacts that were erased, and fold them again
    Compact(DirectoryOptions),
    /// Wrap every contact's key anew, under another master key
    Rekey(rekey::RekeyOptions),
    /// Print the proof that the event at a position is in the log, to be checked offline
    Proof(proof::ProofOptions),
    /// Print the public key that checks this log's checkpoints and proofs
    Key(proof::KeyOptions),
}

/// Options for following the log.
#[derive(Args)]
pub struct TailOptions {
    #[command(flatten)]
    server: ServerOptions,
    /// Begin after this position [default: the end]
    #[arg(long, value_name = "POSITION")]
    after: Option<u64>,
}

/// Runs a subcommand of `contactd log`.
pub fn run(command: LogCommand) -> Result<(), Failure> {
    match command {
        LogCommand::Tail(options) => block_on(tail(options)),
        LogCommand::Export(options) => export::run(&options),
        LogCommand::Verify(options) => verify::run(&options),
        LogCommand::Repair(options) => repair::run(&options),
        LogCommand::Rebuild(options) | LogCommand::Compact(options) => rebuild::run(&options),
        LogCommand::Rekey(options) => rekey::run(&options),
        LogCommand::Proof(options) => proof::proof(&options),
        LogCommand::Key(options) => proof::key(&options),
    }
}

async fn tail(options: TailOptions) -> Result<(), Failure> {
    let server = Server::of(&options.server)?
        .ok_or_else(|| Failure::usage("say where the service runs: --url http://127.0.0.1:8080"))?;
    let after = match options.after {
        Some(after) => after,
        None => head(&server).await?,
    };
    let path = format!("/events?after={after}&follow=true");
    let response = server.get(&path, "application/x-ndjson").await?;
    client::copy(response, &mut std::io::stdout()).await
}

/// The position of the service's last event.
async fn head(server: &Server) -> Result<u64, Failure> {
    let response = server.get("/events?limit=1", "application/json").await?;
    let header = response.headers().get("contact-position");
    header
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .ok_or_else(|| Failure::failed("the answer has no Contact-Position: is this a contactd?"))
}

/// A directory that no service may hold meanwhile.
#[derive(Args, Clone)]
pub struct DirectoryOptions {
    #[command(flatten)]
    data: DataOptions,
}
