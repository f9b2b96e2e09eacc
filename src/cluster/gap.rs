//! What a node knows of messages to which the stream does not lead.

use super::message::MessageId;
use super::place::Place;

/// What is known of messages to which the stream does not lead.
#[derive(Default)]
pub struct Gap {
    /// The sequence of a group for which the stream was read anew, as its term's record was not seen.
    pub unseen_at: Option<u64>,
    /// The message from which on the stream is read, for it lacks what leads there, and the message
    /// before it.
    pub resumes: Option<(u64, Option<MessageId>)>,
    /// The sequence of the message over which this node has halted.
    pub contradicted_at: Option<u64>,
    /// Up to this sequence nothing contradicts this log: the others have said that it is theirs, or
    /// nobody has what leads there.
    pub passes: Option<u64>,
    /// The sequence at which the stream ended, and what had settled then, where that was more.
    pub short_at: Option<(u64, Place)>,
}
