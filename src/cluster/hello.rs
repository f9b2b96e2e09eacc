//! How a node without a log finds the others, before it knows which log it will have.
//!
//! It says that it has none, again and again. A node that has the log answers with what a node
//! needs to have the same one. Where none answers, the log begins on the node that is listed first,
//! once all the others have said that they have none either.

use bytes::Bytes;
use minicbor::{Decode, Encode};

use super::member::{MEMBERS_MAX, Members, NodeName};
use super::vouched;
use crate::keys::ClusterKey;

/// What the MACs of these messages are for, so that they are nothing elsewhere.
const PURPOSE: &str = "hello";

/// A node says that it has no log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The node that says so.
    pub from: NodeName,
    /// The nodes that it was told of, in their order.
    pub members: Vec<NodeName>,
}

#[derive(Encode, Decode)]
struct Wire {
    #[n(0)]
    from: String,
    #[n(1)]
    members: Vec<String>,
}

impl Hello {
    /// The message of a node without a log, which names itself and the nodes that it was told of.
    #[must_use]
    pub fn of(members: &Members) -> Self {
        Self {
            from: members.own().clone(),
            members: members.names().to_vec(),
        }
    }

    /// Whether it comes from another node that was told of the same ones.
    #[must_use]
    pub fn is_of(&self, members: &Members) -> bool {
        members.is_other(&self.from) && self.members == members.names()
    }

    /// Writes it under the cluster's key.
    #[must_use]
    pub fn encode(&self, key: &ClusterKey) -> Bytes {
        let wire = Wire {
            from: self.from.to_string(),
            members: self.members.iter().map(ToString::to_string).collect(),
        };
        vouched::write(&wire, key, PURPOSE, &[])
    }

    /// Reads it; `None` for what is not under the cluster's key.
    #[must_use]
    pub fn decode(bytes: &[u8], key: &ClusterKey) -> Option<Self> {
        let Wire { from, members } = vouched::read(bytes, key, PURPOSE, &[])?;
        if members.len() > MEMBERS_MAX {
            return None;
        }
        let members = members.iter().map(|name| name.parse().ok());
        Some(Self {
            from: from.parse().ok()?,
            members: members.collect::<Option<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(names: &[&str], own: &str) -> Members {
        let names = names.iter().map(|name| name.parse().expect("a name"));
        Members::new(names.collect(), &own.parse().expect("a name")).expect("a cluster")
    }

    #[test]
    fn only_a_node_that_was_told_of_the_same_nodes_is_heard() {
        let (a, b) = (members(&["a", "b"], "a"), members(&["a", "b"], "b"));
        let key = ClusterKey::new([7; 32], "");
        let said = Hello::of(&b).encode(&key);
        let heard = Hello::decode(&said, &key).expect("it is under the key");
        assert!(heard.is_of(&a));
        assert!(!heard.is_of(&b), "it is its own");
        assert!(!heard.is_of(&members(&["a", "b", "c"], "a")));
        let stranger = ClusterKey::new([8; 32], "");
        assert_eq!(Hello::decode(&said, &stranger), None);
    }
}
