//! Repair, rekey, rebuild and compact on a disk whose every operation is the last one, or is refused,
//! in turn.

use std::collections::BTreeMap;

use super::super::data::{Data, Purpose};
use super::super::exit::Failure;
use super::super::faults::{SPREAD, assert_served_or_refused, assert_whole, options, served, take};
use super::super::options::DataOptions;
use super::rebuild::{compacted, fold_again};
use super::rekey::rekey;
use super::repair::mend;
use crate::keys::MasterKey;
use crate::log::{JOURNAL, STORE};
use crate::service::VIEWS;
use crate::storage::faulty::{FaultyDisk, Tried, end, every_fault};
use crate::storage::{Disk, FileAt, SimDisk};

/// Flips a bit in the middle of a file.
fn flip(disk: &SimDisk, dir: &str, name: &str) {
    assert!(disk.files(dir).unwrap().has(name).unwrap(), "{dir}/{name}");
    disk.tamper_file(dir, name, |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    });
}

/// Damages one copy of everything that has two, and takes a sealed file away.
fn damage(disk: &SimDisk) {
    let journal = disk.files(JOURNAL).unwrap().list().unwrap();
    flip(disk, JOURNAL, &journal[0]);
    flip(disk, "audit", "tile/entries/000");
    flip(disk, "audit", "tile/0/000");
    flip(disk, "keys", "slots-1.bin");
    let audit = disk.files("audit").unwrap();
    let partial = audit.list_in("tile/entries/001.p").unwrap();
    let partial = partial.first().unwrap();
    audit
        .remove(&format!("tile/entries/001.p/{partial}"))
        .unwrap();
}

/// Repairs a directory that was damaged, with every fault, and judges what is left each time.
fn repaired_whatever_fails(name: &str, damage: impl Fn(&SimDisk)) {
    let (whole, contacts) = served();
    let begin = |point| {
        let disk = whole.copy(point);
        damage(&disk);
        disk
    };
    let repair = |disk: &FaultyDisk| mend(&take(disk, Purpose::Mend)?).map(|_| ());
    every_fault(name, SPREAD, begin, repair, |tried| {
        let Tried {
            disk, point, ended, ..
        } = tried;
        assert_served_or_refused(disk, contacts);
        if ended.is_err() {
            mend(&take(disk, Purpose::Mend).unwrap()).unwrap();
            end(disk, point);
        }
        assert_whole(disk, contacts);
    });
}

#[test]
fn a_repair_is_finished_by_another_whatever_fault_it_met() {
    repaired_whatever_fails("repair", damage);
}

#[test]
fn a_repair_of_a_broken_store_is_finished_by_another_whatever_fault_it_met() {
    repaired_whatever_fails("repair, of a store that does not open", |disk| {
        disk.break_store(STORE);
    });
    repaired_whatever_fails("repair, of a store that lost values", |disk| {
        disk.tamper_store(STORE, |values| {
            let third = values.keys().nth(2).unwrap().clone();
            values.remove(&third);
        });
    });
}

#[test]
fn views_are_folded_again_whatever_fault_met_the_last_fold() {
    let (whole, contacts) = served();
    let begin = |point| whole.copy(point);
    let judge = |again: &dyn Fn(&Data) -> Result<(), Failure>,
                 tried: Tried<'_, Result<(), Failure>>| {
        let Tried {
            disk,
            point,
            fault,
            ended,
        } = tried;
        assert_served_or_refused(disk, contacts);
        if ended.is_err() {
            let mended = again(&take(disk, Purpose::Use).unwrap());
            mended.unwrap_or_else(|failure| panic!("{fault:?} at {point}: {}", failure.message));
            end(disk, point);
        }
        assert!(!disk.files(VIEWS).unwrap().list().unwrap().is_empty());
        assert_whole(disk, contacts);
    };
    let rebuild = |data: &Data| fold_again(data).map(|_| ());
    let compact = |data: &Data| compacted(data).map(|_| ());
    let run = |disk: &FaultyDisk| rebuild(&take(disk, Purpose::Use)?);
    every_fault("rebuild", SPREAD, begin, run, |tried| {
        judge(&rebuild, tried)
    });
    let run = |disk: &FaultyDisk| compact(&take(disk, Purpose::Use)?);
    every_fault("compact", SPREAD, begin, run, |tried| {
        judge(&compact, tried)
    });
}

/// The files of keys that a directory has.
fn key_files(disk: &SimDisk) -> Vec<String> {
    let mut names = disk.files("keys").unwrap().list().unwrap();
    names.retain(|name| name.starts_with("slots-"));
    names
}

#[test]
fn keys_are_wrapped_anew_by_another_try_whatever_fault_met_the_first() {
    let (whole, contacts) = served();
    let new = |disk: &dyn Disk| Ok::<_, Failure>(FileAt::new(disk.files("elsewhere")?, "new.key"));
    let run = |disk: &FaultyDisk| rekey(&take(disk, Purpose::Use)?, None, &new(disk)?).map(|_| ());
    every_fault(
        "rekey",
        SPREAD,
        |point| whole.copy(point),
        run,
        |tried| {
            let Tried {
                disk,
                point,
                fault,
                ended,
            } = tried;
            assert_served_or_refused(disk, contacts);
            if ended.is_err() {
                let data = take(disk, Purpose::Use).unwrap();
                let again = rekey(&data, None, &new(disk).unwrap());
                again.unwrap_or_else(|failure| panic!("{fault:?} at {point}: {}", failure.message));
                drop(data);
                end(disk, point);
            }
            assert_eq!(
                key_files(disk),
                ["slots-2.bin", "slots-2.copy.bin"],
                "{fault:?} at {point}"
            );
            let own = MasterKey::read(&FileAt::new(disk.files("keys").unwrap(), "master.key"));
            assert!(own.unwrap() == MasterKey::read(&new(disk).unwrap()).unwrap());
            assert_whole(disk, contacts);
        },
    );
}

/// The contacts as they can be read under a master key that is kept elsewhere.
fn read_under(disk: &SimDisk, key: &std::path::Path) -> Result<BTreeMap<String, String>, Failure> {
    let options = DataOptions {
        master_key: Some(key.to_owned()),
        ..options()
    };
    let data = Data::take(std::sync::Arc::new(disk.clone()), &options, Purpose::Use)?;
    let local = super::super::local::Local::over(data)?;
    let contacts = super::super::faults::contacts(&local);
    local.close();
    Ok(contacts)
}

#[test]
fn keys_under_a_master_key_kept_elsewhere_are_readable_whatever_fault_met_the_rekey() {
    let (whole, contacts) = served();
    let dir = tempfile::tempdir().unwrap();
    let [old, new] = ["old.key", "new.key"].map(|name| dir.path().join(name));
    let whole = whole.copy(0);
    let keys = whole.files("keys").unwrap();
    let bytes = keys.read_at("master.key", 0, 200).unwrap();
    std::fs::write(&old, bytes).unwrap();
    keys.remove("master.key").unwrap();
    let (old_file, new_file) = (FileAt::at(&old), FileAt::at(&new));
    let options = DataOptions {
        master_key: Some(old.clone()),
        ..options()
    };
    let run = |disk: &FaultyDisk| {
        let data = Data::take(std::sync::Arc::new(disk.clone()), &options, Purpose::Use)?;
        rekey(&data, Some(&old_file), &new_file).map(|_| ())
    };
    every_fault(
        "rekey, keys kept elsewhere",
        SPREAD,
        |point| whole.copy(point),
        run,
        |tried| {
            let Tried {
                disk,
                point,
                fault,
                ended,
            } = tried;
            let is_new = read_under(&disk.copy(0), &new);
            let is_old = read_under(&disk.copy(0), &old);
            assert!(ended.is_err() || is_new.is_ok(), "{fault:?} at {point}");
            let read = is_new.or(is_old).unwrap_or_else(|failure| {
                panic!("{fault:?} at {point}: {}", failure.message);
            });
            assert_eq!(read, *contacts, "{fault:?} at {point}");
        },
    );
}
