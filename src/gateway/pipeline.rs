//! The pipeline that every request goes through, whichever transport brought it: admission, rate,
//! size, answer, metrics.

use std::time::Instant;

use bytes::Bytes;

use super::incoming::unix_seconds;
use super::{Disposition, Gateway, Incoming, Origin, Response};
use crate::dialect::Refusal;

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
        let response = self.respond(origin, incoming, body).await;
        self.metrics
            .request(origin.transport, incoming, &response, started.elapsed());
        response
    }

    async fn respond(
        &self,
        origin: Origin,
        incoming: &Incoming<'_>,
        body: impl Future<Output = Result<Bytes, Refusal>> + Send,
    ) -> Response {
        let dialect = incoming.dialect;
        let refuse = |refusal| self.refuse(incoming, refusal);
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
