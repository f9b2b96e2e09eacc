//! Writes the vendor's answers.

use http::StatusCode;
use serde_json::{Value, json};

use super::contact::CONTACT;
use super::rules::Emnify;
use crate::dialect::describe::set;
use crate::dialect::json::BodyError;
use crate::dialect::reply::{etag, status_name};
use crate::dialect::schema::{BODY, Record, Schema};
use crate::dialect::{Encoder, Page, Refusal, RefusalKind, Reply, TokenProblem};
use crate::domain::{Contact, Operation, Problem, Target, Violation};

/// The vendor's error codes, each with its token.
#[derive(Clone, Copy, Debug)]
struct Code<'a>(u16, &'a str);

/// The token of whoever logs in where none is needed.
const OPEN_TOKEN: &str = "open";

const INVALID_CREDENTIALS: Code<'_> = Code(1101, "InvalidCredentials");
const INVALID_TOKEN: Code<'_> = Code(1102, "InvalidToken");
const TOKEN_EXPIRED: Code<'_> = Code(1103, "TokenExpired");
const FORBIDDEN: Code<'_> = Code(1104, "Forbidden");
const TOO_MANY_REQUESTS: Code<'_> = Code(1105, "TooManyRequests");
const NOT_FOUND: Code<'_> = Code(1201, "NotFound");
const INVALID_QUERY: Code<'_> = Code(1301, "InvalidQueryCriteria");
const INVALID_SORT: Code<'_> = Code(1302, "InvalidSortCriteria");
const INPUT_VALIDATION_FAILED: Code<'_> = Code(1400, "InputValidationFailed");
const INVALID_REFERENCE: Code<'_> = Code(1401, "InvalidReference");
const REQUIRED: Code<'_> = Code(1402, "Required");
const INVALID_FORMAT: Code<'_> = Code(1403, "InvalidFormat");
const NOT_ALLOWED: Code<'_> = Code(1406, "NotAllowed");

/// The vendor's sentence for a missing permission.
const NO_PERMISSION: &str = "You do not have the necessary permissions to access this entry point. Please contact your administrator.";

/// The vendor's form of an error.
fn body(code: &Code<'_>, message: impl Into<String>) -> Value {
    json!({"error_code": code.0, "error_token": code.1, "message": message.into()})
}

fn error(status: StatusCode, code: &Code<'_>, message: impl Into<String>) -> Reply {
    Reply::json(status, &body(code, message))
}

impl Encoder for Emnify {
    const CONTACT: &'static Schema = &CONTACT;

    /// The vendor's list of codes has none: the code is the HTTP status itself.
    fn error(status: StatusCode, message: &str) -> Reply {
        let name = status_name(status);
        error(status, &Code(status.as_u16(), &name), message)
    }

    fn invalid(violations: Vec<Violation>) -> Reply {
        invalid("Contact", violations)
    }

    fn bad_body(problem: &BodyError) -> Reply {
        match problem {
            BodyError::MediaType | BodyError::Encoding => {
                Self::error(problem.status(), &problem.to_string())
            }
            BodyError::Empty | BodyError::Malformed { .. } | BodyError::TooDeep => {
                let message = "Request body is malformed. Check JSON syntax.";
                error(problem.status(), &INPUT_VALIDATION_FAILED, message)
            }
        }
    }

    fn no_contact(target: Option<&Target>) -> Reply {
        match target {
            Some(Target::Sequence(id)) => not_found("Contact", &id.to_string()),
            Some(Target::Id(_) | Target::Chosen { .. }) | None => Self::refusal(&Refusal::NotFound),
        }
    }

    /// A create's answer has no id, so `Location` is the only way to learn it.
    fn changed(operation: Operation, contact: &Contact) -> Reply {
        let reply = match operation {
            Operation::Create => Reply::json(StatusCode::CREATED, &json!({})),
            _ => Reply::empty(StatusCode::NO_CONTENT),
        };
        let (organisation, id) = (contact.owner.tenant(), &contact.vendor_id);
        let location = format!("/api/v1/organisation/{organisation}/contact/{id}");
        let reply = reply.with("location", location);
        reply.with("etag", etag(contact.version))
    }

    fn words(refusal: &Refusal, status: StatusCode) -> Reply {
        let say = |code| error(status, code, refusal.to_string());
        match refusal.kind() {
            RefusalKind::Token(TokenProblem::Expired) => say(&TOKEN_EXPIRED),
            RefusalKind::Token(TokenProblem::Missing | TokenProblem::Invalid) => {
                say(&INVALID_TOKEN)
            }
            RefusalKind::Forbidden => error(status, &FORBIDDEN, NO_PERMISSION),
            // "The server limits the visibility of the data": what is another's is not there.
            RefusalKind::NotYours(tenant) => not_found("Organisation", tenant),
            RefusalKind::TenantUnclear => {
                let message = "The token has not exactly one organisation; name one in the path.";
                error(status, &INPUT_VALIDATION_FAILED, message)
            }
            RefusalKind::NoContact | RefusalKind::NotFound => say(&NOT_FOUND),
            RefusalKind::BadRequest => say(&INPUT_VALIDATION_FAILED),
            RefusalKind::RateLimited => say(&TOO_MANY_REQUESTS),
            RefusalKind::TooLarge | RefusalKind::Other => Self::error(status, &refusal.to_string()),
        }
    }
}

/// The answer that is a page of contacts, without the headers of a page.
pub fn contacts(page: &Page) -> Reply {
    let bodies: Vec<Record<'_>> = page.contacts.iter().map(|it| CONTACT.answer(it)).collect();
    Reply::json(StatusCode::OK, &bodies)
}

/// The answer to the exchange of a token.
pub fn token(traded: Result<String, TokenProblem>) -> Reply {
    match traded {
        Ok(token) => Reply::json(StatusCode::OK, &json!({"auth_token": token}))
            .with("cache-control", "no-store"),
        Err(problem) => Emnify::refusal(&Refusal::Unauthorized(problem)),
    }
}

/// The answer to a person's name and password: in open mode any text is a token.
pub fn logged_in(open: bool) -> Reply {
    if open {
        return token(Ok(OPEN_TOKEN.to_owned()));
    }
    let message = "Invalid credentials: this service trades application tokens alone.";
    error(StatusCode::UNAUTHORIZED, &INVALID_CREDENTIALS, message)
}

/// The answer to a refresh token, where there are any: it is given back, as good as another.
pub fn refreshed(refresh_token: Option<String>) -> Reply {
    token(refresh_token.ok_or(TokenProblem::Invalid))
}

/// The answer to an object whose fields are wrong.
pub fn invalid(object: &str, violations: Vec<Violation>) -> Reply {
    let errors: Vec<_> = violations.iter().map(|v| one_error(object, v)).collect();
    let mut body = body(&INPUT_VALIDATION_FAILED, "Input validation failed");
    set(&mut body, "errors", errors);
    Reply::json(StatusCode::UNPROCESSABLE_ENTITY, &body)
}

fn one_error(object: &str, violation: &Violation) -> Value {
    let field = violation.field.replace('.', " ");
    let told = |code, what: String| (code, format!("{object} - {field} {what}"));
    let (code, message) = match violation.problem {
        Problem::Required(_) | Problem::Blank => told(REQUIRED, "is required.".into()),
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
        Problem::OnlyFor(these) => told(NOT_ALLOWED, format!("can only be set for {these}.")),
        Problem::NotAllowed => told(NOT_ALLOWED, "must not be specified.".into()),
        Problem::TooLong(_)
        | Problem::TooMany(_)
        | Problem::TooDeep(_)
        | Problem::OneOf(_)
        | Problem::Range(..)
        | Problem::OutOfRange
        | Problem::Duplicate
        | Problem::TooLarge(_) => told(INVALID_FORMAT, "is not valid.".into()),
    };
    body(&code, message)
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
    error(StatusCode::BAD_REQUEST, &INPUT_VALIDATION_FAILED, message)
}

/// The answer to a filter that there is not.
pub fn bad_criterion(criterion: &str) -> Reply {
    let message = format!("Search criteria {criterion} is invalid");
    error(StatusCode::UNPROCESSABLE_ENTITY, &INVALID_QUERY, message)
}

/// The answer to a field by which there is no order. For events the vendor's page has 400.
pub fn bad_sort(status: StatusCode, field: &str) -> Reply {
    let message = format!("Sort criteria {field} is invalid");
    error(status, &INVALID_SORT, message)
}

/// Encodes that something is not there, in the vendor's words.
pub fn not_found(resource: &str, id: &str) -> Reply {
    let message = format!("{resource} with id {id} not found");
    error(StatusCode::NOT_FOUND, &NOT_FOUND, message)
}
