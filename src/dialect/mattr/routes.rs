//! The routes of this dialect: who may use each, what decodes it, and what machines may know of it.

use super::openapi::{event_filters, pages};
use super::{events, requests};
use crate::dialect::ApiOperation::{Create, Delete, EventTypes, Events, Get, List, Update};
use crate::dialect::Decode::{Owned, Visible};
use crate::dialect::Route;
use crate::dialect::describe::{ETAG, OperationSpec, TEXT};
use crate::dialect::route::AUDITORS;

const CONTACTS: &[&str] = &["/v1/ecosystems/{ecosystemId}/participants/{participantId}/contacts"];
const CONTACT: &[&str] =
    &["/v1/ecosystems/{ecosystemId}/participants/{participantId}/contacts/{contactId}"];
const EVENTS: &[&str] = &[
    "/v1/events",
    "/v1/analytics/events",
    "/core/v1/analytics/events",
];
const EVENT_TYPES: &[&str] = &["/v1/analytics/event-types"];

const ROLES: &[&str] = &["admin", "dts-provider"];

const MEDIA_TYPE: &str = "The body's media type is not JSON.";
const INVALID: (u16, &str) = (400, "The ids or the body are not valid.");
const NONE: (u16, &str) = (404, "There is no such contact.");
const STALE: (u16, &str) = (412, "The contact is at another version.");

/// The table of routes.
pub static ROUTES: [Route; 7] = [
    Route::post(Create, CONTACTS, ROLES, Owned(requests::create), || {
        OperationSpec::new("Create a contact; a participant has at most ten")
            .body("PointOfContact")
            .json(201, "The contact.", "Contact")
            .headers(ETAG)
            .errors(&[INVALID])
            .text(415, MEDIA_TYPE, TEXT)
    }),
    Route::get(List, CONTACTS, ROLES, Owned(requests::list), || {
        OperationSpec::new("List a participant's contacts")
            .parameters(pages())
            .json(200, "A page of contacts.", "Contacts")
            .errors(&[INVALID])
    }),
    Route::get(Get, CONTACT, ROLES, Owned(requests::get), || {
        OperationSpec::new("Read a contact")
            .json(200, "The contact.", "Contact")
            .headers(ETAG)
            .errors(&[INVALID, NONE])
    })
    .about("contactId"),
    Route::put(Update, CONTACT, ROLES, Owned(requests::update), || {
        OperationSpec::new("Replace a contact")
            .body("PointOfContact")
            .json(200, "The contact as it is now.", "Contact")
            .headers(ETAG)
            .errors(&[INVALID, NONE, STALE])
            .text(415, MEDIA_TYPE, TEXT)
    })
    .about("contactId"),
    Route::delete(Delete, CONTACT, ROLES, Owned(requests::delete), || {
        OperationSpec::new("Delete a contact")
            .empty(204, "It is gone.")
            .errors(&[INVALID, NONE, STALE])
    })
    .about("contactId"),
    Route::get(Events, EVENTS, AUDITORS, Visible(events::events), || {
        OperationSpec::new("List what happened, the newest first")
            .parameters(pages())
            .parameters(event_filters())
            .json(200, "A page of events.", "Events")
            .errors(&[(400, "A parameter is not valid.")])
    }),
    Route::get(
        EventTypes,
        EVENT_TYPES,
        AUDITORS,
        Visible(events::event_types),
        || OperationSpec::new("List the types of events").json(200, "The types.", "EventTypes"),
    ),
];
