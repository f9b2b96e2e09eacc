//! Files of the index that are flipped, cut, lost, or of somebody else.

use uuid::Uuid;

use super::super::manifest;
use super::{DIR, World, history, readable};
use crate::domain::EventId;
use crate::projection::View;
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
