//! Reads the vendor's requests.

use super::contact::{CONTACT, ID};
use super::ids::HexId;
use super::{filter, replies};
use crate::dialect::schema::{Draft, Mode};
use crate::dialect::{Ask, Call, Get, History, List, Reply, Request, Write, json};
use crate::domain::{Attempt, Owner, Past, Problem, Violation};

/// The owner that is this tenant.
pub fn owner(tenant: &str) -> Option<Owner> {
    Owner::new(super::rules::RULES.dialect, &[tenant]).ok()
}

/// Decodes a request that creates a contact.
pub fn create(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let body = json::body(request.headers, request.body).map_err(|e| replies::bad_body(&e))?;
    let draft = CONTACT.read(&body, "", Mode::Whole);
    let chosen = chosen_id(&draft).map(Into::into);
    Ok(write(owner, draft.create(chosen)))
}

/// Decodes an update. The vendor's page takes any media type here, so the body alone says whether
/// it is JSON.
pub fn update(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let target = target(request)?;
    let body = json::of_any_type(request.headers, request.body);
    let body = body.map_err(|e| replies::bad_body(&e))?;
    let mut draft = CONTACT.read(&body, "", Mode::Whole);
    let other = chosen_id(&draft).is_some_and(|id| id != target.to_string());
    if other && draft.violations.is_empty() {
        // An id never changes, and to ignore another one would write to the wrong contact.
        draft
            .violations
            .push(Violation::new("contact.id", Problem::NotAllowed));
    }
    let precondition = request.precondition();
    Ok(write(owner, draft.update(target.target(), precondition)))
}

/// The id that the client chose for its contact.
fn chosen_id(draft: &Draft) -> Option<&str> {
    draft.values.get(ID)?.as_str()
}

/// Decodes a read of one contact.
pub fn get(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let get = Get::now(owner, target(request)?.target());
    Ok(Call::Get(Ask::new(get, replies::contact)))
}

/// Decodes a request that lists contacts.
pub fn list(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let invalid = |violation| replies::invalid(vec![violation]);
    let list = List {
        owner: owner.clone(),
        filter: filter::filter(request.query).map_err(invalid)?,
        order: filter::order(request.query).map_err(invalid)?,
        window: filter::window(request.query).map_err(invalid)?,
    };
    Ok(Call::List(Ask::new(list, replies::page)))
}

/// Decodes a read of a contact's versions.
pub fn history(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let id = target(request)?;
    let invalid = |violation| replies::invalid(vec![violation]);
    let (offset, limit) = filter::rows(request.query).map_err(invalid)?;
    let history = History {
        owner: owner.clone(),
        target: id.target(),
        past: Past::Offset(offset, limit),
    };
    Ok(Call::History(Ask::new(history, move |found| {
        replies::history(&id.to_string(), found, limit)
    })))
}

fn write(owner: &Owner, attempt: Attempt) -> Call {
    Call::Write(Ask::new(Write::one(owner, attempt), replies::written))
}

/// The path's id is the record's, not the business identifier that the body calls `contactId`.
fn target(request: &Request<'_>) -> Result<HexId, Reply> {
    HexId::parse(request.target().unwrap_or_default()).ok_or_else(|| {
        let violation = Violation::new("contactId", Problem::Format("uuid"));
        replies::invalid(vec![violation])
    })
}
