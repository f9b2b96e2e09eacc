//! Describes this dialect to machines, beside what reads and writes it.

use serde_json::{Value, json};

use super::contact::{COMMENT, EMAIL, NAME, PHONE, PHONES_MAX};
use super::decode::PAGE_SIZE_MAX;
use super::issue::{PAGE_MAX, SAFE_MAX};
use crate::dialect::describe::{
    Description, JSON, Parameter, any_text, count, flag, list, object, one_of, or_null, refer,
    text, time, whole,
};
use crate::domain::limits::BATCH_ITEMS_MAX;

/// What machines may know of this dialect.
pub fn description() -> Description {
    Description {
        title: "Kare: contacts of a company",
        schemas: vec![
            ("NewContact", contact_read(true)),
            ("NewContacts", many()),
            ("ContactChange", contact_read(false)),
            ("Inserted", object([("nbInsertion", true, count())])),
            ("Contact", contact()),
            ("Contacts", page()),
            ("Error", error()),
        ],
        path: vec![
            Parameter::path("companyId", "The company's number.", integer()),
            Parameter::path("contactId", "The contact's number.", integer()),
        ],
        error_media_type: JSON,
        non_sensitive: vec![("notify", flag())],
    }
}

/// The parameters of the list.
pub fn pages() -> [Parameter; 3] {
    let shown = one_of(&["company", "actions-info"]);
    [
        Parameter::query("page", "The page, from 1.", whole(1, PAGE_MAX)),
        Parameter::query("pageSize", "Contacts on a page.", whole(1, PAGE_SIZE_MAX)),
        Parameter::query("extend", "What is shown beside them.", list(shown)),
    ]
}

fn integer() -> Value {
    whole(-SAFE_MAX, SAFE_MAX)
}

/// The members of a contact that is sent; a change must say `notify` and nothing else.
fn contact_read(new: bool) -> Value {
    let phones = json!({"type": "array", "items": text(PHONE), "maxItems": PHONES_MAX});
    object([
        ("name", new, text(NAME)),
        ("notify", true, flag()),
        ("email", false, or_null(text(EMAIL))),
        ("phones", false, phones),
        ("comment", false, or_null(text(COMMENT))),
    ])
}

fn many() -> Value {
    json!({"type": "array", "items": refer("NewContact"), "maxItems": BATCH_ITEMS_MAX})
}

fn contact() -> Value {
    let nullable = || or_null(any_text());
    let company = object([
        ("id", true, integer()),
        ("name", true, nullable()),
        ("type", true, or_null(integer())),
        ("location", true, nullable()),
        ("archivedAt", true, nullable()),
        ("createdAt", true, nullable()),
    ]);
    let actions = object([
        ("canBeUpdated", true, flag()),
        ("canBeDeleted", true, flag()),
    ]);
    object([
        ("id", true, integer()),
        ("name", true, any_text()),
        ("email", true, nullable()),
        ("phones", true, list(any_text())),
        ("comment", true, nullable()),
        ("companyId", true, integer()),
        ("notifyAt", true, or_null(time())),
        ("updatedAt", true, time()),
        ("createdAt", true, time()),
        ("company", false, company),
        ("actions", false, actions),
    ])
}

fn page() -> Value {
    let pagination = object([("page", true, count()), ("pageSize", true, count())]);
    object([
        ("data", true, list(refer("Contact"))),
        ("totalCount", true, count()),
        ("pagination", true, pagination),
    ])
}

/// A message, and zod's issues where the content is wrong.
fn error() -> Value {
    let step = json!({"type": ["string", "integer"]});
    let issue = object([("path", true, list(step)), ("message", true, any_text())]);
    object([
        ("message", true, any_text()),
        ("issues", false, list(issue)),
    ])
}
