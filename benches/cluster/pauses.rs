//! The longest time without an answered write when something dies or is stopped in order.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use async_nats::jetstream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::load::create;
use crate::rig::{Cluster, NAMES};

/// The rounds of each kind.
const ROUNDS: usize = 3;
/// The time for which writes go on before and after.
const QUIET: Duration = Duration::from_secs(2);

/// What the writers saw.
struct Seen {
    last: Cell<Instant>,
    longest: Cell<Duration>,
    answered: Cell<u64>,
    /// Requests at living nodes that were refused, or had no answer.
    failed: Cell<u64>,
    away: RefCell<Option<usize>>,
}

/// Measures each kind of loss, some rounds of it.
pub async fn all() {
    println!("\n| what happens | longest pauses of writes, s | requests that failed elsewhere |");
    println!("| --- | --- | ---: |");
    let mut cluster = Cluster::started().await;
    for kind in [
        "the leader is killed",
        "the leader is stopped in order",
        "the stream's leader is killed",
    ] {
        let (mut pauses, mut failed) = (Vec::new(), 0);
        for _ in 0..ROUNDS {
            let (pause, refused) = round(&mut cluster, kind).await;
            pauses.push(format!("{:.2}", pause.as_secs_f64()));
            failed += refused;
        }
        println!("| {kind} | {} | {failed} |", pauses.join(", "));
    }
}

async fn round(cluster: &mut Cluster, kind: &str) -> (Duration, u64) {
    let seen = Rc::new(Seen {
        last: Cell::new(Instant::now()),
        longest: Cell::new(Duration::ZERO),
        answered: Cell::new(0),
        failed: Cell::new(0),
        away: RefCell::new(None),
    });
    let writers: Vec<_> = (0..NAMES.len())
        .map(|at| {
            let (address, token) = (cluster.addresses[at].clone(), cluster.token.clone());
            tokio::task::spawn_local(write(address, token, at, seen.clone()))
        })
        .collect();
    tokio::time::sleep(QUIET).await;
    seen.longest.set(Duration::ZERO);
    seen.failed.set(0);
    let leads = cluster.leader().await;
    match kind {
        "the leader is killed" => {
            *seen.away.borrow_mut() = Some(leads);
            cluster.nodes[leads] = None;
            go_on(&seen).await;
            cluster.nodes[leads] = Some(cluster.node(leads));
        }
        "the leader is stopped in order" => {
            *seen.away.borrow_mut() = Some(leads);
            let mut node = cluster.nodes[leads].take().expect("it runs");
            node.process.signal("-TERM");
            let ended = tokio::task::spawn_blocking(move || node.process.wait());
            go_on(&seen).await;
            ended.await.expect("it ends");
            cluster.nodes[leads] = Some(cluster.node(leads));
        }
        _ => {
            let broker = stream_leader(cluster).await;
            cluster.brokers.running[broker] = None;
            go_on(&seen).await;
            cluster.brokers.start(broker);
        }
    }
    *seen.away.borrow_mut() = None;
    let found = (seen.longest.get(), seen.failed.get());
    tokio::time::sleep(QUIET * 2).await;
    writers.iter().for_each(|writer| writer.abort());
    cluster.leader().await;
    found
}

/// Waits until writes are answered for a while.
async fn go_on(seen: &Seen) {
    tokio::time::sleep(QUIET / 4).await;
    let mut before = seen.answered.get();
    loop {
        tokio::time::sleep(QUIET / 2).await;
        let now = seen.answered.get();
        if now > before + 20 {
            return;
        }
        before = now;
    }
}

/// Creates contacts at one node, one after another.
async fn write(address: String, token: String, at: usize, seen: Rc<Seen>) {
    loop {
        match once(&address, &token).await {
            Some(true) => {
                seen.answered.set(seen.answered.get() + 1);
                let pause = seen.last.replace(Instant::now()).elapsed();
                seen.longest.set(seen.longest.get().max(pause));
            }
            _ if *seen.away.borrow() == Some(at) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            _ => seen.failed.set(seen.failed.get() + 1),
        }
    }
}

/// Whether one create was answered well; nothing where there was no answer.
async fn once(address: &str, token: &str) -> Option<bool> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(&create(token)).await.ok()?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.ok()?;
    Some(&head[9..] == b"201")
}

/// The number of the broker that leads the stream of the order.
async fn stream_leader(cluster: &Cluster) -> usize {
    let client = async_nats::connect(&cluster.brokers.urls[0]).await;
    let streams = jetstream::new(client.expect("a broker"));
    let stream = streams
        .get_stream("CONTACT_LOG")
        .await
        .expect("it is there");
    let info = stream.cached_info().cluster.as_ref();
    let name = info.and_then(|cluster| cluster.leader.clone());
    let index = name.and_then(|name| name.strip_prefix('n')?.parse().ok());
    index.expect("one of ours")
}
