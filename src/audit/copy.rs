//! Copies the audit log beside a running integrator: what one checkpoint covers, no more, no less.
//!
//! The tree goes first and is checked where it arrived; the checkpoint follows when the caller says
//! so. Until then the copy is what its older checkpoint says. Files are compared by their bytes: one
//! that differs from ours is exchanged only where our own tree is whole, so that a damaged log
//! never replaces a good copy of it. A partial file may go while it is being copied, because a newer
//! checkpoint is there: then that one is taken.

use bytes::Bytes;

use super::{
    checkpoint::Checkpoint,
    checkpoint_file::{CHECKPOINT, last_checkpoint},
    coord::Coord,
    note::{NOTE_BYTES_MAX, VerifierKey},
    proof::{ProofError, root_at},
    tile::Tiles,
    verify::holds,
};
use crate::storage::StorageError;

/// The number of times that a newer checkpoint is taken before copying is given up.
const TRIES: usize = 100;

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
    /// The files are not what the checkpoint says.
    #[error("the audit log is damaged; `contactd log verify` says where")]
    Damaged,
}

/// A tree that was copied and is whole where it arrived, without its checkpoint yet.
#[derive(Debug)]
pub struct Copied {
    /// The checkpoint of the tree.
    pub checkpoint: Checkpoint,
    note: Bytes,
    /// The size of the tree that was there before.
    replaced: u64,
}

impl Copied {
    /// Puts the checkpoint beside the tree: from now on the copy is this one. On the disk when this
    /// returns. Partial files that only the checkpoint before needed are removed.
    ///
    /// # Errors
    /// A file cannot be written or removed; the copy is what it was, or this one.
    pub fn publish(&self, target: &Tiles) -> Result<(), StorageError> {
        target.files().write_atomic(CHECKPOINT, &self.note)?;
        let size = self.checkpoint.size;
        for coord in Coord::of_tree(self.replaced).filter(|coord| !coord.is_full()) {
            if !coord.is_in_tree(size) {
                target.remove(coord)?;
            }
        }
        Ok(())
    }
}

/// Copies the tree that the newest checkpoint covers; none where nothing was ever signed.
///
/// # Errors
/// A file cannot be read or written, or the log is damaged.
pub fn copy(
    source: &Tiles,
    target: &Tiles,
    key: &VerifierKey,
) -> Result<Option<Copied>, CopyError> {
    let mut missing = None;
    let before = last_checkpoint(target, key)?.and_then(Result::ok);
    let replaced = before.map_or(0, |before| before.size);
    for _ in 0..TRIES {
        let Some(note) = source.read_name(CHECKPOINT, NOTE_BYTES_MAX)? else {
            return Ok(None);
        };
        let text = std::str::from_utf8(&note).map_err(|_| CopyError::Checkpoint)?;
        let (checkpoint, _) = Checkpoint::open(text, key).map_err(|_| CopyError::Checkpoint)?;
        missing = copy_tree(source, target, &checkpoint)?;
        if missing.is_none() {
            if !holds(target, &checkpoint)? {
                return Err(CopyError::Damaged);
            }
            return Ok(Some(Copied {
                checkpoint,
                note,
                replaced,
            }));
        }
    }
    match missing {
        Some(coord) => Err(CopyError::Missing { coord }),
        None => Ok(None),
    }
}

/// Copies the files of a checkpoint's tree; the first that is not there.
fn copy_tree(
    source: &Tiles,
    target: &Tiles,
    checkpoint: &Checkpoint,
) -> Result<Option<Coord>, CopyError> {
    let mut is_vouched = false;
    for coord in Coord::of_tree(checkpoint.size) {
        let Some(bytes) = source.read(coord)? else {
            return Ok(Some(coord));
        };
        let there = target.read(coord)?;
        if there.as_ref() == Some(&bytes) {
            continue;
        }
        if there.is_some() && !is_vouched {
            is_vouched = holds(source, checkpoint)?;
            if !is_vouched {
                return Err(CopyError::Damaged);
            }
        }
        let name = coord.to_string();
        target.files().write_atomic(&name, &bytes)?;
    }
    Ok(None)
}

/// Whether the tree of an older checkpoint is the beginning of this log, which may grow meanwhile.
///
/// # Errors
/// A file cannot be read, or the log has no checkpoint to be trusted.
pub fn is_beginning(
    tiles: &Tiles,
    key: &VerifierKey,
    older: &Checkpoint,
) -> Result<bool, CopyError> {
    for _ in 0..TRIES {
        let newest = last_checkpoint(tiles, key)?.and_then(Result::ok);
        let newest = newest.ok_or(CopyError::Checkpoint)?;
        if older.origin != newest.origin || older.size > newest.size {
            return Ok(false);
        }
        match root_at(tiles, older.size, newest.size) {
            Ok(root) => return Ok(root == older.root),
            Err(ProofError::File(error)) => return Err(error.into()),
            // A partial tile has gone because there is a newer checkpoint.
            Err(_) => {}
        }
    }
    Err(CopyError::Damaged)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::super::{
        integrator::tests::{Made, audit, integrator, signer, tiles},
        verify::{Against, verify},
    };
    use super::*;
    use crate::domain::Position;

    /// A log integrated up to here, and a place for copies of it.
    fn log(head: u64) -> (TempDir, TempDir) {
        let dir = TempDir::new().unwrap();
        grow(&dir, head);
        (dir, TempDir::new().unwrap())
    }

    fn grow(dir: &TempDir, head: u64) {
        let head = Position::new(head);
        integrator(dir).integrate(head, &Made).unwrap();
    }

    fn copied(from: &TempDir, to: &TempDir) -> Result<Copied, CopyError> {
        let key = signer(from).verifier();
        Ok(copy(&tiles(from), &tiles(to), &key)?.unwrap())
    }

    #[test]
    fn a_copy_is_the_old_one_until_its_checkpoint_is_published() {
        let (dir, to) = log(300);
        let key = signer(&dir).verifier();
        let first = copied(&dir, &to).unwrap();
        assert!(last_checkpoint(&tiles(&to), &key).unwrap().is_none());
        first.publish(&tiles(&to)).unwrap();
        grow(&dir, 700);
        let second = copied(&dir, &to).unwrap();
        for size in [300, 700] {
            let whole = verify(&tiles(&to), &key, Against::default(), &mut |_, _| {}).unwrap();
            assert_eq!(whole.damages, []);
            assert_eq!(whole.checkpoint.unwrap().size, size);
            second.publish(&tiles(&to)).unwrap();
        }
        assert!(is_beginning(&tiles(&dir), &key, &first.checkpoint).unwrap());
        let other = log(300).0;
        let forged = Checkpoint {
            root: second.checkpoint.root,
            ..first.checkpoint.clone()
        };
        assert!(!is_beginning(&tiles(&dir), &key, &forged).unwrap());
        assert!(
            !is_beginning(
                &tiles(&dir),
                &key,
                &Checkpoint {
                    size: 701,
                    ..forged
                }
            )
            .unwrap()
        );
        assert!(is_beginning(&tiles(&other), &key, &first.checkpoint).is_err());
    }

    #[test]
    fn damage_here_never_replaces_what_is_whole_there() {
        let (dir, to) = log(300);
        copied(&dir, &to).unwrap().publish(&tiles(&to)).unwrap();
        let (ours, theirs) = (
            audit(&dir).join("tile/entries/000"),
            audit(&to).join("tile/entries/000"),
        );
        let whole = fs::read(&ours).unwrap();
        let mut flipped = whole.clone();
        flipped[9] ^= 1;
        fs::write(&ours, &flipped).unwrap();
        assert!(matches!(copied(&dir, &to), Err(CopyError::Damaged)));
        assert_eq!(fs::read(&theirs).unwrap(), whole);
        let fresh = TempDir::new().unwrap();
        assert!(matches!(copied(&dir, &fresh), Err(CopyError::Damaged)));
        // The other way round the copy is mended, though its length is right.
        fs::write(&ours, &whole).unwrap();
        fs::write(&theirs, &flipped).unwrap();
        copied(&dir, &to).unwrap();
        assert_eq!(fs::read(&theirs).unwrap(), whole);
    }
}
