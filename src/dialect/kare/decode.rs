//! Reads the vendor's requests.

use serde_json::{Map, Value};

use super::contact::{CompanyContact, ContactPatch, Extend, Read};
use super::issue::{self, Issue};
use super::{RULES, encode};
use crate::dialect::json::{self, BodyError};
use crate::dialect::precondition::if_match;
use crate::dialect::{Call, List, Order, Refusal, Reply, Request, Window, Write};
use crate::domain::{
    Action, Attempt, Card, Expected, Owner, Patch, Patched, Problem, Target, Violation,
};

/// Contacts on a page, unless the request says otherwise, and at most.
const PAGE_SIZE: usize = 50;
pub const PAGE_SIZE_MAX: i64 = 1_000;

/// The company with this number, in its one spelling.
pub fn company(text: &str) -> Result<Owner, Reply> {
    let refused = |message: String| encode::issues(&[Issue::of("companyId", message)]);
    let number = issue::integer(text).map_err(refused)?;
    Owner::new(RULES.dialect, &[&number.to_string()]).map_err(|error| refused(error.to_string()))
}

/// Decodes a create. All items are judged before any is inserted; a body that is no array is one
/// bad item.
pub fn create(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let attempts = match body(request)? {
        Value::Array(items) => {
            let limit = RULES.batch_items_max();
            if items.len() > limit {
                return Err(encode::refusal(&Refusal::TooManyItems { limit }));
            }
            items.iter().enumerate().map(new_contact).collect()
        }
        other => vec![creation((
            Err(vec![not_an(Expected::Array, issue::BODY, &other)]),
            Vec::new(),
        ))],
    };
    if attempts.is_empty() {
        return Ok(Call::Known(encode::created(Vec::new())));
    }
    let write = Write::all_or_nothing(owner, attempts);
    Ok(Call::write(write, encode::created))
}

fn new_contact((index, item): (usize, &Value)) -> Attempt {
    creation(match item {
        Value::Object(item) => CompanyContact::read(item, format!("{index}.")),
        other => {
            let violation = not_an(Expected::Object, &index.to_string(), other);
            (Err(vec![violation]), Vec::new())
        }
    })
}

fn creation((contact, fields): Read<CompanyContact>) -> Attempt {
    let action = contact.and_then(|contact| {
        Ok(Action::Create {
            card: card(contact.to_properties())?,
            chosen_id: None,
        })
    });
    Attempt::create(fields, action)
}

/// Decodes an update.
pub fn update(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let target = target(request)?;
    let (patch, fields) = match body(request)? {
        Value::Object(body) => ContactPatch::read(&body),
        other => {
            let violation = not_an(Expected::Object, issue::BODY, &other);
            (Err(vec![violation]), Vec::new())
        }
    };
    let attempt = Attempt::update(
        target,
        if_match(request.headers),
        fields,
        patch.map(|patch| Action::Update(to_patch(patch))),
    );
    let write = Write::all_or_nothing(owner, vec![attempt]);
    Ok(Call::write(write, encode::written))
}

/// Decodes a delete.
pub fn delete(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let attempt = Attempt::delete(target(request)?, if_match(request.headers));
    let write = Write::all_or_nothing(owner, vec![attempt]);
    Ok(Call::write(write, encode::written))
}

/// Decodes a list.
pub fn list(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let mut wrong = Vec::new();
    let mut count = |name, default, max| match request.query.get(name) {
        None => default,
        Some(text) => issue::count(text, max).unwrap_or_else(|message| {
            wrong.push(Issue::of(name, message));
            default
        }),
    };
    let page = count("page", 1, issue::PAGE_MAX);
    let page_size = count("pageSize", PAGE_SIZE, PAGE_SIZE_MAX);
    let extend = extend(request, &mut wrong);
    if !wrong.is_empty() {
        return Err(encode::issues(&wrong));
    }
    let list = List {
        owner: owner.clone(),
        filter: None,
        order: Order::Created,
        window: Window::Offset {
            offset: (page - 1).saturating_mul(page_size),
            limit: page_size,
        },
    };
    Ok(Call::list(list, move |part| {
        encode::page(&part, page, page_size, extend)
    }))
}

/// What a list shows beside its contacts: repeated, or separated by commas.
fn extend(request: &Request<'_>, wrong: &mut Vec<Issue>) -> Extend {
    let mut extend = Extend::default();
    let values = request.query.all("extend").flat_map(|text| text.split(','));
    for (index, value) in values.enumerate() {
        match value {
            "company" => extend.company = true,
            "actions-info" => extend.actions = true,
            _ => {
                let message = r#"Invalid option: expected one of "company"|"actions-info""#;
                wrong.push(Issue::of_item("extend", index, message));
            }
        }
    }
    extend
}

/// The body's JSON. The media type is a required header here; the local developer may leave it out.
fn body(request: &Request<'_>) -> Result<Value, Reply> {
    let json = match request.header("content-type") {
        Some(_) => json::media_type_is_json(request.headers, &["application/json"]),
        None => request.caller.open,
    };
    if !json {
        return Err(encode::bad_body(&BodyError::MediaType));
    }
    json::parse(request.body).map_err(|error| encode::bad_body(&error))
}

/// The contact that the path names. Numbers are given out from 1: 0 is nobody's, and so it stands
/// for the negative ones too.
fn target(request: &Request<'_>) -> Result<Target, Reply> {
    let number = issue::integer(request.target().unwrap_or_default())
        .map_err(|message| encode::issues(&[Issue::of("contactId", message)]))?;
    Ok(Target::Sequence(u64::try_from(number).unwrap_or(0)))
}

fn to_patch(patch: ContactPatch) -> Patch {
    Patch::new(move |current| {
        let before = CompanyContact::from_card(current);
        let after = patch.apply(&before);
        let mut properties = after.to_properties();
        if let Some(uid) = current.get("uid") {
            properties.insert("uid".into(), uid.clone());
        }
        Ok(Patched {
            card: card(properties)?,
            changed: before.changed(&after),
        })
    })
}

fn card(properties: Map<String, Value>) -> Result<Card, Vec<Violation>> {
    Card::new(properties).map_err(|_| {
        let problem = Problem::WrongType(Expected::Object);
        vec![Violation::new(issue::BODY, problem)]
    })
}

fn not_an(expected: Expected, field: &str, sent: &Value) -> Violation {
    Violation::new(field, Problem::WrongType(expected)).with_value(sent.clone())
}
