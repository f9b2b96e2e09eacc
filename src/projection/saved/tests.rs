//! Views saved while a history goes on: over power cuts, flipped bits and erasures.

use std::sync::Arc;

use proptest::prelude::*;

use super::{PartError, Parts};
use crate::domain::{Position, Tag};
use crate::keys::{KeyRing, MasterKey, OpenSeeds, Seeds, Slot};
use crate::projection::Contacts;
use crate::projection::contacts_tests::{Both, Step, step, tag};
use crate::storage::{Disk, Faults, Files, SimDisk};

const DIR: &str = "views";

fn files(disk: &SimDisk) -> Arc<dyn Files> {
    disk.files(DIR).expect("a directory")
}

fn open(disk: &SimDisk) -> Parts {
    Parts::open(files(disk)).expect("it opens")
}

fn load(disk: &SimDisk) -> Contacts {
    loaded(open(disk), &OpenSeeds)
}

/// The view that parts make; what is no part of it is removed.
fn loaded(mut parts: Parts, seeds: &dyn Seeds) -> Contacts {
    let view = parts.load(seeds).expect("it loads");
    parts.sweep().expect("it sweeps");
    view
}

fn save(view: &mut Contacts, parts: &mut Parts, seeds: &dyn Seeds) -> Result<(), PartError> {
    parts.save(&view.delta(), seeds)?;
    view.set_saved();
    Ok(())
}

/// What happens, and whether the view is saved and its parts are merged behind it.
fn history() -> impl Strategy<Value = Vec<(Step, bool, bool)>> {
    let save = prop::bool::weighted(0.2);
    let merge = prop::bool::weighted(0.5);
    prop::collection::vec((step(), save, merge), 0..60)
}

proptest! {
    #[test]
    fn a_saved_view_is_the_folded_one(history in history()) {
        let disk = SimDisk::new(1);
        let mut parts = open(&disk);
        let mut both = Both::default();
        for (step, saves, merges) in &history {
            both.take(step);
            let saves = *saves && both.packed.position() > Position::ZERO;
            if saves {
                save(&mut both.packed, &mut parts, &OpenSeeds).unwrap();
                prop_assert_eq!(parts.position(), both.packed.position());
                let loaded = load(&disk);
                prop_assert_eq!(loaded.to_snapshot(), both.packed.to_snapshot());
            }
            if saves && *merges {
                parts.merge(&|| true).unwrap();
                prop_assert_eq!(parts.count(), 1);
                let [name] = &files(&disk).list().unwrap()[..] else { panic!("one file") };
                let bytes = files(&disk).read_at(name, 0, usize::MAX).unwrap();
                prop_assert!(bytes == both.packed.to_snapshot(), "as if it was saved in one go");
            }
        }
        save(&mut both.packed, &mut parts, &OpenSeeds).unwrap();
        // What was loaded answers as the plain view does, and goes on as it does.
        both.packed = load(&disk);
        both.check();
        let mut parts = open(&disk);
        for (step, ..) in &history {
            both.take(step);
        }
        save(&mut both.packed, &mut parts, &OpenSeeds).unwrap();
        both.packed = load(&disk);
        both.check();
    }

    /// Whatever bit is flipped, the view is one that was saved: never another.
    #[test]
    fn a_flipped_bit_costs_no_more_than_folding(
        history in history(),
        pick: prop::sample::Index,
        bit: prop::sample::Index,
    ) {
        let disk = SimDisk::new(1);
        let mut parts = open(&disk);
        let mut both = Both::default();
        let mut saved = vec![Contacts::default().to_snapshot()];
        for (step, saves, merges) in &history {
            both.take(step);
            if *saves {
                save(&mut both.packed, &mut parts, &OpenSeeds).unwrap();
                saved.push(both.packed.to_snapshot());
            }
            if *merges && history.len() > 30 {
                parts.merge(&|| true).unwrap();
            }
        }
        let names = files(&disk).list().unwrap();
        prop_assume!(!names.is_empty());
        let name = pick.get(&names);
        disk.tamper_file(DIR, name, |bytes| {
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
        });
        let loaded = load(&disk).to_snapshot();
        prop_assert!(saved.contains(&loaded));
        prop_assert!(!files(&disk).has(name).unwrap(), "it is gone");
    }
}

/// Saves and merges until the disk fails; the snapshots of what was saved, the last one perhaps not.
fn live(disk: &SimDisk, both: &mut Both, steps: &[Step]) -> (Vec<Vec<u8>>, bool) {
    let mut saved = Vec::new();
    let Ok(mut parts) = Parts::open(files(disk)) else {
        return (saved, false);
    };
    for step in steps {
        both.take(step);
        saved.push(both.packed.to_snapshot());
        if save(&mut both.packed, &mut parts, &OpenSeeds).is_err() {
            return (saved, false);
        }
        if parts.count() > 2 && parts.merge(&|| true).is_err() {
            return (saved, true);
        }
    }
    (saved, true)
}

#[test]
fn a_power_cut_at_any_sync_keeps_what_was_saved() {
    let steps = (0..8_u8).map(|number| Step::create(number % 3, number % 4));
    let steps: Vec<Step> = steps.collect();
    let mut cut = 0;
    for seed in 0..20 {
        for at in 1.. {
            let disk = SimDisk::new(seed);
            let halt_at = Some(at);
            disk.plan(Faults {
                halt_at,
                ..Faults::default()
            });
            let (saved, was_last_saved) = live(&disk, &mut Both::default(), &steps);
            let done = disk.syncs() < at;
            disk.crash();
            let loaded = load(&disk).to_snapshot();
            let begun = Contacts::default().to_snapshot();
            let mut newest = saved.iter().rev();
            let last = newest.next().unwrap_or(&begun);
            let before = newest.next().unwrap_or(&begun);
            assert!(
                loaded == *last || !was_last_saved && loaded == *before,
                "{seed} {at}"
            );
            if done {
                break;
            }
            cut += 1;
        }
    }
    assert!(cut > 500, "{cut} cuts");
}

#[test]
fn a_sync_that_fails_is_told_and_saving_goes_on() {
    for at in 1..40 {
        let disk = SimDisk::new(at);
        let fail_at = Some(at);
        disk.plan(Faults {
            fail_at,
            ..Faults::default()
        });
        let mut parts = open(&disk);
        let mut both = Both::default();
        for number in 0..8_u8 {
            both.take(&Step::create(number % 3, number % 4));
            if save(&mut both.packed, &mut parts, &OpenSeeds).is_ok() {
                // What cannot be merged now is merged later.
                parts.merge(&|| true).ok();
            }
        }
        save(&mut both.packed, &mut parts, &OpenSeeds).unwrap();
        disk.kill();
        let loaded = load(&disk).to_snapshot();
        assert!(loaded == both.packed.to_snapshot(), "{at}");
    }
}

fn syncs_of_a_small_merge() -> u64 {
    let disk = SimDisk::new(1);
    let mut parts = open(&disk);
    let mut both = Both::default();
    for _ in 0..3 {
        both.take(&Step::create(0, 1));
        save(&mut both.packed, &mut parts, &OpenSeeds).unwrap();
    }
    let syncs = disk.syncs();
    parts.merge(&|| true).unwrap();
    disk.syncs() - syncs
}

#[test]
fn parts_stand_in_for_a_damaged_one_that_they_were_merged_into() {
    let disk = SimDisk::new(1);
    let mut parts = open(&disk);
    let mut both = Both::default();
    for number in 0..3 {
        both.take(&Step::create(number, number));
        save(&mut both.packed, &mut parts, &OpenSeeds).unwrap();
    }
    let names = files(&disk).list().unwrap();
    let read = |name: &String| files(&disk).read_at(name, 0, usize::MAX).unwrap();
    let small: Vec<_> = names.iter().map(read).collect();
    parts.merge(&|| true).unwrap();
    let merged = files(&disk).list().unwrap().remove(0);
    for (name, bytes) in names.iter().zip(&small) {
        files(&disk).write(name, bytes).unwrap();
    }
    assert!(load(&disk).to_snapshot() == both.packed.to_snapshot());
    let merged_alone = std::slice::from_ref(&merged);
    assert_eq!(files(&disk).list().unwrap(), merged_alone);
    for (name, bytes) in names.iter().zip(&small) {
        files(&disk).write(name, bytes).unwrap();
    }
    disk.tamper_file(DIR, &merged, |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    });
    assert!(load(&disk).to_snapshot() == both.packed.to_snapshot());
    assert_eq!(
        files(&disk).list().unwrap(),
        names,
        "the damaged one is gone"
    );
}

#[test]
fn a_merge_that_is_given_up_leaves_what_there_was() {
    let disk = SimDisk::new(1);
    let mut parts = open(&disk);
    let mut both = Both::default();
    // So many idempotency keys that a merge writes more than once.
    for round in 0..15_000_u32 {
        both.take(&Step {
            idempotency: Some(round as u8),
            ..Step::create(0, 1)
        });
        if round % 5_000 == 4_999 {
            save(&mut both.packed, &mut parts, &OpenSeeds).unwrap();
        }
    }
    let before = files(&disk).list().unwrap();
    assert_eq!(before.len(), 3);
    parts.merge(&|| false).unwrap();
    assert_eq!(files(&disk).list().unwrap(), before);
    let syncs = disk.syncs();
    parts.merge(&|| true).unwrap();
    let (large, small) = (disk.syncs() - syncs, syncs_of_a_small_merge());
    assert!(
        large > small,
        "what is written is not waited for as it goes: {large} {small}"
    );
    assert_eq!((parts.count(), files(&disk).list().unwrap().len()), (1, 1));
    assert!(load(&disk).to_snapshot() == both.packed.to_snapshot());
}

#[test]
fn a_view_of_another_log_or_release_is_folded_anew() {
    let disk = SimDisk::new(1);
    let mut parts = open(&disk);
    let mut both = Both::default();
    let mut marks = Vec::new();
    for number in 0..3 {
        both.take(&Step::create(number, number));
        save(&mut both.packed, &mut parts, &OpenSeeds).unwrap();
        marks.push(both.packed.mark());
    }
    files(&disk)
        .write("contacts.view", b"of an earlier release")
        .unwrap();
    files(&disk).write("contacts.tmp", b"cut off").unwrap();
    files(&disk).write("search", b"another view's").unwrap();
    let is_of_log = |mark: &_| marks[..2].contains(mark);
    let mut parts = open(&disk);
    assert_eq!(parts.load(&OpenSeeds).unwrap().mark(), marks[2]);
    assert!(parts.keep_those(is_of_log) && !parts.keep_those(is_of_log));
    assert_eq!(files(&disk).list().unwrap().len(), 6, "nothing is gone yet");
    assert_eq!(loaded(parts, &OpenSeeds).mark(), marks[1]);
    assert_eq!(
        files(&disk).list().unwrap().len(),
        3,
        "two parts and another view's file"
    );
    for name in files(&disk).list().unwrap() {
        disk.tamper_file(DIR, &name, |bytes| bytes[8] = bytes[8].wrapping_sub(1));
    }
    assert_eq!(load(&disk).mark(), Contacts::default().mark());
    assert_eq!(files(&disk).list().unwrap(), ["search"]);
}

fn keys(disk: &SimDisk, contacts: u64) -> KeyRing {
    let master = MasterKey::generate().expect("a key");
    let keys = KeyRing::open(disk.files("keys").unwrap(), &master).unwrap();
    keys.resume(Slot::new(0), Slot::new(0)).unwrap();
    for number in 0..contacts {
        keys.draw(Slot::new(number)).unwrap();
    }
    keys.store(Slot::new(contacts)).unwrap();
    keys
}

fn holders(view: &Contacts, tag: Tag) -> usize {
    view.found_by(tag).count()
}

/// All bytes of the directory, for looking for some.
fn all_bytes(disk: &SimDisk) -> Vec<u8> {
    let files = files(disk);
    let read = |name: String| files.read_at(&name, 0, usize::MAX).unwrap();
    files.list().unwrap().into_iter().flat_map(read).collect()
}

#[test]
fn no_part_tells_the_tags_of_whose_key_is_destroyed() {
    let disk = SimDisk::new(1);
    let keys = keys(&disk, 3);
    let mut parts = open(&disk);
    let mut both = Both::default();
    for number in 0..3 {
        both.take(&Step {
            tags: [number + 50, 60].into(),
            idempotency: None,
            ..Step::create(0, 1)
        });
        save(&mut both.packed, &mut parts, &keys).unwrap();
    }
    let has = |tag: Tag| all_bytes(&disk).windows(16).any(|bytes| bytes == tag.0);
    assert!(
        [50, 51, 52, 60].into_iter().all(|number| !has(tag(number))),
        "no tag stands in clear"
    );
    let load = || open(&disk).load(&keys).unwrap();
    assert!(load().to_snapshot() == both.packed.to_snapshot());
    let there = all_bytes(&disk);
    keys.erase(Slot::new(1)).unwrap();
    assert_eq!(keys.seeds(Slot::new(1), 1).unwrap(), [None]);
    assert!(
        there == all_bytes(&disk),
        "no part is written for an erasure"
    );
    let loaded = load();
    let found = [50, 51, 52, 60].map(|number| holders(&loaded, tag(number)));
    assert_eq!(
        found,
        [1, 0, 1, 2],
        "what is left of the tags of the one is noise"
    );
}

#[test]
fn parts_saved_beside_other_keys_are_folded_anew() {
    let disk = SimDisk::new(1);
    let ours = keys(&disk, 1);
    let mut parts = open(&disk);
    let mut both = Both::default();
    both.take(&Step {
        tags: [1].into(),
        ..Step::create(0, 1)
    });
    save(&mut both.packed, &mut parts, &ours).unwrap();
    let new = MasterKey::generate().unwrap();
    ours.rotate(&new, || Ok(())).unwrap();
    let loaded = open(&disk).load(&ours).unwrap();
    assert_eq!(loaded.mark(), Contacts::default().mark());
}
