//! Describes this dialect to machines, out of the tables that read and write it.

use serde_json::{Value, json};

use super::contact::{ADDRESS, ADDRESSES, BESIDE, CONTACT, ID, MODE, MODES, PROPERTIES, PROPERTY};
use super::filter::{ENTITIES_OPTIONS, LIMIT_MAX, OFFSET_MAX, ORDERS};
use super::ids::id_read;
use crate::dialect::describe::{
    Description, Parameter, any_text, count, list, object, one_of, refer, time, whole,
};
use crate::dialect::parts::members;
use crate::dialect::schema::{Member, Mode, item, item_members};

/// What machines may know of this dialect.
pub fn description() -> Description {
    Description {
        title: "Oracle Clinical One: contacts of the site service",
        schemas: vec![
            ("ContactModelDto", request()),
            ("ContactDto", CONTACT.request(Some("contact"), Mode::Whole)),
            (ADDRESS.schema, item(&ADDRESS, CONTACT.nulls)),
            (MODE.schema, item(&MODE, CONTACT.nulls)),
            (PROPERTY.schema, item(&PROPERTY, CONTACT.nulls)),
            ("Contacts", object(contact())),
            ("ListedContact", listed()),
            ("ContactList", contact_list()),
            ("History", list(version())),
            ("Error", error()),
        ],
        path: vec![Parameter::path(
            "contactId",
            "The record's id, which is not the business identifier of the same name.",
            id_read(),
        )],
        non_sensitive: CONTACT.non_sensitive_members(),
    }
}

/// The parameters of the list.
pub fn filters() -> Vec<Parameter> {
    let short = |max: u32| json!({"type": "string", "maxLength": max, "pattern": r"\S"});
    let id = |name, about| Parameter::query(name, about, id_read());
    let mut filters = vec![
        Parameter::query("contactType", "A type: its id or its code.", short(50)),
        Parameter::query("name", "A part of the name, in any case.", short(255)),
        Parameter::query("status", "A status: its id or its code.", short(200)),
        id("specialityId", "The primary speciality."),
        id("countryId", "The country of an address."),
        id("stateId", "The state of an address."),
        id("investigatorId", "The contact itself."),
        id("modeId", "A mode."),
        Parameter::query(
            "entitiesOption",
            "Whether a property of the contact names an entity.",
            one_of(&ENTITIES_OPTIONS),
        ),
        id("entityId", "That entity."),
        Parameter::query("order", "The order of creation.", one_of(&ORDERS)),
    ];
    filters.extend(rows());
    filters
}

/// The parameters that choose a part of a list.
pub fn rows() -> [Parameter; 2] {
    [
        Parameter::query("limit", "Rows, at most.", whole(0, LIMIT_MAX)),
        Parameter::query("offset", "Rows to pass over.", whole(0, OFFSET_MAX)),
    ]
}

fn request() -> Value {
    let contact = ("contact", true, refer("ContactDto"));
    let beside = CONTACT.request_members(None, Mode::Whole);
    object([contact].into_iter().chain(beside))
}

/// A contact without what stands beside it.
fn contact() -> Vec<Member> {
    let members = CONTACT.answer_members();
    members
        .filter(|(name, ..)| !BESIDE.contains(name))
        .collect()
}

fn listed() -> Value {
    let beside = [
        (ADDRESSES, &ADDRESS),
        (MODES, &MODE),
        (PROPERTIES, &PROPERTY),
    ];
    let beside = beside.map(|(name, items)| {
        let members = item_members(items).chain(members(items.added));
        (name, false, list(object(members)))
    });
    object(contact().into_iter().chain(beside))
}

fn contact_list() -> Value {
    let result = object([
        ("hasMore", true, one_of(&["true", "false"])),
        ("totalResults", true, count()),
        ("count", true, count()),
        ("data", true, list(refer("ListedContact"))),
    ]);
    object([
        ("status", true, one_of(&["success"])),
        ("result", true, result),
    ])
}

/// A version of a contact, of which an end has nothing but its time.
fn version() -> Value {
    let of_version = [
        (
            "operationType",
            true,
            one_of(&["CREATE", "UPDATE", "DELETE"]),
        ),
        ("userId", false, any_text()),
        ("versionEnd", false, time()),
    ];
    let contact = contact().into_iter().map(|(name, _, schema)| {
        let always = [ID, "versionStart"].contains(&name);
        (name, always, schema)
    });
    object(contact.chain(of_version))
}

/// `SDFResponse` of an error.
fn error() -> Value {
    let detail = || [("field", true, any_text()), ("reason", true, any_text())];
    let all = [("violations", false, list(object(detail())))];
    let details = object(detail().into_iter().chain(all));
    let data = object([
        ("errorCode", true, any_text()),
        ("errorMessage", true, any_text()),
        ("details", false, details),
    ]);
    object([
        ("status", true, one_of(&["error"])),
        ("errorData", true, data),
    ])
}
