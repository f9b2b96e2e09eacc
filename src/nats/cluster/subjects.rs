//! The names of the cluster's stream and subjects below a prefix.

use crate::cluster::NodeName;
use crate::nats::subjects::{Kept, Prefix};

/// The subject on which a node without a log asks for it.
pub fn hello(prefix: &Prefix) -> String {
    format!("{}.cluster.hello", prefix.as_str())
}

/// The subject on which such a node is answered.
pub fn welcome(prefix: &Prefix, node: &NodeName) -> String {
    format!("{}.{node}", hello(prefix))
}

/// The names of one log's cluster.
#[derive(Clone)]
pub struct Names {
    prefix: Prefix,
    log: String,
}

impl Names {
    /// The names of the cluster of a log.
    pub const fn new(prefix: Prefix, log: String) -> Self {
        Self { prefix, log }
    }

    /// The name of the stream that orders.
    pub fn stream(&self) -> String {
        self.prefix.stream(Kept::Log)
    }

    /// The subject of everything in that stream.
    pub fn order(&self) -> String {
        format!("{}.log.{}", self.prefix.as_str(), self.log)
    }

    /// The subject on which nodes speak to all others.
    pub fn say(&self) -> String {
        format!("{}.cluster.{}.say", self.prefix.as_str(), self.log)
    }

    /// The subject on which nodes speak to one of them alone.
    pub fn tell(&self, node: &NodeName) -> String {
        format!("{}.{node}", self.say())
    }

    /// The subject on which a node takes requests that others hand on.
    pub fn act(&self, node: &NodeName) -> String {
        format!("{}.cluster.{}.do.{node}", self.prefix.as_str(), self.log)
    }

    /// The subject on which it takes several of them in one message.
    pub fn act_on_many(&self, node: &NodeName) -> String {
        format!("{}.many", self.act(node))
    }

    /// The subject on which a node is asked something.
    pub fn ask(&self, node: &NodeName) -> String {
        format!("{}.cluster.{}.ask.{node}", self.prefix.as_str(), self.log)
    }
}
