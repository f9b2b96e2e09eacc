//! The statistics that a principal may see: sums over the tenants that are theirs.

use std::collections::BTreeMap;

use super::Gateway;
use super::admission::for_every_tenant;
use super::find::sees;
use crate::auth::{Principal, role};
use crate::dialect::{REGISTRY, Refusal};
use crate::domain::{DialectId, Position, Timestamp};
use crate::projection::Statistics;
use crate::projection::statistics::{HOUR_MILLIS, Kind, Scope};

/// Tenants that are listed by name, those with the most events first.
pub const TENANTS_MAX: usize = 100;

/// A question about the counts of events.
#[derive(Clone, Debug)]
pub struct StatsAsk {
    /// The one tenant to count, if only one is wanted.
    pub tenant: Option<String>,
    /// The one dialect to count, if only one is wanted.
    pub dialect: Option<DialectId>,
    /// The number of hours; the last one is that of the last event.
    pub hours: u64,
}

/// Events of one kind in one dialect.
pub type Counts = BTreeMap<(&'static str, Kind), u64>;

/// The answer to a question about the counts.
#[derive(Clone, Debug)]
pub struct Stats {
    /// The position that the view has reached.
    pub position: Position,
    /// The time of the last event.
    pub time: Timestamp,
    /// The counts of all events so far.
    pub counts: Counts,
    /// The tenants with the most events: dialect, tenant, how many.
    pub tenants: Vec<(&'static str, String, u64)>,
    /// The number of tenants that have events.
    pub tenants_total: usize,
    /// The hours, oldest first, by when each began; every hour that is kept of those asked for.
    pub hours: Vec<(Timestamp, Counts)>,
}

impl Gateway {
    /// The statistics that a principal may see.
    ///
    /// # Errors
    /// The role is missing, or the view is not there in time.
    pub async fn stats(&self, principal: &Principal, ask: &StatsAsk) -> Result<Stats, Refusal> {
        const ROLES: &[&str] = &[role::ADMIN, role::AUDITOR];
        if !principal.has_any(ROLES) {
            return Err(Refusal::Forbidden { roles: ROLES });
        }
        let view = &self.service.views().statistics;
        self.caught_up(view).await?;
        Ok(view.read(|statistics, position| sum(statistics, position, principal, ask)))
    }

    /// Builds a view anew beside the one that is read; whoever sees every tenant may ask for it.
    ///
    /// # Errors
    /// The role or a tenant is missing, or there is no such view.
    pub fn rebuild_view(&self, principal: &Principal, name: &str) -> Result<(), Refusal> {
        const ROLES: &[&str] = &[role::ADMIN];
        if !principal.has_any(ROLES) {
            return Err(Refusal::Forbidden { roles: ROLES });
        }
        for_every_tenant(principal)?;
        let views = self.service.views();
        views.rebuild(name).map_err(|_| Refusal::UnknownPath)?;
        tracing::info!(view = name, "a view is being rebuilt");
        Ok(())
    }
}

fn sum(
    statistics: &Statistics,
    position: Position,
    principal: &Principal,
    ask: &StatsAsk,
) -> Stats {
    let seen = |scope: &Scope| {
        let of = (scope.dialect, &*scope.tenant);
        sees(principal, ask.tenant.as_deref(), ask.dialect, of)
    };
    let name = |dialect| REGISTRY.get(dialect).map_or("", |rules| rules.name);
    let mut tenants: BTreeMap<(&'static str, &str), u64> = BTreeMap::new();
    let mut counts = Counts::new();
    for (scope, kind, count) in statistics.totals().filter(|(scope, ..)| seen(scope)) {
        let dialect = name(scope.dialect);
        *counts.entry((dialect, kind)).or_default() += count;
        *tenants.entry((dialect, &scope.tenant)).or_default() += count;
    }
    let last = statistics.time().millis() / HOUR_MILLIS;
    let first = last.saturating_add(1).saturating_sub(ask.hours);
    let first = statistics.first_hour().unwrap_or(last).max(first);
    let hours = (first..=last).map(|hour| {
        let mut counts = Counts::new();
        for (scope, kind, count) in statistics.hour(hour).filter(|(scope, ..)| seen(scope)) {
            *counts.entry((name(scope.dialect), kind)).or_default() += count;
        }
        (
            Timestamp::from_millis(hour.saturating_mul(HOUR_MILLIS)),
            counts,
        )
    });
    let hours = hours.collect();
    let tenants_total = tenants.len();
    let mut tenants: Vec<(&'static str, String, u64)> = tenants
        .into_iter()
        .map(|((dialect, tenant), count)| (dialect, tenant.to_owned(), count))
        .collect();
    tenants.sort_by_key(|(_, _, count)| std::cmp::Reverse(*count));
    tenants.truncate(TENANTS_MAX);
    Stats {
        position,
        time: statistics.time(),
        counts,
        tenants,
        tenants_total,
        hours,
    }
}
