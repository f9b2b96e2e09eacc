//! The edges of both copies, where one is compared with the other or made anew from it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use rustix::io::Errno;

use super::{
    compare::{Comparison, compare},
    frame::encode_frame,
    read::Sources,
    *,
};
use crate::{
    domain::Position,
    storage::{
        Disk, SimDisk,
        faulty::{Fault, FaultyDisk},
    },
};

fn open_with(disk: &SimDisk, segment_bytes_max: u64) -> Opened {
    let options = OpenOptions {
        segment_bytes_max,
        whole: true,
        ..OpenOptions::default()
    };
    open(disk, &options, &mut |_| {}).unwrap()
}

fn names(disk: &SimDisk) -> Vec<String> {
    disk.files(JOURNAL).unwrap().list().unwrap()
}

fn compared(sources: &Sources) -> Comparison {
    compare(sources, 1, 0, &mut |_| {}).unwrap()
}

fn gap(first: u64, last: u64) -> Gap {
    Gap {
        first: Position::new(first),
        last: Position::new(last),
        damaged: false,
    }
}

/// The positions of the journal's events in their order; `None` for damage.
fn journaled(log: &Opened) -> Vec<Option<u64>> {
    let pieces = log.journal.scan(Position::new(1));
    let position = |piece| match piece {
        Piece::Entry(at, _) => Some(Position::get(at)),
        Piece::Damaged(_) => None,
    };
    pieces.map(|piece| position(piece.unwrap())).collect()
}

#[test]
fn the_journal_is_its_frames_in_files_that_are_left_when_they_are_full() {
    let disk = SimDisk::new(1);
    let groups = [vec![vec![1; 50]; 3], vec![vec![2; 9]], vec![vec![3; 20]]];
    let frames: Vec<_> = [(1, &groups[0]), (4, &groups[1]), (5, &groups[2])]
        .map(|(first, group)| {
            let mut frame = Vec::new();
            encode_frame(&mut frame, first, group);
            frame
        })
        .into();
    let mut log = open_with(&disk, frames[0].len() as u64);
    for group in &groups {
        log.appender.append(group).unwrap();
        assert!(log.appender.took() > Duration::ZERO);
    }
    let files = disk.files(JOURNAL).unwrap();
    let contents = names(&disk).into_iter().map(|name| {
        let bytes = files.read_at(&name, 0, 9_999).unwrap();
        (name.trim_start_matches('0').to_owned(), bytes)
    });
    let expected = [
        ("1".to_owned(), frames[0].clone()),
        ("4".to_owned(), frames[1..].concat()),
    ];
    assert_eq!(contents.collect::<Vec<_>>(), expected);
    // The thread that wrote the journal has ended when the appender is gone.
    drop(log.appender);
    drop(log.reader);
    assert_eq!(Arc::strong_count(&log.journal), 1);
}

#[test]
fn a_lost_copy_is_made_anew_in_groups_of_a_size() {
    for (count, length, last_group) in [(600, 4, 513), (20, 60_000, 19)] {
        let disk = SimDisk::new(1);
        let event = |n: u32| [n.to_be_bytes().as_slice(), &vec![7; length - 4]].concat();
        let events: Vec<_> = (0..count).map(event).collect();
        let opened = || open_with(&disk, 4 << 20);
        opened().appender.append(&events).unwrap();
        let files = disk.files(JOURNAL).unwrap();
        for name in names(&disk) {
            files.remove(&name).unwrap();
        }
        let count = u64::from(count);
        let log = opened();
        assert_eq!(log.report, [Repair::JournalCompleted(gap(1, count))]);
        let end = compared(log.reader.sources()).end.unwrap();
        assert_eq!(end.group, last_group);
        drop(log);
        disk.break_store(STORE);
        let log = opened();
        let made = |repair: &Repair| matches!(repair, Repair::StoreRebuilt { events, .. } if *events == count);
        assert!(log.report.iter().all(made) && log.report.len() == 1);
        let compared = compared(log.reader.sources());
        assert_eq!((compared.store, compared.differs), (vec![], None));
        let scan = log.reader.scan(Position::new(1), Position::new(count));
        let read: Vec<_> = scan.map(|found| found.unwrap().1).collect();
        assert_eq!(read, events);
    }
}

#[test]
fn two_gaps_of_one_file_are_filled_once_and_no_event_is_there_twice() {
    let disk = SimDisk::new(1);
    drop(thirty(&disk));
    let names = names(&disk);
    assert!(names.len() > 3);
    let frame = 24 + 2 + 60;
    disk.tamper_file(JOURNAL, &names[1], |bytes| {
        for at in [frame + 30, bytes.len() - 1] {
            bytes[at] ^= 1;
        }
    });
    let log = open_with(&disk, 400);
    let first: u64 = names[1].parse().unwrap();
    let expected = Gap {
        damaged: true,
        ..gap(first + 1, first + 1)
    };
    assert_eq!(log.report, [Repair::JournalCompleted(expected)]);
    assert_eq!(journaled(&log), (1..=30).map(Some).collect::<Vec<_>>());
}

#[test]
fn a_damaged_frame_longer_than_what_is_read_at_once_hides_no_later_one() {
    let disk = SimDisk::new(1);
    let mut log = open_with(&disk, u64::MAX);
    log.appender.append(&[b"first"]).unwrap();
    let long: Vec<_> = (0..60).map(|_| vec![7; 60_000]).collect();
    log.appender.append(&long).unwrap();
    log.appender.append(&[b"last"]).unwrap();
    disk.tamper_file(JOURNAL, &names(&disk)[0], |bytes| bytes[99] ^= 1);
    assert_eq!(journaled(&log), [Some(1), None, Some(62)]);
}

#[test]
fn a_frame_is_found_that_begins_across_the_edge_of_what_is_read_at_once() {
    let disk = SimDisk::new(1);
    let mut log = open_with(&disk, u64::MAX);
    // The frame before it is as long as what is read at once, but for a byte.
    let mut long = vec![vec![7; 65_535]; 15];
    long.push(vec![7; (1 << 20) - 1 - 24 - 15 * 65_537 - 2]);
    log.appender.append(&long).unwrap();
    log.appender.append(&[b"last"]).unwrap();
    disk.tamper_file(JOURNAL, &names(&disk)[0], |bytes| bytes[99] ^= 1);
    assert_eq!(journaled(&log), [None, Some(17)]);
}

#[test]
fn a_file_that_is_written_again_is_left_for_another_only_where_it_is_full() {
    let disk = SimDisk::new(1);
    let mut log = open_with(&disk, 1 << 20);
    for position in 1..=600_u16 {
        log.appender.append(&[position.to_be_bytes()]).unwrap();
    }
    drop(log);
    disk.tamper_file(JOURNAL, &names(&disk)[0], |bytes| bytes[99] ^= 1);
    let first = "00000000000000000001";
    assert_eq!(open_with(&disk, 1 << 20).report.len(), 1);
    assert_eq!(names(&disk), [first]);
    disk.tamper_file(JOURNAL, first, |bytes| bytes[99] ^= 1);
    assert_eq!(open_with(&disk, 1_000).report.len(), 1);
    let names = names(&disk);
    assert_eq!(
        names,
        [first, "00000000000000000257", "00000000000000000513"]
    );
}

/// An archive of some events, which says that it has sealed more.
struct Holey {
    events: BTreeMap<u64, Bytes>,
    integrated: u64,
}

impl Archive for Holey {
    fn integrated(&self) -> Position {
        Position::new(self.integrated)
    }

    fn read(&self, from: Position) -> Option<Vec<Bytes>> {
        let run = (from.get()..).map_while(|at| self.events.get(&at).cloned());
        let run: Vec<_> = run.collect();
        (!run.is_empty()).then_some(run)
    }
}

/// A log of thirty events of sixty bytes each, whose journal has several files.
fn thirty(disk: &SimDisk) -> Opened {
    let mut log = open_with(disk, 400);
    for position in 1..=30 {
        log.appender.append(&[vec![position; 60]]).unwrap();
    }
    log
}

/// A log of ten events of a byte each, its position, whose journal begins with the seventh.
fn ten_without_the_beginning(disk: &SimDisk) -> Opened {
    let mut log = open_with(disk, 1);
    for position in 1..=10_u8 {
        log.appender.append(&[[position]]).unwrap();
    }
    log.journal.drop_before(Position::new(7)).unwrap();
    log
}

/// The copies of that log, with an archive that has these events and says that it has the first six.
fn with_archive(log: &Opened, sealed: [u64; 5]) -> Sources {
    let mut sources = log.reader.sources().clone();
    sources.archive = Arc::new(Holey {
        events: sealed.map(|at| (at, Bytes::from(vec![at as u8]))).into(),
        integrated: 6,
    });
    sources
}

#[test]
fn an_event_that_the_archive_has_not_got_is_lost_and_no_other() {
    let disk = SimDisk::new(1);
    let log = ten_without_the_beginning(&disk);
    disk.tamper_store(STORE, |pairs| {
        let kept = pairs.split_off(super::chunk::Key::start(7).as_slice());
        *pairs = kept;
    });
    let sources = with_archive(&log, [1, 2, 4, 5, 6]);
    let compared = compared(&sources);
    assert_eq!(compared.lost, [gap(3, 3)]);
    assert_eq!(compared.store, [gap(1, 2), gap(4, 6)]);
    assert_eq!((compared.journal, compared.head), (vec![], 10));
}

#[test]
fn what_the_archive_stands_in_for_comes_from_it_and_the_rest_from_the_store() {
    let disk = SimDisk::new(1);
    let log = ten_without_the_beginning(&disk);
    disk.tamper_store(STORE, |pairs| {
        pairs.retain(|key, _| ![1_u64, 3, 6].iter().any(|at| key[..8] == at.to_be_bytes()));
    });
    let sources = with_archive(&log, [1, 3, 4, 5, 6]);
    let read = sources.scan(1, 10).map(|found| found.unwrap().1[0]);
    assert!(read.eq(1..=10));
}

#[test]
fn a_damaged_file_of_the_journal_is_told_though_the_archive_has_its_events() {
    let disk = SimDisk::new(1);
    let log = thirty(&disk);
    let names = names(&disk);
    let first = names[1].parse().unwrap();
    log.journal.drop_before(Position::new(first)).unwrap();
    disk.tamper_file(JOURNAL, &names[1], |bytes| bytes[0] ^= 1);
    let mut sources = log.reader.sources().clone();
    let events = (1..=30).map(|at: u8| (u64::from(at), Bytes::from(vec![at; 60])));
    sources.archive = Arc::new(Holey {
        events: events.collect(),
        integrated: 30,
    });
    let damaged = Gap {
        damaged: true,
        ..gap(first, first)
    };
    assert_eq!(compared(&sources).journal, [damaged]);
}

#[test]
fn a_file_that_is_dropped_while_the_journal_is_read_is_passed_over() {
    let disk = SimDisk::new(1);
    let log = thirty(&disk);
    let names = names(&disk);
    let [gone, next] = [1, 2].map(|file: usize| names[file].parse::<u64>().unwrap());
    let mut scan = log.journal.scan(Position::new(1));
    let mut read = || match scan.next()?.unwrap() {
        Piece::Entry(at, _) => Some(at.get()),
        Piece::Damaged(place) => panic!("{place}"),
    };
    assert_eq!(read(), Some(1));
    disk.files(JOURNAL).unwrap().remove(&names[1]).unwrap();
    assert!(std::iter::from_fn(read).eq((2..gone).chain(next..=30)));
}

#[test]
fn what_is_lost_says_whether_damaged_bytes_stand_in_its_place() {
    for damages in [false, true] {
        let disk = SimDisk::new(1);
        let mut log = open_with(&disk, 1);
        for position in 1..=2_u8 {
            log.appender.append(&[[position]]).unwrap();
        }
        disk.tamper_store(STORE, |pairs| {
            pairs.pop_first();
        });
        disk.tamper_file(JOURNAL, &names(&disk)[0], |bytes| match damages {
            true => bytes[9] ^= 1,
            false => bytes.clear(),
        });
        let lost = Gap {
            damaged: damages,
            ..gap(1, 1)
        };
        assert_eq!(compared(log.reader.sources()).lost, [lost]);
    }
}

#[test]
fn what_is_cut_of_the_journal_is_gone() {
    let disk = SimDisk::new(1);
    open_with(&disk, 400).appender.append(&[b"a"]).unwrap();
    disk.tamper_file(JOURNAL, &names(&disk)[0], |bytes| {
        bytes.extend(b"cjf1 begun")
    });
    let report = || open_with(&disk, 400).report;
    assert_eq!(report(), [Repair::JournalCut { bytes: 10 }]);
    assert_eq!(report(), []);
}

#[test]
fn an_ordinary_start_misses_the_oldest_file_of_the_journal() {
    let disk = SimDisk::new(1);
    drop(thirty(&disk));
    let names = names(&disk);
    disk.files(JOURNAL).unwrap().remove(&names[0]).unwrap();
    let options = OpenOptions {
        segment_bytes_max: 400,
        ..OpenOptions::default()
    };
    let log = open(&disk, &options, &mut |_| {}).unwrap();
    let last = names[1].parse::<u64>().unwrap() - 1;
    assert_eq!(log.report, [Repair::JournalCompleted(gap(1, last))]);
}

#[test]
fn a_file_of_the_journal_that_cannot_be_read_is_not_passed_over() {
    let disk = SimDisk::new(1);
    drop(thirty(&disk));
    let mut failed = 0;
    for at in 1..=7 {
        let faulty = FaultyDisk::new(&disk, at, Fault::Refused(Errno::IO));
        let files = faulty.files(JOURNAL);
        let journal = files.and_then(|files| Journal::open(files, 400));
        // What comes first is the directory, not a file.
        if let Ok(journal) = journal {
            let last = journal.scan(Position::new(1)).last();
            assert!(last.is_some_and(|piece| piece.is_err()), "{at}");
            failed += 1;
        }
    }
    assert!(failed > 2, "{failed}");
}

#[test]
fn a_repair_says_what_was_wrong() {
    let lacked = Repair::StoreCompleted(gap(3, 5)).to_string();
    assert_eq!(
        lacked,
        "the store lacked events 3 to 5; wrote them from the journal"
    );
    let damaged = Gap {
        damaged: true,
        ..gap(3, 5)
    };
    let damaged = Repair::JournalCompleted(damaged).to_string();
    assert!(damaged.starts_with("the journal was damaged at events 3 to 5"));
}
