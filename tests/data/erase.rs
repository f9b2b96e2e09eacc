//! A person is erased, and is nowhere any more: in no answer of any dialect, no export, no replay,
//! no later backup and no file; while everything that was proved before stays proved.
//!
//! Every read that any dialect has is asked, by the table of its routes: before the erasure, where
//! it must show the person, or this test would prove nothing, and after it.

use std::path::{Path, PathBuf};

use contactd::audit::{Checkpoint, ProofFile, VerifierKey};
use serde_json::{Value, json};

use crate::api::{Api, Person, of_tenant};
use crate::common::{self, Answer, Server};
use crate::{api, apis};

/// Bytes of a slot in the file of wrapped keys, and of the nonce before the key in it.
const SLOT_BYTES: usize = 72;
const NONCE_BYTES: usize = 24;

/// The person to be erased: no other text in the directory is like theirs.
const PERSON: Person<'static> = Person {
    name: "Quirinus",
    email: "quirinus.vexley@forget.example",
};
/// As the person is called after an update.
const RENAMED: Person<'static> = Person {
    name: "Wilhelmina",
    email: "quirinus.vexley@forget.example",
};
/// The person who stays in the directory.
const NEIGHBOUR: Person<'static> = Person {
    name: "Bartholomew",
    email: "neighbour@stays.example",
};
/// What must be nowhere, folded to lower case.
const NEEDLES: [&str; 4] = ["quirinus", "vexley", "forget.example", "wilhelmina"];

/// A contact of the person in one dialect.
struct Known {
    api: &'static Api,
    id: String,
    vendor_id: String,
    slot: usize,
}

fn headers(api: &'static Api, key: &str) -> Vec<(&'static str, String)> {
    let mut headers = Vec::new();
    if !key.is_empty() {
        headers.push(("idempotency-key", key.to_owned()));
    }
    headers.extend(
        api.tenant_header
            .map(|name| (name, api.tenants[0].to_owned())),
    );
    headers
}

/// Sends as the tenant's own, under an idempotency key.
async fn send(
    server: &Server,
    api: &'static Api,
    (method, path): (&str, &str),
    key: &str,
    body: Option<&Value>,
) -> Answer {
    let headers = headers(api, key);
    let headers: Vec<_> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
    server.send(method, path, &headers, body).await
}

async fn create(server: &Server, api: &'static Api, person: Person<'_>, key: &str) -> Answer {
    let path = api.contacts_of(api.tenants[0]);
    let body = (api.create)(person);
    send(server, api, ("POST", &path), key, Some(&body)).await
}

async fn rename(server: &Server, known: &Known) -> Answer {
    let path = known.api.one_of(known.api.tenants[0], &known.vendor_id);
    let body = (known.api.rename)(RENAMED);
    let request = (known.api.update_method, path.as_str());
    send(server, known.api, request, "rename", Some(&body)).await
}

/// Creates a neighbour and the person in every dialect, and renames the person.
async fn populate(server: &Server) -> Vec<Known> {
    let mut known = Vec::new();
    for (index, api) in apis::ALL.into_iter().enumerate() {
        for (person, key) in [(NEIGHBOUR, "neighbour"), (PERSON, "create")] {
            let answer = create(server, api, person, key).await;
            assert_eq!(answer.status, api.statuses[0], "{}: {answer:?}", api.name);
        }
        let events = server.events().await;
        let created = api.event("CREATE", "SUCCESS");
        let event = events.iter().rfind(|event| event["type"] == *created);
        let event = event.expect("it is recorded");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let person = Known {
            api,
            id: text(&event["subject"]),
            vendor_id: text(&event["data"]["vendorId"]),
            slot: 2 * index + 1,
        };
        let answer = rename(server, &person).await;
        assert_eq!(answer.status, api.statuses[1], "{}: {answer:?}", api.name);
        known.push(person);
    }
    known
}

/// Every read there is of a contact: a name for it, the method, the path and the body.
fn reads(known: &Known, before: u64) -> Vec<(&'static str, String, Option<Value>)> {
    let Known {
        api, id, vendor_id, ..
    } = known;
    let tenant = api.tenants[0];
    let mut reads = Vec::new();
    for route in api
        .dialect()
        .routes
        .iter()
        .filter(|route| !route.operation.writes() && !route.bus_only)
    {
        let mut path = route.paths[0].to_owned();
        for (name, value) in api.owner_params {
            path = path.replace(&format!("{{{name}}}"), &of_tenant(value, tenant));
        }
        if let Some(name) = route.target {
            path = path.replace(&format!("{{{name}}}"), vendor_id);
        }
        let join = if path.contains('?') { "&" } else { "?" };
        let query = of_tenant(api.query, tenant).replace('?', join);
        let body = (api.body_of)(route.operation, PERSON, vendor_id, "");
        reads.push((route.method.as_str(), format!("{path}{query}"), body));
    }
    let own = [
        format!("/contacts/{id}"),
        format!("/contacts/{id}?as_of={before}"),
        format!("/contacts/{id}/history"),
        format!("/contacts/{id}/diff?from=0&to={before}"),
        format!("/contacts?tenant={tenant}&as_of={before}"),
        format!("/contacts?tenant={tenant}&q=quirinus"),
        format!("/contacts?tenant={tenant}&q=wilhelmina"),
        format!("/contacts?tenant={tenant}&email={}", PERSON.email),
        format!("/contacts/changes?after=0&tenant={tenant}"),
        format!("/events?tenant={tenant}&limit=1000"),
    ];
    reads.extend(own.into_iter().map(|path| ("GET", path, None)));
    reads
}

/// Whether there is anything of the person in these bytes, in whatever case.
fn shows(bytes: &[u8]) -> bool {
    let bytes = bytes.to_ascii_lowercase();
    NEEDLES
        .iter()
        .any(|needle| contains(&bytes, needle.as_bytes()))
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

/// Asks everything about a contact; gives the paths that show the person.
async fn showing(server: &Server, known: &Known, before: u64) -> Vec<String> {
    let mut showing = Vec::new();
    for (method, path, body) in reads(known, before) {
        let answer = send(server, known.api, (method, &path), "", body.as_ref()).await;
        assert!(answer.status < 500, "{method} {path}: {answer:?}");
        if shows(&answer.body) {
            showing.push(format!("{} {method} {path}", known.api.name));
        }
    }
    showing
}

/// Asks everything about everybody, and the ways out that are no dialect's.
async fn check_shows_nothing(server: &Server, known: &[Known], before: u64) {
    for person in known {
        assert_eq!(showing(server, person, before).await, [""; 0]);
        let neighbours = person.api.whole_list_of(person.api.tenants[0]);
        let list = send(server, person.api, ("GET", &neighbours), "", None).await;
        let list = String::from_utf8_lossy(&list.body).into_owned();
        assert!(list.contains(NEIGHBOUR.name), "the neighbour stays: {list}");
        let again = create(server, person.api, PERSON, "create").await;
        assert_ne!(again.status / 100, 5, "{again:?}");
        for answer in [again, rename(server, person).await] {
            assert!(answer.header("contact-position").is_some(), "{answer:?}");
            assert!(!shows(&answer.body), "{}: {answer:?}", person.api.name);
        }
    }
    for accept in ["application/json", "application/x-ndjson"] {
        let accept = [("accept", accept)];
        let answer = server
            .send("GET", "/events?limit=1000", &accept, None)
            .await;
        assert_eq!(answer.status, 200);
        assert!(!shows(&answer.body));
    }
    let (code, out, err) = common::run(&["log", "export", "--url", &server.url]);
    assert_eq!(code, Some(0), "{err}");
    assert!(!shows(out.as_bytes()));
}

fn erase(server: &Server, id: &str) -> Value {
    let arguments = ["contacts", "erase", id, "--url", &server.url];
    let why = ["--reason", "request", "--reference", "case-7"];
    let (code, out, err) = common::run(&[arguments.as_slice(), &why].concat());
    assert_eq!(code, Some(0), "{err}");
    serde_json::from_str(&out).expect("it prints the answer")
}

/// Every file below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("it lists") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

/// No file has the person's texts, nor the wrapped keys.
fn check_files(dir: &Path, wrapped: &[Vec<u8>]) {
    for path in files(dir) {
        let bytes = std::fs::read(&path).expect("it is read");
        assert!(!shows(&bytes), "the person is in {}", path.display());
        for key in wrapped {
            let found = contains(&bytes, key);
            assert!(!found, "a destroyed key is in {}", path.display());
        }
    }
}

/// The wrapped keys of these contacts, as the file of slots has them: without nonce and tag.
fn wrapped_keys(dir: &Path, known: &[Known]) -> Vec<Vec<u8>> {
    let slots = std::fs::read(dir.join("keys/slots-1.bin")).expect("the slots");
    let key = |known: &Known| {
        let from = SLOT_BYTES * (known.slot + 1) + NONCE_BYTES;
        slots[from..from + 32].to_vec()
    };
    known.iter().map(key).collect()
}

/// What an auditor has kept: the log's key, a checkpoint, and proofs of some events.
struct Auditor {
    key: VerifierKey,
    checkpoint: String,
    proofs: Vec<(ProofFile, Vec<u8>)>,
}

impl Auditor {
    async fn visits(server: &Server, head: u64) -> Self {
        let text = |answer: Answer| String::from_utf8(answer.body).expect("text");
        let get = |path: String| async move { text(server.send("GET", &path, &[], None).await) };
        let key = get("/audit/key".to_owned()).await;
        let key = VerifierKey::parse(key.trim()).expect("a key");
        let mut proofs = Vec::new();
        let mut checkpoint = String::new();
        for position in (1..=head).rev() {
            let proof = get(format!("/audit/proof/{position}")).await;
            let proof = ProofFile::parse(&proof).expect("a proof");
            if checkpoint.is_empty() {
                checkpoint = proof.checkpoint().to_string();
            }
            let size = Checkpoint::parse(proof.checkpoint().text());
            let size = size.expect("a checkpoint").size;
            let bundle = format!("/audit/tile/entries/000.p/{size}");
            let bundle = server.send("GET", &bundle, &[], None).await;
            proofs.push((proof, nth_entry(&bundle.body, position)));
        }
        Self {
            key,
            checkpoint,
            proofs,
        }
    }

    /// What was proved is proved still, and by the log of now.
    fn checks(&self, dir: &Path) {
        for (proof, entry) in &self.proofs {
            proof.verify(entry, &self.key).expect("it convinces");
        }
        let kept = dir.with_extension("checkpoint");
        std::fs::write(&kept, &self.checkpoint).expect("it is written");
        let paths = [dir, &kept].map(|path| path.to_str().expect("UTF-8"));
        let (code, out, err) = common::run(&[
            "log",
            "verify",
            "--data-dir",
            paths[0],
            "--checkpoint",
            paths[1],
        ]);
        assert_eq!(code, Some(0), "{out}{err}");
    }
}

/// An entry of the first bundle: each is behind its length.
fn nth_entry(bundle: &[u8], position: u64) -> Vec<u8> {
    let mut rest = bundle;
    for at in 1.. {
        let (length, after) = rest.split_first_chunk::<2>().expect("a length");
        let (entry, after) = after.split_at(u16::from_be_bytes(*length).into());
        if at == position {
            return entry.to_vec();
        }
        rest = after;
    }
    unreachable!("positions end")
}

fn subcommand(dir: &Path, words: &[&str]) -> String {
    let dir = dir.to_str().expect("UTF-8");
    let (code, out, err) = common::run(&[words, &["--data-dir", dir]].concat());
    assert_eq!(code, Some(0), "{words:?}: {err}");
    assert!(!shows(out.as_bytes()), "{words:?}: {out}");
    out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erased_person_is_nowhere_and_every_proof_still_holds() {
    let root = common::temp_dir();
    let dir = root.path().join("data");
    let server = Server::start(&dir, &[]);
    let known = populate(&server).await;
    let before = server.events().await.len() as u64;
    for person in &known {
        let showing = showing(&server, person, before).await;
        // The contact by every door: its own dialect's, ours, its past, the search, the events.
        assert!(showing.len() >= 7, "{showing:?}");
    }
    let auditor = Auditor::visits(&server, before).await;
    let wrapped = wrapped_keys(&dir, &known);
    for person in &known {
        let erased = erase(&server, &person.id);
        assert_eq!(erased["id"], person.id.as_str());
        assert_eq!(erase(&server, &person.id), erased, "again: the same");
    }
    // A crash right behind the answer.
    server.kill();
    check_files(&dir, &wrapped);
    let server = Server::start(&dir, &[]);
    check_shows_nothing(&server, &known, before).await;
    let erasures = server.events().await;
    let erasures = erasures.iter().filter(|event| {
        let erased = event["type"]
            .as_str()
            .is_some_and(|t| t.ends_with("ERASE_SUCCESS"));
        erased && event["data"]["actor"].is_object()
    });
    assert_eq!(erasures.count(), known.len());
    assert_eq!(server.stop(), Some(0));
    check_files(&dir, &wrapped);
    auditor.checks(&dir);
    check_later_copies(&dir, &root.path().join("backup"), &known, before, &wrapped).await;
    subcommand(&dir, &["log", "compact"]);
    check_files(&dir, &wrapped);
    subcommand(&dir, &["log", "export"]);
    auditor.checks(&dir);
    let server = Server::start(&dir, &[]);
    check_shows_nothing(&server, &known, before).await;
}

/// A backup with keys, made after the erasure, and what is restored of it.
async fn check_later_copies(
    dir: &Path,
    backup: &Path,
    known: &[Known],
    before: u64,
    wrapped: &[Vec<u8>],
) {
    let to = backup.to_str().expect("UTF-8");
    subcommand(dir, &["backup", to, "--with-keys"]);
    check_files(backup, wrapped);
    let restored = backup.with_extension("restored");
    subcommand(&restored, &["restore", to]);
    let server = Server::start(&restored, &[]);
    check_shows_nothing(&server, known, before).await;
}

#[tokio::test]
async fn what_an_erased_contact_took_is_free_again() {
    let root = common::temp_dir();
    let server = Server::start(&root.path().join("data"), &[]);
    let thena = apis::ALL[4];
    let mattr = apis::ALL[1];
    assert_eq!((thena.name, mattr.name), ("thena", "mattr"));
    let mut tenth = None;
    for number in 0..10 {
        let answer = create(&server, mattr, PERSON, &format!("of-ten-{number}")).await;
        assert_eq!(answer.status, 201, "{number}: {answer:?}");
        tenth = Some(answer);
    }
    let mut tenth = tenth.expect("ten were created");
    for word in ["erase", "delete"] {
        let key = |number: usize| format!("{word}-{number}");
        let first = create(&server, thena, PERSON, &key(0)).await;
        assert_eq!(first.status, 201, "{first:?}");
        let taken = create(&server, thena, PERSON, &key(1)).await;
        assert_eq!(taken.status, 409, "{taken:?}");
        end(&server, thena, word, &first).await;
        let free = create(&server, thena, PERSON, &key(2)).await;
        assert_eq!(free.status, 201, "{free:?}");
        end(&server, thena, "delete", &free).await;

        let full = create(&server, mattr, PERSON, &key(3)).await;
        assert_eq!(full.status, 400, "{full:?}");
        end(&server, mattr, word, &tenth).await;
        tenth = create(&server, mattr, PERSON, &key(4)).await;
        assert_eq!(tenth.status, 201, "{tenth:?}");
    }
}

/// Ends the contact that an answer shows.
async fn end(server: &Server, api: &'static Api, word: &str, created: &Answer) {
    if word == "erase" {
        let events = server.events().await;
        let position = created.position() as usize;
        let id = events[position - 1]["subject"].as_str().expect("an id");
        let body = json!({"reason": "retention"});
        let path = format!("/contacts/{id}/erase");
        let answer = server.send("POST", &path, &[], Some(&body)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        return;
    }
    let path = api.one_of(api.tenants[0], &api::id_of(&created.json()));
    let answer = send(server, api, ("DELETE", &path), "", None).await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

#[test]
fn the_command_says_what_it_needs() {
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    let erase = ["contacts", "erase", id, "--reason"];
    let (code, _, err) = common::run(&[&erase[..], &["request"]].concat());
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("--url"), "{err}");
    let (code, _, err) = common::run(&[&erase[..], &["spite"]].concat());
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("retention"), "{err}");
}
