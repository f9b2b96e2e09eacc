//! Traces, as a collector receives them that reads OpenTelemetry's own messages.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::common::python::python;
use crate::common::{Answer, Server, run, temp_dir};

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/collector");
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// A collector in a process of its own.
struct Collector {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    url: String,
}

impl Collector {
    fn start() -> Self {
        let python = python("collector-venv", &format!("{SCRIPTS}/requirements.txt"));
        let mut command = Command::new(python);
        command.arg(format!("{SCRIPTS}/collector.py"));
        let mut process = command.stdout(Stdio::piped()).spawn().expect("Python");
        let out = process.stdout.take().expect("a pipe");
        let mut lines = BufReader::new(out).lines();
        let port = lines.next().expect("a port").expect("a line");
        let url = format!("http://127.0.0.1:{port}");
        Self {
            process,
            lines,
            url,
        }
    }

    /// All spans that it received. Whoever sends must have stopped.
    fn spans(mut self) -> Vec<Value> {
        self.process.kill().expect("it runs");
        let lines = self.lines.by_ref().map(|line| line.expect("a line"));
        lines
            .map(|line| serde_json::from_str(&line).expect("JSON"))
            .collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn with_flags(flags: &str) -> String {
    format!("00-{TRACE}-{CALLER}-{flags}")
}

/// The trace contexts of the next events on the bus.
async fn contexts_of(events: &mut async_nats::Subscriber, count: usize) -> Vec<String> {
    let mut contexts = Vec::new();
    while contexts.len() < count {
        let event = tokio::time::timeout(Duration::from_secs(30), events.next()).await;
        let event = event.expect("in time").expect("an event");
        let event: Value = serde_json::from_slice(&event.payload).expect("JSON");
        contexts.push(event["traceparent"].as_str().expect("a context").to_owned());
    }
    contexts
}

/// Checks the spans of one create that was sampled, and gives the id of the request's.
fn of_one_request(spans: &[Value], created: &Answer) -> String {
    let named = |name: &str| {
        spans
            .iter()
            .filter(move |span| span["name"] == name)
            .collect::<Vec<_>>()
    };
    let requests = named("POST /contacts");
    let [request] = requests.as_slice() else {
        panic!("one request is sampled: {spans:#?}")
    };
    let id = request["id"].as_str().expect("an id");
    assert_eq!(
        (&request["trace"], &request["parent"]),
        (&json!(TRACE), &json!(CALLER))
    );
    assert_eq!(
        (&request["service"], &request["kind"]),
        (&json!("contactd"), &json!("SPAN_KIND_SERVER"))
    );
    let facts = &request["attributes"];
    assert_eq!(facts["http.response.status_code"], "201");
    assert_eq!(facts["contactd.dialect"], "native");
    assert_eq!(
        facts["contactd.correlation"],
        created.header("contact-correlation").expect("an id")
    );
    assert!(!spans.iter().any(|span| span.to_string().contains("Ann")));

    let commits = named("commit");
    let published = named("send CONTACT_EVENTS");
    assert_eq!(
        (commits.len(), published.len(), spans.len()),
        (1, 2, 4),
        "{spans:#?}"
    );
    for (span, kind) in [
        (commits[0], "INTERNAL"),
        (published[0], "PRODUCER"),
        (published[1], "PRODUCER"),
    ] {
        assert_eq!(
            (&span["trace"], &span["parent"]),
            (&json!(TRACE), &json!(id))
        );
        assert_eq!(span["kind"], format!("SPAN_KIND_{kind}"));
        assert_eq!(span["failed"], false);
    }
    assert!(commits[0]["nanos"].as_u64() <= request["nanos"].as_u64());
    id.to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_goes_from_the_request_to_the_bus() {
    let (dir, broker, collector) = (temp_dir(), Broker::started(), Collector::start());
    let options = [
        "--nats-url",
        &broker.url(),
        "--otlp-endpoint",
        &collector.url,
    ];
    let server = Server::start(&dir.path().join("data"), &options);
    let mut events = broker
        .client()
        .await
        .subscribe("contacts.event.>")
        .await
        .expect("a subject");

    let card = json!({"name": {"full": "Ann Example"}});
    let context = with_flags("01");
    let traced = [("traceparent", context.as_str())];
    let created = server.send("POST", "/contacts", &traced, Some(&card)).await;
    assert_eq!(created.status, 201);
    // Whom the caller does not sample, nobody does, and what it sent is handed on as it is.
    let context = with_flags("00");
    let unsampled = [("traceparent", context.as_str())];
    let other = server
        .send("POST", "/contacts", &unsampled, Some(&card))
        .await;
    assert_eq!(other.status, 201);

    let contexts = contexts_of(&mut events, 4).await;
    assert_eq!(server.stop(), Some(0));

    let id = of_one_request(&collector.spans(), &created);
    let ours = format!("00-{TRACE}-{id}-01");
    assert_eq!(contexts, [ours.clone(), ours, context.clone(), context]);
}

/// A collector that is away costs its spans, and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_is_no_hindrance() {
    let dir = temp_dir();
    let server = Server::start(
        &dir.path().join("data"),
        &["--otlp-endpoint", "http://127.0.0.1:1"],
    );
    let card = json!({"name": {"full": "Ann"}});
    let created = server.send("POST", "/contacts", &[], Some(&card)).await;
    assert_eq!(created.status, 201);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn what_is_no_collector_is_refused() {
    let dir = temp_dir();
    let data = dir.path().join("data");
    let data = data.to_str().expect("a path");
    for wrong in ["localhost:4318", "ftp://127.0.0.1", ""] {
        let said = run(&["check", "--data-dir", data, "--otlp-endpoint", wrong]);
        assert_eq!(said.0, Some(2), "{said:?}");
        assert!(said.2.contains("--otlp-endpoint"), "{said:?}");
    }
}
