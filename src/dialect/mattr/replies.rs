//! Writes the vendor's answers.

use http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use super::contact::CONTACT;
use super::cursor::Cursor;
use crate::dialect::json::BodyError;
use crate::dialect::reply::{etag, to_write};
use crate::dialect::schema::Record;
use crate::dialect::{Lookup, Page, Refusal, Reply};
use crate::domain::{Contact, Failure, FailureCode, Operation, Outcome, Problem, Violation};

/// The vendor's error: `{code, message, details?}`.
#[derive(Debug, Serialize)]
struct ErrorBody {
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<Detail>,
}

/// One thing wrong; `value` is left out where the field is missing.
#[derive(Debug, Serialize)]
struct Detail {
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
    msg: &'static str,
    param: String,
    location: &'static str,
}

/// No 409 is documented for contacts, while the other maximum rules that list none answer 400.
const TOO_MANY: &str = "Maximum number of contacts reached. Please delete an existing contact before creating a new one.";

/// The answer to a change.
pub fn written(outcomes: Vec<Outcome>) -> Reply {
    to_write(outcomes, shown, refused, refusal)
}

fn shown(operation: Operation, contact: &Contact) -> Reply {
    let status = match operation {
        Operation::Create => StatusCode::CREATED,
        _ => StatusCode::OK,
    };
    one(status, contact)
}

/// The answer that is one contact.
pub fn contact(found: Lookup<Box<Contact>>) -> Reply {
    match found {
        Ok(contact) => one(StatusCode::OK, &contact),
        Err(missing) => refusal(&missing.into()),
    }
}

/// The answer that is a page of contacts.
pub fn page(page: Page) -> Reply {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        data: Vec<Record>,
        #[serde(skip_serializing_if = "Option::is_none")]
        next_cursor: Option<String>,
    }
    let last = page.contacts.last().filter(|_| page.more);
    let body = Body {
        data: page.contacts.iter().map(|it| CONTACT.answer(it)).collect(),
        next_cursor: last.map(|last| Cursor::contact(last.created_at, last.id)),
    };
    Reply::json(StatusCode::OK, &body)
}

fn one(status: StatusCode, contact: &Contact) -> Reply {
    Reply::json(status, &CONTACT.answer(contact)).with("etag", etag(contact.version))
}

fn refused(failure: &Failure, violations: Vec<Violation>) -> Reply {
    match failure.code {
        FailureCode::Invalid => invalid(violations),
        FailureCode::NotFound | FailureCode::Gone | FailureCode::KeyLost => not_found(),
        FailureCode::VersionMismatch => error(
            StatusCode::PRECONDITION_FAILED,
            "PreconditionFailed",
            failure.code.message(),
        ),
        FailureCode::TooManyContacts => error(StatusCode::BAD_REQUEST, "BadRequest", TOO_MANY),
        FailureCode::DuplicateEmail
        | FailureCode::DuplicateId
        | FailureCode::AmbiguousMatch
        | FailureCode::BatchRefused => error(
            StatusCode::BAD_REQUEST,
            "BadRequest",
            failure.code.message(),
        ),
    }
}

fn invalid(violations: Vec<Violation>) -> Reply {
    let details = violations
        .into_iter()
        .map(|violation| Detail {
            msg: message(violation.problem),
            value: violation.value.map(|value| *value),
            param: violation.field,
            location: "body",
        })
        .collect();
    validation(details)
}

/// The vendor's message: a wrong type is named, everything else is an invalid value.
fn message(problem: Problem) -> &'static str {
    use crate::domain::Expected;
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
        | Problem::Duplicate => "Invalid value",
    }
}

/// What is wrong with a request's path and query: all of it, as the vendor tells it.
#[derive(Debug, Default)]
pub struct BadParams(Vec<Detail>);

impl BadParams {
    /// Notes that a parameter is not of its form.
    pub fn note(&mut self, location: &'static str, param: &str, value: &str) {
        self.0.push(Detail {
            value: Some(value.into()),
            msg: "Invalid value",
            param: param.to_owned(),
            location,
        });
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

fn validation(details: Vec<Detail>) -> Reply {
    let body = ErrorBody {
        code: "BadRequest",
        message: "Validation Error".into(),
        details,
    };
    Reply::json(StatusCode::BAD_REQUEST, &body)
}

/// The answer to a body that is no JSON.
pub fn bad_body(error_: &BodyError) -> Reply {
    match error_ {
        BodyError::MediaType | BodyError::Encoding => {
            Reply::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, "")
        }
        BodyError::Empty | BodyError::Malformed { .. } | BodyError::TooDeep => {
            error(StatusCode::BAD_REQUEST, "BadRequest", &error_.to_string())
        }
    }
}

/// Encodes that a contact is not there, in the vendor's words.
pub fn not_found() -> Reply {
    error(StatusCode::NOT_FOUND, "NotFound", "Resource Not Found")
}

fn error(status: StatusCode, code: &'static str, message: &str) -> Reply {
    let body = ErrorBody {
        code,
        message: message.to_owned(),
        details: Vec::new(),
    };
    Reply::json(status, &body)
}

/// The vendor's words for a refusal: text for 401, 403, 413 and 415, JSON for the others.
pub fn refusal(refusal: &Refusal) -> Reply {
    let status = refusal.status();
    let json = |code| error(status, code, &refusal.message());
    let mut reply = match refusal {
        Refusal::Unauthorized(_) | Refusal::SessionUnauthorized => {
            Reply::text(status, "Unauthorized")
        }
        Refusal::Forbidden { .. }
        | Refusal::ForeignOrigin
        | Refusal::NotYours { .. }
        | Refusal::TooLarge { .. }
        | Refusal::TooManyItems { .. } => Reply::text(status, ""),
        Refusal::NotFound
        | Refusal::NotYet { .. }
        | Refusal::Gone
        | Refusal::KeyLost
        | Refusal::NoSuchCommand
        | Refusal::UnknownPath => not_found(),
        Refusal::MethodNotAllowed { .. } => json("MethodNotAllowed"),
        Refusal::TooSlow => json("RequestTimeout"),
        Refusal::TenantUnclear
        | Refusal::BrokenBody
        | Refusal::BadIdempotencyKey
        | Refusal::BadParameter { .. }
        | Refusal::UnknownParameter { .. }
        | Refusal::PositionAhead { .. }
        | Refusal::TooBroad { .. } => json("BadRequest"),
        Refusal::KeyReused => json("UnprocessableEntity"),
        Refusal::PreconditionFailed => json("PreconditionFailed"),
        Refusal::PreconditionRequired => json("PreconditionRequired"),
        Refusal::RateLimited { .. } => json("TooManyRequests"),
        Refusal::Internal => json("InternalServerError"),
        Refusal::Overloaded
        | Refusal::NotThereYet
        | Refusal::ReadOnly(_)
        | Refusal::OutcomeUnknown => json("ServiceUnavailable"),
    };
    reply.headers.extend(refusal.headers());
    reply
}
