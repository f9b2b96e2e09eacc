//! The vendor's cursors: places in a list that is ordered by time and then by id.
//!
//! The vendor's pages show them as base64url of `createdAt=…&id=…`, or of `timestamp=…&id=…` where
//! the list is of events, in newer samples with encoded colons. A cursor need not be one that this
//! service gave: the documented requests carry one of 2020 whose id is `a`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Builder;

use crate::dialect::{AsOf, Query};
use crate::domain::{ContactId, Event, Header, Position, Timestamp};

/// A place behind the entry of this time and id, which need not be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    time: Timestamp,
    id: String,
    /// The event at this place, in a cursor that this service gave.
    position: Option<Position>,
}

impl Cursor {
    /// The cursor behind the contact of this id.
    pub fn contact(created_at: Timestamp, id: ContactId) -> String {
        URL_SAFE_NO_PAD.encode(format!("createdAt={created_at}&id={id}"))
    }

    /// The cursor behind an event, with its position beside: that is found again in one step.
    pub fn event(header: &Header) -> String {
        let (time, id, position) = (header.time, header.id, header.position);
        URL_SAFE_NO_PAD.encode(format!("timestamp={time}&id={id}&position={position}"))
    }

    /// The place that a text names; nothing where it is not of the form.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?;
        let query = Query::parse(std::str::from_utf8(&bytes).ok()?);
        let time = query.get("createdAt").or_else(|| query.get("timestamp"))?;
        let position = match query.get("position") {
            Some(text) => Some(Position::parse(text)?),
            None => None,
        };
        Some(Self {
            time: Timestamp::parse(time)?,
            id: query.get("id")?.to_owned(),
            position,
        })
    }

    /// The id after which the contacts of a list follow, oldest first: ids begin with the time of
    /// creation, so those of one millisecond lie between two ids.
    pub fn last_contact(&self) -> ContactId {
        let of_time = |rest| {
            let builder = Builder::from_unix_timestamp_millis(self.time.millis(), &rest);
            ContactId(builder.into_uuid())
        };
        let (first, last) = (of_time([0; 10]), of_time([u8::MAX; 10]));
        match ContactId::parse(&self.id) {
            Some(id) => id.clamp(first, last),
            None if self.id < first.to_string() => first,
            None => last,
        }
    }

    /// The point of the log from which on events are looked at, newest first.
    pub fn log_end(&self) -> AsOf {
        match self.position {
            Some(position) => AsOf::Position(position.previous()),
            None => AsOf::Time(self.time),
        }
    }

    /// Whether an event comes after this place in a list with the newest first.
    pub fn is_before(&self, event: &Event) -> bool {
        let header = &event.header;
        match self.position {
            Some(position) => header.position < position,
            None => (header.time, header.id.to_string()) < (self.time, self.id.to_lowercase()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    fn cursor(text: &str) -> Option<Cursor> {
        Cursor::parse(&URL_SAFE_NO_PAD.encode(text))
    }

    #[test]
    fn every_documented_form_is_a_place() {
        let of_2020 = "createdAt=2020-08-25T06:46:09.510Z&id=a";
        let documented = "Y3JlYXRlZEF0PTIwMjAtMDgtMjVUMDY6NDY6MDkuNTEwWiZpZD1h";
        let place = Cursor::parse(documented);
        assert!(place.is_some());
        for same in [
            of_2020,
            "createdAt=2020-08-25T06%3A46%3A09.510Z&id=a",
            "timestamp=2020-08-25T06:46:09.510Z&id=a",
            "id=a&timestamp=2020-08-25T08:46:09.510%2B02:00",
        ] {
            assert_eq!(cursor(same), place, "{same}");
        }
        assert_eq!(Cursor::parse(&format!("{documented}==")), place);
        for bad in [
            "",
            "createdAt=2020-08-25T06:46:09.510Z",
            "id=a",
            "createdAt=yesterday&id=a",
            "createdAt=2020-08-25T06:46:09.510Z&id=a&position=x",
        ] {
            assert_eq!(cursor(bad), None, "{bad}");
        }
        assert_eq!(Cursor::parse("%%%"), None);
        assert_eq!(Cursor::parse("_w"), None, "no UTF-8");
    }

    #[test]
    fn a_contact_is_after_what_is_older_or_of_a_smaller_id() {
        let id = ContactId::parse(ID).expect("an id");
        let (own, before) = (id.time(), Timestamp::from_millis(id.time().millis() - 1));
        let given = Cursor::parse(&Cursor::contact(own, id)).expect("a cursor");
        assert_eq!(given.last_contact(), id);
        let follows = |time: Timestamp, text: &str| {
            let place = cursor(&format!("createdAt={time}&id={text}")).expect("a cursor");
            id > place.last_contact()
        };
        let version_4 = "f8ea19a3-f3dc-49b2-a3fc-46d6e6344957";
        for text in ["a", "", "0", version_4, "zzz"] {
            assert!(follows(before, text), "{text}");
            assert!(!follows(Timestamp::from_millis(own.millis() + 1), text));
        }
        for (text, want) in [("0", true), ("", true), ("a", false), (version_4, false)] {
            assert_eq!(follows(own, text), want, "{text}");
        }
        // A time that is read back from the log as it was asked for.
        let far = cursor(&format!("createdAt={before}&id=a")).expect("a cursor");
        assert_eq!(far.last_contact().time(), before);
    }
}
