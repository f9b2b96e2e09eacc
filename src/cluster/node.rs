//! A node of the cluster: what it is, and what it does about each event.
//!
//! ```text
//! Starting --the stream is seen--> Following --nobody leads, a majority has no more--> Standing
//!                                     ^  ^                                                |
//!                                     |  '--another was first, or its record counts-------+
//!                                     '-----a higher term---------- Leading <--its record is stored
//! any of them --the stream lost messages--> Following, from the stream's beginning
//! any of them --a contradiction--> Halted
//! ```
//!
//! Time comes in as a value, and nothing is done here but think: [`Event`]s come in, [`Action`]s go
//! out, and whoever drives a node carries them out in their order.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::ends::Ends;
use super::event::{Action, Event};
use super::flight::{Flight, Keys};
use super::gap::Gap;
use super::member::Members;
use super::message::{Coder, Message, MessageId};
use super::peers::Peers;
use super::place::Place;
use super::rules::{Contradiction, Rules};
use super::spoken::{Said, Spoken};
use crate::audit::Frontier;
use crate::domain::Position;
use crate::log::Group;

/// The time between two beats of a leader, and between two reports of any node.
pub(super) const BEAT: Duration = Duration::from_millis(500);
/// The silence of a leader after which the first node stands.
const SILENCE: Duration = Duration::from_secs(2);
/// The longer patience of each further node.
pub(super) const RANK_STEP: Duration = Duration::from_millis(300);
/// A node that was not heard for so long is not counted on.
pub(super) const ABSENT: Duration = Duration::from_secs(3);

/// The part that a node plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It has not seen the stream yet.
    Starting,
    /// It lacks events that the stream does not have, and fetches them.
    Joining,
    /// It applies what is ordered.
    Following,
    /// It has published the record of a new term, and waits to see it stored.
    Standing,
    /// It gives groups their places.
    Leading,
    /// It serves nothing: its log contradicts the stream or the other nodes.
    Halted,
}

/// The sizes that the stream asks for.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// The most bytes of a group's frame that go into one message.
    pub part_bytes_max: usize,
    /// The most messages behind a term's record before the leader writes another one. The oldest
    /// messages of the stream give way, and a node that starts finds its place by a record.
    pub record_messages_max: u64,
    /// The most bytes behind a record, likewise.
    pub record_bytes_max: u64,
}

/// A message as it was read, kept while the log's own tree is looked for.
pub(super) struct ReadMessage {
    pub sequence: u64,
    pub id: MessageId,
    pub message: Option<Message>,
}

/// A node's whole state.
pub struct Node {
    pub(super) members: Members,
    pub(super) coder: Coder,
    pub(super) sizes: Sizes,
    pub(super) now: Duration,
    pub(super) role: Role,
    pub(super) halted: Option<String>,
    /// Whether it has halted because some log has other events than this one.
    pub(super) forked: bool,
    /// The last time at which the others were asked about that, or the stream was made anew.
    pub(super) compared_at: Option<Duration>,
    /// The stream that is to be made anew for this log, by its time; none while none is.
    pub(super) reseeds: Option<Option<u64>>,
    /// Whether an operator wants that.
    pub(super) accepts_loss: bool,
    /// The position that this log must reach before it counts for a majority: it was begun anew,
    /// and may lack what was answered.
    pub(super) reach: Option<Position>,
    /// The end of this log on its disk.
    pub(super) own: Place,
    pub(super) ends: Ends,
    pub(super) peers: Peers,
    /// The last place that a majority has, as far as this node knows.
    pub(super) settled: Place,
    /// Whoever is erased up to this position is so on this disk.
    pub(super) erased: Position,
    /// Likewise on a majority of disks, as far as this node knows.
    erased_by_majority: Position,
    /// The highest term that was read or heard of.
    pub(super) term_seen: u64,
    /// Whether something was in the stream when it was looked at.
    pub(super) was_led: bool,
    /// The stream, as far as it was read: none before a place of this log was found in it.
    pub(super) rules: Option<Rules>,
    pub(super) created: Option<u64>,
    pub(super) sequence: u64,
    pub(super) last: Option<MessageId>,
    /// The sequence at which reading stood when the stream was seen to have more.
    pub(super) stood_at: Option<u64>,
    /// The messages that were read while the service looks for a tree; they are judged afterwards.
    pub(super) inbox: VecDeque<ReadMessage>,
    /// The position of the tree that is looked for.
    pub(super) finding: Option<Position>,
    /// The tree that this node would begin a stream with.
    pub(super) base: Option<Frontier>,
    /// What is known of messages to which the stream does not lead.
    pub(super) gap: Gap,
    /// Whether the stream has lost messages, and is to be read anew once the disk is at rest.
    pub(super) lost: bool,
    /// Groups that are ordered and not yet given to the disk.
    pub(super) waiting: VecDeque<Group>,
    /// The bytes of those.
    pub(super) waiting_bytes: usize,
    /// The messages and bytes that were read since a term's record.
    pub(super) since_record: (u64, u64),
    /// What the writer waits for while the term is renewed.
    pub(super) held: Option<(Group, Option<Bytes>)>,
    /// The position that the disk will have reached when what it was given is on it.
    pub(super) applying: Option<Position>,
    /// The place up to which events of other nodes are being put on the disk.
    pub(super) fetching: Option<Place>,
    pub(super) flight: Option<Flight>,
    /// The keys of a group that is not to be ordered yet.
    pub(super) drawn: Option<Keys>,
    /// The time since which this node leads and is cut off, as it was seen at each look at the clock.
    pub(super) cut_off: Option<Duration>,
    /// Whether the writer was told to judge.
    pub(super) serving: bool,
    /// Whether the writer judges indeed.
    pub(super) led: bool,
    /// The time since which the lead is to be given up.
    pub(super) yields: Option<Duration>,
    /// The last time at which this node gave the lead up.
    pub(super) yielded: Option<Duration>,
    /// The last time at which there was a sign of a leader.
    pub(super) leader_heard: Duration,
    /// The last time at which this node knew what was written: it led, or heard the one that did.
    pub(super) current_at: Option<Duration>,
    /// The last time at which a leader said that it is there.
    pub(super) beat_heard: Option<Duration>,
    /// Before this time the node does not stand.
    pub(super) stands_from: Duration,
    /// The last look at the clock.
    pub(super) ticked: Option<Duration>,
    pub(super) said_at: Option<Duration>,
    pub(super) looked_at: Option<Duration>,
    pub(super) void_total: u64,
    pub(super) takeovers_total: u64,
    pub(super) out: Vec<Action>,
}

impl Node {
    /// A node that starts with the log that is on its disk.
    #[must_use]
    pub fn new(members: Members, coder: Coder, sizes: Sizes, own: Place, now: Duration) -> Self {
        let mut ends = Ends::default();
        ends.keep(own);
        Self {
            peers: Peers::of(&members),
            members,
            coder,
            sizes,
            now,
            role: Role::Starting,
            halted: None,
            forked: false,
            compared_at: None,
            reseeds: None,
            accepts_loss: false,
            reach: None,
            own,
            ends,
            settled: Place::start(),
            erased: Position::ZERO,
            erased_by_majority: Position::ZERO,
            term_seen: 0,
            was_led: false,
            rules: None,
            created: None,
            sequence: 0,
            last: None,
            stood_at: None,
            inbox: VecDeque::new(),
            finding: None,
            base: None,
            gap: Gap::default(),
            lost: false,
            since_record: (0, 0),
            held: None,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            applying: None,
            fetching: None,
            flight: None,
            drawn: None,
            cut_off: None,
            serving: false,
            led: false,
            yields: None,
            yielded: None,
            leader_heard: now,
            current_at: None,
            beat_heard: None,
            stands_from: Duration::ZERO,
            ticked: None,
            said_at: None,
            looked_at: None,
            void_total: 0,
            takeovers_total: 0,
            out: Vec::new(),
        }
    }

    /// This node with a log that was begun anew, which counts for a majority once it has reached a
    /// position. The highest one stands for what the leader has on its disk.
    #[must_use]
    pub fn reaching(mut self, reach: Option<Position>) -> Self {
        self.reach = reach;
        self
    }

    /// This node where whoever is erased up to a position is so on its disk.
    #[must_use]
    pub const fn having_erased(mut self, position: Position) -> Self {
        self.erased = position;
        self
    }

    /// Takes note of an event at a time, and gives what is to be done about it, in this order.
    /// A time before an earlier one is taken for that.
    pub fn on(&mut self, now: Duration, event: Event) -> Vec<Action> {
        self.now = self.now.max(now);
        if self.role == Role::Halted {
            self.on_while_halted(event);
        } else {
            self.on_event(event);
        }
        std::mem::take(&mut self.out)
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Tick => self.on_tick(),
            Event::Stream {
                created,
                last,
                is_empty,
                looked_at,
                found,
            } => self.on_stream(created, (last, is_empty), (looked_at, found)),
            Event::Read {
                sequence,
                id,
                message,
            } => self.on_read(ReadMessage {
                sequence,
                id,
                message,
            }),
            Event::Stored { id, sequence } => self.on_stored(id, sequence),
            Event::Refused { id } => self.on_refused(id),
            Event::Heard(spoken) => self.on_heard(spoken),
            Event::Applied(position) => self.on_applied(position),
            Event::Erased(position) => self.on_erased(position),
            Event::Drawn { first, sealed } => self.on_drawn(first, sealed),
            Event::Judged { group, keys } => self.on_judged(group, keys),
            Event::Led => self.led = self.serving,
            Event::Missed => self.on_missed(),
            Event::Linked { part_bytes_max } => self.sizes.part_bytes_max = part_bytes_max,
            Event::KeysKept { first, hash } => self.tell_leader(Said::Kept { first, hash }),
            Event::Tree { position, tree } => self.on_tree(position, tree),
            Event::NotFetched => self.on_not_fetched(),
            Event::Forked => self.on_forked(),
            Event::Own(group) => self.on_own(&group),
            Event::Compared(answers) => self.on_outvoted(&answers),
            Event::Reseed => self.on_reseed(true),
            Event::Yield => self.on_unable(),
            Event::HandOver if self.role == Role::Leading => self.on_yield(),
            Event::HandOver => self.say(Said::HandOver),
            Event::Cosigned { key, note } => self.say(Said::Cosigned { key, note }),
            Event::Forget { key } => {
                self.say(Said::Forget { key: key.clone() });
                self.act(Action::Forget { key });
            }
            Event::Failed(reason) => self.halt(&reason),
        }
    }

    pub(super) fn act(&mut self, action: Action) {
        self.out.push(action);
    }

    /// Stops for good: a person must look.
    pub(super) fn halt(&mut self, why: &dyn std::fmt::Display) {
        self.deposed(false);
        self.role = Role::Halted;
        self.halted = Some(why.to_string());
        self.report();
        self.act(Action::Halt(why.to_string()));
    }

    fn on_tick(&mut self) {
        self.forgive();
        if self.role == Role::Leading && !self.is_cut_off() {
            self.current_at = Some(self.now);
        }
        self.report_on_time();
        self.fly_on();
        self.look_on_time();
        self.make_anew_on_time();
        self.doubt_on_time();
        self.give_way_on_time();
        self.give_up_on_time();
        self.yield_if_idle();
        self.stand_on_time();
    }

    /// The time for which this node itself stood still is no silence of the leader's: what it said
    /// meanwhile has not been heard yet.
    fn forgive(&mut self) {
        let still = self.now.saturating_sub(self.ticked.unwrap_or(self.now));
        self.ticked = Some(self.now);
        // Some of it counts, so that a node which is always slow takes over in the end.
        let forgiven = still.saturating_sub(BEAT);
        self.leader_heard = (self.leader_heard + forgiven).min(self.now);
    }

    /// Looks at the stream where what was published stays without an answer or others have more, and
    /// now and then: a stream that has lost messages says nothing of it.
    pub(super) fn look_on_time(&mut self) {
        let slow = self.flight.as_ref().is_some_and(|f| f.is_slow(self.now));
        let read = self.rules.as_ref().map_or(self.own, Rules::place);
        let behind = self.peers.has_more(read.position);
        let patience = if slow || behind { 2 * BEAT } else { ABSENT };
        if self.looked_at.is_none_or(|at| self.now >= at + patience) {
            self.look();
        }
    }

    pub(super) fn look(&mut self) {
        self.looked_at = Some(self.now);
        self.act(Action::Look { at: self.sequence });
    }

    fn on_heard(&mut self, spoken: Spoken) {
        let (from, term, said) = (spoken.from, spoken.term, spoken.said);
        if !self.members.is_other(&from) {
            return;
        }
        self.peers.heard(&from, self.now);
        self.term_seen = self.term_seen.max(term);
        let rules = self.rules.as_ref();
        let leads =
            rules.is_some_and(|rules| rules.term() == term && rules.leader() == Some(&from));
        match said {
            Said::Beat { settled, yields } => {
                // A term that this node has not read yet is led by whoever says so.
                if leads || term > self.term() {
                    self.leader_heard = self.now;
                    self.beat_heard = Some(self.now);
                    self.current_at = Some(self.now);
                    self.learn_settled(settled);
                }
                if leads && yields {
                    self.succeed(&from);
                }
            }
            Said::Durable {
                place,
                halted,
                whole,
                erased,
                version,
            } => {
                self.peers.durable(&from, place, (halted, whole));
                self.peers.runs(&from, version);
                // Whoever was let lead had all that was answered before; what it knows to have
                // settled may be less at first. The word of a leader that was followed by another
                // may be an old one.
                if leads && term >= self.term_seen {
                    self.reach = self.reach.map(|reach| reach.min(place.position));
                    self.count_if_whole();
                }
                self.compare();
                self.peers.erased(&from, erased);
                self.count_erased();
            }
            Said::Keys { first, sealed } => {
                // Those of what is ordered already are on a majority of disks, and stay.
                let ordered = self.ordered().map(|place| place.position);
                let last = ordered.max(self.applying).max(Some(self.own.position));
                if leads && self.role == Role::Following && Some(first) > last {
                    self.act(Action::KeepKeys { first, sealed });
                }
            }
            Said::Kept { first, hash } => self.on_kept(&from, first, hash),
            Said::HandOver => self.on_yield(),
            Said::Cosigned { key, note } => self.act(Action::KeepCosigned {
                from,
                key,
                note,
                leads,
            }),
            Said::Forget { key } => self.act(Action::Forget { key }),
        }
    }

    /// Keys were destroyed here: the one who waits for that should hear it soon.
    fn on_erased(&mut self, position: Position) {
        self.erased = self.erased.max(position);
        self.report();
        self.count_erased();
    }

    /// Says up to where a majority has destroyed the keys of the erased, where that is news.
    fn count_erased(&mut self) {
        let erased = self.peers.erased_by_majority(self.erased);
        if erased > self.erased_by_majority {
            self.erased_by_majority = erased;
            self.act(Action::Erased(erased));
        }
    }

    /// Compares what others have on their disks with this log.
    pub(super) fn compare(&mut self) {
        if let Some(position) = self.peers.contradiction(&self.ends) {
            return self.contradict(&Contradiction::OtherNodes { position });
        }
        if self.role == Role::Leading {
            let settled = self.peers.settled(self.own.position, &self.ends);
            if let Some(settled) = self.ends.at(settled) {
                self.learn_settled(settled);
            }
            self.yield_if_idle();
        }
    }

    /// Takes a place that a majority has on its disks, unless one further on is known already.
    fn learn_settled(&mut self, settled: Place) {
        if settled.position > self.settled.position {
            self.settled = settled;
            self.settle();
            if self.role == Role::Leading {
                self.beat(false);
            }
        }
    }

    /// Lets leave what has settled, once it is on this disk: but where this log has another tree
    /// there, or none that is known, nothing of it is known to have settled.
    pub(super) fn settle(&mut self) {
        let same = self.ends.at(self.settled.position) == Some(self.settled);
        let here = self.settled.position.min(self.own.position);
        if same && here > Position::ZERO {
            self.act(Action::Settle(here));
        }
    }

    /// The patience after which this node stands.
    pub(super) fn patience(&self) -> Duration {
        let rank = u32::try_from(self.members.rank()).unwrap_or(u32::MAX);
        SILENCE.saturating_add(RANK_STEP.saturating_mul(rank))
    }

    /// Stands where nobody leads, everything that was read is on the disk, and a majority has no
    /// more than that.
    pub(super) fn stand_on_time(&mut self) {
        let follows = self.role == Role::Following && self.flight.is_none() && !self.lost;
        let idle = self.waiting.is_empty() && self.applying.is_none() && self.finding.is_none();
        let silent = self.now >= self.leader_heard + self.patience();
        let anew = self.begins_anew();
        let may = silent && self.now >= self.stands_from && self.reach.is_none();
        if !follows || !idle || !(may || anew) {
            return;
        }
        let since = self.now.saturating_sub(ABSENT);
        let ordered = self.rules.as_ref().map(Rules::place);
        let has_all = ordered.is_none_or(|place| place.position <= self.own.position);
        if has_all && (anew || self.peers.lets_stand(self.own, since)) {
            self.stand(since);
        } else if self.peers.parts(self.own, since) {
            let position = self.own.position;
            self.contradict(&Contradiction::OtherNodes { position });
        }
    }
}
