//! How a question is answered: from the contacts that have its rarest token, or along the order
//! that is asked for, whichever is less to look at.
//!
//! Either way it looks at a bounded number of entries. Along an order it may find its page soon
//! even where a word is frequent; where that leads nowhere, the rarest token is tried, and where
//! that is too frequent too, the question is too broad.

use std::sync::Arc;

use thiserror::Error;

use super::orders::{Key, Merge, Ordinal, ScopeId};
use super::{SearchIndex, Slot, behind};
use crate::domain::find::{Term, Wanted};
use crate::domain::{ContactId, DialectId, Keyset, Position, Sort, SortKey, Timestamp};

/// Entries that a query looks at, at most, on each of its two ways.
pub const ENTRIES_MAX: usize = 20_000;

/// A search, as the index answers it.
pub struct Query<'a> {
    /// The terms, all of which a contact must meet.
    pub terms: &'a [Term],
    /// Whether the reader may see a tenant of a dialect, and wants to.
    pub visible: &'a dyn Fn(DialectId, &str) -> bool,
    /// Finds only contacts created after this time.
    pub created_after: Option<Timestamp>,
    /// Finds only contacts last written after this time.
    pub updated_after: Option<Timestamp>,
    /// The order of the page.
    pub sort: Sort,
    /// The end of the page before; `None` for the first page.
    pub after: Option<&'a Keyset>,
    /// The most contacts that one page may have.
    pub limit: usize,
}

/// A contact that the search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The id of the contact.
    pub id: ContactId,
    /// The event that wrote the version that was found.
    pub position: Position,
    /// The cursor that continues behind this contact.
    pub keyset: Keyset,
}

/// A page of contacts that a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    /// The contacts, in the order asked for.
    pub hits: Vec<Hit>,
    /// Whether more contacts follow this page.
    pub more: bool,
    /// The number of index entries that the search looked at.
    pub looked_at: usize,
}

/// The question would look at too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the question would look at more than {limit} entries")]
pub struct TooBroad {
    /// The most entries that a search may look at.
    pub limit: usize,
}

/// A contact that changed after a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The id of the contact.
    pub id: ContactId,
    /// The position of its last change.
    pub position: Position,
    /// Whether the contact is live.
    pub live: bool,
}

/// Places of contacts in the order that is asked for.
type Places = Vec<(Key, Ordinal)>;

impl SearchIndex {
    /// Answers a question.
    ///
    /// # Errors
    /// [`TooBroad`] where neither way ends in time.
    pub fn query(&self, query: &Query<'_>) -> Result<Hits, TooBroad> {
        let scopes = self.visible(query.visible);
        let mut looked_at = scopes.len();
        let rarest = self.rarest(query, &scopes);
        let want = query.limit.saturating_add(1);
        let few = |weight: usize| weight.saturating_mul(weight) <= want.saturating_mul(self.live);
        let (mut places, looked) = match rarest {
            Some((weight, source)) if few(weight) => self.among(query, &scopes, &source),
            rarest => match (self.along(query, &scopes), rarest) {
                (Ok(found), _) => found,
                (Err(_), Some((_, source))) => {
                    looked_at += ENTRIES_MAX;
                    self.among(query, &scopes, &source)
                }
                (Err(error), None) => return Err(error),
            },
        };
        looked_at += looked;
        let more = places.len() > query.limit;
        places.truncate(query.limit);
        let hits = places.into_iter().filter_map(|place| self.hit(place));
        Ok(Hits {
            hits: hits.collect(),
            more,
            looked_at,
        })
    }

    /// The contacts that changed after a position, by their last change, and whether there are more.
    #[must_use]
    pub fn changed_after(
        &self,
        visible: &dyn Fn(DialectId, &str) -> bool,
        after: Position,
        limit: usize,
    ) -> (Vec<Changed>, bool) {
        let edge = Key::Updated(behind(after));
        let walks = self.visible(visible).into_iter().flat_map(|scope| {
            let live = self
                .orders
                .walk(scope, SortKey::Updated, Some(&edge), false);
            [live, self.orders.walk_ended(scope, &edge)]
        });
        let mut merge = Merge::new(walks.collect(), false);
        let changed = merge.by_ref().take(limit).filter_map(|(_, ordinal)| {
            let slot = self.slots.get(ordinal as usize)?;
            Some(Changed {
                id: slot.id,
                position: slot.changed.position,
                live: slot.doc.is_some(),
            })
        });
        let changed = changed.collect();
        (changed, merge.next().is_some())
    }

    /// The source with the fewest contacts, and how many those are, where that is few enough.
    fn rarest(&self, query: &Query<'_>, scopes: &[ScopeId]) -> Option<(usize, Source)> {
        let mut by_term: Option<(usize, Source)> = None;
        let mut left = ENTRIES_MAX.saturating_mul(2);
        // The exact ones come last, and make the others not worth a long look.
        for wanted in query.terms.iter().rev().filter_map(Term::wanted) {
            let best = by_term.as_ref().map_or(ENTRIES_MAX, |(weight, _)| *weight);
            let most = best.min(left);
            let weight = self.dictionary.weigh(&wanted, most);
            left -= weight.unwrap_or(most);
            if let Some(weight) = weight {
                by_term = Some((weight, Source::Tokens(wanted)));
            }
        }
        let by_creation = query.created_after.and_then(|then| {
            let first = self.slots.partition_point(|slot| slot.created <= then);
            let weight = self.slots.len() - first;
            (weight <= ENTRIES_MAX).then_some((weight, Source::From(first)))
        });
        let by_update = query.updated_after.and_then(|then| {
            let source = Source::Changed(self.first_changed_after(scopes, then));
            let all = self.candidates(&source, scopes).take(ENTRIES_MAX + 1);
            let weight = all.count();
            (weight <= ENTRIES_MAX).then_some((weight, source))
        });
        by_term
            .into_iter()
            .chain(by_creation)
            .chain(by_update)
            .min_by_key(|(weight, _)| *weight)
    }

    /// The contacts that a source names, without regard to the other terms.
    fn candidates<'a>(
        &'a self,
        source: &Source,
        scopes: &[ScopeId],
    ) -> Box<dyn Iterator<Item = Ordinal> + 'a> {
        match source {
            Source::Tokens(wanted) => Box::new(self.dictionary.collect(wanted).into_iter()),
            Source::From(first) => {
                let numbers = *first..self.slots.len();
                Box::new(numbers.filter_map(|at| Ordinal::try_from(at).ok()))
            }
            Source::Changed(first) => {
                let edge = Key::Updated(*first);
                let walk = |scope: &ScopeId| {
                    self.orders
                        .walk(*scope, SortKey::Updated, Some(&edge), false)
                };
                let merge = Merge::new(scopes.iter().map(walk).collect(), false);
                Box::new(merge.map(|(_, ordinal)| ordinal))
            }
        }
    }

    /// The position from which on these scopes' contacts were last changed after a time: behind the
    /// last that was not. Time grows with positions, so that one is found by halving.
    fn first_changed_after(&self, scopes: &[ScopeId], then: Timestamp) -> u64 {
        let first = |scope: &ScopeId| {
            let (mut low, mut high) = (0, u64::MAX);
            while low < high {
                let middle = low + (high - low) / 2;
                let edge = Key::Updated(middle);
                let mut walk = self
                    .orders
                    .walk(*scope, SortKey::Updated, Some(&edge), false);
                let slot = walk.next().and_then(|(_, at)| self.slots.get(at as usize));
                match slot {
                    Some(slot) if slot.changed.time <= then => low = behind(slot.changed.position),
                    _ => high = middle,
                }
            }
            low
        };
        scopes.iter().map(first).max().unwrap_or(0)
    }

    /// The wanted contacts of a source, in order.
    fn among(&self, query: &Query<'_>, scopes: &[ScopeId], source: &Source) -> (Places, usize) {
        let candidates: Vec<Ordinal> = self.candidates(source, scopes).collect();
        let looked_at = candidates.len();
        let edge = self.edge(query, scopes);
        let mut places: Places = candidates
            .into_iter()
            .filter(|ordinal| self.wants(query, scopes, *ordinal))
            .filter_map(|ordinal| Some((self.key(query.sort.by, ordinal)?, ordinal)))
            .filter(|(key, _)| match &edge {
                Some(edge) if query.sort.descending => key < edge,
                Some(edge) => key >= edge,
                None => true,
            })
            .collect();
        places.sort_unstable();
        if query.sort.descending {
            places.reverse();
        }
        places.truncate(query.limit.saturating_add(1));
        (places, looked_at)
    }

    /// The matching contacts, found by walking along the order.
    fn along(&self, query: &Query<'_>, scopes: &[ScopeId]) -> Result<(Places, usize), TooBroad> {
        let Sort { by, descending } = query.sort;
        let edge = self.edge(query, scopes);
        let walk = |scope: &ScopeId| self.orders.walk(*scope, by, edge.as_ref(), descending);
        let merge = Merge::new(scopes.iter().map(walk).collect(), descending);
        let mut places = Places::new();
        let mut looked_at = 0;
        for (key, ordinal) in merge {
            looked_at += 1;
            if looked_at > ENTRIES_MAX {
                return Err(TooBroad { limit: ENTRIES_MAX });
            }
            if self.ends(query, ordinal) {
                break;
            }
            if self.wants(query, scopes, ordinal) {
                places.push((key, ordinal));
                if places.len() > query.limit {
                    break;
                }
            }
        }
        Ok((places, looked_at))
    }

    /// Whether everything further along the order is too old.
    fn ends(&self, query: &Query<'_>, ordinal: Ordinal) -> bool {
        let Some(slot) = self.slots.get(ordinal as usize) else {
            return false;
        };
        let too_old = match query.sort.by {
            SortKey::Created => query.created_after.is_some_and(|then| slot.created <= then),
            SortKey::Updated => query
                .updated_after
                .is_some_and(|then| slot.changed.time <= then),
            SortKey::Name => false,
        };
        query.sort.descending && too_old
    }

    fn wants(&self, query: &Query<'_>, scopes: &[ScopeId], ordinal: Ordinal) -> bool {
        let Some(slot) = self.slots.get(ordinal as usize) else {
            return false;
        };
        let Slot {
            id: _,
            scope,
            created,
            changed,
            doc: Some(doc),
        } = slot
        else {
            return false;
        };
        let tokens = || {
            doc.tokens
                .iter()
                .filter_map(|token| self.dictionary.text(*token))
        };
        scopes.binary_search(scope).is_ok()
            && query.created_after.is_none_or(|then| *created > then)
            && query.updated_after.is_none_or(|then| changed.time > then)
            && query
                .terms
                .iter()
                .all(|term| term.met_by(&doc.name, tokens()))
    }

    /// The place at which the page begins: an ascending page goes up from it, a descending one goes
    /// down below it.
    fn edge(&self, query: &Query<'_>, scopes: &[ScopeId]) -> Option<Key> {
        let down = query.sort.descending;
        let place = |id: ContactId| {
            let first = self.first_from(id);
            let there = self
                .slots
                .get(first as usize)
                .is_some_and(|slot| slot.id == id);
            if there && !down { first + 1 } else { first }
        };
        match (query.after, query.sort.by) {
            (Some(Keyset::Created(id)), SortKey::Created) => Some(Key::Created(place(*id))),
            (Some(Keyset::Updated(at)), SortKey::Updated) if down => Some(Key::Updated(at.get())),
            (Some(Keyset::Updated(at)), SortKey::Updated) => Some(Key::Updated(behind(*at))),
            (Some(Keyset::Name(name, id)), SortKey::Name) => {
                Some(Key::Named(Arc::from(name.as_str()), place(*id)))
            }
            (None, SortKey::Created) if !down => {
                let then = query.created_after?;
                let first = self.slots.partition_point(|slot| slot.created <= then);
                Some(Key::Created(Ordinal::try_from(first).ok()?))
            }
            (None, SortKey::Updated) if !down => {
                let then = query.updated_after?;
                Some(Key::Updated(self.first_changed_after(scopes, then)))
            }
            _ => None,
        }
    }

    fn key(&self, by: SortKey, ordinal: Ordinal) -> Option<Key> {
        let slot = self.slots.get(ordinal as usize)?;
        Some(match by {
            SortKey::Created => Key::Created(ordinal),
            SortKey::Updated => Key::Updated(slot.changed.position.get()),
            SortKey::Name => Key::Named(slot.doc.as_ref()?.name.clone(), ordinal),
        })
    }

    fn hit(&self, (key, ordinal): (Key, Ordinal)) -> Option<Hit> {
        let slot = self.slots.get(ordinal as usize)?;
        let keyset = match key {
            Key::Created(_) => Keyset::Created(slot.id),
            Key::Updated(at) => Keyset::Updated(Position::new(at)),
            Key::Named(name, _) => Keyset::Name(name.to_string(), slot.id),
        };
        Some(Hit {
            id: slot.id,
            position: slot.changed.position,
            keyset,
        })
    }
}

/// The cheapest set of contacts that holds every match.
enum Source {
    /// The contacts that have one of these tokens.
    Tokens(Vec<Wanted>),
    /// Those from this number on: the newest.
    From(usize),
    /// Those last changed at this position or later.
    Changed(u64),
}
