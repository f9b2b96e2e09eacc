//! Every token with the contacts that have it. A token that nobody has any more is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use crate::domain::find::Wanted;
use crate::projection::FoldError;

/// Tokens in the order of their texts, each with a number and the contacts that have it.
#[derive(Debug, Default)]
pub struct Dictionary {
    numbers: BTreeMap<Arc<str>, u32>,
    entries: Vec<Option<ContactRow>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct ContactRow {
    text: Arc<str>,
    who: Postings,
}

/// Most tokens are one contact's: an address, a number.
#[derive(Debug)]
enum Postings {
    One(u32),
    Many(BTreeSet<u32>),
}

impl Postings {
    fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(who) => who.len(),
        }
    }

    fn iter(&self) -> impl Iterator<Item = u32> {
        let (one, many) = match self {
            Self::One(who) => (Some(*who), None),
            Self::Many(who) => (None, Some(who)),
        };
        one.into_iter().chain(many.into_iter().flatten().copied())
    }

    fn insert(&mut self, who: u32) {
        match self {
            Self::One(other) => *self = Self::Many(BTreeSet::from([*other, who])),
            Self::Many(all) => {
                all.insert(who);
            }
        }
    }

    /// Removes a contact; whether no other has the token.
    fn remove(&mut self, who: u32) -> bool {
        match self {
            Self::One(one) => *one == who,
            Self::Many(all) => {
                all.remove(&who);
                all.is_empty()
            }
        }
    }
}

impl Dictionary {
    /// Notes that a contact has a token, and gives the token's number.
    ///
    /// # Errors
    /// [`FoldError::Full`] where there is no number for it.
    pub fn insert(&mut self, text: &str, who: u32) -> Result<u32, FoldError> {
        if let Some(number) = self.numbers.get(text).copied() {
            if let Some(Some(entry)) = self.entries.get_mut(number as usize) {
                entry.who.insert(who);
            }
            return Ok(number);
        }
        let text: Arc<str> = text.into();
        let entry = Some(ContactRow {
            text: text.clone(),
            who: Postings::One(who),
        });
        let number = match self.free.pop() {
            Some(number) => number,
            None => {
                let number = u32::try_from(self.entries.len()).map_err(|_| FoldError::Full)?;
                self.entries.push(None);
                number
            }
        };
        if let Some(place) = self.entries.get_mut(number as usize) {
            *place = entry;
        }
        self.numbers.insert(text, number);
        Ok(number)
    }

    /// Notes that a contact has a token no more.
    pub fn remove(&mut self, number: u32, who: u32) {
        let Some(place) = self.entries.get_mut(number as usize) else {
            return;
        };
        let Some(entry) = place else { return };
        if entry.who.remove(who) {
            self.numbers.remove(&entry.text);
            *place = None;
            self.free.push(number);
        }
    }

    /// The text of the token with this number.
    pub fn text(&self, number: u32) -> Option<&str> {
        let entry = self.entries.get(number as usize)?.as_ref()?;
        Some(&entry.text)
    }

    /// The number of entries that the wanted tokens have; `None` once it exceeds `most`.
    pub fn weigh(&self, wanted: &[Wanted], most: usize) -> Option<usize> {
        let mut weight = 0;
        for entry in self.wanted(wanted) {
            weight += entry.who.len();
            if weight > most {
                return None;
            }
        }
        Some(weight)
    }

    /// The contacts that have a wanted token, each once, in the order of creation.
    pub fn collect(&self, wanted: &[Wanted]) -> Vec<u32> {
        let entries = self.wanted(wanted);
        let mut found: Vec<u32> = entries.flat_map(|entry| entry.who.iter()).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Every token with the contacts that have it.
    pub fn all(&self) -> impl Iterator<Item = (&str, Vec<u32>)> {
        let entries = self.entries.iter().flatten();
        entries.map(|entry| (&*entry.text, entry.who.iter().collect()))
    }

    fn wanted(&self, wanted: &[Wanted]) -> impl Iterator<Item = &ContactRow> {
        let numbers = wanted.iter().flat_map(|wanted| {
            let (Wanted::Beginning(first) | Wanted::Exactly(first)) = wanted;
            let from = (Bound::Included(first.as_str()), Bound::Unbounded);
            let range = self.numbers.range::<str, _>(from);
            range.take_while(|(text, _)| wanted.has(text))
        });
        numbers.filter_map(|(_, number)| self.entries.get(*number as usize)?.as_ref())
    }
}
