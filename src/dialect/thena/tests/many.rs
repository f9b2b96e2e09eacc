//! Requests about many contacts: lists, search, filter, bulk, ingestion.

use serde_json::{Value, json};

use super::{CONTACTS, create, events, in_memory, refused};
use crate::dialect::in_memory::{InMemoryService, NOW};

const BULK: &str = "/v1/accounts/contacts/bulk";
const INGEST: &str = "/v1/accounts/contacts/ingest";

fn person(name: &str) -> Value {
    json!({"firstName": name, "email": format!("{name}@example.com")})
}

fn with_twelve() -> InMemoryService {
    let mut service = in_memory();
    for number in 0..12 {
        let mut body = person(&format!("p{number}"));
        body["accountIds"] = json!([format!("A{}", number % 3)]);
        if number % 4 == 0 {
            body["contactType"] = json!("CT1");
        }
        create(&mut service, &body);
    }
    service
}

/// The first names in a list.
fn names(body: &Value) -> Vec<String> {
    let contacts = body.as_array().expect("an array").iter();
    let names = contacts.map(|c| c["firstName"].as_str().unwrap_or_default());
    names.map(str::to_owned).collect()
}

#[test]
fn a_list_is_filtered_and_paged() {
    for (query, want) in [
        (
            "",
            &["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9"][..],
        ),
        ("?page=2", &["p10", "p11"]),
        ("?page=3", &[]),
        ("?limit=2&page=2", &["p2", "p3"]),
        ("?accountId=A1", &["p1", "p4", "p7", "p10"]),
        ("?contactType=CT1", &["p0", "p4", "p8"]),
        ("?contactType=PRIMARY&accountId=A0", &["p3", "p6", "p9"]),
        ("?accountId=A9", &[]),
    ] {
        let sent = with_twelve().send("GET", &format!("{CONTACTS}{query}"), "");
        assert_eq!(
            (sent.status(), names(&sent.json())),
            (200, want.iter().map(ToString::to_string).collect()),
            "{query}"
        );
    }
    for bad in ["page=0", "page=x", "limit=0", "limit=1001", "limit=-1"] {
        let sent = in_memory().send("GET", &format!("{CONTACTS}?{bad}"), "");
        assert_eq!(sent.status(), 400, "{bad}");
    }
}

#[test]
fn a_contact_is_found_by_its_address() {
    let search = |query: &str| with_twelve().send("GET", &format!("{CONTACTS}/search{query}"), "");
    assert_eq!(names(&search("?email=P7@example.com").json()), ["p7"]);
    assert_eq!(search("?email=p@example.com").json(), json!([]));
    for bad in ["", "?email=", "?name=x"] {
        refused(
            &search(bad),
            400,
            "Bad Request",
            json!(["email should not be empty"]),
        );
    }
}

#[test]
fn contacts_are_filtered_by_ids() {
    let mut service = in_memory();
    let ids: Vec<String> = ["a", "b", "c"]
        .iter()
        .map(|n| create(&mut service, &person(n)))
        .collect();
    let mut filter =
        |body: Value| service.send("POST", &format!("{CONTACTS}/filter/ids"), body.to_string());
    let sent = filter(json!({"ids": [ids[2], format!("C{}", ids[0]), ids[2], "C123"]}));
    assert_eq!(
        (sent.status(), names(&sent.json())),
        (201, vec!["a".into(), "c".into()])
    );
    assert!(sent.events.is_empty());
    let sent = filter(json!({"ids": []}));
    assert_eq!((sent.status(), sent.json()), (201, json!([])));
    let message = json!(["each value in ids must be a string"]);
    refused(&filter(json!({"ids": [1]})), 400, "Bad Request", message);
    refused(
        &filter(json!({})),
        400,
        "Bad Request",
        json!(["ids should not be empty"]),
    );
    refused(
        &filter(json!([])),
        400,
        "Bad Request",
        json!(["body must be an object"]),
    );
    assert_eq!(filter(json!({"ids": vec!["x"; 1_001]})).status(), 413);
}

#[test]
fn a_bulk_goes_item_by_item() {
    let mut service = in_memory();
    create(&mut service, &person("ann"));
    let body = json!({"contacts": [person("ann"), person("bob"), person("bob"),
        {"firstName": "x", "email": "nope"}, "text"],
        "accountIds": "A1", "contactType": "CT1", "source": "Slack"});
    let sent = service.send("POST", BULK, body.to_string());
    let want = json!({"total": 5, "created": 1, "skipped": 2, "errors": [
        "contacts.3.email must be an email", "each value in contacts must be an object"]});
    assert_eq!((sent.status(), sent.json()), (201, want));
    let outcomes = ["FAIL", "SUCCESS", "FAIL", "FAIL", "FAIL"];
    let all: Vec<String> = outcomes.iter().flat_map(|o| events("CREATE", o)).collect();
    assert_eq!(sent.events, all);
    let bob = service.send(
        "GET",
        &format!("{CONTACTS}?accountId=A1&contactType=CT1"),
        "",
    );
    assert_eq!(names(&bob.json()), ["bob"]);
}

#[test]
fn accounts_and_type_of_a_bulk_go_with_each_contacts_own() {
    let mut service = in_memory();
    let mut ann = person("ann");
    ann["accountIds"] = json!(["A2", "A1"]);
    ann["contactType"] = json!("CT2");
    let body = json!({"contacts": [ann], "accountIds": ["A1", "A3"], "contactType": "CT1"});
    let sent = service.send("POST", BULK, body.to_string());
    assert_eq!(sent.json(), json!({"total": 1, "created": 1, "skipped": 0}));
    let ann = &service.send("GET", CONTACTS, "").json()[0];
    assert_eq!(ann["accounts"], json!(["A2", "A1", "A3"]));
    assert_eq!(ann["contactTypeId"], "CT2");
}

#[test]
fn a_bulk_that_is_wrong_as_a_whole_is_one_attempt() {
    for (body, message) in [
        (json!({}), "contacts should not be empty"),
        (json!({"contacts": {}}), "contacts must be an array"),
        (json!([person("ann")]), "body must be an object"),
        (
            json!({"contacts": [person("ann")], "accountIds": [1]}),
            "each value in accountIds must be a string",
        ),
        (
            json!({"contacts": [person("ann")], "contactType": 1}),
            "contactType must be a string",
        ),
        (
            json!({"contacts": [{"email": "a@b.de"}]}),
            "contacts.0.firstName should not be empty",
        ),
    ] {
        let sent = in_memory().send("POST", BULK, body.to_string());
        refused(&sent, 400, "Bad Request", json!([message]));
        assert_eq!(sent.events, events("CREATE", "FAIL"), "{body}");
    }
    for body in [json!({"contacts": []}), json!([])] {
        let sent = in_memory().send("POST", BULK, body.to_string());
        refused(&sent, 400, "Bad Request", "No contacts to create".into());
        assert!(sent.events.is_empty());
    }
    let many = json!({"contacts": vec![1; 1_001]});
    let sent = in_memory().send("POST", BULK, many.to_string());
    assert_eq!((sent.status(), sent.events.len()), (413, 0));
}

#[test]
fn an_ingestion_creates_or_updates_by_address() {
    let mut service = in_memory();
    let ann = create(&mut service, &person("ann"));
    let body = json!({"sinkSource": "SLACK", "users": [
        {"firstName": "Anna", "email": "ANN@example.com", "phoneNumber": "+1"}, person("bob")]});
    let sent = service.send("POST", INGEST, body.to_string());
    let got = sent.json();
    assert_eq!(
        (sent.status(), &got["message"]),
        (200, &json!("Users ingested successfully!"))
    );
    assert_eq!(got["statusCode"], 200);
    let want = json!({"uid": ann, "firstName": "Anna", "lastName": "",
        "email": "ANN@example.com", "phoneNumber": "+1", "avatarUrl": "",
        "contactType": "PRIMARY", "createdAt": NOW, "updatedAt": NOW});
    assert_eq!(
        (&got["data"][0], &got["data"][1]["firstName"]),
        (&want, &json!("bob"))
    );
    let all = [events("UPDATE", "SUCCESS"), events("CREATE", "SUCCESS")].concat();
    assert_eq!(sent.events, all);
}

#[test]
fn an_ingestion_that_is_wrong_is_refused() {
    let sources =
        "sinkSource must be one of the following values: MANUAL, SLACK, TEAMS, INTERCOM, ZENDESK";
    for (body, message) in [
        (
            json!({"users": [person("ann")]}),
            "sinkSource should not be empty",
        ),
        (
            json!({"users": [person("ann")], "sinkSource": "FAX"}),
            sources,
        ),
        (
            json!({"users": {}, "sinkSource": "SLACK"}),
            "users must be an array",
        ),
        (
            json!({"users": [{"firstName": "x"}], "sinkSource": "SLACK"}),
            "users.0.email should not be empty",
        ),
    ] {
        let sent = in_memory().send("POST", INGEST, body.to_string());
        refused(&sent, 400, "Bad Request", json!([message]));
        assert_eq!(sent.events, events("CREATE", "FAIL"), "{body}");
    }
    let nobody = in_memory().send("POST", INGEST, r#"{"users":[],"sinkSource":"TEAMS"}"#);
    assert_eq!((nobody.status(), nobody.events.len()), (200, 0));
    assert_eq!(nobody.json()["data"], json!([]));
}
