//! The properties that the members of a Card become (RFC 9555, section 3), each named once, with
//! the parameters that their other members become.

use serde_json::Value;

use super::super::super::dates;
use super::path::find;

/// A member of a Card that is one property.
pub struct Single {
    /// The way to the member: names with `/` between them.
    pub member: &'static str,
    /// The name of the property.
    pub name: &'static str,
    /// The form of the property's value.
    pub form: Form,
}

/// A map of a Card of which every entry is a property.
pub struct Row {
    /// The way to the map: names with `/` between them.
    pub map: &'static str,
    /// The member of an entry that is the property's value.
    pub holds: Holds,
    /// The property's name for each `kind` of entry; the kind `""` is any other, or none.
    pub names: &'static [(&'static str, &'static str)],
    /// The parameters, in the order in which they are written.
    pub params: &'static [Param],
}

/// What of an entry is the value of its property.
#[derive(Clone, Copy)]
pub enum Holds {
    /// The text in this member.
    Text(&'static str),
    /// The URI in this member.
    Uri(&'static str),
    /// A telephone's number, which is a text or a `tel:` URI (RFC 6350, section 6.4.1).
    Number,
    /// A service's URI, or the user's name there where no more is known (RFC 9554, section 3.5).
    Service,
    /// An organization's name and units (RFC 6350, section 6.6.4).
    Organization,
    /// The entry's own key, a URI.
    Key,
    /// The entry's own key, a URI or the name of a person (RFC 6350, section 6.6.6).
    Relation,
    /// A date or a point in time (RFC 6350, section 4.3).
    Date,
    /// A place as a text, or as a `geo:` URI (RFC 6474, section 2).
    Place,
    /// The components of an address (RFC 9554, section 2.1).
    Address,
}

/// A parameter that a member of an entry becomes.
pub struct Param {
    /// The way to the member: names with `/` between them.
    pub member: &'static str,
    /// The name of the parameter.
    pub name: &'static str,
    /// The form of the parameter's values.
    pub form: Form,
}

/// The form in which a member's value is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A text or a number as it is.
    Text,
    /// A URI, in which nothing is escaped; or a text, where it is none.
    Uri,
    /// A point in time: `20240131T101010Z` (RFC 6350, section 4.3.5).
    Instant,
    /// The keys of a set of contexts, features or relations, in the words of TYPE.
    Types,
    /// The level at which somebody knows a subject, in the words of EXPERTISE (RFC 6715, section 3).
    Mastery,
}

impl Row {
    /// The name of the property that an entry of a kind is.
    pub fn name(&self, kind: Option<&str>) -> Option<&'static str> {
        let named = |wanted: &str| self.names.iter().find(|(kind, _)| *kind == wanted);
        let found = kind.and_then(named).or_else(|| named(""));
        found.map(|(_, name)| *name)
    }
}

impl Param {
    /// The values that the parameter has for an entry.
    pub fn texts(&self, entry: &Value) -> Vec<String> {
        let value = find(entry, self.member);
        value
            .map(|value| self.form.texts(value))
            .unwrap_or_default()
    }
}

impl Form {
    /// The texts that a member's value is, without escapes.
    pub fn texts(self, value: &Value) -> Vec<String> {
        let one = |text: &str| match self {
            Self::Instant => instant(text),
            Self::Mastery => Some(mastery(text).to_owned()),
            Self::Text | Self::Uri | Self::Types => Some(text.to_owned()),
        };
        match value {
            Value::String(text) => one(text).into_iter().collect(),
            Value::Number(number) => vec![number.to_string()],
            Value::Object(set) if self == Self::Types => {
                let there = set.iter().filter(|(_, is_there)| **is_there != false);
                there.map(|(name, _)| type_named(name).to_owned()).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// A point in time as vCard writes it.
pub fn instant(utc: &str) -> Option<String> {
    let at = chrono::DateTime::parse_from_rfc3339(utc).ok()?;
    // A leap second has no form that other programs read as one.
    if at.timestamp_subsec_nanos() >= 1_000_000_000 {
        return None;
    }
    Some(dates::utc(at.timestamp()).replace(['-', ':'], ""))
}

fn type_named(name: &str) -> &str {
    match name {
        "private" => "home",
        "mobile" => "cell",
        name => name,
    }
}

fn mastery(level: &str) -> &str {
    match level {
        "low" => "beginner",
        "medium" => "average",
        "high" => "expert",
        level => level,
    }
}

const fn single(member: &'static str, name: &'static str, form: Form) -> Single {
    Single { member, name, form }
}

const fn param(member: &'static str, name: &'static str, form: Form) -> Param {
    Param { member, name, form }
}

const fn row(
    map: &'static str,
    holds: Holds,
    names: &'static [(&'static str, &'static str)],
    params: &'static [Param],
) -> Row {
    Row {
        map,
        holds,
        names,
        params,
    }
}

/// The members that are one property each.
pub const SINGLES: [Single; 7] = [
    single("uid", "UID", Form::Uri),
    single("kind", "KIND", Form::Text),
    single("language", "LANGUAGE", Form::Text),
    single("prodId", "PRODID", Form::Text),
    single("created", "CREATED", Form::Instant),
    single("updated", "REV", Form::Instant),
    single("speakToAs/grammaticalGender", "GRAMGENDER", Form::Text),
];

const CONTEXTS: Param = param("contexts", "TYPE", Form::Types);
const LABEL: Param = param("label", "LABEL", Form::Text);
const MEDIA_TYPE: Param = param("mediaType", "MEDIATYPE", Form::Text);
const INDEX: Param = param("listAs", "INDEX", Form::Text);
const PREF: Param = param("pref", "PREF", Form::Text);
/// The parameter for an alphabet's name.
pub const SCRIPT: Param = param("phoneticScript", "SCRIPT", Form::Text);
/// The parameter for a way of writing sounds.
pub const PHONETIC: Param = param("phoneticSystem", "PHONETIC", Form::Text);
/// The parameters of all that a URI leads to (RFC 9553, section 1.4.4).
const RESOURCE: [Param; 4] = [CONTEXTS, LABEL, MEDIA_TYPE, PREF];

/// The maps of which every entry is a property, and the dates and places of anniversaries.
pub const ROWS: [Row; 22] = [
    row(
        "nicknames",
        Holds::Text("name"),
        &[("", "NICKNAME")],
        &[CONTEXTS, PREF],
    ),
    row(
        "organizations",
        Holds::Organization,
        &[("", "ORG")],
        &[CONTEXTS, param("sortAs", "SORT-AS", Form::Text)],
    ),
    row(
        "speakToAs/pronouns",
        Holds::Text("pronouns"),
        &[("", "PRONOUNS")],
        &[PREF],
    ),
    row(
        "titles",
        Holds::Text("name"),
        &[("role", "ROLE"), ("", "TITLE")],
        &[CONTEXTS, PREF],
    ),
    row(
        "emails",
        Holds::Text("address"),
        &[("", "EMAIL")],
        &[CONTEXTS, LABEL, PREF],
    ),
    row(
        "onlineServices",
        Holds::Service,
        &[("", "SOCIALPROFILE")],
        &[
            CONTEXTS,
            LABEL,
            PREF,
            param("service", "SERVICE-TYPE", Form::Text),
            param("user", "USERNAME", Form::Text),
        ],
    ),
    row(
        "phones",
        Holds::Number,
        &[("", "TEL")],
        &[
            LABEL,
            PREF,
            CONTEXTS,
            param("features", "TYPE", Form::Types),
        ],
    ),
    row(
        "preferredLanguages",
        Holds::Text("language"),
        &[("", "LANG")],
        &[CONTEXTS, LABEL, PREF],
    ),
    row(
        "calendars",
        Holds::Uri("uri"),
        &[("calendar", "CALURI"), ("freeBusy", "FBURL")],
        &RESOURCE,
    ),
    row(
        "schedulingAddresses",
        Holds::Uri("uri"),
        &[("", "CALADRURI")],
        &RESOURCE,
    ),
    row(
        "addresses",
        Holds::Address,
        &[("", "ADR")],
        &[
            CONTEXTS,
            param("countryCode", "CC", Form::Text),
            param("full", "LABEL", Form::Text),
            SCRIPT,
            PHONETIC,
            PREF,
            param("timeZone", "TZ", Form::Text),
            param("coordinates", "GEO", Form::Uri),
        ],
    ),
    row("cryptoKeys", Holds::Uri("uri"), &[("", "KEY")], &RESOURCE),
    row(
        "directories",
        Holds::Uri("uri"),
        &[("entry", "SOURCE"), ("", "ORG-DIRECTORY")],
        &[CONTEXTS, LABEL, INDEX, MEDIA_TYPE, PREF],
    ),
    row(
        "links",
        Holds::Uri("uri"),
        &[("contact", "CONTACT-URI"), ("", "URL")],
        &RESOURCE,
    ),
    row(
        "media",
        Holds::Uri("uri"),
        &[("photo", "PHOTO"), ("logo", "LOGO"), ("sound", "SOUND")],
        &[LABEL, MEDIA_TYPE, PREF],
    ),
    row(
        "anniversaries",
        Holds::Place,
        &[("birth", "BIRTHPLACE"), ("death", "DEATHPLACE")],
        &[],
    ),
    row(
        "anniversaries",
        Holds::Date,
        &[
            ("birth", "BDAY"),
            ("death", "DEATHDATE"),
            ("wedding", "ANNIVERSARY"),
        ],
        &[param("date/calendarScale", "CALSCALE", Form::Text)],
    ),
    row("members", Holds::Key, &[("", "MEMBER")], &[]),
    row(
        "notes",
        Holds::Text("note"),
        &[("", "NOTE")],
        &[
            param("author/name", "AUTHOR-NAME", Form::Text),
            param("author/uri", "AUTHOR", Form::Text),
            param("created", "CREATED", Form::Instant),
        ],
    ),
    row(
        "personalInfo",
        Holds::Text("value"),
        &[("expertise", "EXPERTISE")],
        &[LABEL, param("level", "LEVEL", Form::Mastery), INDEX],
    ),
    row(
        "personalInfo",
        Holds::Text("value"),
        &[("hobby", "HOBBY"), ("interest", "INTEREST")],
        &[LABEL, param("level", "LEVEL", Form::Text), INDEX],
    ),
    row(
        "relatedTo",
        Holds::Relation,
        &[("", "RELATED")],
        &[param("relation", "TYPE", Form::Types)],
    ),
];
