//! Judges a Card's localizations: each patch applied, the variant is a Card (RFC 9553, section 2.7.1).

use std::collections::BTreeMap;

use serde_json::Value;

use super::forms;
use super::tables::CARD;
use super::walker::{Object, Walker};
use crate::dialect::pointer::unescaped;
use crate::domain::{Expected, Problem, limits};

/// Languages that one Card may be localized in.
const LANGUAGES_MAX: u32 = 64;
/// The bytes of properties that are judged anew for all languages together: each language costs a copy
/// of those that it changes, and the thread that judges a change of a Card judges those of all callers.
const COPIED_BYTES_MAX: usize = 256 << 10;
/// Properties that are judged together with another one: only a group has members.
const JUDGED_TOGETHER: [&str; 2] = ["kind", "members"];

/// Judges the localizations of a Card that is good without them.
///
/// A Card larger than a record is refused as such wherever it comes in.
pub fn check(card: &Object, walker: &mut Walker) {
    let Some(Value::Object(languages)) = card.get("localizations") else {
        return;
    };
    if languages.len() > LANGUAGES_MAX as usize {
        walker.wrong_at("localizations", Problem::TooMany(LANGUAGES_MAX));
        return;
    }
    if is_larger_than_a_record(card) {
        return;
    }
    let (mut copies, mut left) = (Vec::new(), COPIED_BYTES_MAX);
    for (judged, patches) in (0..).zip(languages.values()) {
        let copy = touched(card, patches);
        match left.checked_sub(serde_json::to_vec(&copy).map_or(0, |json| json.len())) {
            Some(rest) => left = rest,
            None => {
                walker.wrong_at("localizations", Problem::TooMany(judged));
                return;
            }
        }
        copies.push(copy);
    }
    walker.at("localizations", |walker| {
        for ((language, patches), copy) in languages.iter().zip(copies) {
            walker.at_key(language, |walker| {
                if !forms::is_language(language) {
                    walker.wrong(Problem::Format("language-tag"));
                }
                match patches {
                    Value::Object(patches) => variant(copy, patches, walker),
                    _ => walker.wrong(Problem::WrongType(Expected::Object)),
                }
            });
        }
    });
}

/// Whether a Card's JSON is larger than any record.
pub fn is_larger_than_a_record(card: &Object) -> bool {
    serde_json::to_vec(card).is_ok_and(|json| json.len() > limits::RECORD_BYTES_MAX)
}

/// The properties of a Card that a language's patches change, and those that are judged with them.
fn touched(card: &Object, patches: &Value) -> Object {
    let pointers = patches.as_object().into_iter().flat_map(|it| it.keys());
    let roots = pointers.filter_map(|pointer| {
        let root = tokens(pointer)?.into_iter().next()?;
        (root != "localizations").then_some(root)
    });
    let roots = roots.chain(JUDGED_TOGETHER.map(str::to_owned));
    let there = roots.filter_map(|root| Some((root.clone(), card.get(&root)?.clone())));
    there.collect()
}

/// Judges one language's patches: their pointers, then what they make of a copy of the properties that
/// they change. The others are good as they are.
fn variant(copy: Object, patches: &Object, walker: &mut Walker) {
    let mut pointers: BTreeMap<Vec<String>, &Value> = BTreeMap::new();
    for (pointer, value) in patches {
        match tokens(pointer) {
            Some(tokens) if tokens.first().is_some_and(|first| first == "localizations") => {
                walker.at_key(pointer, |walker| walker.wrong(Problem::NotAllowed));
            }
            Some(tokens) => {
                pointers.insert(tokens, value);
            }
            None => walker.at_key(pointer, |walker| {
                walker.wrong(Problem::Format("json-pointer"))
            }),
        }
    }
    // In order, a pointer stands right before those that it is a prefix of.
    let overlap = pointers
        .keys()
        .zip(pointers.keys().skip(1))
        .any(|(one, next)| next.starts_with(one));
    if overlap {
        walker.wrong_at("*", Problem::Duplicate);
    }
    let mut card = Value::Object(copy);
    let applied = pointers
        .iter()
        .all(|(tokens, value)| apply(&mut card, tokens, value).is_some());
    match card {
        Value::Object(card) if applied => walker.object(&card, &CARD),
        _ => walker.wrong_at("*", Problem::UnknownReference),
    }
}

/// The tokens of a pointer, which has no slash in front (section 1.4.4, RFC 6901).
fn tokens(pointer: &str) -> Option<Vec<String>> {
    pointer
        .split('/')
        .map(|token| {
            let escapes_end = token
                .split('~')
                .skip(1)
                .all(|rest| rest.starts_with(['0', '1']));
            (!token.is_empty() && escapes_end).then(|| unescaped(token))
        })
        .collect()
}

/// Applies a patch; `None` where it does not fit.
fn apply(card: &mut Value, tokens: &[String], value: &Value) -> Option<()> {
    let (last, parents) = tokens.split_last()?;
    let mut parent = card;
    for token in parents {
        parent = match parent {
            Value::Object(object) => object.get_mut(token)?,
            Value::Array(items) => items.get_mut(index(token)?)?,
            _ => return None,
        };
    }
    match parent {
        Value::Object(object) if value.is_null() => {
            object.shift_remove(last);
        }
        Value::Object(object) => {
            object.insert(last.clone(), value.clone());
        }
        Value::Array(items) if !value.is_null() => {
            *items.get_mut(index(last)?)? = value.clone();
        }
        _ => return None,
    }
    Some(())
}

/// An array index: digits without a leading zero; `-` is none.
fn index(token: &str) -> Option<usize> {
    let plain = token == "0" || !token.starts_with(['0', '+']);
    plain.then(|| token.parse().ok()).flatten()
}
