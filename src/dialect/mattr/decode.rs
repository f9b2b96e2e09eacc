//! Reads the vendor's requests.

use std::borrow::Cow;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::contact::PointOfContact;
use super::encode::{self, BadParams};
use crate::dialect::precondition::if_match;
use crate::dialect::query::digits;
use crate::dialect::{Ask, Call, List, Order, Query, Reply, Request, Window, Write, json};
use crate::domain::{
    Action, Attempt, BatchMode, Card, ContactId, Expected, Owner, Patch, Patched, Problem, Target,
    Violation,
};

/// Entries on a page, unless the request says otherwise.
const LIMIT: usize = 100;
/// Entries on a page, at most.
pub const LIMIT_MAX: usize = 1_000;

/// The owner that two path ids name, in their one spelling.
pub fn owner(ecosystem: &str, participant: &str) -> Result<Owner, Reply> {
    let mut bad = BadParams::default();
    let mut canonical = |name, text| {
        let id = uuid(text);
        if id.is_none() {
            bad.note("params", name, text);
        }
        id.unwrap_or_default().hyphenated().to_string()
    };
    let ids = [
        canonical("ecosystemId", ecosystem),
        canonical("participantId", participant),
    ];
    bad.check()?;
    Owner::new(super::RULES.dialect, &ids.each_ref().map(String::as_str))
        .map_err(|_| encode::invalid_param("params", "participantId", participant))
}

/// A UUID in its hyphenated form and any case.
fn uuid(text: &str) -> Option<Uuid> {
    let hyphenated = text.len() == 36;
    hyphenated.then(|| Uuid::try_parse(text).ok()).flatten()
}

/// What a request asks for.
pub fn call(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    match request.route.operation {
        "create" => create(request, owner),
        "update" => update(request, owner),
        "delete" => delete(request, owner),
        "get" => get(request, owner),
        "list" => list(request, owner),
        _ => Err(encode::not_found()),
    }
}

fn create(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let body = json::body(request.headers, request.body).map_err(|e| encode::bad_body(&e))?;
    let (contact, fields) = read(&body);
    let action = contact.and_then(|contact| {
        Ok(Action::Create {
            card: to_card(&contact)?,
            chosen_id: None,
        })
    });
    Ok(write(owner, Attempt::create(fields, action)))
}

fn update(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let target = target(request)?;
    let body = json::body(request.headers, request.body).map_err(|e| encode::bad_body(&e))?;
    let (contact, fields) = read(&body);
    let action = contact.map(|contact| Action::Update(replace(contact)));
    Ok(write(
        owner,
        Attempt::update(target, if_match(request.headers), fields, action),
    ))
}

fn delete(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    Ok(write(
        owner,
        Attempt::delete(target(request)?, if_match(request.headers)),
    ))
}

fn get(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let ask = Ask::Get {
        owner: owner.clone(),
        target: target(request)?,
    };
    Ok(Call::new(ask, encode::contact))
}

fn list(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let mut bad = BadParams::default();
    let limit = limit(request.query, &mut bad);
    let contact = param(request.query, "cursor", encode::read_cursor, &mut bad);
    bad.check()?;
    let ask = Ask::List(List {
        owner: owner.clone(),
        filter: None,
        order: Order::Created,
        window: Window::After { contact, limit },
    });
    Ok(Call::new(ask, encode::page))
}

/// The most entries that the answer may have.
pub fn limit(query: &Query, bad: &mut BadParams) -> usize {
    let read = |text: &str| {
        let limit = digits(text)?;
        (1..=LIMIT_MAX).contains(&limit).then_some(limit)
    };
    param(query, "limit", read, bad).unwrap_or(LIMIT)
}

/// A query parameter, where it was sent; noted as bad where it can't be read.
pub fn param<T>(
    query: &Query,
    name: &str,
    read: impl Fn(&str) -> Option<T>,
    bad: &mut BadParams,
) -> Option<T> {
    let text = query.get(name)?;
    let value = read(text);
    if value.is_none() {
        bad.note("query", name, text);
    }
    value
}

fn write(owner: &Owner, attempt: Attempt) -> Call {
    let ask = Ask::Write(Write {
        owner: owner.clone(),
        batch: BatchMode::ItemByItem,
        attempts: vec![attempt],
    });
    Call::new(ask, encode::written)
}

fn target(request: &Request<'_>) -> Result<Target, Reply> {
    let text = request.target().unwrap_or_default();
    uuid(text)
        .map(|id| Target::Id(ContactId(id)))
        .ok_or_else(|| encode::invalid_param("params", "contactId", text))
}

/// A body that is no object is told so; which fields it lacks would be no news.
fn read(
    body: &Value,
) -> (
    Result<PointOfContact, Vec<Violation>>,
    Vec<Cow<'static, str>>,
) {
    match body {
        Value::Object(body) => PointOfContact::read(body),
        other => {
            let problem = Problem::WrongType(Expected::Object);
            let violation = Violation::new("body", problem).with_value(other.clone());
            (Err(vec![violation]), Vec::new())
        }
    }
}

fn to_card(contact: &PointOfContact) -> Result<Card, Vec<Violation>> {
    card(contact.to_properties())
}

fn card(properties: Map<String, Value>) -> Result<Card, Vec<Violation>> {
    Card::new(properties)
        .map_err(|_| vec![Violation::new("body", Problem::WrongType(Expected::Object))])
}

/// PUT replaces the contact: what is left out is gone.
fn replace(contact: PointOfContact) -> Patch {
    Patch::new(move |current| {
        let before = PointOfContact::from_card(current);
        let mut properties = contact.to_properties();
        if let Some(uid) = current.get("uid") {
            properties.insert("uid".into(), uid.clone());
        }
        Ok(Patched {
            card: card(properties)?,
            changed: before.changed(&contact),
        })
    })
}
