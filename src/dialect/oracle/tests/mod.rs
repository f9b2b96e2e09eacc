//! The dialect as clients see it: requests in, answers out, over a core without a log.

mod answers;
mod any;
mod lists;
mod rules;

use serde_json::{Value, json};

use super::DIALECT;
use crate::dialect::in_memory::{InMemoryService, vectors_hold};
use crate::domain::Actor;

const CONTACTS: &str = "/ec-site-svc/rest/v1.0/contacts";
const HEX: &str = "C36A3197FDEE433FB5547EE83DE99E4B";
const NO_UUID: &str = "must be of format uuid";
const LIST: &str = "/ec-site-svc/rest/v2.0/contacts";

/// A body that is good but for what a test changes in it.
fn body() -> Value {
    json!({
        "contact": {"firstName": "John", "lastName": "Doe"},
        "contactAddressesDetails": [{"addressPostalcode": "80202"}],
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut body = body();
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let parent = body.pointer_mut(parent).and_then(Value::as_object_mut);
    parent.expect("an object").insert(name.into(), value);
    body
}

/// A service whose developer also has a user of the vendor's portal.
fn in_memory() -> InMemoryService {
    let mut service = InMemoryService::open(&DIALECT, "default");
    service.caller.actor = Actor {
        user_id: Some("a-user".into()),
        ..service.caller.actor
    };
    service
}

#[test]
fn the_vectors_hold() {
    let text = include_str!("../../../../tests/vectors/oracle.json");
    assert!(vectors_hold(&in_memory(), text) > 0);
}
