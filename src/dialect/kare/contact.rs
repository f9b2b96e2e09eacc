//! The vendor's contact as a table, and what a list shows beside it.

use serde_json::{Map, Value, json};

use super::email::is_email;
use super::issue::SAFE_MAX;
use crate::dialect::describe::{any_text, flag, or_null, time, whole};
use crate::dialect::fields::{ANY_TEXT, Nulls, Text};
use crate::dialect::parts::{Part, always, schema, show};
use crate::dialect::schema::Place::{At, Own};
use crate::dialect::schema::{
    Absent, Custom, Field, Group, Kind, Member, NonSensitive, Place, Record, Required, Schema,
    Shown, created_at, modified_at,
};
use crate::domain::Contact;

const NAME: Text = ANY_TEXT.at_most(250);
const EMAIL: Text = ANY_TEXT
    .at_most(250)
    .of("email address", Some("email"), is_email)
    .all_told();
const COMMENT: Text = ANY_TEXT.at_most(2_500);
const PHONES: Kind = Kind::texts(ANY_TEXT.at_most(50), 5);

/// Whether the contact is to be notified.
pub const NOTIFY: &str = "notify";
/// The time of the last write that asked for a notification; null where none is wanted.
pub const NOTIFY_AT: &str = "notifyAt";
/// The time of that write where later ones have kept it; a contact whose last write asked has none.
pub const NOTIFIED_AT: &str = "notifiedAt";

/// A company's contact. Its name may be empty; phone numbers are free text.
pub static CONTACT: Schema = Schema {
    domain: "kare-app.fr",
    card_kind: Some("individual"),
    nulls: Nulls::Refused,
    absent: Absent::Null,
    groups: &[Group::body(&[
        Field::read_only("id", integer, |it, _| number(&it.vendor_id)),
        Field::text("name", NAME, At(&["name", "full"])).required(Required::InWhole),
        Field::new(NOTIFY, Kind::Flag, Own)
            .required(Required::Always)
            .shown(Shown::Never)
            .non_sensitive(NonSensitive::Plain),
        Field::text(NOTIFIED_AT, ANY_TEXT, Own).shown(Shown::Internal),
        Field::text("email", EMAIL, At(&["emails", "email", "address"])).null_clears(),
        Field::new("phones", PHONES, Place::Custom(&BY_KEY)),
        Field::text("comment", COMMENT, At(&["notes", "comment", "note"])).null_clears(),
        Field::read_only("companyId", integer, |it, _| number(it.owner.tenant())),
        Field::read_only(NOTIFY_AT, || or_null(time()), notify_at),
        Field::read_only("updatedAt", time, modified_at),
        Field::read_only("createdAt", time, created_at),
    ])],
    checks: &[],
};

/// The phone numbers stand in a Card by keys of their places: `p1`.
static BY_KEY: Custom = Custom {
    property: "phones",
    write: |numbers, card| {
        let numbers = numbers.as_array().into_iter().flatten();
        let keyed = (1..).zip(numbers);
        let keyed = keyed.map(|(place, number)| (key(place), json!({"number": number})));
        card.insert("phones".into(), keyed.collect::<Map<_, _>>().into());
    },
    read: |card| {
        let phones = card.get("phones")?;
        let number = |place| phones.get(key(place))?.get("number").cloned();
        Some((1..).map_while(number).collect())
    },
};

fn key(place: u32) -> String {
    format!("p{place}")
}

/// The time of the last write that said `notify: true`.
///
/// Every write of this vendor must say `notify`, so that is the last one of all, as the vendor's own
/// examples have it, unless a contact was sent back as it was read.
fn notify_at(contact: &Contact, record: &Record<'_>) -> Value {
    match (record.get(NOTIFY), record.get(NOTIFIED_AT)) {
        (Some(Value::Bool(true)), Some(kept)) => kept.clone(),
        (Some(Value::Bool(true)), None) => modified_at(contact, record),
        _ => Value::Null,
    }
}

/// The company of a contact, of which only its number is known here.
static COMPANY: [Part<Contact>; 6] = [
    always("id", integer, |it| number(it.owner.tenant())),
    always("name", text_or_null, |_| Value::Null),
    always("type", || or_null(integer()), |_| Value::Null),
    always("location", text_or_null, |_| Value::Null),
    always("archivedAt", text_or_null, |_| Value::Null),
    always("createdAt", text_or_null, |_| Value::Null),
];

/// What can be done with a contact, which is all there is.
static ACTIONS: [Part<Contact>; 2] = [
    always("canBeUpdated", flag, |_| true.into()),
    always("canBeDeleted", flag, |_| true.into()),
];

fn text_or_null() -> Value {
    or_null(any_text())
}

/// A name that `extend` takes, the member that it adds, and what the member holds.
type Extension = (&'static str, &'static str, &'static [Part<Contact>]);

/// The values of the query parameter `extend`, each with the member that it adds to a listed contact.
pub static EXTENSIONS: [Extension; 2] = [
    ("company", "company", &COMPANY),
    ("actions-info", "actions", &ACTIONS),
];

/// The vendor's answer that holds a contact, with what was asked for beside it.
pub fn body<'a>(contact: &'a Contact, extend: &[String]) -> Record<'a> {
    let mut body = CONTACT.answer(contact);
    let asked = |(name, ..): &&Extension| extend.iter().any(|it| it == name);
    let added = EXTENSIONS.iter().filter(asked);
    for (_, member, parts) in added {
        body.insert(member, show(parts, contact));
    }
    body
}

/// The JSON Schemas of what [`EXTENSIONS`] add.
pub fn extended() -> [Member; 2] {
    EXTENSIONS.map(|(_, member, parts)| (member, false, schema(parts)))
}

/// An id as the number that it is.
fn number(id: &str) -> Value {
    id.parse::<i64>().map_or_else(|_| id.into(), Value::from)
}

/// The JSON Schema of a number that the vendor's language counts exactly.
pub fn integer() -> Value {
    whole(-SAFE_MAX, SAFE_MAX)
}
