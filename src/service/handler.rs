//! Turns commands into events: decides on what is loaded, numbers, encodes.
//!
//! One handler serves one group. It changes nothing but itself; a command that
//! can't be taken leaves no trace in it.

use std::sync::Arc;

use super::clock::Sequencer;
use super::load::Loaded;
use super::overlay::{Layers, Overlay};
use super::shared::Shared;
use super::{Committed, ReadAudit, ReadError, SubmitError};
use crate::domain::{
    Attempt, BatchMode, Card, Change, Command, ContactId, Content, Context, Decision, Event,
    EventId, Facts, Failure, FailureCode, FieldName, Header, IdempotencyRecord, Operation, Outcome,
    Owner, Phase, Position, State, Tag, Timestamp, VendorKey, Violation, decide, evolve, limits,
};
use crate::keys::{RESERVE_BATCH, Slot};
use crate::log::record::{self, EncodeError, Record};
use crate::projection::{ContactRow, Contacts, IdempotencyEntry};

/// One event of the group, encoded.
pub struct Pending {
    /// The event.
    pub event: Event,
    /// The contact's key.
    pub slot: Option<Slot>,
    /// What the contact can be found by after the event.
    pub tags: Arc<[Tag]>,
    /// What the event wrote.
    pub card: Option<Card>,
    /// The record.
    pub bytes: Vec<u8>,
}

/// What is to be answered once the group is on the disk.
pub enum Handled {
    /// The outcomes of new events.
    Committed(Committed),
    /// The answer to a request that was made before, to be made again from its events.
    Replayed {
        /// Where they are.
        entry: IdempotencyEntry,
        /// The request's attempts, for what is not in its events: the values that were wrong.
        attempts: Vec<Attempt>,
    },
    /// The answer to be made again from this one event.
    Unchanged(Position),
}

/// The handler of one group.
pub struct CommandHandler<'a> {
    pub(super) shared: &'a Shared,
    pub(super) base: &'a Contacts,
    sequencer: &'a mut Sequencer,
    now: Timestamp,
    over: Overlay,
    next: Position,
    pending: Vec<Pending>,
    bytes: usize,
}

/// Where a handler stood before a command.
struct Savepoint {
    over: Option<Overlay>,
    next: Position,
    pending: usize,
    bytes: usize,
}

impl<'a> CommandHandler<'a> {
    /// A handler whose first event will have this position.
    pub fn new(
        shared: &'a Shared,
        base: &'a Contacts,
        sequencer: &'a mut Sequencer,
        next: Position,
    ) -> Self {
        let now = sequencer.tick();
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

    /// The group's size in bytes.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The group's events, in order.
    pub fn into_pending(self) -> Vec<Pending> {
        self.pending
    }

    /// Judges a command; on an error nothing of it stays.
    pub fn command(&mut self, command: &Command) -> Result<Handled, SubmitError> {
        let idempotency = self.idempotency_record(command);
        if let Some(idempotency) = idempotency
            && let Some(entry) = self.layers().idempotency_entry(idempotency.key)
        {
            return replay(command, idempotency, entry);
        }
        let savepoint = self.save(command.attempts.len() > 1);
        let mut judged = self.attempts(command, idempotency);
        let whole = command.batch == BatchMode::AllOrNothing && command.attempts.len() > 1;
        if whole
            && let Ok(Handled::Committed(done)) = &judged
            && done.any_refused()
        {
            self.restore(&savepoint);
            judged = self.refuse_all(command, idempotency, &done.outcomes);
        }
        if judged.is_err() {
            self.restore(&savepoint);
        }
        judged
    }

    /// Records a read: its START and how it ended.
    pub fn read(&mut self, trail: &ReadAudit) -> Result<(), SubmitError> {
        let ReadAudit {
            owner,
            context,
            operation,
            contact,
            asked,
            given,
            found,
        } = trail;
        let start = Header {
            listed: *asked,
            ..self.header(owner, context, *operation, contact.clone())
        };
        let cause = self.start(start, None)?;
        let phase = if *found {
            Phase::Success { erasure: None }
        } else {
            Phase::Fail(Failure {
                code: FailureCode::NotFound,
                violations: Vec::new(),
            })
        };
        let header = Header {
            causation: Some(cause),
            listed: *given,
            ..self.header(owner, context, *operation, contact.clone())
        };
        self.push(Event { header, phase }, None, None, Arc::default())
    }

    /// Judges each attempt after those before it, and writes its events.
    fn attempts(
        &mut self,
        command: &Command,
        idempotency: Option<IdempotencyRecord>,
    ) -> Result<Handled, SubmitError> {
        let start = self.bytes;
        let mut outcomes = Vec::with_capacity(command.attempts.len());
        for (index, attempt) in command.attempts.iter().enumerate() {
            let mut loaded = self.load(&command.owner, attempt)?;
            let decision = self.decide(&command.owner, attempt, &mut loaded)?;
            let idempotency = idempotency.filter(|_| index == 0);
            match decision {
                Decision::Unchanged(position) if command.attempts.len() == 1 => {
                    return Ok(Handled::Unchanged(position));
                }
                Decision::Unchanged(_) => {
                    let failure = Failure {
                        code: FailureCode::DuplicateId,
                        violations: Vec::new(),
                    };
                    outcomes.push(self.fail(
                        command,
                        attempt,
                        &loaded,
                        idempotency,
                        failure,
                        vec![],
                    )?);
                }
                Decision::Refused {
                    failure,
                    violations,
                } => {
                    outcomes.push(self.fail(
                        command,
                        attempt,
                        &loaded,
                        idempotency,
                        failure,
                        violations,
                    )?);
                }
                Decision::Done(change) => {
                    outcomes.push(self.succeed(command, attempt, loaded, idempotency, change)?);
                }
            }
            self.check_size(start)?;
        }
        Ok(Handled::Committed(Committed {
            position: self.next.previous(),
            outcomes,
        }))
    }

    /// Writes that no attempt of a batch was done: those that were refused keep their reason.
    fn refuse_all(
        &mut self,
        command: &Command,
        idempotency: Option<IdempotencyRecord>,
        judged: &[Outcome],
    ) -> Result<Handled, SubmitError> {
        let start = self.bytes;
        let mut outcomes = Vec::with_capacity(judged.len());
        for (index, (attempt, outcome)) in command.attempts.iter().zip(judged).enumerate() {
            let loaded = self.load(&command.owner, attempt)?;
            let (failure, violations) = match outcome {
                Outcome::Refused {
                    failure,
                    violations,
                } => (failure.clone(), violations.clone()),
                Outcome::Written { .. } | Outcome::Removed { .. } | Outcome::Erased { .. } => {
                    let code = FailureCode::BatchRefused;
                    let failure = Failure {
                        code,
                        violations: Vec::new(),
                    };
                    (failure, Vec::new())
                }
            };
            let idempotency = idempotency.filter(|_| index == 0);
            outcomes.push(self.fail(
                command,
                attempt,
                &loaded,
                idempotency,
                failure,
                violations,
            )?);
            self.check_size(start)?;
        }
        Ok(Handled::Committed(Committed {
            position: self.next.previous(),
            outcomes,
        }))
    }

    fn decide(
        &mut self,
        owner: &Owner,
        attempt: &Attempt,
        loaded: &mut Loaded,
    ) -> Result<Decision, SubmitError> {
        let rules = self
            .shared
            .rules(owner.dialect())
            .ok_or(SubmitError::UnknownDialect)?;
        let contact = ContactId(self.sequencer.id());
        let layers = self.layers();
        let holder = |key: &crate::domain::LookupKey| {
            let tag = self.shared.lookup_tag(owner, key);
            layers.found_by(tag).first().copied()
        };
        let state = State {
            current: std::mem::take(&mut loaded.current),
            owned: layers.owned(owner),
            chosen: loaded.taken.take(),
            holder: &holder,
        };
        let facts = Facts {
            contact,
            sequence: layers.next_number(owner.dialect()),
            chosen: loaded.chosen,
        };
        Ok(decide(state, attempt, rules, facts))
    }

    fn fail(
        &mut self,
        command: &Command,
        attempt: &Attempt,
        loaded: &Loaded,
        idempotency: Option<IdempotencyRecord>,
        failure: Failure,
        violations: Vec<Violation>,
    ) -> Result<Outcome, SubmitError> {
        let Command { owner, context, .. } = command;
        let operation = loaded.operation(attempt);
        let subject = loaded.subject();
        let fields = bounded(&attempt.fields);
        let start = Header {
            fields: fields.clone(),
            ..self.header(owner, context, operation, subject.clone())
        };
        let cause = self.start(start, idempotency)?;
        let header = Header {
            causation: Some(cause),
            fields,
            ..self.header(owner, context, operation, subject)
        };
        let phase = Phase::Fail(failure.clone());
        self.push(Event { header, phase }, None, None, Arc::default())?;
        Ok(Outcome::Refused {
            failure,
            violations,
        })
    }

    fn succeed(
        &mut self,
        command: &Command,
        attempt: &Attempt,
        loaded: Loaded,
        idempotency: Option<IdempotencyRecord>,
        change: Change,
    ) -> Result<Outcome, SubmitError> {
        let Command { owner, context, .. } = command;
        let operation = change.operation;
        let start = Header {
            fields: bounded(&attempt.fields),
            ..self.header(owner, context, operation, loaded.subject())
        };
        let cause = self.start(start, idempotency)?;
        let slot = match &loaded.before {
            Some(before) => before.slot,
            None => self.fresh_slot()?,
        };
        let header = Header {
            version: Some(change.version),
            causation: Some(cause),
            fields: bounded(&change.fields),
            ..self.header(
                owner,
                context,
                operation,
                Some((change.contact, change.key)),
            )
        };
        let erasure = change.erasure;
        let phase = Phase::Success { erasure };
        let event = Event { header, phase };
        let content = change.card.map(|card| Content {
            card,
            chosen_id: loaded.chosen_id.clone(),
        });
        let tags = content
            .as_ref()
            .map_or_else(Arc::default, |c| self.shared.tags(owner, &c.card));
        self.push(event.clone(), Some(slot), content.as_ref(), tags.clone())?;
        Ok(self.settle(&event, loaded.before, slot, tags, content))
    }

    /// Lays a change over the view, and says what came of it.
    fn settle(
        &mut self,
        event: &Event,
        before: Option<ContactRow>,
        slot: Slot,
        tags: Arc<[Tag]>,
        content: Option<Content>,
    ) -> Outcome {
        let operation = event.header.operation;
        let position = event.header.position;
        let actor = Arc::new(event.header.actor.clone());
        let created_by = before.as_ref().map(|entry| entry.created_by.clone());
        let state = evolve(before.as_ref().map(|entry| entry.state.clone()), event);
        let id = event.header.contact.unwrap_or(ContactId(uuid::Uuid::nil()));
        let Some(state) = state else {
            return Outcome::Removed {
                operation,
                id,
                position,
            };
        };
        let after = ContactRow {
            state,
            created_by: created_by.unwrap_or_else(|| actor.clone()),
            modified_by: actor,
            slot,
            tags,
        };
        let outcome = match &content {
            Some(content) => Outcome::Written {
                operation,
                contact: Box::new(after.with_content(content.clone(), self.shared.registry)),
            },
            None => Outcome::Removed {
                operation,
                id,
                position,
            },
        };
        self.over.put(self.base, before.as_ref(), after, content);
        outcome
    }

    /// A key for a new contact, on the disk before it is used.
    fn fresh_slot(&self) -> Result<Slot, SubmitError> {
        let slot = self.layers().next_slot();
        let keys = &self.shared.keys;
        if keys.reserved() <= slot {
            keys.reserve(Slot::new(slot.get().saturating_add(RESERVE_BATCH)))?;
        }
        Ok(slot)
    }

    fn start(
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
        self.push(Event { header, phase }, None, None, Arc::default())?;
        Ok(id)
    }

    /// The header of the next event.
    fn header(
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

    fn push(
        &mut self,
        event: Event,
        slot: Option<Slot>,
        content: Option<&Content>,
        tags: Arc<[Tag]>,
    ) -> Result<(), SubmitError> {
        let encoded = record::encode(&event, slot, content, &self.shared.keys);
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
            card: content.map(|content| content.card.clone()),
            bytes,
        });
        Ok(())
    }

    /// Whether a command that began at this size has not grown too large for a group.
    fn check_size(&self, start: usize) -> Result<(), SubmitError> {
        let bytes = self.bytes.saturating_sub(start);
        if bytes > limits::COMMAND_BYTES_MAX {
            return Err(SubmitError::TooLarge {
                bytes,
                limit: limits::COMMAND_BYTES_MAX,
            });
        }
        Ok(())
    }

    /// What a command's idempotency key is in the log.
    fn idempotency_record(&self, command: &Command) -> Option<IdempotencyRecord> {
        let Context {
            actor, idempotency, ..
        } = &command.context;
        let request = idempotency.as_ref()?;
        let client = actor.client_id.as_deref().or(actor.subject.as_deref());
        let client = client.unwrap_or_default();
        Some(IdempotencyRecord {
            key: self.shared.idempotency_tag(&command.owner, client, request),
            fingerprint: self.shared.hasher.fingerprint(&[&request.request]),
            attempts: u32::try_from(command.attempts.len()).unwrap_or(u32::MAX),
        })
    }

    /// The record at a position that the view or this group names.
    pub(super) fn record(&self, position: Position) -> Result<Record, ReadError> {
        let first = self.base.position().next().get();
        let index = position.get().checked_sub(first);
        let fresh = index.and_then(|index| self.pending.get(usize::try_from(index).ok()?));
        match fresh {
            Some(pending) => Ok(record::decode(&pending.bytes)?),
            None => self.shared.record(position),
        }
    }

    pub(super) const fn layers(&self) -> Layers<'_> {
        Layers {
            base: self.base,
            over: &self.over,
        }
    }

    fn save(&self, several: bool) -> Savepoint {
        // A single attempt fails before it lays anything over the view but its entry,
        // which a failed START takes with it.
        Savepoint {
            over: several.then(|| self.over.clone()),
            next: self.next,
            pending: self.pending.len(),
            bytes: self.bytes,
        }
    }

    fn restore(&mut self, savepoint: &Savepoint) {
        if let Some(over) = &savepoint.over {
            self.over = over.clone();
        }
        self.over.forget_after(savepoint.next);
        self.next = savepoint.next;
        self.pending.truncate(savepoint.pending);
        self.bytes = savepoint.bytes;
    }
}

/// The same key means the same request, or it is an error.
fn replay(
    command: &Command,
    idempotency: IdempotencyRecord,
    entry: IdempotencyEntry,
) -> Result<Handled, SubmitError> {
    if entry.fingerprint != idempotency.fingerprint {
        return Err(SubmitError::KeyReused);
    }
    Ok(Handled::Replayed {
        entry,
        attempts: command.attempts.clone(),
    })
}

fn bounded(fields: &[FieldName]) -> Vec<FieldName> {
    fields.iter().take(limits::FIELDS_MAX).cloned().collect()
}
