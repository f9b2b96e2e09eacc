//! Copies the audit log beside a running integrator: what one checkpoint covers, no more, no less.
//!
//! Full tiles and bundles never change, so those that the copy has are passed over. A partial one
//! may go while it is being copied, because a newer checkpoint is there: then that one is taken.

use std::path::Path;

use super::{
    checkpoint::Checkpoint,
    coord::{Coord, Kind},
    integrator::CHECKPOINT,
    note::{NOTE_BYTES_MAX, VerifierKey},
    right_edge::{TILE_WIDTH, hashes_at},
    tile::Tiles,
};
use crate::keys::{FileError, durable};

/// How often a newer checkpoint is taken before it is given up.
const TRIES: usize = 100;
const LEVELS: u8 = 8;

/// Why the audit log was not copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The checkpoint is not one of this log.
    #[error("the checkpoint cannot be trusted; run `contactd log verify`")]
    Checkpoint,
    /// A file that the checkpoint covers is gone.
    #[error("{coord} is missing; run `contactd log verify`")]
    Missing {
        /// Which.
        coord: Coord,
    },
}

/// Copies what the newest checkpoint covers; none where nothing was ever signed.
///
/// # Errors
/// A file cannot be read or written, or the log is damaged.
pub fn copy(from: &Path, to: &Path, key: &VerifierKey) -> Result<Option<Checkpoint>, CopyError> {
    let (source, target) = (Tiles::at(from), Tiles::at(to));
    let mut missing = None;
    for _ in 0..TRIES {
        let Some(bytes) = source.read_name(CHECKPOINT, NOTE_BYTES_MAX)? else {
            return Ok(None);
        };
        let note = std::str::from_utf8(&bytes).map_err(|_| CopyError::Checkpoint)?;
        let (checkpoint, _) = Checkpoint::open(note, key).map_err(|_| CopyError::Checkpoint)?;
        missing = copy_tree(&source, &target, checkpoint.size)?;
        if missing.is_none() {
            write(&target, CHECKPOINT, &bytes)?;
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
            if coord.is_full() && target.path(coord).exists() {
                continue;
            }
            match source.read(coord)? {
                Some(bytes) => write(target, coord, &bytes)?,
                None => return Ok(Some(coord)),
            }
        }
    }
    Ok(None)
}

fn write(target: &Tiles, name: impl std::fmt::Display, bytes: &[u8]) -> Result<(), FileError> {
    let path = target.path(name);
    durable::make_dir(&durable::parent(&path))
        .and_then(|()| durable::write_atomic(&path, bytes))
        .map_err(FileError::at("write", &path))
}
