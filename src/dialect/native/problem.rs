//! The errors of our own API: problem details (RFC 9457), one form for all of them.

use std::borrow::Cow;

use http::StatusCode;
use serde::Serialize;

use super::hints;
use crate::dialect::json::BodyError;
use crate::dialect::{Refusal, Reply};
use crate::domain::{Expected, Failure, FailureCode, Problem, Violation};

/// The media type of problem details (RFC 9457).
pub const MEDIA_TYPE: &str = "application/problem+json";

/// The path under which each code has a page.
pub const PAGES: &str = "/problems/";

/// A problem, as it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Details {
    /// The page that says what the code means, served here: `/problems/<code>`.
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    /// The HTTP status, which an item of a batch has only here.
    pub status: u16,
    /// What went wrong, for programs; stable.
    code: &'static str,
    /// What went wrong and what to do, for people.
    detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    violations: Vec<Wrong>,
}

/// One thing wrong with one field. Of what was sent only a key of the client's is repeated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Wrong {
    field: String,
    code: Cow<'static, str>,
    message: String,
}

impl Details {
    /// The problem of this status, code and text.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("{PAGES}{code}"),
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            code,
            detail: detail.into(),
            violations: Vec::new(),
        }
    }

    /// The problem as an answer.
    pub fn reply(&self) -> Reply {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Reply::typed(status, MEDIA_TYPE, self)
    }
}

/// A refused command. On a replay the violations are those that were recorded.
pub fn refused(failure: &Failure, violations: &[Violation]) -> Details {
    if failure.is_too_large() {
        let refusal = Refusal::RECORD_TOO_LARGE;
        return Details::new(refusal.status(), refusal.name(), refusal.to_string());
    }
    let status = status_of(failure.code);
    let mut details = Details::new(status, failure.code.name(), failure.code.message());
    details.violations = if violations.is_empty() {
        let recorded = failure.violations.iter();
        recorded
            .map(|(field, code)| Wrong {
                field: field.to_string(),
                code: code.clone(),
                message: format!("{field} is not valid."),
            })
            .collect()
    } else {
        violations.iter().map(Wrong::from).collect()
    };
    details
}

/// The HTTP status of the answer to a command that failed for this reason.
const fn status_of(code: FailureCode) -> StatusCode {
    match code {
        FailureCode::Invalid => StatusCode::BAD_REQUEST,
        FailureCode::NotFound => StatusCode::NOT_FOUND,
        FailureCode::Gone | FailureCode::KeyLost => StatusCode::GONE,
        FailureCode::VersionMismatch => StatusCode::PRECONDITION_FAILED,
        FailureCode::TooManyContacts
        | FailureCode::DuplicateEmail
        | FailureCode::DuplicateId
        | FailureCode::AmbiguousMatch
        | FailureCode::BatchRefused => StatusCode::CONFLICT,
    }
}

impl From<&Violation> for Wrong {
    fn from(violation: &Violation) -> Self {
        Self {
            field: violation.path().to_owned(),
            code: violation.problem.code().into(),
            message: sentence(violation),
        }
    }
}

/// What is wrong with a field, as a sentence for people: `uid must not be empty.`
#[must_use]
pub fn sentence(violation: &Violation) -> String {
    let field = &violation.field;
    match hints::instead_of(field) {
        Some(instead) if violation.problem == Problem::NotAllowed => {
            format!("{field} is no property of a Card; write {instead}.")
        }
        _ => format!("{} {}.", violation.path(), message(violation.problem)),
    }
}

fn message(problem: Problem) -> String {
    match problem {
        Problem::Required(_) => "is missing".into(),
        Problem::WrongType(Expected::String) => "must be a string".into(),
        Problem::WrongType(Expected::Number) => "must be a number".into(),
        Problem::WrongType(Expected::Boolean) => "must be true or false".into(),
        Problem::WrongType(Expected::Object) => "must be an object".into(),
        Problem::WrongType(Expected::Array) => "must be an array".into(),
        Problem::TooLong(max) => format!("must have at most {max} characters"),
        Problem::Blank => "must not be empty".into(),
        Problem::TooMany(max) => format!("must have at most {max} items"),
        Problem::Format(name) => format!("must be of the format {name}"),
        Problem::OneOf([only]) => format!("must be {only}"),
        Problem::OneOf(values) => format!("must be one of {}", values.join(", ")),
        Problem::Range(least, most) => format!("must be a whole number from {least} to {most}"),
        Problem::TooDeep(most) => format!("must be nested at most {most} levels deep"),
        Problem::OutOfRange => "has a value that it cannot have here".into(),
        Problem::UnknownReference => "names something that is not there".into(),
        Problem::NotAllowed | Problem::OnlyFor(_) => {
            "is not allowed here, or not together with the other members".into()
        }
        Problem::Duplicate => "is given twice or overlaps with another".into(),
        Problem::TooLarge(max) => format!("makes a record of more than {max} bytes"),
    }
}

/// A body that is not even JSON.
pub fn bad_body(error: &BodyError) -> Reply {
    let code = match error {
        BodyError::MediaType | BodyError::Encoding => "media_type",
        BodyError::Empty | BodyError::Malformed { .. } | BodyError::TooDeep => "malformed_json",
    };
    Details::new(error.status(), code, error.to_string()).reply()
}

/// A change of a contact whose form is another dialect's.
pub fn other_dialect(name: &str) -> Reply {
    let detail = format!(
        "The contact belongs to the dialect {name}; change it through that dialect's own API."
    );
    Details::new(StatusCode::CONFLICT, "other_dialect", detail).reply()
}

/// A parameter of a request that is not of its form.
pub fn parameter(name: &'static str, must: &'static str) -> Reply {
    refusal(&Refusal::BadParameter { name, must })
}

/// A refusal that no command's content has to do with.
pub fn refusal(refusal: &Refusal) -> Reply {
    // Elsewhere what was erased is not found; here it may be said.
    let status = match refusal {
        Refusal::Gone | Refusal::KeyLost => StatusCode::GONE,
        other => other.status(),
    };
    let mut reply = Details::new(status, refusal.name(), refusal.to_string()).reply();
    reply.headers.extend(refusal.headers());
    reply
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::dialect::TokenProblem;
    use crate::domain::FailureCode;

    fn body(reply: &Reply) -> Value {
        serde_json::from_slice(&reply.body).expect("JSON")
    }

    #[test]
    fn a_problem_is_of_the_rfc_s_form() {
        let failure = Failure {
            code: FailureCode::Invalid,
            violations: vec![("uid".into(), "blank".into())],
        };
        let text = "The request is not valid; its violations say which fields and why.";
        let want = |violation: Value| {
            json!({"type": "/problems/invalid", "title": "Bad Request", "status": 400, "code": "invalid",
                "detail": text, "violations": [violation]})
        };
        let sent = [Violation::new("emails.*.address", Problem::Format("email"))];
        let reply = refused(&failure, &sent).reply();
        assert_eq!(reply.status, 400);
        assert_eq!(
            reply.headers,
            [("content-type", "application/problem+json".to_owned())]
        );
        let field = "emails.*.address";
        let message = "emails.*.address must be of the format email.";
        assert_eq!(
            body(&reply),
            want(json!({"field": field, "code": "format", "message": message}))
        );
        // A replay knows only what was recorded.
        assert_eq!(
            body(&refused(&failure, &[]).reply()),
            want(json!({"field": "uid", "code": "blank", "message": "uid is not valid."}))
        );
    }

    #[test]
    fn refusals_have_their_status_and_headers() {
        let check = |given: Refusal, status: u16, code: &str, header: Option<&str>| {
            let reply = refusal(&given);
            assert_eq!(reply.status, status, "{given:?}");
            assert_eq!(body(&reply)["code"], code);
            assert_eq!(body(&reply)["status"], status);
            let has = |name| reply.headers.iter().any(|(key, _)| *key == name);
            assert!(header.is_none_or(has), "{given:?}");
        };
        let missing = Refusal::Unauthorized(TokenProblem::Missing);
        check(missing, 401, "unauthorized", Some("www-authenticate"));
        check(
            Refusal::NotYours { tenant: "1".into() },
            403,
            "not_yours",
            None,
        );
        check(Refusal::TenantUnclear, 400, "tenant_unclear", None);
        check(Refusal::Gone, 410, "gone", None);
        check(Refusal::KeyLost, 410, "key_lost", None);
        check(Refusal::NotFound, 404, "not_found", None);
        check(Refusal::KeyReused, 422, "key_reused", None);
        check(Refusal::Overloaded, 503, "overloaded", Some("retry-after"));
        let allow = "GET".to_owned();
        let method = Refusal::MethodNotAllowed { allow };
        check(method, 405, "method_not_allowed", Some("allow"));
    }
}
