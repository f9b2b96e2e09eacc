//! The dialect from request to answer.

use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{DIALECT, contact};
use crate::dialect::in_memory::{Answer, InMemoryService, NOW, vectors_hold};
use crate::dialect::schema::Mode;
use crate::dialect::schema::testing::{good, survives_its_card};
use crate::dialect::{Call, Page, Refusal, Reply, TokenProblem, Window};
use crate::domain::{
    Action, Card, Contact, ContactId, Failure, FailureCode, Operation, Outcome, Owner, Position,
    Target,
};

const CONTACTS: &str = "/companies/v2/rs/5/contacts";
const CONTACT: &str = "/main/companies/v2/rs/5/contacts/1";

fn in_memory() -> InMemoryService {
    InMemoryService::open(&DIALECT, "1")
}

/// A create in a company without contacts.
fn create(body: &[u8]) -> Reply {
    in_memory().send("POST", CONTACTS, body).reply
}

/// A company with one contact.
fn with_one() -> InMemoryService {
    let mut service = in_memory();
    let ann = json!([{"name": "Ann", "notify": false, "email": "ann@b.co", "phones": ["1", "2"],
        "comment": "c"}]);
    let reply = service.send("POST", CONTACTS, ann.to_string()).reply;
    assert_eq!(reply.status, 201);
    service.events.clear();
    service
}

/// The contact of that company, with another number.
fn contact(owner: Owner, number: u64) -> Contact {
    let ann = with_one().live().next().expect("one").clone();
    let vendor_id = number.to_string();
    Contact {
        vendor_id,
        owner,
        ..ann
    }
}

fn body(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).expect("JSON")
}

fn issues(issues: Value) -> Value {
    json!({"message": "Validation failed", "issues": issues})
}

/// One item is refused with these issues, each a path in the item and a message.
fn check_item(item: Value, want: &[(Value, &str)]) {
    let reply = create(json!([item]).to_string().as_bytes());
    if want.is_empty() {
        assert_eq!(reply.status, 201, "{item}");
        assert_eq!(body(&reply), json!({"nbInsertion": 1}), "{item}");
        return;
    }
    let want: Vec<_> = want
        .iter()
        .map(|(path, message)| {
            let mut steps = vec![json!(0)];
            steps.extend(path.as_array().cloned().unwrap_or_default());
            json!({"path": steps, "message": message})
        })
        .collect();
    assert_eq!(reply.status, 400, "{item}");
    assert_eq!(body(&reply), issues(want.into()), "{item}");
}

#[test]
fn an_item_is_taken_where_zod_takes_it() {
    for item in [
        json!({"name": "B", "notify": true}),
        json!({"name": "", "notify": false}),
        json!({"name": "é".repeat(250), "notify": true}),
        json!({"name": "😀".repeat(250), "notify": true}),
        json!({"name": "B", "notify": true, "email": null, "comment": null, "phones": []}),
        json!({"name": "B", "notify": true, "email": "a@b-.co", "comment": "x".repeat(2_500)}),
        json!({"name": "B", "notify": true, "phones": ["1", "", "3", "4", "x".repeat(50)]}),
        json!({"name": "B", "notify": true, "vip": true}),
    ] {
        check_item(item, &[]);
    }
}

#[test]
fn an_item_is_refused_in_zods_words() {
    let email = "Invalid email address";
    let check = check_item;
    check(
        json!({}),
        &[
            (
                json!(["name"]),
                "Invalid input: expected string, received undefined",
            ),
            (
                json!(["notify"]),
                "Invalid input: expected boolean, received undefined",
            ),
        ],
    );
    check(
        json!({"name": null, "notify": null}),
        &[
            (
                json!(["name"]),
                "Invalid input: expected string, received null",
            ),
            (
                json!(["notify"]),
                "Invalid input: expected boolean, received null",
            ),
        ],
    );
    let one = |field: &str, value: Value, path: Value, message: &str| {
        let mut item = json!({"name": "B", "notify": true});
        item[field] = value;
        check(item, &[(path, message)]);
    };
    let too_long = "Too big: expected string to have <=250 characters";
    one("name", json!("a".repeat(251)), json!(["name"]), too_long);
    let message = "Invalid input: expected string, received number";
    one("name", json!(1), json!(["name"]), message);
    let message = "Invalid input: expected boolean, received string";
    one("notify", json!("true"), json!(["notify"]), message);
    for bad in ["", "a..b@example.com", ".a@example.com", "ü@b.de"] {
        one("email", json!(bad), json!(["email"]), email);
    }
    let message = "Invalid input: expected string, received object";
    one("email", json!({}), json!(["email"]), message);
    let long = format!("{}@b.de", "a".repeat(250));
    one("email", json!(long), json!(["email"]), too_long);
    let message = "Invalid input: expected array, received null";
    one("phones", Value::Null, json!(["phones"]), message);
    let message = "Too big: expected array to have <=5 items";
    let six = json!(["1", "2", "3", "4", "5", "6"]);
    one("phones", six, json!(["phones"]), message);
    let message = "Too big: expected string to have <=50 characters";
    let phones = json!(["1", "1".repeat(51)]);
    one("phones", phones, json!(["phones", 1]), message);
    let message = "Invalid input: expected string, received null";
    one("phones", json!([null]), json!(["phones", 0]), message);
    let message = "Too big: expected string to have <=2500 characters";
    one(
        "comment",
        json!("a".repeat(2_501)),
        json!(["comment"]),
        message,
    );
    check(
        json!({"name": "B", "notify": true, "email": "a".repeat(251)}),
        &[(json!(["email"]), email), (json!(["email"]), too_long)],
    );
}

/// A create's body comes to this status and body, with this many attempts.
fn check_create(text: &str, attempts: usize, status: u16, want: Value) {
    let mut service = in_memory();
    let reply = service.send("POST", CONTACTS, text.as_bytes()).reply;
    let asked = service.events.len() / 2;
    assert_eq!((asked, reply.status.as_u16()), (attempts, status), "{text}");
    assert_eq!(body(&reply), want, "{text}");
}

#[test]
fn a_bulk_stands_or_falls_as_one() {
    let two = r#"[{"name":"A","notify":true},{"name":"A","notify":true}]"#;
    check_create(two, 2, 201, json!({"nbInsertion": 2}));
    check_create("[]", 0, 201, json!({"nbInsertion": 0}));
    let mixed = r#"[{"name":"A","notify":true},{"name":"B","notify":1},7]"#;
    let want = issues(json!([
        {"path": [1, "notify"], "message": "Invalid input: expected boolean, received number"},
        {"path": [2], "message": "Invalid input: expected object, received number"},
    ]));
    check_create(mixed, 3, 400, want);
    let want = issues(json!([
        {"path": [], "message": "Invalid input: expected array, received object"},
    ]));
    check_create(r#"{"name":"A","notify":true}"#, 1, 400, want);
    let many = format!("[{}0]", "0,".repeat(1_000));
    let want = Refusal::TooManyItems { limit: 1_000 };
    check_create(&many, 0, 413, json!({"message": want.to_string()}));
    let want = json!({"message": "the body is not valid JSON at line 1, column 1"});
    check_create("[", 0, 400, want);
}

#[test]
fn the_media_type_is_a_required_header() {
    let check = |headers: &[(&'static str, &str)], open, status: u16| {
        let mut service = if open {
            in_memory()
        } else {
            in_memory().strict()
        };
        let reply = service.send_with("POST", CONTACTS, headers, "[]").reply;
        assert_eq!(reply.status, status, "{headers:?} {open}");
        if status == 400 {
            let message = r#"Invalid input: expected "application/json""#;
            let want = json!([{"path": ["content-type"], "message": message}]);
            assert_eq!(body(&reply), issues(want));
        }
    };
    check(
        &[("content-type", "Application/JSON; charset=utf-8")],
        false,
        201,
    );
    check(&[("content-type", "<content-type>")], true, 201);
    check(&[], true, 201);
    check(&[("content-type", "<content-type>")], false, 400);
    check(&[], false, 400);
    check(&[("content-type", "text/plain")], true, 400);
}

#[test]
fn a_company_is_a_safe_integer_in_one_spelling() {
    let check = |company: &str, open, want: Result<&str, u16>| {
        let mut asked = None;
        let path = format!("/companies/v2/rs/{company}/contacts");
        let mut service = if open {
            in_memory()
        } else {
            in_memory().strict()
        };
        let reply = service.answer("GET", &path, "", |call| {
            let Call::List(ask) = call else { panic!() };
            asked = Some(ask.question.owner.tenant().to_owned());
            Answer::Page(Page::default())
        });
        match want {
            Ok(tenant) => assert_eq!(asked.as_deref(), Some(tenant), "{company}"),
            Err(status) => assert_eq!((asked, reply.status.as_u16()), (None, status), "{company}"),
        }
    };
    check("5", false, Ok("5"));
    check("005", false, Ok("5"));
    check("-5", false, Ok("-5"));
    check("-0", false, Ok("0"));
    check("9007199254740991", false, Ok("9007199254740991"));
    check("9007199254740992", false, Err(400));
    for placeholder in ["companyId", "{companyId}"] {
        check(placeholder, true, Ok("1"));
        check(placeholder, false, Err(400));
    }
    check("acme", true, Err(400));
    assert!(DIALECT.owner_of_ids(&["-5"]).is_ok());
    for ids in [&["05"] as &[&str], &["+5"], &["x"], &[], &["5", "6"]] {
        assert!(DIALECT.owner_of_ids(ids).is_err(), "{ids:?}");
    }
}

fn stored() -> Card {
    let body = json!({"name": "Ann", "notify": false, "email": "ann@b.co", "phones": ["1", "2"],
        "comment": "c"});
    contact::CONTACT
        .read(&body, "", Mode::Whole)
        .card()
        .expect("a card")
}

/// A PATCH of the stored contact comes to this.
fn check_update(text: &str, status: u16, want: Value) {
    let reply = with_one().send("PATCH", CONTACT, text.as_bytes()).reply;
    assert_eq!(reply.status, status, "{text}");
    assert_eq!(body(&reply), want, "{text}");
}

#[test]
fn a_patch_keeps_what_it_leaves_out_and_clears_what_is_null() {
    check_update(
        r#"{"notify":true}"#,
        200,
        json!({"id": 1, "name": "Ann", "email": "ann@b.co", "phones": ["1", "2"], "comment": "c",
            "companyId": 5, "notifyAt": NOW,
            "updatedAt": NOW, "createdAt": NOW}),
    );
    check_update(
        r#"{"notify":false,"name":"","email":null,"phones":[],"comment":null}"#,
        200,
        json!({"id": 1, "name": "", "email": null, "phones": [], "comment": null,
            "companyId": 5, "notifyAt": null,
            "updatedAt": NOW, "createdAt": NOW}),
    );
    let no_null = "Invalid input: expected string, received null";
    let undefined = "Invalid input: expected boolean, received undefined";
    let want = json!([{"path": ["notify"], "message": undefined}]);
    check_update(r#"{"name":"B"}"#, 400, issues(want));
    let want = json!([{"path": ["name"], "message": no_null}]);
    check_update(r#"{"notify":true,"name":null}"#, 400, issues(want));
    let array = "Invalid input: expected object, received array";
    let want = json!([{"path": [], "message": array}]);
    check_update("[]", 400, issues(want));
}

#[test]
fn a_contact_sent_back_as_it_was_read_keeps_the_time_of_its_notification() {
    const ASKED: &str = "2025-12-24T08:00:00.000Z";
    let mut service = with_one();
    let mut patch = |body: Value| {
        let reply = service.send("PATCH", CONTACT, body.to_string()).reply;
        assert_eq!(reply.status, 200, "{body}");
        self::body(&reply)
    };
    let asked = patch(json!({"notify": true}));
    assert_eq!(asked["notifyAt"], NOW, "the last write asked");
    let mut read = asked;
    read["notifyAt"] = ASKED.into();
    let kept = patch(read);
    assert_eq!(kept["notifyAt"], ASKED);
    let mut renamed = kept.clone();
    renamed["name"] = "Eve".into();
    assert_eq!(
        patch(renamed.clone()),
        renamed,
        "nothing but what was changed"
    );
    assert_eq!(
        patch(json!({"notify": true}))["notifyAt"],
        NOW,
        "asked anew"
    );
    patch(kept);
    assert_eq!(patch(json!({"notifyAt": null}))["notifyAt"], Value::Null);
    assert_eq!(patch(json!({"notify": true}))["notifyAt"], NOW);

    let wrong = |at: Value, message: &str| {
        let want = issues(json!([{"path": ["notifyAt"], "message": message}]));
        check_update(&json!({"notifyAt": at}).to_string(), 400, want);
    };
    wrong(json!("soon"), "Invalid ISO datetime");
    wrong(json!(7), "Invalid input: expected string, received number");
}

#[test]
fn an_update_names_what_it_changes() {
    let text = br#"{"notify":true,"name":"Ann","phones":["1"]}"#;
    let reply = in_memory().answer("PATCH", CONTACT, text, |call| {
        let Call::Write(ask) = call else { panic!() };
        let attempt = &ask.question.attempts[0];
        assert_eq!(attempt.target, Some(Target::Sequence(1)));
        assert_eq!(attempt.fields, ["name", "notify", "phones"]);
        let Ok(Action::Update(patch)) = &attempt.action else {
            panic!()
        };
        let patched = patch.apply(&stored()).expect("a change");
        assert_eq!(patched.changed, ["notify", "phones"]);
        Answer::Written(vec![Outcome::Erased {
            id: ContactId(Uuid::nil()),
        }])
    });
    assert_eq!(reply.status, 404);
    let reply = with_one().send("PATCH", CONTACT, text).reply;
    assert_eq!(reply.headers[1], ("etag", "\"2\"".to_owned()));
}

#[test]
fn a_contact_that_is_not_there_is_not_found() {
    let check = |method, contact, text: &str, status: u16, phases: usize| {
        let mut service = with_one();
        let path = format!("{CONTACTS}/{contact}");
        let reply = service.send(method, &path, text.as_bytes()).reply;
        let got = (reply.status.as_u16(), service.events.len());
        assert_eq!(got, (status, phases), "{method} {contact}");
        if status == 404 {
            assert_eq!(body(&reply), json!({"message": "Contact not found"}));
        }
    };
    for contact in ["2", "0", "-1"] {
        check("PATCH", contact, r#"{"notify":true}"#, 404, 2);
        check("DELETE", contact, "", 404, 2);
    }
    check("DELETE", "x", "", 400, 0);
    check("DELETE", "1", "", 204, 2);
}

#[test]
fn a_delete_answers_with_nothing_and_heeds_if_match() {
    let check = |tag, status: u16, left: usize| {
        let mut service = with_one();
        let reply = service
            .send_with("DELETE", CONTACT, &[("if-match", tag)], b"")
            .reply;
        let got = (reply.status.as_u16(), service.live().count());
        assert_eq!(got, (status, left), "{tag}");
        reply.body
    };
    assert_eq!(check("\"1\"", 204, 0), b"");
    let refused: Value = serde_json::from_slice(&check("\"9\"", 412, 1)).expect("JSON");
    let want = FailureCode::VersionMismatch.message();
    assert_eq!(refused, json!({"message": want}));
}

#[test]
fn a_list_is_paged_and_extended() {
    let check = |query, offset, limit, want: Value| {
        let path = format!("{CONTACTS}?{query}");
        let reply = in_memory().strict().answer("GET", &path, "", |call| {
            let Call::List(ask) = call else { panic!() };
            let list = &ask.question;
            assert_eq!(list.window, Window::Offset { offset, limit }, "{query}");
            Answer::Page(Page {
                contacts: vec![contact(list.owner.clone(), 7)],
                total: 61,
                offset,
                more: false,
            })
        });
        let mut got = body(&reply);
        let item = got["data"][0].take();
        assert_eq!(item["id"], 7);
        for (key, value) in want["item"].as_object().expect("an object") {
            assert_eq!(item.get(key).unwrap_or(&json!("absent")), value, "{query}");
        }
        let want = json!({"data": [null], "totalCount": 61, "pagination": want["pagination"]});
        assert_eq!((reply.status.as_u16(), got), (200, want), "{query}");
    };
    let page = |page, size| json!({"page": page, "pageSize": size});
    let bare = json!({"company": "absent", "actions": "absent", "notifyAt": null});
    check("", 0, 50, json!({"pagination": page(1, 50), "item": bare}));
    let company = json!({"id": 5, "name": null, "type": null, "location": null,
        "archivedAt": null, "createdAt": null});
    let actions = json!({"canBeUpdated": true, "canBeDeleted": true});
    let both = json!({"company": company, "actions": actions});
    let want = json!({"pagination": page(3, 20), "item": both});
    check(
        "page=3&pageSize=20&extend=company,actions-info",
        40,
        20,
        want.clone(),
    );
    check(
        "page=3&pageSize=20&extend=company&extend=actions-info",
        40,
        20,
        want,
    );
}

#[test]
fn a_list_refuses_bad_parameters_all_at_once() {
    let path = format!("{CONTACTS}?page=0&pageSize=1001&extend=company,x");
    let reply = in_memory().answer("GET", &path, b"", |call| panic!("{call:?}"));
    let want = issues(json!([
        {"path": ["page"], "message": "Too small: expected number to be >=1"},
        {"path": ["pageSize"], "message": "Too big: expected number to be <=1000"},
        {"path": ["extend", 1],
            "message": "Invalid option: expected one of \"company\"|\"actions-info\""},
    ]));
    assert_eq!((reply.status.as_u16(), body(&reply)), (400, want));
}

#[test]
fn refusals_are_a_gateways() {
    let check = |refusal: Refusal, status: u16, message: &str| {
        let reply = DIALECT.refuse(&refusal);
        let want = json!({"message": message});
        assert_eq!((reply.status.as_u16(), body(&reply)), (status, want));
    };
    check(
        Refusal::Unauthorized(TokenProblem::Missing),
        401,
        "Unauthorized",
    );
    check(Refusal::SessionUnauthorized, 401, "Unauthorized");
    check(Refusal::Forbidden { roles: &["admin"] }, 403, "Forbidden");
    check(
        Refusal::NotYours { tenant: "1".into() },
        404,
        "Company not found",
    );
    check(Refusal::Gone, 404, "Contact not found");
    check(Refusal::KeyReused, 422, &Refusal::KeyReused.to_string());
}

#[test]
fn a_replayed_bulk_counts_what_was_inserted_then() {
    let id = ContactId(Uuid::nil());
    let created = |outcomes| {
        let one = r#"[{"name":"A","notify":true}]"#;
        in_memory().answer("POST", CONTACTS, one, |_| Answer::Written(outcomes))
    };
    let reply = created(vec![Outcome::Erased { id }]);
    assert_eq!(body(&reply), json!({"nbInsertion": 1}));
    let refused = Outcome::Refused {
        failure: Failure {
            code: FailureCode::BatchRefused,
            violations: Vec::new(),
        },
        violations: Vec::new(),
    };
    let removed = Outcome::Removed {
        operation: Operation::Delete,
        id,
        position: Position::FIRST,
    };
    let reply = created(vec![removed, refused]);
    assert_eq!(reply.status, 400);
}

#[test]
fn the_vectors_hold() {
    let text = include_str!("../../../tests/vectors/kare.json");
    assert!(vectors_hold(&in_memory(), text) > 0);
}

proptest! {
    #[test]
    fn a_contact_survives_its_card(body in good(&contact::CONTACT)) {
        survives_its_card(&contact::CONTACT, &body)?;
    }

    #[test]
    fn any_bytes_are_answered(bytes: Vec<u8>, update: bool, open: bool) {
        let (method, path) = if update { ("PATCH", CONTACT) } else { ("POST", CONTACTS) };
        let mut service = with_one();
        service.caller.open = open;
        let reply = service.send(method, path, &bytes).reply;
        prop_assert_ne!(reply.status.as_u16(), 500);
    }

    #[test]
    fn any_item_is_answered_with_its_own_paths(
        name in json_value(), notify in json_value(), email in json_value(),
        phones in json_value(), comment in json_value(),
    ) {
        let item = json!({"name": name, "notify": notify, "email": email, "phones": phones,
            "comment": comment});
        let reply = create(json!([item]).to_string().as_bytes());
        let got = body(&reply);
        let issues = got["issues"].as_array().cloned().unwrap_or_default();
        prop_assert_eq!(reply.status == 201, issues.is_empty());
        prop_assert!(issues.iter().all(|issue| issue["path"][0] == 0));
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,60}".prop_map(Value::from),
        Just(json!("a@b.co")),
    ];
    leaf.prop_recursive(2, 16, 7, |inner| {
        proptest::collection::vec(inner, 0..8).prop_map(Value::from)
    })
}
