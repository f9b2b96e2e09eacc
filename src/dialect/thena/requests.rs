//! Reads the vendor's requests about one contact, and its questions.

use std::collections::HashSet;

use http::StatusCode;
use serde_json::Value;

use super::contact::{ACCOUNT_IDS, CONTACT, TYPE, type_id};
use super::replies;
use super::rules::{RULES, Thena};
use crate::dialect::fields::{ANY_TEXT, Fields, Nulls};
use crate::dialect::query::count;
use crate::dialect::schema::{Mode, object};
use crate::dialect::{Ask, Call, Decoder, Encoder, Filter, List, Refusal, Reply, Request, Window};
use crate::domain::{
    Contact, ContactId, Expected, IdRule, LookupKey, Owner, Problem, Target, Violation, limits,
};

/// The header that names the organisation.
pub const ORGANISATION: &str = "x-org-id";

/// Contacts on a page: the vendor's default.
const LIMIT: usize = 10;
/// Contacts on a page: our maximum, since the vendor names none.
pub const LIMIT_MAX: usize = 1_000;

/// The organisation that a request is about: the one that its header names, or the token's only one.
pub fn organisation(request: &Request<'_>) -> Result<Owner, Reply> {
    if request.is_no_text(ORGANISATION) {
        return Err(replies::bad_organisation());
    }
    match request.header(ORGANISATION).filter(|id| !id.is_empty()) {
        Some(id) => owner(id),
        None => match &request.caller.own_tenant {
            Some(own) if has_own(request) => owner(own),
            _ => Err(replies::no_organisation()),
        },
    }
}

/// Whether a request that names no organisation has one. A key belongs to one; a bearer token that
/// opens every organisation does not, and its page asks for the header.
fn has_own(request: &Request<'_>) -> bool {
    let by_key = !request.headers.contains_key(http::header::AUTHORIZATION);
    request.caller.open || by_key || !request.caller.every_tenant
}

/// The organisation of this id: 1-128 visible ASCII characters, each its own spelling.
pub fn owner(id: &str) -> Result<Owner, Reply> {
    let visible = id.bytes().all(|byte| byte.is_ascii_graphic());
    visible
        .then(|| Owner::new(RULES.dialect, &[id]).ok())
        .flatten()
        .ok_or_else(replies::bad_organisation)
}

impl Decoder for Thena {
    const UPDATE: Mode = Mode::Patch;

    fn target(request: &Request<'_>) -> Result<Target, Reply> {
        let id = request.target().and_then(contact_id);
        id.map(Target::Id).ok_or_else(|| Self::no_contact(None))
    }
}

/// Decodes a request that lists contacts.
pub fn list(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let number = |name: &'static str, default: usize, max: usize| {
        let read = |text: &str| count(text).filter(|number| (1..=max).contains(number));
        let number = request.query.read(name, read);
        let number = number.map_err(|_| replies::bad_number(name, max))?;
        Ok::<_, Reply>(number.unwrap_or(default))
    };
    let page = number("page", 1, u32::MAX as usize)?;
    let limit = number("limit", LIMIT, LIMIT_MAX)?;
    let wanted = |name: &str| request.query.filled(name).map(str::to_owned);
    let (account, kind) = (wanted("accountId"), wanted(TYPE));
    let filter = move |contact: &Contact| {
        let own = CONTACT.record(&contact.card);
        let accounts = own.get(ACCOUNT_IDS).and_then(Value::as_array);
        let of_account = |id: &str| accounts.is_some_and(|own| own.iter().any(|own| own == id));
        kind.as_deref().is_none_or(|kind| type_id(&own) == kind)
            && account.as_deref().is_none_or(of_account)
    };
    let window = Window::offset((page - 1).saturating_mul(limit), limit);
    Ok(contacts(owner, StatusCode::OK, filter, window))
}

/// Decodes a search for an e-mail address, which at most one contact of an organisation has.
pub fn search(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let email = request.query.get("email").unwrap_or_default().trim();
    if email.is_empty() {
        let violation = Violation::new("email", Problem::Required(Expected::String));
        return Err(Thena::invalid(vec![violation]));
    }
    let wanted = LookupKey::email(email);
    let filter = move |contact: &Contact| RULES.keys_of(&contact.card).contains(&wanted);
    Ok(contacts(
        owner,
        StatusCode::OK,
        filter,
        Window::offset(0, LIMIT),
    ))
}

/// A list of an owner's contacts that pass a test.
fn contacts(
    owner: &Owner,
    status: StatusCode,
    filter: impl Fn(&Contact) -> bool + Send + Sync + 'static,
    window: Window,
) -> Call {
    let filter = Some(Filter::new(filter));
    let list = List {
        filter,
        ..List::created(owner, window)
    };
    Call::List(Ask::new(list, move |page| replies::listed(status, &page)))
}

/// Decodes a read of the contacts of some ids; an id that names no contact is passed over.
pub fn filter(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let body = Thena::body(request)?;
    let body = object(&body).map_err(Thena::invalid)?;
    let mut fields = Fields::new(body, "", Nulls::Absent);
    let items = fields.list("ids", true, |_| false);
    let ids = items.and_then(|items| fields.texts("ids", items, ANY_TEXT, None));
    let Some(ids) = ids else {
        return Err(Thena::invalid(fields.violations));
    };
    let limit = limits::BATCH_ITEMS_MAX;
    if ids.len() > limit {
        return Err(Thena::refusal(&Refusal::TooManyItems { limit }));
    }
    let ids: HashSet<ContactId> = ids.iter().filter_map(|id| contact_id(id)).collect();
    let filter = move |contact: &Contact| ids.contains(&contact.id);
    Ok(contacts(
        owner,
        StatusCode::CREATED,
        filter,
        Window::offset(0, limit),
    ))
}

/// The contact of a ULID's 26 characters, in any case, perhaps after the vendor's prefix `C`.
///
/// A ULID begins with 0 to 7, so the prefix can't be taken for a part of one.
fn contact_id(text: &str) -> Option<ContactId> {
    let digits = match text.len() {
        27 => text.strip_prefix('C')?,
        _ => text,
    };
    match IdRule::Ulid.target(digits)? {
        Target::Id(id) => Some(id),
        Target::Sequence(_) | Target::Chosen { .. } => None,
    }
}
