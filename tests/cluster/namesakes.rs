//! Two processes under one node's name: the second one takes no part, and says so.

use crate::broker::Broker;
use crate::common::client;
use crate::processes::{Homes, NAMES, leader};

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
