//! Writes the vendor's answers: a contact bare, everything else in an `SDFResponse`.
//!
//! Of this service's operations the pages document 200 and 400 alone. The statuses beside them
//! are those of the vendor's general page, in the same envelope. An error code is made as the
//! reporting service makes its own (`REPT_401`).

use http::StatusCode;
use serde::Serialize;

use super::contact;
use super::rules::Oracle;
use crate::dialect::encoder::Encoder;
use crate::dialect::reply::status_of;
use crate::dialect::schema::{Record, Schema};
use crate::dialect::{Lookup, Page, Refusal, RefusalKind, Reply, Versions};
use crate::domain::{Contact, FailureCode, Operation, Problem, Violation, limits};

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

impl Details {
    const fn of(first: Detail) -> Self {
        let violations = Vec::new();
        Self { first, violations }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, Serialize)]
struct Detail {
    field: String,
    reason: String,
}

impl Encoder for Oracle {
    const CONTACT: &'static Schema = &contact::CONTACT;

    fn error(status: StatusCode, message: &str) -> Reply {
        detailed(status, message, None)
    }

    fn invalid(violations: Vec<Violation>) -> Reply {
        invalid(violations)
    }

    fn failed(code: FailureCode) -> Reply {
        match code {
            FailureCode::DuplicateId => {
                invalid(vec![Violation::new("contact.id", Problem::Duplicate)])
            }
            FailureCode::TooManyContacts
            | FailureCode::DuplicateEmail
            | FailureCode::AmbiguousMatch
            | FailureCode::BatchRefused => Self::error(StatusCode::BAD_REQUEST, code.message()),
            FailureCode::Invalid
            | FailureCode::NotFound
            | FailureCode::Gone
            | FailureCode::KeyLost
            | FailureCode::VersionMismatch => Self::error(status_of(code), code.message()),
        }
    }

    fn alone(contact: &Contact) -> Record {
        contact::body(contact)
    }

    /// A create is answered as an update is.
    fn changed(_: Operation, contact: &Contact) -> Reply {
        Self::one(StatusCode::OK, contact)
    }

    fn words(refusal: &Refusal, status: StatusCode) -> Reply {
        if let Refusal::BadParameter { name, must } = refusal {
            let first = Detail {
                field: (*name).into(),
                reason: format!("must be {must}"),
            };
            return detailed(status, &refusal.message(), Some(Details::of(first)));
        }
        match refusal.kind() {
            // Erased and never there must look alike.
            RefusalKind::NoContact => Self::error(status, &Refusal::NotFound.message()),
            // This vendor's requests have no place for a tenant.
            RefusalKind::TenantUnclear => {
                Self::error(status, "The token must have exactly one tenant.")
            }
            RefusalKind::Token(_)
            | RefusalKind::Forbidden
            | RefusalKind::NotYours(_)
            | RefusalKind::NotFound
            | RefusalKind::TooLarge
            | RefusalKind::BadRequest
            | RefusalKind::RateLimited
            | RefusalKind::Other => Self::error(status, &refusal.message()),
        }
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
        Err(missing) => return Oracle::refusal(&missing.into()),
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
        return Oracle::error(status, FailureCode::Invalid.message());
    };
    let message = format!("{} {}", first.field, first.reason);
    let violations = if details.len() > 1 {
        details
    } else {
        Vec::new()
    };
    detailed(status, &message, Some(Details { first, violations }))
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

fn detailed(status: StatusCode, message: &str, details: Option<Details>) -> Reply {
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
