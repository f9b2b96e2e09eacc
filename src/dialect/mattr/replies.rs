//! Writes the vendor's answers.

use http::StatusCode;
use serde_json::{Value, json};

use super::contact::CONTACT;
use super::cursor::Cursor;
use super::rules::Mattr;
use crate::dialect::describe::set;
use crate::dialect::json::BodyError;
use crate::dialect::reply::status_name;
use crate::dialect::schema::Schema;
use crate::dialect::{Conflict, Encoder, Page, Refusal, RefusalKind, Reply};
use crate::domain::{Expected, Problem, Violation};

/// No 409 is documented for contacts, while the other maximum rules that list none answer 400.
const TOO_MANY: &str = "Maximum number of contacts reached. Please delete an existing contact before creating a new one.";

impl Encoder for Mattr {
    const CONTACT: &'static Schema = &CONTACT;

    fn error(status: StatusCode, message: &str) -> Reply {
        detailed(status, message, Vec::new())
    }

    fn invalid(violations: Vec<Violation>) -> Reply {
        let detail = |it: Violation| {
            let value = it.value.map(|value| *value);
            detail(value, message(it.problem), &it.field, "body")
        };
        validation(violations.into_iter().map(detail).collect())
    }

    fn conflict(conflict: Conflict, message: &str) -> Reply {
        let message = match conflict {
            Conflict::TooManyContacts => TOO_MANY,
            Conflict::DuplicateEmail
            | Conflict::DuplicateId
            | Conflict::AmbiguousMatch
            | Conflict::BatchRefused => message,
        };
        Self::error(StatusCode::BAD_REQUEST, message)
    }

    fn bad_body(problem: &BodyError) -> Reply {
        match problem {
            BodyError::MediaType | BodyError::Encoding => Reply::text(problem.status(), ""),
            BodyError::Empty | BodyError::Malformed { .. } | BodyError::TooDeep => {
                Self::error(problem.status(), &problem.to_string())
            }
        }
    }

    /// Text for 401, 403, 413 and 415, JSON for the others.
    fn words(refusal: &Refusal, status: StatusCode) -> Reply {
        match refusal.kind() {
            RefusalKind::Token(_) => Reply::text(status, "Unauthorized"),
            RefusalKind::Forbidden | RefusalKind::NotYours(_) | RefusalKind::TooLarge => {
                Reply::text(status, "")
            }
            RefusalKind::NoContact | RefusalKind::NotFound => {
                Self::error(status, "Resource Not Found")
            }
            RefusalKind::TenantUnclear
            | RefusalKind::BadRequest
            | RefusalKind::RateLimited
            | RefusalKind::Other => Self::error(status, &refusal.to_string()),
        }
    }
}

/// The vendor's error: `{code, message, details?}`.
fn detailed(status: StatusCode, message: &str, details: Vec<Value>) -> Reply {
    let mut body = json!({"code": status_name(status), "message": message});
    if !details.is_empty() {
        set(&mut body, "details", details);
    }
    Reply::json(status, &body)
}

/// One thing wrong; `value` is left out where the field is missing.
fn detail(value: Option<Value>, msg: &str, param: &str, location: &str) -> Value {
    let value = value.map(|value| ("value", value));
    let rest = [("msg", msg), ("param", param), ("location", location)];
    let rest = rest.map(|(name, text)| (name, text.into()));
    value.into_iter().chain(rest).collect()
}

fn validation(details: Vec<Value>) -> Reply {
    detailed(StatusCode::BAD_REQUEST, "Validation Error", details)
}

/// The answer that is a page of contacts.
pub fn page(page: Page) -> Reply {
    let last = page.contacts.last().filter(|_| page.more);
    let next = last.map(|last| Cursor::contact(last.created_at, last.id));
    let contacts = page.contacts.iter().map(|it| CONTACT.answer(it));
    paged(contacts.collect(), next)
}

/// The answer that is a page of a list, with the cursor of the next one if there is one.
pub fn paged(data: Value, next_cursor: Option<String>) -> Reply {
    let next = next_cursor.map(|next| ("nextCursor", next.into()));
    let body: Value = std::iter::once(("data", data)).chain(next).collect();
    Reply::json(StatusCode::OK, &body)
}

/// The vendor's message: a wrong type is named, everything else is an invalid value.
fn message(problem: Problem) -> &'static str {
    match problem {
        Problem::WrongType(Expected::String) => "must be a string",
        Problem::WrongType(Expected::Boolean) => "must be a boolean",
        Problem::WrongType(Expected::Number) => "must be a number",
        Problem::WrongType(Expected::Object) => "must be an object",
        Problem::WrongType(Expected::Array) => "must be an array",
        Problem::Required(_)
        | Problem::TooLong(_)
        | Problem::Blank
        | Problem::TooMany(_)
        | Problem::Format(_)
        | Problem::TooDeep(_)
        | Problem::OneOf(_)
        | Problem::Range(..)
        | Problem::OutOfRange
        | Problem::UnknownReference
        | Problem::NotAllowed
        | Problem::OnlyFor(_)
        | Problem::Duplicate
        | Problem::TooLarge(_) => "Invalid value",
    }
}

/// What is wrong with a request's path and query: all of it, as the vendor tells it.
#[derive(Debug, Default)]
pub struct BadParams(Vec<Value>);

impl BadParams {
    /// Notes that a parameter is not of its form.
    pub fn note(&mut self, location: &'static str, param: &str, value: &str) {
        let value = Some(value.into());
        self.0.push(detail(value, "Invalid value", param, location));
    }

    /// Nothing is wrong, or the answer that says what is.
    pub fn check(self) -> Result<(), Reply> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(validation(self.0))
        }
    }
}

/// The answer to one parameter that is not of its form.
pub fn invalid_param(location: &'static str, param: &str, value: &str) -> Reply {
    let mut bad = BadParams::default();
    bad.note(location, param, value);
    validation(bad.0)
}
