//! Backup and restore on a disk whose every operation is the last one, or is refused, in turn.
//!
//!     FAULT_POINTS=100000 cargo test --release --lib backup::tests -- --nocapture
//!
//! tries every operation; without it a test tries as many of them as fit into seconds.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::HeaderMap;
use tempfile::TempDir;

use super::check::{Whole, check};
use super::restore::{fill, finish};
use super::take::take;
use crate::audit::{Archive, Integrator, KeyName, Signer, Tiles, VerifierKey, signed_size};
use crate::cli::client::block_on;
use crate::cli::data::Purpose;
use crate::cli::exit::{DAMAGED, Failure, USAGE};
use crate::cli::layout::{AUDIT, AUDIT_KEY, KEYS, Layout, NODE_KEY, RESTORING};
use crate::cli::local::Local;
use crate::cli::options::DataOptions;
use crate::dialect::ApiOperation;
use crate::domain::Position;
use crate::keys::{KeyRing, MasterKey};
use crate::log::{self, OpenOptions};
use crate::storage::faulty::{Tried, end, every_fault};
use crate::storage::{DataDir, Disk, FileAt, SimDisk};

/// The events of the log that all of these tests copy parts of.
const EVENTS: u64 = 700;
/// The operations that meet the faults where not all are asked for.
const SPREAD: u64 = 16;
/// Journal files of a few groups each, so that the sealed ones are dropped.
const SEGMENT_BYTES: u64 = 20_000;

fn options(dir: &Path) -> DataOptions {
    DataOptions {
        data_dir: dir.to_owned(),
        master_key: None,
        audit_key: None,
        audit_origin: None,
    }
}

/// A data directory of a service that made contacts, and its events.
struct Served {
    dir: TempDir,
    events: Vec<Bytes>,
}

fn served() -> &'static Served {
    static SERVED: OnceLock<Served> = OnceLock::new();
    SERVED.get_or_init(|| {
        let dir = TempDir::new().unwrap();
        let local = Local::open(&options(dir.path()), Purpose::Begin).unwrap();
        block_on(async {
            for number in 0..EVENTS / 2 {
                let body = format!(r#"{{"name":{{"full":"Number {number}"}}}}"#);
                let (headers, create) = (HeaderMap::new(), ApiOperation::Create);
                let made = local.send(create, &[], "", &headers, body.as_bytes());
                assert_eq!(made.await?.reply.status, 201);
            }
            Ok(())
        })
        .unwrap();
        local.close();
        let disk = DataDir::open(dir.path()).unwrap();
        let log = log::open(&disk, &OpenOptions::default(), &mut |_| {}).unwrap();
        let events = log.reader.scan(Position::FIRST, Position::new(EVENTS));
        let events = events.map(|event| event.unwrap().1).collect();
        Served { dir, events }
    })
}

fn signer() -> Signer {
    let name = KeyName::parse("contactd.local/test").unwrap();
    Signer::read(&FileAt::at(&served().dir.path().join(AUDIT_KEY)), name).unwrap()
}

fn verifier() -> VerifierKey {
    signer().verifier()
}

/// A data directory with the first events of that log, so many of them sealed, and without the
/// journal files of those.
fn begun(count: u64, sealed: u64) -> TempDir {
    let Served { dir: from, events } = served();
    let dir = TempDir::new().unwrap();
    for name in ["identity", "keys"] {
        std::fs::create_dir(dir.path().join(name)).unwrap();
        for entry in std::fs::read_dir(from.path().join(name)).unwrap() {
            let from = entry.unwrap().path();
            let to = dir.path().join(name).join(from.file_name().unwrap());
            std::fs::copy(from, to).unwrap();
        }
    }
    std::fs::copy(from.path().join(AUDIT_KEY), dir.path().join(AUDIT_KEY)).unwrap();
    let disk = DataDir::open(dir.path()).unwrap();
    let options = OpenOptions {
        segment_bytes_max: SEGMENT_BYTES,
        ..OpenOptions::default()
    };
    let mut log = log::open(&disk, &options, &mut |_| {}).unwrap();
    for event in events.iter().take(usize::try_from(count).unwrap()) {
        log.appender.append(&[event]).unwrap();
    }
    let tiles = Tiles::at(&dir.path().join(AUDIT));
    let mut integrator = Integrator::open(tiles, signer()).unwrap();
    integrator
        .integrate(Position::new(sealed), &log.reader)
        .unwrap();
    let full = Position::new(sealed - sealed % 256).next();
    log.journal.drop_before(full).unwrap();
    dir
}

/// A log and its continuation, which has dropped what the first one's journal ends with.
fn versions() -> (TempDir, TempDir) {
    (begun(290, 270), begun(EVENTS, 690))
}

fn taken(from: &TempDir, to: &dyn Disk) -> Result<u64, Failure> {
    let (source, target) = (Layout::at(from.path()), Layout::made(to)?);
    Ok(take(&source, &target, &verifier(), true, &mut |_| {})?.head)
}

fn checked(disk: &dyn Disk) -> Result<Whole, Failure> {
    check(&Layout::made(disk)?, &verifier(), &[], &mut |_| {})
}

/// Restores all but the messages: the last event.
fn restored(source: &Layout, to: &dyn Disk) -> Result<u64, Failure> {
    let whole = check(source, &verifier(), &[], &mut |_| {})?;
    fill(source, to, &verifier())?;
    let keys = to.files(KEYS)?;
    let master = MasterKey::read(&FileAt::new(keys.clone(), "master.key"))?;
    let ring = KeyRing::open(keys, &master)?;
    let tiles = Tiles::new(to.files(AUDIT)?);
    let ordinary = OpenOptions {
        archive: Arc::new(Archive::open(tiles.clone(), &verifier())?),
        at_least: Position::new(signed_size(&tiles, &verifier())?),
        ..OpenOptions::default()
    };
    let restored = finish(to, &ring, &whole, &ordinary, &signer(), &mut |_| {})?;
    assert_eq!(restored.missing_keys, 0);
    to.files("")?.remove(RESTORING)?;
    Ok(restored.head.get())
}

/// The log of a restored directory is whole, in both copies, and has so many events.
fn assert_restored(disk: &SimDisk, head: u64) {
    let tiles = Tiles::new(disk.files(AUDIT).unwrap());
    let options = OpenOptions {
        archive: Arc::new(Archive::open(tiles, &verifier()).unwrap()),
        ..OpenOptions::default()
    };
    let verified = log::verify(disk, &options, &mut |_| {}).unwrap();
    assert_eq!(verified.damages, []);
    assert_eq!(verified.head.get(), head);
}

/// A key of a node stands for one disk. A backup of an earlier release may have one.
#[test]
fn the_key_of_a_node_is_neither_kept_nor_restored() {
    let from = begun(290, 270);
    let node_key = from.path().join("identity").join(NODE_KEY);
    std::fs::write(node_key, "the key of a node").unwrap();
    let disk = SimDisk::new(1);
    let identity = disk.files("identity").unwrap();
    identity.write_atomic(NODE_KEY, b"an older one").unwrap();
    taken(&from, &disk).unwrap();
    assert!(!identity.has(NODE_KEY).unwrap());
    identity.write_atomic(NODE_KEY, b"an older one").unwrap();
    let to = SimDisk::new(2);
    fill(&Layout::made(&disk).unwrap(), &to, &verifier()).unwrap();
    let identity = to.files("identity").unwrap();
    assert!(!identity.has(NODE_KEY).unwrap() && identity.has("log-id").unwrap());
}

#[test]
fn a_backup_is_whole_whatever_operation_of_its_refresh_was_the_last() {
    let (older, newer) = versions();
    let begin = |point| {
        let disk = SimDisk::new(point);
        assert_eq!(taken(&older, &disk).unwrap(), 290);
        disk
    };
    every_fault(
        "backup, again",
        SPREAD,
        begin,
        |disk| taken(&newer, disk),
        |tried| {
            let Tried {
                disk,
                point,
                fault,
                ended,
            } = tried;
            let there = checked(disk);
            let said = |failure: Failure| panic!("{fault:?} at {point}: {}", failure.message);
            let head = there.unwrap_or_else(said).head;
            assert!([290, 690, EVENTS].contains(&head), "{head} at {point}");
            assert!(ended.is_err() || head == EVENTS, "{fault:?} at {point}");
            assert_eq!(taken(&newer, disk).unwrap(), EVENTS, "{fault:?} at {point}");
            end(disk, point);
            assert_eq!(checked(disk).unwrap().head, EVENTS);
            let names = disk.files("journal").unwrap().list().unwrap();
            assert!(names.iter().all(|name| name.len() == 20), "{names:?}");
        },
    );
}

#[test]
fn what_a_cut_off_refresh_has_left_is_restored_whole() {
    let (older, newer) = versions();
    let begin = |point| {
        let disk = SimDisk::new(point);
        taken(&older, &disk).unwrap();
        disk
    };
    let mut heads = Vec::new();
    every_fault(
        "backup, again, and restored",
        SPREAD,
        begin,
        |disk| taken(&newer, disk).ok(),
        |tried| {
            let to = SimDisk::new(tried.point);
            let head = restored(&Layout::made(tried.disk).unwrap(), &to).unwrap();
            assert_restored(&to, head);
            heads.push(head);
        },
    );
    heads.dedup();
    assert_eq!(heads.first(), Some(&290));
    assert_eq!(heads.last(), Some(&EVENTS));
}

#[test]
fn a_first_backup_that_was_cut_off_is_refused_or_whole_and_is_completed() {
    let source = begun(290, 270);
    every_fault(
        "backup, first",
        SPREAD,
        SimDisk::new,
        |disk| taken(&source, disk).ok(),
        |tried| {
            let disk = tried.disk;
            match checked(disk) {
                Ok(whole) => assert!(whole.head >= 270),
                Err(failure) => assert_eq!(failure.code, DAMAGED, "{}", failure.message),
            }
            let id = Layout::made(disk).unwrap().log_id().unwrap();
            assert!(id.is_none() || id == Layout::at(source.path()).log_id().unwrap());
            assert_eq!(taken(&source, disk).unwrap(), 290);
        },
    );
}

#[test]
fn a_restore_that_was_cut_off_says_so_and_is_done_by_another() {
    let (older, newer) = versions();
    let backup = SimDisk::new(0);
    taken(&newer, &backup).unwrap();
    let source = Layout::made(&backup).unwrap();
    let id = source.log_id().unwrap();
    every_fault(
        "restore",
        SPREAD,
        SimDisk::new,
        |disk| restored(&source, disk),
        |tried| {
            let Tried {
                disk,
                point,
                fault,
                ended,
            } = tried;
            let there = Layout::made(disk).unwrap();
            let is_marked = there.root.has(RESTORING).unwrap();
            if there.log_id().unwrap() == id && !is_marked {
                assert_restored(disk, EVENTS);
            } else {
                assert!(ended.is_err(), "{fault:?} at {point}");
                let empty = there.log_id().unwrap().is_none();
                assert!(is_marked || empty, "{fault:?} at {point}");
            }
            // Another backup than the first: nothing of that one may be left.
            let other = Layout::at(older.path());
            assert_eq!(restored(&other, disk).unwrap(), 290, "{fault:?} at {point}");
            assert_restored(disk, 290);
        },
    );
}

#[test]
fn a_backup_that_would_not_verify_leaves_its_sealed_events_alone() {
    let (older, newer) = versions();
    let disk = SimDisk::new(0);
    taken(&older, &disk).unwrap();
    let journal = newer.path().join("journal");
    let mut names: Vec<_> = std::fs::read_dir(&journal).unwrap().collect();
    names.sort_by_key(|entry| entry.as_ref().unwrap().file_name());
    let last = names.pop().unwrap().unwrap().path();
    // An event behind the sealed ones is lost in the middle of the journal.
    let mut bytes = std::fs::read(&last).unwrap();
    let middle = bytes.len() - 900;
    bytes[middle] ^= 1;
    std::fs::write(&last, bytes).unwrap();
    let failure = taken(&newer, &disk).unwrap_err();
    assert_eq!(failure.code, DAMAGED, "{}", failure.message);
    assert!(
        failure.message.contains("first 690 events alone"),
        "{}",
        failure.message
    );
    assert_eq!(checked(&disk).unwrap().head, 690);
}

#[test]
fn a_backup_is_checked_against_a_kept_checkpoint() {
    let (older, newer) = versions();
    let at = |dir: &TempDir| Layout::at(dir.path());
    let kept = check(&at(&newer), &verifier(), &[], &mut |_| {}).unwrap();
    let kept = kept.checkpoint;
    let refused = check(
        &at(&older),
        &verifier(),
        std::slice::from_ref(&kept),
        &mut |_| {},
    );
    let Err(failure) = refused else {
        panic!("it is older")
    };
    assert_eq!(failure.code, USAGE);
    assert!(
        failure.message.contains("older than the kept"),
        "{}",
        failure.message
    );
    assert!(check(&at(&newer), &verifier(), &[kept], &mut |_| {}).is_ok());
}
