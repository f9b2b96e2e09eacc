//! The command line as a whole: the order of its options, and options that would have no effect.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command};

use super::exit::Failure;
use super::options::DataOptions;

/// Options that name something to look at instead of the data directory.
const INSTEAD: [&str; 2] = ["url", "tiles"];
/// Options that say how a running service is asked.
const OF_SERVICE: [&str; 2] = ["token", "cacert"];

/// Moves options of the data directory from before the words of a subcommand, or between them, to
/// behind them: each subcommand takes them, or refuses them, as its own.
pub fn behind_the_subcommand(root: &Command, arguments: &[OsString]) -> Vec<OsString> {
    let directory = DataOptions::augment_args(Command::new("directory"));
    let takes = |name| (directory.get_arguments()).any(|arg| arg.get_long() == Some(name));
    let text = |at: usize| arguments.get(at).and_then(|argument| argument.to_str());
    let (mut command, mut words, mut options) = (root, Vec::new(), Vec::new());
    let mut at = 1;
    while let Some(word) = text(at) {
        let from = at;
        match word.strip_prefix("--").map(|option| option.split_once('=')) {
            Some(Some((name, _))) if takes(name) => at += 1,
            Some(None) if takes(word.trim_start_matches('-')) => at += 2,
            Some(_) => break,
            None => match command.find_subcommand(word) {
                Some(found) => {
                    (command, at) = (found, at + 1);
                    words.push(from);
                    continue;
                }
                None => break,
            },
        }
        options.extend(from..at);
    }
    let order = std::iter::once(0).chain(words).chain(options);
    let order = order.chain(at..arguments.len());
    order
        .filter_map(|place| arguments.get(place).cloned())
        .collect()
}

/// Refuses options of the command line that the others leave without effect.
///
/// # Errors
/// Options of the directory beside a running service or a copy that is named, or options for
/// asking a running service where none is named.
pub fn must_have_effect(matches: &ArgMatches) -> Result<(), Failure> {
    let mut matches = matches;
    while let Some((_, further)) = matches.subcommand() {
        matches = further;
    }
    let source = |name: &str| {
        let is_there = matches.try_contains_id(name).unwrap_or(false);
        is_there.then(|| matches.value_source(name)).flatten()
    };
    let on_the_line = |name: &str| source(name) == Some(ValueSource::CommandLine);
    let instead = INSTEAD.into_iter().find(|name| source(name).is_some());
    let directory = DataOptions::augment_args(Command::new("directory"));
    let mut ids = directory.get_arguments().map(|arg| arg.get_id().as_str());
    if let (Some(instead), Some(option)) = (instead, ids.find(|id| on_the_line(id))) {
        let option = option.replace('_', "-");
        let by = match source(instead) {
            Some(ValueSource::EnvVariable) => {
                "the variable CONTACTD_URL names a running service".to_owned()
            }
            _ => format!("--{instead} says what to look at"),
        };
        return Err(Failure::usage(format!(
            "--{option} has no effect here, for {by}; give one of the two"
        )));
    }
    let takes_url = matches.try_contains_id("url").is_ok();
    let alone = OF_SERVICE.into_iter().find(|name| on_the_line(name));
    match alone {
        Some(option) if takes_url && source("url").is_none() => Err(Failure::usage(format!(
            "--{option} is for a running service; say where it runs: --url http://127.0.0.1:8080"
        ))),
        _ => Ok(()),
    }
}

/// The beginning of the variables that stand for options.
const VARIABLES: &str = "CONTACTD_";

/// The variables among these that look like options and are none. Those that Kubernetes sets for a
/// service of this program's name are its own.
pub fn unknown_variables(root: &Command, names: impl Iterator<Item = String>) -> Vec<String> {
    let unknown = names.filter(|name| {
        let rest = name.strip_prefix(VARIABLES);
        let of_kubernetes = |rest: &str| {
            let mut words = rest.split('_');
            matches!(words.next(), Some("SERVICE" | "PORT"))
        };
        rest.is_some_and(|rest| !of_kubernetes(rest)) && !is_variable(root, name)
    });
    unknown.collect()
}

/// Whether a variable stands for an option of a command, or of one below it.
fn is_variable(command: &Command, name: &str) -> bool {
    let mut options = command.get_arguments();
    options.any(|option| option.get_env().is_some_and(|own| own == name))
        || command
            .get_subcommands()
            .any(|below| is_variable(below, name))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::super::Cli;
    use super::*;

    fn moved(line: &str) -> String {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let moved = behind_the_subcommand(&Cli::command(), &words);
        let words: Vec<_> = moved.iter().map(|word| word.to_string_lossy()).collect();
        words.join(" ")
    }

    #[test]
    fn a_misspelt_variable_is_seen() {
        let given = [
            "CONTACTD_RATE_LIMIT",
            "CONTACTD_RATE_LIMITS",
            "CONTACTD_URL",
            "CONTACTD_SERVICE_HOST",
            "CONTACTD_PORT_8080_TCP",
            "PATH",
        ];
        let given = given.map(str::to_owned).into_iter();
        let unknown = unknown_variables(&Cli::command(), given);
        assert_eq!(unknown, ["CONTACTD_RATE_LIMITS"]);
    }

    #[test]
    fn directory_options_may_stand_before_the_subcommand_and_within() {
        for (given, taken) in [
            ("c --data-dir d log verify", "c log verify --data-dir d"),
            ("c log --data-dir d verify", "c log verify --data-dir d"),
            (
                "c --data-dir=d --master-key k contacts show 7",
                "c contacts show --data-dir=d --master-key k 7",
            ),
            (
                "c --data-dir d contacts --audit-key=k show 7",
                "c contacts show --data-dir d --audit-key=k 7",
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
            "c contacts import log --data-dir d",
            "c --help",
        ] {
            assert_eq!(moved(line), line);
        }
    }

    #[test]
    fn what_would_have_no_effect_is_refused() {
        // The key of the example in C2SP signed-note.
        const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let told = |line: &str| {
            let line = line.replace("$KEY", KEY);
            let matches = Cli::command().try_get_matches_from(line.split(' '));
            let refused = must_have_effect(&matches.expect(&line));
            refused.err().map(|failure| failure.message)
        };
        for line in [
            "c contacts list --url u --data-dir d",
            "c log proof 1 --url u --audit-key k",
            "c log verify --tiles t --key $KEY --master-key k",
            "c contacts list --token t",
            "c log export --cacert f",
        ] {
            assert!(told(line).is_some(), "{line}");
        }
        for line in [
            "c",
            "c --data-dir d",
            "c contacts list --data-dir d",
            "c contacts list --url u --token t",
            "c log verify --tiles t --key $KEY",
            "c token --data-dir d",
        ] {
            assert_eq!(told(line), None, "{line}");
        }
    }
}
