//! `contactd log proof` and `log key`: what an auditor takes home.

use std::io::Write;

use clap::Args;

use super::super::client::{self, Server, block_on};
use super::super::data::{Data, Purpose, integrator_failure};
use super::super::exit::Failure;
use super::super::options::{DataOptions, DirectoryOptions, ServerOptions};
use crate::audit::{Integrator, ProofFile};
use crate::domain::Position;
use crate::log;

/// Options for proving an event.
#[derive(Args)]
pub struct ProofOptions {
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    server: ServerOptions,
    /// The position of the event
    position: u64,
}

/// Options that name the log's key.
#[derive(Args)]
pub struct KeyOptions {
    #[command(flatten)]
    directory: DirectoryOptions,
}

/// Prints the proof that an event is in the log.
pub fn proof(options: &ProofOptions) -> Result<(), Failure> {
    if let Some(server) = Server::of(&options.server)? {
        return block_on(async {
            let path = format!("/audit/proof/{}", options.position);
            let response = server.get(&path, "text/plain").await?;
            client::copy(response, &mut std::io::stdout()).await
        });
    }
    let data = Data::open(&options.data, Purpose::Use).map_err(Failure::or_ask_the_service)?;
    let tiles = data.tiles();
    let opened = log::open(&data.dir, &data.log_options()?, &mut |_| {})?;
    let position = Position::new(options.position);
    if position == Position::ZERO || position > opened.reader.head() {
        return Err(Failure::failed(format!(
            "the log has no event at position {position}"
        )));
    }
    let mut integrator =
        Integrator::open(tiles.clone(), data.signer).map_err(integrator_failure)?;
    let head = opened.reader.head();
    while integrator
        .integrate(head, &opened.reader)
        .map_err(integrator_failure)?
        .is_some()
    {}
    let proof = ProofFile::make(&tiles, integrator.note().clone(), position);
    print(&proof.map_err(Failure::failed)?.to_string())
}

/// Prints the log's public key.
pub fn key(options: &KeyOptions) -> Result<(), Failure> {
    let key = super::super::data::verifier(&options.directory.data)?;
    print(&format!("{key}\n"))
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).map_err(Failure::failed)
}
