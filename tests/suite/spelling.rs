//! An id has many spellings and stands for one thing: an idempotency key sees the thing.

use serde_json::{Value, json};

use crate::api::Person;
use crate::apis;
use crate::test_server::TestServer;

const ANN: Person<'static> = Person {
    name: "Ann",
    email: "ann@example.com",
};

/// A dialect, an owner's path with `{owner}` in it, and two spellings of one owner.
const OWNERS: [(&str, &str, &str, &str); 3] = [
    (
        "mattr",
        "/v1/ecosystems/{owner}/participants/a24e391a-c27f-4b6e-9805-1ee7e03f3c58/contacts",
        "87880d7e-a4d0-462e-8383-3f1e5e16865d",
        "87880D7E-A4D0-462E-8383-3F1E5E16865D",
    ),
    ("emnify", "/api/v1/organisation/{owner}/contact", "7", "007"),
    ("kare", "/companies/v2/rs/{owner}/contacts", "7", "07"),
];

#[tokio::test]
async fn another_spelling_of_the_owner_is_the_same_request() {
    let service = TestServer::new(&[]);
    for (name, path, one, other) in OWNERS {
        let api = apis::by_name(name);
        let token = service.token("c", &["admin"], &["*"], 3_000);
        let caller = service.admin(api, 0).with_token(token);
        let body = (api.create)(ANN).to_string();
        let key = [("idempotency-key", "once")];
        let first = path.replace("{owner}", one);
        let first = caller.send("POST", &first, &key, body.clone()).await;
        assert!(first.status < 300, "{name}: {first:?}");
        let head = service.head().await;
        let second = path.replace("{owner}", other);
        let second = caller.send("POST", &second, &key, body).await;
        assert_eq!(
            (second.status, &second.body),
            (first.status, &first.body),
            "{name}"
        );
        let replayed = [&first, &second].map(|answer| answer.header("idempotent-replayed"));
        assert_eq!(replayed, [None, Some("true")], "{name}");
        // The question for the head is itself a START and a FAIL.
        assert_eq!(service.head().await, head + 2, "{name}");
    }
}

#[tokio::test]
async fn a_token_and_a_filter_name_the_owner_in_either_spelling() {
    let service = TestServer::new(&[]);
    for (name, path, one, other) in OWNERS {
        let api = apis::by_name(name);
        let body = (api.create)(ANN).to_string();
        let of_dialect = format!("{name}/{other}");
        for (tenant, asked) in [(one, one), (other, one), (one, other), (&of_dialect, other)] {
            let token = service.token("c", &["admin"], &[tenant], 3_000);
            let caller = service.admin(api, 0).with_token(token);
            let contacts = path.replace("{owner}", asked);
            let sent = caller.send("POST", &contacts, &[], body.clone()).await;
            assert!(sent.status < 300, "{name} {tenant} {asked}: {sent:?}");
            let many = async |path: &str, at: &str| {
                let seen = caller.send("GET", path, &[], String::new()).await.json();
                seen[at].as_array().expect("a list").len()
            };
            let filter = format!("tenant={asked}&dialect={name}");
            let found = many(&format!("/contacts?{filter}"), "data").await;
            let happened = many(&format!("/events?{filter}"), "events").await;
            assert!(found > 0, "{name} {tenant} {asked}");
            assert_eq!(happened, found * 2, "{name} {tenant} {asked}");
        }
    }
}

/// The query string is part of the request that an idempotency key stands for: the same Card under
/// the same key, matched by another property, is another request.
#[tokio::test]
async fn another_query_is_another_request() {
    let service = TestServer::new(&[]);
    let caller = service.admin(apis::by_name("native"), 0);
    let card = json!({"name": {"full": "Ann"}, "emails": {"e": {"address": ANN.email}},
        "contactd.local:externalId": "crm-7"});
    let key = [("idempotency-key", "once")];
    let mut put = Vec::new();
    for by in ["email", "email", "externalId"] {
        let path = format!("/contacts?match={by}");
        put.push(caller.send("PUT", &path, &key, card.to_string()).await);
    }
    let statuses: Vec<u16> = put.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [201, 201, 422], "{put:?}");
    assert_eq!(put[0].position(), put[1].position());
    assert_eq!(caller.all().await.len(), 1);
}

#[tokio::test]
async fn another_spelling_of_the_contact_is_the_same_request() {
    let service = TestServer::new(&[]);
    let caller = service.admin(apis::by_name("native"), 0);
    let id = caller.created(ANN).await;
    let key = [
        ("idempotency-key", "once"),
        ("content-type", "application/merge-patch+json"),
    ];
    let patch = json!({"name": {"full": "Bob"}}).to_string();
    let mut versions = Vec::new();
    for id in [id.clone(), id.to_uppercase()] {
        let path = format!("/contacts/{id}");
        let answer = caller.send("PATCH", &path, &key, patch.clone()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let version: &Value = &answer.json()["version"];
        versions.push(version.clone());
    }
    assert_eq!(versions[0], versions[1]);
    let path = format!("/contacts/{id}");
    let other = json!({"name": {"full": "Carl"}}).to_string();
    assert_eq!(caller.send("PATCH", &path, &key, other).await.status, 422);
}
