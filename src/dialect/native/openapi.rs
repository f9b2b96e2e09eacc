//! Describes our own API to machines: its operations, and the bodies that are not a Card.

use serde_json::{Value, json};

use super::attempt::Key;
use super::body::MEMBERS;
use super::list::{LIMIT_MAX, SORTS, TEXT_CHARS_MAX};
use super::past::{POINT, change, reasons};
use super::replies::DELETED;
use super::{card_schema, hints};
use crate::dialect::REGISTRY;
use crate::dialect::describe::{
    Description, Parameter, any_text, count, flag, list, list_up_to, named, object, one_of,
    or_null, point, refer, set, time, uuid, whole,
};
use crate::dialect::parts::schema;

/// What machines may know of this dialect.
pub fn description() -> Description {
    let id = || ("id", true, uuid());
    let card = || ("card", true, refer("Card"));
    let patch = ("patch", true, refer("Patch"));
    let key = ("match", true, one_of(&Key::NAMES));
    let mut schemas = vec![
        named("Contact").has(MEMBERS.map(|(name, schema)| (name, true, schema()))),
        named("Contacts").has([
            ("data", true, list(refer("Contact"))),
            ("nextCursor", false, any_text()),
            ("total", false, count()),
        ]),
        (
            "Patch",
            json!({"type": "object", "description": "A JSON merge patch (RFC 7396) of a Card."}),
        ),
        ("Batch", batch()),
        named("BatchCreate").has([op("create"), card()]),
        named("BatchUpdate").has([op("update"), id(), patch, if_match()]),
        named("BatchDelete").has([op("delete"), id(), if_match()]),
        named("BatchUpsert").has([op("upsert"), key, card(), if_match()]),
        ("BatchResult", batch_result()),
        ("Erase", erase()),
        named("Erased").has([("id", true, uuid()), ("position", true, count())]),
        named("Changes").has([
            ("changed", true, list(refer("Contact"))),
            ("deleted", true, list(schema(&DELETED))),
            ("next", true, count()),
            ("more", true, flag()),
        ]),
        named("History").has([
            ("id", true, uuid()),
            ("data", true, list(schema(&change()))),
            ("next", false, count()),
        ]),
        ("Diff", diff()),
        named("Difference").has([
            (
                "field",
                true,
                json!({"type": "string", "format": "json-pointer"}),
            ),
            ("old", false, json!({})),
            ("new", false, json!({})),
        ]),
        named("Actor").has([
            ("clientId", false, any_text()),
            ("managementUserId", false, any_text()),
            ("subject", false, any_text()),
        ]),
        ("Error", error()),
    ];
    schemas.extend(card_schema::schemas());
    Description {
        title: "Contacts as JSContact Cards (RFC 9553), whichever dialect they came by",
        schemas,
        path: vec![Parameter::path("id", "The contact.", uuid())],
        non_sensitive: vec![("kind", any_text())],
    }
}

/// The parameter that names a point of the past.
pub fn as_of() -> Parameter {
    Parameter::query("as_of", "A position or a time of the past.", point())
}

/// The parameter that limits a page.
pub fn limit() -> Parameter {
    let about = "The most that the answer holds.";
    Parameter::query("limit", about, whole(1, LIMIT_MAX))
}

/// The parameter that names the position where the page before ended.
pub fn after() -> Parameter {
    Parameter::query("after", "The position after which to go on.", count())
}

/// The parameter that names the key by which an upsert finds its contact.
pub fn matched_by() -> Parameter {
    let key = one_of(&Key::NAMES);
    Parameter::query("match", "By what it is found.", key).required()
}

/// The parameter that names a tenant.
pub fn tenant(about: &'static str) -> Parameter {
    let text = json!({"type": "string", "minLength": 1, "maxLength": 128});
    Parameter::query("tenant", about, text)
}

/// The parameter that names a dialect.
pub fn dialect() -> Parameter {
    let names: Vec<&str> = REGISTRY.iter().map(|rules| rules.name).collect();
    Parameter::query("dialect", "One dialect's alone.", one_of(&names))
}

/// The parameter that has near misses at properties refused.
pub fn strict() -> Parameter {
    let about = "Whether a member such as `email`, which a Card has as `emails`, is refused. \
        It is kept else, and told of in the header `Contact-Warning`.";
    Parameter::query(hints::STRICT, about, flag())
}

/// The parameters of a search.
pub fn search() -> Vec<Parameter> {
    let words = |name, about| {
        let text = json!({"type": "string", "pattern": r"\S", "maxLength": TEXT_CHARS_MAX});
        Parameter::query(name, about, text)
    };
    let orders: Vec<String> = SORTS
        .iter()
        .flat_map(|(name, _)| [(*name).to_owned(), format!("-{name}")])
        .collect();
    let orders: Vec<&str> = orders.iter().map(String::as_str).collect();
    vec![
        words("q", "Words, or their beginnings, anywhere in a contact."),
        words("email", "An e-mail address, or its beginning."),
        words("phone", "A phone number, by its digits."),
        words("name", "Words of a name, or their beginnings."),
        words(
            "vendor_id",
            "The id that its vendor shows, `vendorId`, in any case.",
        ),
        tenant("One tenant's alone."),
        dialect(),
        Parameter::query("active", "Whether the vendor calls it active.", flag()),
        Parameter::query("created_after", "Created after this time.", time()),
        Parameter::query("created_before", "Created before this time.", time()),
        Parameter::query("updated_after", "Changed after this time.", time()),
        Parameter::query("updated_before", "Changed before this time.", time()),
        Parameter::query(
            "sort",
            "The order; a minus sign turns it round.",
            one_of(&orders),
        ),
        Parameter::query("cursor", "The `nextCursor` of the page before.", any_text()),
        Parameter::query("total", TOTAL, flag()),
        fields(),
    ]
}

/// What a count of contacts is, and when there is none.
const TOTAL: &str = "Whether `total` says how many contacts meet the filters, on all pages. It is left out where \
    more than 20,000 would have to be looked at.";

/// The parameter that names the members to show.
pub fn fields() -> Parameter {
    let names = MEMBERS.map(|(name, _)| name);
    let members = format!("Members to show: {}, card.<property>.", names.join(", "));
    let mut schema = any_text();
    set(&mut schema, "description", members);
    let about = "The members of a contact that are shown, of all: `id,version,card.name`.";
    Parameter::query("fields", about, schema).reshaping()
}

fn batch() -> Value {
    let kinds = ["BatchCreate", "BatchUpdate", "BatchDelete", "BatchUpsert"];
    let operation = json!({ "oneOf": kinds.map(refer) });
    let most = super::rules::RULES.batch_items_max();
    let mut schema = object([("operations", true, list_up_to(most, operation))]);
    let about = "What is to be done with contacts of this API. A vendor's contact, which is another \
                 owner's, is deleted alone.";
    set(&mut schema, "description", about);
    schema
}

/// The member that says what an operation of a batch does.
fn op(name: &'static str) -> (&'static str, bool, Value) {
    ("op", true, one_of(&[name]))
}

fn if_match() -> (&'static str, bool, Value) {
    let version = json!({"anyOf": [count(), any_text()]});
    ("ifMatch", false, version)
}

fn batch_result() -> Value {
    let item = object([
        ("status", true, count()),
        ("id", false, uuid()),
        ("version", false, count()),
        ("error", false, refer("Error")),
    ]);
    object([("results", true, list(item))])
}

fn erase() -> Value {
    let reference = json!({"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"});
    object([("reason", true, reasons()), ("reference", false, reference)])
}

fn diff() -> Value {
    let at = || or_null(schema(&POINT));
    object([
        ("id", true, uuid()),
        ("from", true, at()),
        ("to", true, at()),
        ("changes", true, list(refer("Difference"))),
    ])
}

/// Problem details (RFC 9457).
fn error() -> Value {
    let violation = object([
        ("field", true, any_text()),
        ("code", true, any_text()),
        ("message", true, any_text()),
    ]);
    object([
        ("type", true, any_text()),
        ("title", true, any_text()),
        ("status", true, whole(400, 599)),
        ("code", true, any_text()),
        ("detail", true, any_text()),
        ("violations", false, list(violation)),
    ])
}
