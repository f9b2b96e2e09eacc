//! What has changed in a view since it was saved, taken out of it in one go.

use std::sync::Arc;

use super::blocks::{Blocks, Kind};
use super::items;
use super::veil::{SeedReader, hide};
use crate::domain::{Actor, Owner, Position, Tag};
use crate::keys::{Seeds, Slot};
use crate::projection::packed::{Row, U48};
use crate::projection::{Contacts, IdempotencyEntry, Mark};
use crate::storage::StorageError;

/// The tags of a row beyond this are not saved: no Card that fits a record has so many.
const TAGS_MAX: usize = u16::MAX as usize;

/// The changes of a view between two marks.
pub struct Delta {
    /// The mark that the view had reached when it was saved before.
    pub from: Mark,
    /// The mark that it has reached now.
    pub to: Mark,
    owners: Vec<Owner>,
    actors: Vec<Arc<Actor>>,
    steps: Vec<(U48, u32)>,
    chosen: Vec<(Tag, u32)>,
    receipts: Vec<(Tag, IdempotencyEntry)>,
    commands: Vec<(u64, Position)>,
    rows: Vec<(u32, Row, usize)>,
    /// The tags of all rows, one row's behind the other's.
    tags: Vec<Tag>,
}

impl Contacts {
    /// The mark that the view has reached.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark {
            position: self.position,
            time: self.time,
            last: self.last,
            contacts: self.rows.len(),
            owners: self.owners.len(),
            actors: self.actors.len(),
            steps: self.steps.len(),
            chosen: self.vendor_keys.chosen_len(),
            receipts: self.receipts.len(),
            commands: self.commands.len(),
        }
    }

    /// The number of contacts that changed since the view was saved.
    #[must_use]
    pub fn unsaved(&self) -> u64 {
        self.changed.len()
    }

    /// What has changed since the view was saved. It is copied: call it where nobody waits long.
    #[must_use]
    pub fn delta(&self) -> Delta {
        self.delta_of(self.saved, &mut self.changed.iter())
    }

    /// From now on only what changes from now on has changed.
    pub fn set_saved(&mut self) {
        self.changed.clear();
        self.saved = self.mark();
    }

    /// All of the view, as one part whose tags are in no way hidden: the same for every fold of
    /// the same log. It is for comparing views, not for a disk.
    #[must_use]
    pub fn to_snapshot(&self) -> Vec<u8> {
        let delta = self.delta_of(Mark::default(), &mut (0..self.rows.len()));
        delta.to_part(&crate::keys::OpenSeeds).unwrap_or_default()
    }

    fn delta_of(&self, from: Mark, numbers: &mut dyn Iterator<Item = u32>) -> Delta {
        let mut tags = Vec::new();
        let rows = numbers.filter_map(|number| {
            let row = *self.rows.get(number)?;
            let before = tags.len();
            tags.extend(self.tags.of(row.tags).take(TAGS_MAX));
            Some((number, row, tags.len() - before))
        });
        let rows = rows.collect();
        Delta {
            from,
            to: self.mark(),
            owners: self.owners.from(from.owners).cloned().collect(),
            actors: self.actors.from(from.actors).cloned().collect(),
            steps: self.steps.from(from.steps).collect(),
            chosen: self.vendor_keys.chosen_from(from.chosen).collect(),
            receipts: self.receipts.from(from.receipts).collect(),
            commands: self.commands.from(from.commands).collect(),
            rows,
            tags,
        }
    }
}

impl Delta {
    /// Whether there is nothing in it: no event was folded in between.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.from.position == self.to.position
    }

    /// The number of contacts that changed.
    #[must_use]
    pub fn row_count(&self) -> u64 {
        self.rows.len() as u64
    }

    /// The bytes of the part that holds it.
    ///
    /// # Errors
    /// The seeds of contacts' keys cannot be read.
    pub fn to_part(&self, seeds: &dyn Seeds) -> Result<Vec<u8>, StorageError> {
        let mut blocks = Blocks::new();
        blocks.item(Kind::Marks, |bytes| {
            self.from.put(bytes);
            self.to.put(bytes);
        });
        for owner in &self.owners {
            blocks.item(Kind::Owners, |bytes| items::put_owner(bytes, owner));
        }
        for actor in &self.actors {
            blocks.item(Kind::Actors, |bytes| items::put_actor(bytes, actor));
        }
        for step in &self.steps {
            blocks.item(Kind::Steps, |bytes| items::put_step(bytes, *step));
        }
        for chosen in &self.chosen {
            blocks.item(Kind::Chosen, |bytes| items::put_chosen(bytes, *chosen));
        }
        for receipt in &self.receipts {
            blocks.item(Kind::Receipts, |bytes| items::put_receipt(bytes, *receipt));
        }
        for command in &self.commands {
            blocks.item(Kind::Commands, |bytes| items::put_command(bytes, *command));
        }
        self.put_rows(&mut blocks, seeds)?;
        put_end(&mut blocks, self.row_count());
        Ok(blocks.finish())
    }

    fn put_rows(&self, blocks: &mut Blocks, seeds: &dyn Seeds) -> Result<(), StorageError> {
        let mut seeds = SeedReader::new(seeds);
        let mut rest = self.tags.as_slice();
        for (number, row, count) in &self.rows {
            let (tags, after) = rest.split_at_checked(*count).unwrap_or((rest, &[]));
            rest = after;
            let seed = match tags {
                [] => None,
                _ => seeds.get(Slot::new(row.slot.get()))?,
            };
            // Of a contact whose key is gone meanwhile, no tag is saved.
            let (count, hidden) = match seed {
                Some(seed) => {
                    let at = Position::new(row.modified.position.get());
                    (tags.len(), hide(&seed, at, tags))
                }
                None => (0, Vec::new()),
            };
            blocks.item(Kind::Rows, |bytes| {
                items::put_row(bytes, *number, row, count, &hidden);
            });
        }
        Ok(())
    }
}

/// Ends a part: the number of its rows.
pub(super) fn put_end(blocks: &mut Blocks, rows: u64) {
    blocks.item(Kind::End, |bytes| {
        bytes.extend_from_slice(&rows.to_be_bytes())
    });
}
