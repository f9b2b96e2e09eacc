//! The routes of this dialect: who may use each, what decodes it, and what machines may know of it.

use std::sync::LazyLock;

use super::batch;
use super::openapi::{after, as_of, dialect, fields, limit, matched_by, search, strict, tenant};
use super::requests::{self, CARD_TYPES, PATCH_TYPES};
use crate::dialect::ApiOperation::{
    Bulk, Changes, Create, Delete, Diff, Erase, Get, History, List, Update, Upsert,
};
use crate::dialect::Decode::{Owned, Visible};
use crate::dialect::Route;
use crate::dialect::describe::{NO_CONTACT, OperationSpec, Parameter, STALE, point};
use crate::dialect::route::{DELETE, ERASERS, GET, PATCH, POST, PUT, READERS, WRITERS};

const CONTACTS: &[&str] = &["/contacts"];
const BATCH: &[&str] = &["/contacts/batch"];
const CHANGES: &[&str] = &["/contacts/changes"];
const CONTACT: &[&str] = &["/contacts/{id}"];
const ERASE: &[&str] = &["/contacts/{id}/erase"];
const HISTORY: &[&str] = &["/contacts/{id}/history"];
const DIFF: &[&str] = &["/contacts/{id}/diff"];

const NEW: &[&str] = &["etag", "location"];
const INVALID: (u16, &str) = (400, "The request is not valid; `violations` say where.");
const AMBIGUOUS: (u16, &str) = (409, "The key fits several contacts.");
const OTHERS: (u16, &str) = (409, "The contact belongs to another dialect.");
const GONE: (u16, &str) = (
    410,
    "The contact's personal data was erased (code `gone`), or nobody can read it, for its key is lost (`key_lost`).",
);
const MEDIA_TYPE: (u16, &str) = (415, "The body's media type is another.");
const UNCONDITIONAL: (u16, &str) = (428, "The operator demands an ifMatch of each change.");

/// The parameter that names the tenant of the one contact that a route is about.
fn its_tenant() -> Parameter {
    tenant("The contact's tenant; a contact of another is not found.")
}

/// The parameters that name the two points of a comparison.
fn points() -> [Parameter; 2] {
    [
        Parameter::query("from", "One; before its creation if not given.", point()),
        Parameter::query("to", "The other; now if not given.", point()),
    ]
}

/// The table of routes.
pub static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    vec![
        OperationSpec::new("Create a contact")
            .parameters([tenant("The contact's tenant."), strict()])
            .body_as(&CARD_TYPES, "Card")
            .json(201, "The contact.", "Contact")
            .headers(NEW)
            .errors(&[INVALID, MEDIA_TYPE])
            .route(POST, CONTACTS, Create, WRITERS, Owned(requests::create)),
        OperationSpec::new("Create a contact, or replace the one with the same key")
            .parameters([tenant("The contact's tenant."), matched_by(), strict()])
            .body_as(&CARD_TYPES, "Card")
            .contact(200, "The contact as it is now.", "Contact")
            .json(201, "The contact, which is new.", "Contact")
            .headers(NEW)
            .errors(&[INVALID, AMBIGUOUS, STALE, MEDIA_TYPE])
            .route(PUT, CONTACTS, Upsert, WRITERS, Owned(requests::upsert)),
        OperationSpec::new("Do several changes, each by itself")
            .parameters([tenant("The contacts' tenant."), strict()])
            .body("Batch")
            .json(200, "How each ended, in their order.", "BatchResult")
            .errors(&[INVALID, MEDIA_TYPE, UNCONDITIONAL])
            .route(POST, BATCH, Bulk, WRITERS, Owned(batch::bulk)),
        OperationSpec::new("Find contacts of every dialect")
            .parameters(search())
            .parameters([as_of(), limit()])
            .json(200, "A page of contacts.", "Contacts")
            .errors(&[INVALID])
            .route(GET, CONTACTS, List, READERS, Visible(requests::search)),
        OperationSpec::new("Read what changed since a position")
            .parameters([after(), limit(), tenant("One tenant's alone.")])
            .parameters([dialect(), fields()])
            .json(200, "Changed and deleted contacts.", "Changes")
            .errors(&[INVALID])
            .route(GET, CHANGES, Changes, READERS, Visible(requests::changes)),
        OperationSpec::new("Read a contact")
            .parameters([as_of(), fields(), its_tenant()])
            .contact(200, "The contact.", "Contact")
            .errors(&[INVALID, NO_CONTACT, GONE])
            .route(GET, CONTACT, Get, READERS, Owned(requests::get)),
        OperationSpec::new("Change a contact")
            .parameters([its_tenant(), strict()])
            .body_as(&PATCH_TYPES, "Patch")
            .contact(200, "The contact as it is now.", "Contact")
            .errors(&[INVALID, NO_CONTACT, OTHERS, GONE, STALE, MEDIA_TYPE])
            .route(PATCH, CONTACT, Update, WRITERS, Owned(requests::update)),
        OperationSpec::new("Delete a contact; its past stays readable")
            .parameters([its_tenant()])
            .empty(204, "It is gone.")
            .errors(&[INVALID, NO_CONTACT, GONE, STALE])
            .route(DELETE, CONTACT, Delete, WRITERS, Owned(requests::delete)),
        OperationSpec::new("Destroy a contact's personal data for good")
            .parameters([its_tenant()])
            .body("Erase")
            .json(200, "It is erased; the same again says the same.", "Erased")
            .errors(&[INVALID, NO_CONTACT, STALE, MEDIA_TYPE])
            .route(POST, ERASE, Erase, ERASERS, Owned(requests::erase)),
        OperationSpec::new("Read every change of a contact, the oldest first")
            .parameters([after(), limit(), its_tenant()])
            .json(200, "The changes.", "History")
            .errors(&[INVALID, NO_CONTACT])
            .route(GET, HISTORY, History, READERS, Owned(requests::history)),
        OperationSpec::new("Read what differs between two points of a contact's past")
            .parameters(points())
            .parameters([its_tenant()])
            .json(200, "The difference.", "Diff")
            .errors(&[INVALID, NO_CONTACT, GONE])
            .route(GET, DIFF, Diff, READERS, Owned(requests::diff)),
    ]
});
