//! Files of the index that are flipped, cut, lost, or of somebody else.

use uuid::Uuid;

use super::super::manifest::{self, Manifest};
use super::super::segment;
use super::{DIR, Step, World, history, readable};
use crate::domain::{EventId, Operation};
use crate::projection::view::Chore;
use crate::projection::{KeepError, View};
use crate::storage::{Disk, SimDisk};

#[test]
fn any_flipped_bit_is_seen_or_does_not_matter() {
    let mut world = World::new(3);
    for step in history().iter().take(30) {
        world.step(step);
    }
    world.index.keep().unwrap();
    let dump = world.index.dump();
    let files = world.disk.files(DIR).unwrap();
    for name in files.list().unwrap() {
        let length = usize::try_from(files.len(&name).unwrap()).unwrap();
        for byte in (0..length).filter(|byte| *byte < 150 || byte % 61 == 0) {
            let flip = |bytes: &mut Vec<u8>| bytes[byte] ^= 1 << (byte % 8);
            world.disk.tamper_file(DIR, &name, flip);
            // What an index that finds damage destroys must be there again for the next bit.
            let copy = SimDisk::new(1);
            for name in files.list().unwrap() {
                let length = usize::try_from(files.len(&name).unwrap()).unwrap();
                let bytes = files.read_at(&name, 0, length).unwrap();
                copy.files(DIR)
                    .unwrap()
                    .write_atomic(&name, &bytes)
                    .unwrap();
            }
            world.disk.tamper_file(DIR, &name, flip);
            let original = std::mem::replace(&mut world.disk, copy);
            world.start();
            let position = world.folded;
            let same = position > 0 && world.index.dump() == dump;
            let told = world.index.fault().is_some() || position == 0;
            // Only what fills the head up to a slot means nothing.
            let fills = name.ends_with(".blocks") && (124..4_096).contains(&byte);
            assert!(told || (same && fills), "{name}, byte {byte}");
            world.disk = original;
        }
    }
}

#[test]
fn what_is_lost_or_foreign_is_made_again_and_destroyed() {
    let changes: [fn(&SimDisk, &str); 3] = [
        |disk, _| disk.tamper_file(DIR, manifest::NAME, |bytes| bytes.clear()),
        |disk, name| disk.files(DIR).unwrap().remove(name).unwrap(),
        |disk, name| disk.tamper_file(DIR, name, |bytes| bytes.truncate(5_000)),
    ];
    for change in changes {
        let mut world = World::new(3);
        history().iter().for_each(|step| world.step(step));
        world.index.keep().unwrap();
        let name = world.disk.files(DIR).unwrap().list().unwrap().remove(0);
        change(&world.disk, &name);
        world.start();
        assert_eq!(world.folded, 0);
        assert_eq!(readable(&world.disk, &world.keys), [[0_u8; 0]; 0]);
        world.check();
    }
    // Another log, and another master key.
    let mut world = World::new(3);
    history().iter().for_each(|step| world.step(step));
    world.index.keep().unwrap();
    let kept = world.folded;
    world.log[kept - 1].0.header.id = EventId(Uuid::from_u128(1));
    world.start();
    assert_eq!(world.folded, 0);
    world.fold();
    world.index.keep().unwrap();
    world.keys = World::new(4).keys;
    world.start();
    assert_eq!(world.folded, 0);
    world.check();
}

/// An index of eight contacts, all of them in files, with its first file's name.
fn in_files() -> (World, String) {
    let mut world = World::new(3);
    for who in 0..8 {
        world.step(&Step::Write(who, 0, "Ann", 3));
    }
    world.fold();
    world.index.keep().unwrap();
    let names = world.disk.files(DIR).unwrap().list().unwrap();
    let first = names.into_iter().find(|name| name.ends_with(".blocks"));
    (world, first.unwrap())
}

/// Damages the first block of a file.
fn flip(world: &World, name: &str) {
    let change = |bytes: &mut Vec<u8>| bytes[4_100] ^= 1;
    world.disk.tamper_file(DIR, name, change);
}

/// The process may stop between the destruction of a damaged index and the moment when its thread
/// makes it again: the next one begins with the first event.
#[test]
fn what_was_destroyed_is_not_kept_as_folded() {
    let (mut world, name) = in_files();
    flip(&world, &name);
    world.start();
    drop(world.index.dump());
    assert!(world.index.fault().is_some());
    let kept = world.index.keep();
    assert!(matches!(kept, Err(KeepError::Doubted(_))), "{kept:?}");
    world.index.discard().unwrap();
    drop(world.index.keep());
    world.start();
    assert_eq!(world.folded, 0);
    world.check();

    // Nor is it where nothing was damaged: an event could not be folded.
    let mut world = in_files().0;
    world.index.discard().unwrap();
    world.index.keep().unwrap();
    world.start();
    assert_eq!(world.folded, 0);
    world.check();
}

/// An earlier release could leave a list that names a position and no file.
#[test]
fn a_list_whose_files_lack_contacts_is_not_believed() {
    let (mut world, _) = in_files();
    let files = world.disk.files(DIR).unwrap();
    let list = files.read_at(manifest::NAME, 0, 4_096).unwrap();
    let list = Manifest {
        files: Vec::new(),
        ..Manifest::decode(&list).unwrap()
    };
    files.write_atomic(manifest::NAME, &list.encode()).unwrap();
    world.start();
    assert_eq!(world.folded, 0);
    world.check();
}

/// A block that cannot be read counts as empty: no file is made of it.
#[test]
fn nothing_is_merged_of_what_is_damaged() {
    let mut world = World::new(3);
    for who in 0..5 {
        world.step(&Step::Write(who, 0, "Ann", 3));
        world.fold();
        world.index.keep().unwrap();
    }
    let files = world.disk.files(DIR).unwrap();
    let named = || {
        let list = files.read_at(manifest::NAME, 0, 4_096).unwrap();
        Manifest::decode(&list).unwrap().files
    };
    let before = named();
    assert_eq!(before.len(), 5, "one more than are left alone");
    // It is among the four neighbours, whichever those are.
    flip(&world, &segment::name_of(before[2]));
    // It is met in the last slice of the work, and in one before that.
    for slice_keys in [usize::MAX, 9] {
        world.start();
        world.index.upkeep.limits.slice_keys = slice_keys;
        while matches!(world.index.tend(), Ok(Chore::More)) {}
        assert!(world.index.fault().is_some());
        assert_eq!(named(), before);
    }
    world.check();
}

/// A contact's words may be in several parts that lie in two blocks. A merge holds the block in which it
/// stands in memory, as it was before the contact was erased.
#[test]
fn an_erasure_in_the_middle_of_a_merge_costs_no_file() {
    for (steps, erased) in (0..60).flat_map(|steps| (0..4).map(move |who| (steps, who))) {
        let mut world = World::new(3);
        for who in 0..5 {
            world.step(&Step::Write(who, 0, "Ann", 90));
            world.fold();
            world.index.keep().unwrap();
        }
        world.index.upkeep.limits.slice_keys = 1;
        world.tend(steps);
        world.end(erased, Operation::Erase);
        tend_to_the_end(&mut world);
        assert_eq!(world.index.fault(), None, "{erased} after {steps}");
        if steps % 16 == 0 {
            world.check();
        }
    }
}

fn tend_to_the_end(world: &mut World) {
    loop {
        match world.index.tend().expect("it is tended") {
            Chore::Nothing => return,
            Chore::More => {}
            Chore::Sync(files, name) => files.sync(&name).expect("synced"),
        }
    }
}
