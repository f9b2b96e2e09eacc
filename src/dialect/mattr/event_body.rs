//! Writes the vendor's analytic events.
//!
//! `metadata` holds the payload that harms nobody, as the vendor's samples
//! have it; `data` the whole payload where the caller may see it, else null.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::RULES;
use super::contact::CONTACT;
use super::encode;
use crate::dialect::{EventPage, Query, Redaction, Reply};
use crate::domain::{Correlation, Event, EventId, Operation, Phase, Position, Timestamp};
use crate::wire::{event_type, type_name};

/// The category of every event of a participant's contacts.
pub const CATEGORY: &str = "ecosystem";

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EventBody {
    id: String,
    r#type: String,
    timestamp: String,
    category: &'static str,
    metadata: Map<String, Value>,
    data: Option<Map<String, Value>>,
    request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    management_user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
}

/// The answer that is a page of events.
pub fn page(page: EventPage) -> Reply {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        data: Vec<EventBody>,
        #[serde(skip_serializing_if = "Option::is_none")]
        next_cursor: Option<String>,
    }
    // A START holds no values: those that the vendor shows with it are its SUCCESS's.
    let by_cause: HashMap<EventId, &Redaction> = page
        .events
        .iter()
        .filter_map(|(event, shown)| Some((event.header.causation?, shown)))
        .collect();
    let shown = |event: &Event, own| by_cause.get(&event.header.id).copied().unwrap_or(own);
    let last = page.events.last().filter(|_| page.more);
    let body = Body {
        data: page
            .events
            .iter()
            .map(|(event, own)| EventBody::new(event, shown(event, own), page.full))
            .collect(),
        next_cursor: last.map(|(event, _)| write_cursor(event)),
    };
    Reply::json(StatusCode::OK, &body)
}

impl EventBody {
    fn new(event: &Event, shown: &Redaction, full: bool) -> Self {
        let header = &event.header;
        let mut metadata = payload(event);
        let mut contact = Map::new();
        if !matches!(event.phase, Phase::Fail(_)) {
            match shown {
                Redaction::Withheld => {}
                Redaction::NonSensitive(fields) => metadata.extend(fields.clone()),
                Redaction::Full(content) => {
                    metadata.extend(CONTACT.non_sensitive(&content.card));
                    contact = CONTACT.record(&content.card);
                }
            }
        }
        let data = full.then(|| metadata.clone().into_iter().chain(contact).collect());
        let text = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
        Self {
            id: header.id.to_string(),
            r#type: event_type(&RULES, event),
            timestamp: header.time.to_string(),
            category: CATEGORY,
            metadata,
            data,
            request_id: request_id(&header.correlation),
            management_user_id: text(&header.actor.user_id),
            client_id: text(&header.actor.client_id),
        }
    }
}

/// The payload without a contact's fields: the ids that the vendor's registry has for the type.
fn payload(event: &Event) -> Map<String, Value> {
    let header = &event.header;
    let mut payload = Map::new();
    let (has_id, has_owner) = match (&event.phase, header.operation) {
        (Phase::Fail(failure), _) => {
            let error = json!({"type": failure.code.name(), "message": failure.code.message()});
            payload.insert("error".into(), error);
            return payload;
        }
        (Phase::Start { .. }, Operation::Create | Operation::RetrieveList) => (false, true),
        (Phase::Success { .. }, Operation::Delete | Operation::Erase) => (true, false),
        (Phase::Success { .. }, Operation::RetrieveList) => (false, false),
        (
            Phase::Start { .. },
            Operation::Update | Operation::Delete | Operation::Erase | Operation::Retrieve,
        )
        | (Phase::Success { .. }, Operation::Create | Operation::Update | Operation::Retrieve) => {
            (true, true)
        }
    };
    if let Some(id) = header.contact.filter(|_| has_id) {
        payload.insert("id".into(), id.to_string().into());
    }
    payload.extend(listed(event));
    if has_owner {
        let names = RULES.owner_names.iter().map(|name| (*name).to_owned());
        payload.extend(names.zip(header.owner.ids().map(Value::from)));
    }
    payload
}

/// Which part of a list was asked for, or given: how many contacts, and the cursor beside.
fn listed(event: &Event) -> impl Iterator<Item = (String, Value)> + use<> {
    let (length, next) = match event.phase {
        Phase::Start { .. } => ("limit", "cursor"),
        Phase::Success { .. } | Phase::Fail(_) => ("entriesCount", "nextCursor"),
    };
    let listed = event.header.listed;
    let length = listed.map(|listed| (length.to_owned(), listed.contacts.into()));
    let cursor = listed.and_then(|listed| listed.cursor);
    let cursor = cursor.map(|id| (next.to_owned(), encode::write_cursor(id.time(), id).into()));
    length.into_iter().chain(cursor)
}

/// The answer that lists the types of events, in a form of our own: the vendor shows none.
///
/// They are the vendor's; ERASE, which only this service has, is among the events but not here.
pub fn types() -> Reply {
    const OPERATIONS: [Operation; 5] = [
        Operation::Create,
        Operation::Retrieve,
        Operation::RetrieveList,
        Operation::Update,
        Operation::Delete,
    ];
    let types: Vec<Value> = OPERATIONS
        .iter()
        .flat_map(|operation| {
            ["START", "SUCCESS", "FAIL"].map(
                |phase| json!({"type": type_name(&RULES, *operation, phase), "category": CATEGORY}),
            )
        })
        .collect();
    Reply::json(StatusCode::OK, &json!({ "data": types }))
}

/// A request's id as the vendor writes it: 128 bits in 22 digits of base 62.
///
/// The bits are the correlation's own where that is a UUID, else the first of its SHA-256.
pub fn request_id(correlation: &Correlation) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let text = correlation.as_str();
    let uuid = (text.len() == 36).then(|| Uuid::try_parse(text).ok());
    let hashed = || {
        let hash = Sha256::digest(text);
        let first = hash.iter().take(16);
        first.fold(0, |bits, byte| (bits << 8) | u128::from(*byte))
    };
    let mut rest = uuid.flatten().map_or_else(hashed, |uuid| uuid.as_u128());
    let mut digits = [b'0'; 22];
    for digit in digits.iter_mut().rev() {
        let value = usize::try_from(rest % 62).unwrap_or_default();
        *digit = DIGITS.get(value).copied().unwrap_or(b'0');
        rest /= 62;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

/// A cursor as the vendor writes it, with the event's position beside: that is what is read back.
fn write_cursor(event: &Event) -> String {
    let header = &event.header;
    let (time, id, position) = (header.time, header.id, header.position);
    URL_SAFE_NO_PAD.encode(format!("timestamp={time}&id={id}&position={position}"))
}

/// The position a cursor stands at.
pub fn read_cursor(text: &str) -> Option<Position> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let query = Query::parse(&text);
    Timestamp::parse(query.get("timestamp")?)?;
    Uuid::try_parse(query.get("id")?).ok()?;
    query.get("position")?.parse().ok().map(Position::new)
}
