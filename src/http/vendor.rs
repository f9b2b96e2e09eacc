//! One vendor request: what HTTP adds to the gateway's pipeline.

use std::net::SocketAddr;

use axum::extract::Request;
use axum::response::Response;

use super::{App, answer, body};
use crate::dialect::{Dialect, Query, Route};
use crate::gateway::{Incoming, Origin, Transport, fresh_correlation};

/// The route that a request came in by.
#[derive(Clone, Copy)]
pub struct Entrance {
    /// The dialect whose route it is.
    pub dialect: &'static Dialect,
    /// The route that the path and the method name.
    pub route: &'static Route,
}

/// Answers one vendor request.
pub async fn handle(
    app: &App,
    Entrance { dialect, route }: Entrance,
    params: Vec<(String, String)>,
    peer: SocketAddr,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let incoming = Incoming {
        dialect,
        route,
        params: &params,
        owner_ids: None,
        query: &Query::parse(head.uri.query().unwrap_or_default()),
        headers: &head.headers,
        durable_key: None,
        correlation: fresh_correlation(),
        span: None,
    };
    let origin = Origin {
        transport: Transport::Http,
        address: peer.ip(),
    };
    let limit_bytes = app.gateway.settings.body_bytes_max;
    let body = body::read(&head.headers, body, limit_bytes, app.limits.request_timeout);
    answer::render(app.gateway.handle(origin, &incoming, body).await)
}
