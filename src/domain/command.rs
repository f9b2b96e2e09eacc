//! What a producer asks for, parsed: below here nothing is looked at twice.

use std::fmt;
use std::sync::Arc;

use super::{
    Actor, Card, ContactId, Correlation, EraseReason, FieldName, LookupKey, Operation, Owner,
    TraceParent, Violation, id,
};

/// One request to change contacts: one attempt, or several in a bulk.
#[derive(Clone, Debug)]
pub struct Command {
    /// Whose contacts it is about.
    pub owner: Owner,
    /// Who asks, and how the answer is tied to the question.
    pub context: Context,
    /// Whether the attempts stand or fall together.
    pub batch: BatchMode,
    /// What is asked, in order.
    pub attempts: Vec<Attempt>,
}

/// Who asks, and how the answer is tied to the question.
#[derive(Clone, Debug)]
pub struct Context {
    /// Who asks.
    pub actor: Actor,
    /// Ties together all that comes of the request.
    pub correlation: Correlation,
    /// The caller's trace, where it was sent.
    pub traceparent: Option<TraceParent>,
    /// The client's promise that the same key means the same request.
    pub idempotency: Option<IdempotentRequest>,
}

/// A client's idempotency key: 1-128 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(Box<str>);

impl IdempotencyKey {
    /// The key of this text, unless it can be none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        id::is_token(text).then(|| Self(text.into()))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An idempotency key with a digest of the request that it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotentRequest {
    /// The client's key.
    pub key: IdempotencyKey,
    /// SHA-256 over the request: operation, owner, contact, query and body.
    pub request: [u8; 32],
}

/// Whether the attempts of a command stand or fall together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchMode {
    /// Each is judged by itself.
    ItemByItem,
    /// One refused attempt refuses them all.
    AllOrNothing,
}

/// One thing asked: understood, or with what is wrong with it.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// What kind of change it is; an upsert is a create until it finds its contact.
    pub operation: Operation,
    /// The contact it is about, where it names one.
    pub target: Option<Target>,
    /// The version it is about, where it names one.
    pub precondition: Precondition,
    /// The names of the fields that were sent, from the dialect's schema.
    pub fields: Vec<FieldName>,
    /// What to do, or why it can't be done.
    pub action: Result<Action, Vec<Violation>>,
}

impl Attempt {
    /// To create a contact, with the names of the fields that were sent.
    #[must_use]
    pub const fn create(fields: Vec<FieldName>, action: Result<Action, Vec<Violation>>) -> Self {
        Self {
            operation: Operation::Create,
            target: None,
            precondition: Precondition::None,
            fields,
            action,
        }
    }

    /// To change a contact, with the names of the fields that were sent.
    #[must_use]
    pub const fn update(
        target: Target,
        precondition: Precondition,
        fields: Vec<FieldName>,
        action: Result<Action, Vec<Violation>>,
    ) -> Self {
        Self {
            operation: Operation::Update,
            target: Some(target),
            precondition,
            fields,
            action,
        }
    }

    /// To end a contact.
    #[must_use]
    pub const fn delete(target: Target, precondition: Precondition) -> Self {
        Self {
            operation: Operation::Delete,
            target: Some(target),
            precondition,
            fields: Vec::new(),
            action: Ok(Action::Delete),
        }
    }
}

/// A change that is well formed.
#[derive(Clone, Debug)]
pub enum Action {
    /// A new contact.
    Create {
        /// Its content.
        card: Card,
        /// The vendor id that the client chose for it.
        chosen_id: Option<Box<str>>,
    },
    /// A change of the contact that the attempt's target names.
    Update(Patch),
    /// Its end; its past stays readable.
    Delete,
    /// Its end, and its personal data destroyed.
    Erase {
        /// Why.
        reason: EraseReason,
        /// The operator's own reference: 1-64 of `A-Za-z0-9._-`.
        reference: Option<Box<str>>,
    },
    /// A create, or an update of the one contact found by a key.
    Upsert {
        /// How it is found.
        by: Match,
        /// Its content where it is new.
        card: Card,
        /// Its change where it is there.
        patch: Patch,
    },
}

/// How an upsert finds its contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match(pub LookupKey);

/// The contact that a command names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// By our id.
    Id(ContactId),
    /// By its number in the dialect's sequence.
    Sequence(u64),
    /// By an id that may be the client's choice, and if not so is our own.
    Chosen {
        /// The canonical text.
        text: Box<str>,
        /// The same as an id of ours.
        id: ContactId,
    },
}

/// The version of a contact that a command is about (RFC 9110, section 13.1.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    /// Whichever is current.
    #[default]
    None,
    /// Any version, as long as the contact is there (`If-Match: *`).
    Exists,
    /// One of these versions.
    Versions(Vec<u64>),
}

impl Precondition {
    /// Whether a contact at this version meets it.
    #[must_use]
    pub fn met_by(&self, version: u64) -> bool {
        match self {
            Self::None | Self::Exists => true,
            Self::Versions(versions) => versions.contains(&version),
        }
    }
}

/// How a contact changes: a pure function from its Card to the next, made by its dialect.
#[derive(Clone)]
pub struct Patch(Arc<PatchFn>);

type PatchFn = dyn Fn(&Card) -> Result<Patched, Vec<Violation>> + Send + Sync;

/// A changed Card.
#[derive(Clone, Debug, PartialEq)]
pub struct Patched {
    /// The whole Card after the change.
    pub card: Card,
    /// The names of the fields that are different now, from the dialect's schema.
    pub changed: Vec<FieldName>,
}

impl Patch {
    /// The change that this function makes.
    pub fn new(
        change: impl Fn(&Card) -> Result<Patched, Vec<Violation>> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(change))
    }

    /// The Card after the change.
    ///
    /// # Errors
    /// What is wrong with the contact that would come of it.
    pub fn apply(&self, card: &Card) -> Result<Patched, Vec<Violation>> {
        (self.0)(card)
    }
}

impl fmt::Debug for Patch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Patch")
    }
}
