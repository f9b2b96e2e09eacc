//! What a column of a table holds, by its heading.
//!
//! Headings are compared by their letters alone, so that `E-mail 2 Address` is one more e-mail
//! address. A number, and words such as `Business`, tell of which address or number it is.

use std::str::FromStr;

use super::super::super::super::exit::Failure;

/// The field of a contact that the cells of a column are read into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Uid,
    ExternalId,
    Name,
    Prefix,
    Given,
    Middle,
    Surname,
    Suffix,
    Nickname,
    Organization,
    Unit,
    Title,
    Email,
    Phone,
    Mobile,
    Fax,
    Pager,
    Address,
    Street,
    PostOfficeBox,
    Extended,
    City,
    Region,
    Postcode,
    Country,
    Birthday,
    BirthYear,
    BirthMonth,
    BirthDay,
    Anniversary,
    Url,
    Photo,
    Keywords,
    Spouse,
    Note,
    EmailLabel,
    PhoneLabel,
    AddressLabel,
    /// The id and owner that a contact had before our own export, which an import needs not.
    Origin,
}

/// Each field's own name, which `--map` and an export use, and other headings for it. The labels
/// say what kind of address or number the column beside them holds.
const FIELDS: [(Field, &str, &[&str]); 38] = [
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
        Field::Prefix,
        "prefix",
        &["nameprefix", "honorificprefix", "salutation"],
    ),
    (
        Field::Given,
        "given",
        &["givenname", "firstname", "forename"],
    ),
    (Field::Middle, "middle", &["middlename", "additionalname"]),
    (Field::Surname, "surname", &["lastname", "familyname"]),
    (Field::Suffix, "suffix", &["namesuffix", "honorificsuffix"]),
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
        &["emailaddress", "emailvalue", "mail"],
    ),
    (
        Field::Phone,
        "phone",
        &[
            "phonenumber",
            "phonevalue",
            "telephone",
            "tel",
            "companymainphone",
        ],
    ),
    (
        Field::Mobile,
        "mobile",
        &["mobilephone", "mobilenumber", "cell", "cellphone"],
    ),
    (Field::Fax, "fax", &["faxnumber"]),
    (Field::Pager, "pager", &["pagernumber"]),
    (
        Field::Address,
        "address",
        &["addressformatted", "addressline"],
    ),
    (Field::Street, "street", &["streetaddress"]),
    (Field::PostOfficeBox, "pobox", &["postofficebox"]),
    (Field::Extended, "extended", &["extendedaddress"]),
    (Field::City, "city", &["town", "locality"]),
    (Field::Region, "region", &["state", "province"]),
    (
        Field::Postcode,
        "postcode",
        &["zip", "zipcode", "postalcode"],
    ),
    (Field::Country, "country", &["countryregion"]),
    (Field::Birthday, "birthday", &["birthdate", "dateofbirth"]),
    (Field::BirthYear, "birthyear", &[]),
    (Field::BirthMonth, "birthmonth", &[]),
    (Field::BirthDay, "birthdayofmonth", &[]),
    (Field::Anniversary, "anniversary", &[]),
    (
        Field::Url,
        "url",
        &["website", "webpage", "homepage", "websitevalue"],
    ),
    (Field::Photo, "photo", &[]),
    (
        Field::Keywords,
        "keywords",
        &["categories", "labels", "groupmembership", "tags"],
    ),
    (Field::Spouse, "spouse", &[]),
    (Field::Note, "note", &["notes", "comment", "comments"]),
    (Field::EmailLabel, "emaillabel", &["emailtype"]),
    (Field::PhoneLabel, "phonelabel", &["phonetype"]),
    (Field::AddressLabel, "addresslabel", &["addresstype"]),
];

/// Words before or behind a heading that say whose address or number it is, and the context of
/// RFC 9553 that this is.
const WORDS: [(&str, Option<&str>); 8] = [
    ("business", Some("work")),
    ("work", Some("work")),
    ("office", Some("work")),
    ("home", Some("private")),
    ("personal", Some("private")),
    ("other", None),
    ("primary", None),
    ("secondary", None),
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

/// What the user says of several columns: `email=E-Mail,name=Last, first`.
#[derive(Clone, Debug)]
pub struct Mappings(pub Vec<Mapping>);

impl FromStr for Mappings {
    type Err = String;

    /// A part without an equals sign belongs to the heading before it, which has a comma.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut pairs: Vec<String> = Vec::new();
        for part in text.split(',') {
            match pairs.last_mut().filter(|_| !part.contains('=')) {
                Some(heading) => heading.extend([",", part]),
                None => pairs.push(part.to_owned()),
            }
        }
        let mappings: Result<_, _> = pairs.iter().map(|pair| pair.parse()).collect();
        mappings.map(Self)
    }
}

impl Field {
    /// The field's own name.
    pub fn name(self) -> &'static str {
        let own = FIELDS.iter().find(|(field, ..)| *field == self);
        own.map_or("", |(_, name, _)| name)
    }

    /// Whether the field is a part of a postal address.
    pub const fn is_address(self) -> bool {
        matches!(
            self,
            Self::Address
                | Self::Street
                | Self::PostOfficeBox
                | Self::Extended
                | Self::City
                | Self::Region
                | Self::Postcode
                | Self::Country
        )
    }

    fn named(letters: &str) -> Option<Self> {
        let known = FIELDS.iter().find(|(_, name, others)| {
            name.eq_ignore_ascii_case(letters) || others.contains(&letters)
        });
        let part = |rest: &str| Self::named(rest).filter(|field| field.is_address());
        known
            .map(|(field, ..)| *field)
            .or_else(|| part(letters.strip_prefix("address")?))
    }
}

/// A column: its heading, and what it holds, where that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The heading as it stands in the file.
    pub heading: String,
    /// The field that the cells are read into; none where the heading is unknown.
    pub field: Option<Field>,
    /// The context of RFC 9553 that the heading names: `work` or `private`.
    pub context: Option<&'static str>,
    /// The number in the heading, such as 2 of `Address 2`; 0 where it has none.
    pub number: u32,
    /// Another word that tells addresses apart, such as `other`.
    pub word: &'static str,
}

impl Column {
    /// The column of a heading, as far as the heading alone tells.
    pub fn of_heading(heading: &str) -> Self {
        let letters: String = heading
            .chars()
            .filter(|c| c.is_alphabetic())
            .flat_map(char::to_lowercase)
            .collect();
        let digits = heading.split(|c: char| !c.is_ascii_digit());
        let mut numbers = digits.filter_map(|digits| digits.parse().ok());
        let plain = Field::named(&letters).map(|field| (field, "", None));
        let with_word = || {
            WORDS.iter().find_map(|(word, context)| {
                let around = [letters.strip_prefix(word), letters.strip_suffix(word)];
                let mut rests = around.into_iter().flatten();
                let field = rests.find_map(Field::named)?;
                Some((field, *word, *context))
            })
        };
        let found = plain.or_else(with_word);
        Self {
            heading: heading.to_owned(),
            field: found.map(|(field, ..)| field),
            context: found.and_then(|(.., context)| context),
            number: numbers.next().unwrap_or(0),
            word: found.map_or("", |(_, word, _)| word),
        }
    }
}

/// Whether a row could be the headings, and how many of its cells are known ones.
pub fn known(cells: &[String], mappings: &[Mapping]) -> usize {
    let is_mapped = |cell: &str| mappings.iter().any(|mapping| mapping.heading == cell);
    let cells = cells.iter().map(|cell| cell.trim());
    let is_known = |cell: &&str| is_mapped(cell) || Column::of_heading(cell).field.is_some();
    cells.filter(is_known).count()
}

/// Finds the field of each column from its heading, or from a mapping of the user's.
///
/// # Errors
/// A mapping's heading is not there or has two meanings, or no column holds anything that is known.
pub fn detect(headings: &[String], mappings: &[Mapping]) -> Result<Vec<Column>, Failure> {
    let there = || headings.join(", ");
    if let Some(absent) = mappings
        .iter()
        .find(|mapping| !headings.contains(&mapping.heading))
    {
        return Err(Failure::usage(format!(
            "there is no column {}; the columns are {}",
            absent.heading,
            there()
        )));
    }
    for (at, mapping) in mappings.iter().enumerate() {
        let mut others = mappings.iter().skip(at + 1);
        let is_second =
            |other: &&Mapping| other.heading == mapping.heading && other.field != mapping.field;
        if let Some(other) = others.find(is_second) {
            let (one, two) = (mapping.field.name(), other.field.name());
            return Err(Failure::usage(format!(
                "--map says that the column {} is {one} and {two}; a column is one of them",
                mapping.heading
            )));
        }
    }
    let mut columns: Vec<Column> = headings
        .iter()
        .map(|heading| {
            let mut column = Column::of_heading(heading);
            let mapped = mappings.iter().find(|mapping| mapping.heading == *heading);
            if let Some(mapping) = mapped {
                column.field = Some(mapping.field);
            }
            column
        })
        .collect();
    if columns.iter().all(|column| column.field.is_none()) {
        return Err(Failure::usage(format!(
            "no column is known among: {}; name them with --map, or their separator with --delimiter",
            there()
        )));
    }
    tell_apart(&mut columns, mappings);
    Ok(columns)
}

/// Settles the headings whose meaning depends on the other headings of the table.
fn tell_apart(columns: &mut [Column], mappings: &[Mapping]) {
    let is_there = |columns: &[Column], letters: &str| {
        let same = |c: &Column| {
            c.heading
                .replace([' ', '-', '_'], "")
                .eq_ignore_ascii_case(letters)
        };
        columns.iter().any(same)
    };
    let has_parts = is_there(columns, "firstname")
        && (is_there(columns, "middlename") || is_there(columns, "suffix"));
    let is_honorific = has_parts || is_there(columns, "jobtitle");
    let is_outlook = is_there(columns, "emailaddress");
    let has_birth_year = is_there(columns, "birthyear");
    let numbered = |columns: &[Column], column: &Column| {
        let mut fields: Vec<Field> = Vec::new();
        for other in columns {
            if let Some(field) = other.field.filter(|field| field.is_address())
                && (other.number, other.word) == (column.number, column.word)
                && !fields.contains(&field)
            {
                fields.push(field);
            }
        }
        fields.len() > 1
    };
    for at in 0..columns.len() {
        let snapshot = columns.to_vec();
        let Some(column) = columns.get_mut(at) else {
            return;
        };
        if mappings
            .iter()
            .any(|mapping| mapping.heading == column.heading)
        {
            continue;
        }
        match column.field {
            // Outlook's title is `Dr.`, and its job title `Engineer`.
            Some(Field::Title) if is_honorific && column.heading.eq_ignore_ascii_case("title") => {
                column.field = Some(Field::Prefix);
            }
            // Outlook's type of an address is its protocol, where others have `Home`.
            Some(Field::EmailLabel) if is_outlook && column.heading.ends_with("Type") => {
                column.field = None;
            }
            // Thunderbird has three columns for it.
            Some(Field::Birthday) if has_birth_year => column.field = Some(Field::BirthDay),
            // `Street 2` is a second line, but for where there is a `City 2`.
            Some(field) if field.is_address() && !numbered(&snapshot, column) => column.number = 0,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_of_other_programs_are_known() {
        let check = |heading: &str, field, context, number| {
            let column = Column::of_heading(heading);
            let got = (column.field, column.context, column.number);
            assert_eq!(got, (field, context, number), "{heading}");
        };
        let (work, private) = (Some("work"), Some("private"));
        check("E-mail 1 - Value", Some(Field::Email), None, 1);
        check("E-mail 2 Address", Some(Field::Email), None, 2);
        check("Phone 3 - Label", Some(Field::PhoneLabel), None, 3);
        check("First Name", Some(Field::Given), None, 0);
        check("externalid", Some(Field::ExternalId), None, 0);
        check("Business Street", Some(Field::Street), work, 0);
        check("Home Country/Region", Some(Field::Country), private, 0);
        check("Other City", Some(Field::City), None, 0);
        check("Address 1 - Street", Some(Field::Street), None, 1);
        check("Home Address", Some(Field::Address), private, 0);
        check("Work ZipCode", Some(Field::Postcode), work, 0);
        check("Business Phone 2", Some(Field::Phone), work, 2);
        check("Email (Work)", Some(Field::Email), work, 0);
        check("Personal Web Page", Some(Field::Url), private, 0);
        check("Homepage", Some(Field::Url), None, 0);
        check("Secondary Email", Some(Field::Email), None, 0);
        check("Shoe size", None, None, 0);
        for (field, name, _) in FIELDS {
            check(name, Some(field), None, 0);
            assert_eq!(field.name(), name);
        }
    }

    #[test]
    fn a_mapping_wins_over_what_a_heading_seems_to_say() {
        let headings = ["Title", "Wer", "x"].map(str::to_owned);
        let mapping = |text: &str| text.parse::<Mapping>().expect("a mapping");
        let fields = |headings: &[String], mappings: &[Mapping]| -> Vec<Option<Field>> {
            let columns = detect(headings, mappings).expect("columns");
            columns.iter().map(|column| column.field).collect()
        };
        let found = fields(&headings, &[mapping("name = Wer"), mapping("note=Title")]);
        assert_eq!(found, [Some(Field::Note), Some(Field::Name), None]);
        let outlook = ["Title", "Job Title"].map(str::to_owned);
        assert_eq!(
            fields(&outlook, &[]),
            [Some(Field::Prefix), Some(Field::Title)]
        );
        let outlook = "Title,First Name,Middle Name,Last Name,E-mail Address,E-mail 2 Type";
        let outlook: Vec<String> = outlook.split(',').map(str::to_owned).collect();
        let found = fields(&outlook, &[]);
        assert_eq!((found[0], found[5]), (Some(Field::Prefix), None));
        let others = ["Title", "First Name", "E-mail 1 - Type"].map(str::to_owned);
        let found = fields(&others, &[]);
        assert_eq!(
            (found[0], found[2]),
            (Some(Field::Title), Some(Field::EmailLabel))
        );
        assert!(detect(&headings, &[mapping("email=E-Mail")]).is_err());
        assert!(detect(&["x".to_owned()], &[]).is_err());
        let two = [mapping("name=Wer"), mapping("note=x"), mapping("email=Wer")];
        let failure = detect(&headings, &two).expect_err("two meanings");
        let want = "--map says that the column Wer is name and email; a column is one of them";
        assert_eq!((failure.code, failure.message.as_str()), (2, want));
        let same = [mapping("name=Wer"), mapping("name = Wer")];
        assert!(detect(&headings, &same).is_ok());
        for bad in ["email", "shoe=Size", "name=Wer,shoe=Size", ""] {
            assert!(bad.parse::<Mappings>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_mapped_heading_may_have_a_comma() {
        let Mappings(mappings) = "name=Last, first,email=E-Mail".parse().expect("mappings");
        let headings = ["E-Mail", "Last, first"].map(str::to_owned);
        let columns = detect(&headings, &mappings).expect("columns");
        let found: Vec<Option<Field>> = columns.iter().map(|column| column.field).collect();
        assert_eq!(found, [Some(Field::Email), Some(Field::Name)]);
    }
}
