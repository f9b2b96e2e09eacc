//! Answers made again from the log: to a repeated request, whatever has been restarted since.
//!
//! The answer is not stored, so erased data does not survive in it.

use super::ReadError;
use super::handled::Committed;
use super::shared::{Body, Shared};
use crate::domain::{
    Action, Attempt, Card, Contact, ContactId, ContactState, Content, Event, Failure, FailureCode,
    Outcome, Phase, Position, Status, Violation,
};
use crate::projection::{ContactRow, IdempotencyEntry};

/// The outcomes of a request that was made before, given its attempts once more.
pub fn replay(
    shared: &Shared,
    entry: IdempotencyEntry,
    attempts: &[Attempt],
) -> Result<Committed, ReadError> {
    let mut position = entry.first;
    let mut outcomes = Vec::new();
    for (index, at) in entry.outcomes().enumerate() {
        position = at;
        outcomes.push(one(shared, at, attempts.get(index))?);
    }
    Ok(Committed {
        position,
        outcomes,
        is_repeated: true,
    })
}

/// The outcome that a single event recorded.
pub fn outcome(shared: &Shared, position: Position) -> Result<Committed, ReadError> {
    Ok(Committed {
        position,
        outcomes: vec![one(shared, position, None)?],
        is_repeated: false,
    })
}

fn one(
    shared: &Shared,
    position: Position,
    attempt: Option<&Attempt>,
) -> Result<Outcome, ReadError> {
    let record = shared.record(position)?;
    let body = shared.open(&record)?;
    let Event { header, phase } = record.event;
    let operation = header.operation;
    let gone = ReadError::Absent {
        position: position.get(),
    };
    match (phase, header.contact, body) {
        (Phase::Fail(failure), contact, _) => {
            let violations = match failure.code {
                FailureCode::Invalid if failure.is_too_large() => vec![Violation::too_large()],
                FailureCode::Invalid => violations(shared, position, contact, attempt)?,
                _ => Vec::new(),
            };
            Ok(Outcome::Refused {
                failure,
                violations,
            })
        }
        (Phase::Success { .. }, Some(id), Body::Open(content)) => {
            let entry = shared.contacts.read().get(id).ok_or(gone)?;
            let state = ContactState {
                version: header.version.unwrap_or(entry.state.version),
                modified: crate::domain::Fact {
                    position,
                    time: header.time,
                },
                ..entry.state.clone()
            };
            let contact = as_of(shared, entry, state, header.actor, *content);
            Ok(Outcome::Written {
                operation,
                contact: Box::new(contact),
            })
        }
        (Phase::Success { .. }, Some(id), Body::Gone) => {
            let entry = shared.contacts.read().get(id).ok_or(gone)?;
            Ok(match entry.state.status {
                Status::Erased => Outcome::Erased { id },
                Status::Live | Status::Deleted => Outcome::Refused {
                    failure: Failure {
                        code: FailureCode::KeyLost,
                        violations: Vec::new(),
                    },
                    violations: Vec::new(),
                },
            })
        }
        (Phase::Success { .. }, Some(id), Body::None) => Ok(Outcome::Removed {
            operation,
            id,
            position,
        }),
        (Phase::Start { .. } | Phase::Success { .. }, _, _) => Err(gone),
    }
}

/// The violations with the values that were sent, found again in the request itself or in the
/// contact that it would have changed.
fn violations(
    shared: &Shared,
    position: Position,
    contact: Option<ContactId>,
    attempt: Option<&Attempt>,
) -> Result<Vec<Violation>, ReadError> {
    let patch = match attempt.map(|attempt| &attempt.action) {
        Some(Err(violations)) => return Ok(violations.clone()),
        Some(Ok(Action::Update(patch) | Action::Upsert { patch, .. })) => patch,
        Some(Ok(_)) | None => return Ok(Vec::new()),
    };
    let before = match contact {
        Some(id) => card_before(shared, id, position)?,
        None => None,
    };
    let wrong = before.and_then(|card| patch.apply(&card).err());
    Ok(wrong.unwrap_or_default())
}

/// A contact's content before the event at a position, unless it was destroyed since.
fn card_before(
    shared: &Shared,
    id: ContactId,
    position: Position,
) -> Result<Option<Card>, ReadError> {
    let at = shared.contacts.read().changed_at(id, position.previous());
    let Some(at) = at else {
        return Ok(None);
    };
    Ok(match shared.open(&shared.record(at)?)? {
        Body::Open(content) => Some(content.card),
        Body::None | Body::Gone => None,
    })
}

/// A contact as one event left it.
pub fn as_of(
    shared: &Shared,
    entry: ContactRow,
    state: ContactState,
    modified_by: crate::domain::Actor,
    content: Content,
) -> Contact {
    let entry = ContactRow {
        state,
        modified_by: modified_by.into(),
        ..entry
    };
    entry.with_content(content, shared.registry)
}
