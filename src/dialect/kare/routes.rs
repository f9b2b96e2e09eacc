//! The routes of this dialect: who may use each, what decodes it, and what machines may know of it.

use std::sync::LazyLock;

use super::openapi::pages;
use super::requests;
use super::rules::Kare;
use crate::dialect::ApiOperation::{Create, Delete, Get, List, Update};
use crate::dialect::Decode::Owned;
use crate::dialect::describe::{ENCODED, INVALID, NO_CONTACT, OperationSpec, STALE};
use crate::dialect::route::{DELETE, GET, PATCH, POST, READERS, WRITERS};
use crate::dialect::{Decoder, Route};

const CONTACTS: &[&str] = &[
    "/companies/v2/rs/{companyId}/contacts",
    "/main/companies/v2/rs/{companyId}/contacts",
];
const CONTACT: &[&str] = &[
    "/companies/v2/rs/{companyId}/contacts/{contactId}",
    "/main/companies/v2/rs/{companyId}/contacts/{contactId}",
];

/// The table of routes.
pub static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    vec![
        OperationSpec::new("Create contacts, all of them or none")
            .body("NewContacts")
            .json(201, "How many were inserted.", "Inserted")
            .errors(&[INVALID, ENCODED])
            .route(POST, CONTACTS, Create, WRITERS, Owned(requests::create)),
        OperationSpec::new("List a company's contacts")
            .parameters(pages())
            .json(200, "A page of contacts.", "Contacts")
            .errors(&[INVALID])
            .route(GET, CONTACTS, List, READERS, Owned(requests::list)),
        OperationSpec::new("Read a contact")
            .contact(200, "The contact, as in a list.", "Contact")
            .errors(&[INVALID, NO_CONTACT])
            .route(GET, CONTACT, Get, READERS, Owned(Kare::get))
            .on_bus_alone(),
        OperationSpec::new("Change a contact: null clears, what is left out stays")
            .body("ContactChange")
            .contact(200, "The contact as it is now.", "Contact")
            .errors(&[INVALID, NO_CONTACT, STALE, ENCODED])
            .route(PATCH, CONTACT, Update, WRITERS, Owned(Kare::update)),
        OperationSpec::new("Delete a contact")
            .empty(204, "It is gone.")
            .errors(&[INVALID, NO_CONTACT, STALE])
            .route(DELETE, CONTACT, Delete, WRITERS, Owned(Kare::delete)),
    ]
});
