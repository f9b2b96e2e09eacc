//! What somebody meets who starts the program for the first time: what a start says, tokens that may
//! do nothing, options in the other order.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::program::{UNKNOWN_ID, check, data_dir, text};
use crate::common::{self, BINARY, Server, run};

#[test]
fn a_token_that_may_do_nothing_is_warned_of() {
    let (_dir, data) = data_dir();
    let warned = |options: &[&str]| check(&data, &[&["token"], options].concat(), 0).1;
    let said = warned(&["--role", "contact:write", "--tenant", "acme"]);
    assert!(said.contains("the role \"contact:write\"") && said.contains("contacts:write"));
    let said = warned(&[]);
    assert!(
        said.contains("no role") && said.contains("no tenant"),
        "{said}"
    );
    assert_eq!(warned(&["--role", "admin", "--tenant", "*"]), "");
    assert_eq!(warned(&["--session"]), "");
    check(&data, &["token", "--session", "--role", "admin"], 2);
}

#[test]
fn directory_options_may_stand_before_the_subcommand() {
    let (_dir, data) = data_dir();
    assert_eq!(Server::start(&data, &[]).stop(), Some(0));
    let before = |command: &[&str]| run(&[&["--data-dir", text(&data)], command].concat());
    let (code, out, err) = before(&["log", "verify"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("nothing is wrong"), "{out}");
    // Not ignored where the directory plays no part.
    let (code, _, err) = before(&["contacts", "erase", UNKNOWN_ID, "--reason", "request"]);
    assert_eq!(code, Some(2), "{err}");
}

#[tokio::test]
async fn a_start_names_the_console_and_a_browser_at_the_root_is_sent_there() {
    let (_dir, data) = data_dir();
    let mut child = Command::new(BINARY)
        .args(["--listen", "127.0.0.1:0", "--data-dir", text(&data)])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let stdout = child.stdout.take().expect("a pipe");
    let lines: Vec<String> = BufReader::new(stdout)
        .lines()
        .take(4)
        .map(|line| line.expect("text"))
        .collect();
    let url = lines[0]
        .strip_prefix("listening on ")
        .expect("the first line");
    assert_eq!(lines[2], format!("console: {url}/console"));
    let pasted = lines[3].strip_prefix("try: ").expect("a line to paste");
    let output = Command::new("zsh").args(["-fc", pasted]).output();
    let output = output.expect("zsh runs");
    assert!(
        String::from_utf8_lossy(&output.stdout).starts_with("{\"id\":"),
        "{output:?}"
    );

    let client = common::client();
    let got = |accept: &'static str, path: &str| {
        let request = client.get(format!("{url}{path}")).header("accept", accept);
        async move { request.send().await.expect("an answer") }
    };
    for path in ["/", "/console/"] {
        let page = got("text/html,application/xhtml+xml", path).await;
        assert_eq!(page.url().path(), "/console");
        assert!(
            page.text()
                .await
                .expect("text")
                .starts_with("<!doctype html>")
        );
    }
    assert_eq!(got("application/json", "/").await.status(), 404);
    let page = got("application/json", "/console/").await;
    assert_eq!(page.url().path(), "/console");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
}
