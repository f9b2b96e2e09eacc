//! Properties as the crate `calcard` has them, and back.
//!
//! Its own parser and writer are not used: the parser drops lines and ends of values, and the
//! writer escapes URIs as if they were text. What is used is its conversion of properties to
//! the members of a Card and back (RFC 9555).

use base64::Engine as _;
use calcard::common::{CalendarScale, IanaParse, IanaString, PartialDateTime};
use calcard::vcard::{
    Jscomp, VCardEntry, VCardGramGender, VCardKind, VCardLevel, VCardParameter, VCardParameterName,
    VCardParameterValue, VCardPhonetic, VCardProperty, VCardType, VCardValue, VCardValueType,
};

use super::super::dates::{self, Date, When};
use super::property::{Property, escape, escape_simple};
use super::types;

/// Properties that RFC 9555 does not convert: a Card keeps them as they are.
const UNCONVERTED: [&str; 4] = ["GENDER", "XML", "CLIENTPIDMAP", "JSPROP"];
/// Properties whose value is a URI, in which nothing is escaped.
const URIS: [&str; 17] = [
    "SOURCE",
    "PHOTO",
    "LOGO",
    "SOUND",
    "KEY",
    "URL",
    "MEMBER",
    "RELATED",
    "IMPP",
    "SOCIALPROFILE",
    "GEO",
    "FBURL",
    "CALURI",
    "CALADRURI",
    "ORG-DIRECTORY",
    "CONTACT-URI",
    "UID",
];

/// Whether the conversion to a Card knows a property.
pub fn is_converted(name: &str) -> bool {
    VCardProperty::parse(name.as_bytes()).is_some() && !UNCONVERTED.contains(&name)
}

/// Whether a property's value is a URI, in which nothing is escaped.
pub fn is_uri_property(name: &str) -> bool {
    URIS.contains(&name)
}

/// Whether a property's value is components between semicolons.
pub fn is_structured(name: &str) -> bool {
    matches!(name, "N" | "ADR" | "ORG")
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

/// A property of a Card that was converted.
pub fn to_property(entry: &VCardEntry) -> Property {
    let name = entry.name.as_str().to_ascii_uppercase();
    let is_uri = is_uri_property(&name);
    let mut property = Property {
        group: entry.group.clone(),
        ..Property::default()
    };
    for param in &entry.params {
        let value = match &param.value {
            VCardParameterValue::Jscomps(comps) => written_jscomps(comps),
            VCardParameterValue::Timestamp(at) => compact(&dates::utc(*at)),
            VCardParameterValue::Bool(flag) => if *flag { "TRUE" } else { "FALSE" }.to_owned(),
            VCardParameterValue::Text(text) => text.clone(),
            other => other.clone().into_text().to_lowercase(),
        };
        property.add_param(&param.name.as_str().to_ascii_uppercase(), value);
    }
    let written = |value: &VCardValue| match value {
        VCardValue::Text(text) if is_uri => text.clone(),
        VCardValue::Text(text) if is_structured(&name) => escape(text),
        VCardValue::Text(text) => escape_simple(text),
        VCardValue::Component(texts) => {
            let texts: Vec<String> = texts.iter().map(|text| escape(text)).collect();
            texts.join(",")
        }
        VCardValue::Integer(number) => number.to_string(),
        VCardValue::Float(number) => number.to_string(),
        VCardValue::Boolean(flag) => flag.to_string(),
        VCardValue::Sex(sex) => sex.as_str().to_owned(),
        VCardValue::GramGender(gender) => gender.as_str().to_lowercase(),
        VCardValue::Kind(kind) => kind.as_str().to_lowercase(),
        VCardValue::Binary(data) => {
            let media_type = data.content_type.as_deref().unwrap_or_default();
            let base64 = base64::prelude::BASE64_STANDARD.encode(&data.data);
            format!("data:{media_type};base64,{base64}")
        }
        VCardValue::PartialDateTime(when) => match when.to_timestamp() {
            Some(at) => compact(&dates::utc(at)),
            None => Date {
                year: when.year,
                month: when.month,
                day: when.day,
            }
            .to_vcard_4(),
        },
    };
    let values: Vec<String> = entry.values.iter().map(written).collect();
    let is_list = matches!(name.as_str(), "NICKNAME" | "CATEGORIES");
    property.value = values.join(if is_list { "," } else { ";" });
    property.name = name;
    property
}

/// `2024-01-31T10:10:10Z` as vCard writes it: `20240131T101010Z`.
fn compact(utc: &str) -> String {
    utc.replace(['-', ':'], "")
}

fn written_jscomps(comps: &[Jscomp]) -> String {
    let pieces = comps.iter().enumerate().map(|(at, comp)| match comp {
        Jscomp::Separator(text) if at == 0 && text.is_empty() => String::new(),
        Jscomp::Separator(text) => format!("s,{}", escape(text)),
        Jscomp::Entry { position, value: 0 } => position.to_string(),
        Jscomp::Entry { position, value } => format!("{position},{value}"),
    });
    pieces.collect::<Vec<_>>().join(";")
}
