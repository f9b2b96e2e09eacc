//! The hash tree of RFC 6962, section 2.1: its hashes, and its growing edge.
//!
//! A tree of any size is a row of perfect subtrees, the largest first; their
//! roots, the peaks, are all that is needed to append and to know the root.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

/// Bytes in a hash.
pub const HASH_BYTES: usize = 32;
/// What keeps a leaf's hash from being a node's.
const LEAF_PREFIX: [u8; 1] = [0];
const NODE_PREFIX: [u8; 1] = [1];

/// The SHA-256 hash of a leaf, a node or a tree. Its text is base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; HASH_BYTES]);

impl Hash {
    /// The hash of a leaf that holds these bytes.
    #[must_use]
    pub fn leaf(entry: &[u8]) -> Self {
        Self::of(&[&LEAF_PREFIX, entry])
    }

    /// The hash of the node above these two.
    #[must_use]
    pub fn node(left: &Self, right: &Self) -> Self {
        Self::of(&[&NODE_PREFIX, &left.0, &right.0])
    }

    /// The root of the tree without leaves: the hash of nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self::of(&[])
    }

    /// The hash that a base64 text names, in its one canonical spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }

    fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

/// The peaks of a tree, and so all of it that appending needs.
///
/// ```
/// use contactd::audit::{Frontier, Hash};
///
/// let leaves = [Hash::leaf(b"one"), Hash::leaf(b"two"), Hash::leaf(b"three")];
/// let mut tree = Frontier::of(&leaves[..2]);
/// assert_eq!(tree.root(), Hash::node(&leaves[0], &leaves[1]));
/// tree.push(leaves[2]);
/// assert_eq!(tree.root(), Hash::node(&Hash::node(&leaves[0], &leaves[1]), &leaves[2]));
/// assert_eq!(Frontier::default().root(), Hash::empty());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The frontier of these hashes, taken as leaves.
    #[must_use]
    pub fn of(hashes: &[Hash]) -> Self {
        let mut frontier = Self::default();
        for hash in hashes {
            frontier.push(*hash);
        }
        frontier
    }

    /// The frontier of so many hashes with these perfect subtrees, the largest first.
    pub(super) const fn restore(size: u64, peaks: Vec<Hash>) -> Self {
        Self { size, peaks }
    }

    /// Appends a hash. It costs a hash for each perfect subtree that this completes.
    pub fn push(&mut self, hash: Hash) {
        let mut hash = hash;
        let mut completed = self.size;
        while completed & 1 == 1 {
            if let Some(left) = self.peaks.pop() {
                hash = Hash::node(&left, &hash);
            }
            completed >>= 1;
        }
        self.peaks.push(hash);
        self.size = self.size.saturating_add(1);
    }

    /// The number of hashes that were appended.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The roots of its perfect subtrees, the largest first.
    #[must_use]
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        fold_peaks(self.peaks.iter().rev())
    }
}

/// The root above peaks, given from the smallest subtree to the largest.
pub(super) fn fold_peaks<'a>(peaks: impl IntoIterator<Item = &'a Hash>) -> Hash {
    let mut peaks = peaks.into_iter();
    let Some(smallest) = peaks.next() else {
        return Hash::empty();
    };
    peaks.fold(*smallest, |right, left| Hash::node(left, &right))
}

/// The naive tree of the RFC's own definition, against which tests compare.
#[cfg(test)]
pub(super) fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::empty(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            Hash::node(&naive_root(left), &naive_root(right))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The leaves and roots of the test vectors of Certificate Transparency's own code.
    const VECTOR_LEAVES: [&str; 8] = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];
    const VECTOR_ROOTS: [&str; 8] = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    #[test]
    fn the_vectors_of_rfc_6962_hold() {
        let mut frontier = Frontier::default();
        assert_eq!(
            hex::encode(frontier.root().0),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        for (leaf, root) in VECTOR_LEAVES.iter().zip(VECTOR_ROOTS) {
            frontier.push(Hash::leaf(&hex::decode(leaf).unwrap()));
            assert_eq!(hex::encode(frontier.root().0), root);
        }
    }

    #[test]
    fn a_hash_has_one_spelling() {
        let hash = Hash::leaf(b"x");
        assert_eq!(Hash::parse(&hash.to_string()), Some(hash));
        let text = hash.to_string();
        for bad in ["", "AAAA", &text[1..], &text.replace('=', "")] {
            assert_eq!(Hash::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn the_frontier_has_the_root_of_the_definition(count in 0_u16..600) {
            let leaves: Vec<_> = (0..count).map(|n| Hash::leaf(&n.to_be_bytes())).collect();
            prop_assert_eq!(Frontier::of(&leaves).root(), naive_root(&leaves));
        }
    }
}
