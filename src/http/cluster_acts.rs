//! What an operator has the cluster do: `POST /cluster/yield` (role `admin`, every tenant).

use std::time::Duration;

use axum::response::Response;
use http::StatusCode;
use serde::Serialize;

use super::app::Cluster;
use super::system::Question;
use super::{App, answer, system};
use crate::auth::{Principal, role};
use crate::cluster::{Event, Status};
use crate::dialect::{Refusal, Reply};
use crate::domain::Closed;

/// The longest that another node may take to begin to lead.
const HAND_OVER_TIME_MAX: Duration = Duration::from_secs(10);

/// The body of an answer to `POST /cluster/yield`.
#[derive(Serialize)]
struct LedBody {
    leader: String,
    term: u64,
}

/// Serves `POST /cluster/yield`: the node that leads gives the lead up, whichever node is asked. It
/// is answered when another leads.
pub async fn hand_over(question: Question) -> Response {
    let app = &question.app;
    system::answer(&question, &[role::ADMIN], async |principal, correlation| {
        let cluster = cluster_of(app, &principal)?;
        let reply = Reply::json(StatusCode::OK, &led_by_another(cluster).await?);
        let response = answer::response(reply, correlation);
        Ok((response, app.gateway.service.head()))
    })
    .await
}

/// The cluster, for one who may have it do something.
fn cluster_of<'a>(app: &'a App, principal: &Principal) -> Result<&'a Cluster, Refusal> {
    if !principal.tenants.is_every() {
        let tenant = "*".to_owned();
        return Err(Refusal::NotYours { tenant });
    }
    app.cluster.as_ref().ok_or(Refusal::UnknownPath)
}

/// Has the lead given up; who leads then.
async fn led_by_another(cluster: &Cluster) -> Result<LedBody, Refusal> {
    let cut_off = Refusal::ReadOnly(Closed::CutOff);
    let mut status = cluster.status.clone();
    let before = led(status.borrow_and_update().as_ref()).ok_or(cut_off.clone())?;
    let told = cluster.events.send(Event::HandOver).await;
    told.map_err(|_| Refusal::ReadOnly(Closed::Stopping))?;
    let by_another = |status: &Option<Status>| {
        led(status.as_ref()).is_some_and(|after| after.leader != before.leader)
    };
    let changed = tokio::time::timeout(HAND_OVER_TIME_MAX, status.wait_for(by_another)).await;
    let after = changed.ok().and_then(Result::ok);
    after.and_then(|status| led(status.as_ref())).ok_or(cut_off)
}

/// The node that leads and takes writes, as far as this one sees.
fn led(status: Option<&Status>) -> Option<LedBody> {
    let status = status.filter(|status| status.takes_writes)?;
    Some(LedBody {
        leader: status.leader.as_ref()?.to_string(),
        term: status.term,
    })
}
