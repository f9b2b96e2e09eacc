//! Reads the vendor's requests about many contacts: bulk creation and ingestion.
//!
//! Each item is an attempt of its own. A request that is wrong as a whole is
//! one attempt, so that it leaves its trace; a list of nothing is none.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::contact::{COMMON, CONTACT, EMAIL, SOURCE};
use super::replies;
use super::rules::{RULES, Thena};
use crate::dialect::fields::{ANY_TEXT, Fields};
use crate::dialect::schema::{Draft, Mode, object};
use crate::dialect::{Ask, Call, Decoder, Encoder, Refusal, Reply, Request, Write};
use crate::domain::{Action, Attempt, LookupKey, Match, Outcome, Owner, Violation};

/// The sources that an ingestion may name.
pub const SINK_SOURCES: [&str; 5] = ["MANUAL", "SLACK", "TEAMS", "INTERCOM", "ZENDESK"];

/// A request's items with what they have in common.
struct Items<'a> {
    /// The name of the list.
    name: &'static str,
    items: &'a [Value],
    common: Draft<'a>,
}

/// Decodes a bulk creation: contacts, with accounts, type and source for all of them.
pub fn create(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let body = Thena::body(request)?;
    if body.as_array().is_some_and(Vec::is_empty) {
        return Ok(Call::Known(replies::created(Vec::new())));
    }
    let items = items(&body, "contacts", |_| COMMON.read(&body, "", Mode::Whole));
    write(owner, items, |draft| draft.create(None), replies::created)
}

/// Decodes an ingestion: each user is updated where the address is known, else created.
pub fn ingest(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
    let body = Thena::body(request)?;
    let items = items(&body, "users", |fields| {
        let source = fields.text("sinkSource", ANY_TEXT.one_of(&SINK_SOURCES), true);
        let common = json!({ SOURCE: source });
        COMMON.read(&common, "", Mode::Whole).into_owned()
    });
    write(owner, items, upsert, replies::ingested)
}

/// The call that makes an attempt of each item. A body that is wrong itself is one bad attempt, and
/// where there are no items nothing is asked.
fn write(
    owner: &Owner,
    items: Result<Items<'_>, Vec<Violation>>,
    attempt: fn(Draft<'_>) -> Attempt,
    reply: fn(Vec<Outcome>) -> Reply,
) -> Result<Call, Reply> {
    let attempts = match items {
        Ok(items) => items.attempts(attempt)?,
        Err(violations) => vec![Attempt::create(Vec::new(), Err(violations))],
    };
    if attempts.is_empty() {
        return Ok(Call::Known(reply(Vec::new())));
    }
    Ok(Call::Write(Ask::new(Write::each(owner, attempts), reply)))
}

impl Items<'_> {
    /// An attempt for each item.
    fn attempts(&self, attempt: fn(Draft<'_>) -> Attempt) -> Result<Vec<Attempt>, Reply> {
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
fn share(draft: &mut Draft<'_>, common: &Draft<'_>) {
    for (name, value) in common.values.iter().filter(|(_, value)| !value.is_null()) {
        match (draft.values.get(name), value) {
            (Some(Value::Array(own)), Value::Array(more)) => {
                let seen: HashSet<&Value> = own.iter().collect();
                let more = more.iter().filter(|id| !seen.contains(id));
                let all: Vec<Value> = own.iter().chain(more).cloned().collect();
                draft.values.insert(name, all);
            }
            (Some(_), Value::Array(_)) | (None, _) => draft.values.insert(name, value.clone()),
            (Some(_), _) => {}
        }
    }
    for name in &common.sent {
        if !draft.sent.contains(name) {
            draft.sent.push(name.clone());
        }
    }
}

fn upsert(mut draft: Draft<'_>) -> Attempt {
    let fields = draft.sent.clone();
    let action = move || {
        let contact = draft.onto(None)?;
        let email = contact.get(EMAIL).and_then(Value::as_str);
        let by = Match(LookupKey::email(email.unwrap_or_default()));
        let card = draft.card()?;
        draft.mode = Mode::Patch;
        let patch = draft.patch()?;
        Ok(Action::Upsert { by, card, patch })
    };
    let action = action();
    Attempt::create(fields, action)
}

/// The items of a request, with what they have in common.
fn items<'a>(
    body: &'a Value,
    name: &'static str,
    common: impl FnOnce(&mut Fields<'a>) -> Draft<'a>,
) -> Result<Items<'a>, Vec<Violation>> {
    let mut fields = Fields::new(object(body)?, "", COMMON.nulls);
    let items = fields.list(name, true, |_| false);
    let common = common(&mut fields);
    fields.violations.extend(common.violations.iter().cloned());
    match items {
        Some(items) if fields.violations.is_empty() => Ok(Items {
            name,
            items,
            common,
        }),
        _ => Err(fields.violations),
    }
}
