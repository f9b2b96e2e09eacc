//! A stream that lacks what leads to its next message, or to what a majority has.
//!
//! While the bus keeps what it orders none of this comes about. A bus that loses messages, or of
//! which one copy differs from the others, may go on with a term whose record is gone, or behind
//! groups that this node was never given. That is no other log: it reads the stream once more, then
//! goes on from such a message, with what leads there from the others' disks. Only where that does
//! not lead there is it a contradiction; and if the others then say that this log is theirs, the
//! message is passed over, for it is of a log that is gone.
//!
//! Nothing rests on it that a majority's roots do not hold: what goes on the disk stands on this
//! log's own tree.

use super::event::Action;
use super::message::MessageId;
use super::node::{Node, Role};
use super::place::Place;
use super::rules::Contradiction;
use crate::domain::Position;

impl Node {
    /// A message contradicts this log, or what leads there is missing.
    pub(super) fn on_contradiction(
        &mut self,
        contradiction: Contradiction,
        at: (u64, Option<MessageId>),
        tree: Option<Place>,
    ) {
        let (sequence, _) = at;
        let own = self.ordered().unwrap_or(self.own);
        let Some((theirs, term)) = tree.zip(term_of(&contradiction)) else {
            return self.contradict(&contradiction);
        };
        let unseen = matches!(contradiction, Contradiction::UnseenTerm { .. });
        let resumed = self.gap.resumes.is_some_and(|(tried, _)| tried == sequence);
        if self.gap.passes >= Some(sequence) {
            self.void_total += 1;
            self.fly_again();
        } else if unseen && self.gap.unseen_at < Some(sequence) {
            // Its record may stand where something else was read, which is lost.
            self.gap.unseen_at = Some(sequence);
            self.on_loss();
        } else if (unseen || theirs.position > own.position) && !resumed {
            self.read_anew_from(Some(at));
        } else {
            self.gap.contradicted_at = Some(sequence);
            self.contradict(&Contradiction::OtherTree { term, theirs, own });
        }
    }

    /// Nobody has what leads to the message from which on the stream was to be read.
    pub(super) fn pass_over_resumed(&mut self) {
        self.gap.contradicted_at = self.gap.resumes.map(|(sequence, _)| sequence);
        self.read_past();
    }

    /// Reads the stream from its beginning, past the message that contradicts this log.
    pub(super) fn read_past(&mut self) {
        let passes = self.gap.contradicted_at.take();
        self.on_loss();
        self.gap.passes = passes;
    }

    /// Passes over the message for which a tree was looked for, where it is one of those that the
    /// others know nothing of; whether it is.
    pub(super) fn passes_first(&mut self) -> bool {
        let first = self.inbox.front().map(|read| read.sequence);
        let passes = first.is_some() && self.gap.passes >= first;
        if passes && let Some(read) = self.inbox.pop_front() {
            self.role = Role::Following;
            self.finding = None;
            self.sequence = read.sequence;
            self.last = Some(read.id);
            self.read_inbox();
        }
        passes
    }

    /// Fetches from the others what a majority has, where this node has read all that there is in the
    /// stream and the stream did not have it.
    pub(super) fn catch_up_on(&mut self, last: u64) {
        let before = self.gap.short_at.take();
        let idle = self.flight.is_none() && self.applying.is_none() && !self.lost;
        let waits = self.finding.is_some() || self.fetching.is_some();
        let ordered = self.ordered().map(|place| place.position);
        let end = ordered.unwrap_or(Position::ZERO).max(self.own.position);
        let ended = last == self.sequence && self.settled.position > end;
        if self.role != Role::Following || !idle || waits || !ended {
            return;
        }
        match before {
            Some((at, upto)) if at == self.sequence && upto.position > end => {
                self.gap.short_at = before;
                self.lost = true;
                self.gap.resumes = None;
                self.fetching = Some(upto);
                self.act(Action::Fetch { upto });
            }
            _ => self.gap.short_at = Some((self.sequence, self.settled)),
        }
    }
}

/// The term that would begin with a message that stands on another tree than this log's.
const fn term_of(contradiction: &Contradiction) -> Option<u64> {
    match contradiction {
        Contradiction::OtherTree { term, .. } | Contradiction::UnseenTerm { term, .. } => {
            Some(*term)
        }
        Contradiction::Outvoted { .. }
        | Contradiction::OtherMembers { .. }
        | Contradiction::OtherEvents { .. }
        | Contradiction::OtherNodes { .. } => None,
    }
}
