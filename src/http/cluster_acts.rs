//! What an operator has the cluster do: `POST /cluster/yield`, `/cluster/reseed` and
//! `/cluster/forget` (role `admin`, every tenant).

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::app::Cluster;
use super::disks::Disks;
use super::system::Question;
use super::{App, answer, body, system};
use crate::auth::{Principal, role};
use crate::cluster::{Event, PeerStatus, Role, Status};
use crate::dialect::{Refusal, Reply};
use crate::domain::{Closed, Correlation, Position};

/// The longest that another node may take to begin to lead.
const HAND_OVER_TIME_MAX: Duration = Duration::from_secs(10);

/// The longest body of these requests, in bytes.
const BODY_BYTES_MAX: u64 = 1_024;
/// The longest that the stream may take to be made anew.
const RESEED_TIME_MAX: Duration = Duration::from_secs(20);
/// A node that was not heard of for so long is away.
const AWAY: Duration = Duration::from_secs(10);

/// The body of `POST /cluster/reseed`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ReseedBody {
    accept_loss: bool,
}

/// The body of `POST /cluster/forget`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ForgetBody {
    node: String,
}

/// The body of its answer: the keys of the disks.
#[derive(Serialize)]
struct ForgottenBody {
    forgotten: Vec<String>,
}

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
        Ok(done(app, &led_by_another(cluster).await?, correlation))
    })
    .await
}

/// Serves `POST /cluster/reseed`: the stream is made anew from this node's log, and nodes with
/// another one set theirs aside. What they alone have is lost, so that must be said. It is answered
/// when this node leads.
pub async fn reseed(question: Question, request: Request) -> Response {
    let Question { app, headers, .. } = &question;
    let sent = request.into_body();
    system::answer(&question, &[role::ADMIN], async |principal, correlation| {
        let cluster = cluster_of(app, &principal)?;
        let must = "{\"acceptLoss\":true}: what other nodes alone have is lost";
        let ReseedBody { accept_loss } = read(app, headers, sent, must).await?;
        if !accept_loss {
            return Err(Refusal::BadParameter { name: "body", must });
        }
        let who = &principal.client_id;
        tracing::warn!(client = ?who, "the stream is to be made anew from this node's log");
        Ok(done(app, &leads_anew(cluster).await?, correlation))
    })
    .await
}

/// Has the stream made anew; the term in which this node leads then.
async fn leads_anew(cluster: &Cluster) -> Result<LedBody, Refusal> {
    let mut status = cluster.status.clone();
    let before = status
        .borrow_and_update()
        .as_ref()
        .map(|status| status.takeovers_total);
    let told = cluster.events.send(Event::Reseed).await;
    told.map_err(|_| Refusal::ReadOnly(Closed::Stopping))?;
    let anew = |status: &Option<Status>| {
        let leads = status
            .as_ref()
            .filter(|status| status.role == Role::Leading);
        leads.is_some_and(|status| Some(status.takeovers_total) > before)
    };
    let leads = tokio::time::timeout(RESEED_TIME_MAX, status.wait_for(anew)).await;
    let leads = leads.ok().and_then(Result::ok);
    let body = leads.and_then(|status| {
        let status = status.as_ref()?;
        Some(LedBody {
            leader: status.node.to_string(),
            term: status.term,
        })
    });
    body.ok_or(Refusal::ReadOnly(Closed::CutOff))
}

/// Serves `POST /cluster/forget`: the disks that a node had before are destroyed, and its disk too
/// where the node is away.
pub async fn forget(question: Question, request: Request) -> Response {
    let Question { app, headers, .. } = &question;
    let sent = request.into_body();
    system::answer(&question, &[role::ADMIN], async |principal, correlation| {
        let cluster = cluster_of(app, &principal)?;
        let must = "an object with the name of a node, such as {\"node\":\"c\"}";
        let ForgetBody { node } = read(app, headers, sent, must).await?;
        let forgotten = disks_of(app, cluster, &node)?;
        for key in &forgotten {
            let told = cluster.events.send(Event::Forget { key: key.clone() });
            let told = told.await;
            told.map_err(|_| Refusal::ReadOnly(Closed::Stopping))?;
        }
        Ok(done(app, &ForgottenBody { forgotten }, correlation))
    })
    .await
}

/// Reads the body of a request.
async fn read<T: DeserializeOwned>(
    app: &App,
    headers: &HeaderMap,
    sent: Body,
    must: &'static str,
) -> Result<T, Refusal> {
    let timeout = app.limits.request_timeout;
    let sent = body::read(headers, sent, BODY_BYTES_MAX, timeout).await?;
    serde_json::from_slice(&sent).map_err(|_| Refusal::BadParameter { name: "body", must })
}

/// The answer to what was done, with the log's head.
fn done(app: &App, body: &impl Serialize, correlation: &Correlation) -> (Response, Position) {
    let response = answer::response(Reply::json(StatusCode::OK, body), correlation);
    (response, app.gateway.service.head())
}

/// The keys of the disks of a node that may be forgotten.
fn disks_of(app: &App, cluster: &Cluster, node: &str) -> Result<Vec<String>, Refusal> {
    let status = cluster.status.borrow().clone();
    let status = status.ok_or(Refusal::ReadOnly(Closed::CutOff))?;
    let heard = |peer: &PeerStatus| peer.silent.is_some_and(|silent| silent < AWAY);
    let mut peers = status.peers.iter().filter(|peer| heard(peer));
    let is_there = status.node.as_str() == node || peers.any(|peer| peer.node.as_str() == node);
    let disks = Disks::of(app)?;
    let keys = disks.forgettable(node, is_there);
    Ok(keys.map(|disk| disk.key.to_string()).collect())
}

/// The cluster, for one who may have it do something.
fn cluster_of<'a>(app: &'a App, principal: &Principal) -> Result<&'a Cluster, Refusal> {
    if !principal.tenants.is_every() {
        let tenant = "*".to_owned();
        return Err(Refusal::NotYours { tenant });
    }
    app.cluster.as_ref().ok_or(Refusal::NoCluster)
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
