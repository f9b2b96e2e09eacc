//! The checkpoint as it lies beside the tiles that it covers.

use super::{
    checkpoint::{Checkpoint, CheckpointError},
    findings::{Damage, Findings},
    note::{NOTE_BYTES_MAX, Note, VerifierKey},
    tile::Tiles,
};
use crate::storage::StorageError;

/// The checkpoint's file, below `audit/`.
pub(super) const CHECKPOINT: &str = "checkpoint";

/// The number of events that the last checkpoint covers; zero where no checkpoint can be trusted.
///
/// # Errors
/// The file cannot be read.
pub fn signed_size(tiles: &Tiles, key: &VerifierKey) -> Result<u64, StorageError> {
    let checkpoint = read_checkpoint(tiles, key, &mut Findings::default())?;
    Ok(checkpoint.map_or(0, |checkpoint| checkpoint.size))
}

/// Whether the checkpoint of an audit log is one that another key has signed in this one's name.
///
/// # Errors
/// The file cannot be read.
pub fn signed_by_another(tiles: &Tiles, key: &VerifierKey) -> Result<bool, StorageError> {
    let bytes = tiles.read_name(CHECKPOINT, NOTE_BYTES_MAX)?;
    let opened = Checkpoint::open(&String::from_utf8_lossy(&bytes.unwrap_or_default()), key);
    Ok(matches!(opened, Err(CheckpointError::OtherKey { .. })))
}

/// Reads the checkpoint; `None` where it is gone or cannot be trusted, which is put down as a
/// finding.
pub(super) fn read_checkpoint(
    tiles: &Tiles,
    key: &VerifierKey,
    findings: &mut Findings,
) -> Result<Option<Checkpoint>, StorageError> {
    let Some(bytes) = tiles.read_name(CHECKPOINT, NOTE_BYTES_MAX)? else {
        findings.add(Damage::NoCheckpoint);
        return Ok(None);
    };
    let opened = std::str::from_utf8(&bytes)
        .map_err(|_| CheckpointError::Malformed)
        .and_then(|note| Checkpoint::open(note, key));
    match opened {
        Ok((checkpoint, _)) => Ok(Some(checkpoint)),
        Err(error) => {
            findings.add(Damage::Checkpoint(error));
            Ok(None)
        }
    }
}

/// Puts a signed checkpoint in the place of the last one; on the disk when this returns.
pub(super) fn write_checkpoint(tiles: &Tiles, note: &Note) -> Result<(), StorageError> {
    tiles
        .files()
        .write_atomic(CHECKPOINT, note.to_string().as_bytes())
}
