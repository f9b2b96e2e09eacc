//! Reads the requests of our own API.

use serde_json::Value;

use super::attempt::{self, Key};
use super::rules::RULES;
use super::{body, hints, list, past, problem, replies};
use crate::dialect::json::{self, BodyError};
use crate::dialect::{
    AsOf, Ask, Call, ChangePage, Changes, Get, History, Refusal, Reply, Request, Scope, Search,
    SearchPage, Write,
};
use crate::domain::{Attempt, ContactId, Owner, Past, Position, Target};

/// Contacts in one answer about changes, unless the request says otherwise.
const CHANGES_LIMIT: usize = 100;
/// Versions in one page of a history, unless the request says otherwise.
const HISTORY_LIMIT: usize = 100;

/// The media types of a Card; the second is its own (RFC 9553, section 3.1).
pub const CARD_TYPES: [&str; 2] = ["application/json", "application/jscontact+json"];
/// The media types of a merge patch.
pub const PATCH_TYPES: [&str; 2] = ["application/merge-patch+json", "application/json"];

/// The owner of the contacts that a request is about: of one contact its own, else the tenant that
/// is named, else the caller's.
pub fn scope(request: &Request<'_>) -> Result<Scope, Reply> {
    if request.target.is_some() {
        let tenant = list::tenant(request.query)?;
        return target(request).map(|id| Scope::Contact { id, tenant });
    }
    let named = request.query.get("tenant");
    let tenant = named.or(request.caller.own_tenant.as_deref());
    let tenant = tenant.ok_or_else(|| problem::refusal(&Refusal::TenantUnclear))?;
    owner(tenant).map(Scope::Owner)
}

/// A tenant of our own dialect.
pub fn owner(tenant: &str) -> Result<Owner, Reply> {
    Owner::new(RULES.dialect, &[tenant])
        .map_err(|_| problem::parameter("tenant", "1 to 128 bytes without a control character"))
}

/// Our id of a contact: a UUID with hyphens, in any case.
pub fn contact_id(text: &str) -> Option<ContactId> {
    (text.len() == 36).then(|| ContactId::parse(text)).flatten()
}

fn target(request: &Request<'_>) -> Result<ContactId, Reply> {
    contact_id(request.target().unwrap_or_default())
        .ok_or_else(|| problem::parameter("id", "a UUID with hyphens"))
}

/// The JSON of a request whose body is of one of these media types; a number that is whole is an
/// integer in it, however it was written.
///
/// # Errors
/// The problem of another media type, or of what is no JSON.
pub fn json_of(request: &Request<'_>, media_types: &[&str]) -> Result<Value, Reply> {
    if !json::media_type_is_json(request.headers, media_types) {
        return Err(problem::bad_body(&BodyError::MediaType));
    }
    let body = json::of_any_type(request.headers, request.body);
    let mut body = body.map_err(|error| problem::bad_body(&error))?;
    json::make_whole(&mut body);
    Ok(body)
}

/// A write of one contact.
pub fn write(owner: &Owner, attempt: Attempt) -> Call {
    Call::Write(Ask::new(Write::one(owner, attempt), replies::written))
}

/// A write of a Card or a patch, in which a near miss at a property is told of, or refused.
fn write_card(
    request: &Request<'_>,
    owner: &Owner,
    near_misses: Vec<&'static str>,
    attempt: Attempt,
) -> Result<Call, Reply> {
    let strict = hints::is_strict(request.query);
    let strict = strict.map_err(|refusal| problem::refusal(&refusal))?;
    let attempt = attempt::judged(attempt, &near_misses, strict);
    Ok(Call::Write(Ask::new(
        Write::one(owner, attempt),
        move |outcomes| hints::warned(replies::written(outcomes), &near_misses),
    )))
}

/// Decodes a request that creates a contact.
pub fn create(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    within(list::tenant(request.query)?, Some(owner))?;
    let card = json_of(request, &CARD_TYPES)?;
    let near_misses = hints::near_misses(&card);
    let attempt = attempt::create(card)?;
    write_card(request, owner, near_misses, attempt)
}

/// Decodes a request that creates a contact or updates the one found by a key.
pub fn upsert(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    within(list::tenant(request.query)?, Some(owner))?;
    let key = request.query.get("match").and_then(Key::named);
    let key = key.ok_or_else(|| problem::parameter("match", "email or externalId"))?;
    let card = json_of(request, &CARD_TYPES)?;
    let near_misses = hints::near_misses(&card);
    let attempt = attempt::upsert(key, card, request.precondition())?;
    write_card(request, owner, near_misses, attempt)
}

/// Decodes an update. Another dialect's contact has that dialect's rules, which a patch of its Card
/// could break.
pub fn update(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let id = target(request)?;
    if owner.dialect() != RULES.dialect {
        let name = body::dialect_name(owner.dialect());
        return Err(problem::other_dialect(name));
    }
    let patch = json_of(request, &PATCH_TYPES).map_err(|reply| {
        if reply.status == http::StatusCode::UNSUPPORTED_MEDIA_TYPE {
            reply.with("accept-patch", PATCH_TYPES.join(", "))
        } else {
            reply
        }
    })?;
    let near_misses = hints::near_misses(&patch);
    let attempt = attempt::update(Target::Id(id), patch, request.precondition())?;
    write_card(request, owner, near_misses, attempt)
}

/// Decodes a request that deletes a contact.
pub fn delete(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let target = Target::Id(target(request)?);
    let attempt = Attempt::delete(target, request.precondition());
    Ok(write(owner, attempt))
}

/// Decodes a request that erases a contact.
pub fn erase(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let target = Target::Id(target(request)?);
    let body = json_of(request, &["application/json"])?;
    let attempt = attempt::erase(target, &body, request.precondition());
    Ok(write(owner, attempt))
}

/// Decodes a read of one contact.
pub fn get(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let target = Target::Id(target(request)?);
    let get = Get {
        as_of: list::as_of(request.query, "as_of")?,
        ..Get::latest(owner, target)
    };
    let mask = list::mask(request.query)?;
    let reply = move |found| replies::contact(found, &mask);
    Ok(Call::Get(Ask::new(get, reply)))
}

/// Decodes a search over every dialect's contacts.
pub fn search(request: &Request<'_>, owner: Option<&Owner>) -> Result<Call, Reply> {
    let (mut search, mask) = list::search(request.query, request.caller)?;
    search.tenant = within(search.tenant, owner)?;
    let (sort, caller) = (search.sort, request.caller.clone());
    let reply = move |page: SearchPage| {
        let cursor = |last: &_| list::write_cursor(&caller, sort, &Search::keyset(sort, last));
        replies::page(&page, cursor, &mask)
    };
    Ok(Call::Search(Box::new(Ask::new(search, reply))))
}

/// Decodes a read of what changed since a position.
pub fn changes(request: &Request<'_>, owner: Option<&Owner>) -> Result<Call, Reply> {
    let changes = Changes {
        tenant: within(list::tenant(request.query)?, owner)?,
        dialect: list::dialect(request.query)?,
        after: list::after(request.query)?,
        limit: list::limit(request.query, CHANGES_LIMIT)?,
    };
    let mask = list::mask(request.query)?;
    let reply = move |page: ChangePage| replies::changes(&page, &mask);
    Ok(Call::Changes(Ask::new(changes, reply)))
}

/// The tenant to look at: a message subject names one, and no query leads out of it.
pub fn within(named: Option<String>, owner: Option<&Owner>) -> Result<Option<String>, Reply> {
    match (named, owner.map(Owner::tenant)) {
        (Some(tenant), Some(own)) if tenant != own => {
            Err(problem::refusal(&Refusal::NotYours { tenant }))
        }
        (named, own) => Ok(named.or(own.map(str::to_owned))),
    }
}

/// Decodes a read of a contact's versions.
pub fn history(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let id = target(request)?;
    let after = list::after(request.query)?;
    let limit = list::limit(request.query, HISTORY_LIMIT)?;
    let history = versions(owner, id, Past::After(after, limit));
    let reply = move |found| past::history(found, id, after, limit);
    Ok(Call::History(Ask::new(history, reply)))
}

/// Decodes a comparison of two versions: from before the first to now, unless the request says
/// otherwise.
pub fn diff(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let id = target(request)?;
    let from = list::as_of(request.query, "from")?;
    let to = list::as_of(request.query, "to")?;
    let from = from.unwrap_or(AsOf::Position(Position::ZERO));
    let to = to.unwrap_or(AsOf::Position(Position::new(u64::MAX)));
    let history = versions(owner, id, Past::Points(from, to));
    let reply = move |found| past::diff(found, id, from, to);
    Ok(Call::History(Ask::new(history, reply)))
}

fn versions(owner: &Owner, id: ContactId, past: Past) -> History {
    History {
        owner: owner.clone(),
        target: Target::Id(id),
        past,
    }
}
