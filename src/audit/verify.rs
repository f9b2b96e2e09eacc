//! Verifying an audit log from its files alone: without sled, without the log,
//! from a copy.
//!
//! Every entry is hashed, every tile compared, the root with what the log signed.
//! An auditor gives checkpoints that were kept elsewhere, and is told whether each
//! is the beginning of this one; so are those that witnesses have cosigned.

use std::{fmt, path::Path};

use super::{
    check_tiles::TileCheck,
    checkpoint::{Checkpoint, CheckpointError},
    coord::Coord,
    integrator::{CHECKPOINT, Entries},
    note::{NOTE_BYTES_MAX, VerifierKey},
    proof::root_at,
    right_edge::TILE_WIDTH,
    tile::Tiles,
    tree::Hash,
    witness::{Kept, kept},
};
use crate::{domain::Position, keys::FileError};

/// Damages that are listed; more are counted.
const DAMAGES_MAX: usize = 1_000;

/// Something that is not as it was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// There is no checkpoint.
    NoCheckpoint,
    /// The checkpoint is not the log's.
    Checkpoint(CheckpointError),
    /// A file is gone or cannot be read as what it is.
    File {
        /// Which.
        coord: Coord,
        /// Whether it is gone.
        missing: bool,
    },
    /// An entry is not the one that was recorded.
    Entry {
        /// Which.
        position: Position,
    },
    /// A tile has a hash that is not that of what is below.
    Tile {
        /// Which.
        coord: Coord,
        /// The first position below that hash.
        position: Position,
    },
    /// What is below a hash of a tile was changed throughout: entries and tiles agree with each
    /// other, but not with it.
    Subtree {
        /// The tile with the hash.
        coord: Coord,
        /// The first position below that hash.
        position: Position,
    },
    /// All files agree with each other, but not with what was signed.
    Root {
        /// The signed size.
        size: u64,
    },
    /// An older checkpoint is not the beginning of this one.
    Older {
        /// Its size.
        size: u64,
        /// Up to here an older checkpoint agrees.
        agreed: Position,
    },
    /// What a witness cosigned is not as it was kept.
    Witness {
        /// The file's name.
        name: String,
    },
    /// The log has another entry than was integrated, or cannot give it.
    Log {
        /// Which.
        position: Position,
    },
}

impl Damage {
    /// The first position that it puts in doubt.
    #[must_use]
    pub fn first(&self) -> Position {
        match self {
            Self::NoCheckpoint | Self::Checkpoint(_) | Self::Root { .. } | Self::Witness { .. } => {
                Position::FIRST
            }
            Self::File { coord, .. } => Position::new(coord.first_leaf()).next(),
            Self::Entry { position }
            | Self::Tile { position, .. }
            | Self::Subtree { position, .. }
            | Self::Log { position } => *position,
            Self::Older { agreed, .. } => agreed.next(),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCheckpoint => write!(f, "there is no checkpoint"),
            Self::Checkpoint(error) => write!(f, "the checkpoint cannot be trusted: {error}"),
            Self::File { coord, missing } => {
                let what = if *missing { "missing" } else { "damaged" };
                write!(f, "{coord} is {what}")
            }
            Self::Entry { position } => {
                write!(f, "event {position} is not the one that was recorded")
            }
            Self::Tile { coord, position } => {
                write!(f, "{coord} has a wrong hash for event {position}")
            }
            Self::Subtree { coord, position } => write!(
                f,
                "events and hashes from {position} on are not those that {coord} stands for"
            ),
            Self::Root { size } => write!(
                f,
                "the {size} events do not hash to the root that was signed for them"
            ),
            Self::Older { size, agreed } => write!(
                f,
                "the checkpoint of size {size} is not the beginning of this log: from event {} \
                 on it was changed, reordered or dropped",
                agreed.next()
            ),
            Self::Witness { name } => write!(f, "{name}, kept from a witness, is damaged"),
            Self::Log { position } => {
                write!(
                    f,
                    "the log does not hold event {position} as it was integrated"
                )
            }
        }
    }
}

/// Damages as they are found, a bounded list of them.
#[derive(Debug, Default)]
pub(super) struct Findings {
    damages: Vec<Damage>,
    unlisted: u64,
}

impl Findings {
    pub(super) fn add(&mut self, damage: Damage) {
        match self.damages.len() < DAMAGES_MAX {
            true => self.damages.push(damage),
            false => self.unlisted = self.unlisted.saturating_add(1),
        }
    }
}

/// What verifying found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The checkpoint that everything was compared with, if there is one to be trusted.
    pub checkpoint: Option<Checkpoint>,
    /// What is wrong, the first 1,000 of it, by its first position.
    pub damages: Vec<Damage>,
    /// How many damages more there are.
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
}

/// Verifies everything below a directory: every bit of entries, tiles and checkpoint, and what
/// witnesses cosigned. `progress` is told how many entries of how many are done.
///
/// # Errors
/// A file cannot be read. Damage is no error.
pub fn verify(
    dir: &Path,
    key: &VerifierKey,
    against: Against<'_>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Verified, FileError> {
    let tiles = Tiles::at(dir);
    let mut findings = Findings::default();
    let checkpoint = read_checkpoint(&tiles, key, &mut findings)?;
    if let Some(checkpoint) = &checkpoint {
        let size = checkpoint.size;
        let mut check_tiles = TileCheck::new(&tiles, size, &mut findings);
        let mut strangers = Vec::new();
        for index in 0..size.div_ceil(TILE_WIDTH as u64) {
            progress(index * TILE_WIDTH as u64, size);
            let leaves = check_tiles.bundle(index)?;
            if let (Some(log), Some(leaves)) = (against.log, leaves) {
                compare_log(log, index, &leaves, &mut strangers);
            }
        }
        check_tiles.finish(checkpoint.root)?;
        strangers
            .into_iter()
            .for_each(|damage| findings.add(damage));
        let mut older = against.older.to_vec();
        older.extend(read_kept(dir, key, &mut findings)?);
        if findings.damages.is_empty() {
            compare_older(&tiles, checkpoint, older, &mut findings);
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

/// How many events the last checkpoint covers; none where there is none to be trusted.
///
/// # Errors
/// The file cannot be read.
pub fn signed_size(dir: &Path, key: &VerifierKey) -> Result<u64, FileError> {
    let checkpoint = read_checkpoint(&Tiles::at(dir), key, &mut Findings::default())?;
    Ok(checkpoint.map_or(0, |checkpoint| checkpoint.size))
}

/// Whether the checkpoint below a directory is one that another key has signed in this one's name.
///
/// # Errors
/// The file cannot be read.
pub fn signed_by_another(dir: &Path, key: &VerifierKey) -> Result<bool, FileError> {
    let bytes = Tiles::at(dir).read_name(CHECKPOINT, NOTE_BYTES_MAX)?;
    let opened = Checkpoint::open(&String::from_utf8_lossy(&bytes.unwrap_or_default()), key);
    Ok(matches!(opened, Err(CheckpointError::OtherKey { .. })))
}

/// The checkpoint, where it can be trusted.
pub(super) fn read_checkpoint(
    tiles: &Tiles,
    key: &VerifierKey,
    findings: &mut Findings,
) -> Result<Option<Checkpoint>, FileError> {
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

/// The checkpoints that witnesses have cosigned.
fn read_kept(
    dir: &Path,
    key: &VerifierKey,
    findings: &mut Findings,
) -> Result<Vec<Checkpoint>, FileError> {
    let mut checkpoints = Vec::new();
    for kept in kept(dir, key)? {
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
