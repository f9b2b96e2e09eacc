//! A place of the log: how long it is, and the root of the hash tree over all of it.
//!
//! Two nodes whose places are equal have equal logs up to there, byte for byte.

use std::fmt;

use crate::audit::{Frontier, Hash};
use crate::domain::Position;

/// A position with the root of the tree over every event up to it. Its text, in headers, is the
/// position, a space, and the root in base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The position of the last event.
    pub position: Position,
    /// The root of the tree whose last leaf is that event.
    pub root: Hash,
}

impl Place {
    /// The place before the first event.
    #[must_use]
    pub fn start() -> Self {
        Self::of(&Frontier::default())
    }

    /// The place at the end of a tree.
    #[must_use]
    pub fn of(tree: &Frontier) -> Self {
        Self {
            position: Position::new(tree.size()),
            root: tree.root(),
        }
    }

    /// Reads the text of a place; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (position, root) = text.split_once(' ')?;
        let place = Self {
            position: Position::parse(position)?,
            root: Hash::parse(root)?,
        };
        // Each place has one spelling, for its text is under the message's MAC.
        (place.to_string() == text).then_some(place)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.position, self.root)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_place_is_read_as_it_was_written(position: u64, root: [u8; 32], other in ".{0,60}") {
            let place = Place { position: Position::new(position), root: Hash(root) };
            prop_assert_eq!(Place::parse(&place.to_string()), Some(place));
            let said = Place::parse(&other);
            prop_assert!(said.is_none_or(|place| place.to_string() == other));
        }
    }

    #[test]
    fn zeros_before_a_position_are_refused() {
        let start = Place::start().to_string();
        assert!(start.starts_with("0 "));
        assert_eq!(Place::parse(&start), Some(Place::start()));
        assert_eq!(Place::parse(&format!("0{start}")), None);
    }
}
