//! Our own API as a [`Dialect`]: its routes, and how a request finds its owner.

use super::rules::RULES;
use super::{openapi, problem, requests, routes};
use crate::dialect::{Dialect, Extras};

/// Our own API, over every dialect's contacts.
pub static DIALECT: Dialect = Dialect {
    rules: &RULES,
    routes: &routes::ROUTES,
    scope: requests::scope,
    owner: |ids| DIALECT.only(ids).and_then(requests::owner),
    refusal: problem::refusal,
    describe: openapi::description,
    extras: Extras {
        error_media_type: problem::MEDIA_TYPE,
        refuses_unknown: true,
        ..Extras::NONE
    },
};
