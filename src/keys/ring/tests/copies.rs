//! The two copies of the slots: each completes the other, whatever was cut off or damaged.

use super::*;

#[test]
fn a_key_whose_sync_failed_is_on_the_disk_after_the_next_start() {
    let many = (20, CHUNK_SLOTS + 100);
    for (seed, count) in (1..20).map(|seed| (seed, 3)).chain([many]) {
        let (disk, master) = (SimDisk::new(seed), master());
        let start = |next| {
            let ring = KeyRing::open(disk.files("keys").unwrap(), &master).unwrap();
            ring.resume(Slot::new(next), Slot::default()).unwrap();
            ring
        };
        let ring = start(0);
        (0..count).for_each(|slot| ring.draw(Slot::new(slot)).unwrap());
        let seal = |slot| ring.seal(Slot::new(slot), AAD, b"Ada").unwrap();
        let sealed: Vec<_> = (0..count).map(seal).collect();
        disk.plan(Faults {
            fail_at: Some(1),
            ..Faults::default()
        });
        assert!(ring.store(Slot::new(count)).is_err());
        disk.kill();
        start(count);
        disk.crash();
        let files = disk.files("keys").unwrap();
        let [one, other] = names_of(1).map(|name| files.read_at(&name, 0, 1 << 20).unwrap());
        assert!(one == other, "the copies differ, seed {seed}");
        let ring = start(count);
        for (slot, sealed) in (0..).zip(&sealed) {
            let read = ring.open_sealed(Slot::new(slot), AAD, sealed);
            assert_eq!(read.unwrap(), b"Ada", "slot {slot} of seed {seed}");
        }
    }
}

#[test]
fn an_erasure_that_has_returned_outlasts_a_power_cut_in_both_copies() {
    for seed in 1..=20 {
        let (disk, master) = (SimDisk::new(seed), master());
        let files = || disk.files("keys").unwrap();
        let ring = KeyRing::open(files(), &master).unwrap();
        ring.resume(Slot::new(0), Slot::default()).unwrap();
        fill(&ring, 0, 3);
        ring.erase(Slot::new(1)).unwrap();
        disk.crash();
        for name in names_of(1) {
            let slot = files().read_at(&name, SLOT_BYTES as u64 * 2, SLOT_BYTES);
            assert_eq!(slot.unwrap(), ERASED, "{name} of seed {seed}");
        }
    }
}

#[test]
fn keys_outlast_a_power_cut_in_both_copies() {
    for seed in 1..=20 {
        let (disk, master) = (SimDisk::new(seed), master());
        let read = |name: &str| {
            let files = disk.files("keys").unwrap();
            files.read_at(name, 0, 99 * SLOT_BYTES).unwrap()
        };
        let start = || {
            let ring = KeyRing::open(disk.files("keys").unwrap(), &master).unwrap();
            ring.resume(Slot::new(0), Slot::default()).unwrap();
            ring
        };
        let ring = start();
        fill(&ring, 0, 8);
        let whole = read(&names_of(1)[0]);
        disk.crash();
        for name in names_of(1) {
            assert_eq!(read(&name), whole, "{name} of seed {seed}");
        }
        for name in names_of(1) {
            let ring = KeyRing::open(disk.files("keys").unwrap(), &master).unwrap();
            ring.resume(Slot::new(8), Slot::new(8)).unwrap();
            disk.tamper_file("keys", &name, |bytes| bytes[5 * SLOT_BYTES + 1] ^= 1);
            assert_eq!(ring.scrub(&mut |_| true).unwrap().unwrap().slots, 1);
            disk.crash();
            assert_eq!(read(&name), whole, "{name} of seed {seed}");
        }
    }
}

#[test]
fn a_refused_operation_changes_no_verdict_and_may_be_tried_again() {
    let (sim, master) = (SimDisk::new(1), master());
    let ring = KeyRing::open(sim.files("keys").unwrap(), &master).unwrap();
    ring.resume(Slot::new(0), Slot::default()).unwrap();
    fill(&ring, 0, 3);
    ring.erase(Slot::new(1)).unwrap();
    for at in 1.. {
        let fault = Fault::Refused(rustix::io::Errno::IO);
        let disk = FaultyDisk::new(&sim, at, fault);
        let Ok(files) = disk.files("keys") else {
            continue;
        };
        let opened = KeyRing::open(files, &master);
        let refused = matches!(&opened, Err(OpenError::File(_)));
        let Ok(ring) = opened else {
            assert!(refused, "operation {at}");
            continue;
        };
        let open = disk.operations();
        let compared = ring.compare(Slot::new(3));
        assert_eq!(
            compared.is_err(),
            (open + 1..=disk.operations()).contains(&at)
        );
        assert!(compared.is_err() || compared.unwrap().is_nothing());
        let before = disk.operations();
        let without = ring.without_key(Slot::new(3));
        if before < at && at <= disk.operations() {
            assert!(without.is_err(), "operation {at}");
        } else {
            assert_eq!(without.unwrap(), [Slot::new(1)], "operation {at}");
        }
        if at > disk.operations() {
            return;
        }
    }
}

#[test]
fn a_new_file_that_could_not_be_named_is_named_by_the_next_call() {
    for at in 1.. {
        let (sim, master) = (SimDisk::new(1), master());
        let disk = FaultyDisk::new(&sim, at, Fault::Refused(rustix::io::Errno::IO));
        let ring = disk.files("keys").ok();
        let Some(Ok(ring)) = ring.map(|files| KeyRing::open(files, &master)) else {
            continue;
        };
        let first = ring.resume(Slot::new(0), Slot::default());
        if first.is_err() {
            ring.resume(Slot::new(0), Slot::default()).unwrap();
        }
        assert_eq!(sim.files("keys").unwrap().list().unwrap().len(), 2, "{at}");
        if at > disk.operations() {
            return;
        }
    }
}

#[test]
fn many_slots_are_read_part_by_part_and_no_further_than_asked() {
    let (dir, master) = (TempDir::new().unwrap(), master());
    let (asked, all) = (CHUNK_SLOTS + 100, CHUNK_SLOTS + 300);
    let ring = ring(&dir, &master, 0);
    fill(&ring, 8, all);
    ring.erase(Slot::new(asked + 50)).unwrap();
    let damage = |copy: usize, slot: u64| {
        let mut bytes = fs::read(&copies(&dir)[copy]).unwrap();
        bytes[offset(Slot::new(slot)) as usize + 40] ^= 1;
        fs::write(&copies(&dir)[copy], bytes).unwrap();
    };
    damage(1, asked + 60);
    for copy in 0..2 {
        damage(copy, asked + 70);
        damage(copy, asked - 1);
    }
    assert!(ring.compare(Slot::new(asked)).unwrap().is_nothing());
    assert!(ring.without_key(Slot::new(asked)).unwrap().is_empty());
    let marked = ring.mark_lost([], Slot::new(asked)).unwrap();
    assert_eq!(marked.damaged, [Slot::new(asked - 1)]);
    assert_eq!((marked.file, marked.slots), (false, 0));

    damage(0, 3);
    let mut header = fs::read(&copies(&dir)[1]).unwrap();
    header[0] ^= 1;
    fs::write(&copies(&dir)[1], header).unwrap();
    let mut paces = Vec::new();
    let found = ring.scrub(&mut |bytes| {
        paces.push(bytes);
        true
    });
    let expected = SlotsRepaired {
        file: true,
        slots: 2,
        damaged: vec![Slot::new(asked - 1), Slot::new(asked + 70)],
    };
    assert_eq!(found.unwrap(), Some(expected));
    let parts = [CHUNK_SLOTS, 300].map(|slots| 2 * 72 * slots);
    assert_eq!(paces, parts);
    assert_eq!(ring.scrub(&mut |_| false).unwrap(), None);
}

#[test]
fn what_was_wrong_with_slots_is_said_in_words() {
    for (file, slots, damaged, text) in [
        (false, 0, 0, ""),
        (
            true,
            0,
            0,
            "one of the two copies of the contacts' keys was missing or unreadable; the other completed it",
        ),
        (
            false,
            1,
            0,
            "of 1 contact's key one of the two copies was damaged; the other completed it",
        ),
        (false, 0, 2, "both copies of 2 contacts' keys are damaged"),
    ] {
        let damaged = vec![Slot::new(7); damaged];
        let found = SlotsRepaired {
            file,
            slots,
            damaged,
        };
        assert_eq!(found.to_string(), text);
        assert_eq!(found.is_nothing(), text.is_empty());
    }
    let slot = Slot::new(7);
    let erased = SealError::Erased { slot }.to_string();
    assert!(erased.contains("slot 7 was destroyed"), "{erased}");
    let dir = TempDir::new().unwrap();
    let ring = open(dir.path(), &master()).unwrap();
    let lost = ring.check(slot).unwrap_err().to_string();
    assert!(lost.contains(&*dir.path().to_string_lossy()), "{lost}");
    ring.resume(Slot::new(0), Slot::default()).unwrap();
    let truncated = ring.check(slot).unwrap_err().to_string();
    assert!(truncated.contains("slots-1.bin"), "{truncated}");
}

#[test]
fn a_key_in_one_copy_is_a_key() {
    let (dir, master) = (TempDir::new().unwrap(), master());
    let ring = ring(&dir, &master, 0);
    let mut first = fs::read(slots_path(&dir)).unwrap();
    first[2 * SLOT_BYTES..][..SLOT_BYTES].fill(0);
    for path in copies(&dir) {
        let mut bytes = fs::read(&path).unwrap();
        bytes[4 * SLOT_BYTES] ^= 1;
        fs::write(&path, bytes).unwrap();
    }
    first[4 * SLOT_BYTES] ^= 1;
    fs::write(slots_path(&dir), first).unwrap();
    assert!(ring.without_key(Slot::new(8)).unwrap().is_empty());
    let seeds = ring.seeds(Slot::new(0), 8).unwrap();
    for (slot, seed) in seeds.iter().enumerate().filter(|(slot, _)| *slot != 1) {
        let bytes = slot_bytes(&dir, slot);
        assert_eq!(seed.unwrap().as_bytes(), &bytes[..40], "{slot}");
    }
    assert!(seeds[1].is_some());
    let open = OpenSeeds.seeds(Slot::new(1), 3).unwrap();
    assert_eq!(open, [Some(Seed::OPEN); 3]);
    ring.erase(Slot::new(5)).unwrap();
    let seeds = ring.seeds(Slot::new(0), 8).unwrap();
    assert!(seeds[5].is_none() && seeds[6].is_some());
}

/// A sector that was lost leaves zeros, which are the form of a key that was given up.
#[test]
fn a_slot_of_which_one_copy_is_half_gone_has_its_seed_from_the_other() {
    let (dir, master) = (TempDir::new().unwrap(), master());
    let ring = ring(&dir, &master, 0);
    let whole = ring.seeds(Slot::new(0), 8).unwrap();
    let mut first = fs::read(slots_path(&dir)).unwrap();
    first[4 * SLOT_BYTES..][24..SLOT_BYTES].fill(0);
    fs::write(slots_path(&dir), first).unwrap();
    assert_eq!(ring.seeds(Slot::new(0), 8).unwrap(), whole);
}

#[test]
fn one_flipped_bit_loses_nobody() {
    let (dir, master) = (TempDir::new().unwrap(), master());
    let ring = ring(&dir, &master, 0);
    ring.erase(Slot::new(1)).unwrap();
    let sealed = ring.seal(Slot::new(0), AAD, b"Ada").unwrap();
    drop(ring);
    let whole = fs::read(slots_path(&dir)).unwrap();
    for path in copies(&dir) {
        for bit in (0..3 * SLOT_BYTES * 8).step_by(3) {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &bytes).unwrap();
            let ring = open(dir.path(), &master).unwrap();
            let check = |ring: &KeyRing| {
                let read = ring.open_sealed(Slot::new(0), AAD, &sealed);
                assert_eq!(read.unwrap(), b"Ada", "{bit}");
                assert!(ring.is_erased(Slot::new(1)), "{bit}");
            };
            check(&ring);
            assert_eq!(fs::read(&path).unwrap(), bytes, "nothing is written yet");
            assert!(!ring.compare(Slot::new(8)).unwrap().is_nothing(), "{bit}");
            let repaired = ring.resume(Slot::new(8), Slot::new(8)).unwrap();
            let is_header = bit < SLOT_BYTES * 8;
            let expected = SlotsRepaired {
                file: is_header,
                slots: u64::from(!is_header),
                damaged: Vec::new(),
            };
            assert_eq!(repaired, expected, "{bit}");
            check(&ring);
            for path in copies(&dir) {
                assert_eq!(fs::read(path).unwrap(), whole, "{bit}");
            }
        }
    }
}

#[test]
fn a_directory_of_one_copy_gets_the_second() {
    for gone in 0..2 {
        let (dir, master) = (TempDir::new().unwrap(), master());
        let sealed = ring(&dir, &master, 0).seal(Slot::new(7), AAD, b"Ada");
        let sealed = sealed.unwrap();
        let whole = fs::read(slots_path(&dir)).unwrap();
        fs::remove_file(&copies(&dir)[gone]).unwrap();
        let ring = open(dir.path(), &master).unwrap();
        assert_eq!(
            ring.open_sealed(Slot::new(7), AAD, &sealed).unwrap(),
            b"Ada"
        );
        let repaired = ring.resume(Slot::new(8), Slot::new(8)).unwrap();
        assert!(repaired.file && repaired.damaged.is_empty());
        for path in copies(&dir) {
            assert_eq!(fs::read(path).unwrap(), whole);
        }
    }
}

#[test]
fn an_erasure_that_reached_one_copy_reaches_the_other() {
    let (dir, master) = (TempDir::new().unwrap(), master());
    drop(ring(&dir, &master, 0));
    let before = fs::read(slots_path(&dir)).unwrap();
    for cut in copies(&dir) {
        put(&dir, &before);
        let ring = open(dir.path(), &master).unwrap();
        ring.erase(Slot::new(3)).unwrap();
        drop(ring);
        fs::write(&cut, &before).unwrap();
        let ring = open(dir.path(), &master).unwrap();
        ring.resume(Slot::new(8), Slot::new(8)).unwrap();
        assert!(ring.is_erased(Slot::new(3)));
        for path in copies(&dir) {
            let bytes = fs::read(path).unwrap();
            assert_eq!(bytes[4 * SLOT_BYTES..][..SLOT_BYTES], [0xE5; SLOT_BYTES]);
        }
    }
}
