//! Describes this dialect to machines, out of the tables that read and write it.

use serde_json::{Value, json};

use super::filter::{LIMIT_MAX, OFFSET_MAX};
use super::schema::{ADDRESS, BESIDE, CONTACT, Field, Kind, MODE, PROPERTY, Schema, required};
use crate::dialect::describe::{
    Described, Description, JSON, Parameter, any_text, count, flag, list, object, one_of, or_null,
    refer, text, time, whole,
};

/// What machines may know of this dialect.
pub fn description() -> Description {
    Description {
        title: "Oracle Clinical One: contacts of the site service",
        schemas: vec![
            ("ContactModelDto", request()),
            ("ContactDto", contact_dto()),
            ("EntityAddressAssociationDto", item(&ADDRESS)),
            ("ModeDto", item(&MODE)),
            ("PropertyDto", item(&PROPERTY)),
            ("Contacts", object(contact(true))),
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
        operations: operations(),
        error_media_type: JSON,
        non_sensitive: vec![("contactType", id_written()), ("status", id_written())],
    }
}

fn operations() -> Vec<Described> {
    const ETAG: &[&str] = &["etag"];
    const INVALID: (u16, &str) = (400, "The request is not valid.");
    const NONE: (u16, &str) = (404, "There is no such contact.");
    vec![
        Described::new("create", "Create a contact, or name one that is the same")
            .takes("ContactModelDto")
            .gives(200, "The contact.", "Contacts")
            .headed(ETAG)
            .fails(&[INVALID, (415, "The body's media type is not JSON.")]),
        Described::new("get", "Read a contact")
            .gives(200, "The contact.", "Contacts")
            .headed(ETAG)
            .fails(&[INVALID, NONE]),
        Described::new("update", "Replace a contact")
            .takes("ContactModelDto")
            .gives(200, "The contact as it is now.", "Contacts")
            .headed(ETAG)
            .fails(&[INVALID, NONE, (412, "The contact is at another version.")]),
        Described::new("list", "List contacts")
            .with(filters())
            .gives(200, "Part of the list.", "ContactList")
            .fails(&[INVALID]),
        Described::new("history", "Read a contact's versions, the oldest first")
            .gives(200, "The versions.", "History")
            .fails(&[INVALID, NONE]),
    ]
}

fn filters() -> Vec<Parameter> {
    let short = |max: u32| json!({"type": "string", "maxLength": max, "pattern": r"\S"});
    let id = |name, about| Parameter::query(name, about, id_read());
    vec![
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
            one_of(&["all", "associated", "notAssociated"]),
        ),
        id("entityId", "That entity."),
        Parameter::query("limit", "Rows, at most.", whole(0, LIMIT_MAX)),
        Parameter::query("offset", "Rows to pass over.", whole(0, OFFSET_MAX)),
        Parameter::query(
            "order",
            "The order of creation.",
            one_of(&["ASC", "DESC", "asc", "desc"]),
        ),
    ]
}

/// The two spellings of an id that are read, in any case.
fn id_read() -> Value {
    let hyphenated = "[A-Fa-f0-9]{8}(-[A-Fa-f0-9]{4}){3}-[A-Fa-f0-9]{12}";
    json!({"type": "string", "pattern": format!("^([A-Fa-f0-9]{{32}}|{hyphenated})$")})
}

fn id_written() -> Value {
    json!({"type": "string", "pattern": "^[A-F0-9]{32}$"})
}

/// A field of a request. Null is as good as left out.
fn asked(field: &Field) -> (&'static str, bool, Value) {
    let (required, schema) = match field.kind {
        Kind::Text(rule) => (required(field), text(rule)),
        Kind::Id => (false, id_read()),
        Kind::Flag => (false, flag()),
        Kind::Items { schema, required } => (required, items(schema)),
    };
    let schema = if required { schema } else { or_null(schema) };
    (field.name, required, schema)
}

/// An array, or one object in its stead.
fn items(schema: &Schema) -> Value {
    let one = refer(name_of(schema));
    json!({"anyOf": [{"type": "array", "items": one, "uniqueItems": true}, one]})
}

fn name_of(schema: &Schema) -> &'static str {
    if std::ptr::eq(schema, &ADDRESS) {
        "EntityAddressAssociationDto"
    } else if std::ptr::eq(schema, &MODE) {
        "ModeDto"
    } else {
        "PropertyDto"
    }
}

/// An item of an array: an object, a bare text where the schema has one, or a reference by id.
fn item(schema: &Schema) -> Value {
    let mut forms = vec![object(schema.fields.iter().map(asked))];
    if schema.by_reference {
        forms.push(object([("id", true, id_read())]));
    }
    if schema.bare.is_some() {
        forms.push(any_text());
    }
    match (forms.len(), forms.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            forms.extend(last);
            json!({ "anyOf": forms })
        }
    }
}

fn contact_dto() -> Value {
    let id = ("id", false, or_null(id_read()));
    object(CONTACT.iter().map(asked).chain([id]))
}

fn request() -> Value {
    let contact = ("contact", true, refer("ContactDto"));
    object([contact].into_iter().chain(BESIDE.iter().map(asked)))
}

/// A field of an answer: left out where the contact does not have it.
fn told(field: &Field) -> (&'static str, bool, Value) {
    let schema = match field.kind {
        Kind::Text(rule) => text(rule),
        Kind::Id => id_written(),
        Kind::Flag => flag(),
        Kind::Items { schema, .. } => list(told_item(schema, &[])),
    };
    (field.name, false, schema)
}

fn told_item(schema: &Schema, more: &[&'static str]) -> Value {
    let members = schema.fields.iter().map(told);
    object(members.chain(more.iter().map(|name| match *name {
        "studyUsage" => (*name, false, list(any_text())),
        "versionStart" => (*name, false, time()),
        _ => (*name, false, id_written()),
    })))
}

/// A contact. What the vendor always shows is there unless this is an end's version.
fn contact(always: bool) -> Vec<(&'static str, bool, Value)> {
    let filled = ["firstName", "lastName", "contactType", "status"];
    let fields = CONTACT.iter().map(|field| {
        let (name, _, schema) = told(field);
        (name, always && filled.contains(&name), schema)
    });
    let server = [
        ("id", true, id_written()),
        ("studyAgnostic", always, one_of(&["Y", "N"])),
        ("studyId", always, id_written()),
        ("versionStart", true, time()),
    ];
    fields.chain(server).collect()
}

fn listed() -> Value {
    const OF_ADDRESS: &[&str] = &["entityId", "versionStart", "studyUsage"];
    const OF_MODE: &[&str] = &["entityId", "versionStart"];
    const OF_PROPERTY: &[&str] = &["studyUsage"];
    let beside = BESIDE
        .iter()
        .zip([OF_ADDRESS, OF_MODE, OF_PROPERTY])
        .filter_map(|(field, more)| match field.kind {
            Kind::Items { schema, .. } => Some((field.name, false, list(told_item(schema, more)))),
            Kind::Text(_) | Kind::Id | Kind::Flag => None,
        });
    object(contact(true).into_iter().chain(beside))
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
    object(contact(false).into_iter().chain(of_version))
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
