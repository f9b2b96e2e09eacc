//! The value of an entry's property, in the form that vCard has for it.

use serde_json::Value;

use super::super::super::dates::Date;
use super::super::property::{escape, escape_simple};
use super::components::{ADDRESS, Components};
use super::path::find;
use super::table::{Holds, instant};
use crate::dialect::uri::is_uri;

/// A property's value, and what is said of it.
#[derive(Default)]
pub struct Held {
    /// The way from the entry to the member that is the value; none where it is the entry's key.
    pub member: Option<&'static str>,
    /// The value with its escapes.
    pub value: String,
    /// The parameter VALUE, where the value's type is not the property's usual one.
    pub kind: Option<&'static str>,
    /// The parameter JSCOMPS, for components that have an order.
    pub order: Option<String>,
    /// A parameter that says the value again.
    pub said_again: Option<&'static str>,
}

impl Held {
    /// Whether the value says nothing.
    pub fn is_blank(&self) -> bool {
        self.value.trim_matches([';', ',']).is_empty()
    }
}

/// What an entry holds. One in another language may leave out what its base says.
pub fn held(holds: Holds, id: &str, entry: &Value, base: Option<&Value>) -> Option<Held> {
    let text_at = |path: &str| find(entry, path).and_then(Value::as_str);
    Some(match holds {
        Holds::Text(member) => plain(member, escape_simple(text_at(member)?)),
        Holds::Uri(member) => plain(member, text_at(member)?.to_owned()),
        Holds::Number => number(text_at("number")?),
        Holds::Service => match text_at("uri") {
            Some(uri) => plain("uri", uri.to_owned()),
            None => Held {
                kind: Some("text"),
                said_again: Some("USERNAME"),
                ..plain("uri", escape(text_at("user").filter(|_| base.is_none())?))
            },
        },
        Holds::Organization => plain("name", organization(entry)),
        Holds::Key => Held {
            value: id.to_owned(),
            ..Held::default()
        },
        Holds::Relation if is_uri(id) => Held {
            value: id.to_owned(),
            ..Held::default()
        },
        Holds::Relation => Held {
            value: escape(id),
            kind: Some("text"),
            ..Held::default()
        },
        Holds::Date => plain("date", date(entry.get("date")?)?),
        Holds::Place => match text_at("place/full") {
            Some(text) => plain("place/full", escape_simple(text)),
            None => Held {
                kind: Some("uri"),
                ..plain(
                    "place/coordinates",
                    text_at("place/coordinates")?.to_owned(),
                )
            },
        },
        Holds::Address => {
            let components = Components::of(&ADDRESS, entry, base);
            Held {
                order: components.order(),
                ..plain("components", components.value())
            }
        }
    })
}

fn plain(member: &'static str, value: String) -> Held {
    Held {
        member: Some(member),
        value,
        ..Held::default()
    }
}

fn number(text: &str) -> Held {
    if is_uri(text) && text.to_lowercase().starts_with("tel:") {
        return Held {
            kind: Some("uri"),
            ..plain("number", text.to_owned())
        };
    }
    plain("number", escape_simple(text))
}

/// The name, which may be blank, and the units.
fn organization(entry: &Value) -> String {
    let name = |of: &Value| of.get("name").and_then(Value::as_str).map(escape);
    let mut parts = vec![name(entry).unwrap_or_default()];
    let units = entry.get("units").and_then(Value::as_array);
    parts.extend(units.into_iter().flatten().filter_map(name));
    parts.join(";")
}

fn date(date: &Value) -> Option<String> {
    match date.get("utc").and_then(Value::as_str) {
        Some(utc) => instant(utc),
        None => Date::of_card(date).map(Date::to_vcard_4),
    }
}
