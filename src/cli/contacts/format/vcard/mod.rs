//! vCard 3.0 (RFC 2426) and 4.0 (RFC 6350), turned into Cards and back as RFC 9555 has it.
//!
//! The crate `calcard` does the turning; here are the pieces of a file that
//! it gets, one vCard at a time, and what of its Cards is not worth keeping.
//! `mend` is about what ordinary vCards hold and a Card may not.
//! vCard 2.1 is refused: its quoted-printable and its charsets are not read.

mod mend;

use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use calcard::jscontact::JSContact;
use calcard::vcard::{VCard, VCardVersion};
use serde_json::{Map, Value};

use super::super::super::exit::Failure;
use super::super::check::{Checker, Judgement};
use super::lines::Lines;
use super::{Left, Record, Wrong};

/// The longest vCard that is read, in bytes: one with a picture of a person in it. Only without the
/// picture can it become a contact.
const VCARD_BYTES_MAX: usize = 4 << 20;

/// Reads vCards.
pub struct Reader<R> {
    lines: Lines<R>,
    checker: Checker,
    /// Where the next vCard begins, once that is known.
    begun: Option<u64>,
}

/// A vCard's lines.
struct Raw {
    line: u64,
    bytes: Vec<u8>,
    cut: bool,
}

impl<R: Read> Reader<R> {
    /// The vCards of a file.
    pub fn new(from: R) -> Result<Self, Failure> {
        Ok(Self {
            lines: Lines::new(from),
            checker: Checker::new()?,
            begun: None,
        })
    }

    fn read(&mut self) -> io::Result<Option<Record>> {
        if self.begun.is_none()
            && let Some(line) = self.begin()?
        {
            let card = Err(Wrong::new("malformed_vcard", "This stands in no vCard."));
            return Ok(Some(Record::new(line, card)));
        }
        let Some(line) = self.begun.take() else {
            return Ok(None);
        };
        let mut raw = Raw {
            line,
            bytes: b"BEGIN:VCARD\r\n".to_vec(),
            cut: false,
        };
        let read = loop {
            let room = VCARD_BYTES_MAX.saturating_sub(raw.bytes.len());
            // However little room there is left, the end must be seen.
            let Some(line) = self.lines.next(room.max(64))? else {
                break Err(unfinished());
            };
            raw.cut |= line.cut || raw.bytes.len() > VCARD_BYTES_MAX;
            if is(&line.bytes, b"BEGIN:VCARD") {
                self.begun = Some(line.number);
                break Err(unfinished());
            }
            let ends = is(&line.bytes, b"END:VCARD");
            if !raw.cut || ends {
                raw.bytes.extend(line.bytes);
                raw.bytes.extend(b"\r\n");
            }
            if ends {
                break raw.card(&self.checker);
            }
        };
        let line = raw.line;
        Ok(Some(match read {
            Ok((card, left)) => Record {
                line,
                card: Ok(card),
                left,
            },
            Err(wrong) => Record::new(line, Err(wrong)),
        }))
    }

    /// Goes to the next vCard's beginning, and says where there is something else before it.
    fn begin(&mut self) -> io::Result<Option<u64>> {
        let mut stray = None;
        while let Some(line) = self.lines.next(64)? {
            if is(&line.bytes, b"BEGIN:VCARD") {
                self.begun = Some(line.number);
                break;
            }
            if stray.is_none() && !line.bytes.trim_ascii().is_empty() {
                stray = Some(line.number);
            }
        }
        Ok(stray)
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

fn is(line: &[u8], want: &[u8]) -> bool {
    line.trim_ascii_end().eq_ignore_ascii_case(want)
}

fn unfinished() -> Wrong {
    Wrong::new("malformed_vcard", "The vCard has no END:VCARD.")
}

impl Raw {
    /// Its Card, and what of it is not there as it should be.
    fn card(&self, checker: &Checker) -> Result<(Value, Left), Wrong> {
        if self.cut {
            return Err(Wrong::longer_than(VCARD_BYTES_MAX));
        }
        let text = std::str::from_utf8(&self.bytes).map_err(|_| Wrong::not_utf8())?;
        guarded(|| card(text, checker))?
    }
}

/// One vCard that trips the crate must not end the work of a whole file.
fn guarded<T>(turn: impl FnOnce() -> T) -> Result<T, Wrong> {
    catch_unwind(AssertUnwindSafe(turn))
        .map_err(|_| Wrong::new("not_convertible", "There is no Card for this vCard."))
}

fn card(text: &str, checker: &Checker) -> Result<(Value, Left), Wrong> {
    let mut vcard =
        VCard::parse(text).map_err(|_| Wrong::new("malformed_vcard", "The lines are no vCard."))?;
    match vcard.version() {
        Some(VCardVersion::V3_0 | VCardVersion::V4_0) => {}
        _ => {
            let detail = "The vCard's VERSION must be 3.0 or 4.0.";
            return Err(Wrong::new("vcard_version", detail));
        }
    }
    mend::mend(&mut vcard);
    let mut left = Left::default();
    let mut card = converted(vcard.clone())?;
    let mut judgement = checker.judge(&card);
    if judgement == Judgement::TooLarge {
        left.dropped = mend::drop_files(&mut vcard);
        card = converted(vcard.clone())?;
        judgement = checker.judge(&card);
    }
    if judgement != Judgement::Invalid {
        return Ok((card, left));
    }
    let is_card = |card| checker.judge(&card) != Judgement::Invalid;
    let fits = |part| converted(part).is_ok_and(is_card);
    left.aside = mend::put_aside(&mut vcard, fits);
    Ok((converted(vcard)?, left))
}

fn converted(vcard: VCard) -> Result<Value, Wrong> {
    let card: JSContact<'static, String, String> = vcard.into_jscontact();
    let card = serde_json::to_value(&card).map_err(|error| Wrong::new("not_convertible", error))?;
    Ok(match card {
        Value::Object(mut card) => {
            normalize_types(&mut card);
            drop_leftovers(&mut card);
            Value::Object(card)
        }
        card => card,
    })
}

/// vCard 3.0 has values of TYPE that are no context: `INTERNET` says nothing, `PREF` is `pref`.
fn normalize_types(card: &mut Map<String, Value>) {
    let maps = card.values_mut().filter_map(Value::as_object_mut);
    for member in maps.flat_map(Map::values_mut) {
        let Some(member) = member.as_object_mut() else {
            continue;
        };
        let Some(Value::Object(contexts)) = member.get_mut("contexts") else {
            continue;
        };
        contexts.remove("internet");
        let preferred = contexts.remove("pref").is_some();
        if contexts.is_empty() {
            member.remove("contexts");
        }
        if preferred {
            member.entry("pref").or_insert_with(|| 1.into());
        }
    }
}

/// The version is the file's and not the contact's, and a derived FN says what N does.
fn drop_leftovers(card: &mut Map<String, Value>) {
    let Some(Value::Object(mut vcard)) = card.remove("vCard") else {
        return;
    };
    if let Some(Value::Array(properties)) = vcard.get_mut("properties") {
        properties.retain(|property| property.get(0).is_none_or(|name| name != "version"));
    }
    if let Some(Value::Object(converted)) = vcard.get_mut("convertedProperties") {
        let derived = converted
            .get("name/full")
            .and_then(|full| full.pointer("/parameters/derived"))
            .and_then(Value::as_str)
            .is_some_and(|derived| derived.eq_ignore_ascii_case("true"));
        if derived {
            converted.remove("name/full");
            drop_full_name(card);
        }
    }
    vcard.retain(|_, rest| match rest {
        Value::Array(rest) => !rest.is_empty(),
        Value::Object(rest) => !rest.is_empty(),
        _ => true,
    });
    if !vcard.is_empty() {
        card.insert("vCard".into(), Value::Object(vcard));
    }
}

fn drop_full_name(card: &mut Map<String, Value>) {
    if let Some(Value::Object(name)) = card.get_mut("name") {
        name.remove("full");
        if name.is_empty() {
            card.remove("name");
        }
    }
}

/// Writes vCards 4.0.
pub struct Writer<W>(pub W);

impl<W: Write> super::Writer for Writer<W> {
    fn write(&mut self, contact: &Value) -> io::Result<()> {
        let card = contact.get("card").unwrap_or(contact);
        let text = guarded(|| vcard(card)).ok().flatten();
        let text = text.ok_or_else(|| {
            let id = contact.get("id").unwrap_or(&Value::Null);
            io::Error::other(format!("there is no vCard for the contact {id}"))
        })?;
        self.0.write_all(text.as_bytes())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn vcard(card: &Value) -> Option<String> {
    let json = card.to_string();
    let card: JSContact<'_, String, String> = JSContact::parse(&json).ok()?;
    let mut text = String::new();
    let vcard = card.into_vcard()?;
    vcard.write_to(&mut text, VCardVersion::V4_0).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Writer as _;
    use super::*;

    fn read(text: &str) -> Vec<Record> {
        Reader::new(text.as_bytes())
            .expect("a reader")
            .map(|record| record.expect("a slice can be read"))
            .collect()
    }

    fn only(text: &str) -> Result<Value, Wrong> {
        let mut records = read(text);
        assert_eq!(records.len(), 1, "{records:?}");
        records.remove(0).card
    }

    #[test]
    fn a_vcard_3_becomes_a_card() {
        let text = "\u{feff}BEGIN:VCARD\r\nVERSION:3.0\r\nN:Example;Ann;;;\r\nFN:Ann Exa\r\n mple\r\n\
            EMAIL;TYPE=INTERNET,WORK:ann@example.com\r\nEMAIL;TYPE=internet,pref:a@example.com\r\n\
            TEL;TYPE=CELL:+1 555 0100\r\nORG:Acme\\, Inc.;Research\r\nNOTE:one\\ntwo\r\n\
            BDAY:1990-01-31\r\nPHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQSkZJRgABAQ==\r\nEND:VCARD\r\n";
        let card = only(text).expect("a Card");
        assert_eq!(card["name"]["full"], "Ann Example");
        let mut emails: Vec<&Value> = card["emails"]
            .as_object()
            .expect("emails")
            .values()
            .collect();
        emails.sort_by_key(|email| email["address"].to_string());
        assert_eq!(
            emails,
            [
                &json!({"address": "a@example.com", "pref": 1}),
                &json!({"address": "ann@example.com", "contexts": {"work": true}}),
            ]
        );
        assert_eq!(card["phones"]["k1"]["features"], json!({"mobile": true}));
        let org = json!({"name": "Acme, Inc.", "units": [{"name": "Research"}]});
        assert_eq!(card["organizations"]["k1"], org);
        assert_eq!(card["notes"]["k1"]["note"], "one\ntwo");
        assert_eq!(card["anniversaries"]["k1"]["date"]["day"], 31);
        assert_eq!(
            card["media"]["k1"]["uri"],
            "data:image/jpeg;base64,/9j/4AAQSkZJRgABAQ=="
        );
    }

    #[test]
    fn a_vcard_4_becomes_a_card() {
        let text = "begin:vcard\nVERSION:4.0\nUID:urn:uuid:1\nFN:Bób\nKIND:individual\n\
            EMAIL;PREF=1;TYPE=home:bob@example.com\nTEL;VALUE=uri;TYPE=\"voice,cell\":tel:+1-555\n\
            end:vcard";
        let card = only(text).expect("a Card");
        assert_eq!(card["uid"], "urn:uuid:1");
        assert_eq!(card["name"], json!({"full": "Bób"}));
        let email = json!({"address": "bob@example.com", "contexts": {"private": true}, "pref": 1});
        assert_eq!(card["emails"]["k1"], email);
        assert_eq!(card["phones"]["k1"]["number"], "tel:+1-555");
    }

    #[test]
    fn a_bad_vcard_is_refused_where_it_begins_and_the_next_is_read() {
        let large = "x".repeat(VCARD_BYTES_MAX);
        let text = format!(
            "stray\nBEGIN:VCARD\nVERSION:2.1\nFN:A\nEND:VCARD\n\nBEGIN:VCARD\nFN:B\n\
             BEGIN:VCARD\nVERSION:4.0\nNOTE:{large}\nEND:VCARD\n\
             BEGIN:VCARD\nVERSION:4.0\nFN:C\nEND:VCARD\nBEGIN:VCARD\nFN:D"
        );
        let ends: Vec<(u64, Option<String>)> = read(&text)
            .into_iter()
            .map(|record| (record.line, record.card.err().map(|wrong| wrong.code)))
            .collect();
        let code = |code: &str| Some(code.to_owned());
        assert_eq!(
            ends,
            [
                (1, code("malformed_vcard")),
                (2, code("vcard_version")),
                (7, code("malformed_vcard")),
                (9, code("too_large")),
                (13, None),
                (17, code("malformed_vcard")),
            ]
        );
    }

    #[test]
    fn what_is_written_reads_as_the_same_card() {
        for card in [
            json!({"@type": "Card", "version": "1.0", "uid": "urn:uuid:1", "name": {"full": "A;n,n"},
                "emails": {"e1": {"address": "a@example.com", "contexts": {"work": true}}},
                "phones": {"p1": {"number": "+1 555 0100"}},
                "notes": {"n": {"note": "line\nline, and; more ä ".repeat(9).trim()}},
                "organizations": {"o": {"name": "Acme"}}, "contactd.local:externalId": "x-7",
                "emnify.com:tag": {"list": [1, "two", {"three": null}]}}),
            json!({"@type": "Card", "version": "1.0", "uid": "no name"}),
            json!({"@type": "Card", "version": "1.0", "uid": "u", "name": {"isOrdered": true,
                "components": [{"kind": "given", "value": "Ann"}, {"kind": "surname", "value": "X"}]}}),
        ] {
            let mut text = Vec::new();
            Writer(&mut text)
                .write(&json!({"id": "7", "card": card}))
                .expect("a vCard");
            let text = String::from_utf8(text).expect("UTF-8");
            assert_eq!(only(&text), Ok(card), "{text}");
        }
    }
}
