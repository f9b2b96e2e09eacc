//! Describes this dialect to machines, beside what reads and writes it.

use serde_json::{Value, json};

use super::contact::CONTACT;
use super::events;
use super::filter::PER_PAGE;
use super::requests::{APPLICATION_TOKEN, CREDENTIALS, FORBIDDEN};
use crate::dialect::describe::{
    Description, Parameter, any_text, count, list, named, object, positive, refer, set, text,
};
use crate::dialect::fields::ANY_TEXT;
use crate::dialect::parts::schema;
use crate::dialect::schema::Mode;

/// What machines may know of this dialect.
pub fn description() -> Description {
    Description {
        title: "emnify: contacts of an organisation",
        schemas: vec![
            ("NewContact", new_contact()),
            ("ContactChange", change()),
            ("Contact", object(CONTACT.answer_members())),
            ("Contacts", list(refer("Contact"))),
            ("Created", json!({"type": "object", "maxProperties": 0})),
            ("Event", schema(&events::MEMBERS)),
            ("Events", list(refer("Event"))),
            ("Credentials", credentials()),
            ("AuthToken", object([("auth_token", true, any_text())])),
            // The vendor's error; one that wraps others holds them in `errors`.
            named("Error").has([
                ("error_code", true, count()),
                ("error_token", true, any_text()),
                ("message", true, any_text()),
                ("errors", false, list(refer("Error"))),
            ]),
        ],
        path: vec![
            Parameter::path(
                "org_id",
                "The organisation's number, or `my` for the caller's own.",
                json!({"type": "string", "pattern": "^([0-9]+|my)$"}),
            ),
            Parameter::path("contact_id", "The contact's number.", positive()),
        ],
        non_sensitive: CONTACT.non_sensitive_members(),
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

/// Ids are the server's: they may not be sent.
fn new_contact() -> Value {
    let mut schema = CONTACT.request(None, Mode::Whole);
    let forbidden = FORBIDDEN.join("`, `");
    let about = format!("The server gives `{forbidden}`: a body that has one is refused.");
    set(&mut schema, "description", about);
    schema
}

/// The schema of a change's body. It takes the ids of the contact that is changed, so that an answer can be
/// sent back as it was read.
fn change() -> Value {
    let mut schema = CONTACT.request(None, Mode::Patch);
    let ids = FORBIDDEN.join("`, `");
    let about =
        format!("`{ids}` may be sent as the contact has them: a body with others is refused.");
    set(&mut schema, "description", about);
    schema
}

/// An application's token, or in open mode whatever a person has.
fn credentials() -> Value {
    let text = |name| (name, false, text(ANY_TEXT.not_blank()));
    let all = [APPLICATION_TOKEN].into_iter().chain(CREDENTIALS);
    object(all.map(text))
}
