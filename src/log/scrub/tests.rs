//! Damage of every kind, found and mended while the log is open.

use std::sync::Arc;

use bytes::Bytes;

use super::super::{Archive, Damage, JOURNAL, OpenOptions, Opened, STORE, open, verify};
use super::*;
use crate::storage::{
    Disk, Faults, SimDisk,
    faulty::{FaultyDisk, Tried, every_fault},
};

/// Groups that the log begins with, of one to seven events each.
const GROUPS: u64 = 60;

fn options() -> OpenOptions {
    OpenOptions {
        segment_bytes_max: 4_000,
        ..OpenOptions::default()
    }
}

fn event(position: u64) -> Vec<u8> {
    let length = 40 + position as usize * 37 % 300;
    format!("event {position} ")
        .into_bytes()
        .into_iter()
        .cycle()
        .take(length)
        .collect()
}

fn append(log: &mut Opened, count: u64) {
    let first = log.appender.next().get();
    let events: Vec<_> = (first..first + count).map(event).collect();
    log.appender.append(&events).unwrap();
}

fn opened(disk: &dyn Disk) -> Opened {
    open(disk, &options(), &mut |_| {}).unwrap()
}

/// An open log of several journal files and store values.
fn log() -> (SimDisk, Opened) {
    let disk = SimDisk::new(7);
    let mut log = opened(&disk);
    for group in 0..GROUPS {
        append(&mut log, 1 + group % 7);
    }
    (disk, log)
}

fn names(disk: &SimDisk) -> Vec<String> {
    disk.files(JOURNAL).unwrap().list().unwrap()
}

fn bytes_of(disk: &SimDisk, name: &str) -> Vec<u8> {
    disk.files(JOURNAL)
        .unwrap()
        .read_at(name, 0, usize::MAX)
        .unwrap()
}

/// Scrubs to the end; what was mended.
fn scrubbed(log: &Opened) -> Mended {
    let (done, ended) = log.reader.scrub(&mut |_| true);
    assert!(ended.unwrap());
    done
}

fn assert_whole(disk: &SimDisk) {
    let verified = verify(disk, &options(), &mut |_| {}).unwrap();
    assert_eq!(verified.damages, [] as [Damage; 0]);
}

#[test]
fn every_flipped_byte_of_a_cold_frame_is_what_it_was_again() {
    let (disk, log) = log();
    assert_eq!(scrubbed(&log), Mended::default());
    let names = names(&disk);
    assert!(names.len() > 4, "{names:?}");
    for name in &names[..names.len() - 1] {
        let whole = bytes_of(&disk, name);
        for place in (0..whole.len()).step_by(97) {
            disk.tamper_file(JOURNAL, name, |bytes| bytes[place] ^= 0x10);
            let Mended { journal, store } = scrubbed(&log);
            assert_eq!((journal.len(), store.len()), (1, 0), "{name} at {place}");
            assert!(bytes_of(&disk, name) == whole, "{name} at {place}");
        }
    }
    assert_eq!(scrubbed(&log), Mended::default());
}

#[test]
fn a_stretch_of_several_frames_is_whole_again_and_as_long_as_it_was() {
    let (disk, log) = log();
    let names = names(&disk);
    // Within a file, at both of its ends, all of it, and across two files.
    for (file, from, to) in [
        (1, 900, 2_900),
        (1, 0, 1_500),
        (1, 2_500, 9_999),
        (2, 0, 9_999),
    ] {
        let name = &names[file];
        let length = bytes_of(&disk, name).len();
        disk.tamper_file(JOURNAL, name, |bytes| bytes[from..to.min(length)].fill(0));
        assert_eq!(scrubbed(&log).journal.len(), 1);
        assert_eq!(bytes_of(&disk, name).len(), length);
        assert_whole(&disk);
    }
    for (file, from, to) in [(1, 2_500, 9_999), (2, 0, 1_500)] {
        disk.tamper_file(JOURNAL, &names[file], |bytes| {
            let to = to.min(bytes.len());
            bytes[from..to].fill(0xff);
        });
    }
    assert_eq!(scrubbed(&log).journal.len(), 2);
    assert_whole(&disk);
}

#[test]
fn the_end_of_the_journal_is_mended_once_something_stands_behind_it() {
    let (disk, mut log) = log();
    let last = names(&disk).pop().unwrap();
    disk.tamper_file(JOURNAL, &last, |bytes| *bytes.last_mut().unwrap() ^= 1);
    let (done, ended) = log.reader.scrub(&mut |_| true);
    assert_eq!(done, Mended::default());
    let said = ended.unwrap_err().to_string();
    assert!(
        said.starts_with("the journal was damaged at events"),
        "{said}"
    );
    assert!(said.ends_with("run `contactd log repair`"), "{said}");
    append(&mut log, 1);
    assert_eq!(scrubbed(&log).journal.len(), 1);
    assert_whole(&disk);
}

#[test]
fn a_damaged_value_of_the_store_is_put_again() {
    let (disk, mut log) = log();
    let mut whole = Vec::new();
    disk.tamper_store(STORE, |values| whole.extend(values.clone()));
    // One alone, two beside each other, and the last.
    for places in [&[3][..], &[5, 6], &[whole.len() - 1]] {
        disk.tamper_store(STORE, |values| {
            for place in places {
                let mut value = whole[*place].1.to_vec();
                value[9] ^= 1;
                values.insert(whole[*place].0.clone(), value.into());
            }
        });
        let done = scrubbed(&log);
        assert_eq!((done.store.len(), done.journal.len()), (places.len(), 0));
        assert!(done.store.iter().all(|gap| gap.damaged), "{done:?}");
        disk.tamper_store(STORE, |values| {
            assert!(values.clone().into_iter().eq(whole.clone()))
        });
    }
    append(&mut log, 1);
    assert_whole(&disk);
}

#[test]
fn many_events_that_the_store_lacks_are_put_again_in_parts() {
    let (disk, mut log) = log();
    for _ in 0..80 {
        append(&mut log, 7);
    }
    let head = log.reader.head().get();
    disk.tamper_store(STORE, |values| values.clear());
    let parts = scrubbed(&log).store;
    let lengths: Vec<_> = (parts.iter())
        .map(|gap| gap.last.get() - gap.first.get() + 1)
        .collect();
    assert!(lengths.len() > 2 && lengths.iter().all(|length| *length <= 256));
    assert_eq!(lengths.iter().sum::<u64>(), head);
    assert_whole(&disk);
}

#[test]
fn copies_that_differ_are_told_and_left() {
    let (disk, log) = log();
    let mut batch = Batch::default();
    let other: Vec<_> = (1..=8).map(|_| b"another".to_vec()).collect();
    chunk::put_group(&mut batch, 1, &other);
    let before = names(&disk)
        .iter()
        .map(|name| bytes_of(&disk, name))
        .collect::<Vec<_>>();
    disk.open_store(STORE).unwrap().apply(batch).unwrap();
    let (done, ended) = log.reader.scrub(&mut |_| true);
    assert_eq!(done, Mended::default());
    let differs = matches!(ended, Err(ScrubError::Differs { position }) if position.get() == 1);
    assert!(differs, "{ended:?}");
    assert!(
        names(&disk)
            .iter()
            .map(|name| bytes_of(&disk, name))
            .eq(before)
    );
}

/// An archive of the first events, eight at a time.
struct Sealed(u64);

impl Archive for Sealed {
    fn integrated(&self) -> Position {
        Position::new(self.0)
    }

    fn read(&self, from: Position) -> Option<Vec<Bytes>> {
        let from = from.get();
        let to = (from + 7).min(self.0);
        (from <= to).then(|| (from..=to).map(|at| event(at).into()).collect())
    }
}

#[test]
fn what_the_journal_has_dropped_is_compared_with_the_archive() {
    let (disk, first) = log();
    drop(first);
    let options = OpenOptions {
        archive: Arc::new(Sealed(100)),
        ..options()
    };
    let log = open(&disk, &options, &mut |_| {}).unwrap();
    log.journal.drop_before(Position::new(101)).unwrap();
    assert!(log.journal.base().unwrap() > Position::new(20));
    assert_eq!(scrubbed(&log), Mended::default());
    disk.tamper_store(STORE, |values| {
        let (key, value) = values.first_key_value().unwrap();
        let (key, mut value) = (key.clone(), value.to_vec());
        value[9] ^= 1;
        values.insert(key, value.into());
    });
    assert_eq!(scrubbed(&log).store.len(), 1);
    assert_eq!(scrubbed(&log), Mended::default());
}

/// What is sealed stands in the journal, too, until it is dropped with its whole file.
#[test]
fn what_the_journal_still_has_is_compared_with_it_and_mended() {
    let (disk, first) = log();
    drop(first);
    let options = OpenOptions {
        archive: Arc::new(Sealed(100)),
        ..options()
    };
    let log = open(&disk, &options, &mut |_| {}).unwrap();
    for dropped in [1, 101] {
        log.journal.drop_before(Position::new(dropped)).unwrap();
        let base = log.journal.base().unwrap().get();
        // The frame that the journal begins with, and the value that it is completed from.
        disk.tamper_file(JOURNAL, &names(&disk)[0], |bytes| bytes[40] ^= 1);
        assert_eq!(scrubbed(&log).journal[0].first.get(), base);
        disk.tamper_store(STORE, |values| {
            let mut range = values.range_mut(Bytes::copy_from_slice(&chunk::Key::start(base))..);
            let (_, value) = range.next().unwrap();
            let mut damaged = value.to_vec();
            damaged[9] ^= 1;
            *value = damaged.into();
        });
        assert_eq!(scrubbed(&log).store[0].first.get(), base);
        assert_eq!(scrubbed(&log), Mended::default());
    }
}

/// A stretch that is missing before a damaged one is not passed over with it.
#[test]
fn what_is_missing_before_what_is_damaged_is_told() {
    let (disk, log) = log();
    let names = names(&disk);
    disk.tamper_file(JOURNAL, &names[1], |bytes| bytes.clear());
    disk.tamper_file(JOURNAL, &names[2], |bytes| bytes[40] ^= 1);
    let (done, ended) = log.reader.scrub(&mut |_| true);
    assert_eq!(done.journal, []);
    assert!(matches!(
        ended,
        Err(ScrubError::Unmended {
            copy: "journal",
            ..
        })
    ));
}

/// A log whose journal begins behind what is sealed, and whose archive lacks a stretch of that.
fn torn() -> (SimDisk, Opened) {
    let (disk, first) = log();
    drop(first);
    let options = OpenOptions {
        archive: Arc::new(Torn(Sealed(100), 9..15)),
        ..options()
    };
    let log = open(&disk, &options, &mut |_| {}).unwrap();
    log.journal.drop_before(Position::new(101)).unwrap();
    (disk, log)
}

/// Nothing but the store has what the archive cannot give.
#[test]
fn what_only_the_store_has_and_holds_damaged_is_told() {
    let (disk, log) = torn();
    disk.tamper_store(STORE, |values| {
        let mut before = values.range_mut(..=Bytes::copy_from_slice(&chunk::Key::start(9)));
        let (_, value) = before.next_back().unwrap();
        let mut damaged = value.to_vec();
        damaged[9] ^= 1;
        *value = damaged.into();
    });
    let (_, ended) = log.reader.scrub(&mut |_| true);
    assert!(matches!(
        ended,
        Err(ScrubError::Unmended { copy: "store", .. })
    ));
}

/// A file that was begun, and in which nothing was written before the process ended.
#[test]
fn a_damaged_end_is_mended_where_a_newer_file_was_begun() {
    let (disk, log) = log();
    let head = log.reader.head();
    drop(log);
    let newer = format!("{:020}", head.next().get());
    let journal = disk.files(JOURNAL).unwrap();
    let last = names(&disk).pop().unwrap();
    assert_eq!(last.len(), newer.len(), "{last}");
    journal.create(&newer).unwrap();
    let log = opened(&disk);
    disk.tamper_file(JOURNAL, &last, |bytes| *bytes.last_mut().unwrap() ^= 1);
    assert_eq!(scrubbed(&log).journal.len(), 1);
    assert_whole(&disk);
}

#[test]
fn frames_take_exactly_the_place_that_there_is() {
    let entries = [event(1), event(2), event(3)].map(Bytes::from);
    let payload: usize = entries.iter().map(|entry| encoded_len(entry)).sum();
    for headers in 0..=4 {
        let length = payload + headers * HEADER_BYTES;
        let made = frames(1, &entries, length as u64);
        let fits = (1..=3).contains(&headers);
        assert_eq!(made.map(|frames| frames.len()), fits.then_some(length));
        assert_eq!(frames(1, &entries, length as u64 + 1), None);
    }
}

/// An archive that has got all but a stretch of the events that it has sealed.
struct Torn(Sealed, std::ops::Range<u64>);

impl Archive for Torn {
    fn integrated(&self) -> Position {
        self.0.integrated()
    }

    fn read(&self, from: Position) -> Option<Vec<Bytes>> {
        let is_torn = self.1.contains(&from.get());
        (!is_torn).then(|| self.0.read(from)).flatten()
    }
}

#[test]
fn what_the_archive_cannot_give_is_read_in_the_store_alone() {
    let (_disk, log) = torn();
    assert!(log.journal.base().unwrap() > Position::new(20));
    assert_eq!(scrubbed(&log), Mended::default());
}

#[test]
fn a_frame_whose_file_is_gone_needs_no_mending_and_a_refusal_is_told() {
    let (disk, log) = log();
    let scrub = Scrub::new(log.reader.sources(), 1, log.reader.head().get());
    let mut frame = Vec::new();
    encode_frame(&mut frame, 2, &[event(2)]);
    let region = |segment| Region {
        segment,
        from: 0,
        to: frame.len() as u64,
    };
    assert!(scrub.mend_region(region(999), 2, 2).unwrap());
    disk.plan(Faults {
        fail_at: Some(1),
        ..Faults::default()
    });
    assert!(scrub.mend_region(region(1), 2, 2).is_err());
}

#[test]
fn it_is_paced_and_ends_where_it_is_told_to() {
    let (_, log) = log();
    let mut bytes = 0;
    let (_, ended) = log.reader.scrub(&mut |read| {
        bytes += read;
        true
    });
    assert!(ended.unwrap());
    let all = (1..=log.reader.head().get())
        .map(|at| event(at).len() as u64)
        .sum::<u64>();
    assert_eq!(bytes, 2 * all);
    let (_, ended) = log.reader.scrub(&mut |_| false);
    assert!(!ended.unwrap());
}

#[test]
fn a_fault_while_a_frame_is_mended_is_mended_by_the_next_start() {
    let (whole, log) = log();
    let head = log.reader.head();
    drop(log);
    let name = &names(&whole)[1];
    whole.tamper_file(JOURNAL, name, |bytes| bytes[900..2_900].fill(0));
    let run = |disk: &FaultyDisk| {
        let log = open(disk, &options(), &mut |_| {}).ok()?;
        log.reader.scrub(&mut |_| true).1.ok()
    };
    every_fault(
        "scrub",
        32,
        |point| whole.copy(point),
        run,
        |tried| {
            let Tried {
                disk, point, fault, ..
            } = tried;
            let log = opened(disk);
            assert_eq!(log.reader.head(), head, "{fault:?} at {point}");
            let (_, ended) = log.reader.scrub(&mut |_| true);
            assert!(ended.unwrap(), "{fault:?} at {point}");
            drop(log);
            assert_whole(disk);
        },
    );
}
