//! Contacts out and in again, time after time: after the first trip nothing changes any more.

use proptest::prelude::*;
use serde_json::{Map, json};

use super::super::VcardVersion;
use super::super::writer::Writer as _;
use super::*;
use crate::dialect::native;

fn exported(card: &Value, version: VcardVersion) -> String {
    let mut text = Vec::new();
    let mut writer = Writer::new(&mut text, version);
    writer.write(card).expect("a vCard");
    drop(writer);
    String::from_utf8(text).expect("UTF-8")
}

/// The Card of a vCard, as an import sends it.
fn imported(text: &str) -> Value {
    let from = Decoded {
        bytes: Box::new(io::Cursor::new(text.as_bytes().to_vec())),
        is_decoded: false,
    };
    let record = Reader::new(from).next().expect("a vCard").expect("a slice");
    let mut card = record.card.expect("a Card");
    card.sort_all_objects();
    assert!(native::check(card.clone()).is_ok(), "{text}{card}");
    card
}

/// Checks that a Card goes out as it did before, once it has come in again.
#[track_caller]
fn check(card: &Value) {
    let first = exported(card, VcardVersion::V4);
    let back = imported(&first);
    assert_eq!(exported(&back, VcardVersion::V4), first, "{card}\n{back}");
}

#[test]
fn what_was_kept_is_not_kept_again_on_the_next_trip() {
    let kept = |jcard: Value| json!({"name": {"full": "S"}, "vCard": {"properties": [jcard]}});
    let components =
        json!([{"kind": "surname", "value": "山田"}, {"kind": "given", "value": "太郎"}]);
    let japanese = json!({"jp": {"name": {"full": "山田太郎", "components": components}}});
    for card in [
        json!({"name": {"full": "S"},
            "onlineServices": {"a": {"service": "Mastodon", "user": "@a@b"}, "b": {"user": "c"}}}),
        kept(json!(["x-d", {}, "date", "2020-01-01"])),
        kept(json!(["x-b", {}, "boolean", true])),
        kept(json!(["x-arr", {}, "text", "a", "b"])),
        kept(json!(["x-s", {}, "text", ["a", ["b", "c"]]])),
        kept(json!(["x-ms-cardpicture", {"encoding": "b", "type": "JPEG"}, "unknown", "/9j/4"])),
        json!({"name": {"full": "Yamada Taro"}, "localizations": japanese}),
        json!({"name": {"components": [{"kind": "surname", "value": "Yamada"}]},
            "localizations": japanese}),
        json!({"name": {"full": "S"}, "example.com:none": null, "example.com:o": {"@type": "X",
            "text": "a\r\nb", "isOrdered": false, "null": null}}),
        json!({"example": {"@type": "X", "isOrdered": false, "text": "a\r\nb"},
            "emails": {"e": {"address": "a@b.co", "more": {"@type": "Y", "isOrdered": false}}}}),
        json!({"anniversaries": {
            "a": {"kind": "example.com:x", "date": {"@type": "Timestamp", "utc": "2020-01-01T00:00:00Z"}},
            "b": {"kind": "birth", "date": {"@type": "Timestamp", "utc": "2020-01-01T00:00:00.5Z"}}}}),
        json!({"notes": {"n": {"note": format!("a{}b", " ".repeat(200))}, "m": {"note": format!("{}é",
            " ".repeat(90))}}}),
        json!({"created": "2016-12-31T23:59:60Z", "updated": "2016-12-31T23:59:60Z", "anniversaries": {
            "b": {"kind": "birth", "date": {"@type": "Timestamp", "utc": "2016-12-31T23:59:60Z"}}}}),
        json!({"organizations": {"o": {"name": "O"}},
            "titles": {"r": {"kind": "role", "name": "R", "organizationId": "o"}}}),
        json!({"emails": {"k10": {"address": "a@b.co"}, "k9": {"address": "c@d.co"},
            "a": {"address": "e@f.co"}}}),
    ] {
        check(&card);
        let mut back = imported(&exported(&card, VcardVersion::V4));
        let mut want = comparable(&card);
        want.sort_all_objects();
        back = comparable(&back);
        assert_eq!(back, want, "{card}");
    }
}

/// vCard 3.0 holds less, and what it does hold comes back as it was.
#[test]
fn what_an_organization_is_shown_as_is_said_once() {
    let two = "BEGIN:VCARD\nVERSION:4.0\nFN:A\nKIND:individual\nKIND:org\nEND:VCARD\n";
    let shown = "BEGIN:VCARD\nVERSION:3.0\nFN:A\nX-ABShowAs:COMPANY\nKIND:org\nEND:VCARD\n";
    for card in [imported(two), imported(shown), json!({"kind": "org"})] {
        let first = exported(&card, VcardVersion::V3);
        assert_eq!(exported(&imported(&first), VcardVersion::V3), first);
        assert_eq!(first.matches("X-ABSHOWAS").count(), 1, "{first}");
    }
}

#[test]
fn a_birthplace_beside_a_year_comes_back_once_from_vcard_3() {
    let card = json!({"anniversaries": {
        "k1": {"kind": "birth", "date": {"year": 1990}, "place": {"full": "Rome"}}}});
    let first = exported(&card, VcardVersion::V3);
    assert_eq!(exported(&imported(&first), VcardVersion::V3), first);
    assert_eq!(comparable(&imported(&first)), comparable(&card));
}

/// Pieces of Cards; `T` is any text.
const PIECES: [&str; 44] = [
    r#"{"name": {"full": "T"}}"#,
    r#"{"name": {"components": [{"kind": "surname", "value": "T"}, {"kind": "given", "value": "T"}]}}"#,
    r#"{"name": {"components": [{"kind": "given", "value": "T", "phonetic": "T"},
        {"kind": "separator", "value": "T"}, {"kind": "surname", "value": "T"}], "isOrdered": true,
        "defaultSeparator": "T", "sortAs": {"surname": "T"}}}"#,
    r#"{"name": {"full": "T", "components": [{"kind": "example.com:x", "value": "T"},
        {"kind": "generation", "value": "T"}]}}"#,
    r#"{"localizations": {"jp": {"name": {"full": "T"}}}}"#,
    r#"{"localizations": {"jp": {"name": {"full": "T", "components": [{"kind": "surname", "value": "T"}]}}}}"#,
    r#"{"localizations": {"de": {"keywords": {"T": true}, "example.com:x": "T"}}}"#,
    r#"{"titles": {"t": {"name": "T"}}, "localizations": {"de": {"titles/t/name": "T"}}}"#,
    r#"{"addresses": {"a": {"full": "T"}}, "localizations": {"fr": {"addresses/a": {"full": "T"}}}}"#,
    r#"{"uid": "T"}"#,
    r#"{"kind": "org"}"#,
    r#"{"language": "de"}"#,
    r#"{"created": "2024-01-31T10:10:10.5Z", "updated": "2024-01-31T10:10:10Z"}"#,
    r#"{"keywords": {"T": true, "b": true}}"#,
    r#"{"nicknames": {"n1": {"name": "T", "contexts": {"work": true}, "pref": 3}, "n2": {"name": "T"}}}"#,
    r#"{"organizations": {"o": {"name": "T", "units": [{"name": "T", "sortAs": "T"}]}}}"#,
    r#"{"organizations": {"p": {"units": [{"name": "T"}, {"name": "T"}], "sortAs": "T"}}}"#,
    r#"{"titles": {"u": {"name": "T", "kind": "role"}, "v": {"name": "T", "kind": "title"}}}"#,
    r#"{"emails": {"e": {"address": "a@b.co", "label": "T"}, "f": {"address": "a@b.co"}}}"#,
    r#"{"emails": {"g": {"address": "g@b.co", "contexts": {"example.com:x": true}, "example.com:y": null}}}"#,
    r#"{"phones": {"p": {"number": "T", "features": {"voice": true, "example.com:sat": true}, "label": "T"}}}"#,
    r#"{"phones": {"q": {"number": "tel:+1-555", "pref": 1, "contexts": {"private": true}}}}"#,
    r#"{"onlineServices": {"s": {"service": "T", "user": "T"}}}"#,
    r#"{"onlineServices": {"t": {"user": "T"}}}"#,
    r#"{"onlineServices": {"u": {"uri": "https://x.de/?a=1,2", "user": "T", "label": "T"}}}"#,
    r#"{"addresses": {"b": {"components": [{"kind": "name", "value": "T"}, {"kind": "number", "value": "T"},
        {"kind": "locality", "value": "T"}], "timeZone": "Asia/Tokyo", "coordinates": "geo:1,2"}}}"#,
    r#"{"addresses": {"c": {"full": "T", "countryCode": "DE", "pref": 2}}}"#,
    r#"{"addresses": {"d": {"components": [{"kind": "apartment", "value": "T"}, {"kind": "separator",
        "value": "T"}, {"kind": "country", "value": "T"}], "isOrdered": true}}}"#,
    r#"{"notes": {"n": {"note": "T", "author": {"name": "T"}, "created": "2024-01-31T10:10:10Z"}}}"#,
    r#"{"links": {"l": {"uri": "https://x.de/a,b;c"}, "m": {"uri": "mailto:a@b.co", "kind": "contact"}}}"#,
    r#"{"media": {"m": {"kind": "photo", "uri": "data:image/png;base64,iVBORw0KGgo="}}}"#,
    r#"{"media": {"n": {"kind": "example.com:x", "uri": "https://x.de/a,b", "label": "T"}}}"#,
    r#"{"anniversaries": {"b": {"kind": "birth", "date": {"year": 1990}, "place": {"full": "T"}}}}"#,
    r#"{"anniversaries": {"w": {"kind": "wedding", "date": {"@type": "Timestamp", "utc": "2020-01-01T00:00:00Z"}}}}"#,
    r#"{"anniversaries": {"x": {"kind": "example.com:x", "date": {"@type": "Timestamp", "utc": "2020-01-01T00:00:00Z"}}}}"#,
    r#"{"personalInfo": {"e": {"kind": "expertise", "value": "T", "level": "high", "listAs": 2}}}"#,
    r#"{"relatedTo": {"T": {"relation": {"friend": true}}, "urn:uuid:1": {}}}"#,
    r#"{"speakToAs": {"grammaticalGender": "neuter", "pronouns": {"k": {"pronouns": "T"}}}}"#,
    r#"{"example.com:v": {"@type": "T", "T": [null, 1, {"a": null}]}, "example.com:w": null}"#,
    r#"{"vCard": {"properties": [["x-b", {}, "boolean", true], ["x-n", {}, "integer", 1]]}}"#,
    r#"{"vCard": {"properties": [["x-t", {"x-p": "T"}, "text", "T", "T"], ["email", {}, "unknown", "T"]]}}"#,
    r#"{"vCard": {"properties": [["x-s", {"group": "item1"}, "text", ["T", ["T", "b"]]]]}}"#,
    r#"{"vCard": {"properties": [["x-d", {}, "date", "2020-01-01"], ["fn", {}, "unknown", "T"]]}}"#,
    r#"{"vCard": {"properties": [["photo", {"encoding": "b", "type": ["JPEG", "x"]}, "unknown", "/9j/4"]]}}"#,
];

/// Puts the members of one value into another, deeply.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

fn filled(value: Value, text: &str) -> Value {
    let fill = |name: String| name.replace('T', text);
    match value {
        Value::String(name) if name == "T" => fill(name).into(),
        Value::Array(items) => items.into_iter().map(|item| filled(item, text)).collect(),
        Value::Object(members) => {
            let members = members.into_iter();
            let members = members.map(|(name, value)| match name.as_str() {
                "T" => (fill(name), filled(value, text)),
                _ => (name, filled(value, text)),
            });
            Value::Object(members.collect::<Map<_, _>>())
        }
        value => value,
    }
}

fn card() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[a-c,;:^\"\\\\\n ='é]{1,6}",
        prop::sample::select(vec![
            "text",
            "TEXT",
            "1",
            "true",
            "a b",
            "https://x.de/",
            "\\n",
            "^n"
        ])
        .prop_map(str::to_owned),
    ];
    let piece = (prop::sample::select(PIECES.to_vec()), text);
    prop::collection::vec(piece, 1..6).prop_map(|pieces| {
        let mut card = json!({});
        for (piece, text) in pieces {
            let piece = serde_json::from_str(piece).expect("JSON");
            merge(&mut card, filled(piece, &text));
        }
        card
    })
}

/// Texts that would be a line of their own, or the end of a vCard, if a line took them as they are.
const HOSTILE: [&str; 27] = [
    "end",
    "begin",
    "END",
    "version",
    "agent",
    "profile",
    "jsprop",
    "fn",
    "x-a",
    "x_a",
    "1x",
    "",
    "é",
    "begın",
    "x-a\r\nEMAIL:evil@x.de",
    "x-a\nEND:VCARD\nBEGIN:VCARD",
    "x:evil@x.de",
    "a.end",
    "x=\";:",
    "encoding",
    "vcard",
    "BEGIN:VCARD",
    "END:VCARD",
    "begin:vcard\n",
    "quoted-printable",
    "é                                                                          END:VCARD=",
    "\u{3000}\u{3000}\u{3000}\u{3000}\u{3000}\u{3000}\u{3000}\u{3000}\u{3000}\u{3000}\u{3000}\u{3000}\u{3000}\u{3000}\u{3000}\u{3000}\u{3000}\u{3000}\u{3000}\u{3000}\u{3000}\u{3000}\u{3000}\u{3000}\u{3000}\u{3000}\u{3000}end:vcard",
];

/// Cards in which every name and text that is a client's own is a hostile one.
fn hostile() -> impl Strategy<Value = Value> {
    let texts = prop::collection::vec(prop::sample::select(HOSTILE.to_vec()), 12);
    let pad = "[a-c ]{0,80}";
    (texts, pad).prop_map(|(t, pad)| {
        let padded = format!("{pad}{}", t[0]);
        let converted = json!({"name": t[1], "parameters": {"group": t[2], t[3]: t[4]}});
        json!({
            "uid": t[5], "name": {"full": padded}, "notes": {"n": {"note": padded}},
            "emails": {t[6]: {"address": "a@b.co", "label": t[7], "contexts": {t[8]: true}}},
            "localizations": {"de": {"name/full": t[9]}, t[9]: {"notes/n/note": t[10]}},
            t[11]: {t[10]: padded},
            "vCard": {
                "properties": [[t[1], {"group": t[2], t[3]: t[4]}, t[5], padded],
                    [t[6], {}, "unknown", t[7]], [t[8], {"encoding": t[9], t[10]: t[11]}, "text", "abc="]],
                "convertedProperties": {"uid": converted, "name/full": converted,
                    "notes/n/note": converted, format!("emails/{}/address", t[6]): converted},
            },
        })
    })
}

/// Whether a line that is not folded is a property, of a name that a vCard may have within it.
fn is_property(line: &str) -> bool {
    let head = line.split([';', ':']).next().unwrap_or_default();
    let is_token = |text: &str| {
        let is_good = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        !text.is_empty() && text.chars().all(is_good)
    };
    let name = head.rsplit('.').next().unwrap_or_default();
    head.split('.').count() <= 2
        && head.split('.').all(is_token)
        && !["BEGIN", "END", "VERSION"].contains(&name.to_ascii_uppercase().as_str())
        && line.contains(':')
}

/// Checks that a Card is one vCard, whatever it holds, and that the next contact is whole.
fn check_frame(card: &Value, version: VcardVersion) -> Result<(), TestCaseError> {
    let next = json!({"name": {"full": "Next"}, "emails": {"e": {"address": "next@b.co"}}});
    let mut text = exported(card, version);
    let lines = text.replace("\r\n ", "");
    let lines: Vec<&str> = lines
        .trim_end()
        .split(['\r', '\n'])
        .filter(|l| !l.is_empty())
        .collect();
    let number = if version == VcardVersion::V4 {
        "VERSION:4.0"
    } else {
        "VERSION:3.0"
    };
    let ["BEGIN:VCARD", second, within @ .., "END:VCARD"] = lines.as_slice() else {
        return Err(TestCaseError::fail(text));
    };
    prop_assert_eq!(*second, number);
    for line in within {
        prop_assert!(is_property(line), "{}: {}", line, text);
        prop_assert!(!line.starts_with("EMAIL:evil"), "{}", text);
    }
    // Other programs take the blank of a fold away as they like.
    let is_frame = |line: &&str| {
        let line = line.trim_start().to_ascii_uppercase();
        line.starts_with("BEGIN:") || line.starts_with("END:")
    };
    let frame: Vec<&str> = text.lines().filter(is_frame).collect();
    prop_assert_eq!(frame, ["BEGIN:VCARD", "END:VCARD"], "{}", text);
    text.push_str(&exported(&next, version));
    let from = Decoded {
        bytes: Box::new(io::Cursor::new(text.as_bytes().to_vec())),
        is_decoded: false,
    };
    let records: Vec<Record> = Reader::new(from)
        .map(|record| record.expect("a slice"))
        .collect();
    let [_, last] = records.as_slice() else {
        return Err(TestCaseError::fail(text));
    };
    let mut back = last
        .card
        .clone()
        .map_err(|wrong| TestCaseError::fail(wrong.detail))?;
    back.sort_all_objects();
    prop_assert_eq!(back, imported(&exported(&next, version)));
    prop_assert!(records[0].card.is_ok(), "{}", text);
    Ok(())
}

proptest! {
    #[test]
    fn any_card_is_one_vcard_and_the_next_one_is_whole(card in hostile()) {
        check_frame(&card, VcardVersion::V4)?;
        check_frame(&card, VcardVersion::V3)?;
    }

    #[test]
    fn what_a_line_cannot_say_comes_back_all_the_same(mut card in hostile()) {
        let label = card["notes"]["n"]["note"].clone();
        card["emails"] = json!({"e": {"address": "a@b.co", "label": label}});
        card["uid"] = "u".into();
        let members = card.as_object_mut().expect("a Card");
        members.retain(|name, _| ["uid", "name", "notes", "emails", "vCard"].contains(&name.as_str()));
        prop_assert_eq!(native::check(card.clone()), Ok(()));
        let back = imported(&exported(&card, VcardVersion::V4));
        // A line break is a line feed, in a name as well.
        let shown = |card: &Value| {
            let mut card = comparable(card);
            card.sort_all_objects();
            card.to_string().replace("\\r\\n", "\\n")
        };
        prop_assert_eq!(shown(&back), shown(&card));
    }

    #[test]
    fn two_trips_give_what_one_gave(card in card()) {
        prop_assume!(native::check(card.clone()).is_ok());
        check(&card);
    }
}
