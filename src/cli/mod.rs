//! The program: reads its arguments, composes the floors, says how it ended.
//!
//! One file a subcommand. Exit codes: 0 stopped in order; 1 failed while
//! running, server not reachable, id or position not found; 2 wrong usage,
//! configuration, port in use, unreadable key or file; 3 the data directory is
//! in use; 4 it is damaged; 130 a second signal while stopping.

mod backup;
mod client;
mod contacts;
mod data;
mod exit;
mod local;
mod log;
mod options;
mod progress;
#[cfg(test)]
mod readme;
mod serve;
mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use options::ServeOptions;

/// An event-sourced contact service: five vendors' contact APIs over one log that can be trusted.
#[derive(Parser)]
#[command(version, about, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Box<ServeOptions>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service (what `contactd` alone does)
    Serve(Box<ServeOptions>),
    /// Print a bearer token signed by this data directory's own key
    Token(token::TokenOptions),
    /// Look at the log: follow, export, verify or rebuild it
    #[command(subcommand)]
    Log(log::LogCommand),
    /// Look at contacts
    #[command(subcommand)]
    Contacts(contacts::ContactsCommand),
    /// Copy a data directory, beside a running service
    Backup(backup::BackupOptions),
    /// Make a data directory of a backup
    Restore(backup::RestoreOptions),
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let Cli { command, serve } = Cli::parse();
    let ended = match command {
        None => serve::run(*serve),
        Some(Command::Serve(options)) => serve::run(*options),
        Some(Command::Token(options)) => token::run(&options),
        Some(Command::Log(command)) => log::run(command),
        Some(Command::Contacts(command)) => contacts::run(command),
        Some(Command::Backup(options)) => backup::backup(&options),
        Some(Command::Restore(options)) => backup::restore(&options),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("contactd: {}", failure.message);
            ExitCode::from(failure.code)
        }
    }
}
