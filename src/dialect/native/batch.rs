//! Several changes in one request, each judged by itself.
//!
//! `{"operations": [{"op": "create", "card": {…}}, {"op": "update", "id", "patch", "ifMatch"?},
//! {"op": "delete", "id", "ifMatch"?}, {"op": "upsert", "match", "card", "ifMatch"?}]}`. They are
//! about the contacts of our own dialect that the request's tenant has.

use http::{HeaderMap, HeaderValue};
use serde_json::Value;

use super::attempt::{self, Key};
use super::hints;
use super::rules::RULES;
use super::walker::Object;
use super::{problem, replies, requests};
use crate::dialect::precondition::of_headers;
use crate::dialect::{Ask, Call, Refusal, Reply, Request, Write, json};
use crate::domain::{Attempt, Expected, Operation, Owner, Precondition, Problem, Target};

/// Decodes a batch of commands.
pub fn bulk(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let body = json::body(request.headers, request.body).map_err(|e| problem::bad_body(&e))?;
    let operations = match &body {
        Value::Object(body) => body.get("operations"),
        _ => None,
    };
    let items = match operations {
        Some(Value::Array(items)) => items,
        // A body of another form is one command, and a bad one.
        wrong => {
            let problem = match wrong {
                None => Problem::Required(Expected::Array),
                Some(_) => Problem::WrongType(Expected::Array),
            };
            let attempt = attempt::invalid(Operation::Create, "operations", problem);
            let write = Write::one(owner, attempt);
            return Ok(Call::Write(Ask::new(write, replies::written)));
        }
    };
    let limit = RULES.batch_items_max();
    if items.len() > limit {
        return Err(problem::refusal(&Refusal::TooManyItems { limit }));
    }
    if items.is_empty() {
        return Ok(Call::Known(replies::results(&[])));
    }
    let strict = hints::is_strict(request.query);
    let near_misses = |item: &Value| {
        let card = item.get("card").or_else(|| item.get("patch"));
        card.map(hints::near_misses).unwrap_or_default()
    };
    let judged = |one| Ok(attempt::judged(item(one)?, &near_misses(one), strict));
    let attempts = items.iter().map(judged).collect::<Result<_, Reply>>()?;
    let mut all: Vec<&'static str> = items.iter().flat_map(near_misses).collect();
    all.sort_unstable();
    all.dedup();
    let write = Write::each(owner, attempts);
    Ok(Call::Write(Ask::new(write, move |outcomes: Vec<_>| {
        hints::warned(replies::batch(&outcomes), &all)
    })))
}

/// What an item of a batch can do.
const OPERATIONS: [&str; 4] = ["create", "update", "delete", "upsert"];

fn item(item: &Value) -> Result<Attempt, Reply> {
    let Value::Object(item) = item else {
        let problem = Problem::WrongType(Expected::Object);
        return Ok(attempt::invalid(Operation::Create, "operations", problem));
    };
    match item.get("op") {
        Some(Value::String(op)) => match op.as_str() {
            "create" => create(item),
            "update" => update(item),
            "delete" => Ok(delete(item).unwrap_or_else(|wrong| wrong.attempt(Operation::Delete))),
            "upsert" => upsert(item),
            _ => Ok(Wrong("op", Problem::OneOf(&OPERATIONS)).attempt(Operation::Create)),
        },
        op => Ok(missing_or_no("op", op, Expected::String).attempt(Operation::Create)),
    }
}

/// What is wrong with an item before its content is looked at.
struct Wrong(&'static str, Problem);

impl Wrong {
    fn attempt(self, operation: Operation) -> Attempt {
        attempt::invalid(operation, self.0, self.1)
    }
}

fn missing_or_no(name: &'static str, value: Option<&Value>, expected: Expected) -> Wrong {
    match value {
        None => Wrong(name, Problem::Required(expected)),
        Some(_) => Wrong(name, Problem::WrongType(expected)),
    }
}

fn create(item: &Object) -> Result<Attempt, Reply> {
    match item.get("card") {
        Some(card) => attempt::create(card),
        None => Ok(missing_or_no("card", None, Expected::Object).attempt(Operation::Create)),
    }
}

fn update(item: &Object) -> Result<Attempt, Reply> {
    let parts = || {
        let missing = || missing_or_no("patch", None, Expected::Object);
        let patch = item.get("patch").ok_or_else(missing);
        Ok((target(item)?, precondition(item)?, patch?))
    };
    match parts() {
        Ok((target, precondition, patch)) => attempt::update(target, patch, precondition),
        Err(wrong) => Ok(Wrong::attempt(wrong, Operation::Update)),
    }
}

fn delete(item: &Object) -> Result<Attempt, Wrong> {
    Ok(Attempt::delete(target(item)?, precondition(item)?))
}

fn upsert(item: &Object) -> Result<Attempt, Reply> {
    let parts = || {
        let key = match item.get("match") {
            Some(Value::String(name)) => {
                Key::named(name).ok_or(Wrong("match", Problem::OneOf(&Key::NAMES)))?
            }
            other => return Err(missing_or_no("match", other, Expected::String)),
        };
        let missing = || missing_or_no("card", None, Expected::Object);
        let card = item.get("card").ok_or_else(missing)?;
        Ok((key, card, precondition(item)?))
    };
    match parts() {
        Ok((key, card, precondition)) => attempt::upsert(key, card, precondition),
        Err(wrong) => Ok(wrong.attempt(Operation::Create)),
    }
}

fn target(item: &Object) -> Result<Target, Wrong> {
    match item.get("id") {
        Some(Value::String(id)) => requests::contact_id(id)
            .map(Target::Id)
            .ok_or(Wrong("id", Problem::Format("uuid"))),
        other => Err(missing_or_no("id", other, Expected::String)),
    }
}

/// A version's number, or a text as the `If-Match` header has it.
fn precondition(item: &Object) -> Result<Precondition, Wrong> {
    let bad = Wrong("ifMatch", Problem::Format("entity-tag"));
    match item.get("ifMatch") {
        None => Ok(Precondition::NONE),
        Some(Value::Number(number)) => number
            .as_u64()
            .map(|version| Precondition::versions(vec![version]))
            .ok_or(bad),
        Some(Value::String(text)) => {
            let value = HeaderValue::from_str(text).map_err(|_| bad)?;
            let mut headers = HeaderMap::new();
            headers.insert(http::header::IF_MATCH, value);
            Ok(of_headers(&headers))
        }
        Some(_) => Err(Wrong("ifMatch", Problem::WrongType(Expected::String))),
    }
}
