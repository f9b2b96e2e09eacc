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
    /// The owner of the contacts that the command is about.
    pub owner: Owner,
    /// The caller, and what ties the answer and the events to the request.
    pub context: Context,
    /// Whether the attempts stand or fall together.
    pub batch: BatchMode,
    /// The attempts, in the order in which they are decided.
    pub attempts: Vec<Attempt>,
}

/// The caller of a command, and what ties its answer and its events to the request.
#[derive(Clone, Debug)]
pub struct Context {
    /// The ids of the caller, as its token names them.
    pub actor: Actor,
    /// Ties together all that comes of the request.
    pub correlation: Correlation,
    /// The caller's trace, where it was sent.
    pub traceparent: Option<TraceParent>,
    /// The client's promise that the same key means the same request.
    pub idempotency: Option<IdempotentRequest>,
}

/// A client's idempotency key: 1-128 visible ASCII characters.
///
/// ```
/// use contactd::domain::IdempotencyKey;
///
/// assert_eq!(IdempotencyKey::parse("order-4711").expect("a key").as_str(), "order-4711");
/// assert_eq!(IdempotencyKey::parse("two words"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(Box<str>);

impl IdempotencyKey {
    /// The key of this text, unless it can be none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        id::is_token(text).then(|| Self(text.into()))
    }

    /// The key as the client sent it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An idempotency key with a digest of the request that it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotentRequest {
    /// The key that the client sent.
    pub key: IdempotencyKey,
    /// SHA-256 over the request: operation, owner, contact, query and body.
    pub request: [u8; 32],
}

/// Whether the attempts of a command stand or fall together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchMode {
    /// There is one attempt, and it is the whole request.
    Alone,
    /// Each attempt is decided by itself, whatever comes of the others.
    ItemByItem,
    /// One refused attempt refuses every attempt of the command.
    AllOrNothing,
}

/// One change that was asked for: well formed, or with what is wrong with it.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The kind of change. An upsert counts as a create until it finds its contact.
    pub operation: Operation,
    /// The contact it is about, where it names one.
    pub target: Option<Target>,
    /// The versions that it is for.
    pub precondition: Precondition,
    /// The names of the fields that were sent, from the dialect's schema.
    pub fields: Vec<FieldName>,
    /// The change, or the violations for which it is refused.
    pub action: Result<Action, Vec<Violation>>,
}

impl Attempt {
    /// Makes the Card of a create its text alone, so that the attempt goes to another thread.
    pub fn fold_up(&mut self) {
        if let Ok(Action::Create { card, .. }) = &mut self.action {
            card.fold_up();
        }
    }

    /// An attempt to create a contact; `fields` names the fields that were sent.
    #[must_use]
    pub const fn create(fields: Vec<FieldName>, action: Result<Action, Vec<Violation>>) -> Self {
        Self {
            operation: Operation::Create,
            target: None,
            precondition: Precondition::NONE,
            fields,
            action,
        }
    }

    /// An attempt to change a contact; `fields` names the fields that were sent.
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

    /// An attempt to delete a contact.
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

/// A change that is well formed, with everything needed to make it.
#[derive(Clone, Debug)]
pub enum Action {
    /// Creates a contact that was not there before.
    Create {
        /// The content of the new contact.
        card: Card,
        /// The vendor id that the client chose for it.
        chosen_id: Option<Box<str>>,
    },
    /// A change of the contact that the attempt's target names.
    Update(Patch),
    /// Deletes the contact; its earlier versions stay readable.
    Delete,
    /// Deletes the contact and destroys its key, so that its personal data can be read by nobody.
    Erase {
        /// The reason, which is recorded and published.
        reason: EraseReason,
        /// The operator's own reference: 1-64 of `A-Za-z0-9._-`.
        reference: Option<Box<str>>,
    },
    /// A create, or an update of the one contact found by a key.
    Upsert {
        /// The key by which an existing contact is found.
        by: Match,
        /// The content to create the contact with, where none is found.
        card: Card,
        /// The change to make to the contact that is found.
        patch: Patch,
    },
}

/// The lookup key by which an upsert finds its contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match(pub LookupKey);

/// The contact that a command names, in one of the ways a vendor may address it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// By our own id, a UUIDv7.
    Id(ContactId),
    /// By its number in the dialect's sequence, as emnify has it.
    Sequence(u64),
    /// By an id that the client may have chosen; if no contact has that one, it is read as our own
    /// id.
    Chosen {
        /// The id in its canonical spelling, as the index holds it.
        text: Box<str>,
        /// The id read as one of our own, where no client chose it.
        id: ContactId,
    },
}

/// The versions of a contact that a command is for, and those that it is not for (RFC 9110,
/// sections 13.1.1 and 13.1.2).
///
/// ```
/// use contactd::domain::Precondition;
///
/// assert!(Precondition::NONE.met_by(3));
/// assert!(Precondition::versions(vec![2, 3]).met_by(3));
/// assert!(!Precondition::versions(vec![2]).met_by(3));
/// assert!(!Precondition::ABSENT.met_by(3));
/// assert!(Precondition::ABSENT.met_by_none() && !Precondition::EXISTS.met_by_none());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Precondition {
    /// The versions one of which must be current (`If-Match`); `None` where the request has no such
    /// header.
    pub if_match: Option<Versions>,
    /// The versions none of which may be current (`If-None-Match`); `None` where the request has no
    /// such header.
    pub if_none_match: Option<Versions>,
}

/// Versions of a contact, as a precondition names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Versions {
    /// Every version that there can be (`*`).
    Any,
    /// These versions; none where a header was sent that names nothing of ours.
    Listed(Vec<u64>),
}

impl Versions {
    fn holds(&self, version: u64) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(versions) => versions.contains(&version),
        }
    }
}

impl Precondition {
    /// No condition: whichever version is current, and where there is none.
    pub const NONE: Self = Self {
        if_match: None,
        if_none_match: None,
    };
    /// The contact must be there, at whichever version (`If-Match: *`).
    pub const EXISTS: Self = Self {
        if_match: Some(Versions::Any),
        if_none_match: None,
    };
    /// The contact must not be there yet (`If-None-Match: *`).
    pub const ABSENT: Self = Self {
        if_match: None,
        if_none_match: Some(Versions::Any),
    };

    /// The current version must be one of these (`If-Match`).
    #[must_use]
    pub const fn versions(versions: Vec<u64>) -> Self {
        Self {
            if_match: Some(Versions::Listed(versions)),
            if_none_match: None,
        }
    }

    /// Whether a contact at this version meets it.
    #[must_use]
    pub fn met_by(&self, version: u64) -> bool {
        let holds = |versions: &Versions| versions.holds(version);
        self.if_match.as_ref().is_none_or(holds) && !self.if_none_match.as_ref().is_some_and(holds)
    }

    /// Whether it is met where there is no contact.
    #[must_use]
    pub const fn met_by_none(&self) -> bool {
        self.if_match.is_none()
    }
}

/// A change of a contact: a pure function, made by its dialect, from its Card to the next one.
///
/// ```
/// use contactd::domain::{Card, Patch, Patched};
/// use serde_json::json;
///
/// let rename = Patch::new(|card: &Card| {
///     let mut properties = card.clone().into_properties();
///     properties.insert("name".into(), json!({"full": "Ann Other"}));
///     let card = Card::new(properties).expect("still a Card");
///     Ok(Patched { card, changed: vec!["name".into()] })
/// });
/// let card = Card::from_value(json!({"name": {"full": "Ann Example"}})).expect("an object");
/// let patched = rename.apply(&card).expect("nothing is wrong");
/// assert_eq!(patched.card.full_name().as_deref(), Some("Ann Other"));
/// ```
#[derive(Clone)]
pub struct Patch(Arc<PatchFn>);

type PatchFn = dyn Fn(&Card) -> Result<Patched, Vec<Violation>> + Send + Sync;

/// A Card after a change, with what the change touched.
#[derive(Clone, Debug, PartialEq)]
pub struct Patched {
    /// The whole Card as it is after the change.
    pub card: Card,
    /// The names of the fields that are different now, from the dialect's schema.
    pub changed: Vec<FieldName>,
}

impl Patch {
    /// Wraps a function from a Card to the changed Card, or to what is wrong with it.
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
