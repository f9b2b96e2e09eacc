//! A log that is set aside: the data directory begins anew, and the old files lie in it below.
//!
//! They stay in the directory, for that may be the root of a volume, which has no other name. They
//! hold the keys of their contacts, so whoever was erased since may be read there: an operator
//! removes them once they were looked at.

use std::fs;
use std::path::Path;

use super::exit::Failure;
use super::layout::{AUDIT, AUDIT_KEY, IDENTITY, KEYS, TOKEN_KEY};
use crate::domain::Position;
use crate::log::{JOURNAL, STORE};
use crate::service::VIEWS;
use crate::storage::{DirFiles, Disk, Files, StorageError};

/// The stores, directories and files of a data directory that belong to its log, its keys among them.
const PARTS: [&str; 8] = [
    STORE, JOURNAL, VIEWS, AUDIT, KEYS, AUDIT_KEY, TOKEN_KEY, IDENTITY,
];
/// The beginning of the names of directories in which logs lie that were set aside.
const ASIDE: &str = "diverged-";
/// The file that is there while a log is being set aside: the name of its directory, and the
/// position that the next log must reach.
const UNDER_WAY: &str = "setting-aside";
/// The file with the position that a log must reach before it counts for a majority, below
/// [`IDENTITY`].
const REACH: &str = "must-reach";
/// The text in it where that is what the cluster's leader has on its disk.
const SETTLED: &str = "settled";
const FILE_BYTES_MAX: usize = 256;

/// Notes that the log of a directory is to be set aside, which is done when it is opened next. `name`
/// tells it from other logs that were.
///
/// # Errors
/// The note can't be written.
pub fn note(dir: &Path, name: &str, reach: Position) -> Result<(), Failure> {
    let text = format!("{ASIDE}{name}\n{reach}\n");
    Ok(DirFiles::at(dir).write_atomic(UNDER_WAY, text.as_bytes())?)
}

/// Sets a log aside where that is to be done; the directory has not begun then.
///
/// # Errors
/// A file can't be moved or read.
pub fn finish(dir: &Path, disk: &dyn Disk) -> Result<(), Failure> {
    let files = DirFiles::at(dir);
    let noted = read(&files, UNDER_WAY)?;
    let Some((name, reach)) = noted.as_deref().and_then(|text| text.split_once('\n')) else {
        return Ok(());
    };
    let aside = dir.join(name);
    let failed = |error: std::io::Error| {
        Failure::failed(format!(
            "the log can't be set aside in {}: {error}",
            aside.display()
        ))
    };
    fs::create_dir_all(&aside).map_err(failed)?;
    for part in PARTS {
        let (from, to) = (dir.join(part), aside.join(part));
        if from.exists() && !to.exists() {
            fs::rename(from, to).map_err(failed)?;
        }
    }
    for moved in [&aside, dir] {
        let synced = fs::File::open(moved).and_then(|dir| dir.sync_all());
        synced.map_err(failed)?;
    }
    let reach = Position::parse(reach.trim());
    must_reach(disk, reach)?;
    files.remove(UNDER_WAY)?;
    tracing::warn!(
        directory = %aside.display(),
        "the log was set aside; remove the directory once it was looked at, for it has the keys of \
         its contacts"
    );
    Ok(())
}

/// The directories of logs that were set aside.
pub fn kept(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name.starts_with(ASIDE)).collect();
    names.sort_unstable();
    names
}

/// Notes the position that a log must reach before it counts for a majority, unless one is noted;
/// `None` where that is what the cluster's leader has on its disk.
///
/// # Errors
/// The note can't be written.
pub fn must_reach(disk: &dyn Disk, reach: Option<Position>) -> Result<(), StorageError> {
    let files = disk.files(IDENTITY)?;
    if files.has(REACH)? {
        return Ok(());
    }
    let text = reach.map_or_else(|| SETTLED.to_owned(), |reach| reach.to_string());
    files.write_atomic(REACH, text.as_bytes())
}

/// The position that a log must reach, if it must; the highest one stands for what the leader has.
///
/// # Errors
/// The note can't be read.
pub fn reach(disk: &dyn Disk) -> Result<Option<Position>, StorageError> {
    let noted = read(&*disk.files_at(IDENTITY)?, REACH)?;
    let reach = |text: String| Position::parse(&text).unwrap_or(Position::new(u64::MAX));
    Ok(noted.map(reach))
}

/// Forgets that a log must reach a position.
///
/// # Errors
/// The operating system refused.
pub fn has_reached(files: &dyn Files) -> Result<(), StorageError> {
    match files.remove(REACH) {
        Err(error) if error.is_absent() => Ok(()),
        removed => removed,
    }
}

fn read(files: &dyn Files, name: &str) -> Result<Option<String>, StorageError> {
    match files.read_at(name, 0, FILE_BYTES_MAX) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.is_absent() => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::DataDir;

    #[test]
    fn a_log_that_is_set_aside_leaves_an_empty_directory() {
        let dir = tempfile::tempdir().unwrap();
        let disk = DataDir::open(dir.path()).unwrap();
        for part in [STORE, IDENTITY] {
            disk.files(part).unwrap().write_atomic("a", b"old").unwrap();
        }
        finish(dir.path(), &disk).unwrap();
        assert!(dir.path().join(STORE).exists(), "nothing was noted");
        note(dir.path(), "7", Position::new(41)).unwrap();
        finish(dir.path(), &disk).unwrap();
        assert!(!dir.path().join(STORE).exists());
        assert_eq!(kept(dir.path()), ["diverged-7"]);
        let old = dir.path().join("diverged-7").join(IDENTITY).join("a");
        assert_eq!(fs::read(old).unwrap(), b"old");
        assert_eq!(reach(&disk).unwrap(), Some(Position::new(41)));
        must_reach(&disk, None).unwrap();
        assert_eq!(reach(&disk).unwrap(), Some(Position::new(41)), "it stays");
        has_reached(&*disk.files(IDENTITY).unwrap()).unwrap();
        assert_eq!(reach(&disk).unwrap(), None);
        must_reach(&disk, None).unwrap();
        assert_eq!(reach(&disk).unwrap(), Some(Position::new(u64::MAX)));
    }

    #[test]
    fn what_was_cut_off_is_finished() {
        let dir = tempfile::tempdir().unwrap();
        let disk = DataDir::open(dir.path()).unwrap();
        disk.files(STORE)
            .unwrap()
            .write_atomic("a", b"old")
            .unwrap();
        disk.files(IDENTITY)
            .unwrap()
            .write_atomic("a", b"old")
            .unwrap();
        note(dir.path(), "7", Position::new(41)).unwrap();
        let aside = dir.path().join("diverged-7");
        fs::create_dir(&aside).unwrap();
        fs::rename(dir.path().join(STORE), aside.join(STORE)).unwrap();
        finish(dir.path(), &disk).unwrap();
        assert!(aside.join(IDENTITY).join("a").exists());
        assert!(!dir.path().join(UNDER_WAY).exists());
    }
}
