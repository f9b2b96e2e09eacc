//! What an analyst takes: the log as a table, a part of it by time, and a demonstration to try on.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::program::{check, data_dir};
use crate::common::{BINARY, Server, run};

const HEAD: &str = "position,time,dialect,tenant,operation,phase,actor,contact_id,correlation,\
                    error_code,fields,displayName,emails,phones";

#[tokio::test]
async fn a_table_and_a_part_by_time_are_the_same_from_both_sides() {
    let (_dir, data) = data_dir();
    let server = Server::start(&data, &[]);
    let card = json!({"name": {"full": "Ann, \"A.\""}, "emails": {"e": {"address": "a@x.org"}}});
    server
        .send("POST", "/contacts?tenant=a%2Fb", &[], Some(&card))
        .await;
    let bad = json!({"emails": {"e": {"address": "nobody"}}});
    server
        .send("POST", "/contacts?tenant=acme", &[], Some(&bad))
        .await;
    let events = server.events().await;
    let time = |place: usize| events[place]["time"].as_str().expect("a time").to_owned();
    let (first, last) = (time(1), time(2));
    let table = ["log", "export", "--format", "csv"];
    let until = [&table[..], &["--until", &first]].concat();
    let since = ["log", "export", "--since", &last];
    let bare = [&table[..], &["--detail", "metadata"]].concat();
    let asked = [&table[..], &until, &since, &bare];
    let of_service: Vec<String> = asked
        .iter()
        .map(|asked| {
            let (code, out, err) = run(&[asked, &["--url", &server.url][..]].concat());
            assert_eq!(code, Some(0), "{asked:?}: {err}");
            out
        })
        .collect();
    assert_eq!(server.stop(), Some(0));
    let of_directory: Vec<String> = asked.iter().map(|asked| check(&data, asked, 0).0).collect();
    assert_eq!(of_service, of_directory);

    let lines: Vec<&str> = of_service[0].lines().collect();
    assert_eq!((lines[0], lines.len()), (HEAD, 5));
    assert!(lines[2].starts_with("2,") && lines[2].contains(",native,a/b,CREATE,SUCCESS,"));
    assert!(
        lines[2].ends_with(",\"Ann, \"\"A.\"\"\",a@x.org,"),
        "{}",
        lines[2]
    );
    assert!(
        lines[4].contains(",FAIL,") && lines[4].contains(",invalid,"),
        "{}",
        lines[4]
    );
    assert_eq!(of_service[1].lines().count(), 3, "{}", of_service[1]);
    assert!(of_service[2].lines().count() >= 2, "{}", of_service[2]);
    assert!(
        !of_service[2].contains("00000000000000000002"),
        "{}",
        of_service[2]
    );
    assert!(!of_service[3].contains("Ann"), "{}", of_service[3]);
    check(&data, &["log", "export", "--since", "yesterday"], 2);
    // What cannot be exported leaves no beginning of a table.
    let nowhere = data.join("nowhere");
    assert_eq!(check(&nowhere, &table, 2).0, "");
    let away = [&table[..], &["--url", "http://127.0.0.1:1"]].concat();
    assert_eq!(run(&away).1, "");
}

/// What DuckDB prints of the exported file, whose path is its first argument.
#[cfg(feature = "parquet")]
const ASK_DUCKDB: &str = r#"
import duckdb, sys
events = duckdb.read_parquet(sys.argv[1])
print(events.types[:2], events.types[-2:])
print(duckdb.sql("SELECT position, year(time), operation, displayName, emails, phones FROM events ORDER BY 1").fetchall())
"#;

#[cfg(feature = "parquet")]
#[tokio::test]
async fn duckdb_reads_types_and_lists_of_parquet() {
    let (dir, data) = data_dir();
    let server = Server::start(&data, &[]);
    let card = json!({"name": {"full": "Ann"}, "emails": {
        "e": {"address": "a@x.org"}, "f": {"address": "b@x.org"}}});
    let made = server.send("POST", "/contacts?tenant=acme", &[], Some(&card));
    assert_eq!(made.await.status, 201);
    let file = dir.path().join("events.parquet");
    let exported = Command::new(BINARY)
        .args(["log", "export", "--format", "parquet", "--url", &server.url])
        .stdout(std::fs::File::create(&file).expect("a file"))
        .status();
    assert!(exported.expect("it starts").success());
    let list = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/recipes.txt");
    let asked = Command::new(crate::common::python::python("recipes-venv", list))
        .args(["-c", ASK_DUCKDB])
        .arg(&file)
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&asked.stdout).into_owned();
    let error = String::from_utf8_lossy(&asked.stderr);
    let types = "[BIGINT, TIMESTAMP WITH TIME ZONE] [VARCHAR[], VARCHAR[]]";
    assert!(said.starts_with(types), "{said}{error}");
    let year = chrono::Utc::now().format("%Y");
    let rows = format!("(2, {year}, 'CREATE', 'Ann', ['a@x.org', 'b@x.org'], [])]");
    assert!(said.trim_end().ends_with(&rows), "{said}{error}");
}

#[test]
fn a_demo_is_filled_through_every_api_and_leaves_nothing() {
    let mut demo = Command::new(BINARY)
        .arg("demo")
        .env("CONTACTD_DATA_DIR", "/nowhere")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut said = BufReader::new(demo.stdout.take().expect("a pipe")).lines();
    let mut line = |begin: &str, end: &str| {
        let mut lines = said.by_ref().map(|line| line.expect("text"));
        let found = lines.find_map(|line| {
            let rest = line.strip_prefix(begin)?.strip_suffix(end)?;
            Some(rest.to_owned())
        });
        found.expect(begin)
    };
    let url = line("listening on ", "");
    let console = line(
        "500 contacts of invented people are there, made through 6 APIs: ",
        "",
    );
    assert_eq!(console, format!("{url}/console"));
    let directory = line("Ctrl-C ends this and removes ", "");
    assert!(Path::new(&directory).is_dir());

    let (code, out, err) = run(&["contacts", "list", "--url", &url]);
    assert_eq!(code, Some(0), "{err}");
    let contacts: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let dialects: BTreeSet<_> = contacts
        .iter()
        .map(|contact| contact["dialect"].as_str())
        .collect();
    assert_eq!((contacts.len(), dialects.len()), (500, 6));

    let stopped = Command::new("kill").arg(demo.id().to_string()).status();
    assert!(stopped.expect("kill runs").success());
    assert_eq!(demo.wait().expect("it ends").code(), Some(0));
    assert!(!Path::new(&directory).exists());
    let (code, _, err) = run(&["demo", "--listen", "0.0.0.0:0"]);
    assert_eq!(code, Some(2), "{err}");
}
