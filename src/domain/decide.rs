//! The one place where a command is judged.
//!
//! `decide` is total: every attempt in every state is a change, a refusal, or
//! the repeat of something already done. It reads no clock and no store.

use super::{
    Action, Attempt, Card, ContactId, ContactState, EraseReason, Erasure, Failure, FailureCode,
    FieldName, IdRule, LookupKey, LookupKind, Operation, Patch, Position, Precondition, Rules, Tag,
    VendorKey, Violation,
};

/// The contact that an attempt names, as far as it is known before the decision.
#[derive(Clone, Debug, Default)]
pub enum Current {
    /// The attempt names no contact, or one that does not exist.
    #[default]
    None,
    /// The contact is live; this is its state and its content.
    One(Box<(ContactState, Card)>),
    /// The contact's personal data was destroyed; erasing it once more changes nothing.
    Erased(ContactId, Position),
    /// The contact was deleted; its personal data can still be erased.
    Deleted(Box<ContactState>),
    /// The contact is live and its content cannot be read, for its key is lost; it can be erased.
    KeyLost(Box<ContactState>),
    /// The lookup key of an upsert fits more than one contact.
    Many,
}

/// An earlier create that took the id which a client has chosen.
#[derive(Clone, Debug)]
pub struct PriorCreate {
    /// The position of the SUCCESS that took it.
    pub position: Position,
    /// The content it was taken with; none where that was destroyed.
    pub card: Option<Card>,
}

/// Everything that is known before an attempt is decided.
pub struct State<'a> {
    /// The contact that the attempt names.
    pub current: Current,
    /// The number of live contacts that the owner has.
    pub owned: u32,
    /// The create that already took the id which the client chose, if one did.
    pub chosen: Option<PriorCreate>,
    /// Finds the live contact of the tenant that has a lookup key, its e-mail address for instance.
    pub holder: &'a dyn Fn(&LookupKey) -> Option<ContactId>,
}

/// The values that a contact gets if the attempt creates it.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// A fresh id of ours.
    pub contact: ContactId,
    /// The next number of its dialect's sequence.
    pub sequence: u64,
    /// The tag of the id that the client chose.
    pub chosen: Option<Tag>,
}

/// The outcome of an attempt, before its events are numbered and recorded.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// The change is to be made and recorded as a SUCCESS.
    Done(Change),
    /// Nothing changes, and the refusal is recorded as a FAIL.
    Refused {
        /// The reason as it is recorded: without any value that was sent.
        failure: Failure,
        /// The violations with the values that were sent, for the answer only.
        violations: Vec<Violation>,
    },
    /// The event at this position did the same before; nothing is recorded again.
    Unchanged(Position),
}

/// A change of one contact, to be recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The kind of change: create, update, delete or erase.
    pub operation: Operation,
    /// The id of the contact that changes.
    pub contact: ContactId,
    /// The part of its vendor id that our own id does not give.
    pub key: VendorKey,
    /// The contact's version after the change.
    pub version: u64,
    /// The whole content after a create or an update; `None` after a delete or an erasure.
    pub card: Option<Card>,
    /// The names of the fields sent with a create or changed by an update.
    pub fields: Vec<FieldName>,
    /// The reason and reference of an erasure; `None` for every other change.
    pub erasure: Option<Erasure>,
}

/// Decides an attempt: a change to record, a refusal to record, or the repeat of an earlier change.
/// The content of a create is taken out of it, so that it is not copied.
///
/// ```
/// use contactd::dialect::REGISTRY;
/// use contactd::domain::{
///     Action, Attempt, Card, ContactId, Current, Decision, Facts, State, decide,
/// };
/// use serde_json::json;
///
/// let rules = REGISTRY.named("native").expect("our own dialect");
/// let card = Card::from_value(json!({"name": {"full": "Ann Example"}})).expect("an object");
/// let action = Action::Create { card, chosen_id: None };
/// let mut attempt = Attempt::create(vec!["name".into()], Ok(action));
/// let state = State { current: Current::None, owned: 0, chosen: None, holder: &|_| None };
/// let facts = Facts { contact: ContactId(uuid::Uuid::now_v7()), sequence: 1, chosen: None };
///
/// let Decision::Done(change) = decide(state, &mut attempt, rules, facts) else {
///     panic!("nothing stands against it");
/// };
/// assert_eq!((change.contact, change.version), (facts.contact, 1));
/// ```
#[must_use]
pub fn decide(state: State<'_>, attempt: &mut Attempt, rules: &Rules, facts: Facts) -> Decision {
    let action = match &mut attempt.action {
        Ok(action) => action,
        Err(violations) => return invalid(violations.clone()),
    };
    match action {
        Action::Create { card, .. } => create(state, card.take(), &attempt.fields, rules, facts),
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
            _ if !attempt.precondition.met_by_none() => refuse(FailureCode::VersionMismatch),
            _ => create(state, card.take(), &attempt.fields, rules, facts),
        },
    }
}

fn create(
    state: State<'_>,
    card: Card,
    fields: &[FieldName],
    rules: &Rules,
    facts: Facts,
) -> Decision {
    if let Some(taken) = state.chosen {
        return repeat(taken, &card);
    }
    if rules.contacts_max.is_some_and(|max| state.owned >= max) {
        return refuse(FailureCode::TooManyContacts);
    }
    if email_taken(&state, &card, rules, &[]) {
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
        card: Some(card.with_uid(facts.contact)),
        fields: fields.to_vec(),
        erasure: None,
    })
}

/// Repeats a create under an id that is taken: equal content is answered as before, other content
/// is refused.
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
    let current = match &state.current {
        Current::One(current) => current,
        Current::Erased(..) => return refuse(FailureCode::Gone),
        Current::KeyLost(_) => return refuse(FailureCode::KeyLost),
        Current::None | Current::Deleted(_) | Current::Many => {
            return refuse(FailureCode::NotFound);
        }
    };
    let (contact, card) = &**current;
    if !precondition.met_by(contact.version) {
        return refuse(FailureCode::VersionMismatch);
    }
    let patched = match patch.apply(card) {
        Ok(patched) => patched,
        Err(violations) => return invalid(violations),
    };
    if email_taken(&state, &patched.card, rules, &rules.keys_of(card)) {
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
        (Current::Deleted(contact) | Current::KeyLost(contact), Operation::Erase) => *contact,
        (Current::Erased(_, position), Operation::Erase) => return Decision::Unchanged(position),
        (Current::Erased(..), _) => return refuse(FailureCode::Gone),
        (Current::KeyLost(_), _) => return refuse(FailureCode::KeyLost),
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

/// Whether another live contact of the tenant has one of the card's e-mail addresses. Those that the
/// contact had before are its own, even where another has the same by a younger spelling rule.
fn email_taken(state: &State<'_>, card: &Card, rules: &Rules, before: &[LookupKey]) -> bool {
    rules.unique_email
        && rules
            .keys_of(card)
            .iter()
            .filter(|key| key.kind == LookupKind::Email && !before.contains(key))
            .any(|key| (state.holder)(key).is_some())
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
    Decision::Refused {
        failure: Failure::invalid(&violations),
        violations,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::domain::{DialectId, Fact, Match, Owner, Patched, Status, Timestamp};

    static UNIQUE: Rules = Rules {
        dialect: DialectId(9),
        name: "unique",
        owner_names: &["tenant"],
        unique_email: true,
        ..Rules::NONE
    };

    fn with(address: &str) -> Card {
        let card = json!({"emails": {"email": {"address": address}}});
        Card::from_value(card).expect("a card")
    }

    fn contact() -> ContactState {
        let fact = Fact {
            position: Position::new(1),
            time: Timestamp::from_millis(0),
        };
        ContactState {
            id: ContactId(Uuid::from_u128(1)),
            owner: Owner::new(UNIQUE.dialect, &["t"]).expect("an owner"),
            key: VendorKey::Own,
            version: 1,
            status: Status::Live,
            created: fact,
            modified: fact,
        }
    }

    /// What becomes of a change to an address, where another contact has every address.
    fn changed(from: &str, to: &str) -> Decision {
        let state = State {
            current: Current::One(Box::new((contact(), with(from)))),
            owned: 2,
            chosen: None,
            holder: &|_| Some(ContactId(Uuid::from_u128(2))),
        };
        let card = with(to);
        let patch = Patch::new(move |_| {
            let (card, changed) = (card.clone(), Vec::new());
            Ok(Patched { card, changed })
        });
        update(state, &patch, &Precondition::NONE, &UNIQUE)
    }

    #[test]
    fn who_has_no_notion_of_activity_calls_every_contact_active() {
        assert!(UNIQUE.is_active(&with("a@example.com")));
    }

    #[test]
    fn an_address_is_one_key_though_the_dialect_names_it_too() {
        let keys = UNIQUE.keys_of(&with("a@example.com"));
        assert_eq!(keys, [LookupKey::email("a@example.com")]);
    }

    #[test]
    fn what_cannot_be_deleted_says_why_and_may_be_erased() {
        let (id, position) = (contact().id, Position::new(7));
        let removed = |current: Current, operation| {
            let state = State {
                current,
                owned: 1,
                chosen: None,
                holder: &|_| None,
            };
            remove(state, operation, None, &Precondition::NONE)
        };
        let contact = || Box::new(contact());
        for (current, code) in [
            (Current::None, FailureCode::NotFound),
            (Current::Erased(id, position), FailureCode::Gone),
            (Current::Deleted(contact()), FailureCode::NotFound),
            (Current::KeyLost(contact()), FailureCode::KeyLost),
        ] {
            assert_eq!(
                removed(current, Operation::Delete),
                refuse(code),
                "{code:?}"
            );
        }
        for current in [Current::Deleted(contact()), Current::KeyLost(contact())] {
            let erased = removed(current, Operation::Erase);
            assert!(matches!(erased, Decision::Done(_)), "{erased:?}");
        }
        let again = removed(Current::Erased(id, position), Operation::Erase);
        assert_eq!(again, Decision::Unchanged(position));
    }

    /// What becomes of an upsert where so many contacts have the key and so many there are.
    fn upserted(current: Current, owned: u32, precondition: Precondition) -> Decision {
        let state = State {
            current,
            owned,
            chosen: None,
            holder: &|_| None,
        };
        let card = with("a@example.com");
        let kept = card.clone();
        let patch = Patch::new(move |_| {
            let (card, changed) = (kept.clone(), vec!["emails".into()]);
            Ok(Patched { card, changed })
        });
        let by = Match(LookupKey::email("a@example.com"));
        let mut attempt = Attempt {
            precondition,
            ..Attempt::create(Vec::new(), Ok(Action::Upsert { by, card, patch }))
        };
        let facts = Facts {
            contact: ContactId(Uuid::from_u128(7)),
            sequence: 1,
            chosen: None,
        };
        let rules = Rules {
            contacts_max: Some(3),
            ..UNIQUE
        };
        decide(state, &mut attempt, &rules, facts)
    }

    #[test]
    fn an_upsert_makes_changes_or_is_refused_by_what_has_its_key() {
        let operation = |decision: Decision| match decision {
            Decision::Done(change) => Ok(change.operation),
            other => Err(other),
        };
        let at_any = || Precondition::NONE;
        let at = |version| Precondition::versions(vec![version]);
        let one = || Current::One(Box::new((contact(), with("b@example.com"))));
        let check = |current, owned, precondition, want: Result<Operation, FailureCode>| {
            let got = operation(upserted(current, owned, precondition));
            assert_eq!(got, want.map_err(refuse));
        };
        check(Current::None, 2, at_any(), Ok(Operation::Create));
        check(one(), 3, at_any(), Ok(Operation::Update));
        check(one(), 3, at(1), Ok(Operation::Update));
        let stale = Err(FailureCode::VersionMismatch);
        check(Current::None, 2, at(1), stale);
        check(one(), 3, at(2), stale);
        let many = Err(FailureCode::AmbiguousMatch);
        check(Current::Many, 2, at_any(), many);
        let full = Err(FailureCode::TooManyContacts);
        check(Current::None, 3, at_any(), full);
    }

    #[test]
    fn who_had_an_address_before_it_was_another_s_too_keeps_it() {
        let kept = changed("straße@example.com", "strasse@Example.com");
        assert!(matches!(kept, Decision::Done(_)), "{kept:?}");
        let taken = changed("straße@example.com", "other@example.com");
        assert_eq!(taken, refuse(FailureCode::DuplicateEmail));
    }
}
