//! Connections that take what others need: more of them than there are file descriptors, idle ones,
//! ones that read nothing, all of one address. Whoever asks something is answered all the same, and
//! when the pressure ends everything is as before.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::common::{Answer, BINARY, Server, temp_dir};

/// The time within which a caller must be answered while others press.
const SOON: Duration = Duration::from_secs(10);

/// A service in open mode with so many descriptors.
fn serve(dir: &Path, descriptors: u64, options: &[&str]) -> Server {
    let mut command = Command::new("sh");
    let limit = format!("ulimit -n {descriptors} && exec \"$@\"");
    command.args(["-c", &limit, "sh", BINARY, "--listen", "127.0.0.1:0"]);
    command.args(options);
    Server::try_start_as(command, dir).unwrap_or_else(|(code, said)| panic!("{code:?}: {said}"))
}

fn address(server: &Server) -> SocketAddr {
    let address = server.url.trim_start_matches("http://");
    address.parse().expect("an address")
}

/// So many connections; this process may need more files than it has.
async fn connections(server: &Server, count: usize) -> Vec<TcpStream> {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, most).expect("more open files");
    let mut held = Vec::new();
    for _ in 0..count {
        let stream = TcpStream::connect(address(server)).await;
        held.push(stream.expect("the system takes it, whatever the service does"));
    }
    held
}

async fn try_create(server: &Server, number: usize) -> Option<Answer> {
    let card = json!({"name": {"full": format!("Ann {number}")}});
    let path = "/contacts?tenant=t";
    server.try_send("POST", path, &[], Some(&card)).await.ok()
}

/// Creates contacts until one is taken; it must be soon.
async fn create(server: &Server, number: usize) {
    let begun = Instant::now();
    loop {
        let answer = try_create(server, number).await;
        if answer.as_ref().is_some_and(|answer| answer.status == 201) {
            return;
        }
        assert!(begun.elapsed() < SOON, "{answer:?}");
        tokio::task::yield_now().await;
    }
}

async fn readiness(server: &Server) -> (u16, Value) {
    let answer = server.send("GET", "/readyz", &[], None).await;
    (answer.status, answer.json())
}

/// A request on a connection of its own, from an address, and the beginning of its answer.
async fn ask_from(server: &Server, from: [u8; 4], path: &str) -> (TcpStream, String) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((from, 0).into()).expect("an address of ours");
    let stream = socket.connect(address(server)).await;
    ask(stream.expect("it listens"), path).await
}

/// A request, and its whole answer, on a connection that is there.
async fn whole(mut stream: TcpStream, asked: &str, body: &str) -> (TcpStream, String) {
    let length = body.len();
    let request = format!(
        "{asked} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    stream
        .write_all(request.as_bytes())
        .await
        .expect("it is sent");
    let mut received = Vec::new();
    while !crate::flood::complete(&received) {
        let mut part = [0; 4_096];
        let length = stream.read(&mut part).await.expect("an answer");
        assert_ne!(length, 0, "the connection was closed");
        received.extend_from_slice(&part[..length]);
    }
    (stream, String::from_utf8_lossy(&received).into_owned())
}

async fn ask(mut stream: TcpStream, path: &str) -> (TcpStream, String) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("it is sent");
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.expect("an answer");
    (stream, String::from_utf8_lossy(&first).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_idle_connections_than_descriptors_hold_nobody() {
    let dir = temp_dir();
    let server = serve(&dir.path().join("data"), 1_024, &[]);
    create(&server, 0).await;
    let mut held = connections(&server, 1_100).await;
    for number in 1..20 {
        create(&server, number).await;
    }
    // Half of them ask something, and stay.
    for stream in held.iter_mut().step_by(2) {
        let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
        drop(stream.write_all(request).await);
    }
    for number in 20..40 {
        create(&server, number).await;
    }
    let (status, ready) = readiness(&server).await;
    assert_eq!(
        (status, &ready["log"]),
        (200, &json!("writable")),
        "{ready}"
    );
    drop(held);
    create(&server, 40).await;
    assert_eq!(server.stop(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_out_of_descriptors_writes_on_and_recovers() {
    let dir = temp_dir();
    let server = serve(&dir.path().join("data"), 1_024, &[]);
    create(&server, 0).await;
    let pid = Pid::from_raw(i32::try_from(server.pid()).expect("a small number"));
    let limit = |most: u64| {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(1_024),
        };
        prlimit(pid, Resource::Nofile, limit).expect("it is ours");
    };
    // No file can be opened any more; the connection that is there goes on.
    let stream = TcpStream::connect(address(&server)).await;
    let (mut stream, _) = whole(stream.expect("it listens"), "GET /healthz", "").await;
    limit(1);
    for number in 1..50 {
        let card = format!("{{\"name\":{{\"full\":\"Ann {number}\"}}}}");
        let answer;
        (stream, answer) = whole(stream, "POST /contacts?tenant=t", &card).await;
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }
    limit(1_024);
    create(&server, 50).await;
    let begun = Instant::now();
    loop {
        let (status, ready) = readiness(&server).await;
        if status == 200 && ready["audit"] == "sealing" && ready["sealed"] == ready["position"] {
            break;
        }
        assert!(begun.elapsed() < SOON, "{ready}");
        tokio::task::yield_now().await;
    }
    assert_eq!(server.stop(), Some(0));
}

/// Contacts that make one list so large that no socket's buffers hold it.
async fn fill(server: &Server) {
    let note = "n".repeat(40_000);
    for number in 0..60 {
        let card =
            json!({"name": {"full": format!("Ann {number}")}, "notes": {"n": {"note": note}}});
        let answer = server
            .send("POST", "/contacts?tenant=t", &[], Some(&card))
            .await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_nothing_is_cut_off_and_probes_are_answered_meanwhile() {
    let dir = temp_dir();
    let options = ["--max-connections", "8", "--request-timeout", "4"];
    let server = serve(&dir.path().join("data"), 1_024, &options);
    fill(&server).await;
    let mut hostile = Vec::new();
    for _ in 0..8 {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4_096).expect("a small buffer");
        let stream = socket.connect(address(&server)).await;
        let mut stream = stream.expect("it listens");
        // Its own connection may still rest here, and gives way only later.
        let request = b"GET /contacts?limit=1000&tenant=t HTTP/1.1\r\nhost: localhost\r\n\r\n";
        stream.write_all(request).await.expect("it is sent");
        hostile.push(stream);
    }
    let begun = Instant::now();
    let mut served = 0;
    for stream in &mut hostile {
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.expect("an answer");
        served += usize::from(&first == b"HTTP/1.1 200");
    }
    // One place is kept for other addresses, and the client that filled the service may hold another.
    assert!(served >= 6, "{served}");
    for probe in ["/healthz", "/readyz", "/metrics"] {
        let stream = TcpStream::connect(address(&server)).await;
        let (_, answer) = ask(stream.expect("it listens"), probe).await;
        assert_eq!(answer, "HTTP/1.1 200", "{probe}");
    }
    create(&server, 100).await;
    assert!(begun.elapsed() < SOON);
    drop(hostile);
    assert_eq!(server.stop(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_does_not_take_every_place() {
    let dir = temp_dir();
    let options = ["--max-connections", "16"];
    let server = serve(&dir.path().join("data"), 1_024, &options);
    let (ann, bob) = ([127, 0, 0, 1], [127, 0, 0, 2]);
    let mut held = Vec::new();
    for _ in 0..14 {
        let (stream, answer) = ask_from(&server, ann, "/contacts?tenant=t").await;
        assert_eq!(answer, "HTTP/1.1 200");
        held.push(stream);
    }
    let (_, refused) = ask_from(&server, ann, "/contacts?tenant=t").await;
    assert_eq!(refused, "HTTP/1.1 503");
    let (_, probe) = ask_from(&server, ann, "/readyz").await;
    assert_eq!(probe, "HTTP/1.1 200");
    let (_, other) = ask_from(&server, bob, "/contacts?tenant=t").await;
    assert_eq!(other, "HTTP/1.1 200");
    drop(held);
    create(&server, 0).await;
}

/// What a page may take: four megabytes of records, the last of which goes beyond, and JSON around.
const PAGE_BYTES: usize = 6 << 20;
/// The versions of the contact, each of nearly as many bytes as one may have.
const VERSIONS: usize = 120;

#[tokio::test]
async fn a_page_of_large_records_ends_early_and_says_where_it_goes_on() {
    let dir = temp_dir();
    let server = Server::start(dir.path(), &[]);
    let text = "long ".repeat(9_000);
    let card = |number: usize| json!({"name": {"full": format!("{number} {text}")}});
    let made = server
        .send("POST", "/contacts?tenant=t", &[], Some(&card(0)))
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    let id = made.json()["id"].as_str().expect("an id").to_owned();
    for number in 1..VERSIONS {
        let other = server
            .send("POST", "/contacts?tenant=t", &[], Some(&card(number)))
            .await;
        assert_eq!(other.status, 201);
        let path = format!("/contacts/{id}");
        let kind = [("content-type", "application/merge-patch+json")];
        let changed = server
            .send("PATCH", &path, &kind, Some(&card(number)))
            .await;
        assert_eq!(changed.status, 200, "{changed:?}");
    }
    // Each kind of page, where its items are, the cursor of the next, and how many there are.
    let pages = [
        (
            format!("/contacts/{id}/history?limit=1000"),
            "data",
            "next",
            "after",
            VERSIONS,
        ),
        (
            "/contacts?limit=1000".to_owned(),
            "data",
            "nextCursor",
            "cursor",
            VERSIONS,
        ),
        (
            "/contacts/changes?limit=1000".to_owned(),
            "changed",
            "next",
            "after",
            VERSIONS,
        ),
        (
            "/events?limit=1000".to_owned(),
            "events",
            "next",
            "after",
            4 * VERSIONS - 2,
        ),
        (
            "/events?limit=1000&order=desc".to_owned(),
            "events",
            "next",
            "after",
            4 * VERSIONS - 2,
        ),
    ];
    for (path, items, next, parameter, all) in pages {
        let (seen, asked) = walked(&server, &path, [items, next, parameter]).await;
        assert_eq!(seen, all, "{path}");
        assert!(asked > 1, "{path} in {asked} pages");
    }
}

/// Reads every page of a list, none of which may be too large: how many items there are, in how many
/// pages. The names are those of the items, of the next cursor and of its parameter.
async fn walked(server: &Server, path: &str, names: [&str; 3]) -> (usize, usize) {
    let [items, next, parameter] = names;
    // A change of a history shows the name before and after it.
    let most = if path.contains("history") {
        2 * PAGE_BYTES
    } else {
        PAGE_BYTES
    };
    let (mut url, mut seen, mut asked) = (path.to_owned(), 0, 0);
    loop {
        let answer = server.send("GET", &url, &[], None).await;
        assert_eq!(answer.status, 200, "{url}: {answer:?}");
        let bytes = answer.body.len();
        assert!(bytes < most, "{url}: {bytes} bytes");
        let body = answer.json();
        let count = body[items].as_array().expect("a list").len();
        (seen, asked) = (seen + count, asked + 1);
        let cursor = match &body[next] {
            Value::String(cursor) => cursor.clone(),
            Value::Number(position) => position.to_string(),
            _ => return (seen, asked),
        };
        if count == 0 || body["more"] == false {
            return (seen, asked);
        }
        url = format!("{path}&{parameter}={cursor}");
    }
}
