//! The statistics, and the rebuilding of views.
//!
//! `GET /stats?tenant=&dialect=&hours=` (roles `admin`, `auditor`) counts the events of the tenants
//! that the caller may see: in all, by tenant, and by the hour for 1 to 168 hours up to that of the
//! last event (24 unless said otherwise). `POST /views/{name}/rebuild` (role `admin`, every tenant)
//! builds the view `search` or `statistics` anew from the log while the old one is read: 202.

use axum::response::Response;
use http::StatusCode;
use serde::Serialize;

use super::system::{Question, Segment};
use super::{answer, system};
use crate::auth::role;
use crate::dialect::{Query, REGISTRY, Refusal, Reply};
use crate::gateway::{Counts, Stats, StatsAsk};
use crate::projection::statistics::{HOUR_MILLIS, HOURS_MAX};

/// Hours that are shown, unless the request says otherwise.
const HOURS: u64 = 24;

/// The body of `GET /stats`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatsBody {
    /// The position up to which events are counted.
    position: u64,
    /// The time of the last event; without events, that of 1970.
    time: String,
    /// All events that the caller may see.
    total: u64,
    counts: Vec<CountBody>,
    /// The tenants with the most events, at most 100.
    tenants: Vec<TenantBody>,
    /// The number of tenants that have events.
    tenants_total: usize,
    /// Oldest first, without a gap.
    hours: Vec<HourBody>,
}

/// Events of one kind.
#[derive(Serialize)]
struct CountBody {
    dialect: &'static str,
    operation: &'static str,
    phase: &'static str,
    count: u64,
}

#[derive(Serialize)]
struct TenantBody {
    dialect: &'static str,
    tenant: String,
    count: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HourBody {
    /// The time at which the hour began, in RFC 3339.
    hour: String,
    total: u64,
    /// Events a second; of the last hour, over the part of it up to the last event.
    per_second: f64,
    counts: Vec<CountBody>,
}

/// Serves `GET /stats`: the counts of events that the caller may see.
pub async fn stats(question: Question) -> Response {
    let Question { app, query, .. } = &question;
    const ROLES: &[&str] = &[role::ADMIN, role::AUDITOR];
    system::answer(&question, ROLES, async |principal, correlation| {
        let stats = app.gateway.stats(&principal, &asked(query)?).await?;
        let position = stats.position;
        let reply = Reply::json(StatusCode::OK, &body(stats));
        Ok((answer::response(reply, correlation), position))
    })
    .await
}

/// Serves `POST /views/{name}/rebuild`: builds a view anew from the log.
pub async fn rebuild(name: Segment, question: Question) -> Response {
    let gateway = &question.app.gateway;
    let name = system::text(name);
    system::answer(&question, &[role::ADMIN], async |principal, correlation| {
        gateway.rebuild_view(&principal, &name)?;
        let reply = Reply::json(StatusCode::ACCEPTED, &serde_json::json!({ "view": name }));
        let response = answer::response(reply, correlation);
        Ok((response, gateway.service.head()))
    })
    .await
}

fn asked(query: &Query) -> Result<StatsAsk, Refusal> {
    let hours = match query.get("hours") {
        None => HOURS,
        Some(text) => text
            .parse()
            .ok()
            .filter(|hours| (1..=HOURS_MAX).contains(hours))
            .ok_or(Refusal::BadParameter {
                name: "hours",
                must: "a number from 1 to 168",
            })?,
    };
    let dialect = match query.get("dialect") {
        None => None,
        Some(name) => {
            let rules = REGISTRY.named(name).ok_or(Refusal::BadParameter {
                name: "dialect",
                must: "the name of a dialect, in lower case",
            })?;
            Some(rules.dialect)
        }
    };
    Ok(StatsAsk {
        tenant: query.get("tenant").map(str::to_owned),
        dialect,
        hours,
    })
}

fn body(stats: Stats) -> StatsBody {
    let Stats {
        position,
        time,
        counts,
        tenants,
        tenants_total,
        hours,
    } = stats;
    let hour = |(begun, counts): (crate::domain::Timestamp, Counts)| {
        let total: u64 = counts.values().sum();
        let millis = time.millis().saturating_sub(begun.millis());
        let millis = millis.clamp(1_000, HOUR_MILLIS);
        HourBody {
            hour: begun.to_string(),
            total,
            per_second: total as f64 * 1_000.0 / millis as f64,
            counts: rows(&counts),
        }
    };
    let tenant = |(dialect, tenant, count)| TenantBody {
        dialect,
        tenant,
        count,
    };
    StatsBody {
        position: position.get(),
        time: time.to_string(),
        total: counts.values().sum(),
        counts: rows(&counts),
        tenants: tenants.into_iter().map(tenant).collect(),
        tenants_total,
        hours: hours.into_iter().map(hour).collect(),
    }
}

fn rows(counts: &Counts) -> Vec<CountBody> {
    let row = |((dialect, kind), count): (&(&'static str, _), &u64)| {
        let crate::projection::statistics::Kind { operation, phase } = kind;
        CountBody {
            dialect,
            operation: operation.name(),
            phase,
            count: *count,
        }
    };
    counts.iter().map(row).collect()
}
