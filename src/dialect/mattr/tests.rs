//! The dialect from request to answer.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::contact::CONTACT;
use super::events::request_id;
use super::{DIALECT, RULES};
use crate::dialect::in_memory::{Answer, InMemoryService, vectors_hold};
use crate::dialect::schema::Mode;
use crate::dialect::schema::testing::{good, survives_its_card};
use crate::dialect::{AsOf, Call, EventPage, Events, Redaction, Refusal, Reply, TokenProblem};
use crate::domain::{
    Actor, Card, ContactId, Content, Correlation, Event, EventId, Failure, FailureCode, Header,
    Operation, Outcome, Owner, Phase, Position, Timestamp,
};

const ECO: &str = "87880d7e-a4d0-462e-8383-3f1e5e16865d";
const PART: &str = "a24e391a-c27f-4b6e-9805-1ee7e03f3c58";
const ANN: &[u8] = br#"{"fullName":"Ann","active":true,"emailAddress":"a@b.co"}"#;

fn in_memory() -> InMemoryService {
    InMemoryService::open(&DIALECT, "default")
}

fn contacts() -> String {
    format!("/v1/ecosystems/{ECO}/participants/{PART}/contacts")
}

fn body(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).expect("JSON")
}

fn invalid(details: Value) -> Value {
    json!({"code": "BadRequest", "message": "Validation Error", "details": details})
}

/// A service with a contact, and the contact's path.
fn with_one() -> (InMemoryService, String) {
    let mut service = in_memory();
    let reply = service.send("POST", &contacts(), ANN).reply;
    let id = body(&reply)["id"].as_str().expect("an id").to_owned();
    service.events.clear();
    (service, format!("{}/{id}", contacts()))
}

#[test]
fn a_body_is_refused_in_the_vendors_words() {
    let check = |contact: Value, details: Value| {
        let text = contact.to_string();
        let mut service = in_memory();
        let reply = service.send("POST", &contacts(), text.as_bytes()).reply;
        let got = (reply.status.as_u16(), body(&reply), service.types().len());
        assert_eq!(got, (400, invalid(details), 2), "{text}");
    };
    let bad = |param, msg| json!({"msg": msg, "param": param, "location": "body"});
    let with = |value: Value, param: &str, msg: &str| json!([{"value": value, "msg": msg, "param": param, "location": "body"}]);
    check(
        json!({}),
        json!([
            bad("fullName", "Invalid value"),
            bad("active", "Invalid value")
        ]),
    );
    let one = |field: &str, value: Value, msg: &str| {
        let mut contact = json!({"fullName": "Ann", "active": true});
        contact[field] = value.clone();
        check(contact, with(value, field, msg));
    };
    one("fullName", json!(" "), "Invalid value");
    one("fullName", Value::Null, "must be a string");
    one("active", json!("true"), "must be a boolean");
    one("active", Value::Null, "must be a boolean");
    one("emailAddress", json!("not-an-email"), "Invalid value");
    one("emailAddress", Value::Null, "must be a string");
    one(
        "primaryPhoneNumber",
        json!(1_234_567_890),
        "must be a string",
    );
    one("secondaryPhoneNumber", json!([]), "must be a string");
    check(json!([]), with(json!([]), "body", "must be an object"));
}

#[test]
fn every_id_of_a_path_that_is_none_is_named() {
    let detail = |param: &str, value: &str| json!({"value": value, "msg": "Invalid value", "param": param, "location": "params"});
    let check = |path: &str, details: Value| {
        let reply = in_memory().send("GET", path, b"").reply;
        let got = (reply.status.as_u16(), body(&reply));
        assert_eq!(got, (400, invalid(details)), "{path}");
    };
    check(
        "/v1/ecosystems/x/participants/y/contacts",
        json!([detail("ecosystemId", "x"), detail("participantId", "y")]),
    );
    let simple = ECO.replace('-', "");
    check(
        &format!("/v1/ecosystems/{simple}/participants/{PART}/contacts"),
        json!([detail("ecosystemId", &simple)]),
    );
    check(
        &format!("{}/z", contacts()),
        json!([detail("contactId", "z")]),
    );
}

#[test]
fn an_owner_has_one_spelling() {
    assert!(DIALECT.owner_of_ids(&[ECO, PART]).is_ok());
    let upper = ECO.to_uppercase();
    for ids in [
        &[upper.as_str(), PART] as &[&str],
        &[ECO],
        &["x", PART],
        &[],
    ] {
        assert!(DIALECT.owner_of_ids(ids).is_err(), "{ids:?}");
    }
    let mut service = in_memory();
    let path = contacts().replace(ECO, &upper);
    assert_eq!(service.send("POST", &path, ANN).reply.status, 201);
    let listed = body(&service.send("GET", &contacts(), b"").reply);
    assert_eq!(listed["data"][0]["fullName"], "Ann");
}

#[test]
fn a_put_replaces_what_it_leaves_out() {
    let (mut service, path) = with_one();
    let reply = service
        .send("PUT", &path, br#"{"fullName":"Bob","active":false}"#)
        .reply;
    let got = body(&reply);
    assert_eq!(reply.status, 200);
    assert_eq!(got["fullName"], "Bob");
    assert_eq!(got.get("emailAddress"), None);
    assert!(reply.headers.contains(&("etag", "\"2\"".to_owned())));
    assert_eq!(body(&service.send("GET", &path, b"").reply), got);
    assert_eq!(service.send("PUT", &path, b"{}").reply.status, 400);
}

#[test]
fn what_is_not_there_is_not_found() {
    let (mut service, path) = with_one();
    let want = json!({"code": "NotFound", "message": "Resource Not Found"});
    let deleted = service.send("DELETE", &path, b"").reply;
    assert_eq!((deleted.status.as_u16(), deleted.body.len()), (204, 0));
    for (method, text) in [
        ("GET", "" as &str),
        ("DELETE", ""),
        ("PUT", "{\"fullName\":\"B\",\"active\":true}"),
    ] {
        let reply = service.send(method, &path, text.as_bytes()).reply;
        assert_eq!(
            (reply.status.as_u16(), body(&reply)),
            (404, want.clone()),
            "{method}"
        );
    }
    let reply = in_memory().answer("GET", &path, b"", |_| Answer::Contact(Err(Refusal::Gone)));
    assert_eq!(reply.status, 404);
    let id = ContactId(Uuid::nil());
    let reply = in_memory().answer("POST", &contacts(), ANN, |_| {
        Answer::Written(vec![Outcome::Erased { id }])
    });
    assert_eq!(reply.status, 404);
}

#[test]
fn another_version_is_a_failed_precondition() {
    let (mut service, path) = with_one();
    let reply = service
        .send_with("DELETE", &path, &[("if-match", "\"7\"")], b"")
        .reply;
    assert_eq!((reply.status.as_u16(), service.live().count()), (412, 1));
    assert_eq!(body(&reply)["code"], "PreconditionFailed");
}

#[test]
fn a_list_goes_on_from_its_cursor() {
    let mut service = in_memory();
    for n in 0..3 {
        let text = format!("{{\"fullName\":\"{n}\",\"active\":true}}");
        service.send("POST", &contacts(), text.as_bytes());
    }
    let mut page = |query: &str| {
        let path = format!("{}?limit=2{query}", contacts());
        let got = body(&service.send("GET", &path, b"").reply);
        let names = got["data"].as_array().expect("contacts").iter();
        let names: Vec<_> = names.map(|c| c["fullName"].clone()).collect();
        (names, got.get("nextCursor").cloned())
    };
    let (names, cursor) = page("");
    assert_eq!(names, ["0", "1"]);
    let cursor = cursor.expect("a cursor");
    let cursor = cursor.as_str().expect("a text");
    assert_eq!(page(&format!("&cursor={cursor}")), (vec!["2".into()], None));
    let escaped = URL_SAFE_NO_PAD.decode(cursor).expect("base64");
    let escaped = String::from_utf8(escaped)
        .expect("UTF-8")
        .replace(':', "%3A");
    let escaped = URL_SAFE_NO_PAD.encode(escaped);
    assert_eq!(page(&format!("&cursor={escaped}")).0, ["2"]);
}

#[test]
fn every_bad_parameter_of_a_list_is_named() {
    let detail = |param: &str, value: &str| json!({"value": value, "msg": "Invalid value", "param": param, "location": "query"});
    let check = |path: &str, details: Value| {
        let reply = in_memory().answer("GET", path, b"", |call| panic!("{call:?}"));
        let got = (reply.status.as_u16(), body(&reply));
        assert_eq!(got, (400, invalid(details)), "{path}");
    };
    let both = json!([detail("limit", "1001"), detail("cursor", "x")]);
    check(&format!("{}?limit=1001&cursor=x", contacts()), both.clone());
    check("/v1/events?limit=1001&cursor=x", both);
    let dates = json!([detail("dateFrom", "soon"), detail("dateTo", "2020")]);
    check("/v1/events?dateFrom=soon&dateTo=2020", dates);
    check("/v1/events?limit=0", json!([detail("limit", "0")]));
    check("/v1/events?limit=%2B5", json!([detail("limit", "+5")]));
}

/// An event of a contact; odd positions are STARTs, and the position is the time in milliseconds.
fn event(position: u64, operation: Operation, phase: Phase, actor: Actor) -> Event {
    let id = |n: u64| EventId(Uuid::from_u128(u128::from(n)));
    let started = matches!(phase, Phase::Start { .. });
    Event {
        header: Header {
            contact: Some(ContactId(Uuid::from_u128(9))),
            actor,
            correlation: Correlation::parse(&format!("order-{}", position.div_ceil(2)))
                .expect("a correlation"),
            causation: (!started).then(|| id(position - 1)),
            ..Header::new(
                Position::new(position),
                id(position),
                Timestamp::from_millis(position),
                operation,
                Owner::new(RULES.dialect, &[ECO, PART]).expect("an owner"),
            )
        },
        phase,
    }
}

fn client(id: &str) -> Actor {
    Actor {
        client_id: Some(id.into()),
        ..Actor::default()
    }
}

fn start() -> Phase {
    Phase::Start { idempotency: None }
}

fn success() -> Phase {
    Phase::Success { erasure: None }
}

fn fail() -> Phase {
    Phase::Fail(Failure {
        code: FailureCode::NotFound,
        violations: Vec::new(),
    })
}

fn log() -> Vec<Event> {
    let user = Actor {
        user_id: Some("u1".into()),
        ..Actor::default()
    };
    vec![
        event(1, Operation::Create, start(), client("c1")),
        event(2, Operation::Create, success(), client("c1")),
        event(3, Operation::Update, start(), user.clone()),
        event(4, Operation::Update, success(), user),
        event(5, Operation::Delete, start(), client("c2")),
        event(6, Operation::Delete, fail(), client("c2")),
    ]
}

/// What a query for events asks.
fn asked(query: &str) -> Events {
    let mut asked = None;
    let path = format!("/v1/events?{query}");
    let keep = |call| {
        let Call::Events(ask) = call else { panic!() };
        asked = Some(ask.question);
        (ask.reply)(EventPage::default())
    };
    let _reply = in_memory().serve_with("GET", &path, b"", keep);
    asked.expect("a question")
}

/// Wants a query for events to want those at these positions.
fn check(query: &str, want: &[u64]) {
    let asked = asked(query);
    let fitting = log().into_iter().filter(|event| (asked.filter.0)(event));
    let got: Vec<_> = fitting.map(|e| e.header.position.get()).collect();
    assert_eq!(got, want, "{query}");
}

#[test]
fn events_are_filtered_as_documented() {
    const ALL: &[u64] = &[1, 2, 3, 4, 5, 6];
    check("", ALL);
    check("ids=&types=", ALL);
    check("categories=ecosystem", ALL);
    check("categories=did", &[]);
    let prefix = "ECOSYSTEM_PARTICIPANT_CONTACT";
    check(
        &format!("types={prefix}_CREATE_START,{prefix}_DELETE_FAIL"),
        &[1, 6],
    );
    check(
        &format!("types[]={prefix}_CREATE_START&types[1]={prefix}_DELETE_FAIL"),
        &[1, 6],
    );
    check(&format!("categories=did&types={prefix}_CREATE_START"), &[1]);
    check(&format!("types={prefix}_CREATE_START&clientIds=c2"), &[]);
    check("ids=00000000-0000-0000-0000-000000000002,x", &[2]);
    check("ids=x", &[]);
    check("requestIds=order-2", &[3, 4]);
    let id = request_id(&Correlation::parse("order-3").expect("a correlation"));
    check(&format!("requestIds={id},order-1"), &[1, 2, 5, 6]);
    check("dateFrom=1970-01-01T00:00:00.003Z", &[3, 4, 5, 6]);
    check(
        "dateFrom=1970-01-01T00:00:00.003Z&dateTo=1970-01-01T00:00:00.005Z",
        &[3, 4, 5],
    );
    check("dateFrom=1970-01-01&dateTo=1970-01-01", ALL);
    check("dateFrom=1970-01-02", &[]);
    check("dateTo=1970-01-01T00:00:00.002", &[1, 2]);
    check("dateTo=1970-01-01T01:00:00.002+01:00", &[1, 2]);
    check("clientIds=c1", &[1, 2]);
    check("clientIds=none", &[3, 4]);
    check("clientIds=*", &[1, 2, 5, 6]);
    check("clientIds=none,c2", &[3, 4, 5, 6]);
    check("managementUserIds=u1&clientIds=none", &[3, 4]);
    check("managementUserIds=none", &[1, 2, 5, 6]);
}

#[test]
fn events_are_asked_newest_first_a_page_at_a_time() {
    let events = asked("");
    assert_eq!((events.limit, events.until), (100, None));
    assert_eq!(events.dialect, RULES.dialect);
    let page = EventPage {
        events: vec![(log().remove(3), Redaction::Withheld)],
        more: true,
        full: false,
    };
    let reply = in_memory().answer("GET", "/core/v1/analytics/events", b"", |_| {
        Answer::Events(page)
    });
    let got = body(&reply);
    let cursor = got["nextCursor"].as_str().expect("a cursor");
    let text = URL_SAFE_NO_PAD.decode(cursor).expect("base64");
    let want =
        "timestamp=1970-01-01T00:00:00.004Z&id=00000000-0000-0000-0000-000000000004&position=4";
    assert_eq!(String::from_utf8(text).as_deref(), Ok(want));
    let next = asked(&format!("limit=7&cursor={cursor}"));
    let until = AsOf::Position(Position::new(3));
    assert_eq!((next.limit, next.until), (7, Some(until)));
    check(&format!("cursor={cursor}"), &[1, 2, 3]);
    // The place of the fourth event in the vendor's own words, and one before everything.
    for (place, want) in [
        (
            "timestamp=1970-01-01T00%3A00%3A00.004Z&id=00000000-0000-0000-0000-000000000004",
            vec![1, 2, 3],
        ),
        ("createdAt=1970-01-01T00:00:00.004Z&id=a", vec![1, 2, 3, 4]),
        ("createdAt=1970-01-01T00:00:00.000Z&id=a", vec![]),
    ] {
        check(&format!("cursor={}", URL_SAFE_NO_PAD.encode(place)), &want);
    }
}

fn ann() -> Card {
    let body = json!({"fullName": "Ann", "active": true, "primaryPhoneNumber": "1"});
    CONTACT.read(&body, "", Mode::Whole).card().expect("a card")
}

#[test]
fn an_event_shows_what_its_caller_may_see() {
    let shown = |shown: Redaction| {
        let mut events: Vec<_> = log()
            .into_iter()
            .map(|e| (e, Redaction::Withheld))
            .collect();
        events[1].1 = shown.clone();
        events[3].1 = shown;
        let full = matches!(events[1].1, Redaction::Full(_));
        let page = EventPage {
            events,
            more: false,
            full,
        };
        let path = "/v1/analytics/events";
        let reply = in_memory().answer("GET", path, b"", |_| Answer::Events(page));
        body(&reply)["data"].clone()
    };
    let id = "00000000-0000-0000-0000-000000000009";
    let bare = shown(Redaction::Withheld);
    let created = json!({"id": "00000000-0000-0000-0000-000000000002",
        "type": "ECOSYSTEM_PARTICIPANT_CONTACT_CREATE_SUCCESS", "category": "ecosystem",
        "timestamp": "1970-01-01T00:00:00.002Z", "clientId": "c1", "data": null,
        "metadata": {"id": id, "ecosystemId": ECO, "participantId": PART},
        "requestId": request_id(&Correlation::parse("order-1").expect("a correlation"))});
    assert_eq!(bare[1], created);
    let owner = json!({"ecosystemId": ECO, "participantId": PART});
    assert_eq!(bare[0]["metadata"], owner);
    assert_eq!(bare[2].get("clientId"), None);
    assert_eq!(bare[2]["managementUserId"], "u1");
    let error = json!({"error": {"type": "not_found", "message": FailureCode::NotFound.message()}});
    assert_eq!(bare[5]["metadata"], error);

    let active = json!({"active": true})
        .as_object()
        .cloned()
        .unwrap_or_default();
    let non_sensitive = shown(Redaction::NonSensitive(active));
    let updated = json!({"id": id, "ecosystemId": ECO, "participantId": PART, "active": true});
    for index in [2, 3] {
        assert_eq!(non_sensitive[index]["metadata"], updated);
        assert_eq!(non_sensitive[index]["data"], Value::Null);
    }
    let full = shown(Redaction::Full(Content {
        card: ann(),
        chosen_id: None,
    }));
    let values = json!({"id": id, "ecosystemId": ECO, "participantId": PART, "active": true,
        "fullName": "Ann", "primaryPhoneNumber": "1"});
    for index in [2, 3] {
        assert_eq!(full[index]["metadata"], updated);
        assert_eq!(full[index]["data"], values);
    }
    assert_eq!(full[0]["data"].get("id"), None);
    assert_eq!(full[0]["data"]["fullName"], "Ann");
    // What holds no content has its payload all the same, a FAIL its error.
    for index in [4, 5] {
        assert_eq!(full[index]["data"], full[index]["metadata"]);
    }
    assert_eq!(full[5]["data"], error);
}

#[test]
fn a_request_id_is_22_digits_of_base_62() {
    let check = |text: &str, want: &str| {
        let correlation = Correlation::parse(text).expect("a correlation");
        assert_eq!(request_id(&correlation), want, "{text}");
    };
    check(
        "00000000-0000-0000-0000-000000000000",
        "0000000000000000000000",
    );
    check(
        "00000000-0000-0000-0000-00000000003e",
        "0000000000000000000010",
    );
    check(
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "7n42DGM5Tflk9n8mt7Fhc7",
    );
    // SHA-256 of "abc" starts with ba7816bf 8f01cfea 414140de 5dae2223.
    check(
        "ba7816bf-8f01-cfea-4141-40de5dae2223",
        "5frS7ZK2oCrJOLG43t7nIh",
    );
    check("abc", "5frS7ZK2oCrJOLG43t7nIh");
}

#[test]
fn a_contact_is_active_unless_its_card_says_that_it_is_not() {
    for (properties, want) in [
        (json!({}), true),
        (json!({"mattr.global:active": true}), true),
        (json!({"mattr.global:active": false}), false),
        (json!({"mattr.global:active": null}), true),
        (json!({"mattr.global:active": "false"}), true),
        (json!({"other.example:active": false}), true),
    ] {
        let made = Card::from_value(properties).expect("a Card");
        let stored = Card::from_stored(made.json().as_bytes()).expect("a Card");
        let found = [&made, &stored].map(|card| RULES.is_active(card));
        assert_eq!(found, [want; 2], "{}", made.json());
        assert!(stored.is_text(), "nothing took it apart");
    }
}

#[test]
fn the_types_of_events_are_listed() {
    let reply = in_memory().answer("GET", "/v1/analytics/event-types", b"", |call| {
        panic!("{call:?}")
    });
    let got = body(&reply);
    let types = got["data"].as_array().expect("types");
    assert_eq!(types.len(), 15);
    let want = json!({"type": "ECOSYSTEM_PARTICIPANT_CONTACT_CREATE_START",
        "category": "ecosystem"});
    assert_eq!(types[0], want);
}

#[test]
fn refusals_are_texts_where_the_vendor_has_texts() {
    let check = |refusal: Refusal, status: u16, text: &str| {
        let reply = DIALECT.refuse(&refusal);
        assert_eq!(
            (reply.status.as_u16(), reply.body.as_slice()),
            (status, text.as_bytes())
        );
        let text_plain = "text/plain; charset=utf-8".to_owned();
        assert!(reply.headers.contains(&("content-type", text_plain)));
    };
    check(
        Refusal::Unauthorized(TokenProblem::Expired),
        401,
        "Unauthorized",
    );
    check(Refusal::Forbidden { roles: &["admin"] }, 403, "");
    check(Refusal::NotYours { tenant: "1".into() }, 403, "");
    check(Refusal::TooLarge { limit_bytes: 1 }, 413, "");
    let reply = in_memory()
        .send_with("POST", &contacts(), &[("content-type", "text/plain")], ANN)
        .reply;
    assert_eq!((reply.status.as_u16(), reply.body.len()), (415, 0));
}

#[test]
fn the_vectors_hold() {
    let text = include_str!("../../../tests/vectors/mattr.json");
    assert!(vectors_hold(&in_memory(), text) > 0);
}

proptest! {
    #[test]
    fn a_contact_survives_its_card(body in good(&CONTACT)) {
        survives_its_card(&CONTACT, &body)?;
    }

    #[test]
    fn any_bytes_are_answered(bytes: Vec<u8>, update: bool) {
        let (mut service, path) = with_one();
        let contacts = contacts();
        let (method, path) = if update { ("PUT", &path) } else { ("POST", &contacts) };
        let reply = service.send(method, path, &bytes).reply;
        prop_assert_ne!(reply.status.as_u16(), 500);
    }

    #[test]
    fn any_query_is_answered(text in "(limit|cursor|ids|types|dateFrom)=[ -~]{0,40}") {
        for path in [contacts(), "/v1/events".to_owned()] {
            let path = format!("{path}?{text}");
            let reply = in_memory().send("GET", &path, b"").reply;
            prop_assert!([200, 400].contains(&reply.status.as_u16()));
        }
    }

    #[test]
    fn a_request_id_tells_requests_apart(a: u128, b: u128) {
        let id = |bits| request_id(&Correlation::from_uuid(Uuid::from_u128(bits)));
        prop_assert_eq!(id(a) == id(b), a == b);
        prop_assert_eq!(id(a).len(), 22);
    }
}
