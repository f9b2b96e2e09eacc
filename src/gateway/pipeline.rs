//! The pipeline that every request goes through, whichever transport brought it: admission, rate,
//! size, answer, metrics.

use std::time::Instant;

use bytes::Bytes;

use super::incoming::unix_seconds;
use super::{Disposition, Fact, Gateway, Incoming, OpenSpan, Origin, Response, SpanKind};
use crate::dialect::Refusal;

/// A request in a span of its own.
#[derive(Debug)]
pub struct Traced<'a> {
    /// The request, whose commands and events belong to the span.
    pub incoming: Incoming<'a>,
    span: OpenSpan,
}

impl Traced<'_> {
    /// Ends the span with what was answered.
    pub fn answered(self, response: &Response) {
        let Incoming { route, dialect, .. } = self.incoming;
        let path = route.paths.first().copied().unwrap_or_default();
        let method = route.method.as_str().to_owned();
        let status = response.reply.status;
        let facts = vec![
            Fact::Text("http.request.method", method.clone()),
            Fact::Text("http.route", path.to_owned()),
            Fact::Number("http.response.status_code", status.as_u16().into()),
            Fact::Text("contactd.dialect", dialect.rules.name.to_owned()),
            Fact::Text("contactd.operation", route.operation.name().to_owned()),
            Fact::Text(
                "contactd.correlation",
                response.correlation.as_str().to_owned(),
            ),
        ];
        let name = format!("{method} {path}");
        self.span.end(name, facts, status.is_server_error());
    }
}

impl Gateway {
    /// Handles a request from its token to its response. The body is a future, so that nothing of
    /// it is read for a caller who is turned away.
    pub async fn handle(
        &self,
        origin: Origin,
        incoming: &Incoming<'_>,
        body: impl Future<Output = Result<Bytes, Refusal>> + Send,
    ) -> Response {
        let started = Instant::now();
        let traced = self.trace(SpanKind::Server, incoming);
        let incoming = traced.as_ref().map_or(incoming, |traced| &traced.incoming);
        let response = self.respond(origin, incoming, body).await;
        let response = response.with_challenge().with_age(self.stale());
        self.metrics
            .request(origin.transport, incoming, &response, started.elapsed());
        if let Some(traced) = traced {
            traced.answered(&response);
        }
        response
    }

    /// Opens the span of a request, where spans are made.
    #[must_use]
    pub fn trace<'a>(&self, kind: SpanKind, incoming: &Incoming<'a>) -> Option<Traced<'a>> {
        let span = self.spans.request(kind, incoming.traceparent().as_ref())?;
        let incoming = incoming.within(&span);
        Some(Traced { incoming, span })
    }

    async fn respond(
        &self,
        origin: Origin,
        incoming: &Incoming<'_>,
        body: impl Future<Output = Result<Bytes, Refusal>> + Send,
    ) -> Response {
        let dialect = incoming.dialect;
        let refuse = |refusal| self.refuse(incoming, refusal);
        if let Err(refusal) = incoming.says_each_once() {
            return Self::refuse_stranger(incoming, refusal);
        }
        let principal = match self.admit(incoming, unix_seconds()).await {
            Ok(principal) => principal,
            Err(refusal) => {
                return match self.charge_stranger(&refusal, origin.address) {
                    Ok(()) => refuse(refusal),
                    Err(limit) => Self::refuse_stranger(incoming, limit.into()),
                };
            }
        };
        let quota = match self.charge(&principal, origin.address) {
            Ok(quota) => quota,
            Err(limit) => {
                return refuse(limit.into()).with_quota(dialect, Some(&limit.quota));
            }
        };
        let body = body.await.and_then(|body| self.sized(body));
        let response = match body {
            Ok(body) => self.answer(&principal, incoming, &body).await,
            Err(refusal) => refuse(refusal),
        };
        response.with_quota(dialect, quota.as_ref())
    }

    /// The response to a request that is refused in its vendor's words.
    #[must_use]
    pub fn refuse(&self, incoming: &Incoming<'_>, refusal: Refusal) -> Response {
        let known = !matches!(refusal, Refusal::Unauthorized(_));
        Response {
            position: known.then(|| self.service.head()),
            ..Self::refuse_stranger(incoming, refusal)
        }
    }

    /// The response to a caller who is not known, who learns nothing of how much has happened.
    fn refuse_stranger(incoming: &Incoming<'_>, refusal: Refusal) -> Response {
        Response {
            reply: incoming.dialect.refuse(&refusal),
            position: None,
            correlation: incoming.correlation.clone(),
            disposition: Disposition::Refused(refusal),
        }
    }
}
