//! The messages in which a node tells how far its disk is, and which of the others each goes to.

use super::event::Action;
use super::node::{BEAT, Node, Role};
use super::rules::Rules;
use super::spoken::Said;

impl Node {
    /// Says something to all other nodes.
    pub(super) fn say(&mut self, said: Said) {
        self.act(Action::Say(said));
    }

    /// Says something that is of use to the node that leads alone, where one is known.
    pub(super) fn tell_leader(&mut self, said: Said) {
        let leader = self.rules.as_ref().and_then(Rules::leader);
        match leader.filter(|leader| self.members.is_other(leader)) {
            Some(to) => self.act(Action::Tell {
                to: to.clone(),
                said,
            }),
            None => self.say(said),
        }
    }

    /// Reports at least every [`BEAT`] what is on the disk, and beats where it leads.
    pub(super) fn report_on_time(&mut self) {
        if self.said_at.is_none_or(|at| self.now >= at + BEAT) {
            self.said_at = Some(self.now);
            if self.role == Role::Leading {
                self.beat(false);
            }
            self.report();
        }
    }

    /// Says that this node leads, and what has settled.
    pub(super) fn beat(&mut self, yields: bool) {
        let settled = self.settled;
        self.say(Said::Beat { settled, yields });
    }

    /// Says to all what is on this disk.
    pub(super) fn report(&mut self) {
        self.say(self.durable());
    }

    /// The message that says how far this disk is, whether this node has halted, and whether its log counts
    /// for a majority.
    pub(super) fn durable(&self) -> Said {
        Said::Durable {
            place: self.own,
            halted: self.role == Role::Halted,
            whole: self.reach.is_none(),
            erased: self.erased,
            version: Some(env!("CARGO_PKG_VERSION").into()),
        }
    }
}
