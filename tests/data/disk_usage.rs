//! What two copies of the log cost on the disk, in bytes an event.
//!
//!     COST_EVENTS=100000 cargo test --test data disk_usage -- --nocapture
//!
//! creates so many events over our own API, stops, and prints what each part of the data directory
//! takes. In every run the bundles and tiles take what the audit floor's README says of them.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::common::figures::say;
use crate::common::{self, Server};

/// Events where the environment names no number.
const EVENTS: usize = 4_000;
/// Contacts of one request, two events each.
const BATCH: usize = 200;

/// A contact as people have it: a name, an address, a number, a note.
fn operation(number: usize) -> Value {
    json!({"op": "create", "card": {
        "name": {"full": format!("Person Number {number}"),
            "components": [{"kind": "given", "value": "Person"}, {"kind": "surname", "value": format!("Number {number}")}]},
        "emails": {"work": {"address": format!("person.{number}@company.example")}},
        "phones": {"mobile": {"number": format!("+64 21 {number:07}")}},
        "organizations": {"o": {"name": "Company Limited"}},
        "notes": {"n": {"note": "Asks for a call in the afternoon."}}}})
}

/// What a directory's files hold, and what they take on the disk.
fn sizes(dir: &Path) -> (u64, u64) {
    let (mut held, mut taken) = (0, 0);
    let Ok(entries) = std::fs::read_dir(dir) else {
        return (0, 0);
    };
    for entry in entries {
        let path = entry.expect("an entry").path();
        let metadata = path.metadata().expect("it is there");
        let (inner, blocks) = match metadata.is_dir() {
            true => sizes(&path),
            false => (metadata.len(), metadata.blocks() * 512),
        };
        held += inner;
        taken += blocks;
    }
    (held, taken)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_copies_cost_what_we_say() {
    let events = std::env::var("COST_EVENTS").ok();
    let events = events.map_or(EVENTS, |events| events.parse().expect("a number"));
    let root = common::temp_dir();
    let dir = root.path().join("data");
    let server = Server::start(&dir, &[]);
    for first in (0..events / 2).step_by(BATCH) {
        let operations: Vec<_> = (first..first + BATCH).map(operation).collect();
        let body = json!({"operations": operations});
        let answer = server
            .send("POST", "/contacts/batch", &[], Some(&body))
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let page = server.send("GET", "/events?limit=1", &[], None).await;
    let count = page.position();
    let code = tokio::task::spawn_blocking(|| server.stop()).await;
    assert_eq!(code.expect("it stops"), Some(0));

    say(&format!(
        "{count} events, in bytes an event   held   taken on the disk"
    ));
    for part in [
        "log",
        "journal",
        "audit/tile/entries",
        "audit/tile",
        "audit",
        "views",
        "keys",
    ] {
        let (held, taken) = sizes(&dir.join(part));
        let each = |bytes: u64| bytes as f64 / count as f64;
        say(&format!(
            "{part:<28}{:>11.1}{:>12.1}",
            each(held),
            each(taken)
        ));
    }
    let (entries, _) = sizes(&dir.join("audit/tile/entries"));
    let (all, _) = sizes(&dir.join("audit/tile"));
    let hashes = (all - entries) as f64 / count as f64;
    assert!((32.0..34.0).contains(&hashes), "{hashes}");
}
