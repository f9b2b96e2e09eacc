//! The same damage on a real disk, to a real sled database.

use std::{fs, io::ErrorKind, path::Path};

use contactd::{
    domain::Position,
    log::{self, OpenOptions},
    storage::{DataDir, StorageError},
};

use super::{
    GROUPS, append, check_completed, check_copies_agree, check_entries, entry, open, options,
};

fn real_log(dir: &Path, groups: &[u64]) -> u64 {
    let disk = DataDir::open(dir).expect("the directory is free");
    let mut log = open(&disk).expect("it opens");
    for count in groups {
        append(&mut log, *count).expect("it is written");
    }
    check_entries(&log);
    log.reader.head().get()
}

#[test]
fn a_second_opener_is_told_that_the_directory_is_in_use() {
    let dir = tempfile::tempdir().expect("a directory");
    let held = DataDir::open(dir.path()).expect("the directory is free");
    let refused = DataDir::open(dir.path());
    assert!(matches!(refused, Err(StorageError::InUse { .. })));
    drop(held);
    assert!(DataDir::open(dir.path()).is_ok());
}

#[test]
fn large_entries_stay_out_of_sleds_unsynced_blobs() {
    let dir = tempfile::tempdir().expect("a directory");
    let disk = DataDir::open(dir.path()).expect("the directory is free");
    let mut log = open(&disk).expect("it opens");
    let sizes = [48 << 10, 65_535, 6_990, 6_994, 30_000];
    for round in 0..60 {
        let entries: Vec<_> = sizes.iter().map(|size| vec![round; *size]).collect();
        log.appender.append(&entries).expect("it is written");
    }
    drop(log);
    open(&disk).expect("it opens again");
    let count = match fs::read_dir(dir.path().join("log/blobs")) {
        Ok(blobs) => blobs.count(),
        Err(error) if error.kind() == ErrorKind::NotFound => 0,
        Err(error) => panic!("{error}"),
    };
    assert_eq!(count, 0);
}

#[test]
fn a_real_store_cut_flipped_or_deleted_is_completed_from_the_journal() {
    let dir = tempfile::tempdir().expect("a directory");
    let head = real_log(dir.path(), &[GROUPS.as_slice(); 6].concat());
    let log_dir = dir.path().join("log");
    let db = log_dir.join("db");
    let length = fs::metadata(&db).expect("sled has its file").len();
    let cut = |to: u64| {
        let file = fs::OpenOptions::new().write(true).open(&db);
        file.and_then(|file| file.set_len(to)).expect("it is cut");
    };
    let flip = |every: usize| {
        let mut bytes = fs::read(&db).expect("it is read");
        for at in (every / 2..bytes.len()).step_by(every) {
            bytes[at] ^= 0x10;
        }
        fs::write(&db, bytes).expect("it is written");
    };
    let damages: [&dyn Fn(); 7] = [
        &|| cut(length / 2),
        &|| cut(0),
        &|| flip(1 << 20),
        &|| flip(1_000),
        &|| fs::remove_file(&db).expect("it is removed"),
        &|| fs::remove_dir_all(&log_dir).expect("it is removed"),
        &|| fs::write(log_dir.join("conf"), "nonsense").expect("it is written"),
    ];
    let whole = OpenOptions {
        whole: true,
        ..options()
    };
    for (number, damage) in damages.iter().enumerate() {
        damage();
        let disk = DataDir::open(dir.path()).expect("the directory is free");
        let log = log::open(&disk, &whole, &mut |_| {}).expect("it opens");
        assert_eq!(log.reader.head().get(), head, "damage {number}");
        check_entries(&log);
        drop(log);
        check_copies_agree(&disk, &options());
    }
}

#[test]
fn a_real_journal_cut_flipped_or_deleted_is_completed_from_the_store() {
    let dir = tempfile::tempdir().expect("a directory");
    let head = real_log(dir.path(), &GROUPS);
    let journal = dir.path().join("journal");
    let rewrite_last = |change: &dyn Fn(&mut Vec<u8>)| {
        let names = fs::read_dir(&journal).expect("it lists");
        let last = names.map(|entry| entry.expect("it lists").path()).max();
        let last = last.expect("there are files");
        let mut bytes = fs::read(&last).expect("it is read");
        change(&mut bytes);
        fs::write(&last, bytes).expect("it is written");
    };
    let damages: [&dyn Fn(); 3] = [
        &|| rewrite_last(&|bytes| bytes.truncate(bytes.len() - 7)),
        &|| rewrite_last(&|bytes| bytes[40] ^= 1),
        &|| fs::remove_dir_all(&journal).expect("it is removed"),
    ];
    for damage in damages {
        damage();
        let disk = DataDir::open(dir.path()).expect("the directory is free");
        check_completed(&disk, &options(), head);
    }
}

#[test]
fn readers_beside_the_appender_see_whole_groups_and_never_past_the_head() {
    let dir = tempfile::tempdir().expect("a directory");
    let disk = DataDir::open(dir.path()).expect("the directory is free");
    let mut log = open(&disk).expect("it opens");
    let reader = log.reader.clone();
    let last = Position::new(600);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut seen = 0;
            while seen < last.get() {
                let head = reader.head();
                let found = reader.get(head).expect("it reads");
                assert_eq!(found.is_some(), head > Position::ZERO);
                for found in reader.scan(Position::new(seen + 1), last) {
                    let (position, bytes) = found.expect("it reads");
                    seen += 1;
                    assert_eq!(position.get(), seen);
                    assert!(bytes == entry(seen));
                }
                assert!(head.get() <= seen);
            }
        });
        for _ in 0..100 {
            append(&mut log, 6).expect("it is written");
        }
    });
}
