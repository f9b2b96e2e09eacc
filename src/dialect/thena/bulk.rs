//! Reads the vendor's requests about many contacts: bulk creation and ingestion.
//!
//! Each item is an attempt of its own. A request that is wrong as a whole is
//! one attempt, so that it leaves its trace; a list of nothing is none.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::contact::{COMMON, CONTACT, EMAIL, SOURCE};
use super::replies;
use super::rules::{RULES, Thena};
use crate::dialect::decoder::Decoder;
use crate::dialect::encoder::Encoder;
use crate::dialect::fields::{ANY_TEXT, Fields, Text};
use crate::dialect::schema::{Draft, Mode, Record, object};
use crate::dialect::{Ask, Call, Refusal, Reply, Request, Write};
use crate::domain::{Action, Attempt, LookupKey, Match, Owner, Violation};

/// The sources that an ingestion may name.
pub const SINK_SOURCES: [&str; 5] = ["MANUAL", "SLACK", "TEAMS", "INTERCOM", "ZENDESK"];
const SINK_SOURCE: Text = Text {
    one_of: Some(&SINK_SOURCES),
    ..ANY_TEXT
};

/// A request's items with what they have in common.
struct Items<'a> {
    /// The name of the list.
    name: &'static str,
    items: &'a [Value],
    common: Draft,
}

/// Decodes a bulk creation.
pub fn create(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let body = Thena::body(request)?;
    if body.as_array().is_some_and(Vec::is_empty) {
        return Ok(Call::Known(replies::nothing_to_create()));
    }
    match contacts(&body) {
        Err(violations) => Ok(refused(owner, violations)),
        Ok(items) if items.items.is_empty() => Ok(Call::Known(replies::nothing_to_create())),
        Ok(items) => {
            let attempts = items.attempts(|draft| draft.create(None))?;
            Ok(Call::Write(Ask::new(
                Write::each(owner, attempts),
                replies::created,
            )))
        }
    }
}

/// Decodes an ingestion: each user is updated where the address is known, else created.
pub fn ingest(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let body = Thena::body(request)?;
    match users(&body) {
        Err(violations) => Ok(refused(owner, violations)),
        Ok(items) if items.items.is_empty() => Ok(Call::Known(replies::nobody_ingested())),
        Ok(items) => {
            let attempts = items.attempts(upsert)?;
            Ok(Call::Write(Ask::new(
                Write::each(owner, attempts),
                replies::ingested,
            )))
        }
    }
}

impl Items<'_> {
    /// An attempt for each item.
    fn attempts(&self, attempt: fn(Draft) -> Attempt) -> Result<Vec<Attempt>, Reply> {
        let limit = RULES.batch_items_max();
        if self.items.len() > limit {
            return Err(Thena::refusal(&Refusal::TooManyItems { limit }));
        }
        let items = self.items.iter().enumerate();
        let attempts = items.map(|(index, item)| {
            let path = format!("{}.{index}", self.name);
            let mut draft = CONTACT.read(item, &path, Mode::Whole);
            if item.is_object() {
                share(&mut draft, &self.common);
            }
            attempt(draft)
        });
        Ok(attempts.collect())
    }
}

/// Gives an item what all of them have in common: accounts beside its own, a type where it has
/// none, and the source.
fn share(draft: &mut Draft, common: &Draft) {
    for (name, value) in common.values.iter().filter(|(_, value)| !value.is_null()) {
        match (draft.values.get_mut(name), value) {
            (Some(Value::Array(own)), Value::Array(more)) => {
                let seen: HashSet<&Value> = own.iter().collect();
                let more = more.iter().filter(|id| !seen.contains(id));
                let more: Vec<Value> = more.cloned().collect();
                own.extend(more);
            }
            (Some(none), Value::Array(_)) => none.clone_from(value),
            (None, _) => {
                draft.values.insert(name.clone(), value.clone());
            }
            (Some(_), _) => {}
        }
    }
    for name in &common.sent {
        if !draft.sent.contains(name) {
            draft.sent.push(name.clone());
        }
    }
}

fn upsert(mut draft: Draft) -> Attempt {
    let fields = draft.sent.clone();
    let action = move || {
        let contact = draft.onto(&Record::new())?;
        let by = Match(LookupKey::email(
            contact
                .get(EMAIL)
                .and_then(Value::as_str)
                .unwrap_or_default(),
        ));
        let card = draft.card()?;
        draft.mode = Mode::Patch;
        let patch = draft.patch()?;
        Ok(Action::Upsert { by, card, patch })
    };
    let action = action();
    Attempt::create(fields, action)
}

/// The contacts of a bulk creation, with accounts, type and source for all of them.
fn contacts(body: &Value) -> Result<Items<'_>, Vec<Violation>> {
    let mut fields = Fields::new(object(body)?, "", COMMON.nulls);
    let items = fields.list("contacts", true, |_| false);
    let common = COMMON.read(body, "", Mode::Whole);
    fields.violations.extend(common.violations.iter().cloned());
    match items {
        Some(items) if fields.violations.is_empty() => Ok(Items {
            name: "contacts",
            items,
            common,
        }),
        _ => Err(fields.violations),
    }
}

/// The users of an ingestion, with their source.
fn users(body: &Value) -> Result<Items<'_>, Vec<Violation>> {
    let mut fields = Fields::new(object(body)?, "", COMMON.nulls);
    let items = fields.list("users", true, |_| false);
    let source = fields.text("sinkSource", SINK_SOURCE, true);
    match items {
        Some(items) if fields.violations.is_empty() => Ok(Items {
            name: "users",
            items,
            common: COMMON.read(&json!({ SOURCE: source }), "", Mode::Whole),
        }),
        _ => Err(fields.violations),
    }
}

fn refused(owner: &Owner, violations: Vec<Violation>) -> Call {
    let attempt = Attempt::create(Vec::new(), Err(violations));
    Call::Write(Ask::new(Write::one(owner, attempt), replies::created))
}
