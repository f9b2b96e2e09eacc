//! Faults of every kind, one after another, while clients call all nodes over HTTP and NATS; then
//! everything that was answered is judged.
//!
//! `CLUSTER_ROUNDS` says how many faults, `CLUSTER_FAULT` begins with another one of the list,
//! `NATS_SERVER` names another broker than the distribution's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::fault::Fault;
use super::watch::Watch;
use super::{COUNT, PATIENCE, Rig, client, eventually, finish};
use crate::calls::chance::Chance;
use crate::calls::history::{Answer, Call, Tally};
use crate::calls::load::{Client, Line, Load, probe};
use crate::common::figures::say;
use crate::number;

/// Faults on the same directories; then everything is judged, and new ones are begun.
const ROUNDS_OF_AN_EPISODE: u64 = 44;
/// Calls that are answered between two faults.
const CALLS_OF_A_ROUND: usize = 30;

/// What was done and found.
#[derive(Default)]
struct Report {
    /// The number of each, and the worst time until all took writes again.
    rounds: BTreeMap<Fault, (u64, Duration)>,
    calls: Tally,
    checkpoints: usize,
    repeats: u64,
    wrong: Vec<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_holds_whatever_happens_to_the_cluster() {
    let (rounds, first) = (number("CLUSTER_ROUNDS", 6), number("CLUSTER_FAULT", 0));
    let mut report = Report::default();
    let mut done = 0;
    while done < rounds {
        let these = ROUNDS_OF_AN_EPISODE.min(rounds - done);
        episode(first + done, these, &mut report).await;
        done += these;
        say(&format!("{done} of {rounds} faults: {:?}", report.wrong));
    }
    report.say();
    assert!(report.wrong.is_empty(), "{}", report.wrong.join("\n"));
}

async fn episode(first: u64, rounds: u64, report: &mut Report) {
    let mut rig = Rig::started().await;
    let watch = Watch::over(rig.urls());
    let load = Load::new(vec![("authorization", format!("Bearer {}", rig.token))]);
    let lines = lines(&rig).await;
    let clients = (1..).zip(&lines).map(|(number, (line, patience))| {
        let client = Client::new(load.clone(), line.clone(), *patience, first * 100 + number);
        tokio::spawn(client.run())
    });
    let clients: Vec<_> = clients.collect();
    let mut chance = Chance(first);
    for round in first..first + rounds {
        let fault = Fault::ALL[round as usize % Fault::ALL.len()];
        let begun = Instant::now();
        fault.strike(&mut rig, &mut chance).await;
        let struck = begun.elapsed();
        recovered(&rig, &load).await;
        let took = begun.elapsed() - struck;
        say(&format!(
            "{round} {fault:?}: {struck:?}, well after {took:?}"
        ));
        let (count, worst) = report.rounds.entry(fault).or_default();
        (*count, *worst) = (*count + 1, took.max(*worst));
        let answered = load.history.judged() + CALLS_OF_A_ROUND;
        let go_on = async || (load.history.judged() >= answered).then_some(());
        eventually("calls go on", go_on).await;
    }
    load.stop();
    for client in clients {
        client.await.expect("a client ends in order");
    }
    let quiet = load.epoch.elapsed();
    look_at_all(&rig, &load).await;
    // A read is of the node's own moment, but for those when nothing happened any more.
    let mut calls = load.history.take();
    calls.retain(|call| !call.asked.is_read() || call.begun >= quiet);
    let wrong = finish::wrong(&mut rig, &calls, &watch).await;
    report.add(&calls, &load, &watch, wrong);
    if !report.wrong.is_empty() {
        rig.nodes.iter().for_each(|node| say(&node.said()));
    }
}

/// Some are patient, and some give up while somebody still does what they asked.
async fn lines(rig: &Rig) -> Vec<(Line, Duration)> {
    let (long, short) = (Duration::from_secs(5), Duration::from_millis(150));
    let mut buses = Vec::new();
    for index in 0..COUNT {
        let options = async_nats::ConnectOptions::new()
            .ignore_discovered_servers()
            .reconnect_delay_callback(|_| Duration::from_millis(50));
        let bus = options.connect(rig.brokers.url(index)).await;
        buses.push(bus.expect("the broker runs"));
    }
    let by_http = |patience| (Line::Http(client(patience), rig.urls()), patience);
    let by_nats = |patience| (Line::Rpc(buses.clone()), patience);
    let patient = (0..COUNT).flat_map(|_| [by_http(long), by_nats(long)]);
    patient.chain([by_http(short), by_nats(short)]).collect()
}

/// Waits until every node answers a write.
async fn recovered(rig: &Rig, load: &Arc<Load>) {
    let wait = async {
        for node in &rig.nodes {
            let patience = Duration::from_secs(3);
            let line = Line::Http(client(patience), vec![node.url.clone()]);
            let mut client = Client::new(load.clone(), line, patience, 0);
            loop {
                let number = load.number();
                // A slot that no other call has.
                let answer = client.call(u64::MAX - number, probe(number)).await;
                if matches!(answer, Answer::Written { .. }) {
                    break;
                }
            }
        }
    };
    if tokio::time::timeout(PATIENCE, wait).await.is_err() {
        for node in &rig.nodes {
            let state = node.get(&rig.probe, "/cluster", &rig.token).await;
            say(&format!("{}: {state:?}\n{}", node.name, node.said()));
        }
        panic!("not well within {PATIENCE:?}");
    }
}

/// Reads every slot once more on each node, as part of the history.
async fn look_at_all(rig: &Rig, load: &Arc<Load>) {
    let head = eventually("the leader's head", async || {
        let leads = &rig.nodes[rig.leader().await];
        leads.get(&rig.probe, "/readyz", &rig.token).await?["position"].as_u64()
    })
    .await;
    for node in &rig.nodes {
        eventually("all have the same log", async || {
            let ready = node.get(&rig.probe, "/readyz", &rig.token).await?;
            (ready["position"].as_u64()? >= head).then_some(())
        })
        .await;
        let line = Line::Http(client(PATIENCE), vec![node.url.clone()]);
        let mut client = Client::new(load.clone(), line, PATIENCE, 0);
        let slots = load.slots.lock().all();
        for slot in slots {
            if let Some(request) = slot.look(load.number()) {
                client.call(slot.number, request).await;
            }
        }
    }
}

impl Report {
    fn add(&mut self, calls: &[Call], load: &Load, watch: &Watch, wrong: Vec<String>) {
        for call in calls {
            self.calls.add(call);
        }
        self.checkpoints += watch.count();
        self.repeats += load.repeats.load(Ordering::Relaxed);
        self.wrong.extend(wrong);
        self.wrong.append(&mut load.wrong.lock());
    }

    fn say(&self) {
        say("faults, and the worst time until all nodes took writes again:");
        for (fault, (count, worst)) in &self.rounds {
            say(&format!("  {fault:?}: {count}, {} ms", worst.as_millis()));
        }
        say("calls, and what came of them:");
        self.calls.lines().for_each(|line| say(&line));
        say(&format!(
            "{} checkpoints, {} answers asked for again, {} things wrong",
            self.checkpoints,
            self.repeats,
            self.wrong.len()
        ));
    }
}
