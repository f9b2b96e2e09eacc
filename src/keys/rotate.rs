//! Wrapping every key anew, under another master key, in a new file.
//!
//! The order makes each crash harmless. The new file is whole and synced before
//! it has its name; then the new master key is put where the next start looks
//! for it; only then are the old slots overwritten. Between these steps both
//! files hold the same keys, and the master key that is given at the next start
//! decides which of them is destroyed.

use std::sync::Arc;

use super::{
    KeyFileError, KeyRing, MasterKey, OpenError, RotateError, Slot,
    slots::{CHUNK_SLOTS, SlotFiles, destroy, names_of, temporary},
    wrapping::{ERASED, Held, MISSING, SLOT_BYTES},
};
use crate::storage::{Files, StorageError};

impl KeyRing {
    /// Wraps every key with another master key. `keep` puts that key where the next start looks
    /// for it, and does nothing where the operator keeps it. Sealing and opening wait meanwhile.
    ///
    /// # Errors
    /// A slot is damaged or the disk refused: the old keys stand. From `keep` on, an error lets
    /// no slot be written until the next start, which finishes or undoes the rotation.
    pub fn rotate(
        &self,
        new: &MasterKey,
        keep: impl FnOnce() -> Result<(), KeyFileError>,
    ) -> Result<(), RotateError> {
        let mut state = self.state.write();
        if state.halted {
            return Err(RotateError::Halted);
        }
        let generation = state.file.wrapping().generation.saturating_add(1);
        if let Err(error) = write_anew(&state.file, &self.files, generation, new) {
            // What is left of it is of no use, and the old master key still rules.
            destroy(&*self.files, &temporary(generation))?;
            destroy(&*self.files, &names_of(generation))?;
            return Err(error);
        }
        state.halted = true;
        keep().map_err(RotateError::Keep)?;
        let file = SlotFiles::open(self.files.clone(), generation, new).map_err(of_open)?;
        let old = std::mem::replace(&mut state.file, file);
        state.unnamed = false;
        old.destroy()?;
        state.halted = false;
        Ok(())
    }
}

/// Writes all slots of a file into a new one; with its name on the disk when this returns.
fn write_anew(
    from: &SlotFiles,
    files: &Arc<dyn Files>,
    generation: u64,
    master: &MasterKey,
) -> Result<(), RotateError> {
    let mut to = SlotFiles::create(files.clone(), temporary(generation), generation, master)
        .map_err(of_open)?;
    rewrap(from, &to)?;
    Ok(to.name()?)
}

/// Writes all slots of a file into another, wrapped with another key; on the disk, without a name.
fn rewrap(from: &SlotFiles, to: &SlotFiles) -> Result<(), RotateError> {
    let count = from.count()?;
    let mut first = 0;
    while first < count {
        let end = first.saturating_add(CHUNK_SLOTS).min(count);
        let mut chunk = Vec::with_capacity(SLOT_BYTES * CHUNK_SLOTS as usize);
        for slot in (first..end).map(Slot::new) {
            let bytes = match from.read(slot, false)? {
                Held::Erased => ERASED,
                Held::Missing => MISSING,
                Held::MarkedLost => to.wrapping().mark_lost(slot).map_err(RotateError::Random)?,
                Held::Damaged => return Err(RotateError::Damaged { slot }),
                Held::Key(key) => to
                    .wrapping()
                    .wrap(slot, &key)
                    .map_err(RotateError::Random)?,
            };
            chunk.extend_from_slice(&bytes);
        }
        to.write(Slot::new(first), &chunk)?;
        first = end;
    }
    Ok(to.sync()?)
}

fn of_open(error: OpenError) -> RotateError {
    match error {
        OpenError::File(error) => RotateError::File(error),
        OpenError::Random(error) => RotateError::Random(error),
        OpenError::WrongMasterKey { path } | OpenError::Damaged { path } => {
            let cause = std::io::ErrorKind::InvalidData.into();
            let name = path.to_string_lossy().into_owned();
            let action = "read back";
            RotateError::File(StorageError::Io {
                action,
                name,
                cause,
            })
        }
    }
}
