//! emnify as a [`Dialect`]: its routes, and how a request finds its owner.

use super::rules::{Emnify, RULES};
use super::{openapi, requests, routes};
use crate::dialect::{Dialect, Encoder, Extras, Scope};

/// The API of emnify, as a value.
pub static DIALECT: Dialect = Dialect {
    rules: &RULES,
    routes: &routes::ROUTES,
    scope: |request| requests::organisation(request).map(Scope::Owner),
    owner: |ids| DIALECT.only(ids).and_then(requests::owner),
    refusal: Emnify::refusal,
    describe: openapi::description,
    extras: Extras {
        default_tenant: "1",
        placeholders: &["org_id", ":org_id", "{org_id}", "<token>"],
        ..Extras::NONE
    },
};
