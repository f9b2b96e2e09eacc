//! What an operator sees of a node and of what it has heard of the others.

use std::time::Duration;

use super::member::NodeName;
use super::node::{ABSENT, Node, Role};
use super::peers::{Peer, Peers};
use super::place::Place;
use super::rules::Rules;
use crate::domain::Position;

/// A leader that can't order for so long says that it can't.
const CUT_OFF: Duration = Duration::from_secs(10);

/// A node, and the cluster as it sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The name of the node.
    pub node: NodeName,
    /// The part that it plays.
    pub role: Role,
    /// The node that leads, as far as this one has read.
    pub leader: Option<NodeName>,
    /// Whether a write can be answered now: there is a leader that was heard of lately or is this
    /// node, it orders, and a majority is there.
    pub takes_writes: bool,
    /// The current term, as far as it was read.
    pub term: u64,
    /// Whether some node has led this cluster, as far as this one knows.
    pub was_led: bool,
    /// The position that this log must reach before it counts for a majority, where it was begun anew.
    pub reach: Option<Position>,
    /// The last position on this node's disk.
    pub head: Position,
    /// The last position that a majority of nodes has on its disks.
    pub settled: Position,
    /// The time since the leader was last heard; where this node leads, the time for which it can't
    /// order or reach a majority.
    pub stale: Duration,
    /// The time since this node last led or heard the leader, and so the age of what it knows; `None`
    /// where it has done neither since its process started.
    pub age: Option<Duration>,
    /// The number of messages in the stream that counted for nothing.
    pub void_total: u64,
    /// The number of times that this node began to lead.
    pub takeovers_total: u64,
    /// The reason for which the node serves nothing.
    pub halted: Option<String>,
    /// The other nodes, in the order of their ranks.
    pub peers: Vec<PeerStatus>,
}

/// Another node, as this one has heard of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// The name of the node.
    pub node: NodeName,
    /// The last position on its disk.
    pub position: Option<Position>,
    /// The last position of which it is known that whoever is erased up to there is so on its disk.
    pub erased: Position,
    /// Whether its log is the same as this one's; `None` where that can't be compared now.
    pub root_equal: Option<bool>,
    /// Whether it serves nothing, because of a contradiction.
    pub halted: bool,
    /// Whether its log counts for a majority.
    pub whole: bool,
    /// The version that it runs, where it says so.
    pub version: Option<Box<str>>,
    /// The time since it was last heard.
    pub silent: Option<Duration>,
}

impl Status {
    /// Whether this node lacks events that it needs to take part, and fetches them.
    #[must_use]
    pub fn is_joining(&self) -> bool {
        match self.role {
            Role::Joining => true,
            Role::Following | Role::Standing => self.reach.is_some(),
            Role::Starting | Role::Leading | Role::Halted => false,
        }
    }
}

impl PeerStatus {
    /// Whether it was not heard for so long that it is not counted on.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.silent.is_none_or(|silent| silent >= ABSENT)
    }
}

#[cfg(test)]
impl Status {
    /// For tests: a node of a healthy cluster with an empty log that follows `leader`, in the first term, and
    /// has just heard one other node.
    pub(crate) fn of_follower(node: &str, leader: &str, peer: &str) -> Self {
        let name = |text: &str| text.parse().expect("a name");
        Self {
            node: name(node),
            role: Role::Following,
            leader: Some(name(leader)),
            takes_writes: true,
            term: 1,
            was_led: true,
            reach: None,
            head: Position::ZERO,
            settled: Position::ZERO,
            stale: Duration::ZERO,
            age: Some(Duration::ZERO),
            void_total: 0,
            takeovers_total: 0,
            halted: None,
            peers: vec![PeerStatus {
                node: name(peer),
                position: None,
                erased: Position::ZERO,
                root_equal: None,
                halted: false,
                whole: true,
                version: None,
                silent: Some(Duration::ZERO),
            }],
        }
    }
}

impl Status {
    /// Whether the node leads, and can't reach a majority or can't order.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        self.role == Role::Leading && !self.stale.is_zero()
    }

    /// Whether more than times and the ends of logs differs from an earlier status: that many wait for,
    /// and the rest changes with each event.
    #[must_use]
    pub fn is_news_after(&self, before: &Self) -> bool {
        let place = |of: &Self| (of.term, of.settled);
        let sides = |of: &Self| (of.role, of.takes_writes, of.was_led, of.reach.is_none());
        place(self) != place(before)
            || sides(self) != sides(before)
            || self.leader != before.leader
            || self.halted != before.halted
    }
}

impl Node {
    /// The node as an operator sees it.
    #[must_use]
    pub fn status(&self) -> Status {
        let peer = |peer: &Peer| PeerStatus {
            node: peer.name.clone(),
            position: peer.place.map(|place| place.position),
            erased: peer.erased,
            root_equal: Peers::is_same(peer, &self.ends),
            halted: peer.halted,
            whole: peer.whole,
            version: peer.version.clone(),
            silent: peer.heard.map(|heard| self.now.saturating_sub(heard)),
        };
        Status {
            node: self.members.own().clone(),
            role: self.role,
            leader: self.rules.as_ref().and_then(Rules::leader).cloned(),
            takes_writes: self.takes_writes(),
            term: self.term(),
            was_led: self.was_led || self.term_seen.max(self.term()) > 0,
            reach: self.reach,
            head: self.own.position,
            settled: self.settled.position,
            stale: self.stale(),
            age: self.current_at.map(|at| self.now.saturating_sub(at)),
            void_total: self.void_total,
            takeovers_total: self.takeovers_total,
            halted: self.halted.clone(),
            peers: self.peers.all().iter().map(peer).collect(),
        }
    }

    /// The role that the node plays.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The end of the ordered log, as far as this node has read; `None` before it has found a place
    /// of its own log in the stream.
    #[must_use]
    pub fn ordered(&self) -> Option<Place> {
        self.rules.as_ref().map(Rules::place)
    }

    /// The sequence that is to be read next.
    #[must_use]
    pub const fn reads_from(&self) -> u64 {
        self.sequence + 1
    }

    /// Whether it leads, and can't reach a majority or can't order: then it takes no more writes.
    pub(super) fn is_cut_off(&self) -> bool {
        let since = self.now.saturating_sub(ABSENT);
        let flies = self.flight.as_ref().map(|flight| flight.age(self.now));
        let waits = flies.is_some_and(|age| age >= CUT_OFF);
        self.role == Role::Leading && (waits || !self.peers.is_majority_present(since))
    }

    fn stale(&self) -> Duration {
        match self.role {
            Role::Leading if !self.is_cut_off() => Duration::ZERO,
            Role::Leading => {
                let flies = self.flight.as_ref().map(|flight| flight.age(self.now));
                let heard = self.peers.majority_heard().unwrap_or_default();
                let alone = self.now.saturating_sub(heard);
                flies.unwrap_or_default().max(alone)
            }
            _ => self.now.saturating_sub(self.leader_heard),
        }
    }

    fn takes_writes(&self) -> bool {
        match self.role {
            Role::Leading => self.led && !self.is_cut_off(),
            Role::Following => self.rules.is_some() && self.stale() < ABSENT,
            Role::Starting | Role::Joining | Role::Standing | Role::Halted => false,
        }
    }
}
