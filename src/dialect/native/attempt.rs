//! What a producer wants done, from JSON: the same for a request and for an item of a batch.

use serde_json::Value;

use super::change;
use super::hints;
use super::localize::is_larger_than_a_record;
use super::problem;
use super::tables::EXTERNAL_ID;
use super::validate;
use super::walker::Object;
use crate::dialect::fields::{ANY_TEXT, Fields, Nulls, Text};
use crate::dialect::{Refusal, Reply};
use crate::domain::{
    Action, Attempt, Card, EraseReason, Expected, FieldName, LookupKey, Match, Operation,
    Precondition, Problem, Target, Violation,
};

/// By which property an upsert finds its contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// The first e-mail address of the Card, whatever its case.
    Email,
    /// The Card's property `contactd.local:externalId`.
    ExternalId,
}

impl Key {
    /// The names of both keys.
    pub const NAMES: [&str; 2] = ["email", "externalId"];

    /// The key of this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "email" => Some(Self::Email),
            "externalId" => Some(Self::ExternalId),
            _ => None,
        }
    }

    /// What of a Card it is.
    fn of(self, card: &Card) -> Result<LookupKey, Vec<Violation>> {
        let (field, expected, key) = match self {
            Self::Email => (
                "emails",
                Expected::Object,
                card.emails().next().map(LookupKey::email),
            ),
            Self::ExternalId => (
                EXTERNAL_ID,
                Expected::String,
                card.text(EXTERNAL_ID).map(LookupKey::external_id),
            ),
        };
        key.ok_or_else(|| vec![Violation::new(field, Problem::Required(expected))])
    }
}

/// An attempt that is refused for what it is made of.
pub fn invalid(operation: Operation, violation: Violation) -> Attempt {
    Attempt {
        operation,
        ..Attempt::create(Vec::new(), Err(vec![violation]))
    }
}

/// A Card or a patch is larger than a record alone: no contact comes of it, and the writer should not
/// try.
#[derive(Clone, Copy, Debug)]
pub struct TooLarge;

/// 413, and nothing in the log, where it is the whole request.
impl From<TooLarge> for Reply {
    fn from(_: TooLarge) -> Self {
        problem::refusal(&Refusal::RECORD_TOO_LARGE)
    }
}

/// A new contact with this Card.
///
/// # Errors
/// [`TooLarge`]
pub fn create(card: Value) -> Result<Attempt, TooLarge> {
    let (card, fields) = read(card)?;
    let chosen_id = None;
    let action = card.map(|card| Action::Create { card, chosen_id });
    Ok(Attempt::create(fields, action))
}

/// A new contact with this Card, or the Card of the one contact that has the key.
///
/// # Errors
/// As [`create`].
pub fn upsert(key: Key, card: Value, precondition: Precondition) -> Result<Attempt, TooLarge> {
    let (card, fields) = read(card)?;
    let action = card.and_then(|card| {
        Ok(Action::Upsert {
            by: Match(key.of(&card)?),
            patch: change::replace(card.clone()),
            card,
        })
    });
    Ok(Attempt {
        precondition,
        ..Attempt::create(fields, action)
    })
}

/// A change by a merge patch.
///
/// # Errors
/// [`TooLarge`]
pub fn update(
    target: Target,
    patch: Value,
    precondition: Precondition,
) -> Result<Attempt, TooLarge> {
    let (fields, action) = match patch {
        Value::Object(patch) if is_larger_than_a_record(&patch) => return Err(TooLarge),
        Value::Object(patch) => {
            let fields = validate::names(patch.keys());
            (fields, Ok(Action::Update(change::merge(patch))))
        }
        // RFC 7396 would put it in the Card's place, and it is no Card.
        _ => (Vec::new(), Err(no_object("card"))),
    };
    Ok(Attempt::update(target, precondition, fields, action))
}

/// An attempt, refused for its near misses where the request is strict.
pub fn judged(mut attempt: Attempt, near_misses: &[&'static str], strict: bool) -> Attempt {
    if strict && !near_misses.is_empty() {
        let mut wrong = attempt.action.err().unwrap_or_default();
        wrong.extend(hints::violations(near_misses));
        attempt.action = Err(wrong);
    }
    attempt
}

/// The members of the body of an erasure.
const ERASURE: [&str; 2] = ["reason", "reference"];

const REFERENCE: Text = ANY_TEXT.of("reference", None, is_reference);

/// A contact's end, its personal data destroyed.
pub fn erase(target: Target, body: &Value, precondition: Precondition) -> Attempt {
    let (action, fields) = match body {
        Value::Object(body) => erasure(body),
        _ => (Err(no_object("body")), Vec::new()),
    };
    Attempt {
        operation: Operation::Erase,
        ..Attempt::update(target, precondition, fields, action)
    }
}

fn erasure(body: &Object) -> (Result<Action, Vec<Violation>>, Vec<FieldName>) {
    let mut fields = Fields::new(body, "", Nulls::Refused);
    let name = fields.text("reason", ANY_TEXT, true);
    let reason = name.and_then(EraseReason::named);
    if name.is_some() && reason.is_none() {
        fields.wrong("reason", Problem::OneOf(&EraseReason::NAMES));
    }
    let reference = fields.text("reference", REFERENCE, false);
    // It stays in the log for ever: a name that is misspelt cannot be mended.
    if let Some(unknown) = body.keys().find(|name| !ERASURE.contains(&name.as_str())) {
        fields.violations.push(Violation {
            sent_as: Some(unknown.clone()),
            ..Violation::new("*", Problem::NotAllowed)
        });
    }
    let action = match reason {
        Some(reason) if fields.violations.is_empty() => Ok(Action::Erase {
            reason,
            reference: reference.map(Box::from),
        }),
        _ => Err(fields.violations),
    };
    (action, fields.sent)
}

/// 1 to 64 of `A-Za-z0-9._-`: it stays in clear for ever, so there is no room for a sentence.
fn is_reference(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    (1..=64).contains(&text.len()) && text.bytes().all(good)
}

/// A Card, or what is wrong with it, and the names of its properties.
type ReadCard = (Result<Card, Vec<Violation>>, Vec<FieldName>);

/// The reasons for which no contact can be made of a Card.
#[derive(Clone, Debug, PartialEq)]
pub enum Unfit {
    /// The Card's JSON alone is larger than a contact's record may be.
    TooLarge,
    /// The Card breaks these rules.
    Invalid(Vec<Violation>),
}

/// Judges a Card by the rules that a create applies, without a request around it.
///
/// # Errors
/// [`Unfit`], with every violation that the create would be answered with.
pub fn check(card: Value) -> Result<(), Unfit> {
    fitting(card).map(drop)
}

fn fitting(card: Value) -> Result<Card, Unfit> {
    match card {
        Value::Object(properties) if is_larger_than_a_record(&properties) => Err(Unfit::TooLarge),
        Value::Object(properties) => change::card(properties).map_err(Unfit::Invalid),
        _ => Err(Unfit::Invalid(no_object("card"))),
    }
}

fn read(card: Value) -> Result<ReadCard, TooLarge> {
    let names = card.as_object().into_iter().flat_map(Object::keys);
    let fields = validate::names(names);
    match fitting(card) {
        Ok(card) => Ok((Ok(card), fields)),
        Err(Unfit::Invalid(violations)) => Ok((Err(violations), fields)),
        Err(Unfit::TooLarge) => Err(TooLarge),
    }
}

fn no_object(name: &str) -> Vec<Violation> {
    vec![Violation::new(name, Problem::WrongType(Expected::Object))]
}
