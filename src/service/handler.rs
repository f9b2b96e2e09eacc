//! Turns commands into events: loads the contact, decides, and adds the events to the group.
//!
//! One handler serves one group. It changes nothing but itself; a command that
//! can't be taken leaves no trace in it.

use std::sync::Arc;

use super::SubmitError;
use super::clock::Sequencer;
use super::group::{Group, Pending};
use super::handled::{Committed, Handled};
use super::load::{Loaded, load};
use super::read_audit::ReadAudit;
use super::shared::Shared;
use crate::domain::{
    Attempt, BatchMode, Change, Command, ContactId, Content, Context, Decision, Event, Facts,
    Failure, FailureCode, FieldName, Header, IdempotencyRecord, LookupKey, Outcome, Owner, Phase,
    Position, State, Tag, Violation, decide, evolve, limits,
};
use crate::keys::Slot;
use crate::projection::{ContactRow, Contacts, IdempotencyEntry};

/// Handles the commands of one group, one after the other.
pub struct CommandHandler<'a> {
    shared: &'a Shared,
    group: Group<'a>,
}

impl<'a> CommandHandler<'a> {
    /// A handler whose first event will have the position `next`.
    pub fn new(
        shared: &'a Shared,
        base: &'a Contacts,
        sequencer: &'a mut Sequencer,
        next: Position,
    ) -> Self {
        Self {
            shared,
            group: Group::new(shared, base, sequencer, next),
        }
    }

    /// The size of the group's records so far, in bytes.
    pub const fn bytes(&self) -> usize {
        self.group.bytes()
    }

    /// The slot behind those of all contacts, with the new ones of this group.
    pub fn next_slot(&self) -> Slot {
        self.group.next_slot()
    }

    /// The group's events, in the order of their positions.
    pub fn into_pending(self) -> Vec<Pending> {
        self.group.into_pending()
    }

    /// Judges a command; on an error nothing of it stays.
    pub fn command(&mut self, mut command: Command) -> Result<Handled, SubmitError> {
        let idempotency = self.idempotency_record(&command);
        if let Some(idempotency) = idempotency
            && let Some(entry) = self.group.layers().idempotency_entry(idempotency.key)
        {
            return replay(command, idempotency, entry);
        }
        let mut attempts = std::mem::take(&mut command.attempts);
        let savepoint = self.group.save(attempts.len() > 1);
        let mut judged = self.attempts(&command, &mut attempts, idempotency);
        let whole = command.batch == BatchMode::AllOrNothing && attempts.len() > 1;
        if whole
            && let Ok(Handled::Committed(done)) = &judged
            && done.any_refused()
        {
            self.group.restore(&savepoint);
            judged = self.refuse_all(&command, &attempts, idempotency, &done.outcomes);
        }
        if judged.is_err() {
            self.group.restore(&savepoint);
        }
        judged
    }

    /// Records a read, its START and how it ended; on an error nothing of it stays.
    pub fn read(&mut self, trail: &ReadAudit) -> Result<(), SubmitError> {
        let savepoint = self.group.save(false);
        let recorded = self.record_read(trail);
        if recorded.is_err() {
            self.group.restore(&savepoint);
        }
        recorded
    }

    fn record_read(&mut self, trail: &ReadAudit) -> Result<(), SubmitError> {
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
            ..self
                .group
                .header(owner, context, *operation, contact.clone())
        };
        let cause = self.group.start(start, None)?;
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
            ..self
                .group
                .header(owner, context, *operation, contact.clone())
        };
        self.group.push(
            Arc::new(Event { header, phase }),
            None,
            None,
            Arc::default(),
        )
    }

    /// Judges each attempt after those before it, and writes its events.
    fn attempts(
        &mut self,
        command: &Command,
        attempts: &mut [Attempt],
        idempotency: Option<IdempotencyRecord>,
    ) -> Result<Handled, SubmitError> {
        let start = self.group.bytes();
        let is_single = attempts.len() == 1;
        let mut outcomes = Vec::with_capacity(attempts.len());
        for (index, attempt) in attempts.iter_mut().enumerate() {
            let mut loaded = load(self.shared, &self.group, &command.owner, attempt)?;
            let decision = self.decide(&command.owner, attempt, &mut loaded)?;
            let idempotency = idempotency.filter(|_| index == 0);
            let outcome = match decision {
                Decision::Unchanged(position) if is_single => {
                    return Ok(Handled::Unchanged(position));
                }
                Decision::Unchanged(_) => {
                    let failure = Failure::of(FailureCode::DuplicateId);
                    self.fail(command, attempt, &loaded, idempotency, failure, vec![])?
                }
                Decision::Refused {
                    failure,
                    violations,
                } => self.fail(command, attempt, &loaded, idempotency, failure, violations)?,
                Decision::Done(change) => {
                    self.finish(command, attempt, &mut loaded, idempotency, change)?
                }
            };
            outcomes.push(outcome);
            self.group.check_size(start)?;
        }
        Ok(Handled::Committed(Committed {
            position: self.group.last(),
            outcomes,
            is_repeated: false,
        }))
    }

    /// Writes that no attempt of a batch was done: those that were refused keep their reason.
    fn refuse_all(
        &mut self,
        command: &Command,
        attempts: &[Attempt],
        idempotency: Option<IdempotencyRecord>,
        judged: &[Outcome],
    ) -> Result<Handled, SubmitError> {
        let start = self.group.bytes();
        let mut outcomes = Vec::with_capacity(judged.len());
        for (index, (attempt, outcome)) in attempts.iter().zip(judged).enumerate() {
            let loaded = load(self.shared, &self.group, &command.owner, attempt)?;
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
            self.group.check_size(start)?;
        }
        Ok(Handled::Committed(Committed {
            position: self.group.last(),
            outcomes,
            is_repeated: false,
        }))
    }

    fn decide(
        &mut self,
        owner: &Owner,
        attempt: &mut Attempt,
        loaded: &mut Loaded,
    ) -> Result<Decision, SubmitError> {
        let rules = self
            .shared
            .rules(owner.dialect())
            .ok_or(SubmitError::UnknownDialect)?;
        let contact = ContactId(self.group.fresh_id());
        let layers = self.group.layers();
        let holder = |key: &LookupKey| {
            let tag = self.shared.lookup_tag(owner, key);
            layers.found_by(tag).next()
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

    /// Writes that an attempt was done. One of several that is decided by itself fails by itself, too,
    /// where its contact's record would be too large.
    fn finish(
        &mut self,
        command: &Command,
        attempt: &Attempt,
        loaded: &mut Loaded,
        idempotency: Option<IdempotencyRecord>,
        change: Change,
    ) -> Result<Outcome, SubmitError> {
        let savepoint = self.group.save(false);
        let done = self.succeed(command, attempt, loaded, idempotency, change);
        match done {
            Err(SubmitError::TooLarge { .. }) if command.batch == BatchMode::ItemByItem => {}
            done => return done,
        }
        self.group.restore(&savepoint);
        let violations = vec![Violation::too_large()];
        let failure = Failure::invalid(&violations);
        self.fail(command, attempt, loaded, idempotency, failure, violations)
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
            ..self
                .group
                .header(owner, context, operation, subject.clone())
        };
        let cause = self.group.start(start, idempotency)?;
        let header = Header {
            causation: Some(cause),
            fields,
            ..self.group.header(owner, context, operation, subject)
        };
        let phase = Phase::Fail(failure.clone());
        self.group.push(
            Arc::new(Event { header, phase }),
            None,
            None,
            Arc::default(),
        )?;
        Ok(Outcome::Refused {
            failure,
            violations,
        })
    }

    fn succeed(
        &mut self,
        command: &Command,
        attempt: &Attempt,
        loaded: &mut Loaded,
        idempotency: Option<IdempotencyRecord>,
        change: Change,
    ) -> Result<Outcome, SubmitError> {
        let Command { owner, context, .. } = command;
        let operation = change.operation;
        let start = Header {
            fields: bounded(&attempt.fields),
            ..self
                .group
                .header(owner, context, operation, loaded.subject())
        };
        let cause = self.group.start(start, idempotency)?;
        let slot = match &loaded.before {
            Some(before) => before.slot,
            None => self.group.fresh_slot()?,
        };
        let header = Header {
            version: Some(change.version),
            causation: Some(cause),
            fields: bounded(&change.fields),
            ..self.group.header(
                owner,
                context,
                operation,
                Some((change.contact, change.key)),
            )
        };
        let erasure = change.erasure;
        let phase = Phase::Success { erasure };
        let event = Arc::new(Event { header, phase });
        let content = change.card.map(|card| {
            let chosen_id = loaded.chosen_id.clone();
            Arc::new(Content { card, chosen_id })
        });
        let tags = content
            .as_ref()
            .map_or_else(Arc::default, |c| self.shared.tags(owner, &c.card));
        self.group
            .push(event.clone(), Some(slot), content.clone(), tags.clone())?;
        Ok(self.settle(&event, loaded.before.take(), slot, tags, content))
    }

    /// Lays a change over the view, and says what came of it.
    fn settle(
        &mut self,
        event: &Event,
        before: Option<ContactRow>,
        slot: Slot,
        tags: Arc<[Tag]>,
        content: Option<Arc<Content>>,
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
            // The answer may take the Card apart: that is for the thread that writes it alone.
            Some(content) => Outcome::Written {
                operation,
                contact: Box::new(after.with_content(content.folded_up(), self.shared.registry)),
            },
            None => Outcome::Removed {
                operation,
                id,
                position,
            },
        };
        self.group.put(before.as_ref(), after, content);
        outcome
    }

    /// The idempotency record of a command, where it came under a key.
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
}

/// Answers as before where the key stands for this very request; refuses any other request under
/// it.
fn replay(
    command: Command,
    idempotency: IdempotencyRecord,
    entry: IdempotencyEntry,
) -> Result<Handled, SubmitError> {
    if entry.fingerprint != idempotency.fingerprint {
        return Err(SubmitError::KeyReused);
    }
    Ok(Handled::Replayed {
        entry,
        attempts: command.attempts,
    })
}

fn bounded(fields: &[FieldName]) -> Vec<FieldName> {
    fields.iter().take(limits::FIELDS_MAX).cloned().collect()
}
