//! Cards as the properties that they become, where no file of `tests/cli/cases` has one.

use serde_json::json;

use super::*;

/// The properties of a Card but for FN, as their names, parameters and values.
#[track_caller]
fn check(card: &Value, want: &[&str]) {
    let properties = properties(card).expect("a Card");
    let shown = properties.iter().filter(|p| p.name != "FN").map(|p| {
        let params = p
            .params
            .iter()
            .map(|param| format!(";{}={}", param.name, param.values.join(",")));
        let group = p
            .group
            .as_ref()
            .map(|group| format!("{group}."))
            .unwrap_or_default();
        format!(
            "{group}{}{}:{}",
            p.name,
            params.collect::<String>(),
            p.value
        )
    });
    assert_eq!(shown.collect::<Vec<_>>(), want);
}

#[test]
fn a_property_is_named_once() {
    let singles = SINGLES.iter().map(|single| single.name);
    let rows = ROWS.iter().flat_map(|row| row.names).map(|(_, name)| *name);
    let mut names: Vec<&str> = singles.chain(rows).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn values_have_the_form_of_their_property() {
    check(
        &json!({
            "uid": "a,b", "updated": "2024-01-31T10:10:10.5Z",
            "keywords": {"private": true, "a,b;c": true},
            "phones": {"p": {"number": "tel:+1-555;ext=1", "features": {"mobile": true}},
                "q": {"number": "1, 2;3"}},
            "onlineServices": {"s": {"user": "@a;b"}, "t": {"user": "c", "uri": "https://x.de/?a=1,2"}},
            "relatedTo": {"Jane, D": {}, "urn:uuid:1": {"relation": {"friend": true}}},
            "personalInfo": {"e": {"kind": "expertise", "value": "x", "level": "high", "listAs": 2},
                "h": {"kind": "hobby", "value": "y", "level": "high"}},
            "media": {"m": {"kind": "photo", "uri": "https://x.de/a,b"}, "n": {"uri": "https://x.de/"}},
            "anniversaries": {
                "b": {"kind": "birth", "date": {"year": 1990}, "place": {"coordinates": "geo:1,2"}},
                "d": {"kind": "death", "date": {"year": 1990, "month": 2, "day": 30}},
                "v": {"kind": "x.de:v", "date": {"year": 1990}}},
        }),
        &[
            "UID:a\\,b",
            "REV:20240131T101010Z",
            "CATEGORIES:private,a\\,b;c",
            "TEL;TYPE=cell;PROP-ID=p;VALUE=uri:tel:+1-555;ext=1",
            "TEL;PROP-ID=q:1\\, 2;3",
            "SOCIALPROFILE;PROP-ID=s;VALUE=text:@a\\;b",
            "SOCIALPROFILE;USERNAME=c;PROP-ID=t:https://x.de/?a=1,2",
            "RELATED;VALUE=text:Jane\\, D",
            "RELATED;TYPE=friend:urn:uuid:1",
            "EXPERTISE;LEVEL=expert;INDEX=2;PROP-ID=e:x",
            "HOBBY;LEVEL=high;PROP-ID=h:y",
            "PHOTO;PROP-ID=m:https://x.de/a,b",
            "BIRTHPLACE;PROP-ID=b;VALUE=uri:geo:1,2",
            "BDAY;PROP-ID=b:1990",
        ],
    );
}

#[test]
fn another_language_has_the_kinds_and_the_order_of_the_original() {
    check(
        &json!({
            "name": {"isOrdered": true, "components": [
                {"kind": "given", "value": "A"}, {"kind": "surname", "value": "B"}]},
            "titles": {"t": {"kind": "role", "name": "Boss"}},
            "emails": {"e": {"address": "a@b.co"}},
            "localizations": {"yue": {"titles/t/name": "X", "name/components/1/phonetic": "p",
                "name/components/7/phonetic": "q", "emails/e/label": "z"}},
        }),
        &[
            "N;JSCOMPS=;1;0:B;A;;;;;",
            "N;JSCOMPS=;0;LANGUAGE=yue:p;;;;;;",
            "ROLE;PROP-ID=t:Boss",
            "EMAIL;PROP-ID=e:a@b.co",
            "ROLE;PROP-ID=t;LANGUAGE=yue:X",
        ],
    );
}

#[test]
fn a_property_gets_back_what_it_had_in_a_vcard() {
    check(
        &json!({
            "emails": {"e": {"address": "a@b.co", "label": "x;y"}},
            "addresses": {"a": {"coordinates": "geo:1,2", "timeZone": "Asia/Tokyo"}, "b": {"timeZone": "Z"},
                "c": {"full": "1", "timeZone": "Etc/UTC"}},
            "vCard": {"convertedProperties": {
                "emails/e/address": {"name": "x-mail", "parameters": {"group": "g", "type": ["WORK", "x"]}},
                "emails/e/label": {"name": "x-ablabel", "parameters": {"group": "g"}},
                "addresses/a/timeZone": {"name": "tz"}, "addresses/b/timeZone": {"name": "tz"},
                "addresses/c/timeZone": {"name": "tz", "parameters": {"x": "y"}},
            }},
        }),
        &[
            "TZ:Z",
            "g.X-ABLABEL:x\\;y",
            "g.X-MAIL;PROP-ID=e;TYPE=work,x:a@b.co",
            "ADR;GEO=geo:1,2;PROP-ID=a:;;;;;;",
            "ADR;LABEL=1;PROP-ID=c:;;;;;;",
            "TZ:Asia/Tokyo",
            "TZ;X=y:Etc/UTC",
        ],
    );
}

#[test]
fn a_card_without_a_full_name_gets_one() {
    let (given, surname) = (
        json!({"kind": "given", "value": "A"}),
        json!({"kind": "surname", "value": "B;C"}),
    );
    let dash = json!({"kind": "separator", "value": "-"});
    for (card, want) in [
        (json!({"name": {"components": [surname, given]}}), "A B;C"),
        (
            json!({"name": {"components": [surname, given], "isOrdered": true}}),
            "B;C A",
        ),
        (
            json!({"name": {"components": [surname, dash, given], "isOrdered": true}}),
            "B;C-A",
        ),
        (
            json!({"phones": {"p": {"number": "1"}}, "emails": {"e": {"address": "a@b.co"}}}),
            "a@b.co",
        ),
        (json!({}), ""),
    ] {
        let properties = properties(&card).expect("a Card");
        let names: Vec<_> = properties.iter().filter(|p| p.name == "FN").collect();
        assert_eq!(names.len(), 1, "{card}");
        assert_eq!(
            (names[0].param("DERIVED"), names[0].value.as_str()),
            (Some("TRUE"), want)
        );
    }
}
