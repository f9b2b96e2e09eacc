//! Dates and times as files write them, read to their last character or not at all.
//!
//! `calcard` reads as much of a date as it can and is content: `31/01/1990` is the year 31 to it,
//! and of `--04-15` in vCard 3.0 it keeps the month. A date here is whole and possible, or none.

use chrono::{DateTime, NaiveDate};
use serde_json::{Map, Value, json};

/// A date of which a year, or a month, or a month and a day may be all that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Date {
    /// The year, from 1.
    pub year: Option<u16>,
    /// The month, from 1.
    pub month: Option<u8>,
    /// The day of the month, from 1.
    pub day: Option<u8>,
}

/// What a text that is about a point in time says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// A date without a time, or with one that says nothing.
    Date(Date),
    /// A point in time, in seconds since 1970 (UTC).
    Instant(i64),
}

impl Date {
    fn possible(year: Option<u16>, month: Option<u8>, day: Option<u8>) -> Option<Self> {
        // In a year that is not known there may be a 29 February.
        let sample_year = i32::from(year.unwrap_or(2000));
        let sample_month = u32::from(month.unwrap_or(1));
        let sample_day = u32::from(day.unwrap_or(1));
        NaiveDate::from_ymd_opt(sample_year, sample_month, sample_day)
            .filter(|_| year != Some(0))
            .map(|_| Self { year, month, day })
    }

    /// A date in the forms of RFC 6350, section 4.3.1, and of ISO 8601 that vCard 3.0 has:
    /// `19900131`, `1990-01-31`, `1990-01`, `1990`, `--0131`, `--01-31`, `--01`, `---31`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let number = |text: &str| text.parse::<u8>().ok();
        if let Some(day) = text.strip_prefix("---") {
            let is_day = day.len() == 2 && digits(day);
            return Self::possible(None, None, Some(number(day).filter(|_| is_day)?));
        }
        let (year, rest) = match text.strip_prefix("--") {
            Some(rest) => (None, rest),
            None => {
                let (year, rest) = text.split_at_checked(4).filter(|(y, _)| digits(y))?;
                (Some(year.parse().ok()?), rest)
            }
        };
        // `199001` could be a day of 2019 as well, so a month alone needs its dash.
        let (rest, has_dash) = match (year, rest.strip_prefix('-')) {
            (Some(_), Some(rest)) => (rest, true),
            _ => (rest, false),
        };
        let is_split = has_dash || year.is_none();
        let is_joined = !has_dash || year.is_none();
        match (rest.len(), rest.split_once('-')) {
            (0, _) if year.is_some() && !has_dash => Self::possible(year, None, None),
            (2, None) if digits(rest) && is_split => {
                Self::possible(year, Some(number(rest)?), None)
            }
            (4, None) if digits(rest) && is_joined => {
                let (month, day) = rest.split_at_checked(2)?;
                Self::possible(year, Some(number(month)?), Some(number(day)?))
            }
            (5, Some((month, day)))
                if is_split && month.len() == 2 && digits(month) && digits(day) =>
            {
                Self::possible(year, Some(number(month)?), Some(number(day)?))
            }
            _ => None,
        }
    }

    /// The PartialDate of a Card (RFC 9553, section 2.8.1).
    pub fn to_card(self) -> Value {
        let mut date = Map::new();
        date.insert("@type".into(), "PartialDate".into());
        for (name, number) in [
            ("year", self.year),
            ("month", self.month.map(u16::from)),
            ("day", self.day.map(u16::from)),
        ] {
            if let Some(number) = number {
                date.insert(name.into(), number.into());
            }
        }
        date.into()
    }

    /// The date of a Card, where it is one that has no calendar of its own.
    pub fn of_card(date: &Value) -> Option<Self> {
        let number = |name: &str| date.get(name).map(Value::as_u64);
        let small = |number: Option<Option<u64>>| match number {
            None => Some(None),
            Some(number) => Some(Some(u8::try_from(number?).ok()?)),
        };
        let year = match number("year") {
            None => None,
            Some(year) => Some(u16::try_from(year?).ok()?),
        };
        Self::possible(year, small(number("month"))?, small(number("day"))?)
            .filter(|date| *date != Self::default())
    }

    /// The date as vCard 4.0 writes it: `19900131`, `1990-01`, `1990`, `--0131`, `--01`, `---31`.
    pub fn to_vcard_4(self) -> String {
        match (self.year, self.month, self.day) {
            (Some(year), Some(month), Some(day)) => format!("{year:04}{month:02}{day:02}"),
            (Some(year), Some(month), None) => format!("{year:04}-{month:02}"),
            (Some(year), None, _) => format!("{year:04}"),
            (None, Some(month), Some(day)) => format!("--{month:02}{day:02}"),
            (None, Some(month), None) => format!("--{month:02}"),
            (None, None, Some(day)) => format!("---{day:02}"),
            (None, None, None) => String::new(),
        }
    }

    /// The date as vCard 3.0 and tables write it: `1990-01-31`, `--01-31`.
    pub fn to_iso(self) -> String {
        match (self.year, self.month, self.day) {
            (Some(year), Some(month), Some(day)) => format!("{year:04}-{month:02}-{day:02}"),
            (None, Some(month), Some(day)) => format!("--{month:02}-{day:02}"),
            _ => self.to_vcard_4(),
        }
    }
}

impl When {
    /// A date, or a point in time. A time of which the zone is not known is none, but for the
    /// midnight that programs write behind a date.
    pub fn parse(text: &str) -> Option<Self> {
        let Some((date, time)) = text.split_once(['T', 't', ' ']) else {
            return Date::parse(text).map(Self::Date);
        };
        let whole = Date::parse(date).filter(|date| date.year.is_some() && date.day.is_some());
        let digits: String = time.chars().filter(|c| *c != ':').collect();
        if digits.is_empty() || digits == "000000" || digits == "0000" {
            return whole.map(Self::Date);
        }
        let date = whole?.to_iso();
        let (clock, zone) = match time.find(['Z', 'z', '+', '-']) {
            Some(at) => time.split_at_checked(at)?,
            None => return None,
        };
        let instant = format!("{date}T{}{}", with_colons(clock)?, zone_of(zone)?);
        let parsed = DateTime::parse_from_rfc3339(&instant).ok()?;
        Some(Self::Instant(parsed.timestamp()))
    }

    /// The date of an anniversary in a Card (RFC 9553, section 2.8.1): a PartialDate or a Timestamp.
    pub fn to_card(self) -> Value {
        match self {
            Self::Date(date) => date.to_card(),
            Self::Instant(at) => json!({"@type": "Timestamp", "utc": utc(at)}),
        }
    }
}

/// A point in time as RFC 3339 writes it.
pub fn utc(seconds: i64) -> String {
    let at = DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `101010`, `10:10:10`, `10:10` or `1010` as `10:10:10`; there is no room for a fraction.
fn with_colons(clock: &str) -> Option<String> {
    let (clock, fraction) = clock.split_once(['.', ',']).unwrap_or((clock, ""));
    if fraction.chars().any(|c| c != '0') {
        return None;
    }
    let digits: String = clock.chars().filter(|c| *c != ':').collect();
    let is_clock = digits.bytes().all(|byte| byte.is_ascii_digit());
    let (hour, rest) = digits.split_at_checked(2).filter(|_| is_clock)?;
    let (minute, second) = rest.split_at_checked(2)?;
    let second = if second.is_empty() { "00" } else { second };
    // A leap second, which no other point in time is.
    if second == "60" {
        return None;
    }
    Some(format!("{hour}:{minute}:{second}"))
}

/// `Z`, `+01:00`, `+0100` or `+01`, as RFC 3339 writes it.
fn zone_of(zone: &str) -> Option<String> {
    if zone.eq_ignore_ascii_case("Z") {
        return Some("Z".to_owned());
    }
    let digits: String = zone.chars().skip(1).filter(|c| *c != ':').collect();
    let (hour, minute) = digits.split_at_checked(2)?;
    let minute = if minute.is_empty() { "00" } else { minute };
    let sign = zone.get(..1)?;
    Some(format!("{sign}{hour}:{minute}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_to_its_last_character_and_written_as_it_was() {
        for (text, four, iso) in [
            ("19900131", "19900131", "1990-01-31"),
            ("1990-01-31", "19900131", "1990-01-31"),
            ("1990-01", "1990-01", "1990-01"),
            ("1990", "1990", "1990"),
            ("--0415", "--0415", "--04-15"),
            ("--04-15", "--0415", "--04-15"),
            ("--0229", "--0229", "--02-29"),
            ("--04", "--04", "--04"),
            ("---15", "---15", "---15"),
        ] {
            let date = Date::parse(text).expect(text);
            assert_eq!(
                (date.to_vcard_4(), date.to_iso()),
                (four.into(), iso.into())
            );
            assert_eq!(Date::of_card(&date.to_card()), Some(date), "{text}");
        }
        for text in [
            "",
            "31/01/1990",
            "31.1.1990",
            "0000-00-00",
            "1990-13-01",
            "1990-02-30",
            "19900131x",
            "1990-1-31",
            "90-01-31",
            "--",
            "--1",
            "---",
            "1990-",
            "199001311",
            "+990-01-31",
            "0/0/00",
            "900112",
            "1990-0131",
            "199001-31",
        ] {
            assert_eq!(Date::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_needs_a_zone_or_says_nothing() {
        let date = Date::parse("1990-01-31").map(When::Date);
        for text in ["1990-01-31T", "19900131T000000", "1990-01-31 00:00:00"] {
            assert_eq!(When::parse(text), date, "{text}");
        }
        for (text, want) in [
            ("1990-01-31T00:00:00Z", "1990-01-31T00:00:00Z"),
            ("20240131T101010Z", "2024-01-31T10:10:10Z"),
            ("2021-03-14T09:28:38+01:00", "2021-03-14T08:28:38Z"),
            ("20210314T092838.000-0130", "2021-03-14T10:58:38Z"),
        ] {
            let Some(When::Instant(at)) = When::parse(text) else {
                panic!("{text} is no point in time");
            };
            assert_eq!(utc(at), want, "{text}");
        }
        for text in [
            "1990-01-31T10:00:00",
            "--0131T10Z",
            "T102200",
            "1990-01-31T25:00:00Z",
            "1990-01-31T10:00:00.5Z",
            "20161231T235960Z",
            "2016-12-31T23:59:60+00:00",
        ] {
            assert_eq!(When::parse(text), None, "{text}");
        }
    }
}
