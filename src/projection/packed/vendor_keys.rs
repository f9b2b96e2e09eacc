//! The parts of vendor ids that our own ids do not give: numbers of sequences, and what clients
//! chose.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

use super::chunks::Chunks;
use super::number::U48;
use super::row::{KeyKind, Row};
use super::table::{Table, hash_of};
use crate::domain::{DialectId, Tag, VendorKey};

/// An id that a client chose, which stays taken after its contact's end.
#[derive(Clone, Copy, Debug)]
struct Chosen {
    tag: Tag,
    contact: u32,
}

/// Contacts by the vendor keys that they have.
#[derive(Debug, Default)]
pub struct VendorKeys {
    /// Contacts by dialect and number.
    numbered: Table,
    last_number: BTreeMap<DialectId, u64>,
    chosen: Chunks<Chosen>,
    by_chosen: Table,
    hasher: RandomState,
}

impl VendorKeys {
    /// Whether no more chosen ids can be numbered.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.chosen.is_full()
    }

    /// The number of chosen ids, which is the number of the next one.
    #[must_use]
    pub const fn chosen_len(&self) -> u32 {
        self.chosen.len()
    }

    /// The next number of a dialect's sequence.
    #[must_use]
    pub fn next_number(&self, dialect: DialectId) -> u64 {
        self.last_number.get(&dialect).map_or(1, |last| last + 1)
    }

    /// What a row keeps of a new contact's vendor key. A chosen id is noted here.
    pub fn pack(&mut self, key: &VendorKey, contact: u32) -> (KeyKind, U48) {
        match key {
            VendorKey::Own => (KeyKind::Own, U48::default()),
            VendorKey::Sequence(number) => (KeyKind::Sequence, U48::new(*number)),
            VendorKey::Chosen(tag) => (
                KeyKind::Chosen,
                U48::new(u64::from(self.choose(*tag, contact))),
            ),
        }
    }

    /// Notes an id that a client chose; gives its number.
    pub fn choose(&mut self, tag: Tag, contact: u32) -> u32 {
        let number = self.chosen.push(Chosen { tag, contact });
        let chosen = &self.chosen;
        let tag_of = |number| chosen.get(number).map(|it: &Chosen| it.tag);
        let is_meant = |other| tag_of(other) == Some(tag);
        if !self.by_chosen.replace(hash_of(tag), number, is_meant) {
            let hash = |number| tag_of(number).map_or(0, hash_of);
            self.by_chosen.insert(hash_of(tag), number, hash);
        }
        number
    }

    /// The chosen ids from a number on, each with its contact.
    pub fn chosen_from(&self, first: u32) -> impl Iterator<Item = (Tag, u32)> {
        let chosen = self.chosen.iter_from(first);
        chosen.map(|(_, it)| (it.tag, it.contact))
    }

    /// The vendor key that a row keeps.
    #[must_use]
    pub fn unpack(&self, row: &Row) -> Option<VendorKey> {
        Some(match row.kind {
            KeyKind::Own => VendorKey::Own,
            KeyKind::Sequence => VendorKey::Sequence(row.key.get()),
            KeyKind::Chosen => {
                let number = u32::try_from(row.key.get()).ok()?;
                VendorKey::Chosen(self.chosen.get(number)?.tag)
            }
        })
    }

    /// Notes the number of a new contact in its dialect's sequence. `of` gives the dialect and the
    /// number of a contact that was noted.
    pub fn number(
        &mut self,
        dialect: DialectId,
        number: u64,
        contact: u32,
        of: impl Fn(u32) -> Option<(DialectId, u64)>,
    ) {
        let last = self.last_number.entry(dialect).or_default();
        *last = (*last).max(number);
        let key = (dialect, number);
        let hash = self.hash(key);
        let is_meant = |other| of(other) == Some(key);
        if !self.numbered.replace(hash, contact, is_meant) {
            let hasher = &self.hasher;
            let hash_of = |contact| of(contact).map_or(0, |key| hasher.hash_one(key));
            self.numbered.insert(hash, contact, hash_of);
        }
    }

    /// The contact with a number of a dialect's sequence; `of` as for [`Self::number`].
    pub fn numbered(
        &self,
        dialect: DialectId,
        number: u64,
        of: impl Fn(u32) -> Option<(DialectId, u64)>,
    ) -> Option<u32> {
        let key = (dialect, number);
        let is_meant = |contact| of(contact) == Some(key);
        self.numbered.find(self.hash(key), is_meant)
    }

    /// The contact with an id that its client chose.
    #[must_use]
    pub fn chosen(&self, tag: Tag) -> Option<u32> {
        let is_meant = |number| self.chosen.get(number).is_some_and(|it| it.tag == tag);
        let number = self.by_chosen.find(hash_of(tag), is_meant)?;
        self.chosen.get(number).map(|it| it.contact)
    }

    fn hash(&self, key: (DialectId, u64)) -> u64 {
        self.hasher.hash_one(key)
    }
}
