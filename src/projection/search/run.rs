//! A run: sorted keys that never change, in memory or in a file, and walking over them.
//!
//! Runs are what the index is made of. A new one begins with each lot of events that is folded; the
//! young ones are in memory, the old ones in files, and neighbours are merged. A newer run that has
//! a doc of a contact makes everything that older ones say of it out of date.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::block::Block;
use super::entry;
use super::segment::Segment;

/// Sorted keys, and the contacts whose docs are among them.
pub struct Run {
    blocks: Blocks,
    contacts: RoaringBitmap,
}

enum Blocks {
    /// The blocks, and the bytes they take.
    Memory(Vec<Arc<Block>>, usize),
    File(Box<Segment>),
}

impl Run {
    /// A run of these keys, which are sorted here.
    pub fn of(keys: &Block) -> Self {
        let mut making = Making::default();
        keys.each_sorted(|key| making.push(key));
        making.finish()
    }

    /// A run whose keys are in a file.
    pub fn of_file(segment: Segment, contacts: RoaringBitmap) -> Self {
        let blocks = Blocks::File(Box::new(segment));
        Self { blocks, contacts }
    }

    /// The file with its keys, where it has one.
    pub fn segment(&self) -> Option<&Segment> {
        match &self.blocks {
            Blocks::Memory(..) => None,
            Blocks::File(segment) => Some(segment),
        }
    }

    /// The contacts whose docs are here.
    pub const fn contacts(&self) -> &RoaringBitmap {
        &self.contacts
    }

    /// The number of blocks.
    pub fn len(&self) -> u32 {
        match &self.blocks {
            Blocks::Memory(blocks, _) => u32::try_from(blocks.len()).unwrap_or(u32::MAX),
            Blocks::File(segment) => segment.len(),
        }
    }

    /// The bytes that its keys take in memory.
    pub const fn weight(&self) -> usize {
        match &self.blocks {
            Blocks::Memory(_, weight) => *weight,
            Blocks::File(_) => 0,
        }
    }

    /// The block with this number, and an empty one where there is none.
    pub fn block(&self, index: u32) -> Arc<Block> {
        match &self.blocks {
            Blocks::Memory(blocks, _) => blocks.get(index as usize).cloned().unwrap_or_default(),
            Blocks::File(segment) => segment.block(index),
        }
    }

    /// Like [`block`](Self::block), for whoever reads all of them once.
    pub fn scan(&self, index: u32) -> Arc<Block> {
        match self.segment() {
            Some(segment) => segment.scan(index),
            None => self.block(index),
        }
    }

    /// The number of the first block that begins behind a key. A block that a purge has emptied
    /// says nothing; the next one that is not empty does.
    pub fn after(&self, key: &[u8]) -> u32 {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let told = (middle..high).find_map(|index| {
                let block = self.block(index);
                block.get(0).map(|first| (index, first <= key))
            });
            match told {
                Some((index, true)) => low = index + 1,
                Some((_, false)) | None => high = middle,
            }
        }
        low
    }

    /// The number of keys that begin so; a number above `most` stands for all above it.
    pub fn count(&self, prefix: &[u8], most: usize) -> usize {
        let end = entry::behind(prefix);
        let mut found = 0;
        for index in self.after(prefix).saturating_sub(1)..self.len() {
            let block = self.block(index);
            let to = block.before(&end);
            found += to - block.before(prefix);
            if to < block.len() || found > most {
                break;
            }
        }
        found
    }
}

/// A run in the making, in memory.
pub struct Making {
    blocks: Vec<Arc<Block>>,
    last: Block,
    contacts: RoaringBitmap,
}

impl Default for Making {
    fn default() -> Self {
        Self {
            blocks: Vec::new(),
            last: Block::with_room(),
            contacts: RoaringBitmap::new(),
        }
    }
}

impl Making {
    /// Adds a key, which sorts behind all before.
    pub fn push(&mut self, key: &[u8]) {
        if key.starts_with(&entry::docs()) {
            self.contacts.extend(entry::ordinal(key));
        }
        self.last.push(key);
        if self.last.is_full() {
            let full = std::mem::replace(&mut self.last, Block::with_room());
            self.blocks.push(Arc::new(full));
        }
    }

    /// The run of all of them.
    pub fn finish(mut self) -> Run {
        if self.last.len() > 0 {
            self.blocks.push(Arc::new(self.last));
        }
        let weight = self.blocks.iter().map(|block| block.weight()).sum();
        Run {
            blocks: Blocks::Memory(self.blocks, weight),
            contacts: self.contacts,
        }
    }
}

/// A place in a run, from which one walks up or down.
pub struct Cursor {
    run: Arc<Run>,
    block: Arc<Block>,
    index: u32,
    /// Upwards the number of the next key; downwards the number of keys that are left.
    at: usize,
    down: bool,
}

impl Cursor {
    /// At the first key that is not before this one, upwards.
    pub fn up(run: Arc<Run>, from: &[u8]) -> Self {
        Self::new(run, from, false)
    }

    /// At the last key before this one, downwards.
    pub fn down(run: Arc<Run>, below: &[u8]) -> Self {
        Self::new(run, below, true)
    }

    fn new(run: Arc<Run>, key: &[u8], down: bool) -> Self {
        let index = run.after(key).saturating_sub(1);
        let block = run.block(index);
        let at = block.before(key);
        let mut cursor = Self {
            run,
            block,
            index,
            at,
            down,
        };
        cursor.pass_ends();
        cursor
    }

    /// The key that it stands at; `None` at the end.
    pub fn key(&self) -> Option<&[u8]> {
        match self.down {
            false => self.block.get(self.at),
            true => self.block.get(self.at.checked_sub(1)?),
        }
    }

    /// The block that it stands in.
    pub const fn block(&self) -> &Arc<Block> {
        &self.block
    }

    /// Goes on to the next key.
    pub fn advance(&mut self) {
        match self.down {
            false => self.at += 1,
            true => self.at = self.at.saturating_sub(1),
        }
        self.pass_ends();
    }

    /// Goes on to the next block that has a key.
    fn pass_ends(&mut self) {
        while !self.down && self.at >= self.block.len() && self.index + 1 < self.run.len() {
            self.index += 1;
            self.block = self.run.block(self.index);
            self.at = 0;
        }
        while self.down && self.at == 0 && self.index > 0 {
            self.index -= 1;
            self.block = self.run.block(self.index);
            self.at = self.block.len();
        }
    }
}
