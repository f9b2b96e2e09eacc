//! Positions and cursors are of one log, and none is ahead of it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::api::Person;
use crate::apis;
use crate::common::Answer;
use crate::test_server::TestServer;

const ANN: Person<'static> = Person {
    name: "Ann",
    email: "ann@example.com",
};
const OTHER_LOG: &str = "01980000-0000-7000-8000-000000000000";

/// Checks that an answer refuses a position, and says how far the log has come.
fn check_ahead(answer: &Answer, head: u64, what: &str) {
    assert_eq!(answer.status, 400, "{what}: {answer:?}");
    let body = answer.json();
    assert_eq!(body["code"], "position_ahead", "{what}: {body}");
    let detail = body["detail"].as_str().expect("a text");
    assert!(detail.contains(&format!("at {head};")), "{what}: {detail}");
}

#[tokio::test]
async fn a_cursor_above_the_head_is_refused_with_the_head() {
    let service = TestServer::new(&[]);
    let caller = service.admin(apis::by_name("native"), 0);
    let id = caller.created(ANN).await;
    let head = service.head().await;
    let ahead = head + 1;
    for path in [
        format!("/events?after={ahead}"),
        format!("/events?after={}", u64::MAX),
        format!("/contacts/changes?after={ahead}"),
        format!("/contacts/{id}/history?after={ahead}"),
        format!("/contacts?as_of={ahead}"),
        format!("/contacts/{id}?as_of={ahead}"),
        format!("/audit/proof/{ahead}"),
        format!("/contacts/{id}/diff?from={ahead}"),
        format!("/contacts/{id}/diff?to={ahead}"),
    ] {
        let answer = caller.send("GET", &path, &[], "").await;
        check_ahead(&answer, head, &path);
    }
    for accept in [
        "application/json",
        "application/x-ndjson",
        "text/event-stream",
    ] {
        let ahead = ahead.to_string();
        let headers = [("accept", accept), ("last-event-id", ahead.as_str())];
        let answer = caller.send("GET", "/events?after=0", &headers, "").await;
        check_ahead(&answer, head, accept);
    }
    let headers = [("last-event-id", "x")];
    let bad = caller.send("GET", "/events?after=0", &headers, "").await;
    let detail = bad.json()["detail"].to_string();
    assert!(
        detail.contains("Last-Event-ID must be a position"),
        "{detail}"
    );
    let at_the_end = caller
        .send("GET", &format!("/events?after={head}"), &[], "")
        .await;
    assert_eq!(at_the_end.json(), json!({"events": [], "next": head}));
}

#[tokio::test]
async fn a_cursor_of_a_list_in_the_order_of_changes_is_a_position_too() {
    let service = TestServer::new(&[]);
    let caller = service.admin(apis::by_name("native"), 0);
    for _ in 0..2 {
        caller.created(ANN).await;
    }
    let first = caller
        .send("GET", "/contacts?sort=updated&limit=1", &[], "")
        .await;
    let cursor = first.json()["nextCursor"]
        .as_str()
        .expect("a cursor")
        .to_owned();
    let path = format!("/contacts?sort=updated&cursor={cursor}");
    assert_eq!(caller.send("GET", &path, &[], "").await.status, 200);
    let other = TestServer::new(&[]);
    let there = other.admin(apis::by_name("native"), 0);
    let head = other.head().await;
    let log = there
        .create(ANN)
        .await
        .header("contact-log")
        .expect("a log")
        .to_owned();
    let head = head + 2;
    let far = URL_SAFE_NO_PAD.encode(json!(["updated", log, 99_999]).to_string());
    let path = format!("/contacts?sort=updated&cursor={far}");
    check_ahead(
        &there.send("GET", &path, &[], "").await,
        head,
        "a cursor of a list",
    );
}

#[tokio::test]
async fn a_list_s_cursor_of_another_log_is_refused() {
    let (service, other) = (TestServer::new(&[]), TestServer::new(&[]));
    let caller = service.admin(apis::by_name("native"), 0);
    for _ in 0..2 {
        caller.created(ANN).await;
    }
    let there = other.admin(apis::by_name("native"), 0);
    there.created(ANN).await;
    let head = other.head().await;
    for sort in ["created", "-created", "updated", "name", "-name"] {
        let path = format!("/contacts?limit=1&sort={sort}");
        let first = caller.send("GET", &path, &[], "").await.json();
        let cursor = first["nextCursor"].as_str().expect("a cursor");
        let path = format!("{path}&cursor={cursor}");
        assert_eq!(
            caller.send("GET", &path, &[], "").await.status,
            200,
            "{sort}"
        );
        check_ahead(&there.send("GET", &path, &[], "").await, head, sort);
    }
}

#[tokio::test]
async fn an_answer_with_a_position_says_of_which_log_it_is() {
    let service = TestServer::new(&[]);
    let mut logs = Vec::new();
    for api in apis::ALL {
        let caller = service.admin(api, 0);
        logs.push(caller.create(ANN).await);
        let list = api.whole_list_of(caller.tenant);
        logs.push(caller.send("GET", &list, &[], "").await);
    }
    let caller = service.admin(apis::by_name("native"), 0);
    for path in [
        "/events",
        "/stats",
        "/bus",
        "/nothing",
        "/contacts?limit=x",
        "/contacts/changes",
    ] {
        logs.push(caller.send("GET", path, &[], "").await);
    }
    let log = logs[0].header("contact-log").expect("a log").to_owned();
    assert!(uuid::Uuid::parse_str(&log).is_ok(), "{log}");
    for answer in &logs {
        assert!(answer.header("contact-position").is_some(), "{answer:?}");
        assert_eq!(
            answer.header("contact-log"),
            Some(log.as_str()),
            "{answer:?}"
        );
    }
    let nobody = service.server.send("GET", "/events", &[], None).await;
    assert_eq!((nobody.status, nobody.header("contact-log")), (401, None));
}

#[tokio::test]
async fn a_position_of_another_log_is_refused_wherever_it_is_sent() {
    let service = TestServer::new(&[]);
    let other = [("contact-log", OTHER_LOG)];
    for api in apis::ALL {
        let caller = service.admin(api, 0);
        let created = caller.create(ANN).await;
        let own = created.header("contact-log").expect("a log").to_owned();
        let list = api.whole_list_of(caller.tenant);
        let answer = caller.send("GET", &list, &other, "").await;
        assert_eq!(answer.status, 400, "{}: {answer:?}", api.name);
        assert!((api.is_error)(&answer), "{}: {answer:?}", api.name);
        let answer = caller
            .send("GET", &list, &[("contact-log", &own)], "")
            .await;
        assert_eq!(answer.status, 200, "{}: {answer:?}", api.name);
    }
    let head = service.head().await;
    let caller = service.admin(apis::by_name("native"), 0);
    let answer = caller.send("GET", "/events?after=0", &other, "").await;
    check_ahead(&answer, head, "the log of the cursor is another");
}

#[tokio::test]
async fn a_contact_of_before_its_creation_says_when_that_was() {
    let service = TestServer::new(&[]);
    let native = service.admin(apis::by_name("native"), 0);
    native.created(ANN).await;
    let before = service.head().await;
    let id = native.created(ANN).await;
    let path = format!("/contacts/{id}?as_of={before}");
    let answer = native.send("GET", &path, &[], "").await;
    assert_eq!(answer.status, 404, "{answer:?}");
    let body = answer.json();
    assert_eq!(body["code"], "not_found");
    let now = native
        .send("GET", &format!("/contacts/{id}"), &[], "")
        .await;
    let created = now.json()["createdAt"].as_str().expect("a time").to_owned();
    let detail = format!(
        "The contact was created later, at position {}, {created}.",
        before + 2
    );
    assert_eq!(body["detail"], detail);
    // Who may not see the contact is not told that there is one.
    let other = service.admin(apis::by_name("native"), 1);
    let (theirs, nobodys) = (
        other.send("GET", &path, &[], "").await,
        other
            .send(
                "GET",
                &format!("/contacts/{OTHER_LOG}?as_of={before}"),
                &[],
                "",
            )
            .await,
    );
    assert_eq!(theirs.status, 404, "{theirs:?}");
    assert_eq!(theirs.json(), nobodys.json());
}
