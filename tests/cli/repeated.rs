//! Imports that are run again, or that ask again: what is said of either.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use crate::common::{Server, run, temp_dir};

/// Runs `contactd contacts`, which must succeed. Gives what it said.
fn contacts(arguments: &[&str]) -> (String, String) {
    let (code, out, err) = run(&[&["contacts"], arguments].concat());
    assert_eq!(code, Some(0), "{arguments:?}: {out}{err}");
    (out, err)
}

/// Imports a file with two contacts; the file, and the id of the first of them, Ann.
fn imported(dir: &Path, there: &[&str]) -> (String, String) {
    let file = dir.join("people.csv");
    std::fs::write(&file, "name\nAnn\nBob\n").expect("a file");
    let file = file.to_str().expect("UTF-8");
    contacts(&[&["import", file], there].concat());
    let (list, _) = contacts(&[&["list"], there].concat());
    let ann = list.lines().find(|line| line.contains("Ann"));
    let ann: serde_json::Value = serde_json::from_str(ann.expect("Ann")).expect("JSON");
    let id = ann["id"].as_str().expect("an id");
    (file.to_owned(), id.to_owned())
}

#[tokio::test]
async fn a_contact_that_was_deleted_since_is_not_said_to_be_there() {
    let dir = temp_dir();
    let data = dir.path().join("data");
    let server = Server::start(&data, &[]);
    let there = ["--url", &server.url];
    let (file, id) = imported(dir.path(), &there);
    let (file, id) = (&*file, &*id);
    contacts(&[&["delete", id], &there[..]].concat());
    let check = |there: &[&str]| {
        let (out, err) = contacts(&[&["import", file], there].concat());
        let sum = "2 records: 0 imported, 1 already there, 0 twice in the file, 0 refused, 1 imported \
            before and deleted since\n";
        assert_eq!(out, sum);
        let line =
            format!("line 2: was imported before and deleted since, as {id}; to have it again");
        assert!(err.starts_with(&line), "{err}");
    };
    check(&there);
    let report = dir.path().join("report.ndjson");
    let to = ["--report", report.to_str().expect("UTF-8")];
    contacts(&[&["import", file], &to[..], &there].concat());
    let said = std::fs::read_to_string(&report).expect("a report");
    let said: serde_json::Value = serde_json::from_str(&said).expect("one line");
    let want = serde_json::json!({"outcome": "deleted", "line": 2, "id": id});
    assert_eq!(said, want);
    assert_eq!(server.stop(), Some(0));
    check(&["--data-dir", data.to_str().expect("UTF-8")]);
}

#[tokio::test]
async fn a_contact_that_was_erased_since_is_no_refusal() {
    let dir = temp_dir();
    let data = dir.path().join("data");
    let server = Server::start(&data, &[]);
    let there = ["--url", &server.url];
    let (file, id) = imported(dir.path(), &there);
    let (file, id) = (&*file, &*id);
    let path = format!("/contacts/{id}/erase");
    let why = serde_json::json!({"reason": "request"});
    let erased = server.send("POST", &path, &[], Some(&why)).await;
    assert_eq!(erased.status, 200, "{erased:?}");
    let (out, err) = contacts(&[&["import", file], &there[..]].concat());
    let sum = "2 records: 0 imported, 1 already there, 0 twice in the file, 0 refused, 1 imported \
        before and erased since\n";
    assert_eq!(out, sum);
    let line = "line 2: was imported before and erased since; to have it again";
    assert!(err.starts_with(line), "{err}");
    let report = dir.path().join("report.ndjson");
    let to = ["--report", report.to_str().expect("UTF-8")];
    contacts(&[&["import", file], &to[..], &there].concat());
    let said = std::fs::read_to_string(&report).expect("a report");
    assert_eq!(said, "{\"outcome\":\"erased\",\"line\":2}\n");
    assert_eq!(server.stop(), Some(0));
}

/// Reads a request and gives its first line.
fn request(stream: &TcpStream) -> String {
    let mut stream = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    stream.read_line(&mut first).expect("a request");
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).expect("a header");
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(text) = line.strip_prefix("content-length:") {
            length = text.trim().parse().expect("a number");
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).expect("a body");
    first
}

/// Answers creates: the first that it has no room, and the second that it is done.
fn full_for_a_while(listener: &TcpListener) {
    let mut creates = 0;
    while creates < 2 {
        let (mut stream, _) = listener.accept().expect("a connection");
        let first = request(&stream);
        let (status, body) = if first.contains("/contacts/batch") {
            ("200 OK", "{}")
        } else {
            creates += 1;
            match creates {
                1 => (
                    "503 Service Unavailable",
                    r#"{"detail": "The disk is full."}"#,
                ),
                _ => ("201 Created", "{}"),
            }
        };
        let length = body.len();
        let position = 7 + creates;
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContact-Position: {position}\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n{body}"
        )
        .expect("an answer");
    }
}

#[test]
fn an_import_that_waits_for_the_service_says_so_and_why() {
    let dir = temp_dir();
    let file = dir.path().join("people.csv");
    std::fs::write(&file, "name\nAnn\n").expect("a file");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || full_for_a_while(&listener));
    let file = file.to_str().expect("UTF-8");
    let (out, err) = contacts(&["import", file, "--url", &url]);
    assert!(out.starts_with("1 record: 1 imported"), "{out}");
    let said = "contactd: waiting 0.1 s to try again: 503 Service Unavailable: The disk is full.\n";
    assert_eq!(err, said);
}
