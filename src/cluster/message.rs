//! A message of the ordering stream: the record of a new term, or a part of a group of events.
//!
//! Everything that a rule looks at is in headers, so that a person can read a stream with any
//! client. All of it, and the payload, is under a MAC of the cluster's key: who may publish to the
//! subject without having that key can write only what is void.

use std::str::FromStr;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;

use super::member::NodeName;
use super::place::Place;
use super::term_record::TermRecord;
use crate::keys::ClusterKey;

const LOG: &str = "Contact-Log";
const KIND: &str = "Contact-Kind";
const TERM: &str = "Contact-Term";
const NODE: &str = "Contact-Node";
const TREE: &str = "Contact-Tree";
const PART: &str = "Contact-Part";
const MAC: &str = "Contact-Mac";
/// What the MACs of these messages are for, so that they are nothing elsewhere.
const PURPOSE: &str = "order";

/// The MAC of a message, by which a message is known again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageId(pub [u8; 32]);

/// A message that counts or is void by the rules of this log, never a stranger's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The term of the node that sent it, from 1.
    pub term: u64,
    /// The node that sent it.
    pub node: NodeName,
    /// The log as it stands before this message.
    pub tree: Place,
    /// The beginning of a term, or a part of a group of events.
    pub body: Body,
}

impl Message {
    /// The length of what it carries, in bytes; none for the record of a term.
    pub(super) fn bytes(&self) -> u64 {
        match &self.body {
            Body::Term(_) => 0,
            Body::Part { bytes, .. } => bytes.len() as u64,
        }
    }
}

/// The two kinds of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A node begins to lead.
    Term(TermRecord),
    /// A part of a group's frame. Most groups have one.
    Part {
        /// The number of the part, from 1.
        number: u32,
        /// The count of parts that the frame has.
        of: u32,
        /// The bytes of the part.
        bytes: Bytes,
    },
}

/// A message as the stream holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The headers, without those that only tell the stream what to expect.
    pub headers: Vec<(&'static str, String)>,
    /// The payload: the record of a term, or a part of a frame.
    pub payload: Bytes,
    /// The MAC, which is in the headers too.
    pub id: MessageId,
}

/// Makes messages of one log and knows them again.
#[derive(Clone)]
pub struct Coder {
    log: String,
    key: ClusterKey,
}

impl Coder {
    /// The coder of a log under its cluster's key.
    #[must_use]
    pub const fn new(log: String, key: ClusterKey) -> Self {
        Self { log, key }
    }

    /// Writes a message, with its MAC.
    #[must_use]
    pub fn encode(&self, message: &Message) -> Sent {
        let (kind, part, payload) = match &message.body {
            Body::Term(record) => ("term", "1/1".to_owned(), record.encode()),
            Body::Part { number, of, bytes } => ("group", format!("{number}/{of}"), bytes.clone()),
        };
        let mut headers = vec![
            (LOG, self.log.clone()),
            (KIND, kind.to_owned()),
            (TERM, message.term.to_string()),
            (NODE, message.node.to_string()),
            (TREE, message.tree.to_string()),
            (PART, part),
        ];
        let said = headers.iter().map(|(_, value)| value.as_str());
        let id = self.id(said, &payload);
        headers.push((MAC, STANDARD.encode(id.0)));
        Sent {
            headers,
            payload,
            id,
        }
    }

    /// Reads a message; `None` for one that is not of this log, not under its key, or of no form
    /// that is known. Such a message is void for every node alike.
    pub fn decode<'a>(
        &self,
        header: impl Fn(&str) -> Option<&'a str>,
        payload: &'a Bytes,
    ) -> Option<(MessageId, Message)> {
        let said = [LOG, KIND, TERM, NODE, TREE, PART].map(&header);
        let [log, kind, term, node, tree, part] = said;
        if log? != self.log {
            return None;
        }
        let id = self.id(said.into_iter().flatten(), payload);
        if STANDARD.encode(id.0) != header(MAC)? {
            return None;
        }
        let (number, of) = part?.split_once('/')?;
        let body = match kind? {
            "term" => Body::Term(TermRecord::decode(payload)?),
            "group" => Body::Part {
                number: number.parse().ok()?,
                of: of.parse().ok()?,
                bytes: payload.clone(),
            },
            _ => return None,
        };
        let message = Message {
            term: term?.parse().ok()?,
            node: NodeName::from_str(node?).ok()?,
            tree: Place::parse(tree?)?,
            body,
        };
        Some((id, message))
    }

    fn id<'a>(&self, said: impl Iterator<Item = &'a str>, payload: &'a [u8]) -> MessageId {
        let mut parts: Vec<&[u8]> = said.map(str::as_bytes).collect();
        parts.push(payload);
        MessageId(self.key.code(PURPOSE, &parts))
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::audit::Hash;
    use crate::domain::Position;

    fn coder(key: u8) -> Coder {
        Coder::new("log".into(), ClusterKey::new([key; 32], "log"))
    }

    fn read(coder: &Coder, sent: &Sent) -> Option<(MessageId, Message)> {
        let header = |name: &str| {
            let found = sent.headers.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.as_str())
        };
        coder.decode(header, &sent.payload)
    }

    fn body() -> impl Strategy<Value = Body> {
        let name = "[a-z]{1,8}".prop_map(|text| text.parse().expect("a name"));
        let term = (vec(name, 0..5), any::<bool>())
            .prop_map(|(members, reseeds)| Body::Term(TermRecord { members, reseeds }));
        let part = (1..9_u32, 1..9_u32, vec(any::<u8>(), 0..90));
        let part = part.prop_map(|(number, of, bytes)| Body::Part {
            number,
            of,
            bytes: bytes.into(),
        });
        prop_oneof![term, part]
    }

    proptest! {
        #[test]
        fn a_message_is_read_as_it_was_written_and_not_when_anything_is_changed(
            term: u64,
            position: u64,
            root: [u8; 32],
            body in body(),
            changed in any::<prop::sample::Index>(),
        ) {
            let tree = Place { position: Position::new(position), root: Hash(root) };
            let node = "node-1".parse().expect("a name");
            let message = Message { term, node, tree, body };
            let sent = coder(1).encode(&message);
            prop_assert_eq!(read(&coder(1), &sent), Some((sent.id, message)));
            prop_assert_eq!(read(&coder(2), &sent), None);
            let mut other = sent.clone();
            match changed.index(sent.headers.len() + 1).checked_sub(1) {
                Some(header) => other.headers[header].1.insert(0, '1'),
                None => other.payload = [&sent.payload[..], b"x"].concat().into(),
            }
            prop_assert_eq!(read(&coder(1), &other), None);
        }
    }
}
