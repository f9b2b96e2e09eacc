//! A copy of an audit log somewhere else, kept up to date from whoever serves it.
//!
//! Who serves it need not be believed. What is fetched has to hash to a checkpoint that the log has
//! signed, and that checkpoint has to continue the one that was kept; else what was fetched is
//! thrown away and the copy stays as it was. This says what to fetch and judges it, and knows no
//! network.

use std::{collections::BTreeSet, path::Path};

use bytes::Bytes;

use super::{
    checkpoint::{Checkpoint, CheckpointError},
    checkpoint_file::{CHECKPOINT, write_checkpoint},
    coord::{Coord, Kind},
    note::{NOTE_BYTES_MAX, Note, VerifierKey},
    proof::{ProofError, root_at},
    right_edge::TILE_WIDTH,
    tile::Tiles,
    tree::{Frontier, Hash},
};
use crate::storage::StorageError;

/// The reasons for which a copy was not brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// A file of the copy cannot be read or written.
    #[error(transparent)]
    File(#[from] StorageError),
    /// What is served as a checkpoint is none of this log.
    #[error("what is served as the checkpoint cannot be trusted: {0}")]
    Served(CheckpointError),
    /// The copy's own checkpoint is none of this log.
    #[error("the checkpoint in the copy cannot be trusted: {0}")]
    Kept(CheckpointError),
    /// The log has become shorter than it was.
    #[error("the log is served with {served} events, and had {kept}: it was cut")]
    Cut {
        /// The number of events that the kept checkpoint covers.
        kept: u64,
        /// The number of events that the served checkpoint covers.
        served: u64,
    },
    /// The log is not a continuation of what it was.
    #[error("the log is not a continuation of the {kept} events that were kept: it was changed")]
    Changed {
        /// The number of events that the kept checkpoint covers.
        kept: u64,
    },
    /// A file is not what the checkpoint says.
    #[error("{coord} is not what the checkpoint says")]
    Damaged {
        /// The tile or bundle that was served.
        coord: Coord,
    },
}

/// A copy of an audit log, in a directory that `log verify --tiles` reads.
#[derive(Debug)]
pub struct Mirror {
    tiles: Tiles,
    key: VerifierKey,
    kept: Option<Checkpoint>,
}

impl Mirror {
    /// The copy in a directory, which may be absent, of the log whose key this is.
    ///
    /// # Errors
    /// Its checkpoint cannot be read, or is that of another log.
    pub fn open(directory: &Path, key: VerifierKey) -> Result<Self, MirrorError> {
        let tiles = Tiles::at(directory);
        let kept = match tiles.read_name(CHECKPOINT, NOTE_BYTES_MAX)? {
            None => None,
            Some(bytes) => {
                let opened = Checkpoint::open(&String::from_utf8_lossy(&bytes), &key);
                Some(opened.map_err(MirrorError::Kept)?.0)
            }
        };
        Ok(Self { tiles, key, kept })
    }

    /// The checkpoint that the copy has reached, if it has one.
    #[must_use]
    pub fn kept(&self) -> Option<&Checkpoint> {
        self.kept.as_ref()
    }

    /// Reads a checkpoint as it is served. It may not be older than the one that was kept.
    ///
    /// # Errors
    /// It is none of this log, or the log was cut or changed.
    pub fn served(&self, note: &str) -> Result<(Checkpoint, Note), MirrorError> {
        let (served, note) = Checkpoint::open(note, &self.key).map_err(MirrorError::Served)?;
        match &self.kept {
            Some(kept) if served.size < kept.size => Err(MirrorError::Cut {
                kept: kept.size,
                served: served.size,
            }),
            Some(kept) if served.size == kept.size && served.root != kept.root => {
                Err(MirrorError::Changed { kept: kept.size })
            }
            _ => Ok((served, note)),
        }
    }

    /// The files that a tree of this size has and the copy lacks, with bundles of entries or
    /// without. Those that go as the tree grows come first.
    ///
    /// # Errors
    /// The copy cannot be read.
    pub fn missing(&self, size: u64, with_entries: bool) -> Result<Vec<Coord>, MirrorError> {
        let mut missing = Vec::new();
        for coord in Coord::of_tree(size) {
            let is_wanted = with_entries || coord.kind() != Kind::Entries;
            if is_wanted && !self.tiles.has(coord)? {
                missing.push(coord);
            }
        }
        missing.sort_by_key(Coord::is_full);
        Ok(missing)
    }

    /// The files of the copy that do not fit each other, nor what was signed: of a file and the one
    /// above or beside it, nobody knows here which is damaged.
    ///
    /// # Errors
    /// The copy cannot be read.
    pub fn suspects(&self) -> Result<Vec<Coord>, MirrorError> {
        let Some(Checkpoint { size, root, .. }) = &self.kept else {
            return Ok(Vec::new());
        };
        let mut suspects = BTreeSet::new();
        for coord in Coord::of_tree(*size) {
            let beside = match coord.kind() {
                _ if !self.tiles.has(coord)? => continue,
                Kind::Entries if self.entries_hold(coord, *size)? => continue,
                Kind::Entries => Coord::in_tree(Kind::Hashes { level: 0 }, coord.index(), *size),
                Kind::Hashes { level } if self.hashes_hold(coord, level, *size)? => continue,
                Kind::Hashes { level } => above(coord, level, *size),
            };
            suspects.insert(coord);
            suspects.extend(beside);
        }
        if !root_at(&self.tiles, *size, *size).is_ok_and(|there| there == *root) {
            let hashes = |coord: &Coord| coord.kind() != Kind::Entries && !coord.is_full();
            suspects.extend(Coord::of_tree(*size).filter(hashes));
        }
        Ok(suspects.into_iter().collect())
    }

    /// Puts a file that was fetched into the copy, to be judged by [`accept`](Self::accept);
    /// whether another of its name was there.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put(&self, coord: Coord, bytes: &[u8]) -> Result<bool, MirrorError> {
        let there = self.tiles.read(coord)?;
        self.tiles.files().write_atomic(&coord.to_string(), bytes)?;
        Ok(there.is_some_and(|there| there != bytes))
    }

    /// Judges what was fetched, and makes this checkpoint the copy's. What does not hold is removed.
    ///
    /// # Errors
    /// Something is not what the checkpoint says, or the log was changed.
    pub fn accept(
        &mut self,
        checkpoint: Checkpoint,
        note: &Note,
        fetched: &[Coord],
    ) -> Result<(), MirrorError> {
        let kept = self.kept.as_ref().map_or(0, |kept| kept.size);
        // A run that was cut off leaves files that nobody has judged.
        let fresh: Vec<Coord> = Coord::of_tree(checkpoint.size)
            .filter(|coord| !coord.is_in_tree(kept) || fetched.contains(coord))
            .collect();
        if let Err(error) = self.judge(&checkpoint, &fresh) {
            for coord in fresh {
                self.tiles.remove(coord)?;
            }
            return Err(error);
        }
        write_checkpoint(&self.tiles, note)?;
        for coord in fresh {
            self.remove_older(coord)?;
        }
        self.kept = Some(checkpoint);
        Ok(())
    }

    /// Compares fresh files with the tree above them, the tree with its root, and the root of what
    /// was kept.
    fn judge(&self, checkpoint: &Checkpoint, fresh: &[Coord]) -> Result<(), MirrorError> {
        let size = checkpoint.size;
        for coord in fresh {
            let holds = match coord.kind() {
                Kind::Entries => self.entries_hold(*coord, size)?,
                Kind::Hashes { level } => self.hashes_hold(*coord, level, size)?,
            };
            if !holds {
                return Err(MirrorError::Damaged { coord: *coord });
            }
        }
        let root = |of: u64| {
            root_at(&self.tiles, of, size).map_err(|error| match error {
                ProofError::File(error) => MirrorError::File(error),
                ProofError::Damaged { coord } => MirrorError::Damaged { coord },
                ProofError::NotCovered { .. } | ProofError::Inconsistent { .. } => {
                    MirrorError::Changed { kept: of }
                }
            })
        };
        if root(size)? != checkpoint.root {
            let coord = Coord::full(Kind::Hashes { level: 0 }, 0);
            let edge = fresh.iter().find(|coord| !coord.is_full());
            return Err(MirrorError::Damaged {
                coord: edge.copied().unwrap_or(coord),
            });
        }
        match &self.kept {
            Some(kept) if root(kept.size)? != kept.root => {
                Err(MirrorError::Changed { kept: kept.size })
            }
            _ => Ok(()),
        }
    }

    /// Whether each entry of a bundle has the hash that the tile beside it says; a bundle that was
    /// not fetched holds.
    fn entries_hold(&self, coord: Coord, size: u64) -> Result<bool, StorageError> {
        if !self.tiles.has(coord)? {
            return Ok(true);
        }
        let beside = Coord::in_tree(Kind::Hashes { level: 0 }, coord.index(), size);
        let leaves = beside.map(|coord| self.tiles.hashes(coord)).transpose()?;
        let entries: Option<Vec<Bytes>> = self.tiles.entries(coord)?;
        Ok(match (leaves.flatten(), entries) {
            (Some(leaves), Some(entries)) => {
                entries.iter().map(|entry| Hash::leaf(entry)).eq(leaves)
            }
            _ => false,
        })
    }

    /// Whether a full tile has the hash that the one above says. A partial one is at the edge of the
    /// tree, whose root says whether it holds.
    fn hashes_hold(&self, coord: Coord, level: u8, size: u64) -> Result<bool, StorageError> {
        let Some(hashes) = self.tiles.hashes(coord)? else {
            return Ok(false);
        };
        if !coord.is_full() {
            return Ok(true);
        }
        let Some(above) = above(coord, level, size) else {
            return Ok(false);
        };
        let above = self.tiles.hashes(above)?.unwrap_or_default();
        let place = (coord.index() % TILE_WIDTH as u64) as usize;
        Ok(above.get(place) == Some(&Frontier::of(&hashes).root()))
    }

    /// Removes what a file has taken the place of: those of the same tile that hold less.
    fn remove_older(&self, coord: Coord) -> Result<(), StorageError> {
        if coord.is_full() {
            return self.tiles.remove_partials(coord);
        }
        for width in self.tiles.partial_widths(coord)? {
            let older = Coord::new(coord.kind(), coord.index(), width);
            if let Some(older) = older.filter(|older| older.width() < coord.width()) {
                self.tiles.remove(older)?;
            }
        }
        Ok(())
    }
}

/// The tile that has the hash of a full one.
fn above(coord: Coord, level: u8, size: u64) -> Option<Coord> {
    let kind = Kind::Hashes {
        level: level.saturating_add(1),
    };
    Coord::in_tree(kind, coord.index() / TILE_WIDTH as u64, size)
}

#[cfg(test)]
mod tests {
    use super::super::integrator::tests::{Made, integrator, signer, tiles};
    use super::super::verify::{Against, verify};
    use super::*;
    use crate::domain::Position;
    use tempfile::TempDir;

    /// A log, and a copy of it that is brought up to date from its files.
    struct World {
        log: TempDir,
        copy: TempDir,
    }

    impl World {
        fn new() -> Self {
            let [log, copy] = [(); 2].map(|()| TempDir::new().unwrap());
            Self { log, copy }
        }

        fn grow(&self, size: u64) -> Note {
            let mut integrator = integrator(&self.log);
            integrator.integrate(Position::new(size), &Made).unwrap();
            integrator.note().clone()
        }

        fn mirror(&self) -> Mirror {
            Mirror::open(self.copy.path(), signer(&self.log).verifier()).unwrap()
        }

        /// Fetches what is missing, with a bit of the file at this place flipped; gives how many
        /// files were fetched.
        fn fetch(
            &self,
            note: &Note,
            with_entries: bool,
            flip: Option<usize>,
        ) -> Result<usize, MirrorError> {
            let mut mirror = self.mirror();
            let (checkpoint, note) = mirror.served(&note.to_string())?;
            let missing = mirror.missing(checkpoint.size, with_entries)?;
            for (place, coord) in missing.iter().enumerate() {
                let mut bytes = tiles(&self.log).read(*coord).unwrap().unwrap().to_vec();
                if flip == Some(place) {
                    bytes[10] ^= 1;
                }
                mirror.put(*coord, &bytes)?;
            }
            mirror.accept(checkpoint, &note, &missing)?;
            Ok(missing.len())
        }

        fn is_whole(&self) -> bool {
            let key = signer(&self.log).verifier();
            let copy = Tiles::at(self.copy.path());
            let verified = verify(&copy, &key, Against::default(), &mut |_, _| {});
            verified.unwrap().is_whole()
        }
    }

    #[test]
    fn a_copy_grows_with_the_log_and_verifies() {
        let world = World::new();
        for (size, files) in [(3, 2), (300, 5), (300, 0), (600, 5)] {
            let note = world.grow(size);
            assert_eq!(world.fetch(&note, true, None).unwrap(), files, "{size}");
            assert_eq!(world.mirror().kept().map(|kept| kept.size), Some(size));
            assert!(world.is_whole(), "{size}");
        }
    }

    #[test]
    fn entries_may_come_later() {
        let world = World::new();
        let note = world.grow(300);
        assert_eq!(world.fetch(&note, false, None).unwrap(), 3);
        assert!(!world.is_whole(), "there are no entries yet");
        assert_eq!(world.fetch(&note, true, None).unwrap(), 2);
        assert!(world.is_whole());
    }

    #[test]
    fn a_bit_that_changed_is_refused_and_leaves_nothing() {
        let world = World::new();
        world.fetch(&world.grow(3), true, None).unwrap();
        let note = world.grow(600);
        for place in 0..7 {
            let refused = world.fetch(&note, true, Some(place));
            assert!(
                matches!(refused, Err(MirrorError::Damaged { .. })),
                "{place}"
            );
            assert!(world.is_whole(), "the copy is as it was");
        }
        assert_eq!(world.fetch(&note, true, None).unwrap(), 7);
    }

    #[test]
    fn a_file_of_the_copy_that_is_damaged_is_a_suspect_and_what_fits_is_none() {
        let world = World::new();
        world.fetch(&world.grow(600), true, None).unwrap();
        assert!(world.mirror().suspects().unwrap().is_empty());
        for coord in Coord::of_tree(600) {
            let copy = Tiles::at(world.copy.path());
            let whole = copy.read(coord).unwrap().unwrap().to_vec();
            for wrong in [
                [&whole[..10], &[whole[10] ^ 1], &whole[11..]].concat(),
                Vec::new(),
            ] {
                copy.files()
                    .write_atomic(&coord.to_string(), &wrong)
                    .unwrap();
                let suspects = world.mirror().suspects().unwrap();
                assert!(suspects.contains(&coord), "{coord}: {suspects:?}");
                assert!(suspects.len() < 5, "{coord}: {suspects:?}");
            }
            assert!(world.mirror().put(coord, &whole).unwrap());
            assert!(!world.mirror().put(coord, &whole).unwrap());
        }
        assert!(world.is_whole());
    }

    #[test]
    fn a_log_that_was_cut_or_that_is_another_is_refused() {
        let world = World::new();
        let short = world.grow(3);
        world.fetch(&world.grow(5), true, None).unwrap();
        let refused = world.mirror().served(&short.to_string());
        assert!(matches!(
            refused,
            Err(MirrorError::Cut { kept: 5, served: 3 })
        ));
        let other = World::new();
        let refused = world.mirror().served(&other.grow(9).to_string());
        assert!(matches!(refused, Err(MirrorError::Served(_))));
    }

    #[test]
    fn a_log_that_was_written_again_is_refused() {
        let world = World::new();
        world.fetch(&world.grow(3), true, None).unwrap();
        let mut mirror = world.mirror();
        mirror.kept = Some(Checkpoint {
            root: Hash::leaf(b"what there was"),
            ..mirror.kept.clone().unwrap()
        });
        let (checkpoint, note) = mirror.served(&world.grow(9).to_string()).unwrap();
        let missing = mirror.missing(9, true).unwrap();
        for coord in &missing {
            let bytes = tiles(&world.log).read(*coord).unwrap().unwrap();
            mirror.put(*coord, &bytes).unwrap();
        }
        let refused = mirror.accept(checkpoint, &note, &missing);
        assert!(matches!(refused, Err(MirrorError::Changed { kept: 3 })));
    }
}
