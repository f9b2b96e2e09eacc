//! Files that nobody reads go bad while the service runs: it finds them, mends them and says so.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::{self, Server, stderr_path};

/// A round over little data takes the pause behind it, ten seconds.
const PATIENCE: Duration = Duration::from_secs(60);

fn flip(path: &Path, place: usize) -> Vec<u8> {
    let whole = fs::read(path).expect("it is read");
    let mut flipped = whole.clone();
    flipped[place] ^= 1;
    fs::write(path, flipped).expect("it is written");
    whole
}

/// The value of one of the service's metrics.
async fn metric(server: &Server, name: &str) -> u64 {
    let text = server.send("GET", "/metrics", &[], None).await.body;
    let text = String::from_utf8(text).expect("text");
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let line = line.unwrap_or_else(|| panic!("no {name} in {text}"));
    line.trim().parse().expect("a number")
}

/// Waits until a metric has at least this value.
async fn reaches(server: &Server, name: &str, value: u64) {
    let begun = Instant::now();
    while metric(server, name).await < value {
        assert!(begun.elapsed() < PATIENCE, "{name} does not reach {value}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn damage(server: &Server) -> Option<String> {
    let ready = server.send("GET", "/readyz", &[], None).await.json();
    ready["damage"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn damage_of_what_nobody_reads_is_mended_while_the_service_runs() {
    let root = common::temp_dir();
    let data = root.path().join("data");
    let server = Server::start(&data, &[]);
    for name in ["Ann", "Bob", "Cy"] {
        let card = json!({"name": {"full": name}});
        let made = server.send("POST", "/contacts", &[], Some(&card)).await;
        assert_eq!(made.status, 201, "{made:?}");
    }
    reaches(&server, "contactd_audit_sealed_position", 6).await;
    // Let the round end that may be under way: the next one begins after a pause.
    let rounds = metric(&server, "contactd_scrub_rounds_total").await;
    reaches(&server, "contactd_scrub_rounds_total", rounds + 1).await;
    let (bundle, tile, keys) = (
        data.join("audit/tile/entries/000.p/6"),
        data.join("audit/tile/0/000.p/6"),
        data.join("keys/slots-1.bin"),
    );
    let journal = data.join("journal/00000000000000000001");
    // The first frame of the journal, and something of each of the others.
    let whole = [
        flip(&journal, 60),
        flip(&bundle, 20),
        flip(&tile, 40),
        flip(&keys, 72 * 2 + 30),
    ];
    reaches(&server, "contactd_scrub_repaired_log_total", 1).await;
    reaches(&server, "contactd_scrub_repaired_files_total", 2).await;
    reaches(&server, "contactd_scrub_repaired_keys_total", 1).await;
    let mended = [&journal, &bundle, &tile, &keys].map(|path| fs::read(path).expect("it is read"));
    assert!(mended == whole, "they are what they were");
    assert_eq!(damage(&server).await, None);
    let said = fs::read_to_string(stderr_path(&data)).expect("it said something");
    for what in [
        "the journal was damaged at events 1 to 2; it is completed",
        "tile/entries/000.p/6",
        "tile/0/000.p/6",
        "of 1 contact's key one of the two copies was damaged",
    ] {
        assert!(said.contains(what), "{what}: {said}");
    }

    // Both copies of a key: nobody can mend that, and everybody is told.
    for copy in ["keys/slots-1.bin", "keys/slots-1.copy.bin"] {
        let place = if copy.contains("copy") { 31 } else { 30 };
        flip(&data.join(copy), 72 * 2 + place);
    }
    reaches(&server, "contactd_scrub_damaged", 1).await;
    let damage = damage(&server).await.expect("it is said");
    assert!(
        damage.contains("both copies of 1 contact's key"),
        "{damage}"
    );
    assert_eq!(server.stop(), Some(0));
}
