//! What texts in a Card look like: one function, one form each.
//!
//! Where a registry rules (countries, time zones, languages), the form is
//! judged and the registry is not: its entries change faster than this code.

use super::schema::Form;
use crate::dialect::email::is_email;
use crate::dialect::uri::is_uri;
use crate::domain::Problem;

/// The most characters that an external id may have.
pub const EXTERNAL_ID_CHARS_MAX: u32 = 255;

/// What is wrong with a text of a form.
pub fn problem(text: &str, form: Form) -> Option<Problem> {
    let format = |name, good: bool| (!good).then_some(Problem::Format(name));
    match form {
        Form::Any => None,
        Form::NotEmpty => text.is_empty().then_some(Problem::Blank),
        Form::ExternalId if text.trim().is_empty() => Some(Problem::Blank),
        Form::ExternalId => (text.chars().count() > EXTERNAL_ID_CHARS_MAX as usize)
            .then_some(Problem::TooLong(EXTERNAL_ID_CHARS_MAX)),
        Form::Exactly(only) => (!only.contains(&text)).then_some(Problem::OneOf(only)),
        Form::OneOf(known) => (!is_open_value(text, known)).then_some(Problem::OutOfRange),
        Form::Id => format("id", is_id(text)),
        Form::Email => format("email", is_email(text)),
        Form::Uri => format("uri", is_uri(text)),
        Form::Geo => format("geo", is_geo(text)),
        Form::Language => format("language-tag", is_language(text)),
        Form::Script => format("script", is_script(text)),
        Form::Country => format("country-code", is_country(text)),
        Form::TimeZone => format("time-zone", is_time_zone(text)),
        Form::MediaType => format("media-type", is_media_type(text)),
        Form::UtcDateTime => format("utc-date-time", is_utc_date_time(text)),
        Form::CalendarScale => format("calendar-scale", is_calendar_scale(text)),
    }
}

/// Whether a text is one of an open list's values, or differs from each in more than case.
pub fn is_open_value(text: &str, known: &[&str]) -> bool {
    known.contains(&text)
        || (!text.is_empty() && !known.iter().any(|value| value.eq_ignore_ascii_case(text)))
}

/// Whether a text has something in it, and nothing but bytes that pass a test.
fn is_of(text: &str, good: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(good)
}

/// Section 1.4.1: 1-255 of `A-Za-z0-9_-`.
pub fn is_id(text: &str) -> bool {
    text.len() <= 255 && is_of(text, |b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

/// RFC 5646: subtags of 1-8 letters and digits, the first of letters.
pub fn is_language(text: &str) -> bool {
    let mut subtags = text.split('-');
    let first = subtags.next().is_some_and(|first| match first.len() {
        // A tag of one letter stands only before others: `x-klingon`, `i-default`.
        1 => matches!(first, "x" | "X" | "i" | "I") && text.len() > 2,
        2..=8 => is_of(first, |b| b.is_ascii_alphabetic()),
        _ => false,
    });
    first && subtags.all(|tag| tag.len() <= 8 && is_of(tag, |b| b.is_ascii_alphanumeric()))
}

/// RFC 5870: `geo:` and two or three decimal numbers, parameters after a semicolon.
fn is_geo(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let place = rest.split(';').next().unwrap_or_default();
    is_uri(text)
        && scheme.eq_ignore_ascii_case("geo")
        && (2..=3).contains(&place.split(',').count())
        && place.split(',').all(is_decimal)
}

fn is_decimal(text: &str) -> bool {
    let digits = |part| is_of(part, |b| b.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    match text.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(text),
    }
}

fn is_script(text: &str) -> bool {
    text.len() == 4 && is_of(text, |b| b.is_ascii_alphabetic())
}

fn is_country(text: &str) -> bool {
    text.len() == 2 && is_of(text, |b| b.is_ascii_uppercase())
}

fn is_time_zone(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"+-_".contains(&b);
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.split('/').all(|part| is_of(part, good))
}

fn is_media_type(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b);
    let is_token = |part: &str| part.len() <= 127 && is_of(part, good);
    let essence = text.split(';').next().unwrap_or_default().trim_end();
    let parts = essence.split_once('/');
    parts.is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
}

/// Section 1.4.5: `Z`, capital letters, no fraction that is zero or ends in one.
fn is_utc_date_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let well_placed = bytes.get(10) == Some(&b'T') && bytes.last() == Some(&b'Z');
    let zero_at_end = text.contains('.') && text.ends_with("0Z");
    well_placed && !zero_at_end && chrono::DateTime::parse_from_rfc3339(text).is_ok()
}

fn is_calendar_scale(text: &str) -> bool {
    let is_name = is_of(text, |b| {
        b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'
    });
    let parts = text.split_once(':');
    is_name || parts.is_some_and(|(prefix, name)| !prefix.is_empty() && !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(form: Form, good: &[&str], bad: &[&str]) {
        for text in good {
            assert_eq!(problem(text, form), None, "{form:?} {text:?}");
        }
        for text in bad {
            assert!(problem(text, form).is_some(), "{form:?} {text:?}");
        }
    }

    #[test]
    fn ids_and_lists_are_told_apart() {
        let long = "x".repeat(256);
        check(Form::Id, &["a", "A-1_b"], &["", "a b", "ä", "a.b", &long]);
        check(Form::NotEmpty, &[" ", "x"], &[""]);
        check(Form::ExternalId, &["crm-7", "ä"], &["", "  ", &long]);
        check(Form::Exactly(&["1.0"]), &["1.0"], &["1", "1.00"]);
        let list = Form::OneOf(&["freeBusy"]);
        check(
            list,
            &["freeBusy", "other", "example.com:x"],
            &["", "freebusy"],
        );
    }

    #[test]
    fn uris_and_what_is_like_them() {
        check(
            Form::Uri,
            &[
                "tel:+1-555",
                "https://a.b/c?d=%20#e",
                "urn:uuid:x",
                "data:,x",
            ],
            &[
                "",
                "x",
                "http:",
                "1a:b",
                "http://a b",
                "x:%2",
                "x:%zz",
                "x:ü",
                "x:\"\n",
            ],
        );
        check(
            Form::Geo,
            &["geo:46.7,-71.2", "geo:1,2,3;u=5"],
            &["geo:1", "http://1,2", "geo:a,b", "geo:1,2,3,4", "geo:1.,2"],
        );
        check(
            Form::MediaType,
            &["image/png", "text/plain; charset=utf-8"],
            &["", "image", "image/", "/png", "a b/c"],
        );
    }

    #[test]
    fn languages_places_and_scripts() {
        check(
            Form::Language,
            &["en", "de-AT", "zh-Hant-TW", "x-klingon", "i-default"],
            &["", "e", "x", "x-", "1a", "en_US", "en-", "toolonglanguage"],
        );
        check(Form::Script, &["Latn"], &["", "Lat", "La1n"]);
        check(Form::Country, &["DE"], &["", "de", "DEU", "D1"]);
        check(
            Form::TimeZone,
            &["Europe/Berlin", "UTC", "Etc/GMT+1"],
            &["", "/UTC", "Europe/", "a b", "+01:00"],
        );
        check(
            Form::CalendarScale,
            &["gregorian", "islamic-civil", "example.com:Mine"],
            &["", "Gregorian", ":x"],
        );
    }

    #[test]
    fn a_utc_time_has_one_spelling() {
        check(
            Form::UtcDateTime,
            &[
                "2010-10-10T10:10:10Z",
                "2010-10-10T10:10:10.003Z",
                "1931-05-06T00:00:00Z",
            ],
            &[
                "",
                "2010-10-10",
                "2010-10-10T10:10:10.000Z",
                "2010-10-10T10:10:10.10Z",
                "2010-10-10t10:10:10Z",
                "2010-10-10T10:10:10z",
                "2010-10-10T10:10:10+00:00",
                "2010-02-30T10:10:10Z",
                "2010-10-10 10:10:10Z",
            ],
        );
    }
}
