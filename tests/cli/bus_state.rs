//! What `/readyz` says of the message bus, whatever becomes of it.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::broker::Broker;
use crate::common::{Server, temp_dir};

/// Waits until the bus is in a state, and gives the status and the body of `/readyz`.
async fn ready_when(server: &Server, state: &str) -> (u16, Value) {
    let begun = Instant::now();
    loop {
        let answer = server.send("GET", "/readyz", &[], None).await;
        let body = answer.json();
        if body["bus"] == state {
            return (answer.status, body);
        }
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "not {state}: {body}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_says_how_the_bus_is_and_why() {
    let dir = temp_dir();
    let alone = Server::start(&dir.path().join("alone"), &[]);
    let (status, body) = ready_when(&alone, "off").await;
    assert_eq!((status, &body["busReason"]), (200, &Value::Null));

    let mut broker = Broker::started();
    let url = broker.url();
    let first = Server::start(&dir.path().join("first"), &["--nats-url", &url]);
    let (status, body) = ready_when(&first, "connected").await;
    assert_eq!((status, &body["busReason"]), (200, &Value::Null));

    // Another log under the same prefix is not ready, and says what to do.
    let second = Server::start(&dir.path().join("second"), &["--nats-url", &url]);
    let (status, body) = ready_when(&second, "halted").await;
    assert_eq!((status, &body["ready"]), (503, &Value::Bool(false)));
    let reason = body["busReason"].as_str().expect("a reason");
    assert!(reason.contains("--nats-prefix"), "{reason}");
    drop(second);

    // A broker that is away is no reason to send requests elsewhere.
    broker.kill();
    let (status, body) = ready_when(&first, "away").await;
    assert_eq!(status, 200, "{body}");
    assert!(body["busReason"].is_string(), "{body}");
    broker.start();
    let (status, _) = ready_when(&first, "connected").await;
    assert_eq!(status, 200);
}
