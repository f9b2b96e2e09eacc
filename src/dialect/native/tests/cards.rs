//! Which Cards are good, and what is said of the others.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::dialect::native::validate;

/// What is wrong with a Card: `field code`, in order.
pub fn wrongs(card: &Value) -> Vec<String> {
    let card = card.as_object().expect("an object");
    validate::card(card)
        .iter()
        .map(|wrong| format!("{} {}", wrong.field, wrong.problem.code()))
        .collect()
}

pub fn check(card: Value, want: &[&str]) {
    assert_eq!(wrongs(&card), want, "{card}");
}

/// One property of a Card.
pub fn check_in(property: &str, value: Value, want: &[&str]) {
    check(json!({ property: value }), want);
}

/// A Card with every property of RFC 9553.
fn full_card() -> Value {
    json!({
        "@type": "Card", "version": "1.0", "uid": "urn:uuid:22B2C7DF-9120-4969-8460-05956FE6B065",
        "created": "1995-10-31T22:27:10Z", "updated": "2024-05-07T10:10:10.5Z", "kind": "group",
        "language": "de-AT", "members": {"urn:uuid:x": true}, "prodId": "x",
        "relatedTo": {"urn:y": {"@type": "Relation", "relation": {"friend": true}}, "z": {}},
        "name": {
            "components": [
                {"kind": "given", "value": "Vincent", "phonetic": "x"},
                {"kind": "separator", "value": " "},
                {"@type": "NameComponent", "kind": "surname", "value": "van Gogh"}],
            "isOrdered": true, "defaultSeparator": " ", "full": "Vincent van Gogh",
            "sortAs": {"surname": "Gogh"}, "phoneticScript": "Latn", "phoneticSystem": "ipa"},
        "nicknames": {"k1": {"name": "Johnny", "contexts": {"private": true}, "pref": 1}},
        "organizations": {"o": {"name": "ABC", "units": [{"name": "N", "sortAs": "n"}],
            "sortAs": "abc", "contexts": {"work": true}}},
        "speakToAs": {"grammaticalGender": "neuter", "pronouns": {"k": {"pronouns": "they/them"}}},
        "titles": {"t": {"name": "Boss", "kind": "role", "organizationId": "o"}},
        "emails": {"e": {"address": "a@b.co", "contexts": {"work": true}, "pref": 100, "label": "x"}},
        "onlineServices": {"x1": {"uri": "xmpp:a@b.c", "service": "GitHub", "user": "a"}},
        "phones": {"tel0": {"number": "tel:+1-555", "features": {"voice": true, "x.org:fun": true}}},
        "preferredLanguages": {"l1": {"language": "en", "pref": 1}},
        "calendars": {"c": {"kind": "freeBusy", "uri": "https://a.b/c", "mediaType": "text/calendar"}},
        "schedulingAddresses": {"s": {"uri": "mailto:a@b.c"}},
        "addresses": {"k": {"components": [{"kind": "locality", "value": "Reston"}],
            "countryCode": "US", "coordinates": "geo:1.5,-2", "timeZone": "America/New_York",
            "contexts": {"billing": true, "work": true}, "full": "Reston", "pref": 2}},
        "cryptoKeys": {"k": {"uri": "data:application/pgp-keys;base64,LS0t"}},
        "directories": {"d": {"kind": "entry", "uri": "https://a.b", "listAs": 1}},
        "links": {"l": {"kind": "contact", "uri": "mailto:a@b.c"}},
        "media": {"m": {"kind": "photo", "uri": "https://a.b/c.png"}},
        "localizations": {"fr": {"titles/t/name": "Patron", "name": {"full": "V"}, "kind": null,
            "members": null, "name2": 1}},
        "anniversaries": {
            "b": {"kind": "birth", "date": {"year": 1953, "month": 4, "day": 15,
                "calendarScale": "gregorian"}, "place": {"full": "Paris"}},
            "d": {"kind": "death", "date": {"@type": "Timestamp", "utc": "2019-10-15T23:10:00Z"}},
            "w": {"kind": "wedding", "date": {"month": 2, "day": 29}}},
        "keywords": {"internet": true},
        "notes": {"n": {"note": "x", "created": "2022-11-23T15:01:32Z", "author": {"name": "J"}}},
        "personalInfo": {"p": {"kind": "hobby", "value": "x", "level": "high", "listAs": 2}},
        "contactd.local:externalId": "crm-1",
    })
}

#[test]
fn a_card_with_everything_is_good_and_so_is_an_empty_one() {
    check(full_card(), &[]);
    check(json!({}), &[]);
}

#[test]
fn unknown_properties_are_kept_and_other_cases_of_known_ones_are_not() {
    let odd = json!({"x": 1, "vendor.example:X": {"@type": 7}, "a b": [null]});
    check(odd, &[]);
    check(json!({"Emails": 1}), &["emails not_allowed"]);
    check(json!({"@Type": "Card"}), &["@type not_allowed"]);
    check(json!({"extra": 1}), &["extra not_allowed"]);
    check_in(
        "emails",
        json!({"e": {"address": "a@b.co", "Label": "x", "new": 1}}),
        &["emails.*.label not_allowed"],
    );
}

#[test]
fn a_wrong_type_is_named_for_every_property() {
    let full = full_card();
    let full = full.as_object().expect("an object");
    for (name, value) in full.iter().filter(|(name, _)| *name != "members") {
        let code = if name == "@type" || value.is_string() || value.is_object() {
            "wrong_type"
        } else {
            ""
        };
        for wrong in [json!(null), json!(7), json!([])] {
            check(json!({ name: wrong }), &[&format!("{name} {code}")]);
        }
        if let Some(key) = value.as_object().and_then(|map| map.keys().next())
            && !["name", "speakToAs"].contains(&name.as_str())
        {
            check(
                json!({ name: { key: 7 } }),
                &[&format!("{name}.* wrong_type")],
            );
        }
    }
}

#[test]
fn mandatory_properties_are_missed() {
    for (property, field, wants) in [
        ("nicknames", "", &["name"][..]),
        ("organizations", "", &["name"]),
        ("titles", "", &["name"]),
        ("emails", "", &["address"]),
        ("onlineServices", "", &["uri"]),
        ("phones", "", &["number"]),
        ("preferredLanguages", "", &["language"]),
        ("calendars", "", &["kind", "uri"]),
        ("schedulingAddresses", "", &["uri"]),
        ("addresses", "", &["components"]),
        ("cryptoKeys", "", &["uri"]),
        ("directories", "", &["kind", "uri"]),
        ("links", "", &["uri"]),
        ("media", "", &["kind", "uri"]),
        ("anniversaries", "", &["kind", "date"]),
        ("notes", "", &["note"]),
        ("personalInfo", "", &["kind", "value"]),
    ] {
        let want: Vec<String> = wants
            .iter()
            .map(|name| format!("{property}.*{field}.{name} required"))
            .collect();
        assert_eq!(wrongs(&json!({ property: {"k": {}} })), want);
    }
    check_in("name", json!({}), &["name.full required"]);
    check_in(
        "speakToAs",
        json!({}),
        &["speakToAs.grammaticalGender required"],
    );
    check_in(
        "speakToAs",
        json!({"pronouns": {"k": {}}}),
        &["speakToAs.pronouns.*.pronouns required"],
    );
    check_in(
        "notes",
        json!({"n": {"note": "", "author": {}}}),
        &["notes.*.author.name required"],
    );
}

#[test]
fn texts_are_of_their_forms() {
    check_in("@type", json!("Group"), &["@type out_of_range"]);
    check_in("version", json!("2.0"), &["version out_of_range"]);
    check_in("uid", json!(""), &["uid blank"]);
    check_in("kind", json!("Individual"), &["kind out_of_range"]);
    check_in("kind", json!("x.org:robot"), &[]);
    check_in(
        "created",
        json!("2024-01-01T00:00:00+00:00"),
        &["created format"],
    );
    check_in("language", json!("en_US"), &["language format"]);
    check_in("prodId", json!(""), &["prodId blank"]);
    check_in(
        "emails",
        json!({"e": {"address": "nobody"}}),
        &["emails.*.address format"],
    );
    check_in(
        "emails",
        json!({"a b": {"address": "a@b.co"}}),
        &["emails.* format"],
    );
    check_in(
        "onlineServices",
        json!({"o": {"uri": "x"}}),
        &["onlineServices.*.uri format"],
    );
    check_in(
        "titles",
        json!({"t": {"name": "x", "organizationId": ""}}),
        &["titles.*.organizationId format"],
    );
    check_in(
        "contactd.local:externalId",
        json!(" "),
        &["contactd.local:externalId blank"],
    );
    let long = "x".repeat(256);
    check_in(
        "contactd.local:externalId",
        json!(long),
        &["contactd.local:externalId too_long"],
    );
    check_in(
        "addresses",
        json!({"a": {"countryCode": "usa", "coordinates": "1,2", "timeZone": ""}}),
        &[
            "addresses.*.countryCode format",
            "addresses.*.coordinates format",
            "addresses.*.timeZone format",
        ],
    );
}

#[test]
fn numbers_and_sets_have_their_ranges() {
    let pref = |pref: Value| json!({"e": {"address": "a@b.co", "pref": pref}});
    for (value, want) in [
        (json!(0), "emails.*.pref out_of_range"),
        (json!(101), "emails.*.pref out_of_range"),
        (json!(-1), "emails.*.pref out_of_range"),
        (json!(1.5), "emails.*.pref out_of_range"),
        (json!("1"), "emails.*.pref wrong_type"),
    ] {
        check_in("emails", pref(value), &[want]);
    }
    let contexts = |contexts: Value| json!({"p": {"number": "1", "contexts": contexts}});
    check_in(
        "phones",
        contexts(json!({"work": false})),
        &["phones.*.contexts.* out_of_range"],
    );
    check_in(
        "phones",
        contexts(json!({"work": 1})),
        &["phones.*.contexts.* wrong_type"],
    );
    check_in(
        "phones",
        contexts(json!({"Work": true})),
        &["phones.*.contexts.* out_of_range"],
    );
    check_in("phones", contexts(json!({"other": true})), &[]);
    check_in(
        "keywords",
        json!({"secret": "x"}),
        &["keywords.* wrong_type"],
    );
    check_in("members", json!({"urn:x": true}), &["members not_allowed"]);
    check(
        json!({"kind": "group", "members": {"": true}}),
        &["members.* out_of_range"],
    );
    check_in(
        "personalInfo",
        json!({"p": {"kind": "hobby", "value": "", "listAs": 0}}),
        &["personalInfo.*.listAs out_of_range"],
    );
}

#[test]
fn what_is_said_is_bounded_and_names_no_client_s_key() {
    let many: Vec<Value> = (0..1_000).map(|_| json!({})).collect();
    let card = json!({"name": {"components": many}, "keywords": {"secret": 1}});
    let said = wrongs(&card);
    assert_eq!(said.len(), crate::domain::limits::VIOLATIONS_MAX);
    assert!(said.iter().all(|wrong| !wrong.contains("secret")));
}

#[test]
fn fields_are_named_by_the_tables() {
    let card = json!({"@type": 1, "emails": 1, "secret": 1, "other": 1, "kind": 1});
    let keys = card.as_object().expect("an object").keys();
    assert_eq!(validate::names(keys), ["@type", "emails", "*", "kind"]);
}

/// JSON made of a Card's own words, so that the walk goes deep.
fn card_like() -> impl Strategy<Value = Value> {
    let names: Vec<String> = full_card()
        .as_object()
        .expect("an object")
        .iter()
        .flat_map(|(name, value)| {
            let inner = value
                .as_object()
                .into_iter()
                .flat_map(|map| map.keys().cloned());
            inner.chain([name.clone()]).collect::<Vec<_>>()
        })
        .chain(
            [
                "kind",
                "value",
                "uri",
                "date",
                "year",
                "month",
                "day",
                "name/full",
            ]
            .map(String::from),
        )
        .collect();
    let name = proptest::sample::select(names);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        name.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map(name.clone(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_is_judged(card in card_like()) {
        if let Value::Object(card) = card {
            let violations = validate::card(&card);
            // A good Card stays good in another language, and is one for the core too.
            if violations.is_empty() {
                prop_assert!(crate::domain::Card::new(card).is_ok());
            }
        }
    }
}
