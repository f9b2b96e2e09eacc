//! One node of three without the others, and the logs that it may have: for tests that tell it
//! event by event.

use std::time::Duration;

use bytes::Bytes;
use contactd::audit::{Frontier, Hash};
use contactd::cluster::{Coder, Event, Members, Node, NodeName, Place, Sizes};
use contactd::keys::ClusterKey;

const SIZES: Sizes = Sizes {
    part_bytes_max: 1_000,
    record_messages_max: 100,
    record_bytes_max: 100_000,
};

/// The names of all nodes.
pub fn names() -> Vec<NodeName> {
    ["a", "b", "c"].map(|name| name.parse().unwrap()).to_vec()
}

/// A log of this many events, and its tree.
pub fn log(events: u64) -> (Vec<Bytes>, Frontier) {
    let entries: Vec<Bytes> = (1..=events).map(|n| n.to_string().into()).collect();
    let leaves: Vec<Hash> = entries.iter().map(|entry| Hash::leaf(entry)).collect();
    (entries, Frontier::of(&leaves))
}

/// The end of that log.
pub fn place(events: u64) -> Place {
    Place::of(&log(events).1)
}

/// A look at the stream that shows that nothing was ever ordered in it.
pub const fn empty_stream() -> Event {
    Event::Stream {
        created: 1,
        last: 0,
        is_empty: false,
        looked_at: 0,
        found: None,
    }
}

/// The node with this number, whose log has so many events, at time zero.
pub fn node(number: usize, events: u64) -> Node {
    let members = Members::new(names(), &names()[number]).unwrap();
    let coder = Coder::new("log".into(), ClusterKey::new([1; 32], "log"));
    Node::new(members, coder, SIZES, place(events), Duration::ZERO)
}
