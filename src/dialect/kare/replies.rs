//! Writes the vendor's answers.

use http::StatusCode;
use serde_json::json;

use super::contact::{CONTACT, body as contact_body};
use super::issue::Issue;
use super::rules::Kare;
use crate::dialect::describe::set;
use crate::dialect::json::BodyError;
use crate::dialect::reply::object;
use crate::dialect::schema::Schema;
use crate::dialect::{Conflict, Encoder, Page, Refusal, RefusalKind, Reply};
use crate::domain::{Failure, FailureCode, Outcome, Violation};

/// The answer to a create: how many were inserted, all of them or none.
pub fn created(outcomes: Vec<Outcome>) -> Reply {
    let inserted = json!({"nbInsertion": outcomes.len()});
    let refused: Vec<_> = outcomes.into_iter().filter_map(refused_item).collect();
    if refused.is_empty() {
        return Reply::json(StatusCode::CREATED, &inserted);
    }
    // The issues of all items in one answer; a good item that failed with the others has none.
    let mut codes = refused.iter().map(|(failure, _)| failure.code);
    let code = codes.find(|code| *code != FailureCode::BatchRefused);
    let violations = refused.into_iter().flat_map(|(_, it)| it).collect();
    Kare::refused(code.unwrap_or(FailureCode::BatchRefused), violations, None)
}

fn refused_item(outcome: Outcome) -> Option<(Failure, Vec<Violation>)> {
    match outcome {
        Outcome::Refused {
            failure,
            violations,
        } => Some((failure, violations)),
        _ => None,
    }
}

impl Encoder for Kare {
    const CONTACT: &'static Schema = &CONTACT;

    fn error(status: StatusCode, message: &str) -> Reply {
        error(status, message, &[])
    }

    fn invalid(violations: Vec<Violation>) -> Reply {
        let found: Vec<_> = violations.iter().map(Issue::from).collect();
        issues(&found)
    }

    fn conflict(conflict: Conflict, message: &str) -> Reply {
        let status = match conflict {
            Conflict::BatchRefused => StatusCode::BAD_REQUEST,
            Conflict::TooManyContacts
            | Conflict::DuplicateEmail
            | Conflict::DuplicateId
            | Conflict::AmbiguousMatch => StatusCode::CONFLICT,
        };
        Self::error(status, message)
    }

    fn bad_body(problem: &BodyError) -> Reply {
        match problem {
            BodyError::MediaType => issues(&[Issue::of(
                "content-type",
                r#"Invalid input: expected "application/json""#,
            )]),
            BodyError::Encoding
            | BodyError::Empty
            | BodyError::Malformed { .. }
            | BodyError::TooDeep => Self::error(problem.status(), &problem.to_string()),
        }
    }

    /// An API gateway's words where that is what refuses.
    fn words(refusal: &Refusal, status: StatusCode) -> Reply {
        match refusal.kind() {
            RefusalKind::Token(_) => Self::error(status, "Unauthorized"),
            RefusalKind::Forbidden => Self::error(status, "Forbidden"),
            // Whether the company is there is nothing to tell a caller whose it is not.
            RefusalKind::NotYours(_) => Self::error(StatusCode::NOT_FOUND, "Company not found"),
            RefusalKind::NoContact => Self::error(status, "Contact not found"),
            RefusalKind::NotFound => Self::error(status, "Not Found"),
            RefusalKind::TenantUnclear
            | RefusalKind::TooLarge
            | RefusalKind::BadRequest
            | RefusalKind::RateLimited
            | RefusalKind::Other => Self::error(status, &refusal.to_string()),
        }
    }
}

/// The answer that is a page of contacts.
pub fn page(part: &Page, page: usize, page_size: usize, extend: &[String]) -> Reply {
    let contacts = part.contacts.iter().map(|it| contact_body(it, extend));
    let body = object([
        ("data", contacts.collect()),
        ("totalCount", part.total.into()),
        ("pagination", json!({"page": page, "pageSize": page_size})),
    ]);
    Reply::json(StatusCode::OK, &body)
}

/// The answer to content that is not valid.
pub fn issues(issues: &[Issue]) -> Reply {
    error(StatusCode::BAD_REQUEST, "Validation failed", issues)
}

fn error(status: StatusCode, message: &str, issues: &[Issue]) -> Reply {
    let mut body = json!({ "message": message });
    if !issues.is_empty() {
        set(&mut body, "issues", json!(issues));
    }
    Reply::json(status, &body)
}
