//! The log on disks that fail: nothing acknowledged is lost, no gap, two equal
//! copies, whatever was cut, flipped or deleted.
//!
//! The histories run on the simulated disk, with the power cut at every sync in
//! turn; the damage is done to it and to a real sled database.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy grants tests these, but not the functions that tests share"
)]

mod damage;
#[path = "../common/figures.rs"]
mod figures;
mod histories;
mod powercut;
mod real;

use contactd::{
    domain::Position,
    log::{self, OpenError, OpenOptions, Opened, Repair},
    storage::Disk,
};

/// The sizes of a history's groups: 42 events.
const GROUPS: [u64; 9] = [1, 2, 7, 1, 16, 3, 1, 9, 2];

/// Journal files of a few groups each, so that histories cross their edges.
fn options() -> OpenOptions {
    OpenOptions {
        segment_bytes_max: 2_000,
        ..OpenOptions::default()
    }
}

fn open(disk: &dyn Disk) -> Result<Opened, OpenError> {
    log::open(disk, &options(), &mut |_| {})
}

/// The entry at a position, told from every other by its bytes.
fn entry(position: u64) -> Vec<u8> {
    let sizes = [1, 40, 450, 450, 3_000, 6_993, 7_100, 450, 48 << 10, 65_535];
    let length = sizes[(position % 13 % 10) as usize];
    let mut bytes = position.to_le_bytes().repeat(length / 8 + 1);
    bytes.truncate(length);
    bytes
}

fn group(first: u64, count: u64) -> Vec<Vec<u8>> {
    (first..first + count).map(entry).collect()
}

fn append(log: &mut Opened, count: u64) -> Result<(), log::AppendError> {
    let first = log.appender.next().get();
    let appended = log.appender.append(&group(first, count))?;
    assert_eq!(appended.first.get(), first);
    assert_eq!(appended.last.get(), first + count - 1);
    assert_eq!(log.reader.head(), appended.last);
    Ok(())
}

/// Everything up to the head is there and is what was written there.
fn check_entries(log: &Opened) {
    let head = log.reader.head();
    let mut next = 1;
    for found in log.reader.scan(Position::new(1), head) {
        let (position, bytes) = found.expect("an event can be read");
        assert_eq!(position.get(), next);
        assert!(bytes == entry(next), "event {next} is not what was written");
        next += 1;
    }
    assert_eq!(next, head.get() + 1);
}

fn check_copies_agree(disk: &dyn Disk, options: &OpenOptions) {
    let verified = log::verify(disk, options, &mut |_| {}).expect("the disk works");
    assert_eq!(verified.damages, []);
}

fn journal_files(disk: &dyn Disk) -> Vec<String> {
    let files = disk.files(log::JOURNAL).expect("the journal opens");
    files.list().expect("it lists")
}

/// It opens, completes what is missing, tells so, and holds everything.
fn check_completed(disk: &dyn Disk, options: &OpenOptions, head: u64) -> Vec<Repair> {
    let log = log::open(disk, options, &mut |_| {}).expect("it opens");
    assert_eq!(log.reader.head().get(), head);
    check_entries(&log);
    let report = log.report.clone();
    assert_ne!(report, []);
    drop(log);
    check_copies_agree(disk, options);
    report
}
