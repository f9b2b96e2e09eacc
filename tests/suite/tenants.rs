//! What belongs to another tenant is invisible, by every route of every dialect.
//!
//! The routes come from the service's own table, so that a new one can't be
//! forgotten: it fails here until its description says how it is sent.

use contactd::dialect::{ApiOperation, Route};
use serde_json::Value;

use crate::api::{Api, Person, of_tenant};
use crate::apis;
use crate::common::Answer;
use crate::test_server::{Caller, TestServer};

/// Nothing else in the service has these texts.
const SECRET: Person<'static> = Person {
    name: "Zebedee Quillfeather",
    email: "zebedee.quillfeather@example.com",
};
/// What an intruder sends.
const OTHER: Person<'static> = Person {
    name: "Another",
    email: "another@example.com",
};

/// A request by a route, made about a tenant and a contact.
struct Sent<'a> {
    api: &'static Api,
    route: &'static Route,
    path: &'a str,
}

impl Sent<'_> {
    /// Sends it as a caller, with the path, header and query of a tenant.
    async fn to(&self, caller: &Caller, tenant: &str, id: &str) -> Answer {
        let mut path = self.path.to_owned();
        for (name, value) in self.api.owner_params {
            path = path.replace(&format!("{{{name}}}"), &of_tenant(value, tenant));
        }
        if let Some(name) = self.route.target {
            path = path.replace(&format!("{{{name}}}"), id);
        }
        assert!(
            !path.contains('{'),
            "{path}: say what stands here in owner_params"
        );
        path.push_str(&of_tenant(self.api.query, tenant));
        for (operation, query) in QUERIES {
            if self.route.operation == operation {
                let join = if path.contains('?') { '&' } else { '?' };
                path.push(join);
                path.push_str(query);
            }
        }
        let method = self.route.method.as_str();
        let body = (self.api.body_of)(self.route.operation, OTHER, id, &caller.token);
        let needs_body = matches!(method, "POST" | "PUT" | "PATCH");
        assert!(
            body.is_some() || !needs_body,
            "{} {}: say what its body is in body_of",
            self.api.name,
            self.route.operation.name()
        );
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let header = self.api.tenant_header.map(|name| (name, tenant));
        caller.send(method, &path, header.as_slice(), body).await
    }
}

/// What some routes must be asked.
const QUERIES: [(ApiOperation, &str); 2] = [
    (ApiOperation::Upsert, "match=email"),
    (
        ApiOperation::Search,
        "email=zebedee.quillfeather@example.com",
    ),
];

#[tokio::test]
async fn no_route_shows_or_touches_what_is_anothers() {
    let service = TestServer::new(&[]);
    for api in apis::ALL {
        let (owner, intruder) = (service.admin(api, 0), service.admin(api, 1));
        let mut seen_by_the_owner = false;
        for route in api.dialect().routes.iter() {
            for path in route.http_paths() {
                let sent = Sent { api, route, path };
                seen_by_the_owner |= check(&service, &sent, &owner, &intruder).await;
            }
        }
        assert!(seen_by_the_owner, "{}: the test sees nothing", api.name);
    }
}

/// Sends a request as an intruder in every way, then as the owner, who must get through.
async fn check(service: &TestServer, sent: &Sent<'_>, owner: &Caller, intruder: &Caller) -> bool {
    let Sent { api, route, path } = sent;
    let what = format!("{} {} {path}", api.name, route.operation.name());
    let id = owner.created(SECRET).await;
    let before = owner.read(&id).await.expect("it is there");
    let head = service.head().await;

    // In the owner's name, and in their own but about the owner's contact.
    for tenant in [owner.tenant, intruder.tenant] {
        let answer = sent.to(intruder, tenant, &id).await;
        assert_blind(&what, &answer, &id, route);
        let names_another = tenant == owner.tenant && names_tenant(sent);
        // An organisation that is not one's own has no events, as emnify's page says.
        if names_another && !route.roles.is_empty() && *path != EMNIFY_EVENTS {
            assert_eq!(answer.status, api.not_yours, "{what}: {answer:?}");
        }
        if answer.status >= 400 {
            assert!((api.is_error)(&answer), "{what}: {answer:?}");
        }
        // What is another's answers as what never was.
        if route.target.is_some() {
            let unknown = sent.to(intruder, tenant, api.unknown_id).await;
            assert!(answer.status >= 400, "{what}: {answer:?}");
            assert_eq!(
                neutral(&answer, &id),
                neutral(&unknown, api.unknown_id),
                "{what}"
            );
        }
    }
    for event in service.events_after(head).await {
        assert_ne!(event["data"]["tenant"], owner.tenant, "{what}: {event}");
    }
    assert_eq!(owner.read(&id).await, Some(before), "{what}");

    let answer = sent.to(owner, owner.tenant, &id).await;
    assert!(
        answer.status < 300,
        "{what} does not work at all: {answer:?}"
    );
    if api.deletes {
        for contact in owner.all().await {
            owner.delete(&crate::api::id_of(&contact)).await;
        }
    }
    text(&answer).contains(SECRET.name)
}

const EMNIFY_EVENTS: &str = "/api/v1/organisation/{org_id}/event";

/// Whether a request says whose contacts it is about, rather than the token.
fn names_tenant(sent: &Sent<'_>) -> bool {
    let in_path = sent
        .api
        .owner_params
        .iter()
        .any(|(name, _)| sent.path.contains(&format!("{{{name}}}")));
    // Our own API looks at ?tenant= only where no contact is named, and a search is narrowed by it.
    let in_query = sent.api.query.contains("{tenant}")
        && sent.route.operation.writes()
        && sent.route.target.is_none();
    in_path || in_query || sent.api.tenant_header.is_some()
}

/// Nothing in an answer is the owner's.
fn assert_blind(what: &str, answer: &Answer, id: &str, route: &Route) {
    let text = text(answer);
    for secret in [SECRET.name, SECRET.email] {
        assert!(!text.contains(secret), "{what}: {text}");
    }
    // An id that was not sent must not come back.
    if route.target.is_none() && route.operation.recorded_read().is_none() {
        assert!(!text.contains(&format!("\"{id}\"")), "{what}: {text}");
    }
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

/// An answer's status, body and type, without the id that was asked for.
fn neutral(answer: &Answer, id: &str) -> (u16, String, Option<String>) {
    let kind = answer.header("content-type").map(str::to_owned);
    (answer.status, text(answer).replace(id, "ID"), kind)
}

#[tokio::test]
async fn events_of_another_tenant_are_not_shown() {
    let service = TestServer::new(&[]);
    for api in apis::ALL {
        let (owner, intruder) = (service.admin(api, 0), service.admin(api, 1));
        owner.created(SECRET).await;
        for path in ["/events", "/events?type=", "/contacts", "/contacts/changes"] {
            let path = if path == "/events?type=" {
                format!("{path}{}", api.event("CREATE", "SUCCESS"))
            } else {
                path.to_owned()
            };
            let own = owner.send("GET", &path, &[], "").await;
            assert!(
                text(&own).contains(SECRET.name),
                "{}: {}",
                api.name,
                text(&own)
            );
            let other = intruder.send("GET", &path, &[], "").await;
            assert_eq!(other.status, 200, "{}: {other:?}", api.name);
            let body: Value = other.json();
            let rows = body
                .get("events")
                .or_else(|| body.get("data"))
                .or_else(|| body.get("changed"));
            let rows = rows.and_then(Value::as_array).map(Vec::as_slice);
            let empty = rows.is_some_and(|rows| {
                rows.iter().all(|row| {
                    row["tenant"] != owner.tenant && row["data"]["tenant"] != owner.tenant
                })
            });
            assert!(
                empty && !text(&other).contains(SECRET.name),
                "{}: {body}",
                api.name
            );
        }
    }
}

/// What our own API can be asked about everybody's contacts and events.
const QUESTIONS: [&str; 5] = [
    "/contacts?q=Zebedee",
    "/contacts?email=zebedee.quillfeather@example.com",
    "/contacts?name=Quillfeather&tenant={tenant}",
    "/contacts/changes?tenant={tenant}",
    "/events?tenant={tenant}",
];

#[tokio::test]
async fn our_own_api_shows_no_dialects_contacts_to_others() {
    let service = TestServer::new(&[]);
    for api in apis::ALL {
        let (owner, intruder) = (service.admin(api, 0), service.admin(api, 1));
        let before = service.head().await;
        owner.created(SECRET).await;
        let events = service.events_after(before).await;
        let id = events[1]["subject"].as_str().expect("our id");
        let own = owner.send("GET", &format!("/contacts/{id}"), &[], "").await;
        assert!(text(&own).contains(SECRET.email), "{}: {own:?}", api.name);

        let head = service.head().await;
        let native = apis::ALL[0];
        for route in native
            .dialect()
            .routes
            .iter()
            .filter(|r| r.target.is_some())
        {
            let sent = Sent {
                api: native,
                route,
                path: route.paths[0],
            };
            let answer = sent.to(&intruder, owner.tenant, id).await;
            let unknown = sent.to(&intruder, owner.tenant, native.unknown_id).await;
            let what = format!("{}: {}: {answer:?}", api.name, route.operation.name());
            assert_eq!(answer.status, 404, "{what}");
            assert_eq!(
                neutral(&answer, id),
                neutral(&unknown, native.unknown_id),
                "{what}"
            );
        }
        for question in QUESTIONS {
            let path = of_tenant(question, owner.tenant);
            let own = owner.send("GET", &path, &[], "").await;
            // Oracle's contacts have no address.
            let findable = api.name != "oracle" || !path.contains("email=");
            let found = text(&own).contains(id);
            assert_eq!(found, findable, "{}: {path}: {}", api.name, text(&own));
            let other = intruder.send("GET", &path, &[], "").await;
            assert!(
                !text(&other).contains(id),
                "{}: {path}: {other:?}",
                api.name
            );
            assert_blind(&path, &other, id, &native.dialect().routes[0]);
        }
        for event in service.events_after(head).await {
            assert_ne!(
                event["data"]["tenant"], owner.tenant,
                "{}: {event}",
                api.name
            );
        }
    }
}
