//! Small values that name things: positions, times, ids, tags.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use chrono::{DateTime, Datelike, Timelike, Utc};
use uuid::Uuid;

use super::limits;

/// The position of an event in the log: 1, 2, 3 and so on without a gap. Zero stands for "before
/// the first event".
///
/// ```
/// use contactd::domain::Position;
///
/// let second = Position::FIRST.next();
/// assert_eq!(second.get(), 2);
/// assert_eq!(Position::parse("2"), Some(second));
/// assert_eq!(Position::parse("+2"), None);
/// assert!(Position::ZERO < Position::FIRST);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(u64);

impl Position {
    /// Parses a position from decimal digits; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten().map(Self)
    }

    /// The position before the first event.
    pub const ZERO: Self = Self(0);
    /// The position of the first event.
    pub const FIRST: Self = Self(1);

    /// The position with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The position as a number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The position after this one; it stays at the largest number there is.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The position `count` events further on; it stops at the greatest number.
    #[must_use]
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }

    /// The position before this one; zero stays zero.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A time in milliseconds since 1970-01-01T00:00:00Z (Unix time).
///
/// ```
/// use contactd::domain::Timestamp;
///
/// let time = Timestamp::parse("2026-01-15T11:30:00+01:00").expect("an RFC 3339 time");
/// assert_eq!(time.to_string(), "2026-01-15T10:30:00.000Z");
/// assert_eq!(Timestamp::from_millis(time.millis()), time);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The time this many milliseconds after 1970, at most the year 9999.
    #[must_use]
    pub fn from_millis(millis: u64) -> Self {
        const YEAR_9999_END: u64 = 253_402_300_799_999;
        Self(millis.min(YEAR_9999_END))
    }

    /// The time in milliseconds since 1970.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// The time a text in RFC 3339 names; `None` for any other text or one before 1970.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let time = DateTime::parse_from_rfc3339(text).ok()?;
        u64::try_from(time.timestamp_millis())
            .ok()
            .map(Self::from_millis)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 with milliseconds and `Z`: `2026-01-15T10:30:00.000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = i64::try_from(self.0).unwrap_or(i64::MAX);
        let time = DateTime::<Utc>::from_timestamp_millis(millis).unwrap_or_default();
        // Every event says its time, so it is written without the formatter's machinery.
        let parts = [
            (0..4, time.year().unsigned_abs()),
            (5..7, time.month()),
            (8..10, time.day()),
            (11..13, time.hour()),
            (14..16, time.minute()),
            (17..19, time.second()),
            (20..23, time.timestamp_subsec_millis()),
        ];
        let mut text = *b"0000-00-00T00:00:00.000Z";
        for (place, mut number) in parts {
            for digit in text.get_mut(place).into_iter().flatten().rev() {
                *digit += (number % 10) as u8;
                number /= 10;
            }
        }
        f.write_str(str::from_utf8(&text).unwrap_or_default())
    }
}

/// Our own id of a contact: a UUIDv7, the same in every dialect.
///
/// Ids grow strictly in the order in which contacts were created, so that the order of ids is
/// the order of creation.
///
/// ```
/// use contactd::domain::ContactId;
///
/// let id = ContactId::parse("0190F0A17D2B7C1E9F3A5B6C7D8E9F01").expect("32 hexadecimal digits");
/// assert_eq!(id.to_string(), "0190f0a1-7d2b-7c1e-9f3a-5b6c7d8e9f01");
/// assert_eq!(id.time().to_string(), "2024-07-26T20:00:33.579Z");
/// assert_eq!(ContactId::parse("not an id"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContactId(pub Uuid);

impl ContactId {
    /// The id a UUID's text names, hyphenated or 32 hex digits, in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        matches!(text.len(), 32 | 36)
            .then(|| Uuid::try_parse(text).ok())
            .flatten()
            .map(Self)
    }

    /// The time at which the id was made, in milliseconds: that of the contact's creation. For a
    /// UUID of another version it is the start of 1970.
    #[must_use]
    pub fn time(self) -> Timestamp {
        Timestamp::from_millis(millis(self.0).unwrap_or_default())
    }
}

/// The milliseconds since 1970 at which a UUID was made, where its version says so.
fn millis(id: Uuid) -> Option<u64> {
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    Some(seconds * 1_000 + u64::from(nanos) / 1_000_000)
}

impl fmt::Display for ContactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// The id of an event: a UUIDv7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub Uuid);

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// A keyed hash that stands for a text in indexes and records, so that the text itself need not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub [u8; 16]);

/// A keyed hash of a request: the same request has the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 16]);

/// A correlation id, which ties together everything that came of one request: 1-128 visible ASCII
/// characters.
///
/// ```
/// use contactd::domain::Correlation;
///
/// assert!(Correlation::parse("order-4711").is_some());
/// assert!(Correlation::parse("two words").is_none());
/// assert!(Correlation::parse("").is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Correlation(Arc<str>);

impl Correlation {
    /// The correlation of this text, unless it is empty, too long or not visible ASCII.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        is_token(text).then(|| Self(text.into()))
    }

    /// A new correlation id with the text of a UUID.
    #[must_use]
    pub fn from_uuid(id: Uuid) -> Self {
        let mut text = Uuid::encode_buffer();
        Self((*id.hyphenated().encode_lower(&mut text)).into())
    }

    /// The id as it was sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The times of the events that such an id belongs to where it was made for their command: its
    /// own time, in a UUIDv7, and what the command may have waited.
    ///
    /// ```
    /// use contactd::domain::{Correlation, Timestamp};
    ///
    /// let made = Correlation::parse("0190f0a1-7d2b-7c1e-9f3a-5b6c7d8e9f01").expect("a UUID");
    /// let written = Timestamp::parse("2024-07-26T20:00:33.612Z").expect("33 ms later");
    /// assert!(made.times().is_some_and(|times| times.contains(&written)));
    /// assert!(Correlation::parse("order-4711").expect("a token").times().is_none());
    /// ```
    #[must_use]
    pub fn times(&self) -> Option<RangeInclusive<Timestamp>> {
        let id = Uuid::try_parse(&self.0).ok();
        let made = id.filter(|id| id.get_version_num() == 7).and_then(millis)?;
        let from = Timestamp::from_millis(made.saturating_sub(limits::CLOCK_STEP_MILLIS_MAX));
        let to = Timestamp::from_millis(made.saturating_add(limits::COMMAND_WAIT_MILLIS_MAX));
        Some(from..=to)
    }
}

/// A W3C `traceparent`, as it was sent: at most 128 visible ASCII characters.
///
/// ```
/// use contactd::domain::TraceParent;
///
/// let sent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// assert_eq!(TraceParent::parse(sent).expect("version 00").as_str(), sent);
/// assert!(TraceParent::parse("0af7651916cd43dd8448eb211c80319c").is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceParent(Box<str>);

impl TraceParent {
    /// The `traceparent` of this text, unless it is empty, too long or no version-00 form. Ids that
    /// are nothing but zeros are not valid (W3C Trace Context, sections 3.2.2.3 and 3.2.2.4).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |part: &str, length: usize| {
            part.len() == length
                && part
                    .bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let id = |part: &str, length| hex(part, length) && part.bytes().any(|byte| byte != b'0');
        let mut parts = text.split('-');
        let good = text.len() <= limits::TRACEPARENT_BYTES_MAX
            && parts.next().is_some_and(|p| hex(p, 2) && p != "ff")
            && parts.next().is_some_and(|p| id(p, 32))
            && parts.next().is_some_and(|p| id(p, 16))
            && parts.next().is_some_and(|p| hex(p, 2))
            && parts.next().is_none();
        good.then(|| Self(text.into()))
    }

    /// The header's value as it was sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a text is 1-128 visible ASCII characters: the form of keys, correlations, references.
pub(crate) fn is_token(text: &str) -> bool {
    (1..=limits::TOKEN_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_with_milliseconds_and_read_back() {
        let time = Timestamp::from_millis(1_768_473_000_007);
        assert_eq!(time.to_string(), "2026-01-15T10:30:00.007Z");
        assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
        assert_eq!(Timestamp::parse("1960-01-01T00:00:00Z"), None);
        let times = (0..300).map(|n: u64| n.pow(6).wrapping_mul(1_237_951));
        for time in times.map(Timestamp::from_millis) {
            assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
        }
        let last = Timestamp::from_millis(u64::MAX);
        assert_eq!(last.to_string(), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn only_the_documented_form_is_a_traceparent() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let read = TraceParent::parse(good).expect("a trace context");
        assert_eq!(read.as_str(), good);
        for bad in [
            "",
            "00",
            &good[1..],
            &format!("{good}-x"),
            &good.to_uppercase(),
            &good.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            &good.replace("b7ad6b7169203331", &"0".repeat(16)),
        ] {
            assert!(TraceParent::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_correlation_is_visible_ascii_of_bounded_length() {
        assert!(Correlation::parse("order-1").is_some());
        for bad in ["", "a b", "ü", &"x".repeat(129)] {
            assert!(Correlation::parse(bad).is_none(), "{bad}");
        }
    }
}
