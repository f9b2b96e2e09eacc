//! What an auditor does elsewhere: takes a proof home and checks it, keeps a copy of the audit log,
//! and files what was verified.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::program::{check, data_dir, text};
use crate::common::{Server, run, temp_dir, token};

/// Runs the program away from any data directory; its exit code must be this one.
fn elsewhere(arguments: &[&str], want: i32) -> (String, String) {
    let (code, out, err) = run(arguments);
    assert_eq!(code, Some(want), "{arguments:?}: {out}{err}");
    (out, err)
}

async fn create(server: &Server, headers: &[(&str, &str)], name: &str) {
    let card = json!({"name": {"full": name}});
    let path = "/contacts?tenant=acme";
    let made = server.send("POST", path, headers, Some(&card)).await;
    assert_eq!(made.status, 201, "{made:?}");
}

fn key(data: &Path) -> String {
    check(data, &["log", "key"], 0).0.trim().to_owned()
}

fn written(dir: &TempDir, name: &str, content: &str) -> String {
    let path = dir.path().join(name);
    std::fs::write(&path, content).expect("a file");
    text(&path).to_owned()
}

#[tokio::test]
async fn a_proof_is_checked_with_the_key_alone() {
    let (dir, data) = data_dir();
    let server = Server::start(&data, &[]);
    create(&server, &[], "Ann").await;
    let events = server.events().await;
    let (from_service, _) = elsewhere(
        &["log", "proof", "2", "--with-entry", "--url", &server.url],
        0,
    );
    let before_all = server.send("GET", "/audit/proof/0", &[], None).await;
    assert_eq!(before_all.status, 400, "{before_all:?}");
    let (bare, _) = elsewhere(&["log", "proof", "2", "--url", &server.url], 0);
    assert_eq!(server.stop(), Some(0));
    let key = key(&data);
    let (from_directory, _) = check(&data, &["log", "proof", "2", "--with-entry"], 0);

    let event = written(&dir, "event.json", &events[1].to_string());
    for proof in [&from_service, &from_directory] {
        let proof = written(&dir, "proof", proof);
        let (out, _) = elsewhere(&["log", "check", &proof, "--key", &key], 0);
        assert!(
            out.contains("the proof holds: event 2 is in the log"),
            "{out}"
        );
        assert!(out.contains("CONTACT_CREATE_SUCCESS"), "{out}");
        let (out, _) = elsewhere(
            &["log", "check", &proof, "--key", &key, "--event", &event],
            0,
        );
        assert!(out.contains("the event given is this one"), "{out}");
        assert!(out.contains("not compared: data.contact"), "{out}");
    }
    let mut other: Value = events[1].clone();
    other["data"]["tenant"] = json!("other");
    let other = written(&dir, "other.json", &other.to_string());
    let proof = written(&dir, "proof", &from_service);
    let (_, err) = elsewhere(
        &["log", "check", &proof, "--key", &key, "--event", &other],
        1,
    );
    assert!(err.contains("differ in data.tenant"), "{err}");

    // Without its entry a proof says nothing; with another one it does not hold.
    let bare = written(&dir, "bare", &bare);
    elsewhere(&["log", "check", &bare, "--key", &key], 2);
    let entry = written(&dir, "entry", "another entry");
    let (_, err) = elsewhere(
        &["log", "check", &bare, "--key", &key, "--entry", &entry],
        1,
    );
    assert!(err.contains("not at position 2"), "{err}");
    elsewhere(&["log", "check", &entry, "--key", &key], 2);
    elsewhere(&["log", "check", &proof, "--key", "no key"], 2);
    elsewhere(&["log", "check", "/nowhere", "--key", &key], 2);
    let forged = written(&dir, "forged", &from_service.replace("index 1", "index 0"));
    elsewhere(&["log", "check", &forged, "--key", &key], 1);
}

#[tokio::test]
async fn a_copy_follows_the_log_and_verifies() {
    let (_dir, data) = data_dir();
    let server = Server::start(&data, &["--auth", "jwt"]);
    let admin = token(&data, &["--role", "admin", "--tenant", "*"]);
    let bearer = format!("Bearer {admin}");
    let headers = [("authorization", bearer.as_str())];
    create(&server, &headers, "Ann").await;
    let key = key(&data);
    let elsewhere_dir = temp_dir();
    let copy = elsewhere_dir.path().join("copy");
    let copy = text(&copy);
    let url = server.url.as_str();
    // Whoever may not read entries gets what needs no token.
    sealed(&server, 2).await;
    let (out, err) = elsewhere(&["log", "mirror", url, copy], 0);
    assert!(out.contains("mirrored 2 events"), "{out}");
    assert!(out.contains("without the entries"), "{out}");
    assert!(err.contains(&key), "{err}");
    let mirror = ["log", "mirror", url, copy, "--token", &admin];
    let (out, err) = elsewhere(&mirror, 0);
    assert!(out.contains("with 1 new file,"), "{out}");
    assert_eq!(err, "");
    let verify = ["log", "verify", "--tiles", copy, "--key", &key];
    let (out, _) = elsewhere(&verify, 0);
    assert!(out.contains("verified 2 events"), "{out}");

    create(&server, &headers, "Bob").await;
    sealed(&server, 4).await;
    let (out, _) = elsewhere(&mirror, 0);
    assert!(
        out.contains("kept: 2 events") && out.contains("is a prefix"),
        "{out}"
    );
    let kept = elsewhere_dir.path().join("kept");
    std::fs::copy(Path::new(copy).join("checkpoint"), &kept).expect("a copy");
    let (out, _) = elsewhere(&[&verify[..], &["--checkpoint", text(&kept)]].concat(), 0);
    assert!(
        out.contains("checkpoint: 4 events of contactd.local/"),
        "{out}"
    );
    assert!(out.contains("the last of 20"), "{out}");
    assert!(out.contains("kept: 4 events, root "), "{out}");

    // Another log in this one's place is refused, and the copy stays.
    let (_other_dir, other) = data_dir();
    let other = Server::start(&other, &[]);
    let (_, err) = elsewhere(&["log", "mirror", &other.url, copy], 4);
    assert!(err.contains("cannot be trusted"), "{err}");
    elsewhere(&verify, 0);
    elsewhere(&["log", "mirror", url, copy, "--key", "no key"], 2);
    assert_eq!(other.stop(), Some(0));
    assert_eq!(server.stop(), Some(0));
}

#[tokio::test]
async fn damage_is_told_before_a_kept_checkpoint_is_blamed() {
    let (dir, data) = data_dir();
    let server = Server::start(&data, &[]);
    create(&server, &[], "Ann").await;
    sealed(&server, 2).await;
    assert_eq!(server.stop(), Some(0));
    let kept = dir.path().join("kept");
    std::fs::copy(data.join("audit/checkpoint"), &kept).expect("a copy");
    let verify = ["log", "verify", "--checkpoint", text(&kept)];
    let (out, _) = check(&data, &verify, 0);
    assert!(out.contains("is a prefix"), "{out}");
    let id = data.join("identity/log-id");
    let name = std::fs::read_to_string(&id).expect("it is there");
    let last = if name.trim_end().ends_with('0') {
        "1"
    } else {
        "0"
    };
    let name = format!("{}{last}\n", &name.trim_end()[..name.trim_end().len() - 1]);
    std::fs::write(&id, name).expect("it is written");
    check(&data, &verify, 4);
}

#[tokio::test]
async fn a_copy_that_is_damaged_is_mended_and_nothing_else_is_written_into() {
    let (_dir, data) = data_dir();
    let server = Server::start(&data, &["--auth", "jwt"]);
    let admin = token(&data, &["--role", "admin", "--tenant", "*"]);
    let bearer = format!("Bearer {admin}");
    create(&server, &[("authorization", bearer.as_str())], "Ann").await;
    sealed(&server, 2).await;
    let elsewhere_dir = temp_dir();
    let place = |name: &str| elsewhere_dir.path().join(name);
    let (copy, url) = (place("copy"), server.url.as_str());
    let key = key(&data);
    let mirror = ["log", "mirror", url, text(&copy), "--key", &key];
    let with_token = [&mirror[..], &["--token", &admin]].concat();
    let verify = ["log", "verify", "--tiles", text(&copy), "--key", &key];
    elsewhere(&with_token, 0);
    for name in ["tile/entries/000.p/2", "tile/0/000.p/2"] {
        let path = copy.join(name);
        let whole = std::fs::read(&path).expect("a file");
        let mut damaged = whole.clone();
        damaged[20] ^= 1;
        std::fs::write(&path, &damaged).expect("a damage");
        elsewhere(&mirror, 4);
        let (out, _) = elsewhere(&verify, 4);
        assert!(out.contains("`contactd log mirror` fetches"), "{out}");
        let (out, _) = elsewhere(&with_token, 0);
        let said = format!("{name} was damaged in the copy, and was fetched again\n");
        assert!(out.starts_with(&said), "{out}");
        assert!(out[said.len()..].starts_with("mirrored 2 events"), "{out}");
        assert!(out.contains("with 0 new files"), "{out}");
        assert_eq!(std::fs::read(&path).expect("a file"), whole);
        elsewhere(&verify, 0);
    }

    let notes = place("notes");
    std::fs::create_dir(&notes).expect("a directory");
    std::fs::write(notes.join("a.txt"), "mine").expect("a file");
    for other in [&notes, &data, &data.join("audit")] {
        let (_, err) = elsewhere(&["log", "mirror", url, text(other), "--key", &key], 2);
        assert!(err.contains("nothing was touched"), "{err}");
        assert!(!other.join("key").exists() && !notes.join("tile").exists());
    }
    assert_eq!(server.stop(), Some(0));
}

/// Waits for a checkpoint that covers so many events.
async fn sealed(server: &Server, size: u64) {
    loop {
        let answer = server.send("GET", "/audit/checkpoint", &[], None).await;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let covered = text.lines().nth(1).and_then(|line| line.parse().ok());
        if covered.is_some_and(|covered: u64| covered >= size) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_file_that_the_service_lacks_is_named() {
    let (dir, data) = data_dir();
    let server = Server::start(&data, &[]);
    let creates = |count: usize| {
        let one = json!({"op": "create", "tenant": "acme", "card": {"name": {"full": "Ann"}}});
        json!({"operations": vec![one; count]})
    };
    let made = server
        .send("POST", "/contacts/batch", &[], Some(&creates(130)))
        .await;
    assert_eq!(made.status, 200, "{made:?}");
    sealed(&server, 260).await;
    std::fs::remove_file(data.join("audit/tile/entries/000")).expect("a full bundle");
    let copy = dir.path().join("copy");
    let key = key(&data);
    let mirror = ["log", "mirror", &server.url, text(&copy), "--key", &key];
    let (_, err) = elsewhere(&mirror, 1);
    let said =
        "the server does not have the file tile/entries/000, which the log of 260 events needs";
    assert!(err.contains(said), "{err}");
    assert_eq!(server.stop(), Some(0));
}

#[tokio::test]
async fn a_compaction_says_what_it_is_for() {
    let (_dir, data) = data_dir();
    let server = Server::start(&data, &[]);
    create(&server, &[], "Ann").await;
    assert_eq!(server.stop(), Some(0));
    let (rebuilt, _) = check(&data, &["log", "rebuild"], 0);
    let (compacted, _) = check(&data, &["log", "compact"], 0);
    assert!(
        rebuilt.contains("rebuilt every view up to position 2"),
        "{rebuilt}"
    );
    assert!(compacted.contains("nothing is left"), "{compacted}");
}
