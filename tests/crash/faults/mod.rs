//! Faults of every kind under a mixed load, round after round, and everything that was answered
//! judged at the end.
//!
//! Seven clients call without end: over HTTP, over NATS with an answer, and by durable commands, with
//! and without idempotency keys and `If-Match`, all on the same few contacts and addresses. Each round
//! does one thing to the service or to its broker ([`Fault`]), undoes it, and measures how long it
//! takes until a write over HTTP, a request over NATS and a durable command have their effect
//! again: ten seconds at most. After some rounds the load ends. Then the history must be
//! linearizable for each contact and each address, the log must have everything that was
//! acknowledged, once, where it was said, and nothing that nobody asked for, the events on the bus
//! must be the log's, and `log verify` must find nothing.
//!
//! `FAULT_ROUNDS` says how many rounds: 12, one of each kind, unless told otherwise. `FAULT_FIRST`
//! is the number of the first, so that several runs can share the work.

mod fault;
mod rig;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_nats::jetstream::{self, Context};
use futures_util::{StreamExt, TryStreamExt};
use serde_json::Value;

use crate::calls::chance::Chance;
use crate::calls::history::{Answer, Call, Tally};
use crate::calls::load::{Client, Line, Load, probe};
use crate::calls::{judge, wire};
use crate::common::figures::say;
use fault::Fault;
use rig::Rig;

/// Rounds on one directory; then everything is judged, and a new one is begun.
const ROUNDS_OF_AN_EPISODE: u64 = 48;
/// The time within which the service is there again after a fault.
const SOON: Duration = Duration::from_secs(10);
/// Calls that are answered between two faults.
const CALLS_OF_A_ROUND: usize = 30;
/// The longest that the end of an episode may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The most that an event's time may be beside the time, in milliseconds.
const OFF_MILLIS: i64 = 60_000;

/// What was done and found in all episodes.
#[derive(Default)]
struct Report {
    rounds: BTreeMap<Fault, (u64, Duration)>,
    calls: Tally,
    events: usize,
    repeats: u64,
    lost: usize,
    doubled: usize,
    violations: usize,
    what: Vec<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_holds_whatever_happens() {
    let number = |name: &str| Some(std::env::var(name).ok()?.parse().expect("a number"));
    let rounds: u64 = number("FAULT_ROUNDS").unwrap_or(12);
    let first: u64 = number("FAULT_FIRST").unwrap_or(0);
    let mut report = Report::default();
    let mut done = 0;
    while done < rounds {
        let these = ROUNDS_OF_AN_EPISODE.min(rounds - done);
        episode(first + done, these, &mut report).await;
        done += these;
        if rounds > ROUNDS_OF_AN_EPISODE {
            say(&format!(
                "{done} of {rounds} rounds, {} findings",
                report.what.len()
            ));
        }
    }
    report.say();
    assert!(report.what.is_empty(), "{}", report.what.join("\n"));
}

async fn episode(first: u64, rounds: u64, report: &mut Report) {
    let begun = millis();
    let mut rig = Rig::new();
    let load = Load::new(Vec::new());
    let bus = connect(&rig).await;
    let clients: Vec<_> = clients(&load, &rig.url, &bus, first)
        .into_iter()
        .map(|client| tokio::spawn(client.run()))
        .collect();
    let mut chance = Chance(first);
    for round in first..first + rounds {
        let fault = Fault::ALL[round as usize % Fault::ALL.len()];
        fault.strike(&mut rig, &mut chance).await;
        let took = recovered(&load, &rig.url, &bus).await;
        if took > SOON {
            let said = rig.said();
            let last: Vec<_> = said.lines().rev().take(40).collect();
            let what = format!("well only {took:?} after {fault:?}: {last:#?}");
            report.what.push(what);
        }
        let (count, worst) = report.rounds.entry(fault).or_default();
        *count += 1;
        *worst = took.max(*worst);
        let answered = load.history.judged() + CALLS_OF_A_ROUND;
        until("calls go on", || load.history.judged() >= answered).await;
    }
    load.stop();
    for client in clients {
        client.await.expect("a client ends in order");
    }
    let streams = jetstream::new(bus.clone());
    settled(&rig, &load, &streams).await;
    look_at_all(&load, &rig.url).await;
    let events = rig.server().events().await;
    let published = published(&streams, events.len()).await;
    assert_eq!(rig.stop(), Some(0));

    let calls = load.history.take();
    let mut findings = judge::judge(&calls, &events);
    findings.violations.append(&mut load.wrong.lock());
    findings.violations.extend(rig.verify().err());
    findings.violations.extend(timed(&events, begun));
    if published != events {
        let what = "the events on the bus are not those of the log".to_owned();
        findings.violations.push(what);
    }
    crate::check_log(&events);
    report.add(&calls, &events, &load, &findings);
    if findings.all().next().is_some() {
        say(&rig.said());
    }
}

fn millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.expect("after 1970").as_millis()).expect("not that late")
}

async fn connect(rig: &Rig) -> async_nats::Client {
    async_nats::ConnectOptions::new()
        .reconnect_delay_callback(|_| Duration::from_millis(50))
        .connect(rig.broker.url())
        .await
        .expect("the broker runs")
}

fn http(patience: Duration) -> reqwest::Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    // It speaks no TLS: to read the system's certificates would be its most work.
    let builder = reqwest::Client::builder().no_proxy().timeout(patience);
    let builder = builder.tls_certs_only([]);
    builder.build().expect("a client")
}

/// Some are patient, and some give up while a service that was paused still does what they asked.
fn clients(load: &Arc<Load>, url: &str, bus: &async_nats::Client, seed: u64) -> Vec<Client> {
    let (long, short) = (Duration::from_secs(3), Duration::from_millis(150));
    let durable = Line::Durable(vec![jetstream::new(bus.clone())]);
    let by_http = |patience| Line::Http(http(patience), vec![url.to_owned()]);
    let lines = [
        (by_http(long), long),
        (by_http(long), long),
        (by_http(short), short),
        (by_http(short), short),
        (Line::Rpc(vec![bus.clone()]), long),
        (Line::Rpc(vec![bus.clone()]), short),
        (durable, long),
    ];
    let clients = (1..).zip(lines).map(|(number, (line, patience))| {
        Client::new(load.clone(), line, patience, seed * 1_000 + number)
    });
    clients.collect()
}

/// The time until all is well again: writes of every way have their effect, their events are
/// published and in the signed log, and the service says that it is ready.
async fn recovered(load: &Arc<Load>, url: &str, bus: &async_nats::Client) -> Duration {
    let since = Instant::now();
    let all = async {
        let line = Line::Http(http(Duration::from_secs(1)), vec![url.to_owned()]);
        let (_, _, durable) = tokio::join!(
            again(load, line),
            again(load, Line::Rpc(vec![bus.clone()])),
            again(load, Line::Durable(vec![jetstream::new(bus.clone())])),
        );
        let client = http(SOON);
        outcome(url, &client, durable).await;
        ready(url, &client).await;
    };
    let well = tokio::time::timeout(PATIENCE, all).await;
    well.unwrap_or_else(|_| panic!("not well within {PATIENCE:?}"));
    since.elapsed()
}

/// Creates a contact by this line until that works, or is stored; the number of the last call.
async fn again(load: &Arc<Load>, line: Line) -> u64 {
    let mut client = Client::new(load.clone(), line, Duration::from_secs(1), 0);
    loop {
        let number = load.number();
        // A slot that no other call has.
        let answer = client.call(u64::MAX - number, probe(number)).await;
        if matches!(answer, Answer::Written { .. } | Answer::Stored) {
            return number;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits for the outcome of a durable command.
async fn outcome(url: &str, client: &reqwest::Client, number: u64) {
    let path = format!("{url}/commands/{}", wire::message_id(number));
    loop {
        let found = client.get(&path).send().await;
        if found.is_ok_and(|found| found.status() == 200) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until the service is ready, and what is in the log now is on the bus and signed.
async fn ready(url: &str, client: &reqwest::Client) {
    let path = format!("{url}/readyz");
    let mut head = None;
    loop {
        let answer = client.get(&path).send().await.ok();
        if let Some(answer) = answer.filter(|answer| answer.status() == 200)
            && let Ok(ready) = answer.json::<Value>().await
        {
            let at = |name: &str| ready[name].as_u64();
            head = head.or(at("position"));
            if at("published") >= head && at("sealed") >= head && ready["audit"] == "sealing" {
                return;
            }
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

/// Waits until this holds.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(
            begun.elapsed() < PATIENCE,
            "{what}: not within {PATIENCE:?}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until every durable command that the broker stored has its outcome, and every event was
/// published. What was delivered before a kill comes again after ten seconds. A broker that was
/// killed may keep messages that were acknowledged; they are not delivered again.
async fn settled(rig: &Rig, load: &Load, streams: &Context) {
    let begun = Instant::now();
    let mut open = load.history.stored();
    let mut after = 0;
    loop {
        let path = format!("/events?after={after}&limit=1000&detail=metadata");
        let page = rig.server().send("GET", &path, &[], None).await.json();
        for event in page["events"].as_array().expect("events") {
            open.remove(event["correlationid"].as_str().expect("an id"));
        }
        let next = page["next"].as_u64().expect("a position");
        if next > after {
            after = next;
            continue;
        }
        let waiting = undelivered(streams).await;
        let ready = rig.server().send("GET", "/readyz", &[], None).await.json();
        if open.is_empty() && waiting == Some(0) && ready["published"] == ready["position"] {
            return;
        }
        // What is not there by then is found to be lost.
        if begun.elapsed() > PATIENCE {
            return say(&format!("not settled: {open:?}, {ready}"));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The durable commands that the broker has not delivered yet.
async fn undelivered(streams: &Context) -> Option<u64> {
    let stream = streams.get_stream("CONTACT_COMMANDS").await.ok()?;
    let consumers: Vec<_> = stream.consumers().try_collect().await.ok()?;
    Some(consumers.first()?.num_pending)
}

/// Reads every slot once more, as part of the history.
async fn look_at_all(load: &Arc<Load>, url: &str) {
    let line = Line::Http(http(PATIENCE), vec![url.to_owned()]);
    let mut client = Client::new(load.clone(), line, PATIENCE, 0);
    let slots = load.slots.lock().all();
    for slot in slots {
        if let Some(request) = slot.look(load.number()) {
            client.call(slot.number, request).await;
        }
    }
}

/// So many events on the bus, in their order.
async fn published(streams: &Context, count: usize) -> Vec<Value> {
    let stream = streams
        .get_stream("CONTACT_EVENTS")
        .await
        .expect("it is there");
    let consumer = stream.create_consumer(jetstream::consumer::pull::OrderedConfig::default());
    let messages = consumer.await.expect("a consumer").messages().await;
    let messages = messages.expect("messages").take(count);
    let events = messages.map(|message| {
        let message = message.expect("a message");
        serde_json::from_slice(&message.payload).expect("JSON")
    });
    let events = tokio::time::timeout(PATIENCE, events.collect()).await;
    events.expect("they are there")
}

/// Times never go back, and none is of a clock that was wrong.
fn timed(events: &[Value], begun: i64) -> Option<String> {
    let mut last = begun - OFF_MILLIS;
    let latest = millis() + OFF_MILLIS;
    for event in events {
        let time = event["time"].as_str().expect("a time");
        let time = chrono::DateTime::parse_from_rfc3339(time).expect("RFC 3339");
        let time = time.timestamp_millis();
        if time < last || time > latest {
            return Some(format!("a time that was not: {event}"));
        }
        last = time;
    }
    None
}

impl Report {
    fn add(&mut self, calls: &[Call], events: &[Value], load: &Load, found: &judge::Findings) {
        for call in calls {
            self.calls.add(call);
        }
        self.events += events.len();
        self.repeats += load.repeats.load(Ordering::Relaxed);
        self.lost += found.lost.len();
        self.doubled += found.doubled.len();
        self.violations += found.violations.len();
        self.what.extend(found.all().cloned());
    }

    fn say(&self) {
        say("rounds, and the worst time until all was well again:");
        for (fault, (count, worst)) in &self.rounds {
            say(&format!("  {fault:?}: {count}, {} ms", worst.as_millis()));
        }
        say("calls, and what came of them:");
        for line in self.calls.lines() {
            say(&line);
        }
        say(&format!(
            "{} events, {} answers asked for again; lost {}, doubled {}, violations {}",
            self.events, self.repeats, self.lost, self.doubled, self.violations
        ));
    }
}
