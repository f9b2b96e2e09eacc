//! Our own API as a client meets it: Cards judged, requests decoded, answers made.

mod answers;
mod bulk;
mod cards;
mod parts;
mod requests;

use http::{HeaderMap, HeaderValue, Method};
use serde_json::Value;
use uuid::Uuid;

use super::routes::ROUTES;
use super::*;
use crate::dialect::in_memory::{InMemoryService, decode, vectors_hold};
use crate::dialect::{Call, Caller, Decode, Query, Reply, Request, Route, Scope};
use crate::domain::{
    Actor, Card, Contact, ContactId, DialectId, LookupKey, Operation, Owner, Position, Timestamp,
};

#[test]
fn the_vectors_hold() {
    let text = include_str!("../../../../tests/vectors/native.json");
    assert!(vectors_hold(&InMemoryService::open(&DIALECT, "default"), text) > 60);
}

/// The id of the contact that the tests are about.
pub const ID: &str = "01980000-0000-7000-8000-000000000007";

/// A contact of ours with this Card.
pub fn contact(card: Value) -> Contact {
    let id = ContactId(Uuid::try_parse(ID).expect("a UUID"));
    Contact {
        id,
        vendor_id: id.to_string(),
        owner: owner("acme"),
        version: 3,
        created_at: Timestamp::from_millis(1_000),
        created_by: Actor {
            client_id: Some("c".into()),
            ..Actor::default()
        },
        modified_at: Timestamp::from_millis(2_000),
        modified_by: Actor {
            subject: Some("s".into()),
            ..Actor::default()
        },
        position: Position::new(9),
        card: Card::from_value(card).expect("a card").with_uid(id),
    }
}

/// A tenant of ours.
pub fn owner(tenant: &str) -> Owner {
    Owner::new(RULES.dialect, &[tenant]).expect("an owner")
}

/// The JSON of an answer.
pub fn body(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).expect("JSON")
}

/// A header of an answer.
pub fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    let (_, value) = reply.headers.iter().find(|(key, _)| *key == name)?;
    Some(value)
}

/// A request as a transport would hand it over.
pub struct Sent {
    route: &'static Route,
    params: Vec<(String, String)>,
    query: Query,
    headers: HeaderMap,
    body: Vec<u8>,
    caller: Caller,
}

impl Sent {
    /// A request to this path, of a caller whose own tenant is `acme`.
    pub fn new(method: Method, target: &str, body: impl Into<Vec<u8>>) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (route, params) = ROUTES
            .iter()
            .filter(|route| route.method == method)
            .find_map(|route| Some((route, params(route.paths.first()?, path)?)))
            .expect("a route");
        Self {
            route,
            params,
            query: Query::parse(query),
            headers: HeaderMap::new(),
            body: body.into(),
            caller: Caller {
                own_tenant: Some("acme".into()),
                ..Caller::default()
            },
        }
    }

    /// This request with one more header.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("a header");
        self.headers.insert(name, value);
        self
    }

    /// This request of a caller without a tenant.
    pub fn without_tenant(mut self) -> Self {
        self.caller.own_tenant = None;
        self
    }

    /// The scope of the contacts that it is about.
    pub fn scope(&self) -> Result<Scope, Reply> {
        (DIALECT.scope)(&self.request())
    }

    /// What it asks, of its own owner or, where it names a contact, of this owner.
    pub fn call_of(&self, contact_owner: &Owner) -> Result<Call, Reply> {
        let owner = match self.route.decode {
            Decode::Visible(_) => None,
            Decode::Owned(_) => Some(match self.scope()? {
                Scope::Owner(owner) => owner,
                Scope::Contact { .. } => contact_owner.clone(),
            }),
        };
        decode(self.route, &self.request(), owner.as_ref())
    }

    /// What it asks; a contact it names is `acme`'s.
    pub fn call(&self) -> Result<Call, Reply> {
        self.call_of(&owner("acme"))
    }

    fn request(&self) -> Request<'_> {
        Request {
            target: self.route.target,
            params: &self.params,
            query: &self.query,
            headers: &self.headers,
            body: &self.body,
            caller: &self.caller,
        }
    }
}

/// The parameters of a path, where it is of a pattern; plain segments win over parameters.
fn params(pattern: &str, path: &str) -> Option<Vec<(String, String)>> {
    if pattern.split('/').count() != path.split('/').count() {
        return None;
    }
    let mut params = Vec::new();
    for (want, have) in pattern.split('/').zip(path.split('/')) {
        match want.strip_prefix('{').and_then(|w| w.strip_suffix('}')) {
            Some(name) => params.push((name.to_owned(), have.to_owned())),
            None if want == have => {}
            None => return None,
        }
    }
    Some(params)
}
