//! Readers of events get those that they ask for, and whoever sent a command finds what came of it.

use serde_json::{Value, json};

use crate::api::Person;
use crate::apis;
use crate::common::Answer;
use crate::test_server::{Caller, TestServer};

const ANN: Person<'static> = Person {
    name: "Ann",
    email: "ann@example.com",
};
const ZOE: Person<'static> = Person {
    name: "Zoe",
    email: "zoe@example.com",
};

/// The positions of a page's events, and where the next page begins.
fn page(answer: &Answer) -> (Vec<u64>, u64) {
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    let events = body["events"].as_array().expect("events");
    let position = |event: &Value| event["sequence"].as_str()?.parse().ok();
    let positions = events.iter().map(position).collect::<Option<_>>();
    (
        positions.expect("positions"),
        body["next"].as_u64().expect("next"),
    )
}

async fn get(caller: &Caller, path: &str) -> Answer {
    caller.send("GET", path, &[], "").await
}

#[tokio::test]
async fn a_command_is_found_by_the_correlation_id_of_its_answer() {
    let service = TestServer::new(&[]);
    for api in apis::ALL {
        let caller = service.admin(api, 0);
        let created = caller.create(ANN).await;
        let id = created.header("contact-correlation").expect("an id");
        let path = format!("/commands/{id}");
        let (positions, next) = page(&get(&caller, &path).await);
        let success = created.position();
        assert_eq!(positions, [success - 1, success], "{}", api.name);
        assert_eq!(next, success, "{}", api.name);
        let limited = get(&caller, &format!("{path}?limit=1&after={}", success - 1)).await;
        assert_eq!(page(&limited).0, [success], "{}", api.name);
        let events = get(&caller, &format!("/events?correlationid={id}")).await;
        assert_eq!(page(&events), (vec![success - 1, success], success));
        let stranger = service.admin(api, 1);
        let answer = get(&stranger, &path).await;
        assert_eq!(answer.status, 404, "{}: {answer:?}", api.name);
    }
    let caller = service.admin(apis::by_name("native"), 0);
    for nothing in [
        "order-1",
        "0190f0a1-7d2b-7c1e-9f3a-5b6c7d8e9f01",
        "two%20words",
    ] {
        let answer = get(&caller, &format!("/commands/{nothing}")).await;
        assert_eq!(answer.status, 404, "{nothing}: {answer:?}");
        assert_eq!(answer.json()["code"], "no_such_command", "{nothing}");
    }
}

#[tokio::test]
async fn whoever_only_writes_sees_the_outcome_and_no_contents() {
    let service = TestServer::new(&[]);
    let writer = service.caller(apis::by_name("native"), 0, &["contacts:write"]);
    let refused = writer
        .send("POST", "/contacts", &[], r#"{"name": 7}"#)
        .await;
    let created = writer.create(ANN).await;
    for (answer, code) in [(refused, json!("invalid")), (created, Value::Null)] {
        let id = answer.header("contact-correlation").expect("an id");
        let found = get(&writer, &format!("/commands/{id}?detail=full")).await;
        let body = found.json();
        let outcome = &body["events"][1];
        assert_eq!(outcome["data"]["error"]["code"], code, "{body}");
        assert!(outcome["data"].get("contact").is_none(), "{body}");
    }
}

#[tokio::test]
async fn each_filter_leaves_out_what_it_does_not_fit() {
    let service = TestServer::new(&[]);
    let caller = service.admin(apis::by_name("native"), 0);
    let ann = caller.created(ANN).await;
    let zoe = caller.created(ZOE).await;
    let refused = caller
        .send("POST", "/contacts", &[], r#"{"name": 7}"#)
        .await;
    assert_eq!(refused.status, 400, "{refused:?}");
    caller.delete(&ann).await;
    let all = get(&caller, "/events").await.json();
    let time = |at: usize| {
        all["events"][at]["time"]
            .as_str()
            .expect("a time")
            .to_owned()
    };
    let (zoes, last) = (time(3), time(7));
    // A START of a create does not know its contact yet.
    for (query, want) in [
        (format!("subject={zoe}"), vec![4]),
        (format!("subject={}", ann.to_uppercase()), vec![2, 7, 8]),
        ("operation=delete".to_owned(), vec![7, 8]),
        ("operation=CREATE&phase=success".to_owned(), vec![2, 4]),
        ("phase=fail".to_owned(), vec![6]),
        (format!("since={zoes}&phase=success"), vec![4, 8]),
        (format!("until={last}&order=desc&limit=2"), vec![8, 7]),
        ("until=2020-01-01T00:00:00Z".to_owned(), vec![]),
        ("since=2099-01-01T00:00:00Z".to_owned(), vec![]),
    ] {
        let (got, _) = page(&get(&caller, &format!("/events?{query}")).await);
        assert_eq!(got, want, "{query}");
    }
    for wrong in [
        "subject=ann",
        "operation=make",
        "phase=begin",
        "since=yesterday",
        "until=now",
        "order=newest",
        "detail=all",
        "format=csv",
        "correlationid=",
        "phase=start&phase=fail",
    ] {
        let answer = get(&caller, &format!("/events?{wrong}")).await;
        assert_eq!(
            answer.json()["code"],
            "bad_parameter",
            "{wrong}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn the_newest_come_first_page_by_page() {
    let service = TestServer::new(&[]);
    let caller = service.admin(apis::by_name("native"), 0);
    for _ in 0..3 {
        caller.created(ANN).await;
    }
    let (mut seen, mut query) = (Vec::new(), "order=desc&limit=4".to_owned());
    loop {
        let (positions, next) = page(&get(&caller, &format!("/events?{query}")).await);
        seen.extend(positions);
        if next == 0 {
            break;
        }
        query = format!("order=desc&limit=4&after={next}");
    }
    assert_eq!(seen, [6, 5, 4, 3, 2, 1]);
    let end = get(&caller, "/events?order=desc&after=0").await;
    assert_eq!(page(&end), (vec![], 0));
}

#[tokio::test]
async fn lines_and_less_detail_are_had_without_a_header() {
    let service = TestServer::new(&[]);
    let caller = service.admin(apis::by_name("native"), 0);
    caller.created(ANN).await;
    let lines = get(&caller, "/events?format=ndjson&detail=metadata").await;
    assert_eq!(lines.header("content-type"), Some("application/x-ndjson"));
    let text = String::from_utf8(lines.body.clone()).expect("UTF-8");
    let events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(events.len(), 2);
    assert!(
        events.iter().all(|event| event.get("data").is_none()),
        "{text}"
    );
    let full = get(&caller, "/events?detail=full").await.json();
    assert_eq!(full["events"][1]["data"]["contact"]["name"]["full"], "Ann");
    let less = get(&caller, "/events?detail=non-sensitive").await.json();
    assert!(less["events"][1]["data"].get("contact").is_none(), "{less}");
}
