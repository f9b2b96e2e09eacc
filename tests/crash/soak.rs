//! Hostile readers for a while, beside somebody who only wants to work: what the process takes of
//! memory stays bounded, and who works is answered.
//!
//! `SOAK_SECONDS` says how long: 8 unless told otherwise. The hostile ones come from one address
//! and the good one from another, as places are shared by address.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::common::figures::say;
use crate::common::{self, Server};

/// Connections that the service takes.
const CONNECTIONS: u64 = 256;
/// Large contacts, which make one page of all of them large.
const LARGE: usize = 120;
/// What is large in one, in bytes.
const NOTE_BYTES: usize = 40_000;
/// The versions of the contact whose history is deep.
const VERSIONS: usize = 100;
/// The slowest that the good caller may be answered in 99 of 100 cases.
const GOOD_TIME: Duration = Duration::from_secs(3);

const MIB: u64 = 1 << 20;
/// What the process may take beyond what it took before the readers came, in bytes:
/// - answers that are not read yet: 128 MiB together;
/// - reads that look at the same time: four on a machine of two processors, each with a page of all
///   large contacts, which as JSON in memory is some six times its text;
/// - 64 streams of one caller, each with nine pieces of 256 KiB;
/// - for each connection the head of a request and the buffers of its socket, 256 KiB.
const BOUND: u64 = 128 * MIB
    + LOOKING * 6 * (LARGE * NOTE_BYTES) as u64
    + 64 * 9 * 256 * 1_024
    + CONNECTIONS * 256 * 1_024;
/// Reads that look at much at the same time, on two processors.
const LOOKING: u64 = 4;

/// What all callers of the soak share.
struct Soak {
    address: SocketAddr,
    deep: String,
    over: AtomicBool,
    /// Attempts of the hostile ones, in the order of [`HOSTILE`].
    attempts: [AtomicU64; HOSTILE.len()],
}

/// What the hostile ones do, and how many of each there are.
const HOSTILE: [(&str, u64); 7] = [
    ("followers that do not read", 24),
    ("slow writers", 24),
    ("huge pages", 8),
    ("exports broken off", 6),
    ("crowds", 1),
    ("searches for everything", 6),
    ("deep histories", 6),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_stays_bounded_and_good_callers_are_answered() {
    let seconds = std::env::var("SOAK_SECONDS").ok();
    let seconds: u64 = seconds.map_or(8, |text| text.parse().expect("a number"));
    let dir = common::temp_dir();
    let connections = CONNECTIONS.to_string();
    let options = ["--max-connections", &connections, "--request-timeout", "5"];
    let server = Server::start(&dir.path().join("data"), &options);
    let deep = fill(&server).await;
    let before = resident(&server).0;
    let address = server.url.trim_start_matches("http://");
    let soak = Arc::new(Soak {
        address: address.parse().expect("an address"),
        deep,
        over: AtomicBool::new(false),
        attempts: Default::default(),
    });
    let mut hostile = JoinSet::new();
    for (kind, (_, count)) in HOSTILE.iter().enumerate() {
        for _ in 0..*count {
            hostile.spawn(bother(soak.clone(), kind));
        }
    }
    let good = tokio::spawn(work(soak.clone(), server.url.clone()));
    let begun = Instant::now();
    let mut seconds_passed = tokio::time::interval(Duration::from_secs(1));
    let mut highest = 0;
    while begun.elapsed() < Duration::from_secs(seconds) {
        seconds_passed.tick().await;
        highest = highest.max(resident(&server).0);
    }
    soak.over.store(true, Ordering::Relaxed);
    let (times, refused) = good.await.expect("the good caller ends in order");
    hostile.shutdown().await;
    let (after, peak) = resident(&server);

    for ((what, _), attempts) in HOSTILE.iter().zip(&soak.attempts) {
        say(&format!("{what}: {}", attempts.load(Ordering::Relaxed)));
    }
    let mib = |bytes: u64| bytes / MIB;
    say(&format!(
        "{seconds} s: {} MiB before, {} at most, {} the peak, {} after; the bound {} + {}",
        mib(before),
        mib(highest),
        mib(peak),
        mib(after),
        mib(before),
        mib(BOUND)
    ));
    let p99 = Duration::from_micros(times.value_at_quantile(0.99));
    let p50 = Duration::from_micros(times.value_at_quantile(0.5));
    say(&format!(
        "good: {} answers, {refused} refused; p50 {p50:?}, p99 {p99:?}",
        times.len()
    ));
    assert!(peak <= before + BOUND, "{} MiB", mib(peak));
    assert!(p99 < GOOD_TIME, "{p99:?}");
    assert!(refused * 100 <= times.len(), "{refused} refused");
    assert_eq!(server.stop(), Some(0));
}

/// What the process holds now, and the most that it has held, in bytes.
fn resident(server: &Server) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid()));
    let status = status.expect("it runs");
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.split_whitespace().next());
        kib.and_then(|kib| kib.parse::<u64>().ok())
            .expect("Linux says it")
            * 1_024
    };
    (bytes("VmRSS:"), bytes("VmHWM:"))
}

/// Large contacts, and one with many versions, whose id this is.
async fn fill(server: &Server) -> String {
    let note = "n".repeat(NOTE_BYTES);
    for number in 0..LARGE {
        let card =
            json!({"name": {"full": format!("Ann {number}")}, "notes": {"n": {"note": note}}});
        let created = server
            .send("POST", "/contacts?tenant=t", &[], Some(&card))
            .await;
        assert_eq!(created.status, 201);
    }
    let deep = server
        .send(
            "POST",
            "/contacts?tenant=t",
            &[],
            Some(&json!({"name": {"full": "Deep"}})),
        )
        .await
        .json();
    let deep = deep["id"].as_str().expect("an id").to_owned();
    for number in 0..VERSIONS {
        let path = format!("/contacts/{deep}");
        let patch =
            json!({"notes": {"n": {"note": format!("{number}{}", &note[..NOTE_BYTES / 4])}}});
        let changed = server.send("PATCH", &path, &[], Some(&patch)).await;
        assert_eq!(changed.status, 200);
    }
    deep
}

/// Creates, changes and reads as anybody would; the times of the answers, and how many refusals there
/// were.
async fn work(soak: Arc<Soak>, url: String) -> (Histogram<u64>, u64) {
    let client = reqwest::Client::builder()
        .no_proxy()
        .local_address(Some([127, 0, 0, 2].into()))
        .timeout(Duration::from_secs(30))
        .build()
        .expect("a client");
    let mut times = Histogram::new(3).expect("three digits");
    let mut refused = 0;
    let mut pace = tokio::time::interval(Duration::from_millis(50));
    let mut id: Option<String> = None;
    for number in 0.. {
        if soak.over.load(Ordering::Relaxed) {
            break;
        }
        pace.tick().await;
        let body = json!({"name": {"full": format!("Bob {number}")}});
        let request = match (&id, number % 3) {
            (Some(id), 1) => client.patch(format!("{url}/contacts/{id}")).json(&body),
            (Some(id), 2) => client.get(format!("{url}/contacts/{id}")),
            _ => client
                .post(format!("{url}/contacts?tenant=good"))
                .json(&body),
        };
        let begun = Instant::now();
        let answer = match request.send().await {
            Ok(answer) if answer.status().is_success() => answer.json::<Value>().await.ok(),
            Ok(_) | Err(_) => None,
        };
        match answer {
            Some(contact) => {
                id = contact["id"].as_str().map(str::to_owned);
                times
                    .record(begun.elapsed().as_micros() as u64)
                    .expect("it fits");
            }
            None => refused += 1,
        }
    }
    (times, refused)
}

/// One hostile client, again and again.
async fn bother(soak: Arc<Soak>, kind: usize) {
    let deep = &soak.deep;
    loop {
        soak.attempts[kind].fetch_add(1, Ordering::Relaxed);
        match kind {
            0 => hold(&soak, "/events?after=0", "accept: text/event-stream\r\n").await,
            1 => dribble(&soak).await,
            2 => {
                read(&soak, "/contacts?tenant=t&limit=1000", usize::MAX).await;
                hold(&soak, "/events?limit=1000&detail=full", "").await;
            }
            3 => read(&soak, "/events?format=ndjson", 1 << 16).await,
            4 => crowd(&soak).await,
            5 => read(&soak, "/contacts?q=n&limit=1000", 1 << 20).await,
            _ => {
                let path = format!("/contacts/{deep}/history?limit=1000");
                read(&soak, &path, usize::MAX).await;
                read(&soak, &format!("/contacts/{deep}/diff"), usize::MAX).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A connection with small buffers, and a request on it; nothing where it is refused.
async fn ask(soak: &Soak, path: &str, headers: &str) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().ok()?;
    socket.set_recv_buffer_size(8_192).ok()?;
    let mut stream = socket.connect(soak.address).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    Some(stream)
}

/// Asks, and reads nothing of the answer for a few seconds.
async fn hold(soak: &Soak, path: &str, headers: &str) {
    let stream = ask(soak, path, headers).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    drop(stream);
}

/// Asks, reads so many bytes at most, and goes away.
async fn read(soak: &Soak, path: &str, most: usize) {
    let Some(mut stream) = ask(soak, path, "connection: close\r\n").await else {
        return;
    };
    let mut part = vec![0; 1 << 16];
    let mut bytes = 0;
    while bytes < most {
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return,
            Ok(length) => bytes += length,
        }
    }
}

/// Sends a request byte by byte until it is told to go.
async fn dribble(soak: &Soak) {
    let Ok(mut stream) = TcpStream::connect(soak.address).await else {
        return;
    };
    let head =
        b"POST /contacts?tenant=t HTTP/1.1\r\nhost: localhost\r\ncontent-length: 900000\r\n\r\n";
    for byte in head.iter().chain(std::iter::repeat(&b' ')) {
        if stream.write_all(&[*byte]).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Many more connections than there are places, each with a request.
async fn crowd(soak: &Soak) {
    let mut all = Vec::new();
    for _ in 0..2_000 {
        all.extend(ask(soak, "/contacts?tenant=t&limit=1", "").await);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
}
