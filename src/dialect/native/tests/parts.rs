//! What must hold between the parts of a Card: components, dates, localizations.

use serde_json::{Map, Value, json};

use super::cards::{check, check_in, wrongs};

#[test]
fn components_have_their_order() {
    let name = |name: Value, want: &[&str]| check_in("name", name, want);
    let given = json!({"kind": "given", "value": "A"});
    let separator = json!({"kind": "separator", "value": "-"});
    name(json!({"components": []}), &["name.components blank"]);
    name(
        json!({"components": [separator], "isOrdered": true}),
        &["name.components blank"],
    );
    name(
        json!({"components": [given, separator]}),
        &["name.components.1.kind not_allowed"],
    );
    name(
        json!({"components": [given, separator, separator], "isOrdered": true}),
        &["name.components.2.kind not_allowed"],
    );
    name(
        json!({"components": [given], "defaultSeparator": ""}),
        &["name.defaultSeparator not_allowed"],
    );
    name(
        json!({"full": "A", "defaultSeparator": "", "isOrdered": true, "sortAs": {}}),
        &[
            "name.defaultSeparator not_allowed",
            "name.sortAs not_allowed",
        ],
    );
    name(
        json!({"components": [given], "sortAs": {"surname": "A"}}),
        &["name.sortAs.* unknown_reference"],
    );
    name(
        json!({"components": [{"kind": "given", "value": "A", "phonetic": "e"}]}),
        &["name.components.0.phonetic not_allowed"],
    );
    name(
        json!({"components": [{"value": 1}, 2]}),
        &[
            "name.components.0.value wrong_type",
            "name.components.0.kind required",
            "name.components.1 wrong_type",
        ],
    );
    check_in(
        "organizations",
        json!({"o": {"units": []}}),
        &["organizations.*.units blank"],
    );
}

#[test]
fn a_date_is_of_the_calendar() {
    let date = |date: Value, want: &[&str]| {
        let want: Vec<String> = want
            .iter()
            .map(|wrong| format!("anniversaries.*.date.{wrong}"))
            .collect();
        let card = json!({"anniversaries": {"a": {"kind": "birth", "date": date}}});
        assert_eq!(wrongs(&card), want, "{card}");
    };
    date(json!({"year": 2024, "month": 2, "day": 29}), &[]);
    date(json!({"year": 2000, "month": 2, "day": 29}), &[]);
    date(
        json!({"year": 1900, "month": 2, "day": 29}),
        &["day out_of_range"],
    );
    date(
        json!({"year": 2023, "month": 2, "day": 29}),
        &["day out_of_range"],
    );
    date(json!({"month": 4, "day": 31}), &["day out_of_range"]);
    date(json!({"month": 2, "day": 30}), &["day out_of_range"]);
    date(json!({"year": 2024, "month": 13}), &["month out_of_range"]);
    date(json!({"year": 2024, "day": 1}), &["month required"]);
    date(json!({"month": 4}), &["year required"]);
    date(json!({}), &["year required"]);
    date(json!({"@type": "Timestamp", "utc": "x"}), &["utc format"]);
    date(json!({"@type": "Timestamp"}), &["utc required"]);
    date(
        json!({"@type": "Other", "year": 1}),
        &["@type out_of_range"],
    );
}

#[test]
fn a_localized_card_is_a_card() {
    let check = |patch: Value, want: &[&str]| {
        check(
            json!({
                "name": {"components": [{"kind": "given", "value": "A"}]},
                "emails": {"e": {"address": "a@b.co"}}, "a/b~c": {"d": 1},
                "localizations": {"fr": patch}}),
            want,
        );
    };
    check(
        json!({"name/components/0/value": "B", "emails/e/label": "x"}),
        &[],
    );
    check(json!({"a~1b~0c/d": 2, "emails": null}), &[]);
    check(
        json!({"emails/e/address": "nobody"}),
        &["localizations.*.emails.*.address format"],
    );
    check(
        json!({"emails/e/address": null}),
        &["localizations.*.emails.*.address required"],
    );
    check(json!({"emails": 1}), &["localizations.*.emails wrong_type"]);
    let unknown: &[&str] = &["localizations.*.* unknown_reference"];
    check(json!({"phones/p/number": "1"}), unknown);
    check(json!({"name/components/1": {}}), unknown);
    check(json!({"name/components/-": {}}), unknown);
    check(json!({"name/components/0": null}), unknown);
    check(json!({"name/components/00/value": "B"}), unknown);
    check(
        json!({"name": {"full": "B"}, "name/full": "C"}),
        &["localizations.*.* duplicate"],
    );
    let pointer: &[&str] = &["localizations.*.* format"];
    check(json!({"/name": {"full": "B"}}), pointer);
    check(json!({"": 1}), pointer);
    check(json!({"a~2": 1}), pointer);
    check(
        json!({"localizations/de": {}}),
        &["localizations.*.* not_allowed"],
    );
    check(json!(1), &["localizations.* wrong_type"]);
    check_in(
        "localizations",
        json!({"not a tag": {}}),
        &["localizations.* format"],
    );
    let many: Map<String, Value> = (0..65).map(|n| (format!("x-{n}"), json!({}))).collect();
    check_in("localizations", json!(many), &["localizations too_many"]);
}

#[test]
fn a_localized_group_is_judged_with_its_members() {
    let group = |patch: Value| json!({"kind": "group", "members": {"urn:uuid:1": true}, "localizations": {"fr": patch}});
    check(group(json!({"name": {"full": "B"}})), &[]);
    check(
        group(json!({"kind": "individual"})),
        &["localizations.*.members not_allowed"],
    );
}

#[test]
fn what_languages_change_is_judged_as_far_as_there_is_room() {
    let note = "A".repeat(9_000);
    let in_languages = |count: usize| {
        let patch = |n| (format!("x-{n}"), json!({"notes/n/note": "B"}));
        let patches: Map<String, Value> = (0..count).map(patch).collect();
        json!({"notes": {"n": {"note": note}}, "localizations": patches})
    };
    check(in_languages(20), &[]);
    check(in_languages(40), &["localizations too_many"]);
}
