//! The nodes of a cluster by their names, in the order that the operator listed them.
//!
//! The order is the same on every node, and says who stands first when nobody leads.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The longest name of a node, in characters: that of a label of a host's name.
const NAME_CHARS_MAX: usize = 63;
/// The most nodes of one cluster: each one more costs every write a message.
pub const MEMBERS_MAX: usize = 9;

/// The name of a node, which is a token of a subject on the bus.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(Box<str>);

/// The text can't be the name of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a node's name has 1 to {NAME_CHARS_MAX} characters of a-z, A-Z, 0-9, _ and -")]
pub struct BadName;

impl FromStr for NodeName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let good = (1..=NAME_CHARS_MAX).contains(&text.len()) && text.bytes().all(plain);
        good.then(|| Self(text.into())).ok_or(BadName)
    }
}

impl NodeName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The reasons for which a list of names is no cluster.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadMembers {
    /// Fewer than two nodes are no cluster; more than the most cost too much.
    #[error("a cluster has 2 to {MEMBERS_MAX} nodes, best three; {0} are named")]
    Count(usize),
    /// Two nodes can't have one name.
    #[error("the node {0} is named twice")]
    Twice(NodeName),
    /// This node must be one of those that are listed.
    #[error("this node, {0}, is not among the nodes that are named")]
    Stranger(NodeName),
}

/// All nodes of a cluster, and which of them this one is.
///
/// ```
/// use contactd::cluster::Members;
///
/// let names = ["a", "b", "c"].map(|name| name.parse().expect("a name"));
/// let members = Members::new(names.to_vec(), &names[1]).expect("a cluster");
/// assert_eq!(members.majority(), 2);
/// assert_eq!(members.rank(), 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members {
    names: Vec<NodeName>,
    own: NodeName,
    rank: usize,
}

impl Members {
    /// The nodes that are listed, seen by one of them.
    ///
    /// # Errors
    /// [`BadMembers`]: too few or too many, one twice, or this node is not listed.
    pub fn new(names: Vec<NodeName>, own: &NodeName) -> Result<Self, BadMembers> {
        if !(2..=MEMBERS_MAX).contains(&names.len()) {
            return Err(BadMembers::Count(names.len()));
        }
        let mut earlier = Vec::new();
        for name in &names {
            if earlier.contains(&name) {
                return Err(BadMembers::Twice(name.clone()));
            }
            earlier.push(name);
        }
        let rank = names.iter().position(|name| name == own);
        let rank = rank.ok_or_else(|| BadMembers::Stranger(own.clone()))?;
        let own = own.clone();
        Ok(Self { names, own, rank })
    }

    /// The names of all nodes, in the order that ranks them.
    #[must_use]
    pub fn names(&self) -> &[NodeName] {
        &self.names
    }

    /// The name of this node.
    #[must_use]
    pub const fn own(&self) -> &NodeName {
        &self.own
    }

    /// The place of this node in the list, from 0: the lower one stands earlier.
    #[must_use]
    pub const fn rank(&self) -> usize {
        self.rank
    }

    /// The names of all nodes but this one.
    pub fn others(&self) -> impl Iterator<Item = &NodeName> {
        self.names.iter().filter(|name| **name != self.own)
    }

    /// Whether a node of this name belongs to the cluster and is not this one.
    #[must_use]
    pub fn is_other(&self, name: &NodeName) -> bool {
        self.others().any(|other| other == name)
    }

    /// The fewest nodes of which any two such sets share a node.
    #[must_use]
    pub const fn majority(&self) -> usize {
        self.names.len() / 2 + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> NodeName {
        text.parse().expect("a name")
    }

    fn members(names: &[&str], own: &str) -> Result<Members, BadMembers> {
        Members::new(names.iter().map(|text| name(text)).collect(), &name(own))
    }

    #[test]
    fn a_name_is_a_token() {
        for bad in ["", "a.b", "a b", "*", ">", "ä", &"x".repeat(64)] {
            assert_eq!(bad.parse::<NodeName>(), Err(BadName), "{bad}");
        }
        for good in ["a", "contactd-0", "N_1", &"x".repeat(63)] {
            assert_eq!(name(good).as_str(), good);
        }
    }

    #[test]
    fn a_cluster_lists_this_node_once() {
        assert_eq!(members(&["a"], "a"), Err(BadMembers::Count(1)));
        assert_eq!(
            members(&["a", "b", "a"], "b"),
            Err(BadMembers::Twice(name("a")))
        );
        assert_eq!(
            members(&["a", "b"], "c"),
            Err(BadMembers::Stranger(name("c")))
        );
    }

    #[test]
    fn two_majorities_share_a_node() {
        for count in 2..=MEMBERS_MAX {
            let names: Vec<String> = (0..count).map(|number| format!("n{number}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let majority = members(&names, "n0").expect("a cluster").majority();
            assert!(2 * majority > count && majority <= count);
        }
    }
}
