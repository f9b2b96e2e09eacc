//! One bit flipped, or one file cut, anywhere in the data directory of a real log: it is found at
//! open, at a read or by `verify`; no answer is ever wrong; and where another copy has what was
//! lost, it is repaired.
//!
//!     FLIP_PLACES=2000 cargo test --test data corruption -- --nocapture
//!
//! takes that many places, half of them spread over the bytes and half over the files, and prints
//! what came of them. What is not found has changed nothing: then every answer is as before and
//! `verify` is content, so that those bytes mean nothing.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use contactd::audit::{self, Against, Integrator, KeyName, Note, ProofFile, Signer, Tiles};
use contactd::auth::{AccessClaims, OwnKey};
use contactd::dialect::REGISTRY;
use contactd::domain::{ContactId, Owner, Position, Target};
use contactd::keys::{Hasher, KeyRing, MasterKey};
use contactd::log::{self, OpenOptions};
use contactd::service::{self, Opening, Service};
use contactd::storage::{DataDir, Disk, FileAt};
use serde_json::json;

use crate::common::figures::say;
use crate::common::{self, Server};

/// Contacts that the log is made of; with what happens to them its events fill a bundle and more.
const CONTACTS: usize = 150;
/// Places where the environment names no number.
const PLACES: usize = 200;

/// One of so many events is proved.
const PROVED_EVERY: usize = 16;

type Fallible<T> = Result<T, String>;

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A directory, opened as the program opens it.
struct Opened {
    disk: DataDir,
    opening: Opening,
    signer: Signer,
    note: Note,
    own_key: OwnKey,
    /// What opening had to repair.
    repairs: Vec<String>,
}

/// What a directory holds beside the log and the views.
struct Parts {
    disk: DataDir,
    keys: KeyRing,
    hasher: Hasher,
    signer: Signer,
}

fn parts(dir: &Path) -> Fallible<Parts> {
    let disk = DataDir::open(dir).map_err(said)?;
    let files = disk.files("keys").map_err(said)?;
    let master = FileAt::new(files.clone(), "master.key");
    let master = MasterKey::read(&master).map_err(said)?;
    let check = FileAt::at(&dir.join("identity/index-check"));
    Ok(Parts {
        keys: KeyRing::open(files.clone(), &master).map_err(said)?,
        hasher: Hasher::open(&files, &check).map_err(said)?,
        signer: signer(dir)?,
        disk,
    })
}

/// The files of the saved view of contacts.
fn parts_of_view(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(dir.join("views"));
    let paths = files
        .into_iter()
        .flatten()
        .flatten()
        .map(|file| file.path());
    let mut paths: Vec<_> = paths
        .filter(|path| path.to_string_lossy().contains("contacts-"))
        .collect();
    paths.sort();
    paths
}

fn signer(dir: &Path) -> Fallible<Signer> {
    let id = fs::read(dir.join("identity/log-id")).map_err(said)?;
    let id = uuid::Uuid::try_parse_ascii(id.trim_ascii()).map_err(said)?;
    let name = KeyName::parse(&format!("contactd.local/{id}")).ok_or("no name")?;
    Signer::read(&FileAt::at(&dir.join("audit.key")), name).map_err(said)
}

fn log_options(dir: &Path, signer: &Signer) -> Fallible<OpenOptions> {
    let (tiles, key) = (Tiles::at(&dir.join("audit")), signer.verifier());
    let archive = audit::Archive::open(tiles.clone(), &key).map_err(said)?;
    let signed = audit::signed_size(&tiles, &key).map_err(said)?;
    Ok(OpenOptions {
        archive: Arc::new(archive),
        at_least: Position::new(signed),
        ..OpenOptions::default()
    })
}

fn open(dir: &Path) -> Fallible<Opened> {
    let Parts {
        disk,
        keys,
        hasher,
        signer,
    } = parts(dir)?;
    let own_key = OwnKey::load_or_create(dir).map_err(said)?;
    let log = log_options(dir, &signer)?;
    // A integrator takes its key with it.
    let tiles = Tiles::at(&dir.join("audit"));
    let integrator = Integrator::open(tiles, self::signer(dir)?).map_err(said)?;
    let options = service::Options {
        registry: REGISTRY,
        queue_limit: 8,
        clock: service::system_clock(),
        log,
        order: Some(std::sync::Arc::new(service::Alone)),
    };
    let parts = parts_of_view(dir);
    let opening = service::open(&disk, keys, hasher, options, &mut |_| {}).map_err(said)?;
    let mut repairs: Vec<_> = opening.repairs.iter().map(ToString::to_string).collect();
    if parts.is_empty() || parts_of_view(dir) != parts {
        repairs.push("the view was folded anew".to_owned());
    }
    Ok(Opened {
        disk,
        opening,
        signer,
        note: integrator.note().clone(),
        own_key,
        repairs,
    })
}

/// Everything a directory answers.
#[derive(PartialEq, Eq)]
struct Answers {
    events: Vec<bytes::Bytes>,
    contacts: Vec<String>,
    histories: Vec<String>,
    checkpoint: String,
    /// The header of a token.
    token: String,
    view: Vec<u8>,
}

impl Opened {
    /// Reads everything there is to read, then stops in order.
    fn answers(self, dir: &Path, ids: &[(Owner, ContactId)]) -> Fallible<Answers> {
        let answers = self.read(dir, ids);
        self.opening.service.stop();
        drop(self.disk);
        let view = common::saved_view(dir);
        Ok(Answers { view, ..answers? })
    }

    fn read(&self, dir: &Path, ids: &[(Owner, ContactId)]) -> Fallible<Answers> {
        let service = &self.opening.service;
        let events = events(service)?;
        let contacts = service.all_visible(service.head(), 10_000, &|_, _| true);
        let contacts = contacts.map_err(said)?;
        let mut histories = Vec::new();
        for (owner, id) in ids {
            let entry = service.entry(owner, &Target::Id(*id));
            let entry = entry.ok_or("a contact is not in the view")?;
            let history = service.history(&entry).map_err(said)?;
            histories.push(format!("{history:?}"));
        }
        let key = self.signer.verifier();
        let tiles = Tiles::at(&dir.join("audit"));
        for (index, event) in events.iter().enumerate().step_by(PROVED_EVERY) {
            let position = Position::new(index as u64 + 1);
            let proof = ProofFile::make(&tiles, self.note.clone(), position).map_err(said)?;
            proof.verify(event, &key).map_err(said)?;
        }
        let claims = AccessClaims {
            subject: Some("x".into()),
            client_id: None,
            management_user_id: None,
            roles: vec!["admin".into()],
            tenants: vec!["north".into()],
        };
        let token =
            self.own_key
                .sign_access(claims, std::time::Duration::from_secs(60), 1_700_000_000);
        Ok(Answers {
            contacts: contacts.iter().map(|c| format!("{c:?}")).collect(),
            checkpoint: self.note.to_string(),
            token: header_of(&token.map_err(said)?),
            events,
            histories,
            view: Vec::new(),
        })
    }
}

/// What of a token is the same each time: its header, which names the key.
fn header_of(token: &str) -> String {
    token.split('.').next().unwrap_or_default().to_owned()
}

fn events(service: &Service) -> Fallible<Vec<bytes::Bytes>> {
    let found = service.reader().scan(Position::FIRST, service.head());
    found
        .map(|entry| entry.map(|(_, bytes)| bytes).map_err(said))
        .collect()
}

/// What `log verify` does: what is wrong, or why it could not even begin.
fn verify(dir: &Path) -> Fallible<Vec<String>> {
    let parts = parts(dir)?;
    OwnKey::load_or_create(dir).map_err(said)?;
    let options = log_options(dir, &parts.signer)?;
    let verified = log::verify(&parts.disk, &options, &mut |_| {}).map_err(said)?;
    let mut wrong: Vec<_> = verified.damages.iter().map(ToString::to_string).collect();
    if !wrong.is_empty() {
        return Ok(wrong);
    }
    let checked = service::check_records(&parts.disk, &parts.keys, &options, &mut |_| {});
    wrong = checked.map_err(said)?.wrong;
    let opened = log::open(&parts.disk, &options, &mut |_| {}).map_err(said)?;
    let against = Against {
        log: Some(&opened.reader),
        ..Against::default()
    };
    let key = parts.signer.verifier();
    let audit = audit::verify(
        &Tiles::at(&dir.join("audit")),
        &key,
        against,
        &mut |_, _| {},
    );
    wrong.extend(audit.map_err(said)?.damages.iter().map(ToString::to_string));
    Ok(wrong)
}

/// What `log repair` does.
fn repair(dir: &Path) -> Fallible<()> {
    let parts = parts(dir)?;
    let options = OpenOptions {
        whole: true,
        ..log_options(dir, &parts.signer)?
    };
    let opened = log::open(&parts.disk, &options, &mut |_| {}).map_err(said)?;
    let (reader, head) = (&opened.reader, opened.reader.head());
    let tiles = Tiles::at(&dir.join("audit"));
    audit::repair(&tiles, &parts.signer, reader, head, &mut |_, _| {}).map_err(said)?;
    Integrator::open(tiles, parts.signer).map_err(said)?;
    Ok(())
}

/// A stopped log of a real service: contacts of two dialects, changes, ends, and an erasure.
async fn prepare(dir: &Path) {
    let server = Server::start(dir, &[]);
    let mut ids = Vec::new();
    for number in 0..CONTACTS {
        let key = number.to_string();
        let headers = [("idempotency-key", key.as_str())];
        let (name, email) = (format!("Person {number}"), format!("p{number}@example.com"));
        let body = json!({"name": {"full": name}, "emails": {"a": {"address": email}}});
        let answer = server
            .send("POST", "/contacts", &headers, Some(&body))
            .await;
        assert_eq!(answer.status, 201, "{answer:?}");
        ids.push(answer.json()["id"].as_str().expect("an id").to_owned());
    }
    let oracle = "/ec-site-svc/rest/v1.0/contacts";
    let body = json!({"contact": {"contactId": "C36A3197FDEE433FB5547EE83DE99E4B",
        "firstName": "Ann", "lastName": "Doe"}, "contactAddressesDetails": []});
    let answer = server.send("POST", oracle, &[], Some(&body)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    for id in &ids[..20] {
        let path = format!("/contacts/{id}");
        let body = json!({"name": {"full": format!("Changed {id}")}});
        let answer = server.send("PATCH", &path, &[], Some(&body)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let path = |id: &String| format!("/contacts/{id}");
    let deleted = server.send("DELETE", &path(&ids[30]), &[], None).await;
    assert_eq!(deleted.status, 204, "{deleted:?}");
    let reason = json!({"reason": "request"});
    for id in [&ids[40], &ids[149]] {
        let erase = format!("{}/erase", path(id));
        let erased = server.send("POST", &erase, &[], Some(&reason)).await;
        assert_eq!(erased.status, 200, "{erased:?}");
    }
    let code = tokio::task::spawn_blocking(|| server.stop()).await;
    assert_eq!(code.expect("it stops"), Some(0));
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("it lists") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

/// The place and the kind of the damage.
#[derive(Clone, Debug)]
struct Place {
    file: PathBuf,
    at: u64,
    cut: bool,
}

/// Places in all files: half by bytes, half by files; a quarter of them cuts.
fn places(dir: &Path, count: usize) -> Vec<Place> {
    let sized = files(dir).into_iter().filter_map(|path| {
        let length = fs::metadata(&path).expect("it is there").len();
        let name = path.strip_prefix(dir).expect("below").to_owned();
        (length > 0).then_some((name, length))
    });
    let sized: Vec<_> = sized.collect();
    let all: u64 = sized.iter().map(|(_, length)| length).sum();
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut places = Vec::new();
    for number in 0..count {
        let (file, at) = if number % 2 == 0 {
            let (file, length) = &sized[number / 2 % sized.len()];
            (file, next() % length)
        } else {
            let mut at = next() % all;
            let found = sized.iter().find(|(_, length)| {
                let here = at < *length;
                at -= if here { 0 } else { *length };
                here
            });
            (&found.expect("it is below the sum").0, at)
        };
        places.push(Place {
            file: file.clone(),
            at,
            cut: number % 8 >= 6,
        });
    }
    places
}

/// Copies the directory, with the damage.
fn damaged(from: &Path, to: &Path, place: &Place) {
    if to.exists() {
        fs::remove_dir_all(to).expect("it is removed");
    }
    for path in files(from) {
        let name = path.strip_prefix(from).expect("below");
        let target = to.join(name);
        fs::create_dir_all(target.parent().expect("a parent")).expect("it is made");
        fs::copy(&path, &target).expect("it is copied");
    }
    let path = to.join(&place.file);
    if place.cut {
        let file = fs::OpenOptions::new().write(true).open(&path);
        file.and_then(|file| file.set_len(place.at))
            .expect("it is cut");
    } else {
        let mut bytes = fs::read(&path).expect("it is read");
        bytes[place.at as usize] ^= 1 << (place.at * 5 % 8);
        fs::write(&path, bytes).expect("it is written");
    }
}

/// What came of the damage in one part of the directory.
#[derive(Clone, Copy, Default)]
struct Tally {
    places: u32,
    /// The number found first at this point.
    at_open: u32,
    at_read: u32,
    by_verify: u32,
    /// Of those found: good again after opening, or after `log repair`.
    repaired: u32,
    /// Every answer and every check is as before.
    harmless: u32,
}

/// The whole directory, and what it answers.
struct Original {
    dir: PathBuf,
    ids: Vec<(Owner, ContactId)>,
    answers: Answers,
}

impl Original {
    fn of(dir: &Path) -> Fallible<Self> {
        let opened = open(dir)?;
        let service = &opened.opening.service;
        let mut ids = Vec::new();
        let all = service.events_after(Position::ZERO, usize::MAX, &|_| true);
        for record in all.map_err(said)?.records {
            let header = record.event.header;
            let created = header.operation == contactd::domain::Operation::Create;
            ids.extend(
                header
                    .contact
                    .filter(|_| created)
                    .map(|id| (header.owner, id)),
            );
        }
        ids.dedup();
        let answers = opened.answers(dir, &ids)?;
        Ok(Self {
            dir: dir.to_owned(),
            ids,
            answers,
        })
    }

    /// Damages a copy and looks at what comes of it; an error is a promise that is broken.
    fn try_place(&self, copy: &Path, place: &Place, tally: &mut Tally) -> Fallible<()> {
        tally.places += 1;
        damaged(&self.dir, copy, place);
        let (found_open, found_read) = match open(copy) {
            Err(_) => (true, false),
            Ok(opened) => {
                let repairs = !opened.repairs.is_empty();
                match opened.answers(copy, &self.ids) {
                    Err(_) => (repairs, true),
                    Ok(answers) if answers == self.answers => (repairs, false),
                    Ok(answers) => return Err(format!("wrong: {}", self.unlike(&answers))),
                }
            }
        };
        damaged(&self.dir, copy, place);
        let verified = verify(copy);
        let wrong = !matches!(&verified, Ok(wrong) if wrong.is_empty());
        match (found_open, found_read, wrong) {
            (true, _, _) => tally.at_open += 1,
            (_, true, true) => tally.at_read += 1,
            (_, true, false) => return Err("a read fails, but verify is content".into()),
            (_, _, true) => tally.by_verify += 1,
            (false, false, false) => {
                tally.harmless += 1;
                return Ok(());
            }
        }
        let repaired = repair(copy).and_then(|()| open(copy)?.answers(copy, &self.ids));
        let content = verify(copy).is_ok_and(|wrong| wrong.is_empty());
        match repaired {
            Ok(answers) if answers == self.answers && content => tally.repaired += 1,
            Ok(answers) if answers != self.answers => {
                return Err(format!("repaired to: {}", self.unlike(&answers)));
            }
            Ok(_) if has_copy(place) => return Err(format!("still: {:?}", verify(copy))),
            Err(error) if has_copy(place) => return Err(format!("not repaired: {error}")),
            Ok(_) | Err(_) => {}
        }
        Ok(())
    }

    fn unlike(&self, other: &Answers) -> String {
        let Answers {
            events,
            contacts,
            histories,
            checkpoint,
            token,
            view,
        } = &self.answers;
        let parts = [
            ("events", *events == other.events),
            ("contacts", *contacts == other.contacts),
            ("histories", *histories == other.histories),
            ("checkpoint", *checkpoint == other.checkpoint),
            ("token", *token == other.token),
            ("view", *view == other.view),
        ];
        let unlike = parts.iter().filter(|(_, same)| !same);
        unlike.map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}

/// Whether something else in the directory has what this file has: keys have no second copy.
fn has_copy(place: &Place) -> bool {
    ["log", "journal", "audit", "views"]
        .iter()
        .any(|dir| place.file.starts_with(dir))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_damage_anywhere_gives_a_wrong_answer() {
    let root = common::temp_dir();
    let dir = root.path().join("data");
    prepare(&dir).await;
    let run = move || {
        let original = Original::of(&dir).expect("it is whole");
        assert_eq!(verify(&dir), Ok(Vec::new()));
        let count = std::env::var("FLIP_PLACES").ok();
        let count = count.map_or(PLACES, |count| count.parse().expect("a number"));
        let places = places(&dir, count);
        run_all(&original, &root.path().join("copy"), &places)
    };
    let broken = tokio::task::spawn_blocking(run).await.expect("it ends");
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Tries every place and prints the figures; gives what went wrong.
fn run_all(original: &Original, copy: &Path, places: &[Place]) -> Vec<String> {
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let mut broken = Vec::new();
    // What sled says of damage, before it is caught, is expected here.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    for place in places {
        let part = place.file.iter().next().unwrap_or_default();
        let tally = tallies
            .entry(part.to_string_lossy().into_owned())
            .or_default();
        let tried = catch_unwind(AssertUnwindSafe(|| original.try_place(copy, place, tally)));
        let kind = if place.cut { "cut" } else { "flip" };
        let at = format!("{kind} of {} at {}", place.file.display(), place.at);
        match tried {
            Ok(Ok(())) => {}
            Ok(Err(error)) => broken.push(format!("{at}: {error}")),
            Err(_) => broken.push(format!("{at}: a panic")),
        }
    }
    std::panic::set_hook(hook);
    say("part        places  open  read  verify  repaired  harmless");
    for (part, tally) in &tallies {
        let Tally {
            places,
            at_open,
            at_read,
            by_verify,
            repaired,
            harmless,
        } = tally;
        say(&format!(
            "{part:<12}{places:>6}{at_open:>6}{at_read:>6}{by_verify:>8}{repaired:>10}{harmless:>10}"
        ));
    }
    broken
}
