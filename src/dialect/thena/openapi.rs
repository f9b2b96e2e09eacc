//! Describes this dialect to machines, beside what reads and writes it.

use serde_json::{Value, json};

use super::bulk::SINK_SOURCES;
use super::contact::{COMMON, CONTACT, TYPE, user_members};
use super::requests::{LIMIT_MAX, ORGANISATION};
use crate::dialect::describe::{
    Description, Parameter, any_text, count, list, list_up_to, named, object, one_of, refer, set,
    whole,
};
use crate::dialect::schema::Mode;
use crate::domain::limits::BATCH_ITEMS_MAX;

/// What machines may know of this dialect.
pub fn description() -> Description {
    Description {
        title: "Thena: customer contacts of an organisation's accounts",
        schemas: vec![
            ("NewContact", CONTACT.request(None, Mode::Whole)),
            ("ContactChange", CONTACT.request(None, Mode::Patch)),
            ("Contact", object(CONTACT.answer_members())),
            ("Contacts", list(refer("Contact"))),
            ("Ids", object([("ids", true, list(any_text()))])),
            ("Bulk", bulk()),
            named("BulkResult").has([
                ("total", true, count()),
                ("created", true, count()),
                ("skipped", true, count()),
                ("errors", false, list(any_text())),
            ]),
            named("Ingestion").has([
                ("users", true, many()),
                ("sinkSource", true, one_of(&SINK_SOURCES)),
            ]),
            named("Ingested").has([
                ("statusCode", true, json!({"const": 200})),
                ("message", true, any_text()),
                ("data", true, list(object(user_members()))),
                ("errors", false, list(any_text())),
            ]),
            // NestJS's error: a sentence, or one for each thing wrong.
            named("Error").has([
                ("statusCode", true, count()),
                (
                    "message",
                    true,
                    json!({"anyOf": [any_text(), list(any_text())]}),
                ),
                ("error", true, any_text()),
            ]),
        ],
        path: vec![Parameter::path(
            "contactId",
            "The contact: a ULID, perhaps after the prefix `C`.",
            json!({"type": "string", "pattern": "^C?[0-7][0-9A-Za-z]{25}$"}),
        )],
        non_sensitive: CONTACT.non_sensitive_members(),
    }
}

/// The header that names the organisation.
pub fn organisation() -> Parameter {
    let visible = json!({"type": "string", "pattern": "^[!-~]{1,128}$"});
    let about = "The organisation. Only the local developer may leave it out.";
    Parameter::header(ORGANISATION, about, visible)
}

/// The parameters of the list.
pub fn pages() -> [Parameter; 4] {
    [
        Parameter::query("page", "The page, from 1.", whole(1, u32::MAX)),
        Parameter::query("limit", "Contacts on a page.", whole(1, LIMIT_MAX)),
        Parameter::query("accountId", "An account that they belong to.", any_text()),
        Parameter::query(TYPE, "Their type.", any_text()),
    ]
}

/// Items are judged one by one, so that a wrong one is no fault of the whole.
fn many() -> Value {
    list_up_to(BATCH_ITEMS_MAX, refer("NewContact"))
}

fn bulk() -> Value {
    let mut contacts = many();
    set(&mut contacts, "minItems", 1);
    let common = COMMON.request_members(None, Mode::Whole);
    object([("contacts", true, contacts)].into_iter().chain(common))
}
