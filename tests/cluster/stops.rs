//! A leader that is stopped in order: no request fails of it, and nothing that it took goes without an
//! answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::broker::Broker;
use crate::common::{Server, client};
use crate::processes::{Homes, NAMES, are_equal, eventually, leader};

/// The writers at each node, of which each waits for its answer.
const WRITERS: usize = 6;
/// The longest pause of writes in the best round. An heir that was not told takes two seconds.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// What writers were told.
struct Told {
    begun: Instant,
    /// The creates that were answered well.
    made: AtomicU64,
    /// The position of the last of them.
    last: AtomicU64,
    /// The time of the last answer, and the longest time without one, in microseconds.
    answered: AtomicU64,
    pause: AtomicU64,
    ends: AtomicBool,
}

impl Told {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            begun: Instant::now(),
            made: AtomicU64::new(0),
            last: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            pause: AtomicU64::new(0),
            ends: AtomicBool::new(false),
        })
    }

    fn note(&self, position: u64) {
        let now = u64::try_from(self.begun.elapsed().as_micros()).expect("a short test");
        let before = self.answered.swap(now, Ordering::Relaxed);
        self.pause
            .fetch_max(now.saturating_sub(before), Ordering::Relaxed);
        self.last.fetch_max(position, Ordering::Relaxed);
        self.made.fetch_add(1, Ordering::Relaxed);
    }
}

/// Creates contacts at a node, without idempotency keys, until it is told to end or something fails.
async fn write(url: String, told: Arc<Told>) -> Option<String> {
    let client = client();
    while !told.ends.load(Ordering::Relaxed) {
        let asked = client.post(format!("{url}/contacts"));
        let asked = asked.json(&json!({ "name": { "full": "Anna Example" } }));
        let answer = match asked.send().await {
            Ok(answer) => answer,
            Err(error) => return Some(format!("{error:?}")),
        };
        let status = answer.status().as_u16();
        let position = answer.headers().get("contact-position").cloned();
        let text = answer.text().await.unwrap_or_default();
        let position = position.and_then(|value| value.to_str().ok()?.parse().ok());
        match (status, position) {
            (201, Some(position)) => told.note(position),
            _ => return Some(format!("{status} {text}")),
        }
    }
    None
}

/// Stops the leader in order while all nodes are written to; the longest pause of writes.
async fn round(homes: &Arc<Homes>, servers: &mut [Option<Server>], told: &Arc<Told>) -> Duration {
    let leads = leader(&client(), servers).await;
    told.ends.store(false, Ordering::Relaxed);
    let begin = |server: &Server| {
        let begun = (0..WRITERS).map(|_| tokio::spawn(write(server.url.clone(), told.clone())));
        begun.collect::<Vec<_>>()
    };
    let all: Vec<_> = servers.iter().flatten().map(begin).collect();
    let goes_on = async || {
        let before = told.made.load(Ordering::Relaxed);
        eventually("writes go on", async || {
            (told.made.load(Ordering::Relaxed) > before + 200).then_some(())
        })
        .await;
    };
    goes_on().await;
    told.pause.store(0, Ordering::Relaxed);
    let gone = servers[leads].take().expect("it runs");
    let stopped = tokio::task::spawn_blocking(move || gone.stop());
    goes_on().await;
    assert_eq!(stopped.await.expect("it stops"), Some(0));
    goes_on().await;
    told.ends.store(true, Ordering::Relaxed);
    for (at, writers) in all.into_iter().enumerate() {
        for writer in writers {
            let failed = writer.await.expect("no fault");
            assert!(
                at == leads || failed.is_none(),
                "at another node: {failed:?}"
            );
        }
    }
    servers[leads] = Some(homes.begin(NAMES[leads]).await);
    Duration::from_micros(told.pause.load(Ordering::Relaxed))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_when_the_leader_is_stopped_in_order() {
    let broker = Broker::started();
    let homes = Homes::new(broker.url());
    let mut servers = homes.begin_all().await;
    let told = Told::new();
    let mut pauses = Vec::new();
    for _ in 0..4 {
        pauses.push(round(&homes, &mut servers, &told).await);
    }
    println!(
        "{} answered, pauses {pauses:?}",
        told.made.load(Ordering::Relaxed)
    );
    assert!(pauses.iter().min() < Some(&PAUSE_MAX), "{pauses:?}");
    are_equal(&client(), &servers, told.last.load(Ordering::Relaxed)).await;
    // Whoever had no answer from the node that stopped knows that nothing happened.
    let server = servers.iter().flatten().next().expect("it runs");
    let events = server.events().await;
    let made = events
        .iter()
        .filter(|event| event["type"] == "CONTACT_CREATE_SUCCESS");
    assert_eq!(made.count() as u64, told.made.load(Ordering::Relaxed));
}
