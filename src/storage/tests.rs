//! What the seams promise, tried on the real implementors and the simulated ones alike.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{Arc, Barrier},
    thread,
};

use bytes::Bytes;
use proptest::prelude::*;
use tempfile::TempDir;

use super::{dir_files::make_dir, room::Boundless, *};

const NAMES: [&str; 4] = ["a", "b", "d/x", "d/y"];

/// A call that changes files, by the numbers of their names.
#[derive(Clone, Debug)]
enum FileCall {
    KeepOpen(usize),
    Create(usize),
    CreateWhole(usize, Vec<u8>),
    Append(usize, Vec<u8>),
    WriteAt(usize, u64, Vec<u8>),
    Write(usize, Vec<u8>),
    Sync(usize),
    Refresh(usize, u64),
    Truncate(usize, u64),
    Rename(usize, usize),
    Remove(usize),
    RemoveDir,
    WriteAtomic(usize, Vec<u8>),
    Replace(usize, Vec<u8>),
    Wipe(usize),
}

impl FileCall {
    fn any() -> impl Strategy<Value = Self> {
        let (name, offset) = (0..NAMES.len(), 0_u64..6);
        let bytes = prop::collection::vec(1_u8.., 1..5);
        prop_oneof![
            name.clone().prop_map(Self::KeepOpen),
            name.clone().prop_map(Self::Create),
            (name.clone(), bytes.clone()).prop_map(|(n, b)| Self::CreateWhole(n, b)),
            (name.clone(), bytes.clone()).prop_map(|(n, b)| Self::Append(n, b)),
            (name.clone(), offset.clone(), bytes.clone())
                .prop_map(|(n, at, b)| Self::WriteAt(n, at, b)),
            (name.clone(), bytes.clone()).prop_map(|(n, b)| Self::Write(n, b)),
            name.clone().prop_map(Self::Sync),
            (name.clone(), offset.clone()).prop_map(|(n, at)| Self::Refresh(n, at)),
            (name.clone(), offset).prop_map(|(n, to)| Self::Truncate(n, to)),
            (0..2_usize, 0..2_usize).prop_map(|(n, to)| Self::Rename(n, to)),
            name.clone().prop_map(Self::Remove),
            Just(Self::RemoveDir),
            (name.clone(), bytes.clone()).prop_map(|(n, b)| Self::WriteAtomic(n, b)),
            (name.clone(), bytes).prop_map(|(n, b)| Self::Replace(n, b)),
            name.prop_map(Self::Wipe),
        ]
    }

    fn on(&self, files: &dyn Files) -> Result<bool, StorageError> {
        match self {
            Self::KeepOpen(n) => files.keep_open(NAMES[*n]),
            Self::Create(n) => files.create(NAMES[*n]),
            Self::CreateWhole(n, bytes) => return files.create_whole(NAMES[*n], bytes),
            Self::Append(n, bytes) => files.append(NAMES[*n], bytes),
            Self::WriteAt(n, at, bytes) => files.write_at(NAMES[*n], *at, bytes),
            Self::Write(n, bytes) => files.write(NAMES[*n], bytes),
            Self::Sync(n) => files.sync(NAMES[*n]),
            Self::Refresh(n, at) => files.refresh(NAMES[*n], *at),
            Self::Truncate(n, to) => files.truncate(NAMES[*n], *to),
            Self::Rename(n, to) => files.rename(NAMES[*n], NAMES[*to]),
            Self::Remove(n) => files.remove(NAMES[*n]),
            Self::RemoveDir => files.remove_dir("d"),
            Self::WriteAtomic(n, bytes) => files.write_atomic(NAMES[*n], bytes),
            Self::Replace(n, bytes) => files.replace(NAMES[*n], bytes),
            Self::Wipe(n) => files.wipe(NAMES[*n]),
        }
        .map(|()| true)
    }
}

/// All that can be seen of a directory.
fn seen(files: &dyn Files) -> impl PartialEq + std::fmt::Debug {
    let file = |name: &str| {
        let length = files.len(name).map_err(|error| error.is_absent());
        let part = files.read_at(name, 2, 3);
        let whole = FileAt::at(&files.path(name));
        let by_path = (whole.path(), files.path(name));
        assert_eq!(by_path.0, by_path.1);
        (
            files.has(name).unwrap(),
            length,
            part.ok(),
            files.read_at(name, 0, 99).ok(),
        )
    };
    let lists = ["", "d", "e"].map(|dir| files.list_in(dir).unwrap());
    let dirs = ["", "e"].map(|dir| files.has_dir(dir).unwrap());
    (NAMES.map(file), lists, dirs)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_real_directory_does_what_the_simulated_one_does(
        calls in prop::collection::vec(FileCall::any(), 1..40), is_held in any::<bool>(),
    ) {
        let root = TempDir::new().unwrap();
        let real = match is_held {
            true => DirFiles::open(root.path()).unwrap(),
            false => DirFiles::at(root.path()),
        };
        let simulated = SimDisk::new(1).files("").unwrap();
        for call in &calls {
            let [one, other] = [&real as &dyn Files, &*simulated].map(|files| call.on(files));
            let absent = |result: Result<bool, StorageError>| result.map_err(|it| it.is_absent());
            prop_assert_eq!(absent(one), absent(other), "{:?}", call);
            prop_assert_eq!(
                format!("{:?}", seen(&real)), format!("{:?}", seen(&*simulated)), "{:?}", call
            );
        }
    }

    #[test]
    fn every_store_is_an_ordered_map(
        changes in prop::collection::vec((any::<bool>(), 0_u8..12, any::<u8>()), 0..30),
        sizes in prop::collection::vec(1_usize..4, 10),
        (key, to) in (0_u8..13, prop::option::of(0_u8..13)),
        limit in 0_usize..5,
    ) {
        let root = TempDir::new().unwrap();
        let sled = SledStore::open(&root.path().join("store"), CACHE_BYTES_DEFAULT).unwrap();
        let simulated = SimDisk::new(1).open_store("store").unwrap();
        let mut map = BTreeMap::new();
        let mut batches = vec![Batch::default()];
        for (n, (puts, key, value)) in changes.iter().enumerate() {
            let batch = batches.last_mut().unwrap();
            match puts {
                true => { batch.put([*key], [*value]); map.insert(vec![*key], vec![*value]); }
                false => { batch.remove([*key]); map.remove(&vec![*key]); }
            }
            prop_assert!(!batch.is_empty());
            if batch.changes().len() >= sizes[n % sizes.len()] {
                batches.push(Batch::default());
            }
        }
        prop_assert!(Batch::default().is_empty());
        let pair = |(key, value): (&Vec<u8>, &Vec<u8>)| {
            (Bytes::from(key.clone()), Bytes::from(value.clone()))
        };
        let (key, to) = (vec![key], to.map(|to| vec![to]));
        let within = |it: &Vec<u8>| *it >= key && to.as_ref().is_none_or(|to| it < to);
        let page: Page = map.iter().filter(|(it, _)| within(it)).map(pair).take(limit).collect();
        for store in [&sled as &dyn Store, &*simulated] {
            batches.iter().for_each(|batch| store.apply(batch.clone()).unwrap());
            prop_assert_eq!(store.get(&key).unwrap(), map.get(&key).cloned().map(Bytes::from));
            let last = map.range(..=key.clone()).next_back().map(pair);
            prop_assert_eq!(store.last_at_or_before(&key).unwrap(), last);
            prop_assert_eq!(store.page(&key, to.as_deref(), limit).unwrap(), page.clone());
        }
    }
}

#[test]
fn a_whole_write_that_is_cut_off_leaves_the_old_content_or_the_new() {
    let mut found = std::collections::BTreeSet::new();
    for seed in 0..40 {
        for sync in 1..=3 {
            let disk = SimDisk::new(seed);
            let files = || disk.files("a").unwrap();
            files().write_atomic("d/x", b"old").unwrap();
            disk.plan(Faults {
                halt_at: Some(sync),
                ..Faults::default()
            });
            let written = files().write_atomic("d/x", b"new");
            assert_eq!(written.is_ok(), sync == 3, "{sync} of {seed}");
            disk.crash();
            let content = files().read_at("d/x", 0, 9).unwrap();
            assert!(written.is_err() || content == b"new", "{sync} of {seed}");
            let temporary = files().has("d/x.tmp").unwrap();
            found.insert((sync, content == b"new", temporary));
        }
    }
    // Before the first sync the other file may be there or not; before the second, both names or
    // the new one alone.
    let first = [(1, false, false), (1, false, true)];
    let second = [(2, false, false), (2, false, true), (2, true, false)];
    let all = first.into_iter().chain(second).chain([(3, true, false)]);
    assert_eq!(found, all.collect());
}

#[test]
fn what_a_failed_sync_has_lost_is_on_the_disk_once_it_is_written_again() {
    let mut lost = 0;
    for seed in 0..40 {
        for again in [false, true] {
            let disk = SimDisk::new(seed);
            let files = disk.files("a").unwrap();
            files.create("x").unwrap();
            disk.plan(Faults {
                fail_at: Some(1),
                ..Faults::default()
            });
            files.append("x", b"abc").unwrap();
            assert!(files.sync("x").is_err());
            if again {
                files.write_at("x", 0, b"abc").unwrap();
            }
            files.sync("x").unwrap();
            disk.crash();
            let content = disk.files("a").unwrap().read_at("x", 0, 9).unwrap();
            assert!(!again || content == b"abc", "{content:?} of {seed}");
            lost += u32::from(content != b"abc");
        }
    }
    assert!(lost > 10, "{lost}: a sync that failed is no promise");
}

#[test]
fn what_was_cut_written_again_or_wiped_outlasts_a_power_cut() {
    for seed in 0..20 {
        let disk = SimDisk::new(seed);
        let files = || disk.files("a").unwrap();
        let plan = |halt_at, fail_at| {
            disk.plan(Faults {
                halt_at,
                fail_at,
                ..Faults::default()
            });
        };
        for name in ["cut", "again", "wiped"] {
            files().create_whole(name, b"abcdef").unwrap();
        }
        files().truncate("cut", 3).unwrap();
        plan(None, Some(1));
        files().append("again", b"gh").unwrap();
        assert!(files().sync("again").is_err());
        files().refresh("again", 4).unwrap();
        // The power goes before the name is taken away on the disk.
        plan(Some(2), None);
        assert!(files().wipe("wiped").is_err());
        disk.crash();
        let read = |name| files().read_at(name, 0, 9);
        assert_eq!(read("cut").unwrap(), b"abc", "seed {seed}");
        assert_eq!(read("again").unwrap(), b"abcdefgh", "seed {seed}");
        let left = read("wiped").unwrap_or_default();
        assert!(left.iter().all(|byte| *byte == 0), "seed {seed}: {left:?}");
    }
}

#[test]
fn a_store_takes_room_for_what_it_writes_more_than_once() {
    let root = TempDir::new().unwrap();
    let store = SledStore::open(root.path(), CACHE_BYTES_DEFAULT).unwrap();
    let file = || fs::metadata(root.path().join("db")).unwrap();
    let wanted = file().len() + (3 << 20) + 4 * (512 << 10);
    let ahead = 4 << 20;
    store.reserve(1 << 20).unwrap();
    let taken = file().blocks() * 512;
    assert!(taken >= wanted + ahead, "{taken}");
}

/// Nothing can be below a plain file, and to ask for it is another mistake than to ask for a file
/// that is absent.
#[test]
fn what_cannot_be_looked_at_is_not_taken_for_absent() {
    let root = TempDir::new().unwrap();
    let plain = root.path().join("plain");
    fs::write(&plain, b"x").unwrap();
    let below = plain.join("below");
    let files = DirFiles::at(&below);
    let file = FileAt::at(&below);
    let disk = DataDir::open(root.path()).unwrap();
    let refused = [
        ("list", files.list().map(drop)),
        ("has_dir", files.has_dir("").map(drop)),
        ("has", files.has("a").map(drop)),
        ("remove_dir", files.remove_dir("")),
        ("replace", files.replace("a", b"x")),
        ("read", file.read(1).map(drop)),
        ("remove", file.remove()),
        ("used", room_of(&below).used().map(drop)),
        ("remove_store", disk.remove_store("plain")),
        ("is_held", DataDir::is_held(&plain).map(drop)),
        ("files_below", files_below(&below).map(drop)),
    ];
    for (name, result) in refused {
        let error = result.expect_err(name);
        assert!(!error.is_absent(), "{name}: {error}");
    }
    // A link that leads to itself can be replaced, but not overwritten.
    let files = DirFiles::at(root.path());
    std::os::unix::fs::symlink("turn", root.path().join("turn")).unwrap();
    assert!(files.replace("turn", b"x").is_err());
    fs::create_dir(root.path().join("ballast")).unwrap();
    assert!(room_of(root.path()).give_back().is_err());
}

#[test]
fn what_is_absent_has_nothing_to_sync_and_is_well_removed() {
    let root = TempDir::new().unwrap();
    let absent = DirFiles::at(&root.path().join("absent"));
    assert!(absent.sync_dir("").is_err_and(|error| error.is_absent()));
    assert!(absent.sync_dir("d").is_err_and(|error| error.is_absent()));
    assert!(!absent.has_dir("").unwrap());
    absent.remove_dir("").unwrap();
    let file = FileAt::at(&root.path().join("file"));
    assert_eq!(file.path(), root.path().join("file"));
    assert!(!file.exists().unwrap());
    assert_eq!(file.read(9).unwrap(), None);
    file.remove().unwrap();
    assert!(file.create_whole(b"x").unwrap());
    assert!(file.exists().unwrap());
    let files = DirFiles::at(root.path());
    assert!(files.has_dir("").unwrap() && !files.has_dir("file").unwrap());
    files.write("d/x", b"x").unwrap();
    assert!(files.has_dir("d").unwrap());
    files.sync_dir("d").unwrap();
    files.remove_dir("d").unwrap();
    assert!(!files.has_dir("d").unwrap());
}

#[test]
fn a_data_directory_says_what_it_has_and_who_holds_it() {
    let root = TempDir::new().unwrap();
    let dir = root.path().join("data");
    assert!(!DataDir::is_held(&dir).unwrap());
    let disk = DataDir::open(&dir).unwrap();
    assert!(DataDir::is_held(&dir).unwrap());
    assert!(!disk.has_store("log").unwrap());
    disk.remove_store("log").unwrap();
    drop(disk.open_store("log").unwrap());
    disk.rename_store("log", "old").unwrap();
    assert!(disk.has_store("old").unwrap() && !disk.has_store("log").unwrap());
    disk.remove_store("old").unwrap();
    assert!(!disk.has_store("old").unwrap());
    drop(disk);
    assert!(!DataDir::is_held(&dir).unwrap());
}

fn room_of(dir: &Path) -> Arc<dyn Room> {
    Arc::new(room::DirRoom(dir.to_owned()))
}

#[test]
fn a_directory_takes_the_blocks_of_its_files_and_its_ballast() {
    let root = TempDir::new().unwrap();
    let room = room_of(root.path());
    assert_eq!(room_of(&root.path().join("absent")).used().unwrap(), 0);
    assert_eq!(room.used().unwrap(), 0);
    fs::create_dir(root.path().join("d")).unwrap();
    let mut blocks = 0;
    for name in ["a", "d/x"] {
        fs::write(root.path().join(name), vec![1; 9_000]).unwrap();
        blocks += fs::metadata(root.path().join(name)).unwrap().blocks();
    }
    assert_eq!(room.used().unwrap(), blocks * 512);
    room.hold_back(1 << 20).unwrap();
    assert!(room.used().unwrap() >= blocks * 512 + (1 << 20));
    room.give_back().unwrap();
    assert_eq!(room.used().unwrap(), blocks * 512);
    let space = room.space().unwrap().unwrap();
    assert!(space.total >= space.free && space.total > 0);
    assert_eq!(Boundless.used().unwrap(), 0);
}

#[test]
fn a_lack_passes_and_another_error_does_not() {
    use rustix::io::Errno;
    use std::io::{Error, ErrorKind};
    let of = |cause| StorageError::io("use", "a")(cause);
    for lack in [Errno::NOSPC.into(), ErrorKind::StorageFull.into()] {
        assert!(of(lack).is_passing());
    }
    for other in [
        Errno::IO.into(),
        Error::other("no"),
        ErrorKind::NotFound.into(),
    ] {
        assert!(!of(other).is_passing());
    }
    assert!(of(ErrorKind::NotFound.into()).is_absent());
    assert!(!of(Error::other("no")).is_absent());
}

#[test]
fn a_file_is_read_to_its_end_whatever_more_is_asked_for() {
    let root = TempDir::new().unwrap();
    let files = DirFiles::at(root.path());
    let bytes = [7; 10_000];
    files.write("a", &bytes).unwrap();
    for (offset, limit) in [
        (0, usize::MAX),
        (1, 9_000),
        (9_999, usize::MAX),
        (99_999, 9),
    ] {
        let wanted = bytes.iter().skip(offset).take(limit);
        let read = files.read_at("a", offset as u64, limit).unwrap();
        assert!(read.iter().eq(wanted), "{offset} {limit}");
    }
}

/// Another process may make it between the look and the making.
#[test]
fn a_directory_is_made_by_whoever_is_quicker_and_is_there_for_both() {
    let root = TempDir::new().unwrap();
    let both = Barrier::new(2);
    let make = || -> Vec<_> {
        let make = |number: u32| {
            both.wait();
            make_dir(&root.path().join(number.to_string()))
        };
        (0..500).map(make).collect()
    };
    let made = thread::scope(|scope| {
        let makers = [scope.spawn(make), scope.spawn(make)];
        makers.map(|maker| maker.join().unwrap())
    });
    assert!(made.iter().flatten().all(Result::is_ok), "{made:?}");
    fs::write(root.path().join("file"), b"").unwrap();
    make_dir(&root.path().join("file")).unwrap_err();
}
