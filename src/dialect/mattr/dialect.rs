//! MATTR VII as a [`Dialect`]: its routes, and how a request finds its owner.

use super::rules::{Mattr, RULES};
use super::{openapi, requests, routes};
use crate::dialect::{Dialect, Encoder, Extras};

/// The API of MATTR VII.
pub static DIALECT: Dialect = Dialect {
    rules: &RULES,
    routes: &routes::ROUTES,
    scope: requests::scope,
    owner: requests::owner,
    refusal: Mattr::refusal,
    describe: openapi::description,
    extras: Extras {
        records_reads: true,
        ..Extras::NONE
    },
};
