//! What the writer does with groups that another service has decided: it takes them as they are,
//! puts them on the disk as one append, and folds them as its own.
//!
//! Whether a group has its place is not judged here but for its position. Its contents are opened
//! before anything is written, for a contact that cannot be opened cannot be found by its e-mail
//! address either: a key that is not here is asked for first.

use std::sync::Arc;

use bytes::Bytes;

use super::ApplyError;
use super::group::Pending;
use super::shared::Shared;
use super::writer::Writer;
use crate::domain::{Content, Position};
use crate::keys::{SealError, Slot};
use crate::log::record::{self, Record};
use crate::log::{AppendError, Group};

impl Writer {
    /// Takes groups that follow the log's end, all of them or none; gives the position that the
    /// log has reached.
    ///
    /// # Errors
    /// [`ApplyError`]; after [`ApplyError::Failed`] the log is closed, and the others change
    /// nothing.
    pub(super) fn apply(&mut self, groups: Vec<Group>) -> Result<Position, ApplyError> {
        let head = self.shared.head();
        let mut next = self.appender.next();
        for group in &groups {
            if group.first != next {
                return Err(ApplyError::NotNext { next });
            }
            next = group.next();
        }
        let entries = groups.into_iter().flat_map(|group| group.entries);
        let pending = opened(&self.shared, head.next(), entries)?;
        if pending.is_empty() {
            return Ok(head);
        }
        let entries: Vec<&[u8]> = pending.iter().map(|p| p.bytes.as_slice()).collect();
        self.appender
            .append(&entries)
            .map_err(|error| match error {
                AppendError::NotBegun(error) => ApplyError::NoRoom(error),
                error => ApplyError::Failed(error.to_string()),
            })?;
        let slots = pending.iter().filter_map(|pending| pending.slot);
        self.shared
            .keys
            .reach(slots.max().map_or_else(Slot::default, Slot::next));
        let events = pending.len();
        self.fold(pending)
            .map_err(|error| ApplyError::Failed(error.to_string()))?;
        self.wait_for_views(events);
        Ok(self.shared.head())
    }
}

/// The events of entries from a position on, with what they wrote in clear.
fn opened(
    shared: &Shared,
    first: Position,
    entries: impl Iterator<Item = Bytes>,
) -> Result<Vec<Pending>, ApplyError> {
    let (mut pending, mut missing) = (Vec::new(), Vec::new());
    let mut position = first;
    for bytes in entries {
        let unreadable = |reason: String| ApplyError::Unreadable { position, reason };
        let record = record::decode(&bytes).map_err(|error| unreadable(error.to_string()))?;
        if record.event.header.position != position {
            return Err(unreadable("it says another position".to_owned()));
        }
        let content = match content_of(shared, &record)? {
            Opened::Content(content) => Some(Arc::new(*content)),
            Opened::None => None,
            Opened::NoKey(slot) => {
                missing.push(slot);
                None
            }
        };
        let tags = content.as_ref().map_or_else(Arc::default, |content| {
            shared.tags(&record.event.header.owner, &content.card)
        });
        let Record { event, slot, .. } = record;
        pending.push(Pending {
            event: Arc::new(event),
            slot,
            tags,
            content,
            bytes: bytes.to_vec(),
        });
        position = position.next();
    }
    if missing.is_empty() {
        return Ok(pending);
    }
    missing.sort_unstable();
    missing.dedup();
    Err(ApplyError::MissingKeys { slots: missing })
}

/// What became of a record's content.
enum Opened {
    Content(Box<Content>),
    /// The record has none, or its key is destroyed already: its erasure stands further on.
    None,
    /// The key in the slot is not the one that sealed it.
    NoKey(Slot),
}

fn content_of(shared: &Shared, record: &Record) -> Result<Opened, ApplyError> {
    let (Some(sealed), Some(slot)) = (&record.sealed, record.slot) else {
        return Ok(Opened::None);
    };
    let position = record.event.header.position;
    match shared
        .keys
        .open_sealed(slot, &sealed.bound_to, &sealed.bytes)
    {
        Ok(plain) => match record::read_content(&plain) {
            Ok(content) => Ok(Opened::Content(Box::new(content))),
            Err(error) => Err(ApplyError::Unreadable {
                position,
                reason: error.to_string(),
            }),
        },
        Err(SealError::Erased { .. } | SealError::MarkedLost { .. }) => Ok(Opened::None),
        Err(
            SealError::MissingKey { .. } | SealError::DamagedKey { .. } | SealError::Damaged { .. },
        ) => Ok(Opened::NoKey(slot)),
        Err(error) => Err(ApplyError::Unreadable {
            position,
            reason: error.to_string(),
        }),
    }
}
