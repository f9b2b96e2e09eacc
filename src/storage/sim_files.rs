//! The simulated disk behind the seam of files.

use std::{io, path::PathBuf};

use super::{
    Files, Held, StorageError,
    sim_handle::Handle,
    sim_state::{Fate, SimDir, SimFile, answer, done, refused},
};

/// A directory of the simulated disk.
pub(super) struct SimFiles(pub Handle);

impl SimFiles {
    /// Runs `work` on the directory; where it is a sync, with what becomes of it.
    fn dir<T>(
        &self,
        sync: bool,
        work: impl FnOnce(&mut SimDir, Fate) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let mut state = self.0.alive()?;
        let fate = if sync { state.sync_point() } else { Fate::Done };
        let name = &self.0.name;
        let result = match state.files.get_mut(name) {
            Some(dir) => work(dir, fate)?,
            None => {
                // Whoever only looks makes no directory.
                let mut dir = SimDir::default();
                let result = work(&mut dir, fate)?;
                if !dir.is_empty() {
                    state.files.insert(name.clone(), dir);
                }
                result
            }
        };
        answer(fate, name)?;
        Ok(result)
    }

    fn lies(&self) -> Result<bool, StorageError> {
        Ok(self.0.alive()?.faults.lies)
    }
}

fn there<'a>(dir: &'a mut SimDir, name: &str) -> Result<&'a mut SimFile, StorageError> {
    let absent = || StorageError::io("open", name)(io::ErrorKind::NotFound.into());
    dir.files.get_mut(name).ok_or_else(absent)
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

impl Files for SimFiles {
    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(&self.0.name).join(name)
    }

    fn list_in(&self, dir: &str) -> Result<Vec<String>, StorageError> {
        self.dir(false, |all, _| Ok(all.list(dir)))
    }

    fn has_dir(&self, dir: &str) -> Result<bool, StorageError> {
        if self.0.name.is_empty() && !dir.is_empty() {
            // The disk itself: what it holds are stores and directories of files.
            let state = self.0.alive()?;
            return Ok(state.files.contains_key(dir) || state.stores.contains_key(dir));
        }
        self.dir(false, |all, _| Ok(dir.is_empty() || all.dirs.contains(dir)))
    }

    fn len(&self, name: &str) -> Result<u64, StorageError> {
        self.dir(false, |dir, _| Ok(there(dir, name)?.bytes.len() as u64))
    }

    fn read_at(&self, name: &str, offset: u64, limit: usize) -> Result<Vec<u8>, StorageError> {
        self.dir(false, |dir, _| {
            let bytes = &there(dir, name)?.bytes;
            let start = index(offset).min(bytes.len());
            let end = start.saturating_add(limit).min(bytes.len());
            Ok(bytes.get(start..end).unwrap_or_default().to_vec())
        })
    }

    fn reserve(&self, name: &str, _bytes: usize) -> Result<(), StorageError> {
        self.0.room(name)
    }

    fn make_dir(&self, dir: &str) -> Result<bool, StorageError> {
        self.0.room(dir)?;
        self.dir(false, |all, _| Ok(all.make_dir(dir)))
    }

    fn begin(&self, name: &str) -> Result<(), StorageError> {
        self.0.room(name)?;
        self.dir(false, |dir, _| match dir.files.get(name) {
            Some(file) if !file.bytes.is_empty() => Err(refused(name, "the name is taken")),
            Some(_) => Ok(()),
            None => {
                dir.put(name, SimFile::default());
                Ok(())
            }
        })
    }

    fn append(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.dir(false, |dir, _| {
            let file = there(dir, name)?;
            file.write_at(file.bytes.len(), bytes);
            Ok(())
        })
    }

    fn write_at(&self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.dir(false, |dir, _| {
            there(dir, name)?.write_at(index(offset), bytes);
            Ok(())
        })
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.0.room(name)?;
        self.dir(false, |dir, _| {
            if !dir.files.contains_key(name) {
                dir.put(name, SimFile::default());
            }
            let file = there(dir, name)?;
            file.set_len(0);
            file.write_at(0, bytes);
            Ok(())
        })
    }

    fn write_new(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.0.room(name)?;
        self.dir(false, |dir, _| {
            dir.take(name);
            let mut file = SimFile::default();
            file.write_at(0, bytes);
            dir.put(name, file);
            Ok(())
        })
    }

    fn set_len(&self, name: &str, length: u64) -> Result<(), StorageError> {
        self.dir(false, |dir, _| {
            there(dir, name)?.set_len(index(length));
            Ok(())
        })
    }

    fn sync(&self, name: &str) -> Result<(), StorageError> {
        if self.lies()? {
            return Ok(());
        }
        self.dir(true, |dir, fate| {
            there(dir, name)?.sync(fate);
            Ok(())
        })
    }

    fn sync_dir(&self, name: &str) -> Result<(), StorageError> {
        self.dir(true, |dir, fate| {
            if done(fate) {
                dir.sync_names(name);
            }
            Ok(())
        })
    }

    fn link(&self, from: &str, to: &str) -> Result<bool, StorageError> {
        self.dir(false, |dir, _| {
            let file = there(dir, from)?.clone();
            let is_free = !dir.files.contains_key(to);
            if is_free {
                dir.put(to, file);
            }
            Ok(is_free)
        })
    }

    fn move_name(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.dir(false, |dir, _| {
            there(dir, from)?;
            dir.rename(from, to);
            Ok(())
        })
    }

    fn unlink(&self, name: &str) -> Result<(), StorageError> {
        self.dir(false, |dir, _| {
            there(dir, name)?;
            dir.take(name);
            Ok(())
        })
    }

    fn remove_dir(&self, name: &str) -> Result<(), StorageError> {
        self.dir(false, |dir, _| {
            dir.remove_dir(name);
            Ok(())
        })
    }

    fn hold(&self, name: &str) -> Result<Option<Box<dyn Held>>, StorageError> {
        let held = || Box::new(SimHeld(self.0.clone())) as Box<dyn Held>;
        Ok(self.has(name)?.then(held))
    }
}

/// Content that has lost its name: nobody can read it, so that overwriting it is a sync alone.
struct SimHeld(Handle);

impl Held for SimHeld {
    fn overwrite(&self) -> Result<(), StorageError> {
        let fate = self.0.alive()?.sync_point();
        answer(fate, &self.0.name)
    }
}
