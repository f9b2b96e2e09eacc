//! `contactd log`: follow, export, verify, prove, mirror, cosign, repair, rebuild and rekey.

mod check;
mod cosign;
mod export;
mod mirror;
#[cfg(feature = "parquet")]
mod parquet;
mod proof;
mod rebuild;
mod rekey;
mod repair;
mod row;
mod rows;
mod tail;
#[cfg(test)]
mod tests;
mod verify;

#[cfg(test)]
pub use verify::look;
pub use verify::read_checkpoint;

use clap::Subcommand;

use super::exit::Failure;
use super::options::DirectoryOptions;

/// What to do with the log.
#[derive(Subcommand)]
pub enum LogCommand {
    /// Follow the events of a running service, a line of JSON each
    Tail(tail::TailOptions),
    /// Write every event, as a line of JSON or a row of a table, from a running service or its directory
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
    /// Check a proof with the log's public key alone; exit 1 where it does not hold
    Check(check::CheckOptions),
    /// Copy the audit log of a running service, and check it against what the copy has
    Mirror(mirror::MirrorOptions),
    /// Ask a witness to cosign the newest checkpoint, and give the service its line
    Cosign(Box<cosign::CosignOptions>),
    /// Print the public key that checks this log's checkpoints and proofs
    Key(proof::KeyOptions),
}

/// Runs a subcommand of `contactd log`.
pub fn run(command: LogCommand) -> Result<(), Failure> {
    match command {
        LogCommand::Tail(options) => tail::run(&options),
        LogCommand::Export(options) => export::run(&options),
        LogCommand::Verify(options) => verify::run(&options),
        LogCommand::Repair(options) => repair::run(&options),
        LogCommand::Rebuild(options) => rebuild::rebuild(&options),
        LogCommand::Compact(options) => rebuild::compact(&options),
        LogCommand::Rekey(options) => rekey::run(&options),
        LogCommand::Proof(options) => proof::proof(&options),
        LogCommand::Check(options) => check::run(&options),
        LogCommand::Mirror(options) => mirror::run(&options),
        LogCommand::Cosign(options) => cosign::run(&options),
        LogCommand::Key(options) => proof::key(&options),
    }
}
