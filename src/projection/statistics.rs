//! The view that counts: events by dialect, tenant, operation and phase, in all and by the hour.
//!
//! The hours of the last week are kept, fewer where very many tenants were busy in them; the counts
//! in all are kept for ever. Nothing here is anybody's data, so it is kept on the disk as it is
//! ([`saved`]).

mod saved;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uuid::Uuid;

use self::saved::{CountV1, HourV1, Place, SavedV1};
use super::view::{Chore, Home, IsOfLog};
use super::{FoldError, KeepError, View};
use crate::domain::{
    Card, DialectId, Event, EventId, Operation, Phase, Position, Registry, Timestamp,
};

/// The number of hours that are kept.
pub const HOURS_MAX: u64 = 168;
/// The number of milliseconds in an hour.
pub const HOUR_MILLIS: u64 = 3_600_000;
/// Counters of single hours that are kept in all: the oldest hours go first.
const CELLS_MAX: usize = 500_000;

/// The kind of event that a count is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// The operation that was done or attempted.
    pub operation: Operation,
    /// The phase: `START`, `SUCCESS` or `FAIL`.
    pub phase: &'static str,
}

/// The tenant of a dialect that a count is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope {
    /// The dialect of the events.
    pub dialect: DialectId,
    /// The tenant whose contacts the events concern.
    pub tenant: Arc<str>,
}

/// The phases by their names.
const PHASES: [&str; 3] = ["START", "SUCCESS", "FAIL"];
/// Events behind which the counts are saved again, or as many as there are counts where that is
/// more: folding so many takes less than a second.
const SAVE_EVENTS: u64 = 100_000;

/// The counts of all events so far.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    totals: Counts,
    hours: BTreeMap<u64, Counts>,
    cells: usize,
    tenants: BTreeSet<Arc<str>>,
    time: Timestamp,
    /// The last event folded.
    last: Option<(Position, EventId)>,
    place: Place,
}

/// The number of events of each kind.
type Counts = BTreeMap<(Scope, Kind), u64>;

impl View for Statistics {
    const NAME: &'static str = "statistics";
    const VERSION: u32 = 1;
    const READS_CONTENT: bool = false;
    type Extract = ();

    fn new() -> Self {
        Self::default()
    }

    fn resume(home: &Home, is_of_log: IsOfLog<'_>) -> (Self, Position) {
        let mut place = Place::beside(home.files.clone());
        place.counts = true;
        let saved = place.read(Self::VERSION).and_then(Self::of_saved);
        let is_ours = |(position, event)| is_of_log(position, event);
        let ours = saved.filter(|saved| saved.last.is_some_and(is_ours));
        let mut statistics = ours.unwrap_or_default();
        place.at = statistics.position();
        statistics.place = place;
        let position = statistics.position();
        (statistics, position)
    }

    fn beside(home: &Home) -> Self {
        Self {
            place: Place::beside(home.files.clone()),
            ..Self::default()
        }
    }

    fn take_over(&mut self, other: &mut Self) -> Result<(), KeepError> {
        self.place.counts = true;
        self.save().inspect_err(|_| self.place.counts = false)?;
        other.place.counts = false;
        Ok(())
    }

    fn tend(&mut self) -> Result<Chore, KeepError> {
        let cells = self.cells.saturating_add(self.totals.len()) as u64;
        let behind = self.position().get().saturating_sub(self.place.at.get());
        if behind >= SAVE_EVENTS.max(cells) {
            self.save()?;
        }
        Ok(Chore::Nothing)
    }

    fn keep(&mut self) -> Result<(), KeepError> {
        if self.position() == self.place.at {
            return Ok(());
        }
        self.save()
    }

    fn discard(&mut self) -> Result<(), KeepError> {
        self.place.remove()
    }

    fn extract(_: Registry, _: &Event, _: Option<&Card>) {}

    fn fold(&mut self, event: &Event, (): ()) -> Result<(), FoldError> {
        let header = &event.header;
        let kind = Kind {
            operation: header.operation,
            phase: match event.phase {
                Phase::Start { .. } => PHASES[0],
                Phase::Success { .. } => PHASES[1],
                Phase::Fail(_) => PHASES[2],
            },
        };
        let scope = Scope {
            dialect: header.owner.dialect(),
            tenant: self.tenant(header.owner.tenant()),
        };
        self.time = self.time.max(header.time);
        let hour = self.time.millis() / HOUR_MILLIS;
        *self.totals.entry((scope.clone(), kind)).or_default() += 1;
        let counts = self.hours.entry(hour).or_default();
        let before = counts.len();
        *counts.entry((scope, kind)).or_default() += 1;
        self.cells += counts.len() - before;
        self.forget_old(hour);
        self.last = Some((header.position, header.id));
        Ok(())
    }
}

impl Statistics {
    /// The time of the last event folded.
    #[must_use]
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// The position of the last event folded.
    fn position(&self) -> Position {
        self.last.map_or(Position::ZERO, |(position, _)| position)
    }

    /// Every count since the first event.
    pub fn totals(&self) -> impl Iterator<Item = (&Scope, Kind, u64)> {
        self.totals
            .iter()
            .map(|((scope, kind), count)| (scope, *kind, *count))
    }

    /// The first hour that is kept, in hours since 1970.
    #[must_use]
    pub fn first_hour(&self) -> Option<u64> {
        self.hours.first_key_value().map(|(hour, _)| *hour)
    }

    /// The counts of one hour since 1970.
    pub fn hour(&self, hour: u64) -> impl Iterator<Item = (&Scope, Kind, u64)> {
        let counts = self.hours.get(&hour).into_iter().flatten();
        counts.map(|((scope, kind), count)| (scope, *kind, *count))
    }

    fn save(&mut self) -> Result<(), KeepError> {
        match self.to_saved() {
            Some(saved) => self.place.write(&saved),
            None => Ok(()),
        }
    }

    /// All counts as they are saved; `None` before the first event.
    fn to_saved(&self) -> Option<SavedV1> {
        let (position, event) = self.last?;
        let names = (0..).zip(&self.tenants);
        let numbers: BTreeMap<&str, u32> = names.map(|(number, name)| (&**name, number)).collect();
        let counts = |counts: &Counts| {
            let count = |((scope, kind), count): (&(Scope, Kind), &u64)| {
                Some(CountV1 {
                    dialect: scope.dialect.0,
                    tenant: *numbers.get(&*scope.tenant)?,
                    operation: place_in(&Operation::ALL, &kind.operation)?,
                    phase: place_in(&PHASES, &kind.phase)?,
                    count: *count,
                })
            };
            counts.iter().map(count).collect::<Option<Vec<_>>>()
        };
        let hours = self.hours.iter().map(|(hour, of)| {
            let hour = *hour;
            counts(of).map(|counts| HourV1 { hour, counts })
        });
        Some(SavedV1 {
            version: Self::VERSION,
            position: position.get(),
            event: event.0.into_bytes().into(),
            time: self.time.millis(),
            tenants: self.tenants.iter().map(|name| (**name).into()).collect(),
            totals: counts(&self.totals)?,
            hours: hours.collect::<Option<_>>()?,
        })
    }

    /// The counts that were saved; `None` where they name what is not there.
    fn of_saved(saved: SavedV1) -> Option<Self> {
        let SavedV1 {
            version: _,
            position,
            event,
            time,
            tenants,
            totals,
            hours,
        } = saved;
        let names: Vec<Arc<str>> = tenants.into_iter().map(Arc::from).collect();
        let counts = |counts: Vec<CountV1>| {
            let count = |count: CountV1| {
                let scope = Scope {
                    dialect: DialectId(count.dialect),
                    tenant: names.get(usize::try_from(count.tenant).ok()?)?.clone(),
                };
                let kind = Kind {
                    operation: *Operation::ALL.get(usize::from(count.operation))?,
                    phase: PHASES.get(usize::from(count.phase))?,
                };
                Some(((scope, kind), count.count))
            };
            counts.into_iter().map(count).collect::<Option<Counts>>()
        };
        let hours = hours
            .into_iter()
            .map(|of| Some((of.hour, counts(of.counts)?)));
        let hours: BTreeMap<u64, Counts> = hours.collect::<Option<_>>()?;
        let event = EventId(Uuid::from_bytes(event.into()));
        Some(Self {
            totals: counts(totals)?,
            cells: hours.values().map(BTreeMap::len).sum(),
            hours,
            tenants: names.into_iter().collect(),
            time: Timestamp::from_millis(time),
            last: Some((Position::new(position), event)),
            place: Place::default(),
        })
    }

    /// One shared copy of a tenant's name.
    fn tenant(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.tenants.get(name) {
            return known.clone();
        }
        let shared: Arc<str> = name.into();
        self.tenants.insert(shared.clone());
        shared
    }

    fn forget_old(&mut self, now: u64) {
        while let Some((hour, counts)) = self.hours.first_key_value() {
            let old = hour.saturating_add(HOURS_MAX) <= now;
            if *hour == now || !(old || self.cells > CELLS_MAX) {
                return;
            }
            self.cells -= counts.len();
            self.hours.pop_first();
        }
    }
}

/// The place of one among all, as it is saved.
fn place_in<T: PartialEq>(all: &[T], one: &T) -> Option<u8> {
    u8::try_from(all.iter().position(|other| other == one)?).ok()
}
