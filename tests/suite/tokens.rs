//! A token that is traded lives no longer than the one it was traded for.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::apis;
use crate::common::{Server, temp_dir};
use crate::test_server::{Caller, TestServer, now};

/// What a token says.
fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a payload");
    let payload = URL_SAFE_NO_PAD.decode(payload).expect("base64");
    serde_json::from_slice(&payload).expect("JSON")
}

#[tokio::test]
async fn a_traded_token_ends_with_the_one_it_was_traded_for() {
    let service = TestServer::new(&[]);
    let caller = service.admin(apis::by_name("emnify"), 0);
    for (left, most) in [(50, 50), (100_000, 4 * 60 * 60)] {
        let long = service.token("c", &["admin"], &[caller.tenant], left);
        let before = now();
        let body = json!({"application_token": long}).to_string();
        let answer = caller.send("POST", "/api/v1/authenticate", &[], body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let answer = answer.json();
        let short = claims(answer["auth_token"].as_str().expect("a token"));
        let ends = short["exp"].as_u64().expect("a time");
        let old = claims(&long)["exp"].as_u64().expect("a time");
        assert!(ends <= old && ends <= now() + most, "{short}");
        assert!(ends >= old.min(before + most), "{short}");
    }
}

#[tokio::test]
async fn our_own_tokens_end_when_they_say() {
    let service = TestServer::new(&[]);
    let caller = service.admin(apis::by_name("native"), 0);
    let ended = service.token("c", &["admin"], &["*"], -1);
    let answer = caller
        .with_token(ended)
        .send("GET", "/contacts", &[], "")
        .await;
    assert_eq!(answer.status, 401, "{answer:?}");
}

#[tokio::test]
async fn open_mode_signs_nothing() {
    let dir = temp_dir();
    let server = Server::start(dir.path(), &[]);
    let body = json!({"application_token": "anything"});
    let path = "/api/v1/authenticate";
    let answer = server.send("POST", path, &[], Some(&body)).await;
    assert_eq!(answer.json(), json!({"auth_token": "anything"}));
}

#[tokio::test]
async fn who_asks_for_a_token_is_limited_by_where_they_are_and_counted() {
    let service = TestServer::new(&["--rate-limit", "5/10m"]);
    let ask = async |token: &str| {
        let body = json!({ "application_token": token });
        let server = &service.server;
        server
            .send("POST", "/api/v1/authenticate", &[], Some(&body))
            .await
    };
    for _ in 0..5 {
        assert_eq!(ask("secret-nonsense").await.status, 401);
    }
    assert_eq!(ask("secret-nonsense").await.status, 429);
    // Whoever has a token of their own has an allowance of their own.
    let caller = service.admin(apis::by_name("emnify"), 0);
    assert!(caller.all().await.is_empty());
    let metrics = service.server.send("GET", "/metrics", &[], None).await;
    let metrics = String::from_utf8(metrics.body).expect("text");
    let line = "contactd_auth_failures_total{reason=\"invalid\"} 5";
    assert!(metrics.contains(line), "{metrics}");
    let said = service.said();
    let lines = said
        .lines()
        .filter(|line| line.contains("a token was refused"));
    assert_eq!(lines.count(), 1, "{said}");
    assert!(!said.contains("secret-nonsense"), "{said}");
}

#[tokio::test]
async fn bad_tokens_are_limited_by_where_they_come_from_and_shut_nobody_else_out() {
    let service = TestServer::new(&["--rate-limit", "3/1h"]);
    let [vendor, native] = ["thena", "native"].map(|name| service.admin(apis::by_name(name), 0));
    let bad = |caller: &Caller| caller.with_token("nonsense".to_owned());
    let ask = async |caller: &Caller, path: &str| caller.send("GET", path, &[], "").await;
    // Vendors' paths and ours count together, with bad tokens and with none.
    let list = vendor.api.whole_list_of(vendor.tenant);
    assert_eq!(ask(&bad(&vendor), &list).await.status, 401);
    assert_eq!(ask(&bad(&native), "/events").await.status, 401);
    let none = service.server.send("GET", "/contacts", &[], None).await;
    assert_eq!(none.status, 401, "{none:?}");
    for (caller, path) in [(&vendor, list.as_str()), (&native, "/events")] {
        let limited = ask(&bad(caller), path).await;
        assert_eq!(limited.status, 429, "{limited:?}");
        assert!((caller.api.is_error)(&limited), "{limited:?}");
        assert!(limited.header("retry-after").is_some(), "{limited:?}");
        let position = limited.header("contact-position");
        assert_eq!(position, None, "a stranger learns nothing of the log");
    }
    for caller in [&vendor, &native] {
        let list = caller.api.whole_list_of(caller.tenant);
        assert_eq!(ask(caller, &list).await.status, 200, "{}", caller.api.name);
    }
}
