//! The view that counts: events by dialect, tenant, operation and phase, in all and by the hour.
//!
//! The hours of the last week are kept, fewer where very many tenants were busy in them; the counts
//! in all are kept for ever. Nothing here is anybody's data.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{FoldError, View};
use crate::domain::{Card, DialectId, Event, Operation, Phase, Registry, Timestamp};

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

/// The counts of all events so far.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    totals: BTreeMap<(Scope, Kind), u64>,
    hours: BTreeMap<u64, BTreeMap<(Scope, Kind), u64>>,
    cells: usize,
    tenants: BTreeSet<Arc<str>>,
    time: Timestamp,
}

impl View for Statistics {
    const NAME: &'static str = "statistics";
    const VERSION: u32 = 1;
    const READS_CONTENT: bool = false;

    fn new(_: Registry) -> Self {
        Self::default()
    }

    fn fold(&mut self, event: &Event, _: Option<&Card>) -> Result<(), FoldError> {
        let header = &event.header;
        let kind = Kind {
            operation: header.operation,
            phase: match event.phase {
                Phase::Start { .. } => "START",
                Phase::Success { .. } => "SUCCESS",
                Phase::Fail(_) => "FAIL",
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
        Ok(())
    }
}

impl Statistics {
    /// The time of the last event folded.
    #[must_use]
    pub const fn time(&self) -> Timestamp {
        self.time
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
