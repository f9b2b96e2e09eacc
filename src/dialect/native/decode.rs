//! Reads the requests of our own API.

use serde_json::Value;

use super::attempt::{self, Key};
use super::{RULES, batch, body, encode, list, problem};
use crate::dialect::json::{self, BodyError};
use crate::dialect::precondition::if_match;
use crate::dialect::{AsOf, Ask, Call, Changes, Refusal, Reply, Request, Scope, Write};
use crate::domain::{Attempt, BatchMode, ContactId, Owner, Position, Target};

/// Contacts in one answer about changes, unless the request says otherwise.
const CHANGES_LIMIT: usize = 100;

/// The media types of a Card; the second is its own (RFC 9553, section 3.1).
pub const CARD_TYPES: [&str; 2] = ["application/json", "application/jscontact+json"];
/// The media types of a merge patch.
pub const PATCH_TYPES: [&str; 2] = ["application/merge-patch+json", "application/json"];

/// Whose contacts a request is about.
pub fn scope(request: &Request<'_>) -> Result<Scope, Reply> {
    match request.route.operation {
        "create" | "upsert" | "bulk" => {
            let named = request.query.get("tenant");
            let tenant = named
                .or(request.caller.own_tenant.as_deref())
                .ok_or_else(|| problem::refusal(&Refusal::TenantUnclear))?;
            owner(tenant).map(Scope::Owner)
        }
        "list" | "changes" => Ok(Scope::Visible),
        _ => target(request).map(Scope::Contact),
    }
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

/// What a request asks for.
pub fn call(request: &Request<'_>, owner: Option<&Owner>) -> Result<Call, Reply> {
    match (request.route.operation, owner) {
        ("list", owner) => search(request, owner),
        ("changes", owner) => changes(request, owner),
        ("create", Some(owner)) => create(request, owner),
        ("upsert", Some(owner)) => upsert(request, owner),
        ("bulk", Some(owner)) => batch::call(request, owner),
        ("get", Some(owner)) => get(request, owner),
        ("update", Some(owner)) => update(request, owner),
        ("delete", Some(owner)) => delete(request, owner),
        ("erase", Some(owner)) => erase(request, owner),
        ("history", Some(owner)) => history(request, owner),
        ("diff", Some(owner)) => diff(request, owner),
        (_, None) => Err(problem::refusal(&Refusal::NotFound)),
        (_, Some(_)) => Err(problem::refusal(&Refusal::UnknownPath)),
    }
}

fn json_of(request: &Request<'_>, media_types: &[&str]) -> Result<Value, Reply> {
    if !json::media_type_is_json(request.headers, media_types) {
        return Err(problem::bad_body(&BodyError::MediaType));
    }
    json::parse(request.body).map_err(|error| problem::bad_body(&error))
}

fn write(owner: &Owner, attempt: Attempt) -> Call {
    let ask = Ask::Write(Write {
        owner: owner.clone(),
        batch: BatchMode::ItemByItem,
        attempts: vec![attempt],
    });
    Call::new(ask, encode::written)
}

fn create(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let card = json_of(request, &CARD_TYPES)?;
    Ok(write(owner, attempt::create(&card)?))
}

fn upsert(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let key = request
        .query
        .get("match")
        .and_then(Key::named)
        .ok_or_else(|| problem::parameter("match", "email or externalId"))?;
    let card = json_of(request, &CARD_TYPES)?;
    let attempt = attempt::upsert(key, &card, if_match(request.headers))?;
    Ok(write(owner, attempt))
}

/// Another dialect's contact has that dialect's rules, which a patch of its Card could break.
fn update(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
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
    let attempt = attempt::update(Target::Id(id), &patch, if_match(request.headers))?;
    Ok(write(owner, attempt))
}

fn delete(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let target = Target::Id(target(request)?);
    let attempt = attempt::delete(target, if_match(request.headers));
    Ok(write(owner, attempt))
}

fn erase(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let target = Target::Id(target(request)?);
    let body = json_of(request, &["application/json"])?;
    let attempt = attempt::erase(target, &body, if_match(request.headers));
    Ok(write(owner, attempt))
}

fn get(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let (owner, target) = (owner.clone(), Target::Id(target(request)?));
    let ask = match list::as_of(request.query, "as_of")? {
        None => Ask::Get { owner, target },
        Some(as_of) => Ask::GetAt {
            owner,
            target,
            as_of,
        },
    };
    let mask = list::mask(request.query)?;
    Ok(Call::new(ask, move |answer| encode::contact(answer, &mask)))
}

fn search(request: &Request<'_>, owner: Option<&Owner>) -> Result<Call, Reply> {
    let (mut search, mask) = list::search(request.query)?;
    search.tenant = within(search.tenant, owner)?;
    let sort = search.sort;
    Ok(Call::new(Ask::Search(search), move |answer| {
        encode::page(answer, sort, &mask)
    }))
}

fn changes(request: &Request<'_>, owner: Option<&Owner>) -> Result<Call, Reply> {
    let ask = Ask::Changes(Changes {
        tenant: within(list::tenant(request.query)?, owner)?,
        dialect: list::dialect(request.query)?,
        after: list::after(request.query)?,
        limit: list::limit(request.query, CHANGES_LIMIT)?,
    });
    let mask = list::mask(request.query)?;
    Ok(Call::new(ask, move |answer| encode::changes(answer, &mask)))
}

/// The tenant to look at: a message subject names one, and no query leads out of it.
fn within(named: Option<String>, owner: Option<&Owner>) -> Result<Option<String>, Reply> {
    match (named, owner.map(Owner::tenant)) {
        (Some(tenant), Some(own)) if tenant != own => {
            Err(problem::refusal(&Refusal::NotYours { tenant }))
        }
        (named, own) => Ok(named.or(own.map(str::to_owned))),
    }
}

fn history(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let id = target(request)?;
    let after = list::after(request.query)?;
    let limit = list::limit(request.query, list::LIMIT_MAX)?;
    let ask = Ask::History {
        owner: owner.clone(),
        target: Target::Id(id),
    };
    Ok(Call::new(ask, move |answer| {
        encode::history(answer, id, after, limit)
    }))
}

/// From before the beginning to now, unless the request says otherwise.
fn diff(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let id = target(request)?;
    let from = list::as_of(request.query, "from")?;
    let to = list::as_of(request.query, "to")?;
    let from = from.unwrap_or(AsOf::Position(Position::ZERO));
    let to = to.unwrap_or(AsOf::Position(Position::new(u64::MAX)));
    let ask = Ask::History {
        owner: owner.clone(),
        target: Target::Id(id),
    };
    Ok(Call::new(ask, move |answer| {
        encode::diff(answer, id, from, to)
    }))
}
