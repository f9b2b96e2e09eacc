//! A node that has halted: it serves nothing, and finds out whether its log stays.

use super::event::{Action, Event};
use super::fork::{Answers, Verdict, verdict};
use super::node::{ABSENT, Node, Role};
use super::rules::Contradiction;
use super::spoken::{Said, Spoken};
use crate::domain::Position;

impl Node {
    /// Halts over a contradiction. Where some log has other events than this one, the others are
    /// asked; where the stream was begun anew for another log, this one is set aside.
    pub(super) fn contradict(&mut self, contradiction: &Contradiction) {
        self.halt(contradiction);
        self.forked = contradiction.is_fork();
        if let Contradiction::Outvoted { theirs } = contradiction {
            self.set_aside(theirs.position);
        }
    }

    /// Counts for a majority from now on, where this log has reached what it needs for that.
    pub(super) fn count_if_whole(&mut self) {
        if self.reach.is_some_and(|reach| self.own.position >= reach) {
            self.reach = None;
            self.act(Action::Whole);
        }
    }

    fn set_aside(&mut self, reach: Position) {
        self.forked = false;
        self.act(Action::SetAside { reach });
    }

    /// Even a halted node says that it is, and answers its writer.
    pub(super) fn on_while_halted(&mut self, event: Event) {
        match event {
            Event::Tick => {
                self.report_on_time();
                if self.forked {
                    self.look_on_time();
                    self.compare_when_due();
                }
            }
            Event::Judged { .. } => self.act(Action::NotOrdered { certain: true }),
            Event::Heard(spoken) => self.hear_while_halted(spoken),
            Event::Stream { created, .. } => {
                let anew = self.created.is_some_and(|known| known != created);
                if self.forked && anew {
                    self.created = Some(created);
                    self.gap.contradicted_at = None;
                    self.read_again();
                }
            }
            Event::Applied(position) => drop(self.note_applied(position)),
            Event::Erased(position) => self.erased = self.erased.max(position),
            Event::NotFetched | Event::Forked => self.fetching = None,
            Event::Compared(answers) => self.on_compared(&answers),
            Event::Reseed => self.on_reseed(true),
            Event::Read { .. }
            | Event::Stored { .. }
            | Event::Refused { .. }
            | Event::Led
            | Event::Drawn { .. }
            | Event::Missed
            | Event::Linked { .. }
            | Event::KeysKept { .. }
            | Event::Tree { .. }
            | Event::Own(_)
            | Event::Yield
            | Event::HandOver
            | Event::Cosigned { .. }
            | Event::Forget { .. }
            | Event::Failed(_) => {}
        }
    }

    fn hear_while_halted(&mut self, spoken: Spoken) {
        let (from, term, said) = (spoken.from, spoken.term, spoken.said);
        if !self.members.is_other(&from) {
            return;
        }
        self.peers.heard(&from, self.now);
        self.term_seen = self.term_seen.max(term);
        match said {
            Said::Beat { .. } => self.beat_heard = Some(self.now),
            Said::Durable {
                place,
                halted,
                whole,
                erased: _,
                version,
            } => {
                self.peers.durable(&from, place, (halted, whole));
                self.peers.runs(&from, version);
            }
            Said::Keys { .. }
            | Said::Kept { .. }
            | Said::HandOver
            | Said::Cosigned { .. }
            | Said::Forget { .. } => {}
        }
    }

    /// Asks the others where their logs part from this one, where most of them have halted or were
    /// begun anew and this node is neither: it may be the one that is wrong, and know no place by which
    /// that shows, or the one that has all that is left. Likewise where they have settled less than this
    /// log has, and it is not known to be the same up to there.
    pub(super) fn doubt_on_time(&mut self) {
        let doubts = self.peers.are_out() || self.is_unproven();
        if doubts && self.reach.is_none() && self.reseeds.is_none() {
            self.compare_when_due();
        }
    }

    /// Whether what the others have settled ends within this log, at a place whose tree is not known
    /// here, as after a start: behind it this log may have events that were ordered in a stream which was
    /// lost, and others were settled in their place.
    fn is_unproven(&self) -> bool {
        let there = self.settled.position;
        let within = there > Position::ZERO && there < self.own.position;
        within && self.role == Role::Following && self.ends.at(there).is_none()
    }

    /// The others have answered a node that has not halted.
    pub(super) fn on_outvoted(&mut self, answers: &Answers) {
        let rest = self.peers.going_on(&answers.anew) + 1 < self.members.majority();
        match verdict(&self.members, answers, rest) {
            Verdict::SetAside(position) => {
                self.contradict(&Contradiction::OtherNodes { position });
            }
            // Those that were begun anew never let anybody stand.
            Verdict::Reseed if answers.heads.len() < self.members.majority() => {
                if self.role == Role::Following && !self.is_led() {
                    self.on_reseed(false);
                }
            }
            Verdict::Wait | Verdict::ReadAnew | Verdict::Reseed => {}
        }
    }

    /// Whether a leader was heard. A record that was read says nothing: its leader may be gone, and its
    /// log with it.
    fn is_led(&self) -> bool {
        self.beat_heard.is_some_and(|at| self.now < at + ABSENT)
    }

    fn compare_when_due(&mut self) {
        let due = self.compared_at.is_none_or(|at| self.now >= at + ABSENT);
        if due {
            self.compared_at = Some(self.now);
            self.act(Action::Compare);
        }
    }

    fn on_compared(&mut self, answers: &Answers) {
        if !self.forked {
            return;
        }
        // A log that was begun anew can't say what was answered: it never counts.
        if let Some(reach) = self.reach {
            return match answers.partings[..] {
                [] => self.read_again(),
                [_, ..] => self.set_aside(reach),
            };
        }
        let rest = self.peers.going_on(&answers.anew) < self.members.majority();
        match verdict(&self.members, answers, rest) {
            Verdict::Wait => {}
            Verdict::SetAside(position) => self.set_aside(position.previous()),
            // Whoever leads has the stream that it needs.
            Verdict::Reseed if !self.is_led() => self.on_reseed(false),
            Verdict::Reseed | Verdict::ReadAnew => self.read_again(),
        }
    }

    /// Goes on with this log, and reads the stream from its beginning, past what contradicted it.
    fn read_again(&mut self) {
        self.halted = None;
        self.forked = false;
        self.read_past();
    }

    /// Has the stream made anew, to begin it with this log. Where an operator wants that, whatever is
    /// lost, who has another log sets it aside; else it asks the others first what a majority has by
    /// then.
    pub(super) fn on_reseed(&mut self, accepts_loss: bool) {
        self.reseeds = Some(self.created);
        self.accepts_loss = accepts_loss;
        if self.reach.take().is_some() {
            self.act(Action::Whole);
        }
        self.read_again();
        // At once: what the old stream says would only halt this node again.
        self.compared_at = None;
        self.make_anew_on_time();
    }

    /// Has the stream made anew, again where that was not seen to be done.
    pub(super) fn make_anew_on_time(&mut self) {
        let waits = self.reseeds.is_some_and(|old| old == self.created);
        let due = self.compared_at.is_none_or(|at| self.now >= at + ABSENT);
        if waits && due {
            self.compared_at = Some(self.now);
            self.act(Action::MakeAnew);
        }
    }

    /// Whether the stream was made anew for this log, and it is to begin it.
    pub(super) fn begins_anew(&self) -> bool {
        self.role == Role::Following && self.reseeds.is_some_and(|old| old != self.created)
    }
}
