//! Thena as a [`Dialect`]: its routes, and how a request finds its owner.

use super::rules::{RULES, Thena};
use super::{openapi, requests, routes};
use crate::dialect::{Dialect, Encoder, Extras, Scope};

/// The API of Thena, as a value.
pub static DIALECT: Dialect = Dialect {
    rules: &RULES,
    routes: &routes::ROUTES,
    scope: |request| requests::organisation(request).map(Scope::Owner),
    owner: |ids| DIALECT.only(ids).and_then(requests::owner),
    refusal: Thena::refusal,
    describe: openapi::description,
    extras: Extras {
        key_header: Some("x-api-key"),
        rate_headers: true,
        placeholders: &["<token>", "<api-key>"],
        ..Extras::NONE
    },
};
