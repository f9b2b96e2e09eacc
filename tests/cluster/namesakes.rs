//! Two processes under one node's name: the second one takes no part, and says so.

use std::process::Command;

use crate::broker::Broker;
use crate::common::{Server, client};
use crate::processes::{Homes, NAMES, are_equal, create, eventually, get, leader};

/// The term that a node has read last.
async fn term(server: &Server) -> Option<u64> {
    get(&client(), server, "/cluster").await?["term"].as_u64()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_nodes_directory_takes_no_part_while_the_node_runs() {
    let broker = Broker::started();
    let homes = Homes::new(broker.url());
    let mut servers = homes.begin_all().await;
    let probe = client();
    let at = leader(&probe, &servers).await;
    let stops = servers[at].take().expect("it runs");
    let stopped = tokio::task::spawn_blocking(move || stops.stop()).await;
    assert_eq!(stopped.expect("no fault"), Some(0));
    let copied = Command::new("cp")
        .arg("-a")
        .args([homes.dir(NAMES[at]), homes.dir("copy")])
        .status();
    assert!(copied.expect("cp runs").success());
    servers[at] = Some(homes.begin(NAMES[at]).await);
    let leads = leader(&probe, &servers).await;
    let first = servers[leads].as_ref().expect("it runs");
    eventually("all take part", async || {
        let state = get(&probe, first, "/cluster").await?;
        let nodes = state["nodes"].as_array()?.iter();
        let there = |node: &&serde_json::Value| node["seen_seconds_ago"].as_u64() <= Some(1);
        (nodes.filter(there).count() == NAMES.len()).then_some(())
    })
    .await;
    let before = term(first).await;
    let copy = homes.begin_over("copy", NAMES[at]).await;
    let copy = copy.expect("it listens, for it is not known yet");
    let ended = tokio::task::spawn_blocking(move || copy.wait()).await;
    assert_eq!(ended.expect("no fault"), Some(2));
    assert_eq!(term(first).await, before, "nobody stood because of it");
    let mut last = 0;
    for (number, server) in servers.iter().flatten().enumerate() {
        let made = create(&probe, &server.url, &format!("p{number}")).await;
        last = made.expect("it is taken").1;
    }
    are_equal(&probe, &servers, last).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_directory_gets_no_name_of_a_node_that_runs() {
    let broker = Broker::started();
    let homes = Homes::new(broker.url());
    let servers = homes.begin_all().await;
    leader(&client(), &servers).await;
    let refused = homes.begin_over("empty", NAMES[1]).await;
    let (code, said) = refused.err().expect("it does not start");
    assert_eq!(code, Some(1));
    assert!(
        said.contains("another process runs as the node b"),
        "{said}"
    );
}
