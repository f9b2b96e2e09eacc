//! The one place where a command is judged.
//!
//! `decide` is total: every attempt in every state is a change, a refusal, or
//! the repeat of something already done. It reads no clock and no store.

use super::{
    Action, Attempt, Card, ContactId, ContactState, EraseReason, Erasure, Failure, FailureCode,
    FieldName, IdRule, LookupKey, LookupKind, Operation, Patch, Position, Precondition, Rules, Tag,
    VendorKey, Violation, limits,
};

/// What is known of the contact that an attempt names.
#[derive(Clone, Debug, Default)]
pub enum Current {
    /// It names none, or one that is not there.
    #[default]
    None,
    /// It is there.
    One(Box<(ContactState, Card)>),
    /// Its personal data was destroyed; repeated erasure is no news.
    Erased(ContactId, Position),
    /// It was deleted: it can still be erased.
    Deleted(Box<ContactState>),
    /// The key fits several.
    Many,
}

/// What is known of a client-chosen id that is taken.
#[derive(Clone, Debug)]
pub struct PriorCreate {
    /// The position of the SUCCESS that took it.
    pub position: Position,
    /// The content it was taken with; none where that was destroyed.
    pub card: Option<Card>,
}

/// What is known before an attempt is judged.
pub struct State<'a> {
    /// The contact that it names.
    pub current: Current,
    /// How many contacts the owner has.
    pub owned: u32,
    /// Who took the id that the client chose.
    pub chosen: Option<PriorCreate>,
    /// Which live contact of the tenant has a key.
    pub holder: &'a dyn Fn(&LookupKey) -> Option<ContactId>,
}

/// What is given to a new contact.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Its id.
    pub contact: ContactId,
    /// The next number of its dialect's sequence.
    pub sequence: u64,
    /// The tag of the id that the client chose.
    pub chosen: Option<Tag>,
}

/// What comes of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// It is done.
    Done(Change),
    /// It is refused.
    Refused {
        /// What is recorded.
        failure: Failure,
        /// What the answer shows beside.
        violations: Vec<Violation>,
    },
    /// It was done before, by the event at this position; nothing is recorded.
    Unchanged(Position),
}

/// A change of one contact.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What kind.
    pub operation: Operation,
    /// Of which contact.
    pub contact: ContactId,
    /// What its vendor id is made of.
    pub key: VendorKey,
    /// Its version after the change.
    pub version: u64,
    /// Its whole content after a create or an update.
    pub card: Option<Card>,
    /// The names of the fields sent with a create or changed by an update.
    pub fields: Vec<FieldName>,
    /// Why, of an erasure.
    pub erasure: Option<Erasure>,
}

/// Judges an attempt.
#[must_use]
pub fn decide(state: State<'_>, attempt: &Attempt, rules: &Rules, facts: Facts) -> Decision {
    let action = match &attempt.action {
        Ok(action) => action,
        Err(violations) => return invalid(violations.clone()),
    };
    match action {
        Action::Create { card, .. } => create(state, card, &attempt.fields, rules, facts),
        Action::Update(patch) => update(state, patch, &attempt.precondition, rules),
        Action::Delete => remove(state, Operation::Delete, None, &attempt.precondition),
        Action::Erase { reason, reference } => {
            let erasure = erasure(*reason, reference.clone());
            remove(
                state,
                Operation::Erase,
                Some(erasure),
                &attempt.precondition,
            )
        }
        Action::Upsert { card, patch, .. } => match &state.current {
            Current::One(_) => update(state, patch, &attempt.precondition, rules),
            Current::Many => refuse(FailureCode::AmbiguousMatch),
            _ if attempt.precondition != Precondition::None => refuse(FailureCode::VersionMismatch),
            _ => create(state, card, &attempt.fields, rules, facts),
        },
    }
}

fn create(
    state: State<'_>,
    card: &Card,
    fields: &[FieldName],
    rules: &Rules,
    facts: Facts,
) -> Decision {
    if let Some(taken) = state.chosen {
        return repeat(taken, card);
    }
    if rules.contacts_max.is_some_and(|max| state.owned >= max) {
        return refuse(FailureCode::TooManyContacts);
    }
    if email_taken(&state, card, rules, None) {
        return refuse(FailureCode::DuplicateEmail);
    }
    let key = match (facts.chosen, rules.ids) {
        (Some(tag), _) => VendorKey::Chosen(tag),
        (None, IdRule::Sequence) => VendorKey::Sequence(facts.sequence),
        (None, IdRule::Uuid | IdRule::Hex | IdRule::Ulid) => VendorKey::Own,
    };
    Decision::Done(Change {
        operation: Operation::Create,
        contact: facts.contact,
        key,
        version: 1,
        card: Some(card.clone().with_uid(facts.contact)),
        fields: fields.to_vec(),
        erasure: None,
    })
}

/// The same content under an id that is taken is a repeat; other content is refused.
fn repeat(taken: PriorCreate, card: &Card) -> Decision {
    let same = taken.card.is_some_and(|then| {
        let mut then = then.into_properties();
        if card.get("uid").is_none() {
            then.shift_remove("uid");
        }
        &then == card.properties()
    });
    if same {
        Decision::Unchanged(taken.position)
    } else {
        refuse(FailureCode::DuplicateId)
    }
}

fn update(state: State<'_>, patch: &Patch, precondition: &Precondition, rules: &Rules) -> Decision {
    let Current::One(current) = &state.current else {
        return refuse(FailureCode::NotFound);
    };
    let (contact, card) = &**current;
    if !precondition.met_by(contact.version) {
        return refuse(FailureCode::VersionMismatch);
    }
    let patched = match patch.apply(card) {
        Ok(patched) => patched,
        Err(violations) => return invalid(violations),
    };
    if email_taken(&state, &patched.card, rules, Some(contact.id)) {
        return refuse(FailureCode::DuplicateEmail);
    }
    Decision::Done(Change {
        operation: Operation::Update,
        contact: contact.id,
        key: contact.key.clone(),
        version: contact.version.saturating_add(1),
        card: Some(patched.card.with_uid(contact.id)),
        fields: patched.changed,
        erasure: None,
    })
}

fn remove(
    state: State<'_>,
    operation: Operation,
    erasure: Option<Erasure>,
    precondition: &Precondition,
) -> Decision {
    let contact = match (state.current, operation) {
        (Current::One(current), _) => current.0,
        (Current::Deleted(contact), Operation::Erase) => *contact,
        (Current::Erased(_, position), Operation::Erase) => return Decision::Unchanged(position),
        _ => return refuse(FailureCode::NotFound),
    };
    if !precondition.met_by(contact.version) {
        return refuse(FailureCode::VersionMismatch);
    }
    Decision::Done(Change {
        operation,
        contact: contact.id,
        key: contact.key,
        version: contact.version.saturating_add(1),
        card: None,
        fields: Vec::new(),
        erasure,
    })
}

/// Whether another live contact of the tenant has one of the card's e-mail addresses.
fn email_taken(state: &State<'_>, card: &Card, rules: &Rules, own: Option<ContactId>) -> bool {
    rules.unique_email
        && rules
            .keys_of(card)
            .iter()
            .filter(|key| key.kind == LookupKind::Email)
            .any(|key| (state.holder)(key).is_some_and(|holder| Some(holder) != own))
}

fn erasure(reason: EraseReason, reference: Option<Box<str>>) -> Erasure {
    Erasure { reason, reference }
}

fn refuse(code: FailureCode) -> Decision {
    Decision::Refused {
        failure: Failure {
            code,
            violations: Vec::new(),
        },
        violations: Vec::new(),
    }
}

fn invalid(violations: Vec<Violation>) -> Decision {
    let recorded = violations
        .iter()
        .take(limits::VIOLATIONS_MAX)
        .map(|v| (FieldName::from(v.field.clone()), v.problem.code().into()))
        .collect();
    Decision::Refused {
        failure: Failure {
            code: FailureCode::Invalid,
            violations: recorded,
        },
        violations,
    }
}
