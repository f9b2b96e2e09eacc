//! The routes of this dialect: who may use each, what decodes it, and what machines may know of it.

use super::openapi::{filters, rows};
use super::requests;
use crate::dialect::ApiOperation::{Create, Get, History, List, Update};
use crate::dialect::Decode::Owned;
use crate::dialect::Route;
use crate::dialect::describe::{ETAG, OperationSpec};
use crate::dialect::route::{READERS, WRITERS};

const CONTACTS: &[&str] = &["/ec-site-svc/rest/v1.0/contacts"];
const LIST: &[&str] = &["/ec-site-svc/rest/v2.0/contacts"];
const CONTACT: &[&str] = &["/ec-site-svc/rest/v1.0/contacts/{contactId}"];
const HISTORY: &[&str] = &["/ec-site-svc/rest/v1.0/contacts/{contactId}/history"];

const INVALID: (u16, &str) = (400, "The request is not valid.");
const NONE: (u16, &str) = (404, "There is no such contact.");

/// The table of routes.
pub static ROUTES: [Route; 5] = [
    Route::post(Create, CONTACTS, WRITERS, Owned(requests::create), || {
        OperationSpec::new("Create a contact, or name one that is the same")
            .body("ContactModelDto")
            .json(200, "The contact.", "Contacts")
            .headers(ETAG)
            .errors(&[INVALID, (415, "The body's media type is not JSON.")])
    }),
    Route::get(Get, CONTACT, READERS, Owned(requests::get), || {
        OperationSpec::new("Read a contact")
            .json(200, "The contact.", "Contacts")
            .headers(ETAG)
            .errors(&[INVALID, NONE])
    })
    .about("contactId"),
    Route::put(Update, CONTACT, WRITERS, Owned(requests::update), || {
        OperationSpec::new("Replace a contact")
            .body("ContactModelDto")
            .json(200, "The contact as it is now.", "Contacts")
            .headers(ETAG)
            .errors(&[
                INVALID,
                NONE,
                (412, "The contact is at another version."),
                (415, "The body is compressed, or encoded otherwise."),
            ])
    })
    .about("contactId"),
    Route::get(List, LIST, READERS, Owned(requests::list), || {
        OperationSpec::new("List contacts")
            .parameters(filters())
            .json(200, "Part of the list.", "ContactList")
            .errors(&[INVALID])
    }),
    Route::get(History, HISTORY, READERS, Owned(requests::history), || {
        OperationSpec::new("Read a contact's versions, the oldest first")
            .parameters(rows())
            .json(200, "The versions.", "History")
            .errors(&[INVALID, NONE])
    })
    .about("contactId"),
];
