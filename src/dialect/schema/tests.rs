//! What a table says, shown on a small one.

use serde_json::{Value, json};

use super::{
    Absent, Codes, Field, Group, Kind, Mode, NonSensitive, Place, Required, Schema, Shown,
};
use crate::dialect::fields::{ANY_TEXT, Nulls};
use crate::domain::{Problem, Violation};

static LEVELS: Codes = Codes {
    names: &[(1, "low"), (2, "high")],
    open: false,
    label: "is",
};

static THING: Schema = Schema {
    domain: "example.com",
    card_kind: None,
    nulls: Nulls::Clears,
    absent: Absent::Null,
    groups: &[Group::body(&[
        Field::text("own", ANY_TEXT.empty_is_none(), Place::Own),
        Field::text("note", ANY_TEXT, Place::At(&["notes", "note", "note"])),
        Field::text(
            "email",
            ANY_TEXT,
            Place::At(&["emails", "email", "address"]),
        )
        .required(Required::InWhole),
        Field::new("level", Kind::Code(&LEVELS), Place::OwnAs("rank"))
            .non_sensitive(NonSensitive::Plain),
        Field::text("secret", ANY_TEXT, Place::Own).shown(Shown::Never),
    ])],
    checks: &[|thing| {
        let both = thing.has("own") && thing.has("note");
        both.then(|| Violation::new("note", Problem::OnlyFor("things without own")))
    }],
};

fn read(body: Value, mode: Mode) -> Result<Value, Vec<String>> {
    let draft = THING.read(&body, "0", mode);
    let values = draft.onto(None).map(Value::from);
    values.map_err(|violations| {
        let codes = violations.iter();
        codes
            .map(|it| format!("{} {}", it.field, it.problem.code()))
            .collect()
    })
}

#[test]
fn a_card_has_the_properties_of_the_rfc_first_and_in_its_order() {
    let body = json!({"note": "n", "email": "e", "level": {"id": 2}, "secret": "s"});
    let card = THING.read(&body, "", Mode::Whole).card().expect("a card");
    let names: Vec<&String> = card.properties().keys().collect();
    let want = [
        "@type",
        "version",
        "emails",
        "notes",
        "example.com:rank",
        "example.com:secret",
    ];
    assert_eq!(names, want);
    assert_eq!(card.get("example.com:rank"), Some(&json!(2)));
    let want = json!({"level": {"id": 2}});
    assert_eq!(Value::Object(THING.non_sensitive(&card)), want);
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let check = |body: Value, mode, want: &[&str]| {
        let told = read(body.clone(), mode).err().unwrap_or_default();
        assert_eq!(told, want, "{body}");
    };
    check(json!([]), Mode::Whole, &["0 wrong_type"]);
    check(json!({}), Mode::Whole, &["0.email required"]);
    check(json!({}), Mode::Patch, &[]);
    check(json!({"email": null}), Mode::Patch, &["0.email required"]);
    let unknown = json!({"email": "", "own": 1, "level": {"id": 3}});
    let want = ["0.own wrong_type", "0.level.id unknown_reference"];
    check(unknown, Mode::Whole, &want);
    let both = json!({"own": "o", "note": "n"});
    check(both, Mode::Patch, &["note not_allowed"]);
    check(json!({"own": "", "note": "n"}), Mode::Patch, &[]);
}

#[test]
fn a_change_keeps_what_is_left_out_and_a_whole_contact_does_not() {
    let whole = |body: Value| THING.read(&body, "", Mode::Whole).into_owned();
    let card = whole(json!({"email": "e", "own": "o"}))
        .card()
        .expect("a card");
    let apply = |body: Value, mode| {
        let patch = THING.read(&body, "", mode).patch().expect("a change");
        let patched = patch.apply(&card).expect("it can be made");
        (Value::from(THING.record(&patched.card)), patched.changed)
    };
    let (now, changed) = apply(json!({"own": null, "note": "n"}), Mode::Patch);
    assert_eq!(now, json!({"note": "n", "email": "e"}));
    assert_eq!(changed, ["own", "note"]);
    let (now, changed) = apply(json!({"email": "f"}), Mode::Whole);
    assert_eq!(now, json!({"email": "f"}));
    assert_eq!(changed, ["own", "email"]);
}

#[test]
fn the_schemas_say_what_is_read_and_shown() {
    let names = |mode| {
        let members = THING.request_members(None, mode);
        members
            .filter_map(|(name, required, _)| required.then_some(name))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (names(Mode::Whole), names(Mode::Patch)),
        (vec!["email"], vec![])
    );
    let shown: Vec<&str> = THING.answer_members().map(|(name, ..)| name).collect();
    assert_eq!(shown, ["own", "note", "email", "level"]);
}
