//! The orders that contacts are listed in, each kept by scope, and the merging of scopes.
//!
//! A scope is a tenant of a dialect: what a caller may see is some scopes, so a list never walks
//! over what its reader may not see.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A contact's number: contacts are numbered in the order of their creation.
pub type Ordinal = u32;

/// The number of a scope, a tenant of a dialect.
pub type ScopeId = u32;

/// The place of a contact in an order; no two contacts have the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// Its number in the order of creation.
    Created(Ordinal),
    /// The position of its last change.
    Updated(u64),
    /// Its folded name, then its number to tell equal names apart.
    Named(Arc<str>, Ordinal),
}

/// A walk over contacts along an order, each with its place.
pub type Walk<'a> = Box<dyn Iterator<Item = (Key, Ordinal)> + 'a>;

/// Several walks merged into one order.
pub struct Merge<'a> {
    walks: Vec<Walk<'a>>,
    heads: BTreeMap<Key, (Ordinal, usize)>,
    down: bool,
}

impl<'a> Merge<'a> {
    /// Merges walks that go the same way.
    pub fn new(walks: Vec<Walk<'a>>, down: bool) -> Self {
        let mut merge = Self {
            walks,
            heads: BTreeMap::new(),
            down,
        };
        (0..merge.walks.len()).for_each(|index| merge.advance(index));
        merge
    }

    fn advance(&mut self, index: usize) {
        if let Some((key, ordinal)) = self.walks.get_mut(index).and_then(Iterator::next) {
            self.heads.insert(key, (ordinal, index));
        }
    }
}

impl Iterator for Merge<'_> {
    type Item = (Key, Ordinal);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, (ordinal, index)) = if self.down {
            self.heads.pop_last()
        } else {
            self.heads.pop_first()
        }?;
        self.advance(index);
        Some((key, ordinal))
    }
}
