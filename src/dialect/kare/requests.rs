//! Reads the vendor's requests.

use serde_json::Value;

use super::contact::{CONTACT, EXTENSIONS, NOTIFIED_AT, NOTIFY, NOTIFY_AT};
use super::issue::{self, Issue};
use super::replies;
use super::rules::{Kare, RULES};
use crate::dialect::json::{self, BodyError};
use crate::dialect::schema::{BODY, Mode};
use crate::dialect::{Ask, Call, Decoder, Encoder, List, Refusal, Reply, Request, Window, Write};
use crate::domain::{Attempt, BatchMode, Expected, Owner, Problem, Target, Timestamp, Violation};

/// Contacts on a page, unless the request says otherwise, and at most.
const PAGE_SIZE: usize = 50;
pub const PAGE_SIZE_MAX: i64 = 1_000;

/// The company with this number, in its one spelling.
pub fn company(text: &str) -> Result<Owner, Reply> {
    let refused = |message: String| replies::issues(&[Issue::of("companyId", message)]);
    let number = issue::integer(text).map_err(refused)?;
    Owner::new(RULES.dialect, &[&number.to_string()]).map_err(|error| refused(error.to_string()))
}

/// Decodes a create. All items are judged before any is inserted; a body that is no array is one
/// bad item.
pub fn create(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let attempts = match Kare::body(request)? {
        Value::Array(items) => {
            let limit = RULES.batch_items_max();
            if items.len() > limit {
                return Err(Kare::refusal(&Refusal::TooManyItems { limit }));
            }
            let items = items.iter().enumerate();
            let draft =
                |(index, item): (usize, _)| CONTACT.read(item, &index.to_string(), Mode::Whole);
            items.map(|item| draft(item).create(None)).collect()
        }
        other => {
            let problem = Problem::WrongType(Expected::Array);
            let violation = Violation::new(BODY, problem).with_value(other);
            vec![Attempt::create(Vec::new(), Err(vec![violation]))]
        }
    };
    if attempts.is_empty() {
        return Ok(Call::Known(replies::created(Vec::new())));
    }
    let write = Write {
        batch: BatchMode::AllOrNothing,
        ..Write::each(owner, attempts)
    };
    Ok(Call::Write(Ask::new(write, replies::created)))
}

impl Decoder for Kare {
    const UPDATE: Mode = Mode::Patch;

    /// Numbers are given out from 1: 0 is nobody's, and so it stands for the negative ones too.
    fn target(request: &Request<'_>) -> Result<Target, Reply> {
        let number = issue::integer(request.target().unwrap_or_default())
            .map_err(|message| replies::issues(&[Issue::of("contactId", message)]))?;
        Ok(Target::Sequence(u64::try_from(number).unwrap_or(0)))
    }

    /// The media type is a required header here; the local developer may leave it out.
    fn body(request: &Request<'_>) -> Result<Value, Reply> {
        let json = match request.header("content-type") {
            Some(_) => json::media_type_is_json(request.headers, &["application/json"]),
            None => request.caller.open,
        };
        if !json {
            return Err(Self::bad_body(&BodyError::MediaType));
        }
        let body = json::of_any_type(request.headers, request.body);
        body.map_err(|error| Self::bad_body(&error))
    }

    /// A change that says `notify` asks for it anew, or for no more; one that was read keeps the time
    /// that it shows.
    fn update(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
        let target = Self::target(request)?;
        let mut body = Self::body(request)?;
        let kept = notify_as_shown(&mut body);
        let mut draft = CONTACT.read(&body, "", Self::UPDATE);
        match kept {
            Ok(time) => draft.values.insert(NOTIFIED_AT, time),
            Err(violation) => draft.violations.push(violation),
        }
        let attempt = draft.update(target, request.precondition());
        Ok(Self::write(owner, attempt))
    }
}

/// A contact that was read has no `notify` but `notifyAt`, which is null where nobody is notified.
/// What was read can be sent back, so the one stands for the other where that is missing. Gives the
/// time that is to be kept; null where there is none.
fn notify_as_shown(body: &mut Value) -> Result<Value, Violation> {
    let Value::Object(fields) = body else {
        return Ok(Value::Null);
    };
    let Some(at) = fields
        .get(NOTIFY_AT)
        .filter(|_| !fields.contains_key(NOTIFY))
    else {
        return Ok(Value::Null);
    };
    let wrong = |problem| Violation::new(NOTIFY_AT, problem).with_value(at.clone());
    let kept = match at {
        Value::Null => Ok(Value::Null),
        Value::String(text) => Timestamp::parse(text)
            .map(|time| time.to_string().into())
            .ok_or_else(|| wrong(Problem::Format("ISO datetime"))),
        _ => Err(wrong(Problem::WrongType(Expected::String))),
    };
    let notify = !at.is_null();
    fields.insert(NOTIFY.to_owned(), notify.into());
    kept
}

/// Decodes a request that lists contacts.
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
        return Err(replies::issues(&wrong));
    }
    let offset = (page - 1).saturating_mul(page_size);
    let list = List::created(owner, Window::offset(offset, page_size));
    Ok(Call::List(Ask::new(list, move |part| {
        replies::page(&part, page, page_size, &extend)
    })))
}

/// Reads the names of what a list is to show beside its contacts (`extend`). A name that the vendor
/// does not have is noted in `wrong`.
fn extend(request: &Request<'_>, wrong: &mut Vec<Issue>) -> Vec<String> {
    let mut extend = Vec::new();
    for (index, value) in request.query.list("extend").enumerate() {
        if EXTENSIONS.iter().any(|(name, ..)| *name == value) {
            extend.push(value.to_owned());
        } else {
            let message = r#"Invalid option: expected one of "company"|"actions-info""#;
            wrong.push(Issue::of_item("extend", index, message));
        }
    }
    extend
}
