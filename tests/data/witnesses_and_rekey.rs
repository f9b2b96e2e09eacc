//! Keys that change hands: another master key, and witnesses who vouch for a checkpoint.

use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine;
use contactd::audit::{Checkpoint, Hash, verify_consistency};
use ed25519_dalek::{Signer, SigningKey};
use http::StatusCode;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::common::{self, Answer, Server};

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

async fn create(server: &Server, name: &str) -> String {
    let body = json!({"name": {"full": name}});
    let answer = server.send("POST", "/contacts", &[], Some(&body)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let id = answer.json()["id"].as_str().expect("an id").to_owned();
    format!("/contacts/{id}")
}

async fn name_at(server: &Server, path: &str) -> Option<String> {
    let answer = server.send("GET", path, &[], None).await;
    let name = answer.json()["card"]["name"]["full"].as_str()?.to_owned();
    Some(name)
}

fn rekey(dir: &Path, file: &Path, options: &[&str]) -> (Option<i32>, String) {
    let arguments = ["log", "rekey", path(file), "--data-dir", path(dir)];
    let (code, out, err) = common::run(&[arguments.as_slice(), options].concat());
    (code, out + &err)
}

#[tokio::test]
async fn another_master_key_opens_the_same_contacts_and_the_old_one_none() {
    let root = common::temp_dir();
    let dir = root.path().join("data");
    let server = Server::start(&dir, &[]);
    let ann = create(&server, "Ann").await;
    let bob = create(&server, "Bob").await;
    let erase = json!({"reason": "legal"});
    let erased = format!("{bob}/erase");
    let answer = server.send("POST", &erased, &[], Some(&erase)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    // Views are on the disk, so that there is something to be made again.
    assert_eq!(server.stop(), Some(0));
    let server = Server::start(&dir, &[]);
    let busy = rekey(&dir, &root.path().join("new"), &[]);
    assert_eq!(busy.0, Some(3), "{busy:?}");
    assert_eq!(server.stop(), Some(0));
    let own = dir.join("keys/master.key");
    let slots = dir.join("keys/slots-1.bin");
    let (first_key, first_slots) = (read(&own), read(&slots));

    // The directory's own key is replaced where it is.
    let second = root.path().join("second");
    let (code, said) = rekey(&dir, &second, &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("the next start makes the views again"),
        "{said}"
    );
    assert_eq!(read(&own), read(&second));
    assert_ne!(read(&own), first_key);
    assert!(!slots.exists());
    let same = rekey(&dir, &second, &[]);
    // Whoever repeats it, for it may have been cut off, is told that nothing is left to do.
    assert_eq!(same.0, Some(0), "{same:?}");
    assert!(same.1.contains("is wrapped with the key in"), "{same:?}");
    assert_eq!(read(&own), read(&second));

    // A crash after the new file and before the old one is gone: the key decides which counts.
    std::fs::write(&slots, first_slots).expect("it is written");
    let server = Server::start(&dir, &[]);
    let said = std::fs::read_to_string(dir.with_extension("stderr")).expect("what it said");
    assert!(!said.contains(" WARN "), "nothing is alarming: {said}");
    assert!(!slots.exists());
    assert_eq!(name_at(&server, &ann).await.as_deref(), Some("Ann"));
    assert_eq!(name_at(&server, &bob).await, None);
    assert_eq!(server.stop(), Some(0));

    // A key that the operator keeps elsewhere.
    std::fs::rename(&own, root.path().join("kept")).expect("it is moved");
    let kept = root.path().join("kept");
    let third = root.path().join("third");
    let (code, said) = rekey(&dir, &third, &["--master-key", path(&kept)]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("--master-key"), "{said}");
    assert!(!own.exists());
    let refused = Server::try_start(&dir, &["--master-key", path(&kept)]);
    let (code, said) = refused.err().expect("the old key opens nothing");
    assert_eq!(code, Some(2), "{said}");
    let server = Server::start(&dir, &["--master-key", path(&third)]);
    assert_eq!(name_at(&server, &ann).await.as_deref(), Some("Ann"));
    assert_eq!(name_at(&server, &bob).await, None);
    create(&server, "Cy").await;
}

#[tokio::test]
async fn a_backup_brought_up_to_date_keeps_no_key_from_before_a_rotation() {
    let root = common::temp_dir();
    let (dir, to) = (root.path().join("data"), root.path().join("backup"));
    let server = Server::start(&dir, &[]);
    create(&server, "Ann").await;
    assert_eq!(server.stop(), Some(0));
    let backup = ["backup", path(&to), "--with-keys", "--data-dir", path(&dir)];
    assert_eq!(common::run(&backup).0, Some(0));
    assert!(to.join("keys/slots-1.bin").exists());
    assert_eq!(rekey(&dir, &root.path().join("new"), &[]).0, Some(0));
    assert_eq!(common::run(&backup).0, Some(0));
    let names = std::fs::read_dir(to.join("keys")).expect("it lists");
    let mut names: Vec<_> = names
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["index.key", "master.key", "slots-2.bin", "slots-2.copy.bin"]
    );
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("it is read")
}

/// A witness, made from the text of C2SP tlog-cosignature.
struct Witness {
    name: &'static str,
    key: SigningKey,
}

impl Witness {
    fn material(&self) -> Vec<u8> {
        // 4: an Ed25519 key for cosignatures.
        [&[4], self.key.verifying_key().as_bytes().as_slice()].concat()
    }

    fn id(&self) -> Vec<u8> {
        let named = [format!("{}\n", self.name).as_bytes(), &self.material()].concat();
        Sha256::digest(named)[..4].to_vec()
    }

    fn vkey(&self) -> String {
        let material = base64(&self.material());
        format!("{}+{}+{material}", self.name, hex::encode(self.id()))
    }

    /// The line with which it cosigns a note.
    fn line(&self, note: &str) -> String {
        let (text, _) = note.split_once("\n\n").expect("a note");
        let time = 1_700_000_000_u64;
        let message = format!("cosignature/v1\ntime {time}\n{text}\n");
        let signature = self.key.sign(message.as_bytes()).to_bytes();
        let bytes = [&self.id(), time.to_be_bytes().as_slice(), &signature].concat();
        format!("\u{2014} {} {}\n", self.name, base64(&bytes))
    }
}

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

async fn post(server: &Server, note: &str, token: &str) -> Answer {
    let url = format!("{}/audit/cosignatures", server.url);
    let request = common::client().post(url).body(note.to_owned());
    let response = request.bearer_auth(token).send().await.expect("an answer");
    Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: response.bytes().await.expect("a body").to_vec(),
    }
}

#[tokio::test]
async fn a_witness_cosigns_and_the_checkpoint_is_served_with_its_line() {
    let root = common::temp_dir();
    let dir = root.path().join("data");
    let witness = |name, seed| Witness {
        name,
        key: SigningKey::from_bytes(&[seed; 32]),
    };
    let (known, stranger) = (
        witness("witness.example/w1", 1),
        witness("witness.example/w2", 2),
    );
    let vkey = known.vkey();
    let options = ["--auth", "jwt", "--witness", &vkey];
    let server = Server::start(&dir, &options);
    let admin = common::token(&dir, &["--role", "admin", "--tenant", "north"]);
    let bearer = format!("Bearer {admin}");
    let body = json!({"name": {"full": "Ann"}});
    let headers = [("authorization", bearer.as_str())];
    let created = server
        .send("POST", "/contacts", &headers, Some(&body))
        .await;
    let proof = format!("/audit/proof/{}", created.position());
    assert_eq!(server.send("GET", &proof, &headers, None).await.status, 200);
    let served = server.send("GET", "/audit/checkpoint", &[], None).await;
    let note = String::from_utf8(served.body).expect("text");

    let unknown = format!("{note}{}", stranger.line(&note));
    assert_eq!(post(&server, &unknown, &admin).await.status, 400);
    let (head, _) = note.rsplit_once(' ').expect("a signature");
    let forged = format!("{head} AAAA\n{}", known.line(&note));
    assert_eq!(post(&server, &forged, &admin).await.status, 400);
    let wrong = format!("{note}{}", known.line(&note.replacen('\n', "\n1", 1)));
    assert_eq!(post(&server, &wrong, &admin).await.status, 400);
    let cosigned = format!("{note}{}{}", known.line(&note), stranger.line(&note));
    assert_eq!(post(&server, &cosigned, "nobody").await.status, 401);
    let reader = common::token(&dir, &["--role", "contacts:read", "--tenant", "*"]);
    assert_eq!(post(&server, &cosigned, &reader).await.status, 403);
    let large = "x".repeat(65 * 1024);
    assert_eq!(post(&server, &large, &admin).await.status, 413);
    let before = server.send("GET", "/audit/checkpoint", &[], None).await;
    assert_eq!(before.body, note.as_bytes(), "nothing was kept so far");

    let kept = post(&server, &cosigned, &admin).await;
    assert_eq!((kept.status, kept.body.as_slice()), (200, &b"1\n"[..]));
    let expected = format!("{note}{}", known.line(&note));
    let served = server.send("GET", "/audit/checkpoint", &[], None).await;
    assert_eq!(served.body, expected.as_bytes());
    assert_eq!(server.stop(), Some(0));
    let server = Server::start(&dir, &options);
    let served = server.send("GET", "/audit/checkpoint", &[], None).await;
    assert_eq!(served.body, expected.as_bytes());
}

/// A witness that is asked over HTTP, made from the text of C2SP tlog-witness; its address. It answers
/// what it should cosign with the refusal, if there is one.
async fn serve_witness(witness: Arc<Witness>, refusal: Option<StatusCode>) -> String {
    let last: Arc<Mutex<Option<Checkpoint>>> = Arc::default();
    let add = move |body: String| async move {
        let (head, note) = body.split_once("\n\n").expect("a proof and a note");
        let mut lines = head.lines();
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old: u64 = old.expect("the old size").parse().expect("a number");
        let proof: Vec<_> = lines
            .map(|line| Hash::parse(line).expect("a hash"))
            .collect();
        let (text, _) = note.split_once("\n\n").expect("a note");
        let newer = Checkpoint::parse(&format!("{text}\n")).expect("a checkpoint");
        let mut last = last.lock().expect("nobody panicked");
        let known = last.as_ref().map_or(0, |last| last.size);
        if old != known {
            return (StatusCode::CONFLICT, format!("{known}\n"));
        }
        if let Some(refusal) = refusal {
            return (refusal, String::new());
        }
        if let Some(last) = &*last
            && !verify_consistency(last, &newer, &proof)
        {
            return (StatusCode::UNPROCESSABLE_ENTITY, String::new());
        }
        *last = Some(newer);
        (StatusCode::OK, witness.line(note))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = axum::Router::new().route("/add-checkpoint", axum::routing::post(add));
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_is_asked_and_the_service_given_its_line() {
    let root = common::temp_dir();
    let dir = root.path().join("data");
    let witness = Arc::new(Witness {
        name: "witness.example/w1",
        key: SigningKey::from_bytes(&[1; 32]),
    });
    let vkey = witness.vkey();
    let server = Server::start(&dir, &["--witness", &vkey]);
    let tiles = dir.join("audit");
    let key = server.send("GET", "/audit/key", &[], None).await;
    let key = String::from_utf8(key.body).expect("text");
    let ask = |address: &str, more: &[&str]| {
        let options = [
            "log",
            "cosign",
            address,
            "--witness",
            &vkey,
            "--tiles",
            path(&tiles),
            "--key",
            key.trim(),
        ];
        let (code, said, why) = common::run(&[&options, more].concat());
        (code, said + &why)
    };
    let address = serve_witness(witness.clone(), None).await;
    for name in ["Ann", "Ben", "Cem"] {
        let contact = create(&server, name).await;
        let proof = server.send("GET", &contact, &[], None).await.position();
        server
            .send("GET", &format!("/audit/proof/{proof}"), &[], None)
            .await;
        let (code, said) = ask(&address, &["--url", &server.url]);
        assert_eq!(code, Some(0), "{said}");
        let served = server.send("GET", "/audit/checkpoint", &[], None).await;
        let served = String::from_utf8(served.body).expect("text");
        assert!(served.contains("\u{2014} witness.example/w1 "), "{served}");
    }
    let (code, said) = ask(&address, &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("\u{2014} witness.example/w1 "), "{said}");

    // One that knows more than there is, one that has seen something else, one that knows nothing,
    // one that signs with another key.
    for (status, wanted, words) in [
        (StatusCode::UNPROCESSABLE_ENTITY, 4, "another history"),
        (
            StatusCode::NOT_FOUND,
            1,
            "does not know this log, or there is no witness",
        ),
        (StatusCode::FORBIDDEN, 1, "403"),
    ] {
        let address = serve_witness(witness.clone(), Some(status)).await;
        let (code, said) = ask(&address, &[]);
        assert_eq!(code, Some(wanted), "{said}");
        assert!(said.contains(words), "{said}");
    }
    let other = Arc::new(Witness {
        name: "witness.example/w1",
        key: SigningKey::from_bytes(&[2; 32]),
    });
    let (code, said) = ask(&serve_witness(other, None).await, &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("no cosignature"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_is_named() {
    let root = common::temp_dir();
    let dir = root.path().join("data");
    let witness = Arc::new(Witness {
        name: "witness.example/w1",
        key: SigningKey::from_bytes(&[1; 32]),
    });
    let vkey = witness.vkey();
    let server = Server::start(&dir, &["--witness", &vkey]);
    let contact = create(&server, "Ann").await;
    let proof = server.send("GET", &contact, &[], None).await.position();
    server
        .send("GET", &format!("/audit/proof/{proof}"), &[], None)
        .await;
    let key = server.send("GET", "/audit/key", &[], None).await;
    let key = String::from_utf8(key.body).expect("text");
    let address = serve_witness(witness, None).await;
    let tiles = dir.join("audit");
    let away = "http://127.0.0.1:1";
    for (witness, tiles, service, code, words) in [
        (
            away,
            &tiles,
            server.url.as_str(),
            1,
            "no witness answers at",
        ),
        (&address, &tiles, away, 1, "no service answers at"),
        (
            &address,
            &dir,
            away,
            2,
            "--tiles is the directory `audit` of a data directory",
        ),
    ] {
        let asked = ["log", "cosign", witness, "--witness", &vkey, "--tiles"];
        let more = [path(tiles), "--key", key.trim(), "--url", service];
        let (found, _, said) = common::run(&[&asked[..], &more].concat());
        assert_eq!(found, Some(code), "{said}");
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn only_a_cosigning_key_is_a_witness() {
    let root = common::temp_dir();
    let dir = root.path().join("data");
    let log_key = "contactd.local/x+00000000+AAAA";
    let refused = Server::try_start(&dir, &["--witness", log_key]);
    let (code, said) = refused.err().expect("it is no key");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--witness"), "{said}");
}
