//! What holds at the ends of a range of slots, and for a slot that stands in another one's place.

use super::*;

#[test]
fn keys_beyond_the_end_of_the_log_are_not_stored() {
    let (dir, master) = (TempDir::new().unwrap(), master());
    let ring = ring(&dir, &master, 0);
    for slot in [8, 9] {
        ring.draw(Slot::new(slot)).unwrap();
    }
    assert!(ring.store(Slot::new(9)).unwrap());
    assert!(ring.refusal(Slot::new(8)).is_none());
    let refusal = ring.refusal(Slot::new(9));
    assert!(matches!(refusal, Some(SealError::MissingKey { .. })));
}

#[test]
fn a_key_opens_only_from_the_slot_it_was_made_for() {
    let (dir, master) = (TempDir::new().unwrap(), master());
    let ring = ring(&dir, &master, 0);
    drop(ring);
    let mut bytes = fs::read(slots_path(&dir)).unwrap();
    let at = |slot: u64| offset(Slot::new(slot)) as usize..offset(Slot::new(slot + 1)) as usize;
    bytes.copy_within(at(1), at(2).start);
    put(&dir, &bytes);
    let ring = open(dir.path(), &master).unwrap();
    assert!(ring.refusal(Slot::new(1)).is_none());
    let refusal = ring.refusal(Slot::new(2));
    assert!(
        matches!(refusal, Some(SealError::DamagedKey { .. })),
        "{refusal:?}"
    );
}

#[test]
fn a_copy_whose_header_differs_is_a_file_to_repair() {
    let (dir, master) = (TempDir::new().unwrap(), master());
    let ring = ring(&dir, &master, 0);
    assert!(!ring.compare(Slot::new(8)).unwrap().file);
    for copy in copies(&dir) {
        let whole = fs::read(&copy).unwrap();
        let mut bytes = whole.clone();
        bytes[0] ^= 1;
        fs::write(&copy, bytes).unwrap();
        assert!(ring.compare(Slot::new(8)).unwrap().file, "{copy:?}");
        fs::write(&copy, whole).unwrap();
    }
}

#[test]
fn slots_that_came_from_elsewhere_are_in_use_and_never_fewer_than_before() {
    let (dir, master) = (TempDir::new().unwrap(), master());
    let ring = ring(&dir, &master, 0);
    assert_eq!(ring.in_use().unwrap(), 8);
    ring.reach(Slot::new(12));
    assert_eq!(ring.in_use().unwrap(), 12);
    ring.reach(Slot::new(3));
    assert_eq!(ring.in_use().unwrap(), 12);
}
