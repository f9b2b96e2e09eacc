//! MATTR VII as a [`Dialect`]: its routes, and how a request finds its owner.

use super::rules::{Mattr, RULES};
use super::{openapi, requests, routes};
use crate::dialect::{Description, Dialect, Encoder, Refusal, Reply, Request, Route, Scope};
use crate::domain::{Owner, Rules};

impl Dialect for Mattr {
    fn rules(&self) -> &'static Rules {
        &RULES
    }

    fn routes(&self) -> &'static [Route] {
        &routes::ROUTES
    }

    fn scope(&self, request: &Request<'_>) -> Result<Scope, Reply> {
        let param = |name| request.param(name).unwrap_or_default();
        requests::owner(param("ecosystemId"), param("participantId")).map(Scope::Owner)
    }

    fn owner(&self, ids: &[&str]) -> Result<Owner, Reply> {
        match ids {
            [ecosystem, participant] => requests::owner(ecosystem, participant),
            _ => Err(self.refuse(&Refusal::UnknownPath)),
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Reply {
        Self::refusal(refusal)
    }

    fn describe(&self) -> Description {
        openapi::description()
    }

    fn records_reads(&self) -> bool {
        true
    }
}
