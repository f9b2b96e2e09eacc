//! The record with which a node begins to lead, in CBOR (RFC 8949).

use minicbor::{Decode, Encode};

use super::member::{MEMBERS_MAX, NodeName};

/// What a new leader says of the cluster: its members, so that two nodes whose operators listed
/// different ones find out before either answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermRecord {
    /// The names of all nodes, in the order that ranks them.
    pub members: Vec<NodeName>,
    /// Whether an operator had the stream made anew for this log, and who has another one joins anew.
    pub reseeds: bool,
}

#[derive(Encode, Decode)]
struct Wire {
    #[n(0)]
    members: Vec<String>,
    #[n(1)]
    reseeds: Option<bool>,
}

impl TermRecord {
    /// Writes the record in CBOR.
    pub(super) fn encode(&self) -> bytes::Bytes {
        let members = self.members.iter().map(ToString::to_string).collect();
        let reseeds = self.reseeds.then_some(true);
        super::cbor::encode(&Wire { members, reseeds })
    }

    /// Reads a record; `None` for bytes that are none.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let Wire { members, reseeds } = super::cbor::decode(bytes)?;
        if members.len() > MEMBERS_MAX {
            return None;
        }
        let members = members.iter().map(|name| name.parse().ok());
        Some(Self {
            members: members.collect::<Option<_>>()?,
            reseeds: reseeds.unwrap_or(false),
        })
    }
}
