//! Saved counts are those that were counted, and go on where they ended.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use proptest::prelude::*;
use uuid::Uuid;

use super::saved::SavedV1;
use super::*;
use crate::domain::{Failure, FailureCode, Header, Owner};
use crate::keys::{FileKeys, KeyRing, MasterKey};
use crate::storage::{Disk, SimDisk};

fn event(position: u64, tenant: u8, operation: usize, phase: u8) -> Event {
    let header = Header::new(
        Position::new(position),
        EventId(Uuid::from_u128(position.into())),
        Timestamp::from_millis(position * 1_000_000),
        Operation::ALL[operation % Operation::ALL.len()],
        Owner::new(DialectId(1 + tenant % 2), &[&format!("t{tenant}")]).expect("an owner"),
    );
    let phase = match phase {
        0 => Phase::Start { idempotency: None },
        1 => Phase::Success { erasure: None },
        _ => Phase::Fail(Failure {
            code: FailureCode::NotFound,
            violations: Vec::new(),
        }),
    };
    Event { header, phase }
}

fn folded(events: impl IntoIterator<Item = Event>) -> Statistics {
    let mut statistics = Statistics::new();
    for event in events {
        statistics.fold(&event, ()).expect("it counts");
    }
    statistics
}

fn home(disk: &SimDisk) -> Home {
    let keys = disk.files("keys").expect("a directory");
    let master = MasterKey::generate().expect("a key");
    let ring = KeyRing::open(keys, &master).expect("keys");
    let keys: FileKeys = ring.file_keys();
    Home {
        files: disk.files("views").expect("a directory"),
        keys,
        numbers: Arc::new(AtomicU64::new(1)),
    }
}

proptest! {
    #[test]
    fn what_was_saved_is_what_was_counted(
        kinds in prop::collection::vec((0..4_u8, 0..9_usize, 0..3_u8), 1..60),
    ) {
        let events = (1..).zip(kinds);
        let counted = folded(events.map(|(at, (tenant, operation, phase))| event(at, tenant, operation, phase)));
        let bytes = counted.to_saved().expect("counts").encode();
        let saved = SavedV1::decode(&bytes).expect("they are whole");
        prop_assert_eq!(Statistics::of_saved(saved), Some(counted));
    }
}

#[test]
fn any_flipped_bit_is_seen() {
    let bytes = folded([event(1, 0, 0, 0), event(2, 1, 1, 1)])
        .to_saved()
        .expect("counts")
        .encode();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(SavedV1::decode(&flipped), None, "{bit}");
    }
}

#[test]
fn the_next_process_goes_on_where_this_one_saved() {
    let disk = SimDisk::new(1);
    let home = home(&disk);
    let resume = |is_of_log: bool| Statistics::resume(&home, &|_, _| is_of_log);
    let (mut first, position) = resume(true);
    assert_eq!(position, Position::ZERO);
    for at in 1..=3 {
        first.fold(&event(at, 0, 0, 0), ()).expect("it counts");
    }
    first.tend().expect("a chore");
    assert_eq!(resume(true).1, Position::ZERO, "it is not worth a file yet");
    first.keep().expect("it is kept");
    let (second, position) = resume(true);
    assert_eq!((second, position), (first, Position::new(3)));
    assert_eq!(resume(false).1, Position::ZERO, "it is of another log");
}

#[test]
fn a_view_beside_leaves_the_file_alone_until_it_takes_over() {
    let disk = SimDisk::new(1);
    let home = home(&disk);
    let resume = || Statistics::resume(&home, &|_, _| true);
    let (mut old, _) = resume();
    old.fold(&event(1, 0, 0, 0), ()).expect("it counts");
    old.keep().expect("it is kept");
    let mut new = Statistics::beside(&home);
    for at in 1..=2 {
        new.fold(&event(at, 0, 0, 0), ()).expect("it counts");
    }
    new.keep().expect("it is not kept");
    assert_eq!(resume().1, Position::new(1));
    new.take_over(&mut old).expect("it takes over");
    assert_eq!(resume().1, Position::new(2));
    old.discard().expect("the file is another's now");
    assert_eq!(resume().1, Position::new(2));
    new.discard().expect("the file goes");
    assert_eq!(resume().1, Position::ZERO);
}
