//! Giving the lead up, and who has it next.

use std::time::Duration;

use super::member::NodeName;
use super::node::{Node, RANK_STEP, Role};

/// A node that gives the lead up because it can't keep it does not stand for so long.
const YIELD_REST: Duration = Duration::from_secs(10);
/// A leader that is to give the lead up waits so long for what it has ordered to settle.
const SETTLING: Duration = Duration::from_millis(500);

impl Node {
    /// Can't lead any longer: another node shall, for a while at least.
    pub(super) fn on_unable(&mut self) {
        if self.role == Role::Leading {
            self.stands_from = self.now + YIELD_REST;
            self.on_yield();
        }
    }

    /// Gives the lead up once nothing is on its way, so that no request fails of it.
    pub(super) fn on_yield(&mut self) {
        if self.role == Role::Leading {
            self.yields.get_or_insert(self.now);
            self.yield_if_idle();
        }
    }

    /// The leader gives the lead up: the first of the other nodes stands at once, and each further
    /// one a step later. Those who gave it up themselves come behind the others, the latest of them
    /// last: an operator who hands the lead on means that it goes on.
    pub(super) fn succeed(&mut self, leader: &NodeName) {
        self.peers.yielded(leader, self.now);
        let own = (self.yielded, Some(self.members.rank()));
        let others = self.peers.all().iter().filter(|peer| peer.name != *leader);
        let rank = |name: &NodeName| self.members.names().iter().position(|it| it == name);
        let before = others.filter(|peer| (peer.yielded, rank(&peer.name)) < own);
        let step = RANK_STEP.saturating_mul(u32::try_from(before.count()).unwrap_or(u32::MAX));
        self.leader_heard = (self.now + step).saturating_sub(self.patience());
        self.stand_on_time();
    }

    /// This disk lacks what is ordered: another node leads, and this one reads it from the stream.
    pub(super) fn on_missed(&mut self) {
        if self.role == Role::Leading {
            self.beat(true);
        }
        self.stands_from = self.now + YIELD_REST;
        self.yielded = Some(self.now);
        self.leader_heard = self.now;
        self.applying = None;
        self.on_loss();
    }

    pub(super) fn yield_if_idle(&mut self) {
        let Some(since) = self.yields.filter(|_| self.role == Role::Leading) else {
            return;
        };
        let settled = self.settled.position >= self.own.position;
        let waits = !settled && self.now < since + SETTLING;
        if self.flight.is_some() || self.applying.is_some() || waits {
            return;
        }
        self.yielded = Some(self.now);
        self.beat(true);
        self.deposed(true);
        self.role = Role::Following;
        self.leader_heard = self.now;
    }
}
