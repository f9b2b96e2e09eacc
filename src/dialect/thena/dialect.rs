//! Thena as a [`Dialect`]: its routes, and how a request finds its owner.

use super::rules::{RULES, Thena};
use super::{openapi, requests, routes};
use crate::dialect::{Description, Dialect, Encoder, Refusal, Reply, Request, Route, Scope};
use crate::domain::{Owner, Rules};

impl Dialect for Thena {
    fn rules(&self) -> &'static Rules {
        &RULES
    }

    fn routes(&self) -> &'static [Route] {
        &routes::ROUTES
    }

    fn scope(&self, request: &Request<'_>) -> Result<Scope, Reply> {
        requests::organisation(request).map(Scope::Owner)
    }

    fn owner(&self, ids: &[&str]) -> Result<Owner, Reply> {
        self.only(ids).and_then(requests::owner)
    }

    fn refuse(&self, refusal: &Refusal) -> Reply {
        Self::refusal(refusal)
    }

    fn describe(&self) -> Description {
        openapi::description()
    }

    fn key_header(&self) -> Option<&'static str> {
        Some("x-api-key")
    }

    fn rate_headers(&self) -> bool {
        true
    }

    fn placeholders(&self) -> &'static [&'static str] {
        &["<token>", "<api-key>"]
    }
}
