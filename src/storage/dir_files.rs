//! A real directory behind the seam of files.
//!
//! Everything in it is for the service's own user: directories have mode 0700 and
//! files 0600, whatever the umask says. A content that must be whole is written
//! to a new file beside it, synced, and renamed; the new file is created
//! exclusively, so that nothing is written through a symbolic link.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;
use rustix::fs::{Advice, fadvise};

use super::{
    Files, Held, StorageError,
    room::{self, Reserved},
};

/// Bytes that are asked for without a look at how many there are.
const SMALL_READ_BYTES: usize = 8_192;

/// Files that are kept open for overwriting in place.
const OPEN_MAX: usize = 32;
/// The mode of a directory that only its owner may enter.
pub(super) const DIR_MODE: u32 = 0o700;
/// The mode of a file that only its owner may read.
pub(super) const FILE_MODE: u32 = 0o600;

/// Files in a directory of the operating system.
pub struct DirFiles {
    dir: PathBuf,
    /// The directory itself, open for as long as names in it must reach the disk.
    handle: Option<File>,
    /// The file appended to last: a log appends to one file a million times.
    appending: Mutex<Option<Appending>>,
    /// The next file to be created, open already: when it is needed there may be no descriptor.
    spare: Mutex<Option<File>>,
    /// The files overwritten last, which are read at random meanwhile.
    overwriting: Mutex<Vec<(String, Arc<File>)>>,
}

/// An open file that grows.
#[derive(Clone)]
struct Appending {
    name: String,
    file: Arc<File>,
    reserved: Arc<Reserved>,
}

impl Appending {
    fn new(name: &str, file: File) -> Self {
        Self {
            name: name.to_owned(),
            file: Arc::new(file),
            reserved: Arc::default(),
        }
    }
}

impl DirFiles {
    /// Opens a directory, and creates it where there is none.
    ///
    /// # Errors
    /// The operating system refused.
    pub fn open(dir: &Path) -> Result<Self, StorageError> {
        make_dir(dir)?;
        let handle = File::open(dir);
        let handle = handle.map_err(StorageError::io("open", dir.to_string_lossy()))?;
        Ok(Self {
            handle: Some(handle),
            ..Self::at(dir)
        })
    }

    /// The files of a directory that may be absent: nothing is in it then, and
    /// what is written first creates it.
    #[must_use]
    pub fn at(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            handle: None,
            appending: Mutex::new(None),
            spare: Mutex::new(None),
            overwriting: Mutex::default(),
        }
    }

    fn error(&self, action: &'static str, name: &str) -> impl FnOnce(io::Error) -> StorageError {
        StorageError::io(action, self.path(name).to_string_lossy().into_owned())
    }

    /// Creates the directory that holds a file's name where it is not there.
    fn parent(&self, name: &str) -> Result<(), StorageError> {
        make_dir(&parent(&self.path(name)))
    }

    /// The file as it is open for appending or for overwriting, if it is.
    fn open_already(&self, name: &str) -> Option<Arc<File>> {
        let appending = self.appending.lock();
        match &*appending {
            Some(current) if current.name == name => Some(current.file.clone()),
            _ => self.overwritten(name),
        }
    }

    fn appender(&self, name: &str) -> Result<Appending, StorageError> {
        let mut appending = self.appending.lock();
        if let Some(current) = &*appending
            && current.name == name
        {
            return Ok(current.clone());
        }
        let file = OpenOptions::new().append(true).open(self.path(name));
        let current = Appending::new(name, file.map_err(self.error("open", name))?);
        *appending = Some(current.clone());
        Ok(current)
    }

    /// The file as it is kept open for overwriting, if it is.
    fn overwritten(&self, name: &str) -> Option<Arc<File>> {
        let overwriting = self.overwriting.lock();
        let mut open = overwriting.iter();
        let (_, file) = open.find(|(current, _)| current == name)?;
        Some(file.clone())
    }

    fn overwriter(&self, name: &str) -> Result<Arc<File>, StorageError> {
        if let Some(file) = self.overwritten(name) {
            return Ok(file);
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(self.path(name));
        let file = Arc::new(file.map_err(self.error("open", name))?);
        let mut overwriting = self.overwriting.lock();
        if overwriting.len() >= OPEN_MAX {
            overwriting.remove(0);
        }
        overwriting.push((name.to_owned(), file.clone()));
        Ok(file)
    }

    /// Forgets the open files of this name, which may soon mean another one.
    fn forget(&self, name: &str) {
        let mut appending = self.appending.lock();
        appending.take_if(|current| current.name == name);
        self.overwriting.lock().retain(|(open, _)| open != name);
    }

    /// Opens the next file, without a name yet; where that cannot be done, later is early enough.
    fn prepare_spare(&self) {
        let mut spare = self.spare.lock();
        if spare.is_none() {
            *spare = room::unnamed(&self.dir).ok();
        }
    }

    /// A new file under its name: the spare one, or one that is opened now.
    fn new_file(&self, name: &str) -> io::Result<File> {
        let path = self.path(name);
        if let Some(file) = self.spare.lock().take()
            && room::give_name(&file, &path).is_ok()
        {
            return Ok(file);
        }
        let mut options = OpenOptions::new();
        let options = options.append(true).create(true).mode(FILE_MODE);
        let file = options.open(path)?;
        match file.metadata()?.len() {
            0 => Ok(file),
            _ => Err(io::ErrorKind::AlreadyExists.into()),
        }
    }
}

impl Files for DirFiles {
    fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() {
            return self.dir.clone();
        }
        self.dir.join(name)
    }

    fn list_in(&self, dir: &str) -> Result<Vec<String>, StorageError> {
        let mut names = Vec::new();
        let entries = match fs::read_dir(self.path(dir)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(names),
            entries => entries.map_err(self.error("list", dir))?,
        };
        for entry in entries {
            let entry = entry.map_err(self.error("list", dir))?;
            if !entry.file_type().map_err(self.error("list", dir))?.is_dir() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    fn has_dir(&self, dir: &str) -> Result<bool, StorageError> {
        match fs::metadata(self.path(dir)) {
            Ok(metadata) => Ok(metadata.is_dir()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.error("look for", dir)(error)),
        }
    }

    fn len(&self, name: &str) -> Result<u64, StorageError> {
        let metadata = fs::metadata(self.path(name));
        Ok(metadata.map_err(self.error("read", name))?.len())
    }

    fn read_at(&self, name: &str, offset: u64, limit: usize) -> Result<Vec<u8>, StorageError> {
        let read = || -> io::Result<Vec<u8>> {
            let file = match self.overwritten(name) {
                Some(file) => file,
                None => Arc::new(File::open(self.path(name))?),
            };
            let mut wanted = limit;
            if limit > SMALL_READ_BYTES {
                let rest = file.metadata()?.len().saturating_sub(offset);
                wanted = usize::try_from(rest).unwrap_or(limit).min(limit);
            }
            let mut bytes = vec![0; wanted];
            let mut filled = 0;
            while let Some(gap) = bytes.get_mut(filled..).filter(|gap| !gap.is_empty()) {
                match file.read_at(gap, offset + filled as u64)? {
                    0 => break,
                    read => filled += read,
                }
            }
            bytes.truncate(filled);
            Ok(bytes)
        };
        read().map_err(self.error("read", name))
    }

    fn keep_open(&self, name: &str) -> Result<(), StorageError> {
        self.overwriter(name).map(drop)
    }

    fn reserve(&self, name: &str, bytes: usize) -> Result<(), StorageError> {
        let Appending { file, reserved, .. } = self.appender(name)?;
        let room = reserved.reserve(&file, bytes as u64);
        room.map_err(self.error("reserve room for", name))?;
        self.prepare_spare();
        Ok(())
    }

    fn make_dir(&self, dir: &str) -> Result<bool, StorageError> {
        let path = self.path(dir);
        let is_new = !path.is_dir();
        make_dir(&path)?;
        Ok(is_new)
    }

    fn begin(&self, name: &str) -> Result<(), StorageError> {
        self.parent(name)?;
        let file = self.new_file(name).map_err(self.error("create", name))?;
        let begun = Appending::new(name, file);
        if let Some(full) = self.appending.lock().replace(begun) {
            // The blocks are of no more use to it; that they stay would harm nobody.
            full.reserved.release(&full.file).ok();
        }
        Ok(())
    }

    fn append(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        let Appending { file, .. } = self.appender(name)?;
        file.as_ref()
            .write_all(bytes)
            .map_err(self.error("append to", name))
    }

    fn write_at(&self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.overwriter(name)?
            .write_all_at(bytes, offset)
            .map_err(self.error("write", name))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.parent(name)?;
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true);
        options
            .mode(FILE_MODE)
            .open(self.path(name))
            .and_then(|mut file| {
                file.write_all(bytes)?;
                // The kernel begins to write it out: of many files that are synced afterwards the
                // first waits for all. Where it knows no such advice, each waits for its own.
                fadvise(&file, 0, None, Advice::DontNeed).ok();
                Ok(())
            })
            .map_err(self.error("write", name))
    }

    fn write_new(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.parent(name)?;
        self.forget(name);
        let path = self.path(name);
        let write = || -> io::Result<()> {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut options = OpenOptions::new();
            let options = options.write(true).create_new(true).mode(FILE_MODE);
            options.open(&path)?.write_all(bytes)
        };
        write().map_err(self.error("write", name))
    }

    fn set_len(&self, name: &str, length: u64) -> Result<(), StorageError> {
        OpenOptions::new()
            .write(true)
            .open(self.path(name))
            .and_then(|file| file.set_len(length))
            .map_err(self.error("resize", name))
    }

    fn sync(&self, name: &str) -> Result<(), StorageError> {
        let synced = match self.open_already(name) {
            Some(file) => file.sync_data(),
            None => File::open(self.path(name)).and_then(|file| file.sync_data()),
        };
        synced.map_err(self.error("sync", name))
    }

    fn sync_dir(&self, dir: &str) -> Result<(), StorageError> {
        match &self.handle {
            Some(handle) if dir.is_empty() => {
                let synced = handle.sync_all();
                synced.map_err(StorageError::io("sync", self.dir.to_string_lossy()))
            }
            _ => sync_dir(&self.path(dir)),
        }
    }

    fn link(&self, from: &str, to: &str) -> Result<bool, StorageError> {
        match fs::hard_link(self.path(from), self.path(to)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(self.error("create", to)(error)),
        }
    }

    fn move_name(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.forget(from);
        self.forget(to);
        fs::rename(self.path(from), self.path(to)).map_err(self.error("rename", from))
    }

    fn unlink(&self, name: &str) -> Result<(), StorageError> {
        self.forget(name);
        fs::remove_file(self.path(name)).map_err(self.error("remove", name))
    }

    fn remove_dir(&self, dir: &str) -> Result<(), StorageError> {
        *self.appending.lock() = None;
        self.overwriting.lock().clear();
        match fs::remove_dir_all(self.path(dir)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(self.error("remove", dir)),
        }
    }

    fn hold(&self, name: &str) -> Result<Option<Box<dyn Held>>, StorageError> {
        match OpenOptions::new().write(true).open(self.path(name)) {
            Ok(file) => Ok(Some(Box::new(HeldFile {
                file,
                name: self.path(name).to_string_lossy().into_owned(),
            }))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.error("write", name)(error)),
        }
    }
}

/// An open file, whatever has its name by now.
struct HeldFile {
    file: File,
    name: String,
}

impl Held for HeldFile {
    fn overwrite(&self) -> Result<(), StorageError> {
        overwrite(&self.file).map_err(StorageError::io("overwrite the old content of", &self.name))
    }
}

/// Overwrites a file with zeros; on the disk when this returns.
fn overwrite(mut file: &File) -> io::Result<()> {
    let length = file.metadata()?.len();
    io::copy(&mut io::repeat(0).take(length), &mut file)?;
    file.sync_all()
}

/// The directory that holds a path's name.
fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Creates a directory, and those above it, that only we may enter, unless it is
/// there; their names are on the disk when this returns.
pub(super) fn make_dir(dir: &Path) -> Result<(), StorageError> {
    if dir.as_os_str().is_empty() || dir.is_dir() {
        return Ok(());
    }
    let above = parent(dir);
    make_dir(&above)?;
    match DirBuilder::new().mode(DIR_MODE).create(dir) {
        // Another process was quicker.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => {}
        made => made.map_err(StorageError::io("create", dir.to_string_lossy()))?,
    }
    sync_dir(&above)
}

/// Waits until the names in a directory are on the disk; an empty path is where the program runs.
pub(super) fn sync_dir(dir: &Path) -> Result<(), StorageError> {
    let here = dir.as_os_str().is_empty();
    File::open(if here { Path::new(".") } else { dir })
        .and_then(|dir| dir.sync_all())
        .map_err(StorageError::io("sync", dir.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_directory_where_the_program_runs_is_synced_by_no_name() {
        sync_dir(Path::new("")).unwrap();
        sync_dir(Path::new("not there")).unwrap_err();
    }

    #[test]
    fn a_file_is_created_once_and_only_for_us() {
        let dir = tempfile::tempdir().unwrap();
        let files = DirFiles::at(&dir.path().join("a/b"));
        assert_eq!(files.list().unwrap(), [""; 0]);
        assert!(files.create_whole("key", b"first").unwrap());
        assert!(!files.create_whole("key", b"second").unwrap());
        assert_eq!(files.read_at("key", 0, 99).unwrap(), b"first");
        assert_eq!(files.list().unwrap(), ["key"]);
        files.write("tile/0/000", b"hashes").unwrap();
        files.create("journal").unwrap();
        for name in ["key", "tile/0/000", "journal"] {
            assert_eq!(mode(&files.path(name)), 0o600, "{name}");
        }
        for name in ["", "tile", "tile/0"] {
            assert_eq!(mode(&files.path(name)), 0o700, "{name}");
        }
    }

    #[test]
    fn replacing_overwrites_the_old_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let files = DirFiles::at(dir.path());
        files.create_whole("key", b"old").unwrap();
        let link = dir.path().join("same bytes");
        fs::hard_link(files.path("key"), &link).unwrap();
        files.replace("key", b"new").unwrap();
        assert_eq!(files.read_at("key", 0, 9).unwrap(), b"new");
        assert_eq!(fs::read(&link).unwrap(), [0; 3]);
    }

    #[test]
    fn wiping_overwrites_every_byte_before_the_name_goes() {
        let dir = tempfile::tempdir().unwrap();
        let files = DirFiles::at(dir.path());
        files.create_whole("slots", &vec![7; 70_000]).unwrap();
        let link = dir.path().join("same bytes");
        fs::hard_link(files.path("slots"), &link).unwrap();
        files.wipe("slots").unwrap();
        assert!(!files.has("slots").unwrap());
        assert_eq!(fs::read(&link).unwrap(), vec![0; 70_000]);
    }

    #[test]
    fn nothing_is_written_through_a_symbolic_link() {
        let dir = tempfile::tempdir().unwrap();
        let files = DirFiles::at(&dir.path().join("ours"));
        let theirs = dir.path().join("theirs");
        fs::write(&theirs, b"theirs").unwrap();
        files.create("x").unwrap();
        for name in ["key", "key.tmp"] {
            std::os::unix::fs::symlink(&theirs, files.path(name)).unwrap();
        }
        files.write_atomic("key", b"ours").unwrap();
        assert_eq!(fs::read(&theirs).unwrap(), b"theirs");
        assert_eq!(files.read_at("key", 0, 9).unwrap(), b"ours");
    }

    #[test]
    fn the_next_file_is_open_before_it_is_needed_and_seen_by_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let files = DirFiles::open(dir.path()).unwrap();
        files.create("a").unwrap();
        files.reserve("a", 10).unwrap();
        let is_file = |spare: &File| spare.metadata().unwrap().is_file();
        assert!(files.spare.lock().as_ref().is_some_and(is_file));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        files.create("b").unwrap();
        assert!(files.spare.lock().is_none(), "it has become the new file");
        files.append("b", b"x").unwrap();
        files.append("b", b"y").unwrap();
        assert_eq!(files.read_at("b", 0, 9).unwrap(), b"xy");
        files.truncate("b", 1).unwrap();
        files.append("b", b"z").unwrap();
        assert_eq!(files.read_at("b", 0, 9).unwrap(), b"xz");
    }

    #[test]
    fn a_name_without_a_directory_is_in_the_one_of_the_process() {
        assert_eq!(parent(Path::new("key")), Path::new("."));
        assert_eq!(parent(Path::new("keys/key")), Path::new("keys"));
    }

    #[test]
    fn a_name_is_taken_once_something_is_written_under_it() {
        let dir = tempfile::tempdir().unwrap();
        let files = DirFiles::open(dir.path()).unwrap();
        for _ in 0..2 {
            files.create("a").unwrap();
        }
        files.append("a", b"x").unwrap();
        files.reserve("a", 1).unwrap();
        assert!(files.create("a").is_err());
        assert_eq!(files.read_at("a", 0, 9).unwrap(), b"x");
    }

    #[test]
    fn what_is_there_already_and_what_is_not_there_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let files = DirFiles::open(dir.path()).unwrap();
        assert!(files.make_dir("d/e").unwrap());
        assert!(!files.make_dir("d/e").unwrap());
        files.sync_dir("d/e").unwrap();
        files.sync_dir("absent").unwrap_err();
        files.write("d/a", b"a").unwrap();
        assert!(files.link("d/a", "d/b").unwrap());
        assert!(!files.link("d/a", "d/b").unwrap());
        files.link("absent", "d/c").unwrap_err();
    }

    #[test]
    fn what_is_appended_goes_to_the_file_that_has_the_name_by_then() {
        let dir = tempfile::tempdir().unwrap();
        let files = DirFiles::open(dir.path()).unwrap();
        files.create("a").unwrap();
        files.append("a", b"old").unwrap();
        files.unlink("a").unwrap();
        files.write("a", b"new").unwrap();
        files.append("a", b"er").unwrap();
        assert_eq!(files.read_at("a", 0, 9).unwrap(), b"newer");
    }
}
