//! Logs that part because the stream lost messages: who is asked, and what is set aside.

use contactd::cluster::{Answers, Branch, Parting};

use super::*;

impl World {
    /// What the nodes have that can be asked now, where it parts from this node's log.
    pub(super) fn compare(&self, at: usize) -> Event {
        let answers = |other: usize| {
            let process = self.processes[other].as_ref();
            let process = process.filter(|process| other == at || !process.paused)?;
            Some((other, process.node.status().reach.filter(|_| other != at)))
        };
        let answers: Vec<_> = (0..self.plan.nodes).filter_map(answers).collect();
        let whole = answers.iter().filter(|(_, reach)| reach.is_none());
        let asked: Vec<usize> = whole.map(|(other, _)| *other).collect();
        let anew = answers
            .iter()
            .filter_map(|(other, reach)| Some((self.names[*other].clone(), (*reach)?)));
        let root = |other: usize, position: u64| {
            let tree = self.homes[other].tree(position)?;
            Some(tree.root())
        };
        let parts = |&other: &usize| {
            let both = self.homes[at].len().min(self.homes[other].len());
            (1..=both).find(|position| root(at, *position) != root(other, *position))
        };
        let mut places: Vec<u64> = asked.iter().filter_map(parts).collect();
        places.sort_unstable();
        places.dedup();
        let head = |other: usize| Position::new(self.homes[other].len());
        let branches = |position: u64| {
            let branch = |&other: &usize| Branch {
                node: self.names[other].clone(),
                head: head(other),
                root: root(other, position),
            };
            asked.iter().map(branch).collect()
        };
        let partings = places.into_iter().map(|position| Parting {
            position: Position::new(position),
            branches: branches(position),
        });
        let heads = asked.iter();
        Event::Compared(Answers {
            partings: partings.collect(),
            heads: heads
                .map(|&other| (self.names[other].clone(), head(other)))
                .collect(),
            anew: anew.collect(),
        })
    }

    /// The node begins anew with an empty log, which counts once it has reached a position, or at once.
    pub(super) fn set_aside(&mut self, at: usize, reach: Option<Position>) {
        self.next_id += 1;
        let mut home = Home::new(self.next_id << 32);
        home.clock = self.homes[at].clock.clone();
        home.reach = reach;
        let shared = self.homes[at].share_index(&home);
        shared.expect("a disk without faults");
        if let Some(process) = self.processes[at].take() {
            let sent = process.end();
            self.unknown.extend(sent);
        }
        self.homes[at] = home;
        self.start(at);
    }

    /// The stream is made anew, for a node that begins it with its own log.
    pub(super) fn make_anew(&mut self, at: usize) {
        self.stream.forget_all();
        self.look(at, 0);
    }
}
