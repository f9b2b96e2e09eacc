//! What a simulated node has on its disk, and the small service above it: events that say which
//! state they were judged on and which key they need.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use contactd::audit::{Frontier, Hash};
use contactd::cluster::Place;
use contactd::domain::Position;

/// An event of the simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Tells it from every other.
    pub id: u64,
    /// The root of the tree on which its group was judged; on a group's first event alone.
    pub judged_on: Option<Hash>,
    /// The key that it was sealed with.
    pub key: Option<u64>,
    /// The key that it destroys.
    pub erases: Option<u64>,
}

impl Entry {
    pub fn encode(&self) -> Bytes {
        let numbers = [
            self.id,
            self.key.unwrap_or(0),
            self.erases.unwrap_or(0),
            u64::from(self.judged_on.is_some()),
        ];
        let mut bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_be_bytes()).collect();
        bytes.extend(self.judged_on.iter().flat_map(|root| root.0));
        bytes.into()
    }

    pub fn decode(bytes: &[u8]) -> Self {
        let number = |at: usize| {
            let bytes = bytes[at * 8..at * 8 + 8].try_into().expect("eight bytes");
            u64::from_be_bytes(bytes)
        };
        let some = |number: u64| (number > 0).then_some(number);
        let root = || Hash(bytes[32..64].try_into().expect("a hash"));
        Self {
            id: number(0),
            judged_on: (number(3) == 1).then(root),
            key: some(number(1)),
            erases: some(number(2)),
        }
    }
}

/// What is left of a node when its process dies.
#[derive(Default)]
pub struct Disk {
    pub entries: Vec<Bytes>,
    /// The tree after each event.
    trees: Vec<Frontier>,
    pub keys: BTreeSet<u64>,
    pub erased: BTreeSet<u64>,
    /// The keys of groups that are about to be ordered, by the position of their first event.
    pub ahead: BTreeMap<Position, u64>,
}

impl Disk {
    pub fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    pub fn place(&self) -> Place {
        Place::of(&self.tree(self.len()).expect("its own end"))
    }

    pub fn tree(&self, size: u64) -> Option<Frontier> {
        match size.checked_sub(1) {
            None => Some(Frontier::default()),
            Some(last) => self.trees.get(usize::try_from(last).ok()?).cloned(),
        }
    }

    pub fn push(&mut self, entry: Bytes) {
        let mut tree = self.tree(self.len()).expect("its own end");
        tree.push(Hash::leaf(&entry));
        let Entry { key, erases, .. } = Entry::decode(&entry);
        self.trees.push(tree);
        self.entries.push(entry);
        if let Some(key) = key.filter(|key| !self.erased.contains(key)) {
            self.keys.insert(key);
        }
        if let Some(key) = erases {
            self.keys.remove(&key);
            self.erased.insert(key);
        }
    }

    /// Whether it could open what was sealed with a key.
    pub fn has_key(&self, key: u64) -> bool {
        self.keys.contains(&key)
            || self.erased.contains(&key)
            || self.ahead.values().any(|ahead| *ahead == key)
    }
}
