//! The console: its files as they are served, and the page in a real browser.
//!
//! `console/console_test.py` clicks through the page in Chromium, without a display; pictures of
//! what it saw are in `target/console/`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy grants tests these, but not the functions that tests share"
)]

#[path = "bus/broker.rs"]
#[allow(dead_code, reason = "the bus uses the rest")]
mod broker;
mod common;

use std::process::Command;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::pull;
use broker::Broker;
use common::Server;
use common::python::{must, python, target_dir};
use serde_json::json;

/// The directory of the script that drives the browser.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/console");

#[test]
fn people_find_act_follow_and_verify() {
    let (open_dir, jwt_dir) = (common::temp_dir(), common::temp_dir());
    let open = Server::start(open_dir.path(), &[]);
    let jwt = Server::start(jwt_dir.path(), &["--auth", "jwt"]);
    let token = |roles: &[&str], tenant| {
        let roles = roles.iter().flat_map(|role| ["--role", role]);
        let options: Vec<_> = roles.chain(["--tenant", tenant]).collect();
        common::token(jwt_dir.path(), &options)
    };
    let tokens = json!({
        "root": token(&["admin"], "*"),
        "admin": token(&["admin"], "acme"),
        "dts-provider": token(&["dts-provider"], "87880d7e-a4d0-462e-8383-3f1e5e16865d"),
        "auditor": token(&["auditor"], "acme"),
        "contacts:read": token(&["contacts:read"], "acme"),
        "contacts:write": token(&["contacts:write"], "acme"),
        "both": token(&["contacts:read", "contacts:write"], "acme"),
    });
    click(
        "console_test.py",
        &[&open.url, &jwt.url, &tokens.to_string()],
    );
}

/// Has a script click through the console.
fn click(script: &str, arguments: &[&str]) {
    let packages = format!("{SCRIPTS}/requirements.txt");
    let mut command = Command::new(python("console-venv", &packages));
    command
        .arg(format!("{SCRIPTS}/{script}"))
        .args(arguments)
        .arg(target_dir().join("console"))
        .env("NO_PROXY", "127.0.0.1");
    must(&mut command, "pictures of it are in target/console");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_dead_letter_is_sent_again() {
    let (broker, dir) = (Broker::started(), common::temp_dir());
    let nats = broker.url();
    let options = ["--auth", "jwt", "--nats-dead-content", "--nats-url", &nats];
    let server = Server::start(dir.path(), &options);
    let token = common::token(dir.path(), &["--role", "admin", "--tenant", "*"]);
    let streams = broker.streams().await;
    // The service makes the streams once it is connected.
    let events = loop {
        match streams.get_stream("CONTACT_EVENTS").await {
            Ok(events) => break events,
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    };
    let analytics = pull::Config {
        durable_name: Some("analytics".to_owned()),
        ..pull::Config::default()
    };
    events.create_consumer(analytics).await.expect("a consumer");
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", "order-1");
    let card = json!({"name": {"full": "Dead Letter"}}).to_string();
    let subject = "contacts.command.native.create.acme";
    let sent = streams.publish_with_headers(subject, headers, card.into());
    sent.await.expect("sent").await.expect("stored");
    let url = server.url.clone();
    let clicked = tokio::task::spawn_blocking(move || click("bus_test.py", &[&url, &token]));
    clicked.await.expect("it is clicked through");
}

#[tokio::test]
async fn the_page_is_served_to_everyone_and_may_do_little() {
    let dir = common::temp_dir();
    let server = Server::start(dir.path(), &["--auth", "jwt"]);
    for (path, media_type) in [
        ("/console", "text/html"),
        ("/console/console.css", "text/css"),
        ("/console/app.js", "text/javascript"),
        ("/console/icon.svg", "image/svg+xml"),
    ] {
        let answer = server.send("GET", path, &[], None).await;
        assert_eq!(answer.status, 200, "{path}");
        let header = |name| answer.header(name).unwrap_or_default();
        assert!(header("content-type").starts_with(media_type), "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("cache-control"), "no-cache");
        let policy = header("content-security-policy");
        for rule in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "img-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.split("; ").any(|held| held == rule), "{rule}");
        }
        let held = [("if-none-match", header("etag"))];
        let again = server.send("GET", path, &held, None).await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
    }
    for path in ["/console/..%2Fmod.rs", "/console/app.js/x"] {
        let answer = server.send("GET", path, &[], None).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
    }
}
