//! The preconditions of RFC 9110 (section 13), wherever there is an entity tag.

use serde_json::json;

use crate::api::Person;
use crate::apis;
use crate::test_server::{Caller, TestServer};

const ANN: Person<'static> = Person {
    name: "Ann",
    email: "ann@example.com",
};
const BOB: Person<'static> = Person {
    name: "Bob",
    email: "bob@example.com",
};

/// The dialects in which one contact can be read by itself.
fn readers(service: &TestServer) -> Vec<Caller> {
    let apis = apis::ALL.iter().filter(|api| api.reads_one);
    apis.map(|api| service.admin(api, 0)).collect()
}

#[tokio::test]
async fn a_read_of_what_the_caller_has_is_a_304() {
    let service = TestServer::new(&[]);
    for caller in readers(&service) {
        let name = caller.api.name;
        let id = caller.created(ANN).await;
        let path = caller.api.one_of(caller.tenant, &id);
        let first = caller.send("GET", &path, &[], "").await;
        let tag = first.header("etag").expect("a tag").to_owned();
        for (header, value, want) in [
            ("if-none-match", tag.as_str(), 304),
            ("if-none-match", "W/\"1\"", 304),
            ("if-none-match", "\"7\", \"1\"", 304),
            ("if-none-match", "*", 304),
            ("if-none-match", "\"7\"", 200),
            ("if-none-match", "", 200),
            ("if-match", "\"1\"", 200),
            ("if-match", "*", 200),
            ("if-match", "\"7\"", 412),
            ("if-match", "W/\"1\"", 412),
            ("if-match", "", 412),
            // There is no date to compare with, so a condition that is one is ignored.
            ("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT", 200),
            ("if-unmodified-since", "Thu, 01 Jan 1970 00:00:00 GMT", 200),
        ] {
            for method in ["GET", "HEAD"] {
                let answer = caller.send(method, &path, &[(header, value)], "").await;
                assert_eq!(answer.status, want, "{name} {method} {header}: {value}");
                let shown = want == 200 && method == "GET";
                assert_eq!(answer.body == first.body, shown, "{name} {header}: {value}");
                if want == 304 {
                    assert_eq!(answer.header("etag"), Some(tag.as_str()), "{name}");
                    assert_eq!(answer.body, b"", "{name}");
                } else if want == 412 && method == "GET" {
                    assert!((caller.api.is_error)(&answer), "{name}: {answer:?}");
                }
            }
        }
        let both = [("if-match", "\"7\""), ("if-none-match", "\"1\"")];
        let answer = caller.send("GET", &path, &both, "").await;
        assert_eq!(answer.status, 412, "{name}: If-Match comes first");
        let gone = caller.api.one_of(caller.tenant, caller.api.unknown_id);
        let answer = caller
            .send("GET", &gone, &[("if-none-match", "*")], "")
            .await;
        assert_eq!(answer.status, 404, "{name}: what is not there has no tag");
    }
}

#[tokio::test]
async fn a_write_heeds_both_headers() {
    let service = TestServer::new(&[]);
    for api in apis::ALL {
        let caller = service.admin(api, 0);
        let id = caller.created(ANN).await;
        for headers in [
            [("if-none-match", "*")].as_slice(),
            &[("if-none-match", "\"1\"")],
            &[("if-none-match", "\"7\", W/\"1\"")],
            &[("if-match", "")],
            &[("if-match", "W/\"1\"")],
            &[("if-match", "\"1\""), ("if-none-match", "*")],
        ] {
            let before = service.head().await;
            let answer = caller.rename(&id, BOB, headers).await;
            assert_eq!(answer.status, 412, "{} {headers:?}: {answer:?}", api.name);
            assert!((api.is_error)(&answer), "{}: {answer:?}", api.name);
            let types = service.types_after(before).await;
            let want = [api.event("UPDATE", "START"), api.event("UPDATE", "FAIL")];
            assert_eq!(types[..2], want, "{} {headers:?}", api.name);
            if api.deletes {
                let path = api.one_of(caller.tenant, &id);
                let answer = caller.send("DELETE", &path, headers, "").await;
                assert_eq!(answer.status, 412, "{} {headers:?}", api.name);
            }
        }
        let shown = caller.read(&id).await.expect("it is there");
        assert_eq!(
            shown.pointer(api.name_at),
            Some(&json!("Ann")),
            "{}",
            api.name
        );
        let fits = [("if-match", "\"1\""), ("if-none-match", "\"7\"")];
        let answer = caller.rename(&id, BOB, &fits).await;
        assert_eq!(answer.status, api.statuses[1], "{}: {answer:?}", api.name);
    }
}

#[tokio::test]
async fn a_put_that_must_be_new_does_not_overwrite() {
    let service = TestServer::new(&[]);
    let caller = service.admin(apis::by_name("native"), 0);
    let put = async |name: &str, headers: &[(&str, &str)]| {
        let card = json!({"name": {"full": name}, "emails": {"e": {"address": "ann@example.com"}}});
        let path = "/contacts?match=email";
        caller.send("PUT", path, headers, card.to_string()).await
    };
    let absent = [("if-none-match", "*")];
    let made = put("Ann", &absent).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(put("Bob", &absent).await.status, 412);
    assert_eq!(put("Bob", &[("if-match", "\"2\"")]).await.status, 412);
    let id = made.json()["id"].as_str().expect("an id").to_owned();
    let shown = caller.read(&id).await.expect("it is there");
    assert_eq!(shown["card"]["name"]["full"], "Ann");
    assert_eq!(put("Bob", &[("if-match", "\"1\"")]).await.status, 200);
}
