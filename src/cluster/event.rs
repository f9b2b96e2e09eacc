//! What a node is told, and what it wants done: the whole of its contact with the world.

use bytes::Bytes;

use super::fork::Answers;
use super::member::NodeName;
use super::message::{Message, MessageId, Sent};
use super::place::Place;
use super::spoken::{Said, Spoken};
use crate::audit::{Frontier, Hash};
use crate::domain::Position;
use crate::log::Group;

/// Something that has happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// Some time has passed.
    Tick,
    /// The stream was looked at: after each connection, and whenever that was asked for.
    Stream {
        /// The time at which the stream was made, which tells it from one made anew.
        created: u64,
        /// The sequence of the last message that it ever had; 0 where it never had one.
        last: u64,
        /// Whether nothing is left of all that it had.
        is_empty: bool,
        /// The sequence of the message that was looked at; 0 for none.
        looked_at: u64,
        /// That message, where it is still there.
        found: Option<MessageId>,
    },
    /// The next message was read.
    Read {
        /// The sequence of the message in the stream.
        sequence: u64,
        /// Tells the message from every other.
        id: MessageId,
        /// What it says; `None` where no node of this cluster sent it.
        message: Option<Message>,
    },
    /// The stream has stored a message of this node.
    Stored {
        /// Tells which message it is.
        id: MessageId,
        /// The sequence that it has been given.
        sequence: u64,
    },
    /// The stream has refused a message of this node, for it expected another sequence.
    Refused {
        /// Tells which message it is.
        id: MessageId,
    },
    /// Another node has said something.
    Heard(Spoken),
    /// The log is on this node's disk up to a position, and folded.
    Applied(Position),
    /// Whoever is erased up to a position is so on this node's disk.
    Erased(Position),
    /// The writer puts the keys of a group that it has judged on this disk: the others may take them
    /// meanwhile. Once it is done the same keys come with the group, if it comes.
    Drawn {
        /// The position that the group's first event will have.
        first: Position,
        /// The keys, sealed under the cluster's key.
        sealed: Bytes,
    },
    /// The writer has judged a group, and waits until it is ordered.
    Judged {
        /// The events, with their first position.
        group: Group,
        /// The keys of its new contacts, sealed under the cluster's key, if it has any.
        keys: Option<Bytes>,
    },
    /// The writer judges from now on.
    Led,
    /// This disk has not taken a group of its own writer that is ordered, for want of room perhaps.
    Missed,
    /// The bus takes messages with so many bytes of a frame.
    Linked {
        /// The most bytes of a group's frame that go into one message.
        part_bytes_max: usize,
    },
    /// The keys of a group are on this node's disk.
    KeysKept {
        /// The position that the group's first event will have.
        first: Position,
        /// The hash of the sealed keys.
        hash: Hash,
    },
    /// This log's tree at a position that was asked for; `None` where the log is shorter.
    Tree {
        /// The position that was asked for.
        position: Position,
        /// This log's tree up to there.
        tree: Option<Frontier>,
    },
    /// Nobody gives the events that were to be fetched now; this log is as it was.
    NotFetched,
    /// What another node has behind the end of this log does not lead to the place that was asked
    /// for: this log is another one.
    Forked,
    /// Events of this log that were asked for.
    Own(Group),
    /// The others have answered where their logs part from this one.
    Compared(Answers),
    /// The stream shall be made anew from this node's log, whatever that loses: an operator has
    /// looked.
    Reseed,
    /// This node can't lead any longer: it shall give the lead up, if it leads, and rest.
    Yield,
    /// The node that leads shall give the lead up, whichever it is. It may lead again.
    HandOver,
    /// This node has cosigned a checkpoint, or says so again.
    Cosigned {
        /// The key that this node's disk has, as a text.
        key: String,
        /// The checkpoint, with the cosignature of that key.
        note: String,
    },
    /// An operator says that the disk that had this key is destroyed.
    Forget {
        /// The key, as a text.
        key: String,
    },
    /// This node's log can't be written, for this reason.
    Failed(String),
}

/// Something that a node wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Publish a message to the stream.
    Publish {
        /// The sequence that the stream's last message must have.
        expect: u64,
        /// The message as the stream holds it.
        sent: Sent,
    },
    /// Say something to all other nodes.
    Say(Said),
    /// Say something to one other node alone.
    Tell {
        /// The node that is to hear it.
        to: NodeName,
        /// The message, which no other node hears.
        said: Said,
    },
    /// Look at the stream: an [`Event::Stream`] is waited for.
    Look {
        /// The sequence of the message to look at; 0 for none.
        at: u64,
    },
    /// Read the stream from a sequence on. What an earlier reading still delivers is dropped.
    ReadFrom(u64),
    /// Append groups to this node's log, fold them: an [`Event::Applied`] is waited for.
    Apply(Vec<Group>),
    /// Fetch events from another node, from the end of this log up to a place, and append them if
    /// they lead to that place: an [`Event::Applied`] or [`Event::Forked`] is waited for.
    Fetch {
        /// The place that the log will have reached.
        upto: Place,
    },
    /// Find this log's tree at a position: an [`Event::Tree`] is waited for.
    FindTree(Position),
    /// Read events of this log: an [`Event::Own`] is waited for.
    ReadOwn {
        /// The position of the first event.
        first: Position,
        /// The position of the last event to be read at most.
        last: Position,
    },
    /// The writer may judge from now on: an [`Event::Led`] is waited for.
    Lead,
    /// The writer must not judge any more.
    Follow,
    /// The group that the writer waits for is ordered; it goes on the disk now.
    Ordered,
    /// The group that the writer waits for is not ordered.
    NotOrdered {
        /// Whether it is certain that it never will be.
        certain: bool,
    },
    /// The group that the writer waits for is not ordered and never will be, for this node can't reach
    /// a majority. The writer goes on judging.
    CutOff,
    /// Put the keys of a group that is about to be ordered on this disk: an [`Event::KeysKept`] is
    /// waited for.
    KeepKeys {
        /// The position that the group's first event will have.
        first: Position,
        /// The keys, sealed under the cluster's key.
        sealed: Bytes,
    },
    /// A majority has everything up to this position.
    Settle(Position),
    /// Whoever is erased up to this position is so on a majority of disks.
    Erased(Position),
    /// Keep what another node has cosigned.
    KeepCosigned {
        /// The node that did.
        from: NodeName,
        /// The key of its disk, as a text.
        key: String,
        /// The checkpoint, with the cosignature of that key.
        note: String,
        /// Whether that node leads: checkpoints are made where it makes them.
        leads: bool,
    },
    /// Forget the disk that had this key.
    Forget {
        /// The key, as a text.
        key: String,
    },
    /// Ask the others where their logs part from this one: an [`Event::Compared`] is waited for.
    Compare,
    /// Make the stream anew, empty: an [`Event::Stream`] is waited for.
    MakeAnew,
    /// Set this log aside, for a majority has another one from some position on, and join anew. The
    /// new log counts for a majority once it has reached a position.
    SetAside {
        /// The position that the new log must reach.
        reach: Position,
    },
    /// This log has reached the position at which it counts for a majority.
    Whole,
    /// This node serves nothing from now on, and says why.
    Halt(String),
}
