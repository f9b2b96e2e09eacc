//! `kill -9` under load, again and again, on the same directory.
//!
//! Eight clients of all six dialects send at once; after a number of answers
//! that differs from round to round the service is killed. Started again it
//! must have everything that was acknowledged, say the same to the same
//! idempotency keys, and have a log in which nothing is wrong. `CRASH_ROUNDS`
//! says how often: 12 times unless told otherwise.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy grants tests these, but not the functions that tests share"
)]

#[path = "../bus/broker.rs"]
#[allow(dead_code, reason = "the bus uses the rest")]
mod broker;
#[path = "../calls/mod.rs"]
mod calls;
mod client;
#[path = "../common/mod.rs"]
mod common;
mod faults;
mod form;
mod kill;
mod soak;

use std::path::Path;

use client::{Answered, Client};
use common::Server;
use common::figures::say;
use form::Form;
use kill::Kill;
use serde_json::Value;

/// Rounds on one directory; then a new one is begun.
const ROUNDS_OF_A_DIRECTORY: u64 = 10;

/// What was looked at.
#[derive(Default)]
struct Figures {
    answered: usize,
    retried: usize,
    events: usize,
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_service_is_killed() {
    let rounds = std::env::var("CRASH_ROUNDS").ok();
    let rounds: u64 = rounds.map_or(12, |text| text.parse().expect("a number"));
    let mut figures = Figures::default();
    let mut round = 0;
    while round < rounds {
        let dir = common::temp_dir();
        let dir = dir.path().join("data");
        let last = rounds.min(round + ROUNDS_OF_A_DIRECTORY);
        while round < last {
            round += 1;
            one_round(&dir, round, &mut figures).await;
        }
    }
    let Figures {
        answered,
        retried,
        events,
    } = figures;
    say(&format!(
        "{rounds} kills: {answered} answers, {retried} retries, {events} events"
    ));
}

async fn one_round(dir: &Path, round: u64, figures: &mut Figures) {
    let mut clients: Vec<Client> = (1..)
        .zip(Form::CLIENTS)
        .map(|(number, form)| Client::new(form, round * 100 + number))
        .collect();
    let server = Server::start(dir, &[]);
    // From the very first answers to well into the load.
    let kill = Kill::after(1 + round * 37 % 160, server.pid());
    let running = clients.iter_mut().map(|client| client.run(&server, &kill));
    futures_util::future::join_all(running).await;
    drop(server);
    if round.is_multiple_of(3) {
        // Now and then it dies again right after its start.
        Server::start(dir, &[]).kill();
    }

    let server = Server::start(dir, &[]);
    let events = written(&server).await;
    check_log(&events);
    for client in &clients {
        for answered in &client.answered {
            check_events(&events, answered);
        }
        figures.answered += client.answered.len();
        figures.retried += client.check_retries(&server).await;
    }
    assert_eq!(written(&server).await.len(), events.len(), "a retry wrote");
    for client in &mut clients {
        client.check_contacts(&server).await;
        client.finish(&server).await;
        client.check_contacts(&server).await;
    }
    let events = server.events().await;
    check_log(&events);
    figures.events += events.len();
    assert_eq!(server.stop(), Some(0));
    check_directory(dir);
}

/// The events of writes: MATTR's reads are recorded too, when the writer gets to them.
async fn written(server: &Server) -> Vec<Value> {
    let mut events = server.events().await;
    let is_read = |event: &Value| text(event, "type").contains("_RETRIEVE");
    if events.last().is_some_and(is_read) {
        let last = events.iter().rposition(|event| !is_read(event));
        events.truncate(last.map_or(0, |last| last + 1));
    }
    events
}

fn text<'a>(event: &'a Value, member: &str) -> &'a str {
    event[member].as_str().unwrap_or_default()
}

/// No gap, and every START has its one outcome behind it.
fn check_log(events: &[Value]) {
    for (index, event) in events.iter().enumerate() {
        let position: u64 = text(event, "sequence").parse().expect("a position");
        assert_eq!(position, index as u64 + 1);
    }
    let pairs = events.chunks_exact(2);
    assert!(pairs.remainder().is_empty(), "a START without its outcome");
    for pair in pairs {
        let [start, outcome] = pair else { continue };
        let kind = text(start, "type").strip_suffix("_START").expect("a START");
        let outcomes = ["SUCCESS", "FAIL"].map(|end| format!("{kind}_{end}"));
        assert!(outcomes.iter().any(|end| end == text(outcome, "type")));
        assert_eq!(start["id"], outcome["causationid"]);
        assert_eq!(start["correlationid"], outcome["correlationid"]);
    }
}

/// The events of an acknowledged request are there.
fn check_events(events: &[Value], answered: &Answered) {
    let Answered {
        request,
        answer,
        events: count,
        ..
    } = answered;
    let last = answer.position() as usize;
    let first = last - *count as usize;
    let own = events.get(first..last).expect("its events are there");
    let correlation = answer.header("contact-correlation");
    for event in own {
        let found = event["correlationid"].as_str();
        assert_eq!(found, correlation, "{request:?}");
    }
    let refused = answer.status == 412;
    let failed = own
        .iter()
        .any(|event| text(event, "type").ends_with("_FAIL"));
    assert_eq!(refused, failed, "{request:?}");
}

/// Nothing is wrong in the stopped directory, and its view is that of a rebuild.
fn check_directory(dir: &Path) {
    let saved = common::saved_view(dir);
    let path = dir.to_str().expect("a path in UTF-8");
    for command in ["verify", "rebuild"] {
        let (code, out, err) = common::run(&["log", command, "--data-dir", path]);
        assert_eq!(code, Some(0), "{command}: {out}{err}");
    }
    let rebuilt = common::saved_view(dir);
    assert!(saved == rebuilt, "the rebuilt view is another");
}
