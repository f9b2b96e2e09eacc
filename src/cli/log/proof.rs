//! `contactd log proof` and `log key`: what an auditor takes home.

use std::io::Write;

use bytes::Bytes;
use clap::Args;

use super::super::client::{Server, block_on, limited_text};
use super::super::data::{Data, Purpose, integrator_failure};
use super::super::exit::Failure;
use super::super::options::{DataOptions, DirectoryOptions, ServerOptions};
use crate::audit::{
    Checkpoint, Coord, Entries, Integrator, Kind, ProofFile, TILE_WIDTH, parse_bundle,
};
use crate::domain::Position;
use crate::log;

/// The number of times that a newer proof is taken because the log grows.
const TRIES: usize = 10;
/// The most bytes of a proof: a checkpoint with its signatures, and a hash for each level of the tree.
const PROOF_BYTES_MAX: usize = 1 << 20;

/// Options for proving an event.
#[derive(Args)]
pub struct ProofOptions {
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    server: ServerOptions,
    /// The position of the event; the first is 1
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    position: u64,
    /// Put the entry into the proof, so that `log check` needs nothing else; from a service, the
    /// token must see every tenant
    #[arg(long)]
    with_entry: bool,
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
        return print(&block_on(served(&server, options))?);
    }
    let data = Data::open(&options.data, Purpose::Use).map_err(Failure::or_ask_the_service)?;
    let tiles = data.tiles();
    let opened = log::open(&*data.dir, &data.log_options()?, &mut |_| {})?;
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
    let mut proof = proof.map_err(Failure::failed)?;
    if options.with_entry {
        let entries = opened
            .reader
            .entries(position, 1)
            .map_err(Failure::failed)?;
        proof = match entries.first() {
            Some(entry) => proof.with_entry(entry),
            None => proof,
        };
    }
    print(&proof.to_string())
}

/// The proof as a service gives it, with the entry where it is asked for.
async fn served(server: &Server, options: &ProofOptions) -> Result<String, Failure> {
    let path = format!("/audit/proof/{}", options.position);
    for _ in 0..TRIES {
        let response = server.get(&path, "text/plain").await?;
        let text = limited_text(response, PROOF_BYTES_MAX).await?;
        if !options.with_entry {
            return Ok(text);
        }
        let unknown = || Failure::failed("the answer is no proof: is this a contactd?");
        let proof = ProofFile::parse(&text).ok_or_else(unknown)?;
        let checkpoint = Checkpoint::parse(proof.checkpoint().text()).ok_or_else(unknown)?;
        if let Some(entry) = entry(server, proof.position(), checkpoint.size).await? {
            return Ok(proof.with_entry(&entry).to_string());
        }
    }
    Err(Failure::failed(
        "the log grows too fast to get its newest entry; ask again",
    ))
}

/// The entry at a position, from its bundle in a tree of this size; `None` where the tree has grown
/// meanwhile and its bundle with it.
async fn entry(server: &Server, position: Position, size: u64) -> Result<Option<Bytes>, Failure> {
    let index = position.previous().get();
    let width = TILE_WIDTH as u64;
    let (bundle, place) = (index / width, (index % width) as usize);
    let of_then = Coord::in_tree(Kind::Entries, bundle, size);
    for coord in of_then
        .into_iter()
        .chain([Coord::full(Kind::Entries, bundle)])
    {
        if let Some(bytes) = server.file(&format!("/audit/{coord}")).await? {
            let entries = parse_bundle(bytes, coord.width());
            let entry = entries.and_then(|entries| entries.get(place).cloned());
            let damaged = || Failure::failed(format!("{coord} is no bundle of entries"));
            return entry.ok_or_else(damaged).map(Some);
        }
    }
    Ok(None)
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
