//! Writes the answers about a contact's past: its history, and the difference of two points.

use http::StatusCode;
use serde::Serialize;

use super::body::By;
use super::change::{Difference, difference};
use super::problem;
use crate::dialect::{AsOf, Lookup, Refusal, Reply, Version, Versions};
use crate::domain::{Contact, ContactId, Erasure, Event, FieldName, Operation, Phase, Position};

/// One change of a contact.
#[derive(Debug, Serialize)]
struct ChangeBody<'a> {
    position: u64,
    time: String,
    operation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    correlation: &'a str,
    actor: By<'a>,
    /// The names of the properties that were sent or changed. They outlive an erasure.
    fields: &'a [FieldName],
    /// Field by field; absent of an end, and where the values were erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<Difference>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    erasure: Option<ErasureBody<'a>>,
}

/// The reason for which personal data was destroyed.
#[derive(Debug, Serialize)]
struct ErasureBody<'a> {
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
}

/// The answer that is a contact's history after a position, oldest first.
pub fn history(found: Lookup<Versions>, id: ContactId, after: Position, limit: usize) -> Reply {
    #[derive(Serialize)]
    struct Body<'a> {
        id: String,
        data: Vec<ChangeBody<'a>>,
        /// The cursor of the next page, if there is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        next: Option<u64>,
    }
    let Versions {
        list: versions,
        cut,
    } = match found {
        Ok(versions) => versions,
        Err(missing) => return problem::refusal(&missing.into()),
    };
    let wanted = |(event, _): &&Version| event.header.position > after;
    let skipped = versions.iter().filter(|version| !wanted(version)).count();
    let mut before = skipped
        .checked_sub(1)
        .and_then(|last| versions.get(last))
        .and_then(|(_, contact)| contact.as_ref());
    let page = versions.iter().skip(skipped).take(limit);
    let data: Vec<ChangeBody<'_>> = page
        .map(|(event, contact)| {
            let change = change(event, before, contact.as_ref());
            before = contact.as_ref();
            change
        })
        .collect();
    let more = cut || skipped.saturating_add(data.len()) < versions.len();
    let next = data.last().map(|last| last.position).filter(|_| more);
    let id = id.to_string();
    Reply::json(StatusCode::OK, &Body { id, data, next })
}

fn change<'a>(
    event: &'a Event,
    before: Option<&Contact>,
    contact: Option<&Contact>,
) -> ChangeBody<'a> {
    let header = &event.header;
    let erasure = match &event.phase {
        Phase::Success { erasure } => erasure.as_ref(),
        Phase::Start { .. } | Phase::Fail(_) => None,
    };
    ChangeBody {
        position: header.position.get(),
        time: header.time.to_string(),
        operation: header.operation.name().to_lowercase(),
        version: header.version,
        correlation: header.correlation.as_str(),
        actor: By::from(&header.actor),
        fields: &header.fields,
        changes: contact.map(|contact| difference(before.map(|b| &b.card), Some(&contact.card))),
        erasure: erasure.map(|Erasure { reason, reference }| ErasureBody {
            reason: reason.name(),
            reference: reference.as_deref(),
        }),
    }
}

/// A point of a contact's past.
#[derive(Debug, Serialize)]
struct PointBody {
    position: u64,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    operation: String,
}

impl From<&Version> for PointBody {
    fn from((event, _): &Version) -> Self {
        Self {
            position: event.header.position.get(),
            time: event.header.time.to_string(),
            version: event.header.version,
            operation: event.header.operation.name().to_lowercase(),
        }
    }
}

/// The answer that is what differs between two points of a contact's past.
///
/// `from` may be before its creation, where it had nothing, and after `to`: then it is the way
/// back. Points after the last change are the last change.
pub fn diff(found: Lookup<Versions>, id: ContactId, from: AsOf, to: AsOf) -> Reply {
    #[derive(Serialize)]
    struct Body {
        id: String,
        from: Option<PointBody>,
        to: Option<PointBody>,
        changes: Vec<Difference>,
    }
    let versions = match found {
        Ok(versions) => versions.list,
        Err(missing) => return problem::refusal(&missing.into()),
    };
    let erased = |(event, _): &Version| event.header.operation == Operation::Erase;
    if versions.last().is_some_and(erased) {
        return problem::refusal(&Refusal::Gone);
    }
    let at = |point: AsOf| {
        versions
            .iter()
            .rev()
            .find(|(event, _)| point.covers(event.header.position, event.header.time))
    };
    let (from, to) = (at(from), at(to));
    if from.is_none() && to.is_none() {
        return problem::refusal(&Refusal::NotFound);
    }
    let card = |version: Option<&'_ Version>| {
        version.and_then(|(_, contact)| contact.as_ref().map(|contact| contact.card.clone()))
    };
    let body = Body {
        id: id.to_string(),
        changes: difference(card(from).as_ref(), card(to).as_ref()),
        from: from.map(PointBody::from),
        to: to.map(PointBody::from),
    };
    Reply::json(StatusCode::OK, &body)
}
