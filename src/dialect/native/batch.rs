//! Several changes in one request, each judged by itself.
//!
//! `{"operations": [{"op": "create", "card": {…}}, {"op": "update", "id", "patch", "ifMatch"?},
//! {"op": "delete", "id", "ifMatch"?}, {"op": "upsert", "match", "card", "ifMatch"?}]}`. They are
//! about the contacts of our own dialect that the request's tenant has.

use http::{HeaderMap, HeaderValue};
use serde_json::Value;

use super::attempt::{self, Key, TooLarge};
use super::hints;
use super::rules::RULES;
use super::walker::Object;
use super::{list, problem, replies, requests};
use crate::dialect::precondition::of_headers;
use crate::dialect::{Ask, Call, Refusal, Reply, Request, Write};
use crate::domain::{
    Attempt, Expected, Operation, Owner, Precondition, Problem, Target, Violation,
};

/// Decodes a batch of commands.
pub fn bulk(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    requests::within(list::tenant(request.query)?, Some(owner))?;
    if request.precondition() != Precondition::NONE {
        let must = "left out: each operation of a batch has an ifMatch of its own";
        return Err(problem::parameter("If-Match", must));
    }
    let body = requests::json_of(request, &["application/json"])?;
    let operations = match body {
        Value::Object(mut body) => body.get_mut("operations").map(Value::take),
        _ => None,
    };
    let items = match operations {
        Some(Value::Array(items)) => items,
        // A body of another form is one command, and a bad one.
        wrong => {
            let problem = missing_or_not(wrong.as_ref(), Expected::Array);
            let violation = Violation::new("operations", problem);
            let attempt = attempt::invalid(Operation::Create, violation);
            return Ok(requests::write(owner, attempt));
        }
    };
    let limit = RULES.batch_items_max();
    if items.len() > limit {
        return Err(problem::refusal(&Refusal::TooManyItems { limit }));
    }
    if items.is_empty() {
        return Ok(Call::Known(replies::batch(&[])));
    }
    let strict = hints::is_strict(request.query);
    let strict = strict.map_err(|refusal| problem::refusal(&refusal))?;
    let near_misses = |item: &Value| {
        let card = item.get("card").or_else(|| item.get("patch"));
        card.map(hints::near_misses).unwrap_or_default()
    };
    // To a strict request they are refusals, which say it themselves.
    let told = items.iter().filter(|_| !strict).flat_map(near_misses);
    let mut all: Vec<&'static str> = told.collect();
    let judged = |one| {
        let near_misses = near_misses(&one);
        attempt::judged(item(one), &near_misses, strict)
    };
    let attempts = items.into_iter().map(judged).collect();
    all.sort_unstable();
    all.dedup();
    let write = Write::each(owner, attempts);
    Ok(Call::Write(Ask::new(write, move |outcomes: Vec<_>| {
        hints::warned(replies::batch(&outcomes), &all)
    })))
}

/// What an item of a batch can do.
const OPERATIONS: [&str; 4] = ["create", "update", "delete", "upsert"];

/// The attempt that an item is; one that is wrong before its content is looked at is refused.
fn item(item: Value) -> Attempt {
    let Value::Object(mut item) = item else {
        let violation = Violation::new("operations", Problem::WrongType(Expected::Object));
        return attempt::invalid(Operation::Create, violation);
    };
    let operation = match item.get("op").and_then(Value::as_str) {
        Some("update") => Operation::Update,
        Some("delete") => Operation::Delete,
        _ => Operation::Create,
    };
    done(&mut item).unwrap_or_else(|violation| attempt::invalid(operation, violation))
}

/// What an item asks for. Each member that is read is taken out of it, so that what is left at the
/// end is nothing that the operation has.
fn done(item: &mut Object) -> Result<Attempt, Violation> {
    // The others go on: it alone is too large.
    let too_large = |_: TooLarge| Violation::too_large();
    let attempt = match text(item, "op")?.as_str() {
        "create" => attempt::create(member(item, "card")?).map_err(too_large)?,
        "update" => {
            let (target, precondition) = (target(item)?, precondition(item)?);
            attempt::update(target, member(item, "patch")?, precondition).map_err(too_large)?
        }
        "delete" => Attempt::delete(target(item)?, precondition(item)?),
        "upsert" => {
            let (key, card) = (key(item)?, member(item, "card")?);
            attempt::upsert(key, card, precondition(item)?).map_err(too_large)?
        }
        _ => return Err(wrong("op", Problem::OneOf(&OPERATIONS))),
    };
    match item.keys().next() {
        None => Ok(attempt),
        Some(unknown) => Err(Violation {
            sent_as: Some(unknown.clone()),
            ..Violation::new("*", Problem::NotAllowed)
        }),
    }
}

const fn missing_or_not(value: Option<&Value>, expected: Expected) -> Problem {
    match value {
        None => Problem::Required(expected),
        Some(_) => Problem::WrongType(expected),
    }
}

fn wrong(name: &'static str, problem: Problem) -> Violation {
    Violation::new(name, problem)
}

/// A member that must be there: a Card, or a patch of one.
fn member(item: &mut Object, name: &'static str) -> Result<Value, Violation> {
    let member = item.remove(name);
    member.ok_or_else(|| wrong(name, missing_or_not(None, Expected::Object)))
}

/// A member that must be there and a text.
fn text(item: &mut Object, name: &'static str) -> Result<String, Violation> {
    match item.remove(name) {
        Some(Value::String(text)) => Ok(text),
        other => Err(wrong(
            name,
            missing_or_not(other.as_ref(), Expected::String),
        )),
    }
}

fn key(item: &mut Object) -> Result<Key, Violation> {
    let key = Key::named(&text(item, "match")?);
    key.ok_or(wrong("match", Problem::OneOf(&Key::NAMES)))
}

fn target(item: &mut Object) -> Result<Target, Violation> {
    let id = requests::contact_id(&text(item, "id")?).map(Target::Id);
    id.ok_or(wrong("id", Problem::Format("uuid")))
}

/// A version's number, or a text as the `If-Match` header has it.
fn precondition(item: &mut Object) -> Result<Precondition, Violation> {
    let bad = || wrong("ifMatch", Problem::Format("entity-tag"));
    match item.remove("ifMatch") {
        None => Ok(Precondition::NONE),
        Some(Value::Number(number)) => number
            .as_u64()
            .map(|version| Precondition::versions(vec![version]))
            .ok_or_else(bad),
        Some(Value::String(text)) => {
            let value = HeaderValue::from_str(&text).map_err(|_| bad())?;
            let mut headers = HeaderMap::new();
            headers.insert(http::header::IF_MATCH, value);
            Ok(of_headers(&headers))
        }
        Some(_) => Err(wrong("ifMatch", Problem::WrongType(Expected::String))),
    }
}
