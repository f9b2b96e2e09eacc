//! What a node has published and has not seen stored: at most one group, or the record of a term.

use std::time::Duration;

use bytes::Bytes;

use super::member::NodeName;
use super::message::{Message, MessageId, Sent};
use super::spoken::Said;
use crate::audit::Hash;
use crate::domain::Position;

/// The time after which a message without an answer is published once more. It expects the same
/// sequence, so it can't be stored twice.
const RETRY: Duration = Duration::from_millis(500);
/// The time after which something must be wrong.
const SLOW: Duration = Duration::from_secs(1);

/// The reason for which something is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To begin a term and lead.
    Stand,
    /// The writer waits for it.
    Judged,
    /// The stream has lost it, and this node has it.
    Refill,
    /// To go on leading: the record of the term is far back in the stream.
    Renew,
}

/// The keys that must be on a majority of disks first.
pub(super) struct Keys {
    pub first: Position,
    pub sealed: Bytes,
    pub hash: Hash,
    /// Whether the others were asked to keep them before the flight began.
    pub said: bool,
    /// The other nodes that have them.
    pub kept_by: Vec<NodeName>,
}

impl Keys {
    /// The keys of a group whose first event will have this position, which no other node has yet.
    pub fn of(first: Position, sealed: Bytes) -> Self {
        Self {
            first,
            hash: Hash::leaf(&sealed),
            sealed,
            said: false,
            kept_by: Vec::new(),
        }
    }

    /// Says them to the other nodes.
    pub fn say(&self) -> Said {
        Said::Keys {
            first: self.first,
            sealed: self.sealed.clone(),
        }
    }

    /// Notes that a node has them, if it means these; whether that is news.
    pub fn keep(&mut self, from: &NodeName, first: Position, hash: Hash) -> bool {
        let are_these = self.first == first && self.hash == hash;
        let is_news = are_these && !self.kept_by.contains(from);
        if is_news {
            self.kept_by.push(from.clone());
        }
        is_news
    }
}

/// Messages on their way, in their order.
pub(super) struct Flight {
    pub purpose: Purpose,
    pub keys: Option<Keys>,
    messages: Vec<(Message, Sent)>,
    /// The index of the message that is not stored yet.
    next: usize,
    begun: Duration,
    tried: Option<Duration>,
    /// Whether anything of it was ever handed to the bus, so that it may be stored still.
    published: bool,
}

impl Flight {
    /// Messages that are to be stored one right behind the other.
    pub fn new(
        purpose: Purpose,
        keys: Option<Keys>,
        messages: Vec<(Message, Sent)>,
        now: Duration,
    ) -> Self {
        Self {
            purpose,
            keys,
            messages,
            next: 0,
            begun: now,
            tried: None,
            published: false,
        }
    }

    /// The message that is to be stored next.
    pub fn current(&self) -> Option<&Sent> {
        self.messages.get(self.next).map(|(_, sent)| sent)
    }

    /// The message that is to be stored next, if it has this id.
    pub fn is_current(&self, id: MessageId) -> Option<Message> {
        let (message, sent) = self.messages.get(self.next)?;
        (sent.id == id).then(|| message.clone())
    }

    /// Goes on to the next message.
    pub fn advance(&mut self) {
        self.next += 1;
        self.tried = None;
    }

    /// Begins with the first message again, because something stands between.
    pub fn restart(&mut self) {
        self.next = 0;
        self.tried = None;
    }

    /// Whether it is time to send something, which is noted.
    pub fn is_due(&mut self, now: Duration) -> bool {
        let due = self.tried.is_none_or(|tried| now >= tried + RETRY);
        if due {
            self.note_tried(now);
        }
        due
    }

    /// Notes that what is needed next was sent.
    pub const fn note_tried(&mut self, now: Duration) {
        self.tried = Some(now);
    }

    /// Notes that a message of it goes to the bus.
    pub const fn note_published(&mut self) {
        self.published = true;
    }

    /// Whether the writer waits for it, and nothing of it can stand in the stream.
    pub fn can_be_dropped(&self) -> bool {
        self.purpose == Purpose::Judged && !self.published
    }

    /// Whether it has taken longer than it ever should.
    pub fn is_slow(&self, now: Duration) -> bool {
        self.age(now) >= SLOW
    }

    /// The time for which it has been on its way.
    pub fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(self.begun)
    }
}
