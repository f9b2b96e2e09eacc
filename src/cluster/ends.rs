//! The places at which ordered groups end, as far back as another node may still be.

use std::collections::BTreeMap;

use super::place::Place;
use crate::audit::Hash;
use crate::domain::Position;

/// The most places that are kept.
const ENDS_MAX: usize = 65_536;

/// Places of this node's log, on its disk or ordered behind that.
#[derive(Default)]
pub struct Ends(BTreeMap<Position, Hash>);

impl Ends {
    /// Keeps a place, and forgets the oldest one where there are too many.
    pub fn keep(&mut self, place: Place) {
        self.0.insert(place.position, place.root);
        if self.0.len() > ENDS_MAX {
            self.0.pop_first();
        }
    }

    /// Forgets the places behind a position: what was ordered there may be lost.
    pub fn forget_after(&mut self, position: Position) {
        drop(self.0.split_off(&position.next()));
    }

    /// The root at a position, where it is known.
    pub fn root(&self, position: Position) -> Option<Hash> {
        self.0.get(&position).copied()
    }

    /// The place at a position, where it is known.
    pub fn at(&self, position: Position) -> Option<Place> {
        let root = self.root(position)?;
        Some(Place { position, root })
    }
}
