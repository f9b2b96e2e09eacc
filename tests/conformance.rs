//! Every vector of `tests/vectors` against the real binary, fresh, in open and in jwt mode.
//!
//! The vectors and their runner know nothing of Rust: whoever writes the service anew, in
//! whatever language, can hold it to the same words.

#![allow(
    clippy::expect_used,
    reason = "clippy grants tests these, but not the functions that tests share"
)]

mod common;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{BINARY, Server, temp_dir};

/// Every file of vectors, always in the same order.
fn vectors() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let entries = std::fs::read_dir(folder).expect("a directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|ext| ext == "json"))
        .collect();
    files.sort();
    files
}

/// Runs every vector of a mode against a fresh service.
fn conforms(mode: &str) {
    let dir = temp_dir();
    let data = dir.path().join("data");
    let server = Server::start(&data, &["--auth", mode]);
    let token = format!("'{BINARY}' token --data-dir '{}'", data.display());
    let run = Command::new("python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/run.py"))
        .args(["--url", &server.url, "--mode", mode, "--token-cmd", &token])
        .args(vectors())
        .output()
        .expect("python3 runs the vectors; install it, or use tests/run");
    let said = String::from_utf8_lossy(&run.stdout);
    let closing = said.lines().last().unwrap_or_default();
    // Past the capture: how many held is worth a line of every run.
    writeln!(std::io::stderr(), "{mode} mode: {closing}").expect("standard error is there");
    let faults = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(0), "{mode}:\n{said}{faults}");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn every_vector_holds_in_open_mode() {
    assert!(vectors().len() >= 7, "{:?}", vectors());
    conforms("open");
}

#[test]
fn every_vector_holds_in_jwt_mode() {
    conforms("jwt");
}
