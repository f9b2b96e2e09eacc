//! The edge of the tree as tiles have it: at each level the hashes of the tile
//! that is not full yet.
//!
//! It is what a writer holds in memory and what a verifier rebuilds. It can be
//! read back from the partial tiles of a checkpoint, so nothing is ever scanned.

use super::tree::{Frontier, Hash, fold_peaks};

/// Hashes in a full tile, entries in a full bundle.
pub const TILE_WIDTH: usize = 256;
/// The logarithm of it: levels of the tree within a tile.
pub(super) const TILE_HEIGHT: u32 = 8;

/// The hashes of a tile, full or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TileHashes {
    pub level: u8,
    pub index: u64,
    pub hashes: Vec<Hash>,
}

/// For each level, the hashes of its last tile while that is not full.
#[derive(Clone, Debug, Default)]
pub(super) struct RightEdge {
    size: u64,
    levels: Vec<Vec<Hash>>,
}

impl RightEdge {
    /// The right_edge of a tree of this size with these partial tiles, from level 0 up.
    /// `None` where their widths are not those of that size.
    pub(super) fn restore(size: u64, levels: Vec<Vec<Hash>>) -> Option<Self> {
        let fits = (0..)
            .zip(&levels)
            .all(|(level, hashes)| hashes.len() as u64 == partial_width(size, level));
        let all = level_count(size) <= levels.len();
        (fits && all).then_some(Self { size, levels })
    }

    /// The number of leaves in the tree.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf. Take the full tiles after each.
    pub(super) fn push(&mut self, leaf: Hash) {
        self.size = self.size.saturating_add(1);
        self.push_at(0, leaf);
    }

    /// Takes out the lowest tile that has become full, and puts its hash in the level above.
    pub(super) fn take_full(&mut self) -> Option<TileHashes> {
        let full = |hashes: &Vec<Hash>| hashes.len() >= TILE_WIDTH;
        let level = self.levels.iter().position(full)?;
        let hashes = std::mem::take(self.levels.get_mut(level)?);
        self.push_at(level + 1, Frontier::of(&hashes).root());
        let level = u8::try_from(level).ok()?;
        let index = hashes_at(self.size, level.saturating_add(1)).saturating_sub(1);
        Some(TileHashes {
            level,
            index,
            hashes,
        })
    }

    /// The tiles that are not full and not empty, from level 0 up.
    pub(super) fn partial(&self) -> impl Iterator<Item = TileHashes> {
        let levels = (0_u8..).zip(&self.levels);
        levels
            .filter(|(_, hashes)| !hashes.is_empty())
            .map(|(level, hashes)| TileHashes {
                level,
                index: hashes_at(self.size, level.saturating_add(1)),
                hashes: hashes.clone(),
            })
    }

    /// The root of the tree.
    pub(super) fn root(&self) -> Hash {
        let frontiers: Vec<_> = self.levels.iter().map(|l| Frontier::of(l)).collect();
        fold_peaks(frontiers.iter().flat_map(|f| f.peaks().iter().rev()))
    }

    fn push_at(&mut self, level: usize, hash: Hash) {
        if self.levels.len() <= level {
            self.levels.resize(level + 1, Vec::new());
        }
        if let Some(hashes) = self.levels.get_mut(level) {
            hashes.push(hash);
        }
    }
}

/// The number of hashes on a level of a tree of this size: full tiles of the level below.
pub(super) fn hashes_at(size: u64, level: u8) -> u64 {
    size.checked_shr(TILE_HEIGHT * u32::from(level))
        .unwrap_or(0)
}

/// The number of hashes in a level's partial tile.
pub(super) fn partial_width(size: u64, level: u8) -> u64 {
    hashes_at(size, level) % TILE_WIDTH as u64
}

/// The number of levels that have hashes in a tree of this size.
pub(super) fn level_count(size: u64) -> usize {
    (0..)
        .take_while(|level| hashes_at(size, *level) > 0)
        .count()
}

#[cfg(test)]
mod tests {
    use super::super::tree::naive_root;
    use super::*;

    #[test]
    fn tiles_are_those_of_the_specifications_example() {
        let mut right_edge = RightEdge::default();
        let mut full = [0_u64; 3];
        for n in 0_u32..70_000 {
            right_edge.push(Hash::leaf(&n.to_be_bytes()));
            while let Some(tile) = right_edge.take_full() {
                assert_eq!(tile.index, full[usize::from(tile.level)]);
                full[usize::from(tile.level)] += 1;
            }
        }
        assert_eq!(full, [273, 1, 0]);
        let partial: Vec<_> = right_edge
            .partial()
            .map(|t| (t.level, t.index, t.hashes.len()))
            .collect();
        assert_eq!(partial, [(0, 273, 112), (1, 1, 17), (2, 0, 1)]);
    }

    #[test]
    fn the_root_is_that_of_the_definition_and_survives_a_restart() {
        let mut right_edge = RightEdge::default();
        let mut leaves = Vec::new();
        for n in 0_u32..1_500 {
            if n % 37 == 0 || n % 256 < 2 {
                assert_eq!(right_edge.root(), naive_root(&leaves), "{n}");
                right_edge =
                    RightEdge::restore(right_edge.size, right_edge.levels.clone()).unwrap();
            }
            leaves.push(Hash::leaf(&n.to_be_bytes()));
            right_edge.push(leaves[n as usize]);
            while right_edge.take_full().is_some() {}
        }
        assert!(RightEdge::restore(255, right_edge.levels.clone()).is_none());
        assert!(RightEdge::restore(300, vec![vec![Hash::empty(); 44]]).is_none());
    }
}
