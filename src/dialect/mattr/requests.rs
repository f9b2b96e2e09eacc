//! Reads the vendor's requests.

use uuid::Uuid;

use super::contact::CONTACT;
use super::cursor::Cursor;
use super::replies::{self, BadParams};
use crate::dialect::query::count;
use crate::dialect::schema::Mode;
use crate::dialect::{Ask, Call, Get, List, Order, Query, Reply, Request, Window, Write, json};
use crate::domain::{Attempt, ContactId, Owner, Target};

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
    Owner::new(
        super::rules::RULES.dialect,
        &ids.each_ref().map(String::as_str),
    )
    .map_err(|_| replies::invalid_param("params", "participantId", participant))
}

/// A UUID in its hyphenated form and any case.
fn uuid(text: &str) -> Option<Uuid> {
    let hyphenated = text.len() == 36;
    hyphenated.then(|| Uuid::try_parse(text).ok()).flatten()
}

/// Decodes a request that creates a contact.
pub fn create(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let body = json::body(request.headers, request.body).map_err(|e| replies::bad_body(&e))?;
    let draft = CONTACT.read(&body, "", Mode::Whole);
    Ok(write(owner, draft.create(None)))
}

/// Decodes a request that changes a contact.
pub fn update(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let target = target(request)?;
    let body = json::body(request.headers, request.body).map_err(|e| replies::bad_body(&e))?;
    let draft = CONTACT.read(&body, "", Mode::Whole);
    Ok(write(owner, draft.update(target, request.precondition())))
}

/// Decodes a request that deletes a contact.
pub fn delete(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    Ok(write(
        owner,
        Attempt::delete(target(request)?, request.precondition()),
    ))
}

/// Decodes a read of one contact.
pub fn get(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let get = Get::now(owner, target(request)?);
    Ok(Call::Get(Ask::new(get, replies::contact)))
}

/// Decodes a request that lists contacts.
pub fn list(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let mut bad = BadParams::default();
    let limit = limit(request.query, &mut bad);
    let cursor = cursor(request.query, &mut bad);
    let contact = cursor.map(|cursor| cursor.last_contact());
    bad.check()?;
    let list = List {
        owner: owner.clone(),
        filter: None,
        order: Order::Created,
        window: Window::After { contact, limit },
    };
    Ok(Call::List(Ask::new(list, replies::page)))
}

/// The place that a page begins behind; none where the parameter is empty.
pub fn cursor(query: &Query, bad: &mut BadParams) -> Option<Cursor> {
    query.filled("cursor")?;
    param(query, "cursor", Cursor::parse, bad)
}

/// The most entries that the answer may have.
pub fn limit(query: &Query, bad: &mut BadParams) -> usize {
    let read = |text: &str| {
        let limit = count(text)?;
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
    Call::Write(Ask::new(Write::one(owner, attempt), replies::written))
}

fn target(request: &Request<'_>) -> Result<Target, Reply> {
    let text = request.target().unwrap_or_default();
    uuid(text)
        .map(|id| Target::Id(ContactId(id)))
        .ok_or_else(|| replies::invalid_param("params", "contactId", text))
}
