//! Describes this dialect to machines, beside what reads and writes it.

use serde_json::{Value, json};

use super::contact::{Details, FORBIDDEN, Kind, rule};
use super::query::PER_PAGE;
use crate::dialect::describe::{
    Description, JSON, Parameter, any_text, count, flag, list, object, or_null, refer, set, text,
    time,
};
use crate::dialect::fields::ANY_TEXT;

/// What machines may know of this dialect.
pub fn description() -> Description {
    Description {
        title: "emnify: contacts of an organisation",
        schemas: vec![
            ("NewContact", new_contact()),
            ("ContactChange", change()),
            ("Contact", contact()),
            ("Contacts", list(refer("Contact"))),
            ("Created", json!({"type": "object", "maxProperties": 0})),
            ("Event", event()),
            ("Events", list(refer("Event"))),
            ("Credentials", credentials()),
            ("AuthToken", object([("auth_token", true, any_text())])),
            ("Error", error()),
        ],
        path: vec![
            Parameter::path(
                "org_id",
                "The organisation's number, or `my` for the caller's own.",
                json!({"type": "string", "pattern": "^([0-9]+|my)$"}),
            ),
            Parameter::path("contact_id", "The contact's number.", number()),
        ],
        error_media_type: JSON,
        non_sensitive: vec![
            ("type", json!({"type": "object"})),
            ("country", json!({"type": "object"})),
        ],
    }
}

/// The parameters of a collection: its page, filter and order.
pub fn collection() -> [Parameter; 4] {
    let most = format!("Items on a page: at most {PER_PAGE}, which is the default.");
    let number = json!({"type": "integer"});
    let mut per_page = number.clone();
    set(&mut per_page, "description", most);
    [
        Parameter::query("page", "The page, from 1.", number),
        Parameter::query("per_page", "Items on a page.", per_page),
        Parameter::query("q", "Conditions: `field:value,field:value`.", any_text()),
        Parameter::query("sort", "The order: `-field,+field`.", any_text()),
    ]
}

fn number() -> Value {
    json!({"type": "integer", "minimum": 1})
}

/// The number in `{"id": 1}`; further members are passed over.
fn reference(id: Value) -> Value {
    object([("id", true, id)])
}

fn kind() -> Value {
    reference(json!({"type": "integer", "enum": Kind::ALL.map(|(_, id, _)| id)}))
}

fn texts() -> impl Iterator<Item = (&'static str, bool, Value)> {
    let names = Details::default().texts().map(|(name, _)| name);
    names
        .into_iter()
        .map(|name| (name, false, or_null(text_read(name))))
}

/// An empty address is none.
fn text_read(name: &str) -> Value {
    text(rule(name))
}

fn country() -> (&'static str, bool, Value) {
    ("country", false, or_null(reference(number())))
}

/// Ids are the server's: they may not be sent.
fn new_contact() -> Value {
    let kind = ("type", true, kind());
    let forbidden = FORBIDDEN.map(|name| (name, false, json!({"type": "null"})));
    let members = [kind, country()].into_iter().chain(texts());
    object(members.chain(forbidden))
}

fn change() -> Value {
    let kind = ("type", false, kind());
    object([kind, country()].into_iter().chain(texts()))
}

fn organisation() -> Value {
    object([("id", true, number()), ("name", true, or_null(any_text()))])
}

fn contact() -> Value {
    let described = object([("id", true, number()), ("description", true, any_text())]);
    let own = [
        ("id", true, number()),
        ("organisation", true, organisation()),
        ("type", true, described),
        ("country", true, or_null(organisation())),
    ];
    let texts = texts().map(|(name, _, _)| (name, true, or_null(text(ANY_TEXT))));
    object(own.into_iter().chain(texts))
}

fn event() -> Value {
    let described = || object([("id", true, count()), ("description", true, any_text())]);
    let of = object([("id", true, or_null(number()))]);
    object([
        ("id", true, number()),
        ("timestamp", true, time()),
        ("alert", true, flag()),
        ("description", true, any_text()),
        ("event_type", true, described()),
        ("event_source", true, described()),
        ("event_severity", true, described()),
        ("organisation", true, organisation()),
        ("user", false, object([("username", true, any_text())])),
        ("detail", true, object([("contact", true, of)])),
    ])
}

fn credentials() -> Value {
    let token = text(ANY_TEXT.not_blank());
    object([("application_token", true, token)])
}

/// The vendor's error; one that wraps others holds them in `errors`.
fn error() -> Value {
    object([
        ("error_code", true, count()),
        ("error_token", true, any_text()),
        ("message", true, any_text()),
        ("errors", false, list(refer("Error"))),
    ])
}
