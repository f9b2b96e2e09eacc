//! The routes of this dialect: who may use each, what decodes it, and what machines may know of it.

use std::sync::LazyLock;

use super::openapi::{organisation, pages};
use super::rules::Thena;
use super::{bulk, requests};
use crate::dialect::ApiOperation::{
    Bulk, Create, Delete, Filter, Get, Ingest, List, Search, Update,
};
use crate::dialect::Decode::Owned;
use crate::dialect::describe::{
    INVALID, NO_CONTACT, NOT_JSON, OperationSpec, Parameter, STALE, any_text,
};
use crate::dialect::route::{DELETE, GET, POST, PUT, READERS, WRITERS};
use crate::dialect::{Decoder, Route};

const CONTACTS: &[&str] = &["/v1/accounts/contacts"];
const SEARCH: &[&str] = &["/v1/accounts/contacts/search"];
const FILTER: &[&str] = &["/v1/accounts/contacts/filter/ids"];
const BULK: &[&str] = &["/v1/accounts/contacts/bulk"];
const INGEST: &[&str] = &["/v1/accounts/contacts/ingest"];
const CONTACT: &[&str] = &["/v1/accounts/contacts/{contactId}"];

const OUTSIDER: (u16, &str) = (401, "No organisation is named.");
const TAKEN: (u16, &str) = (409, "Another contact has the e-mail address.");

/// The table of routes.
pub static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    vec![
        spec("Create a contact")
            .body("NewContact")
            .contact(201, "The contact.", "Contact")
            .errors(&[INVALID, OUTSIDER, TAKEN, NOT_JSON])
            .route(POST, CONTACTS, Create, WRITERS, Owned(Thena::create)),
        spec("List contacts")
            .parameters(pages())
            .json(200, "A page of contacts.", "Contacts")
            .errors(&[INVALID, OUTSIDER])
            .route(GET, CONTACTS, List, READERS, Owned(requests::list)),
        spec("Read a contact")
            .contact(200, "The contact, as in a list.", "Contact")
            .errors(&[OUTSIDER, NO_CONTACT])
            .route(GET, CONTACT, Get, READERS, Owned(Thena::get))
            .on_bus_alone(),
        spec("Find the contact with an e-mail address")
            .parameters([Parameter::query("email", "The address.", any_text()).required()])
            .json(200, "At most one contact.", "Contacts")
            .errors(&[INVALID, OUTSIDER])
            .route(GET, SEARCH, Search, READERS, Owned(requests::search)),
        spec("Read the contacts of these ids")
            .body("Ids")
            .json(201, "Those that there are.", "Contacts")
            .errors(&[INVALID, OUTSIDER, NOT_JSON])
            .route(POST, FILTER, Filter, READERS, Owned(requests::filter)),
        spec("Create many contacts, each by itself")
            .body("Bulk")
            .json(201, "How many were created.", "BulkResult")
            .errors(&[INVALID, OUTSIDER, NOT_JSON])
            .route(POST, BULK, Bulk, WRITERS, Owned(bulk::create)),
        spec("Create many contacts, or change those whose address is known")
            .body("Ingestion")
            .json(200, "The contacts.", "Ingested")
            .errors(&[INVALID, OUTSIDER, NOT_JSON])
            .route(POST, INGEST, Ingest, WRITERS, Owned(bulk::ingest)),
        spec("Change a contact: what is left out stays")
            .body("ContactChange")
            .contact(200, "The contact as it is now.", "Contact")
            .errors(&[INVALID, OUTSIDER, NO_CONTACT, TAKEN, STALE, NOT_JSON])
            .route(PUT, CONTACT, Update, WRITERS, Owned(Thena::update)),
        spec("Delete a contact")
            .empty(204, "It is gone.")
            .errors(&[OUTSIDER, NO_CONTACT, STALE])
            .route(DELETE, CONTACT, Delete, WRITERS, Owned(Thena::delete)),
    ]
});

/// Every operation takes the header that names the organisation.
fn spec(summary: &'static str) -> OperationSpec {
    OperationSpec::new(summary).parameters([organisation()])
}
