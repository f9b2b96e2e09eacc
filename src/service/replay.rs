//! Answers made again from the log: to a repeated request, whatever has been restarted since.
//!
//! The answer is not stored, so erased data does not survive in it.

use super::shared::{Body, Shared};
use super::{Committed, ReadError};
use crate::domain::{
    Contact, Content, Event, Failure, FailureCode, Outcome, Phase, Position, Track, Violation,
};
use crate::projection::{Entry, Receipt};

/// The outcomes of a request that was made before.
pub fn receipt(
    shared: &Shared,
    receipt: Receipt,
    violations: Vec<Vec<Violation>>,
) -> Result<Committed, ReadError> {
    let mut violations = violations.into_iter();
    let mut position = receipt.first;
    let mut outcomes = Vec::new();
    for at in receipt.outcomes() {
        position = at;
        outcomes.push(one(shared, at, violations.next().unwrap_or_default())?);
    }
    Ok(Committed { position, outcomes })
}

/// The outcome that one event recorded.
pub fn outcome(shared: &Shared, position: Position) -> Result<Committed, ReadError> {
    Ok(Committed {
        position,
        outcomes: vec![one(shared, position, Vec::new())?],
    })
}

fn one(
    shared: &Shared,
    position: Position,
    violations: Vec<Violation>,
) -> Result<Outcome, ReadError> {
    let record = shared.record(position)?;
    let body = shared.open(&record)?;
    let Event { header, phase } = record.event;
    let operation = header.operation;
    let gone = ReadError::Absent {
        position: position.get(),
    };
    match (phase, header.contact, body) {
        (Phase::Fail(failure), _, _) => Ok(refused(failure, violations)),
        (Phase::Success { .. }, Some(id), Body::Open(content)) => {
            let entry = shared.contacts.read().get(id).cloned().ok_or(gone)?;
            let track = Track {
                version: header.version.unwrap_or(entry.track.version),
                modified: crate::domain::Fact {
                    position,
                    time: header.time,
                },
                ..entry.track.clone()
            };
            let contact = as_of(shared, entry, track, header.actor, *content);
            Ok(Outcome::Written {
                operation,
                contact: Box::new(contact),
            })
        }
        (Phase::Success { .. }, Some(id), Body::Gone) => Ok(Outcome::Erased { id }),
        (Phase::Success { .. }, Some(id), Body::None) => Ok(Outcome::Removed {
            operation,
            id,
            position,
        }),
        (Phase::Start { .. } | Phase::Success { .. }, _, _) => Err(gone),
    }
}

/// Only what was wrong with the form of a request is seen in the request itself.
fn refused(failure: Failure, violations: Vec<Violation>) -> Outcome {
    let violations = if failure.code == FailureCode::Invalid {
        violations
    } else {
        Vec::new()
    };
    Outcome::Refused {
        failure,
        violations,
    }
}

/// A contact as one event left it.
pub fn as_of(
    shared: &Shared,
    entry: Entry,
    track: Track,
    modified_by: crate::domain::Actor,
    content: Content,
) -> Contact {
    let entry = Entry {
        track,
        modified_by: modified_by.into(),
        ..entry
    };
    entry.with_content(content, shared.registry)
}
