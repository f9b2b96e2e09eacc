//! The README's table of options, made of what `--help` is made of, so that it cannot fall behind.
//!
//! `UPDATE_README=1 cargo test --lib the_readme_has_every_option` writes it anew.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use clap::{Arg, Command, CommandFactory};

use super::Cli;

const BEGIN: &str = "<!-- options: begin -->\n";
const END: &str = "<!-- options: end -->";

/// Options of the service, then those of other commands that a variable sets, each one once.
fn options(command: &Command) -> Vec<Arg> {
    fn of_subcommands(command: &Command, found: &mut Vec<Arg>) {
        for subcommand in command.get_subcommands() {
            let arguments = subcommand.get_arguments();
            found.extend(arguments.filter(|arg| arg.get_env().is_some()).cloned());
            of_subcommands(subcommand, found);
        }
    }
    let mut found: Vec<Arg> = command.get_arguments().cloned().collect();
    of_subcommands(command, &mut found);
    let mut seen = BTreeSet::new();
    found.retain(|arg| match arg.get_long() {
        None | Some("help" | "version") => false,
        Some(name) => seen.insert(name.to_owned()),
    });
    found
}

/// What the option takes, in the words of `--help`; nothing for a flag.
fn value(arg: &Arg) -> String {
    if !arg.get_action().takes_values() {
        return String::new();
    }
    let names = arg.get_value_names().unwrap_or_default();
    let possible = arg.get_possible_values();
    let text = if possible.is_empty() {
        names.join(" ")
    } else {
        let names: Vec<&str> = possible.iter().map(|value| value.get_name()).collect();
        names.join("|")
    };
    format!(" {}", text.replace('|', "\\|"))
}

/// The meaning, and the default that its text names in brackets because it is no fixed value.
fn meaning(arg: &Arg) -> (String, Option<String>) {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    match help.split_once(" [default: ") {
        Some((meaning, default)) => {
            let default = default.trim_end_matches(']').to_owned();
            (meaning.to_owned(), Some(default))
        }
        None => (help, None),
    }
}

fn default(arg: &Arg, told: Option<String>) -> String {
    if !arg.get_action().takes_values() {
        return "off".to_owned();
    }
    let fixed = arg.get_default_values().iter();
    let fixed: Vec<_> = fixed.map(|value| value.to_string_lossy()).collect();
    match told {
        Some(told) => told,
        None if fixed.is_empty() => "none".to_owned(),
        None => format!("`{}`", fixed.join(" ")),
    }
}

/// The table, grouped as `--help` is.
fn table() -> String {
    let options = options(&Cli::command());
    let mut headings: Vec<&str> = Vec::new();
    for heading in options.iter().filter_map(Arg::get_help_heading) {
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    let mut text = String::new();
    for heading in headings {
        let _ = write!(
            text,
            "\n| {heading} | variable | default | meaning |\n| --- | --- | --- | --- |\n"
        );
        let group = options.iter();
        for arg in group.filter(|arg| arg.get_help_heading() == Some(heading)) {
            let (meaning, told) = meaning(arg);
            let _ = writeln!(
                text,
                "| `--{}{}` | {} | {} | {meaning} |",
                arg.get_long().unwrap_or_default(),
                value(arg),
                arg.get_env()
                    .map(|env| format!("`{}`", env.to_string_lossy()))
                    .unwrap_or_default(),
                default(arg, told),
            );
        }
    }
    text + "\n"
}

#[test]
fn the_readme_has_every_option() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (there, after) = rest.split_once(END).unwrap();
    let table = table();
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    assert!(
        there == table,
        "the README's options are not those of --help; run: \
         UPDATE_README=1 cargo test --lib the_readme_has_every_option\n{table}"
    );
}

#[test]
fn every_option_has_a_group_and_the_service_s_a_variable() {
    let command = Cli::command();
    for arg in options(&command) {
        assert!(arg.get_help_heading().is_some(), "{arg:?}");
        assert!(arg.get_env().is_some(), "{arg:?}");
    }
}
