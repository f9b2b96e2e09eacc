//! What a reader of events asks for, and what of it may be shown.

use http::HeaderMap;

use super::filter::{Filter, read};
use super::form::Form;
use super::lines::Lines;
use crate::auth::Principal;
use crate::dialect::query::digits;
use crate::dialect::{Query, REGISTRY, Refusal, native};
use crate::domain::{Event, Operation, Position, Timestamp};
use crate::gateway::sees_contents;
use crate::log::record::Record;
use crate::service::{EventScan, ReadError, Service};
use crate::wire::{CloudEvent, Detail, cloud_event};

const LIMIT: usize = 100;
/// The most events of a page.
pub const LIMIT_MAX: usize = 1_000;
const A_TIME: &str = "a time in RFC 3339, such as 2026-01-15T10:30:00Z";

/// What is asked, and by whom.
#[derive(Clone)]
pub struct Asked {
    /// The caller who asks.
    pub principal: Principal,
    /// The detail at which each event is shown.
    pub detail: Detail,
    /// The position after which to begin; of the newest first, before which.
    pub after: Position,
    /// The most events that the answer holds.
    pub limit: usize,
    /// What an event must be.
    pub filter: Filter,
    /// The first time that is wanted.
    since: Option<Timestamp>,
    /// The last time that is wanted.
    until: Option<Timestamp>,
    /// The last position that is wanted, and that before the first.
    bounds: (Position, Option<Position>),
    /// Whether the newest come first.
    pub newest_first: bool,
    /// Whether the answer goes on after the head of the moment.
    pub follow: bool,
    /// The form of the answer.
    pub form: Form,
}

/// Events as they are shown, and the last position looked at.
pub struct Shown {
    /// The events, each with its position.
    pub events: Vec<(Position, CloudEvent)>,
    /// The position from which the next page begins.
    pub last: Position,
    /// Whether all of them are records of reads. A look at those is not recorded itself, or each
    /// look would find the record of the one before.
    pub only_reads: bool,
}

impl Asked {
    /// Reads what is asked of `GET /events`.
    ///
    /// # Errors
    /// A parameter is not valid.
    pub fn read(headers: &HeaderMap, query: &Query, caller: Principal) -> Result<Self, Refusal> {
        let form = Form::of(headers, query)?;
        let follow = match query.get("follow") {
            None | Some("false") => form == Form::ServerSent,
            Some("true") if form == Form::Page => {
                return Err(bad("follow", "left out where a page is asked for"));
            }
            Some("true") => true,
            Some(_) => return Err(bad("follow", "true or false")),
        };
        let newest_first = match query.get("order") {
            None | Some("asc") => false,
            Some("desc") if form == Form::Page => true,
            Some("desc") => return Err(bad("order", "asc where lines or a stream are asked for")),
            Some(_) => return Err(bad("order", "asc or desc")),
        };
        let until = read(query, "until", A_TIME, time)?;
        if until.is_some() && follow {
            return Err(bad("until", "left out where events are followed"));
        }
        let start = if newest_first {
            Position::new(u64::MAX)
        } else {
            Position::ZERO
        };
        Ok(Self {
            detail: detail(query, &caller)?,
            principal: caller,
            after: after(headers, query)?.unwrap_or(start),
            limit: limit(query, form)?,
            filter: Filter::of(query)?,
            since: read(query, "since", A_TIME, time)?,
            until,
            bounds: (Position::ZERO, None),
            newest_first,
            follow,
            form,
        })
    }

    /// Reads what is asked of the events of one command.
    ///
    /// # Errors
    /// A parameter is not valid.
    pub fn of_command(filter: Filter, query: &Query, caller: Principal) -> Result<Self, Refusal> {
        Ok(Self {
            detail: detail(query, &caller)?,
            principal: caller,
            after: after(&HeaderMap::new(), query)?.unwrap_or_default(),
            limit: limit(query, Form::Page)?,
            filter,
            since: None,
            until: None,
            bounds: (Position::ZERO, None),
            newest_first: false,
            follow: false,
            form: Form::Page,
        })
    }

    /// The position that the log must have reached for the question to be about it.
    pub fn needs(&self) -> Position {
        let whole = self.newest_first && self.after == Position::new(u64::MAX);
        if whole { Position::ZERO } else { self.after }
    }

    /// Whether the times that are asked for are positions by now.
    pub const fn is_bounded(&self) -> bool {
        self.since.is_none() && self.until.is_none()
    }

    /// Finds the positions of the times that are asked for.
    ///
    /// # Errors
    /// The log can't be read.
    pub fn bounded(mut self, service: &Service) -> Result<Self, ReadError> {
        if let Some(since) = self.since.take() {
            let before = Timestamp::from_millis(since.millis().saturating_sub(1));
            self.bounds.0 = service.position_at(before)?;
        }
        if let Some(until) = self.until.take() {
            self.bounds.1 = Some(service.position_at(until)?);
        }
        let (first, last) = self.bounds;
        self.after = if self.newest_first {
            last.map_or(self.after, |last| self.after.min(last.next()))
        } else {
            self.after.max(first)
        };
        Ok(self)
    }

    /// Whether it is for all events after a position, whatever else is asked of them: not for so many,
    /// nor for those of one command, which are found without looking at all.
    pub const fn is_whole(&self) -> bool {
        self.limit == usize::MAX && self.filter.correlation.is_none()
    }

    fn wants(&self, event: &Event) -> bool {
        let (position, owner) = (event.header.position, &event.header.owner);
        let (first, last) = self.bounds;
        let may_see = |name| self.principal.may(name, owner.tenant());
        position > first
            && last.is_none_or(|last| position <= last)
            && REGISTRY
                .get(owner.dialect())
                .is_some_and(|rules| may_see(rules.name))
            && self.filter.wants(event)
    }

    /// The next events after a position, at most `limit` of them.
    ///
    /// # Errors
    /// The log can't be read.
    pub fn scan(
        &self,
        service: &Service,
        after: Position,
        limit: usize,
    ) -> Result<Shown, ReadError> {
        let settled = service.settled();
        let wanted = |event: &Event| self.wants(event);
        let (scan, end) = match (&self.filter.correlation, self.newest_first) {
            (_, true) => {
                let before = Some(after).filter(|after| *after <= settled);
                let mut scan = service.events_before(before, limit, &wanted)?;
                let is_last = scan.last <= self.bounds.0.next();
                if is_last && !scan.cut && scan.records.len() < limit {
                    scan.last = Position::ZERO;
                }
                (scan, None)
            }
            (Some(correlation), false) if !self.follow => {
                let scan = service.command(correlation, after, limit, &wanted)?;
                let is_whole = scan.records.len() < limit;
                (scan, is_whole.then_some(settled))
            }
            (_, false) => {
                let scan = service.events_after(after, limit, &wanted)?;
                let is_past = self.bounds.1.is_some_and(|last| scan.last >= last);
                (scan, is_past.then_some(settled))
            }
        };
        let EventScan { records, last, .. } = scan;
        let events = records.iter().map(|record| self.show(service, record));
        let mut operations = records.iter().map(|record| record.event.header.operation);
        Ok(Shown {
            events: events.collect::<Result<_, _>>()?,
            last: end.map_or(last, |end| end.max(last)),
            only_reads: operations.all(Operation::is_read),
        })
    }

    /// The events after a position up to another as they are sent, or fewer where they are more
    /// bytes than these.
    ///
    /// # Errors
    /// The log can't be read.
    pub fn lines(
        &self,
        service: &Service,
        after: Position,
        to: Position,
        bytes_max: usize,
    ) -> Result<Lines, ReadError> {
        let mut lines = Lines::after(after, bytes_max);
        service.each(after, to, |record| {
            lines.last = record.event.header.position;
            if self.wants(&record.event) {
                let (position, event) = self.show(service, &record)?;
                lines.push(self.form, position, &event);
            }
            Ok(!lines.are_many())
        })?;
        Ok(lines)
    }

    fn show(
        &self,
        service: &Service,
        record: &Record,
    ) -> Result<(Position, CloudEvent), ReadError> {
        let content = service.open_content(record)?;
        let event = &record.event;
        // `wants` let it through, so its dialect is known.
        let rules = REGISTRY
            .get(event.header.owner.dialect())
            .unwrap_or(&native::RULES);
        let shown = cloud_event(event, rules, content.as_ref(), self.detail);
        Ok((event.header.position, shown))
    }
}

const fn bad(name: &'static str, must: &'static str) -> Refusal {
    Refusal::BadParameter { name, must }
}

/// A time; a plus sign that a client did not percent-encode arrives as a space.
fn time(text: &str) -> Option<Timestamp> {
    Timestamp::parse(&text.replace(' ', "+"))
}

fn limit(query: &Query, form: Form) -> Result<usize, Refusal> {
    let of_form = if form == Form::Page {
        LIMIT
    } else {
        usize::MAX
    };
    let limit = read(query, "limit", "a number from 1 to 1000", |text| {
        digits(text).filter(|limit| (1..=LIMIT_MAX).contains(limit))
    })?;
    Ok(limit.unwrap_or(of_form))
}

fn after(headers: &HeaderMap, query: &Query) -> Result<Option<Position>, Refusal> {
    let position = |name, text: Option<&str>| {
        let position = text.and_then(Position::parse);
        position.ok_or(bad(name, "a position in decimal digits"))
    };
    if let Some(sent) = headers.get("last-event-id") {
        return position("Last-Event-ID", sent.to_str().ok()).map(Some);
    }
    let sent = query.get("after");
    sent.map(|text| position("after", Some(text))).transpose()
}

/// The detail of what is shown: what is asked for, but no more than the caller may see.
fn detail(query: &Query, caller: &Principal) -> Result<Detail, Refusal> {
    let most = if sees_contents(caller) {
        Detail::Full
    } else {
        Detail::NonSensitive
    };
    let asked = read(
        query,
        "detail",
        "metadata, non-sensitive or full",
        |name| match name {
            "metadata" => Some(Detail::Metadata),
            "non-sensitive" => Some(Detail::NonSensitive),
            "full" => Some(Detail::Full),
            _ => None,
        },
    )?;
    Ok(asked.map_or(most, |asked| asked.min(most)))
}
