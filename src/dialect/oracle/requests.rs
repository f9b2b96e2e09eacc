//! Reads the vendor's requests.

use serde_json::{Map, Value};

use super::contact::{BESIDE, CONTACT, ID, INSIDE};
use super::ids::HexId;
use super::rules::{Oracle, RULES};
use super::{filter, replies};
use crate::dialect::schema::{Draft, Mode};
use crate::dialect::{Ask, Call, Decoder, Encoder, History, List, Reply, Request, Window, json};
use crate::domain::{Owner, Past, Problem, Target, Violation};

/// The owner that is this tenant.
pub fn owner(tenant: &str) -> Option<Owner> {
    Owner::new(RULES.dialect, &[tenant]).ok()
}

impl Decoder for Oracle {
    const UPDATE: Mode = Mode::Whole;

    fn target(request: &Request<'_>) -> Result<Target, Reply> {
        id(request).map(HexId::target)
    }

    fn create(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
        let body = Self::body(request)?;
        let draft = CONTACT.read(&body, "", Mode::Whole);
        let chosen = chosen_id(&draft).map(Into::into);
        Ok(Self::write(owner, draft.create(chosen)))
    }

    /// The vendor's page takes any media type here, so the body alone says whether it is JSON.
    fn update(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
        let id = id(request)?;
        let body = json::of_any_type(request.headers, request.body);
        let (body, mode) = as_sent(body.map_err(|error| Self::bad_body(&error))?);
        let mut draft = CONTACT.read(&body, "", mode);
        let other = chosen_id(&draft).is_some_and(|chosen| chosen != id.to_string());
        if other && draft.violations.is_empty() {
            // An id never changes, and to ignore another one would write to the wrong contact.
            let violation = Violation::new("contact.id", Problem::NotAllowed);
            draft.violations.push(violation);
        }
        let attempt = draft.update(id.target(), request.precondition());
        Ok(Self::write(owner, attempt))
    }
}

/// The body of an update, and what it is of: a whole contact. One that a read has shown has the
/// contact's own fields beside the others, and may lack what only lists show; it changes what it has.
fn as_sent(body: Value) -> (Value, Mode) {
    match body {
        Value::Object(mut shown) if !shown.contains_key(INSIDE) && shown.contains_key(ID) => {
            let beside = BESIDE.iter().filter_map(|name| shown.remove_entry(*name));
            let mut sent: Map<String, Value> = beside.collect();
            sent.insert(INSIDE.to_owned(), shown.into());
            (sent.into(), Mode::Patch)
        }
        whole => (whole, Oracle::UPDATE),
    }
}

/// The path's id is the record's, not the business identifier that the body calls `contactId`.
fn id(request: &Request<'_>) -> Result<HexId, Reply> {
    let id = HexId::parse(request.target().unwrap_or_default());
    id.ok_or_else(|| invalid(Violation::new("contactId", Problem::Format("uuid"))))
}

/// The id that the client chose for its contact.
fn chosen_id<'a>(draft: &'a Draft<'_>) -> Option<&'a str> {
    draft.values.get(ID)?.as_str()
}

fn invalid(violation: Violation) -> Reply {
    Oracle::invalid(vec![violation])
}

/// Decodes a request that lists contacts.
pub fn list(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let filter = filter::filter(request.query).map_err(invalid)?;
    let order = filter::order(request.query).map_err(invalid)?;
    let (offset, limit) = filter::rows(request.query).map_err(invalid)?;
    let list = List {
        owner: owner.clone(),
        filter,
        order,
        window: Window::offset(offset, limit),
    };
    Ok(Call::List(Ask::new(list, replies::page)))
}

/// Decodes a read of a contact's versions.
pub fn history(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let id = id(request)?;
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
