//! Oracle Clinical One as a [`Dialect`]: its routes, and how a request finds its owner.

use super::rules::{Oracle, RULES};
use super::{openapi, requests, routes};
use crate::dialect::{Description, Dialect, Encoder, Refusal, Reply, Request, Route, Scope};
use crate::domain::{Owner, Rules};

impl Dialect for Oracle {
    fn rules(&self) -> &'static Rules {
        &RULES
    }

    fn routes(&self) -> &'static [Route] {
        &routes::ROUTES
    }

    fn scope(&self, request: &Request<'_>) -> Result<Scope, Reply> {
        let tenant = request.caller.own_tenant.as_deref();
        tenant
            .and_then(requests::owner)
            .map(Scope::Owner)
            .ok_or_else(|| self.refuse(&Refusal::TenantUnclear))
    }

    fn owner(&self, ids: &[&str]) -> Result<Owner, Reply> {
        let owner = requests::owner(self.only(ids)?);
        owner.ok_or_else(|| self.refuse(&Refusal::UnknownPath))
    }

    fn refuse(&self, refusal: &Refusal) -> Reply {
        Self::refusal(refusal)
    }

    fn describe(&self) -> Description {
        openapi::description()
    }
}
