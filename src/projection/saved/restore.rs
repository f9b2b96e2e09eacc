//! Taking a part into a view.

use super::blocks::{BlockReader, Kind};
use super::error::PartError;
use super::items;
use super::part::{items_of, marks, rows};
use super::veil::{SeedReader, reveal};
use crate::domain::{Position, Tag};
use crate::keys::{OpenSeeds, Seeds, Slot};
use crate::projection::Contacts;
use crate::projection::packed::{KeyKind, NONE, Row};

impl Contacts {
    /// The view in the bytes of [`Self::to_snapshot`].
    ///
    /// # Errors
    /// [`PartError`] where they are not.
    pub fn from_snapshot(bytes: &[u8]) -> Result<Self, PartError> {
        let mut view = Self::default();
        let source = move |at: u64, limit: usize| {
            let rest = usize::try_from(at).ok().and_then(|at| bytes.get(at..));
            let rest = rest.unwrap_or_default();
            Ok(rest
                .get(..limit.min(rest.len()))
                .unwrap_or_default()
                .to_vec())
        };
        let mut blocks = BlockReader::new(Box::new(source))?;
        view.restore(&mut blocks, &OpenSeeds)?;
        Ok(view)
    }

    /// Takes a part into the view. After an error the view is of no more use.
    pub(super) fn restore(
        &mut self,
        blocks: &mut BlockReader<'_>,
        seeds: &dyn Seeds,
    ) -> Result<(), PartError> {
        let (from, to) = marks(blocks)?;
        if from != self.mark() {
            return Err(PartError::Gap);
        }
        let mut seeds = SeedReader::new(seeds);
        let (mut count, mut said) = (0, None);
        while let Some((kind, block)) = blocks.next()? {
            match kind {
                Kind::Marks => return Err(PartError::Damaged),
                Kind::End => said = rows(&block),
                Kind::Rows => {
                    for item in items_of(kind, block) {
                        self.restore_row(&item?, &mut seeds)?;
                        count += 1;
                    }
                }
                _ => {
                    for item in items_of(kind, block) {
                        self.restore_item(kind, &item?).ok_or(PartError::Damaged)?;
                    }
                }
            }
        }
        self.position = to.position;
        self.time = to.time;
        self.last = to.last;
        if said != Some(count) || self.mark() != to {
            return Err(PartError::Damaged);
        }
        self.set_saved();
        Ok(())
    }

    /// Takes something into the view that is only ever added; `None` where it cannot be so.
    fn restore_item(&mut self, kind: Kind, item: &[u8]) -> Option<()> {
        match kind {
            Kind::Owners => {
                let next = self.owners.len();
                (self.owner(&items::owner(item)?) == next).then_some(())
            }
            Kind::Actors => {
                let next = self.actors.len();
                let actor = items::actor(item)?;
                let number = self.actors.number(&actor, || actor.clone().into());
                (number == next).then_some(())
            }
            Kind::Steps => {
                let (at, before) = items::step(item)?;
                let is_before = before == NONE || before < self.steps.len();
                (is_before && !self.steps.is_full()).then(|| {
                    self.steps.push(at, before);
                })
            }
            Kind::Chosen => {
                let (tag, contact) = items::chosen(item)?;
                (!self.vendor_keys.is_full()).then(|| {
                    self.vendor_keys.choose(tag, contact);
                })
            }
            Kind::Receipts => {
                let (key, entry) = items::receipt(item)?;
                (!self.receipts.is_full()).then(|| self.receipts.push(key, entry))
            }
            Kind::Commands => {
                let (hash, first) = items::command(item)?;
                (!self.commands.is_full()).then(|| self.commands.push(hash, first))
            }
            Kind::Marks | Kind::Rows | Kind::End => None,
        }
    }

    fn restore_row(&mut self, item: &[u8], seeds: &mut SeedReader<'_>) -> Result<(), PartError> {
        let (number, row, hidden) = items::row(item).ok_or(PartError::Damaged)?;
        let slot = Slot::new(row.slot.get());
        let tags = match hidden {
            [] => Vec::new(),
            _ => match seeds.get(slot)? {
                Some(seed) => {
                    let at = Position::new(row.modified.position.get());
                    reveal(&seed, at, hidden).ok_or(PartError::OtherKeys)?
                }
                // The key is gone, and what was found by it with it.
                None => Vec::new(),
            },
        };
        self.put_row(number, row, &tags).ok_or(PartError::Damaged)
    }

    /// Puts a row in its place, new or not; `None` where it cannot be so.
    fn put_row(&mut self, number: u32, row: Row, tags: &[Tag]) -> Option<()> {
        let linked = row.history == NONE || row.history < self.steps.len();
        let known = row.owner < self.owners.len()
            && row.created_by < self.actors.len()
            && row.modified_by < self.actors.len();
        let chosen =
            row.kind != KeyKind::Chosen || row.key.get() < u64::from(self.vendor_keys.chosen_len());
        if !linked || !known || !chosen || self.rows.is_full() || self.tags.is_full() {
            return None;
        }
        if let Some(place) = self.rows.get_mut(number) {
            let before = *place;
            if before.id != row.id || before.owner != row.owner {
                return None;
            }
            *place = row;
            self.tags.take(before.tags);
        } else {
            let newest = number
                .checked_sub(1)
                .and_then(|number| self.rows.get(number));
            let follows = newest.is_none_or(|newest| newest.id < row.id);
            if number != self.rows.len() || !follows {
                return None;
            }
            self.rows.push(row);
            self.note_sequence(number);
        }
        self.next_slot = self.next_slot.max(Slot::new(row.slot.get()).next());
        self.list(number, tags);
        Some(())
    }
}
