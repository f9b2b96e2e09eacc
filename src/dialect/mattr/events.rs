//! Reads the vendor's questions to its analytic events.
//!
//! Every filter is a comma list, a repeated parameter, or both. Categories
//! and types are alternatives to each other; all the rest must hold beside.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::decode::{limit, param};
use super::encode::BadParams;
use super::event_body::{self, CATEGORY, request_id};
use crate::dialect::{Call, Events, Filter, Query, Reply, Request};
use crate::domain::{Event, Owner, Timestamp};
use crate::wire::event_type;

/// Texts of which one must fit.
type Texts = BTreeSet<String>;

/// Which events are wanted; `None` is whichever.
#[derive(Debug)]
struct Wanted {
    ids: Option<BTreeSet<Uuid>>,
    request_ids: Option<Texts>,
    categories: Option<Texts>,
    types: Option<Texts>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    management_user_ids: Option<Texts>,
    client_ids: Option<Texts>,
}

/// Decodes a query for events: newest first, of every tenant that the caller may see.
pub fn events(request: &Request<'_>, _: Option<&Owner>) -> Result<Call, Reply> {
    let query = request.query;
    let mut bad = BadParams::default();
    let limit = limit(query, &mut bad);
    let after = param(query, "cursor", event_body::read_cursor, &mut bad);
    let wanted = Wanted {
        ids: texts(query, "ids").map(|ids| ids.iter().flat_map(|id| id.parse()).collect()),
        request_ids: texts(query, "requestIds"),
        categories: texts(query, "categories"),
        types: texts(query, "types"),
        from: param(
            query,
            "dateFrom",
            |text| time(text, "00:00:00.000"),
            &mut bad,
        ),
        to: param(query, "dateTo", |text| time(text, "23:59:59.999"), &mut bad),
        management_user_ids: texts(query, "managementUserIds"),
        client_ids: texts(query, "clientIds"),
    };
    bad.check()?;
    let events = Events {
        dialect: super::RULES.dialect,
        tenant: None,
        filter: Filter::new(move |event| wanted.fits(event)),
        newest_first: true,
        after,
        limit,
        offset: 0,
    };
    Ok(Call::events(events, event_body::page))
}

/// Decodes a read of the types that events of contacts have.
pub fn event_types(_: &Request<'_>, _: Option<&Owner>) -> Result<Call, Reply> {
    Ok(Call::Known(event_body::types()))
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
    let texts: Texts = query
        .all(name)
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
        .collect();
    (!texts.is_empty()).then_some(texts)
}

impl Wanted {
    fn fits(&self, event: &Event) -> bool {
        let header = &event.header;
        self.is_of_kind(event)
            && self.from.is_none_or(|from| from <= header.time)
            && self.to.is_none_or(|to| header.time <= to)
            && is_actor(&self.client_ids, header.actor.client_id.as_deref())
            && is_actor(&self.management_user_ids, header.actor.user_id.as_deref())
            && self
                .ids
                .as_ref()
                .is_none_or(|ids| ids.contains(&header.id.0))
            && self.request_ids.as_ref().is_none_or(|ids| {
                ids.contains(header.correlation.as_str())
                    || ids.contains(&request_id(&header.correlation))
            })
    }

    /// Whether an event is of a wanted category or a wanted type, where either is named.
    fn is_of_kind(&self, event: &Event) -> bool {
        let of_category = |names: &Texts| names.contains(CATEGORY);
        let of_type = |names: &Texts| names.contains(&event_type(&super::RULES, event));
        match (&self.categories, &self.types) {
            (None, None) => true,
            (categories, types) => {
                categories.as_ref().is_some_and(of_category) || types.as_ref().is_some_and(of_type)
            }
        }
    }
}

/// Whether an actor's id is wanted: `none` is nobody's, `*` is anybody's.
fn is_actor(wanted: &Option<Texts>, id: Option<&str>) -> bool {
    wanted.as_ref().is_none_or(|wanted| match id {
        Some(id) => wanted.contains("*") || wanted.contains(id),
        None => wanted.contains("none"),
    })
}
