//! Our own questions that need a token: who asks, how often, and what every answer carries.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::rejection::{ExtensionRejection, PathRejection};
use axum::extract::{ConnectInfo, FromRequestParts, Path};
use axum::response::Response;
use http::HeaderMap;
use http::request::Parts;

use super::{App, answer};
use crate::auth::{Principal, Quota};
use crate::dialect::{Query, Refusal, native};
use crate::domain::{Correlation, Position};
use crate::gateway::{fresh_correlation, unix_seconds};

/// A path's one parameter. What is no UTF-8 is the name of nothing.
pub type Segment = Result<Path<String>, PathRejection>;

/// The text of a path's parameter.
pub fn text(segment: Segment) -> String {
    segment.map_or_else(|_| String::new(), |Path(text)| text)
}

/// One of our own questions, without its path and body.
pub struct Question {
    /// What the handlers share.
    pub app: Arc<App>,
    /// The address that the question came from.
    pub peer: SocketAddr,
    /// The headers, the caller's token among them.
    pub headers: HeaderMap,
    /// The parameters behind the `?`.
    pub query: Query,
}

impl FromRequestParts<Arc<App>> for Question {
    type Rejection = ExtensionRejection;

    async fn from_request_parts(head: &mut Parts, app: &Arc<App>) -> Result<Self, Self::Rejection> {
        let ConnectInfo(peer) = ConnectInfo::from_request_parts(head, app).await?;
        Ok(Self {
            app: Arc::clone(app),
            peer,
            headers: head.headers.clone(),
            query: Query::parse(head.uri.query().unwrap_or_default()),
        })
    }
}

/// What is answered, and the position that its view had reached.
pub type Answered = Result<(Response, Position), Refusal>;

/// Answers a question of our own to a caller with one of these roles who has not asked too often.
pub async fn answer(
    question: &Question,
    roles: &'static [&'static str],
    ask: impl AsyncFnOnce(Principal, &Correlation) -> Answered,
) -> Response {
    let Question {
        app, peer, headers, ..
    } = question;
    let correlation = fresh_correlation();
    let principal = match app.gateway.authenticate(headers, unix_seconds()).await {
        Ok(principal) => principal,
        // Who is not known learns nothing of how much has happened.
        Err(refusal) => {
            let charged = app.gateway.charge_stranger(&refusal, peer.ip());
            let refusal = charged.map_or_else(Into::into, |()| refusal);
            return answer::response(native::DIALECT.refuse(&refusal), &correlation);
        }
    };
    let (answered, quota) = match admitted(app, &principal, roles, *peer) {
        Ok(quota) => match app.gateway.wait_for_position(headers).await {
            Ok(()) => (ask(principal, &correlation).await, quota),
            Err(refusal) => (Err(refusal), quota),
        },
        Err((refusal, quota)) => (Err(refusal), quota),
    };
    let (mut response, position) = answered.unwrap_or_else(|refusal| {
        let reply = native::DIALECT.refuse(&refusal);
        let response = answer::response(reply, &correlation);
        (response, app.gateway.service.head())
    });
    answer::at(&mut response, position);
    answer::stale(&mut response, app.gateway.stale());
    if let Some(quota) = &quota {
        answer::quota(&mut response, &native::DIALECT, quota);
    }
    response
}

/// What is left of a caller's allowance, if the caller has one of these roles and may ask again.
fn admitted(
    app: &App,
    principal: &Principal,
    roles: &'static [&'static str],
    peer: SocketAddr,
) -> Result<Option<Quota>, (Refusal, Option<Quota>)> {
    let authorized = app.gateway.authorize(principal, roles);
    authorized.map_err(|refusal| (refusal, None))?;
    let charged = app.gateway.charge(principal, peer.ip());
    charged.map_err(|limit| (limit.into(), Some(limit.quota)))
}
