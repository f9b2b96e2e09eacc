//! The routes of this dialect: who may use each, what decodes it, and what machines may know of it.

use std::sync::LazyLock;

use super::openapi::{filters, rows};
use super::requests;
use super::rules::Oracle;
use crate::dialect::ApiOperation::{Create, Get, History, List, Update};
use crate::dialect::Decode::Owned;
use crate::dialect::describe::{ENCODED, INVALID, NO_CONTACT, NOT_JSON, OperationSpec, STALE};
use crate::dialect::route::{GET, POST, PUT, READERS, WRITERS};
use crate::dialect::{Decoder, Route};

const CONTACTS: &[&str] = &["/ec-site-svc/rest/v1.0/contacts"];
const LIST: &[&str] = &["/ec-site-svc/rest/v2.0/contacts"];
const CONTACT: &[&str] = &["/ec-site-svc/rest/v1.0/contacts/{contactId}"];
const HISTORY: &[&str] = &["/ec-site-svc/rest/v1.0/contacts/{contactId}/history"];

/// The table of routes.
pub static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    vec![
        OperationSpec::new("Create a contact, or name one that is the same")
            .body("ContactModelDto")
            .contact(200, "The contact.", "Contacts")
            .errors(&[INVALID, NOT_JSON])
            .route(POST, CONTACTS, Create, WRITERS, Owned(Oracle::create)),
        OperationSpec::new("Read a contact")
            .contact(200, "The contact.", "Contacts")
            .errors(&[INVALID, NO_CONTACT])
            .route(GET, CONTACT, Get, READERS, Owned(Oracle::get)),
        OperationSpec::new("Replace a contact")
            .body("ContactModelDto")
            .contact(200, "The contact as it is now.", "Contacts")
            .errors(&[INVALID, NO_CONTACT, STALE, ENCODED])
            .route(PUT, CONTACT, Update, WRITERS, Owned(Oracle::update)),
        OperationSpec::new("List contacts")
            .parameters(filters())
            .json(200, "Part of the list.", "ContactList")
            .errors(&[INVALID])
            .route(GET, LIST, List, READERS, Owned(requests::list)),
        OperationSpec::new("Read a contact's versions, the oldest first")
            .parameters(rows())
            .json(200, "The versions.", "History")
            .errors(&[INVALID, NO_CONTACT])
            .route(GET, HISTORY, History, READERS, Owned(requests::history)),
    ]
});
