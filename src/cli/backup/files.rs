//! The files that a backup may have, and how one is copied.

use crate::cli::layout::{AUDIT, AUDIT_KEY, IDENTITY, KEYS, TOKEN_KEY};
use crate::log::JOURNAL;
use crate::storage::{Files, StorageError};

/// The file in which a backup keeps the public key that its checkpoint is signed with.
pub const PUBLIC_KEY: &str = "audit.pub";
/// The keys that lie beside the directories.
pub const SECRETS: [&str; 2] = [AUDIT_KEY, TOKEN_KEY];

/// Whether a backup may have a file of this path, which ends with a slash for an empty directory.
pub fn is_known(path: &str) -> bool {
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    let is_dir = path.contains('/');
    match first.strip_suffix(".tmp").unwrap_or(first) {
        IDENTITY | JOURNAL | KEYS => is_dir && !rest.contains('/'),
        AUDIT => is_dir,
        AUDIT_KEY | TOKEN_KEY | PUBLIC_KEY => !is_dir,
        _ => false,
    }
}

/// The whole content of a file; `None` where there is none.
///
/// # Errors
/// The file cannot be read.
pub fn read(files: &dyn Files, name: &str) -> Result<Option<Vec<u8>>, StorageError> {
    match files.read_at(name, 0, usize::MAX) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.is_absent() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes a file; absent is well.
///
/// # Errors
/// The operating system refused.
pub fn remove(files: &dyn Files, name: &str) -> Result<(), StorageError> {
    match files.remove(name) {
        Err(error) if error.is_absent() => Ok(()),
        removed => removed,
    }
}

/// Makes a file what it is elsewhere, unless it is the same already. What it held before is
/// overwritten where it lay, for it may be a key. One that is gone meanwhile is passed over.
///
/// # Errors
/// The operating system refused; the file is what it was.
pub fn copy(from: &dyn Files, to: &dyn Files, name: &str) -> Result<(), StorageError> {
    let Some(bytes) = read(from, name)? else {
        return Ok(());
    };
    if read(to, name)?.as_ref() == Some(&bytes) {
        return Ok(());
    }
    to.replace(name, &bytes)
}

/// Copies a directory of keys: the slots first, then the master key that opens them, so that the
/// keys which are there can be opened however far this came.
///
/// # Errors
/// The operating system refused.
pub fn copy_keys(from: &dyn Files, to: &dyn Files) -> Result<(), StorageError> {
    let (slots, rest): (Vec<_>, Vec<_>) = names(from)?
        .into_iter()
        .partition(|name| name.starts_with("slots-"));
    for name in slots.iter().chain(&rest) {
        copy(from, to, name)?;
    }
    Ok(())
}

/// The names of files that are not being written.
///
/// # Errors
/// The directory cannot be read.
pub fn names(files: &dyn Files) -> Result<Vec<String>, StorageError> {
    let mut names = files.list()?;
    names.retain(|name| !name.ends_with(".tmp"));
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_has_these_files_and_no_others() {
        for path in [
            "identity/log-id",
            "identity/log-id.tmp",
            "identity/",
            "journal/00000000000000000001",
            "audit/tile/0/000.p/5",
            "keys/slots-1.bin",
            "audit.key.tmp",
            "audit.pub",
        ] {
            assert!(is_known(path), "{path}");
        }
        for path in ["log/db", "lock", "identity", "keys/a/b", "token.key/", "x"] {
            assert!(!is_known(path), "{path}");
        }
    }
}
