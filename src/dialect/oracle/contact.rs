//! The vendor's contact as a table, and the objects in answers: a contact, one of a list, a version.
//!
//! The order is that of a person's name and of an address as they are written, for a Card's
//! components keep it. Names and addresses are RFC 9553's own in a Card; everything else stands
//! under the vendor's domain. `comment` and `reason` are words about a change, not about the
//! person, so they are no `notes`.
//!
//! `versionStart` of every object and `entityId` of addresses and modes are the server's to assign:
//! what a request says there must be of its type, and is not kept. A property's `entityId` is kept:
//! it is free text beside an `entityType` such as INSTITUTION, so it can't be the contact itself.

use chrono::DateTime;
use serde_json::{Map, Value, json};

use super::ids::{HEX, HexId, id_written};
use crate::dialect::describe::{any_text, list, one_of, text as text_schema, time};
use crate::dialect::fields::{ANY_TEXT, Nulls, Text};
use crate::dialect::parts::{Part, sometimes};
use crate::dialect::schema::{
    Absent, Custom, Field, Group, Items, Kind, NonSensitive, Place, Record, Required, Schema,
    modified_at, read_place, vendor_id, write_places,
};
use crate::domain::{Actor, Contact, Event, Operation};

/// The domain under which the vendor's own properties stand.
const DOMAIN: &str = "oracle.com";
/// The study of a contact that belongs to none: the one of the vendor's example.
const STUDY: &str = "C36A3197FDEE433FB5547EE83DE99E4B";
/// The status of a contact that was given none.
const ACTIVE: &str = "ACTIVE";

/// A contact with what stands beside it. What a request left to the server is filled in where it
/// is shown, never stored: a contact's type and status, the study, when the version began.
pub static CONTACT: Schema = Schema {
    domain: DOMAIN,
    card_kind: Some("individual"),
    nulls: Nulls::Absent,
    absent: Absent::Omitted,
    groups: &[
        Group {
            inside: Some(INSIDE),
            fields: &DETAILS,
        },
        Group::body(&[
            Field::new(ADDRESSES, Kind::Items(&ADDRESS), Place::Custom(&BY_KEY))
                .required(Required::InWhole),
            own(MODES, Kind::Items(&MODE)),
            own(PROPERTIES, Kind::Items(&PROPERTY)),
        ]),
        Group::body(&[
            Field::read_only(AGNOSTIC, || one_of(&YES_NO), |_, _| "N".into()),
            Field::read_only(OF_STUDY, id_written, |_, _| STUDY.into()),
            Field::read_only(SINCE, time, modified_at),
        ]),
    ],
    checks: &[],
};

/// What `contact` holds. Its `id` is the contact's name in the tenant, not a part of its content.
static DETAILS: [Field; 23] = [
    Field::new(ID, Kind::Id(&HEX), Place::Nowhere).made(id_written, true, vendor_id),
    name("prefixCodeValue", ANY_TEXT.at_most(200), "title"),
    name(FIRST_NAME, ANY_TEXT.at_most(100), "given").required(Required::InWhole),
    name(MIDDLE_NAME, ANY_TEXT.at_most(100), "given2"),
    name(LAST_NAME, ANY_TEXT.at_most(100), "surname").required(Required::InWhole),
    name("suffixCodeValue", ANY_TEXT.at_most(200), "generation"),
    name("degree", ANY_TEXT.at_most(200), "credential"),
    text("contactId", 50),
    id(TYPE)
        .made(id_written, true, |_, it| contact_type(it).into())
        .non_sensitive(NonSensitive::Made(TYPE, |it| contact_type(it).into())),
    id(STATUS)
        .made(id_written, true, |_, it| status(it).0.into())
        .non_sensitive(NonSensitive::Made(STATUS, |it| status(it).0.into())),
    text(STATUS_CODE, 200).made(
        || text_schema(ANY_TEXT.at_most(200)),
        false,
        |_, it| status(it).1.into(),
    ),
    id("prefix"),
    id("suffix"),
    id(SPECIALITY),
    text("taxId", 50),
    own("timezone", Kind::Text(ANY_TEXT)),
    own("disbarmentStart", Kind::Text(TIME)),
    own("disbarmentEnd", Kind::Text(TIME)),
    COMMENT,
    REASON,
    VERSION_START,
    STUDY_AGNOSTIC,
    STUDY_ID,
];

/// An item of the vendor's type `EntityAddressAssociationDto`.
pub static ADDRESS: Items = Items {
    schema: "EntityAddressAssociationDto",
    fields: &[
        line("addressStreet1", ANY_TEXT, "name"),
        line("addressStreet2", ANY_TEXT, "apartment"),
        line("addressCity", ANY_TEXT, "locality"),
        line("addressStateOrProvOrCountyCodeValue", ANY_TEXT, "region"),
        line("addressPostalcode", ANY_TEXT.at_most(20), "postcode").required(Required::InWhole),
        line("countryCodeValue", ANY_TEXT.at_most(150), "country"),
        id(ID),
        id(STATE),
        id(COUNTRY),
        id("addressType"),
        text("addressTypeCodeValue", 150),
        own("mainPrimary", Kind::Flag),
        ENTITY_TYPE,
        own(ADDRESS_PROPERTIES, Kind::Items(&PROPERTY)),
        COMMENT,
        REASON,
        ENTITY_ID,
        VERSION_START,
        STUDY_USAGE,
    ],
    max: ITEMS_MAX,
    id: ID,
    bare: None,
    by_reference: true,
    added: &[OF_CONTACT, BEGUN, USAGE],
};

/// `ModeDto`. The page's own example has a bare text: `["test"]`.
pub static MODE: Items = Items {
    schema: "ModeDto",
    fields: &[
        id(ID),
        id(MODE_ID),
        text(MODE_CODE, 50),
        ENTITY_TYPE,
        COMMENT,
        REASON,
        ENTITY_ID,
        VERSION_START,
    ],
    max: ITEMS_MAX,
    id: ID,
    bare: Some(MODE_CODE),
    by_reference: false,
    added: &[OF_CONTACT, BEGUN],
};

/// `PropertyDto`. The page's own examples of it and of addresses have nothing but an `id`.
pub static PROPERTY: Items = Items {
    schema: "PropertyDto",
    fields: &[
        id(ID),
        text("propertyName", 100).required(Required::InWhole),
        text("propertyValue", 500).required(Required::InWhole),
        own(ENTITY, Kind::Text(ANY_TEXT)),
        ENTITY_TYPE,
        COMMENT,
        REASON,
        VERSION_START,
        STUDY_USAGE,
    ],
    max: ITEMS_MAX,
    id: ID,
    bare: None,
    by_reference: true,
    added: &[USAGE],
};

/// The contact that an address or a mode is of, as a list shows it.
const OF_CONTACT: Part<Contact> = sometimes(ENTITY, id_written, |it| it.vendor_id.as_str().into());
/// The time from which on an address or a mode is what it is.
const BEGUN: Part<Contact> = sometimes(SINCE, time, |it| it.modified_at.to_string().into());
/// The studies that use an address or a property: none is known here, so none does.
const USAGE: Part<Contact> = sometimes(USED_BY, || list(any_text()), |_| json!([]));

/// Whether a contact belongs to no study.
const AGNOSTIC: &str = "studyAgnostic";
/// The values of [`AGNOSTIC`].
const YES_NO: [&str; 2] = ["Y", "N"];
/// The study that a contact belongs to.
const OF_STUDY: &str = "studyId";
/// The studies that use an address or a property.
const USED_BY: &str = "studyUsage";
/// The member of a request that holds the contact without what stands beside it.
pub const INSIDE: &str = "contact";
/// The member that is an object's id.
pub const ID: &str = "id";
/// The name of a contact's addresses.
pub const ADDRESSES: &str = "contactAddressesDetails";
/// The name of a contact's modes.
pub const MODES: &str = "modes";
/// The name of a contact's properties.
pub const PROPERTIES: &str = "properties";
/// The field of the given name.
pub const FIRST_NAME: &str = "firstName";
/// The second given name.
pub const MIDDLE_NAME: &str = "middleName";
/// The field of the surname.
pub const LAST_NAME: &str = "lastName";
/// The field of the contact's type.
pub const TYPE: &str = "contactType";
/// The field of the contact's status.
pub const STATUS: &str = "status";
/// The code of the contact's status.
const STATUS_CODE: &str = "statusCodeValue";
/// The contact's primary speciality.
pub const SPECIALITY: &str = "primarySpecialityId";
/// The country of an address.
pub const COUNTRY: &str = "country";
/// The state of an address.
pub const STATE: &str = "addressStateOrProvOrCounty";
/// The properties of an address.
pub const ADDRESS_PROPERTIES: &str = "addressProperties";
/// The id of a mode.
pub const MODE_ID: &str = "mode";
/// The code of a mode.
const MODE_CODE: &str = "modeCodeValue";
/// The time from which on a version is the current one.
const SINCE: &str = "versionStart";
/// The entity that a property names.
pub const ENTITY: &str = "entityId";

/// Items of one list. A contact's record holds no more than this in any case.
const ITEMS_MAX: u32 = 1_000;

const COMMENT: Field = text("comment", 2_048);
const REASON: Field = text("reason", 255);
const ENTITY_TYPE: Field = text("entityType", 50);
/// The time from which on a version is the current one.
const VERSION_START: Field = Field::judged(SINCE, Kind::Text(TIME));
/// What an address or a mode belongs to: its contact.
const ENTITY_ID: Field = Field::judged(ENTITY, Kind::Id(&HEX));
/// No contact belongs to a study here.
const STUDY_AGNOSTIC: Field = Field::judged(AGNOSTIC, Kind::Text(ANY_TEXT.one_of(&YES_NO)));
/// The study that a contact would belong to.
const STUDY_ID: Field = Field::judged(OF_STUDY, Kind::Id(&HEX));
/// The studies that would use an address or a property.
const STUDY_USAGE: Field = Field::judged(USED_BY, Kind::texts(ANY_TEXT, ITEMS_MAX));
const TIME: Text = ANY_TEXT.of("date-time", Some("date-time"), is_time);

const fn own(name: &'static str, kind: Kind) -> Field {
    Field::new(name, kind, Place::Own)
}

const fn id(name: &'static str) -> Field {
    own(name, Kind::Id(&HEX))
}

const fn text(name: &'static str, chars_max: u32) -> Field {
    own(name, Kind::Text(ANY_TEXT.at_most(chars_max)))
}

/// A part of the person's name.
const fn name(name: &'static str, rule: Text, kind: &'static str) -> Field {
    component(name, rule, &["name"], kind)
}

/// A part of an address.
const fn line(name: &'static str, rule: Text, kind: &'static str) -> Field {
    component(name, rule, &[], kind)
}

const fn component(
    name: &'static str,
    rule: Text,
    of: &'static [&'static str],
    kind: &'static str,
) -> Field {
    let place = Place::Component {
        of,
        kind,
        ordered: true,
    };
    Field::text(name, rule, place)
}

/// RFC 3339 with the `T` that JSON Schema's `date-time` wants.
fn is_time(text: &str) -> bool {
    matches!(text.as_bytes().get(10), Some(b'T' | b't'))
        && DateTime::parse_from_rfc3339(text).is_ok()
}

/// A contact's addresses stand in its Card by keys of their places: `address-1`.
static BY_KEY: Custom = Custom {
    property: "addresses",
    write: |addresses, card| {
        let addresses = addresses.as_array().into_iter().flatten();
        let keyed: Map<String, Value> = (1..)
            .zip(addresses)
            .map(|(place, address)| (format!("address-{place}"), to_address(address)))
            .collect();
        if !keyed.is_empty() {
            card.insert("addresses".into(), keyed.into());
        }
    },
    read: |card| {
        let addresses = card.get("addresses").and_then(Value::as_object);
        let addresses = addresses.into_iter().flat_map(Map::values);
        let addresses = addresses.filter_map(Value::as_object).map(from_address);
        Some(addresses.collect())
    },
};

fn to_address(item: &Value) -> Value {
    let mut address = Map::new();
    if let Value::Object(item) = item {
        write_places(ADDRESS.fields, DOMAIN, |name| item.get(name), &mut address);
    }
    if !address.contains_key("components") {
        // An address that is only referred to has nothing to write, and the RFC wants one of its
        // own properties (section 2.5.1).
        address.shift_insert(0, "full".into(), "".into());
    }
    address.into()
}

fn from_address(address: &Map<String, Value>) -> Value {
    let members = ADDRESS.fields.iter().filter_map(|field| {
        let value = read_place(field, DOMAIN, address)?;
        Some((field.name, value))
    });
    members.collect::<Record<'_>>().into()
}

/// The id of a contact's type; one that was given none is a contact.
pub fn contact_type(contact: &Record<'_>) -> String {
    let given = contact.get(TYPE).and_then(Value::as_str).map(str::to_owned);
    given.unwrap_or_else(|| HexId::of_code(TYPE, "CONTACT").to_string())
}

/// The id of a contact's status, and its code where that is known.
pub fn status<'a>(contact: &'a Record<'_>) -> (String, Option<&'a str>) {
    let of_code = |code| HexId::of_code(STATUS, code).to_string();
    let text = |name| contact.get(name).and_then(Value::as_str);
    match (text(STATUS), text(STATUS_CODE)) {
        (Some(id), code) => (id.to_owned(), code),
        (None, Some(code)) if !code.is_empty() => (of_code(code), Some(code)),
        (None, _) => (of_code(ACTIVE), Some(ACTIVE)),
    }
}

/// What stands beside a contact, and is shown in lists alone: its addresses, modes and properties.
pub const BESIDE: [&str; 3] = [ADDRESSES, MODES, PROPERTIES];

/// `Contacts`: a contact without what stands beside it.
pub fn body(contact: &Contact) -> Record<'_> {
    let mut alone = CONTACT.answer(contact);
    alone.retain(|name, _| !BESIDE.contains(&name));
    alone
}

/// One version of the contact of this id, with who made it and when the next one superseded it.
///
/// An end has no content, and nothing that is said of it beside its time.
pub fn version<'a>(
    id: &str,
    event: &Event,
    after: Option<&'a Contact>,
    end: Option<&Event>,
) -> Option<Record<'a>> {
    let operation = match event.header.operation {
        Operation::Create => "CREATE",
        Operation::Update => "UPDATE",
        Operation::Delete | Operation::Erase => "DELETE",
        Operation::Retrieve | Operation::RetrieveList => return None,
    };
    let mut entry = after.map(body).unwrap_or_default();
    entry.insert(ID, id);
    entry.insert("operationType", operation);
    if let Some(user) = user(&event.header.actor) {
        entry.insert("userId", user);
    }
    entry.insert(SINCE, event.header.time.to_string());
    if let Some(end) = end {
        entry.insert("versionEnd", end.header.time.to_string());
    }
    Some(entry)
}

/// The person where the token names one, else the program.
fn user(actor: &Actor) -> Option<&str> {
    let person = actor.user_id.as_deref().or(actor.subject.as_deref());
    person.or(actor.client_id.as_deref())
}
