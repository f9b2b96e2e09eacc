//! Sealing over rounds, restarts and crashes, on a real directory.

use std::{
    cell::Cell,
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use proptest::prelude::*;
use tempfile::TempDir;

use super::super::archive::ArchiveError;
use super::super::{entries::EntriesError, note::KeyName, tree::naive_root};
use super::*;
use crate::storage::FileAt;

/// Entries made up from their positions.
pub(in super::super) struct Made;

pub(in super::super) fn made(position: u64) -> Bytes {
    let length = (position % 40) as usize;
    let mut entry = format!("entry {position} ").into_bytes();
    entry.resize(entry.len() + length, b'.');
    entry.into()
}

impl Entries for Made {
    fn entries(&self, from: Position, limit: usize) -> Result<Vec<Bytes>, EntriesError> {
        // Fewer than asked for, as a log may give.
        let count = limit.min(1 + (from.get() % 97) as usize) as u64;
        Ok((from.get()..from.get() + count).map(made).collect())
    }
}

/// A signer whose key is in the directory above.
pub(in super::super) fn signer(dir: &TempDir) -> Signer {
    let name = KeyName::parse("contactd.local/test").unwrap();
    Signer::read_or_create(&key_file(dir, "audit.key"), name).unwrap()
}

/// A file with a key in the directory above.
pub(in super::super) fn key_file(dir: &TempDir, name: &str) -> FileAt {
    FileAt::at(&dir.path().join(name))
}

pub(in super::super) fn tiles(dir: &TempDir) -> Tiles {
    Tiles::at(&audit(dir))
}

pub(in super::super) fn audit(dir: &TempDir) -> PathBuf {
    dir.path().join("audit")
}

pub(in super::super) fn integrator(dir: &TempDir) -> Integrator {
    Integrator::open(tiles(dir), signer(dir)).unwrap()
}

fn root_of(size: u64) -> Hash {
    let leaves: Vec<_> = (1..=size).map(|p| Hash::leaf(&made(p))).collect();
    naive_root(&leaves)
}

/// Every file below a directory and its bytes.
pub(in super::super) fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => {
                found.insert(path.clone(), fs::read(path).unwrap());
            }
        }
    }
    found
}

/// Makes a directory hold exactly these files.
pub(in super::super) fn restore(dir: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) {
    fs::remove_dir_all(dir).unwrap();
    for (path, bytes) in files {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn an_empty_log_has_a_checkpoint_and_nothing_else() {
    let dir = TempDir::new().unwrap();
    let mut integrator = integrator(&dir);
    assert_eq!(integrator.checkpoint().root, Hash::empty());
    assert!(
        integrator
            .integrate(Position::ZERO, &Made)
            .unwrap()
            .is_none()
    );
    let names: Vec<_> = files(&audit(&dir)).into_keys().collect();
    assert_eq!(names, [audit(&dir).join("checkpoint")]);
}

#[test]
fn rounds_and_restarts_give_the_tree_of_the_definition() {
    let dir = TempDir::new().unwrap();
    for head in [1, 2, 255, 256, 257, 511, 700, 1_024, 1_030] {
        let mut integrator = integrator(&dir);
        let note = integrator.integrate(Position::new(head), &Made).unwrap();
        let note = note.unwrap().to_string();
        assert!(
            integrator
                .integrate(Position::new(head), &Made)
                .unwrap()
                .is_none()
        );
        let (read, _) = Checkpoint::open(&note, &signer(&dir).verifier()).unwrap();
        assert_eq!((read.size, read.root), (head, root_of(head)));
        let there = fs::read_to_string(audit(&dir).join("checkpoint")).unwrap();
        assert_eq!(there, note);
    }
    let names = files(&audit(&dir)).into_keys();
    let names: Vec<_> = names
        .map(|path| {
            path.strip_prefix(audit(&dir))
                .unwrap()
                .display()
                .to_string()
        })
        .collect();
    let expected = "checkpoint tile/0/000 tile/0/001 tile/0/002 tile/0/003 tile/0/004.p/6 \
        tile/1/000.p/1 tile/1/000.p/2 tile/1/000.p/4 tile/entries/000 tile/entries/001 \
        tile/entries/002 tile/entries/003 tile/entries/004.p/6";
    let mut expected: Vec<_> = expected.split(' ').collect();
    expected.sort_unstable();
    let mut names = names;
    names.sort_unstable();
    assert_eq!(names, expected);
}

#[test]
fn what_a_crash_left_beyond_the_checkpoint_is_written_again() {
    for (before, head) in [(0, 3), (10, 20), (250, 700), (256, 300), (300, 512)] {
        let dir = TempDir::new().unwrap();
        integrator(&dir)
            .integrate(Position::new(before), &Made)
            .unwrap();
        let old = files(&audit(&dir));
        integrator(&dir)
            .integrate(Position::new(head), &Made)
            .unwrap();
        let new = files(&audit(&dir));
        // The new files are there, torn, and the old checkpoint still stands.
        let torn = new
            .iter()
            .map(|(path, bytes)| (path.clone(), bytes[1..].to_vec()));
        let mut left: BTreeMap<_, _> = torn.collect();
        left.extend(old);
        restore(&audit(&dir), &left);
        let mut integrator = integrator(&dir);
        assert_eq!(integrator.checkpoint().size, before);
        integrator.integrate(Position::new(head), &Made).unwrap();
        assert_eq!(files(&audit(&dir)), new, "{before} to {head}");
    }
}

#[test]
fn partial_files_that_a_crash_kept_are_swept() {
    let dir = TempDir::new().unwrap();
    integrator(&dir)
        .integrate(Position::new(200), &Made)
        .unwrap();
    let old = files(&audit(&dir));
    integrator(&dir)
        .integrate(Position::new(700), &Made)
        .unwrap();
    let new = files(&audit(&dir));
    // The checkpoint was signed; the partial files of before were not removed yet.
    let mut left = old;
    left.extend(new.clone());
    restore(&audit(&dir), &left);
    drop(integrator(&dir));
    assert_eq!(files(&audit(&dir)), new);
}

#[test]
fn it_signs_nothing_that_does_not_extend_the_last() {
    let dir = TempDir::new().unwrap();
    let mut first = integrator(&dir);
    first.integrate(Position::new(300), &Made).unwrap();
    let behind = first.integrate(Position::new(299), &Made);
    assert!(matches!(
        behind,
        Err(IntegrateError::Behind { size: 300, .. })
    ));
    let mut second = integrator(&dir);
    second.integrate(Position::new(310), &Made).unwrap();
    let changed = first.integrate(Position::new(305), &Made);
    assert!(matches!(changed, Err(IntegrateError::Changed)));
    let other = TempDir::new().unwrap();
    let opened = Integrator::open(tiles(&dir), signer(&other));
    assert!(matches!(opened, Err(IntegrateError::OtherKey)));
    fs::remove_file(audit(&dir).join("checkpoint")).unwrap();
    let opened = Integrator::open(tiles(&dir), signer(&dir));
    assert!(matches!(opened, Err(IntegrateError::NoCheckpoint)));
}

#[test]
fn an_entry_that_cannot_be_read_leaves_the_last_checkpoint() {
    struct Failing(Cell<bool>);
    impl Entries for Failing {
        fn entries(&self, from: Position, limit: usize) -> Result<Vec<Bytes>, EntriesError> {
            match self.0.get() && from.get() > 400 {
                true => Err("gone".into()),
                false => Made.entries(from, limit),
            }
        }
    }
    let dir = TempDir::new().unwrap();
    let mut integrator = integrator(&dir);
    let source = Failing(Cell::new(true));
    let integrated = integrator.integrate(Position::new(600), &source);
    assert!(
        matches!(integrated, Err(IntegrateError::Entries { position, .. }) if position.get() > 400)
    );
    assert_eq!(integrator.checkpoint().size, 0);
    source.0.set(false);
    integrator.integrate(Position::new(600), &source).unwrap();
    assert_eq!(integrator.checkpoint().root, root_of(600));
}

#[test]
fn the_edge_is_trusted_only_as_it_was_signed() {
    let dir = TempDir::new().unwrap();
    integrator(&dir)
        .integrate(Position::new(300), &Made)
        .unwrap();
    let whole = files(&audit(&dir));
    for name in ["tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/001.p/44"] {
        let path = audit(&dir).join(name);
        for bytes in [None, Some(&b"short"[..]), Some(&whole[&path][1..])] {
            restore(&audit(&dir), &whole);
            fs::remove_file(&path).unwrap();
            if let Some(bytes) = bytes {
                fs::write(&path, bytes).unwrap();
            }
            assert!(
                Integrator::open(tiles(&dir), signer(&dir)).is_err(),
                "{name}"
            );
        }
        let mut bytes = whole[&path].clone();
        bytes[20] ^= 4;
        fs::write(&path, bytes).unwrap();
        assert!(
            Integrator::open(tiles(&dir), signer(&dir)).is_err(),
            "{name}"
        );
    }
}

#[test]
fn the_archive_gives_sealed_entries_or_nothing() {
    let dir = TempDir::new().unwrap();
    let mut integrator = integrator(&dir);
    let archive = integrator.archive();
    assert_eq!(archive.integrated(), Position::ZERO);
    integrator.integrate(Position::new(700), &Made).unwrap();
    assert_eq!(archive.integrated(), Position::new(512));
    for from in [1, 2, 256, 257, 512] {
        let entries = archive.read(Position::new(from)).unwrap();
        assert_eq!(entries.len() as u64, 256 - (from - 1) % 256);
        assert!((from..).zip(&entries).all(|(p, entry)| *entry == made(p)));
    }
    for none in [0, 513] {
        assert!(archive.read(Position::new(none)).unwrap().is_empty());
    }
    let path = audit(&dir).join("tile/entries/001");
    let mut bytes = fs::read(&path).unwrap();
    bytes[100] ^= 1;
    fs::write(path, bytes).unwrap();
    let read = archive.read(Position::new(500));
    assert!(matches!(read, Err(ArchiveError::Damaged { .. })));
    assert!(archive.read(Position::new(256)).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_rounds_give_the_same_tree(steps in prop::collection::vec(0_u64..400, 1..6)) {
        let dir = TempDir::new().unwrap();
        let mut head = 0;
        for step in steps {
            head += step;
            integrator(&dir).integrate(Position::new(head), &Made).unwrap();
        }
        prop_assert_eq!(integrator(&dir).checkpoint().root, root_of(head));
    }
}
