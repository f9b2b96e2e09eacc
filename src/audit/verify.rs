//! Verifying an audit log from its files alone: without sled, without the log,
//! from a copy.
//!
//! Every entry is hashed, every tile compared, the root with what the log signed.
//! An auditor gives checkpoints that were kept elsewhere, and is told whether each
//! is the beginning of this one; so are those that witnesses have cosigned.

use super::{
    check_tiles::TileCheck,
    checkpoint::Checkpoint,
    checkpoint_file::read_checkpoint,
    entries::Entries,
    findings::{Damage, Findings},
    note::VerifierKey,
    proof::root_at,
    right_edge::TILE_WIDTH,
    tile::Tiles,
    tree::Hash,
    witness::{Kept, kept},
};
use crate::{domain::Position, storage::StorageError};

/// The result of verifying the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The checkpoint that everything was compared with, if there is one to be trusted.
    pub checkpoint: Option<Checkpoint>,
    /// What is wrong, the first 1,000 of it, by its first position.
    pub damages: Vec<Damage>,
    /// The number of further damages that are not listed.
    pub unlisted: u64,
}

impl Verified {
    /// Whether all of it is as it was signed.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.damages.is_empty()
    }

    /// The first position that lies.
    #[must_use]
    pub fn first(&self) -> Option<Position> {
        self.damages.iter().map(Damage::first).min()
    }
}

/// What to compare the files of an audit log with, beside each other.
#[derive(Clone, Copy, Default)]
pub struct Against<'a> {
    /// Checkpoints of this log that were kept elsewhere, already trusted. They are compared once
    /// everything else is whole.
    pub older: &'a [Checkpoint],
    /// The log itself, which should hold what was integrated.
    pub log: Option<&'a dyn Entries>,
    /// Whether files are left out that only older checkpoints than the newest need.
    pub only_newest: bool,
}

/// Verifies a whole audit log: every bit of entries, tiles and checkpoint, and what
/// witnesses cosigned. `progress` is told how many entries of how many are done.
///
/// # Errors
/// A file cannot be read. Damage is no error.
pub fn verify(
    tiles: &Tiles,
    key: &VerifierKey,
    against: Against<'_>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Verified, StorageError> {
    let mut findings = Findings::default();
    let checkpoint = read_checkpoint(tiles, key, &mut findings)?;
    if let Some(checkpoint) = &checkpoint {
        let size = checkpoint.size;
        let mut each = |index: u64| {
            progress(index * TILE_WIDTH as u64, size);
            true
        };
        check_tree(tiles, checkpoint, against, &mut each, &mut findings)?;
        let mut older = against.older.to_vec();
        older.extend(read_kept(tiles, key, &mut findings)?);
        if findings.damages.is_empty() {
            compare_older(tiles, checkpoint, older, &mut findings);
        }
        progress(size, size);
    }
    findings.damages.sort_by_key(Damage::first);
    Ok(Verified {
        checkpoint,
        damages: findings.damages,
        unlisted: findings.unlisted,
    })
}

/// Checks every file of the tree that a checkpoint is about, and the log against it. `each` is told
/// the index of each bundle before it is read, and ends the check by `false`; so does the result.
pub(super) fn check_tree(
    tiles: &Tiles,
    checkpoint: &Checkpoint,
    against: Against<'_>,
    each: &mut dyn FnMut(u64) -> bool,
    findings: &mut Findings,
) -> Result<bool, StorageError> {
    let size = checkpoint.size;
    let mut check_tiles = TileCheck::new(tiles, size, findings);
    if against.only_newest {
        check_tiles = check_tiles.only_newest();
    }
    let mut strangers = Vec::new();
    for index in 0..size.div_ceil(TILE_WIDTH as u64) {
        if !each(index) {
            return Ok(false);
        }
        let leaves = check_tiles.bundle(index)?;
        if let (Some(log), Some(leaves)) = (against.log, leaves) {
            compare_log(log, index, &leaves, &mut strangers);
        }
    }
    check_tiles.finish(checkpoint.root)?;
    strangers
        .into_iter()
        .for_each(|damage| findings.add(damage));
    Ok(true)
}

/// Whether the files hold the whole tree of a checkpoint.
pub(super) fn holds(tiles: &Tiles, checkpoint: &Checkpoint) -> Result<bool, StorageError> {
    let mut findings = Findings::default();
    let against = Against {
        only_newest: true,
        ..Against::default()
    };
    check_tree(tiles, checkpoint, against, &mut |_| true, &mut findings)?;
    Ok(findings.damages.is_empty())
}

/// The checkpoints that witnesses have cosigned.
fn read_kept(
    tiles: &Tiles,
    key: &VerifierKey,
    findings: &mut Findings,
) -> Result<Vec<Checkpoint>, StorageError> {
    let mut checkpoints = Vec::new();
    for kept in kept(tiles, key)? {
        match kept {
            Kept::Whole(cosigned) => checkpoints.push(cosigned.checkpoint),
            Kept::Damaged { name } => findings.add(Damage::Witness { name }),
        }
    }
    Ok(checkpoints)
}

/// Compares a bundle's leaves with what the log gives at their positions.
fn compare_log(log: &dyn Entries, index: u64, leaves: &[Hash], damages: &mut Vec<Damage>) {
    let mut done = 0;
    while let Some(rest) = leaves.get(done..).filter(|rest| !rest.is_empty()) {
        let position = Position::new(index * TILE_WIDTH as u64 + done as u64).next();
        let entries = log.entries(position, rest.len()).unwrap_or_default();
        if entries.is_empty() {
            damages.push(Damage::Log { position });
            return;
        }
        for (place, (entry, leaf)) in (0..).zip(entries.iter().zip(rest)) {
            if Hash::leaf(entry) != *leaf {
                let position = position.plus(place);
                damages.push(Damage::Log { position });
            }
        }
        done += entries.len();
    }
}

/// Compares older checkpoints with the tree, whose files are whole.
fn compare_older(
    tiles: &Tiles,
    newest: &Checkpoint,
    mut older: Vec<Checkpoint>,
    findings: &mut Findings,
) {
    older.sort_by_key(|checkpoint| checkpoint.size);
    let mut agreed = Position::ZERO;
    for Checkpoint { origin, size, root } in older {
        let there = size <= newest.size && origin == newest.origin;
        let same = there && root_at(tiles, size, newest.size).is_ok_and(|known| known == root);
        match same {
            true => agreed = Position::new(size),
            false => {
                // A log that was cut is at least right up to where it ends now.
                let cut = size > newest.size && newest.size > agreed.get();
                let agreed = if cut { newest.head() } else { agreed };
                findings.add(Damage::Older { size, agreed });
            }
        }
    }
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
