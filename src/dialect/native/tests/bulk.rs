//! Upserts and batches: what they ask for.

use serde_json::{Value, json};

use super::requests::{attempt, refused, violations, writes};
use super::*;
use crate::dialect::Call;
use crate::dialect::native::rules::RULES;
use crate::domain::{Action, Expected, Match, Precondition, Problem};

#[test]
fn an_upsert_finds_its_contact_by_a_key() {
    let put = |by: &str, card: Value| {
        Sent::new(
            Method::PUT,
            &format!("/contacts?match={by}"),
            card.to_string(),
        )
    };
    let card = json!({"emails": {"e": {"address": "Ann@B.co"}, "f": {"address": "x@b.co"}},
        "contactd.local:externalId": "Crm-7"});
    for (by, key) in [
        ("email", LookupKey::email("ann@b.co")),
        ("externalId", LookupKey::external_id("Crm-7")),
    ] {
        let upsert = attempt(&put(by, card.clone()));
        assert_eq!(upsert.operation, Operation::Create);
        let Ok(Action::Upsert {
            by: Match(got),
            card: new,
            ..
        }) = upsert.action
        else {
            panic!("an upsert");
        };
        assert_eq!(got, key);
        assert!(RULES.keys_of(&new).contains(&got));
    }
    let missing = |by, field: &str, expected| {
        let want = vec![(field.to_owned(), Problem::Required(expected))];
        assert_eq!(violations(attempt(&put(by, json!({})))), want);
    };
    missing("email", "emails", Expected::Object);
    missing("externalId", "contactd.local:externalId", Expected::String);
    assert_eq!(refused(&put("phone", card.clone())).1, "bad_parameter");
    assert_eq!(
        refused(&Sent::new(Method::PUT, "/contacts", card.to_string())).1,
        "bad_parameter"
    );
}

fn batch(body: &Value) -> Sent {
    Sent::new(Method::POST, "/contacts/batch", body.to_string())
}

#[test]
fn a_batch_is_an_attempt_for_each_operation() {
    let all = writes(&batch(&json!({"operations": [
        {"op": "create", "card": {"kind": "org"}},
        {"op": "update", "id": ID, "patch": {"kind": "org"}, "ifMatch": 3},
        {"op": "delete", "id": ID, "ifMatch": "\"4\""},
        {"op": "upsert", "match": "email", "card": {"emails": {"e": {"address": "a@b.co"}}}, "ifMatch": "*"},
    ]})));
    assert!(all.attempts.iter().all(|attempt| attempt.action.is_ok()));
    let operations: Vec<_> = all.attempts.iter().map(|a| a.operation.name()).collect();
    assert_eq!(operations, ["CREATE", "UPDATE", "DELETE", "CREATE"]);
    let conditions: Vec<_> = all
        .attempts
        .iter()
        .map(|a| a.precondition.clone())
        .collect();
    let versions = |v| Precondition::versions(vec![v]);
    assert_eq!(
        conditions,
        [
            Precondition::NONE,
            versions(3),
            versions(4),
            Precondition::EXISTS
        ]
    );
}

#[test]
fn a_batch_is_judged_item_by_item() {
    let item = |item: &Value| attempt(&batch(&json!({"operations": [item]})));
    let text = Problem::WrongType(Expected::String);
    let no_text = Problem::Required(Expected::String);
    let no_object = Problem::Required(Expected::Object);
    for (bad, field, problem) in [
        (json!(1), "operations", Problem::WrongType(Expected::Object)),
        (json!({}), "op", no_text),
        (json!({"op": 1}), "op", text),
        (
            json!({"op": "x"}),
            "op",
            Problem::OneOf(&["create", "update", "delete", "upsert"]),
        ),
        (json!({"op": "create"}), "card", no_object),
        (
            json!({"op": "create", "card": 1}),
            "card",
            Problem::WrongType(Expected::Object),
        ),
        (
            json!({"op": "create", "card": {"uid": ""}}),
            "uid",
            Problem::Blank,
        ),
        (json!({"op": "update", "patch": {}}), "id", no_text),
        (
            json!({"op": "update", "id": "x", "patch": {}}),
            "id",
            Problem::Format("uuid"),
        ),
        (json!({"op": "update", "id": ID}), "patch", no_object),
        (json!({"op": "delete", "id": 7}), "id", text),
        (
            json!({"op": "delete", "id": ID, "ifMatch": -1}),
            "ifMatch",
            Problem::Format("entity-tag"),
        ),
        (
            json!({"op": "delete", "id": ID, "ifMatch": []}),
            "ifMatch",
            text,
        ),
        (json!({"op": "upsert", "card": {}}), "match", no_text),
        (
            json!({"op": "upsert", "match": "x", "card": {}}),
            "match",
            Problem::OneOf(&["email", "externalId"]),
        ),
        (json!({"op": "upsert", "match": "email"}), "card", no_object),
        // What an operation does not have is no condition that holds.
        (
            json!({"op": "update", "id": ID, "patch": {}, "if_match": 3}),
            "*",
            Problem::NotAllowed,
        ),
        (
            json!({"op": "create", "card": {}, "tenant": "other"}),
            "*",
            Problem::NotAllowed,
        ),
    ] {
        assert_eq!(
            violations(item(&bad)),
            [(field.to_owned(), problem)],
            "{bad}"
        );
    }
}

#[test]
fn an_item_that_is_too_large_is_refused_alone() {
    let mut service = InMemoryService::open(&DIALECT, "default");
    let card = json!({"name": {"full": "Ann"}});
    let large = json!({"notes": {"n": {"note": "x".repeat(49_152)}}});
    let made = service.send_json("POST", "/contacts", &card).json();
    let id = &made["id"];
    let operations = json!([
        {"op": "create", "card": large},
        {"op": "create", "card": card},
        {"op": "update", "id": id, "patch": large},
        {"op": "upsert", "match": "email", "card": large},
        {"op": "delete", "id": id},
    ]);
    let batch = json!({ "operations": operations });
    let results = service.send_json("POST", "/contacts/batch", &batch).json();
    let results = results["results"].as_array().expect("results");
    let statuses: Vec<_> = results.iter().map(|one| one["status"].clone()).collect();
    assert_eq!(statuses, [413, 201, 413, 413, 204], "{results:?}");
    for large in [&results[0], &results[2], &results[3]] {
        assert_eq!(large["error"]["code"], "too_large", "{large}");
        assert_eq!(large["error"]["status"], 413, "{large}");
    }
    let alone = service.send_json("POST", "/contacts", &large);
    assert_eq!((alone.status(), alone.events.len()), (413, 0));
}

#[test]
fn a_batch_has_no_condition_and_no_tenant_but_its_own() {
    let body = json!({"operations": [{"op": "delete", "id": ID}]});
    let conditional = batch(&body).with("if-match", "\"1\"");
    assert_eq!(refused(&conditional).1, "bad_parameter");
    for path in ["/contacts/batch?tenant=other", "/contacts?tenant=other"] {
        // A subject of the message bus names the tenant, and the query another one.
        let elsewhere = Sent::new(Method::POST, path, body.to_string());
        let refused = decode(elsewhere.route, &elsewhere.request(), Some(&owner("acme")));
        let status = refused.expect_err("a refusal").status;
        assert_eq!(status, 403, "{path}");
    }
}

/// A batch is one command, of one owner, in one commit.
#[test]
fn a_batch_reaches_no_contact_of_a_vendor() {
    let mut service = InMemoryService::open(&DIALECT, "default");
    let eve = json!({"firstName": "Eve", "email": "eve@b.co"});
    let made = service.send_json("POST", "/v1/accounts/contacts", &eve);
    assert_eq!(made.status(), 201);
    let found = service.send("GET", "/contacts", "").json();
    let id = found["data"][0]["id"].as_str().expect("an id").to_owned();
    let delete = json!({"operations": [{"op": "delete", "id": id}]});
    let results = service.send_json("POST", "/contacts/batch", &delete).json();
    assert_eq!(results["results"][0]["status"], 404);
    let alone = service.send("DELETE", &format!("/contacts/{id}"), "");
    assert_eq!(alone.status(), 204);
}

#[test]
fn a_batch_of_another_form_is_one_bad_command() {
    for (bad, problem) in [
        (json!([]), Problem::Required(Expected::Array)),
        (json!({}), Problem::Required(Expected::Array)),
        (
            json!({"operations": {}}),
            Problem::WrongType(Expected::Array),
        ),
    ] {
        let wrong = violations(attempt(&batch(&bad)));
        assert_eq!(wrong, [("operations".to_owned(), problem)]);
    }
    let items = |count| batch(&json!({"operations": vec![json!({}); count]}));
    assert_eq!(writes(&items(200)).attempts.len(), 200);
    assert_eq!(refused(&items(201)).0, 413);
    let Ok(Call::Known(reply)) = items(0).call() else {
        panic!("nothing to ask");
    };
    assert_eq!(
        (reply.status.as_u16(), body(&reply)),
        (200, json!({"results": []}))
    );
}
