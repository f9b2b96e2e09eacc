//! Where the logs of other nodes part from this one, found by asking for the roots of their trees.

use super::asks;
use super::disk::Disk;
use super::roots::{self, Found};
use super::subjects::Names;
use crate::audit::Hash;
use crate::cluster::{Answers, Ask, Branch, Event, NodeName, Parting};
use crate::domain::Position;

impl Disk {
    /// Asks all others where their logs part from this one; `None` where one does not answer any
    /// more in the middle of that.
    pub(super) async fn compare(&self) -> Option<Event> {
        let own = self.service.head();
        let mut heads = vec![(self.options.members.own().clone(), own)];
        let mut anew = Vec::new();
        let mut places = Vec::new();
        for node in self.options.members.others() {
            match self.ask_root(node, own).await {
                None => {}
                Some(Found::Anew { reach }) => anew.push((node.clone(), reach)),
                Some(Found::Log { head, .. }) => {
                    heads.push((node.clone(), head));
                    places.extend(self.parts(node, own.min(head)).await?);
                }
            }
        }
        places.sort_unstable();
        places.dedup();
        let mut partings = Vec::new();
        for position in places {
            let mut branches = Vec::new();
            for (node, head) in &heads {
                branches.push(Branch {
                    node: node.clone(),
                    head: *head,
                    root: self.root_of(node, position).await?,
                });
            }
            partings.push(Parting { position, branches });
        }
        Some(Event::Compared(Answers {
            partings,
            heads,
            anew,
        }))
    }

    /// The first position, up to one that both have, from which on a node's log is another one than
    /// this; the inner `None` where they are the same up to there.
    async fn parts(&self, node: &NodeName, upto: Position) -> Option<Option<Position>> {
        let (mut same, mut differs) = (Position::ZERO, upto);
        if upto == Position::ZERO || self.is_same(node, upto).await? {
            return Some(None);
        }
        while same.next() < differs {
            let middle = Position::new(same.get().midpoint(differs.get()));
            match self.is_same(node, middle).await? {
                true => same = middle,
                false => differs = middle,
            }
        }
        Some(Some(differs))
    }

    async fn is_same(&self, node: &NodeName, position: Position) -> Option<bool> {
        let theirs = self.ask_log(node, position).await?;
        let own = self.tree_at(position).await?.root();
        Some(theirs? == own)
    }

    /// The root that a node has at a position, this one among them.
    async fn root_of(&self, node: &NodeName, position: Position) -> Option<Option<Hash>> {
        match self.options.members.is_other(node) {
            true => self.ask_log(node, position).await,
            false => Some(Some(self.tree_at(position).await?.root())),
        }
    }

    /// The root that another node has at a position; the inner `None` where its log is shorter.
    async fn ask_log(&self, node: &NodeName, position: Position) -> Option<Option<Hash>> {
        match self.ask_root(node, position).await? {
            Found::Log { root, .. } => Some(root),
            Found::Anew { .. } => None,
        }
    }

    async fn ask_root(&self, node: &NodeName, position: Position) -> Option<Found> {
        let client = self.client.borrow().clone()?;
        let names = Names::new(self.options.prefix.clone(), self.options.log_id.clone());
        let what = Ask::Root(position);
        roots::read(&asks::ask(&client, &names, &self.options.key, node, what).await?)
    }
}
