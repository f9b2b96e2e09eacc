//! The service's errors as refusals: exhaustively, so that a new one must be thought of here.

use crate::dialect::Refusal;
use crate::domain::Closed;
use crate::keys::SlotError;
use crate::service::{ReadError, SubmitError};

/// What is answered where a command has no outcome.
pub(super) fn submit_refusal(error: SubmitError) -> Refusal {
    match error {
        SubmitError::Overloaded { .. } => Refusal::Overloaded,
        SubmitError::KeyReused => Refusal::KeyReused,
        SubmitError::TooLarge { limit, .. } => Refusal::TooLarge {
            limit_bytes: limit as u64,
        },
        SubmitError::Unreadable(error) => read_refusal(error),
        SubmitError::ReadOnly(closed) => Refusal::ReadOnly(closed),
        SubmitError::OutcomeUnknown => Refusal::OutcomeUnknown,
        SubmitError::Key(SlotError::File(error)) if error.is_passing() => {
            tracing::warn!(%error, "no room for a new contact's key");
            Refusal::ReadOnly(Closed::NoRoom)
        }
        error @ (SubmitError::Key(_) | SubmitError::Seal(_) | SubmitError::UnknownDialect) => {
            tracing::error!(%error, "a command could not be judged");
            Refusal::Internal
        }
    }
}

/// What is answered where something can't be read.
pub(super) fn read_refusal(error: ReadError) -> Refusal {
    match error {
        ReadError::TooBroad { limit } => Refusal::TooBroad { limit },
        ReadError::Busy => Refusal::Overloaded,
        ReadError::ViewUnreadable => Refusal::NotThereYet,
        error @ (ReadError::Log(_)
        | ReadError::Record(_)
        | ReadError::Sealed(_)
        | ReadError::Fault(_)
        | ReadError::Absent { .. }) => {
            tracing::error!(%error, "a read failed");
            Refusal::Internal
        }
    }
}
