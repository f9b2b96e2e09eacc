//! A table of contacts: of each the values that columns can hold.

use std::io::{self, Write};

use serde_json::{Map, Value};

use super::super::super::super::formula::guarded;
use super::super::super::super::output::of_table;
use super::super::dates::Date;
use super::super::lost::{Holder, Lost};
use super::fields::{Column, Field};
use super::row;

/// Columns of an export that an import needs not: they say whose a contact was.
const ORIGIN: [&str; 3] = ["id", "tenant", "dialect"];

/// What an export shows, in its order: a field and which of its values.
const EXPORTED: [(Field, usize); 29] = [
    (Field::Uid, 0),
    (Field::ExternalId, 0),
    (Field::Name, 0),
    (Field::Prefix, 0),
    (Field::Given, 0),
    (Field::Middle, 0),
    (Field::Surname, 0),
    (Field::Suffix, 0),
    (Field::Nickname, 0),
    (Field::Organization, 0),
    (Field::Unit, 0),
    (Field::Title, 0),
    (Field::Email, 0),
    (Field::Email, 1),
    (Field::Email, 2),
    (Field::Phone, 0),
    (Field::Phone, 1),
    (Field::Phone, 2),
    (Field::Mobile, 0),
    (Field::Address, 0),
    (Field::Street, 0),
    (Field::City, 0),
    (Field::Region, 0),
    (Field::Postcode, 0),
    (Field::Country, 0),
    (Field::Birthday, 0),
    (Field::Url, 0),
    (Field::Keywords, 0),
    (Field::Note, 0),
];

/// A writer of contacts as rows of a table.
pub struct Writer<W: Write> {
    rows: csv::Writer<W>,
    has_headings: bool,
    /// The columns of the values, as a reader of the table understands them.
    columns: Vec<Column>,
    lost: Lost,
}

/// The headings of the values of an export.
fn headings() -> impl Iterator<Item = String> {
    EXPORTED.iter().map(|(field, nth)| match nth {
        0 => field.name().to_owned(),
        nth => format!("{} {}", field.name(), nth + 1),
    })
}

/// Whether a column says whose a contact was: only in a table with all the columns of an export.
/// In anybody else's file an `id` is as good a value as others.
pub fn is_origin(heading: &str, all: &[String]) -> bool {
    let is_there = |heading: &str| all.iter().any(|there| there == heading);
    ORIGIN.contains(&heading)
        && ORIGIN.iter().all(|name| is_there(name))
        && headings().all(|name| is_there(&name))
}

impl<W: Write> Writer<W> {
    /// Rows of a new file.
    pub fn new(to: W) -> Self {
        Self {
            rows: csv::Writer::from_writer(to),
            has_headings: false,
            columns: headings()
                .map(|heading| Column::of_heading(&heading))
                .collect(),
            lost: Lost::of(Holder::Table),
        }
    }

    fn write_headings(&mut self) -> io::Result<()> {
        if self.has_headings {
            return Ok(());
        }
        self.has_headings = true;
        let origin = ORIGIN.iter().map(|name| (*name).to_owned());
        let headings = origin.chain(headings());
        self.rows.write_record(headings).map_err(of_table)
    }
}

impl<W: Write> super::super::writer::Writer for Writer<W> {
    fn write(&mut self, contact: &Value) -> io::Result<()> {
        self.write_headings()?;
        let card = contact.get("card").unwrap_or(contact);
        let origin = ORIGIN.iter().map(|name| {
            let text = contact.get(*name).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        });
        let cells: Vec<String> = EXPORTED
            .iter()
            .map(|(field, nth)| values(card, *field).into_iter().nth(*nth))
            .map(Option::unwrap_or_default)
            .collect();
        let read = self.columns.iter().zip(cells.iter().map(String::as_str));
        let back = row::card(read, &mut Vec::new());
        self.lost.count(card, back.as_ref().ok());
        let row = origin.chain(cells.into_iter().map(guarded));
        self.rows.write_record(row).map_err(of_table)
    }

    fn finish(&mut self) -> io::Result<()> {
        // No contacts are a table, too.
        self.write_headings()?;
        self.rows.flush()
    }

    fn left_out(&self) -> Option<String> {
        self.lost.said()
    }
}

/// What a Card holds of a field, in the Card's order.
pub fn values(card: &Value, field: Field) -> Vec<String> {
    let texts = |map: &str, text: &str| -> Vec<String> {
        let members = card.get(map).and_then(Value::as_object);
        let members = members.into_iter().flat_map(Map::values);
        members
            .filter_map(|member| string(member.get(text)))
            .collect()
    };
    let phones = |mobile: bool| -> Vec<String> {
        let members = card.get("phones").and_then(Value::as_object);
        members
            .into_iter()
            .flat_map(Map::values)
            .filter(|phone| phone.pointer("/features/mobile").is_some() == mobile)
            .filter_map(|phone| string(phone.get("number")))
            .collect()
    };
    let first = |map: &str| card.get(map)?.as_object()?.values().next();
    let one = |text: Option<String>| text.into_iter().collect();
    let in_name = |kind| one(component(card.get("name"), kind));
    let in_address = |kind| one(component(first("addresses"), kind));
    match field {
        Field::Uid => one(string(card.get("uid"))),
        Field::ExternalId => one(string(card.get("contactd.local:externalId"))),
        Field::Name => one(string(card.pointer("/name/full"))),
        Field::Prefix => in_name("title"),
        Field::Given => in_name("given"),
        Field::Middle => in_name("given2"),
        Field::Surname => in_name("surname"),
        Field::Suffix => in_name("credential"),
        Field::Nickname => texts("nicknames", "name"),
        Field::Organization => one(string(first("organizations").and_then(|o| o.get("name")))),
        Field::Unit => {
            let unit = first("organizations").and_then(|o| o.pointer("/units/0/name"));
            one(string(unit))
        }
        Field::Title => texts("titles", "name"),
        Field::Email => texts("emails", "address"),
        Field::Phone => phones(false),
        Field::Mobile => phones(true),
        Field::Address => one(string(first("addresses").and_then(|a| a.get("full")))),
        Field::Street => in_address("name"),
        Field::City => in_address("locality"),
        Field::Region => in_address("region"),
        Field::Postcode => in_address("postcode"),
        Field::Country => in_address("country"),
        Field::Birthday => one(birthday(card)),
        Field::Url => texts("links", "uri"),
        Field::Keywords => {
            let keywords = card.get("keywords").and_then(Value::as_object);
            let names = keywords.map(|all| all.keys().map(String::as_str).collect::<Vec<_>>());
            one(names.map(|names| names.join("; ")))
        }
        Field::Note => texts("notes", "note"),
        _ => Vec::new(),
    }
}

fn string(value: Option<&Value>) -> Option<String> {
    value?.as_str().map(str::to_owned)
}

/// The components of a kind, as one text.
fn component(of: Option<&Value>, kind: &str) -> Option<String> {
    let components = of?.get("components")?.as_array()?;
    let values: Vec<&str> = components
        .iter()
        .filter(|part| part.get("kind").is_some_and(|there| there == kind))
        .filter_map(|part| part.get("value")?.as_str())
        .collect();
    (!values.is_empty()).then(|| values.join(" "))
}

fn birthday(card: &Value) -> Option<String> {
    let anniversaries = card.get("anniversaries")?.as_object()?;
    let birth = anniversaries
        .values()
        .find(|one| one.get("kind").is_some_and(|kind| kind == "birth"))?;
    Date::of_card(birth.get("date")?).map(Date::to_iso)
}
