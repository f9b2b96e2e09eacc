//! What one node asks another for: events that the stream does not have any more, and keys.
//!
//! A question and its answer are CBOR under the cluster's key; an answer is bound to its question.
//! Keys are sealed besides. Whoever asks checks what comes: events against the tree that they must
//! lead to, keys by opening what they sealed.

use bytes::Bytes;
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use super::vouched;
use crate::domain::Position;
use crate::keys::{ClusterKey, Slot};

/// What the MACs of questions are for, and those of answers.
const QUESTION: &str = "question";
const ANSWER: &str = "answer";

/// A question to another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Some events behind a position, as many as one message holds.
    Events {
        /// The position before the first event.
        after: Position,
        /// The last position that is of use.
        upto: Position,
    },
    /// The keys in some slots.
    Keys {
        /// The first slot that is asked for.
        first: Slot,
        /// The slot behind the last.
        end: Slot,
    },
    /// The root of the log's tree at a position, and how far the log goes.
    Root(Position),
}

#[derive(Encode, Decode)]
enum Wire {
    #[n(0)]
    Events {
        #[n(0)]
        after: u64,
        #[n(1)]
        upto: u64,
    },
    #[n(1)]
    Keys {
        #[n(0)]
        first: u64,
        #[n(1)]
        end: u64,
    },
    #[n(2)]
    Root(#[n(0)] u64),
}

impl Ask {
    /// Writes the question under the cluster's key.
    #[must_use]
    pub fn encode(&self, key: &ClusterKey) -> Bytes {
        let wire = match *self {
            Self::Events { after, upto } => Wire::Events {
                after: after.get(),
                upto: upto.get(),
            },
            Self::Keys { first, end } => Wire::Keys {
                first: first.get(),
                end: end.get(),
            },
            Self::Root(position) => Wire::Root(position.get()),
        };
        vouched::write(&wire, key, QUESTION, &[])
    }

    /// Reads a question; `None` for one that is not under the cluster's key.
    #[must_use]
    pub fn decode(bytes: &[u8], key: &ClusterKey) -> Option<Self> {
        Some(match vouched::read(bytes, key, QUESTION, &[])? {
            Wire::Events { after, upto } => Self::Events {
                after: Position::new(after),
                upto: Position::new(upto),
            },
            Wire::Keys { first, end } => Self::Keys {
                first: Slot::new(first),
                end: Slot::new(end),
            },
            Wire::Root(position) => Self::Root(Position::new(position)),
        })
    }

    /// Writes the answer to this question: a frame of events, or sealed keys. It is empty where the
    /// node has nothing of it.
    #[must_use]
    pub fn answer(&self, found: &[u8], key: &ClusterKey) -> Bytes {
        let found = ByteVec::from(found.to_vec());
        vouched::write(&found, key, ANSWER, &[&self.encode(key)])
    }

    /// Reads the answer to this question; `None` for anything else.
    #[must_use]
    pub fn answered(&self, bytes: &[u8], key: &ClusterKey) -> Option<Bytes> {
        let found: ByteVec = vouched::read(bytes, key, ANSWER, &[&self.encode(key)])?;
        Some(Vec::from(found).into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn ask() -> impl Strategy<Value = Ask> {
        prop_oneof![
            any::<(u64, u64)>().prop_map(|(after, upto)| Ask::Events {
                after: Position::new(after),
                upto: Position::new(upto),
            }),
            any::<(u64, u64)>().prop_map(|(first, end)| Ask::Keys {
                first: Slot::new(first),
                end: Slot::new(end),
            }),
            any::<u64>().prop_map(|position| Ask::Root(Position::new(position))),
        ]
    }

    proptest! {
        #[test]
        fn an_answer_is_that_of_its_question_alone(
            asked in ask(),
            other in ask(),
            found in vec(any::<u8>(), 0..80),
            bit: prop::sample::Index,
        ) {
            let key = ClusterKey::new([7; 32], "log");
            let stranger = ClusterKey::new([8; 32], "log");
            let question = asked.encode(&key);
            prop_assert_eq!(Ask::decode(&question, &key), Some(asked));
            prop_assert_eq!(Ask::decode(&question, &stranger), None);
            let mut answer = asked.answer(&found, &key).to_vec();
            prop_assert_eq!(asked.answered(&answer, &key), Some(found.into()));
            prop_assert_eq!(asked.answered(&answer, &stranger), None);
            prop_assert!(asked == other || other.answered(&answer, &key).is_none());
            let bit = bit.index(answer.len() * 8);
            answer[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(asked.answered(&answer, &key), None);
        }
    }
}
