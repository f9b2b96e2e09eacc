//! Reading the stream: finding one's place in it, and applying what counts.

use super::event::Action;
use super::flight::Purpose;
use super::message::{Body, Message, MessageId};
use super::node::{Node, ReadMessage, Role};
use super::place::Place;
use super::rules::{Contradiction, Meaning, Rules};
use super::term_record::TermRecord;
use crate::audit::Frontier;
use crate::domain::Position;
use crate::log::Group;

/// The most bytes of groups that go to the disk at a time.
const APPLY_BYTES_MAX: usize = 16 << 20;
/// The most groups that wait for the disk before the stream is read no further.
const WAITING_GROUPS_MAX: usize = 4_096;
/// The most bytes that wait for the disk before the stream is read no further.
const WAITING_BYTES_MAX: usize = 64 << 20;

impl Node {
    /// Whether it can take the next message; while it can't, none should be read.
    #[must_use]
    pub fn takes_messages(&self) -> bool {
        let waiting =
            self.waiting.len() < WAITING_GROUPS_MAX && self.waiting_bytes < WAITING_BYTES_MAX;
        waiting && self.inbox.is_empty() && !self.lost && self.role != Role::Halted
    }

    /// Looks whether the stream is the one that was read.
    pub(super) fn on_stream(
        &mut self,
        created: u64,
        (last, is_empty): (u64, bool),
        seen: (u64, Option<MessageId>),
    ) {
        let (at, found) = seen;
        let same = self.created.is_none_or(|known| known == created);
        // A look that was begun before something else was read says nothing of that.
        let outdated = at != self.sequence;
        let whole = last >= at && (outdated || at == 0 || found == self.last);
        self.created = Some(created);
        self.was_led |= last > 0;
        if self.lost {
            return;
        }
        if !same || !whole {
            return self.on_loss();
        }
        if self.role == Role::Starting {
            self.role = Role::Following;
            self.leader_heard = self.now;
        }
        if is_empty {
            self.begin_behind(last);
        }
        self.read_on(last);
        self.catch_up_on(last);
    }

    /// Goes on behind all that the stream had, where nothing of it is left to read: the next message
    /// has its place there.
    fn begin_behind(&mut self, last: u64) {
        let reads = self.rules.is_some() || self.finding.is_some() || self.flight.is_some();
        if last > self.sequence && !reads && self.inbox.is_empty() {
            self.sequence = last;
            self.last = None;
        }
    }

    /// Begins to read anew where the stream has had more for a while and nothing of it came: what
    /// delivers the messages may have died with a broker, and says nothing of it for long.
    fn read_on(&mut self, last: u64) {
        let stands = last > self.sequence && self.takes_messages();
        if stands && self.stood_at == Some(self.sequence) {
            self.act(Action::ReadFrom(self.reads_from()));
        }
        self.stood_at = stands.then_some(self.sequence);
    }

    /// The stream is not what was read of it: once the disk is at rest, it is read anew.
    pub(super) fn on_loss(&mut self) {
        self.waiting.clear();
        self.waiting_bytes = 0;
        self.gap.passes = None;
        self.read_anew_from(None);
    }

    /// Reads the stream anew once the disk is at rest, from its beginning or from a message on.
    pub(super) fn read_anew_from(&mut self, resumes: Option<(u64, Option<MessageId>)>) {
        self.deposed(false);
        self.role = Role::Following;
        self.lost = true;
        self.inbox.clear();
        self.finding = None;
        self.gap.resumes = resumes;
        self.read_anew();
    }

    fn read_anew(&mut self) {
        let idle = self.applying.is_none() && self.waiting.is_empty();
        if !self.lost || !idle || self.fetching.is_some() {
            return;
        }
        self.lost = false;
        self.rules = None;
        self.base = None;
        let (first, before) = self.gap.resumes.unwrap_or((1, None));
        self.sequence = first - 1;
        self.last = before;
        // What was ordered and is on no disk here may come again otherwise.
        self.ends.forget_after(self.own.position);
        self.act(Action::ReadFrom(first));
    }

    pub(super) fn on_read(&mut self, read: ReadMessage) {
        if self.lost {
            return;
        }
        if self.finding.is_some() {
            self.inbox.push_back(read);
            return;
        }
        let other = read.sequence == self.sequence && self.last != Some(read.id);
        let gap = self.rules.is_some() && read.sequence > self.sequence + 1;
        if gap || other {
            return self.on_loss();
        }
        if read.sequence <= self.sequence {
            return;
        }
        match &self.rules {
            Some(_) => self.fold(read),
            None => self.find_place(read),
        }
    }

    /// Before this log's place in the stream is found, only a term's record says where that is, or
    /// the message from which on it is read.
    fn find_place(&mut self, read: ReadMessage) {
        let resumes = self.gap.resumes.is_some_and(|(at, _)| at == read.sequence);
        let tree = match &read.message {
            Some(message) if resumes || matches!(message.body, Body::Term(_)) => message.tree,
            Some(_) | None => {
                self.sequence = read.sequence;
                self.last = Some(read.id);
                return;
            }
        };
        let base = self.base.take();
        match base.filter(|base| base.size() == tree.position.get()) {
            Some(base) => {
                self.begin(base);
                self.fold(read);
            }
            None => {
                self.inbox.push_front(read);
                self.find(tree.position);
            }
        }
    }

    pub(super) fn find(&mut self, position: Position) {
        self.finding = Some(position);
        self.act(Action::FindTree(position));
    }

    pub(super) fn on_tree(&mut self, position: Position, tree: Option<Frontier>) {
        if self.finding != Some(position) {
            return;
        }
        let record = self.inbox.front().and_then(|read| read.message.as_ref());
        let Some(tree) = tree else {
            // What is fetched already is waited for.
            if let Some(upto) = record
                .map(|record| record.tree)
                .filter(|_| self.fetching.is_none())
            {
                self.role = Role::Joining;
                self.fetching = Some(upto);
                self.act(Action::Fetch { upto });
            }
            return;
        };
        self.finding = None;
        if self.role == Role::Joining {
            self.role = Role::Following;
            self.settle();
        }
        self.base = Some(tree);
        self.read_inbox();
    }

    /// Judges what was read meanwhile; the first may be the record for which a tree was looked for.
    pub(super) fn read_inbox(&mut self) {
        while self.finding.is_none()
            && let Some(read) = self.inbox.pop_front()
        {
            self.on_read(read);
        }
    }

    /// Tries once more to fetch what the stream begins with, unless that is of no use any more.
    pub(super) fn on_not_fetched(&mut self) {
        self.fetching = None;
        match self.finding {
            Some(_) if self.gap.resumes.is_some() => self.pass_over_resumed(),
            Some(wanted) => self.act(Action::FindTree(wanted)),
            None => self.read_anew(),
        }
    }

    /// Halts a node that joins or is short, where the events that others have do not continue its log.
    pub(super) fn on_forked(&mut self) {
        let position = self.own.position;
        let fetched = self.fetching.take();
        let short = self.gap.short_at.take().map(|(_, upto)| upto);
        if self.role == Role::Following && short.is_some() && short == fetched {
            return self.contradict(&Contradiction::OtherNodes { position });
        }
        self.read_anew();
        if self.role == Role::Joining && !self.passes_first() {
            self.gap.contradicted_at = self.inbox.front().map(|read| read.sequence);
            self.contradict(
                &match self.inbox.front().and_then(|read| read.message.as_ref()) {
                    Some(Message {
                        tree: theirs,
                        body: Body::Term(TermRecord { reseeds: true, .. }),
                        ..
                    }) => Contradiction::Outvoted { theirs: *theirs },
                    Some(_) | None => Contradiction::OtherEvents { position },
                },
            );
        }
    }

    fn begin(&mut self, base: Frontier) {
        let members = self.members.names().to_vec();
        self.ends.keep(Place::of(&base));
        self.rules = Some(Rules::begin(members, base, self.own));
    }

    /// Folds one message by the rules.
    fn fold(&mut self, read: ReadMessage) {
        let ReadMessage {
            sequence,
            id,
            message,
        } = read;
        let Some(rules) = &mut self.rules else {
            return;
        };
        self.sequence = sequence;
        let before = self.last.replace(id);
        let tree = message.as_ref().map(|message| message.tree);
        if let Some(message) = message
            .as_ref()
            .filter(|_| self.gap.unseen_at >= Some(sequence))
        {
            rules.take_up(message);
        }
        let bytes = message.as_ref().map_or(0, Message::bytes);
        self.since_record = (self.since_record.0 + 1, self.since_record.1 + bytes);
        let meaning = rules.read(message);
        // Before the end of this log a place is the stream's; whether it is this log's too shows
        // at that end.
        let place = Some(rules.place()).filter(|_| rules.has_compared());
        let flight = self.flight.as_ref();
        let ours = flight.is_some_and(|flight| flight.is_current(id).is_some());
        let is_read = |at: &u64| sequence >= *at && meaning.is_ok();
        self.gap.unseen_at = self.gap.unseen_at.filter(|at| !is_read(at));
        match meaning {
            Err(contradiction) => self.on_contradiction(contradiction, (sequence, before), tree),
            Ok(Meaning::Leads) => {
                self.since_record = (0, 0);
                self.term_seen = self.term_seen.max(self.term());
                self.leader_heard = self.now;
                self.on_leader(ours);
            }
            Ok(Meaning::Counts(group)) => {
                if let Some(place) = place {
                    self.ends.keep(place);
                }
                self.on_group(group, ours);
                self.compare();
            }
            Ok(Meaning::Begun) if ours => self.part_stored(),
            Ok(Meaning::Begun) => self.fly_again(),
            Ok(Meaning::Void) => {
                self.void_total += 1;
                self.fly_again();
            }
        }
    }

    fn on_group(&mut self, group: Group, ours: bool) {
        let purpose = self.flight.as_ref().filter(|_| ours).map(|f| f.purpose);
        if ours {
            self.flight = None;
        } else if self.role == Role::Leading {
            // A group of this term that this node had given up: its writer has not judged on it,
            // and what is on its way stands on the tree before it. So it must not go on.
            self.deposed(true);
            self.role = Role::Following;
        } else {
            self.fly_again();
        }
        match purpose {
            Some(Purpose::Judged) => {
                self.applying = Some(last_of(&group));
                self.act(Action::Ordered);
            }
            Some(Purpose::Refill | Purpose::Stand | Purpose::Renew) => self.lead_on(),
            None => {
                if !group.entries.is_empty() {
                    self.waiting_bytes += group.bytes();
                    self.waiting.push_back(group);
                }
                self.apply();
            }
        }
    }

    /// Gives the disk what waits, where it is at rest.
    fn apply(&mut self) {
        if self.applying.is_some() {
            return;
        }
        let mut bytes = 0;
        let mut groups = Vec::new();
        while let Some(group) = self.waiting.front() {
            bytes += group.bytes();
            if bytes > APPLY_BYTES_MAX && !groups.is_empty() {
                break;
            }
            groups.extend(self.waiting.pop_front());
        }
        self.waiting_bytes -= groups.iter().map(Group::bytes).sum::<usize>();
        if let Some(last) = groups.last() {
            self.applying = Some(last_of(last));
            self.act(Action::Apply(groups));
        }
    }

    pub(super) fn on_applied(&mut self, position: Position) {
        if !self.note_applied(position) {
            return;
        }
        if let Some(wanted) = self.finding.filter(|_| self.role == Role::Joining) {
            self.act(Action::FindTree(wanted));
        }
        self.count_if_whole();
        // What a leader has settled it says at once, and the rest is nobody's need. What a follower
        // has the leader waits for, and the others hear soon.
        if self.role != Role::Leading {
            self.tell_leader(self.durable());
        }
        self.settle();
        self.compare();
        self.read_anew();
        self.apply();
        self.lead_on();
        self.stand_on_time();
    }
}

impl Node {
    /// Notes how far this log goes on its disk; whether that is news.
    pub(super) fn note_applied(&mut self, position: Position) -> bool {
        let fetched = self.fetching.filter(|upto| upto.position == position);
        let Some(place) = fetched.or_else(|| self.ends.at(position)) else {
            return false;
        };
        if position <= self.own.position {
            return false;
        }
        self.own = place;
        if fetched.is_some() {
            self.ends.keep(place);
            self.fetching = None;
        }
        if self.applying.is_some_and(|last| position >= last) {
            self.applying = None;
        }
        true
    }
}

fn last_of(group: &Group) -> Position {
    group.next().previous()
}
