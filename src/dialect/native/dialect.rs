//! Our own API as a [`Dialect`]: its routes, and how a request finds its owner.

use super::rules::RULES;
use super::{openapi, problem, requests, routes};
use crate::dialect::{ApiOperation, Description, Dialect, Refusal, Reply, Request, Route, Scope};
use crate::domain::{Owner, Rules};

/// The dialect of our own API.
#[derive(Debug)]
pub struct Native;

impl Dialect for Native {
    fn rules(&self) -> &'static Rules {
        &RULES
    }

    fn routes(&self) -> &'static [Route] {
        &routes::ROUTES
    }

    fn scope(&self, request: &Request<'_>) -> Result<Scope, Reply> {
        requests::scope(request)
    }

    fn owner(&self, ids: &[&str]) -> Result<Owner, Reply> {
        self.only(ids).and_then(requests::owner)
    }

    fn refuse(&self, refusal: &Refusal) -> Reply {
        problem::refusal(refusal)
    }

    fn query_names(&self, operation: ApiOperation) -> Option<&'static [&'static str]> {
        Some(routes::query_names(operation))
    }

    fn describe(&self) -> Description {
        openapi::description()
    }
}
