//! vCard 3.0 (RFC 2426) of the properties of 4.0, for iOS, macOS, Outlook and other programs.
//!
//! What 3.0 has no words for is written as Apple's programs do, under a registered name, or left
//! out. Members of vendors and partial dates go out as JSPROP, which other programs skip.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::super::dates::{Date, When};
use super::property::{Property, escape};
use super::{jsprop, media, vendors};

/// Parameters that vCard 3.0 does not have, and that nothing is lost with for its readers.
const LEFT_OUT: [&str; 13] = [
    "PROP-ID",
    "ALTID",
    "PID",
    "JSCOMPS",
    "MEDIATYPE",
    "CALSCALE",
    "SORT-AS",
    "LEVEL",
    "INDEX",
    "PHONETIC",
    "SCRIPT",
    "AUTHOR",
    "CREATED",
];
/// Relations that Apple's programs have a label for.
const RELATIONS: [(&str, &str); 5] = [
    ("spouse", "Spouse"),
    ("child", "Child"),
    ("parent", "Parent"),
    ("friend", "Friend"),
    ("colleague", "Colleague"),
];

/// A Card without what 3.0 would say otherwise than it is. It has no ALTID, so that a name in
/// another language would be the person's only one; and no words for a vendor's feature, which would
/// be a context.
pub fn sayable(card: &Value) -> Value {
    let mut card = card.clone();
    for patches in members(&mut card, "localizations") {
        patches.retain(|path, _| {
            ["titles/", "notes/"]
                .iter()
                .any(|map| path.starts_with(map))
        });
    }
    for anniversary in members(&mut card, "anniversaries") {
        // It goes out as a whole, with its place.
        if anniversary.get("date").is_some_and(is_partial) {
            anniversary.shift_remove("place");
        }
    }
    for phone in members(&mut card, "phones") {
        if let Some(Value::Object(features)) = phone.get_mut("features") {
            features.retain(|name, _| !name.contains(':'));
        }
    }
    card
}

/// The objects in an object of a Card.
fn members<'c>(
    card: &'c mut Value,
    name: &str,
) -> impl Iterator<Item = &'c mut Map<String, Value>> {
    let object = card.get_mut(name).and_then(Value::as_object_mut);
    let members = object.into_iter().flat_map(Map::values_mut);
    members.filter_map(Value::as_object_mut)
}

/// The properties of a vCard 3.0.
pub fn properties(properties: Vec<Property>, card: &Value) -> Vec<Property> {
    let groups = properties.iter().filter_map(|p| p.group.as_ref());
    let mut out = Out {
        properties: Vec::new(),
        taken: groups.map(|group| group.to_lowercase()).collect(),
        groups: 0,
        is_group: properties
            .iter()
            .any(|p| p.name == "KIND" && p.value == "group"),
    };
    let has_name = properties.iter().any(|p| p.name == "N");
    let is_company = properties
        .iter()
        .any(|p| p.name == "KIND" && p.value == "org");
    let is_repeat = |p: &Property| is_company && vendors::is_shown_as_company(p);
    for property in properties.into_iter().filter(|p| !is_repeat(p)) {
        out.add(property);
    }
    if !has_name {
        // RFC 2426 wants one; this one says nothing.
        let at = out
            .properties
            .iter()
            .position(|p| p.name == "FN")
            .map_or(0, |at| at + 1);
        let name = raw("N", ";;;;".to_owned());
        out.properties.insert(at, name);
    }
    out.properties.extend(unwritten(card));
    out.properties
}

fn raw(name: &str, value: String) -> Property {
    Property {
        name: name.to_owned(),
        value,
        ..Property::default()
    }
}

/// Members of the Card that no property of 3.0 is: those of vendors, dates that are neither whole nor
/// without a year, and names and whole maps in other languages.
fn unwritten(card: &Value) -> Vec<Property> {
    let mut found = Vec::new();
    let object = card.as_object();
    for (name, value) in object
        .into_iter()
        .flatten()
        .filter(|(name, _)| name.contains(':'))
    {
        found.push(jsprop::of_value(std::slice::from_ref(name), value));
    }
    let anniversaries = card.get("anniversaries").and_then(Value::as_object);
    for (id, value) in anniversaries.into_iter().flatten() {
        if value.get("date").is_some_and(is_partial) {
            found.push(jsprop::of_value(
                &["anniversaries".to_owned(), id.clone()],
                value,
            ));
        }
    }
    let languages = card.get("localizations").and_then(Value::as_object);
    for (language, patches) in languages.into_iter().flatten() {
        // A path into a map leads over the id of a member, which 3.0 does not have; a map that is
        // another one as a whole has its own.
        let patches = patches.as_object().into_iter().flatten();
        let is_whole =
            |path: &str| !path.contains('/') || matches!(path, "name/full" | "name/components");
        let set = patches.filter(|(path, value)| is_whole(path) && !value.is_null());
        for (path, value) in set {
            let path = ["localizations", language, path].map(str::to_owned);
            found.push(jsprop::of_value(&path, value));
        }
    }
    found
}

/// Whether a date is neither whole nor without a year alone.
fn is_partial(date: &Value) -> bool {
    let date = Date::of_card(date);
    date.is_some_and(|date| date.month.is_none() || date.day.is_none())
}

struct Out {
    properties: Vec<Property>,
    /// The groups that the properties have already, in lower case.
    taken: HashSet<String>,
    groups: usize,
    is_group: bool,
}

impl Out {
    fn add(&mut self, mut property: Property) {
        if property.param("PREF") == Some("1") {
            property.add_param("TYPE", "pref");
        }
        property.take_param("PREF");
        // A program's own property is as it stood in a file, whatever its parameters say.
        let is_own = property.name.starts_with("X-") && property.param("PROP-ID").is_none();
        for name in LEFT_OUT.into_iter().filter(|_| !is_own) {
            if !(name == "MEDIATYPE" && media::is_file(&property.name)) {
                property.take_param(name);
            }
        }
        property.take_param("AUTHOR-NAME");
        escape_semicolons(&mut property);
        match property.name.as_str() {
            name if media::is_file(name) => file(&mut property),
            "N" => first_parts(&mut property, 5),
            "ADR" => return self.address(property),
            "BDAY" | "ANNIVERSARY" | "DEATHDATE" => return self.date(property),
            "KIND" if self.is_group => property.name = "X-ADDRESSBOOKSERVER-KIND".into(),
            "MEMBER" => property.name = "X-ADDRESSBOOKSERVER-MEMBER".into(),
            "KIND" if property.value == "org" => {
                self.properties.push(raw("X-ABSHOWAS", "COMPANY".into()));
            }
            "GEO" => {
                let numbers = property.value.strip_prefix("geo:").map(str::to_owned);
                if let Some((latitude, longitude)) =
                    numbers.as_deref().and_then(|n| n.split_once(','))
                {
                    property.value = format!("{latitude};{longitude}");
                }
            }
            "TZ" => time_zone(&mut property),
            "RELATED" => return self.related(property),
            "SOCIALPROFILE" => {
                property.name = "X-SOCIALPROFILE".into();
                rename(&mut property, "SERVICE-TYPE", "TYPE");
                rename(&mut property, "USERNAME", "X-USER");
            }
            "IMPP" => rename(&mut property, "SERVICE-TYPE", "X-SERVICE-TYPE"),
            _ => {}
        }
        self.labelled(property, "LABEL");
    }

    /// Adds a property, and a label in another of the same group.
    fn labelled(&mut self, mut property: Property, param: &str) {
        if let Some(label) = property.take_param(param).into_iter().next() {
            let label = escape(&label);
            self.grouped(&mut property, "X-ABLABEL", label);
        }
        self.properties.push(property);
    }

    fn grouped(&mut self, property: &mut Property, name: &str, value: String) {
        while property.group.is_none() {
            self.groups += 1;
            let group = format!("item{}", self.groups);
            property.group = Some(group).filter(|group| !self.taken.contains(group));
        }
        self.properties.push(Property {
            group: property.group.clone(),
            ..raw(name, value)
        });
    }

    fn address(&mut self, mut property: Property) {
        let label = property.take_param("LABEL").into_iter().next();
        let types: Vec<String> = property.values("TYPE").map(str::to_owned).collect();
        if let Some(label) = label {
            let mut written = raw("LABEL", escape(&label));
            for value in types {
                written.add_param("TYPE", value);
            }
            self.properties.push(written);
        }
        for zone in property.take_param("TZ") {
            let mut written = raw("TZ", zone);
            time_zone(&mut written);
            self.properties.push(written);
        }
        for geo in property.take_param("GEO") {
            let numbers = geo
                .strip_prefix("geo:")
                .and_then(|numbers| numbers.split_once(','));
            if let Some((latitude, longitude)) = numbers {
                self.properties
                    .push(raw("GEO", format!("{latitude};{longitude}")));
            }
        }
        if let Some(country) = property.take_param("CC").into_iter().next() {
            self.grouped(&mut property, "X-ABADR", country.to_lowercase());
        }
        first_parts(&mut property, 7);
        if property.value != ";;;;;;" {
            self.properties.push(property);
        }
    }

    /// A whole date, or one without a year, which Apple writes with a year that is none.
    fn date(&mut self, mut property: Property) {
        let text = property.text();
        property.value = match When::parse(&text) {
            Some(When::Instant(_)) => text,
            Some(When::Date(date)) => match (date.year, date.month, date.day) {
                (Some(_), Some(_), Some(_)) => date.to_iso(),
                (None, Some(month), Some(day)) => {
                    property.add_param("X-APPLE-OMIT-YEAR", "1604");
                    format!("1604-{month:02}-{day:02}")
                }
                _ => return,
            },
            None => text,
        };
        if property.name == "ANNIVERSARY" {
            property.name = "X-ABDATE".into();
            self.grouped(&mut property, "X-ABLABEL", "_$!<Anniversary>!$_".into());
        }
        self.properties.push(property);
    }

    fn related(&mut self, mut property: Property) {
        let types: Vec<&str> = property.values("TYPE").collect();
        let label = match types.as_slice() {
            [one] => RELATIONS.iter().find(|(relation, _)| relation == one),
            _ => None,
        };
        let is_text = property.param("VALUE") == Some("text");
        if let Some((_, label)) = label.filter(|_| is_text) {
            property.name = "X-ABRELATEDNAMES".into();
            property.take_param("TYPE");
            property.take_param("VALUE");
            self.grouped(&mut property, "X-ABLABEL", format!("_$!<{label}>!$_"));
        }
        self.properties.push(property);
    }
}

/// A text of vCard 3.0 has its semicolons escaped, also in a list of texts; a URI is none.
fn escape_semicolons(property: &mut Property) {
    let is_text = match property.param("VALUE") {
        Some(value) => value.eq_ignore_ascii_case("text"),
        None => matches!(
            property.name.as_str(),
            "FN" | "NOTE" | "TITLE" | "ROLE" | "TEL" | "EMAIL"
        ),
    };
    match property.name.as_str() {
        "N" | "ADR" | "ORG" => {}
        "CATEGORIES" | "NICKNAME" => {
            let texts: Vec<String> = property.list().iter().map(|text| escape(text)).collect();
            property.value = texts.join(",");
        }
        _ if is_text => property.value = escape(&property.text()),
        _ => {}
    }
}

fn rename(property: &mut Property, from: &str, to: &str) {
    for value in property.take_param(from) {
        property.add_param(to, value);
    }
}

/// A file that stands in the vCard, or says where it is.
fn file(property: &mut Property) {
    let named = property.take_param("MEDIATYPE").into_iter().next();
    let data = property.value.strip_prefix("data:").map(str::to_owned);
    let data = data.as_deref().and_then(|data| data.split_once(";base64,"));
    let media_type = match data {
        Some((media_type, base64)) => {
            property.add_param("ENCODING", "b");
            let media_type = Some(media_type).filter(|text| !text.is_empty());
            let media_type = media_type.map(str::to_owned).or(named);
            property.value = base64.to_owned();
            media_type
        }
        None => {
            property.take_param("VALUE");
            property.add_param("VALUE", "uri");
            named
        }
    };
    if let Some(media_type) = media_type {
        property.add_param("TYPE", media::legacy_type(&media_type));
    }
}

/// Keeps the first components, and as many of them.
fn first_parts(property: &mut Property, count: usize) {
    let parts = super::property::split(&property.value, ';').map(str::to_owned);
    let mut parts: Vec<String> = parts.take(count).collect();
    parts.resize(count, String::new());
    property.value = parts.join(";");
}

/// An offset where the zone is one, else the zone's name as text (RFC 2426, section 3.4.1).
fn time_zone(property: &mut Property) {
    let zone = property.text();
    let hours = zone
        .strip_prefix("Etc/GMT")
        .and_then(|hours| hours.parse::<i8>().ok());
    property.take_param("VALUE");
    match hours {
        // The signs of these names are the other way round.
        Some(hours) => {
            let sign = if hours > 0 { '-' } else { '+' };
            property.value = format!("{sign}{:02}:00", hours.unsigned_abs());
        }
        None if zone == "Etc/UTC" => property.value = "Z".into(),
        None => property.add_param("VALUE", "text"),
    }
}
