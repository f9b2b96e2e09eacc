//! Oracle Clinical One as a [`Dialect`]: its routes, and how a request finds its owner.

use super::rules::{Oracle, RULES};
use super::{openapi, requests, routes};
use crate::dialect::{Dialect, Encoder, Extras, Refusal, Reply, Request, Scope};

/// The API of Oracle Clinical One.
pub static DIALECT: Dialect = Dialect {
    rules: &RULES,
    routes: &routes::ROUTES,
    scope,
    owner: |ids| {
        let owner = requests::owner(DIALECT.only(ids)?);
        owner.ok_or_else(|| Oracle::refusal(&Refusal::UnknownPath))
    },
    refusal: Oracle::refusal,
    describe: openapi::description,
    extras: Extras::NONE,
};

fn scope(request: &Request<'_>) -> Result<Scope, Reply> {
    let tenant = request.caller.own_tenant.as_deref();
    let owner = tenant.and_then(requests::owner);
    owner
        .map(Scope::Owner)
        .ok_or_else(|| Oracle::refusal(&Refusal::TenantUnclear))
}
