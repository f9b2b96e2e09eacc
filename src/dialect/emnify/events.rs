//! The vendor's list of an organisation's events: what contacts add to it.

use http::StatusCode;
use serde_json::{Value, json};

use super::contact::{organisation, organisation_schema};
use super::filter::{self, holds};
use super::replies;
use crate::dialect::describe::{any_text, count, flag, object, or_null, positive, time};
use crate::dialect::parts::{Part, always, show, sometimes};
use crate::dialect::{Filter, Reply};
use crate::domain::{Event, EventPart, Operation, Phase, Timestamp, VendorKey};

/// The vendor's numbers for what every event of a contact is: generic, from the API, no alarm.
const GENERIC: u64 = 0;
const API: u64 = 2;
const INFO: u64 = 0;

/// Values that one filter may list with `|`.
const ALTERNATIVES_MAX: usize = 6;

/// What an event of a contact says; `None` where the list does not show it.
const fn description(event: &Event) -> Option<&'static str> {
    match (&event.phase, event.header.operation) {
        (Phase::Success { .. }, Operation::Create) => Some("Contact created."),
        (Phase::Success { .. }, Operation::Update) => Some("Contact updated."),
        (Phase::Success { .. }, Operation::Delete) => Some("Contact deleted."),
        (Phase::Success { .. }, Operation::Erase) => Some("Contact erased."),
        (Phase::Success { .. }, Operation::Retrieve | Operation::RetrieveList)
        | (Phase::Start { .. } | Phase::Fail(_), _) => None,
    }
}

/// The person who acted, where the token says so.
fn user(event: &Event) -> Option<&str> {
    event.header.actor.user_id.as_deref()
}

/// The members of an event.
pub static MEMBERS: [Part<Event>; 10] = [
    always("id", positive, |it| it.header.position.get().into()),
    always("timestamp", time, |it| it.header.time.to_string().into()),
    always("alert", flag, |_| false.into()),
    always("description", any_text, |it| description(it).into()),
    always("event_type", described, |_| kind(GENERIC, "Generic")),
    always("event_source", described, |_| kind(API, "API")),
    always("event_severity", described, |_| kind(INFO, "Info")),
    always("organisation", organisation_schema, |it| {
        organisation(it.header.owner.tenant())
    }),
    sometimes("user", user_schema, |it| {
        user(it).map_or(Value::Null, |user| json!({"username": user}))
    }),
    always(
        "detail",
        detail_schema,
        |it| json!({"contact": {"id": number(it)}}),
    ),
];

/// The number of the contact that an event is about.
const fn number(event: &Event) -> Option<u64> {
    match &event.header.key {
        Some(VendorKey::Sequence(number)) => Some(*number),
        Some(VendorKey::Own | VendorKey::Chosen(_)) | None => None,
    }
}

fn kind(id: u64, description: &str) -> Value {
    json!({"id": id, "description": description})
}

fn described() -> Value {
    object([("id", true, count()), ("description", true, any_text())])
}

fn user_schema() -> Value {
    object([("username", true, any_text())])
}

fn detail_schema() -> Value {
    let contact = object([("id", true, or_null(positive()))]);
    object([("contact", true, contact)])
}

/// The answer that is a page of events, without the headers of a page.
pub fn reply(page: &EventPart) -> Reply {
    let shown = page
        .events
        .iter()
        .filter(|event| description(event).is_some());
    let bodies: Value = shown.map(|event| show(&MEMBERS, event)).collect();
    Reply::json(StatusCode::OK, &bodies)
}

/// One condition on an event; none where there is no such field, or it cannot have the value.
fn condition(field: &str, value: &str) -> Option<Filter<Event>> {
    let whether = |met: bool| Filter::new(move |_| met);
    let is_one_of = |own: u64| Some(whether(alternatives(value)?.contains(&own)));
    let text = value.to_owned();
    Some(match field {
        "from" => {
            let time = second(value)?;
            Filter::new(move |event: &Event| event.header.time >= time)
        }
        // The vendor's times have no fractions: the whole second counts.
        "until" => {
            let seconds = second(value)?.millis() / 1_000;
            Filter::new(move |event: &Event| event.header.time.millis() / 1_000 <= seconds)
        }
        "type" => is_one_of(GENERIC)?,
        "source" => is_one_of(API)?,
        "severity" => is_one_of(INFO)?,
        "alert" => whether(!value.parse::<bool>().ok()?),
        "description" => {
            Filter::new(move |event| description(event).is_some_and(|own| holds(own, &text)))
        }
        "user" => Filter::new(move |event| user(event).is_some_and(|own| holds(own, &text))),
        "organisation" => {
            let wanted = alternatives(value)?;
            Filter::new(move |event: &Event| {
                let own = event.header.owner.tenant().parse();
                own.is_ok_and(|own| wanted.contains(&own))
            })
        }
        // No event of a contact has an endpoint or a SIM.
        "endpoint" | "tags" | "ip_address" | "imei" | "iccid" | "imsi" => whether(false),
        _ => return None,
    })
}

/// A time of the form `2026-01-15T10:30:00Z`.
fn second(text: &str) -> Option<Timestamp> {
    let whole = text.len() == "YYYY-MM-DDTHH:mm:ssZ".len() && text.ends_with('Z');
    whole.then(|| Timestamp::parse(text)).flatten()
}

fn alternatives(text: &str) -> Option<Vec<u64>> {
    let numbers: Option<Vec<u64>> = text.split('|').map(filter::id).collect();
    numbers.filter(|numbers| numbers.len() <= ALTERNATIVES_MAX)
}

/// The events that `q` wants: all its conditions hold. `from` and `until` go only together.
pub fn filter(q: &str) -> Result<Filter<Event>, Reply> {
    let criteria = filter::criteria(q)?;
    let mut conditions = vec![Filter::new(|event| description(event).is_some())];
    for (field, value) in &criteria {
        // `timestamp` names one second: it begins and ends there.
        let fields: &[&str] = match *field {
            "timestamp" => &["from", "until"],
            _ => std::slice::from_ref(field),
        };
        for part in fields {
            let bad = || replies::bad_criterion(&format!("{field}:{value}"));
            conditions.push(condition(part, value).ok_or_else(bad)?);
        }
    }
    let has = |end| {
        criteria
            .iter()
            .any(|(field, _)| [end, "timestamp"].contains(field))
    };
    match (has("from"), has("until")) {
        (true, false) => Err(replies::bad_criterion("from")),
        (false, true) => Err(replies::bad_criterion("until")),
        (true, true) | (false, false) => Ok(Filter::all(conditions)),
    }
}

/// Whether `sort` wants the newest first.
///
/// Only `id` and `timestamp` tell events of contacts apart, and both are the order of the log;
/// by the other fields all are taken as equal: a log is read in its order.
pub fn newest_first(sort: Option<&str>) -> Result<bool, Reply> {
    let mut newest_first = None;
    for (field, descending) in sort.into_iter().flat_map(filter::sort_fields) {
        match field {
            "id" | "timestamp" => newest_first = newest_first.or(Some(descending)),
            "source" | "severity" | "alert" | "organisation" | "user" | "endpoint" | "tags"
            | "ip_address" | "iccid" | "imsi" | "type" => {}
            _ => return Err(replies::bad_sort(StatusCode::BAD_REQUEST, field)),
        }
    }
    Ok(newest_first.unwrap_or(false))
}
