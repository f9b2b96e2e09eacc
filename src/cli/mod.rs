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
mod descriptors;
mod exit;
mod local;
mod log;
mod options;
mod progress;
#[cfg(test)]
mod readme;
mod reload;
mod serve;
mod token;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};
use rustix::{fs::Mode, process::umask};

use options::{DataOptions, ServeOptions};

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
    /// Print a bearer token signed by this data directory's own key
    Token(token::TokenOptions),
    /// Look at the log: follow, export, verify or rebuild it
    #[command(subcommand)]
    Log(log::LogCommand),
    /// List, show, import, export and erase contacts
    #[command(subcommand)]
    Contacts(contacts::ContactsCommand),
    /// Copy a data directory, beside a running service
    Backup(backup::BackupOptions),
    /// Make a data directory of a backup
    Restore(backup::RestoreOptions),
}

/// Runs the program and gives its exit code.
#[must_use]
pub fn main() -> ExitCode {
    // What is written here holds personal data and keys, the store's own files too.
    umask(Mode::RWXG | Mode::RWXO);
    let arguments = behind_the_subcommand(std::env::args_os().collect());
    let Cli { command, serve } = Cli::parse_from(arguments);
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

/// Moves options of the data directory from before a subcommand to behind it, which takes them or
/// refuses them as its own.
fn behind_the_subcommand(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let directory = DataOptions::augment_args(clap::Command::new("directory"));
    let takes = |name| (directory.get_arguments()).any(|arg| arg.get_long() == Some(name));
    let text = |at: usize| arguments.get(at).and_then(|argument| argument.to_str());
    let mut first = 1;
    while let Some(option) = text(first).and_then(|text| text.strip_prefix("--")) {
        match option.split_once('=') {
            Some((name, _)) if takes(name) => first += 1,
            None if takes(option) => first += 2,
            _ => return arguments,
        }
    }
    let root = Cli::command();
    let (mut command, mut end) = (&root, first);
    while let Some(found) = text(end).and_then(|word| command.find_subcommand(word)) {
        (command, end) = (found, end + 1);
    }
    if let Some(moved) = arguments.get_mut(1..end) {
        moved.rotate_left(first - 1);
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(line: &str) -> String {
        let words = line.split(' ').map(OsString::from).collect();
        let moved = behind_the_subcommand(words);
        let words: Vec<_> = moved.iter().map(|word| word.to_string_lossy()).collect();
        words.join(" ")
    }

    #[test]
    fn directory_options_may_stand_before_the_subcommand() {
        for (given, taken) in [
            ("c --data-dir d log verify", "c log verify --data-dir d"),
            (
                "c --data-dir=d --master-key k contacts show 7",
                "c contacts show --data-dir=d --master-key k 7",
            ),
            (
                "c --data-dir d serve --listen l",
                "c serve --data-dir d --listen l",
            ),
        ] {
            assert_eq!(moved(given), taken);
        }
    }

    #[test]
    fn other_arguments_stay_where_they_are() {
        for line in [
            "c",
            "c --data-dir",
            "c --data-dir d",
            "c --data-dir log",
            "c --data-dir d nonsense",
            "c --listen l --data-dir d log verify",
            "c log verify --data-dir d",
            "c --help",
        ] {
            assert_eq!(moved(line), line);
        }
    }
}
