//! Copies the audit log beside a running integrator: what one checkpoint covers, no more, no less.
//!
//! Full tiles and bundles never change, so those that the copy has are passed over. A partial one
//! may go while it is being copied, because a newer checkpoint is there: then that one is taken.

use super::{
    checkpoint::Checkpoint,
    checkpoint_file::CHECKPOINT,
    coord::{Coord, Kind},
    note::{NOTE_BYTES_MAX, VerifierKey},
    right_edge::{TILE_WIDTH, hashes_at},
    tile::Tiles,
};
use crate::storage::StorageError;

/// The number of times that a newer checkpoint is taken before copying is given up.
const TRIES: usize = 100;
const LEVELS: u8 = 8;

/// The reasons for which the audit log was not copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] StorageError),
    /// The checkpoint is not one of this log.
    #[error("the checkpoint cannot be trusted; run `contactd log verify`")]
    Checkpoint,
    /// A file that the checkpoint covers is gone.
    #[error("{coord} is missing; run `contactd log verify`")]
    Missing {
        /// The tile or bundle that changed.
        coord: Coord,
    },
}

/// Copies what the newest checkpoint covers; none where nothing was ever signed.
///
/// # Errors
/// A file cannot be read or written, or the log is damaged.
pub fn copy(
    source: &Tiles,
    target: &Tiles,
    key: &VerifierKey,
) -> Result<Option<Checkpoint>, CopyError> {
    let mut missing = None;
    for _ in 0..TRIES {
        let Some(bytes) = source.read_name(CHECKPOINT, NOTE_BYTES_MAX)? else {
            return Ok(None);
        };
        let note = std::str::from_utf8(&bytes).map_err(|_| CopyError::Checkpoint)?;
        let (checkpoint, _) = Checkpoint::open(note, key).map_err(|_| CopyError::Checkpoint)?;
        missing = copy_tree(source, target, checkpoint.size)?;
        if missing.is_none() {
            target.files().write_atomic(CHECKPOINT, &bytes)?;
            return Ok(Some(checkpoint));
        }
    }
    match missing {
        Some(coord) => Err(CopyError::Missing { coord }),
        None => Ok(None),
    }
}

/// Copies the files of a tree of this size; the first that is not there.
fn copy_tree(source: &Tiles, target: &Tiles, size: u64) -> Result<Option<Coord>, CopyError> {
    let hashes = (0..LEVELS).map(|level| (Kind::Hashes { level }, level));
    for (kind, level) in std::iter::once((Kind::Entries, 0)).chain(hashes) {
        let files = hashes_at(size, level).div_ceil(TILE_WIDTH as u64);
        for coord in (0..files).filter_map(|index| Coord::in_tree(kind, index, size)) {
            if coord.is_full() && target.has(coord)? {
                continue;
            }
            match source.read(coord)? {
                Some(bytes) => target.files().write_atomic(&coord.to_string(), &bytes)?,
                None => return Ok(Some(coord)),
            }
        }
    }
    Ok(None)
}
