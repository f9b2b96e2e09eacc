//! vCards in and out, as whole files.

use serde_json::json;

use super::super::VcardVersion;
use super::super::writer::Writer as _;
use super::*;

fn read(text: &str) -> Vec<Record> {
    let from = Decoded {
        bytes: Box::new(io::Cursor::new(text.as_bytes().to_vec())),
        is_decoded: false,
    };
    Reader::new(from)
        .map(|record| record.expect("a slice can be read"))
        .collect()
}

/// The Card of a vCard of these lines, without what all Cards have, and what was said of it.
fn card(version: &str, lines: &str) -> (Value, Vec<Note>) {
    let text = format!("BEGIN:VCARD\nVERSION:{version}\n{lines}\nEND:VCARD\n");
    let mut records = read(&text);
    assert_eq!(records.len(), 1, "{records:?}");
    let record = records.remove(0);
    let mut card = record.card.expect("a Card");
    let object = card.as_object_mut().expect("an object");
    object.retain(|name, _| !["@type", "version"].contains(&name.as_str()));
    (card, record.notes)
}

fn written(card: &Value, version: VcardVersion) -> String {
    let mut text = Vec::new();
    let mut writer = Writer::new(&mut text, version);
    writer.write(card).expect("a vCard");
    drop(writer);
    String::from_utf8(text).expect("UTF-8")
}

#[test]
fn an_ordinary_vcard_becomes_a_card() {
    let (card, notes) = card(
        "3.0",
        "N:Example;Ann;;;\r\nFN:Ann Exa\r\n mple\r\nEMAIL;TYPE=INTERNET,WORK:ann@example.com\r\n\
         EMAIL;TYPE=internet,pref:a@example.com\r\nTEL;TYPE=CELL:+1 555 0100\r\n\
         ORG:Acme\\, Inc.;Research\r\nNOTE:one\\ntwo\r\nBDAY:1990-01-31\r\n\
         PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQSkZJRgABAQ==\r",
    );
    let want = json!({
        "name": {"full": "Ann Example", "components": [
            {"kind": "surname", "value": "Example"}, {"kind": "given", "value": "Ann"}]},
        "emails": {"k1": {"address": "ann@example.com", "contexts": {"work": true}},
            "k2": {"address": "a@example.com", "pref": 1}},
        "phones": {"k1": {"number": "+1 555 0100", "features": {"mobile": true}}},
        "organizations": {"k1": {"name": "Acme, Inc.", "units": [{"name": "Research"}]}},
        "notes": {"k1": {"note": "one\ntwo"}},
        "anniversaries": {"k1": {"kind": "birth",
            "date": {"@type": "PartialDate", "year": 1990, "month": 1, "day": 31}}},
        "media": {"k1": {"kind": "photo", "uri": "data:image/jpeg;base64,/9j/4AAQSkZJRgABAQ=="}},
    });
    assert_eq!((card, notes), (want, Vec::new()));
}

#[test]
fn a_bad_vcard_is_refused_where_it_begins_and_the_next_is_read() {
    let large = "NOTE:x\n".repeat(PROPERTIES_MAX + 1);
    let text = format!(
        "stray\nBEGIN:VCARD\nVERSION:9\nFN:A\nEND:VCARD\n\nBEGIN:VCARD\nFN:B\n\
         BEGIN:VCARD\nVERSION:4.0\nEND:VCARD\nBEGIN:VCARD\nVERSION:4.0\nFN:C\nEND:VCARD\n\
         BEGIN:VCARD\n{large}END:VCARD\nBEGIN:VCARD\nFN:D"
    );
    let ends: Vec<Option<String>> = read(&text)
        .into_iter()
        .map(|record| record.card.err().map(|wrong| wrong.code))
        .collect();
    let code = |code: &str| Some(code.to_owned());
    let (malformed, version) = (code("malformed_vcard"), code("vcard_version"));
    let rest = [code("blank"), None, code("too_large"), malformed.clone()];
    let want = [&[malformed.clone(), version, malformed], rest.as_slice()].concat();
    assert_eq!(ends, want);
}

#[test]
fn what_fits_no_card_is_kept_as_it_is_and_named() {
    let (card, notes) = card(
        "4.0",
        "FN:Ann\nFN:Anna\\, B\nKIND:group\nMEMBER:urn:uuid:1\nEMAIL;TYPE=home:nobody\n\
         EMAIL:ann@x.de\ni.BDAY:19901345\nURL:none at all\nPHOTO;VALUE=uri:a b\n\
         BIRTHPLACE:Rome\nBDAY:1990\nX-A;X-B=1:c\\;d",
    );
    let want = json!({
        "kind": "group",
        "name": {"full": "Ann"},
        "members": {"urn:uuid:1": true},
        "emails": {"k1": {"address": "ann@x.de"}},
        "anniversaries": {"k1": {"kind": "birth", "place": {"full": "Rome"},
            "date": {"@type": "PartialDate", "year": 1990}}},
        "vCard": {"properties": [
            ["bday", {"group": "i"}, "unknown", "19901345"],
            ["x-a", {"x-b": "1"}, "unknown", "c\\;d"],
            ["fn", {}, "unknown", "Anna\\, B"],
            ["email", {"type": "home"}, "unknown", "nobody"],
            ["url", {}, "unknown", "none at all"],
            ["photo", {}, "uri", "a b"],
        ]},
    });
    assert_eq!(card, want);
    let kept: Vec<Note> = [
        "BDAY:19901345",
        "X-A:c\\;d",
        "FN:Anna\\, B",
        "EMAIL:nobody",
        "URL:none at all",
        "PHOTO:a b",
    ]
    .map(|shown| Note::Kept(shown.to_owned()))
    .into();
    assert_eq!(notes, kept);
    let text = written(&card, VcardVersion::V4);
    for line in [
        "FN:Anna\\, B",
        "EMAIL;TYPE=home:nobody",
        "i.BDAY:19901345",
        "X-A;X-B=1:c\\;d",
    ] {
        assert!(text.contains(&format!("\r\n{line}\r\n")), "{line}: {text}");
    }
}

/// What is no base64 to its last bit stays text, and a parameter is not lost with what it is of.
#[test]
fn what_would_be_read_as_something_else_is_kept_as_it_is_and_named() {
    let check = |line: &str, want: Value, named: &str| {
        let (card, notes) = card("3.0", &format!("FN:Ann\n{line}"));
        assert_eq!(card["vCard"]["properties"], json!([want]), "{line}");
        assert_eq!(notes, [Note::Kept(named.to_owned())], "{line}");
    };
    for (head, params, value) in [
        ("KEY;TYPE=PGP", json!({"type": "PGP"}), "AB12CD3"),
        ("KEY;TYPE=PGP", json!({"type": "PGP"}), "AAAA AAAA"),
        ("KEY", json!({}), "0x12 34 not base64"),
        ("LOGO;TYPE=WORK", json!({"type": "WORK"}), "logo"),
        ("PHOTO;TYPE=JPEG", json!({"type": "JPEG"}), "/9j/4A"),
    ] {
        let name = head.split(';').next().unwrap_or_default();
        let want = json!([name.to_lowercase(), params, "unknown", value]);
        check(&format!("{head}:{value}"), want, &format!("{name}:{value}"));
    }
    for (line, want, named) in [
        (
            "PHOTO;ENCODING=b:not base64!",
            json!(["photo", {"encoding": "b"}, "unknown", "not base64!"]),
            "PHOTO:not base64!",
        ),
        (
            "KEY;ENCODING=b:AB12CD3",
            json!(["key", {"encoding": "b"}, "unknown", "AB12CD3"]),
            "KEY:AB12CD3",
        ),
        (
            "X-SPOUSE;TYPE=x-partner:Jane",
            json!(["x-spouse", {"type": "x-partner"}, "unknown", "Jane"]),
            "X-SPOUSE:Jane",
        ),
        (
            "UID;X-KEEP=v:",
            json!(["uid", {"x-keep": "v"}, "unknown", ""]),
            "UID:",
        ),
        (
            "N;X-KEEP=v:;;;;",
            json!(["n", {"x-keep": "v"}, "unknown", ";;;;"]),
            "N:;;;;",
        ),
        (
            "TEL;LABEL=a;LABEL=b:1",
            json!(["tel", {"label": ["a", "b"]}, "unknown", "1"]),
            "TEL:1",
        ),
        (
            "EXPERTISE;LEVEL=a;LEVEL=expert:x",
            json!(["expertise", {"level": ["a", "expert"]}, "unknown", "x"]),
            "EXPERTISE:x",
        ),
    ] {
        check(line, want, named);
    }
    let apple = "i.X-ABRELATEDNAMES;TYPE=x-partner:Jane\ni.X-ABLABEL:_$!<Spouse>!$_\n\
                 j.X-ABDATE;TYPE=x-first:2001-06-15\nj.X-ABLABEL:_$!<Anniversary>!$_";
    let (card, notes) = card("3.0", &format!("FN:Ann\n{apple}"));
    assert_eq!((card.get("relatedTo"), notes.len()), (None, 4), "{card}");
    assert!(card.to_string().contains("x-partner"), "{card}");
    assert!(card.to_string().contains("x-first"), "{card}");
}

/// An empty field with the parameters that programs write to each of its kind says nothing.
#[test]
fn an_empty_property_is_not_kept_for_what_it_would_have_been() {
    let lines =
        "FN:Ann\nEMAIL;TYPE=INTERNET,pref:\nTEL;CELL;PREF=1:\nN;LANGUAGE=de:;;;;\nNOTE;VALUE=text:";
    let (card, notes) = card("3.0", lines);
    assert_eq!((card.get("vCard"), notes), (None, Vec::new()), "{card}");
}

/// No other point in time is one, and a program that has none for it takes the second before.
#[test]
fn a_leap_second_is_kept_as_it_is_and_named() {
    let (card, notes) = card(
        "4.0",
        "FN:Ann\nBDAY:20161231T235960Z\nANNIVERSARY:2016-12-31T23:59:60Z\nREV:20161231T235960Z\n\
         CREATED:20161231T235960Z",
    );
    let kept = card.pointer("/vCard/properties").and_then(Value::as_array);
    assert_eq!(kept.map(Vec::len), Some(4), "{card}");
    assert_eq!((notes.len(), card.get("anniversaries")), (4, None));
    assert!(
        notes.contains(&Note::Kept("REV:20161231T235960Z".into())),
        "{notes:?}"
    );
}

#[test]
fn a_role_is_of_the_organization_whose_group_it_has() {
    let (card, _) = card(
        "4.0",
        "FN:Ann\nORG:O\nORG:P\ni.ORG:Q\nROLE:R\ni.ROLE:S\nTITLE:T",
    );
    let name_of =
        |id: &Value| card["organizations"][id.as_str().unwrap_or_default()]["name"].clone();
    let titles = card["titles"].as_object().expect("titles").values();
    let mut of: Vec<(&str, Value)> = titles
        .map(|title| {
            let name = title["name"].as_str().unwrap_or_default();
            (name, name_of(&title["organizationId"]))
        })
        .collect();
    of.sort_by_key(|(name, _)| *name);
    let want = [("R", Value::Null), ("S", json!("Q")), ("T", Value::Null)];
    assert_eq!(of, want, "{card}");
}

#[test]
fn a_picture_too_large_for_a_contact_does_not_lose_the_person() {
    for kilobytes in [47, 500, 10_000] {
        let picture = "AAAA".repeat(kilobytes * 256);
        for photo in [
            format!("PHOTO;ENCODING=b;TYPE=JPEG:{picture}"),
            format!("PHOTO:data:image/jpeg;base64,{picture}"),
        ] {
            let small = "LOGO:data:image/png;base64,iVBO";
            let (card, notes) = card("4.0", &format!("FN:Ann\n{photo}\n{small}\nEMAIL:ann@x.de"));
            assert_eq!(notes, [Note::Dropped("PHOTO".into())]);
            assert_eq!(card["emails"]["k1"]["address"], "ann@x.de");
            assert_eq!(card["media"].as_object().map(serde_json::Map::len), Some(1));
        }
    }
}

#[test]
fn what_is_written_reads_as_the_same_card() {
    let full = json!({"@type": "Card", "version": "1.0", "uid": "urn:uuid:1",
        "name": {"full": "A;n,n"},
        "emails": {"e1": {"address": "a@example.com", "contexts": {"work": true}}},
        "phones": {"p1": {"number": "+1 555 0100"}, "p2": {"number": "tel:+1-555"}},
        "notes": {"n": {"note": "line\nline, and; more ä ".repeat(9).trim()}},
        "organizations": {"o": {"name": "Acme"}, "p": {"units": [{"name": "R"}]}},
        "onlineServices": {"s": {"service": "Skype", "user": "ann.s"}},
        "directories": {"d": {"kind": "directory", "uri": "http://x.de/", "label": "all"}},
        "addresses": {"a": {"full": "1 Main St\nTown \"x\" ^", "timeZone": "America/New_York"}},
        "contactd.local:externalId": "x-7",
        "emnify.com:tag": {"list": [1, "two", {"three": null}], "a/b~c": "^"}});
    let ordered = json!({"@type": "Card", "version": "1.0", "uid": "u", "name": {"isOrdered": true,
        "defaultSeparator": "-", "components": [{"kind": "given", "value": "Ann"},
        {"kind": "surname", "value": "X"}]}});
    let unordered = json!({"@type": "Card", "version": "1.0", "uid": "no, name", "name":
        {"components": [{"kind": "surname", "value": "X"}, {"kind": "given", "value": "Ann"}]}});
    for card in [full, ordered, unordered] {
        let text = written(&card, VcardVersion::V4);
        let got = read(&text).remove(0);
        assert_eq!((got.card, got.notes), (Ok(card), Vec::new()), "{text}");
        assert!(text.lines().all(|line| line.len() <= 75), "{text}");
    }
}

#[test]
fn what_goes_out_has_no_control_characters_and_no_escapes_in_uris() {
    let card = json!({"name": {"full": "A\u{7}B\r\nC\u{85}"},
        "addresses": {"a": {"full": "\"x\"\r\ny\u{1}"}},
        "media": {"m": {"kind": "photo", "uri": "data:image/png;base64,iVBORw0KGgo="}}});
    for version in [VcardVersion::V3, VcardVersion::V4] {
        let text = written(&card, version);
        assert!(text.contains("FN:AB\\nC\r\n"), "{text}");
        let bad = |c: char| c.is_control() && c != '\r' && c != '\n';
        assert!(!text.contains(bad) && !text.contains("JSPROP"), "{text}");
    }
    let text = written(&card, VcardVersion::V4);
    assert!(
        text.contains(":data:image/png;base64,iVBORw0KGgo=\r\n"),
        "{text}"
    );
    assert!(text.contains("LABEL=\"^'x^'^ny\""), "{text}");
}

/// What was kept of a file as it stood there is written so that other programs read on.
#[test]
fn nothing_goes_out_at_which_another_reader_stops() {
    let lines = "FN:Ann\nPROFILE:VCARD\nPHOTO;ENCODING=b;VALUE=uri;TYPE=JPEG:/9j/4AAQ=SkZJRg";
    let (card, _) = card("3.0", lines);
    for version in [VcardVersion::V3, VcardVersion::V4] {
        let text = written(&card, version);
        let unfolded = text.replace("\r\n ", "");
        assert!(!unfolded.contains("\r\nPROFILE"), "{text}");
        assert!(!unfolded.contains("ENCODING="), "{text}");
        assert!(unfolded.contains("/9j/4AAQ=SkZJRg"), "{text}");
    }
}

/// What an export of one contact as vCard 3.0 says that it leaves out, and the vCard.
fn legacy(card: &Value) -> (Option<String>, String) {
    let mut text = Vec::new();
    let mut writer = Writer::new(&mut text, VcardVersion::V3);
    writer.write(card).expect("a vCard");
    let said = writer.left_out();
    drop(writer);
    let text = String::from_utf8(text).expect("UTF-8");
    (said, text.replace("\r\n ", ""))
}

/// Pieces of Cards that vCard 3.0 has no words for, each with the property that is then left out.
const UNSAID: [(&str, &str); 15] = [
    (
        "media",
        r#"{"m": {"kind": "example.com:x", "uri": "https://x.de/"}}"#,
    ),
    (
        "anniversaries",
        r#"{"a": {"kind": "example.com:x",
        "date": {"@type": "Timestamp", "utc": "2020-01-01T00:00:00Z"}}}"#,
    ),
    (
        "name",
        r#"{"components": [{"kind": "example.com:x", "value": "A"},
        {"kind": "given", "value": "B"}]}"#,
    ),
    ("name", r#"{"full": "A", "sortAs": {"surname": "B"}}"#),
    (
        "name",
        r#"{"components": [{"kind": "given", "value": "A", "phonetic": "B"}],
        "phoneticSystem": "ipa"}"#,
    ),
    (
        "name",
        r#"{"components": [{"kind": "given", "value": "A"},
        {"kind": "surname", "value": "B"}], "isOrdered": true}"#,
    ),
    (
        "name",
        r#"{"components": [{"kind": "given", "value": "A"},
        {"kind": "separator", "value": "-"}, {"kind": "given", "value": "B"}], "isOrdered": true}"#,
    ),
    ("organizations", r#"{"o": {"name": "O", "sortAs": "P"}}"#),
    ("notes", r#"{"n": {"note": "N", "author": {"name": "A"}}}"#),
    (
        "notes",
        r#"{"n": {"note": "N", "created": "2024-01-31T10:10:10Z"}}"#,
    ),
    ("emails", r#"{"e": {"address": "a@b.co", "pref": 2}}"#),
    (
        "emails",
        r#"{"e": {"address": "a@b.co", "example.com:x": 1}}"#,
    ),
    (
        "phones",
        r#"{"p": {"number": "1", "features": {"example.com:sat": true}}}"#,
    ),
    ("updated", r#""2024-01-31T10:10:10.5Z""#),
    ("localizations", r#"{"de": {"emails/e/label": "y"}}"#),
];

#[test]
fn what_vcard_3_has_no_words_for_is_said() {
    for (name, value) in UNSAID {
        let value: Value = serde_json::from_str(value).expect("JSON");
        let (said, text) = legacy(&json!({name: value}));
        let said = said.unwrap_or_default();
        let want = format!("not hold all of 1 contact; left out there or changed: {name} (1); ");
        assert!(said.contains(&want), "{value}: {said}\n{text}");
        assert!(!text.contains("example.com:sat"), "{text}");
    }
}

#[test]
fn of_what_vcard_3_holds_nothing_is_said() {
    let part = |kind: &str| json!({"kind": kind, "value": "A"});
    let (said, text) = legacy(&json!({
        "uid": "urn:uuid:1", "kind": "individual", "language": "de",
        "name": {"full": "A B", "components": [part("given"), part("surname")]},
        "titles": {"t": {"name": "Boss"}}, "keywords": {"a": true}, "example.com:x": {"a": null},
        "emails": {"e": {"address": "a@b.co", "contexts": {"work": true}, "label": "x", "pref": 1}},
        "phones": {"p": {"number": "+1 555", "features": {"mobile": true}}},
        "organizations": {"o": {"name": "O", "units": [{"name": "P"}]}},
        "addresses": {"a": {"full": "1 Main", "countryCode": "DE",
            "components": [part("name"), part("locality"), part("postcode")]}},
        "anniversaries": {"b": {"kind": "birth", "date": {"month": 4, "day": 15}},
            "w": {"kind": "wedding", "date": {"year": 2001, "month": 6, "day": 15}}},
        "links": {"l": {"uri": "https://x.de/"}}, "notes": {"n": {"note": "a; b"}},
        "onlineServices": {"s": {"service": "Mastodon", "user": "@a@b"}},
        "media": {"m": {"kind": "photo", "uri": "data:image/png;base64,iVBORw0KGgo="}},
        "vCard": {"properties": [["x-a", {"group": "g"}, "unknown", "b"],
            ["x-altbday", {"calscale": "chinese"}, "unknown", "46970427"]]}}));
    assert_eq!(said, None, "{text}");
    assert!(
        text.contains("X-ALTBDAY;CALSCALE=chinese:46970427"),
        "{text}"
    );
}

#[test]
fn a_name_in_another_language_is_never_the_only_one_of_vcard_3() {
    let japanese = json!({"full": "山田", "components": [{"kind": "surname", "value": "山田"}]});
    let card = json!({"name": {"full": "Yamada Taro"},
        "organizations": {"o": {"name": "Sony"}}, "titles": {"t": {"name": "Boss"}},
        "localizations": {"jp": {"name": japanese, "organizations/o/name": "ソニー"}}});
    let (said, text) = legacy(&card);
    let lines: Vec<&str> = text.lines().filter(|line| line.contains('山')).collect();
    assert!(
        lines.iter().all(|line| line.starts_with("JSPROP;")),
        "{text}"
    );
    for line in ["FN:Yamada Taro", "N:;;;;", "ORG:Sony"] {
        assert!(text.contains(&format!("\r\n{line}\r\n")), "{text}");
    }
    assert!(!text.contains("ソニー"), "{text}");
    assert!(
        said.unwrap_or_default()
            .contains("changed: localizations (1);")
    );
    let back = read(&text).remove(0).card.expect("a Card");
    assert_eq!(
        back.pointer("/localizations/jp"),
        Some(&json!({"name": japanese}))
    );
}

#[test]
fn what_vcard_3_leaves_out_of_a_title_or_note_in_another_language_is_said() {
    for (map, name) in [("titles", "name"), ("notes", "note")] {
        let entry = |text: &str| json!({ name: text });
        for (path, value) in [
            (format!("{map}/t"), entry("Zwei")),
            (format!("{map}/u/{name}"), json!("Zwei")),
        ] {
            let card = json!({"name": {"full": "Ann"}, map: {"t": entry("One"), "u": entry("Two")},
                "localizations": {"de": {path: value}}});
            let (said, text) = legacy(&card);
            let said = said.unwrap_or_default();
            assert!(
                said.contains("changed: localizations (1);"),
                "{said} {text}"
            );
        }
    }
}

#[test]
fn a_whole_map_in_another_language_comes_back_from_vcard_3() {
    for (map, one, other) in [
        ("titles", json!({"name": "Boss"}), json!({"name": "Chef"})),
        ("notes", json!({"note": "One"}), json!({"note": "Eins"})),
        (
            "emails",
            json!({"address": "a@b.co"}),
            json!({"address": "d@b.co"}),
        ),
        ("organizations", json!({"name": "O"}), json!({"name": "P"})),
    ] {
        let german = json!({map: {"t": other, "v": other}});
        let card = json!({"name": {"full": "Ann"}, map: {"t": one, "u": one},
            "localizations": {"de": german, "fr": {"keywords": {"ami": true}}}});
        let (said, text) = legacy(&card);
        assert_eq!(said, None, "{text}");
        let back = read(&text).remove(0).card.expect("a Card");
        assert_eq!(back["localizations"], card["localizations"], "{text}");
    }
    // That there is none in a language no vCard 3.0 says.
    let card = json!({"name": {"full": "Ann"}, "titles": {"t": {"name": "Boss"}},
        "localizations": {"de": {"titles": null}}});
    let said = legacy(&card).0.unwrap_or_default();
    assert!(said.contains("changed: localizations (1);"), "{said}");
}

#[test]
fn vcard_3_has_semicolons_escaped_in_texts_and_not_in_uris() {
    let card = json!({"name": {"full": "A;B"},
        "phones": {"p": {"number": "tel:+1-555;ext=5"}, "q": {"number": "1;2"}},
        "keywords": {"k,1": true, "k;2": true}, "nicknames": {"n": {"name": "c;d"}},
        "relatedTo": {"Jane; Ann": {"relation": {"spouse": true}}}});
    let (said, text) = legacy(&card);
    for line in [
        "TEL;VALUE=uri:tel:+1-555;ext=5",
        "TEL:1\\;2",
        "CATEGORIES:k\\,1,k\\;2",
        "NICKNAME:c\\;d",
    ] {
        assert!(text.contains(&format!("\r\n{line}\r\n")), "{line}: {text}");
    }
    assert!(text.contains("Jane\\; Ann"), "{text}");
    assert_eq!(said, None, "{text}");
}

#[test]
fn a_group_of_vcard_3_is_one_that_no_other_property_has() {
    let kept = |name: &str, value: &str| json!([name, {"group": "ITEM1"}, "unknown", value]);
    let card = json!({
        "addresses": {"a": {"countryCode": "US", "components": [{"kind": "locality", "value": "C"}]}},
        "anniversaries": {"w": {"kind": "wedding", "date": {"year": 2001, "month": 6, "day": 15}}},
        "vCard": {"properties": [kept("x-abdate", "2010-01-01"), kept("x-ablabel", "first met")]}});
    let (said, text) = legacy(&card);
    assert_eq!(said, None, "{text}");
    for line in [
        "item2.X-ABADR:us",
        "item3.X-ABLABEL:_$!<Anniversary>!$_",
        "ITEM1.X-ABLABEL:first met",
    ] {
        assert!(text.contains(&format!("\r\n{line}\r\n")), "{text}");
    }
}
