//! The dialect from end to end: requests in, the vendor's answers and the log's events out.

mod lists;

use proptest::prelude::*;
use serde_json::{Value, json};

use self::lists::with_four;
use super::{DIALECT, contact};
use crate::dialect::in_memory::{InMemoryService, vectors_hold};
use crate::dialect::schema::testing::{good, survives_its_card};
use crate::dialect::schema::{Kind, Mode};
use crate::dialect::{Refusal, TokenProblem};

const CONTACTS: &str = "/api/v1/organisation/7/contact";

fn in_memory() -> InMemoryService {
    InMemoryService::open(&DIALECT, "1")
}

fn create(service: &mut InMemoryService, body: &Value) {
    let sent = service.send("POST", CONTACTS, body.to_string());
    assert_eq!(sent.status(), 201, "{:?}", sent.json());
}

fn events(operation: &str, outcome: &str) -> [String; 2] {
    ["START", outcome].map(|phase| format!("ORGANISATION_CONTACT_{operation}_{phase}"))
}

#[test]
fn the_vectors_hold() {
    let text = include_str!("../../../tests/vectors/emnify.json");
    assert!(vectors_hold(&in_memory(), text) > 0);
}

#[test]
fn a_contact_is_created_read_changed_and_deleted() {
    let mut service = in_memory();
    let seed = json!({"type": {"id": 1}, "name": "Marc Muller", "title": "Ing",
        "department": "Sales", "street": "1st street", "zipcode": "10224", "city": "Berlin",
        "country": {"id": 74}, "email": "user@domain.com", "phone": "+497 554 776 653",
        "mobile": "+497 554 776 653"});
    let sent = service.send("POST", CONTACTS, seed.to_string());
    assert_eq!((sent.status(), sent.json()), (201, json!({})));
    let path = "/api/v1/organisation/7/contact/1";
    assert_eq!(sent.header("location"), Some(path));
    assert_eq!(sent.header("etag"), Some("\"1\""));
    assert_eq!(sent.events, events("CREATE", "SUCCESS"));

    let sent = service.send("GET", path, "");
    let mut want = json!({"id": 1, "organisation": {"id": 7},
        "type": {"id": 1, "description": "Commercial"}, "name": "Marc Muller", "title": "Ing",
        "department": "Sales", "street": "1st street", "zipcode": "10224", "city": "Berlin",
        "country": {"id": 74, "name": "Germany"}, "email": "user@domain.com",
        "phone": "+497 554 776 653", "mobile": "+497 554 776 653", "state": null,
        "secondary_address": null, "purchase_order_number": null});
    assert_eq!((sent.status(), sent.json()), (200, want.clone()));

    let change = r#"{"name":"Ann","city":null,"state":"BE","country":null,"id":1}"#;
    let sent = service.send("PATCH", path, change);
    assert_eq!((sent.status(), sent.reply.body.len()), (204, 0));
    assert_eq!(sent.header("etag"), Some("\"2\""));
    assert_eq!(sent.events, events("UPDATE", "SUCCESS"));
    let changed = service.events.last().map(|e| e.header.fields.clone());
    assert_eq!(
        changed,
        Some(vec![
            "country".into(),
            "name".into(),
            "city".into(),
            "state".into()
        ])
    );
    want["name"] = "Ann".into();
    want["city"] = Value::Null;
    want["country"] = Value::Null;
    want["state"] = "BE".into();
    assert_eq!(service.send("GET", path, "").json(), want);
    assert_eq!(service.send("GET", CONTACTS, "").json(), json!([want]));

    let sent = service.send_with("DELETE", path, &[("if-match", "\"1\"")], "");
    assert_eq!(
        (sent.status(), sent.events),
        (412, events("DELETE", "FAIL").into())
    );
    let sent = service.send("DELETE", path, "");
    assert_eq!(
        (sent.status(), sent.events),
        (204, events("DELETE", "SUCCESS").into())
    );
    let gone = json!({"error_code": 1201, "error_token": "NotFound",
        "message": "Contact with id 1 not found"});
    for method in ["GET", "PATCH", "DELETE"] {
        let sent = service.send(method, path, "{}");
        assert_eq!(
            (sent.status(), sent.json()),
            (404, gone.clone()),
            "{method}"
        );
    }
}

/// Sends a create and wants these messages, each with its code and token.
fn wrong(body: &Value, errors: &[(u16, &str, &str)]) {
    let sent = in_memory().send("POST", CONTACTS, body.to_string());
    let errors: Vec<Value> = errors
        .iter()
        .map(|(code, token, message)| {
            json!({"error_code": code, "error_token": token, "message": message})
        })
        .collect();
    let want = json!({"error_code": 1400, "error_token": "InputValidationFailed",
        "message": "Input validation failed", "errors": errors});
    assert_eq!((sent.status(), sent.json()), (422, want), "{body}");
    assert_eq!(sent.events, events("CREATE", "FAIL"), "{body}");
}

fn missing(body: Value, field: &str) {
    wrong(
        &body,
        &[(1402, "Required", &format!("Contact - {field} is required."))],
    );
}

fn misformed(body: Value, field: &str, expected: &str) {
    let message = format!("Contact - {field} has invalid format: Expecting {expected}");
    wrong(&body, &[(1403, "InvalidFormat", &message)]);
}

fn unknown(body: Value, what: &str) {
    let message = format!("Invalid reference to {what}");
    wrong(&body, &[(1401, "InvalidReference", &message)]);
}

fn not_allowed(body: Value, message: &str) {
    wrong(
        &body,
        &[(1406, "NotAllowed", &format!("Contact - {message}"))],
    );
}

#[test]
fn a_wrong_type_or_country_has_the_vendors_error() {
    missing(json!({}), "type");
    missing(json!({"type": null}), "type");
    missing(json!({"type": {}}), "type id");
    misformed(json!({"type": 1}), "type", "Object");
    misformed(json!({"type": {"id": "1"}}), "type id", "Number");
    unknown(json!({"type": {"id": 99}}), "type with id 99");
    unknown(json!({"type": {"id": -1}}), "type with id -1");
    let with = |country: Value| json!({"type": {"id": 1}, "country": country});
    unknown(with(json!({"id": 0})), "country with id 0");
    missing(with(json!({})), "country id");
    misformed(with(json!("DE")), "country", "Object");
}

#[test]
fn only_kind_and_country_are_non_sensitive() {
    let body = json!({"type": {"id": 3}, "country": {"id": 74}, "name": "Ann"});
    let draft = contact::CONTACT.read(&body, "", Mode::Whole);
    let shown = contact::CONTACT.non_sensitive(&draft.card().expect("a card"));
    let want = json!({"type": {"id": 3}, "country": {"id": 74}});
    assert_eq!(Value::Object(shown), want);
}

#[test]
fn each_other_wrong_field_has_the_vendors_error() {
    let with = |field: &str, value: Value| json!({"type": {"id": 1}, field: value});
    let fields = contact::CONTACT.fields();
    for field in fields.filter(|field| matches!(field.kind, Kind::Text(_))) {
        misformed(with(field.name, json!(10224)), field.name, "String");
    }
    misformed(with("email", json!("nope")), "email", "Email");
    for field in ["id", "organisation_id", "organisation"] {
        not_allowed(
            with(field, json!(7)),
            &format!("{field} must not be specified."),
        );
    }
    let order = "purchase_order_number can only be set for invoice contacts.";
    not_allowed(with("purchase_order_number", json!("PO-1")), order);
    let message = "Contact has invalid format: Expecting Object";
    wrong(&json!([]), &[(1403, "InvalidFormat", message)]);
    wrong(
        &json!({"name": 1, "email": "x"}),
        &[
            (1402, "Required", "Contact - type is required."),
            (
                1403,
                "InvalidFormat",
                "Contact - name has invalid format: Expecting String",
            ),
            (
                1403,
                "InvalidFormat",
                "Contact - email has invalid format: Expecting Email",
            ),
        ],
    );
}

#[test]
fn what_a_contact_may_be_is_taken() {
    for body in [
        json!({"type": {"id": 2, "description": "x"}, "name": null, "email": "", "phone": ""}),
        json!({"type": {"id": 6}, "purchase_order_number": "PO-1"}),
        json!({"type": {"id": 1}, "nickname": "x", "id": null, "country": {"id": 1, "name": "y"}}),
        json!({"type": {"id": 3}, "zipcode": "00123", "name": "é".repeat(5_000)}),
    ] {
        create(&mut in_memory(), &body);
    }
}

#[test]
fn a_change_is_judged_with_what_is_there() {
    let mut service = in_memory();
    create(
        &mut service,
        &json!({"type": {"id": 6}, "purchase_order_number": "PO-1", "email": "a@b.de"}),
    );
    let path = "/api/v1/organisation/7/contact/1";
    for (body, status) in [
        (r#"{"type":{"id":1}}"#, 422),
        (r#"{"type":null}"#, 422),
        (r#"{"type":{"id":7}}"#, 422),
        (r#"{"email":"nope"}"#, 422),
        (r#"{"email":""}"#, 204),
        ("{}", 204),
        (r#"{"type":{"id":1},"purchase_order_number":null}"#, 204),
        (r#"{"purchase_order_number":"PO-2"}"#, 422),
        ("[]", 422),
        ("{", 400),
    ] {
        assert_eq!(service.send("PATCH", path, body).status(), status, "{body}");
    }
    assert_eq!(service.send("GET", path, "").json()["email"], Value::Null);
}

#[test]
fn a_change_may_name_the_contacts_own_ids_and_no_others() {
    let mut service = in_memory();
    for _ in 0..2 {
        create(&mut service, &json!({"type": {"id": 1}}));
    }
    let path = "/api/v1/organisation/7/contact/1";
    let read = service.send("GET", path, "").reply;
    let read = String::from_utf8(read.body).expect("UTF-8");
    for body in [
        read.as_str(),
        r#"{"id":1,"organisation":{"id":7,"name":"x"},"organisation_id":7}"#,
        r#"{"id":1.0,"organisation":{"id":7.0}}"#,
        r#"{"id":null,"organisation":null,"organisation_id":null}"#,
    ] {
        assert_eq!(service.send("PATCH", path, body).status(), 204, "{body}");
    }
    for (body, field) in [
        (r#"{"id":2,"name":"x"}"#, "id"),
        (r#"{"id":"1"}"#, "id"),
        (r#"{"id":1.5}"#, "id"),
        (r#"{"organisation":{"id":8}}"#, "organisation"),
        (r#"{"organisation":{}}"#, "organisation"),
        (r#"{"organisation":7}"#, "organisation"),
        (r#"{"organisation_id":8}"#, "organisation_id"),
    ] {
        let sent = service.send("PATCH", path, body);
        assert_eq!(sent.status(), 422, "{body}");
        let error = &sent.json()["errors"][0];
        assert_eq!(error["error_code"], 1406, "{body}");
        let message = format!("Contact - {field} must not be specified.");
        assert_eq!(error["message"], message, "{body}");
    }
    assert_eq!(service.send("GET", path, "").json()["name"], Value::Null);
}

#[test]
fn a_path_names_an_organisation_or_the_callers_own() {
    let check = |id: &str, status: u16, location: Option<&str>| {
        let path = format!("/api/v1/organisation/{id}/contact");
        let sent = in_memory().send("POST", &path, r#"{"type":{"id":1}}"#);
        assert_eq!(sent.status(), status, "{id}");
        assert_eq!(sent.header("location"), location, "{id}");
    };
    let own = Some("/api/v1/organisation/1/contact/1");
    check("my", 201, own);
    check("org_id", 201, own);
    check(":org_id", 201, own);
    check("%7Borg_id%7D", 201, own);
    check("0042", 201, Some("/api/v1/organisation/42/contact/1"));
    for bad in ["0", "-1", "+1", "1.0", "acme", "18446744073709551616", ""] {
        check(bad, 404, None);
    }
    let mut service = in_memory().strict();
    assert_eq!(
        service
            .send("GET", "/api/v1/organisation/org_id/contact", "")
            .status(),
        404
    );
    service.caller.own_tenant = None;
    assert_eq!(
        service
            .send("GET", "/api/v1/organisation/my/contact", "")
            .status(),
        400
    );
}

#[test]
fn a_subject_names_an_organisation_in_its_one_spelling() {
    assert!(DIALECT.owner_of_ids(&["7"]).is_ok());
    for bad in [&["07"][..], &["my"], &["org_id"], &["7", "8"], &[]] {
        assert!(DIALECT.owner_of_ids(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn ids_are_forbidden_in_a_creates_query() {
    let sent = in_memory().send("POST", &format!("{CONTACTS}?id=7"), r#"{"type":{"id":1}}"#);
    assert_eq!(sent.status(), 422);
    assert_eq!(
        sent.json()["errors"][0]["message"],
        "Contact - id must not be specified."
    );
}

#[test]
fn a_token_is_exchanged() {
    let check = |body: &str, status: u16, want: Value| {
        let sent = in_memory().send("POST", "/api/v1/authenticate", body);
        assert_eq!(sent.status(), status, "{body}");
        for (key, value) in want.as_object().expect("an object") {
            assert_eq!(&sent.json()[key], value, "{body}");
        }
        assert!(sent.events.is_empty());
    };
    check(
        r#"{"application_token":"good"}"#,
        200,
        json!({"auth_token": "short"}),
    );
    check(
        r#"{"application_token":"old"}"#,
        401,
        json!({"error_code": 1103}),
    );
    check(
        r#"{"application_token":"bad"}"#,
        401,
        json!({"error_code": 1102}),
    );
    let by_name = r#"{"username":"a@b.de","password":"x"}"#;
    check(by_name, 200, json!({"auth_token": "open"}));
    let refreshed = r#"{"refresh_token":"r","application_token":null}"#;
    check(refreshed, 200, json!({"auth_token": "r"}));
    for wrong in [
        r#"{"username":"a@b.de"}"#,
        r#"{"username":"a@b.de","password":7}"#,
        r#"{"refresh_token":""}"#,
        r#"{"application_token":7,"username":"a","password":"b"}"#,
    ] {
        check(wrong, 422, json!({"error_code": 1400}));
    }
    for (body, code) in [(by_name, 1101), (refreshed, 1102)] {
        let sent = in_memory()
            .strict()
            .send("POST", "/api/v1/authenticate", body);
        let code = json!(code);
        assert_eq!((sent.status(), &sent.json()["error_code"]), (401, &code));
    }
    check("{}", 422, json!({"error_code": 1400}));
    check("[]", 422, json!({"error_code": 1400}));
    check("", 400, json!({"error_code": 1400}));
}

#[test]
fn what_is_no_command_leaves_no_event() {
    for (content_type, body, status) in [
        ("application/json; charset=utf-8", "{", 400),
        ("application/json", "", 400),
        ("text/plain", r#"{"type":{"id":1}}"#, 415),
    ] {
        let sent = in_memory().send_with("POST", CONTACTS, &[("content-type", content_type)], body);
        assert_eq!((sent.status(), sent.events.len()), (status, 0), "{body}");
    }
}

#[test]
fn refusals_have_the_vendors_codes() {
    let check = |refusal: Refusal, status: u16, code: u16, token: &str| {
        let reply = DIALECT.refuse(&refusal);
        let body: Value = serde_json::from_slice(&reply.body).expect("JSON");
        assert_eq!(reply.status.as_u16(), status, "{refusal:?}");
        let got = (&body["error_code"], &body["error_token"]);
        assert_eq!(got, (&json!(code), &json!(token)), "{refusal:?}");
    };
    check(
        Refusal::Unauthorized(TokenProblem::Missing),
        401,
        1102,
        "InvalidToken",
    );
    check(
        Refusal::Unauthorized(TokenProblem::Expired),
        401,
        1103,
        "TokenExpired",
    );
    check(
        Refusal::Forbidden { roles: &["admin"] },
        403,
        1104,
        "Forbidden",
    );
    check(
        Refusal::NotYours { tenant: "1".into() },
        404,
        1201,
        "NotFound",
    );
    check(
        Refusal::RateLimited {
            retry_after_seconds: 3,
        },
        429,
        1105,
        "TooManyRequests",
    );
    check(Refusal::KeyReused, 422, 1400, "InputValidationFailed");
    check(Refusal::Overloaded, 503, 503, "ServiceUnavailable");
    let allow = "GET".to_owned();
    check(
        Refusal::MethodNotAllowed { allow },
        405,
        405,
        "MethodNotAllowed",
    );
    check(
        Refusal::TooLarge { limit_bytes: 1 },
        413,
        413,
        "PayloadTooLarge",
    );
}

proptest! {
    #[test]
    fn a_contact_survives_its_card(body in good(&contact::CONTACT)) {
        survives_its_card(&contact::CONTACT, &body)?;
    }

    #[test]
    fn no_body_and_no_query_makes_it_panic(
        body in prop_oneof![any::<Vec<u8>>().prop_map(|b| String::from_utf8_lossy(&b).into_owned()),
            r#"\{"(type|country|name|id|email)":(null|1|\{"id":[0-9"-]{1,3}\}|"[^"\\]*"|\[\])\}"#],
        query in "(page|per_page|q|sort|id)=[-a-z0-9:,|+%]{0,12}",
        method in prop::sample::select(vec!["GET", "POST", "PATCH", "DELETE"]),
        path in prop::sample::select(vec![CONTACTS, "/api/v1/organisation/7/contact/1",
            "/api/v1/organisation/7/event", "/api/v1/authenticate"]),
    ) {
        let mut service = with_four();
        let sent = service.send(method, &format!("{path}?{query}"), &body);
        prop_assert!(sent.status() < 500);
        prop_assert!(sent.reply.headers.iter().all(|(_, value)| value.is_ascii()));
    }
}

#[test]
fn a_whole_number_is_an_id_however_it_is_written() {
    let mut service = in_memory();
    let sent = service.send(
        "POST",
        CONTACTS,
        r#"{"type":{"id":1.0},"country":{"id":7.4e1}}"#,
    );
    assert_eq!(sent.status(), 201, "{:?}", sent.json());
    let read = service.send("GET", &format!("{CONTACTS}/1"), "").json();
    assert_eq!(read["type"], json!({"id": 1, "description": "Commercial"}));
    assert_eq!(read["country"], json!({"id": 74, "name": "Germany"}));
    // A country whose name is not known is shown without one.
    let sent = service.send(
        "PATCH",
        &format!("{CONTACTS}/1"),
        r#"{"country":{"id":2.0}}"#,
    );
    assert_eq!(sent.status(), 204);
    let read = service.send("GET", &format!("{CONTACTS}/1"), "").json();
    assert_eq!(read["country"], json!({"id": 2}));
    for wrong in ["1.5", "-1.0", "1e300", "7.0"] {
        let body = format!(r#"{{"type":{{"id":{wrong}}}}}"#);
        let sent = service.send("POST", CONTACTS, body);
        assert_eq!(sent.json()["errors"][0]["error_code"], 1401, "{wrong}");
    }
}
