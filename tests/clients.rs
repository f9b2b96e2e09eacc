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
#[path = "clients/generated.rs"]
mod generated;

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use broker::Broker;
use common::Server;
use common::python::{must, python};

/// The directory of the clients' scripts.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");

/// The interpreter that has the clients.
fn interpreter() -> PathBuf {
    static INTERPRETER: OnceLock<PathBuf> = OnceLock::new();
    let packages = || python("clients-venv", &format!("{SCRIPTS}/requirements.txt"));
    INTERPRETER.get_or_init(packages).clone()
}

#[test]
fn emnifys_sdk_is_content_in_both_modes() {
    for mode in ["open", "jwt"] {
        let dir = common::temp_dir();
        let server = Server::start(dir.path(), &["--auth", mode]);
        let token = common::token(
            dir.path(),
            &["--role", "admin", "--tenant", "7", "--ttl", "24h"],
        );
        let mut script = Command::new(interpreter());
        script
            .arg(format!("{SCRIPTS}/emnify_sdk.py"))
            .args([&token, "7", mode])
            .env("EMNIFY_SDK_API_ENDPOINT_URL", format!("{}/api", server.url))
            .env("NO_PROXY", "127.0.0.1");
        must(&mut script, "the SDK and the service do not agree");
    }
}

#[test]
fn nats_py_is_content() {
    let broker = Broker::started();
    let dir = common::temp_dir();
    let _server = Server::start(dir.path(), &["--nats-url", &broker.url()]);
    let mut script = Command::new(interpreter());
    script
        .arg(format!("{SCRIPTS}/nats_commands.py"))
        .arg(broker.url());
    must(&mut script, "nats-py and the service do not agree");
}
