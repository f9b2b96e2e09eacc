//! Describes this dialect to machines, beside what reads and writes it.

use serde_json::{Value, json};

use super::contact::{BY, CONTACT};
use super::events;
use super::requests::LIMIT_MAX;
use crate::dialect::describe::{
    Description, Parameter, any_text, list, object, one_of, refer, time, uuid, whole,
};
use crate::dialect::parts::schema;
use crate::dialect::schema::Mode;

/// What machines may know of this dialect.
pub fn description() -> Description {
    Description {
        title: "MATTR VII: points of contact of an ecosystem's participants",
        schemas: vec![
            ("PointOfContact", CONTACT.request(None, Mode::Whole)),
            ("Contact", object(CONTACT.answer_members())),
            ("Contacts", page("Contact")),
            ("By", schema(&BY)),
            ("Event", schema(&events::members())),
            ("Events", page("Event")),
            ("EventTypes", event_types()),
            ("Error", error()),
        ],
        path: vec![
            Parameter::path("ecosystemId", "The ecosystem.", uuid()),
            Parameter::path("participantId", "The participant.", uuid()),
            Parameter::path("contactId", "The contact.", uuid()),
        ],
        non_sensitive: CONTACT.non_sensitive_members(),
    }
}

/// The parameters that choose a page.
pub fn pages() -> [Parameter; 2] {
    [
        Parameter::query("limit", "Entries on the page.", whole(1, LIMIT_MAX)),
        Parameter::query(
            "cursor",
            "The `nextCursor` of the page before.",
            json!({"type": "string", "contentEncoding": "base64url"}),
        ),
    ]
}

/// The parameters that filter events.
pub fn event_filters() -> Vec<Parameter> {
    let texts = |name, about| Parameter::query(name, about, any_text());
    vec![
        texts("ids", "Ids of events, separated by commas."),
        texts("requestIds", "Ids of requests, separated by commas."),
        texts("categories", "Categories; an event of a type is as good."),
        texts("types", "Types; an event of a category is as good."),
        Parameter::query("dateFrom", "The earliest time.", time()),
        Parameter::query("dateTo", "The latest time.", time()),
        texts(
            "managementUserIds",
            "Who acted; `none` is nobody, `*` anybody.",
        ),
        texts("clientIds", "By which client; `none` is none, `*` any one."),
    ]
}

fn page(of: &str) -> Value {
    object([
        ("data", true, list(refer(of))),
        ("nextCursor", false, any_text()),
    ])
}

fn event_types() -> Value {
    let kind = object([("type", true, any_text()), ("category", true, any_text())]);
    object([("data", true, list(kind))])
}

fn error() -> Value {
    let detail = object([
        ("value", false, json!({"description": "What was sent."})),
        ("msg", true, any_text()),
        ("param", true, any_text()),
        ("location", true, one_of(&["body", "params", "query"])),
    ]);
    object([
        ("code", true, any_text()),
        ("message", true, any_text()),
        ("details", false, list(detail)),
    ])
}
