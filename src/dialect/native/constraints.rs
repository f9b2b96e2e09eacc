//! The rules of RFC 9553 that hold between the properties of one object.

use std::collections::HashSet;

use serde_json::Value;

use super::schema::Rule;
use super::walker::{Object, Walker};
use crate::domain::{Expected, Problem};

/// Judges an object by a rule.
pub fn check(rule: Rule, object: &Object, walker: &mut Walker) {
    match rule {
        Rule::AnyOf(names) => {
            if let Some(first) = names.first()
                && !names.iter().any(|name| object.contains_key(*name))
            {
                walker.wrong_at(first, Problem::Required(Expected::String));
            }
        }
        Rule::NotEmptyList(name) => {
            if matches!(object.get(name), Some(Value::Array(items)) if items.is_empty()) {
                walker.wrong_at(name, Problem::Blank);
            }
        }
        Rule::MembersOfGroup => {
            let is_group = object.get("kind").is_some_and(|kind| kind == "group");
            if object.contains_key("members") && !is_group {
                walker.wrong_at("members", Problem::NotAllowed);
            }
        }
        Rule::Components => components(object, walker),
        Rule::Date => date(object, walker),
    }
}

/// Whether a component only separates two others.
fn is_separator(component: &Value) -> bool {
    let kind = component.get("kind");
    kind.is_some_and(|kind| kind == "separator")
}

fn components(object: &Object, walker: &mut Walker) {
    let list = match object.get("components") {
        Some(Value::Array(list)) => Some(list),
        // Of another type, which is noted already.
        Some(_) => return,
        None => None,
    };
    let ordered = object.get("isOrdered") == Some(&Value::Bool(true));
    if object.contains_key("defaultSeparator") && !(ordered && list.is_some()) {
        walker.wrong_at("defaultSeparator", Problem::NotAllowed);
    }
    if object.contains_key("sortAs") && list.is_none() {
        walker.wrong_at("sortAs", Problem::NotAllowed);
    }
    let Some(list) = list else { return };
    if list.iter().all(is_separator) {
        walker.wrong_at("components", Problem::Blank);
    }
    walker.at("components", |walker| {
        separators(list, ordered, walker);
        phonetics(object, list, walker);
    });
    if let Some(Value::Object(sort_as)) = object.get("sortAs") {
        let kinds: HashSet<&str> = list
            .iter()
            .filter_map(|part| part.get("kind")?.as_str())
            .collect();
        if !sort_as.keys().all(|kind| kinds.contains(kind.as_str())) {
            walker.wrong_at("sortAs.*", Problem::UnknownReference);
        }
    }
}

/// Separators stand only in an ordered list, and never two together.
fn separators(list: &[Value], ordered: bool, walker: &mut Walker) {
    let mut after_separator = false;
    for (index, part) in list.iter().enumerate() {
        let separator = is_separator(part);
        if separator && (!ordered || after_separator) {
            walker.wrong_at(&format!("{index}.kind"), Problem::NotAllowed);
        }
        after_separator = separator;
    }
}

/// Whoever gives a pronunciation must say in which script or phonetic system it is (RFC 9553).
fn phonetics(object: &Object, list: &[Value], walker: &mut Walker) {
    if object.contains_key("phoneticScript") || object.contains_key("phoneticSystem") {
        return;
    }
    for (index, part) in list.iter().enumerate() {
        if part.get("phonetic").is_some() {
            walker.wrong_at(&format!("{index}.phonetic"), Problem::NotAllowed);
        }
    }
}

fn date(object: &Object, walker: &mut Walker) {
    let number = |name: &str| object.get(name).and_then(Value::as_u64);
    let has = |name: &str| object.contains_key(name);
    if has("day") && !has("month") {
        walker.wrong_at("month", Problem::Required(Expected::Number));
    }
    if has("month") && !has("year") && !has("day") {
        walker.wrong_at("year", Problem::Required(Expected::Number));
    }
    if let (Some(month), Some(day)) = (number("month"), number("day"))
        && (1..=31).contains(&day)
        && day > days_in(month, number("year"))
    {
        walker.wrong_at("day", Problem::OutOfRange);
    }
}

/// The days of a Gregorian month; of a February in no known year, the most there can be.
fn days_in(month: u64, year: Option<u64>) -> u64 {
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    match month {
        2 if year.is_none_or(leap) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
