//! Describes this dialect to machines, beside what reads and writes it.

use serde_json::{Value, json};

use super::bulk::SINK_SOURCES;
use super::contact::{EMAIL, NAME};
use super::decode::{LIMIT_MAX, ORGANISATION};
use crate::dialect::describe::{
    Description, JSON, Parameter, any_text, count, list, object, one_of, or_null, refer, set, text,
    time, whole,
};
use crate::domain::limits::BATCH_ITEMS_MAX;

/// What machines may know of this dialect.
pub fn description() -> Description {
    Description {
        title: "Thena: customer contacts of an organisation's accounts",
        schemas: vec![
            ("NewContact", contact_read(true)),
            ("ContactChange", contact_read(false)),
            ("Contact", contact()),
            ("Contacts", list(refer("Contact"))),
            ("Ids", object([("ids", true, list(any_text()))])),
            ("Bulk", bulk()),
            ("BulkResult", bulk_result()),
            ("Ingestion", ingestion()),
            ("Ingested", ingested()),
            ("Error", error()),
        ],
        path: vec![Parameter::path(
            "contactId",
            "The contact: a ULID, perhaps after the prefix `C`.",
            json!({"type": "string", "pattern": "^C?[0-7][0-9A-Za-z]{25}$"}),
        )],
        error_media_type: JSON,
        non_sensitive: vec![
            ("contactTypeId", any_text()),
            ("accountIds", list(any_text())),
        ],
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
        Parameter::query("contactType", "Their type.", any_text()),
    ]
}

/// The members of a contact that is sent. Null is as good as left out.
fn contact_read(new: bool) -> Value {
    let needed = |schema| if new { schema } else { or_null(schema) };
    let free = || or_null(any_text());
    let objects = list(json!({"type": "object"}));
    object([
        ("firstName", new, needed(text(NAME))),
        ("lastName", false, free()),
        ("email", new, needed(text(EMAIL))),
        ("phoneNumber", false, free()),
        ("contactType", false, free()),
        ("avatarUrl", false, free()),
        ("accountIds", false, or_null(list(text(NAME)))),
        ("customFieldValues", false, or_null(objects)),
        ("metadata", false, or_null(json!({"type": "object"}))),
    ])
}

fn contact() -> Value {
    let texts = || list(any_text());
    object([
        ("id", true, ulid()),
        ("firstName", true, any_text()),
        ("lastName", true, any_text()),
        ("email", true, any_text()),
        ("phoneNumber", true, any_text()),
        ("avatarUrl", true, any_text()),
        ("accounts", true, texts()),
        ("contactTypeId", true, any_text()),
        ("contactType", true, any_text()),
        ("customFieldValues", true, texts()),
        ("metadata", true, json!({"type": "object"})),
        ("createdAt", true, time()),
        ("updatedAt", true, time()),
    ])
}

fn ulid() -> Value {
    json!({"type": "string", "pattern": "^[0-7][0-9A-HJKMNP-TV-Z]{25}$"})
}

/// Items are judged one by one, so that a wrong one is no fault of the whole.
fn many() -> Value {
    json!({"type": "array", "items": refer("NewContact"), "maxItems": BATCH_ITEMS_MAX})
}

fn bulk() -> Value {
    let account = text(NAME);
    let accounts = json!({"anyOf": [list(account.clone()), account, {"type": "null"}]});
    let mut contacts = many();
    set(&mut contacts, "minItems", 1);
    object([
        ("contacts", true, contacts),
        ("accountIds", false, accounts),
        ("contactType", false, or_null(any_text())),
        ("source", false, or_null(any_text())),
    ])
}

fn bulk_result() -> Value {
    object([
        ("total", true, count()),
        ("created", true, count()),
        ("skipped", true, count()),
        ("errors", false, list(any_text())),
    ])
}

fn ingestion() -> Value {
    object([
        ("users", true, many()),
        ("sinkSource", true, one_of(&SINK_SOURCES)),
    ])
}

fn ingested() -> Value {
    let user = object([
        ("uid", true, ulid()),
        ("firstName", true, any_text()),
        ("lastName", true, any_text()),
        ("email", true, any_text()),
        ("phoneNumber", true, any_text()),
        ("avatarUrl", true, any_text()),
        ("contactType", true, any_text()),
        ("createdAt", true, time()),
        ("updatedAt", true, time()),
    ]);
    object([
        ("statusCode", true, json!({"const": 200})),
        ("message", true, any_text()),
        ("data", true, list(user)),
        ("errors", false, list(any_text())),
    ])
}

/// NestJS's error: a sentence, or one for each thing wrong.
fn error() -> Value {
    object([
        ("statusCode", true, count()),
        (
            "message",
            true,
            json!({"anyOf": [any_text(), list(any_text())]}),
        ),
        ("error", true, any_text()),
    ])
}
