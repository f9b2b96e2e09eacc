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
mod contract;
mod decode;
mod encode;
mod event_body;
mod events;
#[cfg(test)]
mod tests;

use super::{Call, Description, Dialect, Method, Refusal, Reply, Request, Route, Scope};
use crate::domain::{DialectId, IdRule, Operation, Owner, Rules};

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
    non_sensitive: |card| contact::CONTACT.non_sensitive(card),
    batch_items_max: 1,
};

const CONTACTS: &[&str] = &["/v1/ecosystems/{ecosystemId}/participants/{participantId}/contacts"];
const CONTACT: &[&str] =
    &["/v1/ecosystems/{ecosystemId}/participants/{participantId}/contacts/{contactId}"];
const ROLES: &[&str] = &["admin", "dts-provider"];

const EVENTS: &[&str] = &[
    "/v1/events",
    "/v1/analytics/events",
    "/core/v1/analytics/events",
];
const EVENT_TYPES: &[&str] = &["/v1/analytics/event-types"];

static ROUTES: [Route; 7] = [
    route("create", Method::Post, CONTACTS, None, None),
    route(
        "list",
        Method::Get,
        CONTACTS,
        None,
        Some(Operation::RetrieveList),
    ),
    route(
        "get",
        Method::Get,
        CONTACT,
        Some("contactId"),
        Some(Operation::Retrieve),
    ),
    route("update", Method::Put, CONTACT, Some("contactId"), None),
    route("delete", Method::Delete, CONTACT, Some("contactId"), None),
    analytics("events", EVENTS),
    analytics("event-types", EVENT_TYPES),
];

const fn analytics(operation: &'static str, paths: &'static [&'static str]) -> Route {
    Route {
        operation,
        method: Method::Get,
        paths,
        target: None,
        roles: &["admin", "auditor"],
        reads: None,
        writes: false,
        on_bus: false,
    }
}

const fn route(
    operation: &'static str,
    method: Method,
    paths: &'static [&'static str],
    target: Option<&'static str>,
    reads: Option<Operation>,
) -> Route {
    Route {
        operation,
        method,
        paths,
        target,
        roles: ROLES,
        reads,
        writes: reads.is_none(),
        on_bus: true,
    }
}

impl Dialect for Mattr {
    fn rules(&self) -> &'static Rules {
        &RULES
    }

    fn routes(&self) -> &'static [Route] {
        &ROUTES
    }

    fn scope(&self, request: &Request<'_>) -> Result<Scope, Reply> {
        match request.route.operation {
            "events" => Ok(Scope::Visible),
            "event-types" => Ok(Scope::Nobody),
            _ => decode::owner(
                request.param("ecosystemId").unwrap_or_default(),
                request.param("participantId").unwrap_or_default(),
            )
            .map(Scope::Owner),
        }
    }

    fn owner_of_ids(&self, ids: &[&str]) -> Result<Owner, Reply> {
        let [ecosystem, participant] = ids else {
            return Err(self.refuse(&Refusal::UnknownPath));
        };
        let owner = decode::owner(ecosystem, participant)?;
        if owner.ids().eq(ids.iter().copied()) {
            Ok(owner)
        } else {
            Err(self.refuse(&Refusal::UnknownPath))
        }
    }

    fn decode(&self, request: &Request<'_>, owner: Option<&Owner>) -> Result<Call, Reply> {
        match (request.route.operation, owner) {
            ("events", _) => events::events(request.query),
            ("event-types", _) => Ok(events::event_types()),
            (_, Some(owner)) => decode::call(request, owner),
            (_, None) => Err(self.refuse(&Refusal::UnknownPath)),
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Reply {
        encode::refusal(refusal)
    }

    fn describe(&self) -> Description {
        contract::description()
    }

    fn records_reads(&self) -> bool {
        true
    }
}
