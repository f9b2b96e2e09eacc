//! The view that finds contacts: their tokens, and the orders of lists.
//!
//! It is one sorted set of small keys ([`entry`]): who has a token, who comes where in an order, and
//! what is known of each contact. The set is made of runs ([`run`]): each lot of events becomes a
//! new one, the young ones are in memory, the old ones in sealed files ([`segment`]), and neighbours
//! are merged ([`upkeep`]). So memory is bounded whatever the number of contacts, folding costs the
//! same at the millionth as at the first, and a start goes on from the last checkpoint.
//!
//! A run holds of a contact exactly what follows from one doc of it ([`doc`]). Where a newer run has
//! a doc too, all that the older one says of the contact is out of date: nothing is looked up to
//! write a change, and nothing is taken back. An erasure is the exception: it takes the contact out
//! of every file where it lies ([`purge`]) before it is answered. Libraries that keep an index on
//! disk forget at their next merge, whenever that is.
//!
//! Of a contact that ended it keeps the id, the scope and when it ended, which is nobody's data.
//! Contacts are numbered in the order of their creation, which is that of their ids, so four bytes
//! stand for a contact.

mod block;
mod doc;
mod entry;
mod limits;
mod manifest;
mod merge;
mod orders;
mod purge;
mod query;
mod run;
mod segment;
mod shelf;
#[cfg(test)]
mod tests;
mod upkeep;

use std::collections::{BTreeMap, HashMap, HashSet};

use super::view::{Chore, Home, IsOfLog};
use super::{FoldError, KeepError, View};
use crate::domain::find::Profile;
use crate::domain::{
    Card, ContactId, DialectId, Event, Fact, Header, Operation, Owner, Phase, Position, Registry,
    Texts,
};
use block::Block;
use doc::{Doc, State, Words};
use limits::Limits;
use manifest::Checkpoint;
use orders::{Ordinal, ScopeId};
use run::Run;
use shelf::Shelf;
use upkeep::Upkeep;

pub use query::{Changed, ENTRIES_MAX, Hit, Hits, Query, QueryError};

/// The index that finds contacts by their texts and lists them in order.
pub struct SearchIndex {
    upkeep: Upkeep,
    /// The place in the log that it has reached.
    at: Checkpoint,
    scopes: Vec<Scope>,
    numbers: HashMap<(DialectId, Box<str>), ScopeId>,
    /// The docs of contacts that were folded and are not in a run yet.
    pending: BTreeMap<Ordinal, Doc>,
    /// The numbers of the pending contacts.
    pending_ids: HashMap<ContactId, Ordinal>,
    /// Scopes from this number on are in no run yet.
    scopes_kept: usize,
    /// Contacts that are erased, though the event that says so is not folded yet.
    erased: HashSet<ContactId>,
    /// The ids of all contacts by their numbers, while it is made of the whole log.
    ids: Option<Vec<ContactId>>,
    /// The memory of the keys that become the next run; empty between two of them.
    scratch: Block,
}

/// A tenant of a dialect, which has lists of its own.
#[derive(Debug)]
struct Scope {
    dialect: DialectId,
    tenant: Box<str>,
}

impl View for SearchIndex {
    const NAME: &'static str = "search";
    const VERSION: u32 = manifest::VERSION;
    const READS_CONTENT: bool = true;
    /// The words of a content; `None` of an event without one, or where nobody can read it.
    type Extract = Option<Words>;

    fn new() -> Self {
        Self::of(Upkeep::in_memory())
    }

    fn resume(home: &Home, is_of_log: IsOfLog<'_>) -> (Self, Position) {
        // What cannot be looked at now answers nothing, and is tried again.
        let upkeep = Upkeep::resume(home, is_of_log);
        let upkeep = upkeep.unwrap_or_else(|error| Upkeep::out_of_reach(home, error.to_string()));
        let index = Self::of(upkeep);
        let position = index.at.position;
        (index, position)
    }

    fn beside(home: &Home) -> Self {
        Self::of(Upkeep::beside(home))
    }

    fn afresh(home: &Home) -> Result<Self, KeepError> {
        manifest::remove(&*home.files)?;
        segment::destroy_all(&*home.files)?;
        let mut index = Self::of(Upkeep::beside(home));
        index.upkeep.limits = Limits::of_whole_log();
        index.ids = Some(Vec::new());
        Ok(index)
    }

    fn take_over(&mut self, other: &mut Self) -> Result<(), KeepError> {
        self.upkeep.take_over(&mut other.upkeep)
    }

    fn extract(registry: Registry, event: &Event, card: Option<&Card>) -> Option<Words> {
        card.map(|card| Self::words(registry, event, card, &Texts::of(card)))
    }

    fn fold(&mut self, event: &Event, words: Option<Words>) -> Result<(), FoldError> {
        let header = &event.header;
        if let (Phase::Success { .. }, Some(id)) = (&event.phase, header.contact) {
            self.fold_success(id, header, words)?;
        }
        self.at.position = header.position;
        self.at.event = Some(header.id);
        if self.pending.len() >= self.upkeep.limits.pending_max {
            self.settle();
        }
        Ok(())
    }

    fn is_settled(&self) -> bool {
        self.pending.is_empty() && self.scopes_kept == self.scopes.len()
    }

    fn settle(&mut self) {
        let new_scopes = self.scopes_kept..self.scopes.len();
        if self.is_settled() {
            return;
        }
        let keys = &mut self.scratch;
        for (ordinal, doc) in &self.pending {
            doc.push_keys(*ordinal, keys);
        }
        for number in new_scopes {
            if let (Ok(scope), Some(Scope { dialect, tenant })) =
                (ScopeId::try_from(number), self.scopes.get(number))
            {
                keys.push(&entry::scope(scope, *dialect, tenant));
            }
        }
        self.scopes_kept = self.scopes.len();
        self.pending.clear();
        self.pending_ids.clear();
        self.upkeep.add(Run::of(keys));
        keys.clear();
    }

    fn tend(&mut self) -> Result<Chore, KeepError> {
        let is_due = self.upkeep.is_due(&self.at);
        if is_due {
            // The file that is begun goes up to here.
            self.settle();
        }
        self.upkeep.tend(&self.at, is_due)
    }

    fn give_up(&mut self) {
        self.upkeep.give_up();
    }

    fn is_full(&self) -> bool {
        self.upkeep.is_full()
    }

    fn keep(&mut self) -> Result<(), KeepError> {
        self.settle();
        self.upkeep.keep(&self.at)
    }

    fn forget(&mut self, contacts: &[ContactId]) -> Result<(), KeepError> {
        let mut numbers = Vec::new();
        let mut is_hollow = false;
        for id in contacts {
            self.erased.insert(*id);
            if let Some(ordinal) = self.find(*id)
                && let Some(doc) = self.doc(ordinal)
            {
                numbers.push(ordinal);
                if doc.words().is_some() {
                    self.put(ordinal, doc.hollow());
                    is_hollow = true;
                }
            }
        }
        if is_hollow {
            self.settle();
        }
        self.upkeep.purge(&numbers)
    }

    fn discard(&mut self) -> Result<(), KeepError> {
        self.at = Checkpoint::default();
        self.pending.clear();
        self.pending_ids.clear();
        self.upkeep.discard()
    }

    fn fault(&self) -> Option<String> {
        self.upkeep.fault()
    }
}

fn fact(header: &Header) -> Fact {
    Fact {
        position: header.position,
        time: header.time,
    }
}

impl SearchIndex {
    /// The words of a Card that an event wrote, whose texts are known.
    #[must_use]
    pub fn words(registry: Registry, event: &Event, card: &Card, texts: &Texts<'_>) -> Words {
        let rules = registry.get(event.header.owner.dialect());
        let is_active = rules.is_none_or(|rules| rules.is_active(card));
        Profile::of_texts(texts, is_active).into()
    }

    /// The number of live contacts in the index.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.at.live
    }

    /// Whether the index holds no live contact.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.at.live == 0
    }

    /// Everything it knows of texts: each token, and each name after a `=`, with the contacts that
    /// have it. Two views of the same contacts give the same.
    #[must_use]
    pub fn dump(&self) -> BTreeMap<String, Vec<ContactId>> {
        let shelf = self.upkeep.shelf();
        let mut dump: BTreeMap<String, Vec<ContactId>> = BTreeMap::new();
        let mut add = |text: String, ordinal: Ordinal| {
            let ids = dump.entry(text).or_default();
            ids.extend(shelf.doc(ordinal).map(|doc| doc.id));
        };
        for key in shelf.keys(entry::tokens().into(), None, false) {
            if let (Some(text), Some(ordinal)) = (entry::token_of(&key), entry::ordinal(&key)) {
                add(text, ordinal);
            }
        }
        for ordinal in 0..self.at.contacts {
            let doc = shelf.doc(ordinal);
            if let Some(words) = doc.as_ref().and_then(Doc::words) {
                add(format!("={}", words.name), ordinal);
            }
        }
        dump
    }

    fn of(upkeep: Upkeep) -> Self {
        let mut index = Self {
            at: *upkeep.kept(),
            upkeep,
            scopes: Vec::new(),
            numbers: HashMap::new(),
            pending: BTreeMap::new(),
            pending_ids: HashMap::new(),
            scopes_kept: 0,
            erased: HashSet::new(),
            ids: None,
            scratch: Block::default(),
        };
        let keys = index
            .upkeep
            .shelf()
            .keys(entry::scopes().into(), None, false);
        for key in keys {
            if let Some((scope, dialect, tenant)) = entry::scope_of(&key) {
                let tenant: Box<str> = tenant.into();
                index.numbers.insert((dialect, tenant.clone()), scope);
                index.scopes.push(Scope { dialect, tenant });
            }
        }
        index.scopes_kept = index.scopes.len();
        index
    }

    fn fold_success(
        &mut self,
        id: ContactId,
        header: &Header,
        words: Option<Words>,
    ) -> Result<(), FoldError> {
        let words = words.filter(|_| !self.erased.contains(&id));
        let state = words.map_or(State::Ended, State::Live);
        match header.operation {
            Operation::Create => self.create(id, header, state),
            Operation::Update => self.change(id, header, state),
            Operation::Delete => self.change(id, header, State::Ended),
            Operation::Erase => {
                let gone = self.forget(&[id]);
                gone.map_err(|error| unkept(error.to_string()))?;
                self.change(id, header, State::Ended)?;
                self.erased.remove(&id);
                Ok(())
            }
            Operation::Retrieve | Operation::RetrieveList => Ok(()),
        }
    }

    fn create(&mut self, id: ContactId, header: &Header, state: State) -> Result<(), FoldError> {
        if self.at.last.is_some_and(|last| last >= id) {
            return Err(FoldError::OutOfOrder { id });
        }
        let ordinal = self.at.contacts;
        let contacts = ordinal.checked_add(1).ok_or(FoldError::Full)?;
        let scope = self.scope(&header.owner)?;
        self.at.contacts = contacts;
        self.at.last = Some(id);
        self.ids.iter_mut().for_each(|ids| ids.push(id));
        let doc = Doc {
            id,
            scope,
            created: header.time,
            changed: fact(header),
            state,
        };
        self.at.live += usize::from(doc.is_live());
        self.put(ordinal, doc);
        Ok(())
    }

    fn change(&mut self, id: ContactId, header: &Header, state: State) -> Result<(), FoldError> {
        let known = self.find(id).and_then(|at| Some((at, self.doc(at)?)));
        if let Some(reason) = self.fault() {
            return Err(unkept(reason));
        }
        let (ordinal, before) = known.ok_or(FoldError::UnknownContact { id })?;
        self.at.live -= usize::from(before.is_live());
        let doc = Doc {
            changed: fact(header),
            state,
            ..before
        };
        self.at.live += usize::from(doc.is_live());
        self.put(ordinal, doc);
        Ok(())
    }

    fn put(&mut self, ordinal: Ordinal, doc: Doc) {
        self.pending_ids.insert(doc.id, ordinal);
        self.pending.insert(ordinal, doc);
    }

    fn find(&self, id: ContactId) -> Option<Ordinal> {
        if let Some(ids) = &self.ids {
            let number = ids.binary_search(&id).ok()?;
            return Ordinal::try_from(number).ok();
        }
        let pending = self.pending_ids.get(&id).copied();
        pending.or_else(|| self.upkeep.shelf().find(id))
    }

    fn doc(&self, ordinal: Ordinal) -> Option<Doc> {
        let pending = self.pending.get(&ordinal).cloned();
        pending.or_else(|| self.upkeep.shelf().doc(ordinal))
    }

    fn scope(&mut self, owner: &Owner) -> Result<ScopeId, FoldError> {
        let key = (owner.dialect(), Box::from(owner.tenant()));
        if let Some(scope) = self.numbers.get(&key) {
            return Ok(*scope);
        }
        let scope = ScopeId::try_from(self.scopes.len()).map_err(|_| FoldError::Full)?;
        self.scopes.push(Scope {
            dialect: key.0,
            tenant: key.1.clone(),
        });
        self.numbers.insert(key, scope);
        Ok(scope)
    }

    const fn shelf(&self) -> &Shelf {
        self.upkeep.shelf()
    }

    /// The number of contacts that were ever created.
    const fn contacts(&self) -> Ordinal {
        self.at.contacts
    }

    /// The scopes that a reader may see.
    fn visible(&self, may: &dyn Fn(DialectId, &str) -> bool) -> Vec<ScopeId> {
        (0..)
            .zip(&self.scopes)
            .filter(|(_, scope)| may(scope.dialect, &scope.tenant))
            .map(|(number, _)| number)
            .collect()
    }
}

const fn unkept(reason: String) -> FoldError {
    FoldError::Unkept { reason }
}

/// The edge that lies just behind a position.
fn behind(position: Position) -> u64 {
    position.get().saturating_add(1)
}
