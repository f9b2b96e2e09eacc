//! Logs that part: which of them stays.
//!
//! That comes about only where the bus lost what it had ordered, and something else was ordered in
//! its place. A node that finds it out halts, asks the others what they have where their logs part
//! from its own, and decides by what they answer:
//!
//! 1. Where a majority of nodes has one and the same, that stays: nothing else was ever answered.
//! 2. Where all nodes have answered and none of their logs has a majority, nothing was answered
//!    behind that place: the longest log stays, and of equally long ones the first node's. But while
//!    those that have not halted are a majority, they go on, and one of the logs may still get one.
//! 3. Else nobody can know, and the node waits for the others, or for a person.
//!
//! A node whose log does not stay sets it aside and joins anew. The one that has the longest log of
//! those that stay gives it to a new stream, for the old one may hold what was set aside.
//!
//! A node whose log was begun anew has no say in what was answered but this: nothing behind the
//! position that its log must reach was ever answered with its help. So where logs part behind that it
//! need not be waited for; but as it may help whoever leads with this node's log to answer, only who
//! alone has its log decides so. And where such nodes are so many that the others are no majority, the
//! longest log has all that was answered if it reaches what all of them must.

use super::member::{Members, NodeName};
use crate::audit::Hash;
use crate::domain::Position;

/// A node's log, as it answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// The node that has it.
    pub node: NodeName,
    /// The last position of the log.
    pub head: Position,
    /// The root at the place that is asked about; `None` where the log is shorter.
    pub root: Option<Hash>,
}

/// A place from which on some logs differ from this node's, and what each node has there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parting {
    /// The first position at which they differ.
    pub position: Position,
    /// The logs of all that have answered, this node's among them.
    pub branches: Vec<Branch>,
}

/// What all that have answered have, this node among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// The places at which logs part from this node's, in their order.
    pub partings: Vec<Parting>,
    /// The last position of each log that counts for a majority.
    pub heads: Vec<(NodeName, Position)>,
    /// The nodes whose logs were begun anew, and the position that each must reach.
    pub anew: Vec<(NodeName, Position)>,
}

impl Answers {
    /// The number of nodes that are known to have helped to answer nothing behind a position that they
    /// did not say.
    fn answered(&self, position: Position) -> usize {
        let anew = self.anew.iter().filter(|(_, reach)| *reach <= position);
        self.heads.len() + anew.count()
    }
}

/// The way on for a node that has halted because its log parts from another node's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Wait: nobody can know which log stays.
    Wait,
    /// Its log stays, and another node's does too: it reads the stream anew.
    ReadAnew,
    /// Its log stays and is the longest: the stream is made anew from it.
    Reseed,
    /// Its log does not stay from this position on.
    SetAside(Position),
}

/// What this node is to do by what all have answered. `rest` says whether so many have halted or were
/// begun anew that without them there is no majority.
pub fn verdict(members: &Members, answers: &Answers, rest: bool) -> Verdict {
    let Answers {
        partings, heads, ..
    } = answers;
    let all = members.names().len();
    let mut out: Vec<&NodeName> = Vec::new();
    for Parting { position, branches } in partings {
        let own = branches.iter().find(|it| it.node == *members.own());
        let own = own.and_then(|branch| branch.root);
        let alone = branches.iter().filter(|it| it.root == own).count() == 1;
        let whole = heads.len() == all;
        let known = whole || (alone && answers.answered(position.previous()) == all);
        let stays = match of_majority(members, branches) {
            Some(root) => Some(root),
            None if rest && known => {
                let left = branches.iter().filter(|it| !out.contains(&&it.node));
                longest(members, left.map(|it| (&it.node, it.head)))
                    .and_then(|node| branches.iter().find(|it| it.node == *node)?.root)
            }
            None => return Verdict::Wait,
        };
        if stays.is_some() && own.is_some() && stays != own {
            return Verdict::SetAside(*position);
        }
        let differs = |branch: &&Branch| branch.root.is_some() && branch.root != own;
        out.extend(branches.iter().filter(differs).map(|branch| &branch.node));
    }
    let left = heads.iter().filter(|(node, _)| !out.contains(&node));
    let longest = longest(members, left.map(|(node, head)| (node, *head)));
    let own = heads.iter().find(|(node, _)| node == members.own());
    let has_all = own.is_some_and(|(_, head)| answers.answered(*head) == all);
    match longest == Some(members.own()) {
        _ if heads.len() < members.majority() && !has_all => Verdict::Wait,
        true => Verdict::Reseed,
        false => Verdict::ReadAnew,
    }
}

/// The root that a majority of all nodes has.
fn of_majority(members: &Members, branches: &[Branch]) -> Option<Hash> {
    let roots = || branches.iter().filter_map(|branch| branch.root);
    roots().find(|root| roots().filter(|other| other == root).count() >= members.majority())
}

/// The node with the longest log; of equally long ones the first that is listed.
fn longest<'a>(
    members: &Members,
    logs: impl Iterator<Item = (&'a NodeName, Position)>,
) -> Option<&'a NodeName> {
    let rank = |node: &NodeName| members.names().iter().position(|name| name == node);
    let logs = logs.map(|(node, head)| (head, std::cmp::Reverse(rank(node)), node));
    logs.max().map(|(_, _, node)| node)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `a` of three or five nodes decides where each of these has a log with this head, and
    /// these roots at each parting, of which 0 is none.
    fn decided(count: usize, logs: &[(&str, u64)], partings: &[(u64, &[u8])]) -> Verdict {
        judged(count, logs, partings, true)
    }

    /// Likewise, where those that have not halted are a majority or not.
    fn judged(
        count: usize,
        logs: &[(&str, u64)],
        partings: &[(u64, &[u8])],
        rest: bool,
    ) -> Verdict {
        with_anew(count, logs, partings, rest, &[])
    }

    /// Likewise, where some logs were begun anew and must reach these positions.
    fn with_anew(
        count: usize,
        logs: &[(&str, u64)],
        partings: &[(u64, &[u8])],
        rest: bool,
        anew: &[(&str, u64)],
    ) -> Verdict {
        let names = ["a", "b", "c", "d", "e"].map(|name| name.parse().expect("a name"));
        let members = Members::new(names[..count].to_vec(), &names[0]).expect("a cluster");
        let positions = |logs: &[(&str, u64)]| -> Vec<(NodeName, Position)> {
            let positions = logs.iter();
            let position = |(name, at): &(&str, u64)| {
                let name = name.parse().expect("a name");
                (name, Position::new(*at))
            };
            positions.map(position).collect()
        };
        let (heads, anew) = (positions(logs), positions(anew));
        let parting = |(position, roots): &(u64, &[u8])| {
            let branch = |((node, head), root): (&(NodeName, Position), &u8)| Branch {
                node: node.clone(),
                head: *head,
                root: (*root > 0).then_some(Hash([*root; 32])),
            };
            Parting {
                position: Position::new(*position),
                branches: heads.iter().zip(*roots).map(branch).collect(),
            }
        };
        let partings: Vec<Parting> = partings.iter().map(parting).collect();
        let answers = Answers {
            partings,
            heads,
            anew,
        };
        verdict(&members, &answers, rest)
    }

    #[test]
    fn what_a_majority_has_stays() {
        let at = Position::new(7);
        let set_aside = decided(3, &[("a", 9), ("b", 8), ("c", 8)], &[(7, &[1, 2, 2])]);
        assert_eq!(set_aside, Verdict::SetAside(at));
        let longest = decided(3, &[("a", 8), ("b", 8), ("c", 9)], &[(7, &[1, 1, 2])]);
        assert_eq!(longest, Verdict::Reseed);
        let other = decided(3, &[("a", 8), ("b", 9), ("c", 9)], &[(7, &[1, 1, 2])]);
        assert_eq!(other, Verdict::ReadAnew);
    }

    #[test]
    fn without_a_majority_all_must_have_answered() {
        let two = decided(3, &[("a", 9), ("b", 8)], &[(7, &[1, 2])]);
        assert_eq!(two, Verdict::Wait);
        let all = decided(3, &[("a", 9), ("b", 8), ("c", 6)], &[(7, &[1, 2, 0])]);
        assert_eq!(all, Verdict::Reseed);
        let goes_on = judged(
            3,
            &[("a", 9), ("b", 8), ("c", 6)],
            &[(7, &[1, 2, 0])],
            false,
        );
        assert_eq!(goes_on, Verdict::Wait);
        let shorter = decided(3, &[("a", 8), ("b", 9), ("c", 6)], &[(7, &[1, 2, 0])]);
        assert_eq!(shorter, Verdict::SetAside(Position::new(7)));
    }

    #[test]
    fn each_further_parting_is_judged_by_itself() {
        // c parts first and is outvoted; d and e, who know whether b's further log was answered,
        // are away.
        let logs = [("a", 8), ("b", 9), ("c", 9)];
        let away = decided(5, &logs, &[(5, &[1, 1, 2]), (7, &[1, 3, 4])]);
        assert_eq!(away, Verdict::Wait);
        let three = decided(3, &logs, &[(5, &[1, 1, 2]), (7, &[1, 3, 4])]);
        assert_eq!(three, Verdict::SetAside(Position::new(7)));
    }

    #[test]
    fn a_log_that_was_begun_anew_is_not_waited_for_behind_what_it_must_reach() {
        let logs = [("a", 9), ("b", 9)];
        let parting: [(u64, &[u8]); 1] = [(7, &[1, 2])];
        let longest = |reach| with_anew(3, &logs, &parting, true, &[("c", reach)]);
        assert_eq!(longest(6), Verdict::Reseed);
        assert_eq!(longest(7), Verdict::Wait, "it may have helped to answer 7");
        let shorter = [("a", 8), ("b", 9)];
        let c = [("c", 6)];
        let at = Position::new(7);
        let set_aside = with_anew(3, &shorter, &parting, true, &c);
        assert_eq!(set_aside, Verdict::SetAside(at));
        let goes_on = with_anew(3, &shorter, &parting, false, &c);
        assert_eq!(goes_on, Verdict::Wait);
        let away = with_anew(5, &shorter, &parting, true, &[("c", 6), ("d", 6)]);
        assert_eq!(away, Verdict::Wait);
    }

    #[test]
    fn who_shares_a_log_does_not_set_it_aside_while_a_third_may_take_it() {
        let logs = [("a", 8), ("b", 9), ("c", 8), ("d", 9)];
        let parting: [(u64, &[u8]); 1] = [(7, &[1, 2, 1, 2])];
        let waits = with_anew(5, &logs, &parting, true, &[("e", 6)]);
        assert_eq!(waits, Verdict::Wait);
        let alone: [(u64, &[u8]); 1] = [(7, &[1, 2, 3, 2])];
        let set_aside = with_anew(5, &logs, &alone, true, &[("e", 6)]);
        assert_eq!(set_aside, Verdict::SetAside(Position::new(7)));
    }

    #[test]
    fn the_last_log_goes_on_where_it_has_what_all_others_must_reach() {
        let last = |anew: &[(&str, u64)]| with_anew(3, &[("a", 8)], &[], true, anew);
        assert_eq!(last(&[("b", 8), ("c", 6)]), Verdict::Reseed);
        assert_eq!(last(&[("b", 9), ("c", 6)]), Verdict::Wait);
        assert_eq!(last(&[("b", 8)]), Verdict::Wait, "c may know better");
        let two = |head| {
            with_anew(
                5,
                &[("a", head), ("b", 8)],
                &[],
                true,
                &[("c", 6), ("d", 6), ("e", 8)],
            )
        };
        assert_eq!(two(8), Verdict::Reseed);
        assert_eq!(two(7), Verdict::Wait);
    }

    #[test]
    fn where_nothing_differs_the_stream_is_wrong() {
        let logs = [("a", 9), ("b", 9)];
        assert_eq!(decided(3, &logs, &[]), Verdict::Reseed);
        assert_eq!(decided(3, &[("a", 8), ("b", 9)], &[]), Verdict::ReadAnew);
        assert_eq!(decided(3, &[("a", 8)], &[]), Verdict::Wait);
    }
}
