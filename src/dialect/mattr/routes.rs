//! The routes of this dialect: who may use each, what decodes it, and what machines may know of it.

use std::sync::LazyLock;

use super::openapi::{event_filters, pages};
use super::rules::Mattr;
use super::{events, requests};
use crate::dialect::ApiOperation::{Create, Delete, EventTypes, Events, Get, List, Update};
use crate::dialect::Decode::{Owned, Visible};
use crate::dialect::describe::{NO_CONTACT, OperationSpec, STALE, TEXT};
use crate::dialect::route::{AUDITORS, DELETE, GET, POST, PUT};
use crate::dialect::{Decoder, Route};

const CONTACTS: &[&str] = &["/v1/ecosystems/{ecosystemId}/participants/{participantId}/contacts"];
const CONTACT: &[&str] =
    &["/v1/ecosystems/{ecosystemId}/participants/{participantId}/contacts/{contactId}"];
const EVENTS: &[&str] = &[
    "/v1/events",
    "/v1/analytics/events",
    "/core/v1/analytics/events",
];
const TYPES: &[&str] = &["/v1/analytics/event-types"];

const ROLES: &[&str] = &["admin", "dts-provider"];

const MEDIA_TYPE: &str = "The body's media type is not JSON.";
const INVALID: (u16, &str) = (400, "The ids or the body are not valid.");

/// The table of routes.
pub static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    vec![
        OperationSpec::new("Create a contact; a participant has at most ten")
            .body("PointOfContact")
            .contact(201, "The contact.", "Contact")
            .errors(&[INVALID])
            .text(415, MEDIA_TYPE, TEXT)
            .route(POST, CONTACTS, Create, ROLES, Owned(Mattr::create)),
        OperationSpec::new("List a participant's contacts")
            .parameters(pages())
            .json(200, "A page of contacts.", "Contacts")
            .errors(&[INVALID])
            .route(GET, CONTACTS, List, ROLES, Owned(requests::list)),
        OperationSpec::new("Read a contact")
            .contact(200, "The contact.", "Contact")
            .errors(&[INVALID, NO_CONTACT])
            .route(GET, CONTACT, Get, ROLES, Owned(Mattr::get)),
        OperationSpec::new("Replace a contact")
            .body("PointOfContact")
            .contact(200, "The contact as it is now.", "Contact")
            .errors(&[INVALID, NO_CONTACT, STALE])
            .text(415, MEDIA_TYPE, TEXT)
            .route(PUT, CONTACT, Update, ROLES, Owned(Mattr::update)),
        OperationSpec::new("Delete a contact")
            .empty(204, "It is gone.")
            .errors(&[INVALID, NO_CONTACT, STALE])
            .route(DELETE, CONTACT, Delete, ROLES, Owned(Mattr::delete)),
        OperationSpec::new("List what happened, the newest first")
            .parameters(pages())
            .parameters(event_filters())
            .json(200, "A page of events.", "Events")
            .errors(&[(400, "A parameter is not valid.")])
            .route(GET, EVENTS, Events, AUDITORS, Visible(events::events)),
        OperationSpec::new("List the types of events")
            .json(200, "The types.", "EventTypes")
            .route(GET, TYPES, EventTypes, AUDITORS, Visible(events::types)),
    ]
});
