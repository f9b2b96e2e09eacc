//! What happened: a START, then exactly one SUCCESS or FAIL.

use super::{
    Actor, ContactId, Correlation, Erasure, EventId, FieldName, Fingerprint, Operation, Owner,
    Position, Tag, Timestamp, TraceParent, VendorKey,
};

/// What every event has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Where it stands in the log.
    pub position: Position,
    /// Its id.
    pub id: EventId,
    /// When it happened; START and outcome share it.
    pub time: Timestamp,
    /// What was done or tried.
    pub operation: Operation,
    /// Whose contact.
    pub owner: Owner,
    /// Which contact, where there is one.
    pub contact: Option<ContactId>,
    /// What its vendor id is made of, where there is a contact.
    pub key: Option<VendorKey>,
    /// The contact's version after a SUCCESS of a write.
    pub version: Option<u64>,
    /// Who asked.
    pub actor: Actor,
    /// Ties together all that came of one request.
    pub correlation: Correlation,
    /// An outcome's START.
    pub causation: Option<EventId>,
    /// The caller's trace.
    pub traceparent: Option<TraceParent>,
    /// Names of the fields that were sent (START, FAIL, create) or changed (update).
    pub fields: Vec<FieldName>,
    /// Which part of a list a read of several is about.
    pub listed: Option<ListRange>,
}

/// A part of a list: in a START what was asked for, in a SUCCESS what was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListRange {
    /// How many contacts: at most in a START, given in a SUCCESS.
    pub contacts: u32,
    /// The contact after which the part begins (START) or the next one does (SUCCESS).
    pub cursor: Option<ContactId>,
}

/// An event without personal data; a contact's content travels beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What every event has.
    pub header: Header,
    /// What kind of event it is, and what only that kind has.
    pub phase: Phase,
}

/// The kinds of event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A command reached validation.
    Start {
        /// The idempotency key it came under.
        idempotency: Option<IdempotencyRecord>,
    },
    /// It was done.
    Success {
        /// Why and by which reference, of an erasure.
        erasure: Option<Erasure>,
    },
    /// It was refused, and nothing changed.
    Fail(Failure),
}

/// An idempotency record of a START in the log: hashed, since a client may put anything in its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// The key in its scope of tenant, dialect and client.
    pub key: Tag,
    /// The request it stands for.
    pub fingerprint: Fingerprint,
    /// How many attempts the request held: their outcomes are at every second position from here.
    pub attempts: u32,
}

/// Why a command was refused, without personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The reason.
    pub code: FailureCode,
    /// What is wrong with which field: the field's path and the code of [`super::Problem`].
    pub violations: Vec<(FieldName, FieldName)>,
}

/// The reasons for a refusal.
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
    /// Another contact of the tenant has the e-mail address.
    DuplicateEmail,
    /// The id that the client chose is taken.
    DuplicateId,
    /// An upsert's key fits more than one contact.
    AmbiguousMatch,
    /// Another attempt of the same batch was refused.
    BatchRefused,
}

impl FailureCode {
    /// All of them, in the order of their numbers in records, from 1.
    pub const ALL: [Self; 8] = [
        Self::Invalid,
        Self::NotFound,
        Self::VersionMismatch,
        Self::TooManyContacts,
        Self::DuplicateEmail,
        Self::DuplicateId,
        Self::AmbiguousMatch,
        Self::BatchRefused,
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
        }
    }

    /// What to tell a person who reads the event; it holds nobody's data.
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
        }
    }
}

/// How a command's attempt ended: what an answer is made from.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The contact as it is after the change.
    Written {
        /// Create or update.
        operation: Operation,
        /// The contact.
        contact: Box<super::Contact>,
    },
    /// The contact is gone.
    Removed {
        /// Delete or erase.
        operation: Operation,
        /// Which contact.
        id: ContactId,
        /// The position of the event that says so.
        position: Position,
    },
    /// The contact was written then, and its personal data has been destroyed since.
    Erased {
        /// Which contact.
        id: ContactId,
    },
    /// Refused: the failure as recorded, and what was wrong as the request shows it.
    Refused {
        /// As recorded.
        failure: Failure,
        /// With the values that were sent, which are not recorded.
        violations: Vec<super::Violation>,
    },
}
