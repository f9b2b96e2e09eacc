//! Which refusals a route may give whatever its content, and how its dialect words them.
//!
//! Nothing is described twice: the dialect is asked to refuse, and its answer is looked at.

use std::collections::BTreeMap;

use super::endpoint::Endpoint;
use crate::dialect::describe::{ERROR, Form, TEXT};
use crate::dialect::{Dialect, Refusal, Reply, TokenProblem};
use crate::domain::{Closed, Position};

/// The refusals that share one status: their reasons, and the forms of their bodies.
#[derive(Debug, Default)]
pub struct Refused {
    /// The reasons, as sentences for people.
    pub reasons: Vec<String>,
    /// The forms that the body can have.
    pub forms: Vec<Form>,
}

/// The refusals that a route may give, by their status.
pub fn of(dialect: &Dialect, endpoint: &Endpoint) -> BTreeMap<u16, Refused> {
    let mut found: BTreeMap<u16, Refused> = BTreeMap::new();
    for refusal in all(endpoint.roles)
        .iter()
        .filter(|r| may_be(r, dialect, endpoint))
    {
        let reply = dialect.refuse(refusal);
        let refused = found.entry(reply.status.as_u16()).or_default();
        let (reason, form) = (refusal.to_string(), form(&reply));
        if !refused.reasons.contains(&reason) {
            refused.reasons.push(reason);
        }
        if !refused.forms.contains(&form) {
            refused.forms.push(form);
        }
    }
    found
}

fn form(reply: &Reply) -> Form {
    let media_type = reply
        .headers
        .iter()
        .find(|(name, _)| *name == "content-type");
    if media_type.is_some_and(|(_, value)| value.starts_with("text/")) {
        Form::Text(TEXT)
    } else {
        Form::Json(ERROR)
    }
}

/// A refusal of every kind, of a route that needs one of these roles.
pub fn all(roles: &'static [&'static str]) -> Vec<Refusal> {
    let name = "Contact-Min-Position";
    let must = "a position in decimal digits";
    vec![
        Refusal::TenantUnclear,
        Refusal::BadIdempotencyKey,
        Refusal::BadParameter { name, must },
        Refusal::UnknownParameter {
            name: "emial".into(),
            known: &["email"],
        },
        Refusal::PositionAhead {
            head: Position::FIRST,
        },
        Refusal::TooBroad { limit: 100_000 },
        Refusal::Unauthorized(TokenProblem::Missing),
        Refusal::Unauthorized(TokenProblem::Invalid),
        Refusal::Unauthorized(TokenProblem::Expired),
        Refusal::SessionUnauthorized,
        Refusal::Forbidden { roles },
        Refusal::NotYours { tenant: "1".into() },
        Refusal::ForeignOrigin,
        Refusal::UnknownPath,
        Refusal::NoCluster,
        Refusal::NotFound,
        Refusal::NoSuchCommand,
        Refusal::Gone,
        Refusal::KeyLost,
        Refusal::MethodNotAllowed {
            allow: "GET".into(),
        },
        Refusal::TooSlow,
        Refusal::BrokenBody,
        Refusal::TooLarge {
            limit_bytes: 1_048_576,
        },
        Refusal::TooManyItems { limit: 1_000 },
        Refusal::KeyReused,
        Refusal::PreconditionFailed,
        Refusal::PreconditionRequired,
        Refusal::RateLimited {
            retry_after_seconds: 1,
        },
        Refusal::Overloaded,
        Refusal::NotThereYet,
        Refusal::ReadOnly(Closed::Failed),
        Refusal::ReadOnly(Closed::NoRoom),
        Refusal::ReadOnly(Closed::DiskFull),
        Refusal::ReadOnly(Closed::ClockJumped),
        Refusal::ReadOnly(Closed::Follows),
        Refusal::ReadOnly(Closed::CutOff),
        Refusal::ReadOnly(Closed::Halted),
        Refusal::OutcomeUnknown,
        Refusal::Internal,
    ]
}

/// Whether a route may give a refusal. What depends on its content the dialect describes itself.
fn may_be(refusal: &Refusal, dialect: &Dialect, endpoint: &Endpoint) -> bool {
    let asks_for_token = !endpoint.roles.is_empty();
    match refusal {
        Refusal::ForeignOrigin => true,
        Refusal::Internal => asks_for_token || endpoint.spec.body.is_some(),
        Refusal::Unauthorized(_)
        | Refusal::Forbidden { .. }
        | Refusal::NotYours { .. }
        | Refusal::TenantUnclear
        | Refusal::BadParameter { .. }
        | Refusal::RateLimited { .. }
        | Refusal::NotThereYet => asks_for_token,
        Refusal::SessionUnauthorized => asks_for_token && dialect.extras.session_header.is_some(),
        Refusal::UnknownPath => endpoint.paths.iter().any(|path| path.contains('{')),
        Refusal::TooLarge { .. } | Refusal::TooSlow | Refusal::BrokenBody => {
            endpoint.spec.body.is_some()
        }
        Refusal::BadIdempotencyKey
        | Refusal::KeyReused
        | Refusal::Overloaded
        | Refusal::ReadOnly(_)
        | Refusal::OutcomeUnknown => endpoint.writes,
        Refusal::PreconditionRequired => endpoint.writes && endpoint.is_conditional(),
        Refusal::UnknownParameter { .. } => endpoint.refuses_unknown,
        Refusal::PositionAhead { .. } => endpoint.begins_after(),
        Refusal::PreconditionFailed => !endpoint.writes && endpoint.has_tag(),
        Refusal::TooBroad { .. } => endpoint.lists,
        Refusal::TooManyItems { .. }
        | Refusal::NotFound
        | Refusal::NotYet { .. }
        | Refusal::NoSuchCommand
        | Refusal::NoCluster
        | Refusal::Gone
        | Refusal::KeyLost
        | Refusal::MethodNotAllowed { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::dialect::native;
    use crate::domain::FailureCode;

    #[test]
    fn every_code_has_a_page() {
        let refusals = all(&["admin"]);
        let replies = refusals.iter().map(|it| native::DIALECT.refuse(it));
        for reply in replies {
            let body: Value = serde_json::from_slice(&reply.body).expect("JSON");
            let name = body["code"].as_str().expect("a code");
            let code = native::code_named(name).expect(name);
            // Elsewhere than here what was erased is not found.
            assert_eq!(code.status, reply.status.as_u16(), "{name}");
            assert_eq!(body["type"], format!("/problems/{name}"));
        }
        for code in FailureCode::ALL {
            assert!(native::code_named(code.name()).is_some(), "{}", code.name());
        }
    }
}
