//! What a column of a table holds, by its heading, and where in a Card that stands.
//!
//! A table shows less than a Card: the fields below, of some of which there
//! may be several columns. Headings are compared by their letters alone, so
//! that `E-mail 2 Address` is one more e-mail address.

use std::str::FromStr;

use serde_json::{Map, Value, json};

use super::super::super::exit::Failure;
use super::dates::When;
use super::{Wrong, WrongField, link};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Uid,
    ExternalId,
    Name,
    Given,
    Surname,
    Nickname,
    Organization,
    Unit,
    Title,
    Email,
    Phone,
    Mobile,
    Street,
    City,
    Region,
    Postcode,
    Country,
    Birthday,
    Url,
    Note,
}

/// Each field's own name, which `--map` and an export use, and other headings for it.
const FIELDS: [(Field, &str, &[&str]); 20] = [
    (Field::Uid, "uid", &[]),
    (
        Field::ExternalId,
        "externalId",
        &["reference", "customerid"],
    ),
    (
        Field::Name,
        "name",
        &["fullname", "displayname", "contactname"],
    ),
    (
        Field::Given,
        "given",
        &["givenname", "firstname", "forename"],
    ),
    (Field::Surname, "surname", &["lastname", "familyname"]),
    (Field::Nickname, "nickname", &[]),
    (
        Field::Organization,
        "organization",
        &["organisation", "organizationname", "company", "companyname"],
    ),
    (
        Field::Unit,
        "unit",
        &["department", "organizationdepartment"],
    ),
    (
        Field::Title,
        "title",
        &["jobtitle", "organizationtitle", "position"],
    ),
    (
        Field::Email,
        "email",
        &[
            "emailaddress",
            "emailvalue",
            "mail",
            "homeemail",
            "workemail",
        ],
    ),
    (
        Field::Phone,
        "phone",
        &[
            "phonenumber",
            "phonevalue",
            "telephone",
            "tel",
            "businessphone",
            "homephone",
            "workphone",
        ],
    ),
    (
        Field::Mobile,
        "mobile",
        &["mobilephone", "cell", "cellphone"],
    ),
    (
        Field::Street,
        "street",
        &[
            "streetaddress",
            "addressstreet",
            "businessstreet",
            "homestreet",
        ],
    ),
    (
        Field::City,
        "city",
        &[
            "town",
            "locality",
            "addresscity",
            "businesscity",
            "homecity",
        ],
    ),
    (
        Field::Region,
        "region",
        &[
            "state",
            "province",
            "addressregion",
            "businessstate",
            "homestate",
        ],
    ),
    (
        Field::Postcode,
        "postcode",
        &[
            "zip",
            "zipcode",
            "postalcode",
            "addresspostalcode",
            "businesspostalcode",
            "homepostalcode",
        ],
    ),
    (
        Field::Country,
        "country",
        &[
            "addresscountry",
            "businesscountryregion",
            "homecountryregion",
        ],
    ),
    (Field::Birthday, "birthday", &["birthdate", "dateofbirth"]),
    (
        Field::Url,
        "url",
        &["website", "webpage", "homepage", "websitevalue"],
    ),
    (Field::Note, "note", &["notes", "comment", "comments"]),
];

/// Columns of an export that an import needs not: they say whose a contact was.
pub const ORIGIN: [&str; 3] = ["id", "tenant", "dialect"];

/// What an export shows, in its order: a field and which of its values.
pub const EXPORTED: [(Field, usize); 24] = [
    (Field::Uid, 0),
    (Field::ExternalId, 0),
    (Field::Name, 0),
    (Field::Given, 0),
    (Field::Surname, 0),
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
    (Field::Street, 0),
    (Field::City, 0),
    (Field::Region, 0),
    (Field::Postcode, 0),
    (Field::Country, 0),
    (Field::Birthday, 0),
    (Field::Url, 0),
    (Field::Note, 0),
];

/// What the user says of a column: `email=E-Mail`.
#[derive(Clone, Debug)]
pub struct Mapping {
    field: Field,
    heading: String,
}

impl FromStr for Mapping {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, heading) = text
            .split_once('=')
            .ok_or("write it as FIELD=HEADING, such as email=E-Mail")?;
        let known = |(_, own, _): &&(Field, &str, &[&str])| own.eq_ignore_ascii_case(name.trim());
        let (field, ..) = FIELDS.iter().find(known).ok_or_else(|| {
            let names: Vec<&str> = FIELDS.iter().map(|(_, name, _)| *name).collect();
            format!(
                "there is no field {name}; the fields are {}",
                names.join(", ")
            )
        })?;
        Ok(Self {
            field: *field,
            heading: heading.trim().to_owned(),
        })
    }
}

impl Field {
    /// Its own name.
    pub fn name(self) -> &'static str {
        let own = FIELDS.iter().find(|(field, ..)| *field == self);
        own.map_or("", |(_, name, _)| name)
    }

    fn of_heading(heading: &str) -> Option<Self> {
        let letters: String = heading
            .chars()
            .filter(|c| c.is_alphabetic())
            .flat_map(char::to_lowercase)
            .collect();
        let known = FIELDS.iter().find(|(_, name, others)| {
            name.eq_ignore_ascii_case(&letters) || others.contains(&letters.as_str())
        });
        known.map(|(field, ..)| *field)
    }
}

/// What each column holds: nothing that we know, where it is `None`.
///
/// # Errors
/// A mapping's heading is not there, or no column holds anything that we know.
pub fn detect(headings: &[String], mappings: &[Mapping]) -> Result<Vec<Option<Field>>, Failure> {
    let there = || headings.join(", ");
    if let Some(absent) = mappings
        .iter()
        .find(|mapping| !headings.contains(&mapping.heading))
    {
        let heading = &absent.heading;
        let there = there();
        return Err(Failure::usage(format!(
            "there is no column {heading}; the columns are {there}"
        )));
    }
    let columns: Vec<Option<Field>> = headings
        .iter()
        .map(|heading| {
            let mapped = mappings.iter().find(|mapping| mapping.heading == *heading);
            mapped.map_or_else(|| Field::of_heading(heading), |mapping| Some(mapping.field))
        })
        .collect();
    if columns.iter().any(Option::is_some) {
        return Ok(columns);
    }
    Err(Failure::usage(format!(
        "no column is known among: {}; name them with --map, or their separator with --delimiter",
        there()
    )))
}

/// The Card of a row; nothing is in it of empty cells.
pub fn card<'a>(cells: impl Iterator<Item = (Field, &'a str)>) -> Result<Value, Wrong> {
    let mut row = Row::default();
    for (field, text) in cells.map(|(field, text)| (field, text.trim())) {
        if !text.is_empty() {
            row.put(field, text)?;
        }
    }
    let card = row.finish();
    if card.is_empty() {
        return Err(Wrong::new("blank", "The row holds nothing that is known."));
    }
    Ok(Value::Object(card))
}

/// A row on its way to a Card.
#[derive(Default)]
struct Row {
    card: Map<String, Value>,
    name: Map<String, Value>,
    components: Vec<Value>,
    organization: Map<String, Value>,
    address: Vec<Value>,
}

impl Row {
    fn put(&mut self, field: Field, text: &str) -> Result<(), Wrong> {
        let part = |kind: &str| json!({"kind": kind, "value": text});
        match field {
            Field::Uid => self.set("uid", text),
            Field::ExternalId => self.set("contactd.local:externalId", text),
            Field::Name => {
                self.name.insert("full".into(), text.into());
            }
            Field::Given => self.components.push(part("given")),
            Field::Surname => self.components.push(part("surname")),
            Field::Nickname => self.add("nicknames", json!({"name": text})),
            Field::Organization => {
                self.organization.insert("name".into(), text.into());
            }
            Field::Unit => {
                let units = json!([{"name": text}]);
                self.organization.insert("units".into(), units);
            }
            Field::Title => self.add("titles", json!({"name": text})),
            Field::Email => self.add("emails", json!({"address": text})),
            Field::Phone => self.add("phones", json!({"number": text})),
            Field::Mobile => {
                let phone = json!({"number": text, "features": {"mobile": true}});
                self.add("phones", phone);
            }
            Field::Street => self.address.push(part("name")),
            Field::City => self.address.push(part("locality")),
            Field::Region => self.address.push(part("region")),
            Field::Postcode => self.address.push(part("postcode")),
            Field::Country => self.address.push(part("country")),
            Field::Birthday => {
                let date = date(text)?;
                self.add("anniversaries", json!({"kind": "birth", "date": date}));
            }
            Field::Url => self.add("links", json!({"uri": link(text)})),
            Field::Note => self.add("notes", json!({"note": text})),
        }
        Ok(())
    }

    fn set(&mut self, property: &str, text: &str) {
        self.card.insert(property.to_owned(), text.into());
    }

    /// Adds a member to a map; members count from 1.
    fn add(&mut self, map: &str, member: Value) {
        let mut members = match self.card.shift_remove(map) {
            Some(Value::Object(members)) => members,
            _ => Map::new(),
        };
        members.insert((members.len() + 1).to_string(), member);
        self.card.insert(map.to_owned(), members.into());
    }

    fn finish(mut self) -> Map<String, Value> {
        if !self.components.is_empty() {
            self.name
                .insert("components".into(), self.components.into());
        }
        if !self.name.is_empty() {
            self.card.insert("name".into(), self.name.into());
        }
        if !self.organization.is_empty() {
            let organizations = json!({"1": self.organization});
            self.card.insert("organizations".into(), organizations);
        }
        if !self.address.is_empty() {
            let addresses = json!({"1": {"components": self.address}});
            self.card.insert("addresses".into(), addresses);
        }
        self.card
    }
}

/// A date as `1990-01-31`; `31/01/1990` could be read in two ways.
fn date(text: &str) -> Result<Value, Wrong> {
    let date = When::parse(text).map(When::to_card);
    date.ok_or_else(|| Wrong {
        violations: vec![WrongField {
            field: Field::Birthday.name().to_owned(),
            code: "format".to_owned(),
            message: "birthday must be a date as 1990-01-31.".to_owned(),
        }],
        ..Wrong::new("invalid", "A cell is not of its form.")
    })
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
        Field::Given => in_name("given"),
        Field::Surname => in_name("surname"),
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
        Field::Street => in_address("name"),
        Field::City => in_address("locality"),
        Field::Region => in_address("region"),
        Field::Postcode => in_address("postcode"),
        Field::Country => in_address("country"),
        Field::Birthday => one(birthday(card)),
        Field::Url => texts("links", "uri"),
        Field::Note => texts("notes", "note"),
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
    let number = |name: &str| birth.get("date")?.get(name)?.as_u64();
    let (year, month, day) = (number("year")?, number("month")?, number("day")?);
    Some(format!("{year:04}-{month:02}-{day:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_of_other_programs_are_known() {
        let check = |heading: &str, want| assert_eq!(Field::of_heading(heading), want, "{heading}");
        check("E-mail 1 - Value", Some(Field::Email));
        check("E-mail 2 Address", Some(Field::Email));
        check("Phone 3 - Value", Some(Field::Phone));
        check("First Name", Some(Field::Given));
        check("externalid", Some(Field::ExternalId));
        check("Shoe size", None);
        for (field, name, _) in FIELDS {
            check(name, Some(field));
            assert_eq!(field.name(), name);
        }
    }

    #[test]
    fn a_mapping_wins_over_what_a_heading_seems_to_say() {
        let headings = ["Title", "Wer", "x"].map(str::to_owned);
        let mapping = |text: &str| text.parse::<Mapping>().expect("a mapping");
        let found = detect(&headings, &[mapping("name = Wer"), mapping("note=Title")]);
        let found = found.expect("columns");
        assert_eq!(found, [Some(Field::Note), Some(Field::Name), None]);
        assert!(detect(&headings, &[mapping("email=E-Mail")]).is_err());
        assert!(detect(&["x".to_owned()], &[]).is_err());
        for bad in ["email", "shoe=Size"] {
            assert!(bad.parse::<Mapping>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_row_becomes_a_card_and_a_card_the_same_cells() {
        let cells = [
            (Field::Uid, "u"),
            (Field::ExternalId, "x-7"),
            (Field::Name, "Ann Example"),
            (Field::Given, "Ann"),
            (Field::Surname, "Example"),
            (Field::Nickname, "Annie"),
            (Field::Organization, "Acme"),
            (Field::Unit, "Research"),
            (Field::Title, "Engineer"),
            (Field::Email, "a@example.com"),
            (Field::Email, "b@example.com"),
            (Field::Phone, "+1 555 0100"),
            (Field::Mobile, "+1 555 0101"),
            (Field::Street, "1 Main St"),
            (Field::City, "Springfield"),
            (Field::Region, "IL"),
            (Field::Postcode, "62701"),
            (Field::Country, "USA"),
            (Field::Birthday, "1990-01-31"),
            (Field::Url, "https://example.com/"),
            (Field::Note, "one\ntwo"),
        ];
        let card = card(cells.into_iter()).expect("a Card");
        for (field, ..) in FIELDS {
            let given: Vec<&str> = cells
                .iter()
                .filter(|(of, _)| *of == field)
                .map(|(_, text)| *text)
                .collect();
            assert_eq!(values(&card, field), given, "{field:?}");
        }
    }

    #[test]
    fn a_row_with_nothing_or_with_a_bad_date_is_refused() {
        let code = |field, text| card([(field, text)].into_iter()).expect_err("refused").code;
        assert_eq!(code(Field::Name, " "), "blank");
        assert_eq!(code(Field::Birthday, "31.1.1990"), "invalid");
    }
}
