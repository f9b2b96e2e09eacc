//! Values that many rows share, each held once and named by its number.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash, RandomState};

use super::chunks::Chunks;
use super::table::Table;

/// Values by number, in the order in which they were first seen. None is ever taken out.
#[derive(Debug)]
pub struct Interned<T> {
    values: Chunks<T>,
    numbers: Table,
    /// Clients choose what owners and actors are called, so the hash is keyed.
    hasher: RandomState,
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self {
            values: Chunks::default(),
            numbers: Table::default(),
            hasher: RandomState::new(),
        }
    }
}

impl<T: Hash> Interned<T> {
    /// The number of values, which is the number of the next new one.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.values.len()
    }

    /// The value of a number.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&T> {
        self.values.get(number)
    }

    /// The values from a number on.
    pub fn from(&self, first: u32) -> impl Iterator<Item = &T> {
        self.values.iter_from(first).map(|(_, value)| value)
    }

    /// The number of a value that was seen.
    pub fn find<Q: Hash + Eq + ?Sized>(&self, value: &Q) -> Option<u32>
    where
        T: Borrow<Q>,
    {
        let is_meant = |number| self.get(number).is_some_and(|it| it.borrow() == value);
        self.numbers.find(self.hasher.hash_one(value), is_meant)
    }

    /// The number of a value, which is made where it was never seen.
    pub fn number<Q: Hash + Eq + ?Sized>(&mut self, value: &Q, make: impl FnOnce() -> T) -> u32
    where
        T: Borrow<Q>,
    {
        if let Some(number) = self.find(value) {
            return number;
        }
        let number = self.values.push(make());
        let Self {
            values,
            numbers,
            hasher,
        } = self;
        let hash_of = |number| {
            values
                .get(number)
                .map_or(0, |it| hasher.hash_one(it.borrow()))
        };
        numbers.insert(hasher.hash_one(value), number, hash_of);
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_held_once() {
        let mut texts: Interned<String> = Interned::default();
        for round in 0..2 {
            for number in 0..5_000_u32 {
                let text = number.to_string();
                let made = texts.number(text.as_str(), || {
                    assert_eq!(round, 0, "it is made once");
                    text.clone()
                });
                assert_eq!(made, number);
            }
        }
        assert_eq!(texts.find("4711"), Some(4711));
        assert_eq!(texts.find("x"), None);
        assert_eq!(texts.get(17).map(String::as_str), Some("17"));
        assert_eq!(texts.from(4_998).collect::<Vec<_>>(), ["4998", "4999"]);
    }
}
