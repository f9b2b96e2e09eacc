//! Writes the vendor's answers.

use http::StatusCode;
use serde::Serialize;

use super::contact::{Extend, body as contact_body};
use super::issue::Issue;
use crate::dialect::json::BodyError;
use crate::dialect::reply::{etag, to_write};
use crate::dialect::schema::Record;
use crate::dialect::{Lookup, Page, Refusal, Reply};
use crate::domain::{Contact, Failure, FailureCode, Outcome, Violation};

/// The vendor's error: a message, and what is wrong with the request's content.
#[derive(Debug, Serialize)]
struct ErrorBody<'a> {
    message: &'a str,
    #[serde(skip_serializing_if = "<[Issue]>::is_empty")]
    issues: &'a [Issue],
}

/// The answer to a create: how many were inserted, all of them or none.
pub fn created(outcomes: Vec<Outcome>) -> Reply {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        nb_insertion: usize,
    }
    let nb_insertion = outcomes.len();
    let refused: Vec<_> = outcomes.into_iter().filter_map(refused_item).collect();
    if refused.is_empty() {
        Reply::json(StatusCode::CREATED, &Body { nb_insertion })
    } else {
        batch_refused(refused)
    }
}

fn refused_item(outcome: Outcome) -> Option<(Failure, Vec<Violation>)> {
    match outcome {
        Outcome::Refused {
            failure,
            violations,
        } => Some((failure, violations)),
        Outcome::Written { .. } | Outcome::Removed { .. } | Outcome::Erased { .. } => None,
    }
}

/// The issues of all items in one answer; a good item that failed with the others has none.
fn batch_refused(refused: Vec<(Failure, Vec<Violation>)>) -> Reply {
    let code = refused
        .iter()
        .map(|(failure, _)| failure.code)
        .find(|code| *code != FailureCode::BatchRefused)
        .unwrap_or(FailureCode::BatchRefused);
    let violations: Vec<_> = refused.into_iter().flat_map(|(_, v)| v).collect();
    failed(code, &violations)
}

/// The answer to a change of one contact.
pub fn written(outcomes: Vec<Outcome>) -> Reply {
    to_write(
        outcomes,
        |_, contact| one(contact),
        |failure, violations| failed(failure.code, &violations),
        refusal,
    )
}

/// The answer that is one contact.
pub fn contact(found: Lookup<Box<Contact>>) -> Reply {
    match found {
        Ok(contact) => one(&contact),
        Err(missing) => refusal(&missing.into()),
    }
}

fn one(contact: &Contact) -> Reply {
    let body = contact_body(contact, Extend::default());
    Reply::json(StatusCode::OK, &body).with("etag", etag(contact.version))
}

/// The answer that is a page of contacts.
pub fn page(part: &Page, page: usize, page_size: usize, extend: Extend) -> Reply {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        data: Vec<Record>,
        total_count: usize,
        pagination: Pagination,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Pagination {
        page: usize,
        page_size: usize,
    }
    let contacts = part.contacts.iter();
    let body = Body {
        data: contacts.map(|it| contact_body(it, extend)).collect(),
        total_count: part.total,
        pagination: Pagination { page, page_size },
    };
    Reply::json(StatusCode::OK, &body)
}

fn failed(code: FailureCode, violations: &[Violation]) -> Reply {
    match code {
        FailureCode::Invalid => {
            let found: Vec<_> = violations.iter().map(Issue::from).collect();
            issues(&found)
        }
        FailureCode::NotFound | FailureCode::Gone | FailureCode::KeyLost => {
            refusal(&Refusal::NotFound)
        }
        FailureCode::VersionMismatch => error(StatusCode::PRECONDITION_FAILED, code.message()),
        FailureCode::BatchRefused => error(StatusCode::BAD_REQUEST, code.message()),
        FailureCode::TooManyContacts
        | FailureCode::DuplicateEmail
        | FailureCode::DuplicateId
        | FailureCode::AmbiguousMatch => error(StatusCode::CONFLICT, code.message()),
    }
}

/// The answer to content that is not valid.
pub fn issues(issues: &[Issue]) -> Reply {
    let body = ErrorBody {
        message: "Validation failed",
        issues,
    };
    Reply::json(StatusCode::BAD_REQUEST, &body)
}

/// The answer to a body that is no JSON, or does not say that it is.
pub fn bad_body(problem: &BodyError) -> Reply {
    match problem {
        BodyError::MediaType => issues(&[Issue::of(
            "content-type",
            r#"Invalid input: expected "application/json""#,
        )]),
        BodyError::Encoding => error(StatusCode::UNSUPPORTED_MEDIA_TYPE, &problem.to_string()),
        BodyError::Empty | BodyError::Malformed { .. } | BodyError::TooDeep => {
            error(StatusCode::BAD_REQUEST, &problem.to_string())
        }
    }
}

fn error(status: StatusCode, message: &str) -> Reply {
    let body = ErrorBody {
        message,
        issues: &[],
    };
    Reply::json(status, &body)
}

/// The vendor's words for a refusal: an API gateway's where that is what refuses.
pub fn refusal(refusal: &Refusal) -> Reply {
    let status = refusal.status();
    let mut reply = match refusal {
        Refusal::Unauthorized(_) | Refusal::SessionUnauthorized => error(status, "Unauthorized"),
        Refusal::Forbidden { .. } | Refusal::ForeignOrigin => error(status, "Forbidden"),
        // Whether the company is there is nothing to tell a caller whose it is not.
        Refusal::NotYours { .. } => error(StatusCode::NOT_FOUND, "Company not found"),
        Refusal::NotFound | Refusal::NotYet { .. } | Refusal::Gone | Refusal::KeyLost => {
            error(status, "Contact not found")
        }
        Refusal::UnknownPath | Refusal::NoSuchCommand => error(status, "Not Found"),
        Refusal::TenantUnclear
        | Refusal::MethodNotAllowed { .. }
        | Refusal::TooLarge { .. }
        | Refusal::TooManyItems { .. }
        | Refusal::TooSlow
        | Refusal::BrokenBody
        | Refusal::BadIdempotencyKey
        | Refusal::KeyReused
        | Refusal::PreconditionFailed
        | Refusal::PreconditionRequired
        | Refusal::BadParameter { .. }
        | Refusal::UnknownParameter { .. }
        | Refusal::PositionAhead { .. }
        | Refusal::TooBroad { .. }
        | Refusal::RateLimited { .. }
        | Refusal::Overloaded
        | Refusal::NotThereYet
        | Refusal::ReadOnly(_)
        | Refusal::OutcomeUnknown
        | Refusal::Internal => error(status, &refusal.message()),
    };
    reply.headers.extend(refusal.headers());
    reply
}
