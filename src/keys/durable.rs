//! Files whose bytes and names are on the disk when a call returns.
//!
//! Keys need what an append-only log does not: creation that fails where the
//! name is taken, private modes, and overwriting in place.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Bytes that are overwritten at a time.
const WIPE_BYTES: usize = 64 * 1024;

/// Creates a directory, and those above it, that only we may enter.
pub(crate) fn make_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    DirBuilder::new().mode(0o700).recursive(true).create(dir)?;
    sync_dir(&parent(dir))
}

/// Waits until the names in a directory are on the disk.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Creates a file that only we may read, whole or not at all; whether it was created.
/// `false`: the name was taken, and that file is as it was.
pub(crate) fn create_private(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let temporary = write_temporary(path, bytes)?;
    // A link fails where the name is taken; a rename would replace what is there.
    let linked = fs::hard_link(&temporary, path);
    fs::remove_file(&temporary)?;
    match linked {
        Ok(()) => sync_dir(&parent(path)).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Puts a private file in another's place at once, then overwrites the old bytes.
pub(crate) fn replace_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let old = match OpenOptions::new().write(true).open(path) {
        Ok(file) => Some(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    write_atomic(path, bytes)?;
    old.map_or(Ok(()), |file| overwrite(&file))
}

/// Puts a private file in another's place at once: after a crash the old bytes are there or the
/// new ones, never a mixture.
pub(crate) fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = write_temporary(path, bytes)?;
    fs::rename(&temporary, path)?;
    sync_dir(&parent(path))
}

/// Overwrites a file with zeros, waits for the disk, and removes it.
pub(crate) fn wipe(path: &Path) -> io::Result<()> {
    overwrite(&OpenOptions::new().write(true).open(path)?)?;
    fs::remove_file(path)?;
    sync_dir(&parent(path))
}

/// The directory that holds a path's name.
pub(crate) fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn write_temporary(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = PathBuf::from(name);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(temporary)
}

fn overwrite(file: &File) -> io::Result<()> {
    let length = file.metadata()?.len();
    let zeros = [0; WIPE_BYTES];
    let mut offset = 0;
    while offset < length {
        let count = (length - offset).min(WIPE_BYTES as u64);
        let zeros = zeros.get(..count as usize).unwrap_or(&zeros);
        file.write_all_at(zeros, offset)?;
        offset += count;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_private_file_is_created_once_and_only_for_us() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/key");
        make_dir(&parent(&path)).unwrap();
        assert!(create_private(&path, b"first").unwrap());
        assert!(!create_private(&path, b"second").unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"first");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(parent(&path)).unwrap().count(), 1);
    }

    #[test]
    fn replacing_overwrites_the_old_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        create_private(&path, b"old").unwrap();
        let link = dir.path().join("same bytes");
        fs::hard_link(&path, &link).unwrap();
        replace_private(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read(&link).unwrap(), [0; 3]);
    }

    #[test]
    fn wiping_overwrites_every_byte_before_the_name_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("slots");
        create_private(&path, &vec![7; WIPE_BYTES + 5]).unwrap();
        let link = dir.path().join("same bytes");
        fs::hard_link(&path, &link).unwrap();
        wipe(&path).unwrap();
        assert!(!path.exists());
        assert_eq!(fs::read(&link).unwrap(), vec![0; WIPE_BYTES + 5]);
    }
}
