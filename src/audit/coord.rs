//! The names of tiles and entry bundles, as paths (C2SP tlog-tiles).
//!
//! A name says which places of the tree a file holds, so everything about where
//! a file stands in the tree is worked out here. A path has one spelling; any
//! other, `..` among them, is no name.

use std::fmt;

use super::{
    checkpoint::parse_decimal,
    right_edge::{TILE_WIDTH, hashes_at},
};

/// Levels that a tree of 2^64 leaves has.
const LEVELS_MAX: u8 = 8;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Entries, each behind its length.
    Entries,
    /// Hashes of one level of the tree; level 0 is the leaves'.
    Hashes {
        /// The level, of those that are eight apart.
        level: u8,
    },
}

/// The name of a tile or bundle. Its text is the path below `/audit/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Coord {
    kind: Kind,
    index: u64,
    width: u16,
}

impl Coord {
    /// The name of a tile or bundle with `width` of its 256 places in use.
    /// `None` where the width is none or too many.
    pub(super) fn new(kind: Kind, index: u64, width: usize) -> Option<Self> {
        let width = u16::try_from(width).ok()?;
        let fits = (1..=TILE_WIDTH).contains(&usize::from(width));
        fits.then_some(Self { kind, index, width })
    }

    /// The name of a full tile or bundle.
    #[must_use]
    pub const fn full(kind: Kind, index: u64) -> Self {
        let width = TILE_WIDTH as u16;
        Self { kind, index, width }
    }

    /// The name under which a tree of this size has the tile or bundle of this index; `None` where
    /// it has none.
    #[must_use]
    pub fn in_tree(kind: Kind, index: u64, size: u64) -> Option<Self> {
        let before = index.checked_mul(TILE_WIDTH as u64)?;
        let width = hashes_at(size, level_of(kind)).checked_sub(before)?;
        Self::new(kind, index, width.min(TILE_WIDTH as u64) as usize)
    }

    /// The names of all files of a tree of this size: bundles first, then each level of hashes.
    pub(super) fn of_tree(size: u64) -> impl Iterator<Item = Self> {
        let hashes = (0..LEVELS_MAX).map(|level| Kind::Hashes { level });
        let kinds = std::iter::once(Kind::Entries).chain(hashes);
        kinds.flat_map(move |kind| {
            let files = hashes_at(size, level_of(kind)).div_ceil(TILE_WIDTH as u64);
            (0..files).filter_map(move |index| Self::in_tree(kind, index, size))
        })
    }

    /// Whether a tree of this size has a file of this name.
    #[must_use]
    pub fn is_in_tree(&self, size: u64) -> bool {
        Self::in_tree(self.kind, self.index, size) == Some(*self)
    }

    /// The name of this path, in its one spelling: `tile/0/x001/067.p/5`, `tile/entries/000`.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let (kind, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let kind = match kind {
            "entries" => Kind::Entries,
            level => Kind::Hashes {
                level: level.parse().ok().filter(|level| *level < LEVELS_MAX)?,
            },
        };
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, parse_decimal(width)?),
            None => (rest, TILE_WIDTH as u64),
        };
        let digits: String = index
            .split('/')
            .map(|e| e.trim_start_matches('x'))
            .collect();
        let parsed = Self::new(kind, digits.parse().ok()?, usize::try_from(width).ok()?)?;
        (parsed.to_string() == path).then_some(parsed)
    }

    /// What the file holds.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The index of the tile in its level, or of the bundle, from 0.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The number of its 256 places that are in use.
    #[must_use]
    pub fn width(&self) -> usize {
        usize::from(self.width)
    }

    /// Whether all of them are.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.width() == TILE_WIDTH
    }

    /// Whether a tree of this size has all that the file holds. What is not covered by a published
    /// checkpoint is not served.
    #[must_use]
    pub fn is_covered_by(&self, size: u64) -> bool {
        let end = self.index.saturating_mul(TILE_WIDTH as u64) + u64::from(self.width);
        end <= hashes_at(size, level_of(self.kind))
    }

    /// The number of entries before the first that it is about.
    pub(super) fn first_leaf(&self) -> u64 {
        let height = 8 * (u32::from(level_of(self.kind)) + 1);
        self.index.checked_shl(height).unwrap_or(u64::MAX)
    }

    /// The directory of its partial forms, below `/audit/`.
    pub(super) fn partials(&self) -> String {
        format!("{}.p", Self::full(self.kind, self.index))
    }
}

impl fmt::Display for Coord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Entries => f.write_str("tile/entries/")?,
            Kind::Hashes { level } => write!(f, "tile/{level}/")?,
        }
        let digits = self.index.to_string();
        let groups = digits.len().div_ceil(3);
        let digits = format!("{:0>1$}", self.index, groups * 3);
        for (place, group) in digits.as_bytes().chunks(3).enumerate() {
            let group = String::from_utf8_lossy(group);
            match place + 1 {
                last if last == groups => f.write_str(&group)?,
                _ => write!(f, "x{group}/")?,
            }
        }
        match self.is_full() {
            true => Ok(()),
            false => write!(f, ".p/{}", self.width),
        }
    }
}

const fn level_of(kind: Kind) -> u8 {
    match kind {
        Kind::Entries => 0,
        Kind::Hashes { level } => level,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_those_of_the_specification() {
        let tile = |level| Kind::Hashes { level };
        let cases = [
            (
                Coord::full(Kind::Entries, 1_234_067),
                "tile/entries/x001/x234/067",
            ),
            (Coord::full(tile(0), 0), "tile/0/000"),
            (Coord::new(tile(2), 999, 1).unwrap(), "tile/2/999.p/1"),
            (
                Coord::new(tile(1), 1_000, 255).unwrap(),
                "tile/1/x001/000.p/255",
            ),
        ];
        for (coord, path) in cases {
            assert_eq!(coord.to_string(), path);
            assert_eq!(Coord::parse(path), Some(coord));
        }
        for bad in [
            "tile/0/1",
            "tile/0/0000",
            "tile/00/000",
            "tile/8/000",
            "tile/0/x000/001",
            "tile/0/x001/067.p/256",
            "tile/0/000.p/0",
            "tile/0/000.p/01",
            "tile/0/../entries/000",
            "tile/entries/",
            "/tile/0/000",
            "tile/0/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert_eq!(Coord::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_tree_of_256_has_a_full_tile_and_one_of_width_one_above() {
        let tile = |level, index| Coord::in_tree(Kind::Hashes { level }, index, 256);
        assert_eq!(tile(0, 0), Some(Coord::full(Kind::Hashes { level: 0 }, 0)));
        assert_eq!(tile(1, 0).unwrap().to_string(), "tile/1/000.p/1");
        assert_eq!((tile(0, 1), tile(2, 0)), (None, None));
        assert!(tile(0, 0).unwrap().is_covered_by(256));
        assert!(!tile(0, 0).unwrap().is_covered_by(255));
    }

    proptest! {
        #[test]
        fn a_name_has_one_spelling(path in "tile/(entries|[0-9]{1,2})/(x?[0-9]{1,4}/?){0,4}(\\.p/[0-9]{0,4})?") {
            if let Some(coord) = Coord::parse(&path) {
                prop_assert_eq!(coord.to_string(), path);
            }
        }

        #[test]
        fn every_name_is_read_back(level in 0_u8..8, index: u64, width in 1_usize..=256) {
            for kind in [Kind::Entries, Kind::Hashes { level }] {
                let coord = Coord::new(kind, index, width).unwrap();
                prop_assert_eq!(Coord::parse(&coord.to_string()), Some(coord));
            }
        }
    }
}
