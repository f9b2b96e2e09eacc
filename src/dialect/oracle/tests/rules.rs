//! Every field's rule, with the exact answer to what breaks it.

use serde_json::{Value, json};

use super::{CONTACTS, HEX, NO_UUID, in_memory, with};
use crate::dialect::oracle::contact::CONTACT;
use crate::dialect::schema::Mode;
use crate::domain::limits;

/// A create is refused with exactly this body, or accepted where no field is named.
fn check(body: &Value, want: Option<(&str, &str)>) {
    let seen = in_memory().send_json("POST", CONTACTS, body);
    let Some((field, reason)) = want else {
        assert_eq!(seen.reply.status, 200, "{body}");
        return;
    };
    assert_eq!(seen.reply.status, 400, "{body}");
    let want = json!({
        "status": "error",
        "errorData": {
            "errorCode": "SITE_400",
            "errorMessage": format!("{field} {reason}"),
            "details": {"field": field, "reason": reason},
        },
    });
    assert_eq!(seen.json(), want, "{body}");
    let events = ["SITE_CONTACT_CREATE_START", "SITE_CONTACT_CREATE_FAIL"];
    assert_eq!(seen.events, events);
}

const REQUIRED: &str = "is required";
const NO_TIME: &str = "must be of format date-time";
const NOT_UNIQUE: &str = "must be unique";
const NO_TEXT: &str = "must be of type string";
const NO_ARRAY: &str = "must be of type array";
const NO_OBJECT: &str = "must be of type object";

#[test]
fn each_field_of_a_contact_has_its_rule() {
    for (name, max) in [
        ("firstName", 100),
        ("lastName", 100),
        ("middleName", 100),
        ("contactId", 50),
        ("degree", 200),
        ("prefixCodeValue", 200),
        ("suffixCodeValue", 200),
        ("statusCodeValue", 200),
        ("taxId", 50),
        ("comment", 2_048),
        ("reason", 255),
    ] {
        let (field, pointer) = (format!("contact.{name}"), format!("/contact/{name}"));
        let long = format!("must have at most {max} characters");
        check(&with(&pointer, "é".repeat(max).into()), None);
        let wrong = with(&pointer, "é".repeat(max + 1).into());
        check(&wrong, Some((&field, &long)));
        check(&with(&pointer, "".into()), None);
        check(&with(&pointer, json!(7)), Some((&field, NO_TEXT)));
    }
    for name in [
        "id",
        "contactType",
        "status",
        "prefix",
        "suffix",
        "primarySpecialityId",
    ] {
        let (field, pointer) = (format!("contact.{name}"), format!("/contact/{name}"));
        check(&with(&pointer, HEX.to_lowercase().into()), None);
        check(&with(&pointer, Value::Null), None);
        for bad in ["XYZ", "", "C36A3197FDEE433FB5547EE83DE99E4"] {
            check(&with(&pointer, bad.into()), Some((&field, NO_UUID)));
        }
    }
    for name in ["disbarmentStart", "disbarmentEnd"] {
        let (field, pointer) = (format!("contact.{name}"), format!("/contact/{name}"));
        check(&with(&pointer, "2024-01-15T00:00:00.5+02:00".into()), None);
        for bad in [
            "2024-01-15",
            "2024-01-15 00:00:00Z",
            "2024-02-30T00:00:00Z",
            "",
        ] {
            check(&with(&pointer, bad.into()), Some((&field, NO_TIME)));
        }
    }
    check(&with("/contact/unknown", json!(7)), None);
}

/// What the server assigns is of its type all the same.
#[test]
fn what_is_not_kept_is_judged() {
    let start = "2024-01-15T00:00:00Z";
    for (pointer, field, item) in [
        (
            "/contact",
            "contact",
            json!({"firstName": "a", "lastName": "b"}),
        ),
        ("/modes/0", "modes.0", json!({"modeCodeValue": "x"})),
        (
            "/properties/0",
            "properties.0",
            json!({"propertyName": "a", "propertyValue": "b"}),
        ),
        (
            "/contactAddressesDetails/0",
            "contactAddressesDetails.0",
            json!({"addressPostalcode": "1"}),
        ),
    ] {
        let body = |start: Value| {
            let mut item = item.clone();
            item["versionStart"] = start;
            match pointer.strip_suffix("/0") {
                Some(list) => with(list, json!([item])),
                None => with(pointer, item),
            }
        };
        let field = format!("{field}.versionStart");
        check(&body(start.into()), None);
        check(&body(Value::Null), None);
        for bad in ["garbage", "2024-01-15", ""] {
            check(&body(bad.into()), Some((&field, NO_TIME)));
        }
    }
    check(&with("/modes", json!([{"entityId": HEX}])), None);
    let wrong = with("/modes", json!([{"entityId": "x"}]));
    check(&wrong, Some(("modes.0.entityId", NO_UUID)));
}

#[test]
fn what_answers_say_of_studies_is_of_its_type_where_it_is_sent_back() {
    let agnostic = |value: &str| with("/contact/studyAgnostic", value.into());
    check(&agnostic("Y"), None);
    let not_one = "is not an allowed value";
    check(&agnostic("yes"), Some(("contact.studyAgnostic", not_one)));
    check(&with("/contact/studyId", HEX.into()), None);
    let study = with("/contact/studyId", "x".into());
    check(&study, Some(("contact.studyId", NO_UUID)));
    let used = |value: Value| {
        let property = json!({"propertyName": "a", "propertyValue": "b", "studyUsage": value});
        with("/properties", json!([property]))
    };
    check(&used(json!([])), None);
    let no_array = "must be of type array";
    check(
        &used("x".into()),
        Some(("properties.0.studyUsage", no_array)),
    );
}

#[test]
fn what_is_required_is_required() {
    for (pointer, field) in [
        ("/contact", "contact"),
        ("/contactAddressesDetails", "contactAddressesDetails"),
        ("/contact/firstName", "contact.firstName"),
        ("/contact/lastName", "contact.lastName"),
    ] {
        check(&with(pointer, Value::Null), Some((field, REQUIRED)));
    }
    check(&with("/contactAddressesDetails", json!([])), None);
    check(&json!([]), Some(("body", NO_OBJECT)));
    check(&with("/contact", json!([])), Some(("contact", NO_OBJECT)));
}

#[test]
fn what_stands_beside_a_contact_has_its_rules() {
    let addresses = |value: Value| with("/contactAddressesDetails", value);
    let address = "contactAddressesDetails";
    check(&addresses(json!({"addressPostalcode": ""})), None);
    check(&addresses(json!([{"id": HEX}])), None);
    check(
        &addresses(json!([{"id": HEX, "entityId": HEX, "x": 1, "country": null}])),
        None,
    );
    check(&addresses(json!("80202")), Some((address, NO_ARRAY)));
    let many = Value::from(vec![json!({}); 1_001]);
    check(
        &addresses(many),
        Some((address, "must have at most 1000 items")),
    );
    for (item, field, reason) in [
        (
            json!({"addressCity": "Denver"}),
            ".0.addressPostalcode",
            REQUIRED,
        ),
        (
            json!({"id": HEX, "addressCity": "x"}),
            ".0.addressPostalcode",
            REQUIRED,
        ),
        (json!({}), ".0.addressPostalcode", REQUIRED),
        (json!("80202"), ".0", NO_OBJECT),
        (json!(null), ".0", NO_OBJECT),
        (json!({"id": "x"}), ".0.id", NO_UUID),
        (
            json!({"addressPostalcode": "1".repeat(21)}),
            ".0.addressPostalcode",
            "must have at most 20 characters",
        ),
        (
            json!({"addressPostalcode": "1", "mainPrimary": "true"}),
            ".0.mainPrimary",
            "must be of type boolean",
        ),
        (
            json!({"addressPostalcode": "1", "addressProperties": [{"propertyName": "a"}]}),
            ".0.addressProperties.0.propertyValue",
            REQUIRED,
        ),
    ] {
        let field = format!("{address}{field}");
        check(&addresses(json!([item])), Some((&field, reason)));
    }
    let modes = |value: Value| with("/modes", value);
    for good in [
        json!(["test"]),
        json!([{}]),
        json!({"mode": HEX}),
        json!(null),
        json!([]),
    ] {
        check(&modes(good), None);
    }
    let long = "must have at most 50 characters";
    let wrong = json!(["m".repeat(51)]);
    check(&modes(wrong), Some(("modes.0.modeCodeValue", long)));
    check(&modes(json!("test")), Some(("modes", NO_ARRAY)));
    let properties = |value: Value| with("/properties", value);
    check(&properties(json!([{"id": HEX}])), None);
    check(
        &properties(json!([{"id": HEX, "propertyName": "LabId"}])),
        Some(("properties.0.propertyValue", REQUIRED)),
    );
}

#[test]
fn equal_items_and_items_of_one_id_are_refused() {
    let double = |name: &str, value: Value| {
        check(
            &with(&format!("/{name}"), value),
            Some((&format!("{name}.1"), NOT_UNIQUE)),
        );
    };
    double("modes", json!(["test", {"modeCodeValue": "test"}]));
    double(
        "modes",
        json!([{"id": HEX, "mode": HEX}, {"id": HEX.to_lowercase()}]),
    );
    double("contactAddressesDetails", json!([{"id": HEX}, {"id": HEX}]));
    let property = json!({"propertyName": "a", "propertyValue": "b"});
    double("properties", json!([property, property]));
    check(&with("/modes", json!(["test", "Test"])), None);
}

#[test]
fn items_that_differ_in_what_is_not_kept_are_no_duplicates() {
    let other = "0".repeat(32);
    let modes = json!([{"modeCodeValue": "x", "entityId": HEX},
        {"modeCodeValue": "x", "entityId": other}, {"modeCodeValue": "y"}]);
    let body = with("/modes", modes);
    check(&body, None);
    // They are one mode of the contact, to which both belong now.
    let card = CONTACT.read(&body, "", Mode::Whole).card();
    let card = card.expect("a card");
    let stored = CONTACT.record(&card);
    assert_eq!(
        stored["modes"],
        json!([{"modeCodeValue": "x"}, {"modeCodeValue": "y"}])
    );
}

#[test]
fn several_things_wrong_are_all_named() {
    let wrong = json!({"contact": {}, "contactAddressesDetails": 1});
    let details = &in_memory().send_json("POST", CONTACTS, &wrong).json()["errorData"]["details"];
    assert_eq!(details["field"], "contact.firstName");
    let fields: Vec<&Value> = details["violations"]
        .as_array()
        .expect("an array")
        .iter()
        .map(|violation| &violation["field"])
        .collect();
    assert_eq!(
        fields,
        [
            "contact.firstName",
            "contact.lastName",
            "contactAddressesDetails"
        ]
    );
}

#[test]
fn arrays_in_arrays_are_no_flood() {
    let address = json!({"addressPostalcode": "1", "addressProperties": vec![1; 1_000]});
    let wrong = with("/contactAddressesDetails", vec![address; 50].into());
    // Reading stops early, and the answer shows no more than is recorded.
    let read = CONTACT.read(&wrong, "", Mode::Whole).violations.len();
    assert!(read < 2 * limits::VIOLATIONS_MAX, "{read}");
    let seen = in_memory().send_json("POST", CONTACTS, &wrong);
    let violations = &seen.json()["errorData"]["details"]["violations"];
    assert_eq!(
        violations.as_array().map(Vec::len),
        Some(limits::VIOLATIONS_MAX)
    );
}
