//! Writes the vendor's answers.

use http::StatusCode;
use serde_json::{Value, json};

use super::contact::{CONTACT, user};
use super::rules::Thena;
use crate::dialect::describe::set;
use crate::dialect::reply::object;
use crate::dialect::schema::Schema;
use crate::dialect::{Conflict, Encoder, Page, Refusal, RefusalKind, Reply, TokenProblem};
use crate::domain::{Contact, Expected, FailureCode, Outcome, Problem, Violation};

impl Encoder for Thena {
    const CONTACT: &'static Schema = &CONTACT;

    fn error(status: StatusCode, message: &str) -> Reply {
        error(status, message)
    }

    fn invalid(violations: Vec<Violation>) -> Reply {
        error(StatusCode::BAD_REQUEST, messages(&violations))
    }

    fn conflict(conflict: Conflict, message: &str) -> Reply {
        let message = match conflict {
            Conflict::DuplicateEmail => "A customer contact with this email already exists",
            Conflict::TooManyContacts
            | Conflict::DuplicateId
            | Conflict::AmbiguousMatch
            | Conflict::BatchRefused => message,
        };
        error(StatusCode::CONFLICT, message)
    }

    fn words(refusal: &Refusal, status: StatusCode) -> Reply {
        match refusal.kind() {
            RefusalKind::NoContact => error(status, "Customer contact not found"),
            RefusalKind::Forbidden | RefusalKind::NotYours(_) => {
                error(status, "Forbidden resource")
            }
            RefusalKind::Token(TokenProblem::Missing | TokenProblem::Invalid) => {
                error(status, "Unauthorized")
            }
            RefusalKind::Token(TokenProblem::Expired)
            | RefusalKind::TenantUnclear
            | RefusalKind::NotFound
            | RefusalKind::TooLarge
            | RefusalKind::BadRequest
            | RefusalKind::RateLimited
            | RefusalKind::Other => error(status, refusal.to_string()),
        }
    }
}

/// NestJS's error: a sentence, or one for each thing wrong.
fn error(status: StatusCode, message: impl Into<Value>) -> Reply {
    let body = object([
        ("statusCode", status.as_u16().into()),
        ("message", message.into()),
        ("error", status.canonical_reason().unwrap_or("Error").into()),
    ]);
    Reply::json(status, &body)
}

/// The answer that is a list of contacts. A filter's is answered as if something were created.
pub fn listed(status: StatusCode, page: &Page) -> Reply {
    let contacts = page.contacts.iter().map(|it| CONTACT.answer(it));
    Reply::json(status, &contacts.collect::<Vec<_>>())
}

/// What came of a request's items.
#[derive(Debug, Default)]
struct Tally {
    contacts: Vec<Contact>,
    /// Written then, erased since.
    erased: usize,
    /// Another contact has the address.
    skipped: usize,
    /// What was wrong with the others.
    errors: Vec<String>,
    /// The number of items that are wrong.
    wrong: usize,
}

impl Tally {
    fn new(outcomes: Vec<Outcome>) -> Self {
        let mut tally = Self::default();
        for outcome in outcomes {
            match outcome {
                Outcome::Written { contact, .. } => tally.contacts.push(*contact),
                Outcome::Erased { .. } | Outcome::Removed { .. } => tally.erased += 1,
                Outcome::Refused {
                    failure,
                    violations,
                } => match failure.code {
                    FailureCode::DuplicateEmail => tally.skipped += 1,
                    FailureCode::Invalid => {
                        tally.wrong += 1;
                        tally.errors.extend(messages(&violations));
                    }
                    code => {
                        tally.wrong += 1;
                        tally.errors.push(code.message().to_owned());
                    }
                },
            }
        }
        tally
    }

    /// This answer, with what was wrong; an error where every item was, or the request as a whole.
    fn answer(self, status: StatusCode, mut body: Value) -> Reply {
        let none_done = self.contacts.is_empty() && self.erased == 0 && self.skipped == 0;
        if none_done && self.wrong > 0 {
            return error(StatusCode::BAD_REQUEST, self.errors);
        }
        if !self.errors.is_empty() {
            set(&mut body, "errors", self.errors);
        }
        Reply::json(status, &body)
    }
}

/// The answer to a bulk creation, of nothing too, as the vendor's page has it.
pub fn created(outcomes: Vec<Outcome>) -> Reply {
    if outcomes.is_empty() {
        return error(StatusCode::BAD_REQUEST, "No contacts to create");
    }
    let tally = Tally::new(outcomes);
    let created = tally.contacts.len() + tally.erased;
    let total = created + tally.skipped + tally.wrong;
    let body = json!({"total": total, "created": created, "skipped": tally.skipped});
    tally.answer(StatusCode::CREATED, body)
}

/// The answer to an ingestion.
pub fn ingested(outcomes: Vec<Outcome>) -> Reply {
    let tally = Tally::new(outcomes);
    let body = object([
        ("statusCode", StatusCode::OK.as_u16().into()),
        ("message", "Users ingested successfully!".into()),
        ("data", tally.contacts.iter().map(user).collect()),
    ]);
    tally.answer(StatusCode::OK, body)
}

/// The sentences of class-validator, NestJS's own; several items of a list have one in common.
fn messages(violations: &[Violation]) -> Vec<String> {
    let mut messages: Vec<String> = violations.iter().map(message).collect();
    messages.dedup();
    messages
}

fn message(violation: &Violation) -> String {
    let field = match violation.field.rsplit_once('.') {
        Some((list, item)) if item.bytes().all(|b| b.is_ascii_digit()) => {
            format!("each value in {list}")
        }
        _ => violation.field.clone(),
    };
    let must = match violation.problem {
        Problem::Required(_) | Problem::Blank => "should not be empty".to_owned(),
        Problem::WrongType(Expected::String) => "must be a string".to_owned(),
        Problem::WrongType(Expected::Number) => "must be a number".to_owned(),
        Problem::WrongType(Expected::Boolean) => "must be a boolean value".to_owned(),
        Problem::WrongType(Expected::Object) => "must be an object".to_owned(),
        Problem::WrongType(Expected::Array) => "must be an array".to_owned(),
        Problem::Format(name) => format!("must be an {name}"),
        Problem::TooLong(max) => format!("must be shorter than or equal to {max} characters"),
        Problem::TooMany(max) => format!("must contain no more than {max} elements"),
        Problem::OneOf(texts) => {
            format!("must be one of the following values: {}", texts.join(", "))
        }
        Problem::TooDeep(max) => format!("must not be nested deeper than {max} levels"),
        Problem::Range(min, max) => format!("must be from {min} to {max}"),
        Problem::OutOfRange => "must be one of its values".to_owned(),
        Problem::UnknownReference => "must name something that exists".to_owned(),
        Problem::NotAllowed | Problem::OnlyFor(_) => "should not exist".to_owned(),
        Problem::Duplicate => "must be unique".to_owned(),
        Problem::TooLarge(max) => return format!("a contact must not be larger than {max} bytes"),
    };
    format!("{field} {must}")
}

/// The answer to a page or a limit that is no number in its range.
pub fn bad_number(name: &str, max: usize) -> Reply {
    let message = format!("{name} must be an integer number from 1 to {max}");
    error(StatusCode::BAD_REQUEST, vec![message])
}

/// The answer to a request that does not name its organisation.
pub fn no_organisation() -> Reply {
    let message = "x-org-id header is required: the token has not exactly one organisation";
    error(StatusCode::UNAUTHORIZED, message)
}

/// The answer to an organisation that can be none.
pub fn bad_organisation() -> Reply {
    let message = "x-org-id must be 1 to 128 visible ASCII characters";
    error(StatusCode::BAD_REQUEST, vec![message])
}
