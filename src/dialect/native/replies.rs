//! Writes the answers to single changes, batches, and reads of the present.

use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use super::body::{Mask, Masked, dialect_name};
use super::hints::WARNING;
use super::past::operation;
use super::problem::{self, Details};
use crate::dialect::describe::{any_text, count, time, uuid};
use crate::dialect::parts::{Part, always, show, sometimes};
use crate::dialect::reply::etag;
use crate::dialect::{ChangePage, Lookup, REGISTRY, Refusal, Reply, SearchPage};
use crate::domain::{Contact, Event, Operation, Outcome};

/// The answer to a change.
pub fn written(outcomes: Vec<Outcome>) -> Reply {
    match outcomes.into_iter().next() {
        Some(Outcome::Written { operation, contact }) => match operation {
            Operation::Create => {
                let location = format!("/contacts/{}", contact.id);
                one(StatusCode::CREATED, &contact, &Mask::default()).with("location", location)
            }
            _ => one(StatusCode::OK, &contact, &Mask::default()),
        },
        Some(Outcome::Removed {
            operation: Operation::Erase,
            id,
            position,
        }) => {
            let body = json!({"id": id.to_string(), "position": position.get()});
            Reply::json(StatusCode::OK, &body)
        }
        Some(Outcome::Removed { .. }) => Reply::empty(StatusCode::NO_CONTENT),
        Some(Outcome::Erased { .. }) => problem::refusal(&Refusal::Gone),
        Some(Outcome::Refused {
            failure,
            violations,
        }) => problem::refused(&failure, &violations).reply(),
        None => problem::refusal(&Refusal::Internal),
    }
}

/// The answer to a batch: how each item ended.
pub fn batch(outcomes: &[Outcome]) -> Reply {
    let items: Value = outcomes.iter().map(item).collect();
    Reply::json(StatusCode::OK, &json!({ "results": items }))
}

/// The end of one item of a batch.
fn item(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Written { operation, contact } => {
            let status = match operation {
                Operation::Create => 201,
                _ => 200,
            };
            json!({"status": status, "id": contact.id.to_string(), "version": contact.version})
        }
        Outcome::Removed { id, .. } => json!({"status": 204, "id": id.to_string()}),
        Outcome::Erased { id } => {
            let error = Details::new(StatusCode::GONE, "gone", Refusal::Gone.to_string());
            json!({"status": error.status, "id": id.to_string(), "error": error})
        }
        Outcome::Refused {
            failure,
            violations,
        } => {
            let error = problem::refused(failure, violations);
            json!({"status": error.status, "error": error})
        }
    }
}

fn one(status: StatusCode, contact: &Contact, mask: &Mask) -> Reply {
    Reply::json(status, &mask.of(contact)).with("etag", etag(contact.version))
}

/// The answer that is one contact.
pub fn contact(found: Lookup<Box<Contact>>, mask: &Mask) -> Reply {
    match found {
        Ok(contact) => one(StatusCode::OK, &contact, mask),
        Err(refusal) => problem::refusal(&refusal),
    }
}

/// Told of with a page that is not all there is.
const KEYS_LACK: &str =
    "Some contacts are left out because their keys are missing; `contactd log verify` lists them.";

/// The answer that is a page of contacts.
pub fn page(page: &SearchPage, cursor: impl Fn(&Contact) -> String, mask: &Mask) -> Reply {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        data: Vec<Masked<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        next_cursor: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        total: Option<usize>,
    }
    let last = page.contacts.last().filter(|_| page.more);
    let body = Body {
        data: page.contacts.iter().map(|one| mask.of(one)).collect(),
        next_cursor: last.map(cursor),
        total: page.total,
    };
    let reply = Reply::json(StatusCode::OK, &body);
    if page.lacks_keys {
        return reply.with(WARNING, KEYS_LACK.to_owned());
    }
    reply
}

/// The answer that says what changed since a position.
pub fn changes(page: &ChangePage, mask: &Mask) -> Reply {
    #[derive(Serialize)]
    struct Body<'a> {
        changed: Vec<Masked<'a>>,
        deleted: Value,
        next: u64,
        more: bool,
    }
    let contacts = page.changes.iter().filter_map(|(_, it)| it.as_ref());
    // One whose key is not there is neither: nobody can show it, and nobody has ended it.
    let is_end =
        |event: &Event| matches!(event.header.operation, Operation::Delete | Operation::Erase);
    let ends = (page.changes.iter()).filter(|(event, it)| it.is_none() && is_end(event));
    let body = Body {
        changed: contacts.map(|one| mask.of(one)).collect(),
        deleted: ends.map(|(event, _)| show(&DELETED, event)).collect(),
        next: page.next.get(),
        more: page.more,
    };
    Reply::json(StatusCode::OK, &body)
}

/// A contact that is no more.
pub static DELETED: [Part<Event>; 7] = [
    sometimes("id", uuid, |it| {
        it.header.contact.map(|id| id.to_string()).into()
    }),
    sometimes("vendorId", any_text, vendor_id),
    always("tenant", any_text, |it| it.header.owner.tenant().into()),
    always("dialect", any_text, |it| {
        dialect_name(it.header.owner.dialect()).into()
    }),
    always("operation", any_text, operation),
    always("position", count, |it| it.header.position.get().into()),
    always("time", time, |it| it.header.time.to_string().into()),
];

/// Left out where the client chose it: then it was personal data.
fn vendor_id(event: &Event) -> Value {
    let header = &event.header;
    let rules = REGISTRY.get(header.owner.dialect());
    let id = || rules?.ids.render(header.contact?, header.key.as_ref()?);
    id().into()
}
