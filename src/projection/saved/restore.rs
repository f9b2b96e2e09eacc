//! Taking a part into a view.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use bytes::Bytes;

use super::blocks::{BlockReader, Kind};
use super::error::PartError;
use super::items;
use super::part::{items_of, marks, rows};
use super::veil::{SeedReader, reveal};
use crate::domain::{Position, Tag};
use crate::keys::{OpenSeeds, Seeds, Slot};
use crate::projection::Contacts;
use crate::projection::packed::{KeyKind, NONE, Row};

/// Decoded blocks that wait to be taken.
const AHEAD: usize = 16;

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

    /// Takes a part into the view, which a thread of its own reads and decodes ahead. After an error
    /// the view is of no more use.
    pub(super) fn restore(
        &mut self,
        blocks: &mut BlockReader<'_>,
        seeds: &dyn Seeds,
    ) -> Result<(), PartError> {
        let (from, to) = marks(blocks)?;
        if from != self.mark() {
            return Err(PartError::Gap);
        }
        let (sender, decoded) = sync_channel(AHEAD);
        let (count, said) = thread::scope(|scope| {
            let decode = move || decode(blocks, seeds, &sender);
            let started = thread::Builder::new().name("decode".into());
            let started = started.spawn_scoped(scope, decode);
            started.map_err(PartError::Thread)?;
            self.take_all(decoded)
        })?;
        self.position = to.position;
        self.time = to.time;
        self.last = to.last;
        if said != Some(count) || self.mark() != to {
            return Err(PartError::Damaged);
        }
        self.set_saved();
        Ok(())
    }

    /// Takes what was decoded into the view; the number of rows, and that which the part says.
    fn take_all(
        &mut self,
        decoded: Receiver<Result<Decoded, PartError>>,
    ) -> Result<(u64, Option<u64>), PartError> {
        let (mut count, mut said) = (0, None);
        for decoded in decoded {
            let decoded = decoded?;
            if said.is_some() {
                return Err(PartError::Damaged);
            }
            match decoded {
                Decoded::Rows { rows, tags } => {
                    let mut rest = tags.as_slice();
                    for (number, row, tags) in rows {
                        let (tags, after) = rest.split_at_checked(tags).unwrap_or((rest, &[]));
                        rest = after;
                        self.put_row(number, row, tags).ok_or(PartError::Damaged)?;
                        count += 1;
                    }
                }
                Decoded::Added(kind, block) => {
                    for item in items_of(kind, &block) {
                        self.restore_item(kind, item?).ok_or(PartError::Damaged)?;
                    }
                }
                Decoded::End(rows) => said = Some(rows),
            }
        }
        Ok((count, said))
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

/// A block of a part, decoded.
enum Decoded {
    /// Rows with their numbers and the number of their tags, and the tags, one row's behind the other's.
    Rows {
        rows: Vec<(u32, Row, usize)>,
        tags: Vec<Tag>,
    },
    /// Items of a kind that is only ever added.
    Added(Kind, Bytes),
    /// The number of rows that the part says it has.
    End(u64),
}

/// Decodes blocks to their end or the first that is damaged, for as long as somebody takes them.
fn decode(
    blocks: &mut BlockReader<'_>,
    seeds: &dyn Seeds,
    to: &SyncSender<Result<Decoded, PartError>>,
) {
    let mut seeds = SeedReader::new(seeds);
    while let Some(decoded) = decode_next(blocks, &mut seeds).transpose() {
        let good = decoded.is_ok();
        if to.send(decoded).is_err() || !good {
            return;
        }
    }
}

fn decode_next(
    blocks: &mut BlockReader<'_>,
    seeds: &mut SeedReader<'_>,
) -> Result<Option<Decoded>, PartError> {
    let Some((kind, block)) = blocks.next()? else {
        return Ok(None);
    };
    Ok(Some(match kind {
        Kind::Marks => return Err(PartError::Damaged),
        Kind::End => Decoded::End(rows(&block).ok_or(PartError::Damaged)?),
        Kind::Rows => decode_rows(&block, seeds)?,
        _ => Decoded::Added(kind, block),
    }))
}

fn decode_rows(block: &[u8], seeds: &mut SeedReader<'_>) -> Result<Decoded, PartError> {
    let (mut rows, mut tags) = (Vec::new(), Vec::new());
    for item in items_of(Kind::Rows, block) {
        let (number, row, hidden) = items::row(item?).ok_or(PartError::Damaged)?;
        let before = tags.len();
        // Where the key is gone, what was found by it is gone with it.
        if !hidden.is_empty()
            && let Some(seed) = seeds.get(Slot::new(row.slot.get()))?
        {
            let at = Position::new(row.modified.position.get());
            tags.extend(reveal(&seed, at, hidden).ok_or(PartError::OtherKeys)?);
        }
        rows.push((number, row, tags.len() - before));
    }
    Ok(Decoded::Rows { rows, tags })
}
