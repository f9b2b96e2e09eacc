//! This node's own log and keys: what the node wants done with them, one thing after another.

use std::time::Duration;

use async_nats::Client;
use bytes::Bytes;
use tokio::sync::{mpsc, watch};

use super::asks;
use super::options::Options;
use super::subjects::Names;
use crate::audit::Hash;
use crate::cluster::{Ask, Event, NodeName, Place};
use crate::domain::Position;
use crate::keys::Slot;
use crate::log::Group;
use crate::service::{ApplyError, Service};

/// The pause before the same is tried once more.
const PAUSE: Duration = Duration::from_millis(200);

/// Something to be done with the log.
pub enum Work {
    /// Append groups that were ordered.
    Apply(Vec<Group>),
    /// Fetch events from others, up to a place.
    Fetch(Place),
    /// Find the tree at a position.
    FindTree(Position),
    /// Read events of this log, from one position to another.
    ReadOwn(Position, Position),
    /// Put keys on the disk that the leader sent.
    KeepKeys(Position, Bytes),
    /// Ask the others where their logs part from this one.
    Compare,
}

/// Does what is to be done, in order, and says what came of it.
pub struct Disk {
    pub options: Options,
    pub service: Service,
    /// The connection on which others can be asked, while there is one.
    pub client: watch::Receiver<Option<Client>>,
    pub events: mpsc::Sender<Event>,
}

impl Disk {
    /// Works until nobody gives work any more.
    pub async fn run(self, mut work: mpsc::Receiver<Work>) {
        while let Some(next) = work.recv().await {
            let event = match next {
                Work::Apply(groups) => self.apply(groups).await,
                Work::Fetch(upto) => self.fetch(upto).await,
                Work::FindTree(position) => self.find_tree(position).await,
                Work::ReadOwn(first, last) => self.read_own(first, last).await,
                Work::KeepKeys(first, sealed) => self.keep_keys(first, sealed).await,
                Work::Compare => self.compare().await,
            };
            if let Some(event) = event
                && self.events.send(event).await.is_err()
            {
                return;
            }
        }
    }

    /// Appends groups, asking others for keys that are missing: one node after another, and all is
    /// tried after each. One that is behind itself may have other keys in these slots, of groups that
    /// never counted; those of the leader are right. That the log has grown is seen by its head, not
    /// said here.
    async fn apply(&self, groups: Vec<Group>) -> Option<Event> {
        let others: Vec<&NodeName> = self.options.members.others().collect();
        let mut asked = 0;
        loop {
            match self.service.apply(groups.clone()).await {
                Ok(_) => return None,
                Err(ApplyError::MissingKeys { slots }) => {
                    if let Some(node) = others.get(asked % others.len().max(1)) {
                        self.fetch_keys(node, &slots).await;
                    }
                    asked += 1;
                    if asked % others.len().max(1) != 0 {
                        continue;
                    }
                }
                // It was told to follow, and the writer has not come to that yet.
                Err(ApplyError::Leads) => {}
                Err(error @ ApplyError::NoRoom(_)) => {
                    tracing::warn!(%error, "what was ordered waits");
                }
                Err(error) => return Some(Event::Failed(error.to_string())),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Asks another node for keys, and takes in what it has.
    async fn fetch_keys(&self, node: &NodeName, slots: &[Slot]) {
        let client = self.client.borrow().clone();
        let (Some(first), Some(last), Some(client)) = (slots.first(), slots.last(), client) else {
            return;
        };
        let what = Ask::Keys {
            first: *first,
            end: last.next(),
        };
        let (names, key) = (self.names(), &self.options.key);
        if let Some(sealed) = asks::ask(&client, &names, key, node, what).await {
            self.install(sealed).await;
        }
    }

    fn names(&self) -> Names {
        Names::new(self.options.prefix.clone(), self.options.log_id.clone())
    }

    async fn install(&self, sealed: Bytes) -> Option<()> {
        let (service, key) = (self.service.clone(), self.options.key.clone());
        let installed =
            tokio::task::spawn_blocking(move || service.install_keys(&sealed, &key)).await;
        let installed = installed.ok()?;
        installed
            .inspect_err(|error| tracing::warn!(%error, "keys were not taken in"))
            .ok()?;
        Some(())
    }

    /// What all others answer.
    async fn ask_all(&self, what: Ask) -> Vec<Bytes> {
        let client = self.client.borrow().clone();
        let Some(client) = client else {
            return Vec::new();
        };
        let names = self.names();
        let key = &self.options.key;
        let others = self.options.members.others();
        let asked = others.map(|node| asks::ask(&client, &names, key, node, what));
        let answers = futures_util::future::join_all(asked).await;
        answers.into_iter().flatten().collect()
    }

    /// Fetches what lies between the end of this log and a place, in one go: it is appended only
    /// when all of it leads there.
    async fn fetch(&self, upto: Place) -> Option<Event> {
        let mut groups: Vec<Group> = Vec::new();
        let head = self.service.head();
        let mut tree = self.tree_at(head).await?;
        while tree.size() < upto.position.get() {
            let after = Position::new(tree.size());
            let what = Ask::Events {
                after,
                upto: upto.position,
            };
            let answers = self.ask_all(what).await.into_iter();
            let group = answers
                .filter_map(Group::decode)
                .find(|group| group.first == after.next());
            let Some(group) = group else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            for entry in &group.entries {
                tree.push(Hash::leaf(entry));
            }
            groups.push(group);
        }
        if Place::of(&tree) != upto {
            return Some(Event::Forked);
        }
        for group in groups {
            if let Some(failed) = self.apply(vec![group]).await {
                return Some(failed);
            }
        }
        None
    }

    pub(super) async fn tree_at(&self, position: Position) -> Option<crate::audit::Frontier> {
        let service = self.service.clone();
        let audit = self.options.cosigning.audit().clone();
        let tree = tokio::task::spawn_blocking(move || audit.tree_at(&service, position)).await;
        let tree = tree.ok()?;
        tree.inspect_err(|error| tracing::error!(%error, "the log's tree can't be made"))
            .ok()
    }

    async fn find_tree(&self, position: Position) -> Option<Event> {
        if position > self.service.head() {
            let tree = None;
            return Some(Event::Tree { position, tree });
        }
        let tree = self.tree_at(position).await?;
        let tree = Some(tree);
        Some(Event::Tree { position, tree })
    }

    async fn read_own(&self, first: Position, last: Position) -> Option<Event> {
        let service = self.service.clone();
        let events = tokio::task::spawn_blocking(move || asks::events(&service, first, last)).await;
        Some(Event::Own(events.ok()??))
    }

    async fn keep_keys(&self, first: Position, sealed: Bytes) -> Option<Event> {
        let hash = Hash::leaf(&sealed);
        self.install(sealed).await?;
        Some(Event::KeysKept { first, hash })
    }
}
