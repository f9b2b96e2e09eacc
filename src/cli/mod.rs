//! The program: reads its arguments, composes the floors, says how it ended.
//!
//! One file a subcommand. Exit codes: 0 stopped in order; 1 failed while
//! running, server not reachable, id or position not found; 2 wrong usage,
//! configuration, port in use, unreadable key or file; 3 the data directory is
//! in use; 4 it is damaged; 130 a second signal while stopping.

mod arguments;
mod backup;
mod check;
mod client;
mod cluster;
mod contacts;
mod counted;
mod data;
mod demo;
mod descriptors;
mod exit;
#[cfg(test)]
mod faults;
mod formula;
mod identity;
mod input;
mod layout;
mod local;
mod log;
mod node;
mod options;
mod output;
mod plan;
mod print;
mod progress;
#[cfg(test)]
mod readme;
mod reload;
mod serve;
mod set_aside;
mod stoppable;
mod token;
mod traces;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use rustix::{fs::Mode, process::umask};

use exit::Failure;
use options::ServeOptions;
use output::err;

/// An event-sourced contact service: five vendors' contact APIs over one log that can be trusted.
#[derive(Parser)]
#[command(
    version,
    about,
    args_conflicts_with_subcommands = true,
    after_help = "The environment variable RUST_LOG sets the level of the service's own log: error, warn, info \
                  (the default), or debug, which has a line for each request."
)]
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
    /// Serve a throw-away directory with 500 invented contacts, to look around in
    Demo(demo::DemoOptions),
    /// Read the whole configuration and say what a start would do; nothing is opened
    Check(Box<ServeOptions>),
    /// Print a bearer token signed by this data directory's own key
    Token(token::TokenOptions),
    /// Look at the log: follow, export, verify or rebuild it
    #[command(subcommand)]
    Log(log::LogCommand),
    /// List, show, import, export and erase contacts
    #[command(subcommand)]
    Contacts(contacts::ContactsCommand),
    /// Look at the nodes that keep one log together
    #[command(subcommand)]
    Cluster(cluster::ClusterCommand),
    /// Copy a data directory, beside a running service
    Backup(backup::BackupOptions),
    /// Make a data directory of a backup
    Restore(backup::RestoreOptions),
    /// Print what operators need: systemd unit, completions, manual, dashboard, alerts, compose file
    #[command(subcommand)]
    Print(print::PrintCommand),
}

/// Runs the program and gives its exit code.
#[must_use]
pub fn main() -> ExitCode {
    // What is written here holds personal data and keys, the store's own files too.
    umask(Mode::RWXG | Mode::RWXO);
    let given: Vec<_> = std::env::args_os().collect();
    let given = arguments::behind_the_subcommand(&Cli::command(), &given);
    let matches = Cli::command().get_matches_from(given);
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let variables = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for unknown in arguments::unknown_variables(&Cli::command(), variables) {
        err!(
            "contactd: warning: the variable {unknown} stands for no option; --help names those that do"
        );
    }
    let ended = arguments::must_have_effect(&matches).and_then(|()| run(cli));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            err!("contactd: {}", failure.message);
            ExitCode::from(failure.code)
        }
    }
}

/// Runs the subcommand that was asked for.
fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        None => serve::run(*cli.serve),
        Some(Command::Serve(options)) => serve::run(*options),
        Some(Command::Demo(options)) => demo::run(&options),
        Some(Command::Check(options)) => check::run(&options),
        Some(Command::Token(options)) => token::run(&options),
        Some(Command::Log(command)) => log::run(command),
        Some(Command::Contacts(command)) => contacts::run(command),
        Some(Command::Cluster(command)) => cluster::run(&command),
        Some(Command::Backup(options)) => backup::backup(&options),
        Some(Command::Restore(options)) => backup::restore(&options),
        Some(Command::Print(command)) => print::run(&command, Cli::command()),
    }
}
