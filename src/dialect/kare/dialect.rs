//! Kare as a [`Dialect`]: its routes, and how a request finds its owner.

use super::rules::{Kare, RULES};
use super::{openapi, requests, routes};
use crate::dialect::{Dialect, Encoder, Extras, Reply, Request, Scope};

/// The company of a caller who names none and whose own tenant is no number.
const OWN_COMPANY: &str = "1";

/// The API of Kare, as a value.
pub static DIALECT: Dialect = Dialect {
    rules: &RULES,
    routes: &routes::ROUTES,
    scope,
    owner: |ids| DIALECT.only(ids).and_then(requests::company),
    refusal: Kare::refusal,
    describe: openapi::description,
    extras: Extras {
        session_header: Some("x-session-token"),
        default_tenant: OWN_COMPANY,
        placeholders: &[
            "companyId",
            "{companyId}",
            "<token>",
            "<x-session-token>",
            "<content-type>",
        ],
        ..Extras::NONE
    },
};

fn scope(request: &Request<'_>) -> Result<Scope, Reply> {
    let own = request.caller.own_tenant.as_deref();
    let company = match (request.param("companyId"), own) {
        (Some(named), _) => named,
        (None, Some(own)) if own.parse::<i64>().is_ok() => own,
        (None, _) => OWN_COMPANY,
    };
    requests::company(company).map(Scope::Owner)
}
