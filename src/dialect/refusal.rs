//! Why a request is refused before, beside or after its command: every reason, once.
//!
//! A dialect maps each to its vendor's own words; the mapping has no `_` arm.

use http::StatusCode;
use thiserror::Error;

use crate::domain::{Closed, Fact, FailureCode, Position, limits};

/// What is wrong with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokenProblem {
    /// The request carries no token.
    #[error("Send a bearer token in the Authorization header.")]
    Missing,
    /// It is no token of ours, or forged, or for another service.
    #[error("The bearer token is not valid.")]
    Invalid,
    /// Its time is over.
    #[error("The bearer token has expired; get a new one.")]
    Expired,
}

impl TokenProblem {
    /// Its name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Invalid => "invalid",
            Self::Expired => "expired",
        }
    }
}

/// The reasons for which a request is refused that concern no field of the vendor's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// No valid bearer token: 401.
    #[error("{0}")]
    Unauthorized(TokenProblem),
    /// The vendor's second token is missing or not valid: 401.
    #[error("The session token is missing or not valid.")]
    SessionUnauthorized,
    /// A valid token without the role: 403.
    #[error("The token's roles do not allow this; one of these is needed: `{}`.", roles.join("`, `"))]
    Forbidden {
        /// The roles of which one is needed.
        roles: &'static [&'static str],
    },
    /// In open mode, a web page or another host's name in `Host`: 403.
    #[error(
        "Without tokens only this machine's own programs are answered: send the request to localhost, and not from another site's page."
    )]
    ForeignOrigin,
    /// A valid token without the tenant: 403, or 404 where the vendor hides it.
    #[error("The token is not for this tenant.")]
    NotYours {
        /// The tenant that was asked for.
        tenant: String,
    },
    /// The token has several tenants, or none, and the request names none: 400.
    #[error("The token has not exactly one tenant; name one with ?tenant=.")]
    TenantUnclear,
    /// No such path: 404.
    #[error("There is nothing at this path.")]
    UnknownPath,
    /// The question is for a cluster, and the service is in none: 404.
    #[error(
        "This service keeps its log alone, so there are no other nodes. In a cluster each node is started with --cluster NAME,NAME,NAME, --node, --cluster-key and --nats-url."
    )]
    NoCluster,
    /// The path has no such method: 405.
    #[error("This path takes {allow}.")]
    MethodNotAllowed {
        /// The methods it has, for `Allow`.
        allow: String,
    },
    /// The contact is not there: 404.
    #[error("There is no such contact.")]
    NotFound,
    /// The contact was created after the point of the past that was asked for: 404.
    #[error("The contact was created later, at position {}, {}.", created.position, created.time)]
    NotYet {
        /// The event that created it.
        created: Fact,
    },
    /// There is no command with this correlation id that the caller may see: 404.
    #[error(
        "No command with this correlation id was found among yours; a durable command may still be waiting in the broker."
    )]
    NoSuchCommand,
    /// The contact's personal data was destroyed: the vendor's not-found, native 410.
    #[error("The contact's personal data was erased.")]
    Gone,
    /// The contact cannot be read, for its key is damaged or not there: likewise.
    #[error("{}", FailureCode::KeyLost.message())]
    KeyLost,
    /// Larger than the service takes, or making a contact that is: 413.
    #[error(
        "The request, or a contact as it would be after it, is larger than {limit_bytes} bytes; send less."
    )]
    TooLarge {
        /// The limit, in bytes.
        limit_bytes: u64,
    },
    /// More items than one bulk request may hold: 413.
    #[error("A bulk request holds at most {limit} items; send several.")]
    TooManyItems {
        /// The limit that was passed.
        limit: usize,
    },
    /// The body came too slowly: 408.
    #[error("The request came too slowly.")]
    TooSlow,
    /// The body broke off, or its framing is wrong: 400.
    #[error("The request's body broke off, or its chunks are not well-formed.")]
    BrokenBody,
    /// A bad `Idempotency-Key`: 400.
    #[error("Idempotency-Key must be 1 to 128 visible ASCII characters.")]
    BadIdempotencyKey,
    /// The `Idempotency-Key` was used for another request: 422.
    #[error("This Idempotency-Key was used for another request.")]
    KeyReused,
    /// A read whose `If-Match` names no version that it would show: 412.
    #[error("The contact is at another version.")]
    PreconditionFailed,
    /// The operator demands `If-Match`: 428.
    #[error(
        "Name the version that you change: send its ETag in If-Match, or in the ifMatch of each operation of a batch."
    )]
    PreconditionRequired,
    /// A bad `Contact-Min-Position`, or another header or parameter of our own: 400.
    #[error("{name} must be {must}.")]
    BadParameter {
        /// The name of the parameter.
        name: &'static str,
        /// What it must be.
        must: &'static str,
    },
    /// A query parameter that the operation does not take: 400.
    #[error("Unknown query parameter {name:?}; {}.", those_known(known))]
    UnknownParameter {
        /// The name that was sent, cut to a length that fits a message.
        name: String,
        /// The names that the operation takes.
        known: &'static [&'static str],
    },
    /// A position after the last event, or of another log: 400.
    #[error(
        "The position is not of this log, whose last event is at {head}; begin again from a position up to that."
    )]
    PositionAhead {
        /// The position of the last event of this log.
        head: Position,
    },
    /// A query that would walk too much: 400.
    #[error("The query would look at more than {limit} contacts or events; narrow it.")]
    TooBroad {
        /// The most contacts or events that one query looks at.
        limit: usize,
    },
    /// Too many requests of this caller: 429.
    #[error("Too many requests; try again in {retry_after_seconds} {}.", if *retry_after_seconds == 1 { "second" } else { "seconds" })]
    RateLimited {
        /// The time to wait before trying again, in seconds.
        retry_after_seconds: u64,
    },
    /// The queue is full: 503, and nothing has happened.
    #[error("The service is busy and took nothing; try again in a moment.")]
    Overloaded,
    /// The view did not reach `Contact-Min-Position` in time: 503.
    #[error("The view has not reached that position; try again.")]
    NotThereYet,
    /// The log takes no commands: 503, and nothing has happened.
    #[error("{}", .0.message())]
    ReadOnly(Closed),
    /// The outcome is not known: 503. It may be in the log.
    #[error(
        "It is not known whether this was done; read before you send it again, or send it with an Idempotency-Key."
    )]
    OutcomeUnknown,
    /// A fault of ours: 500.
    #[error("A fault of the service; its log says more.")]
    Internal,
}

/// What vendors tell apart among refusals: each of these has words of its own with one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum RefusalKind<'a> {
    /// The bearer token, or the vendor's second token, is missing or not valid.
    Token(TokenProblem),
    /// The caller's roles do not allow the request, or the page that it comes from.
    Forbidden,
    /// The contacts are another tenant's, who is this.
    NotYours(&'a str),
    /// Nothing tells which tenant is meant.
    TenantUnclear,
    /// The contact is not there, no longer, or not yet.
    NoContact,
    /// Something else is not there: a path, a command.
    NotFound,
    /// The request, or the list in it, is too large.
    TooLarge,
    /// A header, a parameter or the body's framing cannot be taken.
    BadRequest,
    /// The caller asks too often.
    RateLimited,
    /// Any other, of which the status and the message tell all.
    Other,
}

impl Refusal {
    /// The HTTP status most vendors give it, what vendors take it to be, and its name.
    fn facts(&self) -> (u16, RefusalKind<'_>, &'static str) {
        use RefusalKind::{
            BadRequest, NoContact, NotFound, Other, RateLimited, TenantUnclear, Token, TooLarge,
        };
        match self {
            Self::Unauthorized(problem) => (401, Token(*problem), "unauthorized"),
            Self::SessionUnauthorized => {
                (401, Token(TokenProblem::Invalid), "session_unauthorized")
            }
            Self::Forbidden { .. } => (403, RefusalKind::Forbidden, "forbidden"),
            Self::ForeignOrigin => (403, RefusalKind::Forbidden, "forbidden"),
            Self::NotYours { tenant } => (403, RefusalKind::NotYours(tenant), "not_yours"),
            Self::TenantUnclear => (400, TenantUnclear, "tenant_unclear"),
            Self::UnknownPath => (404, NotFound, "unknown_path"),
            Self::NoCluster => (404, NotFound, "no_cluster"),
            Self::MethodNotAllowed { .. } => (405, Other, "method_not_allowed"),
            Self::NotFound => (404, NoContact, "not_found"),
            Self::NotYet { .. } => (404, NoContact, "not_found"),
            Self::NoSuchCommand => (404, NotFound, "no_such_command"),
            Self::Gone => (404, NoContact, "gone"),
            Self::KeyLost => (404, NoContact, "key_lost"),
            Self::TooLarge { .. } => (413, TooLarge, "too_large"),
            Self::TooManyItems { .. } => (413, TooLarge, "too_many_items"),
            Self::TooSlow => (408, Other, "too_slow"),
            Self::BrokenBody => (400, BadRequest, "broken_body"),
            Self::BadIdempotencyKey => (400, BadRequest, "bad_idempotency_key"),
            Self::KeyReused => (422, BadRequest, "key_reused"),
            Self::PreconditionFailed => (412, Other, "version_mismatch"),
            Self::PreconditionRequired => (428, Other, "precondition_required"),
            Self::BadParameter { .. } => (400, BadRequest, "bad_parameter"),
            Self::UnknownParameter { .. } => (400, BadRequest, "unknown_parameter"),
            Self::PositionAhead { .. } => (400, BadRequest, "position_ahead"),
            Self::TooBroad { .. } => (400, BadRequest, "too_broad"),
            Self::RateLimited { .. } => (429, RateLimited, "rate_limited"),
            Self::Overloaded => (503, Other, "overloaded"),
            Self::NotThereYet => (503, Other, "not_there_yet"),
            Self::ReadOnly(closed) => (503, Other, closed.name()),
            Self::OutcomeUnknown => (503, Other, "outcome_unknown"),
            Self::Internal => (500, Other, "internal"),
        }
    }

    /// A contact whose record would be larger than one may be.
    pub const RECORD_TOO_LARGE: Self = Self::TooLarge {
        limit_bytes: limits::RECORD_BYTES_MAX as u64,
    };

    /// What a vendor takes it to be.
    pub fn kind(&self) -> RefusalKind<'_> {
        self.facts().1
    }

    /// Its name, for programs: the code of our own API's problems.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.facts().2
    }

    /// The HTTP status most vendors give it.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.facts().0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Headers that go with it whatever the dialect.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        match self {
            // The bearer token beside a session token that is not valid was good.
            Self::Unauthorized(TokenProblem::Missing) | Self::SessionUnauthorized => {
                vec![("www-authenticate", "Bearer".into())]
            }
            Self::Unauthorized(TokenProblem::Invalid | TokenProblem::Expired) => {
                // RFC 6750, section 3.1.
                let challenge = r#"Bearer error="invalid_token""#;
                vec![("www-authenticate", challenge.into())]
            }
            Self::MethodNotAllowed { allow } => vec![("allow", allow.clone())],
            Self::RateLimited {
                retry_after_seconds,
            } => vec![("retry-after", retry_after_seconds.to_string())],
            Self::Overloaded
            | Self::NotThereYet
            | Self::ReadOnly(Closed::NoRoom | Closed::Follows) => {
                vec![("retry-after", "1".into())]
            }
            Self::ReadOnly(_) => vec![("retry-after", "10".into())],
            _ => Vec::new(),
        }
    }
}

/// The parameters that there are, as the end of a sentence.
fn those_known(known: &[&str]) -> String {
    match known {
        [] => "there are none here".into(),
        known => format!("known: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_that_is_missing_is_named() {
        let roles = &["admin", "contacts:read"];
        let message = Refusal::Forbidden { roles }.to_string();
        assert!(message.ends_with("`admin`, `contacts:read`."), "{message}");
    }

    #[test]
    fn a_token_that_is_not_valid_is_told_from_none() {
        let invalid = r#"Bearer error="invalid_token""#;
        for (refusal, want) in [
            (Refusal::Unauthorized(TokenProblem::Missing), "Bearer"),
            (Refusal::Unauthorized(TokenProblem::Invalid), invalid),
            (Refusal::Unauthorized(TokenProblem::Expired), invalid),
            (Refusal::SessionUnauthorized, "Bearer"),
        ] {
            let headers = refusal.headers();
            assert_eq!(headers, [("www-authenticate", want.to_owned())]);
        }
    }

    #[test]
    fn whoever_may_come_again_is_told_when() {
        let after = |refusal: Refusal| {
            let mut headers = refusal.headers().into_iter();
            let found = headers.find(|(name, _)| *name == "retry-after");
            found.map(|(_, value)| value)
        };
        let limited = Refusal::RateLimited {
            retry_after_seconds: 7,
        };
        for (refusal, want) in [
            (limited, Some("7")),
            (Refusal::Overloaded, Some("1")),
            (Refusal::ReadOnly(Closed::NoRoom), Some("1")),
            (Refusal::ReadOnly(Closed::Follows), Some("1")),
            (Refusal::ReadOnly(Closed::Failed), Some("10")),
            (Refusal::OutcomeUnknown, None),
            (Refusal::Internal, None),
        ] {
            assert_eq!(after(refusal.clone()).as_deref(), want, "{refusal:?}");
        }
    }
}
