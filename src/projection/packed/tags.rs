//! The tags of contacts' lookup keys: found by tag, and by the contact that has them.
//!
//! A tag is held whole, so that what is found is what was asked for. One that goes is overwritten.

use super::chunks::Chunks;
use super::number::NONE;
use super::table::{Table, hash_of};
use crate::domain::Tag;

/// A tag of one contact.
#[derive(Clone, Copy, Debug)]
struct Entry {
    tag: Tag,
    contact: u32,
    /// The next entry with the same tag, of an older contact.
    same: u32,
    /// The next entry of the same contact; of a free entry, the next free one.
    own: u32,
}

/// The tags of all live contacts.
#[derive(Debug)]
pub struct Tags {
    entries: Chunks<Entry>,
    free: u32,
    by_tag: Table,
}

impl Default for Tags {
    fn default() -> Self {
        Self {
            entries: Chunks::default(),
            free: NONE,
            by_tag: Table::default(),
        }
    }
}

impl Tags {
    /// Whether no more tags can be numbered.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.entries.is_full()
    }

    /// Makes room for so many more tags, of which none is held yet.
    pub fn reserve(&mut self, more: usize) {
        let entries = &self.entries;
        let hash = |number| entries.get(number).map_or(0, |entry| hash_of(entry.tag));
        self.by_tag.reserve(more, hash);
    }

    /// Notes a contact's tags; gives the number of the first, by which they are taken back.
    pub fn put(&mut self, contact: u32, tags: &[Tag]) -> u32 {
        let link = |own, tag: &Tag| self.link(*tag, contact, own);
        tags.iter().rev().fold(NONE, link)
    }

    /// Takes back a contact's tags, of which this is the first.
    pub fn take(&mut self, first: u32) {
        let mut number = first;
        while let Some(entry) = self.entries.get(number).copied() {
            self.unlink(number, entry);
            if let Some(place) = self.entries.get_mut(number) {
                *place = Entry {
                    tag: Tag([0; 16]),
                    contact: NONE,
                    same: NONE,
                    own: self.free,
                };
                self.free = number;
            }
            number = entry.own;
        }
    }

    /// A contact's tags, of which this is the first, in the order in which they were put.
    pub fn of(&self, first: u32) -> impl Iterator<Item = Tag> {
        let entry = |number: u32| self.entries.get(number);
        let all = std::iter::successors(entry(first), move |last| entry(last.own));
        all.map(|entry| entry.tag)
    }

    /// The contacts that have a tag, the newest first.
    pub fn holders(&self, tag: Tag) -> impl Iterator<Item = u32> {
        let entry = |number: u32| self.entries.get(number);
        let all = std::iter::successors(entry(self.first_with(tag)), move |last| entry(last.same));
        all.map(|entry| entry.contact)
    }

    fn first_with(&self, tag: Tag) -> u32 {
        let found = self
            .by_tag
            .find(hash_of(tag), |number| self.has(number, tag));
        found.unwrap_or(NONE)
    }

    fn has(&self, number: u32, tag: Tag) -> bool {
        self.entries
            .get(number)
            .is_some_and(|entry| entry.tag == tag)
    }

    /// Adds an entry in its place among those of the same tag. A new contact's is the first.
    fn link(&mut self, tag: Tag, contact: u32, own: u32) -> u32 {
        let head = self.first_with(tag);
        let (mut before, mut same) = (NONE, head);
        while let Some(newer) = self.entries.get(same).filter(|it| it.contact > contact) {
            before = same;
            same = newer.same;
        }
        let number = self.store(Entry {
            tag,
            contact,
            same,
            own,
        });
        if let Some(before) = self.entries.get_mut(before) {
            before.same = number;
        } else if head == NONE {
            let entries = &self.entries;
            let hash = |number| entries.get(number).map_or(0, |entry| hash_of(entry.tag));
            self.by_tag.insert(hash_of(tag), number, hash);
        } else {
            self.by_tag
                .replace(hash_of(tag), number, |other| other == head);
        }
        number
    }

    fn store(&mut self, entry: Entry) -> u32 {
        let number = self.free;
        match self.entries.get_mut(number) {
            Some(place) => {
                self.free = place.own;
                *place = entry;
                number
            }
            None => self.entries.push(entry),
        }
    }

    /// Takes an entry out of those of the same tag.
    fn unlink(&mut self, number: u32, entry: Entry) {
        let hash = hash_of(entry.tag);
        let mut at = self.first_with(entry.tag);
        if at == number && entry.same == NONE {
            self.by_tag.remove(hash, |other| other == number);
        } else if at == number {
            self.by_tag
                .replace(hash, entry.same, |other| other == number);
        }
        while let Some(other) = self.entries.get_mut(at).filter(|_| at != number) {
            if other.same == number {
                other.same = entry.same;
                return;
            }
            at = other.same;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Tags of which some are the same in the bytes that are hashed.
    fn tag(number: u8) -> Tag {
        let mut bytes = [0; 16];
        bytes[7] = number % 3;
        bytes[15] = number;
        Tag(bytes)
    }

    proptest! {
        #[test]
        fn it_finds_the_contacts_that_a_map_finds(
            steps in prop::collection::vec((0..9_u32, prop::collection::btree_set(0..9_u8, 0..4)), 0..80),
        ) {
            let mut tags = Tags::default();
            let mut model: BTreeMap<u32, (u32, Vec<Tag>)> = BTreeMap::new();
            for (contact, now) in steps {
                if let Some((first, _)) = model.remove(&contact) {
                    tags.take(first);
                }
                let now: Vec<Tag> = now.into_iter().map(tag).collect();
                let first = tags.put(contact, &now);
                model.insert(contact, (first, now));
                for number in 0..9 {
                    let has = |(_, (_, of)): &(&u32, &(u32, Vec<Tag>))| of.contains(&tag(number));
                    let wanted = model.iter().rev().filter(has).map(|(contact, _)| *contact);
                    let found: Vec<u32> = tags.holders(tag(number)).collect();
                    prop_assert_eq!(found, wanted.collect::<Vec<_>>());
                }
                for (first, wanted) in model.values() {
                    prop_assert_eq!(&tags.of(*first).collect::<Vec<_>>(), wanted);
                }
            }
            let held = tags.entries.len();
            for (_, (first, _)) in model {
                tags.take(first);
            }
            prop_assert!(tags.entries.iter_from(0).all(|(_, entry)| entry.tag == Tag([0; 16])));
            tags.put(0, &[tag(1)]);
            prop_assert!(tags.entries.len() <= held.max(1), "what is free is used again");
        }
    }
}
