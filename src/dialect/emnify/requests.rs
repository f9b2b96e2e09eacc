//! Reads the vendor's requests.

use serde_json::Value;

use super::contact::{CONTACT, ID, ORGANISATION};
use super::events;
use super::filter::{self, View};
use super::replies;
use super::rules::{Emnify, RULES, positive};
use crate::dialect::fields::{ANY_TEXT, Fields, Nulls};
use crate::dialect::json::whole;
use crate::dialect::schema::{Draft, Mode, object};
use crate::dialect::{Ask, Call, Decoder, Encoder, List, Order, Refusal, Reply, Request};
use crate::domain::{Owner, OwnerEvents, Problem, Target, Violation};

/// The path's word for the caller's own organisation.
const MY: &str = "my";

/// Ids that the vendor forbids in a create's query string.
const FORBIDDEN_PARAMETERS: [&str; 2] = [ID, "organisation_id"];

/// Ids that a create's body may not have: the vendor forbids the first two in words, the third
/// says the same.
pub const FORBIDDEN: [&str; 3] = [ID, "organisation_id", ORGANISATION];

/// The token of an application, which is a token of ours.
pub const APPLICATION_TOKEN: &str = "application_token";
const USERNAME: &str = "username";
const PASSWORD: &str = "password";
const REFRESH_TOKEN: &str = "refresh_token";
/// What a person logs in with: a name and a password, or what was given for them before.
pub const CREDENTIALS: [&str; 3] = [USERNAME, PASSWORD, REFRESH_TOKEN];

/// The organisation that a request is about.
pub fn organisation(request: &Request<'_>) -> Result<Owner, Reply> {
    match request.param("org_id") {
        Some(id) if id != MY => owner(id),
        _ => match &request.caller.own_tenant {
            Some(own) => owner(own),
            None => Err(Emnify::refusal(&Refusal::TenantUnclear)),
        },
    }
}

/// The organisation of this id, in its one spelling.
pub fn owner(id: &str) -> Result<Owner, Reply> {
    positive(id)
        .and_then(|number| Owner::new(RULES.dialect, &[&number.to_string()]).ok())
        .ok_or_else(|| replies::not_found("Organisation", id))
}

impl Decoder for Emnify {
    const UPDATE: Mode = Mode::Patch;

    fn target(request: &Request<'_>) -> Result<Target, Reply> {
        let text = request.target().unwrap_or_default();
        let id = positive(text).map(Target::Sequence);
        id.ok_or_else(|| replies::not_found("Contact", text))
    }

    fn create(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
        let body = Self::body(request)?;
        let mut draft = CONTACT.read(&body, "", Mode::Whole);
        judge_ids(&mut draft, &body, |_, _| false);
        let named = |name: &&str| body.is_object() && request.query.get(name).is_some();
        let named = FORBIDDEN_PARAMETERS.into_iter().filter(named);
        let wrong = named.map(|name| Violation::new(name, Problem::NotAllowed));
        draft.violations.extend(wrong);
        Ok(Self::write(owner, draft.create(None)))
    }

    /// What was read can be sent back, ids and all; one of another contact is refused, for a contact
    /// keeps its own.
    fn update(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
        let target = Self::target(request)?;
        let body = Self::body(request)?;
        let mut draft = CONTACT.read(&body, "", Self::UPDATE);
        judge_ids(&mut draft, &body, |name, value| {
            let (value, own) = match name {
                ID => (Some(value), request.target()),
                ORGANISATION => (value.get(ID), Some(owner.tenant())),
                _ => (Some(value), Some(owner.tenant())),
            };
            let number = value.and_then(Value::as_number).and_then(whole);
            let number = number.and_then(|number| u64::try_from(number).ok());
            number.is_some() && number == own.and_then(positive)
        });
        let attempt = draft.update(target, request.precondition());
        Ok(Self::write(owner, attempt))
    }
}

/// Judges the ids in a body, which are the server's to give: null names none, and another value is
/// refused unless it is the contact's own.
fn judge_ids(draft: &mut Draft<'_>, body: &Value, is_own: impl Fn(&str, &Value) -> bool) {
    for name in FORBIDDEN {
        let Some(value) = body.get(name) else {
            continue;
        };
        draft.sent.push(name.into());
        if !value.is_null() && !is_own(name, value) {
            let violation = Violation::new(name, Problem::NotAllowed);
            draft.violations.push(violation);
        }
    }
}

/// Decodes a request that lists contacts.
pub fn list(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let path = format!("/api/v1/organisation/{}/contact", owner.tenant());
    let view = View::new(path, request.query)?;
    let list = List {
        owner: owner.clone(),
        filter: view.q.as_deref().map(filter::filter).transpose()?,
        order: match view.sort.as_deref() {
            Some(sort) => filter::order(sort)?,
            None => Order::Created,
        },
        window: view.window(),
    };
    Ok(Call::List(Ask::new(list, move |page| {
        view.counted(replies::contacts(&page), page.offset, page.total)
    })))
}

/// Decodes a list of events. An organisation that the caller may not see, or that does not exist,
/// has none.
pub fn events(request: &Request<'_>, _: Option<&Owner>) -> Result<Call, Reply> {
    let owner = organisation(request)?;
    let path = format!("/api/v1/organisation/{}/event", owner.tenant());
    let view = View::new(path, request.query)?;
    let asked = OwnerEvents {
        owner,
        filter: view.q.as_deref().map(events::filter).transpose()?,
        newest_first: events::newest_first(view.sort.as_deref())?,
        window: view.window(),
    };
    Ok(Call::OwnerEvents(Ask::new(asked, move |page| {
        view.counted(events::reply(&page), page.offset, page.total)
    })))
}

/// Decodes the exchange of a token. An application's token is judged here; what the vendor gives a
/// person to log in with, a password or a refresh token, is known in open mode alone, where anybody
/// is let in.
pub fn authenticate(request: &Request<'_>, _: Option<&Owner>) -> Result<Call, Reply> {
    let body = Emnify::body(request)?;
    let invalid = |violations| replies::invalid("Authentication", violations);
    let body = object(&body).map_err(invalid)?;
    let sent = |name: &str| body.get(name).is_some_and(|value| !value.is_null());
    let mut fields = Fields::new(body, "", Nulls::Absent);
    let mut text = |name| {
        let text = fields.text(name, ANY_TEXT.not_blank(), true)?;
        Some(text.to_owned())
    };
    let of_person = |known: Option<Reply>| known.map(Call::Known);
    let open = request.caller.open;
    let call = if sent(APPLICATION_TOKEN) || !CREDENTIALS.iter().any(|name| sent(name)) {
        text(APPLICATION_TOKEN).map(|token| Call::Authenticate(Ask::new(token, replies::token)))
    } else if sent(REFRESH_TOKEN) {
        of_person(text(REFRESH_TOKEN).map(|token| replies::refreshed(open.then_some(token))))
    } else {
        let name_and_password = text(USERNAME).zip(text(PASSWORD));
        of_person(name_and_password.map(|_| replies::logged_in(open)))
    };
    call.ok_or_else(|| invalid(fields.violations))
}
