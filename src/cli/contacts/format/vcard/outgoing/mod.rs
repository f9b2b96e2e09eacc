//! The properties of vCard 4.0 that a Card becomes (RFC 9555, section 3).
//!
//! `table` says which member is which property; what a name and an address are made of is in
//! `components`. What no property holds is no concern here: `write` reads the vCard again, and adds
//! it as JSPROP.

mod components;
mod converted;
mod held;
mod localized;
mod path;
mod table;

use serde_json::{Map, Value};

pub use self::components::order;
use self::components::{Components, NAME};
use self::converted::Converted;
use self::held::held;
use self::path::{begins_with, find};
use self::table::{Form, PHONETIC, Param, ROWS, Row, SCRIPT, SINGLES};
use super::jsprop;
use super::property::{Property, escape, escape_simple};
use crate::dialect::uri::is_uri;

/// The properties of a Card; `None` for what is no JSON object.
pub fn properties(card: &Value) -> Option<Vec<Property>> {
    card.as_object()?;
    let mut out = Outgoing {
        card,
        converted: Converted::of(card),
        language: None,
        properties: Vec::new(),
    };
    if find(card, "name/full").is_none() {
        let mut property = Property::named("FN");
        property.value = escape_simple(&derived_name(card));
        property.add_param("DERIVED", "TRUE");
        out.add(&["name", "full"], property);
    }
    out.write(card);
    for (language, members) in localized::of(card) {
        out.language = Some(language);
        out.write(&members);
    }
    let mut properties = out.properties;
    let language = |property: &Property| property.param("LANGUAGE").map(str::to_owned);
    properties.sort_by_key(|(rank, property)| (*rank, language(property)));
    let kept = card.pointer("/vCard/properties").and_then(Value::as_array);
    let kept = kept.into_iter().flatten().filter_map(jsprop::of_jcard);
    let written = properties.into_iter().map(|(_, property)| property);
    Some(written.chain(kept).collect())
}

/// The order of properties: that which people expect, and which keeps a property in another
/// language behind its original. A TZ or GEO that is not of an address comes before all addresses,
/// so that it will not become a part of one; one that is comes after them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Kind,
    Uid,
    FullName,
    Name,
    PlaceAlone,
    Other,
    PlaceOfAddress,
}

impl Rank {
    fn of(name: &str) -> Self {
        match name {
            "KIND" => Self::Kind,
            "UID" => Self::Uid,
            "FN" => Self::FullName,
            "N" => Self::Name,
            "TZ" | "GEO" => Self::PlaceOfAddress,
            _ => Self::Other,
        }
    }
}

/// The properties of a Card on their way out.
struct Outgoing<'a> {
    /// The whole Card, with its localizations.
    card: &'a Value,
    converted: Converted<'a>,
    /// The language of what is written; none for the Card's own.
    language: Option<&'a str>,
    properties: Vec<(Rank, Property)>,
}

impl Outgoing<'_> {
    /// Writes a Card, or those members of it that are there in another language.
    fn write(&mut self, members: &Value) {
        for name in members.as_object().into_iter().flat_map(Map::keys) {
            match name.as_str() {
                "name" => self.name(members),
                "keywords" => self.keywords(members),
                _ => {
                    self.singles(name, members);
                    self.entries(name, members);
                }
            }
        }
    }

    /// Adds the property that the member at a path becomes, with what else it was in a vCard.
    fn add(&mut self, path: &[&str], mut property: Property) {
        self.converted.restore(self.language, path, &mut property);
        if let Some(language) = self.language {
            property.take_param("LANGUAGE");
            property.add_param("LANGUAGE", language);
        }
        self.properties.push((Rank::of(&property.name), property));
    }

    /// Writes FN, where there is a full name, and N, where there are components.
    fn name(&mut self, members: &Value) {
        let text_at = |path: &str| find(members, path).and_then(Value::as_str);
        if let Some(full) = text_at("name/full") {
            let mut property = Property::named("FN");
            property.value = escape_simple(full);
            self.add(&["name", "full"], property);
        }
        let base = self.language.and_then(|_| self.card.get("name"));
        let Some(name) = members.get("name") else {
            return;
        };
        let components = Components::of(&NAME, name, base);
        let mut property = Property::named("N");
        property.value = components.value();
        if property.value.trim_matches([';', ',']).is_empty() {
            return;
        }
        for param in [SCRIPT, PHONETIC] {
            property.add_all(param.name, param.texts(name));
        }
        if let Some(surname) = text_at("name/sortAs/surname") {
            let given = text_at("name/sortAs/given");
            let all: Vec<&str> = std::iter::once(surname).chain(given).collect();
            property.add_param("SORT-AS", all.join(","));
        }
        property.add_all("JSCOMPS", components.order());
        self.add(&["name", "components"], property);
    }

    /// Writes all keywords as one property, CATEGORIES.
    fn keywords(&mut self, members: &Value) {
        let set = members.get("keywords").and_then(Value::as_object);
        let words = set.into_iter().flat_map(|set| set.keys());
        let words: Vec<String> = words.map(|word| escape_simple(word)).collect();
        let mut property = Property::named("CATEGORIES");
        property.value = words.join(",");
        if !property.value.is_empty() {
            self.add(&["keywords"], property);
        }
    }

    fn singles(&mut self, name: &str, members: &Value) {
        for single in SINGLES
            .iter()
            .filter(|single| begins_with(single.member, name))
        {
            let value = find(members, single.member);
            for text in value
                .map(|value| single.form.texts(value))
                .into_iter()
                .flatten()
            {
                let path: Vec<&str> = single.member.split('/').collect();
                let mut property = Property::named(single.name);
                property.value = match single.form {
                    Form::Uri if is_uri(&text) => text,
                    Form::Uri => escape(&text),
                    _ => escape_simple(&text),
                };
                self.add(&path, property);
            }
        }
    }

    fn entries(&mut self, name: &str, members: &Value) {
        let rows: Vec<&Row> = ROWS
            .iter()
            .filter(|row| begins_with(row.map, name))
            .collect();
        let map = rows.first().and_then(|row| find(members, row.map));
        for (id, entry) in map.and_then(Value::as_object).into_iter().flatten() {
            for row in &rows {
                self.entry(row, id, entry);
            }
        }
    }

    /// Writes an entry of a map as a row of the table has it.
    fn entry(&mut self, row: &Row, id: &str, entry: &Value) {
        let original = find(self.card, row.map).and_then(|map| map.get(id));
        let base = self.language.and(original);
        let kind = entry.get("kind").or_else(|| base?.get("kind"));
        let name = row.name(kind.and_then(Value::as_str));
        let Some((name, held)) = name.zip(held(row.holds, id, entry, base)) else {
            return;
        };
        let mut property = Property::named(name);
        for param in row.params {
            if held.said_again != Some(param.name) && self.was(row, id, param).is_none() {
                property.add_all(param.name, param.texts(entry));
            }
        }
        let says_something = !held.is_blank() || !property.params.is_empty();
        self.apart(row, id, entry, says_something);
        if !says_something {
            return;
        }
        property.value = held.value;
        if held.member.is_some() {
            property.add_param("PROP-ID", id);
        }
        property.add_all("JSCOMPS", held.order);
        property.add_all("VALUE", held.kind);
        self.add(&path_to(row, id, held.member), property);
    }

    /// The name of the property of its own that a parameter was in the vCard that a Card was made
    /// of: a TZ or GEO for an address, or the label of an Apple program.
    fn was(&self, row: &Row, id: &str, param: &Param) -> Option<String> {
        let path = path_to(row, id, Some(param.member));
        self.converted.name(self.language, &path)
    }

    /// Writes the members of an entry that were properties of their own.
    fn apart(&mut self, row: &Row, id: &str, entry: &Value, has_others: bool) {
        for param in row.params {
            let Some(name) = self.was(row, id, param) else {
                continue;
            };
            for text in param.texts(entry) {
                let mut property = Property::named(&name);
                property.value = match param.form {
                    Form::Uri => text,
                    _ => escape(&text),
                };
                self.add(&path_to(row, id, Some(param.member)), property);
                if let Some((rank @ Rank::PlaceOfAddress, _)) = self.properties.last_mut()
                    && !has_others
                {
                    *rank = Rank::PlaceAlone;
                }
            }
        }
    }
}

/// The names on the way to an entry, or to a member of it.
fn path_to<'a>(row: &Row, id: &'a str, member: Option<&'a str>) -> Vec<&'a str> {
    let member = member.into_iter().flat_map(|member| member.split('/'));
    row.map.split('/').chain([id]).chain(member).collect()
}

/// A name for a vCard that must have one, of a Card that has none.
fn derived_name(card: &Value) -> String {
    let name = card.get("name");
    let spoken = name.map(|name| Components::of(&NAME, name, None).spoken());
    if let Some(spoken) = spoken.filter(|spoken| !spoken.is_empty()) {
        return spoken;
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

#[cfg(test)]
mod tests;
