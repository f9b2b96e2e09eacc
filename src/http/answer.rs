//! What every HTTP response carries beside the vendor's own.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderName, HeaderValue};

use crate::auth::Quota;
use crate::dialect::{Dialect, Reply};
use crate::domain::{Correlation, Position};
use crate::gateway::{self, quota_headers, stale_header};

/// The header that carries a position of the log.
pub const POSITION: &str = "contact-position";
/// The header that carries the id of the log that a position is of.
pub const LOG: &str = "contact-log";
/// The header that carries a correlation id.
pub const CORRELATION: &str = "contact-correlation";

/// A response of the gateway as HTTP.
pub fn render(response: gateway::Response) -> Response {
    let mut rendered = self::response(response.reply, &response.correlation);
    if let Some(position) = response.position {
        at(&mut rendered, position);
    }
    rendered
}

/// A dialect's reply as an HTTP response.
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

/// Adds the position that the response's view had reached.
pub fn at(response: &mut Response, position: Position) {
    add(response, POSITION, &position.to_string());
}

/// Adds the id of the log that the response's position is of.
pub fn log(response: &mut Response, log_id: &str) {
    add(response, LOG, log_id);
}

/// Adds how old the response may be, where that is more than a moment.
pub fn stale(response: &mut Response, stale: Option<Duration>) {
    if let Some((name, value)) = stale_header(stale) {
        add(response, name, &value);
    }
}

/// Says that another `Accept` is answered in another form, so that no cache gives one for the other.
pub fn vary_by_accept(response: &mut Response) {
    add(response, "vary", "accept");
}

/// Adds what is left of the caller's allowance.
pub fn quota(response: &mut Response, dialect: &Dialect, quota: &Quota) {
    for (name, value) in quota_headers(dialect, quota) {
        add(response, name, &value);
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
