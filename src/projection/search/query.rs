//! How a question is answered: from the contacts that have its rarest token, or along the order
//! that is asked for, whichever is less to look at.
//!
//! Either way it looks at a bounded number of entries. Along an order it may find its page soon
//! even where a word is frequent; where that leads nowhere, the rarest token is tried, and where
//! that is too frequent too, the question is too broad.

use std::ops::Range;
use std::sync::Arc;

use thiserror::Error;

use super::doc::{Doc, Head, Words};
use super::orders::{Key, Merge, Ordinal, ScopeId};
use super::{SearchIndex, View, behind};
use crate::domain::find::{Term, Wanted};
use crate::domain::{ContactId, DialectId, Keyset, Position, Sort, SortKey, Timestamp};

/// Entries that a query looks at, at most, on each of its two ways.
pub const ENTRIES_MAX: usize = 20_000;
/// Contacts of a term that are taken as they are found, and not weighed first.
const FEW: usize = 128;
/// Entries of tokens that are read in the time of one doc.
const ENTRIES_A_DOC: usize = 50;

/// A search, as the index answers it.
pub struct Query<'a> {
    /// The terms, all of which a contact must meet.
    pub terms: &'a [Term],
    /// Whether the reader may see a tenant of a dialect, and wants to.
    pub visible: &'a dyn Fn(DialectId, &str) -> bool,
    /// Finds only contacts created after this time.
    pub created_after: Option<Timestamp>,
    /// Finds only contacts created before this time.
    pub created_before: Option<Timestamp>,
    /// Finds only contacts last written after this position.
    pub updated_after: Option<Position>,
    /// Finds only contacts last written at this position or before it.
    pub updated_up_to: Option<Position>,
    /// The order of the page.
    pub sort: Sort,
    /// The end of the page before; `None` for the first page.
    pub after: Option<&'a Keyset>,
    /// The most contacts that one page may have.
    pub limit: usize,
    /// Entries that are looked at, at most, on each of the two ways: [`ENTRIES_MAX`] or fewer.
    pub most: usize,
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

/// The reasons for which a question is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum QueryError {
    /// The question would look at too much.
    #[error("the question would look at more than {limit} entries")]
    TooBroad {
        /// The most entries that a search may look at.
        limit: usize,
    },
    /// What the index keeps on the disk cannot be read; it is being made again.
    #[error("the index cannot be read, and is being made again")]
    Unreadable,
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

/// A contact that meets the question, in the order that is asked for.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    key: Key,
    ordinal: Ordinal,
    id: ContactId,
    position: Position,
}

impl Found {
    const fn new(key: Key, ordinal: Ordinal, head: &Head) -> Self {
        Self {
            key,
            ordinal,
            id: head.id,
            position: head.changed.position,
        }
    }

    fn into_hit(self) -> Hit {
        let keyset = match self.key {
            Key::Created(_) => Keyset::Created(self.id),
            Key::Updated(at) => Keyset::Updated(Position::new(at)),
            Key::Named(name, _) => Keyset::Name(name.to_string(), self.id),
        };
        Hit {
            id: self.id,
            position: self.position,
            keyset,
        }
    }
}

impl SearchIndex {
    /// Answers a question.
    ///
    /// # Errors
    /// [`QueryError::TooBroad`] where neither way ends in time.
    pub fn query(&self, query: &Query<'_>) -> Result<Hits, QueryError> {
        let hits = self.look(query);
        // What was read before it was seen to be damaged may be wrong, and so may what was not.
        self.is_readable()?;
        hits
    }

    fn is_readable(&self) -> Result<(), QueryError> {
        match self.fault() {
            Some(_) => Err(QueryError::Unreadable),
            None => Ok(()),
        }
    }

    fn look(&self, query: &Query<'_>) -> Result<Hits, QueryError> {
        let scopes = self.visible(query.visible);
        let mut looked_at = scopes.len();
        let sources = self.sources(query, &scopes);
        let rarest = sources.first().map(|(weight, _)| *weight);
        let want = query.limit.saturating_add(1);
        let few = |weight: usize| weight.saturating_mul(weight) <= want.saturating_mul(self.len());
        let (mut found, looked) = match rarest {
            Some(weight) if few(weight) => self.among(query, &scopes, &sources),
            rarest => match (self.along(query, &scopes), rarest) {
                (Ok(found), _) => found,
                (Err(_), Some(_)) => {
                    looked_at += query.most;
                    self.among(query, &scopes, &sources)
                }
                (Err(error), None) => return Err(error),
            },
        };
        looked_at += looked;
        let more = found.len() > query.limit;
        found.truncate(query.limit);
        let hits = found.into_iter().map(Found::into_hit);
        Ok(Hits {
            hits: hits.collect(),
            more,
            looked_at,
        })
    }

    /// The contacts that changed after a position, by their last change, and whether there are more.
    ///
    /// # Errors
    /// [`QueryError::Unreadable`]
    pub fn changed_after(
        &self,
        visible: &dyn Fn(DialectId, &str) -> bool,
        after: Position,
        limit: usize,
    ) -> Result<(Vec<Changed>, bool), QueryError> {
        let from = behind(after);
        let edge = Key::Updated(from);
        let shelf = self.shelf();
        let walks = self.visible(visible).into_iter().flat_map(|scope| {
            let live = shelf.walk(scope, SortKey::Updated, Some(&edge), false);
            [live, shelf.walk_ended(scope, from)]
        });
        let mut merge = Merge::new(walks.collect(), false);
        let changed = merge.by_ref().take(limit).filter_map(|(_, ordinal)| {
            let head = shelf.head(ordinal)?;
            Some(Changed {
                id: head.id,
                position: head.changed.position,
                live: head.is_found,
            })
        });
        let changed = changed.collect();
        let more = merge.next().is_some();
        self.is_readable()?;
        Ok((changed, more))
    }

    /// The sources that name few enough contacts, each with how many, the fewest first.
    fn sources(&self, query: &Query<'_>, scopes: &[ScopeId]) -> Vec<(usize, Source)> {
        let mut sources = Vec::new();
        let most = query.most;
        for wanted in query.terms.iter().filter_map(Term::wanted) {
            if let Some(few) = self.shelf().few(&wanted, FEW.min(most)) {
                sources.push((few.len(), Source::Few(few)));
                continue;
            }
            let weight = self.shelf().weigh(&wanted, most);
            sources.extend(weight.map(|weight| (weight, Source::Tokens(wanted))));
        }
        if query.created_after.is_some() || query.created_before.is_some() {
            let made = self.created(query);
            sources.extend((made.len() <= most).then_some((made.len(), Source::Created(made))));
        }
        if query.updated_after.is_some() || query.updated_up_to.is_some() {
            let from = query.updated_after.map_or(0, behind);
            let to = query.updated_up_to.map_or(u64::MAX, behind);
            let source = Source::Changed(from..to);
            let all = self.candidates(&source, scopes).take(most + 1);
            let weight = all.count();
            sources.extend((weight <= most).then_some((weight, source)));
        }
        sources.sort_by_key(|(weight, _)| *weight);
        sources
    }

    /// The contacts that a source names, without regard to the other terms.
    fn candidates<'a>(
        &'a self,
        source: &Source,
        scopes: &[ScopeId],
    ) -> Box<dyn Iterator<Item = Ordinal> + 'a> {
        match source {
            Source::Few(few) => Box::new(few.clone().into_iter()),
            Source::Tokens(wanted) => Box::new(self.shelf().collect(wanted).into_iter()),
            Source::Created(created) => Box::new(created.clone()),
            Source::Changed(Range { start, end }) => {
                let (edge, end) = (Key::Updated(*start), Key::Updated(*end));
                let shelf = self.shelf();
                let walk =
                    |scope: &ScopeId| shelf.walk(*scope, SortKey::Updated, Some(&edge), false);
                let merge = Merge::new(scopes.iter().map(walk).collect(), false);
                let inside = merge.take_while(move |(key, _)| *key < end);
                Box::new(inside.map(|(_, ordinal)| ordinal))
            }
        }
    }

    /// The number of the first contact whose creation was not so early: time grows with the numbers.
    fn first_created(&self, is_early: impl Fn(Timestamp) -> bool) -> Ordinal {
        let (mut low, mut high) = (0, self.contacts());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.shelf().head(middle) {
                Some(head) if is_early(head.created) => low = middle + 1,
                _ => high = middle,
            }
        }
        low
    }

    /// The numbers of the contacts that were created when the question wants them to have been.
    fn created(&self, query: &Query<'_>) -> Range<Ordinal> {
        let after = query.created_after;
        let first = after.map_or(0, |then| self.first_created(|created| created <= then));
        let before = query.created_before;
        let end = before.map(|then| self.first_created(|created| created < then));
        first..end.unwrap_or(self.contacts())
    }

    /// The wanted contacts of the rarest source, in order. Another source that is not much larger
    /// thins it out before any doc is looked at: a doc costs as much as a hundred of its entries.
    fn among(
        &self,
        query: &Query<'_>,
        scopes: &[ScopeId],
        sources: &[(usize, Source)],
    ) -> (Vec<Found>, usize) {
        let Some(((weight, rarest), others)) = sources.split_first() else {
            return (Vec::new(), 0);
        };
        let mut candidates: Vec<Ordinal> = self.candidates(rarest, scopes).collect();
        let looked_at = candidates.len();
        let others = others.iter().filter(|(other, source)| {
            let is_of_tokens = matches!(source, Source::Few(_) | Source::Tokens(_));
            *other <= weight.saturating_mul(ENTRIES_A_DOC) && is_of_tokens
        });
        for (_, source) in others {
            let mut also: Vec<Ordinal> = self.candidates(source, scopes).collect();
            also.sort_unstable();
            candidates.retain(|candidate| also.binary_search(candidate).is_ok());
        }
        let edge = self.edge(query);
        let Sort { by, descending } = query.sort;
        let inside = |key: &Key| match &edge {
            Some(edge) if descending => key < edge,
            Some(edge) => key >= edge,
            None => true,
        };
        let want = query.limit.saturating_add(1);
        if by == SortKey::Created {
            // They are in order already: the page is full where it is full.
            candidates.sort_unstable();
            if descending {
                candidates.reverse();
            }
            let inside = candidates
                .into_iter()
                .filter(|ordinal| inside(&Key::Created(*ordinal)));
            let found = inside.filter_map(|ordinal| {
                let head = self.wanted(query, scopes, ordinal)?;
                Some(Found::new(Key::Created(ordinal), ordinal, &head))
            });
            return (found.take(want).collect(), looked_at);
        }
        let found = candidates.into_iter().filter_map(|ordinal| {
            let head = self.wanted(query, scopes, ordinal)?;
            let key = match by {
                SortKey::Created => Key::Created(ordinal),
                SortKey::Updated => Key::Updated(head.changed.position.get()),
                SortKey::Name => self.shelf().doc(ordinal)?.key(by, ordinal)?,
            };
            inside(&key).then(|| Found::new(key, ordinal, &head))
        });
        let mut found: Vec<Found> = found.collect();
        found.sort_unstable();
        if descending {
            found.reverse();
        }
        found.truncate(want);
        (found, looked_at)
    }

    /// The matching contacts, found by walking along the order.
    fn along(
        &self,
        query: &Query<'_>,
        scopes: &[ScopeId],
    ) -> Result<(Vec<Found>, usize), QueryError> {
        let Sort { by, descending } = query.sort;
        let edge = self.edge(query);
        let walk = |scope: &ScopeId| self.shelf().walk(*scope, by, edge.as_ref(), descending);
        let merge = Merge::new(scopes.iter().map(walk).collect(), descending);
        let mut heads = self.shelf().heads();
        let mut found = Vec::new();
        let mut looked_at = 0;
        for (key, ordinal) in merge {
            looked_at += 1;
            if looked_at > query.most {
                return Err(QueryError::TooBroad { limit: query.most });
            }
            let Some(head) = heads.of(ordinal) else {
                continue;
            };
            if ends(query, &head) {
                break;
            }
            if self.wants(query, scopes, ordinal, &head) {
                found.push(Found::new(key, ordinal, &head));
                if found.len() > query.limit {
                    break;
                }
            }
        }
        Ok((found, looked_at))
    }

    /// What is known of a contact, where it meets the question.
    fn wanted(&self, query: &Query<'_>, scopes: &[ScopeId], ordinal: Ordinal) -> Option<Head> {
        let head = self.shelf().head(ordinal)?;
        self.wants(query, scopes, ordinal, &head).then_some(head)
    }

    /// Whether a contact meets the question. Its words are looked at last, and where there are terms.
    fn wants(&self, query: &Query<'_>, scopes: &[ScopeId], ordinal: Ordinal, head: &Head) -> bool {
        let changed = head.changed.position;
        head.is_found
            && scopes.binary_search(&head.scope).is_ok()
            && query.created_after.is_none_or(|then| head.created > then)
            && query.created_before.is_none_or(|then| head.created < then)
            && query.updated_after.is_none_or(|then| changed > then)
            && query.updated_up_to.is_none_or(|last| changed <= last)
            && (query.terms.is_empty() || self.meets(query.terms, ordinal))
    }

    fn meets(&self, terms: &[Term], ordinal: Ordinal) -> bool {
        let doc = self.shelf().doc(ordinal);
        let Some(Words { name, tokens }) = doc.as_ref().and_then(Doc::words) else {
            return false;
        };
        terms.iter().all(|term| term.met_by(name, tokens.iter()))
    }

    /// The place at which the page begins: an ascending page goes up from it, a descending one goes
    /// down below it.
    fn edge(&self, query: &Query<'_>) -> Option<Key> {
        let down = query.sort.descending;
        let shelf = self.shelf();
        let place = |id: ContactId| match shelf.find(id) {
            Some(there) if down => there,
            Some(there) => there.saturating_add(1),
            None => shelf.first_from(id).unwrap_or(self.contacts()),
        };
        match (query.after, query.sort.by) {
            (Some(Keyset::Created(id)), SortKey::Created) => Some(Key::Created(place(*id))),
            (Some(Keyset::Updated(at)), SortKey::Updated) if down => Some(Key::Updated(at.get())),
            (Some(Keyset::Updated(at)), SortKey::Updated) => Some(Key::Updated(behind(*at))),
            (Some(Keyset::Name(name, id)), SortKey::Name) => {
                Some(Key::Named(Arc::from(name.as_str()), place(*id)))
            }
            (None, SortKey::Created) if down => {
                let then = query.created_before?;
                Some(Key::Created(self.first_created(|created| created < then)))
            }
            (None, SortKey::Created) => {
                let then = query.created_after?;
                Some(Key::Created(self.first_created(|created| created <= then)))
            }
            (None, SortKey::Updated) if down => Some(Key::Updated(behind(query.updated_up_to?))),
            (None, SortKey::Updated) => Some(Key::Updated(behind(query.updated_after?))),
            _ => None,
        }
    }
}

/// Whether everything further along the order is too old, or too new.
fn ends(query: &Query<'_>, head: &Head) -> bool {
    let (created, changed) = (head.created, head.changed.position);
    match (query.sort.by, query.sort.descending) {
        (SortKey::Created, true) => query.created_after.is_some_and(|then| created <= then),
        (SortKey::Created, false) => query.created_before.is_some_and(|then| created >= then),
        (SortKey::Updated, true) => query.updated_after.is_some_and(|then| changed <= then),
        (SortKey::Updated, false) => query.updated_up_to.is_some_and(|last| changed > last),
        (SortKey::Name, _) => false,
    }
}

/// A set of contacts that holds every match.
enum Source {
    /// These contacts, which have one of some tokens.
    Few(Vec<Ordinal>),
    /// The contacts that have one of these tokens.
    Tokens(Vec<Wanted>),
    /// Those that were created in a time, by their numbers.
    Created(Range<Ordinal>),
    /// Those last changed at these positions.
    Changed(Range<u64>),
}
