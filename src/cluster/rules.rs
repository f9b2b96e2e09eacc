//! What a message of the stream means: three rules, the same on every node.
//!
//! 1. A term's record counts if its term is above the current one. It must stand on this log's own
//!    tree, else this log is not the stream's.
//! 2. A group counts if it is of the current term and its leader, its first position is the next,
//!    and it was judged on the tree that stands before it. Every other one is void.
//! 3. A row of parts that anything else interrupts is void.
//!
//! The rules depend on the stream's beginning alone, so all nodes that have read as far agree.
//! What a deposed leader still had on its way is void by its term or by its tree; that is what
//! fences a leader, for the stream's own check of the expected sequence does not.

use bytes::{Bytes, BytesMut};
use thiserror::Error;

use super::member::NodeName;
use super::message::{Body, Message};
use super::place::Place;
use super::term_record::TermRecord;
use crate::audit::{Frontier, Hash};
use crate::domain::Position;
use crate::log::{GROUP_BYTES_MAX, Group};

/// The most parts of one group's frame.
const PARTS_MAX: u32 = 1_024;
/// The longest frame of a group, in bytes: the longest group, and what stands before its events.
const FRAME_BYTES_MAX: usize = GROUP_BYTES_MAX + 64;

/// What a message means where it stands in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A node leads from here on.
    Leads,
    /// A part of a group, of which more must follow.
    Begun,
    /// A group counts. It holds those of its events that this log does not have yet.
    Counts(Group),
    /// Nothing: every node passes over it.
    Void,
}

/// A contradiction between the stream and this node's log, for a person to look at.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Contradiction {
    /// The leader of a new term has another log.
    #[error("the record of term {term} stands at {theirs}, and this log's place there is {own}")]
    OtherTree {
        /// The term that would begin.
        term: u64,
        /// The place that the record names.
        theirs: Place,
        /// This log's place at the end of what it has read.
        own: Place,
    },
    /// The stream was made anew for another log.
    #[error("the stream was begun anew at {theirs}, and this log is another one")]
    Outvoted {
        /// The place at which it was begun.
        theirs: Place,
    },
    /// The leader of a new term was told of other nodes.
    #[error(
        "the leader of term {term} was given other names of nodes than this one; start all with the same, or, where they are to be other names, stop all, delete the stream of the log's order, and start all with those"
    )]
    OtherMembers {
        /// The term that would begin.
        term: u64,
    },
    /// The stream has other events than this log.
    #[error("the stream has other events than this log, at or before position {position}")]
    OtherEvents {
        /// The end of this log, at which the trees were compared.
        position: Position,
    },
    /// A group is of a term whose record was not read.
    #[error("a group of term {term} came after a group of term {current}, without its record")]
    UnseenTerm {
        /// The term of the group.
        term: u64,
        /// The term that was read last.
        current: u64,
    },
    /// Other nodes have other events at the same position.
    #[error("other nodes have another log than this one, at or before position {position}")]
    OtherNodes {
        /// The position at which the roots differ.
        position: Position,
    },
}

impl Contradiction {
    /// Whether some node has other events than this one: then one of the two logs is to be set
    /// aside.
    #[must_use]
    pub const fn is_fork(&self) -> bool {
        match self {
            Self::OtherTree { .. }
            | Self::Outvoted { .. }
            | Self::OtherEvents { .. }
            | Self::OtherNodes { .. } => true,
            Self::OtherMembers { .. } | Self::UnseenTerm { .. } => false,
        }
    }
}

/// A row of parts that is not complete.
struct Row {
    number: u32,
    of: u32,
    bytes: BytesMut,
}

/// The stream, read so far.
pub struct Rules {
    members: Vec<NodeName>,
    term: u64,
    leader: Option<NodeName>,
    tree: Frontier,
    /// The root of `tree`, which costs hashes to make.
    root: Hash,
    row: Option<Row>,
    /// The end of this node's log when reading began. Up to there events are compared, by the root
    /// of the tree over them; beyond it they are new.
    known: Place,
}

impl Rules {
    /// The rules at a place where the stream begins: `tree` is this log's tree there, and `known`
    /// is the end of this log, which may be further on.
    #[must_use]
    pub fn begin(members: Vec<NodeName>, tree: Frontier, known: Place) -> Self {
        Self {
            members,
            term: 0,
            leader: None,
            root: tree.root(),
            tree,
            row: None,
            known,
        }
    }

    /// The current term; 0 before the first.
    #[must_use]
    pub const fn term(&self) -> u64 {
        self.term
    }

    /// The node that leads in the current term.
    #[must_use]
    pub const fn leader(&self) -> Option<&NodeName> {
        self.leader.as_ref()
    }

    /// The end of the ordered log.
    #[must_use]
    pub const fn place(&self) -> Place {
        Place {
            position: Position::new(self.tree.size()),
            root: self.root,
        }
    }

    /// Whether all of this log was found in the stream, so that the stream's places are its own.
    #[must_use]
    pub fn has_compared(&self) -> bool {
        self.place().position >= self.known.position
    }

    /// Takes a group for the beginning of its term, where that is a later one and the group stands on
    /// this log's own tree: the stream has lost the term's record, which its leader has read.
    pub fn take_up(&mut self, message: &Message) {
        let is_part = matches!(message.body, Body::Part { .. });
        if is_part && message.term > self.term && message.tree == self.place() {
            self.row = None;
            self.term = message.term;
            self.leader = Some(message.node.clone());
        }
    }

    /// Reads the next message; `None` stands for one that no node of this cluster sent.
    ///
    /// # Errors
    /// [`Contradiction`]: this node must not go on.
    pub fn read(&mut self, message: Option<Message>) -> Result<Meaning, Contradiction> {
        let row = self.row.take();
        let Some(message) = message else {
            return Ok(Meaning::Void);
        };
        let Message {
            term,
            node,
            tree,
            body,
        } = message;
        match body {
            Body::Term(record) => self.new_term(term, node, tree, &record),
            Body::Part { number, of, bytes } => {
                if term > self.term {
                    let current = self.term;
                    return Err(Contradiction::UnseenTerm { term, current });
                }
                let counts = term == self.term && Some(&node) == self.leader.as_ref();
                if !counts || tree != self.place() {
                    return Ok(Meaning::Void);
                }
                match joined(row, number, of, bytes) {
                    Joined::Whole(frame) => self.group(frame),
                    Joined::Row(row) => {
                        self.row = Some(row);
                        Ok(Meaning::Begun)
                    }
                    Joined::Broken => Ok(Meaning::Void),
                }
            }
        }
    }

    fn new_term(
        &mut self,
        term: u64,
        node: NodeName,
        theirs: Place,
        record: &TermRecord,
    ) -> Result<Meaning, Contradiction> {
        if term <= self.term {
            return Ok(Meaning::Void);
        }
        let own = self.place();
        match theirs == own {
            true => {}
            false if record.reseeds => return Err(Contradiction::Outvoted { theirs }),
            false => return Err(Contradiction::OtherTree { term, theirs, own }),
        }
        if record.members != self.members {
            return Err(Contradiction::OtherMembers { term });
        }
        self.term = term;
        self.leader = Some(node);
        Ok(Meaning::Leads)
    }

    fn group(&mut self, frame: Bytes) -> Result<Meaning, Contradiction> {
        let next = Position::new(self.tree.size()).next();
        let group = Group::decode(frame).filter(|group| group.first == next);
        let Some(Group { entries, .. }) = group else {
            return Ok(Meaning::Void);
        };
        let known = self.known.position.get();
        let mut fresh = Vec::new();
        for entry in entries {
            self.tree.push(Hash::leaf(&entry));
            if self.tree.size() == known && self.tree.root() != self.known.root {
                let position = self.known.position;
                return Err(Contradiction::OtherEvents { position });
            }
            if self.tree.size() > known {
                fresh.push(entry);
            }
        }
        self.root = self.tree.root();
        let before = self.tree.size() - fresh.len() as u64;
        Ok(Meaning::Counts(Group {
            first: Position::new(before).next(),
            entries: fresh,
        }))
    }
}

/// What a part makes of a row.
enum Joined {
    Whole(Bytes),
    Row(Row),
    Broken,
}

/// Puts a part behind the row before it. A first part begins a row of its own.
fn joined(row: Option<Row>, number: u32, of: u32, bytes: Bytes) -> Joined {
    if !(1..=PARTS_MAX).contains(&of) || !(1..=of).contains(&number) {
        return Joined::Broken;
    }
    let before = match row {
        _ if number == 1 => BytesMut::new(),
        Some(row) if row.of == of && row.number + 1 == number => row.bytes,
        Some(_) | None => return Joined::Broken,
    };
    if of == 1 {
        return Joined::Whole(bytes);
    }
    if before.len().saturating_add(bytes.len()) > FRAME_BYTES_MAX {
        return Joined::Broken;
    }
    let mut all = before;
    all.extend_from_slice(&bytes);
    if number == of {
        return Joined::Whole(all.freeze());
    }
    Joined::Row(Row {
        number,
        of,
        bytes: all,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log of this many events, and its tree.
    fn log(events: u64) -> (Vec<Bytes>, Frontier) {
        let entries: Vec<Bytes> = (1..=events).map(|n| n.to_string().into()).collect();
        let leaves: Vec<Hash> = entries.iter().map(|entry| Hash::leaf(entry)).collect();
        (entries, Frontier::of(&leaves))
    }

    fn name(text: &str) -> NodeName {
        text.parse().expect("a name")
    }

    fn members() -> Vec<NodeName> {
        ["a", "b", "c"].map(name).to_vec()
    }

    /// The rules of a node with this many events, which reads a stream from its first event on.
    fn rules(known: u64) -> Rules {
        let known = Place::of(&log(known).1);
        Rules::begin(members(), Frontier::default(), known)
    }

    fn record(term: u64, node: &str, events: u64) -> Option<Message> {
        Some(Message {
            term,
            node: name(node),
            tree: Place::of(&log(events).1),
            body: Body::Term(TermRecord {
                members: members(),
                reseeds: false,
            }),
        })
    }

    /// The group of the events behind `before` up to `upto`, in parts.
    fn group(term: u64, node: &str, before: u64, upto: u64, of: usize) -> Vec<Option<Message>> {
        let (entries, _) = log(upto);
        let entries = &entries[usize::try_from(before).expect("small")..];
        let frame = Bytes::from(Group::encode(Position::new(before + 1), entries));
        let parts = frame.chunks(frame.len().div_ceil(of));
        let parts = (1..).zip(parts).map(|(number, bytes)| Message {
            term,
            node: name(node),
            tree: Place::of(&log(before).1),
            body: Body::Part {
                number,
                of: u32::try_from(of).expect("small"),
                bytes: frame.slice_ref(bytes),
            },
        });
        parts.map(Some).collect()
    }

    fn one(term: u64, node: &str, before: u64, upto: u64) -> Option<Message> {
        group(term, node, before, upto, 1).remove(0)
    }

    /// The events that count of a group.
    fn counted(meaning: Result<Meaning, Contradiction>) -> Option<usize> {
        match meaning {
            Ok(Meaning::Counts(group)) => Some(group.entries.len()),
            _ => None,
        }
    }

    #[test]
    fn a_record_counts_if_its_term_is_above_the_current_one() {
        let mut rules = rules(0);
        assert_eq!(rules.read(record(2, "a", 0)), Ok(Meaning::Leads));
        assert_eq!(rules.read(record(2, "b", 0)), Ok(Meaning::Void));
        assert_eq!(rules.read(record(1, "b", 0)), Ok(Meaning::Void));
        assert_eq!((rules.term(), rules.leader()), (2, Some(&name("a"))));
        let other = rules.read(record(3, "b", 1));
        assert!(matches!(
            other,
            Err(Contradiction::OtherTree { term: 3, .. })
        ));
        let mut stranger = record(4, "b", 0);
        if let Some(Message {
            body: Body::Term(record),
            ..
        }) = &mut stranger
        {
            record.members.pop();
        }
        let other = rules.read(stranger);
        assert_eq!(other, Err(Contradiction::OtherMembers { term: 4 }));
    }

    #[test]
    fn a_group_counts_from_the_leader_in_its_turn_and_on_its_tree_alone() {
        let mut rules = rules(0);
        assert_eq!(rules.read(record(2, "a", 0)), Ok(Meaning::Leads));
        for void in [
            one(1, "a", 0, 2),
            one(2, "b", 0, 2),
            one(2, "a", 1, 2),
            None,
        ] {
            assert_eq!(rules.read(void), Ok(Meaning::Void));
        }
        assert_eq!(counted(rules.read(one(2, "a", 0, 2))), Some(2));
        assert_eq!(rules.read(one(2, "a", 0, 2)), Ok(Meaning::Void), "again");
        assert_eq!(counted(rules.read(one(2, "a", 2, 5))), Some(3));
        assert_eq!(rules.place(), Place::of(&log(5).1));
        let unseen = Contradiction::UnseenTerm {
            term: 3,
            current: 2,
        };
        assert_eq!(rules.read(one(3, "a", 5, 6)), Err(unseen));
    }

    #[test]
    fn a_row_of_parts_that_is_interrupted_is_void() {
        let mut rules = rules(0);
        assert_eq!(rules.read(record(1, "a", 0)), Ok(Meaning::Leads));
        let parts = group(1, "a", 0, 9, 3);
        assert_eq!(rules.read(parts[0].clone()), Ok(Meaning::Begun));
        assert_eq!(rules.read(None), Ok(Meaning::Void));
        assert_eq!(rules.read(parts[1].clone()), Ok(Meaning::Void));
        assert_eq!(rules.read(parts[2].clone()), Ok(Meaning::Void));
        // One that begins anew is whole, and so is one whose first part is sent twice.
        assert_eq!(rules.read(parts[0].clone()), Ok(Meaning::Begun));
        assert_eq!(rules.read(parts[0].clone()), Ok(Meaning::Begun));
        assert_eq!(rules.read(parts[1].clone()), Ok(Meaning::Begun));
        assert_eq!(counted(rules.read(parts[2].clone())), Some(9));
    }

    #[test]
    fn what_this_log_has_is_compared_and_the_rest_is_new() {
        let mut rules = rules(3);
        assert_eq!(rules.read(record(1, "a", 0)), Ok(Meaning::Leads));
        assert_eq!(counted(rules.read(one(1, "a", 0, 2))), Some(0));
        assert!(!rules.has_compared());
        assert_eq!(counted(rules.read(one(1, "a", 2, 5))), Some(2));
        assert!(rules.has_compared());
        let mut fork = Rules::begin(members(), Frontier::default(), {
            let leaves = [b"1".as_slice(), b"another"].map(Hash::leaf);
            Place::of(&Frontier::of(&leaves))
        });
        assert_eq!(fork.read(record(1, "a", 0)), Ok(Meaning::Leads));
        let position = Position::new(2);
        let other = Err(Contradiction::OtherEvents { position });
        assert_eq!(fork.read(one(1, "a", 0, 5)), other);
    }
}
