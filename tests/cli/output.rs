//! What the program says where nobody reads it, or where it cannot be written.

use std::process::Command;

use serde_json::json;

use crate::common::{BINARY, Server, run};
use crate::program::{check, data_dir, text};

/// The program by a shell, which runs this line: `$0` is the program, `$@` what it is given.
fn by_shell(line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line, BINARY]);
    command
}

#[tokio::test]
async fn words_that_nobody_takes_end_nothing() {
    let (_dir, data) = data_dir();
    let mut command = by_shell("exec \"$0\" \"$@\" 2>/dev/full");
    command.args(["--listen", "127.0.0.1:0"]);
    command.env("RUST_LOG", "debug");
    let started = Server::try_start_as(command, &data);
    let server = started.unwrap_or_else(|(code, said)| panic!("{code:?}: {said}"));
    for _ in 0..3 {
        let card = json!({"name": {"full": "Ann"}});
        let made = server.send("POST", "/contacts", &[], Some(&card)).await;
        assert_eq!(made.status, 201);
    }
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_result_that_nobody_reads_is_one_all_the_same() {
    let (_dir, data) = data_dir();
    assert_eq!(Server::start(&data, &[]).stop(), Some(0));
    let mut verify = by_shell("exec \"$0\" \"$@\" >/dev/full 2>/dev/full");
    verify.args(["log", "verify", "--data-dir", text(&data)]);
    let ended = verify.status().expect("a shell");
    assert_eq!(ended.code(), Some(0));
}

#[tokio::test]
async fn a_file_that_may_not_grow_stops_writes_and_not_the_service() {
    let (_dir, data) = data_dir();
    let mut command = by_shell("ulimit -f 2000; exec \"$0\" \"$@\"");
    command.args(["--listen", "127.0.0.1:0"]);
    let started = Server::try_start_as(command, &data);
    let server = started.unwrap_or_else(|(code, said)| panic!("{code:?}: {said}"));
    let card = json!({"name": {"full": "Ann"}, "notes": {"n": {"note": "x".repeat(10_000)}}});
    let mut statuses = Vec::new();
    while statuses.last().is_none_or(|status| *status == 201) {
        assert!(statuses.len() < 5_000, "the files grow on");
        let made = server.send("POST", "/contacts", &[], Some(&card)).await;
        statuses.push(made.status);
    }
    assert_eq!(statuses.last(), Some(&503), "{}", statuses.len());
    let read = server.send("GET", "/contacts?limit=1", &[], None).await;
    assert_eq!(read.status, 200);
}

#[tokio::test]
async fn a_near_miss_at_a_property_is_told_on_the_command_line() {
    let (dir, data) = data_dir();
    let file = dir.path().join("card.json");
    std::fs::write(&file, r#"{"card": {"name": {"full": "Ann"}}}"#).expect("a file");
    let create = ["contacts", "create", text(&file)];
    let (_, err) = check(&data, &create, 0);
    assert!(
        err.contains("contactd: warning: card is kept, but"),
        "{err}"
    );
    let server = Server::start(&data, &[]);
    let (_, _, err) = run(&[&create[..], &["--url", &server.url]].concat());
    assert!(
        err.contains("contactd: warning: card is kept, but"),
        "{err}"
    );
}

#[test]
fn who_has_read_enough_of_an_export_ends_it_in_order() {
    let (_dir, data) = data_dir();
    let server = Server::start(&data, &[]);
    let url = ["--url", &server.url];
    let people: String = (0..2_000)
        .map(|number| format!("{{\"name\": {{\"full\": \"Ann {number}\"}}}}\n"))
        .collect();
    let file = data.with_extension("ndjson");
    std::fs::write(&file, people).expect("a file");
    let (code, out, err) = run(&[&["contacts", "import", text(&file)], &url[..]].concat());
    assert_eq!(code, Some(0), "{out}{err}");
    for format in ["csv", "ndjson"] {
        let line = "{ \"$0\" \"$@\"; echo $? >&2; } | { read -r line; }";
        let mut export = by_shell(line);
        export.args(["log", "export", "--format", format]).args(url);
        let ended = export.output().expect("a shell");
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "0\n", "{format}");
    }
}
