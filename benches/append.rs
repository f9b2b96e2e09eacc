//! How fast groups reach the disk, beside a bare file in the same run.
//!
//! `cargo bench --bench append`. A command is two entries of 450 bytes; a group
//! is synced before the next begins. The disk is the one of the temporary
//! directory: set `TMPDIR` to measure another.

#![allow(
    clippy::expect_used,
    reason = "a bench that cannot measure has nothing to do but stop"
)]

mod common;

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use contactd::{
    domain::Position,
    log::{self, OpenOptions, Opened},
    storage::{DataDir, Disk, Files, Held, StorageError, Store},
};

const ENTRY_BYTES: usize = 450;
const ENTRIES_PER_COMMAND: usize = 2;
const MEASURED: Duration = Duration::from_secs(3);
/// A disk that takes longer for one group is broken.
const MICROS_MAX: u64 = 60_000_000;

/// A data directory whose files keep nothing: the log without its journal.
struct NoJournal(DataDir);

impl Disk for NoJournal {
    fn files(&self, _name: &str) -> Result<Arc<dyn Files>, StorageError> {
        Ok(Arc::new(Nowhere))
    }
    fn files_at(&self, _name: &str) -> Result<Arc<dyn Files>, StorageError> {
        Ok(Arc::new(Nowhere))
    }
    fn open_store(&self, name: &str) -> Result<Arc<dyn Store>, StorageError> {
        self.0.open_store(name)
    }
    fn has_store(&self, name: &str) -> Result<bool, StorageError> {
        self.0.has_store(name)
    }
    fn rename_store(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.0.rename_store(from, to)
    }
    fn remove_store(&self, name: &str) -> Result<(), StorageError> {
        self.0.remove_store(name)
    }
}

struct Nowhere;

impl Files for Nowhere {
    fn path(&self, name: &str) -> PathBuf {
        name.into()
    }
    fn list_in(&self, _dir: &str) -> Result<Vec<String>, StorageError> {
        Ok(Vec::new())
    }
    fn has_dir(&self, _dir: &str) -> Result<bool, StorageError> {
        Ok(false)
    }
    fn len(&self, _name: &str) -> Result<u64, StorageError> {
        Ok(0)
    }
    fn read_at(&self, _name: &str, _offset: u64, _limit: usize) -> Result<Vec<u8>, StorageError> {
        Ok(Vec::new())
    }
    fn make_dir(&self, _dir: &str) -> Result<bool, StorageError> {
        Ok(false)
    }
    fn begin(&self, _name: &str) -> Result<(), StorageError> {
        Ok(())
    }
    fn append(&self, _name: &str, _bytes: &[u8]) -> Result<(), StorageError> {
        Ok(())
    }
    fn sync(&self, _name: &str) -> Result<(), StorageError> {
        Ok(())
    }
    fn set_len(&self, _name: &str, _length: u64) -> Result<(), StorageError> {
        Ok(())
    }
    fn link(&self, _from: &str, _to: &str) -> Result<bool, StorageError> {
        Ok(true)
    }
    fn move_name(&self, _from: &str, _to: &str) -> Result<(), StorageError> {
        Ok(())
    }
    fn unlink(&self, _name: &str) -> Result<(), StorageError> {
        Ok(())
    }
    fn write_new(&self, _name: &str, _bytes: &[u8]) -> Result<(), StorageError> {
        Ok(())
    }
    fn write_at(&self, _name: &str, _offset: u64, _bytes: &[u8]) -> Result<(), StorageError> {
        Ok(())
    }
    fn write(&self, _name: &str, _bytes: &[u8]) -> Result<(), StorageError> {
        Ok(())
    }
    fn sync_dir(&self, _dir: &str) -> Result<(), StorageError> {
        Ok(())
    }
    fn remove_dir(&self, _dir: &str) -> Result<(), StorageError> {
        Ok(())
    }
    fn hold(&self, _name: &str) -> Result<Option<Box<dyn Held>>, StorageError> {
        Ok(None)
    }
}

fn group(commands: usize) -> Vec<Vec<u8>> {
    let entry = |number: usize| vec![number as u8; ENTRY_BYTES];
    (0..commands * ENTRIES_PER_COMMAND).map(entry).collect()
}

/// Runs for a while; entries a second, and the median and 99th percentile of a
/// group in microseconds.
fn measure(name: &str, commands: usize, mut append: impl FnMut(&[Vec<u8>])) {
    let entries = group(commands);
    let micros = hdrhistogram::Histogram::<u64>::new_with_bounds(1, MICROS_MAX, 3);
    let mut micros = micros.expect("a histogram");
    let begun = Instant::now();
    while begun.elapsed() < MEASURED {
        let start = Instant::now();
        append(&entries);
        let took = start.elapsed().as_micros();
        micros.saturating_record(u64::try_from(took).unwrap_or(u64::MAX));
    }
    let seconds = begun.elapsed().as_secs_f64();
    let rate = micros.len() as f64 * entries.len() as f64 / seconds;
    println!(
        "{name:<16} {commands:>4} commands a group: {rate:>9.0} entries/s, p50 {} us, p99 {} us",
        micros.value_at_quantile(0.5),
        micros.value_at_quantile(0.99),
    );
}

fn open(disk: &dyn Disk) -> Opened {
    log::open(disk, &OpenOptions::default(), &mut |_| {}).expect("it opens")
}

fn append_everywhere(dir: &Path, commands: usize) {
    let mut file = File::create(dir.join("raw")).expect("a file");
    measure("file+fdatasync", commands, |entries| {
        file.write_all(&entries.concat()).expect("it is written");
        file.sync_data().expect("it is synced");
    });
    let disk = DataDir::open(&dir.join("store")).expect("a directory");
    let mut opened = open(&NoJournal(disk));
    measure("store only", commands, |entries| {
        opened.appender.append(entries).expect("it is written");
    });
    drop(opened);
    let disk = DataDir::open(&dir.join("both")).expect("a directory");
    let mut opened = open(&disk);
    measure("store + journal", commands, |entries| {
        opened.appender.append(entries).expect("it is written");
    });
}

/// Reads back what the last measurement wrote.
fn read(dir: &Path) {
    let disk = DataDir::open(&dir.join("both")).expect("a directory");
    let begun = Instant::now();
    let opened = open(&disk);
    let head = opened.reader.head();
    println!("open {} entries: {:?}", head.get(), begun.elapsed());
    let begun = Instant::now();
    let bytes: usize = opened
        .reader
        .scan(Position::new(1), head)
        .map(|found| found.expect("it is read").1.len())
        .sum();
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "scan: {:.0} entries/s, {bytes} bytes",
        head.get() as f64 / seconds
    );
    let begun = Instant::now();
    let step = (head.get() / 10_000).max(1) as usize;
    let positions = (1..=head.get()).step_by(step);
    let count = positions.clone().count();
    for position in positions {
        let found = opened.reader.get(Position::new(position));
        found.expect("it is read").expect("it is there");
    }
    println!("get: {:?} each", begun.elapsed() / count as u32);
    drop(opened);
    let begun = Instant::now();
    log::verify(&disk, &OpenOptions::default(), &mut |_| {}).expect("the disk works");
    println!("verify: {:?}", begun.elapsed());
}

fn main() {
    common::print_profile();
    for commands in [1, 16, 256] {
        let dir = tempfile::tempdir().expect("a directory");
        append_everywhere(dir.path(), commands);
        read(dir.path());
    }
}
