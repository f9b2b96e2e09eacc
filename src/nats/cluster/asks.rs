//! What one node asks another for, and how it answers.

use std::time::Duration;

use async_nats::{Client, Message};
use bytes::Bytes;

use super::subjects::Names;
use crate::cluster::{Ask, NodeName};
use crate::domain::Position;
use crate::keys::ClusterKey;
use crate::log::Group;
use crate::service::Service;

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

/// Answers a question of another node. What is not under the cluster's key is not answered.
pub async fn answer(client: &Client, service: &Service, key: &ClusterKey, message: Message) {
    let (Some(what), Some(reply)) = (Ask::decode(&message.payload, key), message.reply) else {
        return;
    };
    let (service, key) = (service.clone(), key.clone());
    let found = tokio::task::spawn_blocking(move || {
        let found = find(&service, &key, what);
        what.answer(&found, &key)
    });
    if let Ok(answer) = found.await
        && let Err(error) = client.publish(reply, answer).await
    {
        tracing::debug!(%error, "another node's question was not answered");
    }
}

fn find(service: &Service, key: &ClusterKey, what: Ask) -> Vec<u8> {
    match what {
        Ask::Events { after, upto } => match events(service, after.next(), upto) {
            Some(Group { first, entries }) => Group::encode(first, &entries),
            None => Vec::new(),
        },
        Ask::Keys { first, end } => {
            let keys = service.export_keys(first..end, key);
            keys.inspect_err(|error| tracing::warn!(%error, "keys were not given to another node"))
                .unwrap_or_default()
        }
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
