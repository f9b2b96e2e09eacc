//! Clients that other people's generators make of `schemas/openapi.json`: generated, compiled and
//! called, for a create of every dialect, a list, an update and an error.
//!
//! The generators come from PyPI and npm, in the versions of `generated/requirements.txt` and below;
//! what the Rust client needs comes from the registry of crates. All of it is kept under `target/`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::{SCRIPTS, common};
use common::Server;
use common::python::{must, python, target_dir};

/// The packages of npm, in the versions that are tested.
const NODE_PACKAGES: [&str; 3] = [
    "openapi-typescript@7.13.0",
    "typescript@5.9.3",
    "@types/node@20.19.43",
];
/// Every client is generated of this document.
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/openapi.json");

const DISAGREE: &str = "the generated client and the service do not agree";

/// The interpreter that has the generators, and what their Python clients need.
fn interpreter() -> &'static Path {
    static INTERPRETER: OnceLock<PathBuf> = OnceLock::new();
    let list = format!("{SCRIPTS}/generated/requirements.txt");
    INTERPRETER.get_or_init(|| python("generators-venv", &list))
}

/// A program of the same environment.
fn program(name: &str) -> Command {
    Command::new(interpreter().with_file_name(name))
}

fn script(name: &str) -> String {
    format!("{SCRIPTS}/generated/{name}")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// An empty directory for a generated client, beside what other clients need.
fn fresh(name: &str) -> PathBuf {
    let dir = target_dir().join("generated").join(name);
    drop(std::fs::remove_dir_all(&dir));
    std::fs::create_dir_all(&dir).expect("a directory");
    dir
}

/// Has OpenAPI Generator make a client; it checks the document first.
fn generate(generator: &str, dir: &Path) {
    let mut command = program("openapi-generator-cli");
    command.args(["generate", "-g", generator, "-i", DOCUMENT, "-o", text(dir)]);
    must(&mut command, "OpenAPI Generator refuses the document");
}

#[test]
fn openapi_generators_python_client_is_content() {
    let client = fresh("python");
    generate("python", &client);
    let dir = common::temp_dir();
    let server = Server::start(dir.path(), &["--auth", "jwt"]);
    let options = ["--role", "admin", "--tenant", "*", "--ttl", "24h"];
    let token = common::token(dir.path(), &options);
    let session = common::token(dir.path(), &["--session", "--ttl", "24h"]);
    let mut calls = Command::new(interpreter());
    calls.args([&script("openapi_generator.py"), text(&client)]);
    must(calls.args([&server.url, &token, &session]), DISAGREE);
}

#[test]
fn openapi_python_clients_client_is_content() {
    let client = fresh("openapi-python-client");
    let mut command = program("openapi-python-client");
    command.args(["generate", "--path", DOCUMENT, "--overwrite"]);
    command.args(["--meta", "setup", "--output-path", text(&client)]);
    must(&mut command, "openapi-python-client refuses the document");
    let dir = common::temp_dir();
    let server = Server::start(dir.path(), &[]);
    let mut calls = Command::new(interpreter());
    calls.args([&script("openapi_python_client.py"), text(&client)]);
    must(calls.arg(&server.url), DISAGREE);
}

#[test]
fn the_typescript_clients_are_content() {
    let node = target_dir().join("generators-node");
    let installed = node.join("installed.txt");
    let wanted = NODE_PACKAGES.join("\n");
    if std::fs::read_to_string(&installed).unwrap_or_default() != wanted {
        std::fs::create_dir_all(&node).expect("a directory");
        let mut install = Command::new("npm");
        install.args(["install", "--prefix", text(&node), "--ignore-scripts"]);
        install
            .args(["--no-audit", "--no-fund"])
            .args(NODE_PACKAGES);
        let advice = "the packages come from npm; npm's own settings say how to reach it";
        must(&mut install, advice);
        std::fs::write(&installed, wanted).expect("the directory is ours");
    }
    let client = fresh("typescript");
    generate("typescript-fetch", &client.join("fetch"));
    let tool = |name: &str| Command::new(node.join("node_modules/.bin").join(name));
    let mut types = tool("openapi-typescript");
    types.args([DOCUMENT, "--output", text(&client.join("types.ts"))]);
    must(&mut types, "openapi-typescript refuses the document");
    std::fs::copy(script("client.ts"), client.join("client.ts")).expect("a copy");
    let mut compile = tool("tsc");
    compile.args(["--strict", "--target", "es2022", "--module", "commonjs"]);
    compile.args([
        "--moduleResolution",
        "node10",
        "--skipLibCheck",
        "--typeRoots",
    ]);
    compile.args([text(&node.join("node_modules/@types")), "--outDir"]);
    compile.args([text(&client.join("js")), text(&client.join("client.ts"))]);
    must(&mut compile, "the generated TypeScript does not compile");
    let dir = common::temp_dir();
    let server = Server::start(dir.path(), &[]);
    let mut calls = Command::new("node");
    calls.args([text(&client.join("js/client.js")), &server.url]);
    must(&mut calls, DISAGREE);
}

#[test]
fn openapi_generators_rust_client_is_content() {
    let client = fresh("rust");
    generate("rust", &client);
    let manifest = client.join("Cargo.toml");
    let mut lines = std::fs::read_to_string(&manifest).expect("a manifest");
    lines.push_str(
        "\n[dev-dependencies]\ntokio = { version = \"1\", features = [\"macros\", \"rt\"] }\n",
    );
    // It is a package of its own, though its directory lies in another's.
    lines.push_str("\n[workspace]\n");
    std::fs::write(&manifest, lines).expect("the directory is ours");
    // In the versions that are built and looked through already, where it has the same packages.
    let lock = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock");
    std::fs::copy(lock, client.join("Cargo.lock")).expect("a copy");
    std::fs::create_dir(client.join("examples")).expect("a directory");
    std::fs::copy(script("client.rs"), client.join("examples/client.rs")).expect("a copy");
    let dir = common::temp_dir();
    let server = Server::start(dir.path(), &[]);
    let mut build = Command::new(env!("CARGO"));
    build.args([
        "run",
        "--quiet",
        "--no-default-features",
        "--example",
        "client",
    ]);
    build.args(["--manifest-path", text(&manifest), "--", &server.url]);
    build.env("CARGO_TARGET_DIR", target_dir().join("generated-rust"));
    // The code of others is not for the lints that `tests/run` builds with.
    build.env_remove("RUSTC_WORKSPACE_WRAPPER");
    must(build.env("CARGO_PROFILE_DEV_DEBUG", "0"), DISAGREE);
}

/// Nobody here calls these, but they must be able to read the document.
#[test]
fn the_generators_for_go_and_java_take_the_document() {
    for generator in ["go", "java"] {
        generate(generator, &fresh(generator));
    }
}

#[test]
fn thenas_own_client_is_content_in_both_modes() {
    let dir = common::temp_dir();
    let open = Server::start(&dir.path().join("open"), &[]);
    let data = dir.path().join("jwt");
    let guarded = Server::start(&data, &["--auth", "jwt"]);
    let options = ["--role", "admin", "--tenant", "acme", "--ttl", "24h"];
    let token = common::token(&data, &options);
    for arguments in [vec![&open.url], vec![&guarded.url, &token]] {
        let mut calls = Command::new(interpreter());
        calls
            .arg(format!("{SCRIPTS}/thena_client.py"))
            .args(arguments);
        must(&mut calls, "Thena's client and the service do not agree");
    }
}
