//! Runs merged into one, a slice at a time.
//!
//! What an older run says of a contact is left out where a newer one among them has its doc: so
//! merging is what forgets the words that a contact had once.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::block::Block;
use super::entry;
use super::run::Run;

/// Neighbouring runs that are being merged.
pub struct Merge {
    /// From the newest to the oldest.
    inputs: Vec<Input>,
    contacts: RoaringBitmap,
}

struct Input {
    run: Arc<Run>,
    block: Arc<Block>,
    index: u32,
    at: usize,
    /// The first bytes of its key as a number, by which most keys are told from each other.
    lead: u64,
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
        self.lead = self.key().map_or(0, lead);
    }
}

/// The first bytes of a key as a number: keys sort as these do where these differ.
fn lead(key: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    for (to, from) in bytes.iter_mut().zip(key) {
        *to = *from;
    }
    u64::from_be_bytes(bytes)
}

impl Merge {
    /// Begins to merge runs, given from the newest to the oldest.
    pub fn new(runs: impl IntoIterator<Item = Arc<Run>>) -> Self {
        let mut contacts = RoaringBitmap::new();
        let mut inputs = Vec::new();
        for run in runs {
            let known_better = &contacts & run.contacts();
            contacts |= run.contacts();
            let mut input = Input {
                block: run.scan(0),
                run,
                index: 0,
                at: 0,
                lead: 0,
                known_better,
            };
            input.pass_end();
            inputs.push(input);
        }
        Self { inputs, contacts }
    }

    /// The contacts whose docs are in what comes of it.
    pub const fn contacts(&self) -> &RoaringBitmap {
        &self.contacts
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
            let mut least: Option<(usize, (u64, &[u8]))> = None;
            for (index, input) in self.inputs.iter().enumerate() {
                if let Some(key) = input.key()
                    && least.is_none_or(|(_, other)| (input.lead, key) < other)
                {
                    least = Some((index, (input.lead, key)));
                }
            }
            let Some((least, (_, key))) = least else {
                return Ok(true);
            };
            let better = self.inputs.get(least).map(|input| &input.known_better);
            let is_known_better = |ordinal| {
                better.is_some_and(|better| !better.is_empty() && better.contains(ordinal))
            };
            if !entry::ordinal(key).is_some_and(is_known_better) {
                push(key)?;
            }
            if let Some(input) = self.inputs.get_mut(least) {
                input.advance();
            }
        }
        Ok(false)
    }
}
