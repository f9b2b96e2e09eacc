//! A handle of the simulated disk: what a directory or a store was opened as, until the next crash.

use std::{io, sync::Arc};

use parking_lot::{Mutex, MutexGuard};

use super::{StorageError, sim_state::State};

/// A directory or store as one life of the process sees it.
#[derive(Clone)]
pub(super) struct Handle {
    state: Arc<Mutex<State>>,
    life: u64,
    pub name: String,
}

impl Handle {
    /// A handle of the disk's present life, which is dead after the next crash.
    pub fn new(state: &Arc<Mutex<State>>, name: &str) -> Self {
        Self {
            state: state.clone(),
            life: state.lock().life,
            name: name.to_owned(),
        }
    }

    /// The disk, locked, where this handle is of its present life.
    pub fn alive(&self) -> Result<MutexGuard<'_, State>, StorageError> {
        let state = self.state.lock();
        state.alive(self.life, &self.name)?;
        Ok(state)
    }

    /// Whether there is room for something new.
    pub fn room(&self, name: &str) -> Result<(), StorageError> {
        match self.alive()?.full {
            false => Ok(()),
            true => Err(StorageError::io("reserve room for", name)(
                io::ErrorKind::StorageFull.into(),
            )),
        }
    }
}
