//! Reading the sealed files again beside an integrator, before somebody needs them.
//!
//! Files that nobody reads go bad unseen, until the last copy of something has. So each is read in
//! its turn, at the pace that the caller sets, and what is not as it was signed is written again
//! from the log.

use std::collections::BTreeSet;

use super::{
    checkpoint::Checkpoint,
    checkpoint_file::last_checkpoint,
    coord::{Coord, Kind},
    entries::Entries,
    findings::{Damage, Findings},
    note::VerifierKey,
    repair::{Rebuild, RepairError},
    right_edge::TILE_WIDTH,
    tile::Tiles,
    tree::HASH_BYTES,
    verify::{Against, check_tree},
};
use crate::storage::StorageError;

/// The reasons for which the sealed files are not known to be whole.
#[derive(Debug, thiserror::Error)]
pub enum ScrubError {
    /// A damaged file could not be written again from the log.
    #[error(transparent)]
    Repair(#[from] RepairError),
    /// Without a checkpoint to be trusted nothing says what is right.
    #[error("the checkpoint is gone or cannot be trusted; run `contactd log verify`")]
    Checkpoint,
}

impl From<StorageError> for ScrubError {
    fn from(error: StorageError) -> Self {
        Self::Repair(error.into())
    }
}

/// Reads every file of the newest checkpoint's tree, and writes again those that are not what was
/// signed; which ones. `pace` is told how many bytes are read next, waits as long as it wants to,
/// and ends the work by `false`: then there is no result.
///
/// # Errors
/// A file cannot be read or written, or something is damaged that no copy can mend.
pub fn scrub(
    tiles: &Tiles,
    key: &VerifierKey,
    log: &dyn Entries,
    pace: &mut dyn FnMut(u64) -> bool,
) -> Result<Option<BTreeSet<Coord>>, ScrubError> {
    let checkpoint = newest(tiles, key)?;
    let mut findings = Findings::default();
    let against = Against {
        only_newest: true,
        ..Against::default()
    };
    let mut each = |index| {
        let coord = Coord::in_tree(Kind::Entries, index, checkpoint.size);
        let bundle = coord.and_then(|coord| tiles.files().len(&coord.to_string()).ok());
        pace(bundle.unwrap_or_default() + (TILE_WIDTH * HASH_BYTES) as u64)
    };
    if !check_tree(tiles, &checkpoint, against, &mut each, &mut findings)? {
        return Ok(None);
    }
    let now = newest(tiles, key)?;
    let is_damage = |damage: &Damage| now == checkpoint || is_of_full_files(damage, &checkpoint);
    if !findings.damages.iter().any(is_damage) {
        return Ok(Some(BTreeSet::new()));
    }
    let rebuild = Rebuild::of_signed(tiles, log, &now)?;
    let mut written = rebuild.write(&mut |_| {})?;
    if newest(tiles, key)? != now {
        written.retain(|coord| coord.is_full());
    }
    Ok(Some(written))
}

/// Whether a finding is about files that stay. Partial ones go once there is a wider one of a newer
/// checkpoint, and the end of the tree cannot be judged without them: the next round does.
fn is_of_full_files(damage: &Damage, checkpoint: &Checkpoint) -> bool {
    let end = checkpoint.size - checkpoint.size % TILE_WIDTH as u64;
    match damage {
        Damage::File { coord, .. } | Damage::Tile { coord, .. } | Damage::Subtree { coord, .. } => {
            coord.is_full()
        }
        Damage::Entry { position } | Damage::Log { position } => position.get() <= end,
        Damage::Root { .. } | Damage::Older { .. } => false,
        Damage::NoCheckpoint | Damage::Checkpoint(_) | Damage::Witness { .. } => true,
    }
}

/// The checkpoint as it is now, if it can be trusted.
fn newest(tiles: &Tiles, key: &VerifierKey) -> Result<Checkpoint, ScrubError> {
    let newest = last_checkpoint(tiles, key)?.and_then(Result::ok);
    newest.ok_or(ScrubError::Checkpoint)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use bytes::Bytes;
    use tempfile::TempDir;

    use super::super::entries::EntriesError;
    use super::super::integrator::tests::{Made, audit, files, integrator, signer, tiles};
    use super::*;
    use crate::domain::Position;

    #[test]
    fn every_flipped_file_is_written_again_and_the_pace_is_kept() {
        let dir = TempDir::new().unwrap();
        let head = Position::new(700);
        integrator(&dir).integrate(head, &Made).unwrap();
        let key = signer(&dir).verifier();
        let whole = files(&audit(&dir));
        let mut bytes = 0;
        let mut count = |read| {
            bytes += read;
            true
        };
        let nothing = scrub(&tiles(&dir), &key, &Made, &mut count).unwrap();
        assert_eq!(nothing, Some(BTreeSet::new()));
        let bundles = audit(&dir).join("tile/entries");
        let sizes = whole.iter().filter(|(path, _)| path.starts_with(&bundles));
        let sizes: usize = sizes.map(|(_, bytes)| bytes.len()).sum();
        assert_eq!(bytes, (sizes + 3 * TILE_WIDTH * HASH_BYTES) as u64);
        for (path, bytes) in &whole {
            let mut flipped = bytes.clone();
            flipped[5] ^= 1;
            fs::write(path, flipped).unwrap();
            let mended = scrub(&tiles(&dir), &key, &Made, &mut |_| true);
            if path.ends_with("checkpoint") {
                assert!(matches!(mended, Err(ScrubError::Checkpoint)));
                fs::write(path, bytes).unwrap();
            } else {
                assert_eq!(mended.unwrap().unwrap().len(), 1, "{}", path.display());
            }
            assert!(files(&audit(&dir)) == whole, "{}", path.display());
        }
        let ended = scrub(&tiles(&dir), &key, &Made, &mut |_| false);
        assert_eq!(ended.unwrap(), None);
    }

    /// A log that is not to be read, for nothing is to be mended.
    struct Unread;

    impl Entries for Unread {
        fn entries(&self, from: Position, _: usize) -> Result<Vec<Bytes>, EntriesError> {
            Err(format!("the log is read from {from} on").into())
        }
    }

    #[test]
    fn files_that_a_newer_checkpoint_replaces_meanwhile_are_no_damage() {
        let dir = TempDir::new().unwrap();
        let mut integrator = integrator(&dir);
        integrator.integrate(Position::new(700), &Made).unwrap();
        let key = signer(&dir).verifier();
        let full = audit(&dir).join("tile/entries/000");
        let whole = fs::read(&full).unwrap();
        let mut head = 700;
        // Before each bundle is read there is a newer checkpoint, and its partial files are gone.
        let mut scrub_with = |log: &dyn Entries| {
            scrub(&tiles(&dir), &key, log, &mut |_| {
                head += 100;
                integrator.integrate(Position::new(head), &Made).unwrap();
                true
            })
        };
        assert_eq!(scrub_with(&Unread).unwrap(), Some(BTreeSet::new()));
        fs::write(&full, "damaged").unwrap();
        let mended = scrub_with(&Made).unwrap().unwrap();
        assert_eq!(mended.len(), 1, "{mended:?}");
        assert!(fs::read(&full).unwrap() == whole, "and a full one is");
    }
}
