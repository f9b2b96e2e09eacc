//! The properties of vCard 4.0 that a Card becomes (RFC 9555), as the crate `calcard` has them,
//! and what it gets wrong put right with the Card in hand.

use std::panic::{AssertUnwindSafe, catch_unwind};

use calcard::jscontact::JSContact;
use serde_json::{Map, Value, json};

use super::entry;
use super::jsprop;
use super::property::{Property, escape, split};
use crate::dialect::uri::is_uri;

/// The kinds of a name's components, in the order of N (RFC 9554, section 2.2).
const NAME_ORDER: [&str; 7] = [
    "surname",
    "given",
    "given2",
    "title",
    "credential",
    "surname2",
    "generation",
];
/// The kinds of an address's components, in the order of ADR (RFC 9554, section 2.1).
const ADDRESS_ORDER: [&str; 16] = [
    "postOfficeBox",
    "locality",
    "region",
    "postcode",
    "country",
    "room",
    "apartment",
    "floor",
    "number",
    "name",
    "building",
    "block",
    "subdistrict",
    "district",
    "landmark",
    "direction",
];

/// The properties of a Card.
pub fn properties(card: &Value) -> Option<Vec<Property>> {
    let mut card = card.as_object()?.clone();
    let kept = take_kept(&mut card);
    let (alone, zones) = take_zones(&mut card);
    let json = Value::Object(card.clone()).to_string();
    let entries = catch_unwind(AssertUnwindSafe(|| {
        let card: JSContact<'_, String, String> = JSContact::parse(&json).ok()?;
        Some(card.into_vcard()?.entries)
    }));
    let entries = entries.ok().flatten()?;
    let mut properties: Vec<Property> = entries
        .iter()
        .map(entry::to_property)
        // What no property holds is found by reading again, so that nothing is said twice.
        .filter(|p| !matches!(p.name.as_str(), "JSPROP" | "VERSION" | "BEGIN" | "END"))
        .map(|p| mended(p, &card))
        .filter(|p| {
            !p.value.trim_matches([';', ',']).is_empty() || p.name == "FN" || p.name == "ADR"
        })
        .collect();
    // `calcard` gives the languages of localizations in another order each time.
    properties.sort_by_key(|p| (rank(p), p.param("LANGUAGE").map(str::to_owned)));
    let first = properties
        .iter()
        .position(|p| rank(p) == 4)
        .unwrap_or(properties.len());
    properties.splice(first..first, alone);
    properties.extend(zones);
    properties.extend(kept);
    Some(properties)
}

/// The order that people expect, and that keeps a localized property behind its original.
fn rank(property: &Property) -> u8 {
    match property.name.as_str() {
        "KIND" => 0,
        "UID" => 1,
        "FN" => 2,
        "N" => 3,
        _ => 4,
    }
}

/// Puts components that have no order into the order of vCard, in which they will come back.
pub fn order(card: &mut Map<String, Value>) {
    let sort = |of: &mut Value, kinds: &[&str]| {
        if of.get("isOrdered") == Some(&json!(true)) {
            return;
        }
        let place = |component: &Value| {
            let kind = component.get("kind").and_then(Value::as_str);
            kinds.iter().position(|known| Some(*known) == kind)
        };
        if let Some(Value::Array(components)) = of.get_mut("components")
            && components
                .iter()
                .all(|component| place(component).is_some())
        {
            components.sort_by_key(place);
        }
    };
    if let Some(name) = card.get_mut("name") {
        sort(name, &NAME_ORDER);
    }
    let addresses = card.get_mut("addresses").and_then(Value::as_object_mut);
    for address in addresses.into_iter().flat_map(Map::values_mut) {
        sort(address, &ADDRESS_ORDER);
    }
}

/// The properties that the Card keeps as they were.
fn take_kept(card: &mut Map<String, Value>) -> Vec<Property> {
    let vcard = card.get_mut("vCard").and_then(Value::as_object_mut);
    let kept = vcard.and_then(|vcard| vcard.remove("properties"));
    let kept = kept.as_ref().and_then(Value::as_array);
    kept.into_iter()
        .flatten()
        .filter_map(jsprop::of_jcard)
        .collect()
}

/// TZ and GEO, where the Card says that they were properties and not parameters of an address.
/// `calcard` makes an offset of a time zone's name. Those that are all there is of an address
/// are given first: before an address they will not become a part of it.
fn take_zones(card: &mut Map<String, Value>) -> (Vec<Property>, Vec<Property>) {
    let (mut alone, mut zones) = (Vec::new(), Vec::new());
    let converted = card
        .get_mut("vCard")
        .and_then(|v| v.get_mut("convertedProperties"));
    let Some(Value::Object(converted)) = converted else {
        return (alone, zones);
    };
    let mut found = Vec::new();
    converted.retain(|at, what| {
        let mut path = at.split('/');
        let (Some("addresses"), Some(id), Some(member), None) =
            (path.next(), path.next(), path.next(), path.next())
        else {
            return true;
        };
        let is_zone = matches!(member, "timeZone" | "coordinates");
        if is_zone {
            found.push((id.to_owned(), member.to_owned(), what.clone()));
        }
        !is_zone
    });
    for (id, member, what) in found {
        let Some(Value::Object(addresses)) = card.get_mut("addresses") else {
            break;
        };
        let Some(Value::Object(address)) = addresses.get_mut(&id) else {
            continue;
        };
        let Some(value) = address.shift_remove(&member) else {
            continue;
        };
        let to = if address.is_empty() {
            addresses.shift_remove(&id);
            &mut alone
        } else {
            &mut zones
        };
        let name = if member == "timeZone" { "tz" } else { "geo" };
        let params = what.get("parameters").cloned().unwrap_or_else(|| json!({}));
        to.extend(jsprop::of_jcard(&json!([name, params, "unknown", value])));
    }
    if card.get("addresses") == Some(&json!({})) {
        card.shift_remove("addresses");
    }
    (alone, zones)
}

/// A property with `calcard`'s faults in it put right.
fn mended(mut property: Property, card: &Map<String, Value>) -> Property {
    let id = property.param("PROP-ID").unwrap_or_default().to_owned();
    let member = |map: &str, name: &str| card.get(map)?.get(&id)?.get(name)?.as_str();
    let is_ordered =
        |of: Option<&Value>| of.is_some_and(|of| of.get("isOrdered") == Some(&json!(true)));
    match property.name.as_str() {
        "FN" if property.param("DERIVED").is_some() && !is_ordered(card.get("name")) => {
            property.set_text(&derived_name(card));
        }
        // The order of components is for those that have one.
        "N" if !is_ordered(card.get("name")) => {
            property.take_param("JSCOMPS");
            without_copies(&mut property, 5, &[]);
        }
        "ADR" if !is_ordered(card.get("addresses").and_then(|a| a.get(&id))) => {
            property.take_param("JSCOMPS");
            without_copies(&mut property, 7, &[(1, 8), (2, 11)]);
        }
        // It decodes the file and encodes it again, whatever encoding it had.
        "PHOTO" | "LOGO" | "SOUND" => {
            if let Some(uri) = member("media", "uri") {
                uri.clone_into(&mut property.value);
            }
        }
        // It writes an organization's first unit as its name where there is no name.
        "ORG" if member("organizations", "name").is_none() && !id.is_empty() => {
            property.value.insert(0, ';');
        }
        // It writes a label as a second value.
        "ORG-DIRECTORY" | "SOURCE" => {
            if let Some(uri) = member("directories", "uri") {
                uri.clone_into(&mut property.value);
            }
            if let Some(label) = member("directories", "label") {
                property.add_param("LABEL", label);
            }
        }
        // It forgets a service of which only the user's name is known.
        "SOCIALPROFILE" | "IMPP" if property.value.is_empty() => {
            if let Some(user) = member("onlineServices", "user") {
                property.take_param("USERNAME");
                property.add_param("VALUE", "text");
                property.set_text(user);
            }
        }
        "TEL" if property.value.to_lowercase().starts_with("tel:") => {
            let text = property.text();
            if property.param("VALUE").is_none() && is_uri(&text) {
                property.add_param("VALUE", "uri");
                property.value = text;
            }
        }
        "BIRTHPLACE" | "DEATHPLACE" if property.text().starts_with("geo:") => {
            property.take_param("VALUE");
            property.add_param("VALUE", "uri");
            property.value = property.text();
        }
        "RELATED" if !is_uri(&property.value) => {
            property.take_param("VALUE");
            property.add_param("VALUE", "text");
            property.value = escape(&property.value);
        }
        "UID" if !is_uri(&property.value) => property.value = escape(&property.value),
        _ => {}
    }
    property
}

/// Drops the components of RFC 9554 where they say no more than the older ones before them, of
/// which some are copies.
fn without_copies(property: &mut Property, count: usize, copies: &[(usize, usize)]) {
    let parts: Vec<String> = split(&property.value, ';').map(str::to_owned).collect();
    let is_said = |(at, part): (usize, &String)| {
        part.is_empty()
            || copies
                .iter()
                .any(|(older, newer)| *newer == at && parts.get(*older) == Some(part))
    };
    if parts.iter().enumerate().skip(count).all(is_said) {
        property.value = parts.get(..count).unwrap_or(&parts).join(";");
    }
}

/// A name for a vCard that must have one, of a Card that has none.
fn derived_name(card: &Map<String, Value>) -> String {
    const SPOKEN: [&str; 7] = [
        "title",
        "given",
        "given2",
        "surname",
        "surname2",
        "generation",
        "credential",
    ];
    let components = card
        .get("name")
        .and_then(|name| name.get("components")?.as_array());
    let of_kind = |kind: &&str| {
        let all = components.into_iter().flatten();
        let named = all.filter(|c| c.get("kind").is_some_and(|there| there == *kind));
        let values = named.filter_map(|c| c.get("value")?.as_str());
        values.collect::<Vec<_>>()
    };
    let spoken: Vec<&str> = SPOKEN.iter().flat_map(of_kind).collect();
    if !spoken.is_empty() {
        return spoken.join(" ");
    }
    let first = |map: &str, name: &str| {
        let member = card.get(map)?.as_object()?.values().next()?;
        member.get(name)?.as_str().map(str::to_owned)
    };
    let found = first("organizations", "name")
        .or_else(|| first("nicknames", "name"))
        .or_else(|| first("emails", "address"))
        .or_else(|| first("phones", "number"));
    found.unwrap_or_default()
}
