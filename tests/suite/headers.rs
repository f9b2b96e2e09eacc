//! What every answer carries, and how a read waits for a write.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::api::Person;
use crate::apis;
use crate::test_server::TestServer;

const ANN: Person<'static> = Person {
    name: "Ann",
    email: "ann@example.com",
};

/// What nobody needs a token for. Every other answer is checked where the suite sends its requests.
const PROBES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

#[tokio::test]
async fn every_answer_says_which_it_is() {
    let service = TestServer::new(&[]);
    for path in PROBES.into_iter().chain(["/nothing/here", "/events"]) {
        let answer = service.server.send("GET", path, &[], None).await;
        let id = answer.header("contact-correlation").expect("a correlation");
        assert!(uuid::Uuid::parse_str(id).is_ok(), "{path}: {id}");
    }
}

/// The answer to a head that is sent as it stands.
async fn answer_to(service: &TestServer, head: &str) -> String {
    let address = service.server.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let head = format!("{head}connection: close\r\n\r\n");
    let sent = stream.write_all(head.as_bytes()).await;
    sent.expect("the request is taken");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

/// The first line of that answer.
async fn status_of(service: &TestServer, head: &str) -> String {
    let answer = answer_to(service, head).await;
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_head_that_cannot_be_read_is_refused_with_a_correlation() {
    let service = TestServer::new(&[]);
    let long = format!("GET /{} HTTP/1.1\r\nhost: a\r\n", "x".repeat(65_535));
    let many = format!("GET / HTTP/1.1\r\nhost: a\r\n{}", "x: y\r\n".repeat(101));
    let good = "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";
    for (head, status) in [
        ("GET / HTTP/9\r\nhost: a\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nhost : a\r\n".to_owned(), 400),
        (long, 414),
        (many, 431),
        (format!("{good}nothing to read\r\n"), 400),
    ] {
        let answer = answer_to(&service, &head).await;
        let last = answer.rfind("HTTP/1.1 ").map(|at| &answer[at..]);
        let last = last.unwrap_or_default();
        assert!(last.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        let mut fields = last.lines();
        let correlation = fields.find_map(|line| line.strip_prefix("contact-correlation: "));
        let correlation = correlation.expect("a correlation");
        assert!(uuid::Uuid::parse_str(correlation).is_ok(), "{answer}");
        assert!(last.ends_with("\r\n\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn a_request_names_one_host_and_says_each_thing_once() {
    let service = TestServer::new(&[]);
    let token = service.token("ann", &["admin"], &["*"], 3_000);
    let token = format!("authorization: Bearer {token}\r\n");
    for (head, status) in [
        ("GET /contacts HTTP/1.1\r\nhost: localhost\r\n", 200),
        ("GET /contacts HTTP/1.0\r\n", 200),
        ("GET /contacts HTTP/1.1\r\n", 400),
        ("GET /contacts HTTP/1.1\r\nhost: a\r\nhost: a\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nhost: a\r\nhost: b\r\n", 400),
        ("GET /contacts HTTP/1.1\r\nhost: a, b\r\n", 400),
        ("GET /contacts HTTP/1.1\r\nhost: me@a\r\n", 400),
        ("GET /contacts HTTP/1.1\r\nhost: a:b\r\n", 400),
        ("GET /contacts HTTP/1.1\r\nhost: a:99999\r\n", 400),
        ("GET /contacts HTTP/1.1\r\nhost: a:\r\n", 200),
        ("GET /contacts HTTP/1.1\r\nhost: [::1]x\r\n", 400),
        ("GET /contacts HTTP/1.1\r\nhost: [zz]\r\n", 400),
        ("GET /contacts HTTP/1.1\r\nhost: [::1]:8080\r\n", 200),
        (
            "GET /contacts HTTP/1.1\r\nhost: a\r\ncontact-min-position: 0\r\ncontact-min-position: 1\r\n",
            400,
        ),
        ("GET /%63ontacts HTTP/1.1\r\nhost: a\r\n", 200),
        ("GET /%68ealthz HTTP/1.1\r\nhost: a\r\n", 200),
        ("GET /contact%2Fs HTTP/1.1\r\nhost: a\r\n", 404),
        (
            "POST /contacts HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n",
            400,
        ),
    ] {
        let line = status_of(&service, &format!("{head}{token}")).await;
        assert!(line.contains(&format!(" {status} ")), "{head}: {line}");
    }
    let twice = format!("GET /contacts HTTP/1.1\r\nhost: a\r\n{token}{token}");
    let line = status_of(&service, &twice).await;
    assert!(line.contains(" 400 "), "{line}");
}

/// To a caller who is not known, every vendor's answer says how to be, whatever the reason.
#[tokio::test]
async fn who_is_not_authenticated_is_told_how_to_be() {
    let service = TestServer::new(&[]);
    for api in apis::ALL {
        let caller = service.admin(api, 0);
        let list = api.whole_list_of(caller.tenant);
        for token in ["", "no.token.ofours"] {
            let answer = caller.with_token(token.to_owned());
            let answer = answer.send("GET", &list, &[], "").await;
            assert_eq!(answer.status, 401, "{}: {answer:?}", api.name);
        }
    }
    let emnify = service.admin(apis::by_name("emnify"), 0);
    let path = "/api/v1/authenticate";
    for login in [
        r#"{"application_token":"a.b.c"}"#,
        r#"{"username":"a","password":"b"}"#,
    ] {
        let answer = emnify.send("POST", path, &[], login).await;
        assert_eq!(answer.status, 401, "{answer:?}");
    }
    let thena = service.admin(apis::by_name("thena"), 0);
    let all = service.token("c", &["admin"], &["*"], 3_000);
    let thena = thena.with_token(all);
    let path = "/v1/accounts/contacts";
    let answer = thena.send("GET", path, &[("x-org-id", "")], "").await;
    assert_eq!(answer.status, 401, "{answer:?}");
}

/// A cache may not give one form of an answer for another.
#[tokio::test]
async fn what_depends_on_accept_says_so() {
    let service = TestServer::new(&[]);
    let native = service.admin(apis::by_name("native"), 0);
    for (path, accept, status) in [
        ("/events", "application/json", 200),
        ("/events", "application/x-ndjson", 200),
        ("/events?limit=0", "application/json", 400),
        ("/metrics", "text/plain", 200),
        ("/metrics", "application/openmetrics-text", 200),
        ("/", "application/json", 404),
    ] {
        let answer = native.send("GET", path, &[("accept", accept)], "").await;
        let vary = answer.header("vary").map(str::to_ascii_lowercase);
        let seen = (answer.status, vary.as_deref());
        assert_eq!(seen, (status, Some("accept")), "{path} {accept}");
    }
    let live = crate::common::client()
        .get(format!("{}/events", service.server.url))
        .header("accept", "text/event-stream")
        .bearer_auth(&native.token);
    let live = live.send().await.expect("an answer");
    let form = |name: &str| {
        live.headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    assert_eq!(form("content-type"), Some("text/event-stream"));
    assert_eq!(form("vary"), Some("accept"));
}

#[tokio::test]
async fn an_answer_says_how_far_it_saw() {
    let service = TestServer::new(&[]);
    for api in apis::ALL {
        let caller = service.admin(api, 0);
        let before = service.head().await;
        let created = caller.create(ANN).await;
        assert_eq!(created.position(), before + 2, "{}", api.name);
        let events = service.events_after(before).await;
        let correlation = created.header("contact-correlation");
        for event in &events {
            assert_eq!(event["correlationid"].as_str(), correlation, "{}", api.name);
        }
        assert_eq!(events[1]["causationid"], events[0]["id"], "{}", api.name);

        let list = api.whole_list_of(caller.tenant);
        let read = caller.send("GET", &list, &[], "").await;
        assert!(read.position() >= created.position(), "{}", api.name);
        let refused = caller
            .send("POST", &api.contacts_of(caller.tenant), &[], "{")
            .await;
        assert_eq!(refused.status, 400, "{}", api.name);
        assert!(refused.position() >= created.position(), "{}", api.name);
        let nobody = service.caller(api, 0, &["nobody"]);
        let forbidden = nobody.send("GET", &list, &[], "").await;
        assert_eq!(forbidden.status, 403, "{}", api.name);
        assert!(forbidden.position() >= created.position(), "{}", api.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_waits_for_the_position_it_is_told() {
    let service = TestServer::new(&["--request-timeout", "20"]);
    for api in apis::ALL {
        let caller = service.admin(api, 0);
        let list = api.whole_list_of(caller.tenant);
        let awaited = (service.head().await + 2).to_string();
        let reader = {
            let (caller, list, awaited) = (caller.clone(), list.clone(), awaited.clone());
            tokio::spawn(async move {
                let headers = [("contact-min-position", awaited.as_str())];
                caller.send("GET", &list, &headers, "").await
            })
        };
        let created = caller.create(ANN).await;
        let read = reader.await.expect("it reads");
        assert_eq!(created.position().to_string(), awaited, "{}", api.name);
        assert_eq!(read.status, 200, "{}", api.name);
        assert_eq!(
            api.items_in(&read).len(),
            1,
            "{}: it saw the write",
            api.name
        );
        // MATTR's reads are events themselves: what follows counts from behind this one.
        let bad = [("contact-min-position", "soon")];
        let refused = caller.send("GET", &list, &bad, "").await;
        assert_eq!(refused.status, 400, "{}: {refused:?}", api.name);
        assert!((api.is_error)(&refused), "{}: {refused:?}", api.name);
        caller
            .create(Person {
                name: "Bob",
                email: "bob@example.com",
            })
            .await;
    }
}

#[tokio::test]
async fn a_position_that_does_not_come_is_a_503() {
    let service = TestServer::new(&["--request-timeout", "1"]);
    for api in apis::ALL {
        let caller = service.admin(api, 0);
        let far = [("contact-min-position", "1000000")];
        let list = api.whole_list_of(caller.tenant);
        let late =
            tokio::time::timeout(Duration::from_secs(20), caller.send("GET", &list, &far, ""));
        let late = late.await.expect("an answer in time");
        assert_eq!(late.status, 503, "{}: {late:?}", api.name);
        assert!(
            late.header("retry-after").is_some(),
            "{}: {late:?}",
            api.name
        );
        assert!((api.is_error)(&late), "{}: {late:?}", api.name);
    }
}

#[tokio::test]
async fn reads_are_recorded_where_the_vendor_or_the_operator_wants_it() {
    for (options, recorded) in [(&[][..], &["mattr"][..]), (&["--audit-reads"], &[])] {
        let service = TestServer::new(options);
        for api in apis::ALL {
            let caller = service.admin(api, 0);
            let id = caller.created(ANN).await;
            let before = service.head().await;
            let mut expected = Vec::new();
            let mut expect = |operation: &str, outcome: &str| {
                if recorded.is_empty() || recorded.contains(&api.name) {
                    expected.extend([api.event(operation, "START"), api.event(operation, outcome)]);
                }
            };
            caller.all().await;
            expect("RETRIEVE_LIST", "SUCCESS");
            if api.reads_one {
                caller.read(&id).await.expect("it is there");
                expect("RETRIEVE", "SUCCESS");
                assert_eq!(caller.read(api.unknown_id).await, None);
                expect("RETRIEVE", "FAIL");
            }
            let after = service.head().await - 2;
            let mut types = service.types_after(before).await;
            types.truncate(usize::try_from(after - before).expect("a number"));
            assert_eq!(types, expected, "{}", api.name);
        }
    }
}

#[tokio::test]
async fn a_recorded_list_says_which_part_was_asked_for_and_given() {
    let service = TestServer::new(&[]);
    let mattr = service.admin(apis::by_name("mattr"), 0);
    for _ in 0..3 {
        mattr.created(ANN).await;
    }
    let before = service.head().await;
    let path = |query: &str| mattr.path(&mattr.api.list_of(mattr.tenant, query));
    let first = mattr.send("GET", &path("limit=2"), &[], "").await;
    let cursor = first.json()["nextCursor"].clone();
    let rest = format!("limit=2&cursor={}", cursor.as_str().expect("a cursor"));
    mattr.send("GET", &path(&rest), &[], "").await;
    // Nobody waits for recorded reads, but a write goes behind them.
    service.head().await;
    let parts: Vec<_> = service.events_after(before).await;
    let parts: Vec<_> = parts.iter().map(|event| &event["data"]["list"]).collect();
    assert_eq!(parts[0]["contacts"], 2);
    assert_eq!(parts[1]["after"], parts[2]["after"]);
    assert_eq!(parts[3], &json!({"contacts": 1}));

    let types = "ECOSYSTEM_PARTICIPANT_CONTACT_RETRIEVE_LIST_START,\
                 ECOSYSTEM_PARTICIPANT_CONTACT_RETRIEVE_LIST_SUCCESS";
    let path = format!("/v1/events?types={types}");
    let told = mattr.send("GET", &path, &[], "").await.json();
    let told = told["data"].as_array().expect("events, newest first");
    let told: Vec<_> = told.iter().rev().map(|event| &event["metadata"]).collect();
    assert_eq!(
        (&told[0]["limit"], &told[0]["cursor"]),
        (&json!(2), &json!(null))
    );
    let page = json!({"entriesCount": 2, "nextCursor": cursor});
    assert_eq!(told[1], &page);
    assert_eq!(told[2]["cursor"], cursor);
    assert_eq!(told[3], &json!({"entriesCount": 1}));
}

#[tokio::test]
async fn whoever_is_known_is_told_how_far_the_log_has_come_wherever_they_ask() {
    let service = TestServer::new(&[]);
    let caller = service.admin(apis::by_name("native"), 0);
    caller.created(ANN).await;
    for (method, path, status) in [("GET", "/nothing", 404), ("DELETE", "/contacts/batch", 405)] {
        let known = caller.send(method, path, &[], "").await;
        assert_eq!((known.status, known.position()), (status, 2), "{path}");
        let unknown = service.server.send(method, path, &[], None).await;
        assert_eq!(unknown.header("contact-position"), None, "{path}");
    }
    let batch = caller.send("DELETE", "/contacts/batch", &[], "").await;
    assert_eq!(batch.header("allow"), Some("POST"));
}

#[tokio::test]
async fn our_own_routes_wait_for_a_position_too() {
    let service = TestServer::new(&["--request-timeout", "1"]);
    let caller = service.admin(apis::by_name("native"), 0);
    let unknown = format!("/contacts/{}", uuid::Uuid::nil());
    for path in ["/events", "/stats", "/audit/proof/1", &unknown] {
        let far = [("contact-min-position", "1000000")];
        let late = caller.send("GET", path, &far, "").await;
        assert_eq!(late.status, 503, "{path}: {late:?}");
        let bad = [("contact-min-position", "+1")];
        let bad = caller.send("GET", path, &bad, "").await;
        assert_eq!(bad.status, 400, "{path}: {bad:?}");
    }
}

#[tokio::test]
async fn a_recorded_read_names_the_contact_though_it_is_gone() {
    let service = TestServer::new(&["--audit-reads"]);
    let caller = service.admin(apis::by_name("native"), 0);
    let id = caller.created(ANN).await;
    assert_eq!(caller.delete(&id).await.status, 204);
    let before = service.head().await;
    for path in ["", "/history"] {
        let path = format!("/contacts/{id}{path}");
        caller.send("GET", &path, &[], "").await;
    }
    // Nobody waits for recorded reads, but a write goes behind them.
    service.head().await;
    let reads = service.events_after(before).await;
    for read in &reads[..4] {
        assert_eq!(read["data"]["operation"], "RETRIEVE");
        assert_eq!(read["subject"], id.as_str(), "{read}");
    }
}

/// What `/metrics` shows of a counter, by the start of its line.
async fn counted(service: &TestServer, line: &str) -> Option<f64> {
    let answer = service.server.send("GET", "/metrics", &[], None).await;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let found = text.lines().find_map(|found| found.strip_prefix(line))?;
    found.trim().parse().ok()
}

#[tokio::test]
async fn requests_and_refused_tokens_are_counted() {
    let service = TestServer::new(&[]);
    let duration = "contactd_request_duration_seconds_count";
    for api in apis::ALL {
        let caller = service.admin(api, 0);
        caller.created(ANN).await;
        let line = format!(
            "{duration}{{transport=\"http\",dialect=\"{}\",operation=\"create\",status=\"{}\"}}",
            api.name, api.statuses[0]
        );
        assert_eq!(counted(&service, &line).await, Some(1.0), "{line}");
    }
    let bad = [("authorization", "Bearer x")];
    let answer = service.server.send("GET", "/contacts", &bad, None).await;
    assert_eq!(answer.status, 401);
    let line = format!(
        "{duration}{{transport=\"http\",dialect=\"native\",operation=\"list\",status=\"401\"}}"
    );
    assert_eq!(counted(&service, &line).await, Some(1.0));
    let line = "contactd_auth_failures_total{reason=\"invalid\"}";
    assert_eq!(counted(&service, line).await, Some(1.0));
    // What has not happened yet is counted as well, or its first time would not be seen.
    for line in [
        "contactd_auth_failures_total{reason=\"expired\"}",
        "contactd_auth_failures_total{reason=\"session\"}",
        "contactd_dead_letters_total{reason=\"unreadable\"}",
        "contactd_clock_jumps_total",
    ] {
        assert_eq!(counted(&service, line).await, Some(0.0), "{line}");
    }
    service.server.send("GET", "/nothing/here", &[], None).await;
    let line = format!(
        "{duration}{{transport=\"http\",dialect=\"native\",operation=\"none\",status=\"404\"}}"
    );
    assert_eq!(counted(&service, &line).await, Some(1.0));
}

#[tokio::test]
async fn the_door_answers_a_head_as_it_answers_a_get() {
    let service = TestServer::new(&[]);
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client");
    for (accept, status) in [("text/html", 302), ("application/json", 404)] {
        for method in ["GET", "HEAD"] {
            let method = method.parse().expect("a method");
            let request = client
                .request(method, &service.server.url)
                .header("accept", accept);
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status(), status, "{accept}");
            let location = answer.headers().get("location");
            assert_eq!(location.is_some(), status == 302, "{accept}");
        }
    }
}
