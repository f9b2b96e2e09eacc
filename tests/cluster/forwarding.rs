//! Requests of many callers at a node that follows: they go to the one that leads together, or one by
//! one where that is of an earlier release.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use futures_util::future::join_all;

use crate::broker::Broker;
use crate::common::client;
use crate::processes::{Homes, NAMES, create};

const CALLERS: usize = 64;

/// The creates of many callers at once at a node that follows; the subjects on which they went on.
async fn asked_at_a_follower(broker: &Broker) -> BTreeSet<String> {
    let homes = Homes::new(broker.url());
    let probe = client();
    let (servers, leads, _) = homes.begin_with(&probe, "first").await;
    let bus = broker.client().await;
    let mut went = bus.subscribe("contacts.cluster.*.do.>").await.expect("it");
    bus.flush().await.expect("the broker is there");
    let follows = servers[(leads + 1) % NAMES.len()].as_ref();
    let url = &follows.expect("it runs").url;
    let names: Vec<String> = (0..CALLERS).map(|number| format!("p-{number}")).collect();
    let answers = join_all(names.iter().map(|name| create(&probe, url, name))).await;
    let made: BTreeSet<(String, u64)> = answers
        .into_iter()
        .map(|answer| answer.expect("it is answered"))
        .collect();
    assert_eq!(made.len(), CALLERS, "each has an answer of its own");
    let mut subjects = BTreeSet::new();
    bus.flush().await.expect("the broker is there");
    while let Ok(Some(message)) =
        tokio::time::timeout(std::time::Duration::from_millis(200), went.next()).await
    {
        let kind = message.subject.split('.').skip(3).collect::<Vec<_>>();
        subjects.insert(kind.join("."));
    }
    let leads = NAMES[leads];
    subjects
        .into_iter()
        .map(|subject| subject.replace(&format!("do.{leads}"), "do"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_go_to_the_leader_in_bundles_and_each_has_its_own_answer() {
    let broker = Broker::started();
    let went = asked_at_a_follower(&broker).await;
    assert_eq!(went, BTreeSet::from(["do.many".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_of_a_release_without_bundles_is_asked_one_by_one() {
    // Nobody listens where a bundle arrives, as on such a leader.
    let mut broker =
        Broker::with("mappings { \"contacts.cluster.*.do.*.many\": \"nobody.$1.$2\" }");
    broker.start();
    let went = asked_at_a_follower(&broker).await;
    assert_eq!(went, BTreeSet::from(["do".to_owned()]));
}
