//! The orders that contacts are listed in, each kept by scope, and their merging.
//!
//! A scope is a tenant of a dialect: what a caller may see is some scopes, so a list never walks
//! over what its reader may not see.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::SortKey;

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

/// The orders of every scope: by creation, by change and by name.
#[derive(Debug, Default)]
pub struct Orders {
    created: BTreeSet<(ScopeId, Ordinal)>,
    updated: BTreeMap<(ScopeId, u64), Ordinal>,
    named: BTreeSet<(ScopeId, Arc<str>, Ordinal)>,
    ended: BTreeMap<(ScopeId, u64), Ordinal>,
}

impl Orders {
    /// Adds a live contact to its scope's orders.
    pub fn insert(&mut self, scope: ScopeId, ordinal: Ordinal, changed: u64, name: Arc<str>) {
        self.created.insert((scope, ordinal));
        self.updated.insert((scope, changed), ordinal);
        self.named.insert((scope, name, ordinal));
    }

    /// Removes a contact that is no longer live, or about to change.
    pub fn remove(&mut self, scope: ScopeId, ordinal: Ordinal, changed: u64, name: Arc<str>) {
        self.created.remove(&(scope, ordinal));
        self.updated.remove(&(scope, changed));
        self.named.remove(&(scope, name, ordinal));
    }

    /// Notes the position at which a contact ended.
    pub fn end(&mut self, scope: ScopeId, ordinal: Ordinal, changed: u64) {
        self.ended.insert((scope, changed), ordinal);
    }

    /// Takes back when a contact ended: it ends later.
    pub fn unend(&mut self, scope: ScopeId, changed: u64) {
        self.ended.remove(&(scope, changed));
    }

    /// A scope's live contacts in an order: from `edge` on upwards, or from below it downwards.
    pub fn walk(&self, scope: ScopeId, by: SortKey, edge: Option<&Key>, down: bool) -> Walk<'_> {
        let next = scope.saturating_add(1);
        match by {
            SortKey::Created => {
                let at = match edge {
                    Some(Key::Created(ordinal)) => (scope, *ordinal),
                    _ if down => (next, 0),
                    _ => (scope, 0),
                };
                let key = |(_, ordinal): &(ScopeId, Ordinal)| (Key::Created(*ordinal), *ordinal);
                if down {
                    Box::new(self.created.range((scope, 0)..at).rev().map(key))
                } else {
                    Box::new(self.created.range(at..(next, 0)).map(key))
                }
            }
            SortKey::Updated => changes(&self.updated, scope, edge, down),
            SortKey::Name => {
                let nobody: Arc<str> = "".into();
                let at = match edge {
                    Some(Key::Named(name, ordinal)) => (scope, name.clone(), *ordinal),
                    _ if down => (next, nobody.clone(), 0),
                    _ => (scope, nobody.clone(), 0),
                };
                let key = |(_, name, ordinal): &(ScopeId, Arc<str>, Ordinal)| {
                    (Key::Named(name.clone(), *ordinal), *ordinal)
                };
                if down {
                    let range = (scope, nobody, 0)..at;
                    Box::new(self.named.range(range).rev().map(key))
                } else {
                    Box::new(self.named.range(at..(next, nobody, 0)).map(key))
                }
            }
        }
    }

    /// A scope's ended contacts by their last change, from `edge` on.
    pub fn walk_ended(&self, scope: ScopeId, edge: &Key) -> Walk<'_> {
        changes(&self.ended, scope, Some(edge), false)
    }
}

fn changes<'a>(
    map: &'a BTreeMap<(ScopeId, u64), Ordinal>,
    scope: ScopeId,
    edge: Option<&Key>,
    down: bool,
) -> Walk<'a> {
    let next = scope.saturating_add(1);
    let at = match edge {
        Some(Key::Updated(position)) => (scope, *position),
        _ if down => (next, 0),
        _ => (scope, 0),
    };
    let key = |((_, at), ordinal): (&(ScopeId, u64), &Ordinal)| (Key::Updated(*at), *ordinal);
    if down {
        Box::new(map.range((scope, 0)..at).rev().map(key))
    } else {
        Box::new(map.range(at..(next, 0)).map(key))
    }
}

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
