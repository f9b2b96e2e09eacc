//! Runs merged into one, a slice at a time.
//!
//! What an older run says of a contact is left out where a newer one among them has its doc: so
//! merging is what forgets the words that a contact had once.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::block::{Block, Lead, lead};
use super::entry;
use super::orders::Ordinal;
use super::run::Run;

/// Neighbouring runs that are being merged.
pub struct Merge {
    /// From the newest to the oldest.
    inputs: Vec<Input>,
    /// The inputs that have keys left, by their numbers: the one whose key is the least stands last.
    order: Vec<(Lead, usize)>,
    contacts: RoaringBitmap,
}

struct Input {
    run: Arc<Run>,
    block: Arc<Block>,
    index: u32,
    at: usize,
    /// The contacts in it that newer runs know better.
    known_better: RoaringBitmap,
}

impl Input {
    fn key(&self) -> Option<&[u8]> {
        self.block.get(self.at)
    }

    fn advance(&mut self) {
        self.at += 1;
        self.pass_end();
    }

    /// Goes on to the next block that has a key.
    fn pass_end(&mut self) {
        while self.at >= self.block.len() && self.index + 1 < self.run.len() {
            self.index += 1;
            self.block = self.run.scan(self.index);
            self.at = 0;
        }
    }

    /// Whether its key is out of date.
    fn is_known_better(&self, key: &[u8]) -> bool {
        let better = &self.known_better;
        !better.is_empty() && entry::ordinal(key).is_some_and(|ordinal| better.contains(ordinal))
    }
}

impl Merge {
    /// Begins to merge runs, given from the newest to the oldest.
    pub fn new(runs: impl IntoIterator<Item = Arc<Run>>) -> Self {
        let mut merge = Self {
            inputs: Vec::new(),
            order: Vec::new(),
            contacts: RoaringBitmap::new(),
        };
        for run in runs {
            let known_better = &merge.contacts & run.contacts();
            merge.contacts |= run.contacts();
            let mut input = Input {
                block: run.scan(0),
                run,
                index: 0,
                at: 0,
                known_better,
            };
            input.pass_end();
            merge.inputs.push(input);
            merge.put_in_order(merge.inputs.len() - 1);
        }
        merge
    }

    /// Whether a block that it holds has parts of a contact's doc: what is written to the file from now
    /// on it would see of the further parts, and not of these.
    pub fn holds_doc_of(&self, contact: Ordinal) -> bool {
        let prefix = entry::doc(contact);
        self.inputs.iter().any(|input| {
            let first = input.block.get(input.block.before(&prefix));
            first.is_some_and(|key| key.starts_with(&prefix))
        })
    }

    /// The contacts whose docs are in what comes of it.
    pub const fn contacts(&self) -> &RoaringBitmap {
        &self.contacts
    }

    /// Gives an input its place by the key that it stands at; none where it has come to its end.
    fn put_in_order(&mut self, number: usize) {
        let key = |number: usize| self.inputs.get(number).and_then(Input::key);
        let Some(its) = key(number) else {
            return;
        };
        let lead = lead(its);
        let is_before = |(other, at): &(Lead, usize)| {
            // Of equal keys the newest comes first.
            (*other, key(*at), *at) < (lead, Some(its), number)
        };
        // From the least on: where runs do not mingle, it is the least again.
        let before = self.order.iter().rev().take_while(|it| is_before(it));
        let place = self.order.len() - before.count();
        self.order.insert(place, (lead, number));
    }

    /// Goes on by at most so many keys; whether it has come to the end.
    ///
    /// # Errors
    /// As `push`.
    pub fn step<E>(
        &mut self,
        most: usize,
        mut push: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<bool, E> {
        for _ in 0..most {
            let Some((_, least)) = self.order.last().copied() else {
                return Ok(true);
            };
            if let Some(input) = self.inputs.get_mut(least) {
                if let Some(key) = input.key().filter(|key| !input.is_known_better(key)) {
                    push(key)?;
                }
                input.advance();
            }
            self.order.pop();
            self.put_in_order(least);
        }
        Ok(false)
    }
}
