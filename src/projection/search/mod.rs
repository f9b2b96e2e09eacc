//! The view that finds contacts: their tokens, and the orders of lists.
//!
//! It holds folded words of live contacts, in memory only; of one that ended it keeps the id, the
//! scope and when it ended, which is nobody's data. Contacts are numbered in the order of their
//! creation, which is that of their ids, so four bytes stand for a contact and a sorted list of
//! slots finds it by its id.

mod dictionary;
mod orders;
mod query;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{FoldError, View};
use crate::domain::find::Profile;
use crate::domain::{
    Card, ContactId, DialectId, Event, Fact, Header, Operation, Owner, Phase, Position, Registry,
    Timestamp,
};
use dictionary::Dictionary;
use orders::{Orders, Ordinal, ScopeId};

pub use query::{Changed, ENTRIES_MAX, Hit, Hits, Query, TooBroad};

/// The index that finds contacts by their texts and lists them in order.
#[derive(Debug)]
pub struct SearchIndex {
    registry: Registry,
    slots: Vec<Slot>,
    scopes: Vec<Scope>,
    numbers: HashMap<(DialectId, Box<str>), ScopeId>,
    dictionary: Dictionary,
    orders: Orders,
    live: usize,
}

/// The place of a contact in the index, live or not.
#[derive(Debug)]
struct Slot {
    id: ContactId,
    scope: ScopeId,
    created: Timestamp,
    changed: Fact,
    doc: Option<Box<Doc>>,
}

/// The words of a live contact, as numbers of the dictionary.
#[derive(Debug)]
struct Doc {
    name: Arc<str>,
    tokens: Box<[u32]>,
}

/// A tenant of a dialect, which has lists of its own.
#[derive(Debug)]
struct Scope {
    dialect: DialectId,
    tenant: Box<str>,
}

impl View for SearchIndex {
    const NAME: &'static str = "search";
    const VERSION: u32 = 2;
    const READS_CONTENT: bool = true;

    fn new(registry: Registry) -> Self {
        Self {
            registry,
            slots: Vec::new(),
            scopes: Vec::new(),
            numbers: HashMap::new(),
            dictionary: Dictionary::default(),
            orders: Orders::default(),
            live: 0,
        }
    }

    fn fold(&mut self, event: &Event, card: Option<&Card>) -> Result<(), FoldError> {
        let header = &event.header;
        let (Phase::Success { .. }, Some(id)) = (&event.phase, header.contact) else {
            return Ok(());
        };
        match header.operation {
            Operation::Create => {
                let ordinal = self.create(id, header)?;
                self.show(ordinal, card)
            }
            Operation::Update | Operation::Delete | Operation::Erase => {
                let ordinal = self.find(id).ok_or(FoldError::UnknownContact { id })?;
                self.hide(ordinal);
                if let Some(slot) = self.slots.get_mut(ordinal as usize) {
                    slot.changed = fact(header);
                }
                let card = card.filter(|_| header.operation == Operation::Update);
                self.show(ordinal, card)
            }
            Operation::Retrieve | Operation::RetrieveList => Ok(()),
        }
    }
}

fn fact(header: &Header) -> Fact {
    Fact {
        position: header.position,
        time: header.time,
    }
}

impl SearchIndex {
    /// The number of live contacts in the index.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.live
    }

    /// Whether the index holds no live contact.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Everything it knows of texts: each token, and each name after a `=`, with the contacts that
    /// have it. Two views of the same contacts give the same.
    #[must_use]
    pub fn dump(&self) -> BTreeMap<String, Vec<ContactId>> {
        let id = |ordinal: &Ordinal| self.slots.get(*ordinal as usize).map(|slot| slot.id);
        let mut dump: BTreeMap<String, Vec<ContactId>> = BTreeMap::new();
        for (text, who) in self.dictionary.all() {
            dump.insert(text.to_owned(), who.iter().filter_map(id).collect());
        }
        for slot in &self.slots {
            if let Some(doc) = &slot.doc {
                let named = dump.entry(format!("={}", doc.name)).or_default();
                named.push(slot.id);
            }
        }
        dump
    }

    fn create(&mut self, id: ContactId, header: &Header) -> Result<Ordinal, FoldError> {
        if self.slots.last().is_some_and(|last| last.id >= id) {
            return Err(FoldError::OutOfOrder { id });
        }
        let ordinal = Ordinal::try_from(self.slots.len()).map_err(|_| FoldError::Full)?;
        let scope = self.scope(&header.owner)?;
        self.slots.push(Slot {
            id,
            scope,
            created: header.time,
            changed: fact(header),
            doc: None,
        });
        Ok(ordinal)
    }

    fn scope(&mut self, owner: &Owner) -> Result<ScopeId, FoldError> {
        let key = (owner.dialect(), Box::from(owner.tenant()));
        if let Some(scope) = self.numbers.get(&key) {
            return Ok(*scope);
        }
        // The last number is kept free: the end of a scope is the beginning of the next.
        let scope = ScopeId::try_from(self.scopes.len()).map_err(|_| FoldError::Full)?;
        if scope == ScopeId::MAX {
            return Err(FoldError::Full);
        }
        self.scopes.push(Scope {
            dialect: key.0,
            tenant: key.1.clone(),
        });
        self.numbers.insert(key, scope);
        Ok(scope)
    }

    fn find(&self, id: ContactId) -> Option<Ordinal> {
        let found = self.slots.binary_search_by(|slot| slot.id.cmp(&id));
        found.ok().and_then(|at| Ordinal::try_from(at).ok())
    }

    /// Takes a contact's words in, or notes that it has ended.
    fn show(&mut self, ordinal: Ordinal, card: Option<&Card>) -> Result<(), FoldError> {
        let Some(slot) = self.slots.get_mut(ordinal as usize) else {
            return Ok(());
        };
        let changed = slot.changed.position.get();
        let Some(card) = card else {
            self.orders.end(slot.scope, ordinal, changed);
            return Ok(());
        };
        let scope = self.scopes.get(slot.scope as usize);
        let rules = scope.and_then(|scope| self.registry.get(scope.dialect));
        let is_active = rules.is_none_or(|rules| rules.is_active(card));
        let Profile { name, tokens } = Profile::of(card, is_active);
        let name: Arc<str> = name.into();
        let tokens: Result<Box<[u32]>, FoldError> = tokens
            .iter()
            .map(|token| self.dictionary.insert(token, ordinal))
            .collect();
        self.orders
            .insert(slot.scope, ordinal, changed, name.clone());
        slot.doc = Some(Box::new(Doc {
            name,
            tokens: tokens?,
        }));
        self.live += 1;
        Ok(())
    }

    /// Removes a contact's words from the index.
    fn hide(&mut self, ordinal: Ordinal) {
        let Some(slot) = self.slots.get_mut(ordinal as usize) else {
            return;
        };
        let changed = slot.changed.position.get();
        let Some(doc) = slot.doc.take() else {
            self.orders.unend(slot.scope, changed);
            return;
        };
        self.live -= 1;
        self.orders.remove(slot.scope, ordinal, changed, doc.name);
        for token in &doc.tokens {
            self.dictionary.remove(*token, ordinal);
        }
    }

    /// The number of the first contact whose id is not before this one.
    fn first_from(&self, id: ContactId) -> Ordinal {
        let at = self.slots.partition_point(|slot| slot.id < id);
        Ordinal::try_from(at).unwrap_or(Ordinal::MAX)
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

/// The edge that lies just behind a position.
fn behind(position: Position) -> u64 {
    position.get().saturating_add(1)
}
