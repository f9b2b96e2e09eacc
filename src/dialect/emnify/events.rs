//! The vendor's list of an organisation's events: what contacts add to it.

use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use super::contact::organisation;
use super::filter::{self, holds};
use super::replies;
use crate::dialect::Reply;
use crate::domain::{Event, EventPart, Operation, Phase, Timestamp, VendorKey};

/// The vendor's numbers for what every event of a contact is: generic, from the API, no alarm.
const GENERIC: u64 = 0;
const API: u64 = 2;
const INFO: u64 = 0;

/// Values that one filter may list with `|`.
const ALTERNATIVES_MAX: usize = 6;

/// What an event of a contact says; `None` where the list does not show it.
pub const fn description(event: &Event) -> Option<&'static str> {
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

/// An event as the vendor shows it.
#[derive(Debug, Serialize)]
struct EventBody {
    id: u64,
    timestamp: String,
    alert: bool,
    description: &'static str,
    event_type: Value,
    event_source: Value,
    event_severity: Value,
    organisation: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Value>,
    detail: Value,
}

impl EventBody {
    /// The body of an event that the list shows.
    fn new(event: &Event) -> Option<Self> {
        let header = &event.header;
        let id = match &header.key {
            Some(VendorKey::Sequence(number)) => Some(*number),
            Some(VendorKey::Own | VendorKey::Chosen(_)) | None => None,
        };
        Some(Self {
            id: header.position.get(),
            timestamp: header.time.to_string(),
            alert: false,
            description: description(event)?,
            event_type: json!({"id": GENERIC, "description": "Generic"}),
            event_source: json!({"id": API, "description": "API"}),
            event_severity: json!({"id": INFO, "description": "Info"}),
            organisation: organisation(header.owner.tenant()),
            user: user(event).map(|user| json!({"username": user})),
            detail: json!({"contact": {"id": id}}),
        })
    }
}

/// The answer that is a page of events, without the headers of a page.
pub fn reply(page: &EventPart) -> Reply {
    let bodies: Vec<EventBody> = page.events.iter().filter_map(EventBody::new).collect();
    Reply::json(StatusCode::OK, &bodies)
}

/// One condition on an event.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    From(Timestamp),
    Until(Timestamp),
    Number {
        own: u64,
        wanted: Vec<u64>,
    },
    Alert(bool),
    Description(String),
    Organisation(Vec<u64>),
    User(String),
    /// On something that no event of a contact has: an endpoint, a SIM.
    Never,
}

impl Condition {
    fn new(field: &str, value: &str) -> Option<Self> {
        let number = |own| {
            Some(Self::Number {
                own,
                wanted: alternatives(value)?,
            })
        };
        match field {
            "from" => second(value).map(Self::From),
            "until" => second(value).map(Self::Until),
            "type" => number(GENERIC),
            "source" => number(API),
            "severity" => number(INFO),
            "alert" => value.parse().ok().map(Self::Alert),
            "description" => Some(Self::Description(value.to_owned())),
            "user" => Some(Self::User(value.to_owned())),
            "organisation" => alternatives(value).map(Self::Organisation),
            "endpoint" | "tags" | "ip_address" | "imei" | "iccid" | "imsi" => Some(Self::Never),
            _ => None,
        }
    }

    fn met_by(&self, event: &Event) -> bool {
        match self {
            Self::From(time) => event.header.time >= *time,
            // The vendor's times have no fractions: the whole second counts.
            Self::Until(time) => event.header.time.millis() / 1_000 <= time.millis() / 1_000,
            Self::Number { own, wanted } => wanted.contains(own),
            Self::Alert(alert) => !alert,
            Self::Description(text) => description(event).is_some_and(|own| holds(own, text)),
            Self::Organisation(wanted) => {
                let own = event.header.owner.tenant().parse();
                own.is_ok_and(|own| wanted.contains(&own))
            }
            Self::User(text) => user(event).is_some_and(|own| holds(own, text)),
            Self::Never => false,
        }
    }
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

/// The conditions that a wanted event meets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted(Vec<Condition>);

impl Wanted {
    /// The events that `q` wants: all its conditions hold. `from` and `until` go only together.
    pub fn new(q: &str) -> Result<Self, Reply> {
        let mut conditions = Vec::new();
        for (field, value) in filter::criteria(q)? {
            let bad = || replies::bad_criterion(&format!("{field}:{value}"));
            // `timestamp` names one second: it begins and ends there.
            if field == "timestamp" {
                let time = second(value).ok_or_else(bad)?;
                conditions.extend([Condition::From(time), Condition::Until(time)]);
            } else {
                conditions.push(Condition::new(field, value).ok_or_else(bad)?);
            }
        }
        let has = |want: fn(&Condition) -> bool| conditions.iter().any(want);
        let from = has(|c| matches!(c, Condition::From(_)));
        if from == has(|c| matches!(c, Condition::Until(_))) {
            Ok(Self(conditions))
        } else {
            Err(replies::bad_criterion(if from { "from" } else { "until" }))
        }
    }

    /// Whether an event is one of them.
    pub fn has(&self, event: &Event) -> bool {
        description(event).is_some() && self.0.iter().all(|condition| condition.met_by(event))
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
            _ => return Err(replies::bad_event_sort(field)),
        }
    }
    Ok(newest_first.unwrap_or(false))
}
