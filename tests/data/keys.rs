//! Key material that is lost is not lost in silence: `log verify` names it, a start refuses or
//! warns, and what the operator gives up is written down.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{self, Server, run, stderr_path};

/// Bytes of a slot in the file of wrapped keys, and of its header.
const SLOT_BYTES: usize = 72;

/// Both copies of the wrapped keys.
const COPIES: [&str; 2] = ["keys/slots-1.bin", "keys/slots-1.copy.bin"];

/// The idempotency key of the third contact.
const KEY: (&str, &str) = ("idempotency-key", "cy");

/// A stopped directory with three contacts, the second of which was erased.
struct Fixture {
    root: TempDir,
    data: PathBuf,
    ids: Vec<String>,
}

impl Fixture {
    async fn new() -> Self {
        let root = common::temp_dir();
        let data = root.path().join("data");
        let server = Server::start(&data, &[]);
        let mut ids = Vec::new();
        for name in ["Ann", "Bob"] {
            ids.push(create(&server, name).await);
        }
        ids.push(create_under(&server, "Cy", &[KEY]).await);
        erase(&server, &ids[1]).await;
        assert_eq!(server.stop(), Some(0));
        Self { root, data, ids }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.data.join(name)
    }

    /// Runs a subcommand; its exit code must be this one. Gives what it said.
    fn check(&self, words: &[&str], want: i32) -> String {
        check(&self.data, words, want)
    }

    /// What a start says that must end with 4, without having served anything.
    fn refused(&self) -> String {
        let refused = Server::try_start(&self.data, &[]).err();
        let (code, said) = refused.expect("it must not start");
        assert_eq!(code, Some(4), "{said}");
        said
    }

    fn said(&self) -> String {
        fs::read_to_string(stderr_path(&self.data)).expect("it said something")
    }
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

pub fn check(data: &Path, words: &[&str], want: i32) -> String {
    let (code, out, err) = run(&[words, &["--data-dir", text(data)]].concat());
    assert_eq!(code, Some(want), "{words:?}: {out}{err}");
    out + &err
}

pub async fn create(server: &Server, name: &str) -> String {
    create_under(server, name, &[]).await
}

async fn create_under(server: &Server, name: &str, headers: &[(&str, &str)]) -> String {
    let card = json!({"name": {"full": name}});
    let made = server.send("POST", "/contacts", headers, Some(&card)).await;
    assert_eq!(made.status, 201, "{made:?}");
    made.json()["id"].as_str().expect("an id").to_owned()
}

async fn erase(server: &Server, id: &str) {
    let reason = json!({"reason": "request"});
    let path = format!("/contacts/{id}/erase");
    let erased = server.send("POST", &path, &[], Some(&reason)).await;
    assert_eq!(erased.status, 200, "{erased:?}");
}

async fn status_of(server: &Server, id: &str) -> u16 {
    let path = format!("/contacts/{id}");
    server.send("GET", &path, &[], None).await.status
}

/// The code of the 410 that a contact's every read is.
async fn gone_as(server: &Server, id: &str) -> Vec<Value> {
    let mut codes = Vec::new();
    for query in ["", "?as_of=6"] {
        let path = format!("/contacts/{id}{query}");
        let refused = server.send("GET", &path, &[], None).await;
        assert_eq!(refused.status, 410, "{refused:?}");
        codes.push(refused.json()["code"].clone());
    }
    codes
}

#[tokio::test]
async fn one_lost_key_is_named_until_its_contact_is_erased() {
    for (bytes, word) in [(0, "lost"), (0xE5, "destroyed"), (7, "damaged")] {
        let fixture = Fixture::new().await;
        fixture.check(&["log", "verify"], 0);
        let mut file = fs::read(fixture.path(COPIES[0])).expect("the slots");
        file[SLOT_BYTES * 3..][..SLOT_BYTES].fill(bytes);
        for copy in COPIES {
            fs::write(fixture.path(copy), &file).expect("it is written");
        }
        // The third contact's SUCCESS is the sixth event.
        let said = fixture.check(&["log", "verify"], 4);
        assert!(said.contains("position 6: the key in slot 2"), "{said}");
        assert!(said.contains(word) && said.contains("no erasure"), "{said}");
        assert!(said.contains("1 thing is wrong"), "{said}");
        let server = Server::start(&fixture.data, &[]);
        assert_eq!(status_of(&server, &fixture.ids[0]).await, 200);
        assert_eq!(gone_as(&server, &fixture.ids[1]).await, ["gone", "gone"]);
        let lost = gone_as(&server, &fixture.ids[2]).await;
        assert_eq!(lost, ["key_lost", "key_lost"], "nobody erased it");
        for (id, code) in [(&fixture.ids[1], "gone"), (&fixture.ids[2], "key_lost")] {
            for (method, body) in [("PATCH", Some(json!({"name": null}))), ("DELETE", None)] {
                let path = format!("/contacts/{id}");
                let refused = server.send(method, &path, &[], body.as_ref()).await;
                assert_eq!(refused.status, 410, "{method}: {refused:?}");
                assert_eq!(refused.json()["code"], code, "{method}");
            }
        }
        let events = server.send("GET", "/events?detail=full", &[], None).await;
        assert_eq!(events.status, 200, "{events:?}");
        let page = server.send("GET", "/contacts?total=true", &[], None).await;
        assert_eq!(page.json()["total"], 1, "it is not counted: {page:?}");
        assert_eq!(page.json()["data"][0]["id"], fixture.ids[0]);
        let warned = page.header("contact-warning").unwrap_or_default();
        assert!(warned.contains("left out"), "{page:?}");
        let changes = "/contacts/changes?after=0";
        let changes = server.send("GET", changes, &[], None).await.json();
        let deleted = changes["deleted"].as_array().expect("a list");
        assert!(
            matches!(&deleted[..], [bob] if bob["id"] == fixture.ids[1]),
            "nobody has ended the third: {changes}"
        );
        let card = json!({"name": {"full": "Cy"}});
        let again = server.send("POST", "/contacts", &[KEY], Some(&card)).await;
        assert_eq!(again.json()["code"], "key_lost", "{again:?}");
        let list = ["contacts", "list", "--url", &server.url];
        let (code, out, err) = run(&list);
        assert_eq!((code, out.lines().count()), (Some(1), 1), "{err}");
        assert!(err.contains("left out"), "{err}");
        if word != "damaged" {
            assert!(
                fixture.said().contains("the keys of 1 contact are"),
                "{word}"
            );
        }
        erase(&server, &fixture.ids[2]).await;
        assert_eq!(gone_as(&server, &fixture.ids[2]).await, ["gone", "gone"]);
        assert_eq!(server.stop(), Some(0));
        fixture.check(&["log", "verify"], 0);
    }
}

#[tokio::test]
async fn all_keys_lost_is_a_refusal_until_they_are_back_or_given_up() {
    for lost in [&COPIES[..], &["keys"]] {
        let fixture = Fixture::new().await;
        let kept = |name: &str| fixture.root.path().join(name.replace('/', "-"));
        for name in lost {
            fs::rename(fixture.path(name), kept(name)).expect("it is moved");
        }
        let said = fixture.check(&["log", "verify"], 4);
        for position in [2, 6] {
            assert!(said.contains(&format!("position {position}: ")), "{said}");
        }
        assert!(!said.contains("position 4: "), "he was erased: {said}");
        assert!(said.contains("`contactd log repair`"), "{said}");
        for _ in 0..2 {
            let said = fixture.refused();
            assert!(said.contains("put the directory back from a backup"));
            assert!(said.contains("`contactd log repair`"), "{said}");
        }
        fixture.check(&["log", "rebuild"], 4);
        for name in lost {
            let path = fixture.path(name);
            if path.is_dir() {
                fs::remove_dir_all(&path).expect("it is removed");
            }
            fs::rename(kept(name), &path).expect("it is moved back");
        }
        fixture.check(&["log", "verify"], 0);
        let server = Server::start(&fixture.data, &[]);
        assert_eq!(status_of(&server, &fixture.ids[0]).await, 200);
    }
}

#[tokio::test]
async fn what_is_given_up_is_said_and_the_work_goes_on() {
    for lost in [&COPIES[..], &["keys"]] {
        let fixture = Fixture::new().await;
        for name in lost {
            let path = fixture.path(name);
            fs::remove_file(&path)
                .or_else(|_| fs::remove_dir_all(&path))
                .expect("it is removed");
        }
        let said = fixture.check(&["log", "repair"], 0);
        assert!(said.contains("keys of 2 contacts were lost"), "{said}");
        assert!(said.contains("for good"), "{said}");
        let said = fixture.check(&["log", "verify"], 0);
        assert!(said.contains("data of 2 contacts is not here"), "{said}");
        let said = fixture.check(&["log", "repair"], 0);
        assert!(said.contains("nothing had to be repaired"), "{said}");
        let server = Server::start(&fixture.data, &[]);
        assert!(fixture.said().contains("the keys of 2 contacts"));
        assert_eq!(status_of(&server, &fixture.ids[0]).await, 410);
        let new = create(&server, "Dora").await;
        assert_eq!(server.stop(), Some(0));
        let server = Server::start(&fixture.data, &[]);
        assert_eq!(status_of(&server, &new).await, 200);
        erase(&server, &fixture.ids[0]).await;
        assert_eq!(server.stop(), Some(0));
        let said = fixture.check(&["log", "verify"], 0);
        assert!(said.contains("data of 1 contact is not here"), "{said}");
    }
}

#[tokio::test]
async fn a_cut_file_of_keys_is_found_by_whoever_looks() {
    let fixture = Fixture::new().await;
    let file = fs::read(fixture.path(COPIES[0])).expect("the slots");
    for copy in COPIES {
        fs::write(fixture.path(copy), &file[..SLOT_BYTES * 3]).expect("it is cut");
    }
    let said = fixture.check(&["log", "verify"], 4);
    assert!(said.contains("ends at slot 2"), "{said}");
    assert!(said.contains("position 6: "), "{said}");
    assert!(fixture.refused().contains("ends at slot 2"));
    let said = fixture.check(&["log", "repair"], 0);
    assert!(said.contains("keys of 1 contact were lost"), "{said}");
    let server = Server::start(&fixture.data, &[]);
    assert_eq!(status_of(&server, &fixture.ids[0]).await, 200);
    assert_eq!(status_of(&server, &fixture.ids[2]).await, 410);
}

#[tokio::test]
async fn a_master_key_that_is_gone_is_not_replaced() {
    let fixture = Fixture::new().await;
    let (own, kept) = (
        fixture.path("keys/master.key"),
        fixture.root.path().join("kept"),
    );
    fs::rename(&own, &kept).expect("it is moved");
    for command in [["log", "verify"], ["log", "repair"], ["log", "rebuild"]] {
        let said = fixture.check(&command, 4);
        assert!(said.contains("--master-key"), "{said}");
        assert!(!own.exists());
    }
    assert!(fixture.refused().contains("master.key is gone"));
    let server = Server::start(&fixture.data, &["--master-key", text(&kept)]);
    assert_eq!(status_of(&server, &fixture.ids[0]).await, 200);
}

#[tokio::test]
async fn a_restore_without_keys_says_how_many_contacts_are_not_readable() {
    let fixture = Fixture::new().await;
    let (to, new) = (
        fixture.root.path().join("backup"),
        fixture.root.path().join("new"),
    );
    fixture.check(&["backup", text(&to)], 0);
    let said = check(&new, &["restore", text(&to)], 0);
    assert!(said.contains("no keys of 2 contacts"), "{said}");
    let said = check(&new, &["log", "verify"], 0);
    assert!(said.contains("data of 2 contacts is not here"), "{said}");
    let server = Server::start(&new, &[]);
    assert_eq!(status_of(&server, &fixture.ids[0]).await, 410);
    let made = create(&server, "Dora").await;
    assert_eq!(status_of(&server, &made).await, 200);
    assert_eq!(server.stop(), Some(0));

    fixture.check(&["backup", text(&to), "--with-keys"], 0);
    let whole = fixture.root.path().join("whole");
    let said = check(&whole, &["restore", text(&to)], 0);
    assert!(!said.contains("no keys"), "{said}");
    let said = check(&whole, &["log", "verify"], 0);
    assert!(!said.contains("not here"), "{said}");
}

#[tokio::test]
async fn another_index_key_is_refused_and_one_that_is_gone_is_made_on_purpose_only() {
    let fixture = Fixture::new().await;
    let (own, kept) = (
        fixture.path("keys/index.key"),
        fixture.root.path().join("kept"),
    );
    fs::rename(&own, &kept).expect("it is moved");
    let master = fs::read(fixture.path("keys/master.key")).expect("another valid key");
    for foreign in [None, Some(master)] {
        if let Some(key) = &foreign {
            fs::write(&own, key).expect("it is written");
        }
        let said = fixture.check(&["log", "verify"], 4);
        assert!(said.contains("index.key") && said.contains("put it back"));
        assert!(fixture.refused().contains("put it back"));
        fixture.check(&["contacts", "list"], 4);
        fixture.check(&["log", "rebuild"], 4);
        assert_eq!(own.exists(), foreign.is_some());
    }
    let said = fixture.check(&["log", "repair"], 4);
    assert!(
        said.contains("put it back"),
        "a foreign one is not dropped: {said}"
    );
    fs::copy(&kept, &own).expect("it is put back");
    fixture.check(&["log", "verify"], 0);
    // A directory of before there was a check value gets one at the next start.
    let check = fixture.path("identity/index-check");
    let whole = fs::read(&check).expect("it is read");
    fs::remove_file(&check).expect("it is removed");
    fixture.check(&["log", "verify"], 0);
    assert!(!check.exists(), "who looks changes nothing");
    fixture.check(&["contacts", "list"], 0);
    assert_eq!(fs::read(&check).expect("it is there"), whole);
    fs::remove_file(&own).expect("it is removed");
    let said = fixture.check(&["log", "repair"], 0);
    assert!(said.contains("idempotency keys given before"), "{said}");
    assert_ne!(fs::read(&check).expect("it is there"), whole);
    fixture.check(&["log", "verify"], 0);
    Server::start(&fixture.data, &[]);
}

#[tokio::test]
async fn what_is_damaged_of_the_keys_is_told_with_the_way_out() {
    let fixture = Fixture::new().await;
    let check = fixture.path("identity/index-check");
    let whole = fs::read(&check).expect("it is read");
    let mut damaged = whole.clone();
    damaged[3] ^= 1;
    fs::write(&check, damaged).expect("it is written");
    let said = fixture.check(&["log", "verify"], 4);
    assert!(said.contains("index.key is the right key"), "{said}");
    assert!(fixture.refused().contains("`contactd log repair`"));
    let said = fixture.check(&["log", "repair"], 0);
    assert!(said.contains("index-check was damaged"), "{said}");
    assert_eq!(fs::read(&check).expect("it is read"), whole);
    fixture.check(&["log", "verify"], 0);
    for (name, word) in [
        ("keys/index.key", "put it back from a backup"),
        ("keys/master.key", "put it back from a backup"),
        ("audit.key", "put audit.key back"),
    ] {
        let path = fixture.path(name);
        let whole = fs::read(&path).expect("it is read");
        for damaged in [&b""[..], &whole[..whole.len() / 2]] {
            fs::write(&path, damaged).expect("it is written");
            for command in [&["log", "verify"][..], &["log", "repair"]] {
                let said = fixture.check(command, 4);
                assert!(
                    said.contains(word) && !said.contains("openssl"),
                    "{name}: {said}"
                );
            }
            let said = fixture.refused();
            assert!(
                said.contains(word) && !said.contains("openssl"),
                "{name}: {said}"
            );
        }
        fs::write(&path, &whole).expect("it is written");
    }
    fixture.check(&["log", "verify"], 0);
}

#[tokio::test]
async fn after_a_new_index_key_what_can_be_read_is_unique_again() {
    let root = common::temp_dir();
    let data = root.path().join("data");
    let server = Server::start(&data, &[]);
    let body = json!({"firstName": "Eve", "email": "eve@example.com"});
    let thena = "/v1/accounts/contacts";
    let made = server.send("POST", thena, &[], Some(&body)).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(server.stop(), Some(0));
    fs::remove_file(data.join("keys/index.key")).expect("it is removed");
    check(&data, &["log", "repair"], 0);
    let server = Server::start(&data, &[]);
    let again = server.send("POST", thena, &[], Some(&body)).await;
    assert_eq!(again.status, 409, "{again:?}");
    assert_eq!(server.stop(), Some(0));

    let (to, new) = (root.path().join("backup"), root.path().join("new"));
    check(&data, &["backup", text(&to)], 0);
    let said = check(&new, &["restore", text(&to)], 0);
    assert!(said.contains("idempotency keys given before"), "{said}");
    check(&new, &["log", "verify"], 0);
    Server::start(&new, &[]);
}

#[tokio::test]
async fn the_key_that_signed_the_log_is_neither_made_anew_nor_exchanged() {
    let fixture = Fixture::new().await;
    let (own, kept) = (fixture.path("audit.key"), fixture.root.path().join("kept"));
    let other = fixture.root.path().join("other");
    Server::start(&other, &[]);
    let checkpoint = fs::read(fixture.path("audit/checkpoint")).expect("it is there");
    let backup = fixture.root.path().join("backup");
    fs::rename(&own, &kept).expect("it is moved");
    for foreign in [false, true] {
        if foreign {
            fs::copy(other.join("audit.key"), &own).expect("it is copied");
        }
        for command in [
            &["log", "key"][..],
            &["log", "proof", "1"],
            &["log", "repair"],
            &["backup", text(&backup)],
            &["contacts", "list"],
        ] {
            let said = fixture.check(command, 4);
            assert!(said.contains("put audit.key back"), "{command:?}: {said}");
        }
        let said = fixture.check(&["log", "verify"], 4);
        assert!(said.contains("audit.key"), "{said}");
        assert!(fixture.refused().contains("put audit.key back"));
        assert_eq!(own.exists(), foreign);
        let there = fs::read(fixture.path("audit/checkpoint")).expect("it is there");
        assert_eq!(there, checkpoint, "nothing is signed anew");
    }
    fs::remove_file(&own).expect("it is removed");
    let given = ["log", "verify", "--audit-key", text(&kept)];
    fixture.check(&given, 0);
    Server::start(&fixture.data, &["--audit-key", text(&kept)]);
}

#[tokio::test]
async fn a_log_keeps_its_name() {
    let fixture = Fixture::new().await;
    let id = fixture.path("identity/log-id");
    let whole = fs::read(&id).expect("it is read");
    fs::remove_file(&id).expect("it is removed");
    assert!(
        fixture
            .check(&["log", "verify"], 4)
            .contains("log-id is gone")
    );
    assert!(fixture.refused().contains("log-id is gone"));
    assert!(!id.exists());
    fs::write(&id, whole).expect("it is put back");
    fixture.check(&["log", "verify"], 0);
}

#[tokio::test]
async fn a_lost_checkpoint_is_signed_anew_on_purpose_only() {
    for lost in ["audit", "audit/checkpoint"] {
        let fixture = Fixture::new().await;
        let path = fixture.path(lost);
        fs::remove_file(&path)
            .or_else(|_| fs::remove_dir_all(&path))
            .expect("it is removed");
        let backup = fixture.root.path().join("backup");
        for command in [
            &["log", "proof", "1"][..],
            &["log", "rebuild"],
            &["backup", text(&backup)],
        ] {
            let said = fixture.check(command, 4);
            assert!(said.contains("lost its checkpoint"), "{said}");
        }
        let said = fixture.check(&["log", "verify"], 4);
        assert!(said.contains("there is no checkpoint"), "{said}");
        assert!(fixture.refused().contains("`contactd log repair`"));
        assert!(!path.exists());
        let said = fixture.check(&["log", "repair"], 0);
        assert!(said.contains("signed anew for 8 events"), "{said}");
        fixture.check(&["log", "verify"], 0);
        let server = Server::start(&fixture.data, &[]);
        assert_eq!(status_of(&server, &fixture.ids[0]).await, 200);
    }
}

/// Of a log that one broken copy is left of, nobody knows what stood behind its end.
#[tokio::test]
async fn a_repair_of_a_log_without_an_end_says_what_may_be_lost() {
    let fixture = Fixture::new().await;
    for lost in ["log", "audit"] {
        fs::remove_dir_all(fixture.path(lost)).expect("it is removed");
    }
    let mut journal = fs::read_dir(fixture.path("journal")).expect("it is there");
    let journal = journal.next().expect("a file").expect("a file").path();
    let bytes = fs::read(&journal).expect("bytes");
    fs::write(&journal, &bytes[..bytes.len() - 10]).expect("it is cut");
    let said = fixture.check(&["log", "repair"], 4);
    for part in [
        "made it anew with",
        "signed anew for",
        "contactd: the log may have gone on after event",
        "the journal was its only copy left",
        "are lost, if there were any",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // What is there is whole, and a second repair has nothing to add.
    fixture.check(&["log", "repair"], 0);
    fixture.check(&["log", "verify"], 0);
}

#[tokio::test]
async fn a_damaged_key_of_tokens_is_named_with_what_to_do() {
    let fixture = Fixture::new().await;
    let path = fixture.path("token.key");
    let whole = fs::read(&path).expect("a key");
    let mut flipped = whole.clone();
    flipped[60] ^= 1;
    for damaged in [&flipped[..], &whole[..whole.len() / 2], b"", b"\xff\xfe"] {
        fs::write(&path, damaged).expect("it is written");
        let said = fixture.check(&["log", "verify"], 4);
        assert!(said.contains("token.key holds no Ed25519"), "{said}");
        assert!(said.contains("restore it, or remove it"), "{said}");
        assert!(said.contains("1 thing is wrong"), "{said}");
    }
    fs::remove_file(&path).expect("it is there");
    fixture.check(&["log", "verify"], 0);
}

#[test]
fn a_first_start_that_was_cut_off_anywhere_heals_by_itself() {
    // What a start makes, last things first.
    let made: &[&[&str]] = &[
        &[],
        &["views", "journal"],
        &["log"],
        &["audit/checkpoint"],
        &["audit", "token.key"],
        &["identity/index-check"],
        &["keys/index.key"],
        &["audit.key"],
        &["identity/log-id"],
        &["identity", "keys/slots-1.bin", "keys/slots-1.copy.bin"],
        &["keys/master.key"],
    ];
    for count in 1..=made.len() {
        let root = common::temp_dir();
        let data = root.path().join("data");
        let server = Server::start(&data, &[]);
        assert!(data.join("audit/checkpoint").exists());
        server.kill();
        let before_log = count > 2;
        for name in made[..count].concat() {
            let path = data.join(name);
            if path.exists() {
                fs::remove_file(&path)
                    .or_else(|_| fs::remove_dir_all(&path))
                    .expect("it is removed");
            }
        }
        assert_eq!(data.join("log").exists(), !before_log);
        let server = Server::start(&data, &[]);
        assert_eq!(server.stop(), Some(0));
        check(&data, &["log", "verify"], 0);
    }
}
