//! Generated histories: at every sync the power goes, the process dies, or the
//! sync fails.
//!
//!     CRASH_POINTS=10000 cargo test --test disk a_power_cut -- --nocapture
//!
//! cuts the power so many times or more, and says how often.

use contactd::{
    log::{self, OpenError},
    storage::{Batch, Disk, Faults, SimDisk, StorageError},
};

use super::{GROUPS, append, check_copies_agree, check_entries, figures::say, open, options};

/// What a history promised: `acknowledged` must be there, up to `possible` may.
#[derive(Clone, Copy, Default)]
struct Promised {
    acknowledged: u64,
    possible: u64,
}

/// Opens, checks, appends groups until something fails; false if it did.
fn live(disk: &SimDisk, promised: &mut Promised, groups: &[u64]) -> bool {
    let mut log = match open(disk) {
        Ok(log) => log,
        Err(OpenError::Storage(StorageError::Io { .. })) => return false,
        Err(error) => panic!("nothing is damaged: {error}"),
    };
    let head = log.reader.head().get();
    // The last group is there whole, or not at all.
    assert!(
        [promised.acknowledged, promised.possible].contains(&head),
        "{} acknowledged, {} possible, but the head is {head}",
        promised.acknowledged,
        promised.possible,
    );
    // Readers see it from now on: it may not go away again.
    promised.acknowledged = head;
    promised.possible = head;
    for count in groups {
        promised.possible = promised.acknowledged + count;
        if append(&mut log, *count).is_err() {
            let refused = log.appender.append(&[b"x"]);
            assert!(matches!(refused, Err(log::AppendError::Poisoned)));
            assert_eq!(log.reader.head().get(), promised.acknowledged);
            return false;
        }
        promised.acknowledged = promised.possible;
    }
    check_entries(&log);
    true
}

/// Each copy alone holds what was acknowledged, before anything is repaired.
fn check_each_copy(disk: &SimDisk, promised: Promised) {
    let verified = log::verify(disk, &options(), &mut |_| {}).expect("the disk works");
    for damage in verified.damages {
        let first = damage.first().get();
        assert!(first > promised.acknowledged, "{damage}");
    }
}

/// The last lives, on a disk without faults.
fn check_end(disk: &SimDisk, mut promised: Promised) {
    assert!(live(disk, &mut promised, &[]));
    check_copies_agree(disk, &options());
    assert!(live(disk, &mut promised, &[3]));
    let log = open(disk).expect("it opens");
    assert_eq!(log.report, [], "an orderly stop leaves nothing to repair");
}

fn halt_at(sync: u64) -> Faults {
    Faults {
        halt_at: Some(sync),
        ..Faults::default()
    }
}

/// The number of syncs in a history without faults.
fn syncs_of_a_history() -> u64 {
    let disk = SimDisk::new(0);
    assert!(live(&disk, &mut Promised::default(), &GROUPS));
    disk.syncs()
}

/// The number of histories that are cut at each sync, twice each: as many as the environment's
/// points need.
fn histories_a_sync(syncs: u64) -> u64 {
    let points = std::env::var("CRASH_POINTS").ok();
    points.map_or(12, |points| {
        let points: u64 = points.parse().expect("CRASH_POINTS is a number");
        points.div_ceil(2 * syncs)
    })
}

#[test]
fn a_power_cut_at_any_sync_loses_nothing_acknowledged() {
    let syncs = syncs_of_a_history();
    let histories = histories_a_sync(syncs);
    let mut points = 0;
    for sync in 1..=syncs {
        for seed in 0..histories {
            points += 2;
            let disk = SimDisk::new(seed * 1_000 + sync);
            let mut promised = Promised::default();
            disk.plan(halt_at(sync));
            live(&disk, &mut promised, &GROUPS);
            disk.crash();
            check_each_copy(&disk, promised);
            // The recovery is cut as well, at another place each time.
            disk.plan(halt_at(1 + seed % 6));
            live(&disk, &mut promised, &GROUPS[..2]);
            disk.crash();
            check_each_copy(&disk, promised);
            check_end(&disk, promised);
        }
    }
    say(&format!(
        "{points} power cuts at {syncs} syncs: nothing acknowledged was lost"
    ));
}

#[test]
fn a_failing_sync_poisons_the_appender_and_loses_nothing_acknowledged() {
    for sync in 1..=syncs_of_a_history() {
        for seed in 0..12 {
            let disk = SimDisk::new(seed * 1_000 + sync);
            let mut promised = Promised::default();
            disk.plan(Faults {
                fail_at: Some(sync),
                ..Faults::default()
            });
            live(&disk, &mut promised, &GROUPS);
            if seed % 2 == 0 {
                // The process is started again on the same, lying page cache.
                disk.kill();
                assert!(live(&disk, &mut promised, &GROUPS[..3]));
            }
            disk.crash();
            check_end(&disk, promised);
        }
    }
}

#[test]
fn a_killed_process_makes_no_promise_that_a_power_cut_breaks() {
    for sync in 1..=syncs_of_a_history() {
        for seed in 0..6 {
            let disk = SimDisk::new(seed * 1_000 + sync);
            let mut promised = Promised::default();
            disk.plan(halt_at(sync));
            live(&disk, &mut promised, &GROUPS);
            disk.kill();
            assert!(live(&disk, &mut promised, &[]));
            disk.crash();
            check_each_copy(&disk, promised);
            check_end(&disk, promised);
        }
    }
}

#[test]
fn a_group_of_several_values_is_kept_whole_or_not_at_all() {
    let mut cut = 0;
    for seed in 0..300 {
        let disk = SimDisk::new(seed);
        let mut log = open(&disk).expect("it opens");
        append(&mut log, 3).expect("it is acknowledged");
        disk.plan(halt_at(1));
        let group = vec![vec![7; 1_500]; 15];
        let appended = log.appender.append(&group);
        drop(log);
        disk.crash();
        let log = open(&disk).expect("it opens");
        let head = log.reader.head().get();
        assert!(head == 18 || (head == 3 && appended.is_err()), "{head}");
        cut += usize::from(matches!(log.report[..], [log::Repair::StoreCut(_), ..]));
    }
    say(&format!(
        "300 power cuts: {cut} had torn a group in the store"
    ));
}

#[test]
fn without_our_own_sync_acknowledged_events_are_lost() {
    let lost = |seed: &u64| {
        let disk = SimDisk::new(*seed);
        disk.plan(Faults {
            lies: true,
            ..Faults::default()
        });
        let mut log = open(&disk).expect("it opens");
        append(&mut log, 5).expect("it is acknowledged");
        drop(log);
        disk.crash();
        open(&disk).is_ok_and(|log| log.reader.head().get() < 5)
    };
    assert!((0..40).filter(lost).count() > 0);
}

#[test]
fn a_flush_alone_does_not_make_a_store_durable() {
    let kept = |sync: bool| {
        (0..40).all(|seed| {
            let disk = SimDisk::new(seed);
            let store = disk.open_store("any").expect("it opens");
            let mut batch = Batch::default();
            batch.put(*b"key", *b"value");
            store.apply(batch).expect("it is applied");
            store.flush().expect("it is flushed");
            if sync {
                store.sync_data().expect("it is synced");
            }
            disk.crash();
            let store = disk.open_store("any").expect("it opens");
            store.get(b"key").expect("it is read").is_some()
        })
    };
    assert!(kept(true));
    assert!(!kept(false));
}

#[test]
fn a_disk_that_is_full_for_a_while_closes_nothing_and_loses_nothing() {
    for when in 0..GROUPS.len() {
        let disk = SimDisk::new(when as u64);
        let mut log = open(&disk).expect("it opens");
        for (number, count) in GROUPS.into_iter().enumerate() {
            if number == when {
                disk.set_full(true);
                let before = log.appender.next();
                for _ in 0..3 {
                    let refused = append(&mut log, count);
                    assert!(matches!(refused, Err(log::AppendError::NotBegun(_))));
                    assert_eq!(log.appender.next(), before);
                }
                check_entries(&log);
                disk.set_full(false);
            }
            append(&mut log, count).expect("there is room again");
        }
        check_entries(&log);
        drop(log);
        check_copies_agree(&disk, &options());
    }
}
