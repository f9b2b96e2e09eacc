//! Writes the vendor's answers.

use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use super::contact::CONTACT;
use crate::dialect::json::BodyError;
use crate::dialect::reply::etag;
use crate::dialect::schema::{BODY, Record};
use crate::dialect::{Lookup, Missing, Page, Refusal, Reply, TokenProblem};
use crate::domain::{Contact, Failure, FailureCode, Operation, Outcome, Problem, Violation};

/// The vendor's error codes, each with its token.
#[derive(Clone, Copy, Debug)]
struct Code(u16, &'static str);

/// The token of whoever logs in where none is needed.
const OPEN_TOKEN: &str = "open";

const INVALID_CREDENTIALS: Code = Code(1101, "InvalidCredentials");
const INVALID_TOKEN: Code = Code(1102, "InvalidToken");
const TOKEN_EXPIRED: Code = Code(1103, "TokenExpired");
const FORBIDDEN: Code = Code(1104, "Forbidden");
const TOO_MANY_REQUESTS: Code = Code(1105, "TooManyRequests");
const NOT_FOUND: Code = Code(1201, "NotFound");
const INVALID_QUERY: Code = Code(1301, "InvalidQueryCriteria");
const INVALID_SORT: Code = Code(1302, "InvalidSortCriteria");
const INPUT_VALIDATION_FAILED: Code = Code(1400, "InputValidationFailed");
const INVALID_REFERENCE: Code = Code(1401, "InvalidReference");
const REQUIRED: Code = Code(1402, "Required");
const INVALID_FORMAT: Code = Code(1403, "InvalidFormat");
const NOT_ALLOWED: Code = Code(1406, "NotAllowed");

/// The vendor's sentence for a missing permission.
const NO_PERMISSION: &str = "You do not have the necessary permissions to access this entry point. Please contact your administrator.";

/// The vendor's form of an error.
#[derive(Debug, Serialize)]
struct ErrorBody {
    error_code: u16,
    error_token: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<ErrorBody>,
}

impl ErrorBody {
    fn new(Code(error_code, error_token): Code, message: impl Into<String>) -> Self {
        Self {
            error_code,
            error_token,
            message: message.into(),
            errors: Vec::new(),
        }
    }
}

fn error(status: StatusCode, code: Code, message: impl Into<String>) -> Reply {
    Reply::json(status, &ErrorBody::new(code, message))
}

/// The answer to a change of the contact of this number; a new one has none yet.
pub fn written(outcomes: Vec<Outcome>, target: Option<u64>) -> Reply {
    match outcomes.into_iter().next() {
        Some(Outcome::Written { operation, contact }) => {
            let reply = match operation {
                // The answer has no id, so `Location` is the only way to learn it.
                Operation::Create => Reply::json(StatusCode::CREATED, &json!({})),
                _ => Reply::empty(StatusCode::NO_CONTENT),
            };
            reply
                .with("location", location(&contact))
                .with("etag", etag(contact.version))
        }
        Some(Outcome::Removed { .. }) => Reply::empty(StatusCode::NO_CONTENT),
        Some(Outcome::Erased { .. }) => no_contact(target),
        Some(Outcome::Refused {
            failure,
            violations,
        }) => refused(&failure, violations, target),
        None => refusal(&Refusal::Internal),
    }
}

fn location(contact: &Contact) -> String {
    let (organisation, id) = (contact.owner.tenant(), &contact.vendor_id);
    format!("/api/v1/organisation/{organisation}/contact/{id}")
}

/// The answer that is one contact.
pub fn contact(found: Lookup<Box<Contact>>, target: u64) -> Reply {
    match found {
        Ok(contact) => {
            let reply = Reply::json(StatusCode::OK, &CONTACT.answer(&contact));
            reply.with("etag", etag(contact.version))
        }
        Err(Missing::NotFound | Missing::NotYet { .. } | Missing::Erased | Missing::KeyLost) => {
            no_contact(Some(target))
        }
    }
}

/// The answer that is a page of contacts, without the headers of a page.
pub fn contacts(page: &Page) -> Reply {
    let bodies: Vec<Record> = page.contacts.iter().map(|it| CONTACT.answer(it)).collect();
    Reply::json(StatusCode::OK, &bodies)
}

/// The answer to the exchange of a token.
pub fn token(traded: Result<String, TokenProblem>) -> Reply {
    match traded {
        Ok(token) => Reply::json(StatusCode::OK, &json!({"auth_token": token}))
            .with("cache-control", "no-store"),
        Err(problem) => refusal(&Refusal::Unauthorized(problem)),
    }
}

/// The answer to a person's name and password: in open mode any text is a token.
pub fn logged_in(open: bool) -> Reply {
    if open {
        return token(Ok(OPEN_TOKEN.to_owned()));
    }
    let message = "Invalid credentials: this service trades application tokens alone.";
    error(StatusCode::UNAUTHORIZED, INVALID_CREDENTIALS, message)
}

/// The answer to a refresh token, where there are any: it is given back, as good as another.
pub fn refreshed(refresh_token: Option<String>) -> Reply {
    token(refresh_token.ok_or(TokenProblem::Invalid))
}

fn refused(failure: &Failure, violations: Vec<Violation>, target: Option<u64>) -> Reply {
    match failure.code {
        FailureCode::Invalid => invalid("Contact", violations),
        FailureCode::NotFound | FailureCode::Gone | FailureCode::KeyLost => no_contact(target),
        FailureCode::VersionMismatch => plain(StatusCode::PRECONDITION_FAILED, failure),
        FailureCode::TooManyContacts
        | FailureCode::DuplicateEmail
        | FailureCode::DuplicateId
        | FailureCode::AmbiguousMatch
        | FailureCode::BatchRefused => plain(StatusCode::CONFLICT, failure),
    }
}

fn plain(status: StatusCode, failure: &Failure) -> Reply {
    error(status, unlisted(status), failure.code.message())
}

/// The code of an error that the vendor's list does not have: the HTTP status itself.
fn unlisted(status: StatusCode) -> Code {
    let token = match status {
        StatusCode::METHOD_NOT_ALLOWED => "MethodNotAllowed",
        StatusCode::REQUEST_TIMEOUT => "RequestTimeout",
        StatusCode::CONFLICT => "Conflict",
        StatusCode::PRECONDITION_FAILED => "PreconditionFailed",
        StatusCode::PAYLOAD_TOO_LARGE => "PayloadTooLarge",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "UnsupportedMediaType",
        StatusCode::PRECONDITION_REQUIRED => "PreconditionRequired",
        StatusCode::SERVICE_UNAVAILABLE => "ServiceUnavailable",
        _ => "InternalServerError",
    };
    Code(status.as_u16(), token)
}

/// The answer to an object whose fields are wrong.
pub fn invalid(object: &str, violations: Vec<Violation>) -> Reply {
    let errors = violations.iter().map(|v| one_error(object, v)).collect();
    let body = ErrorBody {
        errors,
        ..ErrorBody::new(INPUT_VALIDATION_FAILED, "Input validation failed")
    };
    Reply::json(StatusCode::UNPROCESSABLE_ENTITY, &body)
}

fn one_error(object: &str, violation: &Violation) -> ErrorBody {
    let field = violation.field.replace('.', " ");
    let (code, message) = match violation.problem {
        Problem::Required(_) | Problem::Blank => {
            (REQUIRED, format!("{object} - {field} is required."))
        }
        Problem::WrongType(expected) => {
            let expected = match expected.name() {
                "string" => "String",
                "number" => "Number",
                "boolean" => "Boolean",
                "array" => "Array",
                _ => "Object",
            };
            (INVALID_FORMAT, format_message(object, &field, expected))
        }
        Problem::Format(name) => (INVALID_FORMAT, format_message(object, &field, name)),
        Problem::UnknownReference => {
            let resource = field.trim_end_matches(" id");
            let id = violation.value.as_deref().map(Value::to_string);
            let id = id.unwrap_or_default();
            let message = format!("Invalid reference to {resource} with id {id}");
            (INVALID_REFERENCE, message)
        }
        Problem::OnlyFor(these) => (
            NOT_ALLOWED,
            format!("{object} - {field} can only be set for {these}."),
        ),
        Problem::NotAllowed => (
            NOT_ALLOWED,
            format!("{object} - {field} must not be specified."),
        ),
        Problem::TooLong(_)
        | Problem::TooMany(_)
        | Problem::TooDeep(_)
        | Problem::OneOf(_)
        | Problem::Range(..)
        | Problem::OutOfRange
        | Problem::Duplicate => (INVALID_FORMAT, format!("{object} - {field} is not valid.")),
    };
    ErrorBody::new(code, message)
}

/// A body that is no object has no field to name.
fn format_message(object: &str, field: &str, expected: &str) -> String {
    match field {
        BODY => format!("{object} has invalid format: Expecting {expected}"),
        field => format!("{object} - {field} has invalid format: Expecting {expected}"),
    }
}

/// The answer to a page or a page's size that is no number.
pub fn bad_paging(name: &str) -> Reply {
    let message = format!("{name} must be an integer.");
    error(StatusCode::BAD_REQUEST, INPUT_VALIDATION_FAILED, message)
}

/// The answer to a filter that there is not.
pub fn bad_criterion(criterion: &str) -> Reply {
    let message = format!("Search criteria {criterion} is invalid");
    error(StatusCode::UNPROCESSABLE_ENTITY, INVALID_QUERY, message)
}

/// The answer to a field by which contacts can't be sorted.
pub fn bad_sort(field: &str) -> Reply {
    bad_sort_as(StatusCode::UNPROCESSABLE_ENTITY, field)
}

/// Encodes a bad sort order of events, for which the vendor's page has 400.
pub fn bad_event_sort(field: &str) -> Reply {
    bad_sort_as(StatusCode::BAD_REQUEST, field)
}

fn bad_sort_as(status: StatusCode, field: &str) -> Reply {
    let message = format!("Sort criteria {field} is invalid");
    error(status, INVALID_SORT, message)
}

/// The answer to a body that is no JSON.
pub fn bad_body(problem: &BodyError) -> Reply {
    match problem {
        BodyError::MediaType | BodyError::Encoding => {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            error(status, unlisted(status), problem.to_string())
        }
        BodyError::Empty | BodyError::Malformed { .. } | BodyError::TooDeep => error(
            StatusCode::BAD_REQUEST,
            INPUT_VALIDATION_FAILED,
            "Request body is malformed. Check JSON syntax.",
        ),
    }
}

/// Encodes that something is not there, in the vendor's words.
pub fn not_found(resource: &str, id: &str) -> Reply {
    let message = format!("{resource} with id {id} not found");
    error(StatusCode::NOT_FOUND, NOT_FOUND, message)
}

fn no_contact(target: Option<u64>) -> Reply {
    match target {
        Some(id) => not_found("Contact", &id.to_string()),
        None => refusal(&Refusal::NotFound),
    }
}

/// The vendor's words for a refusal.
pub fn refusal(refusal: &Refusal) -> Reply {
    let status = refusal.status();
    let say = |status, code| error(status, code, refusal.message());
    let mut reply = match refusal {
        Refusal::Unauthorized(TokenProblem::Expired) => say(status, TOKEN_EXPIRED),
        Refusal::Unauthorized(TokenProblem::Missing | TokenProblem::Invalid)
        | Refusal::SessionUnauthorized => say(status, INVALID_TOKEN),
        Refusal::Forbidden { .. } | Refusal::ForeignOrigin => {
            error(status, FORBIDDEN, NO_PERMISSION)
        }
        // "The server limits the visibility of the data": what is another's is not there.
        Refusal::NotYours { tenant } => not_found("Organisation", tenant),
        Refusal::TenantUnclear => error(
            status,
            INPUT_VALIDATION_FAILED,
            "The token has not exactly one organisation; name one in the path.",
        ),
        Refusal::UnknownPath
        | Refusal::NotFound
        | Refusal::NotYet { .. }
        | Refusal::NoSuchCommand
        | Refusal::Gone
        | Refusal::KeyLost => say(status, NOT_FOUND),
        Refusal::BrokenBody
        | Refusal::BadIdempotencyKey
        | Refusal::BadParameter { .. }
        | Refusal::UnknownParameter { .. }
        | Refusal::PositionAhead { .. }
        | Refusal::TooBroad { .. }
        | Refusal::KeyReused => say(status, INPUT_VALIDATION_FAILED),
        Refusal::RateLimited { .. } => say(status, TOO_MANY_REQUESTS),
        Refusal::MethodNotAllowed { .. }
        | Refusal::TooLarge { .. }
        | Refusal::TooManyItems { .. }
        | Refusal::TooSlow
        | Refusal::PreconditionFailed
        | Refusal::PreconditionRequired
        | Refusal::Overloaded
        | Refusal::NotThereYet
        | Refusal::ReadOnly(_)
        | Refusal::OutcomeUnknown
        | Refusal::Internal => say(status, unlisted(status)),
    };
    reply.headers.extend(refusal.headers());
    reply
}
