//! Clients that nobody here wrote, against the real binary: their packages come from PyPI into an
//! environment of their own under `target/`, their scripts are in `tests/clients/`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy grants tests these, but not the functions that tests share"
)]

#[allow(dead_code, reason = "each test target uses its own part of it")]
#[path = "bus/broker.rs"]
mod broker;
mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use broker::Broker;
use common::Server;

/// Where the scripts are.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");

/// The interpreter that has the packages; it is made once, and again where their list changed.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
        let venv = target.expect("a target directory").join("clients-venv");
        let wanted = format!("{SCRIPTS}/requirements.txt");
        let list = std::fs::read(&wanted).expect("the list of packages");
        let installed = venv.join("installed.txt");
        let python = venv.join("bin/python");
        if std::fs::read(&installed).is_ok_and(|old| old == list) {
            return python;
        }
        let venv = venv.to_str().expect("a path in UTF-8");
        must(
            Command::new("python3").args(["-m", "venv", "--clear", venv]),
            "install Python's venv (Debian: apt-get install python3-venv); tests/run does",
        );
        must(
            Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r", &wanted]),
            "these packages come from PyPI; pip's own settings say how to reach it",
        );
        std::fs::write(installed, list).expect("the environment is ours");
        python
    })
}

/// Runs a command that must succeed.
fn must(command: &mut Command, advice: &str) {
    let output = command.output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}; {advice}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}\n{}\n{advice}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
}

#[test]
fn emnifys_sdk_is_content() {
    let dir = common::temp_dir();
    let server = Server::start(dir.path(), &["--auth", "jwt"]);
    let token = common::token(dir.path(), &["--role", "admin", "--tenant", "7"]);
    let mut script = Command::new(python());
    script
        .arg(format!("{SCRIPTS}/emnify_sdk.py"))
        .args([&token, "7"])
        .env("EMNIFY_SDK_API_ENDPOINT_URL", format!("{}/api", server.url))
        .env("NO_PROXY", "127.0.0.1");
    must(&mut script, "the SDK and the service do not agree");
}

#[test]
fn nats_py_is_content() {
    let broker = Broker::started();
    let dir = common::temp_dir();
    let _server = Server::start(dir.path(), &["--nats-url", &broker.url()]);
    let mut script = Command::new(python());
    script
        .arg(format!("{SCRIPTS}/nats_commands.py"))
        .arg(broker.url());
    must(&mut script, "nats-py and the service do not agree");
}
