//! The vendor's contact as a table.

use serde_json::{Value, json};

use crate::dialect::describe::{any_text, object, positive};
use crate::dialect::email::is_email;
use crate::dialect::fields::{ANY_TEXT, Nulls, Text};
use crate::dialect::schema::Place::{At, Own, OwnAs, Phone};
use crate::dialect::schema::{
    Absent, Codes, Custom, Field, Group, Kind, NonSensitive, Place, Record, Required, Schema, at,
};
use crate::domain::{Problem, Violation};

/// What a contact is for. 1 and 5 are in the vendor's own SDK; the others follow the order of its
/// page.
static TYPES: Codes = Codes {
    names: &[
        (1, "Commercial"),
        (2, "Technical"),
        (3, "Finance"),
        (4, "Shipping address"),
        (5, "Company address"),
        (INVOICE_ADDRESS, "Invoice address"),
    ],
    open: false,
    label: "description",
};

/// The type that alone may have a purchase order number.
const INVOICE_ADDRESS: u64 = 6;

/// The countries whose numbers the vendor's pages tell.
static COUNTRIES: Codes = Codes {
    names: &[(14, "Australia"), (74, "Germany")],
    open: true,
    label: "name",
};

/// An empty address is none.
const EMAIL: Text = ANY_TEXT
    .of("Email", Some("email"), is_email)
    .empty_is_none();

const TYPE: &str = "type";
const PURCHASE_ORDER: &str = "purchase_order_number";
/// The server's id of a contact, and of its organisation: a new contact may not have them.
pub const ID: &str = "id";
/// The contact's organisation, which is the server's to know.
pub const ORGANISATION: &str = "organisation";

/// A contact of an organisation. Phone numbers are free text, and so is a postcode: it may start
/// with a zero.
pub static CONTACT: Schema = Schema {
    domain: "emnify.com",
    card_kind: None,
    nulls: Nulls::Clears,
    absent: Absent::Null,
    groups: &[Group::body(&[
        Field::read_only(ID, positive, |it, _| number(&it.vendor_id)),
        Field::read_only(ORGANISATION, organisation_schema, |it, _| {
            organisation(it.owner.tenant())
        }),
        Field::new(TYPE, Kind::Code(&TYPES), Own)
            .required(Required::InWhole)
            .non_sensitive(NonSensitive::Plain),
        Field::new("country", Kind::Code(&COUNTRIES), Own).non_sensitive(NonSensitive::Plain),
        text("name", At(&["name", "full"])),
        text("title", Place::component(&["name"], "title")),
        text("department", Place::Custom(&DEPARTMENT)),
        text("street", Place::component(ADDRESS, "name")),
        text("zipcode", Place::component(ADDRESS, "postcode")),
        text("city", Place::component(ADDRESS, "locality")),
        Field::text("email", EMAIL, At(&["emails", "email", "address"])),
        text("phone", Phone("phone", "voice")),
        text("mobile", Phone("mobile", "mobile")),
        text("state", Place::component(ADDRESS, "region")),
        text("secondary_address", OwnAs("secondaryAddress")),
        text(PURCHASE_ORDER, OwnAs("purchaseOrderNumber")),
    ])],
    checks: &[order_of_invoice],
};

const ADDRESS: &[&str] = &["addresses", "address"];

const fn text(name: &'static str, place: Place) -> Field {
    Field::text(name, ANY_TEXT, place)
}

/// A department is the first unit of an organisation whose name is not known here.
static DEPARTMENT: Custom = Custom {
    property: "organizations",
    write: |name, card| {
        let organizations = json!({"org": {"units": [{"name": name}]}});
        card.insert("organizations".to_owned(), organizations);
    },
    read: |card| {
        let units = at(card, &["organizations", "org", "units"])?;
        units.get(0)?.get("name").cloned()
    },
};

fn order_of_invoice(contact: &Record<'_>) -> Option<Violation> {
    let is_invoice = contact.get(TYPE).and_then(Value::as_u64) == Some(INVOICE_ADDRESS);
    let wrong = !is_invoice && contact.get(PURCHASE_ORDER).is_some();
    wrong.then(|| Violation::new(PURCHASE_ORDER, Problem::OnlyFor("invoice contacts")))
}

/// An organisation as answers name it. Its name is not ours to know, so it is left out.
pub fn organisation(id: &str) -> Value {
    json!({"id": number(id)})
}

/// The JSON Schema of an organisation.
pub fn organisation_schema() -> Value {
    object([("id", true, positive()), ("name", false, any_text())])
}

/// An id of digits, as a number.
fn number(id: &str) -> Value {
    id.parse::<u64>().map_or(Value::Null, Value::from)
}
