//! A search over the contacts of every dialect.

use serde_json::{Value, json};

use crate::api::Person;
use crate::apis;
use crate::test_server::{Caller, TestServer};

/// The contact that each tenant of each dialect has.
const ANN: Person<'static> = Person {
    name: "Ann Example",
    email: "ann@example.com",
};

/// What a search finds.
async fn found(caller: &Caller, query: &str) -> Vec<Value> {
    let path = format!("/contacts?{query}");
    let answer = caller.send("GET", &path, &[], "").await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.json()["data"].as_array().expect("contacts").clone()
}

#[tokio::test]
async fn a_contact_is_found_by_the_id_that_its_vendor_shows() {
    let service = TestServer::new(&[]);
    let native = apis::by_name("native");
    let everybody = service.token("everybody", &["admin"], &["*"], 3_000);
    let everybody = service.admin(native, 0).with_token(everybody);
    for api in apis::ALL {
        let owner = service.admin(api, 0);
        let id = owner.created(ANN).await;
        let other = service.admin(api, 1).created(ANN).await;
        let (name, tenant) = (api.name, owner.tenant);
        for query in [
            format!("vendor_id={id}"),
            format!("vendor_id={}&dialect={name}", id.to_lowercase()),
            format!("vendor_id={}&tenant={tenant}", id.to_uppercase()),
        ] {
            // Another dialect that counts has the same numbers.
            let mut all = found(&everybody, &query).await;
            all.retain(|contact| contact["dialect"] == name);
            let [contact] = all.as_slice() else {
                panic!("{name} {query}: {all:?}");
            };
            assert_eq!(contact["vendorId"], id, "{name} {query}");
        }
        let neighbour = service.token("neighbour", &["admin"], &[api.tenants[1]], 3_000);
        let neighbour = everybody.with_token(neighbour);
        let theirs = found(&neighbour, &format!("vendor_id={other}&dialect={name}")).await;
        assert_eq!(theirs.len(), 1, "{name}");
        let hidden = found(&neighbour, &format!("vendor_id={id}&dialect={name}")).await;
        assert!(hidden.is_empty(), "{name}: {hidden:?}");
        let none = found(&everybody, &format!("vendor_id={id}&q=bob")).await;
        assert!(none.is_empty(), "{name}: {none:?}");
    }
}

#[tokio::test]
async fn an_id_that_a_client_chose_is_found_in_each_tenant() {
    let service = TestServer::new(&[]);
    let oracle = apis::by_name("oracle");
    let everybody = service.token("everybody", &["admin"], &["*"], 3_000);
    let everybody = service
        .admin(apis::by_name("native"), 0)
        .with_token(everybody);
    let chosen = "B1B8327AFAA6412287106192AB5984EF";
    for tenant in [0, 1] {
        let caller = service.admin(oracle, tenant);
        let mut body = (oracle.create)(ANN);
        body["contact"]["id"] = json!(chosen);
        let path = oracle.contacts_of(caller.tenant);
        let answer = caller.send("POST", &path, &[], body.to_string()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let query = format!("vendor_id={}", chosen.to_lowercase());
    assert_eq!(found(&everybody, &query).await.len(), 2);
    let one = format!("{query}&tenant={}", oracle.tenants[1]);
    assert_eq!(found(&everybody, &one).await.len(), 1);
    // Our own id is no id of the vendor's for this contact.
    let ours = found(&everybody, &one).await[0]["id"].clone();
    let ours = format!("vendor_id={}", ours.as_str().expect("an id"));
    assert!(found(&everybody, &ours).await.is_empty());
}

#[tokio::test]
async fn a_total_counts_what_is_on_every_page() {
    let service = TestServer::new(&[]);
    let native = apis::by_name("native");
    let everybody = service.token("everybody", &["admin"], &["*"], 3_000);
    let everybody = service.admin(native, 0).with_token(everybody);
    let mut ids = Vec::new();
    for api in apis::ALL {
        for tenant in [0, 1] {
            ids.push(service.admin(api, tenant).created(ANN).await);
        }
    }
    let total = async |caller: &Caller, query: &str| {
        let path = format!("/contacts?limit=1&total=true{query}");
        let answer = caller.send("GET", &path, &[], "").await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()["total"].as_u64()
    };
    // The other dialects have a tenant of this name, too.
    let own = service.token("own", &["admin"], &["native/north"], 3_000);
    let own = service.admin(native, 0).with_token(own);
    for (query, all, mine) in [
        ("", 12, 1),
        ("&dialect=native", 2, 1),
        ("&tenant=north", 3, 1),
        ("&q=ann", 12, 1),
        ("&q=nobody", 0, 0),
        ("&email=ann@example.com", 10, 1),
        ("&created_after=2000-01-01T00:00:00Z", 12, 1),
        ("&updated_after=2000-01-01T00:00:00Z&active=true", 12, 1),
        ("&created_after=2999-01-01T00:00:00Z", 0, 0),
        ("&created_before=2000-01-01T00:00:00Z", 0, 0),
        ("&updated_before=2999-01-01T00:00:00Z", 12, 1),
        ("&as_of=2999-01-01T00:00:00Z", 12, 1),
    ] {
        assert_eq!(total(&everybody, query).await, Some(all), "{query}");
        assert_eq!(total(&own, query).await, Some(mine), "{query}");
    }
    // A later page says the same, and nobody is told who did not ask.
    let first = everybody.send("GET", "/contacts?limit=5&total=true", &[], "");
    let first = first.await.json();
    let next = first["nextCursor"].as_str().expect("more");
    assert_eq!(
        total(&everybody, &format!("&cursor={next}")).await,
        Some(12)
    );
    let unasked = everybody.send("GET", "/contacts?limit=5", &[], "").await;
    assert_eq!(unasked.json().get("total"), None);
    // What has ended counts no more.
    let erase = json!({"reason": "request"}).to_string();
    let path = format!("/contacts/{}/erase?tenant=north", ids[0]);
    assert_eq!(own.send("POST", &path, &[], erase).await.status, 200);
    assert_eq!(own.delete(&ids[0]).await.status, 410);
    assert_eq!(total(&everybody, "").await, Some(11));
    assert_eq!(total(&own, "").await, Some(0));
}

/// A cursor holds the name that a page ends with, sealed: the key of that is the log's, not that of
/// its tokens.
#[tokio::test]
async fn a_cursor_outlives_a_restart_and_the_key_of_tokens() {
    let service = TestServer::new(&[]);
    let native = apis::by_name("native");
    for name in ["Ann", "Bea", "Cem"] {
        let email = &format!("{name}@example.com");
        service
            .admin(native, 0)
            .created(Person { name, email })
            .await;
    }
    let path = "/contacts?sort=name&limit=1";
    let first = service.admin(native, 0).send("GET", path, &[], "").await;
    let cursor = first.json()["nextCursor"]
        .as_str()
        .expect("more")
        .to_owned();
    service.lose_token_key();
    let (service, _) = service.restart(&[]).await;
    let path = format!("{path}&cursor={cursor}");
    let second = service.admin(native, 0).send("GET", &path, &[], "").await;
    assert_eq!(second.status, 200, "{second:?}");
    assert_eq!(second.json()["data"][0]["card"]["name"]["full"], "Bea");
}
