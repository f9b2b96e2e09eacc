//! Reading over all runs at once: the newest doc of a contact, walks along an order, who has a token.

use std::sync::Arc;

use super::block::Block;
use super::doc::{Doc, Head};
use super::entry;
use super::orders::{Key, Ordinal, ScopeId, Walk};
use super::run::{Cursor, Run};
use crate::domain::find::Wanted;
use crate::domain::{ContactId, SortKey};

/// Every run, the newest first.
#[derive(Default)]
pub struct Shelf {
    runs: Vec<Arc<Run>>,
}

impl Shelf {
    /// All of these runs, given from the newest to the oldest.
    pub fn of(runs: impl IntoIterator<Item = Arc<Run>>) -> Self {
        let runs = runs.into_iter().collect();
        Self { runs }
    }

    /// The newest doc of a contact.
    pub fn doc(&self, ordinal: Ordinal) -> Option<Doc> {
        doc_in(self.newest(ordinal)?, ordinal)
    }

    /// What the newest doc of a contact says beside its words.
    pub fn head(&self, ordinal: Ordinal) -> Option<Head> {
        self.heads().of(ordinal)
    }

    /// Reads what the newest docs of contacts say beside their words, one after the other.
    pub const fn heads(&self) -> Heads<'_> {
        Heads {
            shelf: self,
            last: None,
        }
    }

    /// The newest run that has a doc of a contact.
    fn newest(&self, ordinal: Ordinal) -> Option<&Arc<Run>> {
        let mut runs = self.runs.iter();
        runs.find(|run| run.contacts().contains(ordinal))
    }

    /// The number of a contact.
    pub fn find(&self, id: ContactId) -> Option<Ordinal> {
        let prefix = entry::id(id);
        // An id is true wherever it stands: the young runs are looked at first, for they are in
        // memory, and then the files from the oldest, which has most of them.
        let (young, old): (Vec<_>, Vec<_>) =
            self.runs.iter().partition(|run| run.segment().is_none());
        let runs = young.into_iter().chain(old.into_iter().rev());
        runs.into_iter().find_map(|run| {
            let cursor = Cursor::up(run.clone(), &prefix);
            let key = cursor.key().filter(|key| key.starts_with(&prefix));
            key.and_then(entry::ordinal)
        })
    }

    /// The number of the first contact whose id is not before this one.
    pub fn first_from(&self, id: ContactId) -> Option<Ordinal> {
        let from = entry::id(id);
        let first = |run: &Arc<Run>| {
            let cursor = Cursor::up(run.clone(), &from);
            let key = cursor.key().filter(|key| key.starts_with(&entry::ids()));
            key.and_then(entry::ordinal)
        };
        self.runs.iter().filter_map(first).min()
    }

    /// A scope's live contacts in an order: from `edge` on upwards, or from below it downwards.
    pub fn walk(&self, scope: ScopeId, by: SortKey, edge: Option<&Key>, down: bool) -> Walk<'_> {
        let edge = edge.map(|key| entry::place(scope, key, 0));
        self.places(entry::order(scope, by), edge, down)
    }

    /// A scope's ended contacts by their last change, from a position on.
    pub fn walk_ended(&self, scope: ScopeId, from: u64) -> Walk<'_> {
        let edge = entry::ended_place(scope, from, 0);
        self.places(entry::ended(scope), Some(edge), false)
    }

    fn places(&self, prefix: Vec<u8>, edge: Option<Vec<u8>>, down: bool) -> Walk<'_> {
        let keys = self.keys(prefix, edge, down);
        Box::new(keys.filter_map(|key| entry::place_of(&key)))
    }

    /// The keys that begin so and are not out of date, in order.
    pub fn keys(
        &self,
        prefix: Vec<u8>,
        edge: Option<Vec<u8>>,
        down: bool,
    ) -> impl Iterator<Item = Vec<u8>> {
        let from = match (edge, down) {
            (Some(edge), _) => edge,
            (None, false) => prefix.clone(),
            (None, true) => entry::behind(&prefix),
        };
        let cursors = self.runs.iter().enumerate().map(|(age, run)| match down {
            false => (age, Cursor::up(run.clone(), &from)),
            true => (age, Cursor::down(run.clone(), &from)),
        });
        let inside =
            |(_, cursor): &(usize, Cursor)| cursor.key().is_some_and(|k| k.starts_with(&prefix));
        let cursors = cursors.filter(inside).collect();
        let keys = Keys {
            cursors,
            prefix,
            down,
        };
        keys.filter_map(|(age, key)| {
            let ordinal = entry::ordinal(&key);
            let current = ordinal.is_none_or(|ordinal| self.is_current(age, ordinal));
            current.then_some(key)
        })
    }

    /// Whether no newer run knows a contact better.
    fn is_current(&self, age: usize, ordinal: Ordinal) -> bool {
        let mut newer = self.runs.iter().take(age);
        !newer.any(|run| run.contacts().contains(ordinal))
    }

    /// The number of entries that the wanted tokens have, those that are out of date too; `None`
    /// once it exceeds `most`.
    pub fn weigh(&self, wanted: &[Wanted], most: usize) -> Option<usize> {
        let mut weight = 0;
        for prefix in wanted.iter().map(entry::wanted) {
            for run in &self.runs {
                weight += run.count(&prefix, most);
                if weight > most {
                    return None;
                }
            }
        }
        Some(weight)
    }

    /// The contacts that have a wanted token, each once, in the order of creation.
    pub fn collect(&self, wanted: &[Wanted]) -> Vec<Ordinal> {
        self.few(wanted, usize::MAX).unwrap_or_default()
    }

    /// The contacts that have a wanted token, likewise; `None` once the tokens have more than so
    /// many entries, those that are out of date too.
    pub fn few(&self, wanted: &[Wanted], most: usize) -> Option<Vec<Ordinal>> {
        let mut found = Vec::new();
        let mut looked_at = 0;
        for prefix in wanted.iter().map(entry::wanted) {
            for (age, run) in self.runs.iter().enumerate() {
                let mut cursor = Cursor::up(run.clone(), &prefix);
                while let Some(key) = cursor.key().filter(|key| key.starts_with(&prefix)) {
                    looked_at += 1;
                    if looked_at > most {
                        return None;
                    }
                    let ordinal = entry::ordinal(key);
                    found.extend(ordinal.filter(|ordinal| self.is_current(age, *ordinal)));
                    cursor.advance();
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        Some(found)
    }
}

/// Reads heads of docs: those of contacts that were made one after the other lie side by side.
pub struct Heads<'a> {
    shelf: &'a Shelf,
    /// The run and the block that the last one was in.
    last: Option<(&'a Arc<Run>, Arc<Block>)>,
}

impl Heads<'_> {
    /// What the newest doc of a contact says beside its words.
    pub fn of(&mut self, ordinal: Ordinal) -> Option<Head> {
        let run = self.shelf.newest(ordinal)?;
        let prefix = entry::doc(ordinal);
        let here = self
            .last
            .as_ref()
            .filter(|(last, _)| Arc::ptr_eq(last, run));
        if let Some(head) = here.and_then(|(_, block)| head_in(block, &prefix)) {
            return Some(head);
        }
        let cursor = Cursor::up(run.clone(), &prefix);
        let head = head_in(cursor.block(), &prefix);
        self.last = Some((run, cursor.block().clone()));
        believed(run, head)
    }
}

/// The head of the doc whose keys begin so, where the block has its first part.
fn head_in(block: &Block, prefix: &[u8]) -> Option<Head> {
    let first = block.get(block.before(prefix))?;
    let part = entry::doc_bytes(first).filter(|_| first.starts_with(prefix))?;
    Doc::decode_head(part)
}

/// A contact's doc as one run has it.
pub fn doc_in(run: &Arc<Run>, ordinal: Ordinal) -> Option<Doc> {
    let prefix = entry::doc(ordinal);
    let mut cursor = Cursor::up(run.clone(), &prefix);
    let mut bytes = Vec::new();
    while let Some(key) = cursor.key().filter(|key| key.starts_with(&prefix)) {
        bytes.extend_from_slice(entry::doc_bytes(key)?);
        cursor.advance();
    }
    believed(run, Doc::decode(&bytes))
}

/// What was read of a run that must have it; where it has not, the file is damaged.
fn believed<T>(run: &Run, read: Option<T>) -> Option<T> {
    if read.is_none()
        && let Some(segment) = run.segment()
    {
        segment.is_damaged();
    }
    read
}

/// The keys of several runs that begin alike, each with the age of its run.
struct Keys {
    /// From the newest run to the oldest.
    cursors: Vec<(usize, Cursor)>,
    prefix: Vec<u8>,
    down: bool,
}

impl Iterator for Keys {
    type Item = (usize, Vec<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        let mut next: Option<(usize, &[u8])> = None;
        for (age, cursor) in &self.cursors {
            let key = cursor.key().filter(|key| key.starts_with(&self.prefix));
            let Some(key) = key else { continue };
            let is_next = next.is_none_or(|(_, other)| match self.down {
                false => key < other,
                true => key > other,
            });
            if is_next {
                next = Some((*age, key));
            }
        }
        let (age, key) = next.map(|(age, key)| (age, key.to_vec()))?;
        for (_, cursor) in &mut self.cursors {
            if cursor.key() == Some(&key) {
                cursor.advance();
            }
        }
        Some((age, key))
    }
}
