//! Every kind of failure: a 4xx or 5xx that parses as the vendor's own error, and nothing in the
//! log that should not be there.

use contactd::dialect::ApiOperation;
use serde_json::{Value, json};

use crate::api::{Api, Person};
use crate::apis;
use crate::test_server::{Caller, TestServer};

/// Nothing else in the service has these texts.
const SECRET: Person<'static> = Person {
    name: "Zebedee Quillfeather",
    email: "zebedee.quillfeather@example.com",
};
const ANN: Person<'static> = Person {
    name: "Ann",
    email: "ann@example.com",
};

/// What a refused request leaves in the log.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaves {
    Nothing,
    /// A START and a FAIL of this operation.
    Refused(&'static str),
}

/// A request that must be refused.
struct Case {
    what: &'static str,
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    status: &'static [u16],
    leaves: Leaves,
}

impl Case {
    /// A create with this body.
    fn create(caller: &Caller, what: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            what,
            method: "POST",
            path: caller.api.contacts_of(caller.tenant),
            headers: Vec::new(),
            body: body.into(),
            status: &[400],
            leaves: Leaves::Nothing,
        }
    }

    /// A create that is as it should be but for this header.
    fn header(caller: &Caller, what: &'static str, name: &'static str, value: String) -> Self {
        let body = (caller.api.create)(SECRET).to_string();
        Self {
            headers: vec![(name, value)],
            ..Self::create(caller, what, body)
        }
    }

    fn answered(self, status: &'static [u16]) -> Self {
        Self { status, ..self }
    }

    fn leaving(self, operation: &'static str) -> Self {
        let leaves = Leaves::Refused(operation);
        Self { leaves, ..self }
    }

    async fn check(self, service: &TestServer, caller: &Caller) {
        let api = caller.api;
        let before = service.head().await;
        let headers: Vec<_> = self.headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let answer = caller
            .send(self.method, &self.path, &headers, self.body)
            .await;
        let what = format!("{}: {}: {answer:?}", api.name, self.what);
        assert!(self.status.contains(&answer.status), "{what}");
        assert!((api.is_error)(&answer), "{what}");
        // What no token was asked for says no position.
        if !matches!(answer.status, 401 | 404 | 405) {
            answer.position();
        }
        let events = service.events_after(before).await;
        let types: Vec<_> = events.iter().map(|event| event["type"].clone()).collect();
        let expected: Vec<Value> = match self.leaves {
            Leaves::Nothing => Vec::new(),
            Leaves::Refused(operation) => ["START", "FAIL"]
                .map(|phase| api.event(operation, phase).into())
                .into(),
        };
        assert_eq!(types, expected, "{what}");
        for event in &events {
            let text = event.to_string();
            assert!(
                !text.contains(SECRET.name) && !text.contains(SECRET.email),
                "{text}"
            );
        }
    }
}

#[tokio::test]
async fn a_body_that_is_no_command() {
    let service = TestServer::new(&["--body-limit", "200000"]);
    for api in apis::ALL {
        let caller = service.admin(api, 0);
        for case in bodies(&caller) {
            case.check(&service, &caller).await;
        }
    }
    assert_silent(&service);
}

/// Bodies that are not even a command.
fn bodies(caller: &Caller) -> Vec<Case> {
    let good = (caller.api.create)(SECRET).to_string();
    let within = |from: &str, to: &[u8]| {
        let (before, after) = good.split_once(from).expect("it is there");
        [before.as_bytes(), to, after.as_bytes()].concat()
    };
    let create = |what, body: Vec<u8>| Case::create(caller, what, body);
    let nested = |open: &str| open.repeat(10_000).into_bytes();
    vec![
        create("bad JSON", good.as_bytes()[..good.len() - 1].to_vec()),
        create("two values", format!("{good} {good}").into_bytes()),
        create("a lone surrogate", within("Zebedee", br"\ud800")),
        create("invalid UTF-8", within("Zebedee", b"\xff\xfe")),
        create("a bare control character", within("Zebedee", b"\x01")),
        create(
            "a number out of range",
            within("\"Zebedee Quillfeather\"", b"1e999"),
        ),
        create("an empty body", Vec::new()),
        create("only white space", b" \r\n\t".to_vec()),
        create("arrays too deep", nested("[")),
        create("objects too deep", nested(r#"{"a":"#)),
        create(
            "a deep value in a field",
            within("\"Zebedee Quillfeather\"", &nested("[")),
        ),
        create("too large", vec![b' '; 200_001]).answered(&[413]),
    ]
}

#[tokio::test]
async fn a_head_that_is_no_command() {
    let service = TestServer::new(&[]);
    for api in apis::ALL {
        let caller = service.admin(api, 0);
        for case in heads(&service, &caller) {
            case.check(&service, &caller).await;
        }
    }
    assert_silent(&service);
}

/// Heads that are not even a command.
fn heads(service: &TestServer, caller: &Caller) -> Vec<Case> {
    let api = caller.api;
    let header = |what, name, value: &str| Case::header(caller, what, name, value.to_owned());
    let bearer = |what, token: &str| header(what, "authorization", &format!("Bearer {token}"));
    let token = |roles: &[&str], ends| service.token("x", roles, &[caller.tenant], ends);
    let (head, signature) = caller
        .token
        .rsplit_once('.')
        .expect("a token has three parts");
    let turned: String = signature.chars().rev().collect();
    let claims = head.split_once('.').expect("a token has three parts").1;
    // {"alg":"none","typ":"at+jwt"} and {"alg":"HS256","typ":"at+jwt"}
    let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{claims}.");
    let keyed = format!("eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.{claims}.{signature}");
    let path = caller.path(api.contacts);
    let elsewhere = |what, path: String| Case {
        path,
        ..Case::create(caller, what, (api.create)(SECRET).to_string())
    };
    let method = |what, method, path: String| Case {
        method,
        ..elsewhere(what, path)
    };
    vec![
        header("another media type", "content-type", "text/plain").answered(&[400, 415]),
        header(
            "a form",
            "content-type",
            "application/x-www-form-urlencoded",
        )
        .answered(&[400, 415]),
        bearer("an expired token", &token(&["admin"], -600)).answered(&[401]),
        bearer("a forged token", &format!("{head}.{turned}")).answered(&[401]),
        bearer("an unsigned token", &unsigned).answered(&[401]),
        bearer("a token keyed by hand", &keyed).answered(&[401]),
        bearer("no token", "").answered(&[401]),
        header("another scheme", "authorization", "Basic YTpi").answered(&[401]),
        bearer("a reader", &token(&["contacts:read", "auditor"], 600)).answered(&[403]),
        bearer("no role", &token(&[], 600)).answered(&[403]),
        header(
            "a long idempotency key",
            "idempotency-key",
            &"k".repeat(129),
        ),
        header("an empty idempotency key", "idempotency-key", ""),
        header("a key of two words", "idempotency-key", "a b"),
        header("no position", "contact-min-position", "-1"),
        elsewhere("an unknown path", format!("{path}/a/b/c/d")).answered(&[404]),
        method("a wrong method", "DELETE", path).answered(&[405]),
        method(
            "a bad id",
            api.update_method,
            api.one_of(caller.tenant, "no-id"),
        )
        .answered(&[400, 404]),
        method(
            "an id of no UTF-8",
            api.update_method,
            api.one_of(caller.tenant, "%ff"),
        )
        .answered(&[400, 404]),
    ]
}

#[tokio::test]
async fn a_command_that_is_refused() {
    let service = TestServer::new(&[]);
    for api in apis::ALL {
        let caller = service.admin(api, 0);
        let id = caller.created(ANN).await;
        for case in commands(&caller, &id) {
            case.check(&service, &caller).await;
        }
    }
    assert_silent(&service);
}

/// Commands that are judged and refused.
fn commands(caller: &Caller, id: &str) -> Vec<Case> {
    let api = caller.api;
    let invalid: &'static [u16] = match api.invalid {
        422 => &[422],
        _ => &[400],
    };
    let create = |what, body: &str| {
        Case::create(caller, what, body)
            .answered(invalid)
            .leaving("CREATE")
    };
    let update = |what, id: &str, version: &str| Case {
        method: api.update_method,
        path: api.one_of(caller.tenant, id),
        headers: vec![("if-match", version.to_owned())],
        ..Case::create(caller, what, (api.rename)(SECRET).to_string())
    };
    let long = Case::create(caller, "too long", (api.too_long)().to_string());
    vec![
        create("missing", api.missing),
        create("a wrong type", api.wrong_type),
        create("of duplicate keys the last counts", &duplicate(api)),
        create("another form", if api.name == "kare" { "{}" } else { "[]" }),
        if api.too_long_is_a_command {
            long.answered(invalid).leaving("CREATE")
        } else {
            long.answered(&[413])
        },
        update("another version", id, "\"7\"")
            .answered(&[412])
            .leaving("UPDATE"),
        update("a version of nobody", api.unknown_id, "\"1\"")
            .answered(&[404])
            .leaving("UPDATE"),
    ]
}

/// A body with a good field, and the same one again that is not.
fn duplicate(api: &Api) -> String {
    let good = (api.create)(SECRET).to_string();
    let name = api.name_at.rsplit('/').next().expect("a name");
    let first = format!("\"{name}\":\"{}\"", SECRET.name);
    assert!(good.contains(&first), "{good}");
    good.replace(&first, &format!("{first},\"{name}\":[7]"))
}

#[tokio::test]
async fn the_last_of_duplicate_keys_is_stored() {
    let service = TestServer::new(&[]);
    for api in apis::ALL {
        let caller = service.admin(api, 0);
        let body = duplicate(api).replace("[7]", "\"Last\"");
        let path = api.contacts_of(caller.tenant);
        let answer = caller.send("POST", &path, &[], body).await;
        assert_eq!(answer.status, api.statuses[0], "{}: {answer:?}", api.name);
        let all = caller.all().await;
        assert_eq!(
            all[0].pointer(api.name_at),
            Some(&"Last".into()),
            "{}",
            api.name
        );
    }
}

#[tokio::test]
async fn a_key_for_another_request() {
    let service = TestServer::new(&[]);
    for api in apis::ALL {
        let caller = service.admin(api, 0);
        let key = [("idempotency-key", "used")];
        let first = caller.create_with(ANN, &key).await;
        assert_eq!(first.status, api.statuses[0], "{}", api.name);
        Case::header(
            &caller,
            "a key used again",
            "idempotency-key",
            "used".into(),
        )
        .answered(&[422])
        .check(&service, &caller)
        .await;
        // Another client has keys of its own.
        let token = service.token("another", &["admin"], &[caller.tenant], 600);
        let other = caller.with_token(token);
        let other = other
            .create_with(
                Person {
                    email: "o@example.com",
                    ..ANN
                },
                &key,
            )
            .await;
        assert_eq!(other.status, api.statuses[0], "{}: {other:?}", api.name);
    }
}

#[tokio::test]
async fn a_change_that_must_name_its_version() {
    let service = TestServer::new(&["--require-if-match"]);
    for api in apis::ALL {
        let caller = service.admin(api, 0);
        let id = caller.created(ANN).await;
        let path = api.one_of(caller.tenant, &id);
        let routes = api.dialect().routes.iter();
        let methods: Vec<_> = routes
            .filter(|route| matches!(route.operation, ApiOperation::Update | ApiOperation::Delete))
            .map(|route| route.method.as_str())
            .collect();
        assert!(!methods.is_empty());
        for method in methods {
            Case {
                method,
                path: path.clone(),
                ..Case::create(&caller, "no version", (api.rename)(SECRET).to_string())
            }
            .answered(&[428])
            .check(&service, &caller)
            .await;
        }
        let good = caller.rename(&id, ANN, &[("if-match", "\"1\"")]).await;
        assert_eq!(good.status, api.statuses[1], "{}: {good:?}", api.name);
    }
}

/// An upsert may find a contact, and a batch changes several: each change must say of which version.
#[tokio::test]
async fn a_change_found_by_a_key_or_in_a_batch_must_name_its_version_too() {
    let service = TestServer::new(&["--require-if-match"]);
    let caller = service.admin(apis::by_name("native"), 0);
    let id = caller.created(ANN).await;
    let before = service.head().await;
    let card = json!({"name": {"full": "Ann"}, "emails": {"e": {"address": ANN.email}}});
    let batch = |operation: Value| json!({"operations": [operation]}).to_string();
    let (upsert, bulk) = ("/contacts?match=email", "/contacts/batch");
    for (method, path, body) in [
        ("PUT", upsert, card.to_string()),
        ("POST", bulk, batch(json!({"op": "delete", "id": id}))),
        (
            "POST",
            bulk,
            batch(json!({"op": "update", "id": id, "patch": {"kind": "org"}})),
        ),
    ] {
        let answer = caller.send(method, path, &[], body.clone()).await;
        assert_eq!(answer.status, 428, "{path} {body}: {answer:?}");
    }
    assert_eq!(service.head().await, before + 2, "nothing is in the log");
    let thena = service.admin(apis::by_name("thena"), 0);
    thena.created(ANN).await;
    let ingest =
        json!({"users": [{"firstName": "Zoe", "email": ANN.email}], "sinkSource": "MANUAL"});
    let answer = thena
        .send(
            "POST",
            "/v1/accounts/contacts/ingest",
            &[],
            ingest.to_string(),
        )
        .await;
    assert_eq!(answer.status, 428, "{answer:?}");
    let good = [("if-match", "\"1\"")];
    let changed = caller.send("PUT", upsert, &good, card.to_string()).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let create = batch(json!({"op": "create", "card": {"name": {"full": "Zoe"}}}));
    let created = caller.send("POST", bulk, &[], create).await;
    assert_eq!(created.status, 200, "{created:?}");
}

#[tokio::test]
async fn too_many_requests() {
    let service = TestServer::new(&["--rate-limit", "3/1h"]);
    for api in apis::ALL {
        let caller = service.admin(api, 0);
        let list = api.whole_list_of(caller.tenant);
        for remaining in ["2", "1", "0"] {
            let answer = caller.send("GET", &list, &[], "").await;
            assert_eq!(answer.status, 200, "{}: {answer:?}", api.name);
            let limit = answer.header("ratelimit").expect("RateLimit");
            assert!(
                limit.contains(&format!("r={remaining}")),
                "{}: {limit}",
                api.name
            );
            assert!(answer.header("ratelimit-policy").is_some(), "{}", api.name);
        }
        Case::create(&caller, "one too many", (api.create)(SECRET).to_string())
            .answered(&[429])
            .check(&service, &caller)
            .await;
        let answer = caller.send("GET", &list, &[], "").await;
        for name in ["retry-after", "ratelimit", "ratelimit-policy"] {
            assert!(
                answer.header(name).is_some(),
                "{}: no {name}: {answer:?}",
                api.name
            );
        }
        let own = answer.header("x-ratelimit-remaining");
        assert_eq!(own, (api.name == "thena").then_some("0"), "{}", api.name);
        // Another client has a bucket of its own.
        let other = service.admin(api, 1);
        let list = api.whole_list_of(other.tenant);
        assert_eq!(
            other.send("GET", &list, &[], "").await.status,
            200,
            "{}",
            api.name
        );
    }
}

#[tokio::test]
async fn a_session_token_is_no_bearer_token_nor_the_reverse() {
    let service = TestServer::new(&[]);
    for api in apis::ALL {
        let Some(name) = api.dialect().extras.session_header else {
            continue;
        };
        let caller = service.admin(api, 0);
        let session = |value: &str| {
            Case::header(&caller, "a wrong session", name, value.to_owned()).answered(&[401])
        };
        for value in ["", "x", &caller.token] {
            session(value).check(&service, &caller).await;
        }
        let headers = caller.headers();
        let (_, own) = headers
            .iter()
            .find(|(n, _)| *n == name)
            .expect("it has one");
        Case::header(
            &caller,
            "a session as bearer",
            "authorization",
            format!("Bearer {own}"),
        )
        .answered(&[401])
        .check(&service, &caller)
        .await;
    }
}

/// Standard error holds nothing of what was sent.
fn assert_silent(service: &TestServer) {
    let said = service.said();
    for secret in [SECRET.name, SECRET.email, "Bearer", "eyJ"] {
        assert!(!said.contains(secret), "{said}");
    }
}
