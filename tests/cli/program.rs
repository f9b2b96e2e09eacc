//! The program as scripts and people meet it: exit codes, what it prints, what it keeps quiet.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{BINARY, Server, run, saved_view, stderr_path, temp_dir, token};

pub(super) const UNKNOWN_ID: &str = "01980000-0000-7000-8000-000000000000";

/// A data directory to be, in a directory that goes when the test ends.
pub(super) fn data_dir() -> (TempDir, PathBuf) {
    let dir = temp_dir();
    let data = dir.path().join("data");
    (dir, data)
}

pub(super) fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// Runs a subcommand over a directory; its exit code must be this one. Gives what it said.
pub(super) fn check(data: &Path, arguments: &[&str], want: i32) -> (String, String) {
    let (code, out, err) = run(&[arguments, &["--data-dir", text(data)]].concat());
    assert_eq!(code, Some(want), "{arguments:?}: {out}{err}");
    (out, err)
}

/// Runs the program against a service, without a data directory.
fn check_at(url: &str, arguments: &[&str], want: i32) -> (String, String) {
    let (code, out, err) = run(&[arguments, &["--url", url]].concat());
    assert_eq!(code, Some(want), "{arguments:?}: {out}{err}");
    (out, err)
}

fn lines(text: &str) -> Vec<Value> {
    let line = |line| serde_json::from_str(line).expect("a line of JSON");
    text.lines().map(line).collect()
}

/// Fills a service with contacts of several dialects, changed, refused, deleted and erased; gives
/// the ids of two that are still there.
async fn fill(server: &Server) -> [String; 2] {
    let create = async |card: Value| {
        let made = server.send("POST", "/contacts", &[], Some(&card)).await;
        assert_eq!(made.status, 201, "{made:?}");
        made.json()["id"].as_str().expect("an id").to_owned()
    };
    let send = async |method, path: &str, body: Option<Value>, want: u16| {
        let answer = server.send(method, path, &[], body.as_ref()).await;
        assert_eq!(answer.status, want, "{method} {path}: {answer:?}");
    };
    let ann = create(json!({"name": {"full": "Ann"}})).await;
    let bob = create(json!({"name": {"full": "Bob"}})).await;
    let deleted = create(json!({"name": {"full": "Cy"}})).await;
    let erased = create(json!({"name": {"full": "Dora"}})).await;
    send("PUT", "/contacts?match=email", Some(json!({})), 400).await;
    send("DELETE", &format!("/contacts/{deleted}"), None, 204).await;
    let reason = json!({"reason": "request"});
    send(
        "POST",
        &format!("/contacts/{erased}/erase"),
        Some(reason),
        200,
    )
    .await;
    let person = json!({"firstName": "Eve", "email": "eve@example.com"});
    send("POST", "/v1/accounts/contacts", Some(person), 201).await;
    let company = json!([{"name": "F", "notify": true}, {"name": "G", "notify": false}]);
    send("POST", "/companies/v2/rs/7/contacts", Some(company), 201).await;
    [ann, bob]
}

/// A stopped directory with contacts in it.
async fn filled() -> (TempDir, PathBuf, [String; 2]) {
    let (dir, data) = data_dir();
    let server = Server::start(&data, &[]);
    let ids = fill(&server).await;
    assert_eq!(server.stop(), Some(0));
    (dir, data, ids)
}

#[test]
fn it_says_first_where_it_listens_and_ends_in_order() {
    let (_dir, data) = data_dir();
    for signal in ["-TERM", "-INT"] {
        let server = Server::start(&data, &[]);
        let port = server.url.strip_prefix("http://127.0.0.1:");
        let port: u16 = port.expect("loopback").parse().expect("a port");
        assert_ne!(port, 0);
        server.signal(signal);
        assert_eq!(server.wait(), Some(0), "{signal}");
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let (_dir, data) = data_dir();
    let server = Server::start(&data, &[]);
    let address = server.url.strip_prefix("http://").expect("HTTP").to_owned();
    // A request that the service waits for: it has asked for the body, which does not come.
    let mut request = TcpStream::connect(&address).expect("it listens");
    let head = "POST /contacts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
        Content-Length: 9\r\nExpect: 100-continue\r\n\r\n";
    request.write_all(head.as_bytes()).expect("it reads");
    let mut go_on = [0; 12];
    request.read_exact(&mut go_on).expect("it answers");
    assert_eq!(&go_on, b"HTTP/1.1 100");
    server.signal("-TERM");
    // The first signal was heard when nobody listens any more.
    while TcpStream::connect(&address).is_ok() {
        std::thread::yield_now();
    }
    server.signal("-TERM");
    assert_eq!(server.wait(), Some(130));
}

#[test]
fn what_is_wrongly_asked_for_is_2() {
    let (_dir, data) = data_dir();
    let absent = data.join("absent");
    let absent = text(&absent);
    let loopback = ["--listen", "127.0.0.1:0"];
    let anywhere = ["--listen", "0.0.0.0:0"];
    let file = data.with_extension("txt");
    std::fs::write(&file, "").expect("a file");
    for arguments in [&["log", "verify"][..], &["--listen", "127.0.0.1:0"]] {
        let (_, err) = check(&file, arguments, 2);
        assert!(err.contains("is no directory; --data-dir"), "{err}");
    }
    check(&data, &["log", "proof", "0"], 2);
    let check = |options: &[&str], word: &str| {
        let (_, err) = check(&data, options, 2);
        assert!(err.contains(word), "{options:?}: {err}");
    };
    check(&["--no-such-option"], "--no-such-option");
    check(&["--listen", "nowhere"], "nowhere");
    check(&["--listen", "localhost:8080"], "names are not taken");
    check(&[&anywhere[..], &["--auth", "open"]].concat(), "--auth jwt");
    check(&anywhere, "--auth jwt");
    check(
        &[&loopback[..], &["--nats-url", "nats://192.0.2.1:4222"]].concat(),
        "--auth jwt",
    );
    check(&[&loopback[..], &["--master-key", absent]].concat(), absent);
    check(
        &[&loopback[..], &["--auth", "jwt", "--jwks", absent]].concat(),
        absent,
    );
    check(
        &[&loopback[..], &["--tls-cert", absent, "--tls-key", absent]].concat(),
        absent,
    );
    let bus = ["--nats-url", "nats://127.0.0.1:1", "--nats-creds", absent];
    check(&[&loopback[..], &bus].concat(), absent);
    check(&["token", "--ttl", "forever"], "forever");
    check(&["log", "verify", "--detail"], "--detail");
}

#[test]
fn a_port_in_use_is_2() {
    let (_dir, data) = data_dir();
    let holder = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = holder.local_addr().expect("an address").to_string();
    let (out, err) = check(&data, &["--listen", &address], 2);
    assert!(err.contains(&address), "{err}");
    assert!(!out.contains("listening"), "{out}");
}

#[test]
fn a_key_that_cannot_be_read_is_2() {
    let (_dir, data) = data_dir();
    token(&data, &[]);
    let keys: Vec<_> = files_below(&data)
        .into_iter()
        .filter(|f| f.ends_with("token.key"))
        .collect();
    assert_eq!(keys.len(), 1);
    let mode = std::fs::metadata(&keys[0])
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    std::fs::write(&keys[0], "no key").expect("it is written");
    check(&data, &["token"], 2);
    check(&data, &["--listen", "127.0.0.1:0", "--auth", "jwt"], 2);
}

#[test]
fn a_directory_in_use_is_3() {
    let (_dir, data) = data_dir();
    let server = Server::start(&data, &[]);
    let Err((code, said)) = Server::try_start(&data, &[]) else {
        panic!("two services over one directory");
    };
    assert_eq!(code, Some(3), "{said}");
    let said_of = |command: &str| {
        let words: Vec<_> = command.split(' ').collect();
        check(&data, &words, 3).1
    };
    for command in [
        "log verify",
        "log rebuild",
        "log compact",
        "log repair",
        "restore backup",
    ] {
        let said = said_of(command);
        assert!(!said.contains("--url"), "{said}");
    }
    for command in ["log export", "log proof 1", "contacts list"] {
        let said = said_of(command);
        assert!(
            said.contains("stop that process first, or ask it: --url"),
            "{said}"
        );
    }
    // What is advised beside a running service works there.
    let said = said_of("log verify");
    let (_, advised) = said.split_once("contactd log verify ").expect("a command");
    let shell = format!(
        "{BINARY} log verify {}",
        advised.replace("contactd ", &format!("{BINARY} "))
    );
    let verified = Command::new("sh").args(["-c", &shell]).output();
    let verified = verified.expect("a shell");
    assert!(verified.status.success(), "{shell}: {verified:?}");
    assert_eq!(server.stop(), Some(0));
}

#[tokio::test]
async fn a_directory_damaged_in_every_copy_is_4() {
    let (_dir, data, _) = filled().await;
    check(&data, &["log", "verify"], 0);
    for copy in ["log", "journal", "audit"] {
        damage(&data.join(copy));
    }
    let (out, err) = check(&data, &["log", "verify"], 4);
    assert!(!out.is_empty(), "{err}");
    let (_, err) = check(&data, &["--listen", "127.0.0.1:0"], 4);
    assert!(err.contains("`contactd log "), "it says what to do: {err}");
    check(&data, &["log", "export"], 4);
    check(&data, &["log", "repair"], 4);
}

#[tokio::test]
async fn a_directory_damaged_in_one_copy_is_repaired() {
    // On demand, and by whatever opens it next.
    for mend in [&["log", "repair"][..], &["contacts", "list"]] {
        for copy in ["log", "journal"] {
            let (_dir, data, _) = filled().await;
            damage(&data.join(copy));
            let (out, _) = check(&data, &["log", "verify"], 4);
            assert!(out.contains("log repair"), "{copy}: {out}");
            check(&data, mend, 0);
            check(&data, &["log", "verify"], 0);
        }
    }
}

/// Flips a bit in every kilobyte of every file of a copy.
fn damage(copy: &Path) {
    for file in files_below(copy) {
        let mut bytes = std::fs::read(&file).expect("it is read");
        bytes
            .iter_mut()
            .skip(200)
            .step_by(1_000)
            .for_each(|byte| *byte ^= 1);
        std::fs::write(&file, bytes).expect("it is written");
    }
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).expect("a directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files_below(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[test]
fn a_service_that_is_not_there_is_1() {
    // A port that was free a moment ago, and that nobody listens on.
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", free.local_addr().expect("an address"));
    drop(free);
    for command in ["contacts list", "log tail", "log export"] {
        let words: Vec<_> = command.split(' ').collect();
        let (_, err) = check_at(&url, &words, 1);
        assert!(err.contains(&url), "{command}: {err}");
    }
    let (code, _, err) = run(&["log", "tail"]);
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("--url"), "{err}");
}

#[tokio::test]
async fn contacts_are_the_same_from_the_service_and_from_its_directory() {
    let (_dir, data) = data_dir();
    let server = Server::start(&data, &[]);
    let [ann, _] = fill(&server).await;
    let ask = |arguments: &[&str]| check_at(&server.url, arguments, 0).0;
    let listed = ask(&["contacts", "list"]);
    let ours = ask(&[
        "contacts",
        "list",
        "--dialect",
        "native",
        "--tenant",
        "default",
    ]);
    let shown = ask(&["contacts", "show", &ann]);
    let exported = ask(&["log", "export"]);
    check_at(&server.url, &["contacts", "show", UNKNOWN_ID], 1);
    check_at(&server.url, &["contacts", "show", "ann"], 2);
    assert_eq!((lines(&listed).len(), lines(&ours).len()), (5, 2));
    let shown_as: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown_as["card"]["name"]["full"], "Ann");
    assert_eq!(server.stop(), Some(0));

    let ask = |arguments: &[&str]| check(&data, arguments, 0).0;
    assert_eq!(ask(&["contacts", "list"]), listed);
    assert_eq!(
        ask(&[
            "contacts",
            "list",
            "--dialect",
            "native",
            "--tenant",
            "default"
        ]),
        ours
    );
    assert_eq!(ask(&["contacts", "show", &ann]), shown);
    assert_eq!(ask(&["log", "export"]), exported);
    check(&data, &["contacts", "show", "ann"], 2);
    let (_, err) = check(&data, &["contacts", "show", UNKNOWN_ID], 1);
    assert!(err.contains("404"), "{err}");
}

#[tokio::test]
async fn an_export_is_every_event_in_order() {
    let (_dir, data, _) = filled().await;
    let events = lines(&check(&data, &["log", "export"], 0).0);
    // Ten commands, the two of a bulk one by one: a START and an outcome each.
    assert_eq!(events.len(), 20);
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event["sequence"], format!("{:020}", index + 1));
    }
    assert!(
        events
            .iter()
            .any(|event| event["data"]["contact"]["name"]["full"] == "Ann")
    );
    assert!(
        !events
            .iter()
            .any(|event| event.to_string().contains("Dora")),
        "she was erased"
    );
    let (_, err) = check(&data, &["log", "export", "--after", "9999"], 1);
    assert!(err.contains("not of this log"), "{err}");
    let rest = lines(&check(&data, &["log", "export", "--after", "15"], 0).0);
    assert_eq!(rest, events[15..]);
    let bare = check(&data, &["log", "export", "--detail", "metadata"], 0).0;
    assert!(lines(&bare).iter().all(|event| event.get("data").is_none()));
    let (said, _) = check(&data, &["log", "verify"], 0);
    assert!(said.contains("20"), "{said}");
}

#[tokio::test]
async fn a_tail_shows_what_was_and_what_comes() {
    let (_dir, data) = data_dir();
    let server = Server::start(&data, &[]);
    let card = json!({"name": {"full": "Ann"}});
    server.send("POST", "/contacts", &[], Some(&card)).await;
    let mut tail = Command::new(BINARY)
        .args(["log", "tail", "--after", "1", "--url", &server.url])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut shown = BufReader::new(tail.stdout.take().expect("a pipe")).lines();
    let mut next = || lines(&shown.next().expect("a line").expect("UTF-8")).remove(0);
    assert_eq!(next()["type"], "CONTACT_CREATE_SUCCESS");
    server.send("POST", "/contacts", &[], Some(&card)).await;
    assert_eq!(next()["type"], "CONTACT_CREATE_START");
    assert_eq!(next()["sequence"], format!("{:020}", 4));
    // The service closes its followers when it stops, and the tail ends with it.
    assert_eq!(server.stop(), Some(0));
    assert_eq!(tail.wait().expect("it ends").code(), Some(0));
}

#[tokio::test]
async fn a_rebuilt_view_is_the_live_one_byte_for_byte() {
    let (_dir, data, [ann, _]) = filled().await;
    let live = saved_view(&data);
    let (said, _) = check(&data, &["log", "rebuild"], 0);
    assert!(said.contains("20"), "{said}");
    assert!(saved_view(&data) == live, "the views differ");
    // Whatever is derived may be lost.
    std::fs::remove_dir_all(data.join("views")).expect("it is removed");
    check(&data, &["contacts", "show", &ann], 0);
    assert!(saved_view(&data) == live, "the views differ");
}

#[tokio::test]
async fn a_token_is_good_beside_a_running_service() {
    let (_dir, data) = data_dir();
    let server = Server::start(&data, &["--auth", "jwt"]);
    assert_eq!(server.send("GET", "/contacts", &[], None).await.status, 401);
    let token = token(&data, &["--role", "contacts:read", "--tenant", "acme"]);
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    assert_eq!(
        server.send("GET", "/contacts", &headers, None).await.status,
        200
    );
    let write = server
        .send("POST", "/contacts", &headers, Some(&json!({})))
        .await;
    assert_eq!(write.status, 403);
    check_at(&server.url, &["contacts", "list"], 1);
    check_at(&server.url, &["contacts", "list", "--token", &token], 0);
    assert_eq!(server.stop(), Some(0));
}

#[tokio::test]
async fn what_it_logs_holds_no_body_and_no_token() {
    for format in ["text", "json"] {
        let (_dir, data) = data_dir();
        let mut command = Command::new(BINARY);
        command.args([
            "--listen",
            "127.0.0.1:0",
            "--auth",
            "jwt",
            "--log-format",
            format,
        ]);
        command.env("RUST_LOG", "trace");
        let server = Server::try_start_as(command, &data).unwrap_or_else(|end| panic!("{end:?}"));
        let token = token(&data, &["--role", "admin", "--tenant", "*"]);
        let bearer = format!("Bearer {token}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("idempotency-key", "Secretkey"),
        ];
        let secret = json!({"name": {"full": "Secretname"}});
        let path = "/contacts?tenant=acme";
        let made = server.send("POST", path, &headers, Some(&secret)).await;
        assert_eq!(made.status, 201);
        let wrong = json!({"name": "Secretname"});
        server.send("POST", path, &headers[..1], Some(&wrong)).await;
        let path = "/contacts?tenant=acme&name=Secretquery";
        let read = server.send("GET", path, &headers[..1], None).await;
        assert_eq!(read.status, 200);
        let unknown = "/contacts?Secretparameter=Secretquery";
        let unknown = server.send("GET", unknown, &headers[..1], None).await;
        assert_eq!(unknown.status, 400);
        let forged = [("authorization", "Bearer Secrettoken.a.b")];
        assert_eq!(server.send("GET", path, &forged, None).await.status, 401);
        assert_eq!(server.stop(), Some(0));
        let logged = std::fs::read_to_string(stderr_path(&data)).expect("it logged");
        assert!(logged.contains("serving"), "{logged}");
        for secret in [
            "Secret",
            token.as_str(),
            token.rsplit('.').next().expect("a signature"),
        ] {
            assert!(!logged.contains(secret), "{secret} in {logged}");
        }
    }
}

#[tokio::test]
async fn a_history_tells_each_value_before_and_after() {
    let (_dir, data) = data_dir();
    let server = Server::start(&data, &[]);
    let card = json!({"name": {"full": "Ann"}, "kind": "individual"});
    let made = server.send("POST", "/contacts", &[], Some(&card)).await;
    let id = made.json()["id"].as_str().expect("an id").to_owned();
    let path = format!("/contacts/{id}");
    let patch = json!({"name": {"full": "Ann B."}, "kind": null, "language": "de"});
    server.send("PATCH", &path, &[], Some(&patch)).await;
    server.send("DELETE", &path, &[], None).await;
    let ask = ["contacts", "history", &id];
    let (said, _) = check_at(&server.url, &ask, 0);
    let time = |line: &str| line.split("  ").nth(1).expect("a time").to_owned();
    let told: Vec<&str> = said.lines().collect();
    let first = told.first().expect("a line");
    assert!(
        first.starts_with("2  ") && first.contains("  create  version 1  by client "),
        "{said}"
    );
    assert!(time(first).ends_with('Z'), "{said}");
    for change in [
        "    /name: {\"full\":\"Ann\"}",
        "    /name/full: \"Ann\" -> \"Ann B.\"",
        "    /kind: \"individual\" is gone",
        "    /language: \"de\"",
    ] {
        assert!(told.contains(&change), "{change}: {said}");
    }
    let last = told.last().expect("a line");
    assert!(
        last.starts_with("6  ") && last.contains("  delete  "),
        "{said}"
    );
    let erase = [
        "contacts",
        "erase",
        &id,
        "--reason",
        "request",
        "--reference",
        "t-7",
    ];
    check_at(&server.url, &erase, 0);
    let (erased, _) = check_at(&server.url, &ask, 0);
    assert!(!erased.contains("Ann"), "{erased}");
    assert!(erased.contains("  for request  t-7"), "{erased}");
    assert_eq!(server.stop(), Some(0));
    assert_eq!(check(&data, &ask, 0).0, erased);
    check(&data, &["contacts", "history", "ann"], 2);
    check(&data, &["contacts", "history", UNKNOWN_ID], 1);
}

#[tokio::test]
async fn a_mistake_is_the_same_to_a_service_and_to_a_directory() {
    let (_dir, data, _) = filled().await;
    let ask = |arguments: &[&str], code| {
        let server = Server::start(&data, &[]);
        let (_, at) = check_at(&server.url, arguments, code);
        assert_eq!(server.stop(), Some(0));
        let (_, here) = check(&data, arguments, code);
        assert_eq!(at, here, "{arguments:?}");
        here
    };
    let must = "contactd: 400 Bad Request: dialect must be the name of a dialect, in lower case.\n";
    for subcommand in ["list", "export"] {
        assert_eq!(ask(&["contacts", subcommand, "--dialect", "zz"], 2), must);
    }
    let none = "contactd: 404 Not Found: There is no such contact.\n";
    for subcommand in ["show", "history"] {
        assert_eq!(ask(&["contacts", subcommand, UNKNOWN_ID], 1), none);
    }
}

#[test]
fn what_only_looks_makes_no_directory() {
    let (root, data) = data_dir();
    let backup = root.path().join("backup");
    let fresh = root.path().join("new.key");
    let commands: &[&[&str]] = &[
        &["log", "verify"],
        &["log", "rebuild"],
        &["log", "compact"],
        &["log", "repair"],
        &["log", "export"],
        &["log", "proof", "1"],
        &["log", "rekey", text(&fresh)],
        &["log", "key"],
        &["backup", text(&backup)],
        &["contacts", "list"],
        &["contacts", "show", UNKNOWN_ID],
        &["contacts", "history", UNKNOWN_ID],
        &["contacts", "export", "--format", "ndjson"],
    ];
    for command in commands {
        let (_, err) = check(&data, command, 2);
        assert!(err.contains("no data directory at"), "{command:?}: {err}");
        assert!(!data.exists(), "{command:?}");
        assert!(!fresh.exists() && !backup.exists(), "{command:?}");
    }
    // A directory of somebody else's is none either, and stays as it is.
    std::fs::create_dir(&data).expect("it is made");
    std::fs::write(data.join("theirs"), "x").expect("it is written");
    for command in commands {
        check(&data, command, 2);
        assert_eq!(files_below(&data), [data.join("theirs")], "{command:?}");
    }
}
