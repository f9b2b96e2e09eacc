//! The response to a request, in the form that every transport carries to its caller.

use std::time::Duration;

use crate::auth::Quota;
use crate::dialect::{Dialect, Refusal, Reply};
use crate::domain::{Closed, Correlation, Position};

/// A response: the vendor's reply, and what every response carries beside it.
#[derive(Debug)]
pub struct Response {
    /// The reply, in the vendor's words.
    pub reply: Reply,
    /// The position of a write's outcome, or that of the view which a read looked at; `None` for a
    /// caller who is not known, and learns nothing of how much has happened.
    pub position: Option<Position>,
    /// The request's correlation id.
    pub correlation: Correlation,
    /// The stage at which the request ended.
    pub disposition: Disposition,
}

/// The stages at which a request can end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// It was a command with an outcome in the log, or a read that was answered.
    Completed,
    /// The dialect could not read it; nothing of it is in the log.
    Undecodable,
    /// It was refused for a reason beside its content. But for [`Refusal::OutcomeUnknown`], nothing
    /// of it is in the log.
    Refused(Refusal),
}

impl Response {
    /// Whether nothing has happened because another node takes the writes.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.disposition == Disposition::Refused(Refusal::ReadOnly(Closed::Follows))
    }

    /// This response, which also says how old it may be where that is known to be more than a
    /// moment.
    pub(super) fn with_age(mut self, stale: Option<Duration>) -> Self {
        self.reply.headers.extend(stale_header(stale));
        self
    }

    /// This response, which says how to be authenticated where the caller was not (RFC 9110, section
    /// 11.6.1), whoever refused them.
    pub(super) fn with_challenge(mut self) -> Self {
        self.reply = self.reply.with_challenge();
        self
    }

    /// This response, which also tells what is left of the caller's quota.
    pub(super) fn with_quota(mut self, dialect: &Dialect, quota: Option<&Quota>) -> Self {
        if let Some(quota) = quota {
            self.reply.headers.extend(quota_headers(dialect, quota));
        }
        self
    }
}

/// The header that says for how many seconds this node has not heard of what is written, where that
/// is more than a moment.
#[must_use]
pub fn stale_header(stale: Option<Duration>) -> Option<(&'static str, String)> {
    stale.map(|stale| ("contact-stale", stale.as_secs().to_string()))
}

/// The headers that tell what is left of a caller's allowance: the IETF draft's `RateLimit` fields,
/// and `X-RateLimit-*` for the vendor whose clients look for those.
#[must_use]
pub fn quota_headers(dialect: &Dialect, quota: &Quota) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("ratelimit", quota.rate_limit_field()),
        ("ratelimit-policy", quota.rate_limit_policy_field()),
    ];
    if dialect.extras.rate_headers {
        headers.extend([
            ("x-ratelimit-limit", quota.limit.to_string()),
            ("x-ratelimit-remaining", quota.remaining.to_string()),
            ("x-ratelimit-reset", quota.reset_seconds.to_string()),
        ]);
    }
    headers
}
