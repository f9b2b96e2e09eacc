//! Room on the disk: how much is left, and taking it before it is needed.
//!
//! A write that fails half-way closes the log until somebody restarts it. So the room for a group
//! is taken first, where a refusal has changed nothing: the file system is asked for blocks beyond
//! the file's end (`fallocate` with `FALLOC_FL_KEEP_SIZE`), and the write that follows cannot run
//! out of them. Where a file system knows no such thing, the write itself finds out.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::{
        fd::AsRawFd,
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

use parking_lot::Mutex;
use rustix::fs::{AtFlags, CWD, FallocateFlags, Mode, OFlags, fallocate, linkat, open, statvfs};

use super::StorageError;

/// Bytes of a file system, as a process without privileges sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Of the whole file system.
    pub total: u64,
    /// The number of free bytes.
    pub free: u64,
}

impl Space {
    /// The space of the file system that holds `path`.
    ///
    /// # Errors
    /// The operating system refused.
    pub fn of(path: &Path) -> Result<Self, StorageError> {
        let stat = statvfs(path).map_err(io::Error::from);
        let stat = stat.map_err(StorageError::io("measure", path.to_string_lossy()))?;
        Ok(Self {
            total: stat.f_blocks.saturating_mul(stat.f_frsize),
            free: stat.f_bavail.saturating_mul(stat.f_frsize),
        })
    }
}

/// The seam of the room that a data directory has.
pub trait Room: Send + Sync {
    /// The room on the file system; `None` where it cannot be told.
    ///
    /// # Errors
    /// The operating system refused.
    fn space(&self) -> Result<Option<Space>, StorageError>;

    /// What the directory takes, in bytes.
    ///
    /// # Errors
    /// The operating system refused.
    fn used(&self) -> Result<u64, StorageError>;

    /// Holds `bytes` bytes back for when nothing else is left, unless some are held already.
    ///
    /// # Errors
    /// There are not so many, or the operating system refused.
    fn hold_back(&self, bytes: u64) -> Result<(), StorageError>;

    /// Gives back what [`hold_back`](Self::hold_back) held.
    ///
    /// # Errors
    /// The operating system refused.
    fn give_back(&self) -> Result<(), StorageError>;
}

/// The room of a real directory.
pub(super) struct DirRoom(pub PathBuf);

/// The file that holds room back.
const BALLAST: &str = "ballast";

impl Room for DirRoom {
    fn space(&self) -> Result<Option<Space>, StorageError> {
        Space::of(&self.0).map(Some)
    }

    fn used(&self) -> Result<u64, StorageError> {
        let used = used_below(&self.0);
        used.map_err(StorageError::io("measure", self.0.to_string_lossy()))
    }

    fn hold_back(&self, bytes: u64) -> Result<(), StorageError> {
        hold(&self.0.join(BALLAST), bytes)
    }

    fn give_back(&self) -> Result<(), StorageError> {
        give_up(&self.0.join(BALLAST))
    }
}

/// What the files below a directory take, in bytes; those that go meanwhile do not count.
fn used_below(dir: &Path) -> io::Result<u64> {
    let mut used = 0_u64;
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        let entries = match fs::read_dir(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => open.push(entry.path()),
                // The unit is 512 bytes whatever the file system's blocks are.
                Ok(metadata) => used = used.saturating_add(metadata.blocks() * 512),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(used)
}

/// Room without an end.
pub(super) struct Boundless;

impl Room for Boundless {
    fn space(&self) -> Result<Option<Space>, StorageError> {
        Ok(None)
    }

    fn used(&self) -> Result<u64, StorageError> {
        Ok(0)
    }

    fn hold_back(&self, _bytes: u64) -> Result<(), StorageError> {
        Ok(())
    }

    fn give_back(&self) -> Result<(), StorageError> {
        Ok(())
    }
}

/// The number of bytes behind a file's end for which blocks are taken ahead.
const AHEAD_BYTES: u64 = 4 << 20;

/// The blocks that one growing file has been given.
#[derive(Debug, Default)]
pub(super) struct Reserved {
    /// Up to which offset the file has blocks, as far as we asked.
    end: Mutex<u64>,
}

impl Reserved {
    /// Takes blocks so that the next `bytes` written at the file's end need none.
    pub(super) fn reserve(&self, file: &File, bytes: u64) -> io::Result<()> {
        let length = file.metadata()?.len();
        let needed = length.saturating_add(bytes);
        let mut end = self.end.lock();
        if *end >= needed {
            return Ok(());
        }
        let ahead = needed.saturating_add(AHEAD_BYTES);
        *end = match allocate(file, length, ahead) {
            Ok(()) => ahead,
            // Close to the end of the disk what is needed will do.
            Err(_) => {
                allocate(file, length, needed)?;
                needed
            }
        };
        Ok(())
    }

    /// Gives back what lies beyond the file's end; the next reservation begins anew. Nobody else may
    /// write to the file meanwhile, for it is cut to the length that it had; where nothing was reserved,
    /// it is left alone.
    pub(super) fn release(&self, file: &File) -> io::Result<()> {
        if std::mem::take(&mut *self.end.lock()) == 0 {
            return Ok(());
        }
        file.set_len(file.metadata()?.len())
    }
}

/// Takes blocks from one offset to another; the file's length stays.
fn allocate(file: &File, from: u64, to: u64) -> io::Result<()> {
    match fallocate(
        file,
        FallocateFlags::KEEP_SIZE,
        from,
        to.saturating_sub(from),
    ) {
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => Ok(()),
        done => Ok(done?),
    }
}

/// Opens a file for appending that has no name in `dir` yet, and goes when it is given none.
pub(super) fn unnamed(dir: &Path) -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::APPEND | OFlags::CLOEXEC;
    Ok(open(dir, flags, Mode::from_raw_mode(0o600))?.into())
}

/// Gives a file from [`unnamed`] its name, which must be free.
pub(super) fn give_name(file: &File, path: &Path) -> io::Result<()> {
    let own = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(linkat(CWD, own, CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

/// Makes a file that does nothing but hold `bytes` bytes of the disk, unless it is there.
///
/// # Errors
/// The operating system refused; nothing is left of the file.
fn hold(path: &Path, bytes: u64) -> Result<(), StorageError> {
    if path.exists() {
        return Ok(());
    }
    let make = || -> io::Result<()> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600);
        allocate(&file.open(path)?, 0, bytes)
    };
    make().map_err(|error| {
        // A ballast that was partly written holds too little back.
        fs::remove_file(path).ok();
        StorageError::io("reserve", path.to_string_lossy())(error)
    })
}

/// Gives the disk back what [`hold`] took; absent is well.
///
/// # Errors
/// The operating system refused.
fn give_up(path: &Path) -> Result<(), StorageError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StorageError::io("remove", path.to_string_lossy())(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_is_gone_takes_no_room_and_what_cannot_be_read_is_told() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(used_below(&dir.path().join("gone")).unwrap(), 0);
        std::fs::write(dir.path().join("file"), [1; 10]).unwrap();
        used_below(&dir.path().join("file")).unwrap_err();
    }

    #[test]
    fn what_goes_while_it_is_measured_takes_no_room() {
        let dir = tempfile::tempdir().unwrap();
        let names = 0..2_000;
        let path = |name: u32| dir.path().join(name.to_string());
        for name in names.clone() {
            File::create(path(name)).unwrap();
        }
        let measured = std::thread::scope(|scope| {
            let remove = move || names.map(path).try_for_each(std::fs::remove_file);
            let removing = scope.spawn(remove);
            let mut measured = Vec::new();
            while !removing.is_finished() {
                measured.push(used_below(dir.path()));
            }
            removing.join().unwrap().unwrap();
            measured
        });
        assert!(measured.iter().all(Result::is_ok), "{measured:?}");
    }

    #[test]
    fn blocks_are_taken_ahead_of_the_end_and_given_back() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = File::create(dir.path().join("a")).unwrap();
        file.write_all(&[1; 100]).unwrap();
        let reserved = Reserved::default();
        reserved.reserve(&file, 1_000).unwrap();
        let taken = file.metadata().unwrap();
        assert_eq!(taken.len(), 100);
        assert!(taken.blocks() * 512 >= AHEAD_BYTES, "{}", taken.blocks());
        reserved.reserve(&file, AHEAD_BYTES).unwrap();
        assert_eq!(file.metadata().unwrap().blocks(), taken.blocks());
        reserved.release(&file).unwrap();
        let kept = file.metadata().unwrap();
        assert_eq!(kept.len(), 100);
        assert!(kept.blocks() * 512 < AHEAD_BYTES, "{}", kept.blocks());
        // Others may write to a file of which nothing is reserved, so it is not cut: this one can't be.
        let read_only = File::open(dir.path().join("a")).unwrap();
        Reserved::default().release(&read_only).unwrap();
    }

    #[test]
    fn more_than_a_file_can_have_is_refused_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ballast");
        // Asked for more than is free, the system takes all there is before it refuses, from whoever
        // else is on the machine; this is refused at once.
        assert!(hold(&path, 1 << 60).is_err());
        assert!(!path.exists());
        hold(&path, 1 << 20).unwrap();
        assert!(fs::metadata(&path).unwrap().blocks() * 512 >= 1 << 20);
        give_up(&path).unwrap();
        give_up(&path).unwrap();
        assert!(!path.exists());
    }
}
