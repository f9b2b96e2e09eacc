//! Properties as the crate `calcard` has them.
//!
//! Of it nothing is used but its conversion of properties to the members of a Card (RFC 9555,
//! section 2). Its parser drops lines and ends of values; its writer escapes URIs as if they were
//! text; its conversion back to properties makes an offset of a time zone's name, for which it
//! needs the offsets of all zones there ever were: megabytes.

use calcard::common::{CalendarScale, IanaParse, PartialDateTime};
use calcard::vcard::{
    Jscomp, VCardEntry, VCardGramGender, VCardKind, VCardLevel, VCardParameter, VCardParameterName,
    VCardParameterValue, VCardPhonetic, VCardProperty, VCardType, VCardValue, VCardValueType,
};

use super::super::dates::{Date, When};
use super::property::Property;
use super::types;

/// Properties that RFC 9555 does not convert: a Card keeps them as they are.
const UNCONVERTED: [&str; 4] = ["GENDER", "XML", "CLIENTPIDMAP", "JSPROP"];

/// Whether the conversion to a Card knows a property.
pub fn is_converted(name: &str) -> bool {
    VCardProperty::parse(name.as_bytes()).is_some() && !UNCONVERTED.contains(&name)
}

/// A property for the conversion to a Card.
pub fn of_property(property: &Property) -> VCardEntry {
    let name = VCardProperty::parse(property.name.as_bytes())
        .unwrap_or_else(|| VCardProperty::Other(property.name.clone()));
    let values = values(property, &name);
    let mut entry = VCardEntry::new(name)
        .with_group(property.group.clone())
        .with_values(values);
    for param in &property.params {
        for value in &param.values {
            entry.add_param(parameter(property, &param.name, value));
        }
    }
    entry
}

fn values(property: &Property, name: &VCardProperty) -> Vec<VCardValue> {
    let text = property.text();
    let texts = |texts: Vec<String>| texts.into_iter().map(VCardValue::Text).collect();
    match name {
        VCardProperty::N | VCardProperty::Adr => {
            let one_or_more = |part: Vec<String>| match <[String; 1]>::try_from(part) {
                Ok([text]) => VCardValue::Text(text),
                Err(part) => VCardValue::Component(part),
            };
            property.components().into_iter().map(one_or_more).collect()
        }
        VCardProperty::Org => {
            let parts = property.components().into_iter();
            texts(parts.map(|part| part.join(",")).collect())
        }
        VCardProperty::Nickname | VCardProperty::Categories => texts(property.list()),
        VCardProperty::Bday
        | VCardProperty::Anniversary
        | VCardProperty::Deathdate
        | VCardProperty::Rev
        | VCardProperty::Created => vec![match When::parse(&text) {
            Some(when) => VCardValue::PartialDateTime(partial(when)),
            None => VCardValue::Text(text),
        }],
        VCardProperty::Kind => vec![match VCardKind::parse(text.as_bytes()) {
            Some(kind) => VCardValue::Kind(kind),
            None => VCardValue::Text(text),
        }],
        VCardProperty::Gramgender => vec![match VCardGramGender::parse(text.as_bytes()) {
            Some(gender) => VCardValue::GramGender(gender),
            None => VCardValue::Text(text),
        }],
        _ => vec![VCardValue::Text(text)],
    }
}

fn partial(when: When) -> PartialDateTime {
    match when {
        When::Instant(at) => PartialDateTime::from_utc_timestamp(at),
        When::Date(Date { year, month, day }) => PartialDateTime {
            year,
            month,
            day,
            ..PartialDateTime::default()
        },
    }
}

/// A parameter. One that says nothing which the conversion understands keeps its name and is no
/// more than a name to it: `calcard` drops a PREF that is no number, and makes contexts of all
/// types.
fn parameter(property: &Property, name: &str, value: &str) -> VCardParameter {
    let text = || VCardParameterValue::Text(value.to_owned());
    let unknown = || VCardParameter::new(VCardParameterName::Other(name.to_owned()), text());
    let Some(known) = VCardParameterName::try_parse(name.as_bytes()) else {
        return unknown();
    };
    let bytes = value.as_bytes();
    let number = || value.parse().ok().map(VCardParameterValue::Integer);
    let understood = match known {
        VCardParameterName::Pref => {
            number().filter(|pref| matches!(pref, VCardParameterValue::Integer(1..=100)))
        }
        VCardParameterName::Index => number(),
        VCardParameterName::PropId => crate::dialect::native::is_id(value).then(text),
        VCardParameterName::Type if types::is_unknown(&property.name, value) => None,
        VCardParameterName::Type => {
            Some(VCardType::parse(bytes).map_or_else(text, VCardParameterValue::Type))
        }
        VCardParameterName::Value => {
            Some(VCardValueType::parse(bytes).map_or_else(text, VCardParameterValue::ValueType))
        }
        VCardParameterName::Calscale => {
            CalendarScale::parse(bytes).map(VCardParameterValue::Calscale)
        }
        VCardParameterName::Phonetic => {
            Some(VCardPhonetic::parse(bytes).map_or_else(text, VCardParameterValue::Phonetic))
        }
        VCardParameterName::Level => VCardLevel::parse(bytes).map(VCardParameterValue::Level),
        VCardParameterName::Created => match When::parse(value) {
            Some(When::Instant(at)) => Some(VCardParameterValue::Timestamp(at)),
            _ => None,
        },
        VCardParameterName::Jscomps => jscomps(value).map(VCardParameterValue::Jscomps),
        _ => Some(text()),
    };
    match understood {
        Some(value) => VCardParameter::new(known, value),
        None => unknown(),
    }
}

/// The order of components: `;0;1,0;s,\,`, the first of which is the separator of all of them
/// (RFC 9555, section 3.3.1).
fn jscomps(text: &str) -> Option<Vec<Jscomp>> {
    let pieces = super::property::split(text, ';').enumerate();
    pieces
        .map(|(at, piece)| {
            if let Some(separator) = piece.strip_prefix("s,") {
                return Some(Jscomp::Separator(super::property::unescape(separator)));
            }
            if at == 0 {
                return piece.is_empty().then(|| Jscomp::Separator(String::new()));
            }
            let (position, value) = piece.split_once(',').unwrap_or((piece, "0"));
            Some(Jscomp::Entry {
                position: position.parse().ok()?,
                value: value.parse().ok()?,
            })
        })
        .collect()
}
