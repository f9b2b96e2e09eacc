//! What verifying can find wrong, and a bounded list of it.

use std::fmt;

use super::{checkpoint::CheckpointError, coord::Coord};
use crate::domain::Position;

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
        /// The tile or bundle that is damaged.
        coord: Coord,
        /// Whether it is gone.
        missing: bool,
    },
    /// An entry is not the one that was recorded.
    Entry {
        /// The position of the entry.
        position: Position,
    },
    /// A tile has a hash that is not that of what is below.
    Tile {
        /// The tile or bundle that is damaged.
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
        /// The number of entries that the checkpoint covers.
        size: u64,
    },
    /// An older checkpoint is not the beginning of this one.
    Older {
        /// The size that was signed.
        size: u64,
        /// Up to here an older checkpoint agrees.
        agreed: Position,
    },
    /// What a witness cosigned is not as it was kept.
    Witness {
        /// The name of the file.
        name: String,
    },
    /// The log has another entry than was integrated, or cannot give it.
    Log {
        /// The position of the entry.
        position: Position,
    },
}

impl Damage {
    /// Whether it is of a tile or a bundle, which can be had again from elsewhere.
    #[must_use]
    pub const fn is_of_a_file(&self) -> bool {
        matches!(
            self,
            Self::File { .. } | Self::Entry { .. } | Self::Tile { .. } | Self::Subtree { .. }
        )
    }

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
    pub damages: Vec<Damage>,
    /// The number of damages beyond those that are listed.
    pub unlisted: u64,
}

impl Findings {
    pub(super) fn add(&mut self, damage: Damage) {
        match self.damages.len() < DAMAGES_MAX {
            true => self.damages.push(damage),
            false => self.unlisted = self.unlisted.saturating_add(1),
        }
    }
}
