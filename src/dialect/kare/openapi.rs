//! Describes this dialect to machines, beside what reads and writes it.

use serde_json::{Value, json};

use super::contact::{CONTACT, EXTENSIONS, extended, integer};
use super::issue::PAGE_MAX;
use super::requests::PAGE_SIZE_MAX;
use crate::dialect::describe::{
    Description, Parameter, any_text, count, list, list_up_to, named, object, one_of, refer, whole,
};
use crate::dialect::schema::Mode;
use crate::domain::limits::BATCH_ITEMS_MAX;

/// What machines may know of this dialect.
pub fn description() -> Description {
    Description {
        title: "Kare: contacts of a company",
        schemas: vec![
            ("NewContact", CONTACT.request(None, Mode::Whole)),
            (
                "NewContacts",
                list_up_to(BATCH_ITEMS_MAX, refer("NewContact")),
            ),
            ("ContactChange", CONTACT.request(None, Mode::Patch)),
            ("Inserted", object([("nbInsertion", true, count())])),
            named("Contact").has(CONTACT.answer_members().chain(extended())),
            ("Contacts", page()),
            ("Error", error()),
        ],
        path: vec![
            Parameter::path("companyId", "The company's number.", integer()),
            Parameter::path("contactId", "The contact's number.", integer()),
        ],
        non_sensitive: CONTACT.non_sensitive_members(),
    }
}

/// The parameters of the list.
pub fn pages() -> [Parameter; 3] {
    let shown = one_of(&EXTENSIONS.map(|(name, ..)| name));
    [
        Parameter::query("page", "The page, from 1.", whole(1, PAGE_MAX)),
        Parameter::query("pageSize", "Contacts on a page.", whole(1, PAGE_SIZE_MAX)),
        Parameter::query("extend", "What is shown beside them.", list(shown)),
    ]
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
