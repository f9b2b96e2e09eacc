//! A line for each request, at the level `debug`: what a `Contact-Correlation` that a user reports
//! is looked up by. It names the route, never a path, a header or anything else that a client sent.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;

use super::answer::CORRELATION;

/// Answers a request to one of our system routes, and says how.
pub async fn log(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    line(&method, route, &response, begun);
    response
}

/// Says how a request was answered that came by a route, whose path names its parameters only.
pub fn line(method: &http::Method, route: &str, response: &Response, begun: Instant) {
    let correlation = response.headers().get(CORRELATION);
    tracing::debug!(
        correlation = correlation.and_then(|value| value.to_str().ok()),
        // A method of nobody's making could be anything.
        method = if known(method) {
            method.as_str()
        } else {
            "other"
        },
        route,
        status = response.status().as_u16(),
        milliseconds = begun.elapsed().as_secs_f64() * 1_000.0,
        "answered"
    );
}

fn known(method: &http::Method) -> bool {
    use http::Method;
    [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ]
    .contains(method)
}
