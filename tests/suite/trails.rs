//! Whose trail a read stands in, and what a role may see and do through our own API.

use serde_json::{Value, json};

use crate::api::Person;
use crate::apis;
use crate::test_server::TestServer;

const ANN: Person<'static> = Person {
    name: "Ann",
    email: "ann@example.com",
};
const LIST: &str = "CONTACT_RETRIEVE_LIST_SUCCESS";

/// The type and the tenant of each event after a position.
async fn recorded(service: &TestServer, after: u64) -> Vec<(String, String)> {
    // Nobody waits for recorded reads, but a write goes behind them.
    let head = service.head().await - 2;
    let events = service.events_after(after).await.into_iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let before_head =
        |event: &Value| text(&event["sequence"]).parse::<u64>().expect("a number") <= head;
    events
        .filter(before_head)
        .map(|event| (text(&event["type"]), text(&event["data"]["tenant"])))
        .filter(|(kind, _)| kind.contains("_RETRIEVE") && kind.ends_with("_SUCCESS"))
        .collect()
}

fn list_in(tenants: &[&str]) -> Vec<(String, String)> {
    let one = |tenant: &&str| (LIST.to_owned(), (*tenant).to_owned());
    tenants.iter().map(one).collect()
}

#[tokio::test]
async fn nobody_writes_into_another_s_trail_or_makes_up_a_tenant() {
    let service = TestServer::new(&["--audit-reads"]);
    let native = apis::by_name("native");
    let (one, other) = (service.admin(native, 0), service.admin(native, 1));
    one.created(ANN).await;
    other.created(ANN).await;
    let everybody = service.token("all", &["admin"], &["*"], 3_000);
    let everybody = one.with_token(everybody);
    let both = service.token("both", &["admin"], &[one.tenant, other.tenant], 3_000);
    let both = one.with_token(both);
    for (caller, path, trails) in [
        (
            &one,
            format!("/contacts?tenant={}", other.tenant),
            vec![one.tenant],
        ),
        (
            &one,
            "/contacts/changes?tenant=ghost".to_owned(),
            vec![one.tenant],
        ),
        (
            &everybody,
            "/contacts?tenant=ghost".to_owned(),
            vec!["default"],
        ),
        (
            &everybody,
            format!("/contacts?tenant={}", other.tenant),
            vec![other.tenant],
        ),
        (
            &both,
            "/contacts".to_owned(),
            vec![one.tenant, other.tenant],
        ),
        (
            &both,
            format!("/contacts?tenant={}", one.tenant),
            vec![one.tenant],
        ),
    ] {
        let before = service.head().await;
        let answer = caller.send("GET", &path, &[], "").await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        let mut found = recorded(&service, before).await;
        found.sort();
        let mut want = list_in(&trails);
        want.sort();
        assert_eq!(found, want, "{path}");
    }
    let stats = everybody.send("GET", "/stats", &[], "").await.json();
    let tenants = stats["tenants"].as_array().expect("tenants");
    assert!(
        tenants.iter().all(|tenant| tenant["tenant"] != "ghost"),
        "{stats}"
    );
}

#[tokio::test]
async fn the_widest_reads_are_recorded_too() {
    let service = TestServer::new(&["--audit-reads"]);
    let caller = service.admin(apis::by_name("native"), 0);
    let id = caller.created(ANN).await;
    let lines = [("accept", "application/x-ndjson")];
    for headers in [&[][..], &lines] {
        let before = service.head().await;
        let answer = caller.send("GET", "/events", headers, "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(recorded(&service, before).await, list_in(&[caller.tenant]));
    }
    // An event stream is recorded as it begins.
    let before = service.head().await;
    let token = service.token("short", &["auditor"], &[caller.tenant], 2);
    crate::streams::follow(&service, &token, "text/event-stream").await;
    assert_eq!(recorded(&service, before).await, list_in(&[caller.tenant]));
    // A look at nothing but records of reads makes no further one, or a poller would fill the log.
    let before = service.head().await;
    caller
        .send("GET", &format!("/events?after={before}"), &[], "")
        .await;
    assert_eq!(recorded(&service, before).await, []);

    let everybody = service.token("all", &["admin"], &["*"], 3_000);
    let everybody = caller.with_token(everybody);
    let before = service.head().await;
    let bundle = loop {
        let checkpoint = everybody.send("GET", "/audit/checkpoint", &[], "").await;
        let text = String::from_utf8(checkpoint.body).expect("text");
        let size: u64 = text
            .lines()
            .nth(1)
            .expect("a size")
            .parse()
            .expect("a number");
        if size >= before {
            break format!("/audit/tile/entries/000.p/{size}");
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    let answer = everybody.send("GET", &bundle, &[], "").await;
    assert_eq!(answer.status, 200, "{bundle}: {answer:?}");
    assert_eq!(recorded(&service, before).await, list_in(&["default"]));
    assert!(caller.read(&id).await.is_some());
}

#[tokio::test]
async fn a_contact_s_own_dialect_says_which_reads_are_recorded() {
    let service = TestServer::new(&[]);
    let mattr = service.admin(apis::by_name("mattr"), 0);
    let before = service.head().await;
    mattr.created(ANN).await;
    let events = service.events_after(before).await;
    let id = events[1]["subject"].as_str().expect("our id").to_owned();
    for path in [
        format!("/contacts/{id}"),
        format!("/contacts/{id}/history"),
        format!("/contacts/{id}/diff"),
    ] {
        let before = service.head().await;
        assert_eq!(mattr.send("GET", &path, &[], "").await.status, 200);
        let want = (
            "ECOSYSTEM_PARTICIPANT_CONTACT_RETRIEVE_SUCCESS".to_owned(),
            mattr.tenant.to_owned(),
        );
        assert_eq!(recorded(&service, before).await, [want], "{path}");
    }
    let native = service.admin(apis::by_name("native"), 0);
    let id = native.created(ANN).await;
    let before = service.head().await;
    assert!(native.read(&id).await.is_some());
    assert_eq!(
        recorded(&service, before).await,
        [],
        "ours are not, unless asked for"
    );
}

#[tokio::test]
async fn who_may_only_write_is_shown_nothing_that_was_stored() {
    let service = TestServer::new(&[]);
    for api in apis::ALL.iter().filter(|api| api.name != "mattr") {
        let admin = service.admin(api, 0);
        let id = admin.created(ANN).await;
        let writer = service.caller(api, 0, &["contacts:write"]);
        let both = service.caller(api, 0, &["contacts:write", "contacts:read"]);
        let path = api.one_of(writer.tenant, &id);
        let rename = (api.rename)(Person { name: "Bob", ..ANN }).to_string();
        let answer = writer.send(api.update_method, &path, &[], "{}").await;
        let shown = String::from_utf8_lossy(&answer.body);
        for stored in ["Ann", ANN.email, "Lee"] {
            assert!(!shown.contains(stored), "{}: {shown}", api.name);
        }
        let answer = writer
            .send(api.update_method, &path, &[], rename.clone())
            .await;
        let was_shown = both.send(api.update_method, &path, &[], rename).await;
        assert!(
            matches!(answer.status, 200 | 204),
            "{}: {answer:?}",
            api.name
        );
        assert!(
            answer.body.is_empty() || was_shown.status != 200,
            "{}: {answer:?}",
            api.name
        );
        assert_eq!(
            answer.header("etag").is_some(),
            was_shown.header("etag").is_some(),
            "{}: the version is told all the same",
            api.name
        );
    }
    let native = apis::by_name("native");
    let writer = service.caller(native, 1, &["contacts:write"]);
    let card = json!({"emails": {"e": {"address": "zoe@example.com"}}, "name": {"full": "Zoe"}});
    let path = format!("/contacts?match=email&tenant={}", writer.tenant);
    let made = writer.send("PUT", &path, &[], card.to_string()).await;
    assert_eq!(made.status, 201, "its own content is its own: {made:?}");
    let again = writer.send("PUT", &path, &[], card.to_string()).await;
    assert_eq!(
        (again.status, again.body.as_slice()),
        (204, &b""[..]),
        "{again:?}"
    );
}

#[tokio::test]
async fn our_own_api_opens_no_more_than_the_contact_s_own() {
    let service = TestServer::new(&[]);
    let mattr = service.admin(apis::by_name("mattr"), 0);
    let before = service.head().await;
    mattr.created(ANN).await;
    let events = service.events_after(before).await;
    let id = events[1]["subject"].as_str().expect("our id").to_owned();
    let path = format!("/contacts/{id}");
    let clerk = service.token(
        "clerk",
        &["contacts:read", "contacts:write"],
        &[mattr.tenant],
        3_000,
    );
    let clerk = mattr.with_token(clerk);
    for (method, path) in [
        ("DELETE", path.clone()),
        ("GET", path.clone()),
        ("GET", format!("{path}/history")),
    ] {
        let head = service.head().await;
        let answer = clerk.send(method, &path, &[], "").await;
        assert_eq!(answer.status, 403, "{method} {path}: {answer:?}");
        assert_eq!(
            service.head().await,
            head + 2,
            "{method} {path}: nothing is in the log"
        );
    }
    let found = clerk.send("GET", "/contacts", &[], "").await.json();
    assert_eq!(found["data"], json!([]));
    let found = clerk.send("GET", "/contacts/changes", &[], "").await.json();
    assert_eq!(found["changed"], json!([]));
    // The vendor's own roles do.
    assert_eq!(mattr.send("DELETE", &path, &[], "").await.status, 204);
    let thena = service.caller(apis::by_name("thena"), 0, &["contacts:write"]);
    let before = service.head().await;
    thena.created(ANN).await;
    let events = service.events_after(before).await;
    let id = events[1]["subject"].as_str().expect("our id").to_owned();
    let answer = thena
        .send("DELETE", &format!("/contacts/{id}"), &[], "")
        .await;
    assert_eq!(answer.status, 204, "{answer:?}");
}
