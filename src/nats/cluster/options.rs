//! What being in a cluster needs to know.

use std::time::Duration;

use super::cosigning::Cosigning;
use crate::cluster::Members;
use crate::domain::Position;
use crate::keys::ClusterKey;
use crate::nats::connect::Target;
use crate::nats::subjects::Prefix;

/// What being in a cluster needs to know.
#[derive(Clone)]
pub struct Options {
    /// The addresses of the broker, and the login of this service.
    pub target: Target,
    /// The first token of every subject.
    pub prefix: Prefix,
    /// The id of the log.
    pub log_id: String,
    /// The nodes, and which of them this one is.
    pub members: Members,
    /// The secret that they share, for this log.
    pub key: ClusterKey,
    /// The audit log, and the key with which this node's disk cosigns it.
    pub cosigning: Cosigning,
    /// The position that this log must reach before it counts for a majority, where it was begun
    /// anew; the highest one stands for what the leader has on its disk.
    pub reach: Option<Position>,
    /// The age that this node's last event had when its process started: since then it may have been
    /// behind.
    pub behind: Duration,
    /// What a node without a log needs to have this one, which is told sealed.
    pub identity: Vec<u8>,
}
