//! Answers to writes and reads of one contact, and to what is no command.

use http::HeaderMap;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{CONTACTS, HEX, body, in_memory, with};
use crate::dialect::in_memory::NOW;
use crate::dialect::oracle::contact::CONTACT;
use crate::dialect::oracle::{DIALECT, Oracle, replies};
use crate::dialect::schema::Mode;
use crate::dialect::{Caller, Encoder, Query, Refusal, Request};
use crate::domain::{ContactId, Operation, Outcome, Target, Timestamp};

#[test]
fn a_body_that_is_no_json_is_no_command() {
    let mut service = in_memory();
    let message = "the body is not valid JSON at line 1, column 1";
    let seen = service.send_with("POST", CONTACTS, &[], "{");
    assert_eq!(
        seen.json(),
        json!({"status": "error", "errorData": {"errorCode": "SITE_400", "errorMessage": message}}),
    );
    assert!(seen.events.is_empty());
    let good = body().to_string();
    let text = [("content-type", "text/plain")];
    let seen = service.send_with("POST", CONTACTS, &text, &good);
    assert_eq!(seen.status(), 415);
    // PUT takes any media type.
    let path = format!("{CONTACTS}/{HEX}");
    let seen = service.send_with("PUT", &path, &text, &good);
    assert_eq!(seen.status(), 404);
}

#[test]
fn the_answer_to_a_create_is_exactly_this() {
    let mut service = in_memory();
    let seen = service.send_json("POST", CONTACTS, &with("/contact/id", HEX.into()));
    assert_eq!(
        seen.json(),
        json!({
            "id": HEX,
            "firstName": "John",
            "lastName": "Doe",
            "contactType": "5E15695CD7BA8DD7AF5AD503CFCD07C9",
            "status": "7472736EBC718245A91DCE856D8E5D32",
            "statusCodeValue": "ACTIVE",
            "studyAgnostic": "N",
            "studyId": "C36A3197FDEE433FB5547EE83DE99E4B",
            "versionStart": NOW,
        }),
    );
    assert!(seen.reply.headers.contains(&("etag", "\"1\"".into())));
}

#[test]
fn a_chosen_id_is_taken_once() {
    let mut service = in_memory();
    let hyphenated = "C36A3197-FDEE-433F-B554-7EE83DE99E4B".to_lowercase();
    let first = service.send_json("POST", CONTACTS, &with("/contact/id", HEX.into()));
    let again = service.send_json("POST", CONTACTS, &with("/contact/id", hyphenated.into()));
    assert_eq!(again.reply, first.reply);
    assert!(again.events.is_empty(), "a repeat is no news");
    let mut other = with("/contact/id", HEX.into());
    other["contact"]["firstName"] = "Jane".into();
    let refused = service.send_json("POST", CONTACTS, &other);
    assert_eq!(refused.reply.status, 400);
    assert_eq!(
        refused.json()["errorData"]["details"]["field"],
        "contact.id"
    );
    assert_eq!(refused.events.len(), 2);
    let without = service.send_json("POST", CONTACTS, &body());
    assert_ne!(without.json()["id"], HEX);
}

#[test]
fn an_update_replaces_and_names_what_changed() {
    let mut service = in_memory();
    let mut first = with("/contact/id", HEX.into());
    first["contact"]["taxId"] = "TAX-1".into();
    first["contact"]["reason"] = "a".into();
    service.send_json("POST", CONTACTS, &first);
    let mut next = with("/contact/reason", "b".into());
    next["modes"] = json!(["test"]);
    let path = format!("{CONTACTS}/{}", HEX.to_lowercase());
    let seen = service.send_json("PUT", &path, &next);
    assert_eq!(seen.reply.status, 200);
    assert_eq!(seen.json()["reason"], "b");
    assert_eq!(seen.json().get("taxId"), None);
    let fields = &service.contacts[0][1].0.header.fields;
    assert_eq!(*fields, ["taxId", "reason", "modes"]);
    let uid = |version: usize| service.contacts[0][version].1.as_ref()?.card.text("uid");
    assert_eq!(uid(1), uid(0));

    next["contact"]["id"] = "B1B8327AFAA6412287106192AB5984EF".into();
    let seen = service.send_json("PUT", &path, &next);
    assert_eq!(seen.json()["errorData"]["details"]["field"], "contact.id");
    let stale = [("if-match", "\"1\"")];
    let seen = service.send_with("PUT", &path, &stale, body().to_string());
    assert_eq!(seen.reply.status, 412);
    assert_eq!(seen.events.len(), 2);
}

#[test]
fn a_history_has_each_version_and_its_end() {
    let mut service = in_memory();
    service.send_json("POST", CONTACTS, &with("/contact/id", HEX.into()));
    let path = format!("{CONTACTS}/{HEX}");
    service.send_json("PUT", &path, &with("/contact/reason", "moved".into()));
    let mut versions = service.contacts[0].clone();
    let mut end = versions[1].0.clone();
    end.header.operation = Operation::Erase;
    end.header.time = Timestamp::from_millis(1_768_473_060_000);
    versions.push((end, None));
    let reply = replies::history(HEX, Ok(versions.into()), 1_000);
    let entries: Value = serde_json::from_slice(&reply.body).expect("JSON");
    let at = |index: usize, name: &str| entries[index][name].as_str();
    assert_eq!(at(0, "operationType"), Some("CREATE"));
    assert_eq!(at(0, "userId"), Some("a-user"));
    assert_eq!(at(0, "versionEnd"), at(1, "versionStart"));
    assert_eq!(at(1, "reason"), Some("moved"));
    assert_eq!(
        entries[2],
        json!({
            "id": HEX,
            "operationType": "DELETE",
            "userId": "a-user",
            "versionStart": "2026-01-15T10:31:00.000Z",
        }),
    );
    assert_eq!(at(1, "versionEnd"), at(2, "versionStart"));
}

#[test]
fn what_is_not_there_and_what_was_erased_look_alike() {
    let want = json!({"status": "error", "errorData":
        {"errorCode": "SITE_404", "errorMessage": "There is no such contact."}});
    let erased = Outcome::Erased {
        id: ContactId(Uuid::nil()),
    };
    let target = Target::Id(ContactId(Uuid::nil()));
    for reply in [
        Oracle::found(Err(Refusal::NotFound), &target),
        Oracle::found(Err(Refusal::Gone), &target),
        replies::history(HEX, Err(Refusal::Gone), 1_000),
        Oracle::written(vec![erased], None),
        DIALECT.refuse(&Refusal::Gone),
    ] {
        assert_eq!(reply.status, 404);
        assert_eq!(
            serde_json::from_slice::<Value>(&reply.body).ok(),
            Some(want.clone())
        );
    }
    let path = format!("{CONTACTS}/not-an-id");
    let seen = in_memory().send("GET", &path, "");
    assert_eq!(seen.reply.status, 400);
    assert_eq!(seen.json()["errorData"]["details"]["field"], "contactId");
}

#[test]
fn a_caller_without_its_one_tenant_is_refused() {
    let caller = Caller::default();
    let query = Query::default();
    let headers = HeaderMap::new();
    let request = Request {
        target: None,
        params: &[],
        query: &query,
        headers: &headers,
        body: b"",
        caller: &caller,
    };
    let reply = (DIALECT.scope)(&request).expect_err("no tenant");
    assert_eq!(reply.status, 400);
    assert_eq!(
        DIALECT.owner_of_ids(&["a"]).map(|o| o.tenant().to_owned()),
        Ok("a".into())
    );
    assert!(DIALECT.owner_of_ids(&["a", "b"]).is_err());
    assert!(DIALECT.owner_of_ids(&["a\n"]).is_err());
}

#[test]
fn only_ids_of_code_lists_are_non_sensitive() {
    let body = with("/contact/contactType", HEX.into());
    let card = CONTACT.read(&body, "", Mode::Whole).card().expect("good");
    let want = json!({"contactType": HEX, "status": "7472736EBC718245A91DCE856D8E5D32"});
    assert_eq!(Value::Object(CONTACT.non_sensitive(&card)), want);
}
