//! The answers to what every vendor has: changes of one contact, and reads of one.
//!
//! A vendor whose contact is a table says its own words and what differs; the rest stands here.

use http::StatusCode;

use super::json::BodyError;
use super::reply::etag;
use super::schema::{Record, Schema};
use super::{Lookup, Refusal, RefusalKind, Reply};
use crate::domain::{Contact, FailureCode, Operation, Outcome, Target, Violation};

/// The reasons for which a change does not go together with the contacts there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// The owner has as many contacts as the vendor allows.
    TooManyContacts,
    /// Another contact has the e-mail address.
    DuplicateEmail,
    /// A contact has the id that was chosen.
    DuplicateId,
    /// More than one contact is what the request looks for.
    AmbiguousMatch,
    /// Another item of the batch was refused.
    BatchRefused,
}

/// The answers of one vendor.
pub trait Encoder {
    /// The vendor's contact as a table.
    const CONTACT: &'static Schema;

    /// An error in the vendor's form, with a message of ours.
    fn error(status: StatusCode, message: &str) -> Reply;

    /// The answer to fields that are wrong.
    fn invalid(violations: Vec<Violation>) -> Reply;

    /// The vendor's words for a refusal, beside the headers that it has whatever the vendor.
    fn words(refusal: &Refusal, status: StatusCode) -> Reply;

    /// The answer to a refusal.
    fn refusal(refusal: &Refusal) -> Reply {
        let mut reply = Self::words(refusal, refusal.status());
        reply.headers.extend(refusal.headers());
        reply
    }

    /// The answer to a change that does not go together with the contacts there are. The message is
    /// the service's, for what the vendor has no words of its own for.
    fn conflict(_conflict: Conflict, message: &str) -> Reply {
        Self::error(StatusCode::CONFLICT, message)
    }

    /// The answer to a body that is no JSON.
    fn bad_body(problem: &BodyError) -> Reply {
        Self::error(problem.status(), &problem.to_string())
    }

    /// The answer to a request for a contact that is not there, or is no more.
    fn no_contact(_target: Option<&Target>) -> Reply {
        Self::refusal(&Refusal::NotFound)
    }

    /// A contact as an answer shows it that holds nothing else.
    fn alone(contact: &Contact) -> Record<'_> {
        Self::CONTACT.answer(contact)
    }

    /// The answer that is one contact.
    fn one(status: StatusCode, contact: &Contact) -> Reply {
        Reply::json(status, &Self::alone(contact)).with("etag", etag(contact.version))
    }

    /// The answer to a change that was made.
    fn changed(operation: Operation, contact: &Contact) -> Reply {
        let status = match operation {
            Operation::Create => StatusCode::CREATED,
            _ => StatusCode::OK,
        };
        Self::one(status, contact)
    }

    /// The answer to a change of one contact; a new one has no target.
    fn written(outcomes: Vec<Outcome>, target: Option<&Target>) -> Reply {
        match outcomes.into_iter().next() {
            Some(Outcome::Written { operation, contact }) => Self::changed(operation, &contact),
            Some(Outcome::Removed { .. }) => Reply::empty(StatusCode::NO_CONTENT),
            Some(Outcome::Erased { .. }) => Self::no_contact(target),
            Some(Outcome::Refused {
                failure,
                violations,
            }) => Self::refused(failure.code, violations, target),
            None => Self::refusal(&Refusal::Internal),
        }
    }

    /// The answer to a command that was refused for this reason.
    fn refused(code: FailureCode, violations: Vec<Violation>, target: Option<&Target>) -> Reply {
        let conflict = |conflict| Self::conflict(conflict, code.message());
        match code {
            FailureCode::Invalid => Self::invalid(violations),
            FailureCode::NotFound | FailureCode::Gone | FailureCode::KeyLost => {
                Self::no_contact(target)
            }
            FailureCode::VersionMismatch => {
                Self::error(StatusCode::PRECONDITION_FAILED, code.message())
            }
            FailureCode::TooManyContacts => conflict(Conflict::TooManyContacts),
            FailureCode::DuplicateEmail => conflict(Conflict::DuplicateEmail),
            FailureCode::DuplicateId => conflict(Conflict::DuplicateId),
            FailureCode::AmbiguousMatch => conflict(Conflict::AmbiguousMatch),
            FailureCode::BatchRefused => conflict(Conflict::BatchRefused),
        }
    }

    /// The answer to a read of one contact.
    fn found(found: Lookup<Box<Contact>>, target: &Target) -> Reply {
        match found {
            Ok(contact) => Self::one(StatusCode::OK, &contact),
            Err(refusal) if refusal.kind() == RefusalKind::NoContact => {
                Self::no_contact(Some(target))
            }
            Err(refusal) => Self::refusal(&refusal),
        }
    }
}
