//! The Card of a row of a table.
//!
//! An odd cell does not lose the person: what fits no place in a Card is kept under
//! `contactd.local:columns`, by its heading.

use std::mem::take;

use serde_json::{Map, Value, json};

use super::super::dates::{Date, When};
use super::super::note::Note;
use super::super::record::Wrong;
use super::super::values::{link, mail_address};
use super::address::Address;
use super::fields::{Column, Field};
use crate::dialect::email::is_email;
use crate::dialect::uri::is_uri;

/// The property in which a Card keeps cells that have no place in it.
pub const COLUMNS: &str = "contactd.local:columns";
/// What stands between two values in one cell, as Google writes it.
const BETWEEN_VALUES: &str = " ::: ";

/// Makes a Card of the cells of a row; nothing is in it of empty cells.
pub fn card<'a>(
    cells: impl Iterator<Item = (&'a Column, &'a str)>,
    notes: &mut Vec<Note>,
) -> Result<Value, Wrong> {
    let mut row = Row::default();
    for (column, text) in cells.map(|(column, text)| (column, text.trim())) {
        if !text.is_empty() {
            row.put(column, text, notes);
        }
    }
    let card = row.finish(notes);
    if card.is_empty() {
        return Err(Wrong::new("blank", "The row holds nothing."));
    }
    Ok(Value::Object(card))
}

/// A member of a map, such as a telephone, and which columns its label is in.
struct Member {
    map: &'static str,
    number: u32,
    value: Map<String, Value>,
}

/// A row on its way to a Card.
#[derive(Default)]
struct Row {
    card: Map<String, Value>,
    name: Map<String, Value>,
    components: Vec<Value>,
    organization: Map<String, Value>,
    members: Vec<Member>,
    addresses: Vec<Address>,
    labels: Vec<(Field, Column, String)>,
    birth: [Option<String>; 3],
    kept: Map<String, Value>,
}

impl Row {
    fn put(&mut self, column: &Column, text: &str, notes: &mut Vec<Note>) {
        let Some(field) = column.field else {
            self.keep(&column.heading, text);
            return;
        };
        let part = |kind: &str| json!({"kind": kind, "value": text});
        match field {
            Field::Origin => {}
            Field::Uid => self.once(column, text, notes, |row| (&mut row.card, "uid")),
            Field::ExternalId => self.once(column, text, notes, |row| {
                (&mut row.card, "contactd.local:externalId")
            }),
            Field::Name => self.once(column, text, notes, |row| (&mut row.name, "full")),
            Field::Prefix => self.components.push(part("title")),
            Field::Given => self.components.push(part("given")),
            Field::Middle => self.components.push(part("given2")),
            Field::Surname => self.components.push(part("surname")),
            Field::Suffix => self.components.push(part("credential")),
            Field::Organization => {
                self.once(column, text, notes, |row| (&mut row.organization, "name"));
            }
            Field::Unit => {
                let mut units = match self.organization.remove("units") {
                    Some(Value::Array(units)) => units,
                    _ => Vec::new(),
                };
                units.push(json!({"name": text}));
                self.organization.insert("units".into(), units.into());
            }
            field if field.is_address() => self.address(column, field, text),
            Field::Birthday => self.day(column, "birth", text, notes),
            Field::Anniversary => self.day(column, "wedding", text, notes),
            Field::BirthYear => self.birth[0] = Some(text.to_owned()),
            Field::BirthMonth => self.birth[1] = Some(text.to_owned()),
            Field::BirthDay => self.birth[2] = Some(text.to_owned()),
            Field::EmailLabel | Field::PhoneLabel | Field::AddressLabel => {
                self.labels.push((field, column.clone(), text.to_owned()));
            }
            Field::Keywords => {
                let between = |c: char| c == ';' || c == ',';
                for keyword in text.replace(":::", ";").split(between) {
                    let keyword = keyword.trim().trim_start_matches("* ").trim();
                    if !keyword.is_empty() {
                        self.member_of("keywords")
                            .insert(keyword.to_owned(), true.into());
                    }
                }
            }
            Field::Spouse => {
                let spouse = json!({"relation": {"spouse": true}});
                self.member_of("relatedTo").insert(text.to_owned(), spouse);
            }
            field => {
                for text in text.split(BETWEEN_VALUES.trim_end()).map(str::trim) {
                    if !text.is_empty() {
                        self.repeatable(column, field, text, notes);
                    }
                }
            }
        }
    }

    /// A value of which there may be several.
    fn repeatable(&mut self, column: &Column, field: Field, text: &str, notes: &mut Vec<Note>) {
        let (map, value) = match field {
            Field::Email => {
                let address = mail_address(text);
                if !is_email(address) {
                    return self.odd(column, text, notes);
                }
                changed(column, text, address, notes);
                ("emails", json!({"address": address}))
            }
            Field::Phone | Field::Mobile | Field::Fax | Field::Pager => {
                let number = phone_number(text);
                changed(column, text, number, notes);
                ("phones", phone(field, number))
            }
            Field::Url => {
                let uri = link(text);
                if !is_uri(&uri) {
                    return self.odd(column, text, notes);
                }
                changed(column, text, &uri, notes);
                ("links", json!({"uri": uri}))
            }
            Field::Photo => {
                if !is_uri(text) {
                    return self.odd(column, text, notes);
                }
                ("media", json!({"kind": "photo", "uri": text}))
            }
            Field::Nickname => ("nicknames", json!({"name": text})),
            Field::Title => ("titles", json!({"name": text})),
            Field::Note => ("notes", json!({"note": text})),
            _ => return self.odd(column, text, notes),
        };
        let Value::Object(mut value) = value else {
            return;
        };
        let has_contexts = matches!(map, "emails" | "phones" | "links");
        if let Some(context) = column.context.filter(|_| has_contexts) {
            value.insert("contexts".into(), json!({context: true}));
        }
        let number = column.number;
        self.members.push(Member { map, number, value });
    }

    /// Sets a member that there is once; another value is kept beside the Card.
    fn once(
        &mut self,
        column: &Column,
        text: &str,
        notes: &mut Vec<Note>,
        place: impl Fn(&mut Self) -> (&mut Map<String, Value>, &'static str),
    ) {
        let (map, name) = place(self);
        match map.get(name) {
            None => {
                map.insert(name.to_owned(), text.into());
            }
            Some(there) if there == text => {}
            Some(_) => self.odd(column, text, notes),
        }
    }

    /// A map of the Card that is not a list of members.
    fn member_of(&mut self, map: &str) -> &mut Map<String, Value> {
        let value = self.card.entry(map).or_insert_with(|| json!({}));
        if !value.is_object() {
            *value = json!({});
        }
        match value {
            Value::Object(map) => map,
            _ => &mut self.kept,
        }
    }

    /// Keeps a cell that is not what its heading says, and says so.
    fn odd(&mut self, column: &Column, text: &str, notes: &mut Vec<Note>) {
        notes.push(Note::Kept(format!("{}: {text}", column.heading)));
        self.keep(&column.heading, text);
    }

    fn keep(&mut self, heading: &str, text: &str) {
        let mut name = heading.to_owned();
        let mut nth = 2;
        while self.kept.contains_key(&name) {
            name = format!("{heading} ({nth})");
            nth += 1;
        }
        self.kept.insert(name, text.into());
    }

    fn day(&mut self, column: &Column, kind: &str, text: &str, notes: &mut Vec<Note>) {
        // What Outlook writes where there is no date.
        if text == "0/0/00" || text == "00/00/00" {
            notes.push(Note::changed(&column.heading, text, ""));
            return;
        }
        match When::parse(text) {
            Some(when) => {
                if text.contains([' ', 'T'])
                    && let When::Date(date) = when
                {
                    changed(column, text, &date.to_iso(), notes);
                }
                self.anniversary(kind, when.to_card());
            }
            None => self.odd(column, text, notes),
        }
    }

    fn anniversary(&mut self, kind: &str, date: Value) {
        let Value::Object(value) = json!({"kind": kind, "date": date}) else {
            return;
        };
        let (map, number) = ("anniversaries", 0);
        self.members.push(Member { map, number, value });
    }

    fn address(&mut self, column: &Column, field: Field, text: &str) {
        let is_its =
            |address: &&mut Address| (address.number, address.word) == (column.number, column.word);
        // A further line of a street is a part of it; a second street is another address.
        let line = column.heading.chars().any(|c| ('2'..='9').contains(&c)) && column.number == 0;
        let fits = |address: &&mut Address| match field {
            Field::Address => address.text.is_none() || line,
            field => line || !address.parts.iter().any(|(there, _)| *there == field),
        };
        let mut its = self.addresses.iter_mut().filter(is_its);
        let address = match its.find(fits) {
            Some(address) => address,
            None => {
                self.addresses.push(Address {
                    context: column.context,
                    number: column.number,
                    word: column.word,
                    ..Address::default()
                });
                match self.addresses.last_mut() {
                    Some(address) => address,
                    None => return,
                }
            }
        };
        let add = |to: &mut String| {
            to.push('\n');
            to.push_str(text);
        };
        let there = address.parts.iter_mut().find(|(there, _)| *there == field);
        match (field, &mut address.text, there) {
            (Field::Address, Some(there), _) => add(there),
            (Field::Address, none, _) => *none = Some(text.to_owned()),
            (_, _, Some((_, there))) => add(there),
            _ => address.parts.push((field, text.to_owned())),
        }
    }

    fn finish(mut self, notes: &mut Vec<Note>) -> Map<String, Value> {
        let labels = take(&mut self.labels);
        for (field, column, text) in labels {
            self.label(field, &column, &text, notes);
        }
        self.birth(notes);
        if !self.components.is_empty() {
            self.name
                .insert("components".into(), take(&mut self.components).into());
        }
        if !self.name.is_empty() {
            self.card.insert("name".into(), take(&mut self.name).into());
        }
        if !self.organization.is_empty() {
            let organizations = json!({"1": take(&mut self.organization)});
            self.card.insert("organizations".into(), organizations);
        }
        for Member { map, value, .. } in take(&mut self.members) {
            let members = self.member_of(map);
            let id = (members.len() + 1).to_string();
            members.insert(id, value.into());
        }
        for address in take(&mut self.addresses) {
            let members = self.member_of("addresses");
            let id = (members.len() + 1).to_string();
            members.insert(id, address.to_card());
        }
        if !self.kept.is_empty() {
            self.card.insert(COLUMNS.into(), self.kept.into());
        }
        self.card
    }

    /// Gives the members of a label's number what the label says. `* ` marks the preferred one; a
    /// label without any is kept.
    fn label(&mut self, field: Field, column: &Column, text: &str, notes: &mut Vec<Note>) {
        let number = column.number;
        let (is_preferred, said) = match text.strip_prefix('*') {
            Some(rest) => (true, rest.trim()),
            None => (false, text),
        };
        let lower = said.to_lowercase();
        let context = match lower.split_whitespace().next() {
            Some("home") => Some("private"),
            Some("work" | "business") => Some("work"),
            _ => None,
        };
        if field == Field::AddressLabel {
            let its = self
                .addresses
                .iter_mut()
                .find(|address| address.number == number);
            match its {
                Some(address) if context.is_some() => address.context = context,
                _ => self.odd(column, text, notes),
            }
            return;
        }
        let map = if field == Field::EmailLabel {
            "emails"
        } else {
            "phones"
        };
        let feature = match lower.split_whitespace().last() {
            _ if map == "emails" => None,
            Some("mobile" | "cell") => Some("mobile"),
            Some("fax") => Some("fax"),
            Some("pager") => Some("pager"),
            Some("main") => Some("main-number"),
            _ => None,
        };
        let is_its = |member: &&mut Member| member.map == map && member.number == number;
        let mut is_of_none = true;
        for member in self.members.iter_mut().filter(is_its) {
            is_of_none = false;
            if let Some(context) = context {
                member
                    .value
                    .insert("contexts".into(), json!({context: true}));
            }
            if let Some(feature) = feature {
                member
                    .value
                    .insert("features".into(), json!({feature: true}));
            }
            if context.is_none() && feature.is_none() && !said.is_empty() {
                member.value.insert("label".into(), said.into());
            }
            if is_preferred {
                member.value.insert("pref".into(), 1.into());
            }
        }
        if is_of_none {
            self.odd(column, text, notes);
        }
    }

    /// Thunderbird's three columns for a birthday.
    fn birth(&mut self, notes: &mut Vec<Note>) {
        let [year, month, day] = &self.birth;
        let number = |text: &Option<String>| text.as_ref().map(|text| text.parse::<u16>().ok());
        let small = |text: &Option<String>| text.as_ref().map(|text| text.parse::<u8>().ok());
        let (year_is, month_is, day_is) = (number(year), small(month), small(day));
        let mut date = Map::new();
        for (name, value) in [
            ("year", year_is.flatten()),
            ("month", month_is.flatten().map(u16::from)),
            ("day", day_is.flatten().map(u16::from)),
        ] {
            if let Some(value) = value {
                date.insert(name.into(), value.into());
            }
        }
        let all_read = year_is != Some(None) && month_is != Some(None) && day_is != Some(None);
        match Date::of_card(&Value::Object(date)).filter(|_| all_read) {
            Some(date) => self.anniversary("birth", date.to_card()),
            None => {
                let [year, month, day] = take(&mut self.birth);
                for (heading, text) in [
                    ("Birth Year", year),
                    ("Birth Month", month),
                    ("Birth Day", day),
                ] {
                    if let Some(text) = text {
                        notes.push(Note::Kept(format!("{heading}: {text}")));
                        self.keep(heading, &text);
                    }
                }
            }
        }
    }
}

fn changed(column: &Column, from: &str, to: &str, notes: &mut Vec<Note>) {
    if from != to {
        notes.push(Note::changed(&column.heading, from, to));
    }
}

/// A number without the apostrophe by which people keep a spreadsheet from calculating with it.
fn phone_number(text: &str) -> &str {
    let rest = text.strip_prefix('\'');
    rest.filter(|rest| rest.starts_with(|c: char| c == '+' || c.is_ascii_digit()))
        .unwrap_or(text)
}

fn phone(field: Field, number: &str) -> Value {
    let feature = match field {
        Field::Mobile => "mobile",
        Field::Fax => "fax",
        Field::Pager => "pager",
        _ => return json!({"number": number}),
    };
    json!({"number": number, "features": {feature: true}})
}
