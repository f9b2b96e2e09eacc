//! A directory of the operating system as a whole: what lies below it, and who may look.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::{
    StorageError,
    dir_files::{DIR_MODE, FILE_MODE},
};

/// The paths of all files below a directory, relative to it and sorted, and those of the empty
/// directories, with a slash at the end; `None` where there is no such directory.
///
/// # Errors
/// Something cannot be looked at, or is neither a directory nor a plain file: what is written to a
/// symbolic link would land elsewhere.
pub fn files_below(dir: &Path) -> Result<Option<Vec<String>>, StorageError> {
    let dir: PathBuf = dir.components().collect();
    match fs::symlink_metadata(&dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(look_into(&dir)(error)),
        Ok(found) if !found.is_dir() => return Err(look_into(&dir)(no_directory())),
        Ok(_) => {}
    }
    let mut found = Vec::new();
    collect(&dir, "", &mut found)?;
    found.sort();
    Ok(Some(found))
}

fn collect(dir: &Path, prefix: &str, found: &mut Vec<String>) -> Result<(), StorageError> {
    let before = found.len();
    for entry in fs::read_dir(dir).map_err(look_into(dir))? {
        let entry = entry.map_err(look_into(dir))?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(look_into(dir))?);
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if kind.is_dir() {
            collect(&path, &format!("{name}/"), found)?;
        } else if kind.is_file() {
            found.push(name);
        } else {
            return Err(look_into(&path)(no_directory()));
        }
    }
    if found.len() == before && !prefix.is_empty() {
        found.push(prefix.to_owned());
    }
    Ok(())
}

/// Lets nobody but its owner into a directory and the files below it, however they were made.
///
/// # Errors
/// The operating system refused: it belongs to somebody else.
pub fn close_to_others(dir: &Path) -> Result<(), StorageError> {
    close(dir, DIR_MODE)?;
    for entry in fs::read_dir(dir).map_err(look_into(dir))? {
        let entry = entry.map_err(look_into(dir))?;
        let kind = entry.file_type().map_err(look_into(dir))?;
        if kind.is_dir() {
            close_to_others(&entry.path())?;
        } else if kind.is_file() {
            close(&entry.path(), FILE_MODE)?;
        }
    }
    Ok(())
}

fn close(path: &Path, mode: u32) -> Result<(), StorageError> {
    let failed = |error| StorageError::io("close to others", path.to_string_lossy())(error);
    let there = fs::metadata(path).map_err(failed)?.permissions().mode();
    if there & 0o777 == mode {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(failed)
}

fn look_into(path: &Path) -> impl FnOnce(io::Error) -> StorageError {
    StorageError::io("look into", path.to_string_lossy())
}

fn no_directory() -> io::Error {
    io::Error::other("it is a symbolic link or something else that is no directory or plain file")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn all_that_lies_below_is_found_and_no_link_is_followed() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("dir");
        assert_eq!(files_below(&dir).unwrap(), None);
        fs::create_dir_all(dir.join("a/b")).unwrap();
        fs::create_dir(dir.join("empty")).unwrap();
        for name in ["a/b/file", "z"] {
            fs::write(dir.join(name), b"").unwrap();
        }
        let found = files_below(&dir).unwrap().unwrap();
        assert_eq!(found, ["a/b/file", "empty/", "z"]);
        let link = root.path().join("link");
        symlink(&dir, &link).unwrap();
        for way in [link.clone(), link.join("")] {
            assert!(files_below(&way).is_err(), "{}", way.display());
        }
        symlink(root.path(), dir.join("a/up")).unwrap();
        assert!(files_below(&dir).is_err());
        assert!(files_below(&root.path().join("dir/z")).is_err());
    }

    #[test]
    fn what_was_open_to_others_is_closed() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("dir");
        fs::create_dir_all(dir.join("below")).unwrap();
        fs::write(dir.join("below/file"), b"").unwrap();
        for (name, open) in [("", 0o755), ("below", 0o777), ("below/file", 0o644)] {
            fs::set_permissions(dir.join(name), Permissions::from_mode(open)).unwrap();
        }
        close_to_others(&dir).unwrap();
        let modes = ["", "below", "below/file"].map(|name| mode(&dir.join(name)));
        assert_eq!(modes, [0o700, 0o700, 0o600]);
    }
}
