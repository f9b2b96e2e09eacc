//! Sealing: what the log holds durably becomes bundles, tiles and a checkpoint.
//!
//! One round writes the files of everything new, syncs each once, and only then
//! signs. The tree it signs is the one it signed before with leaves appended, so
//! a checkpoint that does not extend the last cannot come about: the edge of the
//! tree is taken from the files of the last checkpoint, which must hash to its
//! root, and a checkpoint that somebody else has put there stops it.
//!
//! Files beyond the last checkpoint, which a crash has left, are written again:
//! the same entries give the same bytes.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::{
    archive::Archive,
    checkpoint::{Checkpoint, CheckpointError},
    checkpoint_file::{CHECKPOINT, write_checkpoint},
    coord::{Coord, Kind},
    entries::{Entries, EntriesError},
    note::{NOTE_BYTES_MAX, Note, Signer},
    right_edge::{RightEdge, TILE_WIDTH, TileHashes, hashes_at, level_count},
    tile::{Named, Tiles, Writing, hash_bytes, push_entry},
    tree::Hash,
};
use crate::{domain::Position, storage::StorageError};

/// Entries that one round seals at most: a full tile of level 1.
const ROUND_ENTRIES: u64 = 65_536;

/// The reasons for which integrating cannot begin or go on. Nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum IntegrateError {
    /// A file cannot be read or written; try again.
    #[error(transparent)]
    File(#[from] StorageError),
    /// There are tiles, but the checkpoint over them is gone.
    #[error("the audit log has lost its checkpoint; run `contactd log repair`")]
    NoCheckpoint,
    /// The last checkpoint is not one that this key has signed.
    #[error(
        "the audit log's checkpoint cannot be trusted: {0}; give the --audit-origin it was made \
         with, or run `contactd log repair`"
    )]
    Checkpoint(CheckpointError),
    /// Another key has signed the last checkpoint.
    #[error(
        "the audit log's checkpoint is signed with another key; put audit.key back (from \
         --audit-key or a backup)"
    )]
    OtherKey,
    /// A file of the tree's edge is gone or has changed.
    #[error("{coord} is missing or damaged; run `contactd log repair`")]
    Damaged {
        /// The file that cannot be used.
        coord: Coord,
    },
    /// The edge's tiles do not hash to what was signed.
    #[error("the tiles do not hash to the checkpoint of size {size}; run `contactd log repair`")]
    Root {
        /// The size that was signed.
        size: u64,
    },
    /// The log holds fewer entries than were signed.
    #[error("the log ends at {head}, but {size} events are integrated; run `contactd log repair`")]
    Behind {
        /// The last position of the log.
        head: Position,
        /// The number of entries that are integrated.
        size: u64,
    },
    /// The log cannot give an entry.
    #[error("event {position} cannot be read to be integrated: {cause}")]
    Entries {
        /// The position of the entry.
        position: Position,
        /// The error of the source.
        cause: EntriesError,
    },
    /// An entry does not fit a bundle.
    #[error("event {position} is longer than an entry of the audit log may be")]
    TooLong {
        /// The position of the entry.
        position: Position,
    },
    /// Somebody else has written the checkpoint meanwhile.
    #[error("the audit log's checkpoint was changed by another process; stop that one first")]
    Changed,
}

/// Integrates entries into the tree and signs checkpoints. There is one for a data directory.
pub struct Integrator {
    tiles: Tiles,
    signer: Signer,
    edge: Edge,
    checkpoint: Checkpoint,
    note: Note,
    integrated: Arc<AtomicU64>,
    named: Named,
    /// A checkpoint whose writing has not ended well: it may be there or not.
    tried: Option<Signed>,
    /// Whether no round failed since files that no checkpoint covers were removed.
    is_settled: bool,
}

/// A signed checkpoint, and the edge of its tree.
struct Signed {
    checkpoint: Checkpoint,
    note: Note,
    edge: Edge,
}

/// What the next entry is appended to.
#[derive(Clone, Default)]
struct Edge {
    right_edge: RightEdge,
    /// The bundle that is not full yet.
    bundle: Vec<u8>,
}

impl From<CheckpointError> for IntegrateError {
    fn from(error: CheckpointError) -> Self {
        match error {
            CheckpointError::OtherKey { .. } => Self::OtherKey,
            error => Self::Checkpoint(error),
        }
    }
}

impl Integrator {
    /// Takes up sealing where the last checkpoint ends; in a new one that is
    /// the checkpoint of an empty log, which is signed now.
    ///
    /// # Errors
    /// The last checkpoint or the edge of the tree below it is gone or damaged.
    pub fn open(tiles: Tiles, signer: Signer) -> Result<Self, IntegrateError> {
        let (checkpoint, note) = match tiles.read_name(CHECKPOINT, NOTE_BYTES_MAX)? {
            Some(bytes) => Checkpoint::open(&String::from_utf8_lossy(&bytes), &signer.verifier())?,
            None if tiles.files().has_dir("tile")? => return Err(IntegrateError::NoCheckpoint),
            None => begin(&tiles, &signer)?,
        };
        let edge = Edge::load(&tiles, &checkpoint)?;
        sweep(&tiles, checkpoint.size)?;
        let integrated = Arc::new(AtomicU64::new(full_entries(checkpoint.size)));
        Ok(Self {
            tiles,
            signer,
            edge,
            checkpoint,
            note,
            integrated,
            named: Named::default(),
            tried: None,
            is_settled: true,
        })
    }

    /// The last checkpoint that was signed.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The last checkpoint as it was signed.
    #[must_use]
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// What is integrated, for reading beside this: it follows every round.
    #[must_use]
    pub fn archive(&self) -> Archive {
        Archive::following(self.tiles.clone(), self.integrated.clone())
    }

    /// Seals what the log holds up to `head`, all of it on the disk, and signs the checkpoint.
    /// One call seals at most 65,536 entries: call until it gives `None`, which is when nothing
    /// is new.
    ///
    /// # Errors
    /// The log cannot be read or the files cannot be written. Nothing was signed; the next call
    /// begins the same round again.
    pub fn integrate(
        &mut self,
        head: Position,
        entries: &dyn Entries,
    ) -> Result<Option<&Note>, IntegrateError> {
        if !self.is_settled {
            self.settle()?;
        }
        let size = self.checkpoint.size;
        if head.get() < size {
            return Err(IntegrateError::Behind { head, size });
        }
        let target = head.get().min(size.saturating_add(ROUND_ENTRIES));
        if target == size {
            return Ok(None);
        }
        self.is_settled = false;
        let mut writing = Writing::new(&self.tiles, &mut self.named);
        let mut edge = self.edge.clone();
        while edge.right_edge.size() < target {
            edge.append_some(target, entries, &mut writing)?;
        }
        edge.write_partial(&self.edge, &mut writing)?;
        writing.sync()?;
        let before = self.sign(edge)?;
        self.is_settled = true;
        for tile in before.right_edge.partial() {
            // What cannot be removed now does no harm and is swept at the next start.
            self.drop_partials(&tile).ok();
        }
        Ok(Some(&self.note))
    }

    /// Signs an edge, whose files are on the disk; gives the one before it.
    fn sign(&mut self, edge: Edge) -> Result<Edge, IntegrateError> {
        let there = self.tiles.read_name(CHECKPOINT, NOTE_BYTES_MAX)?;
        if there.as_deref() != Some(self.note.to_string().as_bytes()) {
            return Err(IntegrateError::Changed);
        }
        let checkpoint = Checkpoint {
            origin: self.checkpoint.origin.clone(),
            size: edge.right_edge.size(),
            root: edge.right_edge.root(),
        };
        let note = checkpoint.sign(&self.signer);
        let signed = Signed {
            checkpoint,
            note,
            edge,
        };
        if let Err(error) = write_checkpoint(&self.tiles, &signed.note) {
            self.tried = Some(signed);
            return Err(error.into());
        }
        Ok(self.adopt(signed))
    }

    /// Goes on from a checkpoint that is on the disk; gives the edge before it.
    fn adopt(&mut self, signed: Signed) -> Edge {
        self.integrated
            .store(full_entries(signed.checkpoint.size), Ordering::Release);
        self.checkpoint = signed.checkpoint;
        self.note = signed.note;
        std::mem::replace(&mut self.edge, signed.edge)
    }

    /// After a round that failed: goes on from its checkpoint if that was written all the same,
    /// and removes what no checkpoint covers.
    fn settle(&mut self) -> Result<(), IntegrateError> {
        let there = self.tiles.read_name(CHECKPOINT, NOTE_BYTES_MAX)?;
        let is_there =
            |signed: &Signed| there.as_deref() == Some(signed.note.to_string().as_bytes());
        if self.tried.as_ref().is_some_and(is_there)
            && let Some(signed) = self.tried.take()
        {
            if let Err(error) = write_checkpoint(&self.tiles, &signed.note) {
                self.tried = Some(signed);
                return Err(error.into());
            }
            self.adopt(signed);
        }
        self.tried = None;
        sweep(&self.tiles, self.checkpoint.size)?;
        self.is_settled = true;
        Ok(())
    }

    /// Removes the partial forms of a tile that is full now.
    fn drop_partials(&self, before: &TileHashes) -> Result<(), StorageError> {
        for kind in kinds(before.level) {
            let full = Coord::full(kind, before.index);
            if full.is_covered_by(self.checkpoint.size) {
                self.tiles.remove_partials(full)?;
            }
        }
        Ok(())
    }
}

impl Edge {
    /// Reads the edge of a checkpoint's tree, which must be what was signed.
    fn load(tiles: &Tiles, checkpoint: &Checkpoint) -> Result<Self, IntegrateError> {
        let size = checkpoint.size;
        let levels = tiles.partial_levels(size)?;
        let levels = levels.map_err(|coord| IntegrateError::Damaged { coord })?;
        let leaves = levels.first().cloned().unwrap_or_default();
        let right_edge = RightEdge::restore(size, levels).ok_or(IntegrateError::Root { size })?;
        if right_edge.root() != checkpoint.root {
            return Err(IntegrateError::Root { size });
        }
        let mut bundle = Vec::new();
        if let Some(coord) = Coord::in_tree(Kind::Entries, hashes_at(size, 1), size) {
            let entries = tiles.entries(coord)?;
            let entries = entries.ok_or(IntegrateError::Damaged { coord })?;
            if !entries.iter().map(|e| Hash::leaf(e)).eq(leaves) {
                return Err(IntegrateError::Damaged { coord });
            }
            for entry in entries {
                push_entry(&mut bundle, &entry);
            }
        }
        Ok(Self { right_edge, bundle })
    }

    /// Appends what the log gives at once, up to `target`, and writes what becomes full.
    fn append_some(
        &mut self,
        target: u64,
        entries: &dyn Entries,
        writing: &mut Writing<'_>,
    ) -> Result<(), IntegrateError> {
        let from = Position::new(self.right_edge.size()).next();
        let wanted = (target - self.right_edge.size()).min(TILE_WIDTH as u64) as usize;
        let cause = match entries.entries(from, wanted) {
            Ok(entries) if (1..=wanted).contains(&entries.len()) => {
                for entry in entries {
                    self.append(&entry, writing)?;
                }
                return Ok(());
            }
            Ok(_) => "the log gave none".into(),
            Err(cause) => cause,
        };
        let position = from;
        Err(IntegrateError::Entries { position, cause })
    }

    fn append(&mut self, entry: &[u8], writing: &mut Writing<'_>) -> Result<(), IntegrateError> {
        if !push_entry(&mut self.bundle, entry) {
            let position = Position::new(self.right_edge.size()).next();
            return Err(IntegrateError::TooLong { position });
        }
        self.right_edge.push(Hash::leaf(entry));
        while let Some(tile) = self.right_edge.take_full() {
            for kind in kinds(tile.level) {
                let coord = Coord::full(kind, tile.index);
                self.write(coord, &tile, writing)?;
            }
            if tile.level == 0 {
                self.bundle.clear();
            }
        }
        Ok(())
    }

    /// Writes the tiles that are not full, but for those that the last checkpoint had as well.
    fn write_partial(&self, before: &Self, writing: &mut Writing<'_>) -> Result<(), StorageError> {
        let there: Vec<_> = before.right_edge.partial().collect();
        for tile in self
            .right_edge
            .partial()
            .filter(|tile| !there.contains(tile))
        {
            for kind in kinds(tile.level) {
                if let Some(coord) = Coord::new(kind, tile.index, tile.hashes.len()) {
                    self.write(coord, &tile, writing)?;
                }
            }
        }
        Ok(())
    }

    fn write(
        &self,
        coord: Coord,
        tile: &TileHashes,
        writing: &mut Writing<'_>,
    ) -> Result<(), StorageError> {
        match coord.kind() {
            Kind::Entries => writing.write(coord, &self.bundle),
            Kind::Hashes { .. } => writing.write(coord, &hash_bytes(&tile.hashes)),
        }
    }
}

/// The kinds of file that change when a tile of this level does.
fn kinds(level: u8) -> impl Iterator<Item = Kind> {
    let bundle = (level == 0).then_some(Kind::Entries);
    bundle.into_iter().chain([Kind::Hashes { level }])
}

/// The number of entries in full bundles.
fn full_entries(size: u64) -> u64 {
    size - size % TILE_WIDTH as u64
}

/// Signs the checkpoint of an empty log.
fn begin(tiles: &Tiles, signer: &Signer) -> Result<(Checkpoint, Note), IntegrateError> {
    let checkpoint = Checkpoint {
        origin: signer.verifier().name().clone(),
        size: 0,
        root: Hash::empty(),
    };
    let note = checkpoint.sign(signer);
    write_checkpoint(tiles, &note)?;
    Ok((checkpoint, note))
}

/// Removes what a crash left: partial files beyond the checkpoint, which may be torn, and those of
/// tiles that its last round made full.
fn sweep(tiles: &Tiles, size: u64) -> Result<(), StorageError> {
    // A round may have begun levels that the checkpoint has not.
    let levels = level_count(size.saturating_add(ROUND_ENTRIES));
    for level in (0_u8..).take(levels) {
        let last = hashes_at(size, level.saturating_add(1));
        let round = 1 + hashes_at(ROUND_ENTRIES, level.saturating_add(1));
        for kind in kinds(level) {
            for index in last.saturating_sub(round)..last {
                tiles.remove_partials(Coord::full(kind, index))?;
            }
            let tail = Coord::full(kind, last);
            for width in tiles.partial_widths(tail)? {
                if let Some(coord) = Coord::new(kind, last, width)
                    && !coord.is_covered_by(size)
                {
                    tiles.remove(coord)?;
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "integrator_tests.rs"]
pub(super) mod tests;
