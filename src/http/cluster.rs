//! The cluster as this node sees it: `GET /cluster`, what `/readyz` says of it, and its metrics.

use std::time::Duration;

use axum::response::Response;
use http::StatusCode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use serde::Serialize;

use super::disks::{Disk, Disks};
use super::system::Question;
use super::{App, answer, system};
use crate::cluster::{NodeName, PeerStatus, Role, Status};
use crate::dialect::route::AUDITORS;
use crate::dialect::{Refusal, Reply};
use crate::domain::Position;

/// A node that is further behind takes no requests.
const BEHIND_EVENTS_MAX: u64 = 10_000;
/// A node that has not heard the leader for longer takes no requests.
const STALE_MAX: Duration = Duration::from_secs(10);

/// The body of `GET /cluster`.
#[derive(Serialize)]
struct ClusterBody {
    node: String,
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    leader: Option<String>,
    term: u64,
    head: u64,
    settled: u64,
    log: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    halted: Option<String>,
    nodes: Vec<NodeBody>,
    /// Disks that a node had before the one it has now: whoever was erased since may be on them.
    former: Vec<FormerBody>,
    /// The directories of this node in which logs lie that were set aside.
    set_aside: Vec<String>,
}

/// A disk that a node does not have any more.
#[derive(Serialize)]
struct FormerBody {
    node: String,
    key: String,
    cosigned: u64,
}

/// A node of the cluster.
#[derive(Serialize)]
struct NodeBody {
    node: String,
    role: &'static str,
    /// The last position on its disk; none where it was not heard of yet.
    position: Option<u64>,
    /// Whether its log is the same as this one's; none where that can't be compared now.
    root_equal: Option<bool>,
    /// The position up to which whoever was erased is erased on its disk.
    erased_through: Option<u64>,
    /// The size of the newest checkpoint that its disk has cosigned: up to there erasures are proven.
    #[serde(skip_serializing_if = "Option::is_none")]
    cosigned: Option<u64>,
    /// The key by which its cosignatures are verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// The version that it runs, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    seen_seconds_ago: Option<u64>,
}

/// Serves `GET /cluster`: the nodes. A service that keeps its log alone has none, and says so.
pub async fn cluster(question: Question) -> Response {
    let app = &question.app;
    system::answer(&question, AUDITORS, async |_, correlation| {
        let status = status(app).ok_or(Refusal::NoCluster)?;
        let position = status.head;
        let disks = Disks::of(app)?;
        let set_aside = app.cluster.as_ref().map(|cluster| &*cluster.set_aside);
        let set_aside = set_aside.unwrap_or_default();
        let body = body(&status, &app.gateway.log_id, &disks, set_aside);
        let reply = Reply::json(StatusCode::OK, &body);
        Ok((answer::response(reply, correlation), position))
    })
    .await
}

fn status(app: &App) -> Option<Status> {
    app.cluster.as_ref()?.status.borrow().clone()
}

fn body(status: &Status, log: &str, disks: &Disks, set_aside: &[String]) -> ClusterBody {
    let own = NodeBody {
        node: status.node.to_string(),
        role: role(status),
        position: Some(status.head.get()),
        root_equal: Some(true),
        erased_through: Some(status.settled.min(status.head).get()),
        cosigned: disks.cosigned(&status.node),
        key: disks.key(&status.node),
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        seen_seconds_ago: Some(0),
    };
    let peers = status.peers.iter();
    let peers = peers.map(|peer| peer_body(status, peer, disks));
    ClusterBody {
        node: status.node.to_string(),
        role: role(status),
        leader: status.leader.as_ref().map(ToString::to_string),
        term: status.term,
        head: status.head.get(),
        settled: status.settled.get(),
        log: log.to_owned(),
        halted: status.halted.clone(),
        nodes: [own].into_iter().chain(peers).collect(),
        former: disks.former().map(former_body).collect(),
        set_aside: set_aside.to_vec(),
    }
}

fn former_body(disk: &Disk) -> FormerBody {
    FormerBody {
        node: disk.node.clone(),
        key: disk.key.to_string(),
        cosigned: disk.size,
    }
}

fn peer_body(status: &Status, peer: &PeerStatus, disks: &Disks) -> NodeBody {
    let leads = status.leader.as_ref() == Some(&peer.node);
    let position = peer.position.map(Position::get);
    // It cosigns what it has erased, and says so at once besides where it has destroyed a key.
    let cosigned = disks.cosigned(&peer.node);
    let erased = peer.erased.get().max(cosigned.unwrap_or_default());
    NodeBody {
        node: peer.node.to_string(),
        role: match (peer.halted, leads) {
            (true, _) => "halted",
            (false, true) => "leader",
            (false, false) if !peer.whole => "joining",
            (false, false) => "follower",
        },
        position,
        root_equal: peer.root_equal,
        erased_through: position.map(|_| erased),
        cosigned,
        key: disks.key(&peer.node),
        version: peer.version.as_deref().map(str::to_owned),
        seen_seconds_ago: peer.silent.map(|silent| silent.as_secs()),
    }
}

/// The nodes of the cluster that are there, this one among them; none where the service is alone.
pub fn present(app: &App) -> Vec<NodeName> {
    let Some(status) = status(app) else {
        return Vec::new();
    };
    let heard = |peer: &&PeerStatus| peer.silent.is_some_and(|silent| silent < STALE_MAX);
    let peers = status.peers.iter().filter(heard);
    let peers = peers.map(|peer| peer.node.clone());
    [status.node.clone()].into_iter().chain(peers).collect()
}

/// The role of this node in one word.
fn role(status: &Status) -> &'static str {
    match status.role {
        Role::Leading if status.takes_writes => "leader",
        Role::Leading => "cut_off",
        Role::Following | Role::Standing if status.stale > STALE_MAX => "cut_off",
        Role::Following | Role::Standing if status.is_joining() => "joining",
        Role::Following | Role::Standing => "follower",
        Role::Starting | Role::Joining => "joining",
        Role::Halted => "halted",
    }
}

/// The events that the farthest node has and this one has not.
fn behind(status: &Status) -> u64 {
    let positions = status.peers.iter().filter_map(|peer| peer.position);
    let farthest = positions.max().unwrap_or_default();
    farthest.get().saturating_sub(status.head.get())
}

/// What readiness says of the cluster: this node's role, and whether it may be sent requests. `None`
/// where the service is alone.
pub fn readiness(app: &App) -> Option<(&'static str, bool)> {
    app.cluster.as_ref()?;
    Some(match status(app) {
        None => ("joining", false),
        Some(status) => {
            let role = role(&status);
            let serves = matches!(role, "leader" | "follower");
            (role, serves && behind(&status) <= BEHIND_EVENTS_MAX)
        }
    })
}

/// Registers what the cluster's metrics are at the moment.
pub fn metrics(app: &App, registry: &mut Registry) {
    let Some(status) = status(app) else { return };
    let mut gauge = |name: &str, help: &str, value: u64| {
        let gauge: Gauge = Gauge::default();
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        registry.register(format!("cluster_{name}"), help, gauge);
    };
    let leads = u64::from(role(&status) == "leader");
    gauge(
        "leader",
        "Whether this node leads its cluster and takes writes",
        leads,
    );
    gauge(
        "term",
        "The number of the cluster's current term",
        status.term,
    );
    gauge(
        "head",
        "The last position on this node's disk",
        status.head.get(),
    );
    gauge(
        "settled",
        "The last position that a majority of nodes has on its disks",
        status.settled.get(),
    );
    gauge(
        "lag_events",
        "Events that the farthest node has and this one has not",
        behind(&status),
    );
    let halted = u64::from(status.halted.is_some());
    gauge(
        "halted",
        "Whether this node serves nothing any more",
        halted,
    );
    let mut counter = |name: &str, help: &str, value: u64| {
        let counter: Counter = Counter::default();
        counter.inc_by(value);
        registry.register(format!("cluster_{name}"), help, counter);
    };
    counter(
        "void",
        "Messages in the order that counted for nothing",
        status.void_total,
    );
    counter(
        "takeovers",
        "Times that this node began to lead",
        status.takeovers_total,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn following() -> Status {
        let mut seen = Status {
            term: 3,
            head: Position::new(7),
            settled: Position::new(6),
            stale: Duration::from_secs(1),
            ..Status::of_follower("a", "b", "b")
        };
        for peer in &mut seen.peers {
            peer.position = Some(Position::new(9));
            peer.erased = Position::new(5);
            peer.version = Some("9.8.7".into());
            peer.silent = Some(Duration::from_millis(1_900));
        }
        seen
    }

    #[test]
    fn the_nodes_are_shown_with_their_roles() {
        let shown =
            serde_json::to_value(body(&following(), "a-log", &Disks::default(), &[])).unwrap();
        assert_eq!(shown["node"], "a");
        assert_eq!(shown["log"], "a-log");
        let nodes = [&shown["nodes"][0], &shown["nodes"][1]];
        assert_eq!(nodes.map(|node| &node["role"]), ["follower", "leader"]);
        assert_eq!(
            nodes.map(|node| node["position"].as_u64()),
            [Some(7), Some(9)]
        );
        assert_eq!(
            nodes.map(|node| node["erased_through"].as_u64()),
            [Some(6), Some(5)]
        );
        let versions = nodes.map(|node| node["version"].as_str());
        assert_eq!(versions, [Some(env!("CARGO_PKG_VERSION")), Some("9.8.7")]);
        assert_eq!(nodes[1]["root_equal"], serde_json::Value::Null);
        assert_eq!(nodes[1]["seen_seconds_ago"], 1);
        assert_eq!(behind(&following()), 2);
    }

    #[test]
    fn who_hears_no_leader_or_no_majority_is_cut_off() {
        let stale = STALE_MAX + Duration::from_secs(1);
        let alone = Status {
            role: Role::Leading,
            takes_writes: false,
            ..following()
        };
        let cases = [
            (following(), "follower"),
            (
                Status {
                    stale,
                    ..following()
                },
                "cut_off",
            ),
            (
                Status {
                    role: Role::Halted,
                    ..following()
                },
                "halted",
            ),
            (
                Status {
                    role: Role::Joining,
                    ..following()
                },
                "joining",
            ),
            (
                Status {
                    takes_writes: true,
                    ..alone.clone()
                },
                "leader",
            ),
            (alone, "cut_off"),
        ];
        for (status, shown) in cases {
            assert_eq!(role(&status), shown);
        }
    }
}
