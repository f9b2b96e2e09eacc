//! A stream of events goes on no longer than the token that it was opened with.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use serde_json::Value;

use crate::api::Person;
use crate::apis;
use crate::test_server::TestServer;

const ANN: Person<'static> = Person {
    name: "Ann",
    email: "ann@example.com",
};
/// The longest that a stream may go on after the end of its token.
const PATIENCE: Duration = Duration::from_secs(3);

/// What a stream said until it ended, whether it ended in order, and when that was.
pub struct Ended {
    pub said: String,
    pub in_order: bool,
    pub at: Instant,
}

/// Follows the events until the service ends the stream.
pub async fn follow(service: &TestServer, token: &str, accept: &str) -> Ended {
    let url = format!("{}/events?follow=true", service.server.url);
    let request = crate::common::client()
        .get(url)
        .bearer_auth(token)
        .header("accept", accept);
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status(), 200);
    let (mut said, mut in_order) = (Vec::new(), true);
    let mut pieces = response.bytes_stream();
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(piece) => said.extend(piece),
            Err(_) => in_order = false,
        }
    }
    Ended {
        said: String::from_utf8(said).expect("text"),
        in_order,
        at: Instant::now(),
    }
}

/// Checks that the last thing said is that the token is no longer good.
pub fn check_said_why(accept: &str, ended: &Ended) {
    let last = ended.said.trim_end().lines().last().expect("a last line");
    let problem = if accept == "text/event-stream" {
        assert!(
            ended.said.contains("\n\nevent: end\ndata: "),
            "{}",
            ended.said
        );
        last.strip_prefix("data: ").expect("data")
    } else {
        last
    };
    let problem: Value = serde_json::from_str(problem).expect("JSON");
    assert_eq!(
        (&problem["status"], &problem["code"]),
        (&401.into(), &"unauthorized".into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_with_its_token() {
    let service = TestServer::new(&[]);
    service.admin(apis::by_name("native"), 0).created(ANN).await;
    for accept in ["application/x-ndjson", "text/event-stream"] {
        let token = service.token("short", &["admin"], &["*"], 3);
        let still_good = service.token("long", &["admin"], &["*"], 3_000);
        let begun = Instant::now();
        let other = tokio::time::timeout(
            Duration::from_secs(6),
            follow(&service, &still_good, accept),
        );
        let (ended, other) = tokio::join!(follow(&service, &token, accept), other);
        let lasted = ended.at.duration_since(begun);
        assert!(lasted >= Duration::from_secs(1), "{accept}: {lasted:?}");
        assert!(
            lasted <= Duration::from_secs(3) + PATIENCE,
            "{accept}: {lasted:?}"
        );
        assert!(
            ended.said.contains("CONTACT_CREATE_SUCCESS"),
            "{}",
            ended.said
        );
        check_said_why(accept, &ended);
        // Lines that just end would look like all that there are.
        assert_eq!(ended.in_order, accept == "text/event-stream", "{accept}");
        assert!(
            other.is_err(),
            "{accept}: a token that is good keeps its stream"
        );
    }
}
