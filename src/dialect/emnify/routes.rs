//! The routes of this dialect: who may use each, what decodes it, and what machines may know of it.

use std::sync::LazyLock;

use super::openapi::collection;
use super::requests::{self, authenticate};
use super::rules::Emnify;
use crate::dialect::ApiOperation::{Authenticate, Create, Delete, Events, Get, List, Update};
use crate::dialect::Decode::{Owned, Visible};
use crate::dialect::describe::{ETAG, NOT_JSON, OperationSpec, STALE};
use crate::dialect::route::{AUDITORS, DELETE, GET, PATCH, POST, READERS, WRITERS};
use crate::dialect::{Decoder, Route};

const CONTACTS: &[&str] = &["/api/v1/organisation/{org_id}/contact"];
const CONTACT: &[&str] = &["/api/v1/organisation/{org_id}/contact/{contact_id}"];
const EVENTS: &[&str] = &["/api/v1/organisation/{org_id}/event"];
const TOKEN: &[&str] = &["/api/v1/authenticate"];

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
const NO_TOKEN: (u16, &str) = (401, "The token is not valid.");
const NONE: (u16, &str) = (404, "There is no such organisation or contact.");
const INVALID: (u16, &str) = (422, "The body or a parameter is not valid.");

/// The table of routes.
pub static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    vec![
        OperationSpec::new("Create a contact; `Location` says which")
            .body("NewContact")
            .json(201, "It is created.", "Created")
            .headers(&["location", "etag"])
            .errors(&[MALFORMED, NONE, NOT_JSON, INVALID])
            .route(POST, CONTACTS, Create, WRITERS, Owned(Emnify::create)),
        OperationSpec::new("List an organisation's contacts")
            .parameters(collection())
            .json(200, "A page of contacts.", "Contacts")
            .headers(COUNTED)
            .errors(&[MALFORMED, NONE, INVALID])
            .route(GET, CONTACTS, List, READERS, Owned(requests::list)),
        OperationSpec::new("Read a contact")
            .contact(200, "The contact.", "Contact")
            .errors(&[NONE])
            .route(GET, CONTACT, Get, READERS, Owned(Emnify::get)),
        OperationSpec::new("Change a contact: null clears, what is left out stays")
            .body("ContactChange")
            .empty(204, "It is changed.")
            .headers(ETAG)
            .errors(&[MALFORMED, NONE, STALE, NOT_JSON, INVALID])
            .route(PATCH, CONTACT, Update, WRITERS, Owned(Emnify::update)),
        OperationSpec::new("Delete a contact")
            .empty(204, "It is gone.")
            .errors(&[NONE, STALE])
            .route(DELETE, CONTACT, Delete, WRITERS, Owned(Emnify::delete)),
        OperationSpec::new("List what happened in an organisation")
            .parameters(collection())
            .json(200, "A page of events.", "Events")
            .headers(COUNTED)
            .errors(&[MALFORMED, NONE, INVALID])
            .route(GET, EVENTS, Events, AUDITORS, Visible(requests::events)),
        OperationSpec::new("Trade an application's token for a short-lived one")
            .body("Credentials")
            .json(200, "The token.", "AuthToken")
            .headers(&["cache-control"])
            .errors(&[MALFORMED, NO_TOKEN, NOT_JSON, INVALID])
            .route(POST, TOKEN, Authenticate, ANYBODY, Visible(authenticate)),
    ]
});
