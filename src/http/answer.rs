//! What every answer carries beside the vendor's own.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderName, HeaderValue};

use crate::auth::Quota;
use crate::dialect::{Dialect, Reply};
use crate::domain::{Correlation, Position};

/// The position header.
pub const POSITION: &str = "contact-position";
/// The correlation header.
pub const CORRELATION: &str = "contact-correlation";

/// A dialect's answer as an HTTP response.
pub fn response(reply: Reply, correlation: &Correlation) -> Response {
    let Reply {
        status,
        headers,
        body,
    } = reply;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    for (name, value) in headers {
        add(&mut response, name, &value);
    }
    add(&mut response, CORRELATION, correlation.as_str());
    response
}

/// Says how far the answer's view had come.
pub fn at(response: &mut Response, position: Position) {
    add(response, POSITION, &position.to_string());
}

/// Says how much the caller may still ask, as the drafts have it and as this vendor does.
pub fn quota(response: &mut Response, dialect: &dyn Dialect, quota: &Quota) {
    add(response, "ratelimit", &quota.rate_limit_field());
    add(
        response,
        "ratelimit-policy",
        &quota.rate_limit_policy_field(),
    );
    if dialect.rate_headers() {
        add(response, "x-ratelimit-limit", &quota.limit.to_string());
        add(
            response,
            "x-ratelimit-remaining",
            &quota.remaining.to_string(),
        );
        add(
            response,
            "x-ratelimit-reset",
            &quota.reset_seconds.to_string(),
        );
    }
}

fn add(response: &mut Response, name: &'static str, value: &str) {
    // A value with a line break can't be sent; leaving it out is better than no answer.
    if let Ok(value) = HeaderValue::from_str(value) {
        response
            .headers_mut()
            .append(HeaderName::from_static(name), value);
    }
}
