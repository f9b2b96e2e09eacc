//! The simulated disk behind the seam of files.

use std::{io, path::PathBuf};

use super::{
    Files, StorageError,
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

    fn create(&self, name: &str) -> Result<(), StorageError> {
        self.0.room(name)?;
        self.dir(true, |dir, fate| {
            let there = dir.files.get(name);
            if there.is_some_and(|file| !file.bytes.is_empty()) {
                return Err(refused(name, "the name is taken"));
            }
            if done(fate) {
                dir.put_durable(name, Vec::new());
            }
            Ok(())
        })
    }

    fn create_whole(&self, name: &str, bytes: &[u8]) -> Result<bool, StorageError> {
        self.0.room(name)?;
        self.dir(true, |dir, fate| {
            if dir.files.contains_key(name) {
                return Ok(false);
            }
            if done(fate) {
                dir.put_durable(name, bytes.to_vec());
            }
            Ok(true)
        })
    }

    fn reserve(&self, name: &str, _bytes: usize) -> Result<(), StorageError> {
        self.0.room(name)
    }

    fn append(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.dir(false, |dir, _| {
            there(dir, name)?.bytes.extend_from_slice(bytes);
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
            dir.write(name, bytes);
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

    fn refresh(&self, name: &str, offset: u64) -> Result<(), StorageError> {
        if self.lies()? {
            return Ok(());
        }
        self.dir(true, |dir, fate| {
            let file = there(dir, name)?;
            if done(fate) {
                file.refresh(index(offset));
            }
            Ok(())
        })
    }

    fn truncate(&self, name: &str, length: u64) -> Result<(), StorageError> {
        self.dir(true, |dir, fate| {
            let file = there(dir, name)?;
            if done(fate) {
                file.resize(index(length));
            }
            Ok(())
        })
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.dir(true, |dir, fate| {
            there(dir, from)?;
            if done(fate)
                && let Some(file) = dir.files.remove(from)
            {
                dir.put_durable(to, file.bytes.clone());
                dir.files.insert(to.to_owned(), file);
            }
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.dir(true, |dir, fate| {
            there(dir, name)?;
            if done(fate) {
                dir.files.remove(name);
            }
            Ok(())
        })
    }

    fn remove_dir(&self, name: &str) -> Result<(), StorageError> {
        self.dir(false, |dir, _| {
            dir.remove_dir(name);
            Ok(())
        })
    }

    fn write_atomic(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.0.room(name)?;
        self.dir(true, |dir, fate| {
            if done(fate) {
                dir.put_durable(name, bytes.to_vec());
            }
            Ok(())
        })
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.write_atomic(name, bytes)?;
        // The old bytes are overwritten where they lay: one more sync that may fail.
        self.dir(true, |_, _| Ok(()))
    }

    fn wipe(&self, name: &str) -> Result<(), StorageError> {
        let length = self.len(name)?;
        self.write_at(name, 0, &vec![0; index(length)])?;
        self.sync(name)?;
        self.remove(name)
    }
}
