//! The events of one group, from their numbers to their bytes, before they are on the disk.

use std::sync::Arc;

use super::clock::Sequencer;
use super::overlay::{Layers, Overlay};
use super::shared::Shared;
use super::{ReadError, SubmitError};
use crate::domain::{
    ContactId, Content, Context, Event, EventId, Header, IdempotencyRecord, Operation, Owner,
    Phase, Position, Tag, Timestamp, VendorKey, limits,
};
use crate::keys::Slot;
use crate::log::record::{self, EncodeError, Record};
use crate::projection::{ContactRow, Contacts, IdempotencyEntry};

/// One event of the group with its record, ready to be written.
pub struct Pending {
    /// The event, in clear, shared with those who follow the log.
    pub event: Arc<Event>,
    /// The slot of the contact's key, on a SUCCESS of a write.
    pub slot: Option<Slot>,
    /// The tags of the lookup keys that the contact has after the event.
    pub tags: Arc<[Tag]>,
    /// The content that the event wrote, if it wrote any.
    pub content: Option<Arc<Content>>,
    /// The encoded record, as the log will hold it.
    pub bytes: Vec<u8>,
}

/// A group in the making: its events so far, and the changes they make to the view of contacts.
pub struct Group<'a> {
    shared: &'a Shared,
    base: &'a Contacts,
    sequencer: &'a mut Sequencer,
    now: Timestamp,
    over: Overlay,
    next: Position,
    pending: Vec<Pending>,
    bytes: usize,
}

/// The state of a group before a command, to go back to.
pub struct Savepoint {
    over: Option<Overlay>,
    next: Position,
    pending: usize,
    bytes: usize,
}

impl<'a> Group<'a> {
    /// An empty group whose first event will have the position `next`.
    pub fn new(
        shared: &'a Shared,
        base: &'a Contacts,
        sequencer: &'a mut Sequencer,
        next: Position,
    ) -> Self {
        let now = sequencer.now();
        Self {
            shared,
            base,
            sequencer,
            now,
            over: Overlay::default(),
            next,
            pending: Vec::new(),
            bytes: 0,
        }
    }

    /// The size of its records so far, in bytes.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Its events, in the order of their positions.
    pub fn into_pending(self) -> Vec<Pending> {
        self.pending
    }

    /// The position of its last event, or of the last one before it while it is empty.
    pub fn last(&self) -> Position {
        self.next.previous()
    }

    /// A fresh UUID, greater than every one before.
    pub fn fresh_id(&mut self) -> uuid::Uuid {
        self.sequencer.id()
    }

    /// Lays a contact's change over the view.
    pub fn put(
        &mut self,
        before: Option<&ContactRow>,
        after: ContactRow,
        content: Option<Arc<Content>>,
    ) {
        self.over.put(before, after, content);
    }

    /// The slot behind those of all contacts, with the new ones of this group.
    pub fn next_slot(&self) -> Slot {
        self.layers().next_slot()
    }

    /// Draws the key of a new contact. It is on the disk before the contact is.
    pub fn fresh_slot(&self) -> Result<Slot, SubmitError> {
        let slot = self.next_slot();
        self.shared.keys.draw(slot)?;
        Ok(slot)
    }

    /// Adds a START and notes the idempotency record it carries; gives the START's id.
    pub fn start(
        &mut self,
        header: Header,
        idempotency: Option<IdempotencyRecord>,
    ) -> Result<EventId, SubmitError> {
        let id = header.id;
        if let Some(record) = idempotency {
            let entry = IdempotencyEntry {
                fingerprint: record.fingerprint,
                first: header.position,
                attempts: record.attempts,
            };
            self.over.put_idempotency(record.key, entry);
        }
        let phase = Phase::Start { idempotency };
        self.push(
            Arc::new(Event { header, phase }),
            None,
            None,
            Arc::default(),
        )?;
        Ok(id)
    }

    /// The header of the next event, without what only some events have.
    pub fn header(
        &mut self,
        owner: &Owner,
        context: &Context,
        operation: Operation,
        subject: Option<(ContactId, VendorKey)>,
    ) -> Header {
        let (contact, key) = subject.unzip();
        Header {
            position: self.next,
            id: EventId(self.sequencer.id()),
            time: self.now,
            operation,
            owner: owner.clone(),
            contact,
            key,
            version: None,
            actor: context.actor.clone(),
            correlation: context.correlation.clone(),
            causation: None,
            traceparent: context.traceparent.clone(),
            fields: Vec::new(),
            listed: None,
        }
    }

    /// Encodes an event and adds it; on an error nothing is added.
    pub fn push(
        &mut self,
        event: Arc<Event>,
        slot: Option<Slot>,
        content: Option<Arc<Content>>,
        tags: Arc<[Tag]>,
    ) -> Result<(), SubmitError> {
        let encoded = record::encode(&event, slot, content.as_deref(), &self.shared.keys);
        let bytes = encoded.map_err(|error| match error {
            EncodeError::TooLarge { bytes } => SubmitError::TooLarge {
                bytes,
                limit: limits::RECORD_BYTES_MAX,
            },
            EncodeError::Seal(error) => SubmitError::Seal(error),
        })?;
        self.next = self.next.next();
        self.bytes += bytes.len();
        self.pending.push(Pending {
            event,
            slot,
            tags,
            content,
            bytes,
        });
        Ok(())
    }

    /// Whether a command that began at this size has not grown too large for a group.
    pub fn check_size(&self, start: usize) -> Result<(), SubmitError> {
        let bytes = self.bytes.saturating_sub(start);
        if bytes > limits::COMMAND_BYTES_MAX {
            return Err(SubmitError::TooLarge {
                bytes,
                limit: limits::COMMAND_BYTES_MAX,
            });
        }
        Ok(())
    }

    /// The record at a position that the view or this group names.
    pub fn record(&self, position: Position) -> Result<Record, ReadError> {
        let first = self.base.position().next().get();
        let index = position.get().checked_sub(first);
        let fresh = index.and_then(|index| self.pending.get(usize::try_from(index).ok()?));
        match fresh {
            Some(pending) => Ok(record::decode(&pending.bytes)?),
            None => self.shared.record(position),
        }
    }

    /// The view of contacts with this group's changes over it.
    pub const fn layers(&self) -> Layers<'_> {
        Layers {
            base: self.base,
            over: &self.over,
        }
    }

    /// Notes where the group stands, to go back to where a command is not taken after all.
    pub fn save(&self, several: bool) -> Savepoint {
        // A single attempt fails before it lays anything over the view but its entry,
        // which a failed START takes with it.
        Savepoint {
            over: several.then(|| self.over.clone()),
            next: self.next,
            pending: self.pending.len(),
            bytes: self.bytes,
        }
    }

    /// Goes back to where the group stood, as if nothing had been added since.
    pub fn restore(&mut self, savepoint: &Savepoint) {
        if let Some(over) = &savepoint.over {
            self.over = over.clone();
        }
        self.over.forget_after(savepoint.next);
        self.next = savepoint.next;
        self.pending.truncate(savepoint.pending);
        self.bytes = savepoint.bytes;
    }
}
