//! Standing and leading: publishing, until what was published is read in the stream.

use std::time::Duration;

use bytes::Bytes;

use super::event::Action;
use super::flight::{Flight, Keys, Purpose};
use super::member::NodeName;
use super::message::{Body, Message, MessageId, Sent};
use super::node::{ABSENT, BEAT, Node, ReadMessage, Role, Sizes};
use super::place::Place;
use super::rules::{Contradiction, Rules};
use super::term_record::TermRecord;
use crate::audit::Hash;
use crate::domain::Position;
use crate::log::Group;

impl Node {
    /// Publishes the record of a new term. Where the stream has no place of this log yet, it begins
    /// at the lowest position that a present node has, so that all can follow.
    pub(super) fn stand(&mut self, since: Duration) {
        let tree = match (&self.rules, &self.base) {
            (Some(rules), _) if rules.has_compared() => rules.place(),
            // The stream ends within this log: it must be a beginning of it.
            (Some(rules), base) => {
                let place = rules.place();
                match base.as_ref().map(Place::of) {
                    Some(own) if own == place => place,
                    Some(own) if own.position == place.position => {
                        let position = place.position;
                        return self.contradict(&Contradiction::OtherEvents { position });
                    }
                    Some(_) | None => return self.find(place.position),
                }
            }
            (None, Some(base)) => Place::of(base),
            (None, None) => {
                let own = self.own.position;
                let lowest = self.peers.lowest(since).filter(|_| !self.begins_anew());
                return self.find(lowest.map_or(own, |lowest| lowest.min(own)));
            }
        };
        self.publish_term(Purpose::Stand, tree);
        self.role = Role::Standing;
    }

    fn publish_term(&mut self, purpose: Purpose, tree: Place) {
        let members = self.members.names().to_vec();
        let message = Message {
            term: self.term_seen.max(self.term()) + 1,
            node: self.members.own().clone(),
            tree,
            body: Body::Term(TermRecord {
                members,
                reseeds: purpose == Purpose::Stand && self.begins_anew() && self.accepts_loss,
            }),
        };
        self.fly(purpose, None, vec![message]);
    }

    /// Takes a new term while leading, where the record of this one is far back; whether that is
    /// under way.
    fn renews(&mut self) -> bool {
        let (messages, bytes) = self.since_record;
        let Sizes {
            part_bytes_max: _,
            record_messages_max,
            record_bytes_max,
        } = self.sizes;
        let far = messages >= record_messages_max || bytes >= record_bytes_max;
        let place = self.rules.as_ref().map(Rules::place);
        if let (true, Some(place)) = (far, place) {
            self.publish_term(Purpose::Renew, place);
        }
        far
    }

    /// The current term, as far as it was read.
    pub(super) fn term(&self) -> u64 {
        self.rules.as_ref().map_or(0, Rules::term)
    }

    fn fly(&mut self, purpose: Purpose, keys: Option<Keys>, messages: Vec<Message>) {
        let encode = |message: Message| {
            let sent = self.coder.encode(&message);
            (message, sent)
        };
        let messages: Vec<(Message, Sent)> = messages.into_iter().map(encode).collect();
        let needed = self.members.majority() - 1;
        let asked = |keys: &Keys| keys.said && keys.kept_by.len() < needed;
        let waits = keys.as_ref().is_some_and(asked);
        let flight = Flight::new(purpose, keys, messages, self.now);
        let flight = self.flight.insert(flight);
        if waits {
            // The others were asked to keep the keys while this disk took them.
            flight.note_tried(self.now);
        } else {
            self.fly_on();
        }
    }

    /// Publishes what is to be stored next, or asks for its keys to be kept first, where that is
    /// due.
    pub(super) fn fly_on(&mut self) {
        let needed = self.members.majority() - 1;
        let Some(flight) = &mut self.flight else {
            return;
        };
        if !flight.is_due(self.now) {
            return;
        }
        let keys = flight.keys.as_ref();
        let missing = keys.filter(|keys| keys.kept_by.len() < needed);
        let action = match (missing, flight.current()) {
            (Some(keys), _) => Action::Say(keys.say()),
            (None, Some(sent)) => Action::Publish {
                expect: self.sequence,
                sent: sent.clone(),
            },
            (None, None) => return,
        };
        if matches!(action, Action::Publish { .. }) {
            flight.note_published();
        }
        self.act(action);
    }

    /// Gives up what the writer waits for where this node is cut off for a while and nothing of it was
    /// published: then nothing has happened. What may stand in the stream is waited for.
    pub(super) fn give_up_on_time(&mut self) {
        if !self.is_cut_off() {
            self.cut_off = None;
            return;
        }
        // Of a node that stood still itself the others may have been heard and not taken in yet.
        let since = *self.cut_off.get_or_insert(self.now);
        let unsent = self.flight.as_ref().is_some_and(Flight::can_be_dropped);
        if self.now < since + BEAT || !(unsent || self.held.is_some()) {
            return;
        }
        if unsent {
            self.flight = None;
        }
        self.held = None;
        self.act(Action::CutOff);
    }

    /// Something else was read where this node's message should stand: it is published anew behind
    /// that, from its first part on. The record of a term is not, for somebody is writing.
    pub(super) fn fly_again(&mut self) {
        if self.role == Role::Standing {
            self.flight = None;
            self.role = Role::Following;
        }
        if let Some(flight) = &mut self.flight {
            flight.restart();
            self.fly_on();
        }
    }

    /// A part is stored, and the next one follows.
    pub(super) fn part_stored(&mut self) {
        if let Some(flight) = &mut self.flight {
            flight.advance();
            self.fly_on();
        }
    }

    /// What the stream says it has stored needs not be read to be known.
    pub(super) fn on_stored(&mut self, id: MessageId, sequence: u64) {
        let message = self
            .flight
            .as_ref()
            .and_then(|flight| flight.is_current(id));
        if message.is_some() && sequence == self.sequence + 1 {
            self.on_read(ReadMessage {
                sequence,
                id,
                message,
            });
        }
    }

    /// Another message stands there, or none: reading or a look at the stream will say.
    pub(super) fn on_refused(&mut self, id: MessageId) {
        let flight = self.flight.as_ref();
        let ours = flight.is_some_and(|flight| flight.is_current(id).is_some());
        if ours && self.looked_at.is_none_or(|at| self.now > at) {
            self.look();
        }
    }

    /// The record of a new term counts, this node's own or another's.
    pub(super) fn on_leader(&mut self, ours: bool) {
        if ours && self.role == Role::Standing {
            self.flight = None;
            self.reseeds = None;
            self.role = Role::Leading;
            self.takeovers_total += 1;
            self.beat(false);
            self.compare();
            self.lead_on();
        } else if ours && self.role == Role::Leading {
            self.flight = None;
            self.beat(false);
            if let Some((group, keys)) = self.held.take() {
                self.on_judged(group, keys);
            }
            self.yield_if_idle();
        } else {
            // Until the stream is made anew, the leaders of the old one are read once more.
            self.reseeds = self.reseeds.filter(|old| *old == self.created);
            self.deposed(true);
            self.role = Role::Following;
        }
    }

    /// First the stream is given what it lacks of this log, then the writer judges; a leader that is
    /// to give the lead up does neither.
    pub(super) fn lead_on(&mut self) {
        if self.yields.is_some() {
            return self.yield_if_idle();
        }
        let idle = self.flight.is_none() && self.applying.is_none();
        if self.role != Role::Leading || self.serving || !idle {
            return;
        }
        let Some(ordered) = self.rules.as_ref().map(|rules| rules.place().position) else {
            return;
        };
        if ordered < self.own.position {
            let (first, last) = (ordered.next(), self.own.position);
            self.act(Action::ReadOwn { first, last });
        } else {
            self.serving = true;
            self.act(Action::Lead);
        }
    }

    /// Gives the stream events that it has lost.
    pub(super) fn on_own(&mut self, group: &Group) {
        let wanted = self.role == Role::Leading && !self.serving && self.flight.is_none();
        if wanted && self.next() == Some(group.first) && !group.entries.is_empty() {
            self.publish_group(Purpose::Refill, group, None);
        }
    }

    /// The others take the keys of a group while this disk does.
    pub(super) fn on_drawn(&mut self, first: Position, sealed: Bytes) {
        let leads = self.role == Role::Leading && self.serving && self.yields.is_none();
        self.drawn = None;
        if leads {
            let mut keys = Keys::of(first, sealed);
            keys.said = true;
            self.act(Action::Say(keys.say()));
            self.drawn = Some(keys);
        }
    }

    pub(super) fn on_judged(&mut self, group: Group, keys: Option<Bytes>) {
        let leads = self.role == Role::Leading && self.serving && self.yields.is_none();
        let ready = leads && self.flight.is_none();
        if !ready || self.next() != Some(group.first) || group.entries.is_empty() {
            self.act(Action::NotOrdered { certain: true });
            return self.lead_again();
        }
        if self.is_cut_off() {
            return self.act(Action::CutOff);
        }
        if self.renews() {
            self.held = Some((group, keys));
            return;
        }
        let drawn = self.drawn.take();
        let keys = keys.map(|sealed| {
            let same = drawn.filter(|drawn| drawn.first == group.first && drawn.sealed == sealed);
            same.unwrap_or_else(|| Keys::of(group.first, sealed))
        });
        self.publish_group(Purpose::Judged, &group, keys);
    }

    /// A writer that was refused judges nothing until it is told to once more.
    fn lead_again(&mut self) {
        if self.serving {
            self.serving = false;
            self.led = false;
            self.act(Action::Follow);
            self.lead_on();
        }
    }

    /// Gives way where what is published is not stored, and others have more than the stream does or
    /// are of a later term: it has lost what they have or what this node has read, and whoever has the
    /// most gives it that again.
    pub(super) fn give_way_on_time(&mut self) {
        let slow = self.flight.as_ref().is_some_and(|f| f.is_slow(self.now));
        let ordered = self.ordered().map(|place| place.position);
        let since = self.now.saturating_sub(ABSENT);
        let lost = ordered.is_some_and(|ordered| self.peers.highest(since) > Some(ordered));
        let outrun = self.term_seen > self.term();
        if self.role == Role::Leading && slow && (lost || outrun) {
            self.on_loss();
        }
    }

    /// The position behind the ordered log.
    fn next(&self) -> Option<Position> {
        let rules = self.rules.as_ref()?;
        Some(rules.place().position.next())
    }

    fn publish_group(&mut self, purpose: Purpose, group: &Group, keys: Option<Keys>) {
        let Some(rules) = &self.rules else {
            return;
        };
        let (term, tree) = (rules.term(), rules.place());
        let frame = Bytes::from(Group::encode(group.first, &group.entries));
        let chunks = frame.chunks(self.sizes.part_bytes_max);
        let of = u32::try_from(chunks.len()).unwrap_or(u32::MAX);
        let part = |(number, bytes): (u32, &[u8])| Message {
            term,
            node: self.members.own().clone(),
            tree,
            body: Body::Part {
                number,
                of,
                bytes: frame.slice_ref(bytes),
            },
        };
        let messages = (1..).zip(chunks).map(part).collect();
        self.fly(purpose, keys, messages);
    }

    /// Another node has the keys of the group that is to be ordered.
    pub(super) fn on_kept(&mut self, from: &NodeName, first: Position, hash: Hash) {
        let needed = self.members.majority() - 1;
        if let Some(keys) = &mut self.drawn {
            keys.keep(from, first, hash);
        }
        let Some(flight) = &mut self.flight else {
            return;
        };
        let Some(keys) = &mut flight.keys else {
            return;
        };
        if keys.keep(from, first, hash) && keys.kept_by.len() == needed {
            flight.restart();
            self.fly_on();
        }
    }

    /// This node does not lead any more, if it did; `certain` says whether what it had on its way
    /// can never count.
    pub(super) fn deposed(&mut self, certain: bool) {
        let flight = self.flight.take();
        self.drawn = None;
        if flight.is_some_and(|flight| flight.purpose == Purpose::Judged) {
            self.act(Action::NotOrdered { certain });
        }
        if self.held.take().is_some() {
            self.act(Action::NotOrdered { certain: true });
        }
        self.yields = None;
        if self.serving {
            self.serving = false;
            self.led = false;
            self.act(Action::Follow);
        }
    }
}
