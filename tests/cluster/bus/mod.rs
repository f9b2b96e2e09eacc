//! Three nodes in this process on a real broker: one orders, the others follow and take over.

mod member;

use std::time::Instant;

use contactd::cluster::Role;
use contactd::domain::{Closed, Position};
use contactd::service::SubmitError;
use member::{Member, are_equal, homes, leader};

use crate::broker::Broker;

#[tokio::test(flavor = "multi_thread")]
async fn one_leads_and_the_others_have_the_same_log() {
    let broker = Broker::started();
    let homes = homes();
    let nodes = homes.each_ref().map(|home| home.start(&broker.url()));
    let all: Vec<&Member> = nodes.iter().collect();
    let leads = leader(&all).await;
    let mut head = Position::ZERO;
    for number in 0..20 {
        head = nodes[leads].creates(&format!("p{number}")).await;
    }
    let many = (0..200).map(|number| format!("q{number}"));
    let many: Vec<String> = many.collect();
    let many = many.iter().map(|name| nodes[leads].creates(name));
    for position in futures_util::future::join_all(many).await {
        head = head.max(position);
    }
    are_equal(&all, head).await;
    for (index, node) in nodes.iter().enumerate() {
        if index != leads {
            let refused = node.create("nobody").await;
            let follows = SubmitError::ReadOnly(Closed::Follows);
            assert_eq!(refused.unwrap_err().to_string(), follows.to_string());
            let settled = |status: &contactd::cluster::Status| status.settled >= head;
            node.is("it hears what has settled", settled).await;
        }
    }
    for node in nodes {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_takes_over_when_the_leader_dies_and_nothing_answered_is_lost() {
    let broker = Broker::started();
    let homes = homes();
    let mut nodes: Vec<Option<Member>> = homes
        .iter()
        .map(|home| Some(home.start(&broker.url())))
        .collect();
    for round in 0..3 {
        let all: Vec<&Member> = nodes.iter().flatten().collect();
        let leads = leader(&all).await;
        for number in 0..5 {
            all[leads].creates(&format!("r{round}n{number}")).await;
        }
        let dies = nodes[leads].take().expect("it runs");
        let began = Instant::now();
        dies.crash().await;
        let left: Vec<&Member> = nodes.iter().flatten().collect();
        let next = leader(&left).await;
        println!("another leads after {:?}", began.elapsed());
        let head = left[next].creates(&format!("after{round}")).await;
        are_equal(&left, head).await;
        nodes[leads] = Some(homes[leads].start(&broker.url()));
        let all: Vec<&Member> = nodes.iter().flatten().collect();
        are_equal(&all, head).await;
    }
    for node in nodes.into_iter().flatten() {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_stops_hands_the_lead_on() {
    let broker = Broker::started();
    let homes = homes();
    let mut nodes: Vec<Option<Member>> = homes
        .iter()
        .map(|home| Some(home.start(&broker.url())))
        .collect();
    let all: Vec<&Member> = nodes.iter().flatten().collect();
    let leads = leader(&all).await;
    all[leads].creates("first").await;
    let stops = nodes[leads].take().expect("it runs");
    let began = Instant::now();
    stops.stop().await;
    let left: Vec<&Member> = nodes.iter().flatten().collect();
    let next = leader(&left).await;
    println!(
        "another leads {:?} after the end was asked for",
        began.elapsed()
    );
    let head = left[next].creates("second").await;
    are_equal(&left, head).await;
    assert!(left.iter().all(|node| node.role() != Some(Role::Halted)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_lost_everything_is_given_it_again() {
    let mut broker = Broker::started();
    let homes = homes();
    let nodes = homes.each_ref().map(|home| home.start(&broker.url()));
    let all: Vec<&Member> = nodes.iter().collect();
    let leads = leader(&all).await;
    for number in 0..10 {
        all[leads].creates(&format!("before{number}")).await;
    }
    broker.kill();
    broker.wipe();
    broker.start();
    let began = Instant::now();
    let term = all[leads]
        .status
        .borrow()
        .as_ref()
        .map_or(0, |status| status.term);
    let anew = all.iter().map(|node| {
        let leads_anew = move |status: &contactd::cluster::Status| {
            status.role == Role::Leading && status.takes_writes && status.term > term
        };
        Box::pin(node.is("it leads anew", leads_anew))
    });
    let (_, next, _) = futures_util::future::select_all(anew).await;
    println!(
        "writing again {:?} after the broker came back empty",
        began.elapsed()
    );
    let head = all[next].creates("after").await;
    are_equal(&all, head).await;
}
