//! The end: all nodes have the same log, and it has what was answered.

use std::collections::BTreeMap;

use async_nats::jetstream;
use futures_util::StreamExt;
use serde_json::Value;

use super::watch::{self, Watch};
use super::{Rig, eventually};
use crate::calls::history::Call;
use crate::calls::judge;

/// What was wrong; nothing where all is well. `calls` are judged by the log.
pub async fn wrong(rig: &mut Rig, calls: &[Call], watch: &Watch) -> Vec<String> {
    let (size, mut wrong) = same_checkpoint(rig, calls, watch).await;
    let logs = logs(rig).await;
    for (node, log) in rig.nodes.iter().zip(&logs) {
        if log.len() as u64 != size || log != &logs[0] {
            wrong.push(format!("{} has other events than a", node.name));
        }
    }
    wrong.extend(judge::judge(calls, &logs[0]).all().cloned());
    wrong.extend(twice(&logs[0]));
    wrong.extend(published(rig, &logs[0]).await);
    let restored = |node: &&super::Node| node.said().contains("was an older backup restored?");
    let restored = rig.nodes.iter().filter(restored);
    wrong.extend(restored.map(|node| format!("{} speaks of a backup", node.name)));
    wrong.extend(at_rest(rig));
    wrong
}

/// Waits until all have signed the same tree, with all that was answered; its size.
async fn same_checkpoint(rig: &Rig, calls: &[Call], watch: &Watch) -> (u64, Vec<String>) {
    let last = calls.iter().filter_map(|call| call.position).max();
    let (size, root) = eventually("all have signed the same", async || {
        let mut all = Vec::new();
        for node in &rig.nodes {
            let head = node.get(&rig.probe, "/readyz", &rig.token).await?["position"].as_u64()?;
            let (size, root) = watch::checkpoint(&rig.probe, &node.url).await?;
            if Some(size) < last || size != head {
                return None;
            }
            all.push((size, root));
        }
        all.iter().all(|one| *one == all[0]).then_some(all[0])
    })
    .await;
    let leaves = watch::leaves(&rig.probe, &rig.nodes[0].url, size).await;
    let mut wrong = watch.strangers(&leaves);
    let mut tree = contactd::audit::Frontier::default();
    leaves.iter().for_each(|leaf| tree.push(*leaf));
    if tree.root() != root {
        wrong.push("the tiles are not of the checkpoint".to_owned());
    }
    (size, wrong)
}

/// The events of each node.
async fn logs(rig: &Rig) -> Vec<Vec<Value>> {
    let mut logs = Vec::new();
    for node in &rig.nodes {
        let (mut events, mut after) = (Vec::new(), 0);
        loop {
            let path = format!("/events?after={after}&limit=1000");
            let client = super::client(super::PATIENCE);
            let page = node.get(&client, &path, &rig.token).await.expect("a page");
            let found = page["events"].as_array().expect("events");
            events.extend(found.iter().cloned());
            let next = page["next"].as_u64().expect("a position");
            if next == after {
                break;
            }
            after = next;
        }
        logs.push(events);
    }
    logs
}

/// The events on the bus are those of the log, each once and in order. Where the brokers have lost
/// some, the first of them may be missing.
async fn published(rig: &Rig, events: &[Value]) -> Vec<String> {
    let client = async_nats::connect(rig.brokers.url(0)).await;
    let streams = jetstream::new(client.expect("the broker runs"));
    let stream = eventually("all events are published", async || {
        let stream = streams.get_stream("CONTACT_EVENTS").await.ok()?;
        let state = &stream.cached_info().state;
        let last = stream.get_raw_message(state.last_sequence).await.ok()?;
        let last: Value = serde_json::from_slice(&last.payload).ok()?;
        (Some(&last) == events.last()).then_some(stream)
    })
    .await;
    let count = stream.cached_info().state.messages;
    let count = usize::try_from(count).expect("not that many");
    let consumer = stream.create_consumer(jetstream::consumer::pull::OrderedConfig::default());
    let messages = consumer.await.expect("a consumer").messages().await;
    let messages = messages.expect("messages").take(count);
    let found = messages.map(|message| {
        let message = message.expect("a message");
        serde_json::from_slice::<Value>(&message.payload).expect("JSON")
    });
    let found: Vec<Value> = found.collect().await;
    let expected = events.get(events.len().saturating_sub(count)..);
    if Some(found.as_slice()) == expected {
        return Vec::new();
    }
    vec![format!(
        "{count} events on the bus are not the last of the log"
    )]
}

/// Ids that two contacts have, and versions of a contact that were left out or given twice.
fn twice(events: &[Value]) -> Vec<String> {
    let mut versions: BTreeMap<&str, u64> = BTreeMap::new();
    let mut wrong = Vec::new();
    for event in events {
        let kind = event["type"].as_str().unwrap_or_default();
        let data = &event["data"];
        let (Some(id), Some(version)) = (data["contactId"].as_str(), data["version"].as_u64())
        else {
            continue;
        };
        if !kind.ends_with("_SUCCESS") {
            continue;
        }
        let before = versions.insert(id, version).unwrap_or_default();
        if version != before + 1 {
            wrong.push(format!("{id} goes from version {before} to {version}"));
        }
    }
    wrong
}

/// Stops all in order, and looks at what is on their disks.
fn at_rest(rig: &mut Rig) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut views = Vec::new();
    for node in &mut rig.nodes {
        let code = tokio::task::block_in_place(|| node.stop());
        if code != Some(0) {
            wrong.push(format!("{} ended with {code:?}", node.name));
        }
        wrong.extend(node.run(&["log", "verify"], &[]).err());
        views.push(node.saved_view());
    }
    if views.iter().any(|view| *view != views[0]) {
        wrong.push("the nodes' views differ".to_owned());
    }
    wrong
}
