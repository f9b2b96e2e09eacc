//! This node's own log and keys: what the node wants done with them, one thing after another.

use std::time::Duration;

use async_nats::Client;
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};

use super::asks;
use super::options::Options;
use super::subjects::Names;
use crate::audit::Hash;
use crate::cluster::{Ask, Event, NodeName, Place};
use crate::domain::Position;
use crate::keys::{LostKeys, Slot};
use crate::log::Group;
use crate::service::{ApplyError, OpenedGroups, Service};

/// The pause before the same is tried once more.
const PAUSE: Duration = Duration::from_millis(200);

/// The bytes that go on the disk as one append where many wait.
const STRETCH_BYTES: usize = 1 << 20;
/// The keys that are asked for at a time.
const KEYS_AHEAD: u64 = 4_096;

/// Groups that the writer has been given, and where it says what came of them.
type Begun = (Vec<Group>, oneshot::Receiver<Result<Position, ApplyError>>);

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

/// The events that a node has behind the end of this log.
enum Fetched {
    /// It has not all of them, or does not answer.
    Nothing,
    /// They do not lead to the place that was asked for.
    Elsewhere,
    Groups(Vec<Group>),
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

    /// Appends groups. That the log has grown is seen by its head, not said here.
    async fn apply(&self, groups: Vec<Group>) -> Option<Event> {
        let failed = self.append(groups).await.err()?;
        Some(Event::Failed(failed.to_string()))
    }

    /// Appends groups in stretches: while one is put on the disk, the next one is opened.
    async fn append(&self, groups: Vec<Group>) -> Result<(), ApplyError> {
        let mut before = None;
        for stretch in stretches(groups) {
            let opened = self.opened(&stretch, &mut before).await?;
            // One at a time: what is tried again must not be overtaken.
            self.finish(before.take()).await?;
            before = Some((stretch, self.service.begin_apply(opened).await?));
        }
        self.finish(before).await
    }

    /// Opens groups, asking others for keys that are missing: one node after another, and all is
    /// tried after each. One that is behind itself may have other keys in these slots, of groups that
    /// never counted; those of the leader are right. What is being put on the disk comes first, for
    /// keys that arrive take the place of all whose contact is not in the log.
    async fn opened(
        &self,
        groups: &[Group],
        before: &mut Option<Begun>,
    ) -> Result<OpenedGroups, ApplyError> {
        let mut asked = 0;
        loop {
            match self.open(groups.to_vec()).await {
                Err(ApplyError::MissingKeys { slots }) => {
                    self.finish(before.take()).await?;
                    self.fetch_keys(&slots, &mut asked).await;
                }
                done => return done,
            }
        }
    }

    /// Opens many beside this task, and few at once.
    async fn open(&self, groups: Vec<Group>) -> Result<OpenedGroups, ApplyError> {
        if bytes_of(&groups) < STRETCH_BYTES {
            return self.service.open_groups(groups);
        }
        let service = self.service.clone();
        let opened = tokio::task::spawn_blocking(move || service.open_groups(groups)).await;
        opened.map_err(|error| ApplyError::Failed(error.to_string()))?
    }

    /// Waits until what was begun is on the disk.
    async fn finish(&self, begun: Option<Begun>) -> Result<(), ApplyError> {
        let Some((groups, done)) = begun else {
            return Ok(());
        };
        let gone = |_| Err(ApplyError::Failed("the writer has stopped".to_owned()));
        let mut done = done.await.unwrap_or_else(gone);
        let mut asked = 0;
        loop {
            match done {
                Ok(_) => return Ok(()),
                // It was told to follow, and the writer has not come to that yet.
                Err(ApplyError::Leads) => tokio::time::sleep(PAUSE).await,
                Err(error @ ApplyError::NoRoom(_)) => {
                    tracing::warn!(%error, "what was ordered waits");
                    tokio::time::sleep(PAUSE).await;
                }
                Err(ApplyError::MissingKeys { slots }) => {
                    self.fetch_keys(&slots, &mut asked).await;
                }
                Err(error) => return Err(error),
            }
            done = self.service.apply(groups.clone()).await;
        }
    }

    /// Asks the next one of the other nodes for keys, and takes in what it has: also some of those
    /// behind, for who lacks these lacks what comes next. When all were asked there is a pause, and
    /// what one of them has given up as lost is given up here from then on.
    async fn fetch_keys(&self, slots: &[Slot], asked: &mut usize) {
        let others: Vec<&NodeName> = self.options.members.others().collect();
        let client = self.client.borrow().clone();
        let node = others.get(*asked % others.len().max(1));
        let lost = match *asked < others.len() {
            true => LostKeys::AskOthers,
            false => LostKeys::GiveUp,
        };
        *asked += 1;
        if let (Some(first), Some(last), Some(client), Some(node)) =
            (slots.first(), slots.last(), client, node)
        {
            let ahead = Slot::new(first.get().saturating_add(KEYS_AHEAD));
            let what = Ask::Keys {
                first: *first,
                end: last.next().max(ahead),
            };
            let (names, key) = (self.names(), &self.options.key);
            if let Some(sealed) = asks::ask(&client, &names, key, node, what).await {
                self.install(sealed, lost).await;
            }
        }
        if asked.is_multiple_of(others.len().max(1)) {
            if *asked == others.len() {
                tracing::warn!(
                    keys = slots.len(),
                    "contacts' keys are on none of the nodes that answered; those that a node has given up \
                     as lost count as lost here, and the others are waited for"
                );
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn names(&self) -> Names {
        Names::new(self.options.prefix.clone(), self.options.log_id.clone())
    }

    async fn install(&self, sealed: Bytes, lost: LostKeys) -> Option<()> {
        let (service, key) = (self.service.clone(), self.options.key.clone());
        let installed =
            tokio::task::spawn_blocking(move || service.install_keys(&sealed, &key, lost)).await;
        let installed = installed.ok()?;
        installed
            .inspect_err(|error| tracing::warn!(%error, "keys were not taken in"))
            .ok()?;
        Some(())
    }

    /// Fetches what lies between the end of this log and a place from the first node that gives it, in
    /// one go: it is appended only when all of it leads there.
    async fn fetch(&self, upto: Place) -> Option<Event> {
        let mut outcome = Event::NotFetched;
        for node in self.options.members.others() {
            match self.fetch_from(node, upto).await {
                Fetched::Nothing => {}
                Fetched::Elsewhere => outcome = Event::Forked,
                Fetched::Groups(groups) => return self.apply(groups).await,
            }
        }
        tokio::time::sleep(PAUSE).await;
        Some(outcome)
    }

    async fn fetch_from(&self, node: &NodeName, upto: Place) -> Fetched {
        let head = self.service.head();
        let client = self.client.borrow().clone();
        let (Some(client), Some(mut tree)) = (client, self.tree_at(head).await) else {
            return Fetched::Nothing;
        };
        let mut groups: Vec<Group> = Vec::new();
        while tree.size() < upto.position.get() {
            let after = Position::new(tree.size());
            let upto = upto.position;
            let what = Ask::Events { after, upto };
            let answer = asks::ask(&client, &self.names(), &self.options.key, node, what).await;
            let follows = |it: &Group| it.first == after.next() && !it.entries.is_empty();
            let Some(group) = answer.and_then(Group::decode).filter(follows) else {
                return Fetched::Nothing;
            };
            for entry in &group.entries {
                tree.push(Hash::leaf(entry));
            }
            groups.push(group);
        }
        match Place::of(&tree) == upto {
            true => Fetched::Groups(groups),
            false => Fetched::Elsewhere,
        }
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
        self.install(sealed, LostKeys::AskOthers).await?;
        Some(Event::KeysKept { first, hash })
    }
}

/// The groups, some of them together.
fn stretches(groups: Vec<Group>) -> Vec<Vec<Group>> {
    let mut all: Vec<Vec<Group>> = Vec::new();
    for group in groups {
        match all.last_mut() {
            Some(last) if bytes_of(last) < STRETCH_BYTES => last.push(group),
            Some(_) | None => all.push(vec![group]),
        }
    }
    all
}

fn bytes_of(groups: &[Group]) -> usize {
    groups.iter().map(Group::bytes).sum()
}
