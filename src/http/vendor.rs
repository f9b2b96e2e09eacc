//! One vendor request, from its head to its answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::Request;
use axum::response::Response;

use super::{App, answer, body};
use crate::auth::{Limited, Principal, Quota};
use crate::dialect::{Dialect, Query, Refusal, Route};
use crate::domain::Correlation;
use crate::gateway::{Incoming, fresh_correlation, unix_seconds};

/// Where a request came in.
#[derive(Clone, Copy)]
pub struct Entrance {
    /// The dialect.
    pub dialect: &'static dyn Dialect,
    /// The route.
    pub route: &'static Route,
}

/// Answers one vendor request.
pub async fn handle(
    app: Arc<App>,
    entrance: Entrance,
    params: Vec<(String, String)>,
    peer: SocketAddr,
    request: Request,
) -> Response {
    let started = Instant::now();
    let correlation = fresh_correlation();
    let Entrance { dialect, route } = entrance;
    let answered = answered(&app, entrance, params, peer, request, &correlation).await;
    let response = match answered {
        Ok(response) => response,
        Err(Turned { refusal, quota }) => {
            let known = !matches!(refusal, Refusal::Unauthorized(_));
            let mut response = answer::response(dialect.refuse(&refusal), &correlation);
            if let Some(quota) = quota {
                answer::quota(&mut response, dialect, &quota);
            }
            if known {
                answer::at(&mut response, app.gateway.service.head());
            }
            response
        }
    };
    let name = dialect.rules().name;
    app.metrics.request(
        name,
        route.operation.name(),
        response.status(),
        started.elapsed(),
    );
    response
}

/// A request that was turned away.
pub struct Turned {
    /// Why.
    pub refusal: Refusal,
    /// What its caller may still ask, where that is limited and known.
    pub quota: Option<Quota>,
}

impl From<Refusal> for Turned {
    fn from(refusal: Refusal) -> Self {
        Self {
            refusal,
            quota: None,
        }
    }
}

async fn answered(
    app: &App,
    Entrance { dialect, route }: Entrance,
    params: Vec<(String, String)>,
    peer: SocketAddr,
    request: Request,
    correlation: &Correlation,
) -> Result<Response, Turned> {
    let (head, body) = request.into_parts();
    let gateway = &app.gateway;
    let admitted = gateway
        .admit(dialect, route, &head.headers, unix_seconds())
        .await?;
    let quota = spend(app, &admitted, peer)?;
    let turned = |refusal| Turned { refusal, quota };
    let body = body::read(&head.headers, body, &app.limits)
        .await
        .map_err(turned)?;
    let query = Query::parse(head.uri.query().unwrap_or_default());
    let incoming = Incoming {
        dialect,
        route,
        params: &params,
        owner_ids: None,
        query: &query,
        headers: &head.headers,
        body: &body,
        durable_key: None,
        correlation: correlation.clone(),
    };
    let answered = gateway.answer(&admitted, &incoming).await;
    let mut response = answer::response(answered.reply, correlation);
    answer::at(&mut response, answered.position);
    if let Some(quota) = &quota {
        answer::quota(&mut response, dialect, quota);
    }
    Ok(response)
}

/// Counts the request against what its caller may ask.
pub fn spend(app: &App, principal: &Principal, peer: SocketAddr) -> Result<Option<Quota>, Turned> {
    let Some(rate) = &app.gateway.rate else {
        return Ok(None);
    };
    match rate.check(&principal.rate_key(peer.ip()), Instant::now()) {
        Ok(quota) => Ok(Some(quota)),
        Err(Limited {
            quota,
            retry_after_seconds,
        }) => Err(Turned {
            refusal: Refusal::RateLimited {
                retry_after_seconds,
            },
            quota: Some(quota),
        }),
    }
}
