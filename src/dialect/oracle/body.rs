//! The objects in the vendor's answers: a contact, one of a list, a version of one.
//!
//! What a request left to the server is filled in here, never stored: a contact's type and
//! status, the study, and when this version became active.

use serde_json::{Map, Value};

use super::card::from_card;
use super::ids::HexId;
use super::record::{Datum, Record};
use super::schema::{ADDRESSES, BESIDE, MODES, PROPERTIES};
use crate::domain::{Actor, Card, Contact, Event, Operation};

/// The study of a contact that belongs to none: the one of the vendor's example.
const STUDY: &str = "C36A3197FDEE433FB5547EE83DE99E4B";
/// The status of a contact that was given none.
const ACTIVE: &str = "ACTIVE";

/// A contact's type; one that was given none is a contact.
pub fn contact_type(contact: &Record) -> HexId {
    contact
        .id("contactType")
        .unwrap_or_else(|| HexId::of_code("contactType", "CONTACT"))
}

/// The id of a contact's status, and its code where that is known.
pub fn status(contact: &Record) -> (HexId, Option<&str>) {
    match (contact.id("status"), contact.text("statusCodeValue")) {
        (Some(id), code) => (id, code),
        (None, Some(code)) if !code.is_empty() => (HexId::of_code("status", code), Some(code)),
        (None, _) => (HexId::of_code("status", ACTIVE), Some(ACTIVE)),
    }
}

/// What of a contact harms nobody: its type and its status, as ids of code lists.
pub fn non_sensitive(card: &Card) -> Map<String, Value> {
    let contact = from_card(card);
    Map::from_iter([
        (
            "contactType".to_owned(),
            contact_type(&contact).to_string().into(),
        ),
        ("status".to_owned(), status(&contact).0.to_string().into()),
    ])
}

/// `Contacts`: a contact without what stands beside it.
pub fn contact(contact: &Contact) -> Map<String, Value> {
    let mut body = whole(contact, &from_card(&contact.card));
    for field in &BESIDE {
        body.shift_remove(field.name);
    }
    body
}

/// A contact of a list, with its addresses, modes and properties.
///
/// `studyUsage` is empty: no study is known here, so none uses them.
pub fn listed(contact: &Contact) -> Map<String, Value> {
    let record = from_card(&contact.card);
    let mut body = whole(contact, &record);
    let since = contact.modified_at.to_string();
    for (name, is_of_contact, is_of_study) in [
        (ADDRESSES, true, true),
        (MODES, true, false),
        (PROPERTIES, false, true),
    ] {
        let items = body.get_mut(name).and_then(Value::as_array_mut);
        let items = items.into_iter().flatten();
        for item in items.filter_map(Value::as_object_mut) {
            if is_of_contact {
                item.insert("entityId".into(), contact.vendor_id.as_str().into());
                item.insert("versionStart".into(), since.as_str().into());
            }
            if is_of_study {
                item.insert("studyUsage".into(), Value::Array(Vec::new()));
            }
        }
    }
    body
}

/// One version of the contact of this id, with who made it and when the next one superseded it.
///
/// An end has no content, and nothing that is said of it beside its time.
pub fn version(
    id: &str,
    event: &Event,
    after: Option<&Contact>,
    end: Option<&Event>,
) -> Option<Map<String, Value>> {
    let operation = match event.header.operation {
        Operation::Create => "CREATE",
        Operation::Update => "UPDATE",
        Operation::Delete | Operation::Erase => "DELETE",
        Operation::Retrieve | Operation::RetrieveList => return None,
    };
    let mut entry = after.map(contact).unwrap_or_default();
    entry.insert("id".into(), id.into());
    entry.insert("operationType".into(), operation.into());
    if let Some(user) = user(&event.header.actor) {
        entry.insert("userId".into(), user.into());
    }
    entry.insert("versionStart".into(), event.header.time.to_string().into());
    if let Some(end) = end {
        entry.insert("versionEnd".into(), end.header.time.to_string().into());
    }
    Some(entry)
}

/// The person where the token names one, else the program.
fn user(actor: &Actor) -> Option<&str> {
    actor
        .management_user_id
        .as_deref()
        .or(actor.subject.as_deref())
        .or(actor.client_id.as_deref())
}

fn whole(contact: &Contact, record: &Record) -> Map<String, Value> {
    let mut body = Map::from_iter([("id".to_owned(), contact.vendor_id.as_str().into())]);
    body.extend(record.to_json());
    let (status, code) = status(record);
    let mut fill = |name: &str, datum: Value| body.insert(name.into(), datum);
    fill("contactType", Datum::Id(contact_type(record)).to_json());
    fill("status", Datum::Id(status).to_json());
    if let Some(code) = code {
        fill("statusCodeValue", code.into());
    }
    fill("studyAgnostic", "N".into());
    fill("studyId", STUDY.into());
    fill("versionStart", contact.modified_at.to_string().into());
    body
}
