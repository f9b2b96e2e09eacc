//! The stream and the network, with all that is lost, late or doubled on the way.

use contactd::dialect::thena;
use contactd::domain::{
    Actor, Correlation, Event as Domain, EventId, Failure, FailureCode, Header, Operation, Owner,
    Phase, Timestamp,
};
use contactd::log::record;

use super::*;

impl World {
    pub(super) fn publish(&mut self, from: usize, expect: u64, sent: contactd::cluster::Sent) {
        let copies = match self.chance.below(20) {
            0 if !self.quiet => 0,
            1 => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let sent = sent.clone();
            self.packets.push(Packet::Publish { from, expect, sent });
        }
        if !self.quiet && self.chance.happens(300) {
            self.publish_ahead(from, expect, &sent);
        }
    }

    /// What a leader would send that judged further before it knew the order of its last group: it
    /// must count for nothing unless it stands where it belongs.
    pub(super) fn publish_ahead(
        &mut self,
        from: usize,
        expect: u64,
        sent: &contactd::cluster::Sent,
    ) {
        let Some((_, message)) = read(&self.coder, sent) else {
            return;
        };
        let Body::Part {
            number: 1,
            of: 1,
            bytes,
        } = message.body.clone()
        else {
            return;
        };
        let Some(mut tree) = self.homes[from].tree(message.tree.position.get()) else {
            return;
        };
        if Place::of(&tree) != message.tree {
            return;
        }
        let mut group = Group::decode(bytes).expect("its own frame");
        for further in 1..4 {
            for entry in &group.entries {
                tree.push(Hash::leaf(entry));
            }
            let first = last_of(&group).next();
            let entries = self.refusal(first);
            self.judged_on.insert(entries[0].clone(), tree.root());
            group = Group { first, entries };
            let sent = self.coder.encode(&Message {
                tree: Place::of(&tree),
                body: Body::Part {
                    number: 1,
                    of: 1,
                    bytes: Group::encode(group.first, &group.entries).into(),
                },
                ..message.clone()
            });
            let expect = expect + further;
            self.packets.push(Packet::Publish { from, expect, sent });
        }
    }

    /// The events of a command that is refused.
    fn refusal(&mut self, first: Position) -> Vec<Bytes> {
        let start = EventId(uuid::Uuid::now_v7());
        let phases = [
            Phase::Start { idempotency: None },
            Phase::Fail(Failure {
                code: FailureCode::NotFound,
                violations: Vec::new(),
            }),
        ];
        let positions = [first, first.next()];
        let events = phases.into_iter().zip(positions).map(|(phase, position)| {
            let is_start = matches!(phase, Phase::Start { .. });
            Domain {
                header: Header {
                    position,
                    id: if is_start {
                        start
                    } else {
                        EventId(uuid::Uuid::now_v7())
                    },
                    time: Timestamp::from_millis(1),
                    operation: Operation::Delete,
                    owner: Owner::new(thena::RULES.dialect, &["t"]).expect("good ids"),
                    contact: None,
                    key: None,
                    version: None,
                    actor: Actor::default(),
                    correlation: Correlation::parse("x").expect("a token"),
                    causation: (!is_start).then_some(start),
                    traceparent: None,
                    fields: Vec::new(),
                    listed: None,
                },
                phase,
            }
        });
        let bytes = events.map(|event| record::encode(&event, None, None, &self.no_keys));
        bytes
            .map(|bytes| bytes.expect("it is small").into())
            .collect()
    }

    pub(super) fn say(&mut self, from: usize, to: Vec<usize>, said: Said) {
        let term = self.processes[from]
            .as_ref()
            .map_or(0, |p| p.node.status().term);
        let from_name = self.names[from].clone();
        let spoken = Spoken {
            from: from_name,
            start: None,
            term,
            said,
        };
        let bytes = spoken.encode(&self.key);
        for to in to {
            if self.quiet || !self.chance.happens(100) {
                let bytes = bytes.clone();
                self.packets.push(Packet::Spoken { to, bytes });
            }
        }
    }

    pub(super) fn look(&mut self, to: usize, sequence: u64) {
        let found = self.stream.at(sequence).map(|sent| sent.id);
        let (created, last) = (self.stream.created, self.stream.last());
        let looked_at = sequence;
        self.packets.push(Packet::Looked {
            to,
            created,
            last,
            looked_at,
            found,
        });
    }

    pub(super) fn deliver(&mut self, packet: Packet) {
        match packet {
            Packet::Publish { from, expect, sent } => {
                let answer = match self.stream.publish(expect, &sent) {
                    Some(sequence) => Packet::Stored {
                        to: from,
                        id: sent.id,
                        sequence,
                    },
                    None => Packet::Refused {
                        to: from,
                        id: sent.id,
                    },
                };
                if self.quiet || !self.chance.happens(150) {
                    self.packets.push(answer);
                }
            }
            Packet::Stored { to, id, sequence } => self.tell(to, Event::Stored { id, sequence }),
            Packet::Refused { to, id } => self.tell(to, Event::Refused { id }),
            Packet::Looked {
                to,
                created,
                last,
                looked_at,
                found,
            } => {
                self.tell(
                    to,
                    Event::Stream {
                        created,
                        last,
                        is_empty: false,
                        looked_at,
                        found,
                    },
                );
            }
            Packet::Spoken { to, bytes } => {
                let mut spoken = Spoken::decode(&bytes, &self.key).expect("our own");
                if let (LeftOut::RootsOfAMajority, Said::Durable { place, .. }) =
                    (self.plan.left_out, &mut spoken.said)
                    && let Some(own) = self.homes[to].tree(place.position.get())
                {
                    *place = Place::of(&own);
                }
                self.tell(to, Event::Heard(spoken));
            }
        }
    }

    /// Delivers the next message of the stream to a node.
    pub(super) fn read(&mut self, at: usize) {
        let Some(process) = &mut self.processes[at] else {
            return;
        };
        if process.paused || !process.node.takes_messages() {
            return;
        }
        let Some(reads) = process.reads else {
            return;
        };
        let sequence = reads.max(self.stream.first());
        let Some(sent) = self.stream.at(sequence) else {
            return;
        };
        process.reads = Some(sequence + 1);
        let mut message = read(&self.coder, sent).map(|(_, message)| message);
        let status = process.node.status();
        if let (LeftOut::TermAndRoot, Some(message), Some(place)) =
            (self.plan.left_out, &mut message, process.node.ordered())
            && let Body::Part { .. } = message.body
        {
            message.tree = place;
            message.term = status.term;
            message.node = status
                .leader
                .clone()
                .unwrap_or_else(|| message.node.clone());
        }
        let own_term = message.as_ref().is_some_and(|m| m.term == status.term);
        let id = sent.id;
        self.tell(
            at,
            Event::Read {
                sequence,
                id,
                message,
            },
        );
        let voids = self.processes[at]
            .as_ref()
            .map_or(0, |p| p.node.status().void_total);
        if self.plan.left_out == LeftOut::VoidIsSkipped && own_term && voids > status.void_total {
            let why = format!("{} halted at a void message", self.names[at]);
            self.fail(Invariant::GoesOn, why);
        }
    }
}

fn read(coder: &Coder, sent: &contactd::cluster::Sent) -> Option<(MessageId, Message)> {
    let header = |name: &str| {
        let found = sent.headers.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_str())
    };
    coder.decode(header, &sent.payload)
}
