//! The vendor's analytic events: how they are asked for, and how they are written.
//!
//! Every filter is a comma list, a repeated parameter, or both. Categories
//! and types are alternatives to each other; all the rest must hold beside.
//! `metadata` holds the payload that is not sensitive, as the vendor's samples
//! have it; `data` the whole payload where the caller may see it, else null.

use std::collections::{BTreeSet, HashMap};

use http::StatusCode;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::contact::CONTACT;
use super::cursor::Cursor;
use super::replies::{self, BadParams};
use super::requests::{cursor, limit, param};
use super::rules::RULES;
use crate::dialect::describe::{any_text, or_null, time as time_schema, uuid};
use crate::dialect::parts::{Part, always, show, sometimes};
use crate::dialect::schema::Record;
use crate::dialect::{Ask, Call, EventPage, Events, Filter, Query, Redaction, Reply, Request};
use crate::domain::{Actor, Correlation, Event, EventId, Operation, Owner, Phase, Timestamp};
use crate::wire::{event_type, type_name};

/// The category of every event of a participant's contacts.
const CATEGORY: &str = "ecosystem";

/// Texts of which one must fit.
type Texts = BTreeSet<String>;

/// Decodes a query for events: newest first, of every tenant that the caller may see.
pub fn events(request: &Request<'_>, _: Option<&Owner>) -> Result<Call, Reply> {
    let query = request.query;
    let mut bad = BadParams::default();
    let limit = limit(query, &mut bad);
    let cursor = cursor(query, &mut bad);
    let until = cursor.as_ref().map(Cursor::log_end);
    let mut filters = filters(query, &mut bad);
    filters.extend(cursor.map(|cursor| Filter::new(move |event| cursor.is_before(event))));
    bad.check()?;
    let events = Events {
        dialect: RULES.dialect,
        until,
        filter: Filter::all(filters),
        limit,
    };
    Ok(Call::Events(Ask::new(events, page)))
}

/// What a wanted event meets, all of it.
fn filters(query: &Query, bad: &mut BadParams) -> Vec<Filter<Event>> {
    let is_actor = |name, id: fn(&Actor) -> Option<&str>| {
        let wanted = texts(query, name)?;
        Some(Filter::new(move |event: &Event| {
            match id(&event.header.actor) {
                Some(id) => wanted.contains("*") || wanted.contains(id),
                None => wanted.contains("none"),
            }
        }))
    };
    let ids = texts(query, "ids").map(|ids| {
        let ids: BTreeSet<Uuid> = ids.iter().flat_map(|id| id.parse()).collect();
        Filter::new(move |event: &Event| ids.contains(&event.header.id.0))
    });
    let request_ids = texts(query, "requestIds").map(|ids| {
        Filter::new(move |event: &Event| {
            let id = &event.header.correlation;
            ids.contains(id.as_str()) || ids.contains(&request_id(id))
        })
    });
    let from = param(query, "dateFrom", |text| time(text, "00:00:00.000"), bad);
    let to = param(query, "dateTo", |text| time(text, "23:59:59.999"), bad);
    let all = [
        ids,
        request_ids,
        is_of_kind(query),
        from.map(|from| Filter::new(move |event: &Event| from <= event.header.time)),
        to.map(|to| Filter::new(move |event: &Event| event.header.time <= to)),
        is_actor("managementUserIds", |actor| actor.user_id.as_deref()),
        is_actor("clientIds", |actor| actor.client_id.as_deref()),
    ];
    all.into_iter().flatten().collect()
}

/// Whether an event is of a wanted category or a wanted type, where either is named.
fn is_of_kind(query: &Query) -> Option<Filter<Event>> {
    let [categories, types] = ["categories", "types"].map(|name| texts(query, name));
    if categories.is_none() && types.is_none() {
        return None;
    }
    let of_category = categories.is_some_and(|names| names.contains(CATEGORY));
    let types = types.unwrap_or_default();
    Some(Filter::new(move |event| {
        of_category || types.contains(&event_type(&RULES, event))
    }))
}

/// A time of ISO 8601: a date, which begins or ends at this time of the day, or one with a time,
/// which is UTC where it says no offset. A plus sign that was not encoded came as a space.
fn time(text: &str, of_day: &str) -> Option<Timestamp> {
    let text = text.replace(' ', "+");
    Timestamp::parse(&text)
        .or_else(|| Timestamp::parse(&format!("{text}Z")))
        .or_else(|| Timestamp::parse(&format!("{text}T{of_day}Z")))
}

/// The values of a parameter; blank ones are as if they had not been sent.
fn texts(query: &Query, name: &str) -> Option<Texts> {
    let texts: Texts = query.list(name).map(str::to_owned).collect();
    (!texts.is_empty()).then_some(texts)
}

/// An event with what of its content may be shown.
#[derive(Debug)]
pub struct Shown<'a> {
    event: &'a Event,
    /// The payload that is not sensitive.
    metadata: Map<String, Value>,
    /// The rest of the payload, where the caller may see it.
    rest: Option<Record<'a>>,
}

/// The members of an event.
pub fn members<'a>() -> [Part<Shown<'a>>; 9] {
    let payload = || json!({"type": "object"});
    [
        always("id", uuid, |it| it.event.header.id.to_string().into()),
        always("type", any_text, |it| event_type(&RULES, it.event).into()),
        always("timestamp", time_schema, |it| {
            it.event.header.time.to_string().into()
        }),
        always("category", any_text, |_| CATEGORY.into()),
        always("metadata", payload, |it| it.metadata.clone().into()),
        always("data", || or_null(json!({"type": "object"})), data),
        always("requestId", any_text, |it| {
            request_id(&it.event.header.correlation).into()
        }),
        sometimes("managementUserId", any_text, |it| {
            it.event.header.actor.user_id.as_deref().into()
        }),
        sometimes("clientId", any_text, |it| {
            it.event.header.actor.client_id.as_deref().into()
        }),
    ]
}

/// The whole payload, where the caller may see it.
fn data(shown: &Shown<'_>) -> Value {
    let Some(rest) = &shown.rest else {
        return Value::Null;
    };
    let metadata = shown.metadata.clone().into_iter();
    let rest = rest.iter();
    let rest = rest.map(|(name, value)| (name.to_owned(), value.clone()));
    metadata.chain(rest).collect()
}

/// The answer that is a page of events.
pub fn page(page: EventPage) -> Reply {
    // A START holds no values: those that the vendor shows with it are its SUCCESS's.
    let events = page.events.iter();
    let by_cause: HashMap<EventId, &Redaction> = events
        .clone()
        .filter_map(|(event, shown)| Some((event.header.causation?, shown)))
        .collect();
    let members = members();
    let shown = events.map(|(event, own)| {
        let redaction = by_cause.get(&event.header.id).copied().unwrap_or(own);
        show(&members, &Shown::new(event, redaction, page.full))
    });
    let last = page.events.last().filter(|_| page.more);
    let next = last.map(|(event, _)| Cursor::event(&event.header));
    replies::paged(shown.collect(), next)
}

impl<'a> Shown<'a> {
    fn new(event: &'a Event, redaction: &'a Redaction, full: bool) -> Self {
        let mut metadata = payload(event);
        let mut contact = Record::new();
        if !matches!(event.phase, Phase::Fail(_)) {
            match redaction {
                Redaction::Withheld => {}
                Redaction::NonSensitive(fields) => metadata.extend(fields.clone()),
                Redaction::Full(content) => {
                    metadata.extend(CONTACT.non_sensitive(&content.card));
                    contact = CONTACT.record(&content.card);
                }
            }
        }
        Self {
            event,
            metadata,
            rest: full.then_some(contact),
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

/// The part of a list that was asked for or given: the number of contacts and the cursor.
fn listed(event: &Event) -> impl Iterator<Item = (String, Value)> + use<> {
    let (length, next) = match event.phase {
        Phase::Start { .. } => ("limit", "cursor"),
        Phase::Success { .. } | Phase::Fail(_) => ("entriesCount", "nextCursor"),
    };
    let listed = event.header.listed;
    let length = listed.map(|listed| (length.to_owned(), listed.contacts.into()));
    let cursor = listed.and_then(|listed| listed.cursor);
    let cursor = cursor.map(|id| (next.to_owned(), Cursor::contact(id.time(), id).into()));
    length.into_iter().chain(cursor)
}

/// Decodes a read of the types of events, which is answered in a form of our own: the vendor shows
/// none.
///
/// They are the vendor's; ERASE, which only this service has, is among the events but not here.
pub fn types(_: &Request<'_>, _: Option<&Owner>) -> Result<Call, Reply> {
    const OPERATIONS: [Operation; 5] = [
        Operation::Create,
        Operation::Retrieve,
        Operation::RetrieveList,
        Operation::Update,
        Operation::Delete,
    ];
    let types = OPERATIONS.into_iter().flat_map(|operation| {
        ["START", "SUCCESS", "FAIL"]
            .map(|phase| json!({"type": type_name(&RULES, operation, phase), "category": CATEGORY}))
    });
    let body = json!({"data": types.collect::<Value>()});
    Ok(Call::Known(Reply::json(StatusCode::OK, &body)))
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
