//! The routes of this dialect: who may use each, what decodes it, and what machines may know of it.

use std::sync::LazyLock;

use super::batch;
use super::openapi::{after, as_of, dialect, fields, limit, matched_by, search, strict, tenant};
use super::requests::{self, CARD_TYPES, PATCH_TYPES};
use crate::dialect::describe::{ETAG, OperationSpec, Parameter, point};
use crate::dialect::route::{ERASERS, READERS, WRITERS};
use crate::dialect::{ApiOperation, Method, Route};

const CONTACTS: &[&str] = &["/contacts"];
const CONTACT: &[&str] = &["/contacts/{id}"];

const NEW: &[&str] = &["etag", "location"];
const INVALID: (u16, &str) = (400, "The request is not valid; `violations` say where.");
const NONE: (u16, &str) = (404, "There is no such contact.");
const GONE: (u16, &str) = (
    410,
    "The contact's personal data was erased (code `gone`), or nobody can read it, for its key is lost (`key_lost`).",
);
const STALE: (u16, &str) = (412, "The contact is at another version.");
const MEDIA_TYPE: (u16, &str) = (415, "The body's media type is another.");

/// The query parameters of each operation, as its spec has them.
static QUERY_NAMES: LazyLock<Vec<(ApiOperation, Vec<&'static str>)>> = LazyLock::new(|| {
    let names = |route: &Route| (route.operation, (route.spec)().query_names());
    ROUTES.iter().map(names).collect()
});

/// The names of the query parameters that an operation takes.
pub fn query_names(operation: ApiOperation) -> &'static [&'static str] {
    let mut known = QUERY_NAMES.iter();
    let found = known.find(|(known, _)| *known == operation);
    found.map_or(&[], |(_, names)| names.as_slice())
}

/// The parameter that names the tenant of the one contact that a route is about.
fn its_tenant() -> Parameter {
    tenant("The contact's tenant; a contact of another is not found.")
}

/// The table of routes.
pub static ROUTES: [Route; 11] = [
    Route::owned(
        ApiOperation::Create,
        Method::Post,
        CONTACTS,
        WRITERS,
        requests::create,
        || {
            OperationSpec::new("Create a contact")
                .parameters([tenant("The contact's tenant."), strict()])
                .body_as(&CARD_TYPES, "Card")
                .json(201, "The contact.", "Contact")
                .headers(NEW)
                .errors(&[INVALID, MEDIA_TYPE])
        },
    ),
    Route::owned(
        ApiOperation::Upsert,
        Method::Put,
        CONTACTS,
        WRITERS,
        requests::upsert,
        || {
            OperationSpec::new("Create a contact, or replace the one with the same key")
                .parameters([tenant("The contact's tenant."), matched_by(), strict()])
                .body_as(&CARD_TYPES, "Card")
                .json(200, "The contact as it is now.", "Contact")
                .headers(ETAG)
                .json(201, "The contact, which is new.", "Contact")
                .headers(NEW)
                .errors(&[
                    INVALID,
                    (409, "The key fits several contacts."),
                    STALE,
                    MEDIA_TYPE,
                ])
        },
    ),
    Route::owned(
        ApiOperation::Bulk,
        Method::Post,
        &["/contacts/batch"],
        WRITERS,
        batch::bulk,
        || {
            OperationSpec::new("Do several changes, each by itself")
                .parameters([tenant("The contacts' tenant."), strict()])
                .body("Batch")
                .json(200, "How each ended, in their order.", "BatchResult")
                .errors(&[
                    INVALID,
                    MEDIA_TYPE,
                    (428, "The operator demands an ifMatch of each change."),
                ])
        },
    ),
    Route::visible(
        ApiOperation::List,
        Method::Get,
        CONTACTS,
        READERS,
        requests::search,
        || {
            OperationSpec::new("Find contacts of every dialect")
                .parameters(search())
                .parameters([as_of(), limit()])
                .json(200, "A page of contacts.", "Contacts")
                .errors(&[INVALID])
        },
    ),
    Route::visible(
        ApiOperation::Changes,
        Method::Get,
        &["/contacts/changes"],
        READERS,
        requests::changes,
        || {
            OperationSpec::new("Read what changed since a position")
                .parameters([after(), limit(), tenant("One tenant's alone.")])
                .parameters([dialect(), fields()])
                .json(200, "Changed and deleted contacts.", "Changes")
                .errors(&[INVALID])
        },
    ),
    Route::owned(
        ApiOperation::Get,
        Method::Get,
        CONTACT,
        READERS,
        requests::get,
        || {
            OperationSpec::new("Read a contact")
                .parameters([as_of(), fields(), its_tenant()])
                .json(200, "The contact.", "Contact")
                .headers(ETAG)
                .errors(&[INVALID, NONE, GONE])
        },
    )
    .about("id"),
    Route::owned(
        ApiOperation::Update,
        Method::Patch,
        CONTACT,
        WRITERS,
        requests::update,
        || {
            OperationSpec::new("Change a contact")
                .parameters([its_tenant(), strict()])
                .body_as(&PATCH_TYPES, "Patch")
                .json(200, "The contact as it is now.", "Contact")
                .headers(ETAG)
                .errors(&[
                    INVALID,
                    NONE,
                    (409, "The contact belongs to another dialect."),
                    GONE,
                    STALE,
                    MEDIA_TYPE,
                ])
        },
    )
    .about("id"),
    Route::owned(
        ApiOperation::Delete,
        Method::Delete,
        CONTACT,
        WRITERS,
        requests::delete,
        || {
            OperationSpec::new("Delete a contact; its past stays readable")
                .parameters([its_tenant()])
                .empty(204, "It is gone.")
                .errors(&[INVALID, NONE, GONE, STALE])
        },
    )
    .about("id"),
    Route::owned(
        ApiOperation::Erase,
        Method::Post,
        &["/contacts/{id}/erase"],
        ERASERS,
        requests::erase,
        || {
            OperationSpec::new("Destroy a contact's personal data for good")
                .parameters([its_tenant()])
                .body("Erase")
                .json(200, "It is erased; the same again says the same.", "Erased")
                .errors(&[INVALID, NONE, STALE, MEDIA_TYPE])
        },
    )
    .about("id"),
    Route::owned(
        ApiOperation::History,
        Method::Get,
        &["/contacts/{id}/history"],
        READERS,
        requests::history,
        || {
            OperationSpec::new("Read every change of a contact, the oldest first")
                .parameters([after(), limit(), its_tenant()])
                .json(200, "The changes.", "History")
                .errors(&[INVALID, NONE])
        },
    )
    .about("id"),
    Route::owned(
        ApiOperation::Diff,
        Method::Get,
        &["/contacts/{id}/diff"],
        READERS,
        requests::diff,
        || {
            OperationSpec::new("Read what differs between two points of a contact's past")
                .parameters([
                    Parameter::query("from", "One; before its creation if not given.", point()),
                    Parameter::query("to", "The other; now if not given.", point()),
                    its_tenant(),
                ])
                .json(200, "The difference.", "Diff")
                .errors(&[INVALID, NONE, GONE])
        },
    )
    .about("id"),
];
