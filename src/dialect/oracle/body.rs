//! The objects in the vendor's answers: a contact, one of a list, a version of one.

use serde_json::Value;

use super::contact::{ADDRESSES, CONTACT, ENTITY, ID, MODES, PROPERTIES};
use crate::dialect::schema::Record;
use crate::domain::{Actor, Contact, Event, Operation};

/// What stands beside a contact, and is shown in lists alone.
pub const BESIDE: [&str; 3] = [ADDRESSES, MODES, PROPERTIES];

/// `Contacts`: a contact without what stands beside it.
pub fn contact(contact: &Contact) -> Record {
    let mut body = CONTACT.answer(contact);
    body.retain(|name, _| !BESIDE.contains(&name.as_str()));
    body
}

/// A contact of a list, with its addresses, modes and properties.
///
/// `studyUsage` is empty: no study is known here, so none uses them.
pub fn listed(contact: &Contact) -> Record {
    let mut body = CONTACT.answer(contact);
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
                item.insert(ENTITY.into(), contact.vendor_id.as_str().into());
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
) -> Option<Record> {
    let operation = match event.header.operation {
        Operation::Create => "CREATE",
        Operation::Update => "UPDATE",
        Operation::Delete | Operation::Erase => "DELETE",
        Operation::Retrieve | Operation::RetrieveList => return None,
    };
    let mut entry = after.map(contact).unwrap_or_default();
    entry.insert(ID.into(), id.into());
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
        .user_id
        .as_deref()
        .or(actor.subject.as_deref())
        .or(actor.client_id.as_deref())
}
