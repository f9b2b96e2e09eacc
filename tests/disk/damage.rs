//! Damage to a stopped log on the simulated disk: what one copy lacks the other
//! gives, and what no copy has is an error.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use contactd::{
    domain::Position,
    log::{self, Archive, Damage, Gap, OpenError, OpenOptions, ReadError, Repair},
    storage::{Disk, Faults, SimDisk},
};

use super::{
    GROUPS, append, check_completed, check_copies_agree, check_entries, entry, journal_files, open,
    options,
};

/// A simulated disk with a log of these groups on it, stopped in order.
fn disk_with(groups: &[u64]) -> SimDisk {
    let disk = SimDisk::new(1);
    let mut log = open(&disk).expect("it opens");
    for count in groups {
        append(&mut log, *count).expect("it is written");
    }
    disk
}

#[test]
fn a_store_that_will_not_open_is_made_anew_whenever_the_power_goes() {
    for sync in 1..12 {
        let disk = disk_with(&GROUPS);
        disk.break_store(log::STORE);
        disk.plan(Faults {
            halt_at: Some(sync),
            ..Faults::default()
        });
        let cut = open(&disk).is_err();
        disk.crash();
        let log = open(&disk).expect("it opens");
        assert_eq!(log.reader.head().get(), 42);
        check_entries(&log);
        check_copies_agree(&disk, &options());
        assert!(cut || sync > 5, "the cuts reach the rebuilding");
        let absent = |name| !disk.has_store(name).expect("the disk works");
        assert!(absent("log.new") && absent("log.damaged"));
    }
}

#[test]
fn a_store_behind_or_damaged_is_completed_from_the_journal() {
    let disk = disk_with(&GROUPS);
    // No more than a crash explains: the last group.
    disk.tamper_store(log::STORE, |values| {
        values.retain(|key, _| key[..8] < 41_u64.to_be_bytes()[..]);
    });
    let report = check_completed(&disk, &options(), 42);
    let gap = log::Gap {
        first: Position::new(41),
        last: Position::new(42),
        damaged: false,
    };
    assert_eq!(report, [Repair::StoreCompleted(gap)]);

    // More than that: the store cannot be trusted.
    let kept = 30_u64.to_be_bytes();
    disk.tamper_store(log::STORE, |values| {
        values.retain(|key, _| key[..8] < kept[..]);
    });
    let report = check_completed(&disk, &options(), 42);
    assert!(matches!(report[..], [Repair::StoreRebuilt { .. }]));

    disk.tamper_store(log::STORE, |values| {
        let mut last = values.last_entry().expect("there are values");
        let mut bytes = last.get().to_vec();
        bytes[9] ^= 4;
        last.insert(bytes.into());
    });
    let report = check_completed(&disk, &options(), 42);
    assert!(matches!(report[..], [Repair::StoreRebuilt { .. }]));

    disk.tamper_store(log::STORE, BTreeMap::clear);
    check_completed(&disk, &options(), 42);
}

#[test]
fn a_journal_behind_damaged_or_deleted_is_completed_from_the_store() {
    let disk = disk_with(&GROUPS);
    let last = journal_files(&disk).pop().expect("there are files");
    let tamper = |change: fn(&mut Vec<u8>)| disk.tamper_file(log::JOURNAL, &last, change);

    tamper(|bytes| bytes.truncate(bytes.len() - 1));
    let report = check_completed(&disk, &options(), 42);
    assert!(matches!(
        report[..],
        [Repair::JournalCut { .. }, Repair::JournalCompleted(_)]
    ));
    tamper(|bytes| bytes.extend(b"cjf1 begun and never ended"));
    let report = check_completed(&disk, &options(), 42);
    assert_eq!(report, [Repair::JournalCut { bytes: 26 }]);
    tamper(|bytes| bytes[30] ^= 1);
    check_completed(&disk, &options(), 42);
    tamper(Vec::clear);
    check_completed(&disk, &options(), 42);

    let files = disk.files(log::JOURNAL).expect("the journal opens");
    for name in journal_files(&disk) {
        files.remove(&name).expect("it is removed");
    }
    check_completed(&disk, &options(), 42);
    let first = journal_files(&disk).swap_remove(0);
    assert_eq!(first, "00000000000000000001");
}

#[test]
fn a_group_that_only_the_store_has_the_beginning_of_is_removed_and_its_positions_given_again() {
    for kept in 0..3_u64 {
        let disk = disk_with(&[3]);
        let mut log = open(&disk).expect("it opens");
        let group: Vec<_> = (0..15).map(|fill| vec![fill; 1_500]).collect();
        log.appender.append(&group).expect("it is appended");
        drop(log);
        let last = journal_files(&disk).pop().expect("there are files");
        disk.tamper_file(log::JOURNAL, &last, |bytes| bytes.truncate(bytes.len() - 1));
        // A value holds four such events, the last three.
        disk.tamper_store(log::STORE, |values| {
            let after = (8 + 4 * kept).to_be_bytes();
            values.split_off(&after[..]);
        });
        let verified = log::verify(&disk, &options(), &mut |_| {}).expect("the disk works");
        let gap = Gap {
            first: Position::new(4),
            last: Position::new(7 + 4 * kept),
            damaged: true,
        };
        assert_eq!(verified.head, Position::new(3));
        assert_eq!(verified.damages, [Damage::Unfinished(gap)]);
        let report = check_completed(&disk, &options(), 3);
        let cut = |repair: &Repair| matches!(repair, Repair::JournalCut { .. });
        assert_eq!(report[0], Repair::StoreCut(gap));
        assert!(
            report[1..].iter().all(cut) && report.len() == 2,
            "{report:?}"
        );
        let mut log = open(&disk).expect("it opens");
        assert_eq!(log.report, []);
        append(&mut log, 2).expect("it is appended");
        check_entries(&log);
    }
}

#[test]
fn damage_before_the_last_part_is_read_around_found_and_repaired() {
    let disk = disk_with(&GROUPS);
    let files = journal_files(&disk);
    assert!(files.len() > 4, "there are files before the last part");
    disk.tamper_store(log::STORE, |values| {
        let mut first = values.first_entry().expect("there are values");
        first.insert(Bytes::from_static(b"junk"));
    });
    disk.tamper_file(log::JOURNAL, &files[2], |bytes| bytes[25] ^= 1);

    let log = open(&disk).expect("its last part is whole");
    check_entries(&log);
    let first = log
        .reader
        .get(Position::new(1))
        .expect("the journal has it");
    assert_eq!(first, Some(entry(1).into()));
    drop(log);

    let verified = log::verify(&disk, &options(), &mut |_| {}).expect("the disk works");
    assert_eq!(verified.head, Position::new(42));
    assert!(matches!(
        verified.damages[..],
        [Damage::Store(_), Damage::Journal(_)]
    ));
    assert!(verified.damages.iter().all(Damage::is_repairable));
    let whole = OpenOptions {
        whole: true,
        ..options()
    };
    check_completed(&disk, &whole, 42);

    let removed = disk.files(log::JOURNAL);
    let removed = removed.and_then(|journal| journal.remove(&files[1]));
    removed.expect("the disk works");
    check_completed(&disk, &whole, 42);
}

#[test]
fn what_no_copy_has_is_never_opened_as_if_nothing_had_happened() {
    let missing =
        |disk: &SimDisk, options: &OpenOptions| match log::open(disk, options, &mut |_| {}) {
            Err(OpenError::Missing { first, .. }) => first.get(),
            Err(other) => panic!("another error: {other}"),
            Ok(log) => panic!("opened with head {:?}", log.reader.head()),
        };
    // The store gone, and a bit flipped in the journal with groups after it.
    let disk = disk_with(&GROUPS);
    disk.break_store(log::STORE);
    let files = journal_files(&disk);
    disk.tamper_file(log::JOURNAL, &files[0], |bytes| bytes[30] ^= 1);
    assert_eq!(missing(&disk, &options()), 1);

    // Both end early, but a checkpoint says there was more.
    let disk = disk_with(&GROUPS);
    let known = OpenOptions {
        at_least: Position::new(50),
        ..options()
    };
    assert_eq!(missing(&disk, &known), 43);

    // A journal file is named by what must have been before it.
    let disk = disk_with(&GROUPS);
    disk.tamper_store(log::STORE, BTreeMap::clear);
    for name in journal_files(&disk) {
        disk.tamper_file(log::JOURNAL, &name, Vec::clear);
    }
    assert_eq!(missing(&disk, &options()), 1);
}

/// Groups in one journal file: a bad frame with whole ones after it is no torn
/// tail, and may not be cut as if it were.
#[test]
fn a_bad_frame_before_whole_ones_is_damage_and_not_the_end() {
    let wide = OpenOptions::default();
    let flipped = || {
        let disk = SimDisk::new(1);
        let mut log = log::open(&disk, &wide, &mut |_| {}).expect("it opens");
        for count in GROUPS {
            append(&mut log, count).expect("it is written");
        }
        let files = journal_files(&disk);
        assert_eq!(files.len(), 1);
        disk.tamper_file(log::JOURNAL, &files[0], |bytes| bytes[100] ^= 1);
        disk
    };
    let report = check_completed(&flipped(), &wide, 42);
    assert!(matches!(report[..], [Repair::JournalCompleted(gap)] if gap.damaged));

    let disk = flipped();
    disk.tamper_store(log::STORE, BTreeMap::clear);
    let refused = log::open(&disk, &wide, &mut |_| {}).map(|log| log.reader.head());
    assert!(matches!(
        refused,
        Err(OpenError::Missing { first, last }) if (first.get(), last.get()) == (2, 3)
    ));
}

#[test]
fn a_damaged_value_at_the_end_speaks_of_events_that_must_have_been() {
    let disk = disk_with(&GROUPS[..3]);
    disk.tamper_store(log::STORE, |values| {
        let mut last = values.last_entry().expect("there are values");
        last.insert(Bytes::from_static(b"junk"));
    });
    for name in journal_files(&disk) {
        disk.tamper_file(log::JOURNAL, &name, Vec::clear);
    }
    assert!(matches!(open(&disk), Err(OpenError::Missing { .. })));
}

#[test]
fn a_repair_leaves_nothing_damaged_between_what_it_wrote() {
    let disk = disk_with(&GROUPS[..3]);
    disk.tamper_store(log::STORE, |values| {
        for value in values.values_mut().take(2) {
            *value = Bytes::from_static(b"junk");
        }
    });
    let whole = OpenOptions {
        whole: true,
        ..options()
    };
    check_completed(&disk, &whole, 10);
    let log = open(&disk).expect("it opens");
    for name in journal_files(&disk) {
        disk.tamper_file(log::JOURNAL, &name, Vec::clear);
    }
    for position in 1..=10 {
        let found = log.reader.get(Position::new(position));
        let found = found.expect("the store alone can give it");
        assert_eq!(found, Some(entry(position).into()));
    }
}

#[test]
fn copies_that_contradict_each_other_are_not_opened() {
    let disk = disk_with(&[1]);
    let other = SimDisk::new(1);
    let mut log = open(&other).expect("it opens");
    log.appender.append(&[b"another"]).expect("it is written");
    drop(log);
    let files = other.files(log::JOURNAL).expect("the journal opens");
    let name = "00000000000000000001";
    let bytes = files.read_at(name, 0, 1 << 20).expect("it is read");
    disk.tamper_file(log::JOURNAL, name, |journal| *journal = bytes);
    assert!(matches!(
        open(&disk),
        Err(OpenError::Differs { position }) if position.get() == 1
    ));
    let verified = log::verify(&disk, &options(), &mut |_| {}).expect("the disk works");
    assert_eq!(verified.damages, [Damage::Differs(Position::new(1))]);
}

/// An archive of the first so many entries.
struct Sealed(u64);

impl Archive for Sealed {
    fn integrated(&self) -> Position {
        Position::new(self.0)
    }
    fn read(&self, from: Position) -> Option<Vec<Bytes>> {
        let until = (from.get() + 5).min(self.0 + 1);
        let entries: Vec<_> = (from.get()..until).map(|at| entry(at).into()).collect();
        (!entries.is_empty()).then_some(entries)
    }
}

#[test]
fn what_is_sealed_is_dropped_from_the_journal_and_read_from_the_archive() {
    let disk = disk_with(&GROUPS);
    let sealed = OpenOptions {
        archive: Arc::new(Sealed(30)),
        ..options()
    };
    let log = log::open(&disk, &sealed, &mut |_| {}).expect("it opens");
    let before = journal_files(&disk).len();
    let dropped = log.journal.drop_before(Position::new(31));
    let dropped = dropped.expect("the disk works");
    assert!(dropped > 0);
    assert_eq!(journal_files(&disk).len(), before - dropped);
    assert!(log.journal.base().is_some_and(|base| base.get() <= 31));
    check_entries(&log);
    drop(log);
    check_copies_agree(&disk, &sealed);

    disk.break_store(log::STORE);
    let report = check_completed(&disk, &sealed, 42);
    assert!(matches!(
        report[..],
        [Repair::StoreRebuilt { events: 42, .. }]
    ));

    // Without the archive nobody has the first events any more.
    disk.break_store(log::STORE);
    assert!(matches!(
        open(&disk),
        Err(OpenError::Missing { first, .. }) if first.get() == 1
    ));
}

#[test]
fn the_reader_says_which_event_no_copy_can_give() {
    let disk = disk_with(&GROUPS);
    let log = open(&disk).expect("it opens");
    disk.tamper_store(log::STORE, BTreeMap::clear);
    for name in journal_files(&disk) {
        disk.tamper_file(log::JOURNAL, &name, |bytes| bytes[24..].fill(0));
    }
    let damaged = |error| matches!(error, ReadError::Damaged { position } if position.get() == 9);
    assert!(log.reader.get(Position::new(9)).is_err_and(damaged));
    let mut scan = log.reader.scan(Position::new(9), Position::new(20));
    assert!(scan.next().is_some_and(|found| found.is_err_and(damaged)));
    assert!(scan.next().is_none());
}

#[test]
fn groups_out_of_bounds_are_refused_and_change_nothing() {
    use log::AppendError::{Empty, EntrySize, GroupSize};
    let disk = SimDisk::new(1);
    let mut log = open(&disk).expect("it opens");
    let none: [&[u8]; 0] = [];
    assert!(matches!(log.appender.append(&none), Err(Empty)));
    let refused = log.appender.append(&[&[1][..], &[]]);
    assert!(matches!(refused, Err(EntrySize { index: 1, bytes: 0 })));
    let refused = log.appender.append(&[vec![1; 65_536]]);
    assert!(matches!(refused, Err(EntrySize { bytes: 65_536, .. })));
    let refused = log.appender.append(&vec![vec![1; 60_000]; 600]);
    assert!(matches!(refused, Err(GroupSize { .. })));
    append(&mut log, 2).expect("the appender is not poisoned");
    assert_eq!(log.reader.get(Position::ZERO).expect("it reads"), None);
    assert_eq!(log.reader.get(Position::new(3)).expect("it reads"), None);
}
