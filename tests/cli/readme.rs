//! The README as a reader uses it: its blocks pasted one after the other, in bash and in zsh.
//!
//! Blocks of `sh` run against a service and a broker of the test's own, whose ports take the place
//! of the ones that are written there. Blocks marked `stopped` run when that service has stopped;
//! those marked `no-run` (they install something, never end, or need a certificate) are only
//! parsed. Blocks of `python` are whole programs.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::broker::Broker;
use crate::common::python::python;
use crate::common::{BINARY, Server, temp_dir};

const SHELLS: [&[&str]; 2] = [&["bash", "--norc"], &["zsh", "-f"]];

/// A fenced block: its language, the mark behind it, its text and the line that it begins on.
struct Block {
    language: String,
    mark: String,
    text: String,
    line: usize,
}

/// Every fenced block of the README, in order.
fn blocks() -> Vec<Block> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(readme).expect("the README");
    let (mut blocks, mut open): (Vec<Block>, Option<Block>) = (Vec::new(), None);
    for (number, line) in (1..).zip(readme.lines()) {
        match (line.strip_prefix("```"), &mut open) {
            (Some(info), None) => {
                let (language, mark) = info.split_once(' ').unwrap_or((info, ""));
                open = Some(Block {
                    language: language.to_owned(),
                    mark: mark.to_owned(),
                    text: String::new(),
                    line: number + 1,
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => block.text += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "the last block of the README is not closed");
    blocks
}

/// The blocks of a language with this mark.
fn of(language: &str, mark: &str) -> Vec<Block> {
    let mut blocks = blocks();
    blocks.retain(|block| block.language == language && block.mark == mark);
    blocks
}

/// A broker, a service on it, and the directory in which a reader works.
struct Reader {
    dir: TempDir,
    broker: Broker,
    server: Option<Server>,
}

impl Reader {
    fn new() -> Self {
        let (dir, broker) = (temp_dir(), Broker::started());
        let options = ["--nats-url", &broker.url()];
        let server = Server::start(&dir.path().join("contact-data"), &options);
        let bin = dir.path().join("bin");
        std::fs::create_dir(&bin).expect("a directory");
        symlink(BINARY, bin.join("contactd")).expect("a link to the binary");
        // As curl, but an answer that is an error fails the block.
        let curl = format!(
            "#!/bin/sh\nPATH='{}' exec curl --fail-with-body --no-progress-meter \"$@\"\n",
            path_variable()
        );
        std::fs::write(bin.join("curl"), curl).expect("a script");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(bin.join("curl"), mode).expect("its mode");
        Self {
            dir,
            broker,
            server: Some(server),
        }
    }

    /// The text with this service's and this broker's addresses in it.
    fn here(&self, text: &str) -> String {
        let address = |url: &str| url.split_once("://").expect("a URL").1.to_owned();
        let server = self.server.as_ref().map(|server| address(&server.url));
        text.replace("127.0.0.1:8080", &server.unwrap_or_default())
            .replace("127.0.0.1:4222", &address(&self.broker.url()))
    }

    /// Writes a program beside the data directory.
    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, self.here(text)).expect("a file");
        path
    }

    /// Runs blocks in one shell, which ends at the first command that fails.
    fn run(&self, shell: &[&str], blocks: &[Block]) -> String {
        assert!(!blocks.is_empty());
        let script: String = blocks
            .iter()
            .map(|block| format!(": README line {}\n{}", block.line, block.text))
            .collect();
        let script = self.file("blocks.sh", &script);
        let path = format!("{}/bin:{}", self.dir.path().display(), path_variable());
        let output = Command::new(shell[0])
            .args(&shell[1..])
            .args(["-eux", "-o", "pipefail"])
            .arg(&script)
            .current_dir(self.dir.path())
            .env("PATH", path)
            .env("NO_PROXY", "127.0.0.1")
            .output();
        let output = output.unwrap_or_else(|error| panic!("{shell:?}: {error}"));
        let said = said(&output);
        assert!(output.status.success(), "{shell:?}:\n{said}");
        said
    }
}

fn path_variable() -> String {
    std::env::var("PATH").expect("PATH")
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
fn every_block_is_of_a_kind_that_is_tested() {
    for block in blocks() {
        let (language, mark) = (block.language.as_str(), block.mark.as_str());
        let known = match language {
            "sh" => matches!(mark, "" | "no-run" | "stopped"),
            "python" => matches!(mark, "" | "recipe"),
            "json" | "text" => mark.is_empty(),
            _ => false,
        };
        assert!(known, "README line {}: `{language} {mark}`", block.line);
        // A comment or a prompt cannot be pasted: an interactive zsh takes both for words.
        let bare = |line: &str| {
            line.starts_with('#') || line.contains(" # ") || line.trim_start().starts_with("$ ")
        };
        let pasted = language != "sh" || !block.text.lines().any(bare);
        assert!(pasted, "README line {}: a comment or a prompt", block.line);
    }
}

#[test]
fn every_shell_block_is_read_by_both_shells() {
    let mut all = of("sh", "");
    all.extend(of("sh", "no-run"));
    all.extend(of("sh", "stopped"));
    assert!(all.len() > 10);
    let dir = temp_dir();
    for block in &all {
        let file = dir.path().join("block.sh");
        std::fs::write(&file, &block.text).expect("a file");
        for shell in SHELLS {
            let output = Command::new(shell[0]).arg("-n").arg(&file).output();
            let output = output.unwrap_or_else(|error| panic!("{shell:?}: {error}"));
            let said = said(&output);
            let line = block.line;
            assert!(
                output.status.success(),
                "{shell:?}, README line {line}: {said}"
            );
        }
    }
}

fn the_shell_blocks_run_in(shell: &[&str]) -> Reader {
    let mut reader = Reader::new();
    let said = reader.run(shell, &of("sh", ""));
    for expected in [
        "\"fullName\":\"John Doe\"",
        "Ann Sample",
        "2 imported",
        "BEGIN",
    ] {
        let file = reader.dir.path().join("people.vcf");
        let exported = std::fs::read_to_string(file).expect("the export");
        assert!(
            said.contains(expected) || exported.contains(expected),
            "{expected}: {said}"
        );
    }
    let server = reader.server.take().expect("it runs");
    assert_eq!(server.stop(), Some(0));
    reader.run(shell, &of("sh", "stopped"));
    reader
}

#[test]
fn the_shell_blocks_run_in_bash_and_the_recipes_on_what_they_export() {
    let reader = the_shell_blocks_run_in(SHELLS[0]);
    let list = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/recipes.txt");
    let python = python("recipes-venv", list);
    let mut all = String::new();
    for recipe in of("python", "recipe") {
        let output = Command::new(&python)
            .arg(reader.file("recipe.py", &recipe.text))
            .current_dir(reader.dir.path())
            .output()
            .expect("it starts");
        let said = said(&output);
        assert!(
            output.status.success(),
            "README line {}: {said}",
            recipe.line
        );
        all.push_str(&said);
    }
    for expected in ["Ann Sample", "mattr", "hour", "events"] {
        assert!(all.contains(expected), "{expected}: {all}");
    }
}

#[test]
fn the_shell_blocks_run_in_zsh() {
    the_shell_blocks_run_in(SHELLS[1]);
}

#[test]
fn the_python_blocks_run() {
    let reader = Reader::new();
    let list = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/clients/requirements.txt"
    );
    let python = python("clients-venv", list);
    let [producer, consumer] = &of("python", "")[..] else {
        panic!("a producer and a consumer");
    };
    let output = Command::new(&python)
        .arg(reader.file("producer.py", &producer.text))
        .output()
        .expect("it starts");
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("stored in CONTACT_COMMANDS\n201 {"), "{said}");

    // It reads on for ever: the first events are enough.
    let mut child = Command::new("timeout")
        .arg("60")
        .arg(&python)
        .arg(reader.file("consumer.py", &consumer.text))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let first: Vec<String> = lines.take(2).map(|line| line.expect("text")).collect();
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    assert!(first[0].starts_with("00000000000000000001 "), "{first:?}");
    assert!(first[1].contains("_CREATE_"), "{first:?}");
}
