//! Reads the vendor's requests.

use super::cursor::Cursor;
use super::replies::{self, BadParams};
use super::rules::{Mattr, RULES, uuid};
use crate::dialect::query::count;
use crate::dialect::schema::Mode;
use crate::dialect::{
    Ask, Call, Decoder, Encoder, List, Query, Refusal, Reply, Request, Scope, Window,
};
use crate::domain::{ContactId, Owner, Target};

/// Entries on a page, unless the request says otherwise.
const LIMIT: usize = 100;
/// Entries on a page, at most.
pub const LIMIT_MAX: usize = 1_000;

/// The owner that a request's path names.
pub fn scope(request: &Request<'_>) -> Result<Scope, Reply> {
    let param = |name| request.param(name).unwrap_or_default();
    owner(&[param("ecosystemId"), param("participantId")]).map(Scope::Owner)
}

/// The owner of these ids, each in its one spelling.
pub fn owner(ids: &[&str]) -> Result<Owner, Reply> {
    let [ecosystem, participant] = ids else {
        return Err(Mattr::refusal(&Refusal::UnknownPath));
    };
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
    Owner::new(RULES.dialect, &ids.each_ref().map(String::as_str))
        .map_err(|_| replies::invalid_param("params", "participantId", participant))
}

impl Decoder for Mattr {
    const UPDATE: Mode = Mode::Whole;

    fn target(request: &Request<'_>) -> Result<Target, Reply> {
        let text = request.target().unwrap_or_default();
        let id = uuid(text).map(|id| Target::Id(ContactId(id)));
        id.ok_or_else(|| replies::invalid_param("params", "contactId", text))
    }
}

/// Decodes a request that lists contacts.
pub fn list(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let mut bad = BadParams::default();
    let limit = limit(request.query, &mut bad);
    let cursor = cursor(request.query, &mut bad);
    let contact = cursor.map(|cursor| cursor.last_contact());
    bad.check()?;
    let list = List::created(owner, Window::After { contact, limit });
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
    query.read(name, read).unwrap_or_else(|text| {
        bad.note("query", name, text);
        None
    })
}
