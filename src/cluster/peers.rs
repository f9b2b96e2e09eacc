//! What the other nodes have said of themselves, and what follows from it for a majority.

use std::time::Duration;

use super::ends::Ends;
use super::member::{Members, NodeName};
use super::place::Place;
use crate::domain::Position;

/// Another node as it last told of itself.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The name of the node.
    pub name: NodeName,
    /// The end of its log on its disk; `None` before it has said so.
    pub place: Option<Place>,
    /// Whoever is erased up to this position is so on its disk.
    pub erased: Position,
    /// Whether it serves nothing, because of a contradiction.
    pub halted: bool,
    /// Whether its log counts for a majority: one that was begun anew may lack what was answered.
    pub whole: bool,
    /// The version that it runs, where it says so.
    pub version: Option<Box<str>>,
    /// The time at which it was last heard.
    pub heard: Option<Duration>,
    /// The time at which it last gave the lead up.
    pub yielded: Option<Duration>,
}

/// All other nodes of the cluster.
pub struct Peers {
    all: Vec<Peer>,
    majority: usize,
}

impl Peers {
    /// The other members, of whom nothing has been heard.
    pub fn of(members: &Members) -> Self {
        let silent = |name: &NodeName| Peer {
            name: name.clone(),
            place: None,
            erased: Position::ZERO,
            halted: false,
            whole: true,
            version: None,
            heard: None,
            yielded: None,
        };
        Self {
            all: members.others().map(silent).collect(),
            majority: members.majority(),
        }
    }

    /// All of them, in the order of their ranks.
    pub fn all(&self) -> &[Peer] {
        &self.all
    }

    /// Notes that a node was heard.
    pub fn heard(&mut self, name: &NodeName, now: Duration) {
        if let Some(peer) = self.get(name) {
            peer.heard = Some(now);
        }
    }

    /// Notes that a node gave the lead up.
    pub fn yielded(&mut self, name: &NodeName, now: Duration) {
        if let Some(peer) = self.get(name) {
            peer.yielded = Some(now);
        }
    }

    /// Notes what a node says is on its disk, and whether it has halted and is whole. The last word
    /// counts, for a node may have begun anew; one that was overtaken on its way counts too little
    /// until the next one comes.
    pub fn durable(&mut self, name: &NodeName, place: Place, (halted, whole): (bool, bool)) {
        if let Some(peer) = self.get(name) {
            peer.place = Some(place);
            peer.halted = halted;
            peer.whole = whole;
        }
    }

    /// Notes which version a node runs. Its last word counts: it may be an older one since.
    pub fn runs(&mut self, name: &NodeName, version: Option<Box<str>>) {
        if let Some(peer) = self.get(name) {
            peer.version = version;
        }
    }

    /// Notes up to where a node has destroyed the keys of the erased. Its last word counts: its disk
    /// may be another one since.
    pub fn erased(&mut self, name: &NodeName, position: Position) {
        if let Some(peer) = self.get(name) {
            peer.erased = position;
        }
    }

    /// The position up to which a majority with this node has destroyed the keys of the erased.
    pub fn erased_by_majority(&self, own: Position) -> Position {
        let others = self.all.iter().map(|peer| peer.erased);
        self.of_majority(others.chain([own]).collect())
    }

    /// The highest position that a majority of all nodes has reached, by those that some have.
    fn of_majority(&self, mut positions: Vec<Position>) -> Position {
        positions.sort_unstable_by(|left, right| right.cmp(left));
        let counted = positions.get(self.majority - 1).copied();
        counted.unwrap_or(Position::ZERO)
    }

    fn get(&mut self, name: &NodeName) -> Option<&mut Peer> {
        self.all.iter_mut().find(|peer| peer.name == *name)
    }

    /// The places of those that were heard since a time and take part.
    fn present(&self, since: Duration) -> impl Iterator<Item = Place> {
        let present = self.all.iter().filter(move |peer| {
            let heard = peer.heard.is_some_and(|heard| heard >= since);
            heard && !peer.halted && peer.whole
        });
        present.filter_map(|peer| peer.place)
    }

    /// Whether this node and those that were heard since a time are a majority.
    pub fn is_majority_present(&self, since: Duration) -> bool {
        self.present(since).count() + 1 >= self.majority
    }

    /// The last time at which a majority with this node was there; `None` where it never was.
    pub fn majority_heard(&self) -> Option<Duration> {
        let takes_part = self.all.iter().filter(|peer| !peer.halted && peer.whole);
        let mut heard: Vec<Duration> = takes_part.filter_map(|peer| peer.heard).collect();
        heard.sort_unstable_by(|left, right| right.cmp(left));
        heard.get(self.majority.checked_sub(2)?).copied()
    }

    /// Whether a majority is present, of which nobody has more than this node or other events at
    /// the same position: then all that was ever answered is on this node.
    pub fn lets_stand(&self, own: Place, since: Duration) -> bool {
        let nobody_more = self
            .present(since)
            .all(|place| place.position < own.position || place == own);
        nobody_more && self.is_majority_present(since)
    }

    /// Whether a node that was heard since a time has other events up to the end of this log: then
    /// neither may stand.
    pub fn parts(&self, own: Place, since: Duration) -> bool {
        let mut present = self.present(since);
        present.any(|place| place.position == own.position && place != own)
    }

    /// Whether so many have halted or were begun anew that without them there is no majority.
    pub fn are_out(&self) -> bool {
        let in_it = self.all.iter().filter(|peer| !peer.halted && peer.whole);
        in_it.count() + 1 < self.majority
    }

    /// The number of other nodes that have not halted, without some.
    pub fn going_on(&self, without: &[(NodeName, Position)]) -> usize {
        let others = self.all.iter().filter(|peer| !peer.halted);
        let is_meant = |peer: &&Peer| without.iter().all(|(node, _)| *node != peer.name);
        others.filter(is_meant).count()
    }

    /// Whether a node has events behind a position.
    pub fn has_more(&self, position: Position) -> bool {
        let mut places = self.all.iter().filter_map(|peer| peer.place);
        places.any(|place| place.position > position)
    }

    /// The highest position of those that were heard since a time.
    pub fn highest(&self, since: Duration) -> Option<Position> {
        self.present(since).map(|place| place.position).max()
    }

    /// The lowest position of those that were heard since a time.
    pub fn lowest(&self, since: Duration) -> Option<Position> {
        self.present(since).map(|place| place.position).min()
    }

    /// The last position that is on the disks of a majority with the very same tree, given the end
    /// of this node's own log. Nodes that have halted do not count: one may be about to set its log
    /// aside, by what others had before this was asked.
    pub fn settled(&self, own: Position, ends: &Ends) -> Position {
        let same = |peer: &Peer| {
            let place = peer.place.filter(|_| !peer.halted)?;
            (ends.at(place.position) == Some(place)).then_some(place.position)
        };
        let others = self.all.iter().filter_map(same);
        self.of_majority(others.chain([own]).collect()).min(own)
    }

    /// Whether the log of a node is known to be this node's, or known not to be; `None` where the
    /// two can't be compared.
    pub fn is_same(peer: &Peer, ends: &Ends) -> Option<bool> {
        let place = peer.place?;
        let root = ends.root(place.position)?;
        Some(root == place.root)
    }

    /// The position at which a majority of the cluster holds other events than this node.
    pub fn contradiction(&self, ends: &Ends) -> Option<Position> {
        // One that has halted has what it has, and one that was begun anew may lack what was answered.
        let differs = |peer: &&Peer| peer.whole && Self::is_same(peer, ends) == Some(false);
        let others = self.all.iter().filter(differs);
        let others: Vec<Place> = others.filter_map(|peer| peer.place).collect();
        let most = others.iter().find(|place| {
            let same = others.iter().filter(|other| other == place);
            same.count() >= self.majority
        });
        most.map(|place| place.position)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::audit::Hash;

    fn place(position: u64, root: u8) -> Place {
        Place {
            position: Position::new(position),
            root: Hash([root; 32]),
        }
    }

    /// Five nodes, of which the others are at these places.
    fn peers(others: &[(u64, u8)]) -> Peers {
        let names: Vec<NodeName> = ["a", "b", "c", "d", "e"]
            .map(|name| name.parse().expect("a name"))
            .to_vec();
        let mut peers = Peers::of(&Members::new(names.clone(), &names[0]).expect("a cluster"));
        for (name, (position, root)) in names[1..].iter().zip(others) {
            peers.heard(name, Duration::from_secs(9));
            peers.durable(name, place(*position, *root), (false, true));
        }
        peers
    }

    proptest! {
        /// By the definition: a majority holds this log's tree at or behind the position.
        #[test]
        fn settled_is_what_a_majority_has(own in 0..9_u64, others in vec((0..9_u64, 0..2_u8), 4)) {
            let mut ends = Ends::default();
            (0..9).for_each(|position| ends.keep(place(position, 1)));
            let peers = peers(&others);
            let settled = peers.settled(Position::new(own), &ends).get();
            let have = |wanted: u64| {
                let same = others.iter().filter(|(at, root)| *root == 1 && *at >= wanted);
                own >= wanted && same.count() + 1 >= 3
            };
            prop_assert!(settled == 0 || have(settled));
            prop_assert!(!have(settled + 1));
        }
    }

    #[test]
    fn a_node_that_has_halted_settles_nothing() {
        let mut ends = Ends::default();
        ends.keep(place(7, 1));
        let mut peers = peers(&[(7, 1), (7, 1), (3, 2), (3, 2)]);
        let own = Position::new(7);
        assert_eq!(peers.settled(own, &ends), own);
        let b = "b".parse().expect("a name");
        peers.durable(&b, place(7, 1), (true, true));
        assert_eq!(peers.settled(own, &ends), Position::ZERO);
    }

    #[test]
    fn the_erased_are_erased_where_a_majority_says_so() {
        let mut peers = peers(&[(7, 1); 4]);
        let own = Position::new(7);
        assert_eq!(peers.erased_by_majority(own), Position::ZERO);
        for (name, position) in [("b", 5), ("c", 6), ("d", 2), ("c", 4)] {
            let name = name.parse().expect("a name");
            peers.erased(&name, Position::new(position));
        }
        assert_eq!(peers.erased_by_majority(own), Position::new(4));
    }

    #[test]
    fn nobody_stands_before_one_that_has_more_or_without_a_majority() {
        let since = Duration::from_secs(5);
        let stands = |others: &[(u64, u8)]| peers(others).lets_stand(place(7, 1), since);
        assert!(stands(&[(7, 1), (3, 9)]));
        assert!(!stands(&[(7, 1)]), "two of five");
        assert!(!stands(&[(7, 1), (8, 1)]), "one has more");
        assert!(!stands(&[(7, 1), (7, 2)]), "one has others");
        let all = peers(&[(7, 1), (7, 1), (7, 1)]);
        assert!(
            !all.lets_stand(place(7, 1), Duration::from_secs(10)),
            "none was heard"
        );
    }

    #[test]
    fn a_node_is_wrong_where_a_majority_says_so() {
        let mut ends = Ends::default();
        ends.keep(place(7, 1));
        assert_eq!(peers(&[(7, 2), (7, 2), (7, 1)]).contradiction(&ends), None);
        let others = peers(&[(7, 2), (7, 2), (7, 2)]);
        assert_eq!(others.contradiction(&ends), Some(Position::new(7)));
        assert_eq!(peers(&[(7, 2), (7, 3), (7, 4)]).contradiction(&ends), None);
    }
}
