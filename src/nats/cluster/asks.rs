//! What one node asks another for, and how it answers.

use std::time::Duration;

use async_nats::{Client, Message};
use bytes::Bytes;
use tokio::sync::watch;

use super::roots::{self, Found};
use super::subjects::Names;
use crate::cluster::{Ask, NodeName, Status};
use crate::domain::Position;
use crate::keys::ClusterKey;
use crate::log::Group;
use crate::service::{Audit, Service};

/// The longest that another node may take to answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);
/// The most bytes of events in one answer, which fits into one message of any broker.
const EVENTS_BYTES_MAX: usize = 512 << 10;

/// Asks a node; `None` where it does not answer, or has nothing of it.
pub async fn ask(
    client: &Client,
    names: &Names,
    key: &ClusterKey,
    node: &NodeName,
    what: Ask,
) -> Option<Bytes> {
    let request = client.request(names.ask(node), what.encode(key));
    let answer = tokio::time::timeout(ANSWER_TIME_MAX, request).await;
    let found = what.answered(&answer.ok()?.ok()?.payload, key)?;
    (!found.is_empty()).then_some(found)
}

/// The parts of this node that other nodes' questions are answered from: its log, its tree, its place.
#[derive(Clone)]
pub struct Answering {
    pub service: Service,
    pub audit: Audit,
    pub key: ClusterKey,
    pub status: watch::Receiver<Option<Status>>,
}

impl Answering {
    /// Answers a question of another node. What is not under the cluster's key is not answered.
    pub async fn answer(&self, client: &Client, message: Message) {
        let what = Ask::decode(&message.payload, &self.key);
        let (Some(what), Some(reply)) = (what, message.reply) else {
            return;
        };
        let answering = self.clone();
        let found = tokio::task::spawn_blocking(move || {
            let found = answering.find(what);
            what.answer(&found, &answering.key)
        });
        if let Ok(answer) = found.await
            && let Err(error) = client.publish(reply, answer).await
        {
            tracing::debug!(%error, "another node's question was not answered");
        }
    }

    fn find(&self, what: Ask) -> Vec<u8> {
        match what {
            Ask::Events { after, upto } => match events(&self.service, after.next(), upto) {
                Some(Group { first, entries }) => Group::encode(first, &entries),
                None => Vec::new(),
            },
            Ask::Keys { first, end } => {
                let keys = self.service.export_keys(first..end, &self.key);
                keys.inspect_err(
                    |error| tracing::warn!(%error, "keys were not given to another node"),
                )
                .unwrap_or_default()
            }
            Ask::Root(position) => self.root(position).map(roots::answer).unwrap_or_default(),
        }
    }

    /// The last position of the log, and the root of its tree at a position. A log that was begun anew can't
    /// say what was answered, but for what it must reach.
    fn root(&self, position: Position) -> Option<Found> {
        if let Some(reach) = self.status.borrow().as_ref()?.reach {
            return Some(Found::Anew { reach });
        }
        let head = self.service.head();
        let mut root = None;
        if position <= head {
            let tree = self.audit.tree_at(&self.service, position);
            let tree = tree.inspect_err(|error| tracing::error!(%error, "the log can't be read"));
            root = Some(tree.ok()?.root());
        }
        Some(Found::Log { head, root })
    }
}

/// Some events of this log from a position on, as many as go into one message.
pub fn events(service: &Service, first: Position, last: Position) -> Option<Group> {
    let mut entries: Vec<Bytes> = Vec::new();
    let mut bytes = 0;
    for entry in service.reader().scan(first, last) {
        let (_, entry) = entry.ok()?;
        bytes += entry.len();
        if bytes > EVENTS_BYTES_MAX && !entries.is_empty() {
            break;
        }
        entries.push(entry);
    }
    (!entries.is_empty()).then_some(Group { first, entries })
}
