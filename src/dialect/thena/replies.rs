//! Writes the vendor's answers.

use http::StatusCode;
use serde::Serialize;

use super::contact::{CONTACT, user};
use crate::dialect::json::BodyError;
use crate::dialect::reply::{etag, to_write};
use crate::dialect::schema::Record;
use crate::dialect::{Lookup, Missing, Page, Refusal, Reply, TokenProblem};
use crate::domain::{
    Contact, Expected, Failure, FailureCode, Operation, Outcome, Problem, Violation,
};

/// NestJS's error: a sentence, or one for each thing wrong.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody<M> {
    status_code: u16,
    message: M,
    error: &'static str,
}

fn error(status: StatusCode, message: impl Serialize) -> Reply {
    let body = ErrorBody {
        status_code: status.as_u16(),
        message,
        error: status.canonical_reason().unwrap_or("Error"),
    };
    Reply::json(status, &body)
}

/// The answer to a change of one contact.
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
        Err(Missing::NotFound | Missing::NotYet { .. } | Missing::Erased | Missing::KeyLost) => {
            not_found()
        }
    }
}

fn one(status: StatusCode, contact: &Contact) -> Reply {
    Reply::json(status, &CONTACT.answer(contact)).with("etag", etag(contact.version))
}

/// The answer that is a list of contacts.
pub fn found(page: &Page) -> Reply {
    listed(StatusCode::OK, page)
}

/// Encodes the page of a filter, which the vendor answers as if something were created.
pub fn filtered(page: &Page) -> Reply {
    listed(StatusCode::CREATED, page)
}

fn listed(status: StatusCode, page: &Page) -> Reply {
    let bodies: Vec<Record> = page.contacts.iter().map(|it| CONTACT.answer(it)).collect();
    Reply::json(status, &bodies)
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
                    FailureCode::NotFound
                    | FailureCode::Gone
                    | FailureCode::KeyLost
                    | FailureCode::VersionMismatch
                    | FailureCode::TooManyContacts
                    | FailureCode::DuplicateId
                    | FailureCode::AmbiguousMatch
                    | FailureCode::BatchRefused => {
                        tally.wrong += 1;
                        tally.errors.push(failure.code.message().to_owned());
                    }
                },
            }
        }
        tally
    }

    /// Whether every item was wrong, or the request as a whole.
    const fn all_wrong(&self) -> bool {
        self.contacts.is_empty() && self.erased == 0 && self.skipped == 0
    }
}

/// The answer to a bulk creation.
pub fn created(outcomes: Vec<Outcome>) -> Reply {
    #[derive(Serialize)]
    struct Body {
        total: usize,
        created: usize,
        skipped: usize,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        errors: Vec<String>,
    }
    let tally = Tally::new(outcomes);
    if tally.all_wrong() {
        return error(StatusCode::BAD_REQUEST, tally.errors);
    }
    let created = tally.contacts.len() + tally.erased;
    let body = Body {
        total: created + tally.skipped + tally.wrong,
        created,
        skipped: tally.skipped,
        errors: tally.errors,
    };
    Reply::json(StatusCode::CREATED, &body)
}

/// The answer to an ingestion.
pub fn ingested(outcomes: Vec<Outcome>) -> Reply {
    let tally = Tally::new(outcomes);
    if tally.all_wrong() {
        return error(StatusCode::BAD_REQUEST, tally.errors);
    }
    ingestion(&tally.contacts, tally.errors)
}

/// The answer to an ingestion of nobody.
pub fn nobody_ingested() -> Reply {
    ingestion(&[], Vec::new())
}

fn ingestion(contacts: &[Contact], errors: Vec<String>) -> Reply {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        status_code: u16,
        message: &'static str,
        data: Vec<Record>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        errors: Vec<String>,
    }
    let body = Body {
        status_code: StatusCode::OK.as_u16(),
        message: "Users ingested successfully!",
        data: contacts.iter().map(user).collect(),
        errors,
    };
    Reply::json(StatusCode::OK, &body)
}

/// The answer to a bulk creation of nothing, as the vendor's page has it.
pub fn nothing_to_create() -> Reply {
    error(StatusCode::BAD_REQUEST, "No contacts to create")
}

fn refused(failure: &Failure, violations: Vec<Violation>) -> Reply {
    match failure.code {
        FailureCode::Invalid => invalid(violations),
        FailureCode::NotFound | FailureCode::Gone | FailureCode::KeyLost => not_found(),
        FailureCode::VersionMismatch => {
            error(StatusCode::PRECONDITION_FAILED, failure.code.message())
        }
        FailureCode::DuplicateEmail => error(
            StatusCode::CONFLICT,
            "A customer contact with this email already exists",
        ),
        FailureCode::TooManyContacts
        | FailureCode::DuplicateId
        | FailureCode::AmbiguousMatch
        | FailureCode::BatchRefused => error(StatusCode::CONFLICT, failure.code.message()),
    }
}

/// The answer to wrong fields.
pub fn invalid(violations: Vec<Violation>) -> Reply {
    error(StatusCode::BAD_REQUEST, messages(&violations))
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
    error(
        StatusCode::UNAUTHORIZED,
        "x-org-id header is required: the token has not exactly one organisation",
    )
}

/// The answer to an organisation that can be none.
pub fn bad_organisation() -> Reply {
    let message = "x-org-id must be 1 to 128 visible ASCII characters";
    error(StatusCode::BAD_REQUEST, vec![message])
}

/// The answer to a body that is no JSON.
pub fn bad_body(problem: &BodyError) -> Reply {
    error(problem.status(), problem.to_string())
}

/// Encodes that a contact is not there, in the vendor's words.
pub fn not_found() -> Reply {
    error(StatusCode::NOT_FOUND, "Customer contact not found")
}

/// The vendor's words for a refusal.
pub fn refusal(refusal: &Refusal) -> Reply {
    let status = refusal.status();
    let mut reply = match refusal {
        Refusal::NotFound | Refusal::NotYet { .. } | Refusal::Gone | Refusal::KeyLost => {
            not_found()
        }
        Refusal::Forbidden { .. } | Refusal::ForeignOrigin | Refusal::NotYours { .. } => {
            error(status, "Forbidden resource")
        }
        Refusal::Unauthorized(TokenProblem::Missing | TokenProblem::Invalid)
        | Refusal::SessionUnauthorized => error(status, "Unauthorized"),
        Refusal::Unauthorized(TokenProblem::Expired)
        | Refusal::TenantUnclear
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
        | Refusal::BadParameter { .. }
        | Refusal::UnknownParameter { .. }
        | Refusal::PositionAhead { .. }
        | Refusal::TooBroad { .. }
        | Refusal::RateLimited { .. }
        | Refusal::Overloaded
        | Refusal::NotThereYet
        | Refusal::ReadOnly(_)
        | Refusal::OutcomeUnknown
        | Refusal::Internal => error(status, refusal.message()),
    };
    reply.headers.extend(refusal.headers());
    reply
}
