//! Writes the answers to single changes, batches, and reads of the present.

use http::StatusCode;
use serde::Serialize;
use serde_json::json;

use super::body::{Mask, Masked, dialect_name};
use super::list::write_cursor;
use super::problem::{self, Details};
use crate::dialect::reply::etag;
use crate::dialect::{ChangePage, Lookup, Page, REGISTRY, Refusal, Reply, Search, Sort};
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

/// The end of one item of a batch.
#[derive(Debug, Default, Serialize)]
pub struct ItemBody {
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Details>,
}

/// The answer to a batch.
pub fn batch(outcomes: &[Outcome]) -> Reply {
    let items: Vec<ItemBody> = outcomes.iter().map(ItemBody::from).collect();
    results(&items)
}

/// The answer that holds how the items of a batch ended.
pub fn results(items: &[ItemBody]) -> Reply {
    #[derive(Serialize)]
    struct Body<'a> {
        results: &'a [ItemBody],
    }
    Reply::json(StatusCode::OK, &Body { results: items })
}

impl From<&Outcome> for ItemBody {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Written { operation, contact } => Self {
                status: match operation {
                    Operation::Create => 201,
                    _ => 200,
                },
                id: Some(contact.id.to_string()),
                version: Some(contact.version),
                error: None,
            },
            Outcome::Removed { id, .. } => Self {
                status: 204,
                id: Some(id.to_string()),
                ..Self::default()
            },
            Outcome::Erased { id } => {
                let error = Details::new(StatusCode::GONE, "gone", Refusal::Gone.message());
                Self {
                    status: error.status,
                    id: Some(id.to_string()),
                    version: None,
                    error: Some(error),
                }
            }
            Outcome::Refused {
                failure,
                violations,
            } => {
                let error = problem::refused(failure, violations);
                Self {
                    status: error.status,
                    error: Some(error),
                    ..Self::default()
                }
            }
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
        Err(missing) => problem::refusal(&missing.into()),
    }
}

/// The answer that is a page of contacts.
pub fn page(page: &Page, log: &str, sort: Sort, mask: &Mask) -> Reply {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        data: Vec<Masked<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        next_cursor: Option<String>,
    }
    let last = page.contacts.last().filter(|_| page.more);
    let body = Body {
        data: page.contacts.iter().map(|one| mask.of(one)).collect(),
        next_cursor: last.map(|last| write_cursor(log, sort, &Search::keyset(sort, last))),
    };
    Reply::json(StatusCode::OK, &body)
}

/// The answer that says what changed since a position.
pub fn changes(page: &ChangePage, mask: &Mask) -> Reply {
    #[derive(Serialize)]
    struct Body<'a> {
        changed: Vec<Masked<'a>>,
        deleted: Vec<Deleted<'a>>,
        next: u64,
        more: bool,
    }
    let contacts = page
        .changes
        .iter()
        .filter_map(|(_, contact)| contact.as_ref());
    let ends = page.changes.iter().filter(|(_, contact)| contact.is_none());
    let body = Body {
        changed: contacts.map(|one| mask.of(one)).collect(),
        deleted: ends.map(|(event, _)| Deleted::from(event)).collect(),
        next: page.next.get(),
        more: page.more,
    };
    Reply::json(StatusCode::OK, &body)
}

/// A contact that is no more.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Deleted<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// Left out where the client chose it: then it was personal data.
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor_id: Option<String>,
    tenant: &'a str,
    dialect: &'static str,
    operation: String,
    position: u64,
    time: String,
}

impl<'a> From<&'a Event> for Deleted<'a> {
    fn from(event: &'a Event) -> Self {
        let header = &event.header;
        let rules = REGISTRY.get(header.owner.dialect());
        let vendor_id = || {
            let key = header.key.as_ref()?;
            rules?.ids.render(header.contact?, key)
        };
        Self {
            id: header.contact.map(|id| id.to_string()),
            vendor_id: vendor_id(),
            tenant: header.owner.tenant(),
            dialect: dialect_name(header.owner.dialect()),
            operation: header.operation.name().to_lowercase(),
            position: header.position.get(),
            time: header.time.to_string(),
        }
    }
}
