//! Reading entries back from integrated bundles.
//!
//! Each entry is compared with the leaf that the tree has for it, so a bundle
//! whose bytes have changed gives nothing rather than something else. Whether the
//! leaves are those that were signed is what `verify` answers.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;

use super::{
    checkpoint::Checkpoint,
    checkpoint_file::read_checkpoint,
    coord::{Coord, Kind},
    entries::{Entries, EntriesError},
    findings::Findings,
    note::VerifierKey,
    right_edge::{TILE_WIDTH, hashes_at},
    tile::Tiles,
    tree::Hash,
};
use crate::{domain::Position, log, storage::StorageError};

/// The reasons for which integrated entries cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] StorageError),
    /// The bundle and the tile beside it do not agree, or one is gone.
    #[error("{coord} or the tile beside it is missing or damaged; run `contactd log repair`")]
    Damaged {
        /// The bundle that is damaged.
        coord: Coord,
    },
}

/// The entries of full bundles: immutable, so the log may drop its own journal of them.
#[derive(Clone, Debug)]
pub struct Archive {
    tiles: Tiles,
    /// The number of entries that can be read.
    integrated: Arc<AtomicU64>,
}

impl Archive {
    /// Reads without an integrator, for repairs and before the log is open. What is integrated is
    /// what the checkpoint says; where that is lost, the full bundles that are there, without a gap.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn open(tiles: Tiles, key: &VerifierKey) -> Result<Self, StorageError> {
        let checkpoint = read_checkpoint(&tiles, key, &mut Findings::default())?;
        let bundles = match checkpoint {
            Some(checkpoint) => hashes_at(checkpoint.size, 1),
            None => whole_bundles(&tiles)?,
        };
        let integrated = bundles.saturating_mul(TILE_WIDTH as u64);
        let integrated = Arc::new(AtomicU64::new(integrated));
        Ok(Self { tiles, integrated })
    }

    /// Reads all that a checkpoint covers, its last bundle too, which need not be full. Only for
    /// files that nobody integrates into meanwhile, such as a backup's.
    #[must_use]
    pub fn covered_by(tiles: Tiles, checkpoint: &Checkpoint) -> Self {
        let integrated = Arc::new(AtomicU64::new(checkpoint.size));
        Self { tiles, integrated }
    }

    /// Reads beside an integrator, which keeps the count.
    pub(super) fn following(tiles: Tiles, integrated: Arc<AtomicU64>) -> Self {
        Self { tiles, integrated }
    }

    /// The last position that can be read: in a full bundle below a signed checkpoint, unless it
    /// reads [all](Self::covered_by) that one covers.
    #[must_use]
    pub fn integrated(&self) -> Position {
        Position::new(self.integrated.load(Ordering::Acquire))
    }

    /// The entries of one bundle from `from` on, so between one and 256; none above
    /// [`integrated`](Self::integrated), or at zero.
    ///
    /// # Errors
    /// The bundle cannot be read or trusted.
    pub fn read(&self, from: Position) -> Result<Vec<Bytes>, ArchiveError> {
        if from == Position::ZERO || from > self.integrated() {
            return Ok(Vec::new());
        }
        let leaf = from.previous().get();
        let index = leaf / TILE_WIDTH as u64;
        let mut entries = bundle(&self.tiles, index, self.integrated())?;
        let before = (leaf % TILE_WIDTH as u64) as usize;
        entries.drain(..before.min(entries.len()));
        Ok(entries)
    }
}

impl Entries for Archive {
    fn entries(&self, from: Position, limit: usize) -> Result<Vec<Bytes>, EntriesError> {
        let mut entries = self.read(from)?;
        entries.truncate(limit);
        Ok(entries)
    }
}

impl log::Archive for Archive {
    fn integrated(&self) -> Position {
        self.integrated()
    }

    fn read(&self, from: Position) -> Option<Vec<Bytes>> {
        let entries = self.read(from).ok()?;
        (!entries.is_empty()).then_some(entries)
    }
}

/// The number of full bundles without a gap from the first.
fn whole_bundles(tiles: &Tiles) -> Result<u64, StorageError> {
    let mut count = 0;
    while tiles.has(Coord::full(Kind::Entries, count))? {
        count += 1;
    }
    Ok(count)
}

/// The entries of a bundle up to the last one integrated, each of which has the hash that the tile
/// beside it says.
fn bundle(tiles: &Tiles, index: u64, last: Position) -> Result<Vec<Bytes>, ArchiveError> {
    let place = |kind| {
        let partial = Coord::in_tree(kind, index, last.get());
        partial.unwrap_or(Coord::full(kind, index))
    };
    let coord = place(Kind::Entries);
    let leaves = tiles.hashes(place(Kind::Hashes { level: 0 }))?;
    let damaged = || ArchiveError::Damaged { coord };
    let entries = tiles.entries(coord)?.ok_or_else(damaged)?;
    let leaves = leaves.ok_or_else(damaged)?;
    let same = entries.iter().map(|e| Hash::leaf(e)).eq(leaves);
    same.then_some(entries).ok_or_else(damaged)
}
