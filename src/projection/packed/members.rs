//! The contacts of an owner or a tenant, as a set of their numbers, which grow as their ids do.

use std::ops::Bound;

use roaring::RoaringBitmap;

/// The most members that are held in a plain array.
const FEW_MAX: usize = 16;

/// A set of numbers in order. Few are a short array, many a compressed bitmap: an owner of all
/// contacts costs a bit for each.
#[derive(Clone, Debug)]
pub enum Members {
    /// At most [`FEW_MAX`] numbers, in order.
    Few(Vec<u32>),
    /// Any number of them.
    Many(Box<RoaringBitmap>),
}

impl Default for Members {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Members {
    /// The number of members in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Few(few) => few.len(),
            Self::Many(many) => usize::try_from(many.len()).unwrap_or(usize::MAX),
        }
    }

    /// The number of members that are not in another set.
    #[must_use]
    pub fn len_but(&self, other: &RoaringBitmap) -> usize {
        if other.is_empty() {
            return self.len();
        }
        match self {
            Self::Few(few) => few.iter().filter(|it| !other.contains(**it)).count(),
            Self::Many(many) => usize::try_from(many.difference_len(other)).unwrap_or(usize::MAX),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a number; one that is in the set stays in it.
    pub fn insert(&mut self, number: u32) {
        match self {
            Self::Few(few) => {
                if let Err(place) = few.binary_search(&number) {
                    few.insert(place, number);
                }
                if few.len() > FEW_MAX {
                    *self = Self::Many(Box::new(few.iter().copied().collect()));
                }
            }
            Self::Many(many) => {
                many.insert(number);
            }
        }
    }

    /// Takes a number out, where it is in the set.
    pub fn remove(&mut self, number: u32) {
        match self {
            Self::Few(few) => few.retain(|other| *other != number),
            Self::Many(many) => {
                many.remove(number);
            }
        }
    }

    /// At most `limit` members from a number on, in order.
    #[must_use]
    pub fn from(&self, first: u32, limit: usize) -> Vec<u32> {
        match self {
            Self::Few(few) => {
                let begin = few.partition_point(|number| *number < first);
                few.iter().skip(begin).take(limit).copied().collect()
            }
            Self::Many(many) => {
                let range = (Bound::Included(first), Bound::Unbounded);
                many.range(range).take(limit).collect()
            }
        }
    }

    /// At most `limit` members after having passed over `offset`.
    #[must_use]
    pub fn page(&self, offset: usize, limit: usize) -> Vec<u32> {
        match self {
            Self::Few(few) => few.iter().skip(offset).take(limit).copied().collect(),
            Self::Many(many) => {
                let first = u32::try_from(offset).ok().and_then(|at| many.select(at));
                first.map_or_else(Vec::new, |first| self.from(first, limit))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_set_in_order(
            steps in prop::collection::vec((0..60_u32, prop::bool::weighted(0.7)), 0..120),
            first in 0..70_u32,
            offset in 0..70_usize,
            limit in 0..70_usize,
        ) {
            let mut members = Members::default();
            let mut model = BTreeSet::new();
            for (number, add) in steps {
                if add {
                    members.insert(number);
                    model.insert(number);
                } else {
                    members.remove(number);
                    model.remove(&number);
                }
                prop_assert_eq!(members.len(), model.len());
            }
            let from: Vec<u32> = model.range(first..).take(limit).copied().collect();
            prop_assert_eq!(members.from(first, limit), from);
            let page: Vec<u32> = model.iter().skip(offset).take(limit).copied().collect();
            prop_assert_eq!(members.page(offset, limit), page);
        }
    }
}
