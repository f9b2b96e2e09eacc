//! Writes the answers about a contact's past: its history, and the difference of two points.

use http::StatusCode;
use serde_json::{Value, json};

use super::body::By;
use super::change::difference;
use super::problem;
use crate::dialect::describe::{any_text, count, list, one_of, refer, time};
use crate::dialect::parts::{Part, always, schema, show, sometimes};
use crate::dialect::{AsOf, Lookup, Refusal, Reply, Version, Versions};
use crate::domain::{
    Card, Contact, ContactId, EraseReason, Erasure, Event, Operation, Phase, Position,
};

/// One change of a contact, with its content before and after where that is known.
#[derive(Debug)]
pub struct Change<'a> {
    event: &'a Event,
    before: Option<&'a Contact>,
    after: Option<&'a Contact>,
}

/// The members of a change.
pub fn change<'a>() -> [Part<Change<'a>>; 9] {
    let (by, names) = (|| refer("Actor"), || list(any_text()));
    [
        always("position", count, |it| {
            it.event.header.position.get().into()
        }),
        always("time", time, |it| it.event.header.time.to_string().into()),
        always("operation", any_text, |it| operation(it.event)),
        sometimes("version", count, |it| it.event.header.version.into()),
        always("correlation", any_text, |it| {
            it.event.header.correlation.as_str().into()
        }),
        always("actor", by, |it| json!(By::from(&it.event.header.actor))),
        // The names of the properties that were sent or changed outlive an erasure.
        always("fields", names, |it| json!(it.event.header.fields)),
        sometimes("changes", || list(refer("Difference")), changes),
        sometimes("erasure", || schema(&ERASURE), |it| erasure(it.event)),
    ]
}

/// What differs field by field; nothing of an end, and where the values were erased.
fn changes(change: &Change<'_>) -> Value {
    let before = change.before.map(|contact| &contact.card);
    let after = change.after.map(|contact| &contact.card);
    after.map_or(Value::Null, |after| json!(difference(before, Some(after))))
}

/// The reason for which personal data was destroyed.
static ERASURE: [Part<Erasure>; 2] = [
    always("reason", reasons, |it| it.reason.name().into()),
    sometimes("reference", any_text, |it| it.reference.as_deref().into()),
];

/// The JSON Schema of a reason to destroy personal data.
pub fn reasons() -> Value {
    one_of(&EraseReason::ALL.map(EraseReason::name))
}

fn erasure(event: &Event) -> Value {
    match &event.phase {
        Phase::Success { erasure: Some(it) } => show(&ERASURE, it),
        Phase::Success { erasure: None } | Phase::Start { .. } | Phase::Fail(_) => Value::Null,
    }
}

/// The name of what an event did.
pub fn operation(event: &Event) -> Value {
    event.header.operation.name().to_lowercase().into()
}

/// A point of a contact's past.
pub static POINT: [Part<Event>; 4] = [
    always("position", count, |it| it.header.position.get().into()),
    always("time", time, |it| it.header.time.to_string().into()),
    sometimes("version", count, |it| it.header.version.into()),
    always("operation", any_text, operation),
];

/// The answer that is a contact's history after a position, oldest first. `next` is the cursor of
/// the next page, if there is one.
pub fn history(found: Lookup<Versions>, id: ContactId, after: Position, limit: usize) -> Reply {
    let Versions { list, cut } = match found {
        Ok(versions) => versions,
        Err(refusal) => return problem::refusal(&refusal),
    };
    let is_before = |(event, _): &&Version| event.header.position <= after;
    let skipped = list.iter().filter(is_before).count();
    let befores = std::iter::once(None).chain(list.iter().map(|(_, contact)| contact.as_ref()));
    let page = list.iter().zip(befores).skip(skipped).take(limit);
    let shown = page.clone().map(|((event, after), before)| {
        let after = after.as_ref();
        show(
            &change(),
            &Change {
                event,
                before,
                after,
            },
        )
    });
    let more = cut || skipped.saturating_add(limit) < list.len();
    let last = page.last().filter(|_| more);
    let next = last.map(|((event, _), _)| ("next", Value::from(event.header.position.get())));
    let body = [("id", id.to_string().into()), ("data", shown.collect())];
    Reply::json(
        StatusCode::OK,
        &body.into_iter().chain(next).collect::<Value>(),
    )
}

/// The answer that is what differs between two points of a contact's past.
///
/// `from` may be before its creation, where it had nothing, and after `to`: then it is the way
/// back. Points after the last change are the last change.
pub fn diff(found: Lookup<Versions>, id: ContactId, from: AsOf, to: AsOf) -> Reply {
    let versions = match found {
        Ok(versions) => versions.list,
        Err(refusal) => return problem::refusal(&refusal),
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
    fn card(version: Option<&Version>) -> Option<&Card> {
        Some(&version?.1.as_ref()?.card)
    }
    let point = |version: Option<&Version>| version.map(|(event, _)| show(&POINT, event));
    let body = json!({
        "id": id.to_string(),
        "from": point(from),
        "to": point(to),
        "changes": difference(card(from), card(to)),
    });
    Reply::json(StatusCode::OK, &body)
}
