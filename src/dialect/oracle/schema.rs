//! The vendor's schema as tables: each field once, with its rule and its place in a Card.
//!
//! Reading, the Card, the answers and what an update changed all walk these tables, so that a
//! field cannot be in one of them and missing in another. The order is that of a person's name
//! and of an address as they are written, for a Card's components keep it.
//!
//! Absent on purpose: `versionStart` of every object and `entityId` of addresses and modes. The
//! server assigns them, so what a request says there is ignored. A property's `entityId` is kept:
//! it is free text beside an `entityType` such as INSTITUTION, so it can't be the contact itself.

use chrono::DateTime;

use super::ids::HexId;
use crate::dialect::fields::{ANY_TEXT, Text};

/// One field.
#[derive(Debug)]
pub struct Field {
    /// Its name in the vendor's JSON.
    pub name: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// Where a Card has it.
    pub place: Place,
}

/// What a field may hold.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A text of a rule.
    Text(Text),
    /// An id.
    Id,
    /// True or false.
    Flag,
    /// Objects of a schema, each unlike the others.
    Items {
        /// Their schema.
        schema: &'static Schema,
        /// Whether the field must be there; it may be empty in any case.
        required: bool,
    },
}

/// Where a Card has a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the component of this kind (RFC 9553, sections 2.2.1.2 and 2.5.1.2).
    Component(&'static str),
    /// In a property of the vendor's own.
    Own,
}

/// An object that stands in an array.
#[derive(Debug)]
pub struct Schema {
    /// Its fields.
    pub fields: &'static [Field],
    /// The field that a bare text in the object's stead is: the page's own example has `["test"]`.
    pub bare: Option<&'static str>,
    /// Whether an object with nothing but an `id` stands for one that is known elsewhere, so that
    /// nothing is required of it: the page's own examples are such.
    pub by_reference: bool,
}

/// Items of one array. A contact's record holds no more than this in any case.
pub const ITEMS_MAX: u32 = 1_000;

/// The rule of an id, for the words of what is wrong with it.
pub const ID: Text = ANY_TEXT.of("uuid", |text| HexId::parse(text).is_some());
const TIME: Text = ANY_TEXT.of("date-time", is_time).known_as("date-time");

/// RFC 3339 with the `T` that JSON Schema's `date-time` wants.
fn is_time(text: &str) -> bool {
    matches!(text.as_bytes().get(10), Some(b'T' | b't'))
        && DateTime::parse_from_rfc3339(text).is_ok()
}

/// Whether a text must be there.
pub fn required(field: &Field) -> bool {
    const REQUIRED: [&str; 5] = [
        "firstName",
        "lastName",
        "addressPostalcode",
        "propertyName",
        "propertyValue",
    ];
    REQUIRED.contains(&field.name)
}

const fn field(name: &'static str, kind: Kind, place: Place) -> Field {
    Field { name, kind, place }
}

const fn own(name: &'static str, kind: Kind) -> Field {
    field(name, kind, Place::Own)
}

const fn text(name: &'static str, chars_max: u32) -> Field {
    own(name, Kind::Text(ANY_TEXT.at_most(chars_max)))
}

const fn part(name: &'static str, rule: Text, component: &'static str) -> Field {
    field(name, Kind::Text(rule), Place::Component(component))
}

const COMMENT: Field = text("comment", 2_048);
const REASON: Field = text("reason", 255);
const ENTITY_TYPE: Field = text("entityType", 50);
const ITEM_ID: Field = own("id", Kind::Id);

/// What `contact` holds, but for its `id`: that is the contact's name in the tenant, not its content.
pub static CONTACT: [Field; 19] = [
    part("prefixCodeValue", ANY_TEXT.at_most(200), "title"),
    part("firstName", ANY_TEXT.at_most(100), "given"),
    part("middleName", ANY_TEXT.at_most(100), "given2"),
    part("lastName", ANY_TEXT.at_most(100), "surname"),
    part("suffixCodeValue", ANY_TEXT.at_most(200), "generation"),
    part("degree", ANY_TEXT.at_most(200), "credential"),
    text("contactId", 50),
    own("contactType", Kind::Id),
    own("status", Kind::Id),
    text("statusCodeValue", 200),
    own("prefix", Kind::Id),
    own("suffix", Kind::Id),
    own("primarySpecialityId", Kind::Id),
    text("taxId", 50),
    own("timezone", Kind::Text(ANY_TEXT)),
    own("disbarmentStart", Kind::Text(TIME)),
    own("disbarmentEnd", Kind::Text(TIME)),
    COMMENT,
    REASON,
];

/// What stands beside `contact`.
pub static BESIDE: [Field; 3] = [
    items(ADDRESSES, &ADDRESS, true),
    items(MODES, &MODE, false),
    items(PROPERTIES, &PROPERTY, false),
];

/// The name of a contact's addresses.
pub const ADDRESSES: &str = "contactAddressesDetails";
/// The name of a contact's modes.
pub const MODES: &str = "modes";
/// The name of a contact's properties.
pub const PROPERTIES: &str = "properties";

const fn items(name: &'static str, schema: &'static Schema, required: bool) -> Field {
    own(name, Kind::Items { schema, required })
}

/// An object of which only the `id` counts.
pub static REFERENCE: [Field; 1] = [ITEM_ID];

/// `EntityAddressAssociationDto`.
pub static ADDRESS: Schema = Schema {
    fields: &[
        part("addressStreet1", ANY_TEXT, "name"),
        part("addressStreet2", ANY_TEXT, "apartment"),
        part("addressCity", ANY_TEXT, "locality"),
        part("addressStateOrProvOrCountyCodeValue", ANY_TEXT, "region"),
        part("addressPostalcode", ANY_TEXT.at_most(20), "postcode"),
        part("countryCodeValue", ANY_TEXT.at_most(150), "country"),
        ITEM_ID,
        own("addressStateOrProvOrCounty", Kind::Id),
        own("country", Kind::Id),
        own("addressType", Kind::Id),
        text("addressTypeCodeValue", 150),
        own("mainPrimary", Kind::Flag),
        ENTITY_TYPE,
        items("addressProperties", &PROPERTY, false),
        COMMENT,
        REASON,
    ],
    bare: None,
    by_reference: true,
};

/// `ModeDto`.
pub static MODE: Schema = Schema {
    fields: &[
        ITEM_ID,
        own("mode", Kind::Id),
        text("modeCodeValue", 50),
        ENTITY_TYPE,
        COMMENT,
        REASON,
    ],
    bare: Some("modeCodeValue"),
    by_reference: false,
};

/// `PropertyDto`.
pub static PROPERTY: Schema = Schema {
    fields: &[
        ITEM_ID,
        own("propertyName", Kind::Text(ANY_TEXT.at_most(100))),
        own("propertyValue", Kind::Text(ANY_TEXT.at_most(500))),
        own("entityId", Kind::Text(ANY_TEXT)),
        ENTITY_TYPE,
        COMMENT,
        REASON,
    ],
    bare: None,
    by_reference: true,
};
