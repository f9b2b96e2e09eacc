//! The tree of a log's beginning, from the tiles of a longer one: nothing is hashed but what stands
//! beside the way.
//!
//! Every tile that is used is checked against what was signed: the tree's edge by the root, and each
//! full tile by its hash in the tile above.

use super::{
    checkpoint::Checkpoint,
    coord::{Coord, Kind},
    right_edge::{RightEdge, TILE_WIDTH, hashes_at, level_count, partial_width},
    tile::Tiles,
    tree::{Frontier, Hash},
};
use crate::storage::StorageError;

impl Tiles {
    /// The tree of the first entries that a checkpoint covers; `None` where it covers fewer, or a
    /// tile is gone or is not what was signed.
    ///
    /// # Errors
    /// A file can't be read.
    pub fn beginning(
        &self,
        size: u64,
        checkpoint: &Checkpoint,
    ) -> Result<Option<Frontier>, StorageError> {
        let Some(edge) = self.edge(checkpoint)?.filter(|_| size <= checkpoint.size) else {
            return Ok(None);
        };
        let mut peaks = Vec::new();
        let mut above: Vec<Hash> = Vec::new();
        let edge: Vec<(u8, Vec<Hash>)> = (0..).zip(edge).collect();
        for (level, partial) in edge.into_iter().rev() {
            let index = hashes_at(size, level.saturating_add(1));
            let hashes = if index == hashes_at(checkpoint.size, level.saturating_add(1)) {
                partial
            } else {
                let full = self.hashes(Coord::full(Kind::Hashes { level }, index))?;
                let place = usize::try_from(index % TILE_WIDTH as u64).unwrap_or(TILE_WIDTH);
                match full.filter(|it| above.get(place) == Some(&Frontier::of(it).root())) {
                    Some(hashes) => hashes,
                    None => return Ok(None),
                }
            };
            let width = usize::try_from(partial_width(size, level)).unwrap_or(TILE_WIDTH);
            let Some(before) = hashes.get(..width) else {
                return Ok(None);
            };
            peaks.extend_from_slice(Frontier::of(before).peaks());
            above = hashes;
        }
        Ok(Some(Frontier::restore(size, peaks)))
    }

    /// The hashes of each level's tile that is not full, from level 0 up; `None` where they are not
    /// what was signed.
    fn edge(&self, checkpoint: &Checkpoint) -> Result<Option<Vec<Vec<Hash>>>, StorageError> {
        let size = checkpoint.size;
        let Ok(levels) = self.partial_levels(size)? else {
            return Ok(None);
        };
        let edge = RightEdge::restore(size, levels.clone());
        let signed = edge.is_some_and(|edge| edge.root() == checkpoint.root);
        Ok(signed.then_some(levels))
    }

    /// The hashes of each level's tile that is not full in a tree of this size, from level 0 up, as the
    /// files have them; or the first of these tiles that is gone or damaged.
    pub(super) fn partial_levels(
        &self,
        size: u64,
    ) -> Result<Result<Vec<Vec<Hash>>, Coord>, StorageError> {
        let mut levels = Vec::new();
        for level in (0_u8..).take(level_count(size)) {
            let kind = Kind::Hashes { level };
            let index = hashes_at(size, level.saturating_add(1));
            levels.push(match Coord::in_tree(kind, index, size) {
                None => Vec::new(),
                Some(coord) => match self.hashes(coord)? {
                    Some(hashes) => hashes,
                    None => return Ok(Err(coord)),
                },
            });
        }
        Ok(Ok(levels))
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::super::entries::Entries;
    use super::super::integrator::tests::{Made, audit, integrator, tiles};
    use super::*;
    use crate::domain::Position;

    const SIZE: u64 = 66_000;

    fn made() -> (TempDir, Checkpoint) {
        let dir = TempDir::new().unwrap();
        let mut integrator = integrator(&dir);
        let head = Position::new(SIZE);
        while integrator.integrate(head, &Made).unwrap().is_some() {}
        let checkpoint = integrator.checkpoint().clone();
        (dir, checkpoint)
    }

    #[test]
    fn it_is_the_tree_of_the_entries() {
        let (dir, checkpoint) = made();
        let tiles = tiles(&dir);
        let mut tree = Frontier::default();
        for size in 0..=SIZE {
            if size < 600 || size % 4_093 == 0 || size + 3 > SIZE || size.abs_diff(65_536) < 3 {
                let found = tiles.beginning(size, &checkpoint).unwrap();
                let found = found.unwrap_or_else(|| panic!("{size}"));
                assert_eq!(found.root(), tree.root(), "{size}");
                assert_eq!(found.size(), size);
            }
            let next = Position::new(size).next();
            tree.push(Hash::leaf(&Made.entries(next, 1).unwrap()[0]));
        }
        assert!(tiles.beginning(SIZE + 1, &checkpoint).unwrap().is_none());
    }

    #[test]
    fn a_tile_that_has_changed_gives_none() {
        let (dir, checkpoint) = made();
        for name in ["tile/0/001", "tile/1/000", "tile/0/257.p/208"] {
            let path = audit(&dir).join(name);
            let bytes = std::fs::read(&path).unwrap();
            let mut flipped = bytes.clone();
            flipped[9] ^= 1;
            std::fs::write(&path, flipped).unwrap();
            let found = tiles(&dir).beginning(300, &checkpoint).unwrap();
            assert!(found.is_none(), "{name}");
            std::fs::write(&path, bytes).unwrap();
        }
    }
}
