//! Proofs that an entry is in a tree, and that one tree is the beginning of another
//! (RFC 6962, sections 2.1.1 and 2.1.2), made from tiles.
//!
//! A proof is verified before it is given: tiles that have changed give an error,
//! never a proof that somebody else would refuse.

use std::collections::HashMap;

use super::{
    checkpoint::Checkpoint,
    coord::{Coord, Kind},
    right_edge::TILE_HEIGHT,
    tile::Tiles,
    tree::{Frontier, Hash},
};
use crate::{domain::Position, storage::StorageError};

/// The reasons for which a proof cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// A tile cannot be read.
    #[error(transparent)]
    File(#[from] StorageError),
    /// The checkpoint does not cover what is to be proved.
    #[error("event {position} is not covered by the checkpoint of size {size}")]
    NotCovered {
        /// What is to be proved.
        position: Position,
        /// The number of entries that the checkpoint covers.
        size: u64,
    },
    /// A tile is gone or its length is wrong.
    #[error("{coord} is missing or damaged; run `contactd log repair`")]
    Damaged {
        /// The tile that is missing or damaged.
        coord: Coord,
    },
    /// The tiles do not hash to the checkpoint, or it does not extend the older one.
    #[error("the tiles do not prove the checkpoint of size {size}; run `contactd log verify`")]
    Inconsistent {
        /// The number of entries that the checkpoint covers.
        size: u64,
    },
}

/// The path from an entry's leaf to the root of a checkpoint, from the leaf's sibling up.
///
/// # Errors
/// The checkpoint does not cover the position, or the tiles are damaged.
pub fn prove_inclusion(
    tiles: &Tiles,
    checkpoint: &Checkpoint,
    position: Position,
) -> Result<Vec<Hash>, ProofError> {
    let size = checkpoint.size;
    if position == Position::ZERO || position.get() > size {
        return Err(ProofError::NotCovered { position, size });
    }
    let index = position.previous().get();
    let mut nodes = Nodes::new(tiles, size);
    let mut path = Vec::new();
    let (mut low, mut high) = (0, size);
    while high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            path.push(nodes.range(middle, high)?);
            high = middle;
        } else {
            path.push(nodes.range(low, middle)?);
            low = middle;
        }
    }
    path.reverse();
    let leaf = nodes.range(index, index + 1)?;
    match root_of_inclusion(index, size, leaf, &path) {
        Some(root) if root == checkpoint.root => Ok(path),
        _ => Err(ProofError::Inconsistent { size }),
    }
}

/// The proof that an older checkpoint's tree is the beginning of a newer one's.
///
/// # Errors
/// The older one is larger, is not the beginning of the newer one, or the tiles are damaged.
pub fn prove_consistency(
    tiles: &Tiles,
    older: &Checkpoint,
    newer: &Checkpoint,
) -> Result<Vec<Hash>, ProofError> {
    let (old, size) = (older.size, newer.size);
    if old > size {
        let position = older.head();
        return Err(ProofError::NotCovered { position, size });
    }
    let mut proof = Vec::new();
    if old > 0 && old < size {
        let mut nodes = Nodes::new(tiles, size);
        let (mut low, mut high) = (0, size);
        // Down to the subtree that the old tree ends with; its own root is known to who has the
        // old checkpoint only while it is the whole old tree.
        while old != high {
            let middle = low + split(high - low);
            if old <= middle {
                proof.push(nodes.range(middle, high)?);
                high = middle;
            } else {
                proof.push(nodes.range(low, middle)?);
                low = middle;
            }
        }
        if low > 0 {
            proof.push(nodes.range(low, high)?);
        }
        proof.reverse();
    }
    match verify_consistency(older, newer, &proof) {
        true => Ok(proof),
        false => Err(ProofError::Inconsistent { size }),
    }
}

/// The root of the tree in which a leaf has this path; `None` where the path has another length
/// than an entry of that index has in a tree of that size (RFC 9162, section 2.1.3.2).
///
/// ```
/// use contactd::audit::{Frontier, Hash, root_of_inclusion};
///
/// let leaves = [Hash::leaf(b"one"), Hash::leaf(b"two"), Hash::leaf(b"three")];
/// let root = Frontier::of(&leaves).root();
/// // The last of three leaves has one sibling: the subtree of the first two.
/// let path = [Hash::node(&leaves[0], &leaves[1])];
/// assert_eq!(root_of_inclusion(2, 3, leaves[2], &path), Some(root));
/// assert_ne!(root_of_inclusion(2, 3, Hash::leaf(b"forged"), &path), Some(root));
/// assert_eq!(root_of_inclusion(2, 3, leaves[2], &[]), None);
/// ```
#[must_use]
pub fn root_of_inclusion(index: u64, size: u64, leaf: Hash, path: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = leaf;
    for sibling in path {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            hash = Hash::node(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = Hash::node(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

/// Whether a proof shows that an older checkpoint's tree is the beginning of a newer one's
/// (RFC 9162, section 2.1.4.2).
///
/// ```
/// use contactd::audit::{Checkpoint, Frontier, Hash, KeyName, verify_consistency};
///
/// let leaves = [Hash::leaf(b"one"), Hash::leaf(b"two")];
/// let checkpoint = |size: usize| Checkpoint {
///     origin: KeyName::parse("log.example").expect("a name"),
///     size: size as u64,
///     root: Frontier::of(&leaves[..size]).root(),
/// };
/// // From one leaf to two the proof is the second leaf.
/// assert!(verify_consistency(&checkpoint(1), &checkpoint(2), &[leaves[1]]));
/// assert!(!verify_consistency(&checkpoint(1), &checkpoint(2), &[leaves[0]]));
/// assert!(verify_consistency(&checkpoint(2), &checkpoint(2), &[]));
/// ```
#[must_use]
pub fn verify_consistency(older: &Checkpoint, newer: &Checkpoint, proof: &[Hash]) -> bool {
    let (old, size) = (older.size, newer.size);
    if old > size || older.origin != newer.origin {
        return false;
    }
    if old == size {
        return proof.is_empty() && older.root == newer.root;
    }
    if old == 0 {
        return proof.is_empty() && older.root == Hash::empty();
    }
    let mut path = proof.iter();
    let first = match old.is_power_of_two() {
        true => Some(&older.root),
        false => path.next(),
    };
    let Some(first) = first else {
        return false;
    };
    let (mut node, mut last) = (old - 1, size - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut old_root, mut new_root) = (*first, *first);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            old_root = Hash::node(sibling, &old_root);
            new_root = Hash::node(sibling, &new_root);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_root = Hash::node(&new_root, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && old_root == older.root && new_root == newer.root
}

/// The root over the first `old` leaves of a tree of `size`, from its tiles.
pub(super) fn root_at(tiles: &Tiles, old: u64, size: u64) -> Result<Hash, ProofError> {
    match old {
        0 => Ok(Hash::empty()),
        _ => Nodes::new(tiles, size).range(0, old),
    }
}

/// The size of the left subtree of a tree of this size: the largest power of two below it.
fn split(size: u64) -> u64 {
    1 << size.saturating_sub(1).checked_ilog2().unwrap_or(0)
}

/// The nodes of a tree, from its tiles, each of which is read once.
struct Nodes<'a> {
    tiles: &'a Tiles,
    size: u64,
    read: HashMap<Coord, Vec<Hash>>,
}

impl<'a> Nodes<'a> {
    fn new(tiles: &'a Tiles, size: u64) -> Self {
        let read = HashMap::new();
        Self { tiles, size, read }
    }

    /// The hash of the tree over the leaves from `low` to before `high`, which is a subtree, or
    /// one cut off at the end. The recursion is at most as deep as the tree.
    fn range(&mut self, low: u64, high: u64) -> Result<Hash, ProofError> {
        let count = high.saturating_sub(low);
        if count.is_power_of_two() {
            return self.perfect(low, count.trailing_zeros());
        }
        let middle = low + split(count);
        let left = self.range(low, middle)?;
        Ok(Hash::node(&left, &self.range(middle, high)?))
    }

    /// The root of the perfect subtree of this height that begins with the leaf `low`.
    fn perfect(&mut self, low: u64, height: u32) -> Result<Hash, ProofError> {
        let level = height / TILE_HEIGHT;
        let count = 1_u64 << (height % TILE_HEIGHT);
        let first = low >> (TILE_HEIGHT * level);
        let (index, place) = (first >> TILE_HEIGHT, first % (1 << TILE_HEIGHT));
        let level = u8::try_from(level).unwrap_or(u8::MAX);
        let kind = Kind::Hashes { level };
        let damaged = || ProofError::Damaged {
            coord: Coord::full(kind, index),
        };
        let coord = Coord::in_tree(kind, index, self.size).ok_or_else(damaged)?;
        if !self.read.contains_key(&coord) {
            let hashes = self.tiles.hashes(coord)?;
            let hashes = hashes.ok_or(ProofError::Damaged { coord })?;
            self.read.insert(coord, hashes);
        }
        let hashes = self.read.get(&coord);
        let range = place as usize..(place + count) as usize;
        let hashes = hashes.and_then(|hashes| hashes.get(range));
        Ok(Frontier::of(hashes.ok_or_else(damaged)?).root())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        integrator::tests::{Made, integrator, made, tiles},
        tree::naive_root,
    };
    use super::*;
    use proptest::prelude::*;
    use tempfile::TempDir;

    fn leaves(size: u64) -> Vec<Hash> {
        (1..=size).map(|p| Hash::leaf(&made(p))).collect()
    }

    /// PATH(m, D[n]) of the RFC, word for word.
    fn naive_path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
        if leaves.len() < 2 {
            return Vec::new();
        }
        let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
        let (mut path, sibling) = match index.checked_sub(left.len()) {
            None => (naive_path(index, left), right),
            Some(index) => (naive_path(index, right), left),
        };
        path.push(naive_root(sibling));
        path
    }

    /// SUBPROOF(m, D[n], b) of the RFC, word for word.
    fn naive_subproof(old: usize, leaves: &[Hash], known: bool) -> Vec<Hash> {
        if old == leaves.len() {
            return match known {
                true => Vec::new(),
                false => vec![naive_root(leaves)],
            };
        }
        let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
        let (mut proof, sibling) = match old <= left.len() {
            true => (naive_subproof(old, left, known), right),
            false => (naive_subproof(old - left.len(), right, false), left),
        };
        proof.push(naive_root(sibling));
        proof
    }

    struct Log {
        _dir: TempDir,
        tiles: Tiles,
        newest: Checkpoint,
    }

    fn log(size: u64) -> Log {
        let dir = TempDir::new().unwrap();
        let mut integrator = integrator(&dir);
        integrator.integrate(Position::new(size), &Made).unwrap();
        Log {
            tiles: tiles(&dir),
            newest: integrator.checkpoint().clone(),
            _dir: dir,
        }
    }

    impl Log {
        fn at(&self, size: u64) -> Checkpoint {
            Checkpoint {
                size,
                root: naive_root(&leaves(size)),
                origin: self.newest.origin.clone(),
            }
        }

        fn check(&self, position: u64, old: u64) {
            let (size, all) = (self.newest.size, leaves(self.newest.size));
            if (1..=size).contains(&position) {
                let path = prove_inclusion(&self.tiles, &self.newest, Position::new(position));
                let index = position - 1;
                assert_eq!(path.unwrap(), naive_path(index as usize, &all));
            }
            let older = self.at(old);
            let proof = prove_consistency(&self.tiles, &older, &self.newest).unwrap();
            if old > 0 {
                assert_eq!(proof, naive_subproof(old as usize, &all, true));
            }
            assert_eq!(root_at(&self.tiles, old, size).unwrap(), older.root);
        }
    }

    #[test]
    fn every_proof_of_small_trees_is_the_rfcs() {
        for size in (1..20).chain([255, 256, 257, 300]) {
            let log = log(size);
            for at in (0..=size).filter(|at| size < 20 || at % 23 == 0 || size - at < 3) {
                log.check(at, at);
            }
        }
    }

    #[test]
    fn what_a_checkpoint_does_not_cover_is_not_proved() {
        let log = log(300);
        for position in [0, 301] {
            let proved = prove_inclusion(&log.tiles, &log.newest, Position::new(position));
            assert!(matches!(proved, Err(ProofError::NotCovered { .. })));
        }
        let larger = log.at(301);
        assert!(prove_consistency(&log.tiles, &larger, &log.newest).is_err());
        let mut other = log.at(200);
        other.root = Hash::empty();
        let proved = prove_consistency(&log.tiles, &other, &log.newest);
        assert!(matches!(
            proved,
            Err(ProofError::Inconsistent { size: 300 })
        ));
    }

    #[test]
    fn tiles_that_changed_prove_nothing() {
        let log = log(600);
        let path = log.tiles.files().path("tile/0/001");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[5 * 32 + 3] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let proved = |p| prove_inclusion(&log.tiles, &log.newest, Position::new(p));
        assert!(matches!(proved(260), Err(ProofError::Inconsistent { .. })));
        std::fs::remove_file(path).unwrap();
        assert!(matches!(proved(260), Err(ProofError::Damaged { .. })));
        assert!(proved(10).is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn proofs_of_larger_trees_are_the_rfcs(
            size in 1_u64..1_500,
            position in any::<prop::sample::Index>(),
            old in any::<prop::sample::Index>(),
        ) {
            let at = |index: prop::sample::Index| index.index(size as usize) as u64 + 1;
            log(size).check(at(position), at(old));
        }

        #[test]
        fn no_other_proof_is_accepted(
            size in 2_u64..40,
            index in 0_u64..40,
            flip in any::<prop::sample::Index>(),
        ) {
            let index = index % size;
            let all = leaves(size);
            let root = naive_root(&all);
            let mut path = naive_path(index as usize, &all);
            let leaf = all[index as usize];
            prop_assert_eq!(root_of_inclusion(index, size, leaf, &path), Some(root));
            prop_assert_ne!(root_of_inclusion(index, size, leaf, &path[1..]), Some(root));
            let longer = [&path[..], &[leaf]].concat();
            prop_assert_eq!(root_of_inclusion(index, size, leaf, &longer), None);
            for other in (0..size).filter(|other| *other != index) {
                prop_assert_ne!(root_of_inclusion(other, size, leaf, &path), Some(root));
            }
            let at = flip.index(path.len() * 256);
            path[at / 256].0[at % 256 / 8] ^= 1 << (at % 8);
            prop_assert_ne!(root_of_inclusion(index, size, leaf, &path), Some(root));
        }
    }
}
