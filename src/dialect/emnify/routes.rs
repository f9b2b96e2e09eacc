//! The routes of this dialect: who may use each, what decodes it, and what machines may know of it.

use super::openapi::collection;
use super::requests;
use crate::dialect::ApiOperation::{Authenticate, Create, Delete, Events, Get, List, Update};
use crate::dialect::Decode::{Owned, Visible};
use crate::dialect::Route;
use crate::dialect::describe::{ETAG, OperationSpec};
use crate::dialect::route::{AUDITORS, READERS, WRITERS};

const CONTACTS: &[&str] = &["/api/v1/organisation/{org_id}/contact"];
const CONTACT: &[&str] = &["/api/v1/organisation/{org_id}/contact/{contact_id}"];
const EVENTS: &[&str] = &["/api/v1/organisation/{org_id}/event"];
const AUTHENTICATE: &[&str] = &["/api/v1/authenticate"];

/// The exchange of a token judges the token itself.
const ANYBODY: &[&str] = &[];

/// The headers of a page of a list.
const COUNTED: &[&str] = &[
    "link",
    "x-count-per-page",
    "x-current-page",
    "x-total-count",
    "x-total-pages",
];

const MALFORMED: (u16, &str) = (400, "The body is not JSON.");
const NONE: (u16, &str) = (404, "There is no such organisation or contact.");
const STALE: (u16, &str) = (412, "The contact is at another version.");
const MEDIA_TYPE: (u16, &str) = (415, "The body's media type is not JSON.");
const INVALID: (u16, &str) = (422, "The body or a parameter is not valid.");

/// The table of routes.
pub static ROUTES: [Route; 7] = [
    Route::post(Create, CONTACTS, WRITERS, Owned(requests::create), || {
        OperationSpec::new("Create a contact; `Location` says which")
            .body("NewContact")
            .json(201, "It is created.", "Created")
            .headers(&["location", "etag"])
            .errors(&[MALFORMED, NONE, MEDIA_TYPE, INVALID])
    }),
    Route::get(List, CONTACTS, READERS, Owned(requests::list), || {
        OperationSpec::new("List an organisation's contacts")
            .parameters(collection())
            .json(200, "A page of contacts.", "Contacts")
            .headers(COUNTED)
            .errors(&[MALFORMED, NONE, INVALID])
    }),
    Route::get(Get, CONTACT, READERS, Owned(requests::get), || {
        OperationSpec::new("Read a contact")
            .json(200, "The contact.", "Contact")
            .headers(ETAG)
            .errors(&[NONE])
    })
    .about("contact_id"),
    Route::patch(Update, CONTACT, WRITERS, Owned(requests::update), || {
        OperationSpec::new("Change a contact: null clears, what is left out stays")
            .body("ContactChange")
            .empty(204, "It is changed.")
            .headers(ETAG)
            .errors(&[MALFORMED, NONE, STALE, MEDIA_TYPE, INVALID])
    })
    .about("contact_id"),
    Route::delete(Delete, CONTACT, WRITERS, Owned(requests::delete), || {
        OperationSpec::new("Delete a contact")
            .empty(204, "It is gone.")
            .errors(&[NONE, STALE])
    })
    .about("contact_id"),
    Route::get(Events, EVENTS, AUDITORS, Visible(requests::events), || {
        OperationSpec::new("List what happened in an organisation")
            .parameters(collection())
            .json(200, "A page of events.", "Events")
            .headers(COUNTED)
            .errors(&[MALFORMED, NONE, INVALID])
    }),
    Route::post(
        Authenticate,
        AUTHENTICATE,
        ANYBODY,
        Visible(requests::authenticate),
        || {
            OperationSpec::new("Trade an application's token for a short-lived one")
                .body("Credentials")
                .json(200, "The token.", "AuthToken")
                .headers(&["cache-control"])
                .errors(&[
                    MALFORMED,
                    (401, "The token is not valid."),
                    MEDIA_TYPE,
                    INVALID,
                ])
        },
    ),
];
