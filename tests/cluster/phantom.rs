//! Events that a leader had ordered and nobody was answered, in a stream that is lost: the others settle
//! other events in their place, and the node that has them begins anew.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::broker::Broker;
use crate::common::client;
use crate::processes::{Homes, NAMES, are_equal, create, eventually, get, leader};

/// The changes that are ordered and never answered. They need no new key, which another node would have
/// to keep before.
const PHANTOMS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_events_that_were_never_answered_begins_anew() {
    let mut broker = Broker::started();
    let homes: Arc<Homes> = Homes::new(broker.url());
    let probe = client();
    let (mut servers, leads, _) = homes.begin_with(&probe, "before").await;
    let gone = servers[leads].take().expect("it runs");
    let (id, position) = create(&probe, &gone.url, "changed")
        .await
        .expect("it is taken");
    servers.iter_mut().for_each(|server| drop(server.take()));
    // It does not know yet that no majority is there: it orders them, and has them on its disk.
    let url = format!("{}/contacts/batch", gone.url);
    let changes = (0..PHANTOMS).map(|number| {
        let patch = json!({ "name": { "full": format!("Phantom {number}") } });
        json!({ "op": "update", "id": id, "patch": patch })
    });
    let body = json!({ "operations": changes.collect::<Vec<_>>() });
    let asked = probe.post(url).json(&body).timeout(Duration::from_secs(60));
    let asked = tokio::spawn(asked.send());
    let ordered = position + 2 * PHANTOMS as u64;
    eventually("they are on its disk", async || {
        let seen = get(&probe, &gone, "/cluster").await?;
        (seen["head"].as_u64()? == ordered).then_some(())
    })
    .await;
    gone.kill();
    drop(asked.await);
    broker.kill();
    broker.wipe();
    broker.start();
    for at in (0..NAMES.len()).filter(|at| *at != leads) {
        servers[at] = Some(homes.begin(NAMES[at]).await);
    }
    let now_leads = leader(&probe, &servers).await;
    let url = servers[now_leads].as_ref().expect("it runs").url.clone();
    let (_, last) = eventually("it takes writes", async || {
        create(&probe, &url, "after").await.ok()
    })
    .await;
    assert!(last < ordered, "its log is the longer one");
    let gone = homes.begin(NAMES[leads]).await;
    eventually("it has set its log aside", async || {
        let others = servers[now_leads].as_ref().expect("it runs");
        let seen = get(&probe, others, "/cluster").await?;
        let mut nodes = seen["nodes"].as_array()?.iter();
        let node = nodes.find(|node| node["node"] == NAMES[leads])?;
        (node["root_equal"] == true && node["position"] == last).then_some(())
    })
    .await;
    // It listens on another port since it began anew.
    drop(gone);
    servers[leads] = Some(homes.begin(NAMES[leads]).await);
    are_equal(&probe, &servers, last).await;
    let other = servers[leads].as_ref().expect("it runs");
    let found = other.send("GET", "/contacts?q=phantom", &[], None).await;
    assert_eq!(found.json()["data"], json!([]));
}
