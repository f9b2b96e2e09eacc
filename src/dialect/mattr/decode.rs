//! Reads the vendor's requests.

use std::borrow::Cow;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::contact::PointOfContact;
use super::encode;
use crate::dialect::precondition::if_match;
use crate::dialect::{Ask, Call, List, Order, Reply, Request, Window, Write, json};
use crate::domain::{
    Action, Amend, Amended, Attempt, BatchMode, Card, ContactId, Expected, Operation, Owner,
    Precondition, Problem, Target, Violation,
};

/// Contacts on a page, unless the request says otherwise, and at most.
const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;

/// The owner that two path ids name, in their one spelling.
pub fn owner(ecosystem: &str, participant: &str) -> Result<Owner, Reply> {
    let ecosystem = uuid("ecosystemId", ecosystem)?.hyphenated().to_string();
    let participant = uuid("participantId", participant)?.hyphenated().to_string();
    Owner::new(super::RULES.dialect, &[&ecosystem, &participant])
        .map_err(|_| encode::invalid_param("params", "participantId", &participant))
}

/// A UUID of the path, in its hyphenated form and any case.
fn uuid(name: &'static str, text: &str) -> Result<Uuid, Reply> {
    let hyphenated = text.len() == 36;
    hyphenated
        .then(|| Uuid::try_parse(text).ok())
        .flatten()
        .ok_or_else(|| encode::invalid_param("params", name, text))
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
    Ok(write(
        owner,
        Attempt {
            operation: Operation::Create,
            target: None,
            precondition: Precondition::None,
            fields,
            action,
        },
    ))
}

fn update(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let target = target(request)?;
    let body = json::body(request.headers, request.body).map_err(|e| encode::bad_body(&e))?;
    let (contact, fields) = read(&body);
    let action = contact.map(|contact| Action::Update(replace(contact)));
    Ok(write(
        owner,
        Attempt {
            operation: Operation::Update,
            target: Some(target),
            precondition: if_match(request.headers),
            fields,
            action,
        },
    ))
}

fn delete(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    Ok(write(
        owner,
        Attempt {
            operation: Operation::Delete,
            target: Some(target(request)?),
            precondition: if_match(request.headers),
            fields: Vec::new(),
            action: Ok(Action::Delete),
        },
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
    let limit = match request.query.get("limit") {
        None => LIMIT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=LIMIT_MAX).contains(limit))
            .ok_or_else(|| encode::invalid_param("query", "limit", text))?,
    };
    let contact = match request.query.get("cursor") {
        None => None,
        Some(text) => Some(
            encode::read_cursor(text)
                .ok_or_else(|| encode::invalid_param("query", "cursor", text))?,
        ),
    };
    let ask = Ask::List(List {
        owner: owner.clone(),
        filter: None,
        order: Order::Created,
        window: Window::After { contact, limit },
    });
    Ok(Call::new(ask, encode::page))
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
    uuid("contactId", request.target().unwrap_or_default()).map(|id| Target::Id(ContactId(id)))
}

/// A body that is no object has none of the fields.
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
fn replace(contact: PointOfContact) -> Amend {
    Amend::new(move |current| {
        let before = PointOfContact::from_card(current);
        let mut properties = contact.to_properties();
        if let Some(uid) = current.get("uid") {
            properties.insert("uid".into(), uid.clone());
        }
        Ok(Amended {
            card: card(properties)?,
            changed: before.changed(&contact),
        })
    })
}
