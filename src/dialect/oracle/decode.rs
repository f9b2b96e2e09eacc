//! Reads the vendor's requests.

use serde_json::{Map, Value};

use super::card::{from_card, to_properties};
use super::ids::HexId;
use super::record::{Draft, Record, read};
use super::{encode, filter};
use crate::dialect::precondition::if_match;
use crate::dialect::{Ask, Call, List, Refusal, Reply, Request, Write, json};
use crate::domain::{Action, Attempt, BatchMode, Card, Owner, Patch, Patched, Problem, Violation};

/// The owner that is this tenant.
pub fn owner(tenant: &str) -> Option<Owner> {
    Owner::new(super::RULES.dialect, &[tenant]).ok()
}

/// What a request asks for.
pub fn call(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    match request.route.operation {
        "create" => create(request, owner),
        "update" => update(request, owner),
        "get" => get(request, owner),
        "list" => list(request, owner),
        "history" => history(request, owner),
        _ => Err(encode::refusal(&Refusal::UnknownPath)),
    }
}

fn create(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let body = json::body(request.headers, request.body).map_err(|e| encode::bad_body(&e))?;
    let (draft, fields) = read(&body);
    let action = draft.and_then(|Draft { id, contact }| {
        Ok(Action::Create {
            card: card(to_properties(&contact))?,
            chosen_id: id.map(|id| id.to_string().into()),
        })
    });
    Ok(write(owner, Attempt::create(fields, action)))
}

/// The page takes any media type here, so the body alone says whether it is JSON.
fn update(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let target = target(request)?;
    let body = json::parse(request.body).map_err(|e| encode::bad_body(&e))?;
    let (draft, fields) = read(&body);
    let action = draft.and_then(|Draft { id, contact }| {
        if id.is_some_and(|id| id != target) {
            // An id never changes, and to ignore another one would write to the wrong contact.
            return Err(vec![Violation::new("contact.id", Problem::NotAllowed)]);
        }
        Ok(Action::Update(replace(contact)))
    });
    Ok(write(
        owner,
        Attempt::update(target.target(), if_match(request.headers), fields, action),
    ))
}

fn get(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let ask = Ask::Get {
        owner: owner.clone(),
        target: target(request)?.target(),
    };
    Ok(Call::new(ask, encode::contact))
}

fn list(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let invalid = |violation| encode::invalid(vec![violation]);
    let ask = Ask::List(List {
        owner: owner.clone(),
        filter: filter::filter(request.query).map_err(invalid)?,
        order: filter::order(request.query).map_err(invalid)?,
        window: filter::window(request.query).map_err(invalid)?,
    });
    Ok(Call::new(ask, encode::page))
}

fn history(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let id = target(request)?;
    let ask = Ask::History {
        owner: owner.clone(),
        target: id.target(),
    };
    Ok(Call::new(ask, move |answer| {
        encode::history(&id.to_string(), answer)
    }))
}

fn write(owner: &Owner, attempt: Attempt) -> Call {
    let ask = Ask::Write(Write {
        owner: owner.clone(),
        batch: BatchMode::ItemByItem,
        attempts: vec![attempt],
    });
    Call::new(ask, encode::written)
}

/// The path's id is the record's, not the business identifier that the body calls `contactId`.
fn target(request: &Request<'_>) -> Result<HexId, Reply> {
    HexId::parse(request.target().unwrap_or_default()).ok_or_else(|| {
        let violation = Violation::new("contactId", Problem::Format("uuid"));
        encode::invalid(vec![violation])
    })
}

fn card(properties: Map<String, Value>) -> Result<Card, Vec<Violation>> {
    Card::new(properties).map_err(|_| vec![Violation::new("contact", Problem::NotAllowed)])
}

/// PUT replaces the contact: what is left out is gone.
fn replace(contact: Record) -> Patch {
    Patch::new(move |current| {
        let mut properties = to_properties(&contact);
        if let Some(uid) = current.get("uid") {
            properties.insert("uid".into(), uid.clone());
        }
        Ok(Patched {
            card: card(properties)?,
            changed: from_card(current).changed(&contact),
        })
    })
}
