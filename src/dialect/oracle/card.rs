//! The vendor's contact as a Card, and back without a loss.
//!
//! Names and addresses are RFC 9553's own; everything else stands under the vendor's domain.
//! `comment` and `reason` are words about a change, not about the person, so they are no `notes`.

use serde_json::{Map, Value, json};

use super::record::{Datum, Record};
use super::schema::{ADDRESS, ADDRESSES, BESIDE, CONTACT, Field, Place};
use crate::domain::Card;

/// The domain under which the vendor's own properties stand.
const DOMAIN: &str = "oracle.com";

/// The contact's Card properties.
pub fn to_properties(contact: &Record) -> Map<String, Value> {
    let mut card = Map::from_iter([("kind".to_owned(), "individual".into())]);
    let name = components(contact, &CONTACT);
    card.insert(
        "name".into(),
        json!({"components": name, "isOrdered": true}),
    );
    card.extend(own(contact, &CONTACT));
    let addresses: Map<String, Value> = contact
        .items(ADDRESSES)
        .iter()
        .enumerate()
        .map(|(index, address)| (format!("address-{}", index + 1), to_address(address)))
        .collect();
    if !addresses.is_empty() {
        card.insert("addresses".into(), addresses.into());
    }
    card.extend(own(contact, beside_addresses()));
    card
}

/// The contact that a Card of this dialect holds.
pub fn from_card(card: &Card) -> Record {
    let name = card.get("name").and_then(|name| name.get("components"));
    let contact = Record::collect(&CONTACT, |field| datum(field, card.properties(), name));
    let addresses = card.get("addresses").and_then(Value::as_object);
    let addresses = addresses
        .into_iter()
        .flat_map(Map::values)
        .filter_map(Value::as_object)
        .map(from_address)
        .collect();
    let mut addresses = Some(Datum::Items(addresses));
    contact.and(Record::collect(&BESIDE, |field| {
        if field.name == ADDRESSES {
            addresses.take()
        } else {
            datum(field, card.properties(), None)
        }
    }))
}

fn beside_addresses() -> impl IntoIterator<Item = &'static Field> {
    BESIDE.iter().filter(|field| field.name != ADDRESSES)
}

fn to_address(address: &Record) -> Value {
    let components = components(address, ADDRESS.fields);
    let mut object = Map::new();
    if !components.is_empty() {
        object.insert("components".into(), components.into());
        object.insert("isOrdered".into(), true.into());
    } else {
        // An address that is only referred to has nothing to write, and the RFC wants one of its
        // own properties (section 2.5.1).
        object.insert("full".into(), "".into());
    }
    object.extend(own(address, ADDRESS.fields));
    object.into()
}

fn from_address(address: &Map<String, Value>) -> Record {
    let components = address.get("components");
    Record::collect(ADDRESS.fields, |field| datum(field, address, components))
}

/// The fields that are components of a name or an address, in the schema's order.
fn components(record: &Record, schema: &'static [Field]) -> Vec<Value> {
    let component = |field: &Field| match field.place {
        Place::Component(kind) => Some(json!({"kind": kind, "value": record.text(field.name)?})),
        Place::Own => None,
    };
    schema.iter().filter_map(component).collect()
}

/// The fields that only the vendor knows, as properties under its domain.
fn own(record: &Record, schema: impl IntoIterator<Item = &'static Field>) -> Map<String, Value> {
    schema
        .into_iter()
        .filter(|field| field.place == Place::Own)
        .filter_map(|field| Some((key(field), record.get(field.name)?.to_json())))
        .collect()
}

/// A field's value, from the components or from a property of the object.
fn datum(field: &Field, object: &Map<String, Value>, components: Option<&Value>) -> Option<Datum> {
    let value = match field.place {
        Place::Own => object.get(&key(field))?,
        Place::Component(kind) => components?
            .as_array()?
            .iter()
            .find(|part| part.get("kind").and_then(Value::as_str) == Some(kind))?
            .get("value")?,
    };
    Datum::of_json(field.kind, value)
}

fn key(field: &Field) -> String {
    format!("{DOMAIN}:{}", field.name)
}
