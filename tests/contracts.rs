//! The contracts: what is committed is what the code says, what is served is what is committed,
//! what is answered is what is told, and judges that we did not write accept all of it.
//!
//! `UPDATE_SCHEMAS=1 cargo test --test contracts` writes `schemas/` anew, `UPDATE_EXAMPLES=1` before it the
//! examples in them. The judges are packages
//! of PyPI and npm in the versions of `contracts/requirements.txt` and below; they are installed
//! under `target/`, by the first test that needs them.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails, and says where"
)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use common::figures::say;
use common::{Server, temp_dir};
use contactd::contract;

/// The parser of AsyncAPI's own makers.
const ASYNCAPI_PARSER: &str = "@asyncapi/parser@3.6.3";
/// Examples that schemathesis makes up for each operation, at random but always the same: half a
/// minute in all.
const EXAMPLES: &str = "6";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Runs a program to its end, and gives what it said; where it fails, says all of that.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| {
        panic!("{command:?} does not run: {error}");
    });
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{out}\n{err}");
    out
}

/// Prints the last lines of what a judge said.
fn closing(judge: &str, said: &str, lines: usize) {
    let all: Vec<&str> = said
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    for line in all.iter().skip(all.len().saturating_sub(lines)) {
        say(&format!("{judge}: {line}"));
    }
}

/// The outside validators, installed for this run.
struct Judges {
    /// The directory of the programs from PyPI.
    programs: PathBuf,
    /// The directory of the packages from npm.
    node: PathBuf,
}

impl Judges {
    /// Installs them where they are not yet, or not in these versions.
    fn get() -> &'static Self {
        static JUDGES: OnceLock<Judges> = OnceLock::new();
        JUDGES.get_or_init(|| {
            let home = path("target/contracts");
            let judges = Self {
                programs: home.join("venv/bin"),
                node: home.join("node"),
            };
            let wanted = std::fs::read_to_string(path("tests/contracts/requirements.txt"));
            let wanted = wanted.expect("requirements") + ASYNCAPI_PARSER;
            let marker = home.join("installed");
            if std::fs::read_to_string(&marker).unwrap_or_default() != wanted {
                judges.install(&home);
                std::fs::write(marker, wanted).expect("a marker");
            }
            judges
        })
    }

    fn install(&self, home: &Path) {
        std::fs::create_dir_all(&self.node).expect("a directory");
        run(Command::new("python3")
            .args(["-m", "venv"])
            .arg(home.join("venv")));
        let requirements = path("tests/contracts/requirements.txt");
        run(self
            .program("pip")
            .args(["install", "-q", "-r"])
            .arg(requirements));
        let node = self.node.to_str().expect("a path in UTF-8");
        let quiet = ["--ignore-scripts", "--no-audit", "--no-fund"];
        let install = ["npm", "install", "--prefix", node, ASYNCAPI_PARSER];
        self.checked(&[install.as_slice(), &quiet].concat());
    }

    fn program(&self, name: &str) -> Command {
        Command::new(self.programs.join(name))
    }

    fn checked(&self, arguments: &[&str]) -> String {
        let script = path("tests/contracts/check.py");
        run(self.program("python").arg(script).args(arguments))
    }
}

#[test]
fn what_is_committed_is_what_the_code_says() {
    let update = std::env::var_os("UPDATE_SCHEMAS").is_some();
    for (name, text) in contract::files() {
        let file = path("schemas").join(name);
        if update {
            std::fs::write(&file, text).expect("schemas/ can be written");
        }
        let committed = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            committed == *text,
            "schemas/{name} is not what the code says; UPDATE_SCHEMAS=1 writes it anew"
        );
    }
    let files = std::fs::read_dir(path("schemas")).expect("schemas/");
    assert_eq!(
        files.count(),
        contract::files().len(),
        "schemas/ has others"
    );
}

/// Only what is in a table is described, so only that may be routed.
#[test]
fn no_path_is_routed_by_hand() {
    let router = std::fs::read_to_string(path("src/http/router.rs")).expect("the router");
    let by_hand = router.matches(".route(\"").count();
    assert_eq!(by_hand, 0, "give the path a place in contract::SystemRoute");
}

#[tokio::test]
async fn what_is_served_is_what_is_committed() {
    let dir = temp_dir();
    let server = Server::start(dir.path(), &[]);
    for (name, text) in contract::files() {
        let paths = [format!("/schemas/{name}"), format!("/{name}")];
        let served = if name.ends_with("api.json") { 2 } else { 1 };
        for path in paths.iter().take(served) {
            let answer = server.send("GET", path, &[], None).await;
            let headers = (
                answer.header("content-type"),
                answer.header("contact-correlation"),
            );
            assert_eq!(
                (answer.status, headers.0),
                (200, Some("application/json")),
                "{path}"
            );
            assert!(headers.1.is_some(), "{path}");
            assert!(answer.body == text.as_bytes(), "{path}");
        }
    }
    let none = server.send("GET", "/schemas/none.json", &[], None).await;
    assert_eq!(none.status, 404);
    assert_eq!(
        server.send("GET", "/schemas/%FF", &[], None).await.status,
        404
    );
}

#[test]
fn the_documents_are_what_they_call_themselves() {
    let judges = Judges::get();
    let schemas = path("schemas");
    let openapi = run(judges
        .program("openapi-spec-validator")
        .arg(schemas.join("openapi.json")));
    closing("openapi-spec-validator", &openapi, 1);
    let named = contract::files().iter().map(|(name, _)| name);
    let schemas_of: Vec<PathBuf> = named
        .filter(|name| !name.ends_with("api.json"))
        .map(|name| schemas.join(name))
        .collect();
    let mut check = judges.program("check-jsonschema");
    let said = run(check.arg("--check-metaschema").args(schemas_of));
    closing("check-jsonschema --check-metaschema", &said, 1);
    let text = |path: PathBuf| path.to_str().expect("a path in UTF-8").to_owned();
    let script = text(path("tests/contracts/asyncapi.mjs"));
    let (node, file) = (
        text(judges.node.clone()),
        text(schemas.join("asyncapi.json")),
    );
    let said = judges.checked(&["node", &script, &node, &file]);
    closing(ASYNCAPI_PARSER, &said, 1);
}

/// Every example is sent to a service that knows nobody yet, and what it answers is the example's
/// answer in form. `UPDATE_EXAMPLES=1` records the answers anew; the schemas are made of them then.
#[test]
fn what_is_sent_as_an_example_is_answered_as_one() {
    let dir = temp_dir();
    let server = Server::start(dir.path(), &[]);
    let judges = Judges::get();
    let update = std::env::var_os("UPDATE_EXAMPLES").is_some();
    let command = if update { "record" } else { "check" };
    let mut examples = judges.program("python");
    examples.arg(path("tests/contracts/examples.py"));
    examples.args([command, &server.url]);
    let said = run(examples.arg(path("src/contract/examples.json")));
    closing("examples", &said, 1);
}

/// Each vector is sent; the bodies on both ways and the events that come of it are held against
/// the documents, and a CloudEvents SDK reads the events.
#[test]
fn what_is_said_is_what_the_documents_tell() {
    let dir = temp_dir();
    let server = Server::start(dir.path(), &[]);
    let judges = Judges::get();
    let vectors = path("tests/vectors");
    let vectors = vectors.to_str().expect("a path in UTF-8");
    closing(
        "jsonschema",
        &judges.checked(&["vectors", &server.url, vectors]),
        1,
    );
    closing("cloudevents", &judges.checked(&["events", &server.url]), 1);
}

/// Made-up requests, at the limits of what is allowed and beyond them, then at random. A position
/// that is not there yet is waited for in vain, so that one header is fixed.
#[test]
fn nothing_that_the_documents_allow_breaks_the_service() {
    let dir = temp_dir();
    let server = Server::start(dir.path(), &[]);
    let judges = Judges::get();
    let checks = [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "response_headers_conformance",
    ];
    // One operation with a Card says as much as three do, and each has thousands of limits.
    let limits = [
        "--phases",
        "examples,coverage",
        "--exclude-operation-id-regex",
        "^native(Upsert|Bulk)$",
    ];
    let random = ["--phases", "fuzzing", "--max-examples", EXAMPLES];
    for phases in [limits, random] {
        let mut command = judges.program("schemathesis");
        command.current_dir(path("target/contracts"));
        command.args(["run", "--url", &server.url, "--checks", &checks.join(",")]);
        command.args(phases);
        command.args([
            "--header",
            "Contact-Min-Position: 0",
            "--exclude-path",
            "/events",
        ]);
        // Python 3.11 fails to compile deep schemas in two threads.
        command.args(["--generation-deterministic", "--no-color", "--workers", "1"]);
        command.args(["--suppress-health-check", "all", "--warnings", "off"]);
        let said = run(command.arg(path("schemas/openapi.json")));
        closing("schemathesis", &said, 12);
    }
}
