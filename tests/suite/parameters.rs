//! A query parameter that is not known is refused on our own API, and ignored as the vendors do on
//! theirs.

use contactd::dialect;
use serde_json::Value;

use crate::api::Person;
use crate::apis;
use crate::common::Answer;
use crate::test_server::TestServer;

const ANN: Person<'static> = Person {
    name: "Ann",
    email: "ann@example.com",
};

/// Our routes that no dialect has, each with a parameter that it knows.
const SYSTEM: [(&str, &str); 7] = [
    ("/events", "correlation=x"),
    ("/stats", "hour=1"),
    ("/bus", "hour=1"),
    ("/audit/checkpoint", "size=1"),
    ("/audit/key", "name=x"),
    ("/audit/proof/1", "after=1"),
    ("/openapi.json", "version=3"),
];

fn is_unknown(answer: &Answer) -> bool {
    answer.status == 400 && answer.json()["code"] == "unknown_parameter"
}

#[tokio::test]
async fn our_own_api_names_the_parameters_that_it_knows() {
    let service = TestServer::new(&[]);
    let caller = service.admin(apis::by_name("native"), 0);
    let id = caller.created(ANN).await;
    let before = service.head().await;
    for route in dialect::by_name("native").expect("ours").routes.iter() {
        for path in route.paths {
            let path = path.replace("{id}", &id);
            let method = route.method.as_str();
            let answer = caller
                .send(method, &format!("{path}?emial=ann"), &[], "{}")
                .await;
            assert!(is_unknown(&answer), "{method} {path}: {answer:?}");
            let detail = answer.json()["detail"].as_str().expect("a text").to_owned();
            assert!(detail.contains("emial"), "{detail}");
            for name in route.spec.query_names() {
                assert!(detail.contains(name), "{method} {path}: {detail}");
            }
        }
    }
    assert_eq!(service.head().await, before + 2, "nothing is in the log");
    for (path, query) in SYSTEM {
        let answer = caller
            .send("GET", &format!("{path}?{query}"), &[], "")
            .await;
        assert!(is_unknown(&answer), "{path}: {answer:?}");
        assert!(answer.position() >= before, "{path}");
    }
}

#[tokio::test]
async fn probes_and_pages_take_whatever_a_link_has() {
    let service = TestServer::new(&[]);
    for path in ["/healthz", "/readyz", "/metrics", "/console"] {
        let path = format!("{path}?from=balancer");
        let answer = service.server.send("GET", &path, &[], None).await;
        assert_eq!(answer.status, 200, "{path}");
    }
}

#[tokio::test]
async fn vendors_paths_are_as_lenient_as_the_vendor() {
    let service = TestServer::new(&[]);
    for api in apis::ALL.iter().filter(|api| api.name != "native") {
        let caller = service.admin(api, 0);
        let path = api.list_of(caller.tenant, "emial=ann");
        let answer = caller.send("GET", &path, &[], "").await;
        assert!(!is_unknown(&answer), "{}: {answer:?}", api.name);
        assert_eq!(answer.status, 200, "{}: {answer:?}", api.name);
    }
}

#[tokio::test]
async fn a_filter_that_names_nothing_there_is_is_refused() {
    let service = TestServer::new(&[]);
    let caller = service.admin(apis::by_name("native"), 0);
    let id = caller.created(ANN).await;
    for (path, name) in [
        ("/events?type=CONTACT_CREATED".to_owned(), "type"),
        ("/events?type=contact_create_start".to_owned(), "type"),
        ("/events?dialect=matr".to_owned(), "dialect"),
        ("/contacts?fields=card.nmae".to_owned(), "fields"),
        (format!("/contacts/{id}?fields=id,nmae"), "fields"),
        (
            "/contacts/changes?fields=card.name.ful".to_owned(),
            "fields",
        ),
    ] {
        let answer = caller.send("GET", &path, &[], "").await;
        assert_eq!(answer.status, 400, "{path}: {answer:?}");
        let detail = answer.json()["detail"].as_str().expect("a text").to_owned();
        assert!(detail.starts_with(&format!("{name} must be ")), "{detail}");
    }
    let good = "/events?type=CONTACT_CREATE_SUCCESS";
    let answer = caller.send("GET", good, &[], "").await;
    let events = answer.json()["events"].as_array().map(Vec::len);
    assert!(events > Some(0), "{good}: {answer:?}");
    let path = format!("/contacts/{id}?fields=card.name,card.example.com:score");
    let answer = caller.send("GET", &path, &[], "").await.json();
    let card = answer["card"].as_object().expect("a part of a Card");
    assert_eq!(card.keys().collect::<Vec<_>>(), ["name"], "{answer}");
    assert!(matches!(answer["id"], Value::String(_)));
}

#[tokio::test]
async fn every_parameter_that_is_described_is_known() {
    let service = TestServer::new(&[]);
    let caller = service.admin(apis::by_name("native"), 0);
    let id = caller.created(ANN).await;
    let reads = dialect::by_name("native").expect("ours").routes.iter();
    for route in reads.filter(|route| route.method == "GET") {
        let path = route.paths[0].replace("{id}", &id);
        for name in route.spec.query_names() {
            let answer = caller
                .send("GET", &format!("{path}?{name}=x"), &[], "")
                .await;
            assert!(!is_unknown(&answer), "{path}?{name}=x: {answer:?}");
            // A script whose variable is not set would be answered everybody.
            for wrong in [format!("{name}="), format!("{name}=x&{name}=x")] {
                let answer = caller
                    .send("GET", &format!("{path}?{wrong}"), &[], "")
                    .await;
                assert_eq!(answer.status, 400, "{path}?{wrong}: {answer:?}");
            }
        }
    }
}
