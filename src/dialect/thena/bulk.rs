//! Reads the vendor's requests about many contacts: bulk creation and ingestion.
//!
//! Each item is an attempt of its own. A request that is wrong as a whole is
//! one attempt, so that it leaves its trace; a list of nothing is none.

use serde_json::{Map, Value};

use super::contact::{Common, Read, Use, distinct};
use super::decode::{self, creation, object, to_patch};
use super::{RULES, encode};
use crate::dialect::fields::{ANY_TEXT, Fields, Nulls};
use crate::dialect::{Call, Refusal, Reply, Request, Write};
use crate::domain::{Action, Attempt, Expected, LookupKey, Match, Owner, Problem, Violation};

/// Where an ingestion may say that it comes from.
pub const SINK_SOURCES: [&str; 5] = ["MANUAL", "SLACK", "TEAMS", "INTERCOM", "ZENDESK"];

/// A request's items with what they have in common.
struct Items<'a> {
    /// The name of the list.
    name: &'static str,
    items: &'a [Value],
    common: Common,
}

/// Decodes a bulk creation.
pub fn create(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let body = decode::body(request)?;
    if body.as_array().is_some_and(Vec::is_empty) {
        return Ok(Call::Known(encode::nothing_to_create()));
    }
    match object(&body).and_then(contacts) {
        Err(violations) => Ok(refused(owner, violations)),
        Ok(items) if items.items.is_empty() => Ok(Call::Known(encode::nothing_to_create())),
        Ok(items) => {
            let attempts = items.attempts(|read| read.contact().and_then(creation))?;
            Ok(Call::write(Write::each(owner, attempts), encode::created))
        }
    }
}

/// Decodes an ingestion: each user is updated where the address is known, else created.
pub fn ingest(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let body = decode::body(request)?;
    match object(&body).and_then(users) {
        Err(violations) => Ok(refused(owner, violations)),
        Ok(items) if items.items.is_empty() => Ok(Call::Known(encode::nobody_ingested())),
        Ok(items) => {
            let attempts = items.attempts(upsert)?;
            Ok(Call::write(Write::each(owner, attempts), encode::ingested))
        }
    }
}

impl Items<'_> {
    /// An attempt for each item.
    fn attempts(
        &self,
        action: fn(Read) -> Result<Action, Vec<Violation>>,
    ) -> Result<Vec<Attempt>, Reply> {
        let limit = RULES.batch_items_max();
        if self.items.len() > limit {
            return Err(encode::refusal(&Refusal::TooManyItems { limit }));
        }
        let items = self.items.iter().enumerate();
        Ok(items
            .map(|(index, item)| {
                let path = format!("{}.{index}", self.name);
                match item {
                    Value::Object(item) => {
                        let read = Read::new(item, &format!("{path}."), Use::Create);
                        let read = read.with(&self.common);
                        Attempt::create(read.sent.clone(), action(read))
                    }
                    _ => {
                        let problem = Problem::WrongType(Expected::Object);
                        Attempt::create(Vec::new(), Err(vec![Violation::new(path, problem)]))
                    }
                }
            })
            .collect())
    }
}

fn upsert(read: Read) -> Result<Action, Vec<Violation>> {
    let contact = read.contact()?;
    let by = Match(LookupKey::email(&contact.email));
    let card = super::decode::to_card(&contact, None)?;
    let patch = to_patch(read.change()?);
    Ok(Action::Upsert { by, card, patch })
}

/// The contacts of a bulk creation, with accounts, type and source for all of them.
fn contacts(body: &Map<String, Value>) -> Result<Items<'_>, Vec<Violation>> {
    let mut fields = Fields::new(body, "", Nulls::Absent);
    let items = fields.array("contacts", true);
    // The vendor's page types it as a list and shows a single text.
    let account_ids = match body.get("accountIds") {
        Some(Value::String(id)) => {
            fields.sent.push("accountIds".into());
            vec![id.clone()]
        }
        _ => fields
            .texts("accountIds", ANY_TEXT.not_blank(), None, false)
            .unwrap_or_default(),
    };
    let contact_type = fields.text("contactType", ANY_TEXT, false);
    let source = fields.text("source", ANY_TEXT, false);
    fields.sent.retain(|name| name != "contacts");
    match items {
        Some(items) if fields.violations.is_empty() => Ok(Items {
            name: "contacts",
            items,
            common: Common {
                account_ids: distinct(account_ids),
                contact_type,
                source,
                sent: fields.sent,
            },
        }),
        _ => Err(fields.violations),
    }
}

/// The users of an ingestion, with their source.
fn users(body: &Map<String, Value>) -> Result<Items<'_>, Vec<Violation>> {
    let mut fields = Fields::new(body, "", Nulls::Absent);
    let items = fields.array("users", true);
    let source = fields.text("sinkSource", ANY_TEXT.one_of(&SINK_SOURCES), true);
    match items {
        Some(items) if fields.violations.is_empty() => Ok(Items {
            name: "users",
            items,
            common: Common {
                source,
                sent: vec!["source".into()],
                ..Common::default()
            },
        }),
        _ => Err(fields.violations),
    }
}

fn refused(owner: &Owner, violations: Vec<Violation>) -> Call {
    let attempt = Attempt::create(Vec::new(), Err(violations));
    Call::write(Write::one(owner, attempt), encode::created)
}
