//! `contactd print`: what operators need around the service, out of the one binary.
//!
//! The unit, the board, the alerts, the compose file and the manifests are files beside this one, so that whoever
//! changes them sees them as they are. Completions and manual pages are made of the definitions
//! that `--help` is made of.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Command, Subcommand};
use clap_complete::Shell;

use super::exit::Failure;
use super::output::unless_enough;

/// The name of the program in completions and manual pages.
const NAME: &str = "contactd";
const UNIT: &str = include_str!("contactd.service");
const DASHBOARD: &str = include_str!("dashboard.json");
const ALERTS: &str = include_str!("alerts.yml");
const COMPOSE: &str = include_str!("compose.yml");
const KUBERNETES: &str = include_str!("kubernetes.yml");

/// What there is to print.
#[derive(Subcommand)]
pub enum PrintCommand {
    /// A systemd unit that runs the service with as few rights as it needs
    Unit,
    /// Completions of commands and options for a shell
    Completions {
        /// The shell that reads them
        shell: Shell,
    },
    /// The manual page, or all pages into a directory
    Man(ManOptions),
    /// A dashboard for Grafana, in JSON, over the metrics in Prometheus
    Dashboard,
    /// Alert rules for Prometheus
    Alerts,
    /// A compose file: the service, NATS, Prometheus with the alerts, Grafana with the dashboard
    Compose,
    /// Manifests for Kubernetes: three nodes that keep one log together
    Kubernetes,
}

/// The place of the manual pages.
#[derive(Args)]
pub struct ManOptions {
    /// The directory to write a page for each command to [default: the first page, to standard output]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Prints what was asked for, of the program that `program` defines.
///
/// # Errors
/// Standard output or the directory cannot be written to.
pub fn run(command: &PrintCommand, mut program: Command) -> Result<(), Failure> {
    match command {
        PrintCommand::Unit => print(UNIT.as_bytes()),
        PrintCommand::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut program, NAME, &mut text);
            print(&text)
        }
        PrintCommand::Man(options) => match &options.out {
            Some(directory) => pages(program, directory),
            None => print(&page(program)?),
        },
        PrintCommand::Dashboard => print(DASHBOARD.as_bytes()),
        PrintCommand::Alerts => print(ALERTS.as_bytes()),
        PrintCommand::Compose => print(compose().as_bytes()),
        PrintCommand::Kubernetes => print(KUBERNETES.as_bytes()),
    }
}

fn print(bytes: &[u8]) -> Result<(), Failure> {
    unless_enough(io::stdout().lock().write_all(bytes))
}

fn page(program: Command) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    let page = clap_mangen::Man::new(program);
    page.render(&mut text).map_err(Failure::failed)?;
    Ok(text)
}

/// Writes the page of each command.
fn pages(program: Command, directory: &Path) -> Result<(), Failure> {
    let unwritable = |error: io::Error| {
        Failure::usage(format!("cannot write to {}: {error}", directory.display()))
    };
    std::fs::create_dir_all(directory).map_err(unwritable)?;
    clap_mangen::generate_to(program, directory).map_err(unwritable)
}

/// The compose file, with the alerts and the dashboard in the places that are marked for them.
fn compose() -> String {
    let mut text = String::new();
    for line in COMPOSE.lines() {
        let indent = line.len() - line.trim_start().len();
        match line.trim() {
            "@alerts.yml@" => push_indented(&mut text, ALERTS, indent),
            "@dashboard.json@" => push_indented(&mut text, DASHBOARD, indent),
            _ => push_indented(&mut text, line, 0),
        }
    }
    text
}

/// Adds a file to a compose file, where a dollar sign is written twice.
fn push_indented(text: &mut String, file: &str, indent: usize) {
    for line in file.lines() {
        let line = if indent == 0 {
            line.to_owned()
        } else {
            line.replace('$', "$$")
        };
        text.push_str(&" ".repeat(indent));
        text.push_str(&line);
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::super::Cli;
    use super::*;

    #[test]
    fn a_compose_file_holds_what_it_serves() {
        let text = compose();
        assert!(!text.contains('@'), "a place is still marked");
        for line in ALERTS.lines().filter(|line| !line.trim().is_empty()) {
            assert!(text.contains(&line.replace('$', "$$")), "{line}");
        }
        assert!(text.contains("\"title\": \"contactd\""));
    }

    #[test]
    fn the_manifests_give_each_setting_to_an_option_that_there_is() {
        let command = Cli::command();
        let serve = command.find_subcommand("serve").unwrap();
        let known: Vec<&str> = serve
            .get_arguments()
            .filter_map(|argument| argument.get_env()?.to_str())
            .collect();
        let named = KUBERNETES.split("name: CONTACTD_").skip(1);
        let names = named.map(|rest| format!("CONTACTD_{}", rest.split(',').next().unwrap()));
        let names: Vec<String> = names.collect();
        assert!(names.len() > 5, "{names:?}");
        for name in names {
            assert!(known.contains(&name.as_str()), "{name}");
        }
    }

    #[test]
    fn there_is_a_page_for_each_command() {
        let dir = tempfile::tempdir().unwrap();
        pages(Cli::command(), dir.path()).unwrap();
        for name in ["contactd", "contactd-log-verify", "contactd-print-unit"] {
            let page = dir.path().join(format!("{name}.1"));
            let text = std::fs::read_to_string(&page).unwrap();
            assert!(text.contains(".TH"), "{name}");
        }
    }
}
