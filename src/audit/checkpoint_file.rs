//! The checkpoint as it lies beside the tiles that it covers.

use super::{
    checkpoint::{Checkpoint, CheckpointError},
    findings::{Damage, Findings},
    note::{KeyName, NOTE_BYTES_MAX, Note, Signer, VerifierKey},
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

/// The last checkpoint, if it can be trusted; `None` where there is none.
///
/// # Errors
/// The file cannot be read. A checkpoint that cannot be trusted is the inner error.
pub fn last_checkpoint(
    tiles: &Tiles,
    key: &VerifierKey,
) -> Result<Option<Result<Checkpoint, CheckpointError>>, StorageError> {
    let bytes = tiles.read_name(CHECKPOINT, NOTE_BYTES_MAX)?;
    Ok(bytes.map(|bytes| {
        let note = std::str::from_utf8(&bytes).map_err(|_| CheckpointError::Malformed)?;
        Ok(Checkpoint::open(note, key)?.0)
    }))
}

/// The name under which the last checkpoint was signed, as it says itself; `None` where there is no
/// checkpoint.
///
/// # Errors
/// The file cannot be read.
pub fn stated_origin(tiles: &Tiles) -> Result<Option<KeyName>, StorageError> {
    let bytes = tiles.read_name(CHECKPOINT, NOTE_BYTES_MAX)?;
    let note = Note::parse(&String::from_utf8_lossy(&bytes.unwrap_or_default()));
    Ok(note.and_then(|note| Some(Checkpoint::parse(note.text())?.origin)))
}

/// Signs the last checkpoint anew, with another key or under another name: for a log that goes on
/// apart from the one it was copied from. On the disk when this returns.
///
/// # Errors
/// The file cannot be read or written.
pub fn sign_anew(
    tiles: &Tiles,
    checkpoint: &Checkpoint,
    signer: &Signer,
) -> Result<(), StorageError> {
    let origin = signer.verifier().name().clone();
    let renamed = Checkpoint {
        origin,
        ..checkpoint.clone()
    };
    write_checkpoint(tiles, &renamed.sign(signer))
}

/// Reads the checkpoint; `None` where it is gone or cannot be trusted, which is put down as a
/// finding.
pub(super) fn read_checkpoint(
    tiles: &Tiles,
    key: &VerifierKey,
    findings: &mut Findings,
) -> Result<Option<Checkpoint>, StorageError> {
    match last_checkpoint(tiles, key)? {
        Some(Ok(checkpoint)) => return Ok(Some(checkpoint)),
        Some(Err(error)) => findings.add(Damage::Checkpoint(error)),
        None => findings.add(Damage::NoCheckpoint),
    }
    Ok(None)
}

/// Puts a signed checkpoint in the place of the last one; on the disk when this returns.
pub(super) fn write_checkpoint(tiles: &Tiles, note: &Note) -> Result<(), StorageError> {
    tiles
        .files()
        .write_atomic(CHECKPOINT, note.to_string().as_bytes())
}
