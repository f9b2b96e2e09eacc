//! MATTR VII: points of contact of an ecosystem's participants.
//!
//! Known from the vendor's pages: the five operations, their bodies and error
//! bodies, ten contacts at most for each participant, the analytic events and
//! how they are queried. Inferred: 400 for the eleventh contact (no page lists
//! a 409 for contacts), a blank name is refused, list order is by creation,
//! the form of the list of event types.
//!
//! Deliberately absent: an event for reading events. The vendor has one, and
//! a log that grows by being looked at.

mod contact;
mod events;
mod openapi;
mod replies;
mod requests;
mod routes;
#[cfg(test)]
mod tests;

use super::{Description, Dialect, Refusal, Reply, Request, Route, Scope};
use crate::domain::{DialectId, IdRule, Owner, Rules};

/// The MATTR VII dialect.
#[derive(Debug)]
pub struct Mattr;

/// What the core must know of it.
pub static RULES: Rules = Rules {
    dialect: DialectId(2),
    name: "mattr",
    event_prefix: "ECOSYSTEM_PARTICIPANT_CONTACT",
    owner_names: &["ecosystemId", "participantId"],
    contacts_max: Some(10),
    unique_email: false,
    ids: IdRule::Uuid,
    lookup_keys: None,
    is_active: Some(contact::is_active),
    non_sensitive: |card| contact::CONTACT.non_sensitive(card),
    batch_items_max: 1,
};

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

    fn owner_of_ids(&self, ids: &[&str]) -> Result<Owner, Reply> {
        let [ecosystem, participant] = ids else {
            return Err(self.refuse(&Refusal::UnknownPath));
        };
        let owner = requests::owner(ecosystem, participant)?;
        if owner.ids().eq(ids.iter().copied()) {
            Ok(owner)
        } else {
            Err(self.refuse(&Refusal::UnknownPath))
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Reply {
        replies::refusal(refusal)
    }

    fn describe(&self) -> Description {
        openapi::description()
    }

    fn records_reads(&self) -> bool {
        true
    }
}
