//! Writes the vendor's answers: a contact bare, everything else in an `SDFResponse`.
//!
//! Of this service's operations the pages document 200 and 400 alone. The statuses beside them
//! are those of the vendor's general page, in the same envelope. An error code is made as the
//! reporting service makes its own (`REPT_401`).

use http::StatusCode;
use serde_json::{Value, json};

use super::contact;
use super::rules::Oracle;
use crate::dialect::describe::set;
use crate::dialect::reply::object;
use crate::dialect::schema::{Record, Schema};
use crate::dialect::{Conflict, Encoder, Lookup, Page, Refusal, RefusalKind, Reply, Versions};
use crate::domain::{Contact, FailureCode, Operation, Problem, Violation, limits};

impl Encoder for Oracle {
    const CONTACT: &'static Schema = &contact::CONTACT;

    fn error(status: StatusCode, message: &str) -> Reply {
        detailed(status, message, Value::Null)
    }

    fn invalid(violations: Vec<Violation>) -> Reply {
        let status = StatusCode::BAD_REQUEST;
        let told = violations.into_iter().take(limits::VIOLATIONS_MAX);
        let reasons: Vec<_> = told.map(|it| (it.field, reason(it.problem))).collect();
        let detail = |(field, reason): &(String, String)| json!({"field": field, "reason": reason});
        let Some(first) = reasons.first() else {
            return Self::error(status, FailureCode::Invalid.message());
        };
        let mut details = detail(first);
        if reasons.len() > 1 {
            let all: Value = reasons.iter().map(detail).collect();
            set(&mut details, "violations", all);
        }
        detailed(status, &format!("{} {}", first.0, first.1), details)
    }

    fn conflict(conflict: Conflict, message: &str) -> Reply {
        match conflict {
            Conflict::DuplicateId => {
                Self::invalid(vec![Violation::new("contact.id", Problem::Duplicate)])
            }
            Conflict::TooManyContacts
            | Conflict::DuplicateEmail
            | Conflict::AmbiguousMatch
            | Conflict::BatchRefused => Self::error(StatusCode::BAD_REQUEST, message),
        }
    }

    fn alone(contact: &Contact) -> Record<'_> {
        contact::body(contact)
    }

    /// A create is answered as an update is.
    fn changed(_: Operation, contact: &Contact) -> Reply {
        Self::one(StatusCode::OK, contact)
    }

    fn words(refusal: &Refusal, status: StatusCode) -> Reply {
        if let Refusal::BadParameter { name, must } = refusal {
            let detail = json!({"field": name, "reason": format!("must be {must}")});
            return detailed(status, &refusal.to_string(), detail);
        }
        match refusal.kind() {
            // Erased and never there must look alike.
            RefusalKind::NoContact => Self::error(status, &Refusal::NotFound.to_string()),
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
            | RefusalKind::Other => Self::error(status, &refusal.to_string()),
        }
    }
}

/// The answer that is part of a list. `hasMore` is a text, as the page's example has it.
pub fn page(page: Page) -> Reply {
    let contacts = page.contacts.iter().map(|it| contact::CONTACT.answer(it));
    let result = object([
        ("hasMore", if page.more { "true" } else { "false" }.into()),
        ("totalResults", page.total.into()),
        ("count", page.contacts.len().into()),
        ("data", contacts.collect()),
    ]);
    let body = object([("status", "success".into()), ("result", result)]);
    Reply::json(StatusCode::OK, &body)
}

/// The answer that is the versions of the contact of this id, oldest first: so many, each with the
/// time at which the next one took its place.
pub fn history(id: &str, found: Lookup<Versions>, limit: usize) -> Reply {
    let versions = match found {
        Ok(versions) => versions.list,
        Err(refusal) => return Oracle::refusal(&refusal),
    };
    let ends = versions.iter().skip(1).map(|(event, _)| Some(event));
    let entries: Vec<Record<'_>> = versions
        .iter()
        .zip(ends.chain([None]))
        .take(limit)
        .filter_map(|((event, after), end)| contact::version(id, event, after.as_ref(), end))
        .collect();
    Reply::json(StatusCode::OK, &entries)
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
        Problem::TooLarge(max) => format!("must have at most {max} bytes"),
    }
}

/// `SDFResponse` of an error; details that are null are left out.
fn detailed(status: StatusCode, message: &str, details: Value) -> Reply {
    let code = format!("SITE_{}", status.as_u16());
    let mut data = json!({"errorCode": code, "errorMessage": message});
    if !details.is_null() {
        set(&mut data, "details", details);
    }
    Reply::json(status, &json!({"status": "error", "errorData": data}))
}
