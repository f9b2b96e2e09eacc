//! The figures of a cluster in which nothing fails.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use async_nats::jetstream;

use crate::connection::{Connection, status};
use crate::load::{create, measure, micros, millis, since};
use crate::rig::{Alone, Brokers, Cluster, NAMES, get};

/// The callers of a busy service.
const MANY: usize = 256;
/// The callers of a steady load: so many that it is the cluster which ends a rate, not they.
const PACED: u32 = 256;
/// The bytes of a message that is published for comparison, as large as a create's group.
const MESSAGE_BYTES: usize = 1_024;

/// What a create costs alone, and in a cluster through the node that leads and one that follows.
pub async fn costs(measured: Duration) {
    println!(
        "\n| creates | callers | a second | p50 ms | p99 ms | processor time of all nodes and brokers us | ratio |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | --- |");
    let cluster = Cluster::started().await;
    let leads = cluster.leader().await;
    let ways = [("leader", leads), ("follower", (leads + 1) % NAMES.len())];
    for callers in [1, MANY] {
        let alone = Alone::started();
        let before = alone.service.process.processor_seconds();
        let (rate, waits) = measure(&alone.address, &alone.token, callers, measured).await;
        let used = alone.service.process.processor_seconds() - before;
        let cost = used * 1e6 / waits.len() as f64;
        let (p50, p99) = (millis(&waits, 0.5), millis(&waits, 0.99));
        println!("| alone | {callers} | {rate:.0} | {p50:.2} | {p99:.2} | {cost:.0} | |");
        drop(alone);
        let published = published(&cluster.brokers, measured).await;
        for (name, at) in ways {
            let before = processor_seconds(&cluster);
            let (clustered, waits) =
                measure(&cluster.addresses[at], &cluster.token, callers, measured).await;
            let cost = (processor_seconds(&cluster) - before) * 1e6 / waits.len() as f64;
            let (p50, p99) = (millis(&waits, 0.5), millis(&waits, 0.99));
            let ratio = if callers == 1 {
                format!(
                    "p50 is {:.2} of an R3 publish ({published:.2} ms)",
                    p50 / published
                )
            } else {
                format!("{:.2} of alone", clustered / rate)
            };
            println!(
                "| by the {name} | {callers} | {clustered:.0} | {p50:.2} | {p99:.2} | {cost:.0} | {ratio} |"
            );
        }
    }
}

fn processor_seconds(cluster: &Cluster) -> f64 {
    let nodes = cluster.nodes.iter().flatten();
    let nodes: f64 = nodes.map(|node| node.process.processor_seconds()).sum();
    let brokers = cluster.brokers.running.iter().flatten();
    let brokers: f64 = brokers.map(|broker| broker.processor_seconds()).sum();
    nodes + brokers
}

/// The median of a publish to a stream of three replicas on the same brokers, in milliseconds.
async fn published(brokers: &Brokers, measured: Duration) -> f64 {
    let client = async_nats::connect(&brokers.urls[0]).await;
    let streams = jetstream::new(client.expect("a broker"));
    let config = jetstream::stream::Config {
        name: "BENCH".to_owned(),
        subjects: vec!["bench".to_owned()],
        num_replicas: NAMES.len(),
        ..jetstream::stream::Config::default()
    };
    let made = streams.get_or_create_stream(config).await;
    made.expect("a stream");
    let (mut all, begun) = (micros(), Instant::now());
    while begun.elapsed() < measured {
        let sent = Instant::now();
        let bytes = vec![7; MESSAGE_BYTES];
        let ack = streams.publish("bench", bytes.into()).await.expect("sent");
        ack.await.expect("it is stored");
        all.saturating_record(since(sent));
    }
    streams.delete_stream("BENCH").await.expect("it is ours");
    millis(&all, 0.5)
}

/// The time by which a follower is behind, while creates come at a steady rate.
pub async fn behind(measured: Duration) {
    let cluster = Cluster::started().await;
    let leads = cluster.leader().await;
    for wanted in [1_000, 5_000] {
        let (rate, lags) = paced(&cluster, leads, wanted, measured).await;
        println!(
            "\na follower is behind by {:.1} ms at p50 and {:.1} ms at p99 of {rate:.0} creates a second ({wanted} wanted)",
            millis(&lags, 0.5),
            millis(&lags, 0.99)
        );
    }
}

/// Creates at a rate; the time from each answer of the leader until a follower has what it says.
async fn paced(
    cluster: &Cluster,
    leads: usize,
    rate: u32,
    measured: Duration,
) -> (f64, hdrhistogram::Histogram<u64>) {
    let (begun, callers) = (Instant::now(), PACED);
    let count = Rc::new(Cell::new(0_u32));
    let mut tasks = Vec::new();
    for caller in 0..callers {
        let mut connection = Connection::open(&cluster.addresses[leads]).await;
        let (count, token) = (count.clone(), cluster.token.clone());
        let mut pace = tokio::time::interval(Duration::from_secs(1) * callers / rate);
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
        tasks.push(tokio::task::spawn_local(async move {
            tokio::time::sleep(Duration::from_micros(u64::from(caller) * 100)).await;
            while begun.elapsed() < measured {
                pace.tick().await;
                connection.done(&create(&token)).await;
                count.set(count.get() + 1);
            }
        }));
    }
    let mut lags = micros();
    let mut asks = Connection::open(&cluster.addresses[leads]).await;
    let mut reads = Connection::open(&cluster.addresses[(leads + 1) % NAMES.len()]).await;
    while begun.elapsed() < measured {
        let answer = asks.done(&create(&cluster.token)).await;
        let answered = Instant::now();
        let position = header(answer, "contact-position: ");
        reads.done(&read_at(&cluster.token, &position)).await;
        lags.saturating_record(since(answered));
    }
    for task in tasks {
        task.await.expect("the connection worked");
    }
    let rate = f64::from(count.get()) / begun.elapsed().as_secs_f64();
    (rate, lags)
}

/// A read that waits until the node has a position.
fn read_at(token: &str, position: &str) -> Vec<u8> {
    format!(
        "GET /contacts?limit=1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         Contact-Min-Position: {position}\r\n\r\n"
    )
    .into_bytes()
}

fn header(answer: &[u8], name: &str) -> String {
    let text = String::from_utf8_lossy(answer);
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix(name));
    line.expect("the header").to_owned()
}

/// Events a second that a node takes in which was away, from the stream and from its peers.
pub async fn catching_up() {
    let mut cluster = Cluster::started().await;
    let leads = cluster.leader().await;
    let away = (leads + 1) % NAMES.len();
    for (from, wiped) in [("the stream", false), ("its peers and the stream", true)] {
        cluster.nodes[away] = None;
        let before = head(&cluster, leads).await;
        measure(
            &cluster.addresses[leads],
            &cluster.token,
            MANY,
            Duration::from_secs(10),
        )
        .await;
        let upto = head(&cluster, leads).await;
        if wiped {
            std::fs::remove_dir_all(cluster.home(away)).expect("it is ours");
        }
        let begun = Instant::now();
        cluster.nodes[away] = Some(cluster.node(away));
        let started = begun.elapsed();
        while get(&cluster.addresses[away], "/readyz", &cluster.token)
            .await
            .and_then(|ready| ready["position"].as_u64())
            .is_none_or(|position| position < upto)
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let took = begun.elapsed();
        let events = upto - if wiped { 0 } else { before };
        println!(
            "\ncaught up from {from}: {events} events in {took:.2?} ({started:.2?} of it until it listened): {:.0} events a second",
            events as f64 / took.as_secs_f64()
        );
    }
}

async fn head(cluster: &Cluster, index: usize) -> u64 {
    let ready = get(&cluster.addresses[index], "/readyz", &cluster.token).await;
    ready.expect("it is ready")["position"]
        .as_u64()
        .expect("a position")
}

/// The time from the answer to an erasure until the last node has done it.
pub async fn erasing() {
    let cluster = Cluster::started().await;
    let leads = cluster.leader().await;
    let mut waits = micros();
    let mut asks = Connection::open(&cluster.addresses[leads]).await;
    for _ in 0..100 {
        let answer = asks.done(&create(&cluster.token)).await;
        let path = header(answer, "location: ");
        let erase = erase(&path, &cluster.token);
        let erased = asks.ask(&erase).await;
        assert!(
            matches!(status(erased), b"200" | b"204" | b"202"),
            "{}",
            String::from_utf8_lossy(erased)
        );
        let answered = Instant::now();
        for address in &cluster.addresses {
            let mut reads = Connection::open(address).await;
            let read = read(&path, &cluster.token);
            while status(reads.ask(&read).await) != b"410" {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        waits.saturating_record(since(answered));
    }
    println!(
        "\nerased on all three nodes {:.1} ms after the answer at p50, {:.1} ms at most, of 100",
        millis(&waits, 0.5),
        millis(&waits, 1.0)
    );
}

fn read(path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n")
        .into_bytes()
}

fn erase(path: &str, token: &str) -> Vec<u8> {
    let body = r#"{"reason":"legal"}"#;
    let length = body.len();
    format!(
        "POST {path}/erase HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}
