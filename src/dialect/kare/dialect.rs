//! Kare as a [`Dialect`]: its routes, and how a request finds its owner.

use super::rules::{Kare, RULES};
use super::{openapi, requests, routes};
use crate::dialect::{Description, Dialect, Encoder, Refusal, Reply, Request, Route, Scope};
use crate::domain::{Owner, Rules};

/// The company of a caller who names none and whose own tenant is no number.
const OWN_COMPANY: &str = "1";

impl Dialect for Kare {
    fn rules(&self) -> &'static Rules {
        &RULES
    }

    fn routes(&self) -> &'static [Route] {
        &routes::ROUTES
    }

    fn scope(&self, request: &Request<'_>) -> Result<Scope, Reply> {
        let own = request.caller.own_tenant.as_deref();
        let company = match (request.param("companyId"), own) {
            (Some(named), _) => named,
            (None, Some(own)) if own.parse::<i64>().is_ok() => own,
            (None, _) => OWN_COMPANY,
        };
        requests::company(company).map(Scope::Owner)
    }

    fn owner(&self, ids: &[&str]) -> Result<Owner, Reply> {
        self.only(ids).and_then(requests::company)
    }

    fn refuse(&self, refusal: &Refusal) -> Reply {
        Self::refusal(refusal)
    }

    fn describe(&self) -> Description {
        openapi::description()
    }

    fn default_tenant(&self) -> &'static str {
        "1"
    }

    fn session_header(&self) -> Option<&'static str> {
        Some("x-session-token")
    }

    fn placeholders(&self) -> &'static [&'static str] {
        &[
            "companyId",
            "{companyId}",
            "<token>",
            "<x-session-token>",
            "<content-type>",
        ]
    }
}
