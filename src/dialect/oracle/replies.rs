//! Writes the vendor's answers: a contact bare, everything else in an `SDFResponse`.
//!
//! Of this service's operations the pages document 200 and 400 alone. The statuses beside them
//! are those of the vendor's general page, in the same envelope. An error code is made as the
//! reporting service makes its own (`REPT_401`).

use http::StatusCode;
use serde::Serialize;

use super::contact;
use crate::dialect::json::BodyError;
use crate::dialect::reply::{etag, to_write};
use crate::dialect::schema::Record;
use crate::dialect::{Lookup, Page, Refusal, Reply, Versions};
use crate::domain::{Contact, Failure, FailureCode, Outcome, Problem, Violation, limits};

/// `SDFResponse` of an error.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody {
    status: &'static str,
    error_data: ErrorData,
}

/// The vendor's type `ErrorResponseData`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorData {
    error_code: String,
    error_message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details>,
}

/// What is wrong: the first thing, and all of them where there are several.
#[derive(Debug, Serialize)]
struct Details {
    #[serde(flatten)]
    first: Detail,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    violations: Vec<Detail>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Serialize)]
struct Detail {
    field: String,
    reason: String,
}

/// The answer to a change.
pub fn written(outcomes: Vec<Outcome>) -> Reply {
    to_write(outcomes, |_, contact| one(contact), refused, refusal)
}

/// The answer that is one contact.
pub fn contact(found: Lookup<Box<Contact>>) -> Reply {
    match found {
        Ok(contact) => one(&contact),
        Err(missing) => refusal(&missing.into()),
    }
}

/// The answer that is part of a list. `hasMore` is a text, as the page's example has it.
pub fn page(page: Page) -> Reply {
    #[derive(Serialize)]
    struct Body {
        status: &'static str,
        result: ListResult,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct ListResult {
        has_more: &'static str,
        total_results: usize,
        count: usize,
        data: Vec<Record>,
    }
    let result = ListResult {
        has_more: if page.more { "true" } else { "false" },
        total_results: page.total,
        count: page.contacts.len(),
        data: page.contacts.iter().map(contact::listed).collect(),
    };
    let status = "success";
    Reply::json(StatusCode::OK, &Body { status, result })
}

/// The answer that is the versions of the contact of this id, oldest first: so many, each with the
/// time at which the next one took its place.
pub fn history(id: &str, found: Lookup<Versions>, limit: usize) -> Reply {
    let versions = match found {
        Ok(versions) => versions.list,
        Err(missing) => return refusal(&missing.into()),
    };
    let ends = versions.iter().skip(1).map(|(event, _)| Some(event));
    let entries: Vec<Record> = versions
        .iter()
        .zip(ends.chain([None]))
        .take(limit)
        .filter_map(|((event, after), end)| contact::version(id, event, after.as_ref(), end))
        .collect();
    Reply::json(StatusCode::OK, &entries)
}

fn one(contact: &Contact) -> Reply {
    Reply::json(StatusCode::OK, &contact::body(contact)).with("etag", etag(contact.version))
}

fn refused(failure: &Failure, violations: Vec<Violation>) -> Reply {
    let status = match failure.code {
        FailureCode::NotFound | FailureCode::Gone | FailureCode::KeyLost => {
            return refusal(&Refusal::NotFound);
        }
        FailureCode::Invalid => return invalid(violations),
        FailureCode::DuplicateId => {
            let taken = Violation::new("contact.id", Problem::Duplicate);
            return invalid(vec![taken]);
        }
        FailureCode::VersionMismatch => StatusCode::PRECONDITION_FAILED,
        FailureCode::TooManyContacts
        | FailureCode::DuplicateEmail
        | FailureCode::AmbiguousMatch
        | FailureCode::BatchRefused => StatusCode::BAD_REQUEST,
    };
    error(status, failure.code.message(), None)
}

/// The answer to what is wrong with fields or parameters.
pub fn invalid(violations: Vec<Violation>) -> Reply {
    let status = StatusCode::BAD_REQUEST;
    let details: Vec<Detail> = violations
        .into_iter()
        .take(limits::VIOLATIONS_MAX)
        .map(|violation| Detail {
            reason: reason(violation.problem),
            field: violation.field,
        })
        .collect();
    let Some(first) = details.first().cloned() else {
        return error(status, FailureCode::Invalid.message(), None);
    };
    let message = format!("{} {}", first.field, first.reason);
    let violations = if details.len() > 1 {
        details
    } else {
        Vec::new()
    };
    error(status, &message, Some(Details { first, violations }))
}

/// What is wrong with a field, as the end of a sentence that begins with its name.
fn reason(problem: Problem) -> String {
    match problem {
        Problem::Required(_) => "is required".into(),
        Problem::WrongType(expected) => format!("must be of type {}", expected.name()),
        Problem::TooLong(max) => format!("must have at most {max} characters"),
        Problem::Blank => "must not be empty".into(),
        Problem::TooMany(max) => format!("must have at most {max} items"),
        Problem::Format(format) => format!("must be of format {format}"),
        Problem::OneOf(_) | Problem::Range(..) | Problem::TooDeep(_) | Problem::OutOfRange => {
            "is not an allowed value".into()
        }
        Problem::UnknownReference => "refers to nothing that is known".into(),
        Problem::NotAllowed | Problem::OnlyFor(_) => "must not be given here".into(),
        Problem::Duplicate => "must be unique".into(),
    }
}

/// The answer to a body that is no JSON.
pub fn bad_body(problem: &BodyError) -> Reply {
    error(problem.status(), &problem.to_string(), None)
}

/// The vendor's words for a refusal.
pub fn refusal(refusal: &Refusal) -> Reply {
    let status = refusal.status();
    let (message, details) = match refusal {
        // Erased and never there must look alike.
        Refusal::NotFound | Refusal::NotYet { .. } | Refusal::Gone | Refusal::KeyLost => {
            (Refusal::NotFound.message(), None)
        }
        // This vendor's requests have no place for a tenant.
        Refusal::TenantUnclear => ("The token must have exactly one tenant.".into(), None),
        Refusal::BadParameter { name, must } => {
            let first = Detail {
                field: (*name).into(),
                reason: format!("must be {must}"),
            };
            let violations = Vec::new();
            (refusal.message(), Some(Details { first, violations }))
        }
        Refusal::Unauthorized(_)
        | Refusal::SessionUnauthorized
        | Refusal::Forbidden { .. }
        | Refusal::ForeignOrigin
        | Refusal::NotYours { .. }
        | Refusal::UnknownPath
        | Refusal::NoSuchCommand
        | Refusal::MethodNotAllowed { .. }
        | Refusal::TooLarge { .. }
        | Refusal::TooManyItems { .. }
        | Refusal::TooSlow
        | Refusal::BrokenBody
        | Refusal::BadIdempotencyKey
        | Refusal::KeyReused
        | Refusal::PreconditionFailed
        | Refusal::PreconditionRequired
        | Refusal::UnknownParameter { .. }
        | Refusal::PositionAhead { .. }
        | Refusal::TooBroad { .. }
        | Refusal::RateLimited { .. }
        | Refusal::Overloaded
        | Refusal::NotThereYet
        | Refusal::ReadOnly(_)
        | Refusal::OutcomeUnknown
        | Refusal::Internal => (refusal.message(), None),
    };
    let mut reply = error(status, &message, details);
    reply.headers.extend(refusal.headers());
    reply
}

fn error(status: StatusCode, message: &str, details: Option<Details>) -> Reply {
    let body = ErrorBody {
        status: "error",
        error_data: ErrorData {
            error_code: format!("SITE_{}", status.as_u16()),
            error_message: message.to_owned(),
            details,
        },
    };
    Reply::json(status, &body)
}
