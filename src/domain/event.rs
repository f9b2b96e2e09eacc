//! What happened: a START, then exactly one SUCCESS or FAIL.

use super::{
    Actor, ContactId, Correlation, Erasure, EventId, FieldName, Fingerprint, Operation, Owner,
    Position, Tag, Timestamp, TraceParent, VendorKey, Violation, limits,
};

/// The part that all events have, whatever happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The event's position in the log.
    pub position: Position,
    /// The event's own id, a UUIDv7.
    pub id: EventId,
    /// The time of the event; a START and its outcome share it.
    pub time: Timestamp,
    /// The operation that was done or attempted.
    pub operation: Operation,
    /// The owner of the contact, or of the contacts that were listed.
    pub owner: Owner,
    /// The contact concerned; `None` where none was found or created.
    pub contact: Option<ContactId>,
    /// The part of the contact's vendor id that our own id does not give; `None` without a contact.
    pub key: Option<VendorKey>,
    /// The contact's version after a SUCCESS of a write.
    pub version: Option<u64>,
    /// The caller who asked for the operation.
    pub actor: Actor,
    /// Ties together all that came of one request.
    pub correlation: Correlation,
    /// The id of the START that this outcome belongs to; `None` in a START.
    pub causation: Option<EventId>,
    /// The caller's trace (W3C Trace Context), where one was sent.
    pub traceparent: Option<TraceParent>,
    /// Names of the fields that were sent (START, FAIL, create) or changed (update).
    pub fields: Vec<FieldName>,
    /// The part of a list that was asked for or given, when several contacts were read.
    pub listed: Option<ListRange>,
}

impl Header {
    /// The header of an event of nobody known that has nothing but what each must have; its own id
    /// ties it together with others.
    pub fn new(
        position: Position,
        id: EventId,
        time: Timestamp,
        operation: Operation,
        owner: Owner,
    ) -> Self {
        Self {
            position,
            id,
            time,
            operation,
            owner,
            contact: None,
            key: None,
            version: None,
            actor: Actor::default(),
            correlation: Correlation::from_uuid(id.0),
            causation: None,
            traceparent: None,
            fields: Vec::new(),
            listed: None,
        }
    }
}

/// A part of a list: in a START what was asked for, in a SUCCESS what was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListRange {
    /// The number of contacts: the limit in a START, the number given in a SUCCESS.
    pub contacts: u32,
    /// The contact after which the part begins (START) or the next one does (SUCCESS).
    pub cursor: Option<ContactId>,
}

/// An event without personal data; a contact's content travels beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The part that all events have.
    pub header: Header,
    /// The kind of event, with what only that kind has.
    pub phase: Phase,
}

/// The kinds of event: each attempt has one START and then one SUCCESS or FAIL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A command or a read was accepted for a decision.
    Start {
        /// The idempotency record, where the request came under a key and this is its first START.
        idempotency: Option<IdempotencyRecord>,
    },
    /// The operation was done, and this event is its record.
    Success {
        /// The reason and reference of an erasure; `None` in every other SUCCESS.
        erasure: Option<Erasure>,
    },
    /// The operation was refused, and nothing changed.
    Fail(Failure),
}

/// An idempotency record of a START in the log: hashed, since a client may put anything in its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// The key in its scope of tenant, dialect and client.
    pub key: Tag,
    /// The keyed hash of the request that the key stands for.
    pub fingerprint: Fingerprint,
    /// The number of attempts in the request: their outcomes are at every second position from
    /// here.
    pub attempts: u32,
}

/// The reason for which a command was refused, without personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The reason that is published.
    pub code: FailureCode,
    /// The wrong fields, each as its path and the code of its [`super::Problem`].
    pub violations: Vec<(FieldName, FieldName)>,
}

impl Failure {
    /// A failure of which nothing more is to be said.
    #[must_use]
    pub const fn of(code: FailureCode) -> Self {
        Self {
            code,
            violations: Vec::new(),
        }
    }

    /// The failure of an attempt whose content is wrong, without what was sent.
    #[must_use]
    pub fn invalid(violations: &[Violation]) -> Self {
        let mut recorded: Vec<(FieldName, FieldName)> = violations
            .iter()
            .take(limits::VIOLATIONS_MAX)
            .map(|v| (FieldName::from(v.field.clone()), v.problem.code().into()))
            .collect();
        // The same thing may be wrong under several keys of a client's, which are not recorded.
        recorded.dedup();
        Self {
            code: FailureCode::Invalid,
            violations: recorded,
        }
    }

    /// Whether one item of several was refused because its contact's record would be too large.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        self.violations.iter().any(Violation::is_too_large)
    }
}

/// The reasons for which a command can be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureCode {
    /// The request's content is wrong; the violations say where.
    Invalid,
    /// The contact is not there, or not the caller's.
    NotFound,
    /// The contact is at another version than the caller wants.
    VersionMismatch,
    /// The owner has as many contacts as it may.
    TooManyContacts,
    /// Another contact of the tenant already has the e-mail address.
    DuplicateEmail,
    /// The id that the client chose is taken.
    DuplicateId,
    /// An upsert's key fits more than one contact.
    AmbiguousMatch,
    /// Another attempt of the same all-or-nothing batch was refused.
    BatchRefused,
    /// The contact's personal data was destroyed, and it with it.
    Gone,
    /// Nobody erased the contact, but its key cannot be had, so that nobody can read what to change.
    KeyLost,
}

impl FailureCode {
    /// All of them, in the order of their numbers in records, from 1.
    pub const ALL: [Self; 10] = [
        Self::Invalid,
        Self::NotFound,
        Self::VersionMismatch,
        Self::TooManyContacts,
        Self::DuplicateEmail,
        Self::DuplicateId,
        Self::AmbiguousMatch,
        Self::BatchRefused,
        Self::Gone,
        Self::KeyLost,
    ];

    /// The code that is published for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::NotFound => "not_found",
            Self::VersionMismatch => "version_mismatch",
            Self::TooManyContacts => "too_many_contacts",
            Self::DuplicateEmail => "duplicate_email",
            Self::DuplicateId => "duplicate_id",
            Self::AmbiguousMatch => "ambiguous_match",
            Self::BatchRefused => "batch_refused",
            Self::Gone => "gone",
            Self::KeyLost => "key_lost",
        }
    }

    /// A sentence for whoever reads the event; it holds no personal data.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Invalid => "The request is not valid; its violations say which fields and why.",
            Self::NotFound => "There is no such contact for this owner.",
            Self::VersionMismatch => "The contact is at another version; read it and try again.",
            Self::TooManyContacts => {
                "The owner has as many contacts as it may; delete one before creating another."
            }
            Self::DuplicateEmail => "Another contact of the tenant has this e-mail address.",
            Self::DuplicateId => "The id is taken in this tenant; choose another or leave it out.",
            Self::AmbiguousMatch => "More than one contact fits the key; update one by its id.",
            Self::BatchRefused => "Another item of the same batch was refused.",
            Self::Gone => "The contact's personal data was erased.",
            Self::KeyLost => "The contact's key is lost; a backup with keys may have it.",
        }
    }
}

/// The end of one attempt, with what an answer is made from.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The contact as it is after the change.
    Written {
        /// The operation that wrote it: create or update.
        operation: Operation,
        /// The contact after the change.
        contact: Box<super::Contact>,
    },
    /// The contact was deleted or erased.
    Removed {
        /// The operation that ended it: delete or erase.
        operation: Operation,
        /// The id of the contact that is gone.
        id: ContactId,
        /// The position of the event that says so.
        position: Position,
    },
    /// The contact was written then, and its personal data has been destroyed since.
    Erased {
        /// The id of the contact that was erased since.
        id: ContactId,
    },
    /// Refused: the failure as recorded, and what was wrong as the request shows it.
    Refused {
        /// The refusal, as it was recorded.
        failure: Failure,
        /// The violations with the values that were sent, which are never recorded.
        violations: Vec<Violation>,
    },
}
