//! The values of properties in the form of vCard 4.0, where it is plain what is meant.
//!
//! What is not plain is left as it stands; the caller keeps it beside the Card.

use super::super::note::Note;
use super::super::values::{link, mail_address};
use super::dates::{self, When};
use super::media;
use super::property::{Param, Property, escape};
use crate::dialect::uri::is_uri;

/// Properties of RFC 6350 and its extensions that say when something was or is.
const DATES: [&str; 3] = ["BDAY", "ANNIVERSARY", "DEATHDATE"];
/// Parameters that say how a value is meant, and nothing where there is none.
const OF_A_VALUE: [&str; 11] = [
    "TYPE", "VALUE", "PREF", "LANGUAGE", "ALTID", "PID", "PROP-ID", "INDEX", "CALSCALE", "JSCOMPS",
    "DERIVED",
];
/// Parameters that may stand at a property several times (RFC 6350, section 5), or whose repeats
/// lose nothing.
const REPEATABLE: [&str; 5] = ["TYPE", "PID", "SORT-AS", "JSCOMPS", "VALUE"];

/// What a property is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    /// It may stand in a Card.
    Good,
    /// A value that says nothing.
    Nothing,
    /// It fits no Card, and is kept as it stands.
    Odd,
}

/// Normalizes a property's value.
pub fn normalize(
    property: &mut Property,
    is_binary_by_default: bool,
    notes: &mut Vec<Note>,
) -> Worth {
    if says_nothing(property) {
        let is_told = |param: &Param| OF_A_VALUE.contains(&param.name.as_str());
        let is_derived = property.param("DERIVED").is_some();
        return if is_derived || property.params.iter().all(is_told) {
            Worth::Nothing
        } else {
            Worth::Odd
        };
    }
    if repeats_a_parameter(property) {
        return Worth::Odd;
    }
    if media::is_file(&property.name) {
        media::normalize(property, is_binary_by_default);
        let is_other = is_binary_by_default && !is_uri(&property.text());
        return if property.is_base64 || is_other {
            Worth::Odd
        } else {
            Worth::Good
        };
    }
    if property.is_base64 {
        return text_of_base64(property);
    }
    let before = property.text();
    let is_good = match property.name.as_str() {
        name if DATES.contains(&name) => date(property, notes),
        "REV" | "CREATED" => instant(property),
        "TZ" => time_zone(property),
        "GEO" => geo(property),
        "URL" => {
            property.value = link(before.trim());
            true
        }
        "EMAIL" => {
            property.set_text(mail_address(&before));
            true
        }
        "KIND" => {
            property.set_text(&before.trim().to_lowercase());
            true
        }
        "NICKNAME" | "CATEGORIES" => {
            property.value = full(property.list()).join(",");
            true
        }
        "ORG" => {
            without_last_blanks(property);
            true
        }
        _ => true,
    };
    drop_default_type(property);
    let after = property.text();
    let is_changed = matches!(property.name.as_str(), "URL" | "EMAIL") && before.trim() != after;
    if is_changed {
        notes.push(Note::changed(&property.name, &before, &after));
    }
    if is_good { Worth::Good } else { Worth::Odd }
}

/// `EMAIL:` and `N:;;;;` say nothing; an address may say all in its label. A name that was derived
/// says what others do.
fn says_nothing(property: &Property) -> bool {
    let is_true = |text: &str| text.eq_ignore_ascii_case("true");
    if property.name == "FN" && property.param("DERIVED").is_some_and(is_true) {
        return true;
    }
    let speaks = |name: &&str| property.param(name).is_some_and(|v| !v.trim().is_empty());
    if property.name == "ADR" && ["LABEL", "GEO", "TZ", "CC"].iter().any(speaks) {
        return false;
    }
    if property.name == "SOCIALPROFILE" && speaks(&"USERNAME") {
        return false;
    }
    let blank = |text: &str| text.trim().is_empty();
    property
        .components()
        .iter()
        .flatten()
        .all(|text| blank(text))
}

/// Whether a parameter that has one value stands there with two: a Card would hold the last.
fn repeats_a_parameter(property: &Property) -> bool {
    property.params.iter().any(|param| {
        let name = param.name.as_str();
        let first = property.param(name);
        !REPEATABLE.contains(&name)
            && param
                .values
                .iter()
                .any(|value| first != Some(value.as_str()))
    })
}

/// A text that was written in base64, as quoted-printable's alternative.
fn text_of_base64(property: &mut Property) -> Worth {
    use base64::Engine as _;
    let bytes = base64::prelude::BASE64_STANDARD.decode(&property.value);
    match bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok()) {
        Some(text) if !property.name.starts_with("X-") => {
            property.set_text(&text);
            property.is_base64 = false;
            Worth::Good
        }
        _ => Worth::Odd,
    }
}

fn full(texts: Vec<String>) -> Vec<String> {
    let texts = texts.into_iter().filter(|text| !text.trim().is_empty());
    texts.map(|text| escape(text.trim())).collect()
}

/// The first is the organization's name, whatever comes after it.
fn without_last_blanks(property: &mut Property) {
    let mut parts = property.components();
    while parts
        .last()
        .is_some_and(|part| part.iter().all(|text| text.trim().is_empty()))
    {
        parts.pop();
    }
    let parts: Vec<String> = parts.iter().map(|part| escape(&part.join(","))).collect();
    property.value = parts.join(";");
}

fn date(property: &mut Property, notes: &mut Vec<Note>) -> bool {
    let text = property.text();
    let text = text.trim();
    if property
        .param("VALUE")
        .is_some_and(|value| value.eq_ignore_ascii_case("text"))
    {
        return false;
    }
    let Some(when) = When::parse(text) else {
        return false;
    };
    let When::Date(mut date) = when else {
        property.value = text.to_owned();
        return true;
    };
    // Apple has no dates without a year, and names the year that is none.
    let no_year = property.take_param("X-APPLE-OMIT-YEAR");
    let none: Vec<u16> = no_year
        .iter()
        .filter_map(|year| year.parse().ok())
        .collect();
    if date
        .year
        .is_some_and(|year| none.contains(&year) || (none.is_empty() && !no_year.is_empty()))
    {
        date.year = None;
    }
    property.value = date.to_vcard_4();
    if text.contains(['T', 't', ' ']) {
        notes.push(Note::changed(&property.name, text, &date.to_iso()));
    }
    true
}

fn instant(property: &mut Property) -> bool {
    match When::parse(property.text().trim()) {
        Some(When::Instant(at)) => {
            property.value = dates::utc(at);
            true
        }
        _ => false,
    }
}

/// A name of the IANA's database, or the name in it that has an offset of whole hours.
///
/// `calcard` forgets the minutes of an offset.
fn time_zone(property: &mut Property) -> bool {
    let text = property.text();
    let text = text.trim();
    let is_offset = text.starts_with(['+', '-']) || text.eq_ignore_ascii_case("z");
    if !is_offset {
        property.value = text.to_owned();
        return text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/_+-".contains(c));
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let is_whole = matches!(digits.len(), 0 | 2) || digits.ends_with("00");
    let hours: Option<u8> = match digits.get(..2) {
        Some(hours) => hours.parse().ok().filter(|hours| *hours <= 14),
        None => Some(0),
    };
    let plain = text
        .chars()
        .all(|c| c.is_ascii_digit() || "+-:zZ".contains(c));
    let Some(hours) = hours.filter(|_| is_whole && plain && digits.len() <= 4) else {
        return false;
    };
    // The signs of these names are the other way round (the database's own comment).
    property.value = match hours {
        0 => "Etc/UTC".to_owned(),
        hours if text.starts_with('-') => format!("Etc/GMT+{hours}"),
        hours => format!("Etc/GMT-{hours}"),
    };
    property.take_param("VALUE");
    true
}

/// The two numbers of RFC 2426, section 3.4.2, as a URI.
fn geo(property: &mut Property) -> bool {
    let text = property.text();
    let text = text.trim();
    if text.to_ascii_lowercase().starts_with("geo:") {
        property.value = text.to_owned();
        return true;
    }
    let number = |text: &str| -> Option<String> {
        let text = text.trim();
        let text = text.strip_prefix('+').unwrap_or(text);
        text.parse::<f64>()
            .ok()
            .filter(|number| number.is_finite())?;
        Some(text.to_owned())
    };
    let pair = text.split_once([';', ',']);
    let pair = pair.and_then(|(one, two)| Some((number(one)?, number(two)?)));
    let Some((latitude, longitude)) = pair else {
        return false;
    };
    property.value = format!("geo:{latitude},{longitude}");
    true
}

/// Takes a VALUE away that says what the value itself does, so that it does not stand in the
/// Card beside it.
fn drop_default_type(property: &mut Property) {
    let Some(value) = property.param("VALUE").map(str::to_lowercase) else {
        return;
    };
    let text = property.text();
    let says_no_more = match (property.name.as_str(), value.as_str()) {
        (name, "date" | "date-and-or-time" | "date-time" | "timestamp") => {
            DATES.contains(&name) || matches!(name, "REV" | "CREATED")
        }
        ("RELATED" | "UID", "text") => !is_uri(&text),
        ("RELATED" | "UID", "uri") => is_uri(&text),
        ("TEL", "uri") => text.to_lowercase().starts_with("tel:"),
        ("SOCIALPROFILE" | "BDAY" | "ANNIVERSARY" | "DEATHDATE" | "KEY", "text") => false,
        (_, "text") => true,
        ("BIRTHPLACE" | "DEATHPLACE", "uri") => text.starts_with("geo:"),
        ("TZ", "uri") => false,
        (_, "uri" | "url") => is_uri(&text),
        (_, "language-tag" | "utc-offset") => true,
        _ => false,
    };
    if says_no_more {
        property.take_param("VALUE");
    }
}

#[cfg(test)]
mod tests {
    use super::super::decode::{self, Decoder, Version};
    use super::*;

    fn check(line: &str, value: &str, worth: Worth, changed: bool) {
        let (head, raw) = decode::split_head(line.as_bytes()).expect("a colon");
        let mut property = decode::head(head);
        Decoder::new(Version::V3, false).value(&mut property, raw);
        let mut notes = Vec::new();
        assert_eq!(normalize(&mut property, true, &mut notes), worth, "{line}");
        assert_eq!(property.value, value, "{line}");
        assert_eq!(!notes.is_empty(), changed, "{line}: {notes:?}");
    }

    #[test]
    fn what_is_plain_is_mended_and_the_rest_left() {
        let (good, odd, nothing) = (Worth::Good, Worth::Odd, Worth::Nothing);
        check("BDAY:--04-15", "--0415", good, false);
        check(
            "BDAY;X-APPLE-OMIT-YEAR=1604:1604-04-15",
            "--0415",
            good,
            false,
        );
        check(
            "BDAY;X-APPLE-OMIT-YEAR=1604:1990-04-15",
            "19900415",
            good,
            false,
        );
        check("BDAY:31/01/1990", "31/01/1990", odd, false);
        check("BDAY:1990-01-31T", "19900131", good, true);
        check("BDAY;VALUE=text:circa 1800", "circa 1800", odd, false);
        check(
            "REV:2021-03-14T09:28:38+01:00",
            "2021-03-14T08:28:38Z",
            good,
            false,
        );
        check("REV:2021-03-14", "2021-03-14", odd, false);
        check("TZ:-05:00", "Etc/GMT+5", good, false);
        check("TZ:+0530", "+0530", odd, false);
        check("TZ:Z", "Etc/UTC", good, false);
        check("TZ:America/New_York", "America/New_York", good, false);
        check("TZ;VALUE=text:-05:00\\; EST", "-05:00\\; EST", odd, false);
        check("GEO:50.0;-8.25", "geo:50.0,-8.25", good, false);
        check("GEO:north", "north", odd, false);
        check("URL:www.x.de", "https://www.x.de", good, true);
        check(
            "URL:https\\://x.de/?a=1\\,2",
            "https://x.de/?a=1,2",
            good,
            false,
        );
        check("EMAIL:Ann <a@b.co>", "a@b.co", good, true);
        check("EMAIL: a@b.co ", "a@b.co", good, false);
        check("EMAIL:mailto:a@b.co.", "a@b.co", good, true);
        check("N: ;;;;", " ;;;;", nothing, false);
        check("ADR;LABEL=1 Main St:;;;;;;", ";;;;;;", good, false);
        check("ADR;TYPE=home:;;;;;;", ";;;;;;", nothing, false);
        check("ORG:Acme\\, Inc.;;", "Acme\\, Inc.", good, false);
        check("ORG:;Research", ";Research", good, false);
        check("CATEGORIES:a,,b\\,c", "a,b\\,c", good, false);
        check("NOTE;ENCODING=b:SGk=", "Hi", good, false);
        check("PHOTO;ENCODING=b:no base64!", "no base64!", odd, false);
    }
}
