//! The promises of the key ring, on a real directory.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use proptest::prelude::*;
use tempfile::TempDir;

use super::super::RotateError;
use super::super::seed::OpenSeeds;
use super::super::slots::{CHUNK_SLOTS, offset};
use super::super::wrapping::{ERASED, SLOT_BYTES};
use super::*;
use crate::storage::faulty::{Fault, FaultyDisk};
use crate::storage::{DirFiles, Disk, Faults, FileAt, SimDisk};

mod copies;
mod edges;

const AAD: &[u8] = b"contact 1, position 7";

fn master() -> MasterKey {
    MasterKey::generate().unwrap()
}

fn open(dir: &Path, master: &MasterKey) -> Result<KeyRing, OpenError> {
    KeyRing::open(Arc::new(DirFiles::at(dir)), master)
}

/// A ring with 8 slots, used up to `next`.
fn ring(dir: &TempDir, master: &MasterKey, next: u64) -> KeyRing {
    let ring = open(dir.path(), master).unwrap();
    ring.resume(Slot::new(next), Slot::default()).unwrap();
    fill(&ring, next, 8);
    ring
}

/// Makes the keys of contacts in these slots.
fn fill(ring: &KeyRing, from: u64, end: u64) {
    for slot in from..end {
        ring.draw(Slot::new(slot)).unwrap();
    }
    assert_eq!(ring.store(Slot::new(end)).unwrap(), from < end);
}

/// Both copies of the slots.
fn copies(dir: &TempDir) -> [PathBuf; 2] {
    names_of(1).map(|name| dir.path().join(name))
}

/// Puts the same bytes in both copies.
fn put(dir: &TempDir, bytes: &[u8]) {
    for path in copies(dir) {
        fs::write(path, bytes).unwrap();
    }
}

fn slots_path(dir: &TempDir) -> PathBuf {
    copies(dir)[0].clone()
}

/// Whether any file of the directory holds these bytes.
fn grep(dir: &TempDir, needle: &[u8]) -> bool {
    fs::read_dir(dir.path()).unwrap().any(|entry| {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

/// The bytes of a slot, as they stand in the file.
fn slot_bytes(dir: &TempDir, slot: usize) -> Vec<u8> {
    let bytes = fs::read(slots_path(dir)).unwrap();
    bytes[(slot + 1) * SLOT_BYTES..][..SLOT_BYTES].to_vec()
}

#[test]
fn a_ring_says_which_slots_it_has() {
    let (dir, master) = (TempDir::new().unwrap(), master());
    let is_there = || KeyRing::is_in(&DirFiles::at(dir.path())).unwrap();
    assert!(!is_there());
    let ring = ring(&dir, &master, 0);
    assert!(is_there());
    assert!(ring.check(Slot::new(8)).is_ok());
    let short = ring.check(Slot::new(9));
    let counts = matches!(
        short,
        Err(SlotError::Truncated {
            held: 8,
            used: 9,
            ..
        })
    );
    assert!(counts, "{short:?}");
    assert!(!ring.is_erased(Slot::new(3)));
    ring.erase(Slot::new(3)).unwrap();
    assert!(ring.is_erased(Slot::new(3)) && !ring.is_erased(Slot::new(4)));
}

#[test]
fn keys_read_in_passing_are_those_on_the_disk() {
    let (dir, master) = (TempDir::new().unwrap(), master());
    let slots = [3, 4].map(Slot::new);
    let sealed = {
        let before = ring(&dir, &master, 0);
        slots.map(|slot| before.seal(slot, AAD, b"Ada").unwrap())
    };
    let ring = open(dir.path(), &master).unwrap();
    ring.resume(Slot::new(8), Slot::new(8)).unwrap();
    let [gone, kept] = [0, 1].map(|it| (slots[it], sealed[it].as_slice()));
    let opened = |(slot, sealed): (Slot, &[u8])| ring.open_in_passing(slot, AAD, sealed);
    assert_eq!(opened(gone).unwrap(), b"Ada");
    ring.erase(gone.0).unwrap();
    assert!(matches!(opened(gone), Err(SealError::Erased { .. })));
    assert_eq!(opened(kept).unwrap(), b"Ada");
    assert!(matches!(
        opened((kept.0, gone.1)),
        Err(SealError::Damaged { .. })
    ));
    let beyond = opened((Slot::new(8), kept.1));
    assert!(matches!(beyond, Err(SealError::MissingKey { .. })));
}

/// After a sync that failed, the page cache takes for written what is not on the disk.
#[test]
fn erasing_overwrites_the_key_for_good() {
    let (dir, master) = (TempDir::new().unwrap(), master());
    let ring = ring(&dir, &master, 0);
    let (gone, kept) = (Slot::new(3), Slot::new(4));
    let sealed = ring.seal(gone, AAD, b"Ada").unwrap();
    let other = ring.seal(kept, AAD, b"Bob").unwrap();
    let wrapped = slot_bytes(&dir, 3);
    assert!(grep(&dir, &wrapped[NONCE_BYTES..][..16]));
    for _ in 0..2 {
        ring.erase(gone).unwrap();
        let read = ring.open_sealed(gone, AAD, &sealed);
        assert!(matches!(read, Err(SealError::Erased { slot }) if slot == gone));
    }
    for part in wrapped.chunks(8) {
        assert!(!grep(&dir, part));
    }
    drop(ring);
    let ring = open(dir.path(), &master).unwrap();
    let read = ring.seal(gone, AAD, b"Ada again");
    assert!(matches!(read, Err(SealError::Erased { .. })));
    assert_eq!(ring.open_sealed(kept, AAD, &other).unwrap(), b"Bob");
}

/// What was not synced may or may not be there once the power has gone, so it goes often.
/// A key and what completed one of its copies, once the calls that wait for them have returned.
/// A disk that refuses one operation of many: what it refused is not taken for absent, and the same
/// call may be made again.
#[test]
fn keys_that_are_given_up_say_so_and_the_work_goes_on() {
    let (before, after, master) = (TempDir::new().unwrap(), TempDir::new().unwrap(), master());
    let sealed = ring(&before, &master, 0).seal(Slot::new(2), AAD, b"Ada");
    let sealed = sealed.unwrap();
    let dir = after.path().join("keys");
    assert!(!KeyRing::is_in(&DirFiles::at(&dir)).unwrap());
    let ring = open(&dir, &master).unwrap();
    let resumed = ring.resume(Slot::new(5), Slot::default());
    assert!(matches!(resumed, Err(SlotError::Lost { used: 5, .. })));
    assert!(
        !KeyRing::is_in(&DirFiles::at(&dir)).unwrap(),
        "nothing counts so far"
    );
    ring.mark_lost([0, 2].map(Slot::new), Slot::new(5)).unwrap();
    assert!(ring.check(Slot::new(5)).is_ok());
    ring.mark_lost([4].map(Slot::new), Slot::new(5)).unwrap();
    ring.erase(Slot::new(1)).unwrap();
    fill(&ring, 5, 6);
    let new = ring.seal(Slot::new(5), AAD, b"Cy").unwrap();
    let check = |ring: &KeyRing| {
        ring.resume(Slot::new(6), Slot::default()).unwrap();
        let read = |slot| ring.open_sealed(Slot::new(slot), AAD, &sealed);
        assert!(matches!(read(1), Err(SealError::Erased { .. })));
        assert!(matches!(read(2), Err(SealError::MarkedLost { .. })));
        assert!(matches!(read(3), Err(SealError::MissingKey { .. })));
        assert_eq!(ring.open_sealed(Slot::new(5), AAD, &new).unwrap(), b"Cy");
        let without = ring.without_key(Slot::new(6)).unwrap();
        assert_eq!(without, [0, 1, 2, 3, 4].map(Slot::new));
        assert!(ring.refusal(Slot::new(5)).is_none());
    };
    check(&ring);
    ring.rotate(&self::master(), || Ok(())).unwrap();
    check(&ring);
}

#[test]
fn no_flipped_bit_makes_a_key_given_up() {
    let (dir, master) = (TempDir::new().unwrap(), master());
    let (slot, erased) = (Slot::new(0), Slot::new(1));
    let ring = ring(&dir, &master, 0);
    ring.mark_lost([slot], Slot::new(8)).unwrap();
    ring.erase(erased).unwrap();
    drop(ring);
    let whole = fs::read(slots_path(&dir)).unwrap();
    // Its bytes say so in no other slot, and zeros in the middle alone say nothing.
    let (from, to) = (SLOT_BYTES, 3 * SLOT_BYTES);
    let mut moved = whole.clone();
    moved.copy_within(from..from + SLOT_BYTES, to);
    moved[to + SLOT_BYTES + NONCE_BYTES..][..32].fill(0);
    put(&dir, &moved);
    let ring = open(dir.path(), &master).unwrap();
    for slot in [2, 3].map(Slot::new) {
        let refusal = ring.refusal(slot);
        assert!(matches!(refusal, Some(SealError::DamagedKey { .. })));
    }
    for bit in 0..SLOT_BYTES * 8 {
        let mut bytes = whole.clone();
        bytes[from + bit / 8] ^= 1 << (bit % 8);
        put(&dir, &bytes);
        let ring = open(dir.path(), &master).unwrap();
        let refusal = ring.refusal(slot);
        assert!(
            matches!(refusal, Some(SealError::DamagedKey { .. })),
            "{bit}"
        );
    }
}

#[test]
fn slots_that_a_crash_tore_before_use_are_made_anew() {
    let (dir, master) = (TempDir::new().unwrap(), master());
    let sealed = ring(&dir, &master, 0).seal(Slot::new(1), AAD, b"Ada");
    let sealed = sealed.unwrap();
    let whole = fs::read(slots_path(&dir)).unwrap();
    // The log has used two slots; of the six beyond, any part may have reached the disk.
    for cut in (3 * SLOT_BYTES..whole.len()).step_by(17) {
        for filler in [&[][..], &[0; SLOT_BYTES], &[9; SLOT_BYTES]] {
            put(&dir, &[&whole[..cut], filler].concat());
            let ring = ring(&dir, &master, 2);
            for slot in 2..8 {
                ring.seal(Slot::new(slot), AAD, b"new").unwrap();
            }
            assert_eq!(
                ring.open_sealed(Slot::new(1), AAD, &sealed).unwrap(),
                b"Ada"
            );
        }
    }
}

#[test]
fn a_file_that_lost_used_slots_is_not_taken_for_an_old_one() {
    let (dir, master) = (TempDir::new().unwrap(), master());
    drop(ring(&dir, &master, 0));
    let whole = fs::read(slots_path(&dir)).unwrap();
    for left in [5, 0] {
        put(&dir, &whole[..(left + 1) * SLOT_BYTES]);
        let ring = open(dir.path(), &master).unwrap();
        let resumed = ring.resume(Slot::new(6), Slot::default());
        assert!(matches!(
            resumed,
            Err(SlotError::Truncated { held, used: 6, .. }) if held == left as u64
        ));
    }
}

#[test]
fn no_flipped_bit_gives_a_wrong_key() {
    let (dir, master) = (TempDir::new().unwrap(), master());
    let slot = Slot::new(0);
    let sealed = {
        let ring = ring(&dir, &master, 0);
        ring.erase(Slot::new(1)).unwrap();
        ring.seal(slot, AAD, b"Ada").unwrap()
    };
    let whole = fs::read(slots_path(&dir)).unwrap();
    for bit in 0..3 * SLOT_BYTES * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        put(&dir, &bytes);
        let opened = open(dir.path(), &master);
        if bit < SLOT_BYTES * 8 {
            assert!(matches!(opened, Err(OpenError::Damaged { .. })), "{bit}");
            continue;
        }
        let ring = opened.unwrap();
        let hit = Slot::new((bit / 8 / SLOT_BYTES - 1) as u64);
        let read = ring.open_sealed(hit, AAD, &sealed);
        assert!(matches!(read, Err(SealError::DamagedKey { .. })), "{bit}");
        assert_eq!(ring.open_sealed(slot, AAD, &sealed).is_ok(), hit != slot);
    }
}

#[test]
fn another_master_key_is_told_from_damage() {
    let (dir, first) = (TempDir::new().unwrap(), master());
    drop(ring(&dir, &first, 0));
    let opened = open(dir.path(), &master());
    assert!(matches!(opened, Err(OpenError::WrongMasterKey { .. })));
    assert!(open(dir.path(), &first).is_ok());
}

#[test]
fn rotation_keeps_every_key_and_destroys_the_old_wrapping() {
    let (dir, old, new) = (TempDir::new().unwrap(), master(), master());
    let ring = ring(&dir, &old, 0);
    ring.erase(Slot::new(1)).unwrap();
    let sealed: BTreeMap<u64, Vec<u8>> = [0, 2, 3]
        .map(|slot| (slot, ring.seal(Slot::new(slot), AAD, b"Ada").unwrap()))
        .into();
    let wrapped = slot_bytes(&dir, 2);
    let kept = FileAt::at(&dir.path().join("master.key"));
    ring.rotate(&new, || new.replace(&kept)).unwrap();
    assert!(!slots_path(&dir).exists() && !grep(&dir, &wrapped[..16]));
    let check = |ring: &KeyRing| {
        for (slot, sealed) in &sealed {
            let read = ring.open_sealed(Slot::new(*slot), AAD, sealed);
            assert_eq!(read.unwrap(), b"Ada");
        }
        let read = ring.seal(Slot::new(1), AAD, b"");
        assert!(matches!(read, Err(SealError::Erased { .. })));
    };
    check(&ring);
    fill(&ring, 8, 20);
    drop(ring);
    assert!(open(dir.path(), &old).is_err());
    let ring = open(dir.path(), &MasterKey::read(&kept).unwrap()).unwrap();
    check(&ring);
    ring.seal(Slot::new(19), AAD, b"new").unwrap();
}

#[test]
fn a_rotation_that_was_cut_off_is_undone_or_finished_by_the_key_given() {
    for finish in [false, true] {
        let (dir, old, new) = (TempDir::new().unwrap(), master(), master());
        let ring = ring(&dir, &old, 0);
        let sealed = ring.seal(Slot::new(0), AAD, b"Ada").unwrap();
        let before = fs::read(slots_path(&dir)).unwrap();
        ring.rotate(&new, || Ok(())).unwrap();
        drop(ring);
        // As if the power had gone before the old file was destroyed.
        put(&dir, &before);
        fs::write(dir.path().join("slots-3.bin.tmp"), &before).unwrap();
        let given = if finish { &new } else { &old };
        let ring = open(dir.path(), given).unwrap();
        let read = ring.open_sealed(Slot::new(0), AAD, &sealed);
        assert_eq!(read.unwrap(), b"Ada");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
        assert_eq!(slots_path(&dir).exists(), !finish);
    }
}

#[test]
fn a_rotation_that_cannot_be_kept_loses_nothing() {
    let (dir, old) = (TempDir::new().unwrap(), master());
    let ring = ring(&dir, &old, 0);
    let sealed = ring.seal(Slot::new(0), AAD, b"Ada").unwrap();
    let malformed = || Err(super::super::KeyFileError::Malformed { path: "x".into() });
    let rotated = ring.rotate(&master(), malformed);
    assert!(matches!(rotated, Err(RotateError::Keep(_))));
    // An erasure that only one of the two files knew of could come undone.
    let erased = ring.erase(Slot::new(0));
    assert!(matches!(erased, Err(SlotError::Halted)));
    drop(ring);
    let ring = open(dir.path(), &old).unwrap();
    assert!(ring.open_sealed(Slot::new(0), AAD, &sealed).is_ok());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    ring.erase(Slot::new(0)).unwrap();
}

#[test]
fn a_rotation_that_has_returned_outlasts_a_power_cut() {
    for seed in 1..=20 {
        let (disk, old, new) = (SimDisk::new(seed), master(), master());
        let ring = KeyRing::open(disk.files("keys").unwrap(), &old).unwrap();
        ring.resume(Slot::new(0), Slot::default()).unwrap();
        fill(&ring, 0, 8);
        let seal = |slot| ring.seal(Slot::new(slot), AAD, b"Ada").unwrap();
        let sealed: Vec<_> = (0..8).map(seal).collect();
        ring.rotate(&new, || Ok(())).unwrap();
        disk.crash();
        let ring = KeyRing::open(disk.files("keys").unwrap(), &new).unwrap();
        for (slot, sealed) in (0..).zip(&sealed) {
            let read = ring.open_sealed(Slot::new(slot), AAD, sealed);
            assert_eq!(read.unwrap(), b"Ada", "slot {slot} of seed {seed}");
        }
    }
}

#[test]
fn a_rotation_refuses_a_damaged_slot_and_changes_nothing() {
    let (dir, old) = (TempDir::new().unwrap(), master());
    let ring = ring(&dir, &old, 0);
    let mut bytes = fs::read(slots_path(&dir)).unwrap();
    bytes[4 * SLOT_BYTES] ^= 1;
    put(&dir, &bytes);
    let rotated = ring.rotate(&master(), || panic!("must not be kept"));
    assert!(matches!(rotated, Err(RotateError::Damaged { slot }) if slot == Slot::new(3)));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    ring.erase(Slot::new(3)).unwrap();
    ring.rotate(&master(), || Ok(())).unwrap();
}

/// Comparing copies that were damaged alike finds nothing; opening each key does.
#[test]
fn damage_that_is_the_same_in_both_copies_is_found() {
    let (dir, master) = (TempDir::new().unwrap(), master());
    let ring = ring(&dir, &master, 0);
    ring.resume(Slot::new(8), Slot::new(8)).unwrap();
    let scrubbed = |ring: &KeyRing| ring.scrub(&mut |_| true).unwrap().unwrap();
    assert!(scrubbed(&ring).is_nothing());
    for path in copies(&dir) {
        let mut bytes = fs::read(&path).unwrap();
        bytes[4 * SLOT_BYTES] ^= 1;
        fs::write(&path, &bytes).unwrap();
    }
    assert_eq!(scrubbed(&ring).damaged, [Slot::new(3)]);
}

/// More slots than are read at a time, of which only the first are asked for.
/// The first copy of a slot says nothing or is damaged; the second one counts.
#[test]
fn a_damaged_key_is_completed_when_it_is_read() {
    let (dir, master) = (TempDir::new().unwrap(), master());
    let sealed = ring(&dir, &master, 0).seal(Slot::new(2), AAD, b"Ada");
    let sealed = sealed.unwrap();
    let ring = open(dir.path(), &master).unwrap();
    ring.resume(Slot::new(8), Slot::new(8)).unwrap();
    let whole = fs::read(slots_path(&dir)).unwrap();
    let mut bytes = whole.clone();
    bytes[3 * SLOT_BYTES + 30] ^= 1;
    fs::write(slots_path(&dir), &bytes).unwrap();
    assert_eq!(
        ring.open_sealed(Slot::new(2), AAD, &sealed).unwrap(),
        b"Ada"
    );
    assert_eq!(fs::read(slots_path(&dir)).unwrap(), whole);
}

#[test]
fn an_older_copy_of_the_slots_opens_nobody_made_later() {
    let (dir, older, master) = (TempDir::new().unwrap(), TempDir::new().unwrap(), master());
    let ring = ring(&dir, &master, 0);
    ring.draw(Slot::new(8)).unwrap();
    for path in copies(&dir) {
        assert_eq!(fs::read(&path).unwrap().len(), 9 * SLOT_BYTES);
        fs::copy(&path, older.path().join(path.file_name().unwrap())).unwrap();
    }
    let sealed = ring.seal(Slot::new(8), AAD, b"Ada").unwrap();
    ring.store(Slot::new(9)).unwrap();
    assert_eq!(
        ring.open_sealed(Slot::new(8), AAD, &sealed).unwrap(),
        b"Ada"
    );
    let older = open(older.path(), &master).unwrap();
    let read = older.open_sealed(Slot::new(8), AAD, &sealed);
    assert!(matches!(read, Err(SealError::MissingKey { .. })));
}

#[test]
fn a_key_whose_contact_did_not_come_to_be_is_drawn_anew() {
    let (dir, master) = (TempDir::new().unwrap(), master());
    let ring = ring(&dir, &master, 0);
    fill(&ring, 8, 10);
    let sealed = ring.seal(Slot::new(8), AAD, b"Ada").unwrap();
    ring.draw(Slot::new(10)).unwrap();
    ring.forget_drawn(Slot::new(8));
    assert!(ring.check(Slot::new(9)).is_err());
    let refusal = ring.refusal(Slot::new(10));
    assert!(matches!(refusal, Some(SealError::MissingKey { .. })));
    ring.draw(Slot::new(8)).unwrap();
    ring.store(Slot::new(9)).unwrap();
    assert!(ring.open_sealed(Slot::new(8), AAD, &sealed).is_err());
    drop(ring);
    // After a restart nothing is left beyond where the log ends.
    let ring = open(dir.path(), &master).unwrap();
    ring.resume(Slot::new(8), Slot::new(8)).unwrap();
    for path in copies(&dir) {
        assert_eq!(fs::read(path).unwrap().len(), 9 * SLOT_BYTES);
    }
}

/// A group of which nobody knows whether it has its place gives its slots to the next one.
#[test]
fn a_key_that_is_drawn_anew_is_the_one_that_seals() {
    let (dir, master) = (TempDir::new().unwrap(), master());
    let ring = ring(&dir, &master, 0);
    fill(&ring, 8, 9);
    ring.draw(Slot::new(8)).unwrap();
    let sealed = ring.seal(Slot::new(8), AAD, b"Ada").unwrap();
    ring.store(Slot::new(9)).unwrap();
    drop(ring);
    let ring = open(dir.path(), &master).unwrap();
    let read = ring.open_sealed(Slot::new(8), AAD, &sealed);
    assert_eq!(read.unwrap(), b"Ada");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_sealed_opens_there_and_nowhere_else(
        text in prop::collection::vec(any::<u8>(), 0..200),
        slot in 0_u64..8,
        other in 0_u64..8,
        flip in any::<prop::sample::Index>(),
    ) {
        let dir = TempDir::new().unwrap();
        let ring = ring(&dir, &master(), 0);
        let (slot, other) = (Slot::new(slot), Slot::new(other));
        let sealed = ring.seal(slot, AAD, &text).unwrap();
        prop_assert_eq!(sealed.len(), text.len() + SEALED_OVERHEAD_BYTES);
        prop_assert_eq!(ring.open_sealed(slot, AAD, &sealed).unwrap(), text);
        prop_assert!(ring.open_sealed(slot, b"elsewhere", &sealed).is_err());
        prop_assert_eq!(ring.open_sealed(other, AAD, &sealed).is_ok(), other == slot);
        let mut flipped = sealed.clone();
        let bit = flip.index(sealed.len() * 8);
        flipped[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(ring.open_sealed(slot, AAD, &flipped).is_err());
        let cut = flip.index(sealed.len());
        prop_assert!(ring.open_sealed(slot, AAD, &sealed[..cut]).is_err());
    }
}
