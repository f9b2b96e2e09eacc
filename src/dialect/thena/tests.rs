//! The dialect from end to end: requests in, the vendor's answers and the log's events out.

mod many;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{DIALECT, contact};
use crate::dialect::in_memory::{InMemoryService, NOW, Sent, vectors_hold};
use crate::dialect::schema::Mode;
use crate::dialect::schema::testing::{good, survives_its_card};
use crate::dialect::{Refusal, TokenProblem};

const CONTACTS: &str = "/v1/accounts/contacts";

fn in_memory() -> InMemoryService {
    InMemoryService::open(&DIALECT, "default")
}

/// Creates a contact and gives its id.
fn create(service: &mut InMemoryService, body: &Value) -> String {
    let sent = service.send("POST", CONTACTS, body.to_string());
    assert_eq!(sent.status(), 201, "{:?}", sent.json());
    sent.json()["id"].as_str().expect("a text").to_owned()
}

fn ann() -> Value {
    json!({"firstName": "Ann", "email": "ann@example.com"})
}

fn events(operation: &str, outcome: &str) -> [String; 2] {
    ["START", outcome].map(|phase| format!("ACCOUNT_CONTACT_{operation}_{phase}"))
}

/// Wants an error of this status with these sentences.
fn refused(sent: &Sent, status: u16, error: &str, message: Value) {
    let want = json!({"statusCode": status, "message": message, "error": error});
    assert_eq!((sent.status(), sent.json()), (status, want));
}

#[test]
fn the_vectors_hold() {
    let text = include_str!("../../../tests/vectors/thena.json");
    assert!(vectors_hold(&in_memory(), text) > 0);
}

#[test]
fn only_type_and_accounts_are_non_sensitive() {
    let body = json!({"firstName": "Ann", "email": "ann@example.com", "accountIds": ["A1"]});
    let draft = contact::CONTACT.read(&body, "", Mode::Whole);
    let shown = contact::CONTACT.non_sensitive(&draft.card().expect("a card"));
    let want = json!({"contactTypeId": "PRIMARY", "accountIds": ["A1"]});
    assert_eq!(Value::Object(shown), want);
}

#[test]
fn a_picture_that_has_a_uri_is_a_medium() {
    let place = |avatar: &str| {
        let body = json!({"firstName": "Ann", "email": "a@b.de", "avatarUrl": avatar});
        let card = contact::CONTACT.read(&body, "", Mode::Whole).card();
        let card = card.expect("a card");
        (
            card.get("media").is_some(),
            card.get("thena.ai:avatarUrl").is_some(),
        )
    };
    assert_eq!(place("https://a.b/c.png"), (true, false));
    assert_eq!(place("a picture"), (false, true));
}

#[test]
fn a_contact_is_created_changed_and_deleted() {
    let mut service = in_memory();
    let seed = json!({"firstName": "John", "lastName": "Doe", "email": "john.doe@example.com",
        "phoneNumber": "+1234567890", "contactType": "CT123",
        "avatarUrl": "https://example.com/avatar.png", "accountIds": ["A123", "A456", "A123"],
        "customFieldValues": [{}, {"customFieldId": "C1", "data": 1}]});
    let sent = service.send("POST", CONTACTS, seed.to_string());
    let id = sent.json()["id"].as_str().expect("a text").to_owned();
    let mut want = json!({"id": id, "firstName": "John", "lastName": "Doe",
        "email": "john.doe@example.com", "phoneNumber": "+1234567890",
        "avatarUrl": "https://example.com/avatar.png", "accounts": ["A123", "A456"],
        "contactTypeId": "CT123", "contactType": "CT123",
        "customFieldValues": ["{}", "{\"customFieldId\":\"C1\",\"data\":1}"],
        "metadata": {}, "createdAt": NOW, "updatedAt": NOW});
    assert_eq!((sent.status(), sent.json()), (201, want.clone()));
    assert_eq!((id.len(), sent.header("etag")), (26, Some("\"1\"")));
    assert_eq!(sent.events, events("CREATE", "SUCCESS"));

    let path = format!("{CONTACTS}/{id}");
    let change = json!({"lastName": "", "accountIds": ["A9"], "metadata": {"a": [1]},
        "firstName": null});
    let sent = service.send("PUT", &path, change.to_string());
    want["lastName"] = "".into();
    want["accounts"] = json!(["A9"]);
    want["metadata"] = json!({"a": [1]});
    assert_eq!((sent.status(), sent.json()), (200, want.clone()));
    assert_eq!(sent.header("etag"), Some("\"2\""));
    let changed = service.events.last().map(|e| e.header.fields.clone());
    let names = ["lastName", "accountIds", "metadata"].map(Into::into);
    assert_eq!(changed, Some(names.to_vec()));
    assert_eq!(service.send("GET", CONTACTS, "").json(), json!([want]));

    let sent = service.send_with("PUT", &path, &[("if-match", "\"1\"")], "{}");
    assert_eq!(
        (sent.status(), sent.events),
        (412, events("UPDATE", "FAIL").into())
    );
    let sent = service.send("DELETE", &path, "");
    assert_eq!((sent.status(), sent.reply.body.len()), (204, 0));
    assert_eq!(sent.events, events("DELETE", "SUCCESS"));
    for method in ["PUT", "DELETE"] {
        let sent = service.send(method, &path, "{}");
        refused(&sent, 404, "Not Found", "Customer contact not found".into());
    }
}

#[test]
fn each_wrong_field_has_its_sentence() {
    let check = |body: Value, messages: &[&str]| {
        let sent = in_memory().send("POST", CONTACTS, body.to_string());
        refused(&sent, 400, "Bad Request", json!(messages));
        assert_eq!(sent.events, events("CREATE", "FAIL"), "{body}");
    };
    let both = ["firstName should not be empty", "email should not be empty"];
    check(json!({}), &both);
    check(json!({"firstName": null, "email": null}), &both);
    check(json!({"firstName": " ", "email": ""}), &both);
    check(json!([]), &["body must be an object"]);
    let with = |field: &str, value: Value| {
        let mut body = ann();
        body[field] = value;
        body
    };
    for field in [
        "firstName",
        "email",
        "lastName",
        "phoneNumber",
        "contactType",
        "avatarUrl",
    ] {
        check(
            with(field, json!(1)),
            &[&format!("{field} must be a string")],
        );
    }
    check(with("email", json!("nope")), &["email must be an email"]);
    for field in ["accountIds", "customFieldValues"] {
        check(
            with(field, json!("A1")),
            &[&format!("{field} must be an array")],
        );
    }
    let items = ["each value in accountIds must be a string"];
    check(with("accountIds", json!([1, 2])), &items);
    let items = ["each value in customFieldValues must be an object"];
    check(with("customFieldValues", json!(["x"])), &items);
    check(with("metadata", json!([])), &["metadata must be an object"]);
    let deep = format!("{}1{}", "[".repeat(62), "]".repeat(62));
    let deep: Value = serde_json::from_str(&deep).expect("JSON");
    let message = "body must not be nested deeper than 64 levels";
    check(with("metadata", json!({"a": deep.clone()})), &[message]);
}

#[test]
fn what_was_not_sent_is_empty_and_what_is_unknown_is_dropped() {
    let body = json!({"firstName": "Ann", "email": "ann@example.com", "lastName": null,
        "accountIds": null, "metadata": null, "jobTitle": "CEO"});
    let sent = in_memory().send("POST", CONTACTS, body.to_string());
    let got = sent.json();
    let want = json!({"id": got["id"], "firstName": "Ann", "lastName": "",
        "email": "ann@example.com", "phoneNumber": "", "avatarUrl": "", "accounts": [],
        "contactTypeId": "PRIMARY", "contactType": "PRIMARY", "customFieldValues": [],
        "metadata": {}, "createdAt": NOW, "updatedAt": NOW});
    assert_eq!(got, want);
}

#[test]
fn an_address_belongs_to_one_contact_of_an_organisation() {
    let mut service = in_memory();
    create(&mut service, &ann());
    let bob = create(
        &mut service,
        &json!({"firstName": "Bob", "email": "bob@example.com"}),
    );
    let again = r#"{"firstName":"A","email":"ANN@example.com"}"#;
    let message = "A customer contact with this email already exists";
    let sent = service.send("POST", CONTACTS, again);
    refused(&sent, 409, "Conflict", message.into());
    assert_eq!(sent.events, events("CREATE", "FAIL"));
    let path = format!("{CONTACTS}/{bob}");
    let sent = service.send("PUT", &path, r#"{"email":"ann@example.com"}"#);
    refused(&sent, 409, "Conflict", message.into());
    let sent = service.send("PUT", &path, r#"{"email":"BOB@example.com"}"#);
    assert_eq!(sent.status(), 200);
    let sent = service.send_with("POST", CONTACTS, &[("x-org-id", "other")], again);
    assert_eq!(sent.status(), 201);
}

#[test]
fn an_id_is_a_ulid_in_any_case_perhaps_with_its_prefix() {
    let mut service = in_memory();
    let id = create(&mut service, &ann());
    for spelling in [id.clone(), id.to_lowercase(), format!("C{id}")] {
        let path = format!("{CONTACTS}/{spelling}");
        assert_eq!(service.send("PUT", &path, "{}").status(), 200, "{spelling}");
    }
    let over = format!("8{}", &id[1..]);
    for bad in [
        "C123",
        "",
        &format!("D{id}"),
        &id[1..],
        &over,
        &id.replace('0', "!"),
    ] {
        let sent = service.send("PUT", &format!("{CONTACTS}/{bad}"), "{}");
        assert_eq!((sent.status(), sent.events.len()), (404, 0), "{bad}");
    }
}

#[test]
fn a_header_names_the_organisation() {
    let check = |open: bool, org: Option<&str>, status: u16| {
        let mut service = in_memory();
        if !open {
            service = service.strict();
        }
        let headers: Vec<_> = org.map(|org| ("x-org-id", org)).into_iter().collect();
        let sent = service.send_with("POST", CONTACTS, &headers, ann().to_string());
        assert_eq!(sent.status(), status, "{open} {org:?}");
        let owner = service
            .events
            .first()
            .map(|e| e.header.owner.tenant().to_owned());
        (owner, sent.json()["statusCode"].clone())
    };
    let own = Some("default".to_owned());
    assert_eq!(check(true, None, 201).0, own);
    assert_eq!(check(true, Some("<api-key>"), 201).0, own);
    assert_eq!(check(true, Some("o!~"), 201).0, Some("o!~".into()));
    assert_eq!(check(false, Some("Org-7"), 201).0, Some("Org-7".into()));
    assert_eq!(
        check(false, Some("<api-key>"), 201).0,
        Some("<api-key>".into())
    );
    assert_eq!(check(false, None, 401).1, 401);
    let own = |every: bool, headers: &[(&str, &str)]| {
        let mut service = in_memory();
        (service.caller.open, service.caller.every_tenant) = (false, every);
        let sent = service.send_with("POST", CONTACTS, headers, ann().to_string());
        sent.status()
    };
    // The token's only organisation, and a key's own one.
    let bearer = [("authorization", "Bearer x")];
    assert_eq!(own(false, &bearer), 201);
    assert_eq!(own(true, &bearer), 401);
    assert_eq!(own(true, &[("x-api-key", "x")]), 201);
    assert_eq!(check(false, Some(""), 401).1, 401);
    assert_eq!(check(false, Some("a b"), 400).1, 400);
    assert_eq!(check(true, Some("acmé"), 400).1, 400);
    assert_eq!(check(true, Some(&"x".repeat(129)), 400).1, 400);
    assert!(DIALECT.owner_of_ids(&["Org-7"]).is_ok());
    for bad in [&["a b"][..], &["ü"], &[""], &["a", "b"], &[]] {
        assert!(DIALECT.owner_of_ids(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn what_is_no_command_leaves_no_event() {
    for (content_type, body, status) in [
        ("application/json; charset=utf-8", "{", 400),
        ("application/json", "", 400),
        ("text/plain", "{}", 415),
    ] {
        let sent = in_memory().send_with("POST", CONTACTS, &[("content-type", content_type)], body);
        assert_eq!((sent.status(), sent.events.len()), (status, 0), "{body}");
        assert_eq!(sent.json()["statusCode"], status, "{body}");
    }
}

#[test]
fn refusals_have_nests_form() {
    for (refusal, status, message, error) in [
        (
            Refusal::Unauthorized(TokenProblem::Missing),
            401,
            "Unauthorized",
            "Unauthorized",
        ),
        (
            Refusal::NotYours { tenant: "1".into() },
            403,
            "Forbidden resource",
            "Forbidden",
        ),
        (
            Refusal::Gone,
            404,
            "Customer contact not found",
            "Not Found",
        ),
        (
            Refusal::KeyReused,
            422,
            "This Idempotency-Key was used for another request.",
            "Unprocessable Entity",
        ),
    ] {
        let reply = DIALECT.refuse(&refusal);
        let events = Vec::new();
        refused(&Sent { reply, events }, status, error, message.into());
    }
    let reply = DIALECT.refuse(&Refusal::RateLimited {
        retry_after_seconds: 7,
    });
    assert_eq!(reply.headers.last(), Some(&("retry-after", "7".into())));
}

proptest! {
    #[test]
    fn a_contact_survives_its_card(body in good(&contact::CONTACT)) {
        survives_its_card(&contact::CONTACT, &body)?;
    }

    #[test]
    fn no_body_and_no_query_makes_it_panic(
        body in prop_oneof![any::<Vec<u8>>().prop_map(|b| String::from_utf8_lossy(&b).into_owned()),
            r#"\{"(firstName|email|accountIds|metadata|contacts|users|ids)":(null|1|\{\}|"[^"\\]*"|\[("a"|\{\}|2)?\])\}"#],
        query in "(page|limit|email|accountId)=[-a-z0-9+%]{0,8}",
        method in prop::sample::select(vec!["GET", "POST", "PUT", "DELETE"]),
        path in prop::sample::select(vec!["", "/bulk", "/ingest", "/filter/ids", "/search",
            "/00000000000000000000000001"]),
    ) {
        let sent = in_memory().send(method, &format!("{CONTACTS}{path}?{query}"), &body);
        prop_assert!(sent.status() < 500);
    }
}

#[test]
fn what_an_answer_shows_can_be_sent() {
    let mut service = in_memory();
    let mut body = ann();
    body["customFieldValues"] = json!(["{\"data\": {\"a\": 1.0}}", {"customFieldId": "C"}, "{}"]);
    body["accounts"] = json!(["A1", "A1", "A2"]);
    let id = create(&mut service, &body);
    let shown = service.send("GET", CONTACTS, "").json()[0].clone();
    let texts = json!(["{\"data\":{\"a\":1.0}}", "{\"customFieldId\":\"C\"}", "{}"]);
    assert_eq!(
        (&shown["customFieldValues"], &shown["accounts"]),
        (&texts, &json!(["A1", "A2"]))
    );
    let again = service.send("PUT", &format!("{CONTACTS}/{id}"), shown.to_string());
    assert_eq!((again.status(), &again.json()), (200, &shown));
    // A request's own name wins over that of answers.
    let both = json!({"accountIds": ["A9"], "accounts": ["A1"]});
    let changed = service.send("PUT", &format!("{CONTACTS}/{id}"), both.to_string());
    assert_eq!(changed.json()["accounts"], json!(["A9"]));
    for wrong in ["[]", "7", "x", "\u{feff}"] {
        let body = json!({"customFieldValues": [wrong]});
        let sent = service.send("PUT", &format!("{CONTACTS}/{id}"), body.to_string());
        let message = json!(["each value in customFieldValues must be an object"]);
        refused(&sent, 400, "Bad Request", message);
    }
    let sent = service.send("PUT", &format!("{CONTACTS}/{id}"), r#"{"accounts":[7]}"#);
    refused(
        &sent,
        400,
        "Bad Request",
        json!(["each value in accounts must be a string"]),
    );
}

#[test]
fn an_empty_filter_is_none_and_a_number_is_whole() {
    let mut service = in_memory();
    create(&mut service, &ann());
    for query in [
        "contactType=&accountId=",
        "page=1.0&limit=10.0",
        "limit=1e1",
    ] {
        let found = service.send("GET", &format!("{CONTACTS}?{query}"), "");
        assert_eq!(found.json().as_array().map(Vec::len), Some(1), "{query}");
    }
    for query in ["page=1.5", "limit=", "limit=0.0"] {
        let found = service.send("GET", &format!("{CONTACTS}?{query}"), "");
        assert_eq!(found.status(), 400, "{query}");
    }
}
