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

/// The reasons for which a message of a node without a log is not heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stranger {
    /// It is not under the cluster's key.
    OtherKey,
    /// The node was given other names of nodes than this one.
    OtherNames(NodeName),
    /// Nobody can read it.
    Unreadable,
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

    /// Reads the message of a node that was told of the same nodes as this one, this one's name among
    /// them.
    ///
    /// # Errors
    /// [`Stranger`]: the message is not for this cluster, or of somebody who was told otherwise.
    pub fn of_same(bytes: &[u8], key: &ClusterKey, members: &Members) -> Result<Self, Stranger> {
        let Some(hello) = Self::decode(bytes, key) else {
            return Err(match vouched::is_under(bytes, key, PURPOSE) {
                true => Stranger::Unreadable,
                false => Stranger::OtherKey,
            });
        };
        match hello.members == members.names() && members.names().contains(&hello.from) {
            true => Ok(hello),
            false => Err(Stranger::OtherNames(hello.from)),
        }
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
    fn decode(bytes: &[u8], key: &ClusterKey) -> Option<Self> {
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
        for told in [&a, &b] {
            assert_eq!(Hello::of_same(&said, &key, told), Ok(Hello::of(&b)));
        }
        let more = members(&["a", "b", "c"], "a");
        let others = Err(Stranger::OtherNames(b.own().clone()));
        assert_eq!(Hello::of_same(&said, &key, &more), others);
        let stranger = ClusterKey::new([8; 32], "");
        let other = Err(Stranger::OtherKey);
        assert_eq!(Hello::of_same(&said, &stranger, &a), other);
        let noise = vouched::write(&7_u8, &key, PURPOSE, &[]);
        let noise = Hello::of_same(&noise, &key, &a);
        assert_eq!(noise, Err(Stranger::Unreadable));
    }
}
