//! The answers that are made of the service's.

use serde_json::{Value, json};

use super::*;
use crate::dialect::in_memory::{Answer, reply_of};
use crate::dialect::{ChangePage, Refusal, SearchPage};
use crate::domain::{
    Correlation, EraseReason, Erasure, Event, EventId, Failure, FailureCode, Header, Outcome,
    Phase, Problem, VendorKey, Violation,
};

fn ann() -> Contact {
    contact(json!({"name": {"full": "Ann"}}))
}

/// The answer to a request when the service says this.
fn answer(method: Method, target: &str, sent: Value, answer: Answer) -> Reply {
    let sent = Sent::new(method, target, sent.to_string());
    reply_of(sent.call().expect("a call"), answer)
}

fn one(rest: &str) -> String {
    format!("/contacts/{ID}{rest}")
}

fn refused(code: FailureCode, violations: Vec<Violation>) -> Outcome {
    Outcome::Refused {
        failure: Failure {
            code,
            violations: Vec::new(),
        },
        violations,
    }
}

fn written(operation: Operation) -> Outcome {
    Outcome::Written {
        operation,
        contact: Box::new(ann()),
    }
}

fn event(position: u64, operation: Operation, version: u64) -> Event {
    Event {
        header: Header {
            contact: Some(ann().id),
            key: Some(VendorKey::Own),
            version: Some(version),
            actor: Actor {
                client_id: Some("c".into()),
                ..Actor::default()
            },
            correlation: Correlation::parse("cor").expect("a correlation"),
            fields: vec!["name".into()],
            ..Header::new(
                Position::new(position),
                EventId(Uuid::nil()),
                Timestamp::from_millis(position * 1_000),
                operation,
                owner("acme"),
            )
        },
        phase: Phase::Success {
            erasure: (operation == Operation::Erase).then(|| Erasure {
                reason: EraseReason::Legal,
                reference: Some("r-1".into()),
            }),
        },
    }
}

#[test]
fn a_written_contact_has_its_status_tag_and_place() {
    let say = |outcome| {
        answer(
            Method::POST,
            "/contacts",
            json!({}),
            Answer::Written(vec![outcome]),
        )
    };
    let reply = say(written(Operation::Create));
    assert_eq!(reply.status, 201);
    assert_eq!(header(&reply, "etag"), Some("\"3\""));
    assert_eq!(header(&reply, "location"), Some(one("").as_str()));
    assert_eq!(header(&reply, "content-type"), Some("application/json"));
    let want = json!({
        "id": ID, "vendorId": ID, "tenant": "acme", "dialect": "native", "owner": {"tenant": "acme"},
        "version": 3, "createdAt": "1970-01-01T00:00:01.000Z", "createdBy": {"clientId": "c"},
        "lastModifiedAt": "1970-01-01T00:00:02.000Z", "lastModifiedBy": {"subject": "s"},
        "card": {"@type": "Card", "version": "1.0", "uid": format!("urn:uuid:{ID}"),
            "name": {"full": "Ann"}},
    });
    assert_eq!(body(&reply), want);
    let reply = say(written(Operation::Update));
    assert_eq!(
        (reply.status.as_u16(), header(&reply, "location")),
        (200, None)
    );
    let id = ann().id;
    assert_eq!(say(Outcome::Erased { id }).status, 410);
    let removed = |operation| Outcome::Removed {
        operation,
        id,
        position: Position::new(5),
    };
    let reply = say(removed(Operation::Delete));
    assert_eq!((reply.status.as_u16(), reply.body.len()), (204, 0));
    let reply = say(removed(Operation::Erase));
    assert_eq!(
        (reply.status.as_u16(), body(&reply)),
        (200, json!({"id": ID, "position": 5}))
    );
}

#[test]
fn a_refusal_has_the_status_of_its_reason() {
    let statuses = FailureCode::ALL.map(|code| {
        let outcome = refused(code, Vec::new());
        let reply = answer(
            Method::POST,
            "/contacts",
            json!({}),
            Answer::Written(vec![outcome]),
        );
        assert_eq!(body(&reply)["code"], code.name());
        reply.status.as_u16()
    });
    assert_eq!(statuses, [400, 404, 412, 409, 409, 409, 409, 409, 410, 410]);
}

#[test]
fn each_item_of_a_batch_has_its_status() {
    let operations = json!({"operations": [{}]});
    let wrong = vec![Violation::new("uid", Problem::Blank)];
    let id = ann().id;
    let outcomes = vec![
        written(Operation::Create),
        written(Operation::Update),
        Outcome::Removed {
            operation: Operation::Delete,
            id,
            position: Position::FIRST,
        },
        refused(FailureCode::Invalid, wrong),
        Outcome::Erased { id },
    ];
    let reply = answer(
        Method::POST,
        "/contacts/batch",
        operations,
        Answer::Written(outcomes),
    );
    assert_eq!(reply.status, 200);
    let detail = FailureCode::Invalid.message();
    let want = json!({"results": [
        {"status": 201, "id": ID, "version": 3},
        {"status": 200, "id": ID, "version": 3},
        {"status": 204, "id": ID},
        {"status": 400, "error": {"type": "/problems/invalid", "title": "Bad Request", "status": 400,
            "code": "invalid", "detail": detail,
            "violations": [{"field": "uid", "code": "blank", "message": "uid must not be empty."}]}},
        {"status": 410, "id": ID, "error": {"type": "/problems/gone", "title": "Gone", "status": 410,
            "code": "gone", "detail": "The contact's personal data was erased."}},
    ]});
    assert_eq!(body(&reply), want);
}

#[test]
fn what_is_not_there_is_said() {
    for (given, status) in [(Refusal::NotFound, 404), (Refusal::Gone, 410)] {
        let given = Answer::Contact(Err(given));
        let reply = answer(Method::GET, &one(""), json!(0), given);
        assert_eq!(reply.status, status);
    }
    let reply = answer(
        Method::GET,
        &one(""),
        json!(0),
        Answer::Contact(Ok(Box::new(ann()))),
    );
    assert_eq!(
        (reply.status.as_u16(), header(&reply, "etag")),
        (200, Some("\"3\""))
    );
}

#[test]
fn a_page_says_where_it_goes_on() {
    let page = |more| SearchPage {
        contacts: vec![ann()],
        more,
        total: more.then_some(7),
        lacks_keys: false,
    };
    let say = |query: &str, more| {
        body(&answer(
            Method::GET,
            &format!("/contacts{query}"),
            json!(0),
            Answer::Search(page(more)),
        ))
    };
    let last = say("?fields=id", false);
    assert_eq!(last, json!({"data": [{"id": ID}]}));
    assert_eq!(say("", true)["total"], 7);
    let cursor = say("?sort=-name", true)["nextCursor"]
        .as_str()
        .expect("a cursor")
        .to_owned();
    let next = Sent::new(
        Method::GET,
        &format!("/contacts?sort=-name&cursor={cursor}"),
        "",
    );
    let Ok(Call::Search(ask)) = next.call() else {
        panic!("a search");
    };
    assert_eq!(
        ask.question.after,
        Some(crate::dialect::Keyset::Name("ann".into(), ann().id))
    );
}

#[test]
fn one_contact_and_changes_are_shown_in_part_too() {
    let ask = |path: &str, with: Answer| answer(Method::GET, path, json!(0), with);
    let got = ask(
        &format!("/contacts/{ID}?fields=version,card.kind"),
        Answer::Contact(Ok(Box::new(ann()))),
    );
    assert_eq!(header(&got, "etag"), Some("\"3\""));
    let got = body(&got);
    assert_eq!((&got["id"], &got["version"]), (&json!(ID), &json!(3)));
    let names: Vec<&String> = got.as_object().expect("an object").keys().collect();
    assert_eq!(names, ["id", "version", "card"]);
    let page = ChangePage {
        changes: vec![(event(4, Operation::Update, 2), Some(ann()))],
        next: Position::new(4),
        more: false,
    };
    let got = body(&ask("/contacts/changes?fields=id", Answer::Changes(page)));
    assert_eq!(got["changed"], json!([{"id": ID}]));
    for path in [
        "/contacts/changes?fields=x",
        &format!("/contacts/{ID}?fields=x"),
    ] {
        let Err(reply) = Sent::new(Method::GET, path, "").call() else {
            panic!("{path} is taken");
        };
        assert_eq!(reply.status, 400, "{path}");
    }
}

#[test]
fn changes_are_contacts_and_ends() {
    let page = ChangePage {
        changes: vec![
            (event(4, Operation::Update, 2), Some(ann())),
            (event(6, Operation::Delete, 3), None),
        ],
        next: Position::new(6),
        more: true,
    };
    let got = body(&answer(
        Method::GET,
        "/contacts/changes",
        json!(0),
        Answer::Changes(page),
    ));
    assert_eq!(got["changed"][0]["id"], ID);
    let gone = json!([{"id": ID, "vendorId": ID, "tenant": "acme", "dialect": "native",
        "operation": "delete", "position": 6, "time": "1970-01-01T00:00:06.000Z"}]);
    assert_eq!(
        (&got["deleted"], &got["next"], &got["more"]),
        (&gone, &json!(6), &json!(true))
    );
}

/// Created at 2, renamed at 4, deleted at 6.
fn versions() -> Vec<(Event, Option<Contact>)> {
    vec![
        (
            event(2, Operation::Create, 1),
            Some(contact(json!({"name": {"full": "An"}, "kind": "org"}))),
        ),
        (
            event(4, Operation::Update, 2),
            Some(contact(json!({"name": {"full": "Ann"}}))),
        ),
        (event(6, Operation::Delete, 3), None),
    ]
}

#[test]
fn a_history_tells_each_change_field_by_field() {
    let say = |query: &str| {
        let target = one(&format!("/history{query}"));
        body(&answer(
            Method::GET,
            &target,
            json!(0),
            Answer::History(Ok(versions())),
        ))
    };
    let all = say("");
    assert_eq!((&all["id"], all.get("next")), (&json!(ID), None));
    let renamed = json!({
        "position": 4, "time": "1970-01-01T00:00:04.000Z", "operation": "update", "version": 2,
        "correlation": "cor", "actor": {"clientId": "c"}, "fields": ["name"],
        "changes": [{"field": "/name/full", "old": "An", "new": "Ann"}, {"field": "/kind", "old": "org"}],
    });
    assert_eq!(all["data"][1], renamed);
    let first = &all["data"][0]["changes"];
    assert!(
        first
            .as_array()
            .expect("changes")
            .contains(&json!({"field": "/kind", "new": "org"}))
    );
    assert_eq!(all["data"][2].get("changes"), None);
    assert_eq!(all["data"][2]["operation"], "delete");
    // A later page still knows what was before.
    let page = say("?after=2&limit=1");
    assert_eq!(
        (&page["data"], &page["next"]),
        (&json!([renamed]), &json!(4))
    );
    assert_eq!(say("?after=6")["data"], json!([]));
}

#[test]
fn an_erased_contact_s_history_keeps_names_without_values() {
    let erased = vec![
        (event(2, Operation::Create, 1), None),
        (event(4, Operation::Erase, 2), None),
    ];
    let say = |path: &str| {
        answer(
            Method::GET,
            &one(path),
            json!(0),
            Answer::History(Ok(erased.clone())),
        )
    };
    let reply = say("/history");
    assert_eq!(reply.status, 200);
    let data = &body(&reply)["data"];
    assert_eq!(
        (&data[0]["fields"], data[0].get("changes")),
        (&json!(["name"]), None)
    );
    assert_eq!(
        data[1]["erasure"],
        json!({"reason": "legal", "reference": "r-1"})
    );
    assert_eq!(say("/diff").status, 410);
}

#[test]
fn a_difference_is_of_two_points() {
    let say = |query: &str| {
        let target = one(&format!("/diff{query}"));
        answer(
            Method::GET,
            &target,
            json!(0),
            Answer::History(Ok(versions())),
        )
    };
    let changes = |query: &str| body(&say(query))["changes"].clone();
    let renamed = json!([{"field": "/name/full", "old": "An", "new": "Ann"}, {"field": "/kind", "old": "org"}]);
    assert_eq!(changes("?from=2&to=4"), renamed);
    assert_eq!(changes("?from=3&to=5"), renamed);
    assert_eq!(
        changes("?from=1970-01-01T00:00:02Z&to=1970-01-01T00:00:05Z"),
        renamed
    );
    let back = json!([{"field": "/name/full", "old": "Ann", "new": "An"}, {"field": "/kind", "new": "org"}]);
    assert_eq!(changes("?from=4&to=2"), back);
    assert_eq!(changes("?from=4&to=4"), json!([]));
    assert_eq!(changes("?to=2").as_array().expect("changes").len(), 5);
    let got = body(&say("?from=4"));
    assert_eq!(got["from"]["version"], 2);
    assert_eq!(got["to"]["operation"], "delete");
    assert_eq!(say("?from=0&to=1").status, 404);
}
